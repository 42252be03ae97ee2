#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/scan.h"
#include "test/unit/tap.h"

/* An outline as one line of text: name@line, values as =line, blocks in { }. */
static void
outline(struct text *t, const struct scan_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct scan_item *it = &items[i];

		text_printf(t, "%s%s@%d", t->len && t->s[t->len - 1] != '{' ? " " : "", it->name, it->line);
		if (it->type == SCAN_CALL)
			text_puts(t, "()");
		if (it->type == SCAN_ASSIGN)
			text_puts(t, it->append ? "+=" : "=");
		if (it->type == SCAN_BLOCK)
			text_puts(t, it->broken ? "!" : "");
		for (size_t j = 0; j < it->nvalues; j++)
			text_printf(t, "%s%d", j ? "," : "", it->value_lines[j]);
		if (it->title)
			text_printf(t, "<%s>", it->title);
		if (it->type == SCAN_BLOCK) {
			text_puts(t, "{");
			outline(t, it->items, it->nitems);
			text_puts(t, "}");
		}
	}
}

/* Scans; `expected` is the outline, and behind a "|" each problem as line:text. */
static void
scans_bytes(const char *text, size_t len, const char *expected, const char *what)
{
	struct problems problems = { 0 };
	struct text t = { 0 };
	struct scan s;

	scan_text(&s, "f", text, len, &problems);
	text_puts(&t, "");
	outline(&t, s.items, s.nitems);
	for (size_t i = 0; i < problems.n; i++)
		text_printf(&t, " | %d: %s", problems.items[i].line, problems.items[i].text);
	is(t.s, expected, what);
	text_clear(&t);
	scan_clear(&s);
	problems_clear(&problems);
}

static void
scans(const char *text, const char *expected, const char *what)
{
	scans_bytes(text, strlen(text), expected, what);
}

static void
statements(void)
{
	scans("", "", "an empty file has no statement");
	scans("\n\n", "", "nor have empty lines");
	scans("# only a comment", "", "nor has a comment without a line end");
	scans("service \"a\" {\n\tinstances = 1\n}\n", "service@1<a>{instances@2=2}",
	      "a block with an assignment");
	scans("service a { x = 1 }", "service@1<a>{x@1=1}", "all on one line, without a line end");
	scans("service a{x=1 y=2}", "service@1<a>{x@1=1 y@1=1}", "without blanks");
	scans("defaults {\n x = { 1,\n 2,\n\n 3 }\n y += {}\n}", "defaults@1{x@2=2,3,5 y@6+=}",
	      "each value of a list has its line");
	scans("defaults { x = { 1, 2, } }", "defaults@1{x@1=1,1}", "a comma behind the last value is fine");
	scans("service a {\n rlimit {\n  files = 1\n }\n listener { host = h }\n}",
	      "service@1<a>{rlimit@2{files@3=3} listener@5{host@5=5}}", "blocks in blocks");
	scans("include(\"a\")\ninclude('b', \"c\")", "include@1()1 include@2()2,2", "calls");
	scans("x = { 1 2 } ; (\nxinetd(\"a\")\n= =\nsystemd(\"b\") inetd(\"c\")",
	      "xinetd@2()2 systemd@4()4 inetd@4()4 | 1: expected , or } in the list"
	      " | 3: expected service, defaults, log or include",
	      "a call on a line of its own is found again behind an error");
	scans("x\n=\n1", "x@1=3", "a statement may be spread over lines");
	scans("service a { service = x }", "service@1<a>{service@1=1}", "a key may have the name of a block");
	scans("service a {\r\n x = 1\r\n y = 2\r\n}\r\nz = 3\r\n", "service@1<a>{x@2=2 y@3=3} z@5=5",
	      "lines that end in CR LF count once");
}

static void
comments(void)
{
	scans("# one\nx = 1", "x@2=2", "lines are counted behind #");
	scans("// one\nx = 1", "x@2=2", "behind //");
	scans("/* one */\nx = 1", "x@2=2", "behind /* */");
	scans("/* one\n two\n three */ x = 1", "x@3=3", "behind one over several lines");
	scans("/**/x = 1", "x@1=1", "an empty one");
	scans("/*/ still */x = 1", "x@1=1", "/*/ does not end what it begins");
	scans("/* a * / \n ** */\nx = 1", "x@3=3", "stars inside do not end it");
	scans("x = 1 # tail\ny = 2 // tail\nz = 3 /* tail */", "x@1=1 y@2=2 z@3=3", "behind a value");
	scans("service a { # tail\n x = { 1, # one\n 2 /* two\n */, 3 }\n} // end\ny = 1",
	      "service@1<a>{x@2=2,3,4} y@6=6", "inside blocks and lists");
	scans("# { \" ' /* }\nx = 1", "x@2=2", "whatever is in them");
	scans("// /*\nx = 1\n// */", "x@2=2", "a comment in a comment begins nothing");
	scans("/* # */ x = 1", "x@1=1", "nor does #");
	scans("x = 1#y = 2", "x@1=1", "a comment needs no blank in front");
	scans("# x\\\ny = 1", "y@2=2", "a backslash does not make a comment longer");
	scans("\n\n/* never\n\n", " | 3: the comment that begins here never ends",
	      "a comment without an end is told where it begins");
}

