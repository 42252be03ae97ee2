/* The line of tcpmux, in pieces of any size: the first byte of the input says how large. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/muxline.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
fail(const char *why)
{
	fprintf(stderr, "%s\n", why);
	abort();
}

/* Feeds the line; *taken is how much of the input it took. */
static enum muxline_state
feed(struct muxline *l, const char *bytes, size_t n, size_t piece, size_t *taken)
{
	enum muxline_state state = MUXLINE_MORE;

	*taken = 0;
	while (state == MUXLINE_MORE && *taken < n) {
		size_t room = muxline_room(l), now = n - *taken, take;

		if (room == 0)
			fail("no room, and not whole");
		now = now > room ? room : now;
		now = now > piece ? piece : now;
		state = muxline_add(l, bytes + *taken, now, &take);
		if (take == 0 || take > now)
			fail("took nothing, or more than there is");
		if (take < now && state == MUXLINE_MORE)
			fail("left something, and wants more");
		*taken += take;
	}
	return state;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct muxline whole = { 0 }, pieces = { 0 };
	size_t taken, again, n;
	const char *bytes, *lf;
	enum muxline_state state;

	if (size < 2)
		return 0;
	bytes = (const char *)data + 1;
	n = size - 1;
	state = feed(&whole, bytes, n, SIZE_MAX, &taken);
	if (feed(&pieces, bytes, n, data[0] ? data[0] : 1, &again) != state || again != taken)
		fail("pieces make a difference");
	if (state != MUXLINE_WHOLE)
		return 0;
	lf = memchr(bytes, '\n', n);
	if (!lf || taken != (size_t)(lf - bytes) + 1)
		fail("took more or less than the line");
	if (whole.len != pieces.len || memcmp(whole.text, pieces.text, whole.len + 1) != 0)
		fail("pieces make another name");
	if (whole.len > MUXLINE_MAX || whole.text[whole.len] || memcmp(whole.text, bytes, whole.len) != 0)
		fail("not the name that was said");
	return 0;
}
