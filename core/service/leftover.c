#include "core/service/leftover.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/service/registry.h"
#include "core/service/service.h"

struct leftover {
	TAILQ_ENTRY(leftover) entry;
	struct listener_spare socket;
	struct socket_params params; /* what it borrows is the service's */
	struct service *service;     /* that it was one of */
	const struct service *heir;
};

void
leftovers_add(struct service_listener *sl, const struct listener_spare *spare, const struct service *heir)
{
	struct leftover *lo = xcalloc(1, sizeof(*lo));

	lo->socket = *spare;
	/* A session that has not begun is none of that socket's next owner. */
	if (spare->user && !conn_lose_socket(spare->user)) {
		lo->socket.user = NULL;
		lo->socket.held = false;
	}
	lo->params = sl->params.socket;
	lo->service = sl->service;
	lo->service->users++;
	lo->heir = heir;
	TAILQ_INSERT_TAIL(&sl->service->registry->leftovers, lo, entry);
}

static void
forget(struct registry *r, struct leftover *lo)
{
	TAILQ_REMOVE(&r->leftovers, lo, entry);
	lo->service->users--;
	free(lo);
}

static void
close_leftover(struct registry *r, struct leftover *lo)
{
	listener_spare_close(&lo->socket);
	forget(r, lo);
}

static bool
is_inet(const struct addr *a)
{
	return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

/* A port that the kernel has chosen stays with the service it was chosen for. */
static bool
has_address(const struct leftover *lo, const struct service *s, const struct addr *a, int port)
{
	const struct addr *real = &lo->socket.bound;

	if (!is_inet(a) || addr_port(&a->sa) != 0)
		return addr_equal(&lo->socket.wanted, a) || addr_equal(real, a);
	if (lo->heir != s || (port && addr_port(&real->sa) != port))
		return false;
	return addr_equal(&lo->socket.wanted, a);
}

/* What a program has cannot be opened anew while it has it: then the options are those that can be set
 * afterwards. */
static bool
can_serve(const struct leftover *lo, const struct service_listener *sl)
{
	return lo->socket.user || socket_params_equal(&lo->params, &sl->params.socket);
}

/* Whether the kernel may refuse one while the other is open. */
static bool
is_in_the_way(const struct leftover *lo, const struct addr *a)
{
	const struct addr *b = &lo->socket.bound;

	if (addr_equal(&lo->socket.wanted, a) || addr_equal(b, a))
		return true;
	if (a->socktype != b->socktype || !is_inet(a) || !is_inet(b))
		return false;
	return addr_port(&a->sa) == addr_port(&b->sa) &&
	       (addr_is_wildcard(&a->sa) || addr_is_wildcard(&b->sa));
}

static void
make_way(struct registry *r, const struct addr *wanted, int port)
{
	struct leftover *lo, *next;
	struct addr a = *wanted;

	if (is_inet(&a) && port)
		addr_set_port(&a, port);
	for (lo = TAILQ_FIRST(&r->leftovers); lo; lo = next) {
		next = TAILQ_NEXT(lo, entry);
		if (is_in_the_way(lo, &a) && !lo->socket.user)
			close_leftover(r, lo);
	}
}

bool
leftovers_take(struct service_listener *sl, const struct addr *a, int port, struct listener_spare *spare)
{
	struct registry *r = sl->service->registry;
	struct leftover *lo;

	TAILQ_FOREACH(lo, &r->leftovers, entry) {
		if (!has_address(lo, sl->service, a, port) || !can_serve(lo, sl))
			continue;
		*spare = lo->socket;
		spare->wanted = *a;
		if (spare->user)
			socket_set_options(spare->fd, a, &sl->params.socket);
		forget(r, lo);
		return true;
	}
	if (!TAILQ_EMPTY(&r->leftovers))
		make_way(r, a, port);
	return false;
}

void
leftovers_pass_on(struct registry *r, const struct service *from, const struct service *heir)
{
	struct leftover *lo;

	TAILQ_FOREACH(lo, &r->leftovers, entry)
		if (lo->heir == from)
			lo->heir = heir;
}

static bool
is_settled(const struct service *s)
{
	for (size_t i = 0; i < s->nlisteners; i++)
		if (!s->listeners[i].settled)
			return false;
	return true;
}

void
leftovers_settled(const struct service *s)
{
	struct registry *r = s->registry;
	struct leftover *lo, *next;

	if (r->reloading || TAILQ_EMPTY(&r->leftovers) || !is_settled(s))
		return;
	for (lo = TAILQ_FIRST(&r->leftovers); lo; lo = next) {
		next = TAILQ_NEXT(lo, entry);
		if (lo->heir != s)
			continue;
		lo->heir = NULL;
		if (!lo->socket.user)
			close_leftover(r, lo);
	}
}

void
leftovers_close_unwanted(struct registry *r)
{
	struct leftover *lo, *next;

	for (lo = TAILQ_FIRST(&r->leftovers); lo; lo = next) {
		next = TAILQ_NEXT(lo, entry);
		if (lo->heir && is_settled(lo->heir))
			lo->heir = NULL;
		if (!lo->heir && !lo->socket.user)
			close_leftover(r, lo);
	}
}

void
leftovers_conn_gone(struct registry *r, const struct conn *c)
{
	struct leftover *lo;

	TAILQ_FOREACH(lo, &r->leftovers, entry) {
		if (lo->socket.user != c)
			continue;
		lo->socket.user = NULL;
		close_leftover(r, lo);
		return;
	}
}

void
leftovers_close(struct registry *r)
{
	struct leftover *lo, *next;

	for (lo = TAILQ_FIRST(&r->leftovers); lo; lo = next) {
		next = TAILQ_NEXT(lo, entry);
		close_leftover(r, lo);
	}
}
