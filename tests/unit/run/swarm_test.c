/* The parts of a swarm: what is drawn, where it lies in time, what is counted. What cells come to
 * is tests/model/run/test_swarm.c's. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults/catalogue.h"
#include "harness/base/units.h"
#include "harness/run/swarm_cell.h"
#include "harness/run/swarm_coverage.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { PLANS = 400 };

static struct scenario *load(const char *path)
{
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	struct scenario *s;

	ck_assert_msg(scenario_load(path, &(struct scenario_options){0}, &list, &err) == ERR_NONE,
	        "%s: %s", err.path, err.text);
	ck_assert_uint_eq(list.n, 1);
	s = list.items[0];
	list.n = 0;
	scenario_list_free(&list);
	return s;
}

static struct scenario *shipped(void)
{
	return load(LPC_SOURCE_DIR "/harness/suites/swarm.json");
}

START_TEST(the_phases_lie_one_behind_the_other)
{
	struct scenario *s = shipped();
	struct swarm_timeline t;

	swarm_timeline_of(s, &t); /* 1 s warm-up, 29 s behind it */
	ck_assert_int_eq(t.faults_ns, 3900 * NS_PER_MS);
	ck_assert_int_eq(t.heal_ns, 18400 * NS_PER_MS);
	ck_assert_int_eq(t.horizon_ns, 5 * NS_PER_S);
	s->recovery_horizon_ns = 30 * NS_PER_S; /* longer than what is left: half of that */
	swarm_timeline_of(s, &t);
	ck_assert_int_eq(t.horizon_ns, 5800 * NS_PER_MS);
	scenario_free(s);
}
END_TEST

static size_t index_of(const struct fault_kind *kind)
{
	size_t i = 0;

	while (fault_catalogue_at(i) != kind)
		i++;
	return i;
}

static void check_times(const struct swarm_plan *p, const struct swarm_timeline *t)
{
	for (uint32_t i = 0; i < p->scenario->faults.n; i++) {
		const struct fault_spec *f = &p->scenario->faults.faults[i];

		ck_assert(f->planned);
		ck_assert_int_ge(f->at_ns, t->faults_ns);
		ck_assert_int_ge(f->for_ns, 1);
		ck_assert_int_le(f->at_ns + f->for_ns, t->heal_ns);
		ck_assert_msg(p->weights[index_of(f->kind)] > 0, "%s is off", f->kind->name);
	}
}

struct tally {
	unsigned on[64], drawn[64], weights[SWARM_WEIGHTS], faults[SWARM_FAULTS_MAX + 2];
	unsigned n_drawn, n_refused, to_the_end, chained;
};

static void tally_plan(struct tally *y, const struct swarm_plan *p, const struct swarm_timeline *t)
{
	uint32_t n = p->scenario->faults.n;

	for (size_t k = 0; k < fault_catalogue_count(); k++) {
		y->on[k] += p->weights[k] > 0;
		for (unsigned w = 0; w < SWARM_WEIGHTS; w++)
			y->weights[w] += p->weights[k] == 1u << w;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct fault_spec *f = &p->scenario->faults.faults[i];

		y->drawn[index_of(f->kind)]++;
		y->to_the_end += f->at_ns + f->for_ns == t->heal_ns;
		y->chained += f->start != START_TIMED;
	}
	ck_assert_uint_le(n, SWARM_FAULTS_MAX + 2);
	y->faults[n < SWARM_FAULTS_MAX + 2 ? n : SWARM_FAULTS_MAX + 1]++;
	y->n_drawn += p->drawn;
	y->n_refused += p->refused;
}

/* Each kind by a coin of its own: in 400 plans it is off in 141 … 259, to 10^-9 a kind. */
START_TEST(plans_differ_in_what_they_are_made_of)
{
	struct scenario *s = shipped();
	struct tally y = {0};
	struct swarm_timeline t;

	ck_assert_uint_le(fault_catalogue_count(), 64);
	swarm_timeline_of(s, &t);
	for (unsigned i = 0; i < PLANS; i++) {
		struct swarm_plan p;

		swarm_plan_draw(s, &t, i, &p);
		check_times(&p, &t);
		tally_plan(&y, &p, &t);
		swarm_plan_free(&p);
	}
	for (size_t k = 0; k < fault_catalogue_count(); k++) {
		const char *name = fault_catalogue_at(k)->name;

		ck_assert_msg(y.on[k] > 140 && y.on[k] < 260, "%s is on in %u", name, y.on[k]);
		ck_assert_msg(y.drawn[k] > 0, "%s was never drawn", name);
	}
	for (unsigned w = 0; w < SWARM_WEIGHTS; w++)
		ck_assert_msg(y.weights[w] > 500, "weight %u: %u", 1u << w, y.weights[w]);
	ck_assert_uint_eq(y.faults[0], 0);
	ck_assert_uint_gt(y.faults[1], PLANS / 5);
	ck_assert_uint_gt(y.faults[8] + y.faults[9] + y.faults[10], 5);
	ck_assert_uint_gt(y.to_the_end, PLANS / 5);
	ck_assert_uint_gt(y.chained, PLANS / 5);
	ck_assert_msg(y.n_refused < y.n_drawn / 3, "%u of %u refused", y.n_refused, y.n_drawn);
	scenario_free(s);
}
END_TEST

