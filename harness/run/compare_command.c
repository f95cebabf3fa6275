#include "harness/run/compare_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/compare_side.h"
#include "harness/run/record.h"
#include "reports/compare.h"

enum { TEXT_BYTES_MAX = 64 << 20, NAME_BYTES = 160, ERROR_LINE_BYTES = 1200 };

/* "2%" or 0.02, within [low, high). */
static enum status read_share(const char *option, const char *text, double low, double high,
        double *out, struct error *err)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (*end == '%' && end[1] == '\0') {
		v /= 100;
		end++;
	}
	if (end == text || *end || errno || !(v >= low && v < high))
		return error_set(err, ERR_USAGE,
		        "--%s: expected a share from %g%% to below %g%%, found '%s'", option,
		        low * 100, high * 100, text);
	*out = v;
	return ERR_NONE;
}

static enum status read_options(
        const struct compare_command *command, struct compare_options *o, struct error *err)
{
	if (read_share("tolerance", command->tolerance, 0, 10, &o->tolerance, err) ||
	        read_share("confidence", command->confidence, 0.5, 1, &o->confidence, err))
		return err->code;
	return ERR_NONE;
}

/* --- who is compared with whom ------------------------------------------------------- */

static bool same_scenario(const struct compare_run *a, const struct compare_run *b)
{
	return strcmp(a->scenario, b->scenario) == 0 && a->virtual_clock == b->virtual_clock;
}

/* How many runs of the side are of that scenario and clock. */
static uint32_t runs_like(const struct compare_side *side, const struct compare_run *run)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < side->n_runs; i++)
		n += same_scenario(side->runs[i], run);
	return n;
}

/* The run of the same seed; where each side has one of the scenario only, that one. */
static uint32_t partner(const struct compare_side *base, const struct compare_run *run,
        const struct compare_side *new)
{
	bool alone = runs_like(base, run) == 1 && runs_like(new, run) == 1;

	for (uint32_t i = 0; i < new->n_runs; i++)
		if (same_scenario(new->runs[i], run) && (alone || new->runs[i]->seed == run->seed))
			return i;
	return UINT32_MAX;
}

static void without_partner(struct compare *c, bool in_base, const struct compare_run *run)
{
	char name[NAME_BYTES];

	(void)snprintf(name, sizeof(name), "%s, seed %" PRIu64 ", %s clock", run->scenario,
	        run->seed, run->virtual_clock ? "virtual" : "wall");
	compare_without_partner(c, in_base, name);
}

static void match_runs(
        struct compare *c, const struct compare_side *base, const struct compare_side *new)
{
	bool *taken = mem_alloc(new->n_runs + 1, sizeof(*taken));

	for (uint32_t i = 0; i < base->n_runs; i++) {
		uint32_t k = partner(base, base->runs[i], new);

		if (k == UINT32_MAX || taken[k]) {
			without_partner(c, true, base->runs[i]);
			continue;
		}
		taken[k] = true;
		compare_runs(c, base->runs[i], new->runs[k]);
	}
	for (uint32_t k = 0; k < new->n_runs; k++)
		if (!taken[k])
			without_partner(c, false, new->runs[k]);
	mem_free(taken);
}

/* Two that were named, each by itself, are meant to be compared: if they cannot be, why not. */
static enum status refuse(
        const struct compare_side *base, const struct compare_side *new, struct error *err)
{
	const struct compare_run *b, *n;
	const char *why;

	if (base->n_campaigns != new->n_campaigns)
		return error_set(err, ERR_USAGE,
		        "expected runs on both sides or campaigns on both, found one of each");
	if (base->n_campaigns &&
	        strcmp(base->campaigns[0]->scenario, new->campaigns[0]->scenario) != 0)
		return error_set(err, ERR_USAGE,
		        "expected the same scenario on both sides, found '%s' and '%s'",
		        base->campaigns[0]->scenario, new->campaigns[0]->scenario);
	if (base->n_runs != 1 || new->n_runs != 1)
		return ERR_NONE;
	b = base->runs[0];
	n = new->runs[0];
	why = compare_refused(b, n);
	if (why)
		return error_set(err, ERR_USAGE,
		        "expected %s, found '%s' on the %s clock and '%s' on the %s clock", why,
		        b->scenario, b->virtual_clock ? "virtual" : "wall", n->scenario,
		        n->virtual_clock ? "virtual" : "wall");
	return ERR_NONE;
}

static enum status match(struct compare *c, const struct compare_side *base,
        const struct compare_side *new, struct error *err)
{
	if (refuse(base, new, err))
		return err->code;
	if (base->n_campaigns)
		compare_campaigns(c, base->campaigns[0], new->campaigns[0]);
	match_runs(c, base, new);
	if (c->n_pairs == 0)
		return error_set(err, ERR_USAGE,
		        "no run of '%s' has a partner in '%s': a partner is of the same scenario, "
		        "seed and clock",
		        base->path, new->path);
	return ERR_NONE;
}

/* --- what is said -------------------------------------------------------------------- */

static enum status write_to(const char *path, const struct text *t, struct error *err)
{
	if (strcmp(path, "-") != 0)
		return record_path(path, t->buf ? t->buf : "", t->n, err);
	(void)fwrite(t->buf, 1, t->n, stdout);
	return ERR_NONE;
}

static enum status report(
        const struct compare *c, const struct compare_command *command, struct error *err)
{
	struct text text, markdown, junit;
	struct json_out o;
	enum status st = ERR_NONE;

	text_init(&text, TEXT_BYTES_MAX);
	compare_text(c, &text);
	(void)fwrite(text.buf, 1, text.n, stderr);
	text_free(&text);
	if (command->json) {
		json_out_init(&o, 0);
		compare_json(c, &o);
		(void)fwrite(o.buf, 1, o.n, stdout);
		(void)fputc('\n', stdout);
		json_out_free(&o);
	}
	text_init(&markdown, TEXT_BYTES_MAX);
	text_init(&junit, TEXT_BYTES_MAX);
	compare_markdown(c, &markdown);
	compare_junit(c, &junit);
	if (command->markdown)
		st = write_to(command->markdown, &markdown, err);
	if (!st && command->junit)
		st = write_to(command->junit, &junit, err);
	text_free(&markdown);
	text_free(&junit);
	return st;
}

static enum status compare(const struct compare_command *command, struct compare_side sides[2],
        int *code, struct error *err)
{
	struct compare_options options;
	struct compare c;
	enum status st;

	if (read_options(command, &options, err))
		return err->code;
	for (int i = 0; i < 2; i++)
		if (compare_side_read(command->sides[i], &sides[i], err))
			return err->code;
	compare_init(&c, &options);
	c.base = command->sides[0];
	c.new = command->sides[1];
	st = match(&c, &sides[0], &sides[1], err);
	if (!st) {
		compare_judge(&c);
		*code = compare_exit_code(&c);
		st = report(&c, command, err);
	}
	compare_free(&c);
	return st;
}

int execute_compare(const struct compare_command *command)
{
	struct compare_side sides[2] = {{0}};
	struct error err = ERROR_INIT;
	int code = 0;

	if (compare(command, sides, &code, &err)) {
		char line[ERROR_LINE_BYTES];

		(void)error_format(&err, line, sizeof(line));
		(void)fprintf(stderr, "%s\n", line);
		code = (int)err.code;
	}
	for (int i = 0; i < 2; i++)
		compare_side_free(&sides[i]);
	return code;
}
