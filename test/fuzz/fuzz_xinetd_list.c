/* Words of only_from and no_access. What is taken is an entry of an access list, in the same form again
 * if it is read once more; and a word never keeps fewer out than it lets in. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/foreign/xinetd.h"
#include "core/policy/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
has(const struct strlist *list, const char *entry)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i], entry) == 0)
			return true;
	return false;
}

static bool
is_name(const char *entry)
{
	return !strchr(entry, ':') && !strchr(entry, '/') && entry[strspn(entry, "0123456789.")];
}

static void
check_entry(const char *word, const char *entry)
{
	struct acl acl = { 0 };
	struct error err = { 0 };

	if (!is_name(entry) && acl_add(&acl, entry, &err) < 0) {
		fprintf(stderr, "%s becomes %s: %s\n", word, entry, err.text);
		abort();
	}
	acl_clear(&acl);
	if (strcmp(entry, "all") == 0 || strcmp(entry, "unix") == 0 || xinetd_is_inside(entry, entry)) {
		fprintf(stderr, "%s becomes %s\n", word, entry);
		abort();
	}
}

static void
check_word(const char *word)
{
	struct strlist allow = { 0 }, deny = { 0 };
	const char *odd;
	struct error err = { 0 };
	int a = xinetd_address(word, false, &allow, &odd, &err);
	int d = xinetd_address(word, true, &deny, &odd, &err);

	if (a != d || (a < 0 && !err.text[0]) || (a == 0 && !allow.n)) {
		fprintf(stderr, "taken in one list only, or as nothing, or without a reason: %s\n", word);
		abort();
	}
	for (size_t i = 0; a == 0 && i < allow.n; i++) {
		check_entry(word, allow.items[i]);
		if (!has(&deny, allow.items[i])) {
			fprintf(stderr, "%s lets in %s, and does not keep it out\n", word, allow.items[i]);
			abort();
		}
	}
	for (size_t i = 0; d == 0 && i < deny.n; i++)
		check_entry(word, deny.items[i]);
	strlist_clear(&allow);
	strlist_clear(&deny);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), *word, *rest = text;

	memcpy(text, data, len);
	text[len] = '\0';
	while ((word = strsep(&rest, " \t\n")))
		if (*word)
			check_word(word);
	free(text);
	return 0;
}