static void
strings(void)
{
	scans("x = \"# no comment\" y = 1", "x@1=1 y@1=1", "# in a string is no comment");
	scans("x = '# no comment' y = 1", "x@1=1 y@1=1", "in single quotes neither");
	scans("x = \"/* no // comment\"\ny = 1", "x@1=1 y@2=2", "nor are /* and //");
	scans("service a { x = \"}\" y = '{' }", "service@1<a>{x@1=1 y@1=1}",
	      "braces in a string open and close nothing");
	scans("x = { \"a,b\", '}' }", "x@1=1,1", "commas neither");
	scans("x = \"\\5555555555555555555555555555\"\ny = 1",
	      " | 1: expected \\ooo from \\001 to \\377, \\xhh or a known escape",
	      "a number that is too long is none");
	scans("x = \"say \\\"}\\\" \\\\\"\ny = 1", "x@1=1 y@2=2", "escaped quotes do not end a string");
	scans("x = 'it\\'s'\ny = 1", "x@1=1 y@2=2", "in single quotes neither");
	scans("x = \"two\nlines\"\ny = 1", "x@1=1 y@3=3", "a string over two lines counts them");
	scans("x = \"two\\\nlines\"\ny = 1", "x@1=1 y@3=3", "with a backslash too");
	scans("service \"a b\" { }", "service@1<a b>{}", "a name may be quoted");
	scans("service \"a\\\"b\" { }", "service@1<a\"b>{}", "and have escaped quotes");
	scans("x = \"\"", "x@1=1", "an empty string is a value");
	scans("\"x\" = 1\nservice b { y = 2 }",
	      "service@2<b>{y@2=2} | 1: expected service, defaults, log or include",
	      "a quoted text is no key");
	scans("x = \"never\n ends\n", " | 1: the text that begins here has no closing quote",
	      "a string without an end is told where it begins");
	scans("x = \"a\\", " | 1: the text that begins here has no closing quote",
	      "even if a backslash is last");
}

static void
mistakes(void)
{
	scans("service a {\n x = 1\n\nservice b {\n y = 2\n}\n",
	      "service@1!<a>{x@2=2} service@4<b>{y@5=5} | 1: the block that begins here has no closing }",
	      "a missing } is told where the block begins, and the next block is read");
	scans("service a {\n x = 1\ndefaults {\n y = 2\n}\n",
	      "service@1!<a>{x@2=2} defaults@3{y@4=4} | 1: the block that begins here has no closing }",
	      "the same in front of defaults");
	scans("service a {\n rlimit {\n files = 1\n}\nservice b {}\n",
	      "service@1!<a>{rlimit@2{files@3=3}} service@5<b>{} | 1: the block that begins here has no closing }",
	      "a } that is missing further in breaks the outer block only");
	scans("service a {\n x = 1\n",
	      "service@1!<a>{x@2=2} | 1: the block that begins here has no closing }",
	      "a } that is missing at the end");
	scans("service a {\n x 1\n}\nservice b { y = 2 }\n",
	      "service@1!<a>{} service@4<b>{y@4=4} | 2: expected { behind the name",
	      "a missing = breaks its block only");
	scans("service a {\n x =\n}\nservice b { y = 2 }\n",
	      "service@1!<a>{} service@4<b>{y@4=4} | 2: expected a value, or a list in { }, behind the =",
	      "a missing value breaks its block only");
	scans("service a {\n x = { 1 2 }\n}\nservice b { y = 2 }\n",
	      "service@1!<a>{} service@4<b>{y@4=4} | 2: expected , or } in the list",
	      "a missing comma breaks its block only");
	scans("service a {\n x = { , }\n}\nservice b { y = 2 }\n",
	      "service@1!<a>{} service@4<b>{y@4=4} | 2: expected a value in the list",
	      "a comma alone breaks its block only");
	scans("service a {\n x = ${HOME}\n}\nservice b { y = 2 }\n",
	      "service@1!<a>{} service@4<b>{y@4=4} | 2: variables are not replaced: put the text in quotes",
	      "a variable outside of quotes is a mistake");
	scans("}\nservice b { y = 2 }\n",
	      "service@2<b>{y@2=2} | 1: expected service, defaults, log or include",
	      "a } too many is told and passed over");
	scans("service a { x = 1 } }\nservice b { y = 2 }\n",
	      "service@1<a>{x@1=1} service@2<b>{y@2=2} | 1: expected service, defaults, log or include",
	      "behind a block too");
	scans("include(\"a\"\nservice b { y = 2 }\n", "service@2<b>{y@2=2} | 2: expected ) here",
	      "a missing ) does not take what follows with it");
	scans("service a\nservice b { y = 2 }\n", "service@2<b>{y@2=2} | 1: expected { behind the name",
	      "nor does a missing {");
	scans("x = 1 ! y = 2\nservice b { y = 2 }\n",
	      "x@1=1 service@2<b>{y@2=2} | 1: expected service, defaults, log or include",
	      "after a mistake the next block is read");
}

