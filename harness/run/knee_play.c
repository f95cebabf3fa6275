/* A load is played from a copy of the scenario, whose rates and times are changed and whose faults
 * are at most one: the structure is plain data that runs only read, so that nothing is parsed again
 * and cases run side by side.
 *
 * How long. Where laws make the traffic, a run has as many requests as a percentile needs with room
 * to spare (KNEE_REQUESTS, and 20 times the floor of each tier's percentile), whatever the
 * scenario's duration; and it is long beside everything that has a length of its own: the limits of
 * the SLOs, a service, a period of on-off traffic. Else a queue that grows without end could look
 * like one that keeps its limit. The first tenth is warm-up; with a fault at least ten times the
 * time of its failover, so that what piled up meanwhile is gone and what is measured is the rack as
 * it is then. */
#include "harness/run/knee_play.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "harness/base/histogram.h"
#include "harness/base/mathx.h"
#include "harness/base/prng.h"
#include "harness/run/drive_virtual.h"

enum {
	FLOORS = 20,      /* times the sample floor of a percentile */
	LIMITS = 40,      /* times the largest limit */
	SERVICES = 100,   /* times the longest mean service */
	PERIODS = 40,     /* times the longest period */
	WARMUP_PART = 10, /* of a run */
	SETTLES = 10,     /* times the failover */
	DRAINS = 4,       /* times the longest limit or mean service */
	PROBE_PART = 50,  /* of a run */
	BLOCK = 8,        /* replicas in memory at one time */
	POINT_RUNS = 40,  /* of the wanted length, at least, for one load */
	THREADS_MAX = 64,
};
#define EXCESS_REFUSED 50.0
#define DURATION_MAX   3e17 /* ns: ten years */

/* --- threads ------------------------------------------------------------------------- */

struct crew {
	atomic_uint next;
	uint32_t n;
	void (*fn)(void *ctx, uint32_t i);
	void *ctx;
};

static void *work(void *arg)
{
	struct crew *crew = arg;

	for (;;) {
		uint32_t i = atomic_fetch_add(&crew->next, 1);

		if (i >= crew->n)
			return NULL;
		crew->fn(crew->ctx, i);
	}
}

