/* Seeds: the same scenario under other random numbers. A cell is `run --clock virtual --seed N` to
 * the bit: what may be drawn from the seed when a file is read (fault times and targets) is read
 * anew for each.
 *
 * One clean run shows that a promise can be kept; how often it is kept is a proportion, and is
 * printed with how sure that is. Seeds are independent of each other, which requests of one run are
 * not. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/run/campaign.h"
#include "harness/run/evaluate.h"
#include "reports/proportion.h"
#include "reports/render.h"

enum { FAILING_MAX = 100, FAILING_SHOWN = 5, OUTCOMES = 7, VERDICTS = VERDICT_ABORTED + 1 };

static const char *const outcomes[OUTCOMES] = {
        "scheduled", "ok", "rejected", "failed", "corrupt", "cancelled", "not_sent"};

static const char *const phases[] = {"ttd_ms", "ttf_ms", "ttr_ms"};
enum { PHASES = ARRAY_LEN(phases) };

/* What something was in each seed; seeds in which it was nothing are not among them. */
struct values {
	double *v;
	uint32_t n, capacity;
};

/* An SLO or an expectation over all seeds. */
struct tally {
	const char *id, *unit;
	uint64_t by[VERDICTS];
	struct values observed;
};

struct failing {
	uint64_t seed;
	char *missed; /* ids, JSON */
};

struct campaign_state {
	const struct scenario *base;
	char *sections; /* what a seed may draw from: JSON, read anew for each */
	size_t n_sections;
	uint64_t first, n;
	/* Folded: */
	uint64_t folded, by[VERDICTS], requests[OUTCOMES];
	uint32_t n_tallies, n_slo;
	struct tally *tallies;           /* SLOs, then expectations */
	struct values (*phases)[PHASES]; /* by fault */
	uint32_t n_failing;              /* kept */
	struct failing failing[FAILING_MAX];
};

/* --- cells --------------------------------------------------------------------------- */

static void write_sections(struct campaign_state *s)
{
	static const char *const names[] = {"faults", "limits", "slo", "expect", "abort"};
	struct jval root = json_root(s->base->document);
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct jval v = json_get(root, names[i]);

		if (json_type(v) != JSON_NONE)
			json_out_value(&o, names[i], v, false);
	}
	json_out_close(&o);
	s->sections = o.buf;
	s->n_sections = o.n;
}

static enum status seeds_open(const struct scenario *base, const struct campaign_request *request,
        struct campaign_state **out, uint64_t *n_cells, struct error *err)
{
	struct campaign_state *s;
	const struct score_rules *rules = &base->rules;

	(void)err;
	s = mem_alloc(1, sizeof(*s));
	s->base = base;
	s->first = request->seed_first;
	*n_cells = s->n = request->seed_last - request->seed_first + 1;
	s->n_slo = rules->n_slo;
	s->n_tallies = rules->n_slo + rules->n_expect;
	s->tallies = mem_alloc(s->n_tallies + 1, sizeof(*s->tallies));
	for (uint32_t i = 0; i < rules->n_slo; i++) {
		s->tallies[i].id = rules->slo[i].id;
		s->tallies[i].unit = " ms";
	}
	for (uint32_t i = 0; i < rules->n_expect; i++) {
		s->tallies[rules->n_slo + i].id = rules->expect[i].id;
		s->tallies[rules->n_slo + i].unit =
		        rules->expect[i].kind <= EXPECT_TTR ? " ms" : "";
	}
	s->phases = mem_alloc(base->faults.n + 1, sizeof(*s->phases));
	write_sections(s);
	*out = s;
	return ERR_NONE;
}

static void seeds_close(struct campaign_state *s)
{
	for (uint32_t i = 0; i < s->n_tallies; i++)
		mem_free(s->tallies[i].observed.v);
	for (uint32_t i = 0; i < s->base->faults.n; i++)
		for (int p = 0; p < PHASES; p++)
			mem_free(s->phases[i][p].v);
	for (uint32_t i = 0; i < s->n_failing; i++)
		mem_free(s->failing[i].missed);
	mem_free(s->tallies);
	mem_free(s->phases);
	mem_free(s->sections);
	mem_free(s);
}

static void seeds_name(
        const struct campaign_state *s, uint64_t index, char out[static CAMPAIGN_CELL_NAME])
{
	(void)snprintf(out, CAMPAIGN_CELL_NAME, "seed %" PRIu64, s->first + index);
}

