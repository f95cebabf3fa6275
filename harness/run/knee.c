/* The search. A verdict on a percentile is pass, fail or undecided, and near the knee it is
 *undecided however long one plays: so what is looked for is an interval.
 *
 *	      pass            undecided            fail
 *	---------------low ......................... high---------------> load
 *	                 \___ estimate: where the share over the limit crosses ___/
 *
 * Halving between a load that passes and one that fails, until they are within the resolution or
 *the middle is undecided; then the same on either side of the middle, for the edges. Each load is
 *decided by the rule for percentiles (FORMATS §1): its own run, or with up to 32 more.
 *
 * Cases are searched side by side, loads of the curve too; inside a case replicas are. All of them
 * leave what they found in places of their own, and are read in order. */
#include "harness/run/knee.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/base/mathx.h"
#include "harness/base/queueing.h"
#include "harness/run/checks.h"

enum { STEPS_MAX = 24, EDGE_STEPS = 8, ARENA_BYTES = 16 << 20 };

static const double RHO_START = 1.2;

struct search {
	struct knee *k;
	struct knee_answer *a;
	struct error err;
	bool progress, terminal;
};

static pthread_mutex_t say_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *case_name(const struct knee *k, const struct knee_case *c)
{
	return c->fault == KNEE_HEALTHY ? "healthy" : k->s->faults.faults[c->fault].id;
}

/* On a terminal the load that was last decided, in one line that is written over. */
static void say_point(const struct search *q, const struct knee_point *p)
{
	if (!q->progress || !q->terminal)
		return;
	(void)pthread_mutex_lock(&say_lock);
	(void)fprintf(stderr, "\r\033[K%s: rho %.4f %s (%u run%s, %" PRIu64 " requests)",
	        case_name(q->k, &q->a->c), p->factor * q->k->rho, verdict_name(p->verdict), p->runs,
	        p->runs == 1 ? "" : "s", p->requests);
	(void)fflush(stderr);
	(void)pthread_mutex_unlock(&say_lock);
}

static void say_answer(const struct search *q)
{
	const struct knee_answer *a = q->a;
	const char *clear = q->terminal ? "\r\033[K" : "";

	if (!q->progress)
		return;
	(void)pthread_mutex_lock(&say_lock);
	if (a->found)
		(void)fprintf(stderr, "%s%s: knee between rho %.4f and %.4f, %u loads\n", clear,
		        case_name(q->k, &a->c), a->low * q->k->rho, a->high * q->k->rho, a->n);
	else
		(void)fprintf(
		        stderr, "%s%s: no knee, %u loads\n", clear, case_name(q->k, &a->c), a->n);
	(void)pthread_mutex_unlock(&say_lock);
}

static bool stopped(const struct search *q)
{
	return q->err.code || (q->k->play.interrupt && *q->k->play.interrupt);
}

/* Plays one load and keeps it in its place. */
static enum verdict try_load(struct search *q, double factor)
{
	struct knee_answer *a = q->a;
	struct knee_point p;
	uint32_t at = a->n;

	if (stopped(q) || knee_point_play(&a->c, factor, true, &p, &q->err))
		return VERDICT_ABORTED;
	a->points = mem_grow(a->points, a->n + 1, sizeof(*a->points));
	for (; at > 0 && a->points[at - 1].factor > factor; at--)
		a->points[at] = a->points[at - 1];
	a->points[at] = p;
	a->n++;
	say_point(q, &p);
	return p.verdict;
}

/* --- the ends ------------------------------------------------------------------------ */

/* The largest factor that the rates allow. */
static double largest_factor(const struct scenario *s)
{
	double peak = 0;

	for (uint32_t i = 0; i < s->traffic.n_tenants; i++)
		if (!s->traffic.tenants[i].from_trace)
			peak += arrival_peak_rate(&s->traffic.tenants[i].arrival);
	return peak > 0 ? ARRIVAL_RATE_MAX / peak : 1e9;
}

/* A fault may leave the knee where it was, or move it down: the healthy interval is tried first.
 * True: the search is narrowed to one side of it at least. */