void knee_each(uint32_t jobs, uint32_t n, void (*fn)(void *ctx, uint32_t i), void *ctx)
{
	struct crew crew = {.n = n, .fn = fn, .ctx = ctx};
	pthread_t threads[THREADS_MAX];
	uint32_t started = 0;

	if (jobs > n)
		jobs = n;
	while (started + 1 < jobs && started < THREADS_MAX &&
	        pthread_create(&threads[started], NULL, work, &crew) == 0)
		started++;
	(void)work(&crew);
	for (uint32_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}

/* --- how long ------------------------------------------------------------------------ */

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double longest_limit(const struct knee_play *play)
{
	double longest = 0;

	for (uint32_t i = 0; i < play->n_slo; i++)
		longest = larger(longest, (double)play->slo[i].limit_ns / 1e9);
	return longest;
}

static double longest_service(const struct knee_play *play)
{
	double longest = 0;

	for (uint32_t i = 0; i < play->load->n; i++)
		longest = larger(longest, play->load->buckets[i].service_ns / 1e9);
	return longest;
}

static double longest_period(const struct knee_play *play)
{
	double longest = 0;

	for (uint32_t i = 0; i < play->s->traffic.n_tenants; i++) {
		const struct tenant_spec *t = &play->s->traffic.tenants[i];

		if (!t->from_trace && t->arrival.process == ARRIVAL_ONOFF)
			longest = larger(longest, (double)t->arrival.period_ns / 1e9);
	}
	return longest;
}

/* Seconds that hold as many requests as are wanted, at the file's own load. */
static double wanted_seconds(const struct knee_play *play)
{
	double wanted = play->requests / play->load->rate;

	for (uint32_t i = 0; i < play->n_slo; i++) {
		double rate = play->load->tier_rate[play->slo[i].tier];

		if (rate > 0)
			wanted = larger(wanted,
			        FLOORS * (double)histogram_floor(play->slo[i].quantile) / rate);
	}
	if (wanted > KNEE_STRETCH * play->requests / play->load->rate)
		wanted = KNEE_STRETCH * play->requests / play->load->rate;
	return wanted;
}

static int64_t to_ns(double seconds)
{
	double ns = seconds * 1e9;

	return (int64_t)(ns < DURATION_MAX ? ns : DURATION_MAX);
}

static double measured_seconds(const struct knee_play *play, double factor)
{
	double wanted = wanted_seconds(play) / factor, period = longest_period(play);
	double least = larger(LIMITS * longest_limit(play), SERVICES * longest_service(play));

	if (least > KNEE_STRETCH * wanted)
		least = KNEE_STRETCH * wanted;
	return larger(larger(wanted, least), PERIODS * period);
}

static void set_times(const struct knee_case *c, double factor, struct scenario *s)
{
	const struct knee_play *play = c->play;
	double settle = SETTLES * (double)c->settle_ns / 1e9, warmup = (double)s->warmup_ns / 1e9;
	double drain = (double)s->drain_ns / 1e9, period = longest_period(play), measured;

	drain = larger(drain, DRAINS * larger(longest_limit(play), longest_service(play)));
	s->drain_ns = to_ns(drain);
	if (play->fixed) {
		double duration = (double)s->duration_ns / 1e9 / factor;

		settle = settle < duration / 2 ? settle : duration / 2;
		s->warmup_ns = to_ns(larger(warmup / factor, settle));
		s->duration_ns = to_ns(duration);
		return;
	}
	measured = measured_seconds(play, factor);
	warmup = larger(larger(warmup, measured / WARMUP_PART), settle);
	if (period > 0) { /* whole periods: neither bursts nor silences are cut off */
		warmup = mathx_ceil(warmup / period) * period;
		measured = mathx_ceil(measured / period) * period;
	}
	s->warmup_ns = to_ns(warmup);
	s->duration_ns = to_ns(warmup + measured);
}

/* --- the scenario of a load ---------------------------------------------------------- */

/* What a copy points to that is not the scenario's. */
struct variant {
	struct scenario s;
	struct fault_spec fault;
	const char *fault_id;
	struct slo_rule *rules; /* borrowed */
};

static void set_rates(double factor, struct scenario *s)
{
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++) {
		struct tenant_spec *t = &s->traffic.tenants[i];

		t->arrival.rate *= factor;
		t->arrival.from *= factor;
		t->arrival.to *= factor;
		if (t->from_trace)
			t->trace.speed_nano =
			        (uint64_t)((double)t->trace.speed_nano * factor + 0.5);
	}
}

static void set_fault(const struct knee_case *c, struct variant *v)
{
	struct scenario *s = &v->s;
	struct fault_spec *f = &v->fault;

	s->faults.limits = (struct fault_limits){.instances = c->play->s->faults.limits.instances};
	s->faults.n = s->names.n_faults = 0;
	if (c->fault == KNEE_HEALTHY)
		return;
	*f = c->play->s->faults.faults[c->fault];
	f->start = START_TIMED;
	f->planned = true;
	f->together = NULL;
	f->awaited = 0;
	f->after = (struct fault_after){0};
	f->at_ns = 0;
	if (c->held) {
		f->every.law = RECUR_NEVER;
		f->for_ns = NS_NEVER;
		f->stagger_ns = 0;
	}
	v->fault_id = f->id;
	s->faults.n = s->names.n_faults = 1;
	s->faults.faults = f;
	s->names.faults = &v->fault_id;
}

static struct variant *variant_make(const struct knee_case *c, double factor)
{
	struct variant *v = mem_alloc(1, sizeof(*v));
	struct slo_rule *rules = mem_alloc(c->play->n_slo + 1, sizeof(*rules));

