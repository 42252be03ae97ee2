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

/* Runs a case in a process of its own (descriptors, signals and users may be spoilt there), which ends
 * after 30 s at the latest. Inside, tap_tell() is what ok() is outside; it returns `good`. */
void tap_in_child(void (*run)(void *), void *arg);
bool tap_tell(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ok(condition, ...) tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)
#define is(got, expected, what) tap_equal_text((got), (expected), __FILE__, __LINE__, (what))
#define is_int(got, expected, what) tap_equal_int((got), (expected), __FILE__, __LINE__, (what))

#endif
