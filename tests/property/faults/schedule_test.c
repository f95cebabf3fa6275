/* Schedules of random fault lists. Whatever a list that was accepted says: begins and ends
 * alternate, a fault lasts as long as it says or to the end, who waits begins exactly `delay` after
 * what he waits for, exclusive faults never meet on a target, a limit is never passed, the same
 * list does the same again, and a run that follows the script of another does what that one did. */
#include <stdio.h>

#include "harness/base/prng.h"
#include "tests/support/run_suite.h"
#include "tests/unit/faults/world.h"

enum { SEEDS = 4000, FAULTS = 7, EVENTS_MAX = 4096, RUN_MS = 60000 };

struct events {
	uint32_t n;
	struct fault_happening e[EVENTS_MAX];
};

static struct world w;
static struct fault_schedule schedule;
static uint64_t the_seed;

static uint64_t draw(struct prng *g, uint64_t below)
{
	return prng_below(prng_next(g), below);
}

/* One fault as JSON: instants are multiples of 100 ms, so that many meet. */
static size_t write_fault(struct prng *g, uint32_t i, char *out, size_t room)
{
	static const char *const kinds[] = {"'link.flap','target':'all'",
	        "'link.flap','target':'r0.n0-r0.n1.0'", "'link.flap','target':'any(2)'",
	        "'chip.loss','target':'r0.n0.c0'", "'shape.creep'", "'ethernet.jitter'"};
	static const char *const phases[] = {"inject", "revert", "detect"};
	unsigned how = (unsigned)draw(g, 6);
	uint64_t other = draw(g, FAULTS), at = draw(g, 600), phase = draw(g, 3);
	uint64_t delay = draw(g, 20) * 100, kind = draw(g, ARRAY_LEN(kinds));
	uint64_t length = draw(g, 50), mean = draw(g, 100);
	char start[160];

	if (how == 0 && other != i)
		snprintf(start, sizeof(start),
		        "'after':{'fault':'f%u','phase':'%s','delay':'%ums'}", (unsigned)other,
		        phases[phase], (unsigned)(phase == 2 ? delay + 100 : delay));
	else if (how == 1)
		snprintf(start, sizeof(start), "'together':'x'");
	else if (how == 2)
		snprintf(start, sizeof(start), "'every':{'law':'exponential','mean':'%ums'}",
		        (unsigned)(500 + mean * 100));
	else if (how == 3)
		snprintf(start, sizeof(start), "'every':'%ums'", (unsigned)(6000 + mean * 100));
	else
		snprintf(start, sizeof(start), "'at':'%ums'%s", (unsigned)at * 100,
		        how == 4 ? ",'together':'x'" : "");
	return (size_t)snprintf(out, room, "%s{'id':'f%u','kind':%s,%s,'for':'%ums'}",
	        i ? "," : "[", i, kinds[kind], start, (unsigned)(100 + length * 100));
}

static bool random_plan(struct prng *g)
{
	char text[4096];
	size_t n = 0;

	for (uint32_t i = 0; i < FAULTS; i++)
		n += write_fault(g, i, text + n, sizeof(text) - n);
	snprintf(text + n, sizeof(text) - n, "]");
	if (world_plan(&w, text, the_seed) != ERR_NONE)
		return false;
	w.plan.limits.max_active = (int64_t)draw(g, 4);
	return true;
}

static void keep(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	struct events *e = ctx;

	ck_assert_uint_lt(e->n, EVENTS_MAX);
	e->e[e->n++] = (struct fault_happening){now, fault, inject};
}

/* A rack that detects whatever is injected 50 ms later. */
static void play(struct events *out, struct fault_script *record, const struct fault_script *follow)
{
	int64_t detect[FAULTS], end = RUN_MS * NS_PER_MS;
	uint32_t seen = 0;

	out->n = 0;
	for (uint32_t i = 0; i < FAULTS; i++)
		detect[i] = NS_NEVER;
	fault_schedule_init(&schedule, &w.plan, end, &w.arena);
	if (record)
		fault_schedule_record(&schedule, record);
	if (follow)
		fault_schedule_replay(&schedule, follow);
	for (;;) {
		int64_t at = fault_schedule_next_at(&schedule);

		for (uint32_t i = 0; i < FAULTS; i++)
			at = detect[i] < at ? detect[i] : at;
		if (at >= end)
			break;
		fault_schedule_step(&schedule, at, keep, out);
		for (uint32_t i = 0; i < FAULTS; i++)
			if (detect[i] == at) {
				fault_schedule_phase(&schedule, i, PHASE_DETECT, at);
				detect[i] = NS_NEVER;
			}
		for (; seen < out->n; seen++)
			if (out->e[seen].inject)
				detect[out->e[seen].fault] = at + 50 * NS_PER_MS;
	}
	fault_schedule_finish(&schedule, end, keep, out);
}

