#include "core/sys/creds.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static int
find_user(const char *user, struct passwd **pw, uid_t *uid, struct error *err)
{
	int64_t n;

	errno = 0;
	*pw = getpwnam(user);
	if (*pw) {
		*uid = (*pw)->pw_uid;
		return 0;
	}
	if (!is_number(user)) {
		/* "not found" comes as 0, ENOENT and others; a broken look-up must be told apart. */
		if (errno == EIO || errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			return error_set(err, errno, "look up user \"%s\"", user);
		return error_set(err, 0, "user \"%s\" does not exist", user);
	}
	if (parse_int(user, 0, UINT32_MAX - 1, &n, err) < 0)
		return error_prefix(err, "user");
	*uid = (uid_t)n;
	*pw = getpwuid(*uid);
	return 0;
}

int
creds_user(const char *user, uid_t *uid, struct error *err)
{
	struct passwd *pw;

	return find_user(user, &pw, uid, err);
}

int
creds_group(const char *group, gid_t *gid, struct error *err)
{
	struct group *gr = getgrnam(group);
	int64_t n;

	if (gr) {
		*gid = gr->gr_gid;
		return 0;
	}
	if (!is_number(group))
		return error_set(err, 0, "group \"%s\" does not exist", group);
	if (parse_int(group, 0, UINT32_MAX - 1, &n, err) < 0)
		return error_prefix(err, "group");
	*gid = (gid_t)n;
	return 0;
}

static int
own_groups(struct creds *c, const struct passwd *pw, struct error *err)
{
	int n = 32;

	for (;;) {
		int have = n;

		c->groups = xrealloc(c->groups, (size_t)n * sizeof(*c->groups));
		if (getgrouplist(pw->pw_name, c->gid, c->groups, &n) >= 0)
			break;
		if (n <= have || n > 65536)
			return error_set(err, 0, "user \"%s\" is in too many groups", pw->pw_name);
	}
	c->ngroups = (size_t)n;
	return 0;
}

static int
listed_groups(struct creds *c, const struct strlist *groups, struct error *err)
{
	c->groups = xcalloc(groups->n, sizeof(*c->groups));
	for (size_t i = 0; i < groups->n; i++) {
		if (creds_group(groups->items[i], &c->groups[i], err) < 0)
			return -1;
		c->ngroups++;
	}
	return 0;
}

static bool
is_among(const gid_t *groups, int n, gid_t gid)
{
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* Whether this process has, beside its own group, just the groups of the list. */
static bool
has_just_groups(const struct creds *c)
{
	int n = getgroups(0, NULL);
	gid_t *have = xcalloc(n > 0 ? (size_t)n : 1, sizeof(*have));
	bool same = n >= 0 && getgroups(n, have) == n;

	for (int i = 0; same && i < n; i++)
		same = have[i] == c->gid || is_among(c->groups, (int)c->ngroups, have[i]);
	for (size_t i = 0; same && i < c->ngroups; i++)
		same = c->groups[i] == c->gid || is_among(have, n, c->groups[i]);
	free(have);
	return same;
}

int
creds_lookup(struct creds *c, const char *user, const char *group, const struct strlist *groups,
	     struct error *err)
{
	struct passwd *pw = NULL;

	*c = (struct creds){ .uid = geteuid(), .gid = getegid() };
	if (!user && !group && !groups)
		return 0;
	c->set = true;
	if (user) {
		if (find_user(user, &pw, &c->uid, err) < 0)
			goto fail;
		if (!pw && !group) {
			error_set(err, 0, "user %s has no account: say which group", user);
			goto fail;
		}
		if (pw)
			c->gid = pw->pw_gid;
	}
	if (group && creds_group(group, &c->gid, err) < 0)
		goto fail;
	if (groups) {
		if (listed_groups(c, groups, err) < 0)
			goto fail;
	} else if (pw && own_groups(c, pw, err) < 0) {
		goto fail;
	}
	if (geteuid() != 0) {
		if (c->uid != geteuid() || c->gid != getegid()) {
			error_set(err, EPERM, "only root can run a program as %s%s%s", user ? user : "",
				  group ? " group " : "", group ? group : "");
			goto fail;
		}
		if (groups && !has_just_groups(c)) {
			error_set(err, EPERM, "only root can run a program with other groups than its own");
			goto fail;
		}
		/* Already who is asked for: nothing has to change, and nothing could. */
		creds_clear(c);
	}
	return 0;

fail:
	creds_clear(c);
	return -1;
}

void
creds_clear(struct creds *c)
{
	free(c->groups);
	*c = (struct creds){ 0 };
}