static bool guess_ends(struct search *q)
{
	const struct knee_answer *healthy = &q->k->answers[0];
	struct knee_answer *a = q->a;
	enum verdict v;

	if (a == healthy || !healthy->found || try_load(q, healthy->high) != VERDICT_FAIL)
		return false;
	a->high = healthy->high;
	v = try_load(q, healthy->low);
	if (v == VERDICT_PASS)
		a->low = healthy->low;
	if (v == VERDICT_FAIL)
		a->high = healthy->low;
	return true;
}

/* Finds a load that passes. */
static bool find_low(struct search *q)
{
	struct knee_answer *a = q->a;
	enum verdict v;

	if (a->low > 0)
		return true;
	v = try_load(q, KNEE_RHO_FIRST / q->k->rho);
	if (v == VERDICT_PASS)
		a->low = KNEE_RHO_FIRST / q->k->rho;
	if (v == VERDICT_FAIL && a->c.fault == KNEE_HEALTHY)
		a->why = "even a load of rho 0.02 misses an SLO: a request alone takes longer than "
		         "its limit, or some are refused or fail at any load";
	else if (v == VERDICT_FAIL)
		a->why = "even a load of rho 0.02 misses an SLO: the fault costs more than it "
		         "allows";
	if (v == VERDICT_INCONCLUSIVE)
		a->why = "a load of rho 0.02 is not proven to keep every SLO";
	return v == VERDICT_PASS;
}

/* Finds a load that fails, and one that passes. False: one of them is missing. */
static bool find_ends(struct search *q)
{
	double most = KNEE_RHO_LAST / q->k->rho, rates = largest_factor(q->k->s), factor;
	enum verdict v = VERDICT_ABORTED;
	bool by_rate = rates < most;

	if (guess_ends(q))
		return find_low(q);
	most = by_rate ? rates : most;
	factor = RHO_START / q->k->rho < most ? RHO_START / q->k->rho : most;
	while (!stopped(q) && (v = try_load(q, factor)) != VERDICT_FAIL && factor < most) {
		if (v == VERDICT_PASS)
			q->a->low = factor;
		factor = factor * 2 < most ? factor * 2 : most;
	}
	if (stopped(q))
		return false;
	if (v == VERDICT_FAIL) {
		q->a->high = factor;
		return find_low(q);
	}
	q->a->why = by_rate ? "even the largest load that may be offered, 10^6 requests/s in all, "
	                      "keeps every SLO"
	                    : "even eight times the capacity is not proven to miss an SLO";
	return false;
}

/* --- between them -------------------------------------------------------------------- */

static double middle_of(double a, double b)
{
	return (a + b) / 2;
}

static bool near(double low, double high, double resolution)
{
	return high - low <= resolution * high;
}

/* Moves low up, and high down, as far as loads between them and `between` are decided. */
static void find_edges(struct search *q, double between)
{
	struct knee_answer *a = q->a;
	double edge = between;

	for (int i = 0; i < EDGE_STEPS && !near(a->low, edge, KNEE_RESOLUTION); i++) {
		double m = middle_of(a->low, edge);
		enum verdict v = try_load(q, m);

		if (v == VERDICT_PASS)
			a->low = m;
		else if (v == VERDICT_ABORTED)
			return;
		else
			edge = m;
	}
	edge = between;
	for (int i = 0; i < EDGE_STEPS && !near(edge, a->high, KNEE_RESOLUTION); i++) {
		double m = middle_of(edge, a->high);
		enum verdict v = try_load(q, m);

		if (v == VERDICT_FAIL)
			a->high = m;
		else if (v == VERDICT_ABORTED)
			return;
		else
			edge = m;
	}
}

static void halve(struct search *q)
{
	struct knee_answer *a = q->a;

	for (int i = 0; i < STEPS_MAX && !near(a->low, a->high, KNEE_RESOLUTION); i++) {
		double m = middle_of(a->low, a->high);
		enum verdict v = try_load(q, m);

		if (v == VERDICT_PASS) {
			a->low = m;
		} else if (v == VERDICT_FAIL) {
			a->high = m;
		} else {
			if (v == VERDICT_INCONCLUSIVE)
				find_edges(q, m);
			return;
		}
	}
}

/* Where the share over the limit is what is allowed, by straight lines through its logarithm; in
 * the middle where a step is all that was seen. */
