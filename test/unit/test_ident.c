#include <stdio.h>
#include <string.h>

#include "core/net/ident.h"
#include "test/unit/tap.h"

static void
answers(const char *line, size_t len, const char *expected)
{
	struct ident_user user;
	char copy[IDENT_REPLY];
	struct error err = { 0 };

	memcpy(copy, line, len); /* nothing behind it, for those who look */
	if (ident_parse(copy, len, 6193, 23, &user, &err) == 0)
		is(user.name, expected, line);
	else
		ok(!expected && err.text[0], "\"%.60s\" is no user: %s", line, err.text);
}

#define USER(line, user) answers(line, sizeof(line) - 1, user)
#define NOBODY(line) answers(line, sizeof(line) - 1, NULL)

static void
fails(const char *line, const char *expected)
{
	struct ident_user user;
	struct error err = { 0 };

	ok(ident_parse(line, strlen(line), 6193, 23, &user, &err) < 0, "%s", line);
	is(err.text, expected, "and the reason is told");
}

int
main(void)
{
	struct ident_user user;
	char line[IDENT_REPLY];
	struct error err = { 0 };
	int n;

	/* Those of the standard, and what is seen. */
	USER("6193, 23 : USERID : UNIX : stjohns\r\n", "stjohns");
	USER("6193,23:USERID:UNIX:stjohns", "stjohns");
	USER("6193 , 23 : USERID : UNIX,US-ASCII : stjohns\n", "stjohns");
	USER("  6193\t,\t23\t:\tUSERID\t:\tOTHER\t:\t[x]: y z \r\n", "[x]: y z ");
	USER("6193, 23 : USERID : UNIX : a:b", "a:b");
	USER("06193, 0023 : USERID : UNIX : x", "x");
	USER("6193, 23 : USERID : UNIX : \033[2Jx\r\n", "\033[2Jx"); /* the log escapes it */

	ok(ident_parse("1,2:USERID:UNIX , US-ASCII :x", 29, 1, 2, &user, &err) == 0, "a character set");
	is(user.system, "UNIX , US-ASCII", "is told with the system");
	NOBODY("6193, 23 : USERID : 0123456789012345678901234567890123456789012345678901234567890123456789 : x");
	NOBODY("");
	NOBODY("\r\n");
	NOBODY("\n");
	NOBODY("6193");
	NOBODY("6193, 23");
	NOBODY("6193, 23 :");
	NOBODY("6193, 23 : USERID");
	NOBODY("6193, 23 : USERID :");
	NOBODY("6193, 23 : USERID : UNIX");
	NOBODY("6193, 23 : USERID : UNIX :");
	NOBODY("6193, 23 : USERID : UNIX :   \r\n");
	NOBODY("6193, 23 : USERID :  : x");
	NOBODY("6193, 23 : userid : UNIX : x");
	NOBODY("6193, 23 : USERIDS : UNIX : x");
	NOBODY("-6193, 23 : USERID : UNIX : x");
	NOBODY("6193 23 : USERID : UNIX : x");
	NOBODY("71729, 23 : USERID : UNIX : x"); /* 6193 in 16 bits */
	NOBODY("4294973489, 23 : USERID : UNIX : x");
	NOBODY("6193, 23 : USERID : UNIX : x\0y\r\n");
	NOBODY("6193, 23 : USERID : UNIX : x\ry\r\n");
	NOBODY("6193, 23 : ERROR : NO-USER\r\n");
	NOBODY("6193, 23 : ERROR");

	fails("6193, 23 : ERROR : HIDDEN-USER\r\n", "HIDDEN-USER");
	fails("6193, 23 : ERROR\r\n", "ERROR");
	fails("23, 6193 : USERID : UNIX : root", "the answer is about ports 23 and 6193");
	fails("6193, 24 : USERID : UNIX : root", "the answer is about ports 6193 and 24");
	fails("hello", "the answer does not begin with two ports");
	fails("6193, 23 : MAYBE : UNIX : root", "the answer is neither USERID nor ERROR");

	n = snprintf(line, sizeof(line), "6193,23:USERID:UNIX:%0512d", 7);
	ok(ident_parse(line, (size_t)n, 6193, 23, &user, &err) == 0 && strlen(user.name) == 512,
	   "a name may have 512 characters");
	n = snprintf(line, sizeof(line), "6193,23:USERID:UNIX:%0513d", 7);
	ok(ident_parse(line, (size_t)n, 6193, 23, &user, &err) < 0, "and no more");
	return tap_done();
}
