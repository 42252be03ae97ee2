#include "core/conf/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Blocks in blocks: more than anything means, less than the stack. */
enum { DEPTH_MAX = 8 };

enum token { T_END, T_WORD, T_ASSIGN, T_APPEND, T_OPEN, T_CLOSE, T_LPAREN, T_RPAREN, T_COMMA, T_BAD };

struct lexer {
	const char *file;
	const char *text, *p, *end;
	int line;
	struct text clean; /* what libconfuse will read: no comments, no variables */
	size_t token_at;   /* where the last token starts in `clean` */
	const char *token; /* and in the text */
	int token_line;
	int behind_line;  /* where the one before it is */
	struct text word; /* the last T_WORD, unescaped as far as names need it */
	bool quoted;
	bool many_lines; /* the last quoted text had more than one: its quotes may be wrong */
	bool peeked;
	enum token next;
	int depth;
	struct problems *problems;
};

static int
syntax_error(struct lexer *x, int line, const char *text)
{
	problem_add(x->problems, (struct origin){ x->file, line }, NULL, NULL, "%s", text);
	return -1;
}

static bool
starts(const struct lexer *x, const char *s)
{
	size_t len = strlen(s);

	return (size_t)(x->end - x->p) >= len && memcmp(x->p, s, len) == 0;
}

/* Blanks and comments. libconfuse 3.3 loses count of lines after comments, so it gets none. */
static bool
skip_blanks(struct lexer *x)
{
	int line;

	while (x->p < x->end) {
		if (*x->p == '\n') {
			x->line++;
			text_add(&x->clean, x->p++, 1);
		} else if (*x->p == ' ' || *x->p == '\t' || *x->p == '\r' || *x->p == '\f' || *x->p == '\v') {
			text_add(&x->clean, " ", 1);
			x->p++;
		} else if (*x->p == '#' || starts(x, "//")) {
			while (x->p < x->end && *x->p != '\n')
				x->p++;
		} else if (starts(x, "/*")) {
			line = x->line;
			for (x->p += 2; x->p < x->end - 1 && !starts(x, "*/"); x->p++)
				x->line += *x->p == '\n';
			if (x->p >= x->end - 1)
				return x->p = x->end,
				       syntax_error(x, line, "the comment that begins here never ends"),
				       false;
			x->p += 2;
			text_add(&x->clean, " ", 1);
		} else {
			break;
		}
	}
	return true;
}

/* libconfuse would stop the whole block at an escape it does not know, and end the text at a NUL. */
static bool
is_good_escape(const char *p, const char *end)
{
	size_t n = 0;
	long value = 0;

	if (p < end && *p == 'x') {
		for (p++; p + n < end && n < 2 && isxdigit((unsigned char)p[n]); n++)
			value = value * 16 + (isdigit((unsigned char)p[n]) ? p[n] - '0' : 1);
		return n == 0 || value != 0;
	}
	if (p >= end || !isdigit((unsigned char)*p))
		return true;
	for (; p + n < end && n <= 3 && isdigit((unsigned char)p[n]); n++) {
		if (p[n] > '7')
			return false;
		value = value * 8 + (p[n] - '0');
	}
	return n <= 3 && value > 0 && value <= 0xff;
}

/* Copies a quoted string. "${NAME}" would be replaced from the daemon's environment: the same file
 * must mean the same everywhere, so the dollar is escaped. */
static enum token
lex_quoted(struct lexer *x)
{
	char quote = *x->p;
	int line = x->line;

	x->quoted = true;
	text_add(&x->clean, x->p++, 1);
	while (x->p < x->end && *x->p != quote) {
		if (*x->p == '\n')
			x->line++;
		if (*x->p == '\0')
			return syntax_error(x, x->line, "a NUL byte has no place in a configuration"), T_BAD;
		if (*x->p == '\\' && x->p + 1 < x->end) {
			if (quote == '"' && !is_good_escape(x->p + 1, x->end))
				return syntax_error(
					       x, x->line,
					       "expected \\ooo from \\001 to \\377, \\xhh or a known escape"),
				       T_BAD;
			x->line += x->p[1] == '\n';
			text_add(&x->clean, x->p, 2);
			text_add(&x->word, x->p + 1, 1);
			x->p += 2;
			continue;
		}
		if (quote == '"' && starts(x, "${"))
			text_add(&x->clean, "\\", 1);
		text_add(&x->clean, x->p, 1);
		text_add(&x->word, x->p++, 1);
	}
	x->many_lines = x->line > line;
	if (x->p >= x->end)
		return syntax_error(x, line, "the text that begins here has no closing quote"), T_BAD;
	text_add(&x->clean, x->p++, 1);
	return T_WORD;
}

