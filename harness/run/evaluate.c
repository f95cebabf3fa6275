#include "harness/run/evaluate.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/prng.h"

/* --- twins
 * ----------------------------------------------------------------------------------------- */

int64_t evaluate_largest_frame(const struct scenario *s)
{
	int64_t frame = 0;

	for (uint32_t p = 0; p < s->deployment.n_pools; p++)
		for (uint32_t b = 0; b < s->deployment.pools[p].n_buckets; b++)
			if (s->deployment.pools[p].buckets[b].frame_ns > frame)
				frame = s->deployment.pools[p].buckets[b].frame_ns;
	return frame;
}

static bool apart(int64_t a, int64_t b, int64_t frame)
{
	return a > b ? a - b > frame : b - a > frame;
}

/* Where the two runs differ: later is what is planned later, then what has the greater id. */
struct moment {
	int64_t t_sched;
	uint64_t id;
};

static bool later(struct moment a, struct moment b)
{
	return a.t_sched != b.t_sched ? a.t_sched > b.t_sched : a.id > b.id;
}

bool evaluate_damage_of(const struct book_entry *a, const struct book_entry *b, int64_t frame,
        struct score_fault *fault)
{
	if (!a || !b)
		return true;
	if (a->recomputed > b->recomputed)
		fault->damage.tokens_recomputed += a->recomputed - b->recomputed;
	if (a->outcome != b->outcome) {
		/* Who leaves by his own will has lost nothing; who is refused may come again. */
		fault->damage.refused += a->outcome == OUTCOME_REJECTED;
		fault->damage.lost += b->outcome == OUTCOME_OK && a->outcome != OUTCOME_CANCELLED &&
		                      a->outcome != OUTCOME_REJECTED;
		return true;
	}
	if (a->outcome != OUTCOME_OK)
		return false;
	if (a->e2el_ns > b->e2el_ns) {
		fault->damage.late++;
		fault->damage.extra_ns_sum += a->e2el_ns - b->e2el_ns;
	}
	return apart(a->ttft_ns, b->ttft_ns, frame) || apart(a->e2el_ns, b->e2el_ns, frame);
}

/* The requests that fault `index` added are the fault, not what it did to anybody. */
static bool is_added_by(uint64_t id, uint32_t index)
{
	return id >= traffic_extra_id(index, 0) && id < traffic_extra_id(index + 1, 0);
}

void evaluate_damage(const struct scenario *s, const struct book *with, const struct book *without,
        uint32_t index, struct score_fault *fault)
{
	int64_t frame = evaluate_largest_frame(s);
	struct moment last = {-1, 0}, first = {INT64_MAX, UINT64_MAX};

	fault->has_damage = true;
	for (uint64_t id = 0; (id = book_next(with, without, id)) != 0;) {
		const struct book_entry *a = book_at(with, id), *b = book_at(without, id);
		struct moment m = {a ? a->t_sched : b ? b->t_sched : -1, id};

		if (is_added_by(id, index) || !evaluate_damage_of(a, b, frame, fault))
			continue;
		if (later(m, last))
			last = m;
	}
	for (uint64_t id = 0; (id = book_next(with, without, id)) != 0;) {
		const struct book_entry *a = book_at(with, id);
		struct moment m = {a ? a->t_sched : -1, id};

		if (!is_added_by(id, index) && later(m, last) && later(first, m))
			first = m;
	}
	fault->coalesce_ns = first.id == UINT64_MAX ? -1 : first.t_sched;
}

/* A book that would be cut short is not begun: its comparisons would be null. */
static bool wants_twins(const struct scenario *s, const struct score_config *config)
{
	double expected = config->expected_rate_all * (double)s->duration_ns / 1e9;

	return s->faults.n > 0 && s->faults.n <= EVALUATE_TWINS_MAX && expected <= (double)BOOK_MAX;
}

static enum status twins(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        struct evaluation *e, struct error *err)
{
	if (e->book.dropped)
		return ERR_NONE;
	for (uint32_t i = 0; i < s->faults.n; i++) {
		struct virtual_result twin;
		struct book book;
		enum status st;

		if (e->run.ledger.e[i].at[PHASE_INJECT] < 0)
			continue; /* never injected: nothing to compare */
		book_init(&book);
		st = drive_virtual(s,
		        &(struct virtual_options){.seed = s->seed,
		                .without = i,
		                .script = fault_plan_is_live(&s->faults) ? &e->run.script : NULL,
		                .book = &book,
		                .interrupt = interrupt},
		        &twin, err);
		e->events += twin.events;
		if (!st && !twin.interrupted)
			evaluate_damage(s, &e->book, &book, i, &e->faults[i]);
		virtual_result_free(&twin);
		book_free(&book);
		if (st)
			return st;
	}
	return ERR_NONE;
}

