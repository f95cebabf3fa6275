/* The progress clock against a second bookkeeping of the position: units of 1/L tick, L the least
 * common multiple of all numerators in force, in which every rate is a whole number. Random changes
 * of rate, stops and looks; every instant must be the first one at which the tick is reached. */
#include <check.h>
#include <stdio.h>

#include "emulator/timetable.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"

struct rates {
	uint64_t f0;
	unsigned n;
	uint64_t frame[4];
};

static const struct rates cases[] = {
        {1292910, 2, {1292910, 1293989}},
        {10000000, 3, {10000000, 20000000, 27000000}},
        {7, 4, {7, 11, 13, 29}},
        {1000000, 2, {1000000, 1000003}},
};

static uint64_t gcd(uint64_t a, uint64_t b)
{
	return b ? gcd(b, a % b) : a;
}

struct oracle {
	uint64_t lcm;
	__int128 units; /* position in 1/lcm ticks */
	int64_t at;
	uint64_t per_ns; /* units per ns; 0 = stopped */
};

static void oracle_to(struct oracle *o, int64_t now)
{
	o->units += (__int128)(now - o->at) * (__int128)o->per_ns;
	o->at = now;
}

static void check_look(const struct progress *p, const struct oracle *o, struct prng *g)
{
	int64_t tick = progress_tick_at(p, o->at), ahead, at;

	ck_assert_int_eq(tick, (int64_t)(o->units / (__int128)o->lcm));
	if (!o->per_ns)
		return;
	ahead = tick + 1 + (int64_t)prng_below(prng_next(g), 5000000);
	at = progress_time_of(p, ahead);
	/* reached at `at`, not a ns before */
	ck_assert(o->units + (__int128)(at - o->at) * (__int128)o->per_ns >=
	          (__int128)ahead * (__int128)o->lcm);
	ck_assert(o->units + (__int128)(at - 1 - o->at) * (__int128)o->per_ns <
	          (__int128)ahead * (__int128)o->lcm);
}

START_TEST(every_instant_is_the_first)
{
	const struct rates *c = &cases[_i];
	struct prng g = prng_stream(3, "test/timetable");
	struct oracle o = {.lcm = 1};
	struct tick_rate rate;
	struct progress p;

	for (unsigned i = 0; i < c->n; i++)
		o.lcm = o.lcm / gcd(o.lcm, c->frame[i]) * c->frame[i];
	o.per_ns = o.lcm; /* f0 / f0 */
	rate = tick_rate(c->f0, c->f0);
	progress_init(&p, 0, &rate);
	for (int i = 0; i < 20000; i++) {
		int64_t now = o.at + (int64_t)prng_below(prng_next(&g), 3 * c->f0);
		uint64_t frame = c->frame[prng_below(prng_next(&g), c->n)];
		bool stopped = prng_below(prng_next(&g), 4) == 0;

		oracle_to(&o, now);
		check_look(&p, &o, &g);
		rate = tick_rate(frame, c->f0);
		progress_change(&p, now, &rate, stopped);
		o.per_ns = stopped ? 0 : o.lcm / frame * c->f0;
		check_look(&p, &o, &g);
	}
}
END_TEST

START_TEST(a_departure_can_be_made_at_its_tick)
{
	struct tick_rate three_halves = tick_rate(3, 2), five = tick_rate(5, 1);
	struct progress p;

	progress_init(&p, 0, &three_halves);
	ck_assert_int_eq(progress_time_of(&p, 1), 2);
	ck_assert_int_eq(progress_next_tick(&p, 2), 1);
	ck_assert_int_eq(progress_next_tick(&p, 3), 2);
	progress_init(&p, 0, &five);
	ck_assert_int_eq(progress_next_tick(&p, 5), 1);
	ck_assert_int_eq(progress_next_tick(&p, 6), 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timetable");
	TCase *t = tcase_create("progress");

	tcase_add_loop_test(t, every_instant_is_the_first, 0, ARRAY_LEN(cases));
	tcase_add_test(t, a_departure_can_be_made_at_its_tick);
	suite_add_tcase(s, t);
	return run_suite(s);
}
