#include <stdio.h>
#include <string.h>

#include "handlers/muxline.h"
#include "test/unit/tap.h"

/* One arrival; `take` is how many of its bytes are the line's. */
static enum muxline_state
add(struct muxline *l, const char *bytes, size_t n, size_t take, const char *what)
{
	size_t taken = 12345;
	enum muxline_state state = muxline_add(l, bytes, n, &taken);

	is_int((long long)taken, (long long)take, what);
	return state;
}

static void
whole_lines(void)
{
	static const struct {
		const char *bytes;
		size_t take;
		const char *name, *what;
	} cases[] = {
		{ "echo\r\n", 6, "echo", "CR LF ends a name" },
		{ "echo\n", 5, "echo", "LF alone does as well" },
		{ "echo\r\nmore\r\n", 6, "echo", "what comes behind stays" },
		{ "echo\nmore", 5, "echo", "behind LF alone too" },
		{ "\r\n", 2, "", "a name may be empty" },
		{ "\n", 1, "", "an empty one, LF alone" },
		{ "a b\r\n", 5, "a b", "blanks belong to the name" },
		{ "a\rb\r\n", 5, "a\rb", "a CR within as well" },
		{ "a\r\r\n", 4, "a\r", "only one CR is of the end" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct muxline l = { 0 };

		ok(add(&l, cases[i].bytes, strlen(cases[i].bytes), cases[i].take, cases[i].what) ==
			   MUXLINE_WHOLE,
		   "whole");
		is(l.text, cases[i].name, cases[i].what);
		is_int((long long)l.len, (long long)strlen(cases[i].name), "its length");
	}
}

static void
pieces(void)
{
	static const char bytes[] = "daytime\r\n";
	struct muxline l = { 0 };

	for (size_t i = 0; i < strlen(bytes) - 1; i++)
		ok(add(&l, bytes + i, 1, 1, "one byte") == MUXLINE_MORE, "not whole yet");
	ok(add(&l, "\nx", 2, 1, "the last") == MUXLINE_WHOLE, "whole");
	is(l.text, "daytime", "the name, byte by byte");

	l = (struct muxline){ 0 };
	ok(add(&l, "a\r", 2, 2, "CR at the end of a piece") == MUXLINE_MORE, "not whole yet");
	ok(add(&l, "b\r\n", 3, 3, "and then no LF") == MUXLINE_WHOLE, "whole");
	is(l.text, "a\rb", "belongs to the name");
}

static void
longest(void)
{
	char bytes[400];
	struct muxline l = { 0 };

	memset(bytes, 'x', sizeof(bytes));
	bytes[MUXLINE_MAX] = '\r';
	bytes[MUXLINE_MAX + 1] = '\n';
	is_int((long long)muxline_room(&l), MUXLINE_MAX + 2, "room at first");
	ok(add(&l, bytes, MUXLINE_MAX + 2, MUXLINE_MAX + 2, "the longest") == MUXLINE_WHOLE, "whole");
	is_int((long long)l.len, MUXLINE_MAX, "its length");

	l = (struct muxline){ 0 };
	bytes[MUXLINE_MAX] = 'x';
	bytes[MUXLINE_MAX + 1] = '\n';
	ok(add(&l, bytes, MUXLINE_MAX + 2, MUXLINE_MAX + 2, "a byte more") == MUXLINE_TOO_LONG, "too long");

	l = (struct muxline){ 0 };
	bytes[MUXLINE_MAX + 1] = 'x';
	ok(add(&l, bytes, 200, 200, "a piece") == MUXLINE_MORE, "more");
	is_int((long long)muxline_room(&l), MUXLINE_MAX + 2 - 200, "room for the rest");
	ok(add(&l, bytes + 200, muxline_room(&l), MUXLINE_MAX + 2 - 200, "no end in sight") ==
		   MUXLINE_TOO_LONG,
	   "too long");
}

static void
zeros(void)
{
	struct muxline l = { 0 };

	ok(add(&l, "ec\0ho\r\n", 7, 7, "a NUL") == MUXLINE_WHOLE, "whole");
	is_int((long long)l.len, 5, "the name does not end at a NUL");
}

int
main(void)
{
	whole_lines();
	pieces();
	longest();
	zeros();
	return tap_done();
}