/* Whatever goes wrong in front: what is in a comment or a string stays there. */
static void
recovery(void)
{
	scans("}\n/*\nservice x { y = 1 }\n*/\nservice b { y = 2 }\n",
	      "service@5<b>{y@5=5} | 1: expected service, defaults, log or include",
	      "after a mistake, what is in a comment stays a comment");
	scans("oops oops\n/*\nservice x { y = 1 }\n*/\nservice b { y = 2 }\n",
	      "service@5<b>{y@5=5} | 1: expected { behind the name",
	      "also if the mistake is noticed behind the comment");
	scans("oops oops\nx = \"\nservice x { y = 1 }\n\"\nservice b { y = 2 }\n",
	      "service@5<b>{y@5=5} | 1: expected { behind the name",
	      "and one inside a string stays a string");
	scans("service a {\n bad bad\n x = { '\n}\n' }\n}\nservice b { y = 2 }\n",
	      "service@1!<a>{} service@7<b>{y@7=7} | 2: expected { behind the name",
	      "a } inside a string ends no block");
}

static void
nul_bytes(void)
{
	static const char bare[] = "x = 1\n\0\nservice b { y = 2 }\n";
	static const char word[] = "service a {\n x = 1\0 2\n}\nservice b { y = 2 }\n";
	static const char quoted[] = "service a {\n x = \"1\0\"\n}\nservice b { y = 2 }\n";
	static const char comment[] = "# a \0 b\nservice b { y = 2 }\n";

	scans_bytes(bare, sizeof(bare) - 1,
		    "x@1=1 service@3<b>{y@3=3} | 2: a NUL byte has no place in a configuration",
		    "a NUL byte is told with its line");
	scans_bytes(
		word, sizeof(word) - 1,
		"service@1!<a>{x@2=2} service@4<b>{y@4=4} | 2: a NUL byte has no place in a configuration",
		"inside a service it breaks the service");
	scans_bytes(quoted, sizeof(quoted) - 1,
		    "service@1!<a>{} service@4<b>{y@4=4} | 2: a NUL byte has no place in a configuration",
		    "in a string too");
	scans_bytes(comment, sizeof(comment) - 1, "service@2<b>{y@2=2}", "in a comment it does no harm");
}

/* The text for libconfuse: no comments, no variables. */
static void
clean_text(void)
{
	static const char source[] =
		"# c\nservice \"a\" { x = \"${HOME} # \\\" $\" /* c\n c */ y = '${Z}' }\nz = 1\n";
	struct problems problems = { 0 };
	struct scan s;

	scan_text(&s, "f", source, strlen(source), &problems);
	is_int((long long)s.nitems, 2, "two statements");
	is(s.items[0].text, "service \"a\" { x = \"\\${HOME} # \\\" $\"   y = '${Z}' }",
	   "a statement's text has no comments, and no variable that could be replaced");
	is(s.items[1].text, "z = \"1\"", "a word is quoted, and the text ends where the statement does");
	is_int((long long)problems.n, 0, "without a problem");
	scan_clear(&s);
	problems_clear(&problems);
}

/* Cut anywhere, a file never crashes the scanner, and is never taken for complete. */
static void
every_prefix(void)
{
	static const char source[] =
		"/* c */ defaults { a = { 1, \"2\" } }\n"
		"service \"x\" { // c\n exec += { '/bin/cat', } rlimit { files = 5 }\n}\n"
		"include(\"a\", 'b')\nservice y { a = \"\\\"\" }";
	bool told = true;

	for (size_t n = 0; n < sizeof(source) - 1; n++) {
		struct problems problems = { 0 };
		char *copy = malloc(n ? n : 1); /* exactly: a byte too many is noticed by a sanitizer */
		struct scan s;

		memcpy(copy, source, n);
		scan_text(&s, "f", copy, n, &problems);
		for (size_t i = 0; i < problems.n; i++)
			told &= problems.items[i].file && problems.items[i].line >= 1 &&
				problems.items[i].line <= 6;
		/* A "service" block can only be whole if its } was there. */
		for (size_t i = 0; i < s.nitems; i++)
			if (s.items[i].type == SCAN_BLOCK && !s.items[i].broken &&
			    s.items[i].text[strlen(s.items[i].text) - 1] != '}')
				told = false;
		if (n > strlen("/* c */ defaults {") && n < strcspn(source, "}") && problems.n == 0)
			told = false;
		scan_clear(&s);
		problems_clear(&problems);
		free(copy);
	}
	ok(told, "a file that ends early is told at every length");
}

int
main(void)
{
	statements();
	comments();
	strings();
	mistakes();
	recovery();
	nul_bytes();
	clean_text();
	every_prefix();
	return tap_done();
}
