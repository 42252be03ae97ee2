#include "handlers/muxline.h"

#include <string.h>

/* The longest: the text, CR and LF. */
enum { WITH_END = MUXLINE_MAX + 2 };

size_t
muxline_room(const struct muxline *l)
{
	return WITH_END - l->len;
}

enum muxline_state
muxline_add(struct muxline *l, const char *bytes, size_t n, size_t *take)
{
	const char *lf = memchr(bytes, '\n', n);
	size_t len = lf ? (size_t)(lf - bytes) : n;

	*take = lf ? len + 1 : n;
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
	if (!lf)
		return l->len < WITH_END ? MUXLINE_MORE : MUXLINE_TOO_LONG;
	if (l->len > 0 && l->text[l->len - 1] == '\r')
		l->len--;
	if (l->len > MUXLINE_MAX)
		return MUXLINE_TOO_LONG;
	l->text[l->len] = '\0';
	return MUXLINE_WHOLE;
}