	memcpy(rules, c->play->slo, c->play->n_slo * sizeof(*rules));
	v->s = *c->play->s;
	v->rules = rules;
	v->s.rules = (struct score_rules){.n_slo = c->play->n_slo, .slo = rules};
	set_rates(factor, &v->s);
	set_times(c, factor, &v->s);
	set_fault(c, v);
	return v;
}

static void variant_free(struct variant *v)
{
	mem_free(v->rules);
	mem_free(v);
}

const struct slo_rule *knee_slo(const struct scenario *s, struct arena *arena)
{
	struct slo_rule *slo = ARENA_ARRAY(arena, struct slo_rule, s->rules.n_slo + 1);

	for (uint32_t i = 0; i < s->rules.n_slo; i++) {
		slo[i] = s->rules.slo[i];
		slo[i].window = WINDOW_ALL;
		slo[i].want_miss = false;
	}
	return slo;
}

/* --- runs ---------------------------------------------------------------------------- */

static enum status run(const struct knee_case *c, const struct scenario *s, uint64_t seed,
        struct score *score, struct virtual_result *out, struct error *err)
{
	return drive_virtual(s,
	        &(struct virtual_options){.seed = seed,
	                .without = VIRTUAL_ALL_FAULTS,
	                .score = score,
	                .digest = score != NULL,
	                .interrupt = c->play->interrupt},
	        out, err);
}

static bool interrupted(const struct knee_case *c)
{
	return c->play->interrupt && *c->play->interrupt;
}

enum status knee_case_init(
        struct knee_case *c, const struct knee_play *play, uint32_t fault, struct error *err)
{
	double low = 0.05 / play->load->buckets[play->load->bottleneck].rho;
	struct virtual_result result;
	struct variant *v;
	enum status st;

	*c = (struct knee_case){.play = play, .fault = fault, .held = true, .jobs = 1};
	if (fault == KNEE_HEALTHY)
		return ERR_NONE;
	c->held = play->s->faults.faults[fault].every.law == RECUR_NEVER;
	v = variant_make(c, play->fixed ? 1 : low);
	if (!play->fixed) { /* a failover takes as long as it takes, but not longer than a run */
		v->s.duration_ns /= PROBE_PART;
		v->s.warmup_ns = 0;
		if (v->s.duration_ns < 60 * NS_PER_S)
			v->s.duration_ns = 60 * NS_PER_S;
	}
	st = run(c, &v->s, play->s->seed, NULL, &result, err);
	if (st == ERR_NONE && result.ledger.e[0].at[PHASE_FAILOVER] > 0)
		c->settle_ns = result.ledger.e[0].at[PHASE_FAILOVER];
	virtual_result_free(&result);
	variant_free(v);
	return st;
}

/* Further runs, side by side; their order is that of their seeds. */
struct replicas {
	const struct knee_case *c;
	const struct scenario *s;
	uint32_t first;
	struct replica {
		struct score *score;
		struct error err;
		uint64_t requests;
		bool whole;
	} r[BLOCK];
};

static void play_replica(void *ctx, uint32_t i)
{
	struct replicas *all = ctx;
	struct replica *r = &all->r[i];
	struct score_config config = scenario_score_config(all->s, true);
	struct virtual_result result;
	uint64_t seed = prng_at(prng_purpose(all->s->seed, "replica"), all->first + i, 0);

	r->err = (struct error)ERROR_INIT;
	r->score = score_create(&config);
	r->whole = run(all->c, all->s, seed, r->score, &result, &r->err) == ERR_NONE &&
	           !result.interrupted;
	r->requests = result.scheduled;
	virtual_result_free(&result);
}

static void count_run(const struct knee_case *c, struct score *score, struct knee_point *p)
{
	for (uint32_t i = 0; i < c->play->n_slo; i++) {
		struct score_tally t = score_slo_tally(score, i);

		p->tally[i].n += t.n;
		p->tally[i].over += t.over;
		p->tally[i].refused += t.refused;
	}
}

static bool too_many(const struct slo_rule *rule, const struct score_tally *t)
{
	return (double)t->refused > rule->max_refused * (double)(t->n + t->refused);
}

