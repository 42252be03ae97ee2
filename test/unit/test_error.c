#include <errno.h>
#include <string.h>

#include "core/base/error.h"
#include "test/unit/tap.h"

static int
open_file(struct error *err)
{
	return error_set(err, ENOENT, "open %s", "/etc/motd");
}

int
main(void)
{
	struct error err;
	char long_text[2000];

	ok(open_file(&err) == -1, "an error is told as -1");
	is(err.text, "open /etc/motd: No such file or directory",
	   "with what was attempted and why it failed");
	is_int(err.errnum, ENOENT, "and the number");
	error_set(&err, 0, "expected %d or %d", 1, 2);
	is(err.text, "expected 1 or 2", "where no system call was involved there is no strerror");
	is_int(err.errnum, 0, "nor a number");

	open_file(&err);
	ok(error_prefix(&err, "service \"%s\"", "a") == -1, "a prefix is told as -1 too");
	is(err.text, "service \"a\": open /etc/motd: No such file or directory", "it stands in front");
	is_int(err.errnum, ENOENT, "and keeps the number");

	ok(open_file(NULL) == -1 && error_prefix(NULL, "x") == -1, "nobody has to listen");

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	error_set(&err, EIO, "%s", long_text);
	is_int((long long)strlen(err.text), (long long)sizeof(err.text) - 1,
	       "a text that is too long is cut");
	error_prefix(&err, "%s", long_text);
	is_int((long long)strlen(err.text), (long long)sizeof(err.text) - 1, "so is a prefix");

	is(error_name(EADDRINUSE), "EADDRINUSE", "numbers have names");
	is(error_name(99999), "E99999", "a number without a name is told as it is");
	return tap_done();
}