static void missed_json(const struct score_result *r, struct json_out *o)
{
	json_out_open(o, "missed", '[');
	for (uint32_t i = 0; i < r->n_slo; i++)
		if (r->slo[i].verdict == VERDICT_FAIL)
			json_out_str(o, NULL, r->slo[i].rule->id);
	for (uint32_t i = 0; i < r->n_expect; i++)
		if (r->expect[i].verdict == VERDICT_FAIL)
			json_out_str(o, NULL, r->expect[i].rule->id);
	json_out_close(o);
}

static void rules_json(const struct score_result *r, struct json_out *o)
{
	json_out_open(o, "slo", '[');
	for (uint32_t i = 0; i < r->n_slo; i++) {
		const struct slo_result *slo = &r->slo[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", slo->rule->id);
		json_out_str(o, "verdict", verdict_name(slo->verdict));
		if (slo->observed_ns < 0)
			json_out_null(o, "observed");
		else
			json_out_real(o, "observed", ns_to_ms(slo->observed_ns));
		json_out_close(o);
	}
	json_out_close(o);
	json_out_open(o, "expect", '[');
	for (uint32_t i = 0; i < r->n_expect; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "id", r->expect[i].rule->id);
		json_out_str(o, "verdict", verdict_name(r->expect[i].verdict));
		if (r->expect[i].has_observed)
			json_out_real(o, "observed", r->expect[i].observed);
		else
			json_out_null(o, "observed");
		json_out_close(o);
	}
	json_out_close(o);
}

static void faults_json(
        const struct scenario *s, const struct score_fault *faults, struct json_out *o)
{
	json_out_open(o, "faults", '[');
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const struct score_fault *f = &faults[i];
		int64_t since[PHASES] = {score_since(f->detect_ns, f->inject_ns),
		        score_since(f->failover_ns, f->inject_ns),
		        score_since(f->recover_ns, f->inject_ns)};

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", s->faults.faults[i].id);
		for (int p = 0; p < PHASES; p++)
			if (since[p] < 0)
				json_out_null(o, phases[p]);
			else
				json_out_real(o, phases[p], ns_to_ms(since[p]));
		json_out_close(o);
	}
	json_out_close(o);
}

static void cell_json(const struct scenario *s, const struct evaluation *e, const char *name,
        uint64_t seed, struct json_out *o)
{
	char digest[DIGEST_TEXT_MAX];

	json_out_str(o, "cell", name);
	json_out_u64(o, "seed", seed);
	json_out_str(o, "verdict", verdict_name(e->result->verdict));
	json_out_bool(o, "steady_state", e->result->steady_state);
	missed_json(e->result, o);
	render_requests(e->result, o);
	rules_json(e->result, o);
	faults_json(s, e->faults, o);
	json_out_str(o, "result_digest", digest_text(e->run.result_digest, digest));
}

static enum status play_scenario(const struct scenario *s, const char *name,
        const volatile sig_atomic_t *interrupt, struct json_out *line, struct campaign_brief *brief,
        struct error *err)
{
	struct evaluation e = {0};
	enum status st = evaluate(s, false, interrupt, &e, err);

	if (!st && *interrupt) { /* what twins and replicas said may be half of it */
		brief->verdict = VERDICT_ABORTED;
	} else if (!st) {
		cell_json(s, &e, name, s->seed, line);
		brief->verdict = e.result->verdict;
		brief->requests = e.run.scheduled;
		brief->damage = (double)(e.run.scheduled - e.result->by_outcome[OUTCOME_OK]) /
		                (double)(e.run.scheduled ? e.run.scheduled : 1);
	}
	evaluation_free(&e);
	return st;
}

static enum status seeds_play(const struct campaign_state *s, uint64_t index,
        const volatile sig_atomic_t *interrupt, struct json_out *line, struct campaign_brief *brief,
        struct error *err)
{
	struct scenario *cell;
	struct json *sections;
	enum status st;

	seeds_name(s, index, brief->name);
	if (json_parse(s->base->file, s->sections, s->n_sections, &sections, err) ||
	        scenario_replan(s->base, s->first + index, sections, &cell, err))
		return err->code;
	st = play_scenario(cell, brief->name, interrupt, line, brief, err);
	scenario_free(cell);
	return st;
}

/* --- folding ------------------------------------------------------------------------- */

static enum status read_verdict(struct jval object, int *out, struct error *err)
{
	struct jval v = json_get(object, "verdict");
	const char *name = json_string(v);