static bool
is_word_char(const struct lexer *x)
{
	return !strchr(" \t\r\n\f\v#\"'={}()+,", *x->p) && *x->p != '\0' && !starts(x, "//") &&
	       !starts(x, "/*");
}

static enum token
lex_word(struct lexer *x)
{
	x->quoted = false;
	while (x->p < x->end && is_word_char(x)) {
		text_add(&x->clean, x->p, 1);
		text_add(&x->word, x->p++, 1);
	}
	if (x->word.len == 0)
		return syntax_error(x, x->line,
				    *x->p ? "unexpected character"
					  : "a NUL byte has no place in a configuration"),
		       T_BAD;
	if (x->p < x->end && *x->p == '{' && x->word.s[x->word.len - 1] == '$')
		return syntax_error(x, x->line, "variables are not replaced: put the text in quotes"), T_BAD;
	return T_WORD;
}

static enum token
lex(struct lexer *x)
{
	static const struct {
		char c;
		enum token t;
	} marks[] = { { '=', T_ASSIGN }, { '{', T_OPEN },   { '}', T_CLOSE },
		      { '(', T_LPAREN }, { ')', T_RPAREN }, { ',', T_COMMA } };

	if (x->peeked) {
		x->peeked = false;
		return x->next;
	}
	if (!skip_blanks(x))
		return T_BAD;
	x->behind_line = x->token_line;
	x->token = x->p;
	x->token_at = x->clean.len;
	x->token_line = x->line;
	x->word.len = 0;
	text_add(&x->word, "", 0);
	if (x->p >= x->end)
		return T_END;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (*x->p == marks[i].c) {
			text_add(&x->clean, x->p++, 1);
			return marks[i].t;
		}
	}
	if (starts(x, "+=")) {
		text_add(&x->clean, "+=", 2);
		x->p += 2;
		return T_APPEND;
	}
	if (*x->p == '"' || *x->p == '\'')
		return lex_quoted(x);
	return lex_word(x);
}

/* libconfuse knows fewer characters of a word than people write, and drops the others without a
 * word: it gets every value as a quoted text. */
static void
quote_word(struct lexer *x)
{
	if (x->quoted)
		return;
	x->clean.len = x->token_at;
	text_add(&x->clean, "\"", 1);
	for (size_t i = 0; i < x->word.len; i++) {
		if (x->word.s[i] == '\\')
			text_add(&x->clean, "\\", 1);
		text_add(&x->clean, &x->word.s[i], 1);
	}
	text_add(&x->clean, "\"", 1);
}

static bool
is_key(const struct lexer *x)
{
	for (size_t i = 0; i < x->word.len; i++)
		if (!isalnum((unsigned char)x->word.s[i]) && x->word.s[i] != '_' && x->word.s[i] != '-')
			return false;
	return !x->quoted;
}

static enum token
peek(struct lexer *x)
{
	if (!x->peeked) {
		x->next = lex(x);
		x->peeked = true;
	}
	return x->next;
}

static void
item_clear(struct scan_item *it)
{
	for (size_t i = 0; i < it->nitems; i++)
		item_clear(&it->items[i]);
	free(it->items);
	free(it->name);
	free(it->title);
	free(it->value_lines);
	free(it->text);
}

static void
add_value_line(struct scan_item *it, int line)
{
	it->value_lines = xrealloc(it->value_lines, (it->nvalues + 1) * sizeof(*it->value_lines));
	it->value_lines[it->nvalues++] = line;
}

/* Something is missing behind the token before the last one, and the last one may belong to what
 * comes next. */
static int
unexpected(struct lexer *x, int line, const char *text)
{
	if (!x->quoted) {
		x->p = x->token;
		x->line = x->token_line;
	}
	return syntax_error(x, line, text);
}

