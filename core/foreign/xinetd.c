#include "core/foreign/foreign.h"

void
xinetd_read(const char *path, struct foreign *out)
{
	foreign_file(out, path);
	out->unreadable = true;
}