/* --- replicas
 * -------------------------------------------------------------------------------------- */

static enum status replica(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        struct evaluation *e, uint32_t k, struct error *err)
{
	struct score_config config = scenario_score_config(s, true);
	struct score *score = score_create(&config);
	struct virtual_result run;
	uint64_t seed = prng_at(prng_purpose(s->seed, "replica"), k, 0);
	enum status st = drive_virtual(s,
	        &(struct virtual_options){.seed = seed,
	                .without = VIRTUAL_ALL_FAULTS,
	                .score = score,
	                .interrupt = interrupt},
	        &run, err);

	e->events += run.events;
	if (!st && !run.interrupted && !run.aborted) {
		score_add_replica(e->score, score);
		e->replicas++;
	}
	virtual_result_free(&run);
	score_free(score);
	return st;
}

enum status evaluate_replicas(const struct scenario *s, uint64_t most_requests,
        const volatile sig_atomic_t *interrupt, struct evaluation *e, struct error *err)
{
	uint64_t each = e->run.scheduled ? e->run.scheduled : 1;

	if (!traffic_is_random(&s->traffic) || e->run.aborted || e->run.interrupted ||
	        !score_wants_replicas(e->score))
		return ERR_NONE;
	for (uint32_t k = 1; k <= EVALUATE_REPLICAS_MAX; k++) {
		enum status st;

		if (k * each > most_requests || (interrupt && *interrupt))
			break;
		st = replica(s, interrupt, e, k, err);
		if (st)
			return st;
	}
	return ERR_NONE;
}

/* --- the whole
 * ------------------------------------------------------------------------------------- */

void evaluate_paths(const struct rack_counts *counts, struct score_facts *facts)
{
	facts->paths_known = true;
	facts->paths[REACHED_SPARE_USED] = counts->spares_used;
	facts->paths[REACHED_REPLAY_TAKEN] = counts->frames_replayed + counts->requests_replayed;
	facts->paths[REACHED_THROTTLE] = counts->throttled;
	facts->paths[REACHED_SPARE_POOL_EMPTY] = counts->spares_missing;
	facts->paths[REACHED_ADMISSION_REFUSED] = counts->admission_refused;
	facts->paths[REACHED_ARTIFACT_REFUSED] = counts->artifacts_refused;
	facts->paths[REACHED_ROLLED_BACK] = counts->rollbacks;
}

void evaluate_decide(const struct scenario *s, struct evaluation *e)
{
	struct score_facts facts;

	for (uint32_t i = 0; i < s->faults.n; i++)
		if (!e->faults[i].clean && e->n_reasons == 0)
			e->reasons[e->n_reasons++] =
			        "after the last revert the static state is not that of a "
			        "never-faulted rack";
	e->valid = e->n_reasons == 0;
	facts = (struct score_facts){
	        .scheduled = e->run.scheduled,
	        .critical_known = s->has_deployment,
	        .critical_in_rack = e->run.path_worst == PATH_IN_RACK,
	        .critical_in_pod = e->run.path_worst != PATH_ETHERNET,
	        .packets_in_rack = e->packets_in_rack,
	        .packets_in_pod = e->packets_in_pod,
	        .packets_doubt = e->packets_doubt,
	        .valid = e->valid,
	        .aborted_by_rule = e->run.aborted,
	        .interrupted = e->run.interrupted,
	        .partial = e->run.aborted || e->run.interrupted,
	};
	evaluate_paths(&e->run.rack, &facts);
	e->result = score_decide(e->score, e->faults, &facts);
}

enum status evaluate_play(const struct scenario *s, const struct evaluate_taps *taps,
        const volatile sig_atomic_t *interrupt, struct evaluation *out, struct error *err)
{
	struct score_config config = scenario_score_config(s, true);

	*out = (struct evaluation){.score = score_create(&config)};
	book_init(&out->book);
	out->faults = mem_alloc(s->faults.n + 1, sizeof(*out->faults));
	if (drive_virtual(s,
	            &(struct virtual_options){.seed = s->seed,
	                    .without = VIRTUAL_ALL_FAULTS,
	                    .score = out->score,
	                    .book = taps->keep_book ? &out->book : NULL,
	                    .sample = taps->sample,
	                    .gaps = taps->gaps,
	                    .sample_ctx = taps->sample_ctx,
	                    .mirror_every = taps->mirror_every,
	                    .mirror_frames = taps->mirror_frames,
	                    .mirror_period_ns = taps->mirror_period_ns,
	                    .moved = taps->moved,
	                    .moved_ctx = taps->moved_ctx,
	                    .tamper = taps->tamper,
	                    .digest = true,
	                    .interrupt = interrupt},
	            &out->run, err))
		return err->code;
	out->events = out->run.events;
	ledger_score(&out->run.ledger, &s->faults, out->faults);
	return ERR_NONE;
}