static int
scan_values(struct lexer *x, struct scan_item *it)
{
	enum token t = lex(x);

	if (t == T_BAD)
		return -1;
	if (t == T_WORD) {
		quote_word(x);
		add_value_line(it, x->token_line);
		return 0;
	}
	if (t != T_OPEN)
		return unexpected(x, x->behind_line, "expected a value, or a list in { }, behind the =");
	if (peek(x) == T_CLOSE) {
		lex(x);
		return 0;
	}
	for (;;) {
		t = lex(x);
		if (t == T_BAD)
			return -1;
		if (t != T_WORD)
			return syntax_error(x, x->token_line, "expected a value in the list");
		quote_word(x);
		add_value_line(it, x->token_line);
		t = lex(x);
		if (t == T_BAD)
			return -1;
		if (t == T_CLOSE)
			return 0;
		if (t != T_COMMA)
			return syntax_error(x, x->token_line, "expected , or } in the list");
		if (peek(x) == T_CLOSE) { /* a comma behind the last one is fine */
			lex(x);
			return 0;
		}
	}
}

static int scan_block(struct lexer *, struct scan_item *);

static int
scan_inner_block(struct lexer *x, struct scan_item *it)
{
	int r;

	if (x->depth == DEPTH_MAX)
		return syntax_error(x, it->line, "too many blocks in blocks");
	x->depth++;
	r = scan_block(x, it);
	x->depth--;
	return r;
}

/* The rest of a statement, behind its name. */
static int
scan_statement(struct lexer *x, struct scan_item *it)
{
	enum token t = lex(x);

	switch (t) {
	case T_ASSIGN:
	case T_APPEND:
		it->type = SCAN_ASSIGN;
		it->append = t == T_APPEND;
		return scan_values(x, it);
	case T_WORD:
		quote_word(x);
		it->title = xstrdup(x->word.s);
		t = lex(x);
		if (t != T_OPEN)
			return t == T_BAD ? -1 : unexpected(x, x->behind_line, "expected { behind the name");
		/* fallthrough */
	case T_OPEN:
		it->type = SCAN_BLOCK;
		return scan_inner_block(x, it);
	case T_LPAREN:
		it->type = SCAN_CALL;
		do {
			t = lex(x);
			if (t != T_WORD)
				return t == T_BAD ? -1
						  : syntax_error(x, x->token_line, "expected a text in ( )");
			quote_word(x);
			add_value_line(it, x->token_line);
			t = lex(x);
		} while (t == T_COMMA);
		if (t != T_RPAREN)
			return t == T_BAD ? -1 : unexpected(x, x->token_line, "expected ) here");
		return 0;
	case T_BAD:
		return -1;
	default:
		return unexpected(x, x->behind_line, "expected =, += or { behind the name");
	}
}

/* Whether a block of the top level begins here although one is still open: its } is missing. */
static bool
looks_like_next_block(const struct lexer *x, const char *name)
{
	const char *p = x->p;

	if (strcmp(name, "service") != 0 && strcmp(name, "defaults") != 0)
		return false;
	while (p < x->end && (*p == ' ' || *p == '\t'))
		p++;
	return p < x->end && *p != '=' && *p != '+';
}

static int
scan_block(struct lexer *x, struct scan_item *block)
{
	for (;;) {
		enum token t = lex(x);
		struct scan_item it = { .line = x->token_line };

		if (t == T_BAD)
			return -1;
		if (t == T_CLOSE)
			return 0;
		if (t == T_END)
			return syntax_error(x, block->line, "the block that begins here has no closing }");
		if (t != T_WORD || !is_key(x))
			return syntax_error(x, x->token_line, "expected the name of a key, or }");
		if (looks_like_next_block(x, x->word.s)) {
			syntax_error(x, block->line, "the block that begins here has no closing }");
			x->next = T_WORD;
			x->peeked = true;
			block->broken = true;
			return 1; /* what follows belongs to the level above */
		}
		it.name = xstrdup(x->word.s);
		switch (scan_statement(x, &it)) {
		case 0:
			break;
		case 1:
			item_clear(&it);
			block->broken = true;
			return 1;
		default:
			item_clear(&it);
			return -1;
		}
		block->items = xrealloc(block->items, (block->nitems + 1) * sizeof(*block->items));
		block->items[block->nitems++] = it;
	}
}

