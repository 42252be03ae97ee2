#include "cmd/common/sources.h"

#include <stdlib.h>

struct config_source *
sources_add(struct sources *s, enum config_kind kind, const char *path)
{
	s->items = xrealloc(s->items, (s->n + 1) * sizeof(*s->items));
	s->items[s->n] = (struct config_source){ .kind = kind, .path = path };
	return &s->items[s->n++];
}

void
sources_clear(struct sources *s)
{
	free(s->items);
	*s = (struct sources){ 0 };
}
