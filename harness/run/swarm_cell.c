#include "harness/run/swarm_cell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "faults/catalogue.h"
#include "harness/base/mathx.h"
#include "harness/base/units.h"
#include "harness/run/record.h"
#include "harness/run/swarm_coverage.h"
#include "reports/group.h"
#include "reports/recovered.h"
#include "reports/stats.h"
#include "reports/window.h"

enum { BINS_MAX = 1 << 14, NAME_HEAD = 40 };

/* --- watching a run
 * -------------------------------------------------------------------------------- */

/* What is asked of every request as it passes. */
struct watch {
	const struct scenario *s;
	const struct swarm_timeline *timeline;
	struct swarm_slo *slo;
	int64_t bin_ns; /* bins count from the begin of the fault phase, by rule */
	uint32_t n_bins;
	struct swarm_slo *bins;
};

static void watch_init(struct watch *w, const struct scenario *s, const struct swarm_timeline *t)
{
	struct score_config config = scenario_score_config(s, true);
	int64_t span = s->duration_ns - t->faults_ns;

	*w = (struct watch){
	        .s = s, .timeline = t, .bin_ns = window_bin_ns(config.expected_rate_all)};
	if (w->bin_ns < span / BINS_MAX + 1)
		w->bin_ns = span / BINS_MAX + 1;
	w->n_bins = (uint32_t)(span / w->bin_ns) + 1;
	w->slo = mem_alloc(s->rules.n_slo + 1, sizeof(*w->slo));
	w->bins = mem_alloc((size_t)w->n_bins * s->rules.n_slo + 1, sizeof(*w->bins));
}

static void watch_sample(void *ctx, const struct sample *x)
{
	struct watch *w = ctx;
	const struct score_rules *rules = &w->s->rules;
	int64_t value[METRIC_COUNT], at = x->t_sched - w->timeline->faults_ns;

	if (at < 0 || x->t_sched >= w->s->duration_ns || x->outcome == OUTCOME_CANCELLED)
		return;
	group_values(x, value);
	for (uint32_t i = 0; i < rules->n_slo; i++) {
		struct swarm_slo *bin = &w->bins[(size_t)(at / w->bin_ns) * rules->n_slo + i];
		bool over = x->outcome != OUTCOME_OK ||
		            value[rules->slo[i].metric] > rules->slo[i].limit_ns;

		if (rules->slo[i].tier != x->tier)
			continue;
		bin->n++;
		bin->over += over;
		if (x->t_sched < w->timeline->heal_ns) {
			w->slo[i].n++;
			w->slo[i].over += over;
		}
	}
}

/* DESIGN §6: bad when more than max(1, ceil((1 - q) n)) of n miss. */
static bool is_bad(const struct swarm_slo *bin, double quantile)
{
	double allowed = mathx_ceil((1 - quantile) * (double)bin->n - 1e-9);

	return (double)bin->over > (allowed > 1 ? allowed : 1);
}

static int64_t last_bad_end(const struct watch *w)
{
	const struct score_rules *rules = &w->s->rules;

	for (uint32_t b = w->n_bins; b-- > 0;)
		for (uint32_t i = 0; i < rules->n_slo; i++)
			if (is_bad(&w->bins[(size_t)b * rules->n_slo + i], rules->slo[i].quantile))
				return w->timeline->faults_ns + (int64_t)(b + 1) * w->bin_ns;
	return 0;
}

/* --- judging it
 * ------------------------------------------------------------------------------------ */

static int64_t last_revert(const struct evaluation *e)
{
	int64_t last = -1;

	for (uint32_t i = 0; i < e->run.ledger.n; i++)
		if (e->run.ledger.e[i].at[PHASE_REVERT] > last)
			last = e->run.ledger.e[i].at[PHASE_REVERT];
	return last;
}

static void take_proof(void *ctx, const struct sample *x)
{
	int64_t value[METRIC_COUNT];

	group_values(x, value);
	recovered_sample(ctx, x, value);
}

