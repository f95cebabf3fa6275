#include "harness/run/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/net/clock.h"
#include "harness/run/cross_rack.h"
#include "harness/run/progress.h"
#include "harness/run/record.h"
#include "harness/run/report.h"
#include "harness/run/shell_word.h"
#include "version.h"

/* --- the document
 * ---------------------------------------------------------------------------------- */

const char *verdict_replay(const struct scenario *s, const struct run_options *options,
        char buf[static VERDICT_REPLAY_BYTES])
{
	size_t at = (size_t)snprintf(buf, VERDICT_REPLAY_BYTES, "lpuchaos run");
	char seed[32];

	for (uint32_t i = 0; i < options->n_files; i++)
		at = shell_word(buf, VERDICT_REPLAY_BYTES, at, options->files[i]);
	if (options->clock == RUN_CLOCK_VIRTUAL)
		at = shell_word(buf, VERDICT_REPLAY_BYTES, at, "--clock=virtual");
	(void)snprintf(seed, sizeof(seed), "--seed=%" PRIu64, s->seed);
	at = shell_word(buf, VERDICT_REPLAY_BYTES, at, seed);
	for (uint32_t i = 0; i < options->scenario.n_set; i++) {
		at = shell_word(buf, VERDICT_REPLAY_BYTES, at, "--set");
		at = shell_word(buf, VERDICT_REPLAY_BYTES, at, options->scenario.set[i]);
	}
	return buf;
}

static struct result_lag lag_ms(const struct wall_lag *l)
{
	return (struct result_lag){.known = l->known,
	        .p50_ms = ns_to_ms(l->p50_ns),
	        .p99_ms = ns_to_ms(l->p99_ns),
	        .max_ms = ns_to_ms(l->max_ns)};
}

static void trace_document(
        struct verdict_run *v, const struct scenario *s, const struct traffic_counts *counts)
{
	bool any = false;

	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		any |= s->traffic.tenants[t].from_trace;
	if (!any)
		return;
	for (unsigned i = 0; i < TRACE_DROPS; i++)
		v->drops[i] = (struct result_drop){
		        trace_drop_name((enum trace_drop)i), counts->trace.dropped[i]};
	v->trace = (struct result_trace){.rows_read = counts->trace.rows_read,
	        .emitted = counts->trace.emitted,
	        .n_dropped = TRACE_DROPS,
	        .dropped = v->drops};
	v->doc.trace = &v->trace;
}

static void common_document(struct verdict_run *v, const struct scenario *s, bool virtual_clock)
{
	struct result_document *d = &v->doc;

	d->suite = s->suite;
	d->scenario = s->name;
	d->seed = s->seed;
	d->virtual_clock = virtual_clock;
	d->plan_digest = digest_text(s->plan_digest, v->plan_digest);
	d->model_version = MODEL_VERSION;
	d->names = &s->names;
	d->n_faults = s->faults.n;
	if (cross_rack_is_planned(s))
		d->cross_rack = &v->cross_rack;
	if (v->proof.done)
		d->audit = &v->proof.audit;
	d->replay = v->replay;
	d->path = v->path;
	d->engine.version = LPUCHAOS_VERSION;
	d->engine.commit = LPUCHAOS_COMMIT;
}

static void virtual_document(struct verdict_run *v, const struct scenario *s)
{
	const struct evaluation *e = &v->companion;
	struct result_document *d = &v->doc;

	common_document(v, s, true);
	d->partial = e->run.interrupted || e->run.aborted;
	d->traffic_digest = digest_text(e->run.traffic_digest, v->traffic_digest);
	d->result_digest = digest_text(e->run.result_digest, v->result_digest);
	d->validity = (struct result_validity){
	        .valid = e->valid, .n_reasons = e->n_reasons, .reasons = e->reasons, .attempts = 1};
	trace_document(v, s, &e->run.traffic);
	d->score = e->score;
	d->result = e->result;
	d->faults = e->faults;
	d->engine.events = e->events;
	d->engine.simulated_seconds = (double)e->run.ended_ns / 1e9;
}

static void wall_document(struct verdict_run *v, const struct scenario *s, uint32_t attempts)
{
	const struct wall_result *w = &v->wall;
	struct result_document *d = &v->doc;

	common_document(v, s, false);
	d->partial = w->interrupted || w->aborted;
	d->traffic_digest = digest_text(w->traffic_digest, v->traffic_digest);
	d->validity = (struct result_validity){
	        .valid = v->guard.n == 0,
	        .n_reasons = v->guard.n,
	        .reasons = v->guard.reasons,
	        .sched = lag_ms(&w->sched),
	        .emission = lag_ms(&w->emission),
	        .loop = lag_ms(&w->loop),
	        .overhead = lag_ms(&w->overhead),
	        .attempts = attempts,
	        .priority_known = true,
	        .client_nice = w->client.nice,
	        .client_cpu = w->client.processor,
	        .emulator_nice = w->emulator.nice,
	        .emulator_cpu = w->emulator.processor,
	};
	d->agreement = w->has_emulator && !d->partial ? &v->agreement : NULL;
	trace_document(v, s, &w->traffic);
	d->score = v->score;
	d->faults = v->faults;
	d->engine.events = w->load.totals.finished;
	d->engine.client_peak_kib = w->client_peak_kib;
	d->engine.emulator_peak_kib = w->emulator_peak_kib;
	d->engine.simulated_seconds = (double)w->ended_ns / 1e9;
}

