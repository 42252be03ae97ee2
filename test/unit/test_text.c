#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "test/unit/tap.h"

static void
growing(void)
{
	struct text t = { 0 };
	bool good = true;

	text_clear(&t);
	ok(t.s == NULL && t.len == 0, "a text that nothing was added to can be cleared");
	text_add(&t, "", 0);
	is(t.s, "", "adding nothing makes an empty text, not NULL");
	for (int i = 0; i < 5000; i++)
		text_printf(&t, "%d ", i % 10);
	is_int((long long)t.len, 10000, "a text grows as it is added to");
	for (size_t i = 0; i < t.len; i += 2)
		good &= t.s[i] == (char)('0' + i / 2 % 10) && t.s[i + 1] == ' ';
	ok(good && t.s[t.len] == '\0', "and keeps what was in it");
	text_clear(&t);
	text_add(&t, "a\0b", 3);
	text_puts(&t, "c");
	ok(t.len == 4 && memcmp(t.s, "a\0bc", 5) == 0, "a NUL byte is a byte like others");
	text_clear(&t);
}

static void
lists(void)
{
	struct strlist a = { 0 }, b, empty = { 0 };
	char word[] = "first";

	ok(strlist_equal(&a, &empty), "two empty lists are equal");
	strlist_add(&a, word);
	word[0] = 'X';
	is(a.items[0], "first", "a list owns its strings");
	ok(a.items[1] == NULL, "a list ends with NULL, so that it can be an argv");
	strlist_add(&a, "");
	strlist_copy(&b, &a);
	ok(strlist_equal(&a, &b) && a.items[0] != b.items[0], "a copy is equal and stands alone");
	strlist_add(&b, "more");
	ok(!strlist_equal(&a, &b), "a longer list is not equal");
	strlist_clear(&b);
	ok(b.n == 0 && b.items == NULL, "a cleared list is empty");
	strlist_copy(&b, &empty);
	ok(b.n == 0, "an empty list can be copied");
	strlist_add(&b, "first");
	strlist_add(&b, "second");
	ok(!strlist_equal(&a, &b), "a list with another string is not equal");
	{
		size_t total = a.n + b.n;
		char *moved = b.items[0];

		strlist_move(&a, &b);
		ok(a.n == total && a.items[total - 2] == moved && !a.items[total],
		   "what is moved is behind what was there, and stays where it is in memory");
		ok(b.n == 0 && !b.items, "nothing is left where it was");
		strlist_move(&a, &b);
		ok(a.n == total, "moving nothing changes nothing");
	}
	strlist_clear(&a);
	strlist_clear(&b);
}

static void
quote(const char *value, size_t len, const char *expected, const char *what)
{
	struct text t = { 0 };

	text_quote(&t, value, len);
	is(t.s, expected, what);
	text_clear(&t);
}

static void
quoting(void)
{
	char all[256];
	struct text t = { 0 };
	bool printable = true;

	quote("10.0.0.1:80", 11, "10.0.0.1:80", "a plain value stays as it is");
	quote("", 0, "\"\"", "an empty value can be seen");
	quote("two words", 9, "\"two words\"", "blanks are quoted");
	quote("a=b", 3, "\"a=b\"", "a = inside a value cannot be taken for another key");
	quote("say \"hi\" \\", 10, "\"say \\\"hi\\\" \\\\\"", "quotes and backslashes are escaped");
	quote("a\nb\tc\rd", 7, "\"a\\nb\\tc\\rd\"", "line ends stay on the line");
	quote("\033[31m", 5, "\"\\x1b[31m\"", "a terminal's escape sequence never comes out raw");
	quote("\x7f", 1, "\"\\x7f\"", "nor does DEL");
	quote("caf\xc3\xa9", 5, "\"caf\\xc3\\xa9\"", "nor bytes beyond ASCII");
	quote("a\0b", 3, "\"a\\x00b\"", "nor NUL");
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	text_quote(&t, all, sizeof(all));
	for (size_t i = 0; i < t.len; i++)
		printable &= t.s[i] >= ' ' && t.s[i] < 0x7f;
	ok(printable, "whatever the bytes are, the result is printable ASCII");
	text_clear(&t);
}

