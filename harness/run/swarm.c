/* A swarm as a mode of campaigns: cell `index` is a random fault plan (swarm_plan.h), played and
 * judged (swarm_cell.h); what all came through is a table (swarm_coverage.h).
 *
 * What can fail without any fault proves nothing, so the fault-free scenario is played first: it
 * must keep what the cells are asked to be back at. */
#include <inttypes.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/run/campaign.h"
#include "harness/run/swarm_cell.h"
#include "harness/run/swarm_coverage.h"
#include "reports/proportion.h"

enum { FAILURES_SHOWN = 20, CLEAN_SEARCH_MAX = 1 << 24 };
#define SPAN_MIN_NS (100 * NS_PER_MS) /* of the fault phase */

struct failure {
	uint64_t index, seed;
	char missed[32], why[32];
};

struct campaign_state {
	const struct scenario *base;
	const char *dir;
	struct swarm_timeline timeline;
	struct swarm_coverage coverage;
	uint64_t verdicts[VERDICT_ABORTED + 1], faults;
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t n_recovery; /* cells whose recovery time is known */
	double recovery_sum_ms, recovery_max_ms;
	uint64_t slowest; /* the first cell that took so long */
	struct failure *failures;
	uint32_t n_failures, failure_room;
};

/* --- before the first cell
 * ------------------------------------------------------------------------- */

static enum status check_twin(
        const struct scenario *base, const struct swarm_timeline *t, struct error *err)
{
	struct swarm_plan none = {.seed = base->seed};
	struct scenario *twin = swarm_plan_twin(base, &none);
	enum verdict v = VERDICT_PASS;
	const char *why = NULL;
	enum status st = swarm_judge_twin(twin, t->heal_ns + t->horizon_ns, NULL, &v, &why, err);

	scenario_free(twin);
	if (st || v == VERDICT_PASS)
		return st;
	return json_error(json_root(base->document), err,
	        "expected a scenario that serves every request and keeps every SLO without faults "
	        "in the last %.3f s, found one that does not (%s): there is nothing to recover to",
	        (double)(base->duration_ns - t->heal_ns - t->horizon_ns) / 1e9, why);
}

static enum status swarm_open(const struct scenario *base, const struct campaign_request *request,
        struct campaign_state **out, uint64_t *n_cells, struct error *err)
{
	struct campaign_state *s;
	struct swarm_timeline t;

	if (!base->has_deployment || base->target.url)
		return json_error(json_root(base->document), err,
		        "expected a scenario of a deployment: a swarm is played on the virtual "
		        "clock");
	swarm_timeline_of(base, &t);
	if (t.heal_ns - t.faults_ns < SPAN_MIN_NS)
		return json_error(json_root(base->document), err,
		        "expected a duration of at least 0.2 s behind the warm-up, found less");
	if (check_twin(base, &t, err))
		return err->code;
	s = mem_alloc(1, sizeof(*s));
	s->base = base;
	s->dir = request->dir;
	s->timeline = t;
	swarm_coverage_init(&s->coverage, base);
	*n_cells = request->swarm;
	*out = s;
	return ERR_NONE;
}

static void swarm_close(struct campaign_state *s)
{
	swarm_coverage_free(&s->coverage);
	mem_free(s->failures);
	mem_free(s);
}

/* --- a cell
 * ---------------------------------------------------------------------------------------- */

static void swarm_name(
        const struct campaign_state *s, uint64_t index, char out[static CAMPAIGN_CELL_NAME])
{
	(void)s;
	(void)snprintf(out, CAMPAIGN_CELL_NAME, "swarm %" PRIu64, index);
}

/* Longer is worse; not to recover at all is worst. */
static double damage_of(const struct campaign_state *s, const struct swarm_cell *c)
{
	return ns_to_ms(c->recovery_ns < 0 ? s->base->duration_ns : c->recovery_ns);
}

struct testimony {
	const struct campaign_state *s;
	uint64_t index;
};

/* The model broke one of its own laws: the process ends, the cell is known. */
static void testify(void *ctx)
{
	const struct testimony *t = ctx;
	struct error err = ERROR_INIT;
	struct swarm_plan plan;

	swarm_plan_draw(t->s->base, &t->s->timeline, t->index, &plan);
	(void)fprintf(stderr, "swarm %" PRIu64 ", seed %" PRIu64 "\n", t->index, plan.seed);
	if (t->s->dir && !swarm_cell_write(t->s->base, t->index, &plan, t->s->dir, &err))
		(void)fprintf(stderr,
		        "replay: lpuchaos run --clock virtual %s/failures/swarm-%" PRIu64 ".json\n",
		        t->s->dir, t->index);
}

static enum status swarm_play(const struct campaign_state *s, uint64_t index,
        const volatile sig_atomic_t *interrupt, struct json_out *line, struct campaign_brief *brief,
        struct error *err)
{
	const struct check_witness witness = {testify, &(struct testimony){s, index}};
	struct swarm_cell cell;
	enum status st;

