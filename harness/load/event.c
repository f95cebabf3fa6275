/* A client that verifies 150,000 events a second has about 3 us for each, most of it the kernel's.
 * So there is no tree and no second pass: a loop walks the text once, with a small stack of
 * *places* that says where in a chunk it stands:
 *
 *     {"choices":[{"delta":{"content":"…"},"finish_reason":null}],"usage":{…},"x_groq":{"error":…}}
 *     ROOT       CHOICES  DELTA                                  USAGE       GROQ
 *                 └ CHOICE
 *
 * A key is looked up in a table of (place, name) → meaning; what the table does not know is
 * ELSEWHERE and is checked for form only. Strings, which make up most of an event, are skipped
 * eight bytes at a time.
 *
 * There is deliberately no fast path for "our own server's" events beside a full one: two readers
 * would have to agree on every input. */
#include "harness/load/event.h"

#include <stdlib.h>
#include <string.h>

enum place { ELSEWHERE, ROOT, CHOICES, CHOICE, DELTA, TOOLS, USAGE, GROQ, FAILURE };

enum meaning {
	NOTHING,
	INSIDE, /* only its place matters */
	TEXT,
	FINISH,
	ERROR,
	CODE,
	STATS,
	PROMPT_TOKENS,
	COMPLETION_TOKENS,
	QUEUE_TIME,
	PROMPT_TIME,
	COMPLETION_TIME,
	TOOL,
};

struct rule {
	enum place where;
	uint8_t len;
	const char *name;
	enum meaning meaning;
	enum place inside; /* of the object or array that is its value */
};

#define RULE(where, name, meaning, inside)                                                         \
	{                                                                                          \
		where, sizeof(name) - 1, name, meaning, inside                                     \
	}

static const struct rule rules[] = {
        RULE(DELTA, "content", TEXT, ELSEWHERE),
        RULE(DELTA, "reasoning", TEXT, ELSEWHERE),
        RULE(DELTA, "reasoning_content", TEXT, ELSEWHERE),
        RULE(DELTA, "tool_calls", INSIDE, TOOLS),
        RULE(CHOICE, "delta", INSIDE, DELTA),
        RULE(CHOICE, "text", TEXT, ELSEWHERE),
        RULE(CHOICE, "finish_reason", FINISH, ELSEWHERE),
        RULE(ROOT, "choices", INSIDE, CHOICES),
        RULE(ROOT, "usage", STATS, USAGE),
        RULE(ROOT, "x_groq", INSIDE, GROQ),
        RULE(ROOT, "error", ERROR, FAILURE),
        RULE(GROQ, "usage", STATS, USAGE),
        RULE(GROQ, "error", ERROR, FAILURE),
        RULE(FAILURE, "code", CODE, ELSEWHERE),
        RULE(FAILURE, "type", CODE, ELSEWHERE),
        RULE(USAGE, "prompt_tokens", PROMPT_TOKENS, ELSEWHERE),
        RULE(USAGE, "completion_tokens", COMPLETION_TOKENS, ELSEWHERE),
        RULE(USAGE, "queue_time", QUEUE_TIME, ELSEWHERE),
        RULE(USAGE, "prompt_time", PROMPT_TIME, ELSEWHERE),
        RULE(USAGE, "completion_time", COMPLETION_TIME, ELSEWHERE),
};

static const struct rule nothing = {ELSEWHERE, 0, "", NOTHING, ELSEWHERE};
static const struct rule root = {ELSEWHERE, 0, "", NOTHING, ROOT};
static const struct rule choice = {CHOICES, 0, "", NOTHING, CHOICE};
static const struct rule tool = {TOOLS, 0, "", TOOL, ELSEWHERE};

struct scan {
	const char *p, *end;
	struct event *out;
	unsigned depth;
	struct {
		enum place place;
		char close; /* '}' or ']' */
	} stack[EVENT_DEPTH_MAX];
};

/* The next byte that is no white space, not consumed; NUL at the end. */
static char scan_peek(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
	return s->p < s->end ? *s->p : '\0';
}

/* Non-zero when one of the eight bytes is a quote, a backslash or below 0x20; may also be non-zero
 * because of a byte above such a one, which costs a look and nothing else. */
static uint64_t word_is_special(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';

	return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w)) &
	       high;
}

/* Behind the backslash at s->p. */
static bool scan_escape(struct scan *s)
{
	if (++s->p == s->end)
		return false;
	if (*s->p != 'u')
		return *s->p && strchr("\"\\/bfnrt", *s->p++);
	if (s->end - s->p < 5)
		return false;
	for (int i = 1; i <= 4; i++)
		if (!s->p[i] || !strchr("0123456789abcdefABCDEF", s->p[i]))
			return false;
	s->p += 5;
	return true;
}

/* At an opening quote; leaves s->p behind the closing one and names what is between them. */
static bool scan_string(struct scan *s, const char **text, size_t *len)
{
	uint64_t w;

	*text = ++s->p;
	for (;;) {
		while (s->end - s->p >= 8 && (memcpy(&w, s->p, 8), !word_is_special(w)))
			s->p += 8;
		while (s->p < s->end && (unsigned char)*s->p >= 0x20 && *s->p != '"' &&
		        *s->p != '\\')
			s->p++;
		if (s->p == s->end || (unsigned char)*s->p < 0x20)
			return false;
		if (*s->p == '"')
			break;
		if (!scan_escape(s))
			return false;
	}
	*len = (size_t)(s->p++ - *text);
	return true;
}