static void estimate(struct knee_answer *a)
{
	const struct knee_point *p = a->points;
	uint32_t high = 0;

	while (p[high].factor < a->high)
		high++;
	a->binding = p[high].binding;
	a->by_refusals = p[high].slo[a->binding].reason &&
	                 strcmp(p[high].slo[a->binding].reason, "refused") == 0;
	a->estimate = middle_of(a->low, a->high);
	for (uint32_t i = 0; i + 1 < a->n; i++) {
		double x = p[i].excess, y = p[i + 1].excess;

		if (p[i].factor < a->low || p[i + 1].factor > a->high || x > 0 || y <= 0)
			continue;
		a->estimate = p[i].factor + (p[i + 1].factor - p[i].factor) * (-x / (y - x));
		if (y > 10) /* refusals: from none to too many at once */
			a->estimate = middle_of(p[i].factor, p[i + 1].factor);
		return;
	}
}

static void search(void *ctx, uint32_t i)
{
	struct search *q = (struct search *)ctx + i;

	if (!stopped(q) && find_ends(q)) {
		halve(q);
		q->a->found = !stopped(q);
	}
	if (q->a->found)
		estimate(q->a);
	if (!stopped(q))
		say_answer(q);
}

/* --- the curve ----------------------------------------------------------------------- */

struct curve {
	const struct knee *k;
	struct knee_case c;
	struct knee_point *points;
	struct error *errors;
};

static void play_grid(void *ctx, uint32_t i)
{
	struct curve *curve = ctx;
	struct knee_point *p = &curve->points[i];

	if (curve->k->play.interrupt && *curve->k->play.interrupt)
		return;
	if (knee_point_play(&curve->c, p->factor, false, p, &curve->errors[i]))
		knee_point_free(p);
}

static int by_factor(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* n loads from rho 0.1 to 0.95, and five around the knee. */
static enum status play_curve(struct knee *k, uint32_t jobs, uint32_t n, struct error *err)
{
	static const double around[] = {0.9, 0.95, 1, 1.05, 1.1};
	const struct knee_answer *a = &k->answers[0];
	struct curve curve = {.k = k, .c = a->c};
	double *factors = mem_alloc(n + ARRAY_LEN(around), sizeof(*factors));

	for (uint32_t i = 0; i < n; i++)
		factors[i] = (n > 1 ? 0.1 + 0.85 * i / (n - 1) : 0.5) / k->rho;
	for (size_t i = 0; i < ARRAY_LEN(around) && a->found; i++)
		factors[n++] = around[i] * a->estimate;
	qsort(factors, n, sizeof(*factors), by_factor);
	k->grid = mem_alloc(n, sizeof(*k->grid));
	curve.points = k->grid;
	curve.errors = mem_alloc(n, sizeof(*curve.errors));
	k->n_grid = n;
	for (uint32_t i = 0; i < n; i++)
		k->grid[i].factor = factors[i];
	curve.c.jobs = 1;
	knee_each(jobs, n, play_grid, &curve);
	for (uint32_t i = 0; i < n && !err->code; i++)
		if (curve.errors[i].code)
			*err = curve.errors[i];
	mem_free(curve.errors);
	mem_free(factors);
	return err->code;
}

/* --- what to plan with --------------------------------------------------------------- */

/* Bursts that the file's traffic has are in its knee already. */
static enum status read_burst(
        const struct scenario *s, const char *text, struct knee_target *t, struct error *err)
{
	char *end;

	if (text) {
		t->burst = strtod(text, &end);
		t->why = "given";
		if (end == text || *end || !(t->burst >= 1 && t->burst <= 1000))
			return error_set(err, ERR_USAGE,
			        "option --burst: expected a factor from 1 to 1000, found '%s'",
			        text);
		return ERR_NONE;
	}
	t->burst = 2;
	t->why = "assumption: twice the mean for longer than the SLO's limit";
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++) {
		const struct tenant_spec *tenant = &s->traffic.tenants[i];

		if (!tenant->from_trace && tenant->arrival.process != ARRIVAL_ONOFF)
			continue;
		t->burst = 1;
		t->why = "the bursts of the file's traffic are in its knee";
	}
	return ERR_NONE;
}

