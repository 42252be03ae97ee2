#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/inherit.h"
#include "test/unit/tap.h"

/* What was handed over is read once in a process's life, so each case has a process of its own. It
 * sends its results up a pipe, a line each, because the count of the checks is here. */
#define tell(good, what) tap_tell((good), "%s", (what))

typedef void (*run_fn)(void);

static void
with_free_descriptors(void *arg)
{
	const run_fn *run = arg;

	/* 3 and above are the case's to fill. */
	for (int i = 3; i < 20; i++)
		close(i);
	(*run)();
}

static void
in_child(run_fn run)
{
	tap_in_child(with_free_descriptors, &run);
}

static void
environment(const char *pid, const char *fds, const char *names)
{
	char own[32];

	snprintf(own, sizeof(own), "%d", (int)getpid());
	setenv("LISTEN_PID", pid ? pid : own, 1);
	if (fds)
		setenv("LISTEN_FDS", fds, 1);
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
}

static void
tell_unless(bool good, const char *what)
{
	if (!good)
		tell(false, what);
}

static void
open_sockets_from(int first, int n)
{
	for (int fd = first; fd < first + n; fd++)
		/* cppcheck-suppress leakReturnValNotUsed ; they stay open */
		tell_unless(socket(AF_UNIX, SOCK_STREAM, 0) == fd, "sockets can be opened in their order");
}

static void
open_sockets(int n)
{
	open_sockets_from(3, n);
}

static void
by_name(void)
{
	struct error err;

	open_sockets(4);
	environment(NULL, "4", "web:mail:web:");
	inherit_init();
	tell(inherit_count() == 4, "as many descriptors as LISTEN_FDS says");
	tell(inherit_take("mail", &err) == 4, "one is found by its name");
	tell(inherit_take("mail", &err) == -1, "but only once");
	tell(strcmp(err.text, "no inherited socket has the name \"mail\"") == 0,
	     "then there is none of that name");
	tell(inherit_take("web", &err) == 3 && inherit_take("web", &err) == 5,
	     "a name may stand for several, in their order");
	tell(inherit_untaken(0) == -1 && inherit_untaken(1) == -1 && inherit_untaken(3) == 6,
	     "those that are left are known");
	tell(inherit_take("6", &err) == 6, "one without a name is found by its number");
	tell(inherit_take("6", &err) == -1 && strstr(err.text, "used by another listener"),
	     "but only once, too");
	tell(inherit_take("5", &err) == -1, "nor by number if it was taken by name");
	tell(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES"),
	     "the variables are gone: no child takes them for its own");
	tell(fcntl(4, F_GETFD) >= 0, "what was taken stays open");
}

static void
by_number(void)
{
	struct error err;
	char path[] = "/dev/null";
	int file;

	open_sockets(1);
	file = open(path, O_RDONLY);
	inherit_init();
	tell(inherit_count() == 0, "without LISTEN_FDS nothing was passed");
	tell(inherit_take("3", &err) == 3, "yet a socket can be taken by its number");
	tell(file == 4 && inherit_take("4", &err) == -1 && err.errnum == ENOTSOCK, "a file cannot");
	tell(inherit_take("15", &err) == -1 && err.errnum == EBADF, "nor can what is not open");
	tell(inherit_take("-1", &err) == -1 && inherit_take("", &err) == -1 &&
		     inherit_take("3x", &err) == -1 && inherit_take("99999999999", &err) == -1,
	     "nor what is no number");
}

static void
only_what_was_there(void)
{
	struct error err;
	int fds[8];

	open_sockets(1);
	inherit_init();
	open_sockets_from(4, 1);
	tell(inherit_take("4", &err) == -1 && strstr(err.text, "was not inherited"),
	     "a socket that was opened later is the daemon's own and nobody's to take");
	tell(inherit_sockets(fds, 8) == 1 && fds[0] == 3,
	     "what was inherited is known, with LISTEN_FDS or without");
	tell(inherit_sockets(fds, 0) == 0, "as many as there is room for");
	tell(!inherit_is_taken(3) && inherit_take("3", &err) == 3 && inherit_is_taken(3),
	     "and whether it was taken");
}

static void
fewer_names(void)
{
	struct error err;

	open_sockets(3);
	environment(NULL, "3", "one");
	inherit_init();
	tell(inherit_take("one", &err) == 3 && inherit_untaken(1) == 4 && inherit_untaken(2) == 5,
	     "there may be fewer names than descriptors");
}

