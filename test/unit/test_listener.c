#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/net/listener.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

/* A label of more than 63 characters: no such name, and no name server has to be asked. */
#define NO_NAME "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid"

static struct event_base *base;
static char dir[] = "/tmp/evinet-listener.XXXXXX";

/* --- what the callbacks were told, a line each --- */

static struct text told;
static int accepted[64], naccepted, nready, nsettled, naccept_errors, last_accept_error;
static int last_errnum;
static char last_args[256];
static const char *free_in; /* the callback that frees the listener */

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
note(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_printf(&told, "%s%s", told.len ? "; " : "", line);
}

static void
start_over(void)
{
	while (naccepted > 0)
		close(accepted[--naccepted]);
	text_clear(&told);
	text_puts(&told, "");
	nready = nsettled = naccept_errors = last_accept_error = last_errnum = 0;
	free_in = NULL;
}

static void
maybe_free(struct listener *l, const char *where)
{
	if (free_in && strcmp(free_in, where) == 0)
		listener_free(l);
}

/* Addresses are told without their port, which is another each time. */
static const char *
host_of(const struct addr *a)
{
	static char buf[ADDR_TEXT];
	char *colon;

	addr_format_url(a, buf);
	colon = strrchr(buf, ':');
	if (a->sa.sa_family != AF_UNIX && colon)
		*colon = '\0';
	return buf;
}

static void
on_accept(struct listener_socket *ls, int fd, const struct sockaddr *peer, socklen_t len, void *arg)
{
	struct listener **l = arg;

	(void)peer;
	(void)len;
	note("accept");
	if (naccepted < 64)
		accepted[naccepted++] = fd;
	else
		close(fd);
	if (free_in && strcmp(free_in, "hold") == 0)
		listener_hold(*l, HOLD_FULL);
	maybe_free(listener_of(ls), "accept");
}

static void
on_ready(struct listener_socket *ls, void *arg)
{
	(void)arg;
	if (nready++ == 0)
		note("ready");
	maybe_free(listener_of(ls), "ready");
}

static void
on_listen(struct listener_socket *ls, void *arg)
{
	(void)arg;
	note("listen %s", host_of(listener_socket_addr(ls)));
	maybe_free(listener_of(ls), "listen");
}

static void
on_resolve_error(struct listener *l, const struct error *err, void *arg)
{
	(void)arg;
	note("resolve_error%s", !err                         ? " without a reason"
				: strstr(err->text, NO_NAME) ? " with its name"
							     : "");
	maybe_free(l, "resolve_error");
}

static void
on_fail(struct listener *l, const struct addr *a, const struct socket_fail *f, void *arg)
{
	(void)arg;
	note("fail %s %s", f->syscall ? f->syscall : "(nothing)", host_of(a));
	last_errnum = f->errnum;
	snprintf(last_args, sizeof(last_args), "%s", f->args);
	maybe_free(l, "fail");
}

static void
on_listen_error(struct listener *l, const struct socket_fail *f, void *arg)
{
	(void)arg;
	note("listen_error %s", f ? f->syscall : "-");
	maybe_free(l, "listen_error");
}

static void
on_settled(struct listener *l, void *arg)
{
	(void)arg;
	nsettled++;
	note("settled");
	maybe_free(l, "settled");
}

static void
on_accept_error(struct listener *l, int errnum, void *arg)
{
	(void)arg;
	naccept_errors++;
	last_accept_error = errnum;
	maybe_free(l, "accept_error");
}

/* What a listener that asks for an open socket is offered. */
static struct listener_spare *offer;
static int offer_port;

static bool
on_open(struct listener *l, const struct addr *a, int port, struct listener_spare *spare, void *arg)
{
	(void)l;
	(void)arg;
	if (!offer || !addr_equal(a, &offer->wanted))
		return false;
	offer_port = port;
	*spare = *offer;
	offer = NULL;
	return true;
}

static void
on_adopt(struct listener_socket *ls, void *arg)
{
	(void)arg;
	note("adopt %s", (const char *)listener_socket_user(ls));
}

static const struct listener_callbacks callbacks = {
	.on_open = on_open,
	.on_adopt = on_adopt,
	.on_accept = on_accept,
	.on_ready = on_ready,
	.on_listen = on_listen,
	.on_resolve_error = on_resolve_error,
	.on_fail = on_fail,
	.on_listen_error = on_listen_error,
	.on_settled = on_settled,
	.on_accept_error = on_accept_error,
};

static struct listener *current;

static struct listener *
new_listener(void)
{
	start_over();
	current = listener_new(base, &callbacks, &current);
	return current;
}

/* --- addresses and clients --- */