/* What is left of the capacity when the worst instance is lost: its pool carries the same load with
 * one instance less, and may become the bottleneck by that. */
static void weigh_loss(const struct knee *k, struct knee_target *t)
{
	const struct deployment *d = &k->s->deployment;

	t->loss = 2;
	for (uint32_t i = 0; i < k->load.n; i++) {
		const struct knee_bucket *b = &k->load.buckets[i];
		uint32_t instances = d->pools[b->pool].n_instances;
		double left = (double)(instances - 1) / instances * (k->rho / b->rho);

		if (d->topology.spares_per_rack > 0) {
			t->spare = true;
			left = 1;
		}
		left = left < 1 ? left : 1;
		if (left < t->loss) {
			t->loss = left;
			t->pool = d->pools[b->pool].name;
		}
	}
}

static void set_target(struct knee *k)
{
	struct knee_target *t = &k->target;
	const struct knee_answer *healthy = &k->answers[0];

	t->worst = KNEE_HEALTHY;
	weigh_loss(k, t);
	t->loss_counts = t->loss > 0;
	t->worst_ratio = 1;
	if (!healthy->found)
		return;
	for (uint32_t i = 1; i < k->n_answers; i++) {
		double ratio = k->answers[i].low / healthy->low;

		if (k->answers[i].found && ratio < t->worst_ratio) {
			t->worst_ratio = ratio;
			t->worst = i - 1;
		}
	}
	t->factor = healthy->low / t->burst;
	t->factor *= t->loss_counts && t->loss < t->worst_ratio ? t->loss : t->worst_ratio;
}

/* --- the whole ----------------------------------------------------------------------- */

static enum status refuse(const struct scenario *s, const char *what, struct error *err)
{
	return error_set(err, ERR_USAGE, "%s: %s", s->name, what);
}

enum status knee_check(const struct scenario *s, const char *burst, struct error *err)
{
	struct knee_target ignored;

	if (checks_virtual(s, err) || read_burst(s, burst, &ignored, err))
		return err->code;
	if (s->rules.n_slo == 0)
		return refuse(s,
		        "expected an SLO, found none: a knee is the largest load that "
		        "keeps them",
		        err);
	for (uint32_t i = 0; i < s->rules.n_slo; i++)
		if (s->rules.slo[i].metric == METRIC_SCHED_LAG)
			return refuse(s,
			        "expected SLOs on the served requests, found one on "
			        "sched_lag_ms, which the virtual clock does not have",
			        err);
	return ERR_NONE;
}

static enum status prepare(const struct scenario *s, struct knee *k, struct error *err)
{
	if (knee_load(s, &k->load, err))
		return err->code;
	if (k->load.n == 0)
		return refuse(s, "expected requests that a bucket holds, found none", err);
	k->rho = k->load.buckets[k->load.bottleneck].rho;
	for (uint32_t i = 0; i < s->rules.n_slo; i++)
		if (k->load.tier_rate[s->rules.slo[i].tier] <= 0)
			return refuse(s, "expected SLOs on tiers that have requests", err);
	k->play.s = s;
	k->play.load = &k->load;
	k->play.n_slo = s->rules.n_slo;
	k->play.slo = knee_slo(s, &k->arena);
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++) {
		const struct tenant_spec *t = &s->traffic.tenants[i];

		k->play.fixed |= t->from_trace || t->arrival.process == ARRIVAL_RAMP;
	}
	return ERR_NONE;
}

static void count(struct knee *k, const struct knee_point *p)
{
	k->requests += p->requests;
	k->runs += p->runs;
}

static enum status search_all(struct knee *k, uint32_t jobs, bool progress, struct error *err)
{
	uint32_t n = k->n_answers, faults = n - 1, outer = jobs < faults ? jobs : faults;
	struct search *all = mem_alloc(n, sizeof(*all));

	for (uint32_t i = 0; i < n; i++) {
		all[i] = (struct search){.k = k,
		        .a = &k->answers[i],
		        .progress = progress,
		        .terminal = isatty(STDERR_FILENO)};
		all[i].a->c.jobs = i == 0 ? jobs : jobs / outer;
	}
	search(all, 0);
	knee_each(outer, faults, search, all + 1);
	for (uint32_t i = 0; i < n && !err->code; i++)
		if (all[i].err.code)
			*err = all[i].err;
	mem_free(all);
	return err->code;
}