/* --- the wall clock
 * -------------------------------------------------------------------------------- */

/* What was captured, where the emulator lived to tell of it. */
static enum status prove_wall(
        struct verdict_run *v, const struct scenario *s, const char *dir, struct error *err)
{
	const struct wall_result *w = &v->wall;
	enum status st;

	if (!w->has_emulator || w->emulator_lost)
		return ERR_NONE;
	st = proof_judge(&v->proof, s, dir, &(struct proof_mapping){w->path_worst, w->rack}, err);
	if (!st && v->proof.contradicted)
		guard_reason(&v->guard, "%s", v->proof.reason);
	return st;
}

static void judge_wall(struct verdict_run *v, const struct scenario *s)
{
	const struct wall_result *w = &v->wall;
	bool whole = !w->aborted && !w->interrupted;
	struct score_facts facts;

	ledger_score(&w->ledger, &s->faults, v->faults);
	for (uint32_t i = 0; w->has_emulator && i < s->faults.n; i++) { /* the twin is virtual */
		v->faults[i].has_damage = v->companion.faults[i].has_damage;
		v->faults[i].damage = v->companion.faults[i].damage;
		v->faults[i].coalesce_ns = v->companion.faults[i].coalesce_ns;
	}
	if (w->has_emulator && whole)
		agreement_judge(s, &v->book, &w->ledger, &v->companion, &v->agreement);
	guard_wall(&v->guard, s, w, w->has_emulator && whole ? &v->agreement : NULL);
	if (w->has_emulator && whole && v->agreement.ok)
		score_pair(v->score, v->companion.score);
	facts = (struct score_facts){
	        .scheduled = w->scheduled,
	        .critical_known = w->has_emulator && !w->emulator_lost,
	        .critical_in_rack = w->path_worst == PATH_IN_RACK,
	        .critical_in_pod = w->path_worst != PATH_ETHERNET,
	        .valid = v->guard.n == 0,
	        .aborted_by_rule = w->aborted,
	        .interrupted = w->interrupted,
	        .partial = !whole,
	};
	if (facts.critical_known)
		evaluate_paths(&w->rack, &facts);
	proof_facts(&v->proof, &facts);
	v->doc.result = score_decide(v->score, v->faults, &facts);
}

static void forget_attempt(struct verdict_run *v)
{
	proof_free(&v->proof);
	wall_result_free(&v->wall);
	score_free(v->score);
	book_free(&v->book);
	v->score = NULL;
	v->guard.n = 0;
}

static enum status attempt_wall(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        const char *dir, struct verdict_run *v, uint32_t attempt, struct error *err)
{
	struct score_config config = scenario_score_config(s, false);
	struct progress_line line;
	struct wall_options options = {
	        .interrupt = interrupt, .progress = progress_wall, .progress_ctx = &line};
	int64_t began = clock_now_ns();
	enum status st = proof_init(&v->proof, s, dir, err);

	if (st)
		return st;
	v->score = score_create(&config);
	book_init(&v->book);
	options.score = v->score;
	options.book = &v->book;
	options.proof = &v->proof;
	options.sample = run_store_sample;
	options.gaps = run_store_gaps;
	options.sample_ctx = &v->store;
	progress_begin(&line, s);
	st = drive_wall(s, &options, &v->wall, err);
	progress_end(&line);
	if (!st)
		st = prove_wall(v, s, dir, err);
	if (st)
		return st;
	judge_wall(v, s);
	wall_document(v, s, attempt);
	v->doc.engine.wall_seconds = (double)(clock_now_ns() - began) / 1e9;
	v->exit_code = v->doc.result->exit_code;
	return ERR_NONE;
}

/* It is not captured: what the wall run shows is. */
enum status verdict_companion(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        struct verdict_run *v, struct error *err)
{
	enum status st = evaluate(s, true, interrupt, &v->companion, err);

	if (!st && cross_rack_is_planned(s))
		st = cross_rack_measure(s, &v->companion, interrupt, &v->cross_rack, err);
	return st;
}