static void
nearest(void)
{
	static const char *const words[] = { "listen",     "instances", "per_source", "rate",
					     "rate_burst", "user",      "umask",      NULL };
	static const char *const none[] = { NULL };
	char long_word[300];

	is(text_nearest("instance", words), "instances", "a missing letter is found");
	is(text_nearest("lisen", words), "listen", "a missing letter inside is found");
	is(text_nearest("lsiten", words), "listen", "swapped letters are found");
	is(text_nearest("Listen", words), "listen", "the case does not matter");
	is(text_nearest("per-source", words), "per_source", "a wrong mark is found");
	is(text_nearest("rate", words), "rate", "a word is nearest to itself");
	is(text_nearest("usr", words), "user", "a short word may lack a letter");
	is(text_nearest("zebra", words), NULL, "a word that is near to none gets none");
	is(text_nearest("anything", none), NULL, "no words, no suggestion");
	memset(long_word, 'q', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	is(text_nearest(long_word, words), NULL, "a very long word is near to none");
}

static void
integers(void)
{
	static const char *const bad[] = { "",
					   " 1",
					   "1 ",
					   "+1",
					   "0x10",
					   "1e3",
					   "ten",
					   "-",
					   "--1",
					   "1.0",
					   "1,000",
					   "99999999999999999999",
					   "-99999999999999999999",
					   "101",
					   "-11",
					   NULL };
	struct error err;
	int64_t v = 7;

	ok(parse_int("42", -10, 100, &v, &err) == 0 && v == 42, "a whole number is read");
	ok(parse_int("-10", -10, 100, &v, &err) == 0 && v == -10, "the smallest one too");
	ok(parse_int("100", -10, 100, &v, &err) == 0 && v == 100, "the largest one too");
	ok(parse_int("-0", -10, 100, &v, &err) == 0 && v == 0, "-0 is 0");
	ok(parse_int("007", -10, 100, &v, &err) == 0 && v == 7, "leading zeros do not make it octal");
	for (const char *const *s = bad; *s; s++) {
		v = 7;
		ok(parse_int(*s, -10, 100, &v, &err) == -1 && v == 7,
		   "\"%s\" is no whole number from -10 to 100", *s);
	}
	is(err.text, "expected a whole number from -10 to 100", "the error says what was expected");
	ok(parse_int("x", 0, 1, &v, NULL) == -1, "nobody has to listen to the error");
}

static void
booleans(void)
{
	static const char *const yes[] = { "true", "yes", "on", "TRUE", "Yes", NULL };
	static const char *const no[] = { "false", "no", "off", "False", NULL };
	static const char *const neither[] = { "", "1", "0", "t", "truee", " true", "maybe", NULL };
	struct error err;
	bool v;

	for (const char *const *s = yes; *s; s++) {
		v = false;
		ok(parse_bool(*s, &v, &err) == 0 && v, "\"%s\" is true", *s);
	}
	for (const char *const *s = no; *s; s++) {
		v = true;
		ok(parse_bool(*s, &v, &err) == 0 && !v, "\"%s\" is false", *s);
	}
	for (const char *const *s = neither; *s; s++)
		ok(parse_bool(*s, &v, &err) == -1, "\"%s\" is neither", *s);
}

static void
octals(void)
{
	static const char *const bad[] = { "",   "8", "0x1", "-1", "+1", "1000", "7777777777777777777777",
					   " 7", NULL };
	struct error err;
	int64_t v;

	ok(parse_octal("644", 0777, &v, &err) == 0 && v == 0644, "an octal number is read");
	ok(parse_octal("0644", 0777, &v, &err) == 0 && v == 0644, "with a zero in front as well");
	ok(parse_octal("0", 0777, &v, &err) == 0 && v == 0, "0 is one");
	ok(parse_octal("777", 0777, &v, &err) == 0 && v == 0777, "the largest is one");
	for (const char *const *s = bad; *s; s++)
		ok(parse_octal(*s, 0777, &v, &err) == -1, "\"%s\" is no octal number up to 777", *s);
}

static void
durations(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = { { "0", 0 },         { "2", 2000 },      { "500ms", 500 },
		     { "2s", 2000 },     { "5m", 300000 },   { "1h", 3600000 },
		     { "1d", 86400000 }, { "1500ms", 1500 }, { "90s", 90000 } };
	static const char *const bad[] = { "",
					   "s",
					   "-1s",
					   "1 s",
					   "1S",
					   "1hour",
					   "1.5s",
					   "2s ",
					   "1m30s",
					   "9223372036854775807d",
					   "99999999999999999999s",
					   NULL };
	struct error err;
	int64_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(parse_duration_ms(good[i].text, &v, &err) == 0 && v == good[i].ms, "%s is %" PRId64 " ms",
		   good[i].text, good[i].ms);
	for (const char *const *s = bad; *s; s++)
		ok(parse_duration_ms(*s, &v, &err) == -1, "\"%s\" is no duration", *s);
	ok(strstr(err.text, "500ms"), "the error gives an example");
}

static void
sizes(void)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = { { "0", 0 },          { "10", 10 },        { "64K", 65536 },     { "64k", 65536 },
		     { "10M", 10485760 }, { "10m", 10485760 }, { "1G", 1073741824 }, { "1000", 1000 } };
	static const char *const bad[] = { "",    "K",  "-1K",  "1 K",
					   "1KB", "1T", "0x10", "9223372036854775807G",
					   NULL };
	struct error err;
	int64_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(parse_size(good[i].text, &v, &err) == 0 && v == good[i].bytes, "%s is %" PRId64 " bytes",
		   good[i].text, good[i].bytes);
	for (const char *const *s = bad; *s; s++)
		ok(parse_size(*s, &v, &err) == -1, "\"%s\" is no size", *s);
}

