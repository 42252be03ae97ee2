#ifndef CORE_FOREIGN_XINETD_H
#define CORE_FOREIGN_XINETD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/foreign/foreign.h"

/* What the files that read xinetd.conf share; nobody else includes it. The way of a text is: lines to
 * entries (xinetd_parse.c), entries and defaults to the values of an attribute (xinetd_attr.c), values
 * to rows (xinetd.c, xinetd_run.c, xinetd_limit.c). */

/* The order is that of the table in xinetd_attr.c. */
enum xinetd_key {
	KEY_ACCESS_TIMES,
	KEY_BANNER,
	KEY_BANNER_FAIL,
	KEY_BANNER_SUCCESS,
	KEY_BIND,
	KEY_CPS,
	KEY_DENY_TIME,
	KEY_DISABLE,
	KEY_DISABLED,
	KEY_ENABLED,
	KEY_ENV,
	KEY_FLAGS,
	KEY_GROUP,
	KEY_GROUPS,
	KEY_ID,
	KEY_INSTANCES,
	KEY_INTERFACE,
	KEY_LIBWRAP,
	KEY_LOG_ON_FAILURE,
	KEY_LOG_ON_SUCCESS,
	KEY_LOG_TYPE,
	KEY_MAX_LOAD,
	KEY_MDNS,
	KEY_NICE,
	KEY_NO_ACCESS,
	KEY_ONLY_FROM,
	KEY_PASSENV,
	KEY_PER_SOURCE,
	KEY_PORT,
	KEY_PROTOCOL,
	KEY_REDIRECT,
	KEY_RLIMIT_AS,
	KEY_RLIMIT_CPU,
	KEY_RLIMIT_DATA,
	KEY_RLIMIT_FILES,
	KEY_RLIMIT_RSS,
	KEY_RLIMIT_STACK,
	KEY_RPC_NUMBER,
	KEY_RPC_VERSION,
	KEY_SERVER,
	KEY_SERVER_ARGS,
	KEY_SOCKET_TYPE,
	KEY_TYPE,
	KEY_UMASK,
	KEY_USER,
	KEY_V6ONLY,
	KEY_WAIT,
	KEY_COUNT,
	KEY_UNKNOWN = KEY_COUNT,
};

enum xinetd_op { OP_SET, OP_ADD, OP_REMOVE };

/* `NAME OP VALUES`, as it was written. */
struct xinetd_setting {
	enum xinetd_key key;
	char *name; /* in lower case */
	enum xinetd_op op;
	struct strlist values;
	const char *file; /* kept by struct foreign */
	int line;
	bool comment;   /* a comment stood behind the values */
	bool inherited; /* stands in a defaults entry */
};

struct xinetd_settings {
	struct xinetd_setting *items;
	size_t n;
};

/* `service NAME { … }` or `defaults { … }`. */
struct xinetd_entry {
	char *name; /* NULL: defaults */
	const char *file;
	int line;
	struct xinetd_settings settings;
	char *bad; /* what the grammar does not allow: the first of it, or NULL */
	int bad_line;
	bool skipped; /* a second defaults entry of its file: xinetd does not read those */
};

/* All files, in the order in which they were read. All zero is an empty one. */
struct xinetd_entries {
	struct xinetd_entry *items;
	size_t n;
};

/* Reads a file and what it includes. Remarks go to *out; what is wrong with an entry stays in the entry.
 * Sets out->unreadable if the file itself cannot be read. */
void xinetd_parse(const char *path, struct xinetd_entries *, struct foreign *out);
void xinetd_entries_clear(struct xinetd_entries *);

/* --- attributes --- */

/* KEY_UNKNOWN if no attribute has that name; it is one of xinetd's, in lower case. */
enum xinetd_key xinetd_key(const char *name);

/* The name closest to one that is unknown, or NULL. */
const char *xinetd_nearest(const char *name);

/* Whether a defaults entry or a service entry may give it. */
bool xinetd_in_defaults(enum xinetd_key);
bool xinetd_in_service(enum xinetd_key);

/* Whether a service that lacks it is open to more clients. */
bool xinetd_keeps_out(enum xinetd_key);