enum status swarm_judge_twin(const struct scenario *twin, int64_t from_ns,
        const volatile sig_atomic_t *interrupt, enum verdict *verdict, const char **why,
        struct error *err)
{
	struct virtual_result run;
	struct recovered r;
	enum status st;

	recovered_init(&r, &twin->rules, 0, twin->duration_ns);
	recovered_begin(&r, from_ns);
	st = drive_virtual(twin,
	        &(struct virtual_options){.seed = twin->seed,
	                .without = VIRTUAL_ALL_FAULTS,
	                .sample = take_proof,
	                .sample_ctx = &r,
	                .interrupt = interrupt},
	        &run, err);
	*verdict = run.interrupted ? VERDICT_ABORTED : recovered_verdict(&r, why);
	virtual_result_free(&run);
	recovered_free(&r);
	return st;
}

/* The expectation that says most: corrupt tokens are wrong whatever else went wrong. */
static void judge_run(struct swarm_cell *c)
{
	const struct score_result *r = c->run.result;

	c->verdict = VERDICT_PASS;
	if (!r->conserved || r->dropped) {
		c->verdict = VERDICT_FAIL;
		c->missed = "valid";
		c->why = r->conserved ? "dropped" : "not_conserved";
		return;
	}
	for (uint32_t i = r->n_expect; i-- > 0;) {
		const struct expect_result *e = &r->expect[i];

		if (e->verdict == VERDICT_PASS || c->verdict == VERDICT_FAIL)
			continue;
		c->verdict = e->verdict;
		c->missed = e->rule->id;
		c->why = e->reason ? e->reason : "corrupt";
	}
}

static enum status judge(struct swarm_cell *c, const struct scenario *base,
        const struct swarm_timeline *t, const volatile sig_atomic_t *interrupt, struct error *err)
{
	struct scenario *twin;
	enum verdict v = VERDICT_PASS;
	const char *why;
	enum status st;

	judge_run(c);
	if (c->verdict == VERDICT_INCONCLUSIVE && last_revert(&c->run) < 0)
		c->why = "nothing_began";
	if (c->verdict != VERDICT_FAIL || strcmp(c->missed, "recovered") != 0 ||
	        strcmp(c->why, "not_clean") == 0)
		return ERR_NONE;
	twin = swarm_plan_twin(base, &c->plan);
	st = swarm_judge_twin(twin, last_revert(&c->run) + t->horizon_ns, interrupt, &v, &why, err);
	scenario_free(twin);
	c->interrupted |= v == VERDICT_ABORTED;
	if (v == VERDICT_FAIL) {
		c->verdict = VERDICT_INCONCLUSIVE;
		c->why = "also_without_faults";
	}
	return st;
}

static int64_t recovery_of(const struct swarm_cell *c, const struct watch *w)
{
	int64_t revert = last_revert(&c->run), bad = last_bad_end(w);

	if (revert < 0 || (c->missed && strcmp(c->missed, "recovered") == 0))
		return -1;
	return bad > revert ? bad - revert : 0;
}

enum status swarm_cell_play(const struct scenario *base, const struct swarm_timeline *timeline,
        uint64_t index, const volatile sig_atomic_t *interrupt, struct swarm_cell *out,
        struct error *err)
{
	struct evaluate_taps taps = {.sample = watch_sample};
	struct watch watch;
	enum status st;

	*out = (struct swarm_cell){.recovery_ns = -1};
	swarm_plan_draw(base, timeline, index, &out->plan);
	watch_init(&watch, out->plan.scenario, timeline);
	taps.sample_ctx = &watch;
	st = evaluate_play(out->plan.scenario, &taps, interrupt, &out->run, err);
	out->slo = watch.slo;
	out->interrupted = out->run.run.interrupted;
	if (!st && !out->interrupted) {
		evaluate_decide(out->plan.scenario, &out->run);
		st = judge(out, base, timeline, interrupt, err);
		out->recovery_ns = recovery_of(out, &watch);
	}
	mem_free(watch.bins);
	return st;
}

void swarm_cell_free(struct swarm_cell *c)
{
	evaluation_free(&c->run);
	swarm_plan_free(&c->plan);
	mem_free(c->slo);
	*c = (struct swarm_cell){0};
}

