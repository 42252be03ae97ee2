#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/creds.h"
#include "test/unit/tap.h"

static bool
has_group(const struct creds *c, gid_t gid)
{
	for (size_t i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

/* A number that no account or group has. */
static unsigned
unused_number(void)
{
	unsigned n = 50000;

	while (getpwuid(n) || getgrgid(n))
		n++;
	return n;
}

static void
refuses(const char *user, const char *group, const struct strlist *groups, const char *expected,
	const char *what)
{
	struct error err = { 0 };
	struct creds c = { .set = true };

	ok(creds_lookup(&c, user, group, groups, &err) == -1 && strstr(err.text, expected), "%s: %s", what,
	   err.text);
	ok(!c.set && !c.groups, "  and nothing is left of it");
}

static void
lookups(void)
{
	struct strlist unknown = { 0 }, empty = { 0 };
	char number[32];
	struct error err;
	uid_t uid = 77;
	gid_t gid = 77;

	ok(creds_user("root", &uid, &err) == 0 && uid == 0, "a user has a number");
	ok(creds_user("0", &uid, &err) == 0 && uid == 0, "a number is one");
	snprintf(number, sizeof(number), "%u", unused_number());
	ok(creds_user(number, &uid, &err) == 0 && uid == unused_number(),
	   "also if nobody has it: a file may belong to it");
	ok(creds_group("root", &gid, &err) == 0 && gid == 0, "groups alike");
	ok(creds_group(number, &gid, &err) == 0 && gid == unused_number(), "and their numbers");
	ok(creds_user("no-such-user", &uid, &err) == -1, "an unknown user: %s", err.text);
	ok(creds_group("no-such-group", &gid, &err) == -1, "an unknown group: %s", err.text);
	ok(creds_user("4294967295", &uid, &err) == -1, "the number that means \"nobody in particular\": %s",
	   err.text);
	ok(creds_group("4294967295", &gid, &err) == -1, "for groups too: %s", err.text);
	ok(creds_user("-1", &uid, &err) == -1, "a negative number: %s", err.text);
	ok(creds_user("", &uid, &err) == -1, "nothing: %s", err.text);
	ok(creds_user("0x0", &uid, &err) == -1, "a number in other digits: %s", err.text);
	ok(creds_user("4294967296", &uid, &err) == -1, "a number that would wrap around to root: %s",
	   err.text);

	refuses("no-such-user", NULL, NULL, "\"no-such-user\" does not exist",
		"an unknown user is never somebody else");
	refuses("root", "no-such-group", NULL, "\"no-such-group\" does not exist", "nor is an unknown group");
	refuses(number, NULL, NULL, "say which group", "a number without an account needs a group");
	strlist_add(&unknown, "root");
	strlist_add(&unknown, "no-such-group");
	refuses("root", NULL, &unknown, "\"no-such-group\" does not exist",
		"an unknown group in a list is not left out");
	strlist_clear(&unknown);
	strlist_clear(&empty);
}

static void
as_root(void)
{
	const struct passwd *found = getpwnam("nobody");
	struct passwd nobody = found ? *found : (struct passwd){ 0 }; /* the next look-up overwrites it */
	struct strlist list = { 0 }, empty = { 0 };
	unsigned n = unused_number();
	char number[32];
	struct error err;
	struct creds c;

	snprintf(number, sizeof(number), "%u", n);
	ok(creds_lookup(&c, NULL, NULL, NULL, &err) == 0 && !c.set, "nothing asked for, nothing changed");
	creds_clear(&c);
	if (!found) {
		ok(true, "nobody # SKIP there is no such user");
		return;
	}
	ok(creds_lookup(&c, "nobody", NULL, NULL, &err) == 0 && c.set && c.uid == nobody.pw_uid &&
		   c.gid == nobody.pw_gid,
	   "a user has its own group");
	ok(has_group(&c, nobody.pw_gid) && !has_group(&c, 0), "and its own groups");
	creds_clear(&c);
	ok(creds_lookup(&c, "nobody", number, NULL, &err) == 0 && c.gid == n, "unless another is asked for");
	creds_clear(&c);
	ok(creds_lookup(&c, number, number, NULL, &err) == 0 && c.uid == n && c.gid == n && c.ngroups == 0,
	   "a number without an account has no supplementary groups");
	creds_clear(&c);
	ok(creds_lookup(&c, NULL, number, NULL, &err) == 0 && c.set && c.uid == 0 && c.gid == n &&
		   c.ngroups == 0,
	   "a group alone keeps the user and drops its groups");
	creds_clear(&c);
	ok(creds_lookup(&c, "nobody", NULL, &empty, &err) == 0 && c.set && c.ngroups == 0,
	   "an empty list is no groups");
	creds_clear(&c);
	strlist_add(&list, "root");
	strlist_add(&list, number);
	ok(creds_lookup(&c, "nobody", NULL, &list, &err) == 0 && c.ngroups == 2 && has_group(&c, 0) &&
		   has_group(&c, n),
	   "a list is exactly the groups");
	creds_clear(&c);
	snprintf(number, sizeof(number), "%u", (unsigned)nobody.pw_uid);
	ok(creds_lookup(&c, number, NULL, NULL, &err) == 0 && c.gid == nobody.pw_gid,
	   "an account can be named by its number");
	creds_clear(&c);
	strlist_clear(&list);
}

static void
as_somebody(void)
{
	const struct passwd *pw = getpwuid(geteuid());
	struct strlist list = { 0 }, none = { 0 };
	struct creds c = { 0 };
	struct error err;
	char number[32], group[32];
	bool alone = getgroups(0, NULL) == 0;

	refuses("root", NULL, NULL, "only root can run a program as root",
		"who is not root cannot promise another user");
	snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
	snprintf(group, sizeof(group), "%u", (unsigned)getegid());
	ok(creds_lookup(&c, number, group, NULL, &err) == 0 && !c.set, "but itself, with nothing to change");
	creds_clear(&c);
	if (pw)
		ok(creds_lookup(&c, pw->pw_name, NULL, NULL, &err) == (pw->pw_gid == getegid() ? 0 : -1),
		   "by name as well, if the group is its own");
	creds_clear(&c);
	refuses(number, "0", NULL, "only root", "not itself with another group");
	ok(creds_lookup(&c, number, group, &none, &err) == (alone ? 0 : -1) && !c.set,
	   "with no other groups if it has none");
	creds_clear(&c);
	strlist_add(&list, group);
	ok(creds_lookup(&c, number, group, &list, &err) == (alone ? 0 : -1) && !c.set,
	   "which is the same as its own group alone");
	creds_clear(&c);
	snprintf(number, sizeof(number), "%u", unused_number());
	strlist_add(&list, number);
	snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
	refuses(number, group, &list, "only root can run a program with other groups",
		"not with a group that it does not have");
	strlist_clear(&list);
}

int
main(void)
{
	lookups();
	if (geteuid() != 0) {
		ok(true, "what root can ask for # SKIP only root can");
		as_somebody();
		return tap_done();
	}
	as_root();
	/* The rest as somebody else. The count goes on there, so it comes last. */
	fflush(stdout);
	if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0) {
		ok(true, "what others can ask for # SKIP cannot become somebody else");
		return tap_done();
	}
	as_somebody();
	return tap_done();
}
