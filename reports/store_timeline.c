/* Counts by stretch and tier. A request enters where it was planned and leaves where it was done;
 * who is in flight at the end of a stretch is the difference of what entered and what left so far,
 * so a request costs a few additions and nobody is kept.
 *
 * Latencies of a stretch are counted in cells 16 times as wide as the histograms' (1.6 %): they are
 * for the eye, and there are many of them. Runs of more than STRETCHES seconds have longer
 * stretches. */
#include "reports/store_private.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/histogram.h"
#include "harness/base/units.h"
#include "reports/group.h"

enum { STRETCHES = 7200, CELLS = 64, FINE = HISTOGRAM_CELLS / CELLS };

struct coarse {
	uint32_t *octave[HISTOGRAM_OCTAVES]; /* CELLS each, or NULL */
	uint64_t n;
	int64_t max_ns;
};

struct store_stretch {
	uint64_t scheduled, done, ok, good, rejected, failed, output_tokens;
	uint64_t entered, left, lined_up, served; /* flights and queues that began or ended */
	struct coarse ttft, e2el;
};

/* --- coarse histograms
 * ----------------------------------------------------------------------------------- */

static void coarse_add(struct coarse *c, int64_t ns)
{
	uint32_t cell = histogram_cell(ns) / FINE;
	uint32_t **octave = &c->octave[cell / CELLS];

	if (!*octave)
		*octave = mem_alloc(CELLS, sizeof(**octave));
	(*octave)[cell % CELLS]++;
	c->n++;
	if (ns > c->max_ns)
		c->max_ns = ns;
}

static void coarse_free(struct coarse *c)
{
	for (unsigned k = 0; k < HISTOGRAM_OCTAVES; k++)
		mem_free(c->octave[k]);
}

/* -1 of nothing. */
static int64_t coarse_percentile(const struct coarse *c, double q)
{
	uint64_t rank = histogram_rank(q, c->n), below = 0;

	if (!c->n)
		return -1;
	for (uint32_t cell = 0; cell < HISTOGRAM_OCTAVES * CELLS; cell++) {
		const uint32_t *octave = c->octave[cell / CELLS];

		below += octave ? octave[cell % CELLS] : 0;
		if (below >= rank)
			return min_i64(histogram_upper(cell * FINE + FINE - 1), c->max_ns);
	}
	UNREACHABLE("cells hold n values");
}

/* --- stretches
 * ------------------------------------------------------------------------------------------- */

void store_timeline_init(struct store_timeline *t, const struct store_config *config)
{
	int64_t seconds = ceil_div_i64(config->ends_ns, NS_PER_S);

	*t = (struct store_timeline){.step_ns = ceil_div_i64(seconds + 1, STRETCHES) * NS_PER_S,
	        .n_tiers = config->score->n_tiers,
	        .rules = config->score->rules};
}

void store_timeline_free(struct store_timeline *t)
{
	for (uint32_t i = 0; i < t->n * t->n_tiers; i++) {
		coarse_free(&t->e[i].ttft);
		coarse_free(&t->e[i].e2el);
	}
	mem_free(t->e);
	*t = (struct store_timeline){0};
}

static struct store_stretch *stretch_at(struct store_timeline *t, int64_t ns, uint32_t tier)
{
	int64_t index = ns < 0 ? 0 : ns / t->step_ns;
	uint32_t at = index < STRETCHES ? (uint32_t)index : STRETCHES - 1;

	while (t->n <= at) {
		if (t->n == t->capacity) {
			t->capacity = t->capacity ? 2 * t->capacity : 16;
			t->e = mem_grow(t->e, (size_t)t->capacity * t->n_tiers, sizeof(*t->e));
		}
		memset(&t->e[t->n * t->n_tiers], 0, t->n_tiers * sizeof(*t->e));
		t->n++;
	}
	return &t->e[at * t->n_tiers + tier];
}

static bool is_good(const struct store_timeline *t, const struct sample *x,
        const int64_t value[static METRIC_COUNT])
{
	for (uint32_t i = 0; i < t->rules->n_slo; i++) {
		const struct slo_rule *rule = &t->rules->slo[i];

		if (rule->tier == x->tier && value[rule->metric] > rule->limit_ns)
			return false;
	}
	return x->outcome == OUTCOME_OK;
}

