#ifndef CORE_BASE_ERROR_H
#define CORE_BASE_ERROR_H

/* Why something failed: the lowest function fills it in, callers may put a prefix in front. */
struct error {
	int errnum;     /* an errno value, or 0 where no system call was involved */
	char text[512]; /* what was attempted, and strerror(errnum) behind it when errnum is set */
};

/* Always returns -1, so that a function can end with `return error_set(...)`. err may be NULL. */
int error_set(struct error *err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of the text. Always returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "EADDRINUSE" for EADDRINUSE; "E<number>" for one without a name. Static storage. */
const char *error_name(int errnum);

#endif
