/* The option parser. It walks argv once; what an option is comes from the command's table alone, so
 * a new option is a new record and nothing else. A bit set remembers what was given, because an
 * option that silently wins over its first mention (as in getopt) has made people trust the wrong
 * run. */
#include "harness/cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 32 };

struct parse {
	const struct command *command;
	int argc, next;
	char **argv;
	char *args;
	struct arena *arena;
	bool given[OPTIONS_MAX];
	uint32_t n_operands;
	const char **operands;
};

static const struct option *find(
        const struct parse *p, const char *name, size_t len, struct error *err)
{
	const char *names[OPTIONS_MAX + 1];
	char word[64];
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < p->command->n_options; i++) {
		const struct option *o = &p->command->options[i];

		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
		if (!o->hidden)
			names[n++] = o->name;
	}
	names[n++] = "help";
	if (len >= sizeof(word))
		len = sizeof(word) - 1;
	memcpy(word, name, len);
	word[len] = '\0';
	nearest = error_nearest(word, names, n);
	if (nearest)
		error_set(err, ERR_USAGE, "unknown option --%s, nearest is --%s", word, nearest);
	else
		error_set(err, ERR_USAGE, "unknown option --%s, see 'lpuchaos help %s'", word,
		        p->command->name);
	return NULL;
}

static enum status wrong_value(
        const struct option *o, const char *text, const char *expected, struct error *err)
{
	return error_set(
	        err, ERR_USAGE, "option --%s: expected %s, found '%s'", o->name, expected, text);
}

/* Decimal digits only: strtoull alone would take "-1", " 7" and "0x10". */
static bool parse_digits(const char *text, uint64_t *out)
{
	char *end;

	if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static enum status set_count(
        const struct option *o, const char *text, int64_t *out, struct error *err)
{
	uint64_t v;

	if (!parse_digits(text, &v) || v < (uint64_t)o->min || v > (uint64_t)o->max)
		return error_set(err, ERR_USAGE,
		        "option --%s: expected a whole number from %lld to %lld, found '%s'",
		        o->name, (long long)o->min, (long long)o->max, text);
	*out = (int64_t)v;
	return ERR_NONE;
}

static enum status set_choice(const struct option *o, const char *text, int *out, struct error *err)
{
	for (int i = 0; o->choices[i]; i++)
		if (strcmp(o->choices[i], text) == 0) {
			*out = i;
			return ERR_NONE;
		}
	return wrong_value(o, text, o->value, err);
}

static void append(struct parse *p, const struct option *o, const char *text)
{
	uint32_t *n = (uint32_t *)(void *)(p->args + o->companion);
	const char ***list = (const char ***)(void *)(p->args + o->offset);

	if (*n == 0)
		*list = ARENA_ARRAY(p->arena, const char *, p->argc);
	(*list)[(*n)++] = text;
}

static enum status set_value(
        struct parse *p, const struct option *o, const char *text, struct error *err)
{
	void *target = p->args + o->offset;
	uint64_t seed;

	switch (o->type) {
	case OPTION_SWITCH:
		*(bool *)target = true;
		return ERR_NONE;
	case OPTION_TEXT:
		if (text[0] == '\0')
			return wrong_value(o, text, o->value, err);
		*(const char **)target = text;
		return ERR_NONE;
	case OPTION_COUNT:
		return set_count(o, text, target, err);
	case OPTION_SEED:
		if (!parse_digits(text, &seed) || seed > INT64_MAX)
			return wrong_value(o, text, "a whole number from 0 to 2^63 - 1", err);
		*(uint64_t *)target = seed;
		*(bool *)(p->args + o->companion) = true;
		return ERR_NONE;
	case OPTION_CHOICE:
		return set_choice(o, text, target, err);
	case OPTION_LIST:
		append(p, o, text);
		return ERR_NONE;
	}
	UNREACHABLE("option type");
}

/* The option at argv[next - 1], its dashes already stripped; takes the next word where it needs
 * one. */
static enum status parse_option(struct parse *p, const char *word, struct error *err)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *o = find(p, word, len, err);
	const char *text = equals ? equals + 1 : NULL;
	size_t index;

	if (!o)
		return err->code;
	index = (size_t)(o - p->command->options);
	if (p->given[index] && o->type != OPTION_LIST)
		return error_set(err, ERR_USAGE, "option --%s is given twice", o->name);
	p->given[index] = true;
	if (o->type == OPTION_SWITCH) {
		if (text)
			return error_set(err, ERR_USAGE, "option --%s takes no value, found '%s'",
			        o->name, text);
	} else if (!text) {
		if (p->next >= p->argc || strncmp(p->argv[p->next], "--", 2) == 0)
			return error_set(err, ERR_USAGE, "option --%s: expected %s, found %s",
			        o->name, o->value,
			        p->next < p->argc ? p->argv[p->next] : "nothing");
		text = p->argv[p->next++];
	}
	if (o->type == OPTION_CHOICE && o->companion)
		*(bool *)(p->args + o->companion) = true;
	return set_value(p, o, text, err);
}

static enum status set_defaults(struct parse *p, struct error *err)
{
	for (size_t i = 0; i < p->command->n_options; i++) {
		const struct option *o = &p->command->options[i];
		enum status rc = o->fallback ? set_value(p, o, o->fallback, err) : ERR_NONE;

		if (rc)
			return rc;
	}
	return ERR_NONE;
}

static enum status check_operands(const struct parse *p, struct error *err)
{
	const struct command *c = p->command;

	if (p->n_operands < c->min_operands)
		return error_set(err, ERR_USAGE, "expected %s, found %s", c->operands,
		        p->n_operands ? p->operands[p->n_operands - 1] : "nothing");
	if (p->n_operands > c->max_operands)
		return error_set(err, ERR_USAGE, "expected %s, found also '%s'",
		        c->max_operands ? c->operands : "no operand", p->operands[c->max_operands]);
	return ERR_NONE;
}

enum status options_parse(const struct command *command, int argc, char **argv, struct arena *arena,
        void *args, bool *help, struct error *err)
{
	struct parse p = {
	        .command = command, .argc = argc, .argv = argv, .args = args, .arena = arena};
	bool only_operands = false;
	enum status rc;

	CHECK(command->n_options <= OPTIONS_MAX);
	*help = false;
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0)
			*help = true;
		else if (strcmp(argv[i], "--") == 0)
			break;
	memset(args, 0, command->args_size);
	rc = set_defaults(&p, err);
	CHECK(rc == ERR_NONE);
	if (*help)
		return ERR_NONE;
	p.operands = ARENA_ARRAY(arena, const char *, argc + 1);
	while (p.next < argc) {
		const char *word = argv[p.next++];

		if (!only_operands && strcmp(word, "--") == 0)
			only_operands = true;
		else if (only_operands || word[0] != '-' || word[1] == '\0')
			p.operands[p.n_operands++] = word;
		else if (word[1] != '-')
			return error_set(err, ERR_USAGE,
			        "unknown option %s; options are long, as in --key value", word);
		else if ((rc = parse_option(&p, word + 2, err)) != ERR_NONE)
			return rc;
	}
	rc = check_operands(&p, err);
	if (rc == ERR_NONE && command->max_operands) {
		*(const char *const **)(void *)(p.args + command->operands_offset) = p.operands;
		*(uint32_t *)(void *)(p.args + command->n_operands_offset) = p.n_operands;
	}
	return rc;
}
