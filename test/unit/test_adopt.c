#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/load.h"
#include "core/sys/fd.h"
#include "test/unit/tap.h"

/* Foreign files as sources of a configuration. The readers have tests of their own; here it is what
 * becomes of what they say. */

static char dir[] = "/tmp/evinet-adopt.XXXXXX";

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
file(const char *name, const char *text)
{
	char *path = path_of(name);
	struct error err;

	if (fd_replace_file(path, 0644, text, strlen(text), &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	free(path);
}

static const struct service_conf *
service(const struct config *c, const char *name)
{
	static struct service_conf none;

	for (size_t i = 0; i < c->nservices; i++)
		if (strcmp(c->services[i].name, name) == 0)
			return &c->services[i];
	return &none;
}

static const char *
first(const struct list_value *l)
{
	return l->list.n ? l->list.items[0] : "(none)";
}

/* Where it is, behind the folder. */
static const char *
name_of(const char *path)
{
	return path && strncmp(path, dir, strlen(dir)) == 0 ? path + strlen(dir) + 1 : "(elsewhere)";
}

static void
rows(void)
{
	struct config_source src = { .kind = CONFIG_INETD, .path = path_of("inetd.conf") };
	const struct service_conf *s;
	struct config *c;
	struct origin o;

	file("inetd.conf", "# one\n7001 stream tcp nowait.30 root /bin/echo echo hello\n");
	c = config_load_sources(&src, 1);
	is_int((long long)c->nservices, 1, "an inetd.conf with one line is one service");
	s = &c->services[0];
	is(name_of(s->origin.file), "inetd.conf", "which knows its file");
	is_int(s->origin.line, 2, "and its line");
	o = service_conf_origin(s, NULL, "rate");
	is(name_of(o.file), "inetd.conf", "as do its keys");
	is_int(o.line, 2, "likewise");
	is(first(&s->exec), "/bin/echo", "its values are the file's");
	ok(service_conf_says(s, NULL, "exec"), "it says so itself");
	config_unref(c);
	free((char *)src.path);
}

static void
defaults(void)
{
	struct config_source src[] = {
		{ .path = path_of("native.conf") },
		{ .kind = CONFIG_INETD, .path = path_of("inetd.conf") },
	};
	const struct service_conf *s;
	struct config *c;

	file("native.conf", "defaults { instances = 7 rate = 9/1s }\n");
	file("inetd.conf", "7001 stream tcp nowait.30 root /bin/echo echo hello\n");
	c = config_load_sources(src, 2);
	s = &c->services[0];
	is_int(s->instances, 7, "defaults of a native file are for foreign services as well");
	is_int(s->rate.count, 30, "what the service says wins");
	config_unref(c);

	file("native.conf", "defaults { instances = many }\n");
	c = config_load_sources(src, 2);
	ok(c->nservices == 1 && c->services[0].refused, "wrong defaults refuse foreign services as well");
	config_unref(c);
	for (size_t i = 0; i < 2; i++)
		free((char *)src[i].path);
}

static void
command_line(void)
{
	static const struct config_default said[] = { { NULL, "instances", "5" },
						      { NULL, "rate", "8/1m" },
						      { NULL, NULL, NULL } };
	struct config_source src = {
		.kind = CONFIG_INETD,
		.path = path_of("inetd.conf"),
		.defaults = said,
		.address = "127.0.0.2",
		.tcp_wrappers = true,
	};
	const struct service_conf *s;
	struct config *c;

	file("inetd.conf", "7001 stream tcp nowait.30 root /bin/echo echo hello\n"
			   "127.0.0.3:7002 stream tcp4 nowait root /usr/bin/prog prog\n"
			   "7003 dgram udp wait root /bin/cat cat\n"
			   "/tmp/x stream unix nowait root /bin/cat cat\n"
			   "7005 stream tcp4 nowait root /usr/sbin/tcpd /usr/sbin/in.own own\n");
	c = config_load_sources(&src, 1);
	s = service(c, "7001");
	is_int(s->instances, 5, "what the command line says counts");
	is_int(s->rate.count, 30, "unless the entry says otherwise");
	ok(!service_conf_says(s, NULL, "instances"), "and the entry is not blamed for it");
	is(first(&s->listen), "tcp:127.0.0.2:7001",
	   "an entry without an address gets the one of the command line");
	is(first(&service(c, "7002")->listen), "tcp4:127.0.0.3:7002", "one with an address keeps it");
	is(first(&service(c, "7003")->listen), "udp:127.0.0.2:7003", "datagrams likewise");
	is(s->tcp_wrappers, "echo", "tcp_wrappers knows a program by its argv[0]");
	is(service(c, "7002")->tcp_wrappers, "prog", "each by its own");
	ok(!service(c, "7003")->tcp_wrappers, "a program that takes its clients itself is not wrapped");
	config_unref(c);

	src.address = "::1";
	c = config_load_sources(&src, 1);
	is(first(&service(c, "7001")->listen), "tcp:[::1]:7001", "an IPv6 address is put into brackets");
	config_unref(c);
	free((char *)src.path);
}

static void
same_names(void)
{
	struct config_source src[] = {
		{ .kind = CONFIG_INETD, .path = path_of("one") },
		{ .kind = CONFIG_INETD, .path = path_of("two"), .yields = true },
	};
	struct config *c;

	file("one", "7001 stream tcp nowait root /bin/echo echo first\n");
	file("two", "7001 stream tcp nowait root /bin/echo echo second\n"
		    "7002 stream tcp nowait root /bin/echo echo other\n");
	c = config_load_sources(src, 2);
	is_int((long long)c->problems.errors, 0,
	       "a source that yields has no problem with a name that is there");
	is_int((long long)c->nservices, 2, "only its others are added");
	is(name_of(service(c, "7001")->origin.file), "one", "the first one counts");
	is_int((long long)c->notes.n >= 1, 1, "which is worth a note");
	config_unref(c);

	src[1].yields = false;
	c = config_load_sources(src, 2);
	is_int((long long)c->problems.errors, 1, "otherwise it is a problem");
	ok(c->problems.n && strstr(c->problems.items[0].text, "is already defined at") &&
		   strstr(c->problems.items[0].text, "one:1"),
	   "that names the other place");
	config_unref(c);
	for (size_t i = 0; i < 2; i++)
		free((char *)src[i].path);
}

static void
not_there(void)
{
	static const enum config_kind kinds[] = { CONFIG_XINETD, CONFIG_INETD, CONFIG_SYSTEMD };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct config_source src = { .kind = kinds[i], .path = path_of("missing.socket") };
		struct config *c = config_load_sources(&src, 1);

		ok(c->unreadable, "a file that is not there cannot be read");
		is_int((long long)c->problems.n, 1, "which is one problem");
		ok(c->problems.n && c->problems.items[0].file &&
			   strcmp(c->problems.items[0].file, src.path) == 0,
		   "of that file");
		config_unref(c);
		free((char *)src.path);
	}
}

static void
twice(void)
{
	struct config_source src[] = {
		{ .kind = CONFIG_INETD, .path = path_of("one") },
		{ .kind = CONFIG_INETD, .path = path_of("one") },
	};
	struct config *c;

	file("one", "7001 stream tcp nowait root /bin/echo echo first\n");
	c = config_load_sources(src, 2);
	is_int((long long)c->nservices, 1, "a file that is named twice is read once");
	is_int((long long)c->problems.errors, 1, "and that is a problem");
	config_unref(c);
	for (size_t i = 0; i < 2; i++)
		free((char *)src[i].path);
}

int
main(void)
{
	char *command = NULL;

	if (!mkdtemp(dir)) {
		printf("Bail out! no temporary folder\n");
		return 1;
	}
	rows();
	defaults();
	command_line();
	same_names();
	not_there();
	twice();
	command = xasprintf("rm -rf '%s'", dir);
	if (system(command) != 0)
		printf("# %s stays\n", dir);
	free(command);
	return tap_done();
}