	check_watch(&witness);
	st = swarm_cell_play(s->base, &s->timeline, index, interrupt, &cell, err);
	check_watch(NULL);
	swarm_name(s, index, brief->name);
	brief->verdict = VERDICT_ABORTED;
	if (!st && !cell.interrupted) {
		brief->verdict = cell.verdict;
		brief->damage = damage_of(s, &cell);
		brief->requests = cell.run.run.scheduled;
		json_out_str(line, "cell", brief->name);
		swarm_cell_line(&cell, line);
		if (cell.verdict == VERDICT_FAIL && s->dir)
			st = swarm_cell_write(s->base, index, &cell.plan, s->dir, err);
	}
	swarm_cell_free(&cell);
	return st;
}

/* --- all of them
 * ----------------------------------------------------------------------------------- */

static bool find_verdict(const char *name, enum verdict *out)
{
	for (unsigned v = 0; name && v <= VERDICT_ABORTED; v++)
		if (strcmp(name, verdict_name(v)) == 0) {
			*out = v;
			return true;
		}
	return false;
}

static void copy_word(char *to, size_t n, struct jval v)
{
	const char *word = json_string(v);

	(void)snprintf(to, n, "%s", word ? word : "");
}

static enum status keep_failure(
        struct campaign_state *s, int64_t index, struct jval line, struct error *err)
{
	struct failure *f;
	int64_t seed;

	if (json_i64(json_get(line, "seed"), &seed, err))
		return err->code;
	s->failures = mem_room(s->failures, s->n_failures, &s->failure_room, sizeof(*f));
	f = &s->failures[s->n_failures++];
	*f = (struct failure){.index = (uint64_t)index, .seed = (uint64_t)seed};
	copy_word(f->missed, sizeof(f->missed), json_get(line, "missed"));
	copy_word(f->why, sizeof(f->why), json_get(line, "why"));
	return ERR_NONE;
}

static enum status fold_recovery(
        struct campaign_state *s, int64_t index, struct jval line, struct error *err)
{
	struct jval v = json_get(line, "recovery_ms");
	double ms;

	if (json_type(v) != JSON_NUMBER)
		return ERR_NONE;
	if (json_real(v, &ms, err))
		return err->code;
	s->recovery_sum_ms += ms;
	if (s->n_recovery++ == 0 || ms > s->recovery_max_ms) {
		s->recovery_max_ms = ms;
		s->slowest = (uint64_t)index;
	}
	return ERR_NONE;
}

static enum status fold_requests(struct campaign_state *s, struct jval line, struct error *err)
{
	struct jval requests = json_get(line, "requests");

	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		struct jval v = json_get(requests, outcome_name(i));
		int64_t n;

		if (json_type(v) == JSON_NONE)
			continue;
		if (json_i64(v, &n, err))
			return err->code;
		s->outcomes[i] += (uint64_t)n;
	}
	return ERR_NONE;
}

static enum status swarm_fold(struct campaign_state *s, struct jval line, struct error *err)
{
	int64_t index, faults;
	enum verdict v;

	if (json_i64(json_get(line, "index"), &index, err) ||
	        json_i64(json_get(line, "faults"), &faults, err))
		return err->code;
	if (!find_verdict(json_string(json_get(line, "verdict")), &v))
		return json_expected(line, err, "the line of a swarm's cell");
	s->verdicts[v]++;
	s->faults += (uint64_t)faults;
	if (v == VERDICT_FAIL && keep_failure(s, index, line, err))
		return err->code;
	if (fold_recovery(s, index, line, err) || fold_requests(s, line, err))
		return err->code;
	return swarm_coverage_fold(&s->coverage, line, err);
}

/* The smallest number of further clean cells with which at least 99 % is sure at 95 %. */
static uint64_t still_wanted(uint64_t k, uint64_t n)
{
	uint64_t low = 0, high = CLEAN_SEARCH_MAX;

	if (proportion_interval(k, n).at_least >= 0.99)
		return 0;
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (proportion_interval(k + mid, n + mid).at_least >= 0.99)
			high = mid;
		else
			low = mid;
	}
	return high;
}

static void timeline_json(const struct campaign_state *s, struct json_out *o)
{
	json_out_open(o, "timeline_ns", '{');
	json_out_i64(o, "faults", s->timeline.faults_ns);
	json_out_i64(o, "heal", s->timeline.heal_ns);
	json_out_i64(o, "horizon", s->timeline.horizon_ns);
	json_out_i64(o, "end", s->base->duration_ns);
	json_out_close(o);
}

static void recovery_json(const struct campaign_state *s, struct json_out *o)
{
	json_out_open(o, "recovery_ms", '{');
	json_out_u64(o, "n", s->n_recovery);
	if (s->n_recovery) {
		json_out_real(o, "mean", s->recovery_sum_ms / (double)s->n_recovery);
		json_out_real(o, "max", s->recovery_max_ms);
		json_out_u64(o, "slowest", s->slowest);
	}
	json_out_close(o);
}

