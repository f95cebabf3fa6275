/* The lexer that goes before cJSON.
 *
 * cJSON builds trees well and checks little: it takes 01 and 1e999, knows no comments, forgets
 * where a value stood, and lets bad UTF-8 and control characters pass. So the text is checked here
 * first, to the letter of RFC 8259 and somewhat beyond (no NUL character even as an escape, no
 * number that a double cannot hold), and what cJSON is given afterwards is a subset of what it can
 * read: from then on a refusal of cJSON's is a bug of ours, and is asserted.
 *
 * The grammar needs a stack of at most 64 open brackets and three states, no recursion: a value is
 * due (or the end of an empty list), a key is due (or the end of an empty object), or a value has
 * ended. */
#include "harness/base/json_doc.h"
#include "harness/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 63 /* cJSON reads no longer ones */, FOUND_MAX = 24, FIRST_RECORDS = 64 };

enum state { VALUE_DUE, KEY_DUE, VALUE_ENDED, FINISHED };

struct lexer {
	struct json_source *source;
	const char *text;
	size_t len, at;
	char *blanked;
	struct json_records *records;
	uint32_t open[JSON_DEPTH_MAX]; /* records of the open brackets */
	unsigned depth, above;         /* open here; open around the parent */
	bool just_opened;              /* the bracket before may close at once */
	uint32_t key_at;
	struct error *err;
};

void json_locate(const struct json_source *source, size_t at, unsigned *line, unsigned *col)
{
	*line = *col = 1;
	for (size_t i = 0; i < at && i < source->len; i++) {
		if (source->text[i] == '\n') {
			++*line;
			*col = 1;
		} else if (((unsigned char)source->text[i] & 0xc0) != 0x80) {
			++*col;
		}
	}
}

