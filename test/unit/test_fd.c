#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

static char dir[] = "/tmp/evinet-fd.XXXXXX";

/* In a process of its own, whose exit status is the answer. */
static bool
in_child(bool (*run)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(run() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
fill_standard(void)
{
	int next;

	close(0);
	close(2);
	if (fd_fill_standard() < 0)
		return false;
	next = open("/", O_RDONLY);
	close(next);
	return fcntl(0, F_GETFL) >= 0 && fcntl(2, F_GETFL) >= 0 && next > 2;
}

static bool
cloexec_all(void)
{
	int a = open("/", O_RDONLY), b = dup2(a, 200);

	return fd_cloexec_all() == 0 && fcntl(a, F_GETFD) == FD_CLOEXEC && fcntl(b, F_GETFD) == FD_CLOEXEC &&
	       fcntl(1, F_GETFD) == 0;
}

static bool
close_all_but(void)
{
	int a = open("/", O_RDONLY), b = dup2(a, 200), c = dup2(a, 201);
	const int keep[] = { b };

	fd_close_all_but(keep, 1);
	return fcntl(a, F_GETFD) < 0 && fcntl(b, F_GETFD) >= 0 && fcntl(c, F_GETFD) < 0 &&
	       fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0;
}

static void
blocking(void)
{
	int fds[2];

	if (pipe(fds) < 0)
		return;
	ok(fd_set_nonblocking(fds[0], true) == 0 && (fcntl(fds[0], F_GETFL) & O_NONBLOCK),
	   "a descriptor need not block");
	ok(fd_set_nonblocking(fds[0], false) == 0 && !(fcntl(fds[0], F_GETFL) & O_NONBLOCK), "and may again");
	close(fds[0]);
	close(fds[1]);
	ok(fd_set_nonblocking(fds[0], true) == -1 && errno == EBADF, "one that is closed is an error");
}

static void
files(void)
{
	char *path = xasprintf("%s/file", dir), *missing = xasprintf("%s/missing/file", dir),
	     *big = calloc(1, 100001), *s;
	struct error err;
	struct stat st;
	size_t len;

	ok(fd_replace_file(path, 0640, "a\0b", 3, &err) == 0, "a file can be written whole");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0640, "with its mode");
	ok(fd_read_file(path, 100, &s, &len, &err) == 0 && len == 3 && memcmp(s, "a\0b", 4) == 0,
	   "and read whole, NUL and all, with a NUL behind it");
	free(s);
	s = NULL;
	ok(fd_replace_file(path, 0600, "", 0, &err) == 0 && fd_read_file(path, 100, &s, &len, &err) == 0 &&
		   len == 0 && s[0] == '\0',
	   "an empty one is a text, too");
	free(s);
	s = NULL;
	memset(big, 'x', 100000);
	ok(fd_replace_file(path, 0600, big, 100000, &err) == 0 &&
		   fd_read_file(path, 100000, &s, &len, &err) == 0 && len == 100000 && strcmp(s, big) == 0,
	   "a file may be as large as allowed");
	free(s);
	s = NULL;
	ok(fd_read_file(path, 99999, &s, &len, &err) == -1 && err.errnum == EFBIG, "and not larger: %s",
	   err.text);
	ok(fd_read_file(missing, 100, &s, &len, &err) == -1 && err.errnum == ENOENT,
	   "a file that is missing: %s", err.text);
	ok(fd_read_file(dir, 100, &s, &len, &err) == -1 && err.errnum == EISDIR, "a folder: %s", err.text);
	ok(fd_replace_file(missing, 0600, "x", 1, &err) == -1, "a folder that is missing: %s", err.text);
	unlink(path);
	mkdir(path, 0700);
	ok(fd_replace_file(path, 0600, "x", 1, &err) == -1, "a folder in the way: %s", err.text);
	rmdir(path);
	ok(rmdir(dir) == 0, "whatever failed has left nothing behind");
	free(path);
	free(missing);
	free(big);
}

/* Runs in a child. */
static bool
low_numbers(void)
{
	int first, second, up, file;
	bool good;

	fd_close_all_but(NULL, 0);
	dup2(0, 5);
	if (fd_reserve_low(20) != 16)
		return false;
	first = open("/dev/null", O_RDONLY);
	fd_release_low();
	second = open("/dev/null", O_RDONLY);
	up = fd_move_up(second, 30);
	file = fd_move_up(up, 10);
	good = first == 20 && second == 3 && up == 30 && file == 30 && fcntl(second, F_GETFD) < 0 &&
	       fcntl(up, F_GETFD) == FD_CLOEXEC && fcntl(5, F_GETFD) >= 0 && fd_move_up(-1, 10) == -1;
	close(first);
	close(file);
	return good;
}

/* Runs in a child. */
static bool
no_higher_number(void)
{
	int fd = open("/dev/null", O_RDONLY);

	bool good;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 20, 20 });
	good = fd_move_up(fd, 30) == fd && fcntl(fd, F_GETFD) >= 0 && fd_reserve_low(30) == -1;
	close(fd);
	return good;
}

int
main(void)
{
	if (!mkdtemp(dir)) {
		printf("Bail out! no temporary folder\n");
		return 1;
	}
	ok(in_child(fill_standard),
	   "standard streams that are closed are filled, so that no socket lands there");
	ok(in_child(cloexec_all), "every descriptor above 2 can be marked close-on-exec");
	ok(in_child(close_all_but), "or closed, but those that are kept");
	ok(in_child(low_numbers), "low numbers can be kept free, and a descriptor moved above them");
	ok(in_child(no_higher_number), "one that cannot be moved stays where it is");
	blocking();
	files();
	return tap_done();
}
