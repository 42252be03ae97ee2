#include "handlers/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "core/sys/addr.h"

/* So many are taken in one call and answered in another; after so many of these it is the others' turn. */
enum { BATCH = 64, BATCHES = 4 };

/* The first bytes of a datagram, which is all of most of them, and room for the longest. */
enum { HEAD = 1536, TAIL = 65536 };

struct request {
	struct sockaddr_storage peer;
	struct iovec iov[2];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* One for all services: a batch is done with before the next begins. The heads lie close together; of
 * the tails there is no page in memory until a datagram is as long as that. */
static struct mmsghdr messages[BATCH];
static struct request requests[BATCH];
static char heads[BATCH][HEAD];
static _Alignas(4096) char tails[BATCH][TAIL];

/* `local`: to be told where each was sent to. */
static void
prepare(size_t n, bool local)
{
	for (size_t i = 0; i < n; i++) {
		struct request *q = &requests[i];

		q->iov[0] = (struct iovec){ heads[i], HEAD };
		q->iov[1] = (struct iovec){ tails[i], TAIL };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &q->peer,
			.msg_namelen = sizeof(q->peer),
			.msg_iov = q->iov,
			.msg_iovlen = 2,
			.msg_control = local ? q->control : NULL,
			.msg_controllen = local ? sizeof(q->control) : 0,
		};
	}
}

/* How many have come. */
static size_t
receive(struct listener_socket *ls, size_t max)
{
	int fd = listener_socket_fd(ls);
	int n;

	/* A socket that has an address of its own answers from there anyway. */
	prepare(max, addr_is_wildcard(&listener_socket_addr(ls)->sa));
	do
		n = recvmmsg(fd, messages, (unsigned)max, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	for (int i = 0; i < n; i++)
		if (messages[i].msg_hdr.msg_namelen == 0)
			requests[i].peer.ss_family = AF_UNIX; /* only there a sender needs no name */
	return n < 0 ? 0 : (size_t)n;
}

/* Memory for long ones is given back, but for the first place, so that single ones cost nothing. */
static bool
uses_tails(size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (messages[i].msg_len > HEAD)
			return true;
	return false;
}

/* The control data of the request says where it was sent to; the same, without the interface, makes
 * the answer leave from there. */
static void
keep_local_address(struct msghdr *m)
{
	struct cmsghdr *cm;

	for (cm = CMSG_FIRSTHDR(m); cm; cm = CMSG_NXTHDR(m, cm)) {
		if (cm->cmsg_level == IPPROTO_IP && cm->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo pi;

			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			/* The kernel has put a local address into ipi_spec_dst, for broadcasts as well. */
			pi.ipi_ifindex = 0;
			memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
			m->msg_controllen = CMSG_SPACE(sizeof(pi));
			return;
		}
		if (cm->cmsg_level == IPPROTO_IPV6 && cm->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo pi;

			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			/* A group is nobody's address: the kernel chooses one of the interface. */
			if (IN6_IS_ADDR_MULTICAST(&pi.ipi6_addr)) {
				pi.ipi6_addr = in6addr_any;
				memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
				m->msg_controllen = CMSG_SPACE(sizeof(pi));
				return;
			}
			/* A link-local address is one of an interface. */
			if (!IN6_IS_ADDR_LINKLOCAL(&pi.ipi6_addr))
				pi.ipi6_ifindex = 0;
			memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
			m->msg_controllen = CMSG_SPACE(sizeof(pi));
			return;
		}
	}
	m->msg_controllen = 0;
}

static bool
is_limited(const struct service *s)
{
	return s->admission.rate.ns_per_token > 0;
}

/* A sensor answers nobody, so that it may hear from every port. */
static struct admit_result
judge(struct service *s, const struct sockaddr *peer, int64_t now)
{
	bool inet = peer->sa_family == AF_INET || peer->sa_family == AF_INET6;

	if (inet && !s->conf->ban && registry_answers_on(s->registry, addr_port(peer)))
		return (struct admit_result){ .verdict = ADMIT_REFUSE, .reason = "deny" };
	return admit_datagram(&s->admission, peer, now);
}

static void
log_refusal(struct service *s, const struct msghdr *m, const struct admit_result *r)
{
	bool named = m->msg_namelen >= sizeof(sa_family_t);
	char peer[ADDR_TEXT];

	if (named)
		addr_format(m->msg_name, m->msg_namelen, peer);
	service_log_summed(s, LOG_LEVEL_INFO, "refuse",
			   LOG_FIELDS(LOG_S("peer", named ? peer : "unix"), LOG_S("reason", r->reason)));
	if (r->banned)
		service_log_ban(s, m->msg_name, m->msg_namelen);
}

/* Turns a request into its answer; false if it gets none. */
static bool
make_answer(struct service *s, struct mmsghdr *m, int64_t now, datagram_answer answer)
{
	struct msghdr *h = &m->msg_hdr;
	struct admit_result r = judge(s, h->msg_name, now);
	ssize_t len;

	if (r.verdict == ADMIT_REFUSE) {
		log_refusal(s, h, &r);
		return false;
	}
	if (h->msg_namelen < sizeof(sa_family_t))
		return false; /* nobody to answer to */
	if (answer) {
		len = answer(h->msg_iov[0].iov_base, DATAGRAM_ANSWER_MAX);
		if (len < 0)
			return false;
		m->msg_len = (unsigned)len;
	}
	h->msg_iov[0].iov_len = m->msg_len < HEAD ? m->msg_len : HEAD;
	h->msg_iov[1].iov_len = m->msg_len - h->msg_iov[0].iov_len;
	h->msg_iovlen = m->msg_len > HEAD ? 2 : 1;
	keep_local_address(h);
	return true;
}

/* A full send buffer loses the answer, as the network might; the others have other receivers. */
static void
send_answers(int fd, size_t n)
{
	size_t sent = 0;

	while (sent < n) {
		int r = sendmmsg(fd, messages + sent, (unsigned)(n - sent), MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += r > 0 ? (size_t)r : 1;
	}
}

/* Returns how many were there. */
static size_t
serve_batch(struct service *s, struct listener_socket *ls, size_t max, datagram_answer answer)
{
	size_t n = receive(ls, max), answers = 0;
	bool tails_used = uses_tails(n);
	int64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < n; i++)
		if (make_answer(s, &messages[i], now, answer))
			messages[answers++] = messages[i];
	send_answers(listener_socket_fd(ls), answers);
	if (tails_used)
		madvise(tails[1], sizeof(tails) - sizeof(tails[0]), MADV_DONTNEED);
	return n;
}

static void
serve(struct service *s, struct listener_socket *ls, datagram_answer answer)
{
	if (!is_limited(s)) {
		for (int i = 0; i < BATCHES; i++)
			if (serve_batch(s, ls, BATCH, answer) < BATCH)
				return;
		return;
	}
	/* One by one: past the rate they wait in the socket's queue, as connections do. */
	for (int i = 0; i < BATCH; i++)
		if (service_holds_for_rate(s, i == 0) || serve_batch(s, ls, 1, answer) == 0)
			return;
}

void
datagram_serve(struct service *s, struct listener_socket *ls, datagram_answer answer)
{
	serve(s, ls, answer);
}

void
datagram_echo(struct service *s, struct listener_socket *ls)
{
	serve(s, ls, NULL);
}