static void
rates(void)
{
	static const struct {
		const char *text;
		int64_t count, ms;
	} good[] = { { "50/1s", 50, 1000 },   { "50/s", 50, 1000 },
		     { "600/m", 600, 60000 }, { "1/500ms", 1, 500 },
		     { "5/ms", 5, 1 },        { "3/10", 3, 10000 },
		     { "1/1d", 1, 86400000 }, { "1000000000/1s", 1000000000, 1000 } };
	static const char *const bad[] = { "",        "50",         "50/",     "/1s",
					   "0/1s",    "-1/1s",      "50/0s",   "50/0",
					   "50/x",    "50/1x",      "50 / 1s", "50/1s ",
					   "1.5/s",   "50/seconds", "50/s/s",  "1000000001/1s",
					   "50/366d", NULL };
	struct rate_spec r;
	struct error err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(parse_rate(good[i].text, &r, &err) == 0 && r.count == good[i].count &&
			   r.interval_ms == good[i].ms,
		   "%s is %" PRId64 " in %" PRId64 " ms", good[i].text, good[i].count, good[i].ms);
	for (const char *const *s = bad; *s; s++) {
		r = (struct rate_spec){ 7, 7 };
		ok(parse_rate(*s, &r, &err) == -1 && r.count == 7 && r.interval_ms == 7, "\"%s\" is no rate",
		   *s);
	}
}

static int64_t
some_number(void)
{
	static const int64_t factors[] = { 1, 1000, 1024, 60000, 3600000, 86400000, 1048576, 1073741824 };

	return (int64_t)(rand() % 5000) * factors[(size_t)rand() % (sizeof(factors) / sizeof(factors[0]))];
}

static void
formats(void)
{
	bool durations_good = true, sizes_good = true, rates_good = true;
	char buf[64];

	format_duration_ms(90000, buf, sizeof(buf));
	is(buf, "90s", "a duration is told in the largest unit that fits");
	format_duration_ms(7200000, buf, sizeof(buf));
	is(buf, "2h", "hours");
	format_duration_ms(1500, buf, sizeof(buf));
	is(buf, "1500ms", "and in milliseconds if it has to be");
	format_duration_ms(0, buf, sizeof(buf));
	is(buf, "0", "none is 0");
	format_size(65536, buf, sizeof(buf));
	is(buf, "64K", "a size is told in the largest unit that fits");
	format_size(65537, buf, sizeof(buf));
	is(buf, "65537", "and in bytes if it has to be");
	format_size(2147483648, buf, sizeof(buf));
	is(buf, "2G", "gigabytes");
	format_rate(&(struct rate_spec){ 50, 1000 }, buf, sizeof(buf));
	is(buf, "50/1s", "a rate is told with its interval");
	srand(1);
	for (int i = 0; i < 5000; i++) {
		struct rate_spec r = { 1 + rand() % 1000000, 1 + some_number() % 86400000 }, back;
		int64_t n = some_number(), v;

		format_duration_ms(n, buf, sizeof(buf));
		durations_good &= parse_duration_ms(buf, &v, NULL) == 0 && v == n;
		format_size(n, buf, sizeof(buf));
		sizes_good &= parse_size(buf, &v, NULL) == 0 && v == n;
		format_rate(&r, buf, sizeof(buf));
		rates_good &= parse_rate(buf, &back, NULL) == 0 && back.count == r.count &&
			      back.interval_ms == r.interval_ms;
	}
	ok(durations_good, "5000 durations read back as they were");
	ok(sizes_good, "5000 sizes read back as they were");
	ok(rates_good, "5000 rates read back as they were");
}

int
main(void)
{
	int64_t v;

	growing();
	lists();
	quoting();
	nearest();
	integers();
	booleans();
	octals();
	durations();
	sizes();
	rates();
	formats();
	ok(parse_octal("7777777777777777777777777", INT64_MAX, &v, NULL) == -1,
	   "an octal number beyond 63 bits is refused");
	return tap_done();
}
