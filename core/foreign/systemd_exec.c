#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "core/foreign/slurp.h"
#include "core/foreign/systemd_conv.h"

/* What a service unit says about its program and the world that it runs in. */

static const struct unit_setting *
get(const struct conversion *c, const char *key)
{
	return unit_get(&c->service, "Service", key);
}

/* --- environment --- */

/* The value of a variable among assignments; the last one counts. */
static const char *
variable(const struct strlist *env, const char *name, size_t len)
{
	for (size_t i = env->n; i-- > 0;)
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			return env->items[i] + len + 1;
	return NULL;
}

static void
remove_variable(struct strlist *env, const char *name)
{
	struct strlist kept = { 0 };
	size_t len = strcspn(name, "=");

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->items[i], name, len) != 0 || env->items[i][len] != '=')
			strlist_add(&kept, env->items[i]);
	strlist_clear(env);
	*env = kept;
}

static void
add_variable(struct strlist *env, const char *assignment)
{
	remove_variable(env, assignment);
	strlist_add(env, assignment);
}

static bool
is_assignment(const char *s)
{
	size_t name = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

	return name && s[name] == '=' && (*s < '0' || *s > '9');
}

static void
add_environment(struct conversion *c, const struct unit_setting *u, struct strlist *env)
{
	char *value = conv_expand(c, &c->service, u, u->value);
	struct strlist words = { 0 };
	struct error err;

	if (value && unit_words(value, &words, &err) < 0)
		conv_say(c, FOREIGN_ERROR, u, "%s", err.text);
	for (size_t i = 0; i < words.n; i++) {
		if (is_assignment(words.items[i]))
			add_variable(env, words.items[i]);
		else
			conv_say(c, FOREIGN_WARNING, u, "expected NAME=VALUE, not \"%s\"", words.items[i]);
	}
	strlist_clear(&words);
	free(value);
}

/* NAME=VALUE, where the value may have quotes around it or parts of it. */
static void
add_file_line(struct strlist *env, char *line)
{
	struct strlist words = { 0 };
	char *eq, *value, *assignment;

	line += strspn(line, " \t\r");
	eq = strchr(line, '=');
	if (*line == '#' || *line == ';' || !eq)
		return;
	*eq = '\0';
	value = eq + 1 + strspn(eq + 1, " \t");
	value[strcspn(value, "\r")] = '\0';
	/* Blanks need no quotes there. */
	if ((*value == '"' || *value == '\'') && unit_words(value, &words, NULL) == 0 && words.n == 1)
		value = words.items[0];
	else
		for (size_t len = strlen(value); len && strchr(" \t", value[len - 1]); len--)
			value[len - 1] = '\0';
	line[strcspn(line, " \t")] = '\0';
	assignment = xasprintf("%s=%s", line, value);
	if (is_assignment(assignment))
		add_variable(env, assignment);
	free(assignment);
	strlist_clear(&words);
}