static bool refused_too_many(const struct knee_play *play, const struct knee_point *p)
{
	for (uint32_t i = 0; i < play->n_slo; i++)
		if (too_many(&play->slo[i], &p->tally[i]))
			return true;
	return false;
}

/* Every share over a limit is at most half, or at least twice, what is allowed. */
static bool far_off(const struct knee_play *play, const struct knee_point *p)
{
	for (uint32_t i = 0; i < play->n_slo; i++) {
		double allowed = (1 - play->slo[i].quantile) * (double)p->tally[i].n;
		double over = (double)p->tally[i].over;

		if (over > allowed / 2 && over < allowed * 2)
			return false;
	}
	return true;
}

/* A test that is made again and again until it decides errs more often than it says. So there is
 * one look, at the end; a load that is nowhere near the border may be done with after the first
 * eight, and refusals are counted, not tested. */
static bool goes_on(const struct knee_case *c, struct score *score, const struct knee_point *p)
{
	if (interrupted(c) || refused_too_many(c->play, p))
		return false;
	return p->runs != 1 + BLOCK || !far_off(c->play, p) || score_wants_replicas(score);
}

static enum status add_block(const struct knee_case *c, struct replicas *all, uint32_t n,
        struct score *score, struct knee_point *p, struct error *err)
{
	knee_each(c->jobs, n, play_replica, all);
	for (uint32_t i = 0; i < n; i++) {
		struct replica *r = &all->r[i];

		if (r->err.code && !err->code)
			*err = r->err;
		if (r->whole) {
			count_run(c, r->score, p);
			score_add_replica(score, r->score);
			p->runs++;
			p->requests += r->requests;
		}
		score_free(r->score);
	}
	return err->code;
}

/* All of them, and then one look: a test made again and again until it decides errs more often than
 * it says. Only refusals, which are counted and not tested, end it early. */
static enum status add_replicas(const struct knee_case *c, const struct scenario *s,
        struct score *score, struct knee_point *p, struct error *err)
{
	struct replicas *all = mem_alloc(1, sizeof(*all));
	uint64_t each = p->requests ? p->requests : 1;
	double most = larger(KNEE_POINT_REQUESTS, POINT_RUNS * c->play->requests);
	uint32_t n = KNEE_REPLICAS, block;

	if (n > most / (double)each)
		n = (uint32_t)(most / (double)each);
	all->c = c;
	all->s = s;
	for (uint32_t done = 0; done < n && goes_on(c, score, p); done += block) {
		block = n - done < BLOCK ? n - done : BLOCK;
		all->first = done + 1;
		if (add_block(c, all, block, score, p, err))
			break;
	}
	mem_free(all);
	return err->code;
}

/* --- what it says -------------------------------------------------------------------- */

static struct knee_latency latency(
        const struct score *score, const struct scenario *s, enum metric metric)
{
	struct knee_latency l = {.p50_ns = -1, .p99_ns = -1};
	struct histogram sum;
	int64_t ns;

	histogram_init(&sum);
	for (uint32_t t = 0; t < s->traffic.n_tiers; t++) {
		const struct histogram *h = score_histogram(score, t, WINDOW_ALL, metric);

		if (h)
			histogram_merge(&sum, h);
	}
	l.mean_ns = histogram_mean(&sum);
	if (sum.count >= histogram_floor(0.5) && histogram_percentile(&sum, 0.5, &ns))
		l.p50_ns = ns;
	if (sum.count >= histogram_floor(0.99) && histogram_percentile(&sum, 0.99, &ns))
		l.p99_ns = ns;
	histogram_free(&sum);
	return l;
}

/* How far an SLO is from what it allows: 0 = just there. Half a request where none is over. */
static double excess_of(const struct slo_result *r)
{
	double over = r->over ? (double)r->over : 0.5;

	if (r->reason && strcmp(r->reason, "refused") == 0)
		return EXCESS_REFUSED;
	return r->n ? mathx_log(over / (double)r->n / (1 - r->rule->quantile)) : -EXCESS_REFUSED;
}