static void
skip_comment(struct lexer *x)
{
	if (!starts(x, "/*")) {
		while (x->p < x->end && *x->p != '\n')
			x->p++;
		return;
	}
	for (x->p += 2; x->p < x->end && !starts(x, "*/"); x->p++)
		x->line += *x->p == '\n';
	x->p += x->p < x->end ? 2 : 0;
}

/* A whole quoted text; just the quote if it has no end. */
static void
skip_text(struct lexer *x)
{
	const char *p = x->p + 1;
	int line = x->line;

	for (; p < x->end && *p != *x->p; p++) {
		p += *p == '\\' && p + 1 < x->end;
		line += *p == '\n';
	}
	if (p < x->end)
		x->line = line;
	x->p = p < x->end ? p + 1 : x->p + 1;
}

static bool
begins_statement(const struct lexer *x)
{
	static const char *const words[] = { "service", "defaults", "include", "log",
					     "xinetd",  "inetd",    "systemd" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (starts(x, words[i]))
			return true;
	return false;
}

/* After a syntax error: on to where the next statement of the top level seems to begin. The error may
 * be inside or outside of braces; a line that begins with a closing brace, or with a known word and no
 * blank in front, is where people end and begin blocks. */
static void
resynchronise(struct lexer *x)
{
	x->peeked = false;
	while (x->p < x->end) {
		bool at_start = x->p > x->text && x->p[-1] == '\n';

		if (at_start && *x->p == '}') {
			x->p++;
			return;
		}
		if (at_start && begins_statement(x))
			return;
		if (*x->p == '#' || starts(x, "//") || starts(x, "/*")) {
			skip_comment(x);
			continue;
		}
		if (!x->many_lines && (*x->p == '"' || *x->p == '\'')) {
			skip_text(x);
			continue;
		}
		x->line += *x->p == '\n';
		x->p++;
	}
}

static bool
contains(const char *from, const char *to, const char *word)
{
	return memmem(from, (size_t)(to - from), word, strlen(word)) != NULL;
}

/* Nobody may run without the access lists that stood in a block which could not be read. */
static bool
loses_defaults(const char *from, const char *to)
{
	return contains(from, to, "defaults") || contains(from, to, "include");
}

static void
add_item(struct scan *s, struct scan_item *it)
{
	s->items = xrealloc(s->items, (s->nitems + 1) * sizeof(*s->items));
	s->items[s->nitems++] = *it;
}

void
scan_text(struct scan *s, const char *file, const char *text, size_t len, struct problems *problems)
{
	struct lexer x = {
		.file = file, .text = text, .p = text, .end = text + len, .line = 1, .problems = problems
	};

	*s = (struct scan){ 0 };
	for (;;) {
		/* A word that was looked at already stands in front of the position. */
		const char *begin = x.peeked ? x.p - x.word.len : x.p;
		enum token t = lex(&x);
		struct scan_item it = { .line = x.token_line };
		size_t from = x.token_at;
		int r;

		if (t == T_END)
			break;
		if (t != T_WORD || !is_key(&x)) {
			if (t != T_BAD)
				syntax_error(&x, x.token_line, "expected service, defaults, log or include");
			if (t == T_CLOSE) /* one too many: nothing is lost with it */
				continue;
			resynchronise(&x);
			s->lost |= t != T_BAD || loses_defaults(begin, x.p);
			continue;
		}
		it.name = xstrdup(x.word.s);
		r = scan_statement(&x, &it);
		if (r < 0) {
			/* What was read of a block still says whose block it is. */
			if (it.type == SCAN_BLOCK) {
				it.broken = true;
				add_item(s, &it);
			} else {
				item_clear(&it);
			}
			resynchronise(&x);
			s->lost |= loses_defaults(begin, x.p);
			continue;
		}
		if (r == 1) /* an include in front of the missing brace was not meant to be inside */
			s->lost |= contains(begin, x.p, "include");
		if (r == 0) {
			size_t to = x.peeked ? x.token_at : x.clean.len;

			it.text = xstrdup("");
			it.text = xrealloc(it.text, to - from + 1);
			memcpy(it.text, x.clean.s + from, to - from);
			it.text[to - from] = '\0';
		}
		add_item(s, &it);
	}
	text_clear(&x.clean);
	text_clear(&x.word);
}

void
scan_clear(struct scan *s)
{
	for (size_t i = 0; i < s->nitems; i++)
		item_clear(&s->items[i]);
	free(s->items);
	*s = (struct scan){ 0 };
}
