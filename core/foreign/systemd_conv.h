#ifndef CORE_FOREIGN_SYSTEMD_CONV_H
#define CORE_FOREIGN_SYSTEMD_CONV_H

#include "core/foreign/unit.h"

/* A socket unit on its way to a service of ours, with the service unit that it starts. */
struct conversion {
	struct foreign *out;
	struct unit socket, service;
	struct foreign_service *s;
	bool accept; /* a program for each connection */
};

/* Remarks about a setting; NULL: about the socket unit as a whole. An error refuses the service. */
void conv_say(struct conversion *, enum foreign_kind, const struct unit_setting *, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A row that comes from a setting; NULL: from the socket unit as a whole. */
void conv_row(struct conversion *, const struct unit_setting *, const char *key, const char *value);
void conv_rows(struct conversion *, const struct unit_setting *, const char *key, const struct strlist *);

/* The value with its specifiers ("%p") replaced, for the caller to free. NULL after an error: one of
 * them is unknown, or only known while a program runs. */
char *conv_expand(struct conversion *, const struct unit *, const struct unit_setting *, const char *value);

/* The program: exec, argv0, env, pass_env, user, group, groups, directory, stderr, capabilities. */
void conv_program(struct conversion *);

#endif
