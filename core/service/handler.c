#include "core/service/handler.h"

#include <stddef.h>
#include <string.h>

const struct handler *
handler_find(const struct handler *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp((*list)->name, name) == 0)
			return *list;
	return NULL;
}
