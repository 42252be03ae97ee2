/* Entries of access lists, one a line, and peers that ask. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The address in front of the slash is on a list that has nothing else. */
static void
check_itself(const char *entry)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	char addr[64];
	struct acl acl = { 0 };
	struct error err = { 0 };
	size_t len = strcspn(entry, "/");
	bool on = true;

	if (acl_add(&acl, entry, &err) < 0) {
		if (acl.n || !err.text[0]) {
			fprintf(stderr, "refused, and yet there, or without a reason: %s\n", entry);
			abort();
		}
		acl_clear(&acl);
		return;
	}
	if (acl.names.n) {
		char name[512];

		snprintf(name, sizeof(name), "%s%s", *entry == '.' ? "host" : "", entry);
		on = acl_match_name(&acl, name);
	} else if (len < sizeof(addr)) {
		memcpy(addr, entry, len);
		addr[len] = '\0';
		if (inet_pton(AF_INET, addr, &in.sin_addr) == 1)
			on = acl_match(&acl, (struct sockaddr *)&in);
		else if (inet_pton(AF_INET6, addr, &in6.sin6_addr) == 1)
			on = acl_match(&acl, (struct sockaddr *)&in6) || IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
	}
	if (!on) {
		fprintf(stderr, "not on its own list: %s\n", entry);
		abort();
	}
	acl_clear(&acl);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), *line, *rest;
	struct sockaddr_storage peer = { 0 };
	struct acl acl = { 0 };

	memcpy(&peer, data, len < sizeof(peer) ? len : sizeof(peer));
	memcpy(text, data, len);
	text[len] = '\0';
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		acl_add(&acl, line, NULL);
		check_itself(line);
	}
	for (int family = 0; family < 4; family++) {
		peer.ss_family = (sa_family_t[]){ AF_INET, AF_INET6, AF_UNIX, AF_NETLINK }[family];
		acl_match(&acl, (struct sockaddr *)&peer);
	}
	acl_clear(&acl);
	free(text);
	return 0;
}