/* One SLO of the point: the scorer's verdict, and the refusals of all runs. */
static void judge_slo(const struct slo_rule *rule, const struct slo_result *r,
        const struct score_tally *tally, struct slo_result *out)
{
	*out = *r;
	out->rule = rule;
	out->has_blame = false;
	out->blame_faults = NULL;
	out->refused = tally->refused;
	if (too_many(rule, tally)) {
		out->verdict = VERDICT_FAIL;
		out->reason = "refused";
	}
}

static void judge(const struct score_result *r, const struct knee_play *play, struct knee_point *p)
{
	bool failed = false, undecided = r->dropped > 0 || !r->conserved;

	p->slo = mem_alloc(r->n_slo + 1, sizeof(*p->slo));
	for (uint32_t i = 0; i < r->n_slo; i++) {
		double excess;

		judge_slo(&play->slo[i], &r->slo[i], &p->tally[i], &p->slo[i]);
		excess = excess_of(&p->slo[i]);
		failed = failed || p->slo[i].verdict == VERDICT_FAIL;
		undecided = undecided || p->slo[i].verdict != VERDICT_PASS;
		if (i == 0 || excess > p->excess) {
			p->excess = excess;
			p->binding = i;
		}
	}
	p->verdict = failed ? VERDICT_FAIL : undecided ? VERDICT_INCONCLUSIVE : VERDICT_PASS;
}

static void decide(const struct knee_case *c, const struct scenario *s,
        const struct virtual_result *first, struct score *score, struct knee_point *p)
{
	struct score_fault *faults = mem_alloc(s->faults.n + 1, sizeof(*faults));
	struct score_facts facts = {.scheduled = first->scheduled, .valid = true};
	const struct score_result *r;
	struct score_shares shares;

	ledger_score(&first->ledger, &s->faults, faults);
	r = score_decide(score, faults, &facts);
	judge(r, c->play, p);
	shares = score_shares(score);
	p->warmup_ns = s->warmup_ns;
	p->duration_ns = s->duration_ns;
	p->ttft = latency(score, s, METRIC_TTFT);
	p->queue = latency(score, s, METRIC_QUEUE);
	p->goodput_rps = score_goodput(score);
	if (shares.requests) {
		p->good_fraction = (double)shares.good / (double)shares.requests;
		p->refused_fraction = (double)shares.rejected / (double)shares.requests;
	}
	memcpy(p->digest, first->result_digest, DIGEST_BYTES);
	mem_free(faults);
}

static enum status play_more(const struct knee_case *c, const struct scenario *s,
        struct score *score, struct knee_point *p, struct error *err)
{
	if (score_is_lost(score) || !traffic_is_random(&s->traffic) || !score_wants_replicas(score))
		return ERR_NONE;
	return add_replicas(c, s, score, p, err);
}

enum status knee_point_play(const struct knee_case *c, double factor, bool want_decision,
        struct knee_point *out, struct error *err)
{
	struct variant *v = variant_make(c, factor);
	struct score_config config = scenario_score_config(&v->s, true);
	struct score *score = score_create(&config);
	struct virtual_result first;

	*out = (struct knee_point){.factor = factor, .verdict = VERDICT_ABORTED};
	out->tally = mem_alloc(c->play->n_slo + 1, sizeof(*out->tally));
	if (run(c, &v->s, v->s.seed, score, &first, err) == ERR_NONE && !first.interrupted) {
		out->runs = 1;
		out->requests = first.scheduled;
		count_run(c, score, out);
		if (want_decision && play_more(c, &v->s, score, out, err) == ERR_NONE)
			want_decision = false;
		if (!want_decision && !interrupted(c))
			decide(c, &v->s, &first, score, out);
	}
	virtual_result_free(&first);
	score_free(score);
	variant_free(v);
	return err->code;
}

void knee_point_free(struct knee_point *p)
{
	mem_free(p->slo);
	mem_free(p->tally);
	p->slo = NULL;
	p->tally = NULL;
}
