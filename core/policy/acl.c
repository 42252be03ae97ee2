#include "core/policy/acl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "core/sys/addr.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool
has_bits_behind(const struct acl_entry *e)
{
	for (unsigned bit = e->bits; bit < 128; bit++)
		if (e->bytes[bit / 8] & (0x80 >> (bit % 8)))
			return true;
	return false;
}

static int
parse_prefix(const char *entry, struct acl_entry *e, struct error *err)
{
	const char *slash = strchr(entry, '/');
	char addr[INET6_ADDRSTRLEN];
	size_t len = slash ? (size_t)(slash - entry) : strlen(entry);
	int64_t bits, max;

	if (len >= sizeof(addr))
		goto bad;
	memcpy(addr, entry, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET, addr, e->bytes + 12) == 1) {
		e->kind = ACL_IPV4;
		memcpy(e->bytes, mapped, sizeof(mapped));
		max = 32;
	} else if (inet_pton(AF_INET6, addr, e->bytes) == 1) {
		e->kind = ACL_IPV6;
		max = 128;
	} else {
		goto bad;
	}
	bits = max;
	if (slash && parse_int(slash + 1, 0, max, &bits, err) < 0)
		return error_prefix(err, "the prefix length of \"%s\"", entry);
	e->bits = (uint8_t)(128 - max + bits);
	if (e->bits >= 96 && memcmp(e->bytes, mapped, sizeof(mapped)) == 0)
		e->kind = ACL_IPV4; /* written as ::ffff:a.b.c.d */
	if (has_bits_behind(e))
		return error_set(err, 0, "\"%s\" has bits set behind its prefix", entry);
	return 0;

bad:
	return error_set(err, 0, "\"%s\" is no address, prefix, name, .domain, \"unix\" or \"all\"", entry);
}

/* "127.0.0.l", "10.0.0.1x": a slip would become a name that nobody has. */
static bool
looks_like_address(const char *entry)
{
	size_t n = strspn(entry, "0123456789."), dots = 0;

	for (size_t i = 0; i < n; i++)
		dots += entry[i] == '.';
	return *entry != '.' && dots >= 2 && !strchr(entry + n, '.');
}

/* Nor must "ALL" be the name of a host. */
static bool
is_name(const char *entry)
{
	return !looks_like_address(entry) && strcasecmp(entry, "all") != 0 &&
	       strcasecmp(entry, "unix") != 0 && addr_is_name(entry + (*entry == '.'));
}

int
acl_add(struct acl *acl, const char *entry, struct error *err)
{
	struct acl_entry e = { .kind = ACL_ALL };

	if (strcmp(entry, "unix") == 0) {
		e.kind = ACL_UNIX;
	} else if (is_name(entry)) {
		strlist_add(&acl->names, entry);
		return 0;
	} else if (strcmp(entry, "all") != 0 && parse_prefix(entry, &e, err) < 0) {
		return -1;
	}
	acl->entries = xrealloc(acl->entries, (acl->n + 1) * sizeof(*acl->entries));
	acl->entries[acl->n++] = e;
	return 0;
}

static bool
prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* What kind of entry can match the address, beside "all"; its bytes as v4-mapped or IPv6. */
static enum acl_kind
kind_of(const struct sockaddr *sa, uint8_t bytes[16])
{
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(bytes, mapped, sizeof(mapped));
		memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		return ACL_IPV4;
	case AF_INET6:
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		return memcmp(bytes, mapped, sizeof(mapped)) == 0 ? ACL_IPV4 : ACL_IPV6;
	case AF_UNIX:
		return ACL_UNIX;
	default:
		return ACL_ALL;
	}
}

bool
acl_match(const struct acl *acl, const struct sockaddr *sa)
{
	uint8_t bytes[16] = { 0 };
	enum acl_kind kind = kind_of(sa, bytes);

	for (size_t i = 0; i < acl->n; i++) {
		const struct acl_entry *e = &acl->entries[i];

		if (e->kind == ACL_ALL || (e->kind == ACL_UNIX && kind == ACL_UNIX))
			return true;
		if (e->kind == kind && prefix_equal(bytes, e->bytes, e->bits))
			return true;
	}
	return false;
}

static size_t
length_of(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

bool
acl_match_name(const struct acl *acl, const char *name)
{
	size_t len = length_of(name);

	for (size_t i = 0; i < acl->names.n; i++) {
		const char *entry = acl->names.items[i];
		size_t n = length_of(entry);

		if (*entry == '.' ? len > n : len == n)
			if (strncasecmp(name + len - n, entry, n) == 0)
				return true;
	}
	return false;
}

void
acl_clear(struct acl *acl)
{
	strlist_clear(&acl->names);
	free(acl->entries);
	*acl = (struct acl){ 0 };
}
