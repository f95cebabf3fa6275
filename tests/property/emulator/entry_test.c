/* Slots and frames against two references that share nothing with the emulator.
 *
 *  one bucket   a recursion over the requests: FCFS, each takes the free slot that departs first
 * (ties by instance, then slot); departures are multiples of the frame plus the slot's offset. more
 * buckets a clock that is walked nanosecond by nanosecond. Frames are a few prime ns long, so the
 *               rate changes all the time and never by a whole number of ticks a ns. The position
 * is kept in units of 1/(product of the frames) of a tick, in which every rate is whole.
 *
 * Small numbers on purpose: all coincidences (a slot freed at its departure, arrivals at a
 * departure, a departure reached between two ns) happen often. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/rack_bench.h"
#include "tests/support/rounds.h"
#include "tests/support/run_suite.h"

enum { N = 400, SLOTS_MAX = 12, BUCKETS_MAX = 3 };

static struct bench b;
static struct bench_request requests[N];

static uint64_t below(struct prng *g, uint64_t n)
{
	return prng_below(prng_next(g), n);
}

/* --- one bucket
 * ------------------------------------------------------------------------------------- */

enum entry { PHASE, FRAME, IMMEDIATE };
static const char *const entry_text[] = {"phase", "frame", "immediate"};

struct shape {
	enum entry entry;
	int64_t frame, ppf;
	unsigned slots, instances;
};

static int64_t departs(const struct shape *s, unsigned slot, int64_t from)
{
	int64_t offset = s->entry == PHASE ? slot * s->frame / s->slots : 0, at = offset;

	if (s->entry == IMMEDIATE)
		return from;
	if (from > offset)
		at += (from - offset + s->frame - 1) / s->frame * s->frame;
	return at;
}

/* The request's entry; books the slot. */
static int64_t enter(const struct shape *s, const struct bench_request *r, int64_t *last,
        int64_t free_at[], unsigned *chosen)
{
	unsigned n = s->slots * s->instances;
	int64_t from = r->at_ns > *last ? r->at_ns : *last, first_free = INT64_MAX,
	        best = INT64_MAX;

	for (unsigned j = 0; j < n; j++)
		first_free = free_at[j] < first_free ? free_at[j] : first_free;
	from = first_free > from ? first_free : from;
	for (unsigned j = 0; j < n; j++) {
		int64_t at = departs(s, j % s->slots, from);

		if (free_at[j] > from || at >= best)
			continue;
		best = at;
		*chosen = j;
	}
	*last = from;
	free_at[*chosen] = best + ((r->prompt + s->ppf - 1) / s->ppf + r->output - 1) * s->frame;
	return best;
}

static void deployment_one(const struct shape *s, char *text, size_t n)
{
	(void)snprintf(text, n,
	        "{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"%dns\","
	        "\"slots\":%u,\"prefill_tokens_per_frame\":%d}],\"instances\":%u,\"entry\":\"%s\"}]"
	        "}",
	        (int)s->frame, s->slots, (int)s->ppf, s->instances, entry_text[s->entry]);
}

START_TEST(one_bucket_equals_the_recursion)
{
	struct prng g = prng_stream((uint64_t)_i + 1, "test/entry");
	struct shape s = {.entry = (enum entry)(_i % 3)};
	int64_t at = 0, last = 0, free_at[SLOTS_MAX] = {0};
	char text[512];

	s.frame = 5 + (int64_t)below(&g, 60);
	s.ppf = 1 + (int64_t)below(&g, 9);
	s.slots = 1 + (unsigned)below(&g, 6);
	s.instances = 1 + (unsigned)below(&g, 2);
	for (unsigned i = 0; i < N; i++) {
		at += (int64_t)below(&g, (uint64_t)(10 * s.frame) / (s.slots * s.instances) + 1);
		requests[i] = (struct bench_request){.at_ns = at};
		requests[i].prompt = 1 + (int64_t)below(&g, 40);
		requests[i].output = 1 + (int64_t)below(&g, 8);
	}
	deployment_one(&s, text, sizeof(text));
	bench_init(&b, text);
	bench_play(&b, requests, N, NULL, 0, NS_MAX);
	for (unsigned i = 0; i < N; i++) {
		const struct rack_completion *d = &b.answers[i].done;
		unsigned slot = 0;
		int64_t entry = enter(&s, &requests[i], &last, free_at, &slot);

		ck_assert(b.answers[i].completed);
		ck_assert_msg(d->t_entry == entry,
		        "case %d request %u: entered at %jd, expected %jd", _i, i,
		        (intmax_t)d->t_entry, (intmax_t)entry);
		ck_assert_uint_eq(d->instance, slot / s.slots);
		ck_assert_uint_eq(d->slot, slot % s.slots);
		ck_assert_int_eq(d->t_first_edge,
		        entry + (requests[i].prompt + s.ppf - 1) / s.ppf * s.frame);
		ck_assert_int_eq(d->t_last_edge, free_at[slot]);
		ck_assert_int_eq(d->queue_ns + d->entry_wait_ns, entry - requests[i].at_ns);
	}
	bench_free(&b);
}
END_TEST