static void
add_environment_file(struct conversion *c, const struct unit_setting *u, struct strlist *env)
{
	char *value = conv_expand(c, &c->service, u, u->value), *save = NULL;
	const char *path;
	struct text t = { 0 };
	struct error err;

	if (!value)
		return;
	path = value + (*value == '-');
	if (*path != '/' || strpbrk(path, "*?["))
		conv_say(c, FOREIGN_ERROR, u, "expected the absolute path of one file, not \"%s\"", path);
	else if (slurp(path, &t, &err) == 0)
		for (char *line = strtok_r(t.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			add_file_line(env, line);
	else if (*value != '-')
		conv_say(c, FOREIGN_ERROR, u, "%s; a \"-\" in front of the path allows for that", err.text);
	if (*path == '/')
		conv_say(c, FOREIGN_NOTE, u, "%s is read once, when the configuration is", path);
	text_clear(&t);
	free(value);
}

static void
add_account(const char *user, struct strlist *env)
{
	const struct passwd *pw = getpwnam(user);
	char *texts[4];

	if (!pw)
		return;
	texts[0] = xasprintf("HOME=%s", pw->pw_dir);
	texts[1] = xasprintf("LOGNAME=%s", pw->pw_name);
	texts[2] = xasprintf("USER=%s", pw->pw_name);
	texts[3] = xasprintf("SHELL=%s", pw->pw_shell);
	for (size_t i = 0; i < 4; i++) {
		strlist_add(env, texts[i]);
		free(texts[i]);
	}
}

static void
make_environment(struct conversion *c, const char *user, struct strlist *env)
{
	const struct unit_setting *u;

	if (user)
		add_account(user, env);
	for (u = NULL; (u = unit_next(&c->service, "Service", "Environment", u));)
		add_environment(c, u, env);
	for (u = NULL; (u = unit_next(&c->service, "Service", "EnvironmentFile", u));)
		add_environment_file(c, u, env);
	for (u = NULL; (u = unit_next(&c->service, "Service", "UnsetEnvironment", u));) {
		struct strlist names = { 0 };

		unit_words(u->value, &names, NULL);
		for (size_t i = 0; i < names.n; i++)
			remove_variable(env, names.items[i]);
		strlist_clear(&names);
	}
}

/* Words of all settings of a key. */
static const struct unit_setting *
all_words(struct conversion *c, const char *key, struct strlist *words)
{
	const struct unit_setting *u = NULL, *last = NULL;
	struct error err;

	while ((u = unit_next(&c->service, "Service", key, u))) {
		char *value = conv_expand(c, &c->service, u, u->value);

		if (value && unit_words(value, words, &err) < 0)
			conv_say(c, FOREIGN_ERROR, u, "%s", err.text);
		free(value);
		last = u;
	}
	return last;
}

/* --- the command --- */

/* Most are those of an optional file that this machine does not have. */
static void
tell_unknown(struct conversion *c, const struct unit_setting *u, const char *name, size_t len)
{
	bool of_session = strncmp(name, "REMOTE_", 7) == 0 || strncmp(name, "LISTEN_", 7) == 0;

	if (of_session)
		conv_say(
			c, FOREIGN_WARNING, u,
			"the variable %.*s is only known once a client has come, and empty on the command line",
			(int)len, name);
	else
		conv_say(c, FOREIGN_NOTE, u, "the variable %.*s is not set and therefore empty", (int)len,
			 name);
}

/* Replaces ${NAME} and $$ in a word. */
static void
expand_braces(struct conversion *c, const struct unit_setting *u, const struct strlist *env, const char *word,
	      struct text *t)
{
	text_puts(t, "");
	while (*word) {
		const char *end = word[0] == '$' && word[1] == '{' ? strchr(word, '}') : NULL;
		size_t len = end ? (size_t)(end - word) - 2 : 0;
		const char *value;

		if (word[0] == '$' && word[1] == '$') {
			text_puts(t, "$");
			word += 2;
			continue;
		}
		if (!end) {
			text_add(t, word++, 1);
			continue;
		}
		value = variable(env, word + 2, len);
		if (!value)
			tell_unknown(c, u, word + 2, len);
		text_puts(t, value ? value : "");
		word = end + 1;
	}
}

/* $NAME alone becomes as many words as its value has; ${NAME} stays within its word. */
static void
add_expanded(struct conversion *c, const struct unit_setting *u, const struct strlist *env, const char *word,
	     struct strlist *argv)
{
	size_t len = strlen(word);
	const char *value;
	struct text t = { 0 };
	struct strlist words = { 0 };

	if (*word != '$' || len < 2 || word[1] == '{' || word[1] == '$') {
		expand_braces(c, u, env, word, &t);
		strlist_add(argv, t.s);
		text_clear(&t);
		return;
	}
	value = variable(env, word + 1, len - 1);
	if (!value)
		tell_unknown(c, u, word + 1, len - 1);
	else if (unit_words(value, &words, NULL) < 0)
		conv_say(c, FOREIGN_ERROR, u, "the value of %s has a quote that is not closed", word + 1);
	for (size_t i = 0; i < words.n; i++)
		strlist_add(argv, words.items[i]);
	strlist_clear(&words);
}

/* "@libexecdir@/x", of which the first "@" may have been taken for a prefix. */
static bool
is_placeholder(const char *path)
{
	const char *at = strchr(path, '@');

	return at && (*path != '/' || strchr(at + 1, '@'));
}

struct command {
	const struct unit_setting *setting;
	struct strlist argv; /* the path first */
	char *argv0;
};

/* The letters in front of a command. */
static const char *
read_prefixes(struct conversion *c, const struct unit_setting *u, const char *s, bool *argv0, bool *expand)
{
	for (;; s++) {
		if (*s == '@')
			*argv0 = true;
		else if (*s == ':')
			*expand = false;
		else if (*s == '+' || *s == '!')
			conv_say(c, FOREIGN_WARNING, u,
				 "\"%c\" is not kept: the program runs as the user that the unit names", *s);
		else if (*s == '|')
			conv_say(c, FOREIGN_ERROR, u, "a command for the user's shell is not supported");
		else if (*s != '-')
			return s;
	}
}

static void
read_command(struct conversion *c, const struct strlist *env, struct command *cmd)
{
	const struct unit_setting *u = cmd->setting;
	struct strlist words = { 0 };
	bool argv0 = false, expand = true;
	struct error err;
	const char *s = read_prefixes(c, u, u->value, &argv0, &expand);

	if (unit_words(s, &words, &err) < 0) {
		conv_say(c, FOREIGN_ERROR, u, "%s", err.text);
		strlist_clear(&words);
		return;
	}
	for (size_t i = 0; i < words.n; i++) {
		char *word = conv_expand(c, &c->service, u, words.items[i]);

		if (word && strcmp(word, ";") == 0)
			conv_say(c, FOREIGN_ERROR, u, "several commands in one are not supported");
		if (!word) {
			; /* told */
		} else if (argv0 && i == 1) {
			cmd->argv0 = xstrdup(word);
		} else if (expand && i > 0) {
			add_expanded(c, u, env, word, &cmd->argv);
		} else {
			strlist_add(&cmd->argv, word);
		}
		free(word);
	}
	strlist_clear(&words);
	if (cmd->argv.n && is_placeholder(cmd->argv.items[0]))
		conv_say(c, FOREIGN_ERROR, u, "\"%s\" is the placeholder of a template", u->value);
	else if (!cmd->argv.n || (argv0 && !cmd->argv0))
		conv_say(c, FOREIGN_ERROR, u, "expected a program%s", argv0 ? " and its argv[0]" : "");
	else if (*cmd->argv.items[0] != '/' && strchr(cmd->argv.items[0], '/'))
		conv_say(c, FOREIGN_ERROR, u, "expected an absolute path, not \"%s\"", cmd->argv.items[0]);
}

/* Where the three standard streams go. */
struct streams {
	bool in_socket, out_socket;
	const char *out; /* "socket", "log", "null" or "file:PATH" */
	const char *err;
	char *out_file, *err_file;
};

/* A word of StandardOutput or StandardError. */
static const char *
stream_word(struct conversion *c, const struct unit_setting *u, const char *inherited, char **file)
{
	const char *v = u ? u->value : "inherit";
	const char *colon = strchr(v, ':');

	if (strcmp(v, "inherit") == 0)
		return inherited;
	if (strcmp(v, "socket") == 0 || strcmp(v, "null") == 0)
		return v;
	if (strncmp(v, "journal", 7) == 0 || strncmp(v, "syslog", 6) == 0 || strncmp(v, "kmsg", 4) == 0)
		return "log";
	if (colon && colon[1] == '/' &&
	    (strncmp(v, "file:", 5) == 0 || strncmp(v, "append:", 7) == 0 ||
	     strncmp(v, "truncate:", 9) == 0)) {
		free(*file);
		*file = xasprintf("file:%s", colon + 1);
		if (*v == 't')
			conv_say(c, FOREIGN_WARNING, u, "the file is appended to");
		return *file;
	}
	conv_say(c, FOREIGN_WARNING, u, "\"%s\" is not supported: it goes to the log", v);
	return "log";
}

static void
find_streams(struct conversion *c, struct streams *st)
{
	const struct unit_setting *in = get(c, "StandardInput");

	st->in_socket = in && strcmp(in->value, "socket") == 0;
	if (in && !st->in_socket && strcmp(in->value, "null") != 0)
		conv_say(c, FOREIGN_ERROR, in, "expected socket or null, not \"%s\"", in->value);
	st->out = stream_word(c, get(c, "StandardOutput"), st->in_socket ? "socket" : "log", &st->out_file);
	st->out_socket = strcmp(st->out, "socket") == 0;
	st->err = stream_word(c, get(c, "StandardError"), st->out, &st->err_file);
}

/* Our programs have the connection as descriptors 0 and 1. Where a unit wants it otherwise, a shell
 * sees to that. */
static void
wrap_streams(struct conversion *c, const struct streams *st, struct command *cmd)
{
	struct text line = { 0 };
	struct strlist argv = { 0 };

	if (st->in_socket && st->out_socket)
		return;
	if (strncmp(st->out, "file:", 5) == 0 && strchr(st->out, '\'')) {
		conv_say(c, FOREIGN_ERROR, get(c, "StandardOutput"), "a path with a quote is not supported");
		return;
	}
	if (!st->in_socket && !st->out_socket)
		text_puts(&line, "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=connection; ");
	text_puts(&line, "exec \"$0\" \"$@\"");
	if (!st->in_socket && !st->out_socket)
		text_puts(&line, " 3<&0");
	if (!st->in_socket)
		text_puts(&line, " </dev/null");
	if (strcmp(st->out, "log") == 0)
		text_puts(&line, " >&2");
	else if (strcmp(st->out, "null") == 0)
		text_puts(&line, " >/dev/null");
	else if (!st->out_socket)
		text_printf(&line, " >>'%s'", st->out + 5);
	strlist_add(&argv, "/bin/sh");
	strlist_add(&argv, "-c");
	strlist_add(&argv, line.s);
	for (size_t i = 0; i < cmd->argv.n; i++)
		strlist_add(&argv, cmd->argv.items[i]);
	strlist_clear(&cmd->argv);
	cmd->argv = argv;
	conv_say(
		c, FOREIGN_NOTE, cmd->setting,
		st->in_socket || st->out_socket
			? "a line of /bin/sh gives the program the standard streams that the unit asks for"
			: "a line of /bin/sh gives the program its connection as descriptor 3, with LISTEN_FDS");
	if (cmd->argv0)
		conv_say(c, FOREIGN_WARNING, cmd->setting, "argv[0] is not kept: the shell sets it");
	free(cmd->argv0);
	cmd->argv0 = NULL;
	text_clear(&line);
}

static void
program(struct conversion *c, const struct strlist *env)
{
	struct command cmd = { 0 };
	struct streams st = { 0 };
	const struct unit_setting *u = NULL;
	size_t n = 0;

	while ((u = unit_next(&c->service, "Service", "ExecStart", u))) {
		cmd.setting = u;
		n++;
	}
	if (n != 1) {
		conv_say(c, FOREIGN_ERROR, cmd.setting, "expected one ExecStart, not %zu", n);
		return;
	}
	read_command(c, env, &cmd);
	find_streams(c, &st);
	/* With Accept=no the listening socket is descriptor 3 as well, whatever the standard streams are. */
	if (c->accept && cmd.argv.n)
		wrap_streams(c, &st, &cmd);
	if (cmd.argv.n)
		conv_rows(c, cmd.setting, "exec", &cmd.argv);
	if (cmd.argv0)
		conv_row(c, cmd.setting, "argv0", cmd.argv0);
	conv_row(c, get(c, "StandardError"), "stderr",
		 c->accept || strcmp(st.err, "socket") != 0 ? st.err : "log");
	strlist_clear(&cmd.argv);
	free(cmd.argv0);
	free(st.out_file);
	free(st.err_file);
}

/* --- who it runs as --- */

/* What is given is beside the user's own groups, while `groups` stands instead of them. */
static void
supplementary_groups(struct conversion *c, const char *user)
{
	struct strlist groups = { 0 };
	const struct unit_setting *u = all_words(c, "SupplementaryGroups", &groups);
	const struct passwd *pw = user ? getpwnam(user) : NULL;
	gid_t own[256];
	int n = 256;

	if (u && pw && getgrouplist(pw->pw_name, pw->pw_gid, own, &n) > 0) {
		for (int i = 0; i < n; i++) {
			char *number = xasprintf("%u", own[i]);
			const struct group *gr = getgrgid(own[i]);

			strlist_add(&groups, gr ? gr->gr_name : number);
			free(number);
		}
	}
	if (u)
		conv_rows(c, u, "groups", &groups);
	strlist_clear(&groups);
}

/* Capabilities are exactly those that are listed. A user other than root has those of AmbientCapabilities,
 * root those that CapabilityBoundingSet leaves. */
static void
capabilities(struct conversion *c, bool root)
{
	const char *key = root ? "CapabilityBoundingSet" : "AmbientCapabilities";
	struct strlist caps = { 0 };
	const struct unit_setting *u = NULL, *first = NULL;
	bool given = false, inverted = false;

	u = get(c, "CapabilityBoundingSet");
	if (!root && u)
		conv_say(c, FOREIGN_WARNING, u,
			 "is not kept for another user than root; no_new_privs comes closest");
	u = NULL;
	/* An empty one is not as good as none: it takes all of them away. */
	for (size_t i = 0; i < c->service.n; i++)
		given |= strcmp(c->service.settings[i].key, key) == 0 &&
			 strcmp(c->service.settings[i].section, "Service") == 0;
	if (!given)
		return;
	while ((u = unit_next(&c->service, "Service", key, u))) {
		inverted |= *u->value == '~';
		first = first ? first : u;
	}
	all_words(c, key, &caps);
	if (inverted)
		conv_say(c, root ? FOREIGN_ERROR : FOREIGN_WARNING, first,
			 "a list of what to take away is not kept; list what the program needs instead");
	else
		conv_rows(c, first, "capabilities", &caps);
	strlist_clear(&caps);
}

static char *
identity(struct conversion *c)
{
	const struct unit_setting *u = get(c, "User"), *g = get(c, "Group"), *dynamic = get(c, "DynamicUser");
	char *user = u ? conv_expand(c, &c->service, u, u->value) : NULL;
	char *group = g ? conv_expand(c, &c->service, g, g->value) : NULL;
	bool is_dynamic = false;

	if (dynamic && unit_bool(dynamic->value, &is_dynamic, NULL) < 0)
		is_dynamic = true;
	if (is_dynamic && (!user || !getpwnam(user)))
		conv_say(c, FOREIGN_ERROR, dynamic,
			 "a user of its own is not made: give the service a user that exists");
	if (user)
		conv_row(c, u, "user", user);
	if (group)
		conv_row(c, g, "group", group);
	free(group);
	return user;
}

static void
working_directory(struct conversion *c, const char *user)
{
	const struct unit_setting *u = get(c, "WorkingDirectory");
	char *value = u ? conv_expand(c, &c->service, u, u->value) : xstrdup("/");
	const struct passwd *pw;
	const char *path;

	if (!value)
		return;
	path = value + (*value == '-');
	if (*value == '-')
		conv_say(c, FOREIGN_NOTE, u, "the folder has to be there, in spite of the \"-\"");
	if (strcmp(path, "~") == 0) {
		pw = getpwnam(user ? user : "root");
		path = pw ? pw->pw_dir : "";
	}
	if (*path != '/')
		conv_say(c, FOREIGN_ERROR, u, "expected an absolute path or the \"~\" of a user that exists");
	else
		conv_row(c, u, "directory", path);
	free(value);
}

void
conv_program(struct conversion *c)
{
	struct strlist env = { 0 }, names = { 0 };
	char *user = identity(c);
	const struct unit_setting *pass;
	bool root = !user || strcmp(user, "root") == 0 || strcmp(user, "0") == 0;

	make_environment(c, user, &env);
	program(c, &env);
	pass = all_words(c, "PassEnvironment", &names);
	if (env.n)
		conv_rows(c, get(c, "Environment"), "env", &env);
	if (pass)
		conv_rows(c, pass, "pass_env", &names);
	supplementary_groups(c, user);
	working_directory(c, user);
	capabilities(c, root);
	/* As systemd does. */
	conv_row(c, NULL, "session", "true");
	strlist_clear(&env);
	strlist_clear(&names);
	free(user);
}