/* Whether `+=` adds to the values that there are. */
bool xinetd_is_list(enum xinetd_key);

/* Whether the number of values and the operator are right. 0, or -1 with err. */
int xinetd_check(const struct xinetd_setting *, struct error *);

/* Whether an attribute that may only be given once is given again: then the first one counts. */
bool xinetd_is_repeated(const struct xinetd_settings *, size_t i);

/* --- a service that is becoming rows --- */

enum { TYPE_RPC = 1, TYPE_INTERNAL = 2, TYPE_UNLISTED = 4, TYPE_TCPMUX = 8, TYPE_TCPMUXPLUS = 16 };

enum {
	FLAG_IDONLY = 1,
	FLAG_NAMEINARGS = 2,
	FLAG_NODELAY = 4,
	FLAG_KEEPALIVE = 8,
	FLAG_NOLIBWRAP = 16,
	FLAG_SENSOR = 32,
	FLAG_IPV4 = 64,
	FLAG_IPV6 = 128,
};

/* What serves its connections. */
enum xinetd_kind { KIND_PROGRAM, KIND_INTERNAL, KIND_REDIRECT, KIND_SENSOR };

struct xinetd_service {
	struct foreign *out;
	struct foreign_service *to;
	const struct xinetd_entry *entry;
	const struct xinetd_settings *defaults;
	unsigned types, flags;
	enum xinetd_kind kind;
	bool dgram, wait, v6only;
	bool has_rules; /* libwrap has something to say */
};

/* The setting that counts for an attribute with one meaning: the service's own or that of the
 * defaults. NULL if there is none, or if it is wrong: then the service has been refused. */
const struct xinetd_setting *xinetd_get(struct xinetd_service *, enum xinetd_key);
/* Its first value, or NULL. */
const char *xinetd_value(struct xinetd_service *, enum xinetd_key);

/* A word of a list becomes entries of *out. 0, or -1: it means nothing, which has been told. */
typedef int xinetd_word_fn(struct xinetd_service *, const struct xinetd_setting *, const char *word,
			   struct strlist *out);

/* All settings of a list, defaults first, as one list without repetitions. The last setting, or NULL if
 * there is none. */
const struct xinetd_setting *xinetd_fold(struct xinetd_service *s, enum xinetd_key key, xinetd_word_fn *word,
					 struct strlist *out);

/* Remarks about a setting; NULL for the entry as a whole. The first refuses the service as well. */
void xinetd_refuse(struct xinetd_service *, const struct xinetd_setting *, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void xinetd_warn(struct xinetd_service *, const struct xinetd_setting *, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void xinetd_note(struct xinetd_service *, const struct xinetd_setting *, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A row that a setting gives rise to; NULL for the entry as a whole. */
void xinetd_row(struct xinetd_service *, const struct xinetd_setting *, const char *section, const char *key,
		const struct strlist *values);
void xinetd_row1(struct xinetd_service *, const struct xinetd_setting *, const char *section, const char *key,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* What the service is: its type, flags, socket, and what serves it. */
void xinetd_run_rows(struct xinetd_service *);
/* Whom it admits, how many, and what is logged; after the former. */
void xinetd_limit_rows(struct xinetd_service *);

/* The index of a word, whatever its case, or -1. */
int xinetd_word(const char *word, const char *const *words);

/* --- address lists --- */

/* A word of only_from or no_access as entries of `allow` and `deny`: "10.0.0.0/8", "::1", "a.example.org",
 * ".example.org". With `deny`, what could be meant is covered as well. *odd is a text or NULL: what is
 * remarkable about it. 0, or -1 with err. */
int xinetd_address(const char *word, bool deny, struct strlist *out, const char **odd, struct error *);

/* Whether an entry of `allow` is a part of one of `deny`, and not the same. */
bool xinetd_is_inside(const char *entry, const char *of);

/* Whether hosts.allow or hosts.deny has a line that is more than a comment. */
bool xinetd_has_rules(void);

/* Files of the machine. Tests name others. */
extern struct xinetd_machine {
	const char *networks, *hosts_allow, *hosts_deny;
} xinetd_machine;

#endif