/* --- several buckets
 * -------------------------------------------------------------------------------- */

struct walk_slot {
	int request; /* -1 = free */
	bool entered;
	int64_t offset, entry, first, end; /* ticks */
};

struct walk {
	unsigned n_buckets, n_slots, first_slot[BUCKETS_MAX + 1];
	int64_t frame[BUCKETS_MAX], max_seq[BUCKETS_MAX], ppf[BUCKETS_MAX];
	int64_t f0, unit;         /* one tick in units */
	int64_t position, before; /* units; at the ns before */
	struct walk_slot slots[SLOTS_MAX];
	int queue[BUCKETS_MAX][N];
	unsigned head[BUCKETS_MAX], tail[BUCKETS_MAX], done;
	int64_t t_entry[N], t_first[N], t_last[N];
};

static void walk_init(struct walk *w, struct prng *g)
{
	static const int64_t primes[] = {3, 5, 7, 11, 13, 17, 19, 23};

	memset(w, 0, sizeof(*w));
	w->n_buckets = 2 + (unsigned)below(g, 2);
	w->f0 = INT64_MAX;
	w->unit = 1;
	for (unsigned k = 0; k < w->n_buckets; k++) {
		w->max_seq[k] = 20 + 20 * k;
		w->frame[k] = primes[below(g, 8)];
		w->ppf[k] = 1 + (int64_t)below(g, 9);
		w->f0 = w->frame[k] < w->f0 ? w->frame[k] : w->f0;
		w->unit *= w->frame[k];
		w->first_slot[k] = w->n_slots;
		w->n_slots += 1 + (unsigned)below(g, 3);
	}
	w->first_slot[w->n_buckets] = w->n_slots;
	for (unsigned j = 0; j < w->n_slots; j++)
		w->slots[j] = (struct walk_slot){.request = -1, .offset = j * w->f0 / w->n_slots};
	w->before = -1;
}

static unsigned bucket_of_slot(const struct walk *w, unsigned slot)
{
	unsigned k = 0;

	while (slot >= w->first_slot[k + 1])
		k++;
	return k;
}

/* What moves in the next ns: f0 ticks last as long as the slowest occupied bucket's frame. */
static int64_t rate(const struct walk *w)
{
	int64_t slowest = w->f0;

	for (unsigned j = 0; j < w->n_slots; j++) {
		int64_t frame = w->frame[bucket_of_slot(w, j)];

		if (w->slots[j].entered && frame > slowest)
			slowest = frame;
	}
	return w->unit / slowest * w->f0;
}

static void walk_frame_ends(struct walk *w, int64_t now)
{
	for (unsigned j = 0; j < w->n_slots; j++) {
		struct walk_slot *s = &w->slots[j];

		if (s->request < 0)
			continue;
		if (w->position >= s->first * w->unit && w->t_first[s->request] == 0)
			w->t_first[s->request] = now;
		if (w->position < s->end * w->unit)
			continue;
		w->t_last[s->request] = now;
		s->request = -1;
		s->entered = false;
		w->done++;
	}
}

/* The first departure of the slot that had not been reached one ns ago. */
static int64_t next_departure(const struct walk *w, const struct walk_slot *s)
{
	int64_t tick = s->offset;

	while (tick * w->unit <= w->before)
		tick += w->f0;
	return tick;
}

