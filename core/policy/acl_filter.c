#include "core/policy/acl_filter.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

/* The packet that the program sees begins behind the IP header; from here on that header can be read. */
static const uint32_t ip_header = (uint32_t)SKF_NET_OFF;

enum { IPV4_SOURCE = 12, IPV6_SOURCE = 8 }; /* where the address is in its header */
enum { DROP = 0 };
static const uint32_t keep = UINT32_MAX; /* so many bytes of it */

static void
add(struct acl_filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	/* Twice the room each time it is full. */
	if ((f->n & (f->n - 1)) == 0)
		f->insns = xrealloc(f->insns, (f->n ? f->n * 2 : 1) * sizeof(*f->insns));
	f->insns[f->n++] = (struct sock_filter){ code, jt, jf, k };
}

static void
add_return(struct acl_filter *f, uint32_t verdict)
{
	add(f, BPF_RET | BPF_K, 0, 0, verdict);
}

static uint32_t
word_at(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return ntohl(word);
}

/* Words of the address that an entry compares. */
static unsigned
words_of(const struct acl_entry *e, size_t first_bit)
{
	return (unsigned)(e->bits - first_bit + 31) / 32;
}

/* One entry: words that differ lead past its verdict. `first` is the byte of an entry where the address
 * begins: IPv4 is kept as v4-mapped. */
static void
add_entry(struct acl_filter *f, const struct acl_entry *e, size_t first, uint32_t at, uint32_t verdict)
{
	unsigned words = words_of(e, first * 8);
	size_t compares[4];

	for (unsigned i = 0; i < words; i++) {
		unsigned bits = (unsigned)(e->bits - first * 8) - i * 32;

		add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, ip_header + at + i * 4);
		if (bits < 32)
			add(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, UINT32_MAX << (32 - bits));
		compares[i] = f->n;
		add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, word_at(e->bytes + first + (size_t)i * 4));
	}
	for (unsigned i = 0; i < words; i++)
		f->insns[compares[i]].jf = (uint8_t)(f->n - compares[i]); /* past the return */
	add_return(f, verdict);
}

static void
add_list(struct acl_filter *f, const struct acl *acl, enum acl_kind kind, uint32_t verdict)
{
	for (size_t i = 0; i < acl->n && f->n <= BPF_MAXINSNS; i++) {
		const struct acl_entry *e = &acl->entries[i];

		if (e->kind == ACL_ALL)
			add_return(f, verdict);
		else if (e->kind == kind && kind == ACL_IPV4)
			add_entry(f, e, 12, IPV4_SOURCE, verdict);
		else if (e->kind == kind)
			add_entry(f, e, 0, IPV6_SOURCE, verdict);
	}
}

static void
add_lists(struct acl_filter *f, const struct acl *allow, const struct acl *deny, enum acl_kind kind)
{
	add_list(f, deny, kind, DROP);
	if (allow)
		add_list(f, allow, kind, keep);
	add_return(f, allow ? DROP : keep);
}

int
acl_filter_compile(struct acl_filter *f, const struct acl *allow, const struct acl *deny, struct error *err)
{
	/* ::ffff:0:0/96 never comes as the source of an IPv6 packet, unless somebody forges it. */
	static const struct acl_entry forged = { .bytes = { [10] = 0xff, [11] = 0xff },
						 .bits = 96,
						 .kind = ACL_IPV6 };
	size_t to_ipv4;

	*f = (struct acl_filter){ 0 };
	add(f, BPF_LD | BPF_B | BPF_ABS, 0, 0,
	    ip_header); /* the version, in the upper half of the first byte */
	add(f, BPF_ALU | BPF_RSH | BPF_K, 0, 0, 4);
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 4);
	/* The way of a conditional jump is 255 at most. */
	to_ipv4 = f->n;
	add(f, BPF_JMP | BPF_JA, 0, 0, 0);
	add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 6);
	add_return(f, DROP);
	add_entry(f, &forged, 0, IPV6_SOURCE, DROP);
	add_lists(f, allow, deny, ACL_IPV6);
	f->insns[to_ipv4].k = (uint32_t)(f->n - to_ipv4 - 1);
	add_lists(f, allow, deny, ACL_IPV4);
	if (f->n <= BPF_MAXINSNS)
		return 0;
	acl_filter_clear(f);
	return error_set(err, 0,
			 "the lists are too long for the kernel, which has to keep them where a "
			 "program takes what comes from the socket itself");
}

void
acl_filter_clear(struct acl_filter *f)
{
	free(f->insns);
	*f = (struct acl_filter){ 0 };
}
