#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/foreign/xinetd.h"

/* Words of only_from and no_access. One that means nothing is an error in either list: in xinetd the
 * one lets nobody in then, and the other everyone. */

struct xinetd_machine xinetd_machine = {
	.networks = "/etc/networks",
	.hosts_allow = "/etc/hosts.allow",
	.hosts_deny = "/etc/hosts.deny",
};

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* --- prefixes --- */

struct prefix {
	int family;
	uint8_t bytes[16];
	int bits;
};

static void
clear_behind(struct prefix *p)
{
	for (int bit = p->bits; bit < (p->family == AF_INET ? 32 : 128); bit++)
		p->bytes[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
}

/* A v4-mapped prefix is one of IPv4. */
static void
unmap(struct prefix *p)
{
	if (p->family != AF_INET6 || p->bits < 96 || memcmp(p->bytes, mapped, sizeof(mapped)) != 0)
		return;
	memmove(p->bytes, p->bytes + 12, 4);
	p->family = AF_INET;
	p->bits -= 96;
}

static void
add_prefix(struct prefix p, struct strlist *out)
{
	char addr[INET6_ADDRSTRLEN], text[sizeof(addr) + 8];

	clear_behind(&p);
	unmap(&p);
	inet_ntop(p.family, p.bytes, addr, sizeof(addr));
	if (p.bits == (p.family == AF_INET ? 32 : 128))
		snprintf(text, sizeof(text), "%s", addr);
	else
		snprintf(text, sizeof(text), "%s/%d", addr, p.bits);
	strlist_add(out, text);
}

/* "10.0.0.0/8" or an address; false for anything else, such as a name. */
static bool
read_prefix(const char *text, struct prefix *p)
{
	char addr[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	int64_t bits;

	if (len >= sizeof(addr))
		return false;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET, addr, p->bytes) == 1)
		*p = (struct prefix){ AF_INET, { p->bytes[0], p->bytes[1], p->bytes[2], p->bytes[3] }, 32 };
	else if (inet_pton(AF_INET6, addr, p->bytes) == 1)
		p->family = AF_INET6, p->bits = 128;
	else
		return false;
	if (!text[len])
		return true;
	if (parse_int(text + len + 1, 0, 128, &bits, NULL) < 0)
		return false;
	/* xinetd takes more than 32 bits as 32. */
	if (bits < p->bits)
		p->bits = (int)bits;
	return true;
}

bool
xinetd_is_inside(const char *entry, const char *of)
{
	struct prefix a = { 0 }, b = { 0 };

	if (!read_prefix(entry, &a) || !read_prefix(of, &b) || a.family != b.family || a.bits <= b.bits)
		return false;
	a.bits = b.bits;
	clear_behind(&a);
	return memcmp(a.bytes, b.bytes, a.family == AF_INET ? 4 : 16) == 0;
}

/* --- the forms of a word --- */

/* Zeros at the end of an IPv4 address stand for anything. */
static int
bits_without_zeros(const uint8_t bytes[4])
{
	int bits = 32;

	while (bits && bytes[bits / 8 - 1] == 0)
		bits -= 8;
	return bits;
}

static int
address(const char *word, struct strlist *out, const char **odd)
{
	struct prefix p = { 0 };

	if (!read_prefix(word, &p))
		return -1;
	if (p.family == AF_INET)
		p.bits = bits_without_zeros(p.bytes);
	else if (strcmp(word, "::") == 0)
		*odd = "is one address that no client has; ::/0 is every IPv6 address";
	add_prefix(p, out);
	return 0;
}

/* On xinetd's sockets IPv4 clients have addresses of IPv6 (::ffff:10.0.0.1). A prefix that is wide enough
 * to have those in it reaches them: all of it does, and in a list of the refused any. */
static bool
reaches_ipv4(const struct prefix *p, bool deny)
{
	struct prefix all = { .family = AF_INET6, .bits = p->bits };

	memcpy(all.bytes, mapped, sizeof(mapped));
	clear_behind(&all);
	return p->family == AF_INET6 && p->bits < 96 && (deny || p->bits == 0) &&
	       memcmp(all.bytes, p->bytes, sizeof(all.bytes)) == 0;
}

static int
cidr(const char *word, bool deny, struct strlist *out, const char **odd, struct error *err)
{
	struct prefix p = { 0 };

	if (!read_prefix(word, &p))
		return error_set(err, 0, "\"%.60s\" is no prefix such as 10.0.0.0/8 or 2001:db8::/32", word);
	if (p.family == AF_INET && p.bits == 32 && strcmp(strchr(word, '/'), "/32") != 0)
		*odd = "has more bits than an IPv4 address";
	clear_behind(&p);
	add_prefix(p, out);
	if (reaches_ipv4(&p, deny))
		strlist_add(out, "0.0.0.0/0");
	return 0;
}