/* --- telling of it
 * --------------------------------------------------------------------------------- */

static void kinds_out(const struct swarm_plan *p, struct json_out *o)
{
	json_out_open(o, "kinds", '{');
	for (size_t i = 0; i < fault_catalogue_count(); i++)
		if (p->weights[i])
			json_out_u64(o, fault_catalogue_at(i)->name, p->weights[i]);
	json_out_close(o);
}

static void slo_out(const struct swarm_cell *c, struct json_out *o)
{
	const struct score_rules *rules = &c->plan.scenario->rules;

	json_out_open(o, "slo", '[');
	for (uint32_t i = 0; i < rules->n_slo; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "id", rules->slo[i].id);
		json_out_u64(o, "n", c->slo[i].n);
		json_out_u64(o, "over", c->slo[i].over);
		json_out_bool(o, "kept",
		        c->slo[i].n == 0 || stats_census(rules->slo[i].quantile, c->slo[i].n,
		                                    c->slo[i].over) == VERDICT_PASS);
		json_out_close(o);
	}
	json_out_close(o);
}

void swarm_cell_line(const struct swarm_cell *c, struct json_out *line)
{
	const struct score_result *r = c->run.result;
	struct score_facts facts = {0};
	char text[DIGEST_TEXT_MAX];

	json_out_u64(line, "seed", c->plan.seed);
	kinds_out(&c->plan, line);
	json_out_u64(line, "faults", c->plan.scenario->faults.n);
	json_out_u64(line, "drawn", c->plan.drawn);
	json_out_str(line, "verdict", verdict_name(c->verdict));
	json_out_str(line, "missed", c->missed);
	json_out_str(line, "why", c->why);
	if (c->recovery_ns < 0)
		json_out_null(line, "recovery_ms");
	else
		json_out_real(line, "recovery_ms", ns_to_ms(c->recovery_ns));
	json_out_open(line, "requests", '{');
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		if (r->by_outcome[i])
			json_out_u64(line, outcome_name(i), r->by_outcome[i]);
	json_out_close(line);
	slo_out(c, line);
	evaluate_paths(&c->run.run.rack, &facts);
	swarm_coverage_line(c->plan.scenario, c->run.faults, facts.paths, line);
	json_out_str(line, "result_digest", digest_text(c->run.run.result_digest, text));
}

enum status swarm_cell_write(const struct scenario *base, uint64_t index,
        const struct swarm_plan *plan, const char *dir, struct error *err)
{
	size_t n = strlen(dir) + sizeof("/failures");
	char *folder = mem_alloc(n, 1), name[64];
	struct json *changes;
	struct json_out o;
	enum status st = ERR_NONE;

	(void)snprintf(folder, n, "%s/failures", dir);
	if (mkdir(folder, 0777) && errno != EEXIST)
		st = error_set(
		        err, ERR_ENVIRONMENT, "cannot make '%s': %s", folder, strerror(errno));
	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	(void)snprintf(name, sizeof(name), "%.*s-swarm-%llu", NAME_HEAD, base->name,
	        (unsigned long long)index);
	json_out_str(&o, "name", name);
	json_out_str(&o, "about", "a cell of a swarm that failed");
	json_out_null(&o, "abort");
	json_out_null(&o, "survive");
	for (struct jval m = json_first(json_root(plan->changes)); json_type(m) != JSON_NONE;
	        m = json_next(m))
		json_out_value(&o, json_key(m), m, false);
	json_out_close(&o);
	if (!st)
		st = json_parse(base->file, o.buf, o.n, &changes, err);
	json_out_free(&o);
	if (!st) {
		json_out_init(&o, 1);
		json_out_open(&o, NULL, '{');
		scenario_write(base, json_root(changes), &o);
		json_out_close(&o);
		(void)snprintf(name, sizeof(name), "swarm-%llu.json", (unsigned long long)index);
		st = record_file(folder, name, o.buf, o.n, err);
		json_out_free(&o);
		json_free(changes);
	}
	mem_free(folder);
	return st;
}