static struct addr
address(const char *text)
{
	struct addr_spec spec;
	struct error err;
	struct addr a = { .socktype = SOCK_STREAM };

	if (addr_spec_parse(text, &spec, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	if (spec.kind == ADDR_UNIX)
		return spec.addr;
	a.socktype = spec.socktype;
	if (spec.family == AF_INET6) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_addr = strcmp(spec.host, "::1") == 0 ? in6addr_loopback : in6addr_any;
		a.len = sizeof(a.in6);
	} else {
		a.in.sin_family = AF_INET;
		a.in.sin_addr.s_addr = htonl(strcmp(spec.host, "127.0.0.2") == 0 ? INADDR_LOOPBACK + 1
					     : *spec.host                        ? INADDR_LOOPBACK
										 : INADDR_ANY);
		a.len = sizeof(a.in);
	}
	addr_set_port(&a, atoi(spec.port));
	return a;
}

static int
port_of(struct listener *l, size_t i)
{
	struct listener_socket *ls = listener_socket_at(l, i);

	return ls ? addr_port(&listener_socket_addr(ls)->sa) : -1;
}

/* A socket that has an address already. */
static int
occupy(struct addr *a)
{
	int fd = socket(a->sa.sa_family, a->socktype | SOCK_CLOEXEC, 0), one = 1;

	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, &a->sa, a->len) < 0 || (a->socktype != SOCK_DGRAM && listen(fd, 0) < 0) ||
	    getsockname(fd, &a->sa, &a->len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
client(const struct addr *a)
{
	int fd = socket(a->sa.sa_family, a->socktype | SOCK_CLOEXEC, 0);

	if (connect(fd, &a->sa, a->len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
client_of(struct listener *l, size_t i)
{
	struct listener_socket *ls = listener_socket_at(l, i);

	return ls ? client(listener_socket_addr(ls)) : -1;
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
give_up(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Turns the loop until *count has come to n, or for a few seconds if it never does. */
static bool
until(const int *count, int n)
{
	bool late = false;
	struct event *timer = evtimer_new(base, give_up, &late);
	struct timeval tv = { 5, 0 };

	evtimer_add(timer, &tv);
	while (*count < n && !late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
	return *count >= n;
}

static int
option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, level, name, &v, &len) < 0 ? -1 : v;
}

static int
listen_on(struct listener *l, const struct addr *addrs, size_t n)
{
	struct listener_params p = LISTENER_PARAMS;
	struct error err;

	p.addrs = addrs;
	p.naddrs = n;
	return listener_listen(l, &p, &err);
}

/* --- cases --- */

static void
parameters(void)
{
	struct listener_params p = LISTENER_PARAMS;
	struct addr a = address("tcp:127.0.0.1:0");
	struct listener *l = new_listener();
	struct error err = { 0 };

	ok(listener_listen(l, &p, &err) == -1, "a listener without an address makes no sense: %s", err.text);
	p.addrs = &a;
	p.naddrs = 1;
	p.service = "0";
	ok(listener_listen(l, &p, &err) == -1, "nor does one with two ways of saying it");
	is(told.s, "", "and no callback is called");
	p.service = NULL;
	ok(listener_listen(l, &p, &err) == 0, "with one it does");
	ok(listener_listen(l, &p, &err) == -1, "but only once: %s", err.text);
	listener_free(l);
	listener_free(NULL);
	ok(true, "no listener can be freed");
}

static void
defaults(void)
{
	struct listener_params p = LISTENER_PARAMS;
	struct addr a[2] = { address("tcp:127.0.0.1:0"), address("tcp6:[::1]:0") };
	struct listener *l = new_listener();
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int fd;

	listen_on(l, a, 2);
	fd = listener_socket_fd(listener_socket_at(l, 0));
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	is_int(info.tcpi_sacked, 3, "the queue is 3 if nothing else is asked for");
	is_int(option(fd, SOL_SOCKET, SO_REUSEADDR), 1, "SO_REUSEADDR is on");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "no program inherits the socket");
	fd = listener_socket_fd(listener_socket_at(l, 1));
	is_int(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1, "IPV6_V6ONLY is on");
	listener_free(l);

	l = new_listener();
	p.addrs = a;
	p.naddrs = 2;
	p.socket.queuesize = 7;
	p.socket.options.reuseaddr = 0;
	p.socket.options.nodelay = 1;
	listener_listen(l, &p, NULL);
	fd = listener_socket_fd(listener_socket_at(l, 1));
	len = sizeof(info);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	is_int(info.tcpi_sacked, 7, "a queue that was asked for is had");
	is_int(option(fd, SOL_SOCKET, SO_REUSEADDR), 0, "SO_REUSEADDR can be off");
	is_int(option(fd, IPPROTO_TCP, TCP_NODELAY), 1, "options are set");
	listener_free(l);
}

static void
addresses(void)
{
	struct addr a[3] = { address("tcp:127.0.0.1:0"), address("tcp6:[::1]:0"),
			     address("tcp:127.0.0.2:0") };
	struct listener *l = new_listener();
	int c;

	listen_on(l, a, 3);
	is(told.s, "listen tcp:127.0.0.1; listen tcp:[::1]; listen tcp:127.0.0.2; settled",
	   "every address gets a socket, in their order, and then all is settled");
	ok(port_of(l, 0) > 0 && port_of(l, 0) == port_of(l, 1) && port_of(l, 0) == port_of(l, 2),
	   "port 0 is the same port on all of them");
	ok(listener_listening(l) == 3 && listener_addresses(l) == 3, "they are counted");
	ok(listener_socket_at(l, 3) == NULL, "and end");
	for (size_t i = 0; i < 3; i++) {
		c = client_of(l, i);
		ok(c >= 0 && until(&naccepted, 1), "a client is accepted on each");
		ok(!(fcntl(accepted[0], F_GETFL) & O_NONBLOCK) && fcntl(accepted[0], F_GETFD) & FD_CLOEXEC,
		   "its descriptor blocks, and is not inherited");
		ok(write(c, "x", 1) == 1 && read(accepted[0], (char[1]){ 0 }, 1) == 1, "and is connected");
		close(c);
		start_over();
	}
	listener_free(l);
}

static void
handles(void)
{
	struct listener_params p = LISTENER_PARAMS;
	struct addr a = address("tcp:127.0.0.1:0"), d = address("udp:127.0.0.1:0");
	struct listener *l = new_listener();
	struct error err;
	char *path = xasprintf("%s/handle", dir), *text = xasprintf("unix:%s/handle", dir);
	struct addr u = address(text);
	int fd = occupy(&a), c;

	fcntl(fd, F_SETFD, 0);
	p.handle = fd;
	ok(listener_listen(l, &p, &err) == 0, "a socket that listens can be taken over");
	is(told.s, "listen tcp:127.0.0.1; settled", "it is told like others");
	ok(listener_socket_fd(listener_socket_at(l, 0)) == fd && port_of(l, 0) == addr_port(&a.sa),
	   "with its address");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "and is not inherited any more");
	c = client(&a);
	ok(until(&naccepted, 1), "clients are accepted");
	close(c);
	listener_free(l);
	ok(fcntl(fd, F_GETFD) < 0, "it is closed in the end");

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l = new_listener();
	p.handle = fd;
	ok(listener_listen(l, &p, &err) == -1, "a socket that does not listen is refused: %s", err.text);
	listener_free(l);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l = new_listener();
	p.handle = fd;
	ok(listener_listen(l, &p, &err) == -1, "a file too: %s", err.text);
	listener_free(l);
	close(fd);
	l = new_listener();
	p.handle = 999;
	ok(listener_listen(l, &p, &err) == -1 && strcmp(told.s, "") == 0, "and what is not open: %s",
	   err.text);
	listener_free(l);

	l = new_listener();
	p.handle = occupy(&d);
	ok(listener_listen(l, &p, &err) == 0, "a bound datagram socket can be taken over");
	c = client(&d);
	ok(write(c, "x", 1) == 1 && until(&nready, 1), "and tells when something has come");
	close(c);
	listener_free(l);

	l = new_listener();
	p.handle = occupy(&u);
	listener_listen(l, &p, &err);
	listener_free(l);
	ok(access(path, F_OK) == 0, "the file of a unix socket that was taken over is somebody else's");
	unlink(path);
	free(path);
	free(text);
}

static void
names(void)
{
	struct listener_params p = LISTENER_PARAMS;
	char host[] = "127.0.0.1", service[] = "0", name[] = "localhost";
	struct listener *l = new_listener();
	struct error err;
	int c;

	p.host = host;
	p.service = service;
	ok(listener_listen(l, &p, &err) == 0, "a numeric host needs no look-up");
	is(told.s, "listen tcp:127.0.0.1; settled", "and is settled at once");
	listener_free(l);

	l = new_listener();
	p.host = name;
	ok(listener_listen(l, &p, &err) == 0, "a name is looked up");
	is(told.s, "", "without waiting for it");
	memset(name, 'x', strlen(name)); /* what was lent is given back */
	memset(service, 'x', strlen(service));
	ok(until(&nsettled, 1) && listener_listening(l) > 0, "and then listened on");
	for (size_t i = 1; i < listener_listening(l); i++)
		ok(port_of(l, i) == port_of(l, 0), "on one port");
	c = client_of(l, 0);
	ok(until(&naccepted, 1), "clients are accepted");
	close(c);
	listener_free(l);

	l = new_listener();
	p.host = NO_NAME;
	p.service = "0";
	ok(listener_listen(l, &p, &err) == 0 && until(&nsettled, 1), "a name that does not exist");
	is(told.s, "resolve_error with its name; listen_error -; settled", "is told once, as what it is");
	is_int((long long)listener_addresses(l), 0, "and has no address");
	start_over();
	listener_retry(l);
	until(&nsettled, 1);
	is(told.s, "resolve_error with its name; listen_error -; settled", "it can be tried again");
	listener_free(l);

	l = new_listener();
	p.host = "::zz";
	listener_listen(l, &p, &err);
	is(told.s, "resolve_error; listen_error -; settled", "what can be no name is told at once");
	listener_free(l);

	l = new_listener();
	p.host = "127.0.0.1";
	p.family = AF_INET6;
	listener_listen(l, &p, &err);
	until(&nsettled, 1);
	is(told.s, "resolve_error; listen_error -; settled", "an address of the other family is none");
	listener_free(l);
	p.family = AF_UNSPEC;

	l = new_listener();
	p.host = "localhost";
	listener_listen(l, &p, &err);
	listener_free(l);
	for (int i = 0; i < 20; i++)
		turn();
	is(told.s, "", "a listener that is freed during its look-up is not heard of again");

	l = new_listener();
	p.host = "127.0.0.1";
	p.service = "0";
	p.socktype = SOCK_DGRAM;
	listener_listen(l, &p, &err);
	is(told.s, "listen udp:127.0.0.1; settled", "datagram sockets are bound");
	c = client_of(l, 0);
	ok(write(c, "x", 1) == 1 && until(&nready, 3), "something unread is told again and again");
	listener_hold(l, HOLD_CHILD);
	nready = 0;
	turn();
	turn();
	is_int(nready, 0, "but not while held");
	listener_release(l, HOLD_CHILD);
	ok(until(&nready, 1), "and again when released");
	close(c);
	listener_free(l);

	l = new_listener();
	p.socktype = SOCK_STREAM;
	p.mode = LISTENER_READY;
	listener_listen(l, &p, &err);
	c = client_of(l, 0);
	ok(until(&nready, 1) && naccepted == 0, "in ready mode a connection is told and not accepted");
	close(c);
	listener_free(l);
}

static void
failures(void)
{
	struct listener_params p = LISTENER_PARAMS;
	struct addr taken = address("tcp:127.0.0.1:0"), a[3];
	char expected[128];
	struct listener *l;
	int fd = occupy(&taken), c;

	a[0] = taken;
	a[1] = address("tcp6:[::1]:0");
	a[2] = address("tcp:127.0.0.2:0");
	addr_set_port(&a[1], addr_port(&taken.sa));
	addr_set_port(&a[2], addr_port(&taken.sa));
	l = new_listener();
	listen_on(l, a, 3);
	is(told.s, "fail bind tcp:127.0.0.1; listen tcp:[::1]; listen tcp:127.0.0.2; settled",
	   "a port that is taken is told exactly once, and the other addresses listen");
	is_int(last_errnum, EADDRINUSE, "with the error");
	snprintf(expected, sizeof(expected), ", 127.0.0.1:%d", addr_port(&taken.sa));
	ok(strstr(last_args, expected), "and the arguments: %s", last_args);
	ok(listener_listening(l) == 2 && listener_addresses(l) == 3, "two of three listen");
	c = client_of(l, 0);
	ok(until(&naccepted, 1), "and serve");
	close(c);
	start_over();
	listener_retry(l);
	is(told.s, "fail bind tcp:127.0.0.1; settled", "trying again tries only what does not listen");
	close(fd);
	start_over();
	listener_retry(l);
	is(told.s, "listen tcp:127.0.0.1; settled", "and listens when the port is free");
	start_over();
	listener_retry(l);
	is(told.s, "settled", "then there is nothing left to try");
	listener_free(l);

	/* A refused option: the same for each address. */
	l = new_listener();
	p.addrs = a;
	p.naddrs = 2;
	addr_set_port(&a[0], 0);
	addr_set_port(&a[1], 0);
	p.socket.options.congestion = "no-such-thing";
	listener_listen(l, &p, NULL);
	is(told.s,
	   "fail setsockopt tcp:127.0.0.1; fail setsockopt tcp:[::1]; listen_error setsockopt; settled",
	   "a refused option fails each address once, and all of them once");
	ok(strstr(last_args, ", IPPROTO_TCP, TCP_CONGESTION, no-such-thing"),
	   "with the option's name and value: %s", last_args);
	is_int(last_errnum, ENOENT, "and the error");
	listener_free(l);
	p.socket.options.congestion = NULL;

	l = new_listener();
	p.socket.options.keepalive_count = 1000;
	listener_listen(l, &p, NULL);
	ok(strstr(last_args, ", IPPROTO_TCP, TCP_KEEPCNT, 1000"), "numbers too: %s", last_args);
	listener_free(l);
	p.socket.options.keepalive_count = SOCKOPT_UNSET;

	if (geteuid() != 0) {
		l = new_listener();
		p.socket.options.mark = 3;
		listener_listen(l, &p, NULL);
		ok(strstr(last_args, ", SOL_SOCKET, SO_MARK, 3"), "and generic options: %s", last_args);
		listener_free(l);
		p.socket.options.mark = SOCKOPT_UNSET;
	} else {
		ok(true, "a refused SO_MARK # SKIP root may set it");
	}
}

/* Addresses that fail at different calls; the most telling is the one that came furthest. */
static void
most_telling(void)
{
	char *missing = xasprintf("unix:%s/missing/x", dir), *raw = xasprintf("unix:%s/raw", dir);
	struct listener_params p = LISTENER_PARAMS;
	struct addr a[4], file = address(raw);
	struct listener *l;

	a[0] = address(
		"tcp:127.0.0.1:0"); /* fails at setsockopt: only streams of TCP have congestion control */
	a[1] = (struct addr){ .socktype = SOCK_STREAM, .len = sizeof(struct sockaddr) };
	a[1].sa.sa_family = AF_MAX - 1; /* fails at socket */
	a[2] = address(missing);        /* fails at bind */
	a[3] = file;
	a[3].socktype = SOCK_RAW; /* becomes a datagram socket, which cannot listen */
	p.socket.options.congestion = "no-such-thing";
	for (size_t n = 1; n <= 4; n++) {
		static const char *const most[] = { "setsockopt", "setsockopt", "bind", "listen" };
		struct text t = { 0 };

		text_puts(&t, "fail setsockopt tcp:127.0.0.1; ");
		if (n >= 2)
			text_puts(&t, "fail socket family; ");
		if (n >= 3)
			text_printf(&t, "fail bind %s; ", missing);
		if (n >= 4)
			text_printf(&t, "fail listen %s; ", raw);
		text_printf(&t, "listen_error %s; settled", most[n - 1]);
		l = new_listener();
		p.addrs = a;
		p.naddrs = n;
		listener_listen(l, &p, NULL);
		is(told.s, t.s, "one fail for each refused call, and the most telling of them for all");
		text_clear(&t);
		listener_free(l);
	}
	ok(access(file.un.sun_path, F_OK) < 0, "a file whose socket could not listen is gone");
	free(missing);
	free(raw);
}

static void
first_that_works(void)
{
	struct listener_params p = LISTENER_PARAMS;
	struct addr taken = address("tcp:127.0.0.1:0"), a[3];
	struct listener *l = new_listener();
	int fd = occupy(&taken);

	a[0] = taken;
	a[1] = address("tcp:127.0.0.2:0");
	a[2] = address("tcp6:[::1]:0");
	p.addrs = a;
	p.naddrs = 3;
	p.first = true;
	listener_listen(l, &p, NULL);
	is(told.s, "fail bind tcp:127.0.0.1; listen tcp:127.0.0.2; settled",
	   "with first, the first that works is enough");
	start_over();
	listener_retry(l);
	is(told.s, "settled", "also later");
	listener_free(l);
	close(fd);
}

static void
one_port(void)
{
	struct addr a[3] = { address("tcp:127.0.0.1:0"), address("tcp:127.0.0.1:0"),
			     address("tcp6:[::1]:0") };
	struct listener *l = new_listener();

	listen_on(l, a, 3);
	is(told.s, "listen tcp:127.0.0.1; fail bind tcp:127.0.0.1; listen tcp:[::1]; settled",
	   "an address that never gets the common port is told once, and those behind it are tried all the same");
	ok(port_of(l, 0) > 0 && port_of(l, 0) == port_of(l, 1), "on the common port");
	listener_free(l);
}

static void
freeing(void)
{
	static const struct {
		const char *in, *expected;
	} cases[] = {
		{ "listen", "listen tcp:127.0.0.2" },
		{ "fail", "listen tcp:127.0.0.2; fail bind tcp:127.0.0.1" },
		{ "settled", "listen tcp:127.0.0.2; fail bind tcp:127.0.0.1; listen tcp:[::1]; settled" },
	};
	struct addr taken = address("tcp:127.0.0.1:0"),
		    a[3] = { address("tcp:127.0.0.2:0"), taken, address("tcp6:[::1]:0") };
	struct listener_params p = LISTENER_PARAMS;
	struct listener *l;
	char what[128];
	int fd = occupy(&taken), c;

	a[1] = taken;
	for (size_t i = 0; i < 3; i++) {
		l = new_listener();
		free_in = cases[i].in;
		listen_on(l, a, 3);
		snprintf(what, sizeof(what),
			 "a listener can be freed from within on_%s, and is not heard of again", cases[i].in);
		is(told.s, cases[i].expected, what);
	}
	l = new_listener();
	free_in = "listen_error";
	listen_on(l, &taken, 1);
	is(told.s, "fail bind tcp:127.0.0.1; listen_error bind", "from within on_listen_error");
	l = new_listener();
	free_in = "resolve_error";
	p.host = "::zz";
	p.service = "0";
	listener_listen(l, &p, NULL);
	is(told.s, "resolve_error", "from within on_resolve_error");
	l = new_listener();
	free_in = "resolve_error";
	p.host = NO_NAME;
	listener_listen(l, &p, NULL);
	for (int i = 0; i < 500 && !told.len; i++) {
		turn();
		usleep(10000);
	}
	is(told.s, "resolve_error with its name", "also if it comes from the loop");
	close(fd);

	l = new_listener();
	listen_on(l, a, 1);
	start_over();
	{
		struct addr at = *listener_socket_addr(listener_socket_at(l, 0));
		int c2;

		c = client(&at);
		c2 = client(&at);
		free_in = "accept";
		ok(until(&naccepted, 1), "from within on_accept");
		turn();
		turn();
		is(told.s, "accept", "the next client is not accepted any more");
		close(c2);
		close(c);
		c = client(&at);
		ok(c < 0, "and the port is closed");
	}

	l = new_listener();
	a[0].socktype = SOCK_DGRAM;
	listen_on(l, a, 1);
	c = client_of(l, 0);
	free_in = "ready";
	ok(write(c, "x", 1) == 1 && until(&nready, 1), "from within on_ready");
	turn();
	turn();
	is_int(nready, 1, "which is not called again");
	close(c);
}

static void
closing(void)
{
	struct addr a[2] = { address("tcp:127.0.0.1:0"), address("tcp6:[::1]:0") };
	struct listener *l = new_listener();

	listen_on(l, a, 2);
	listener_hold(l, HOLD_PAUSED);
	listener_close(l);
	ok(listener_listening(l) == 0 && listener_addresses(l) == 2, "a closed listener keeps its addresses");
	is_int(listener_holds(l), HOLD_PAUSED, "and its holds");
	start_over();
	listener_retry(l);
	is(told.s, "listen tcp:127.0.0.1; listen tcp:[::1]; settled", "and can listen again");
	listener_free(l);
}

/* Two sockets of one listener: many clients wait at the first, one at the second. */
static void
turns(void)
{
	enum { CROWD = 40 };
	struct addr a[2] = { address("tcp:127.0.0.1:0"), address("tcp:127.0.0.2:0") };
	struct listener_params p = LISTENER_PARAMS;
	struct listener *l = new_listener();
	struct error err;
	int c[CROWD + 1], last = -1;
	struct sockaddr_in to = { 0 };
	socklen_t len = sizeof(to);

	p.addrs = a;
	p.naddrs = 2;
	p.socket.queuesize = CROWD;
	listener_listen(l, &p, &err);
	for (int i = 0; i < CROWD; i++)
		c[i] = client_of(l, 0);
	c[CROWD] = client_of(l, 1);
	ok(until(&naccepted, CROWD + 1), "all clients of a crowd are accepted");
	for (int i = 0; i < naccepted; i++)
		if (getsockname(accepted[i], (struct sockaddr *)&to, &len) == 0 &&
		    to.sin_addr.s_addr == htonl(INADDR_LOOPBACK + 1))
			last = i;
	ok(last >= 0 && last < CROWD / 2,
	   "the only client of another socket need not wait for all of them: %d", last);
	for (int i = 0; i <= CROWD; i++)
		close(c[i]);
	listener_free(l);
	start_over();
}

static void
holds(void)
{
	struct addr a[2] = { address("tcp:127.0.0.1:0"), address("tcp6:[::1]:0") };
	struct listener *l = new_listener();
	struct timeval soon = { 0, 20000 };
	int c[3];

	listen_on(l, a, 2);
	listener_hold(l, HOLD_FULL);
	c[0] = client_of(l, 0);
	turn();
	turn();
	ok(c[0] >= 0 && naccepted == 0, "a client of a listener that is held waits in the queue");
	listener_hold(l, HOLD_RATE);
	is_int(listener_holds(l), HOLD_FULL | HOLD_RATE, "there may be several reasons");
	listener_release(l, HOLD_FULL);
	turn();
	is_int(naccepted, 0, "as long as one is left nobody is accepted");
	listener_release(l, HOLD_RATE);
	ok(until(&naccepted, 1), "then the client is served");
	listener_release(l, HOLD_PAUSED);
	is_int(listener_holds(l), 0, "what is not set can be released");
	close(c[0]);
	start_over();

	free_in = "hold";
	for (int i = 0; i < 3; i++)
		c[i] = client_of(l, 0);
	until(&naccepted, 1);
	turn();
	turn();
	is_int(naccepted, 1, "a hold from within on_accept stops the next client of the same turn");
	listener_release(l, HOLD_FULL);
	until(&naccepted, 2);
	listener_release(l, HOLD_FULL);
	ok(until(&naccepted, 3), "and so on, one by one");
	listener_release(l, HOLD_FULL);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	start_over();

	listener_socket_hold(listener_socket_at(l, 0));
	c[0] = client_of(l, 0);
	c[1] = client_of(l, 1);
	ok(until(&naccepted, 1), "one socket can be held while the other goes on");
	turn();
	is_int(naccepted, 1, "its clients wait");
	listener_hold(l, HOLD_PAUSED);
	listener_socket_release(listener_socket_at(l, 0));
	turn();
	is_int(naccepted, 1, "also if the whole listener is held meanwhile");
	listener_release(l, HOLD_PAUSED);
	ok(until(&naccepted, 2), "until both are released");
	close(c[0]);
	close(c[1]);
	start_over();

	listener_socket_pause(listener_socket_at(l, 0), &soon);
	c[0] = client_of(l, 0);
	turn();
	is_int(naccepted, 0, "a socket can pause");
	ok(until(&naccepted, 1), "and goes on by itself");
	close(c[0]);
	listener_socket_pause(listener_socket_at(l, 0), &soon);
	listener_free(l);
	turn();
	ok(true, "a listener can be freed during a pause");

	l = new_listener();
	listener_hold(l, HOLD_PAUSED);
	listen_on(l, a, 1);
	c[0] = client_of(l, 0);
	turn();
	is_int(naccepted, 0, "a hold may be there before the socket");
	listener_release(l, HOLD_PAUSED);
	ok(until(&naccepted, 1), "and is released like others");
	close(c[0]);
	listener_free(l);
}

static void
no_descriptors(void)
{
	struct addr a = address("tcp:127.0.0.1:0");
	struct listener *l = new_listener();
	struct rlimit old, low;
	int hoard[256], n = 0, c;
	int64_t begin;

	listen_on(l, &a, 1);
	c = client_of(l, 0);
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ 200, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	while (n < 256 && (hoard[n] = dup(0)) >= 0)
		n++;
	begin = clock_monotonic_ms();
	ok(until(&naccept_errors, 1) && last_accept_error == EMFILE,
	   "without a descriptor left accept fails");
	is_int(listener_holds(l), HOLD_NOFILE, "and the listener is held");
	for (int i = 0; i < 50; i++)
		turn();
	is_int(naccept_errors, 1, "so that it does not try over and over");
	while (n > 0)
		close(hoard[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	ok(until(&naccepted, 1) && listener_holds(l) == 0,
	   "after a while it tries again, and the client is served");
	ok(clock_monotonic_ms() - begin >= 900, "a while is a second");
	close(c);

	/* Freed while it waits. */
	c = client_of(l, 0);
	listener_hold(l, HOLD_NOFILE);
	listener_free(l);
	turn();
	ok(true, "a listener can be freed while it waits for descriptors");
	close(c);
}

/* --- unix sockets --- */

/* Connects without waiting; false once the queue of a server that does not accept is full. */
static bool
queue_is_open(const struct addr *a)
{
	int fd = socket(AF_UNIX, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool good = connect(fd, &a->sa, a->len) == 0;

	close(fd);
	return good;
}

static void
unix_sockets(void)
{
	struct listener_params p = LISTENER_PARAMS;
	char *path = xasprintf("%s/sock", dir), *text = xasprintf("unix:%s", path),
	     *other = xasprintf("%s/other", dir);
	char *dgram = xasprintf("unix-dgram:%s", path), *seqpacket = xasprintf("unix-seqpacket:%s", path);
	char *expected = xasprintf("listen %s; settled", text);
	struct addr a = address(text);
	struct listener *l = new_listener();
	struct stat st;
	int c, fd;

	p.addrs = &a;
	p.naddrs = 1;
	p.socket.mode = 0606;
	umask(077);
	listener_listen(l, &p, NULL);
	is(told.s, expected, "a unix socket is told with its path");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0606,
	   "its file has just the mode that was asked for");
	ok(umask(022) == 077, "and the umask is as it was");
	c = client(&a);
	ok(until(&naccepted, 1), "clients are accepted");
	close(c);
	listener_free(l);
	ok(access(path, F_OK) < 0, "the file is removed in the end");

	p.socket.mode = -1;
	l = new_listener();
	listener_listen(l, &p, NULL);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0755, "without a mode the umask decides");
	listener_free(l);

	fd = occupy(&a);
	close(fd);
	ok(access(path, F_OK) == 0, "a server that is gone leaves its file behind");
	l = new_listener();
	listener_listen(l, &p, NULL);
	is(told.s, expected, "a stale file is replaced");
	listener_free(l);

	fd = occupy(&a);
	listen(fd, 5);
	free(expected);
	expected = xasprintf("fail bind %s; listen_error bind; settled", text);
	l = new_listener();
	listener_listen(l, &p, NULL);
	is(told.s, expected, "the file of a live server is not");
	is_int(last_errnum, EADDRINUSE, "the address is in use");
	listener_free(l);
	c = client(&a);
	ok(c >= 0 && access(path, F_OK) == 0, "and stays");
	close(c);
	for (int i = 0; i < 20 && queue_is_open(&a); i++)
		;
	ok(!queue_is_open(&a), "a server may be too busy to answer");
	l = new_listener();
	listener_listen(l, &p, NULL);
	is(told.s, expected, "its file is not replaced either");
	ok(access(path, F_OK) == 0, "and stays as well");
	listener_free(l);
	close(fd);
	unlink(path);

	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	l = new_listener();
	listener_listen(l, &p, NULL);
	is(told.s, expected, "a file that is no socket is no business of ours");
	listener_free(l);
	ok(stat(path, &st) == 0 && S_ISREG(st.st_mode), "and stays, too");
	unlink(path);
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	ok(symlink(other, path) == 0, "a link to a file");
	l = new_listener();
	listener_listen(l, &p, NULL);
	is(told.s, expected, "is neither followed nor replaced");
	listener_free(l);
	unlink(path);
	unlink(other);

	/* Another server takes the path over while we listen. */
	l = new_listener();
	listener_listen(l, &p, NULL);
	unlink(path);
	fd = occupy(&a);
	listener_free(l);
	ok(access(path, F_OK) == 0,
	   "a file that another server has put there meanwhile is not ours to remove");
	c = client(&a);
	ok(c >= 0, "it goes on serving");
	close(c);
	close(fd);
	unlink(path);

	a = address(dgram);
	l = new_listener();
	listener_listen(l, &p, NULL);
	c = client(&a);
	ok(write(c, "x", 1) == 1 && until(&nready, 1), "unix datagram sockets tell when something has come");
	close(c);
	listener_free(l);
	fd = occupy(&a);
	close(fd);
	l = new_listener();
	listener_listen(l, &p, NULL);
	ok(listener_listening(l) == 1, "and a stale file of theirs is replaced");
	listener_free(l);

	a = address(seqpacket);
	l = new_listener();
	listener_listen(l, &p, NULL);
	c = client(&a);
	ok(until(&naccepted, 1), "unix seqpacket sockets accept");
	close(c);
	listener_free(l);

	free(text);
	text = xasprintf("unix:@evinet-test-%d", (int)getpid());
	a = address(text);
	l = new_listener();
	listener_listen(l, &p, NULL);
	c = client(&a);
	ok(c >= 0 && until(&naccepted, 1), "abstract ones too");
	close(c);
	listener_free(l);
	free(path);
	free(text);
	free(other);
	free(dgram);
	free(seqpacket);
	free(expected);
}

static void
owners(void)
{
	struct listener_params p = LISTENER_PARAMS;
	char *path = xasprintf("%s/owned", dir), *text = xasprintf("unix:%s", path);
	struct addr a = address(text);
	struct listener *l = new_listener();
	struct stat st;

	p.addrs = &a;
	p.naddrs = 1;
	p.socket.owner = 54321;
	p.socket.group = 54322;
	listener_listen(l, &p, NULL);
	if (geteuid() == 0) {
		ok(stat(path, &st) == 0 && st.st_uid == 54321 && st.st_gid == 54322,
		   "a file can have an owner and a group");
	} else {
		ok(strstr(told.s, "fail chown"), "a refused owner is a failure: %s", told.s);
		ok(access(path, F_OK) < 0, "that leaves nothing behind");
	}
	listener_free(l);
	free(path);
	free(text);
}

/* --- in a network of its own --- */

#define tell(good, what) tap_tell((good), "%s", (what))

static bool
own_network(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;
	bool good;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	good = ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
	close(fd);
	return good;
}

static bool
set_port_range(const char *range)
{
	int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, range, strlen(range)) == (ssize_t)strlen(range);

	if (fd >= 0)
		close(fd);
	return good;
}

/* Takes ports of one address. */
static int
take_ports(int from, int to)
{
	int n = 0;

	for (int port = from; port <= to; port++) {
		struct addr a = address("tcp6:[::1]:0");

		addr_set_port(&a, port);
		n += occupy(&a) >= 0;
	}
	return n;
}

static void
few_ports(void)
{
	struct addr a[2] = { address("tcp:127.0.0.1:0"), address("tcp6:[::1]:0") };
	struct listener *l;

	if (!set_port_range("40000 40009")) {
		tell(true, "a port that is taken on one address # SKIP the range of ports cannot be set");
		return;
	}
	tell(take_ports(40000, 40007) == 8, "eight of ten ports are taken on one of two addresses");
	l = new_listener();
	listen_on(l, a, 2);
	tell(strcmp(told.s, "listen tcp:127.0.0.1; listen tcp:[::1]; settled") == 0,
	     "a common port is found, without a failure");
	tell(port_of(l, 0) == port_of(l, 1) && port_of(l, 0) >= 40008, "that is free on both");
	listener_free(l);
	set_port_range("41000 41099");
	tell(take_ports(41000, 41099) == 100, "a hundred of a hundred are taken");
	l = new_listener();
	listen_on(l, a, 2);
	tell(strcmp(told.s, "listen tcp:127.0.0.1; fail bind tcp:[::1]; settled") == 0,
	     "then one address is told to have failed, once, and the other listens");
	listener_free(l);
}

static void
wildcards(void)
{
	struct listener_params p = LISTENER_PARAMS;
	struct listener *l = new_listener();
	struct addr taken = address("tcp6:[::]:0"), four = address("tcp:127.0.0.1:0");
	char port[16];
	int c, fd;

	p.service = "0";
	listener_listen(l, &p, NULL);
	tell(listener_listening(l) == 2 && port_of(l, 0) == port_of(l, 1),
	     "no host is a socket for each family, on one port");
	listener_free(l);

	l = new_listener();
	p.socket.options.v6only = 0;
	listener_listen(l, &p, NULL);
	tell(strcmp(told.s, "listen tcp:[::]; settled") == 0, "without v6only one socket is for both");
	tell(listener_addresses(l) == 1, "and counts as the only address");
	addr_set_port(&four, port_of(l, 0));
	c = client(&four);
	tell(c >= 0 && until(&naccepted, 1), "IPv4 clients are accepted by it");
	close(c);
	listener_free(l);

	/* IPv6 cannot be had: IPv4 must not be lost with it. */
	fd = occupy(&taken);
	snprintf(port, sizeof(port), "%d", addr_port(&taken.sa));
	l = new_listener();
	p.service = port;
	listener_listen(l, &p, NULL);
	tell(listener_listening(l) == 1, "if that socket fails, IPv4 gets one of its own");
	listener_free(l);
	close(fd);
}

typedef void (*run_fn)(void);

static void
run_in_own_network(void *arg)
{
	const run_fn *run = arg;

	event_reinit(base);
	if (own_network())
		(*run)();
	else
		tell(true, "a network of its own # SKIP none can be had");
	start_over();
	text_clear(&told);
	event_base_free(base);
	libevent_global_shutdown();
}

static void
in_own_network(run_fn run)
{
	tap_in_child(run_in_own_network, &run);
}

static bool
is_blocking(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* A socket leaves one listener, with a client in its queue, and another one serves it. */
static void
leaving(void)
{
	struct addr addrs[2] = { address("tcp:127.0.0.1:0"), address("tcp:127.0.0.2:0") };
	struct listener_params params = LISTENER_PARAMS;
	struct listener_spare spare, other;
	struct listener *l = new_listener();
	char user[] = "its user";
	struct stat before, after;
	struct addr to;
	struct error err;
	int fd;

	params.addrs = addrs;
	params.naddrs = 2;
	listener_listen(l, &params, &err);
	listener_hold(l, HOLD_PAUSED);
	listener_socket_set_user(listener_socket_at(l, 0), user);
	listener_socket_hold(listener_socket_at(l, 0));
	to = *listener_socket_addr(listener_socket_at(l, 0));
	fstat(listener_socket_fd(listener_socket_at(l, 0)), &before);
	fd = client(&to);
	ok(listener_detach(l, &spare), "a socket can be taken out");
	is_int((long long)listener_listening(l), 1, "the others go on");
	ok(addr_equal(&spare.wanted, &addrs[0]) && addr_equal(&spare.bound, &to),
	   "it comes with its addresses");
	ok(spare.held && spare.user == user, "with its hold and its user");
	ok(is_blocking(spare.fd), "and blocks, as a program expects");
	ok(listener_detach(l, &other) && !listener_detach(l, &other), "until none is left");
	listener_spare_close(&other);
	listener_free(l);
	fstat(spare.fd, &after);
	ok(before.st_ino == after.st_ino, "it outlives its listener");

	l = new_listener();
	offer = &spare;
	listener_listen(l, &params, &err);
	is(told.s, "adopt its user; listen tcp:127.0.0.1; listen tcp:127.0.0.2; settled",
	   "another listener takes it over instead of opening one");
	is_int(port_of(l, 0), addr_port(&to.sa), "it has its port");
	is_int(port_of(l, 1), addr_port(&to.sa), "which the other addresses of the new one get as well");
	event_base_loop(base, EVLOOP_NONBLOCK);
	is_int(naccepted, 0, "it is held as it was");
	listener_socket_release(listener_socket_at(l, 0));
	event_base_loop(base, EVLOOP_ONCE);
	is_int(naccepted, 1, "and who was in its queue is accepted in the end");
	close(fd);
	listener_free(l);
	start_over();
}

static void
other_argument(void)
{
	struct addr a = address("tcp:127.0.0.1:0"), to;
	struct listener_params params = LISTENER_PARAMS;
	struct listener *l = new_listener(), *told_now = NULL;
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	struct error err;

	params.addrs = &a;
	params.naddrs = 1;
	listener_listen(l, &params, &err);
	ok(listener_arg(l) == &current, "a listener knows its argument");
	told_now = l;
	listener_set_arg(l, &told_now);
	ok(listener_arg(l) == &told_now, "it can get another one");
	free_in = "hold";
	to = *listener_socket_addr(listener_socket_at(l, 0));
	close(client(&to));
	current = NULL;
	event_base_loop(base, EVLOOP_ONCE);
	ok(naccepted == 1 && listener_holds(l) == HOLD_FULL, "which the callbacks are given");
	listener_set_queue(l, 7);
	getsockopt(listener_socket_fd(listener_socket_at(l, 0)), IPPROTO_TCP, TCP_INFO, &info, &len);
	is_int(info.tcpi_sacked, 7, "the queue of a socket that listens can be changed");
	listener_free(l);
	start_over();
}

static int
open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int
main(void)
{
	int before;

	if (!mkdtemp(dir)) {
		printf("Bail out! no temporary folder\n");
		return 1;
	}
	base = event_base_new();
	start_over();
	defaults(); /* whatever is opened once and for all is open then */
	start_over();
	before = open_descriptors();
	parameters();
	addresses();
	handles();
	names();
	failures();
	most_telling();
	first_that_works();
	one_port();
	freeing();
	closing();
	turns();
	holds();
	no_descriptors();
	unix_sockets();
	owners();
	leaving();
	other_argument();
	start_over();
	/* A look-up that was cancelled closes its descriptor when its thread is done. */
	for (int i = 0; i < 500 && open_descriptors() > before; i++)
		usleep(10000);
	is_int(open_descriptors(), before, "no descriptor is left open");
	in_own_network(few_ports);
	in_own_network(wildcards);
	text_clear(&told);
	event_base_free(base);
	libevent_global_shutdown();
	ok(rmdir(dir) == 0, "nothing is left behind");
	return tap_done();
}