static bool share_target(const struct fault_spec *a, const struct fault_spec *b)
{
	for (uint32_t i = 0; i < a->n_targets; i++)
		for (uint32_t k = 0; k < b->n_targets; k++)
			if (a->targets[i] == b->targets[k])
				return true;
	return false;
}

static bool exclude(const struct fault_spec *a, const struct fault_spec *b)
{
	return a->kind->exclusive && b->kind->exclusive &&
	       strcmp(a->kind->exclusive, b->kind->exclusive) == 0 && share_target(a, b);
}

/* When the phase that fault i waits for was first reached, or -1. */
static int64_t waited_for(const struct events *e, const struct fault_after *after)
{
	for (uint32_t k = 0; k < e->n; k++)
		if (e->e[k].fault == after->fault &&
		        e->e[k].inject == (after->phase != PHASE_REVERT))
			return e->e[k].at_ns + (after->phase == PHASE_DETECT ? 50 * NS_PER_MS : 0);
	return -1;
}

static void check_begin(const struct events *e, const struct fault_happening *h)
{
	const struct fault_spec *f = &w.plan.faults[h->fault];

	if (f->start == START_AFTER)
		ck_assert_msg(h->at_ns == waited_for(e, &f->after) + f->after.delay_ns,
		        "seed %llu: f%u begins at the wrong instant", (unsigned long long)the_seed,
		        h->fault);
}

static void check(const struct events *e)
{
	int64_t began[FAULTS];
	uint32_t active = 0;

	for (uint32_t i = 0; i < FAULTS; i++)
		began[i] = -1;
	for (uint32_t k = 0; k < e->n; k++) {
		const struct fault_happening *h = &e->e[k];
		const struct fault_spec *f = &w.plan.faults[h->fault];

		ck_assert(k == 0 || h->at_ns >= e->e[k - 1].at_ns);
		ck_assert_msg((began[h->fault] < 0) == h->inject, "seed %llu",
		        (unsigned long long)the_seed);
		if (!h->inject) {
			ck_assert(h->at_ns == began[h->fault] + f->for_ns ||
			          h->at_ns == RUN_MS * NS_PER_MS);
			began[h->fault] = -1;
			active--;
			continue;
		}
		check_begin(e, h);
		for (uint32_t i = 0; i < FAULTS; i++)
			ck_assert_msg(began[i] < 0 || !exclude(f, &w.plan.faults[i]),
			        "seed %llu: f%u and f%u at one time", (unsigned long long)the_seed,
			        i, h->fault);
		began[h->fault] = h->at_ns;
		active++;
		ck_assert(!w.plan.limits.max_active || active <= w.plan.limits.max_active);
	}
	ck_assert_uint_eq(active, 0);
}

START_TEST(random_lists)
{
	static struct events first, again, followed;
	unsigned accepted = 0, waited = 0, grouped = 0, withheld = 0;

	for (the_seed = 0; the_seed < SEEDS; the_seed++) {
		struct prng g = prng_stream(the_seed, "property/schedule");
		struct fault_script script = {0};

		world_init(&w);
		if (random_plan(&g)) {
			accepted++;
			play(&first, &script, NULL);
			check(&first);
			for (uint32_t i = 0; i < FAULTS; i++) {
				waited += w.plan.faults[i].start == START_AFTER;
				grouped += w.plan.faults[i].start == START_TOGETHER;
				withheld += schedule.timers[i].withheld != LIMIT_NONE;
			}
			play(&again, NULL, NULL);
			play(&followed, NULL, &script);
			ck_assert(first.n == again.n && first.n == followed.n);
			for (uint32_t k = 0; k < first.n; k++) {
				const struct fault_happening *a = &first.e[k], *b = &again.e[k],
				                             *c = &followed.e[k];

				ck_assert(a->at_ns == b->at_ns && a->fault == b->fault &&
				          a->inject == b->inject);
				ck_assert(a->at_ns == c->at_ns && a->fault == c->fault &&
				          a->inject == c->inject);
			}
			fault_script_free(&script);
		}
		world_free(&w);
	}
	/* Else the lists are too wild to say anything. */
	ck_assert_uint_gt(accepted, SEEDS / 40);
	ck_assert_uint_gt(waited, 20);
	ck_assert_uint_gt(grouped, 20);
	ck_assert_uint_gt(withheld, 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schedule properties");
	TCase *tc = tcase_create("schedule");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, random_lists);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
