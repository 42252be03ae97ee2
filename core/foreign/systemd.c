#include "core/foreign/foreign.h"

void
systemd_read(const char *path, struct foreign *out)
{
	foreign_file(out, path);
	out->unreadable = true;
}