/* A number of at most three digits up to 255; NULL if there is none. */
static const char *
read_octet(const char *s, uint8_t *out)
{
	int v = 0, digits = 0;

	for (; isdigit((unsigned char)*s); s++) {
		v = v * 10 + *s - '0';
		if (++digits > 3)
			return NULL;
	}
	*out = (uint8_t)v;
	return digits && v <= 255 ? s : NULL;
}

/* "10.1.{2,3}": each number in the braces with what stands in front. */
static int
factorised(const char *word, struct strlist *out)
{
	struct prefix p = { .family = AF_INET };
	const char *s = word;
	int n = 0;

	while (*s != '{') {
		s = read_octet(s, &p.bytes[n]);
		if (!s || *s != '.' || ++n > 3)
			return -1;
		s++;
	}
	p.bits = 8 * (n + 1);
	do {
		s = read_octet(s + 1, &p.bytes[n]);
		if (!s)
			return -1;
		add_prefix(p, out);
	} while (*s == ',');
	return n > 0 && strcmp(s, "}") == 0 ? 0 : -1;
}

/* --- /etc/networks --- */

/* "127", "127.0", "127.0.0.0" as an address of 32 bits. */
static bool
read_network(const char *text, uint8_t bytes[4])
{
	memset(bytes, 0, 4);
	for (int i = 0; i < 4; i++) {
		text = read_octet(text, &bytes[i]);
		if (!text || (*text && *text != '.'))
			return false;
		if (!*text)
			return true;
		text++;
	}
	return false;
}

/* Whether a line "name number alias…" has that name. */
static bool
names_network(char *line, const char *name, char **number)
{
	char *first, *word, *rest;
	bool found;

	line[strcspn(line, "#\n")] = '\0';
	first = strtok_r(line, " \t", &rest);
	*number = strtok_r(NULL, " \t", &rest);
	if (!first || !*number)
		return false;
	found = strcasecmp(first, name) == 0;
	while (!found && (word = strtok_r(NULL, " \t", &rest)))
		found = strcasecmp(word, name) == 0;
	return found;
}

static bool
find_network(const char *name, struct prefix *p)
{
	FILE *f = fopen(xinetd_machine.networks, "re");
	char line[1024], *number;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = names_network(line, name, &number) && read_network(number, p->bytes);
	if (f)
		fclose(f);
	p->family = AF_INET;
	p->bits = found ? bits_without_zeros(p->bytes) : 0;
	return found;
}

/* --- names --- */

static bool
is_host_name(const char *s)
{
	bool letter = false;

	if (strlen(s) > 253 || strstr(s, ".."))
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
			return false;
		letter |= isalpha((unsigned char)*s) != 0;
	}
	return letter;
}

/* What an access list would take for something else than a host. */
static bool
is_reserved(const char *s)
{
	static const char *const words[] = { "ALL", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "unix", NULL };

	return xinetd_word(s, words) >= 0;
}

static int
name(const char *word, struct strlist *out, struct error *err)
{
	struct prefix p = { 0 };
	char host[256];
	size_t len = strlen(word);

	if (!is_host_name(word))
		return error_set(err, 0, "\"%.60s\" is no address, prefix, network or name", word);
	for (size_t i = 0; i <= len; i++)
		host[i] = (char)tolower((unsigned char)word[i]);
	if (len && host[len - 1] == '.')
		host[len - 1] = '\0';
	if (is_reserved(host))
		return error_set(err, 0, "\"%s\" is no name of a host; every address is 0.0.0.0 ::/0", word);
	if (!find_network(host, &p)) {
		strlist_add(out, host);
		return 0;
	}
	if (!p.bits)
		return error_set(err, 0, "\"%s\" is every address in %s; write 0.0.0.0 if that is meant",
				 word, xinetd_machine.networks);
	add_prefix(p, out);
	return 0;
}

int
xinetd_address(const char *word, bool deny, struct strlist *out, const char **odd, struct error *err)
{
	*odd = NULL;
	if (strchr(word, '/'))
		return cidr(word, deny, out, odd, err);
	if (address(word, out, odd) == 0)
		return 0;
	if (strpbrk(word, "{}")) {
		if (factorised(word, out) < 0)
			return error_set(err, 0, "\"%.60s\" is no list such as 10.1.{2,3}", word);
		return 0;
	}
	if (word[strspn(word, "0123456789.")] == '\0')
		return error_set(err, 0, "\"%.60s\" is no IPv4 address of four numbers from 0 to 255", word);
	return name(word, out, err);
}

/* --- hosts.allow and hosts.deny --- */

/* Whether a file of libwrap has a line that is more than a comment. */
static bool
has_rules(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[256];
	bool found = false, begins = true;

	while (f && !found && fgets(line, sizeof(line), f)) {
		found = begins && !strchr("#\n", line[strspn(line, " \t\r")]);
		begins = strchr(line, '\n') != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

bool
xinetd_has_rules(void)
{
	return has_rules(xinetd_machine.hosts_allow) || has_rules(xinetd_machine.hosts_deny);
}