static void
more_names(void)
{
	struct error err;

	open_sockets(1);
	environment(NULL, "1", "one:two");
	inherit_init();
	tell(inherit_take("one", &err) == 3 && inherit_take("two", &err) == -1,
	     "a name too many stands for nothing");
}

static void
numeric_name(void)
{
	struct error err;

	open_sockets(2);
	environment(NULL, "2", "80:443");
	inherit_init();
	tell(inherit_take("443", &err) == 4, "a name may look like a number");
}

static void
for_another(void)
{
	struct error err;

	open_sockets(1);
	environment("1", "1", "web");
	inherit_init();
	tell(inherit_count() == 0 && inherit_take("web", &err) == -1,
	     "what was meant for another process is not taken");
	tell(!getenv("LISTEN_FDS"), "and its variables are gone as well");
}

static void
garbage(const char *fds)
{
	environment(NULL, fds, NULL);
	inherit_init();
	tell(inherit_count() == 0, fds);
}

static void
negative(void)
{
	garbage("-1");
}

static void
huge(void)
{
	garbage("99999999999");
}

static void
word(void)
{
	garbage("three");
}

static void
blank(void)
{
	garbage(" 3");
}

static bool
receives(int fd, const char *expected)
{
	char buf[256];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	return strcmp(buf, expected) == 0;
}

static int
manager(const char *path, struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	size_t len = strlen(path);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(un->sun_path, path, len + 1);
	if (path[0] == '@')
		un->sun_path[0] = '\0';
	if (bind(fd, (struct sockaddr *)un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		tell(false, "a manager can have an address");
	return fd;
}

static void
notify_at(const char *path, const char *what)
{
	struct sockaddr_un un;
	int fd = manager(path, &un);

	setenv("NOTIFY_SOCKET", path, 1);
	inherit_init();
	inherit_notify("READY=1\n");
	tell(fd >= 0 && receives(fd, "READY=1\n"), what);
	tell(!getenv("NOTIFY_SOCKET"), "and the variable is gone");
	/* More than its queue takes: must not block. An alarm would end the case otherwise. */
	alarm(20);
	for (int i = 0; i < 5000; i++)
		inherit_notify("STATUS=much to say\n");
	tell(receives(fd, "STATUS=much to say\n"), "a manager that does not read does not stop us");
	close(fd);
	inherit_notify("STATUS=nobody there\n");
	tell(true, "nor does one that is gone");
}

static void
notify_path(void)
{
	char dir[] = "/tmp/evinet-inherit.XXXXXX", path[64];

	if (!mkdtemp(dir)) {
		tell(false, "a temporary folder");
		return;
	}
	snprintf(path, sizeof(path), "%s/notify", dir);
	notify_at(path, "a manager is told at its path");
	unlink(path);
	rmdir(dir);
}

static void
notify_abstract(void)
{
	char name[64];

	snprintf(name, sizeof(name), "@evinet-test-%d", (int)getpid());
	notify_at(name, "or at its abstract name");
}

static void
notify_nobody(void)
{
	setenv("NOTIFY_SOCKET", "relative", 1);
	inherit_init();
	inherit_notify("READY=1\n");
	tell(!getenv("NOTIFY_SOCKET"), "what is no address of a manager is left alone");
}

static void
given_back(void)
{
	struct error err;

	open_sockets_from(3, 2);
	environment(NULL, "2", "a:b");
	inherit_init();
	tell(inherit_take("a", &err) == 3 && inherit_take("b", &err) == 4, "two sockets are taken");
	inherit_give_back(3);
	tell(!inherit_is_taken(3) && inherit_is_taken(4), "one of them is given back");
	tell(inherit_take("a", &err) == 3, "and can be taken again by its name");
	inherit_give_back(4);
	tell(inherit_take("4", &err) == 4, "or by its number");
}

/* The number of a socket that was closed may be that of one of the daemon's own by now. */
static void
closed_meanwhile(void)
{
	struct error err;

	open_sockets_from(3, 2);
	inherit_init();
	inherit_gone(3);
	tell(inherit_take("3", &err) < 0, "what was closed cannot be taken, whoever has its number");
	tell(inherit_take("4", &err) == 4, "the others can");
}

int
main(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("NOTIFY_SOCKET");
	in_child(by_name);
	in_child(by_number);
	in_child(only_what_was_there);
	in_child(fewer_names);
	in_child(more_names);
	in_child(numeric_name);
	in_child(for_another);
	in_child(negative);
	in_child(huge);
	in_child(word);
	in_child(blank);
	in_child(notify_path);
	in_child(notify_abstract);
	in_child(notify_nobody);
	in_child(given_back);
	in_child(closed_meanwhile);
	return tap_done();
}