enum status knee_find(const struct scenario *s, const struct knee_settings *settings,
        struct knee *out, struct error *err)
{
	const volatile sig_atomic_t *interrupt = settings->interrupt;

	*out = (struct knee){.s = s};
	arena_init(&out->arena, ARENA_BYTES);
	if (knee_check(s, settings->burst, err) ||
	        read_burst(s, settings->burst, &out->target, err) || prepare(s, out, err))
		return err->code;
	out->play.requests = settings->requests;
	out->play.interrupt = interrupt;
	out->n_answers = 1 + s->faults.n;
	out->answers = mem_alloc(out->n_answers, sizeof(*out->answers));
	for (uint32_t i = 0; i < out->n_answers && !(interrupt && *interrupt); i++)
		if (knee_case_init(&out->answers[i].c, &out->play, i ? i - 1 : KNEE_HEALTHY, err))
			return err->code;
	if (search_all(out, settings->jobs, settings->progress, err) || (interrupt && *interrupt) ||
	        play_curve(out, settings->jobs, settings->points, err))
		return err->code;
	for (uint32_t i = 0; i < out->n_answers; i++)
		for (uint32_t j = 0; j < out->answers[i].n; j++)
			count(out, &out->answers[i].points[j]);
	for (uint32_t i = 0; i < out->n_grid; i++)
		count(out, &out->grid[i]);
	set_target(out);
	return ERR_NONE;
}

void knee_free(struct knee *k)
{
	for (uint32_t i = 0; i < k->n_answers; i++) {
		for (uint32_t j = 0; j < k->answers[i].n; j++)
			knee_point_free(&k->answers[i].points[j]);
		mem_free(k->answers[i].points);
	}
	for (uint32_t i = 0; i < k->n_grid; i++)
		knee_point_free(&k->grid[i]);
	mem_free(k->answers);
	mem_free(k->grid);
	arena_free(&k->arena);
}

/* A request that finds a slot free waits for its departure: any moment of a frame if all depart
 * together, else the earliest of those that are free, here taken as spread evenly by chance. */
static double entry_wait(
        const struct pool_spec *pool, const struct knee_bucket *b, double rho, double p_wait)
{
	double frame = (double)pool->buckets[b->bucket].frame_ns, idle = b->servers * (1 - rho);

	switch (pool->entry) {
	case ENTRY_IMMEDIATE:
		return 0;
	case ENTRY_FRAME:
		return frame / 2;
	case ENTRY_PHASE:
		break;
	}
	return (1 - p_wait) * frame / (1 + (idle > 1 ? idle : 1));
}

struct knee_theory knee_bucket_theory(
        const struct scenario *s, const struct knee_bucket *b, double rho)
{
	const struct pool_spec *pool = &s->deployment.pools[b->pool];
	struct knee_theory t = {.below_one = rho < 1,
	        .prefill_ns = b->prefill * (double)pool->buckets[b->bucket].frame_ns,
	        .network_ns = 2 * (double)s->deployment.ethernet.ingress_delay_ns};
	struct queueing_mdk q;

	if (!t.below_one)
		return t;
	t.allen_ns = b->service_ns * queueing_allen_cunneen(b->servers, rho, b->ca2, b->cs2);
	t.kingman_ns = b->service_ns * queueing_kingman(b->servers, rho, b->ca2, b->cs2);
	t.known = queueing_mdk_init(&q, b->servers, rho);
	if (t.known) {
		t.p_wait = q.p_wait;
		t.mean_ns = q.mean * b->service_ns;
		t.p50_ns = queueing_mdk_quantile(&q, 0.5) * b->service_ns;
		t.p99_ns = queueing_mdk_quantile(&q, 0.99) * b->service_ns;
		queueing_mdk_free(&q);
	}
	t.entry_ns = entry_wait(pool, b, rho, t.known ? t.p_wait : 1);
	return t;
}

struct knee_theory knee_theory(const struct knee *k, double factor)
{
	return knee_bucket_theory(k->s, &k->load.buckets[k->load.bottleneck], factor * k->rho);
}