static char *changes_text(const struct scenario *s, const struct swarm_timeline *t, uint64_t index)
{
	struct swarm_plan p;
	struct json_out o;

	swarm_plan_draw(s, t, index, &p);
	json_out_init(&o, 0);
	json_out_value(&o, NULL, json_root(p.changes), false);
	swarm_plan_free(&p);
	return o.buf;
}

START_TEST(a_plan_is_a_function_of_scenario_and_index)
{
	struct scenario *s = shipped();
	struct swarm_timeline t;
	char *a, *b, *c, *d;

	swarm_timeline_of(s, &t);
	a = changes_text(s, &t, 7);
	b = changes_text(s, &t, 8);
	c = changes_text(s, &t, 7);
	s->seed++;
	d = changes_text(s, &t, 7);
	ck_assert_str_eq(a, c);
	ck_assert_str_ne(a, b);
	ck_assert_str_ne(a, d);
	ck_assert_uint_lt(swarm_seed(s, 1), UINT64_C(1) << 53);
	mem_free(a);
	mem_free(b);
	mem_free(c);
	mem_free(d);
	scenario_free(s);
}
END_TEST

/* What is written for a cell is that cell: the same seed, the same run to the bit. */
START_TEST(a_cell_is_replayed_from_its_file)
{
	struct scenario *s = shipped();
	struct swarm_timeline t;

	swarm_timeline_of(s, &t);
	for (uint64_t i = 0; i < 8; i++) {
		char dir[] = "/tmp/swarm-XXXXXX", path[256], folder[128];
		struct error err = ERROR_INIT;
		struct swarm_cell cell;
		struct scenario *again;
		struct evaluation e;

		ck_assert_ptr_nonnull(mkdtemp(dir));
		ck_assert(swarm_cell_play(s, &t, i, NULL, &cell, &err) == ERR_NONE);
		ck_assert(swarm_cell_write(s, i, &cell.plan, dir, &err) == ERR_NONE);
		(void)snprintf(folder, sizeof(folder), "%s/failures", dir);
		(void)snprintf(
		        path, sizeof(path), "%s/swarm-%llu.json", folder, (unsigned long long)i);
		again = load(path);
		ck_assert_uint_eq(again->seed, cell.plan.seed);
		ck_assert(evaluate(again, false, NULL, &e, &err) == ERR_NONE);
		ck_assert_mem_eq(e.run.result_digest, cell.run.run.result_digest, DIGEST_BYTES);
		ck_assert_str_eq(e.result->expect[0].rule->id, "recovered");
		ck_assert_int_eq(e.result->expect[0].verdict, cell.run.result->expect[0].verdict);
		evaluation_free(&e);
		scenario_free(again);
		swarm_cell_free(&cell);
		(void)unlink(path);
		(void)rmdir(folder);
		(void)rmdir(dir);
	}
	scenario_free(s);
}
END_TEST

/* --- coverage
 * -------------------------------------------------------------------------------------- */

static size_t kind_named(const char *name)
{
	return index_of(fault_catalogue_find(name));
}

static void fold(struct swarm_coverage *c, const char *text, enum status wanted)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	ck_assert(json_parse("line", text, strlen(text), &doc, &err) == ERR_NONE);
	ck_assert(swarm_coverage_fold(c, json_root(doc), &err) == wanted);
	json_free(doc);
}

#define BIT(p) (1u << PHASE_##p)