size_t json_utf8_len(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf; /* of the second byte */
	size_t len;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0; /* continuation, overlong or beyond U+10FFFF */
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (u[0] == 0xe0)
		low = 0xa0;
	else if (u[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (u[0] == 0xf0)
		low = 0x90;
	else if (u[0] == 0xf4)
		high = 0x8f;
	if (len > n || u[1] < low || u[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '+' || c == '-' || c == '.' || c == '_';
}

/* What stands at an offset, for the reader of an error. */
static void describe(const struct lexer *l, size_t at, char *buf, size_t size)
{
	unsigned char c = (unsigned char)l->text[at];
	size_t n = 0;

	if (at >= l->len)
		snprintf(buf, size, "end of file");
	else if (c == '\n' || c == '\r')
		snprintf(buf, size, "end of line");
	else if (c == '"')
		snprintf(buf, size, "a string");
	else if (c < 0x20 || c >= 0x7f)
		snprintf(buf, size, "byte 0x%02x", c);
	else if (!is_word((char)c))
		snprintf(buf, size, "'%c'", c);
	else {
		while (n < FOUND_MAX && at + n < l->len && is_word(l->text[at + n]))
			n++;
		snprintf(buf, size, "'%.*s'", (int)n, l->text + at);
	}
}

static LPC_PRINTF(3, 4) enum status fail(struct lexer *l, size_t at, const char *fmt, ...)
{
	char expected[96], found[2 * FOUND_MAX];
	unsigned line, col;
	va_list args;

	va_start(args, fmt);
	vsnprintf(expected, sizeof(expected), fmt, args);
	va_end(args);
	describe(l, at, found, sizeof(found));
	json_locate(l->source, at, &line, &col);
	return error_at(l->err, ERR_USAGE, l->source->file, line, col, NULL,
	        "expected %s, found %s", expected, found);
}

/* What was opened at `from` has no end: its beginning is the place to look at. */
static enum status fail_unended(struct lexer *l, size_t from, const char *closing)
{
	unsigned line, col;

	json_locate(l->source, from, &line, &col);
	return error_at(l->err, ERR_USAGE, l->source->file, line, col, NULL,
	        "expected a closing %s, found end of file", closing);
}

/* The text ends in a NUL that is not part of it, so looking one ahead is always allowed. */
static char peek(const struct lexer *l)
{
	return l->text[l->at];
}

static bool at_end(const struct lexer *l)
{
	return l->at >= l->len;
}

static enum status skip_comment(struct lexer *l)
{
	size_t from = l->at;
	bool block = l->text[from + 1] == '*';

	if (!block && l->text[from + 1] != '/')
		return fail(l, from, "a value or a comment");
	for (l->at += 2; !at_end(l);) {
		size_t n = json_utf8_len(l->text + l->at, l->len - l->at);

		if (n == 0)
			return fail(l, l->at, "UTF-8 text");
		if (peek(l) == '\0')
			return fail(l, l->at, "text without NUL bytes");
		if (!block && peek(l) == '\n')
			break;
		if (block && peek(l) == '*' && l->text[l->at + 1] == '/') {
			l->at += 2;
			break;
		}
		l->at += n;
	}
	if (block && (l->at < from + 4 || l->text[l->at - 1] != '/' || l->text[l->at - 2] != '*'))
		return fail_unended(l, from, "*/");
	memset(l->blanked + from, ' ', l->at - from);
	return ERR_NONE;
}

static enum status skip_blank(struct lexer *l)
{
	while (!at_end(l)) {
		char c = peek(l);

		if (c == '/') {
			if (skip_comment(l) != ERR_NONE)
				return l->err->code;
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			l->at++;
		} else {
			break;
		}
	}
	return ERR_NONE;
}

static uint32_t add_record(struct lexer *l)
{
	struct json_records *r = l->records;

	if (r->n == r->capacity) {
		r->capacity = r->capacity ? r->capacity * 2 : FIRST_RECORDS;
		r->v = mem_grow(r->v, r->capacity, sizeof(*r->v));
	}
	r->v[r->n] = (struct json_record){
	        .source = l->source,
	        .parent = l->open[l->depth ? l->depth - 1 : 0],
	        .at = (uint32_t)l->at,
	        .key_at = l->key_at,
	};
	l->key_at = JSON_NOWHERE;
	return r->n++;
}

/* Four hex digits at text + at, or -1. */
static int hex4(const struct lexer *l, size_t at)
{
	int value = 0;

	for (size_t i = at; i < at + 4; i++) {
		char c = i < l->len ? l->text[i] : '\0';
		int digit = c >= '0' && c <= '9'   ? c - '0'
		            : c >= 'a' && c <= 'f' ? c - 'a' + 10
		            : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                   : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static enum status lex_unicode_escape(struct lexer *l)
{
	int unit = hex4(l, l->at + 2), low;

	if (unit < 0)
		return fail(l, l->at, "four hex digits after \\u");
	if (unit == 0)
		return fail(l, l->at, "text without NUL characters");
	if (unit < 0xd800 || unit > 0xdfff) {
		l->at += 6;
		return ERR_NONE;
	}
	low = l->text[l->at + 6] == '\\' && l->text[l->at + 7] == 'u' ? hex4(l, l->at + 8) : -1;
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return fail(l, l->at, "a pair of surrogates");
	l->at += 12;
	return ERR_NONE;
}

static enum status lex_string(struct lexer *l)
{
	size_t from = l->at++;

	while (!at_end(l)) {
		unsigned char c = (unsigned char)peek(l);
		size_t n = json_utf8_len(l->text + l->at, l->len - l->at);

		if (c == '"') {
			l->at++;
			return ERR_NONE;
		}
		if (c < 0x20)
			return fail(l, l->at, "a closing quote or an escaped control character");
		if (n == 0)
			return fail(l, l->at, "UTF-8 text");
		if (c != '\\') {
			l->at += n;
		} else if (l->text[l->at + 1] == 'u') {
			if (lex_unicode_escape(l) != ERR_NONE)
				return l->err->code;
		} else {
			if (l->text[l->at + 1] == '\0' || !strchr("\"\\/bfnrt", l->text[l->at + 1]))
				return fail(l, l->at,
				        "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r "
				        "\\t \\uXXXX");
			l->at += 2;
		}
	}
	return fail_unended(l, from, "quote");
}

static size_t count_digits(const char *s)
{
	size_t n = 0;

	while (s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

/* The length of the JSON number at s, 0 if there is none. */
static size_t number_len(const char *s)
{
	size_t n = s[0] == '-', digits = count_digits(s + n);

	if (digits == 0 || (digits > 1 && s[n] == '0'))
		return 0;
	n += digits;
	if (s[n] == '.') {
		digits = count_digits(s + n + 1);
		if (digits == 0)
			return 0;
		n += 1 + digits;
	}
	if (s[n] == 'e' || s[n] == 'E') {
		size_t sign = s[n + 1] == '+' || s[n + 1] == '-';

		digits = count_digits(s + n + 1 + sign);
		if (digits == 0)
			return 0;
		n += 1 + sign + digits;
	}
	return n;
}

static enum status lex_number(struct lexer *l)
{
	const char *s = l->text + l->at;
	size_t n = number_len(s), mantissa = strspn(s, "-0.");
	double value;

	if (n == 0 || is_word(s[n]))
		return fail(
		        l, l->at, "a number (no leading zero or plus, digits around the point)");
	if (n > NUMBER_MAX)
		return fail(l, l->at, "a number of at most %d characters", NUMBER_MAX);
	value = strtod(s, NULL);
	if (value - value != 0 || (value == 0 && s[mantissa] >= '1' && s[mantissa] <= '9'))
		return fail(l, l->at, "a number that a double can hold");
	l->at += n;
	return ERR_NONE;
}

static enum status lex_word(struct lexer *l)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if (strncmp(l->text + l->at, words[i], n) == 0 && !is_word(l->text[l->at + n])) {
			l->at += n;
			return ERR_NONE;
		}
	}
	return fail(l, l->at, "a value");
}

static enum status open_bracket(struct lexer *l, uint32_t record, enum state *next)
{
	if (l->depth + l->above == JSON_DEPTH_MAX)
		return fail(l, l->at, "at most %d nested brackets", JSON_DEPTH_MAX);
	*next = peek(l) == '{' ? KEY_DUE : VALUE_DUE;
	l->open[l->depth++] = record;
	l->just_opened = true;
	l->at++;
	return ERR_NONE;
}

static void close_bracket(struct lexer *l, enum state *next)
{
	l->depth--;
	l->just_opened = false;
	l->at++;
	*next = l->depth ? VALUE_ENDED : FINISHED;
}

static enum status lex_value(struct lexer *l, enum state *next)
{
	char c = peek(l);
	uint32_t record;

	if (at_end(l))
		return fail(l, l->at, "a value");
	if (c == ']' && l->just_opened) {
		close_bracket(l, next);
		return ERR_NONE;
	}
	record = add_record(l);
	if (c == '{' || c == '[')
		return open_bracket(l, record, next);
	l->just_opened = false;
	*next = l->depth ? VALUE_ENDED : FINISHED;
	if (c == '"')
		return lex_string(l);
	return c == '-' || (c >= '0' && c <= '9') ? lex_number(l) : lex_word(l);
}

static enum status lex_key(struct lexer *l, enum state *next)
{
	size_t from = l->at;

	if (peek(l) == '}' && l->just_opened) {
		close_bracket(l, next);
		return ERR_NONE;
	}
	if (at_end(l) || peek(l) != '"')
		return fail(l, l->at, "a key in double quotes");
	if (lex_string(l) != ERR_NONE || skip_blank(l) != ERR_NONE)
		return l->err->code;
	if (at_end(l) || peek(l) != ':')
		return fail(l, l->at, "':' after the key");
	l->at++;
	l->key_at = (uint32_t)from;
	l->just_opened = false;
	*next = VALUE_DUE;
	return ERR_NONE;
}

static enum status lex_end(struct lexer *l, enum state *next)
{
	bool object = l->text[l->records->v[l->open[l->depth - 1]].at] == '{';

	if (!at_end(l) && peek(l) == ',') {
		l->at++;
		*next = object ? KEY_DUE : VALUE_DUE;
		return ERR_NONE;
	}
	if (at_end(l) || peek(l) != (object ? '}' : ']'))
		return fail(l, l->at, object ? "',' or '}'" : "',' or ']'");
	close_bracket(l, next);
	return ERR_NONE;
}

enum status json_lex(struct json_source *source, uint32_t parent, struct json_records *records,
        char *blanked, struct error *err)
{
	struct lexer l = {.source = source,
	        .text = source->text,
	        .len = source->len,
	        .blanked = blanked,
	        .records = records,
	        .open = {parent},
	        .key_at = JSON_NOWHERE,
	        .err = err};
	enum state state = VALUE_DUE;

	for (uint32_t p = parent; p != JSON_NOWHERE; p = records->v[p].parent)
		l.above++;
	memcpy(blanked, source->text, source->len + 1);
	while (state != FINISHED) {
		enum status status = skip_blank(&l);

		if (status == ERR_NONE)
			status = state == VALUE_DUE ? lex_value(&l, &state)
			         : state == KEY_DUE ? lex_key(&l, &state)
			                            : lex_end(&l, &state);
		if (status != ERR_NONE)
			return status;
	}
	if (skip_blank(&l) != ERR_NONE)
		return err->code;
	return at_end(&l) ? ERR_NONE : fail(&l, l.at, "end of file after the value");
}
