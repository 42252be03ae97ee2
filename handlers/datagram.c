#include "handlers/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/service/registry.h"
#include "core/service/service.h"
#include "core/sys/addr.h"

/* So that no service starves the others. */
enum { PER_TURN = 64, LARGEST = 65536 };

struct request {
	struct sockaddr_storage peer;
	struct msghdr msg;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	size_t len;
};

/* echo, discard, daytime, qotd, chargen, time. */
static const int answering_ports[] = { 7, 9, 13, 17, 19, 37 };

static bool
is_own_port(const struct registry *r, int port)
{
	struct service *s;

	TAILQ_FOREACH(s, &r->services, entry) {
		if (s->conf->wait || !(s->handler->sockets & HANDLER_DATAGRAM))
			continue;
		for (size_t i = 0; i < s->nlisteners; i++) {
			struct listener_socket *ls;

			for (size_t j = 0; (ls = listener_socket_at(s->listeners[i].listener, j)); j++) {
				const struct addr *a = listener_socket_addr(ls);

				if (a->socktype == SOCK_DGRAM && addr_port(&a->sa) == port)
					return true;
			}
		}
	}
	return false;
}

static bool
would_loop(const struct service *s, const struct sockaddr *peer)
{
	int port = addr_port(peer);

	if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
		return false;
	if (port == 0)
		return true;
	for (size_t i = 0; i < sizeof(answering_ports) / sizeof(answering_ports[0]); i++)
		if (answering_ports[i] == port)
			return true;
	return is_own_port(s->registry, port);
}

/* The control data of the request says where it was sent to; the same, without the interface, makes
 * the answer leave from there. */
static void
keep_local_address(struct request *q)
{
	struct cmsghdr *cm;

	for (cm = CMSG_FIRSTHDR(&q->msg); cm; cm = CMSG_NXTHDR(&q->msg, cm)) {
		if (cm->cmsg_level == IPPROTO_IP && cm->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo pi;

			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			/* The kernel has put a local address into ipi_spec_dst, for broadcasts as well. */
			pi.ipi_ifindex = 0;
			memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
			q->msg.msg_controllen = CMSG_SPACE(sizeof(pi));
			return;
		}
		if (cm->cmsg_level == IPPROTO_IPV6 && cm->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo pi;

			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			/* A link-local address is one of an interface. */
			if (!IN6_IS_ADDR_LINKLOCAL(&pi.ipi6_addr))
				pi.ipi6_ifindex = 0;
			memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
			q->msg.msg_controllen = CMSG_SPACE(sizeof(pi));
			return;
		}
	}
	q->msg.msg_controllen = 0;
}

static int
receive(int fd, struct request *q, char *buf)
{
	ssize_t n;

	memset(&q->peer, 0, sizeof(q->peer)); /* a nameless peer leaves it as it is */
	q->iov = (struct iovec){ buf, LARGEST };
	q->msg = (struct msghdr){
		.msg_name = &q->peer,
		.msg_namelen = sizeof(q->peer),
		.msg_iov = &q->iov,
		.msg_iovlen = 1,
		.msg_control = q->control,
		.msg_controllen = sizeof(q->control),
	};
	do
		n = recvmsg(fd, &q->msg, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	q->len = (size_t)n;
	if (q->msg.msg_namelen == 0)
		q->peer.ss_family = AF_UNIX; /* only there a sender needs no name */
	return 0;
}

static const char *
refusal(struct service *s, const struct request *q)
{
	const struct sockaddr *peer = (const struct sockaddr *)&q->peer;

	if (would_loop(s, peer))
		return "deny";
	if (!admit_address(&s->admission, peer))
		return "deny";
	return rate_take(&s->admission.rate, clock_monotonic_ns()) ? NULL : "rate";
}

void
datagram_serve(struct service *s, struct listener_socket *ls, datagram_answer answer)
{
	static char in[LARGEST], out[LARGEST];
	int fd = listener_socket_fd(ls);
	struct request q;

	for (int i = 0; i < PER_TURN; i++) {
		const char *reason;
		char peer[ADDR_TEXT];
		ssize_t len;

		/* Past the rate they wait in the socket's queue, as connections do. */
		if (service_holds_for_rate(s) || receive(fd, &q, in) < 0)
			return;
		reason = refusal(s, &q);

		if (reason) {
			bool named = q.msg.msg_namelen >= sizeof(sa_family_t);

			if (named)
				addr_format((struct sockaddr *)&q.peer, q.msg.msg_namelen, peer);
			service_log_summed(s, LOG_LEVEL_INFO, "refuse",
					   LOG_FIELDS(LOG_S("peer", named ? peer : "unix"),
						      LOG_S("reason", reason)));
			continue;
		}
		if (q.msg.msg_namelen < sizeof(sa_family_t))
			continue; /* nobody to answer to */
		len = answer(in, q.len, out, sizeof(out));
		if (len < 0)
			continue;
		q.iov = (struct iovec){ out, (size_t)len };
		keep_local_address(&q);
		/* A full send buffer loses the answer, as the network might. */
		(void)!sendmsg(fd, &q.msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}