	for (int i = 0; name && i < VERDICTS; i++)
		if (strcmp(verdict_name((enum verdict)i), name) == 0) {
			*out = i;
			return ERR_NONE;
		}
	return json_expected(json_type(v) == JSON_NONE ? object : v, err, "a verdict");
}

/* null: not observed in this seed. */
static enum status add_value(struct jval v, struct values *values, struct error *err)
{
	double x;

	if (json_type(v) == JSON_NULL)
		return ERR_NONE;
	if (json_real(v, &x, err))
		return err->code;
	values->v = mem_room(values->v, values->n, &values->capacity, sizeof(*values->v));
	values->v[values->n++] = x;
	return ERR_NONE;
}

static enum status fold_rules(
        struct jval list, struct tally *tallies, uint32_t n, struct error *err)
{
	struct jval v = json_first(list);

	if (json_count(list) != n)
		return json_expected(list, err, "%" PRIu32 " rules, as the scenario has", n);
	for (uint32_t i = 0; i < n; i++, v = json_next(v)) {
		int verdict;

		if (read_verdict(v, &verdict, err) ||
		        add_value(json_get(v, "observed"), &tallies[i].observed, err))
			return err->code;
		tallies[i].by[verdict]++;
	}
	return ERR_NONE;
}

static enum status fold_faults(struct campaign_state *s, struct jval list, struct error *err)
{
	struct jval v = json_first(list);

	if (json_count(list) != s->base->faults.n)
		return json_expected(
		        list, err, "%" PRIu32 " faults, as the scenario has", s->base->faults.n);
	for (uint32_t i = 0; i < s->base->faults.n; i++, v = json_next(v))
		for (int p = 0; p < PHASES; p++)
			if (add_value(json_get(v, phases[p]), &s->phases[i][p], err))
				return err->code;
	return ERR_NONE;
}

static void keep_failing(struct campaign_state *s, uint64_t seed, struct jval missed)
{
	struct json_out o;

	if (s->n_failing == FAILING_MAX)
		return;
	json_out_init(&o, 0);
	json_out_value(&o, NULL, missed, false);
	s->failing[s->n_failing++] = (struct failing){.seed = seed, .missed = o.buf};
}

static enum status seeds_fold(struct campaign_state *s, struct jval line, struct error *err)
{
	struct jval requests = json_get(line, "requests");
	int64_t n, seed;
	int verdict;

	if (read_verdict(line, &verdict, err) || json_i64(json_get(line, "seed"), &seed, err) ||
	        fold_rules(json_get(line, "slo"), s->tallies, s->n_slo, err) ||
	        fold_rules(json_get(line, "expect"), s->tallies + s->n_slo, s->n_tallies - s->n_slo,
	                err) ||
	        fold_faults(s, json_get(line, "faults"), err))
		return err->code;
	for (int i = 0; i < OUTCOMES; i++) {
		if (json_i64(json_get(requests, outcomes[i]), &n, err))
			return err->code;
		s->requests[i] += (uint64_t)n;
	}
	s->folded++;
	s->by[verdict]++;
	if (verdict == VERDICT_FAIL)
		keep_failing(s, (uint64_t)seed, json_get(line, "missed"));
	return ERR_NONE;
}

/* --- what all of them say ------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of sorted values: the smallest that a share q of them does not exceed. */
static double at_rank(const struct values *v, double q)
{
	uint64_t rank = histogram_rank(q, v->n);

	return v->v[rank ? rank - 1 : 0];
}

static void values_json(struct json_out *o, const char *key, struct values *v)
{
	json_out_open(o, key, '{');
	json_out_u64(o, "count", v->n);
	if (v->n) {
		qsort(v->v, v->n, sizeof(*v->v), ascending);
		json_out_real(o, "min", v->v[0]);
		json_out_real(o, "p50", at_rank(v, 0.5));
		json_out_real(o, "p90", at_rank(v, 0.9));
		json_out_real(o, "p99", at_rank(v, 0.99));
		json_out_real(o, "max", v->v[v->n - 1]);
	}
	json_out_close(o);
}

