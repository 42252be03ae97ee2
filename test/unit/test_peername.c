#include <arpa/inet.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/peername.h"
#include "test/unit/tap.h"

/* core/net/peername with a libc of our own: 10.0.0.N has what row N says. */
static const struct row {
	const char *name;
	const char *addrs[3]; /* of that name */
} rows[] = {
	{ NULL, { NULL } },
	{ "good.example", { "10.0.0.1" } },
	{ "many.example", { "192.0.2.1", "2001:db8::1", "10.0.0.2" } },
	{ "liar.example", { "192.0.2.1", "2001:db8::1" } },
	{ "nowhere.example", { NULL } },
	{ "bad name.example", { "10.0.0.5" } },
	{ "10.0.0.6", { "10.0.0.6" } },
	{ "slow.example", { "10.0.0.7" } },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool may_go;
static int looked_up;

int
getnameinfo(const struct sockaddr *sa, socklen_t len, char *host, socklen_t size, char *service,
	    socklen_t service_size, int flags)
{
	uint32_t n = ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) & 0xff;

	(void)len;
	(void)service;
	(void)service_size;
	pthread_mutex_lock(&lock);
	looked_up++;
	while (n == 7 && !may_go)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
	if (!(flags & NI_NAMEREQD) || sa->sa_family != AF_INET || n >= ROWS || !rows[n].name ||
	    size < PEERNAME_MAX)
		return EAI_NONAME;
	snprintf(host, size, "%s", rows[n].name);
	return 0;
}

int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo **tail = out;

	(void)service;
	(void)hints;
	*out = NULL;
	for (size_t i = 1; i < ROWS; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		for (size_t j = 0; j < 3 && rows[i].addrs[j]; j++) {
			struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_in6));
			struct sockaddr_in *in = (void *)(ai + 1);
			struct sockaddr_in6 *in6 = (void *)(ai + 1);

			ai->ai_addr = (struct sockaddr *)(ai + 1);
			if (inet_pton(AF_INET, rows[i].addrs[j], &in->sin_addr) == 1)
				in->sin_family = AF_INET;
			else if (inet_pton(AF_INET6, rows[i].addrs[j], &in6->sin6_addr) == 1)
				in6->sin6_family = AF_INET6;
			*tail = ai;
			tail = &ai->ai_next;
		}
	}
	return *out ? 0 : EAI_AGAIN;
}

void
freeaddrinfo(struct addrinfo *ai)
{
	while (ai) {
		struct addrinfo *next = ai->ai_next;

		free(ai);
		ai = next;
	}
}

static struct sockaddr_in
peer(int n)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(0x0a000000U + (unsigned)n) };
}

static const char *
look_up(int n)
{
	static char name[PEERNAME_MAX];
	static struct error err;
	struct sockaddr_in in = peer(n);

	return peername_look_up((struct sockaddr *)&in, name, &err) == 0 ? name : err.text;
}

static void
one(void)
{
	is(look_up(1), "good.example", "a name that leads back to the address is the peer's");
	is(look_up(2), "many.example", "if it is one of several addresses, too");
	is(look_up(3), "10.0.0.3 calls itself liar.example, which has another address",
	   "a name that leads elsewhere is nobody's");
	is(look_up(4), "10.0.0.4 calls itself nowhere.example: Temporary failure in name resolution",
	   "nor is one that leads nowhere");
	is(look_up(5), "the name of 10.0.0.5 is none that a host can have", "nor one that is no name");
	is(look_up(6), "the name of 10.0.0.6 is none that a host can have", "nor an address for a name");
	is(look_up(9), "no name of 10.0.0.9: Name or service not known", "who has none has none");
}

/* --- asking from the loop --- */

static struct event_base *base;
static char got[1024];
static int answers;

static void
answer_cb(const char *name, const char *why, void *arg)
{
	(void)why;
	answers++;
	snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", name ? name : "-", (const char *)arg);
}

/* NULL if it was answered at once, or cannot be. */
static struct peername *
question(int n, char *mark)
{
	struct sockaddr_in in = peer(n);
	const char *name, *why;
	struct peername *p;
	struct error err;

	if (peername_known((struct sockaddr *)&in, &name, &why)) {
		answer_cb(name, why, mark);
		return NULL;
	}
	p = peername_ask(base, (struct sockaddr *)&in, answer_cb, mark, &err);
	if (!p)
		answer_cb(NULL, err.text, mark);
	return p;
}

static void
wait_for(int n)
{
	while (answers < n)
		event_base_loop(base, EVLOOP_ONCE);
}

static void
asking(void)
{
	static char one[] = " 1 ", two[] = " 2 ", three[] = " 3 ";
	struct peername *p;
	int before;

	before = looked_up;
	ok(question(1, one) && question(1, two), "a name that is not known has to be waited for");
	is(got, "", "nobody is called back from within the question");
	wait_for(2);
	is(got, "good.example 2 good.example 1 ", "all who ask get the answer");
	is_int(looked_up, before + 1, "of one look-up");
	got[0] = '\0';
	ok(!question(1, three), "what is known is answered at once");
	is(got, "good.example 3 ", "with the name");
	wait_for(3);
	ok(question(3, one), "whether a name is to be trusted has to be found out");
	wait_for(4);
	got[0] = '\0';
	ok(!question(3, two), "and is known then");
	is(got, "- 2 ", "that it is not, too");
	got[0] = '\0';

	p = question(7, one);
	ok(question(7, two) && question(2, three), "a slow look-up holds up nobody else");
	wait_for(6);
	is(got, "many.example 3 ", "who is not slow is answered");
	peername_cancel(p);
	got[0] = '\0';
	pthread_mutex_lock(&lock);
	may_go = true;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
	wait_for(7);
	is(got, "slow.example 2 ", "who has cancelled is not called");
}

/* More addresses than are kept, and more than may be asked at once. */
static void
many(void)
{
	static char mark[] = "";
	int waiting = 0, known;

	got[0] = '\0';
	answers = 0;
	pthread_mutex_lock(&lock);
	may_go = false;
	pthread_mutex_unlock(&lock);
	/* All of these are slow: the last byte says so. */
	for (int i = 1; i <= 300; i++)
		waiting += question(i * 256 + 7, mark) != NULL;
	is_int(waiting, 256, "so many addresses may be asked at once");
	is_int(answers, 44, "the others have no name");
	got[0] = '\0';
	pthread_mutex_lock(&lock);
	may_go = true;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
	while (answers < 300) {
		got[0] = '\0';
		event_base_loop(base, EVLOOP_ONCE);
	}
	answers = 0;
	for (int i = 1; i <= 2000; i++) {
		question(0x10000 + i, mark);
		got[0] = '\0';
		while (answers < i)
			event_base_loop(base, EVLOOP_ONCE);
	}
	known = looked_up;
	question(0x10000 + 2000, mark);
	is_int(looked_up, known, "the last are known");
	got[0] = '\0';
	question(0x10000 + 1, mark);
	wait_for(2002);
	is_int(looked_up, known + 1, "the first have been forgotten");
	peername_clear();
}

int
main(void)
{
	base = event_base_new();
	one();
	asking();
	many();
	question(1, (char[]){ "" });
	peername_clear();
	ok(true, "all is forgotten while a look-up is under way");
	event_base_free(base);
	return tap_done();
}
