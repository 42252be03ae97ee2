#include "core/service/reload.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/service/gate.h"
#include "core/service/registry.h"
#include "core/service/rpc.h"
#include "core/service/service.h"

/* What becomes of one service of the new configuration. */
struct step {
	struct service *old; /* runs, or (retired) still has sessions; NULL: there is none of that name */
	struct service *new; /* prepared; NULL: the old one stays as it is */
};

struct plan {
	struct registry *registry;
	const struct config *config;
	struct hsearch_data names; /* of those that run, and of those that are gone and have sessions */
	struct step *steps;
	size_t nsteps;
	struct service_list next; /* the services that will run, in the order of the configuration */
};

/* --- names --- */

static size_t
count(const struct service_list *list)
{
	const struct service *s;
	size_t n = 0;

	TAILQ_FOREACH(s, list, entry)
		n++;
	return n;
}

static void
enter(struct plan *p, struct service *s)
{
	ENTRY entry = { (char *)(uintptr_t)s->name, s }, *found;

	hsearch_r(entry, ENTER, &found, &p->names);
}

static struct service *
find(struct plan *p, const char *name)
{
	ENTRY entry = { (char *)(uintptr_t)name, NULL }, *found;

	return hsearch_r(entry, FIND, &found, &p->names) ? found->data : NULL;
}

static void
enter_all(struct plan *p)
{
	struct registry *r = p->registry;
	struct service *s;

	if (!hcreate_r((count(&r->services) + count(&r->retired)) * 2 + 1, &p->names))
		abort(); /* out of memory */
	TAILQ_FOREACH(s, &r->services, entry)
		enter(p, s);
	TAILQ_FOREACH(s, &r->retired, entry)
		if (!s->successor)
			enter(p, s);
}

/* --- the plan: everything is looked at and prepared, and nothing is changed --- */

static bool
has_own_log(const struct service_conf *c)
{
	for (size_t i = 0; i < c->nnotes; i++) {
		const char *section = c->notes[i].row->section;

		if (section && strcmp(section, "log") == 0)
			return true;
	}
	return false;
}

static bool
stays(const struct service *old, const struct service_conf *conf, bool relog)
{
	return old && !old->retired && !conf->refused && !(relog && has_own_log(conf)) &&
	       service_conf_equal(old->conf, conf);
}

static void
plan_service(struct plan *p, const struct service_conf *conf, bool relog, struct problems *problems)
{
	struct step *step = &p->steps[p->nsteps];

	step->old = find(p, conf->name);
	if (!stays(step->old, conf, relog)) {
		step->new = service_prepare(p->registry, p->config, conf, problems);
		if (!step->new)
			return;
	}
	p->nsteps++;
}

static void
make_plan(struct plan *p, const struct config *config, bool relog, struct problems *problems)
{
	p->steps = xcalloc(config->nservices + 1, sizeof(*p->steps));
	enter_all(p);
	for (size_t i = 0; i < config->nservices; i++)
		/* People want all problems at once. */
		if (!config->services[i].broken)
			plan_service(p, &config->services[i], relog, problems);
}

static void
drop_plan(struct plan *p)
{
	for (size_t i = 0; i < p->nsteps; i++)
		service_free(p->steps[i].new);
}

/* --- the change --- */

/* From now on the new one has the name; both have sessions that count there. */
static void
replace(struct plan *p, struct service *old, struct service *new)
{
	gate_withdraw_senders(old);
	service_take_listeners(new, old);
	service_let_sockets_go(old, new);
	service_continue(new, old);
	rpc_withdraw(old);
	old->successor = new;
	if (old->retired)
		return;
	TAILQ_REMOVE(&p->registry->services, old, entry);
	registry_retire(p->registry, old);
}

static void
take_step(struct plan *p, const struct step *step, struct reload_counts *n)
{
	struct service *s = step->new ? step->new : step->old;

	if (!step->new) {
		TAILQ_REMOVE(&p->registry->services, s, entry);
		service_set_log_view(s, &p->config->global);
		n->kept++;
	} else {
		n->changed += step->old && !step->old->retired;
		n->added += !step->old || step->old->retired;
		s->fresh = true;
		if (step->old)
			replace(p, step->old, step->new);
	}
	TAILQ_INSERT_TAIL(&p->next, s, entry);
}

/* It is in no list any more. */
static void
remove_service(struct registry *r, struct service *s)
{
	service_let_sockets_go(s, NULL);
	service_stop_listening(s);
	gate_abandon_all(s);
	registry_retire(r, s);
}

/* Sessions from before count where their service is now. */
static void
count_sessions(struct registry *r)
{
	const struct conn *c;
	struct service *s;

	TAILQ_FOREACH(s, &r->retired, entry) {
		while (s->successor && s->successor->successor)
			s->successor = s->successor->successor;
		if (!s->successor || !s->successor->fresh)
			continue;
		TAILQ_FOREACH(c, &s->conns, entry)
			slots_take(&s->successor->admission.slots, &c->source);
	}
}

static void
begin(struct registry *r)
{
	struct service *s;

	TAILQ_FOREACH(s, &r->services, entry) {
		if (!s->fresh)
			continue;
		s->fresh = false;
		service_create_listeners(s);
		service_review_holds(s);
		rpc_update(s);
	}
	TAILQ_FOREACH(s, &r->services, entry) {
		/* Who waited for a descriptor may have gone while listeners were on their way. */
		service_hold_pending(s, r->pending > 0);
		service_begin(s);
	}
}

static void
carry_out(struct plan *p, struct reload_counts *n)
{
	struct registry *r = p->registry;
	struct service_list gone = TAILQ_HEAD_INITIALIZER(gone);
	struct service *s;

	/* Counted as one until all have begun, so that "settled" is not told too early. */
	r->unsettled++;
	TAILQ_INIT(&p->next);
	for (size_t i = 0; i < p->nsteps; i++)
		take_step(p, &p->steps[i], n);
	TAILQ_CONCAT(&gone, &r->services, entry);
	TAILQ_CONCAT(&r->services, &p->next, entry);
	while ((s = TAILQ_FIRST(&gone))) {
		TAILQ_REMOVE(&gone, s, entry);
		remove_service(r, s);
		n->removed++;
	}
	count_sessions(r);
	r->reloading = true;
	begin(r);
	r->reloading = false;
	leftovers_close_unwanted(r);
	/* Whoever waits for one of these looks for the name again, among those that have begun. */
	TAILQ_FOREACH(s, &r->retired, entry)
		service_send_waiters_away(s);
	registry_sweep(r);
	if (--r->unsettled == 0 && r->on->on_settled)
		r->on->on_settled(r, r->arg);
}

int
reload_services(struct registry *r, const struct config *config, bool relog, struct problems *problems,
		struct reload_counts *n)
{
	struct plan p = { .registry = r, .config = config };
	int result = 0;

	*n = (struct reload_counts){ 0 };
	make_plan(&p, config, relog, problems);
	if (problems->errors > 0) {
		drop_plan(&p);
		result = -1;
	} else {
		carry_out(&p, n);
	}
	hdestroy_r(&p.names);
	free(p.steps);
	return result;
}