static enum status run_virtual(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        const char *dir, struct verdict_run *v, struct error *err)
{
	bool crosses = cross_rack_is_planned(s), stored = v->store.store != NULL;
	struct evaluation *e = &v->companion;
	enum status st = proof_evaluate(&v->proof, s, dir,
	        &(struct evaluate_taps){.keep_book = crosses,
	                .sample = stored ? run_store_sample : NULL,
	                .gaps = stored ? run_store_gaps : NULL,
	                .sample_ctx = &v->store},
	        interrupt, e, err);

	if (!st && crosses)
		st = cross_rack_measure(s, e, interrupt, &v->cross_rack, err);
	if (!st)
		evaluate_decide(s, e);
	return st;
}

enum status verdict_play(const struct scenario *s, const char *dir,
        const volatile sig_atomic_t *interrupt, struct verdict_run *v, struct error *err)
{
	enum status st;

	*v = (struct verdict_run){0};
	st = run_virtual(s, interrupt, dir, v, err);
	if (!st)
		virtual_document(v, s);
	return st;
}

/* dir: every attempt is kept there, the last one as the result. */
static enum status run_wall(const struct scenario *s, const struct run_options *options,
        const volatile sig_atomic_t *interrupt, const char *dir, struct verdict_run *v,
        struct error *err)
{
	enum status st = ERR_NONE;

	if (!s->target.url)
		st = verdict_companion(s, interrupt, v, err);
	v->faults = mem_alloc(s->faults.n + 1, sizeof(*v->faults));
	for (uint32_t attempt = 1; !st; attempt++) {
		st = attempt_wall(s, interrupt, dir, v, attempt, err);
		if (st || v->guard.n == 0 || v->wall.interrupted || v->wall.aborted ||
		        attempt >= (uint32_t)options->attempts)
			break;
		(void)fprintf(stderr, "attempt %u of %u is invalid: %s\n", attempt,
		        (unsigned)options->attempts, v->guard.reasons[0]);
		st = record_attempt(&v->doc, dir, attempt, err);
		forget_attempt(v);
		if (!st)
			st = store_restart(v->store.store, err);
	}
	return st;
}

/* --- the whole
 * ------------------------------------------------------------------------------------- */

/* From here on whoever looks finds a run that is not over. */
static enum status begin(struct verdict_run *v, const struct scenario *s,
        const struct run_options *options, const char *dir, struct error *err)
{
	bool virtual_clock = options->clock == RUN_CLOCK_VIRTUAL;
	struct run_samples samples;
	enum status st = run_samples_parse(options->samples, &samples, err);

	common_document(v, s, virtual_clock);
	if (!st)
		st = record_begin(s, &v->doc, dir, err);
	if (!st)
		st = run_store_open(
		        &v->store, s, virtual_clock, dir, v->plan_digest, &samples, err);
	return st;
}

/* Ends with the store whatever the run has come to, st: an error that came first stays the one. */
static enum status end_store(struct verdict_run *v, enum status st, struct error *err)
{
	struct error late = ERROR_INIT;
	uint64_t dropped = v->store.store ? store_dropped(v->store.store) : 0;

	if (dropped)
		(void)fprintf(stderr,
		        "run.sqlite lacks %" PRIu64 " requests: they came faster than they could "
		        "be written\n",
		        dropped);
	if (run_store_close(&v->store, st ? NULL : &v->doc, &late) && !st)
		*err = late;
	return st ? st : err->code;
}

enum status verdict_run(const struct scenario *s, const struct run_options *options,
        const volatile sig_atomic_t *interrupt, struct verdict_run *v, struct error *err)
{
	bool virtual_clock = options->clock == RUN_CLOCK_VIRTUAL;
	int64_t began = clock_now_ns();
	char *dir = NULL;
	enum status st;

	*v = (struct verdict_run){.exit_code = 4};
	(void)verdict_replay(s, options, v->replay);
	st = record_open(s, options->out_dir, virtual_clock, &dir, err);
	if (!st)
		st = begin(v, s, options, dir, err);
	if (!st && virtual_clock)
		st = run_virtual(s, interrupt, dir, v, err);
	if (!st && virtual_clock) {
		virtual_document(v, s);
		v->exit_code = v->companion.result->exit_code;
	}
	if (!st && !virtual_clock)
		st = run_wall(s, options, interrupt, dir, v, err);
	st = end_store(v, st, err);
	if (!st) {
		(void)snprintf(v->path, sizeof(v->path), "%s/result.json", dir);
		v->doc.engine.wall_seconds = (double)(clock_now_ns() - began) / 1e9;
		st = record_write(s, &v->doc, dir, err);
	}
	if (st && dir)
		record_withdraw(dir);
	if (!st)
		st = report_write(dir, err);
	mem_free(dir);
	return st;
}

void verdict_free(struct verdict_run *v)
{
	evaluation_free(&v->companion);
	wall_result_free(&v->wall);
	score_free(v->score);
	book_free(&v->book);
	mem_free(v->faults);
	proof_free(&v->proof);
}