/* By the records and the deployment: what there is, what is in use, what finds it. */
START_TEST(what_could_be_reached_is_derived)
{
	const unsigned planned = BIT(INJECT) | BIT(RECOVER) | BIT(REVERT);
	struct scenario *s = shipped();
	struct swarm_coverage c;

	swarm_coverage_init(&c, s);
	ck_assert_uint_eq(c.e[kind_named("chip.loss")][SWARM_CHIP].reachable, 127);
	ck_assert_uint_eq(c.e[kind_named("chip.loss")][SWARM_NODE].reachable, 0);
	ck_assert_uint_eq(c.e[kind_named("link.flap")][SWARM_C2C_NODE].reachable, 127);
	ck_assert_uint_eq(c.e[kind_named("link.flap")][SWARM_C2C_RACK].reachable, 127);
	ck_assert_uint_eq(c.e[kind_named("link.flap")][SWARM_C2C_POD].reachable, 0); /* one rack */
	ck_assert_uint_eq(
	        c.e[kind_named("load.burst")][SWARM_TRAFFIC].reachable, planned | BIT(EFFECT));
	/* No link_scan, so nobody finds it; and no checksum. */
	ck_assert_uint_eq(
	        c.e[kind_named("link.ghost")][SWARM_C2C_RACK].reachable, planned | BIT(EFFECT));
	ck_assert_uint_eq(c.e[kind_named("chip.sdc")][SWARM_CHIP].reachable, planned | BIT(EFFECT));
	ck_assert_uint_eq(c.e[kind_named("artifact.regression")][SWARM_POOL].reachable,
	        planned | BIT(EFFECT) | BIT(DETECT) | BIT(FAILOVER));
	swarm_coverage_free(&c);
	s->deployment.health.checksum = true;
	for (uint32_t i = 0; i < s->deployment.n_pools; i++)
		s->deployment.pools[i].pinned = true;
	swarm_coverage_init(&c, s);
	ck_assert_uint_eq(c.e[kind_named("chip.sdc")][SWARM_CHIP].reachable, 127);
	ck_assert_uint_eq(c.e[kind_named("artifact.regression")][SWARM_POOL].reachable, planned);
	ck_assert_uint_eq(c.paths_reachable >> REACHED_ROLLED_BACK & 1, 0);
	swarm_coverage_free(&c);
	scenario_free(s);
}
END_TEST

START_TEST(coverage_is_counted_in_cells)
{
	struct scenario *s = shipped();
	struct swarm_coverage c;
	size_t text_n;
	char *text;
	FILE *f;

	swarm_coverage_init(&c, s);
	fold(&c, "{\"coverage\":[[\"chip.loss\",\"chip\",99]],\"paths\":{\"spare_used\":3}}",
	        ERR_NONE);
	fold(&c, "{\"coverage\":[[\"chip.loss\",\"chip\",3]],\"paths\":{\"spare_used\":1}}",
	        ERR_NONE);
	fold(&c, "{\"coverage\":[[\"chip.gone\",\"chip\",3]],\"paths\":{}}", ERR_USAGE);
	fold(&c, "{\"coverage\":[[\"chip.loss\",\"box\",3]],\"paths\":{}}", ERR_USAGE);
	fold(&c, "{\"paths\":{}}", ERR_USAGE);
	ck_assert_uint_eq(c.e[kind_named("chip.loss")][SWARM_CHIP].cells[PHASE_INJECT], 2);
	ck_assert_uint_eq(c.e[kind_named("chip.loss")][SWARM_CHIP].cells[PHASE_RECOVER], 1);
	ck_assert_uint_eq(c.paths[REACHED_SPARE_USED], 2);
	f = open_memstream(&text, &text_n);
	swarm_coverage_text(&c, f);
	(void)fclose(f);
	ck_assert_ptr_nonnull(strstr(text, "  chip.loss on chip: detect isolate failover\n"));
	ck_assert_ptr_nonnull(strstr(text, "  path admission_refused\n"));
	ck_assert_ptr_null(strstr(text, "  path spare_used\n"));
	ck_assert_ptr_null(strstr(text, "c2c-pod"));
	free(text);
	swarm_coverage_free(&c);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("swarm");

	add_test(suite, "timeline", the_phases_lie_one_behind_the_other);
	add_test(suite, "mix", plans_differ_in_what_they_are_made_of);
	add_test(suite, "determined", a_plan_is_a_function_of_scenario_and_index);
	add_test(suite, "file", a_cell_is_replayed_from_its_file);
	add_test(suite, "reachable", what_could_be_reached_is_derived);
	add_test(suite, "coverage", coverage_is_counted_in_cells);
	return run_suite(suite);
}
