#include "core/policy/source.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct source
source_of(const struct sockaddr *sa, uint32_t uid)
{
	struct source src = { .family = (uint8_t)sa->sa_family };

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(src.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		break;
	case AF_INET6:
		memcpy(src.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		if (memcmp(src.bytes, mapped, sizeof(mapped)) != 0)
			break;
		src.family = AF_INET;
		memmove(src.bytes, src.bytes + sizeof(mapped), 4);
		memset(src.bytes + 4, 0, sizeof(src.bytes) - 4);
		break;
	case AF_UNIX:
		memcpy(src.bytes, &uid, sizeof(uid));
		break;
	default:
		src.family = 0;
	}
	return src;
}

struct source
source_network(const struct source *src, int ipv4_bits, int ipv6_bits)
{
	struct source net = *src;
	size_t bits = src->family == AF_INET ? (size_t)ipv4_bits : (size_t)ipv6_bits;

	if (src->family != AF_INET && src->family != AF_INET6)
		return net;
	for (size_t i = 0; i < sizeof(net.bytes); i++) {
		if (bits >= (i + 1) * 8)
			continue;
		net.bytes[i] &= bits > i * 8 ? (uint8_t)(0xff << (8 - bits % 8)) : 0;
	}
	return net;
}

bool
source_equal(const struct source *a, const struct source *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

size_t
source_hash(const struct source *src)
{
	static uint64_t key;
	uint64_t half[2];

	/* Too early for random numbers: the next one tries again. */
	if (!key && getrandom(&key, sizeof(key), GRND_NONBLOCK) == sizeof(key))
		key |= 1;
	memcpy(half, src->bytes, sizeof(half));
	return (size_t)mix(mix(mix(half[0] ^ key) ^ half[1]) + src->family + key);
}