/* From its arrival on a request is queued as long as the target says it was; one that never got an
 * answer, and was not refused, for all its life. */
static int64_t queued_until(const struct sample *x)
{
	if (x->queue_ns >= 0)
		return x->t_send + min_i64(x->queue_ns, NS_MAX);
	if (x->t_first >= 0 || x->outcome == OUTCOME_REJECTED || x->outcome == OUTCOME_OK)
		return x->t_send;
	return x->t_done;
}

void store_timeline_add(struct store_timeline *t, const struct sample *x)
{
	bool sent = x->outcome != OUTCOME_NOT_SENT;
	struct store_stretch *e;
	int64_t value[METRIC_COUNT];

	group_values(x, value);
	e = stretch_at(t, x->t_sched, x->tier);
	e->scheduled++;
	e->entered += sent;
	if (x->outcome == OUTCOME_OK && value[METRIC_TTFT] >= 0)
		coarse_add(&e->ttft, value[METRIC_TTFT]);
	if (x->t_send >= 0) {
		stretch_at(t, x->t_send, x->tier)->lined_up++;
		stretch_at(t, queued_until(x), x->tier)->served++;
	}
	e = stretch_at(t, x->t_done, x->tier);
	e->left += sent;
	e->done++;
	e->rejected += x->outcome == OUTCOME_REJECTED;
	e->failed += x->outcome != OUTCOME_OK && x->outcome != OUTCOME_REJECTED &&
	             x->outcome != OUTCOME_CANCELLED;
	if (x->outcome != OUTCOME_OK)
		return;
	e->ok++;
	e->good += is_good(t, x, value);
	e->output_tokens += (uint64_t)x->output_tokens;
	if (value[METRIC_E2EL] >= 0)
		coarse_add(&e->e2el, value[METRIC_E2EL]);
}

/* --- rows
 * ------------------------------------------------------------------------------------------ */

static void bind_known(sqlite3_stmt *insert, int place, int64_t ns)
{
	if (ns < 0)
		(void)sqlite3_bind_null(insert, place);
	else
		(void)sqlite3_bind_int64(insert, place, ns);
}

static enum status put(const struct store_timeline *t, struct store_db *d, sqlite3_stmt *insert,
        uint32_t at, uint32_t tier, const uint64_t there[static 2], struct error *err)
{
	const struct store_stretch *e = &t->e[at * t->n_tiers + tier];
	const uint64_t counts[] = {e->scheduled, e->done, e->ok, e->good, e->rejected, e->failed,
	        e->output_tokens, there[0], there[1]};
	int place = 4;

	(void)sqlite3_bind_int64(insert, 1, at * t->step_ns);
	(void)sqlite3_bind_int64(insert, 2, (at + 1) * t->step_ns);
	(void)sqlite3_bind_int64(insert, 3, tier);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		(void)sqlite3_bind_int64(insert, place++, (int64_t)counts[i]);
	bind_known(insert, place++, coarse_percentile(&e->ttft, 0.50));
	bind_known(insert, place++, coarse_percentile(&e->ttft, 0.99));
	bind_known(insert, place++, e->ttft.n ? e->ttft.max_ns : -1);
	bind_known(insert, place++, coarse_percentile(&e->e2el, 0.99));
	return store_db_step(d, insert, err);
}

enum status store_timeline_write(
        const struct store_timeline *t, struct store_db *d, struct error *err)
{
	uint64_t there[SCORE_TIERS_MAX][2] = {0}; /* in flight, queued */
	sqlite3_stmt *insert = NULL;
	enum status st = store_db_prepare(d,
	        "INSERT INTO timeline VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	        &insert, err);

	for (uint32_t at = 0; at < t->n; at++)
		for (uint32_t tier = 0; tier < t->n_tiers && !st; tier++) {
			const struct store_stretch *e = &t->e[at * t->n_tiers + tier];

			there[tier][0] += e->entered - e->left;
			there[tier][1] += e->lined_up - e->served;
			st = put(t, d, insert, at, tier, there[tier], err);
		}
	(void)sqlite3_finalize(insert);
	return st;
}
