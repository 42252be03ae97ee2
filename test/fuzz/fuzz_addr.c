/* Addresses as text, and socket addresses as bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/slots.h"
#include "core/sys/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
fail(const char *why, const char *text)
{
	fprintf(stderr, "%s: %s\n", why, text);
	abort();
}

/* What was read says the same when it is read again as it is told. */
static void
as_text(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), told[ADDR_TEXT], again[ADDR_TEXT];
	struct addr_spec spec, second;
	struct error err = { 0 };

	memcpy(text, data, len);
	text[len] = '\0';
	if (addr_spec_parse(text, &spec, &err) < 0) {
		if (!err.text[0])
			fail("refused without a reason", text);
	} else if (spec.kind == ADDR_UNIX || spec.kind == ADDR_VSOCK) {
		addr_format_url(&spec.addr, told);
		if (addr_spec_parse(told, &second, &err) < 0 || !addr_equal(&spec.addr, &second.addr))
			fail("does not read back", told);
		addr_format_url(&second.addr, again);
		if (strcmp(told, again) != 0)
			fail("changes", told);
	} else if (!*spec.port || strlen(spec.port) >= sizeof(spec.port) ||
		   strlen(spec.host) >= sizeof(spec.host)) {
		fail("has no port, or no end", text);
	}
	free(text);
}

static void
as_bytes(const uint8_t *data, size_t len)
{
	static const sa_family_t families[] = { AF_INET, AF_INET6, AF_UNIX, AF_VSOCK, AF_UNSPEC };
	struct addr a = { .socktype = SOCK_STREAM };
	char plain[ADDR_TEXT], url[ADDR_TEXT], ip[64];

	if (len < 2)
		return;
	a.socktype = data[1] % 2 ? SOCK_DGRAM : SOCK_STREAM;
	memcpy(&a.storage, data, len < sizeof(a.storage) ? len : sizeof(a.storage));
	a.sa.sa_family = families[data[0] % 5];
	a.len = a.sa.sa_family == AF_INET    ? sizeof(a.in)
		: a.sa.sa_family == AF_INET6 ? sizeof(a.in6)
		: a.sa.sa_family == AF_VSOCK ? sizeof(a.vm)
					     : (socklen_t)(len < sizeof(a.un) ? len : sizeof(a.un));
	addr_format(&a.sa, a.len, plain);
	addr_format_url(&a, url);
	addr_ip(&a.sa, ip);
	addr_port(&a.sa);
	source_of(&a.sa, 0);
	if (strlen(plain) >= ADDR_TEXT || strlen(url) >= ADDR_TEXT || strlen(ip) >= sizeof(ip))
		fail("too long", plain);
	addr_unmap(&a.storage, &a.len);
	addr_format(&a.sa, a.len, url);
	if (strcmp(plain, url) != 0)
		fail("reads otherwise when it is unmapped", plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	as_text(data, len);
	as_bytes(data, len);
	return 0;
}