static bool scan_digits(struct scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > from;
}

static bool scan_number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (!scan_digits(s))
		return false;
	if (s->p < s->end && *s->p == '.' && (s->p++, !scan_digits(s)))
		return false;
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		return scan_digits(s);
	}
	return true;
}

static bool scan_literal(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

/* A figure of usage: `scale` per unit, -1 for what no int64_t of ours could hold. */
static int64_t figure(const char *text, size_t len, double scale)
{
	char copy[64];
	double value;

	if (len >= sizeof(copy))
		return -1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	value = strtod(copy, NULL) * scale;
	return value >= 0 && value < 9e18 ? (int64_t)(value + 0.5) : -1;
}

static void mean_number(struct event *out, enum meaning meaning, const char *text, size_t len)
{
	switch (meaning) {
	case PROMPT_TOKENS:
		out->prompt_tokens = figure(text, len, 1);
		break;
	case COMPLETION_TOKENS:
		out->completion_tokens = figure(text, len, 1);
		break;
	case QUEUE_TIME:
		out->queue_ns = figure(text, len, 1e9);
		break;
	case PROMPT_TIME:
		out->prompt_ns = figure(text, len, 1e9);
		break;
	case COMPLETION_TIME:
		out->completion_ns = figure(text, len, 1e9);
		break;
	default:
		break;
	}
}

static void mean_string(struct event *out, enum meaning meaning, const char *text, size_t len)
{
	static const char context[] = "context_length_exceeded";

	if (meaning == TEXT && len) {
		out->token = true;
		out->text = text;
		out->text_len = len;
	} else if (meaning == CODE && len == sizeof(context) - 1) {
		out->context_length |= memcmp(text, context, len) == 0;
	}
}

/* What holds for a value of any type but null. */
static void mean_present(struct event *out, enum meaning meaning)
{
	out->finished |= meaning == FINISH;
	out->failed |= meaning == ERROR;
	out->token |= meaning == TOOL;
}

static bool scan_scalar(struct scan *s, enum meaning meaning)
{
	const char *text = s->p;
	size_t len;

	switch (scan_peek(s)) {
	case 'n':
		return scan_literal(s, "null");
	case 't':
		mean_present(s->out, meaning);
		return scan_literal(s, "true");
	case 'f':
		mean_present(s->out, meaning);
		return scan_literal(s, "false");
	case '"':
		if (!scan_string(s, &text, &len))
			return false;
		mean_present(s->out, meaning);
		mean_string(s->out, meaning, text, len);
		return true;
	case '\0':
		return false;
	default:
		text = s->p;
		if (!scan_number(s))
			return false;
		mean_present(s->out, meaning);
		mean_number(s->out, meaning, text, (size_t)(s->p - text));
		return true;
	}
}

static const struct rule *rule_of(enum place where, const char *key, size_t len)
{
	if (where == ELSEWHERE)
		return &nothing;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].where == where && rules[i].len == len &&
		        memcmp(rules[i].name, key, len) == 0)
			return &rules[i];
	return &nothing;
}

/* The rule of the value that comes next in the container on top: reads the key of a member. */
static const struct rule *scan_slot(struct scan *s)
{
	enum place where = s->stack[s->depth - 1].place;
	const char *key;
	size_t len;

	if (s->stack[s->depth - 1].close == ']')
		return where == CHOICES ? &choice : where == TOOLS ? &tool : &nothing;
	if (scan_peek(s) != '"' || !scan_string(s, &key, &len) || scan_peek(s) != ':')
		return NULL;
	s->p++;
	return rule_of(where, key, len);
}

static bool scan_open(struct scan *s, const struct rule *rule)
{
	if (s->depth == EVENT_DEPTH_MAX)
		return false;
	mean_present(s->out, rule->meaning);
	s->out->usage |= rule->meaning == STATS;
	s->stack[s->depth].place = rule->inside;
	s->stack[s->depth++].close = *s->p++ == '{' ? '}' : ']';
	return true;
}

bool event_scan(const char *json, size_t n, struct event *out)
{
	struct scan s = {.p = json, .end = json + n, .out = out};
	const struct rule *rule = &root;

	*out = (struct event){.prompt_tokens = -1,
	        .completion_tokens = -1,
	        .queue_ns = -1,
	        .prompt_ns = -1,
	        .completion_ns = -1};
	for (;;) {
		char c = scan_peek(&s);
		bool opened = c == '{' || c == '[';

		if (opened ? !scan_open(&s, rule) : !scan_scalar(&s, rule->meaning))
			return false;
		/* Behind a value, or just inside an empty container: close what ends here. */
		while (s.depth && scan_peek(&s) == s.stack[s.depth - 1].close) {
			s.p++;
			s.depth--;
			opened = false;
		}
		if (!s.depth)
			return scan_peek(&s) == '\0' && s.p == s.end;
		if (!opened && scan_peek(&s) != ',')
			return false;
		s.p += !opened;
		rule = scan_slot(&s);
		if (!rule)
			return false;
	}
}