static void tallies_json(
        struct campaign_state *s, const char *key, uint32_t from, uint32_t to, struct json_out *o)
{
	json_out_open(o, key, '[');
	for (uint32_t i = from; i < to; i++) {
		struct tally *t = &s->tallies[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", t->id);
		proportion_json(o, "held", t->by[VERDICT_PASS], s->folded);
		json_out_u64(o, "failed", t->by[VERDICT_FAIL]);
		json_out_u64(o, "undecided", s->folded - t->by[VERDICT_PASS] - t->by[VERDICT_FAIL]);
		values_json(o, "observed", &t->observed);
		json_out_close(o);
	}
	json_out_close(o);
}

static void phases_json(struct campaign_state *s, struct json_out *o)
{
	json_out_open(o, "faults", '[');
	for (uint32_t i = 0; i < s->base->faults.n; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "id", s->base->faults.faults[i].id);
		for (int p = 0; p < PHASES; p++)
			values_json(o, phases[p], &s->phases[i][p]);
		json_out_close(o);
	}
	json_out_close(o);
}

static void summary_json(struct campaign_state *s, struct json_out *o)
{
	json_out_open(o, "seeds", '{');
	json_out_u64(o, "first", s->first);
	json_out_u64(o, "last", s->first + s->n - 1);
	json_out_close(o);
	json_out_open(o, "verdicts", '{');
	for (int v = 0; v < VERDICTS; v++)
		json_out_u64(o, verdict_name((enum verdict)v), s->by[v]);
	json_out_close(o);
	proportion_json(o, "passed", s->by[VERDICT_PASS], s->folded);
	json_out_open(o, "requests", '{');
	for (int i = 0; i < OUTCOMES; i++)
		json_out_u64(o, outcomes[i], s->requests[i]);
	json_out_close(o);
	tallies_json(s, "slo", 0, s->n_slo, o);
	tallies_json(s, "expect", s->n_slo, s->n_tallies, o);
	phases_json(s, o);
	json_out_open(o, "failing", '[');
	for (uint32_t i = 0; i < s->n_failing; i++) {
		json_out_open(o, NULL, '{');
		json_out_u64(o, "seed", s->failing[i].seed);
		json_out_raw(o, "missed", s->failing[i].missed);
		json_out_close(o);
	}
	json_out_close(o);
}

static void held_text(const char *what, uint64_t k, uint64_t n, FILE *text)
{
	struct proportion p = proportion_interval(k, n);

	(void)fprintf(text,
	        "  %-24s %6" PRIu64 " of %-6" PRIu64 " at least %6.2f %%   %6.2f … %6.2f %%", what,
	        k, n, 100 * p.at_least, 100 * p.low, 100 * p.high);
}

static void summary_text(const struct campaign_state *s, FILE *text)
{
	(void)fprintf(text,
	        "seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " pass, %" PRIu64 " fail, %" PRIu64
	        " inconclusive, %" PRIu64 " aborted\n"
	        "  held in seeds                            at 95 %%             95 %% interval    "
	        " "
	        "observed p50 / p99 / max\n",
	        s->first, s->first + s->n - 1, s->by[VERDICT_PASS], s->by[VERDICT_FAIL],
	        s->by[VERDICT_INCONCLUSIVE], s->by[VERDICT_ABORTED]);
	held_text("(all)", s->by[VERDICT_PASS], s->folded, text);
	(void)fputc('\n', text);
	for (uint32_t i = 0; i < s->n_tallies; i++) {
		const struct tally *t = &s->tallies[i];

		held_text(t->id, t->by[VERDICT_PASS], s->folded, text);
		if (t->observed.n)
			(void)fprintf(text, "   %.6g / %.6g / %.6g%s", at_rank(&t->observed, 0.5),
			        at_rank(&t->observed, 0.99), t->observed.v[t->observed.n - 1],
			        t->unit);
		(void)fputc('\n', text);
	}
	for (uint32_t i = 0; i < s->n_failing && i < FAILING_SHOWN; i++)
		(void)fprintf(text,
		        "  seed %" PRIu64 " missed %s; see it with run --clock=virtual "
		        "--seed=%" PRIu64 "\n",
		        s->failing[i].seed, s->failing[i].missed, s->failing[i].seed);
}

static enum verdict seeds_finish(struct campaign_state *s, struct json_out *o, FILE *text)
{
	summary_json(s, o);
	summary_text(s, text);
	if (s->by[VERDICT_FAIL])
		return VERDICT_FAIL;
	if (s->by[VERDICT_ABORTED])
		return VERDICT_ABORTED;
	return s->by[VERDICT_INCONCLUSIVE] || s->folded == 0 ? VERDICT_INCONCLUSIVE : VERDICT_PASS;
}

const struct campaign_mode campaign_seeds = {
        .open = seeds_open,
        .close = seeds_close,
        .play = seeds_play,
        .name = seeds_name,
        .fold = seeds_fold,
        .finish = seeds_finish,
};