static void walk_dispatch(struct walk *w)
{
	for (unsigned k = 0; k < w->n_buckets; k++) {
		while (w->head[k] < w->tail[k]) {
			struct walk_slot *best = NULL;
			int64_t best_tick = 0;
			int r = w->queue[k][w->head[k]];

			for (unsigned j = w->first_slot[k]; j < w->first_slot[k + 1]; j++) {
				int64_t tick = next_departure(w, &w->slots[j]);

				if (w->slots[j].request >= 0 || (best && tick >= best_tick))
					continue;
				best = &w->slots[j];
				best_tick = tick;
			}
			if (!best)
				break;
			w->head[k]++;
			best->request = r;
			best->entry = best_tick;
			best->first = best_tick +
			              (requests[r].prompt + w->ppf[k] - 1) / w->ppf[k] * w->f0;
			best->end = best->first + (requests[r].output - 1) * w->f0;
		}
	}
}

static void walk_entries(struct walk *w, int64_t now)
{
	for (unsigned j = 0; j < w->n_slots; j++) {
		struct walk_slot *s = &w->slots[j];

		if (s->request < 0 || s->entered || w->position < s->entry * w->unit)
			continue;
		s->entered = true;
		w->t_entry[s->request] = now;
	}
}

static void walk_all(struct walk *w)
{
	unsigned next = 0;

	for (int64_t now = 0; w->done < N; now++) {
		walk_frame_ends(w, now);
		for (; next < N && requests[next].at_ns == now; next++) {
			unsigned k = 0;

			while (w->max_seq[k] < requests[next].prompt + requests[next].output)
				k++;
			w->queue[k][w->tail[k]++] = (int)next;
		}
		walk_dispatch(w);
		walk_entries(w, now);
		w->before = w->position;
		w->position += rate(w);
	}
}

static void deployment_many(const struct walk *w, char *text, size_t n)
{
	size_t at = (size_t)snprintf(text, n, "{\"pools\":[{\"name\":\"p\",\"buckets\":[");

	for (unsigned k = 0; k < w->n_buckets; k++)
		at += (size_t)snprintf(text + at, n - at,
		        "%s{\"max_seq\":%d,\"frame\":\"%dns\",\"slots\":%u,"
		        "\"prefill_tokens_per_frame\":%d}",
		        k ? "," : "", (int)w->max_seq[k], (int)w->frame[k],
		        w->first_slot[k + 1] - w->first_slot[k], (int)w->ppf[k]);
	(void)snprintf(text + at, n - at, "],\"instances\":1,\"entry\":\"phase\"}]}");
}

START_TEST(many_buckets_equal_the_walk)
{
	static struct walk w;
	struct prng g = prng_stream((uint64_t)_i + 1, "test/walk");
	int64_t at = 0;
	char text[1024];

	walk_init(&w, &g);
	for (unsigned i = 0; i < N; i++) {
		at += (int64_t)below(&g, 40);
		requests[i] = (struct bench_request){.at_ns = at};
		requests[i].output = 1 + (int64_t)below(&g, 8);
		requests[i].prompt = 1 + (int64_t)below(&g, (uint64_t)(w.max_seq[w.n_buckets - 1] -
		                                                       requests[i].output));
	}
	walk_all(&w);
	deployment_many(&w, text, sizeof(text));
	bench_init(&b, text);
	bench_play(&b, requests, N, NULL, 0, NS_MAX);
	for (unsigned i = 0; i < N; i++) {
		const struct rack_completion *d = &b.answers[i].done;

		ck_assert(b.answers[i].completed);
		ck_assert_msg(d->t_entry == w.t_entry[i] && d->t_first_edge == w.t_first[i] &&
		                      d->t_last_edge == w.t_last[i],
		        "case %d request %u: %jd %jd %jd, expected %jd %jd %jd\n%s", _i, i,
		        (intmax_t)d->t_entry, (intmax_t)d->t_first_edge, (intmax_t)d->t_last_edge,
		        (intmax_t)w.t_entry[i], (intmax_t)w.t_first[i], (intmax_t)w.t_last[i],
		        text);
	}
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("entry");
	TCase *t = tcase_create("references");

	tcase_add_loop_test(t, one_bucket_equals_the_recursion, 0, rounds(30));
	tcase_add_loop_test(t, many_buckets_equal_the_walk, 0, rounds(30));
	suite_add_tcase(s, t);
	return run_suite(s);
}