static void failures_json(const struct campaign_state *s, struct json_out *o)
{
	json_out_open(o, "failures", '[');
	for (uint32_t i = 0; i < s->n_failures; i++) {
		const struct failure *f = &s->failures[i];
		char text[64];

		json_out_open(o, NULL, '{');
		json_out_u64(o, "index", f->index);
		json_out_u64(o, "seed", f->seed);
		json_out_str(o, "missed", f->missed);
		json_out_str(o, "why", f->why);
		(void)snprintf(text, sizeof(text), "failures/swarm-%" PRIu64 ".json", f->index);
		json_out_str(o, "file", text);
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_json(const struct campaign_state *s, uint64_t n, struct json_out *o)
{
	uint64_t passed = s->verdicts[VERDICT_PASS];

	timeline_json(s, o);
	json_out_open(o, "verdicts", '{');
	for (unsigned v = 0; v < VERDICT_ABORTED; v++)
		json_out_u64(o, verdict_name(v), s->verdicts[v]);
	json_out_close(o);
	proportion_json(o, "recovered", passed, n);
	json_out_u64(o, "clean_runs_wanted", still_wanted(passed, n));
	recovery_json(s, o);
	json_out_u64(o, "faults", s->faults);
	json_out_open(o, "requests", '{');
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		json_out_u64(o, outcome_name(i), s->outcomes[i]);
	json_out_close(o);
	swarm_coverage_json(&s->coverage, o);
	failures_json(s, o);
}

static void failures_text(const struct campaign_state *s, FILE *text)
{
	for (uint32_t i = 0; i < s->n_failures && i < FAILURES_SHOWN; i++) {
		const struct failure *f = &s->failures[i];

		(void)fprintf(text, "failed: swarm %" PRIu64 ", seed %" PRIu64 ", %s (%s)\n",
		        f->index, f->seed, f->missed, f->why);
		if (s->dir)
			(void)fprintf(text,
			        "  lpuchaos run --clock virtual %s/failures/swarm-%" PRIu64
			        ".json\n"
			        "  lpuchaos shrink %s/failures/swarm-%" PRIu64
			        ".json --expect %s\n",
			        s->dir, f->index, s->dir, f->index, f->missed);
	}
	if (s->n_failures > FAILURES_SHOWN)
		(void)fprintf(text, "… and %u more\n", s->n_failures - FAILURES_SHOWN);
}

static void write_text(const struct campaign_state *s, uint64_t n, FILE *text)
{
	uint64_t passed = s->verdicts[VERDICT_PASS], wanted = still_wanted(passed, n);
	struct proportion p = proportion_interval(passed, n);

	(void)fprintf(text,
	        "faults from %.3f s to %.3f s, judged from %.3f s behind the last revert to %.3f "
	        "s\n",
	        (double)s->timeline.faults_ns / 1e9, (double)s->timeline.heal_ns / 1e9,
	        (double)s->timeline.horizon_ns / 1e9, (double)s->base->duration_ns / 1e9);
	(void)fprintf(text,
	        "%" PRIu64 " of %" PRIu64 " cells with %" PRIu64
	        " faults recovered: %.2f %% (95 %%: %.2f to %.2f), at least %.2f %% at 95 %%\n",
	        passed, n, s->faults, n ? 100.0 * (double)passed / (double)n : 0, 100 * p.low,
	        100 * p.high, 100 * p.at_least);
	if (s->verdicts[VERDICT_INCONCLUSIVE])
		(void)fprintf(text, "%" PRIu64 " cells are undecided\n",
		        s->verdicts[VERDICT_INCONCLUSIVE]);
	if (wanted)
		(void)fprintf(text,
		        "%" PRIu64 " further clean cells are wanted for at least 99 %% at 95 %%\n",
		        wanted);
	if (s->n_recovery)
		(void)fprintf(text,
		        "time to recover: mean %.1f ms, longest %.1f ms (swarm %" PRIu64 ")\n",
		        s->recovery_sum_ms / (double)s->n_recovery, s->recovery_max_ms, s->slowest);
	swarm_coverage_text(&s->coverage, text);
	failures_text(s, text);
}

/* A shard that failed elsewhere left its files there: a merged directory gets them, too. */
static void write_failures(const struct campaign_state *s)
{
	for (uint32_t i = 0; s->dir && i < s->n_failures; i++) {
		struct error err = ERROR_INIT;
		struct swarm_plan plan;

		swarm_plan_draw(s->base, &s->timeline, s->failures[i].index, &plan);
		if (swarm_cell_write(s->base, s->failures[i].index, &plan, s->dir, &err))
			(void)fprintf(stderr, "lpuchaos: %s\n", err.text);
		swarm_plan_free(&plan);
	}
}

static enum verdict swarm_finish(struct campaign_state *s, struct json_out *out, FILE *text)
{
	uint64_t passed = s->verdicts[VERDICT_PASS], failed = s->verdicts[VERDICT_FAIL];

	/* An undecided cell says nothing for and nothing against. */
	write_json(s, passed + failed, out);
	write_text(s, passed + failed, text);
	write_failures(s);
	if (failed)
		return VERDICT_FAIL;
	return passed && !s->verdicts[VERDICT_INCONCLUSIVE] ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
}

const struct campaign_mode campaign_swarm = {
        .open = swarm_open,
        .close = swarm_close,
        .play = swarm_play,
        .name = swarm_name,
        .fold = swarm_fold,
        .finish = swarm_finish,
};