enum status evaluate_run(const struct scenario *s, const struct evaluate_taps *taps,
        const volatile sig_atomic_t *interrupt, struct evaluation *out, struct error *err)
{
	struct score_config config = scenario_score_config(s, true);
	bool with_twins = wants_twins(s, &config);
	struct evaluate_taps own = *taps;
	enum status st;

	own.keep_book |= with_twins;
	st = evaluate_play(s, &own, interrupt, out, err);
	if (!st && with_twins && !out->run.aborted && !out->run.interrupted)
		st = twins(s, interrupt, out, err);
	if (!st)
		st = evaluate_replicas(s, EVALUATE_REPLICA_REQUESTS, interrupt, out, err);
	return st;
}

enum status evaluate(const struct scenario *s, bool compared,
        const volatile sig_atomic_t *interrupt, struct evaluation *out, struct error *err)
{
	struct evaluate_taps taps = {.keep_book = compared};
	enum status st = evaluate_run(s, &taps, interrupt, out, err);

	if (!st)
		evaluate_decide(s, out);
	return st;
}

static bool slo_observed(const struct slo_result *r)
{
	bool missed = r->observed_ns < 0 || r->observed_ns > r->rule->limit_ns;

	if (strcmp(r->observed, "too_few") == 0)
		return false;
	if (r->rule->want_miss)
		return missed;
	return !missed && !(r->reason && strcmp(r->reason, "refused") == 0);
}

static bool all_observed(const struct evaluation *e)
{
	const struct score_result *r = e->result;

	for (uint32_t i = 0; i < r->n_slo; i++)
		if (!slo_observed(&r->slo[i]))
			return false;
	for (uint32_t i = 0; i < r->n_expect; i++)
		if (r->expect[i].verdict != VERDICT_PASS)
			return false;
	return e->valid && r->steady_state && r->by_outcome[OUTCOME_CORRUPT] == 0 &&
	       r->verdict != VERDICT_ABORTED && r->n_slo + r->n_expect > 0;
}

enum status evaluate_probe(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        struct probe *out, struct error *err)
{
	struct evaluation e;
	enum status st = evaluate_play(s, &(struct evaluate_taps){0}, interrupt, &e, err);

	if (!st) {
		evaluate_decide(s, &e);
		*out = (struct probe){.holds = all_observed(&e), .requests = e.run.scheduled};
		memcpy(out->digest, e.run.result_digest, DIGEST_BYTES);
	}
	evaluation_free(&e);
	return st;
}

void evaluation_free(struct evaluation *e)
{
	virtual_result_free(&e->run);
	score_free(e->score);
	book_free(&e->book);
	mem_free(e->faults);
	*e = (struct evaluation){0};
}

/* --- what the scorer must know
 * --------------------------------------------------------------------- */

/* Requests a second of a traffic entry; a trace's were counted when it was checked. */
static double mean_rate(const struct scenario *s, const struct tenant_spec *tenant)
{
	if (!tenant->from_trace)
		return traffic_mean_rate(tenant);
	return (double)tenant->trace.emitted * 1e9 / (double)s->duration_ns;
}

struct score_config scenario_score_config(const struct scenario *s, bool virtual_clock)
{
	struct score_config c = {
	        .tiers = s->traffic.tiers,
	        .n_tiers = s->traffic.n_tiers,
	        .rules = &s->rules,
	        .warmup_ns = s->warmup_ns,
	        .duration_ns = s->duration_ns,
	        .n_faults = s->faults.n,
	        .recovery_horizon_ns = s->recovery_horizon_ns,
	        .recovery_hold_ns = s->recovery_hold_ns,
	        .census = virtual_clock && traffic_is_trace_only(&s->traffic),
	};

	for (uint32_t t = 0; t < s->traffic.n_tenants; t++) {
		const struct tenant_spec *tenant = &s->traffic.tenants[t];
		double rate = mean_rate(s, tenant);

		c.expected_rate[tenant->tier_index] += rate;
		c.expected_rate_all += rate;
	}
	return c;
}
