#ifndef TEST_UNIT_TAP_H
#define TEST_UNIT_TAP_H

#include <stdbool.h>

/* Test Anything Protocol: one line a check. main() ends with `return tap_done();`. */

/* Tells one result; returns it. */
bool tap_check(bool good, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool tap_equal_text(const char *got, const char *expected, const char *file, int line, const char *what);
bool tap_equal_int(long long got, long long expected, const char *file, int line, const char *what);
int tap_done(void);

#define ok(condition, ...) tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)
#define is(got, expected, what) tap_equal_text((got), (expected), __FILE__, __LINE__, (what))
#define is_int(got, expected, what) tap_equal_int((got), (expected), __FILE__, __LINE__, (what))

#endif
