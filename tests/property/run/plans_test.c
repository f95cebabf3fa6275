/* Random fault plans over the whole catalogue on random deployments: whatever meets whatever,
 *
 *  - a run ends, in a bounded number of events, and every request has one outcome;
 *  - streams that end well have every token once, and their blame adds up to the nanosecond;
 *  - after the last revert the static state is that of a rack that never had a fault;
 *  - the ledger's phases come in their order, and only those that the kind's record knows;
 *  - where data moves is where the paths are judged to run, whatever was plugged and remapped;
 *  - the same plan played twice, with and without a scorer, gives the same digest, and a twin
 *    without a fault that took no effect gives the same requests.
 *
 * Conservation, Little's law, the sum of the parts and the order of instants are asserted inside
 * the rack in every build: an abort is a failure here.
 *
 * random_plan_scenario() says what the environment may ask for. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"
#include "tests/support/random_plan.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

enum { EVENTS_PER_S = 50000 };

static void check_served(const struct sample *s)
{
	int64_t parts = s->blame_network_ns + s->blame_queue_ns + s->blame_entry_ns +
	                s->blame_prefill_ns + s->blame_decode_ns;

	for (uint32_t i = 0; i < s->n_stalls; i++)
		parts += s->stalls[i].ns;
	ck_assert_int_eq(parts, s->t_last - s->t_sched);
	ck_assert_int_ge(s->queue_ns, 0);
	ck_assert_int_gt(s->prefill_ns, 0);
	ck_assert_int_ge(s->t_first, s->t_sched);
	ck_assert_int_ge(s->t_last, s->t_first);
	ck_assert_int_ge(s->output_tokens, 1);
}

static void check_sample(
        const struct sample *s, const struct virtual_samples *v, uint64_t outcomes[])
{
	ck_assert_uint_ge(s->id, 1);
	ck_assert(s->t_done >= s->t_sched || s->outcome == OUTCOME_NOT_SENT);
	ck_assert_int_le(s->t_done, v->result.ended_ns);
	outcomes[s->outcome]++;
	if (s->outcome == OUTCOME_OK)
		check_served(s);
}

static void check_requests(const struct virtual_samples *v)
{
	uint64_t outcomes[OUTCOME_COUNT] = {0}, sum = 0;

	for (uint64_t i = 0; i < v->n - v->n_extra; i++)
		check_sample(&v->e[i], v, outcomes);
	for (uint64_t i = 0; i < v->n_extra; i++)
		check_sample(&v->extra[i], v, outcomes);
	for (unsigned o = 0; o < OUTCOME_COUNT; o++)
		sum += outcomes[o];
	ck_assert_uint_eq(sum, v->result.scheduled);
	ck_assert_uint_eq(v->result.rack.live, 0);
}

static void check_ledger(const struct scenario *s, const struct ledger *ledger)
{
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const int64_t *at = ledger->e[i].at;
		int64_t before = at[PHASE_INJECT];

		ck_assert_msg(ledger->e[i].clean, "not clean");
		for (unsigned p = PHASE_EFFECT; p <= PHASE_FAILOVER; p++) {
			if (at[p] < 0)
				continue;
			ck_assert_msg(at[PHASE_INJECT] >= 0 && at[p] >= before,
			        "%s: %s at %lld, before %lld", s->faults.faults[i].id,
			        fault_phase_name(p), (long long)at[p], (long long)before);
			/* Serials tell at bring-up, whether or not anybody uses the cable. */
			if (p != PHASE_EFFECT ||
			        s->faults.faults[i].kind->guard != FAULT_GUARD_CABLE_CHECK)
				before = at[p];
		}
		ck_assert(at[PHASE_REVERT] < 0 || at[PHASE_REVERT] >= at[PHASE_INJECT]);
		ck_assert((at[PHASE_INJECT] < 0) == (at[PHASE_REVERT] < 0));
	}
}

static void check_bounds(const struct virtual_result *r)
{
	int64_t seconds = r->ended_ns / NS_PER_S + 1;

	if (getenv("PROPERTY_PRINT"))
		(void)fprintf(stderr, "events %llu rack %llu in %lld s\n",
		        (unsigned long long)r->events, (unsigned long long)r->rack.events,
		        (long long)seconds);
	ck_assert_int_lt((int64_t)r->events, EVENTS_PER_S * seconds);
	ck_assert_int_lt((int64_t)r->rack.events, EVENTS_PER_S * seconds);
}

/* A phase that the kind's record does not know of is wrong there, or in the model. */
static void check_phases(const struct scenario *s, const struct ledger *ledger)
{
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const struct fault_spec *f = &s->faults.faults[i];
		bool guarded = false;

		for (uint32_t t = 0; t < f->n_targets; t++)
			guarded |=
			        s->targets.guarded(s->targets.ctx, f->kind->guard, f->targets[t]);
		for (unsigned p = PHASE_DETECT; p <= PHASE_FAILOVER; p++)
			ck_assert_msg(
			        ledger->e[i].at[p] < 0 || (f->kind->found >> p & 1 && guarded),
			        "%s came to %s", f->kind->name, fault_phase_name(p));
	}
}

/* What the rack says of a request whose client gave up is how far it was; what the client has seen
 * of it, if anybody watched. Only that it gave up is one thing. */
static bool gave_up(const struct sample *a, const struct sample *b)
{
	return a->outcome == b->outcome && a->t_done == b->t_done &&
	       (a->outcome == OUTCOME_TIMEOUT || a->outcome == OUTCOME_STALLED);
}

static void check_same(const struct sample *a, const struct sample *b, const char *id)
{
	if (gave_up(a, b))
		return;
	ck_assert_msg(a->id == b->id && a->outcome == b->outcome && a->t_sched == b->t_sched &&
	                      a->t_first == b->t_first && a->t_last == b->t_last &&
	                      a->t_done == b->t_done && a->output_tokens == b->output_tokens &&
	                      a->replays == b->replays,
	        "%s took no effect but changed request %llu: %d %lld %lld %lld, %lld tokens, "
	        "without it %d %lld %lld %lld, %lld tokens",
	        id, (unsigned long long)a->id, a->outcome, (long long)a->t_first,
	        (long long)a->t_last, (long long)a->t_done, (long long)a->output_tokens, b->outcome,
	        (long long)b->t_first, (long long)b->t_last, (long long)b->t_done,
	        (long long)b->output_tokens);
}

/* What had no effect can be left out. */
static void check_without(const struct scenario *s, const struct virtual_samples *v, uint32_t fault)
{
	struct virtual_samples w;

	virtual_samples_run(&w, s, fault, false);
	ck_assert_uint_eq(w.n, v->n);
	ck_assert_uint_eq(w.n_extra, v->n_extra);
	for (uint64_t i = 0; i < v->n - v->n_extra; i++)
		check_same(&v->e[i], &w.e[i], s->faults.faults[fault].id);
	for (uint64_t i = 0; i < v->n_extra; i++)
		check_same(&v->extra[i], &w.extra[i], s->faults.faults[fault].id);
	virtual_samples_free(&w);
}

/* A spare that is down, a feed that is loaded: what takes no effect may make others' worse. */
static bool stands_alone(const struct scenario *s, const struct ledger *ledger, uint32_t fault)
{
	const struct fault_kind *kind = s->faults.faults[fault].kind;

	if (s->faults.faults[fault].awaited) /* without it others do not begin */
		return false;
	if (!(kind->targets & (FAULT_TARGET_CHIP | FAULT_TARGET_NODE | FAULT_TARGET_RACK |
	                              FAULT_TARGET_PDU | FAULT_TARGET_FAN)))
		return true;
	for (uint32_t i = 0; i < s->faults.n; i++)
		if (s->faults.faults[i].kind->side == FAULT_MODEL &&
		        ledger->e[i].at[PHASE_EFFECT] >= 0)
			return false;
	return true;
}

struct seen {
	const struct topology *t;
	enum path_scope worst;
	uint64_t moves;
};

static void see(void *ctx, const struct wire_message *m)
{
	struct seen *seen = ctx;
	enum path_scope here = PATH_IN_RACK;

	if (!m->critical)
		return;
	seen->moves++;
	if (m->from.rack != m->to.rack)
		here = PATH_IN_DOMAIN;
	if (seen->t->pod_of_rack[m->from.rack] != seen->t->pod_of_rack[m->to.rack])
		here = PATH_ETHERNET;
	if (here > seen->worst)
		seen->worst = here;
}

/* Two ways to know where a path runs, from different data: the moves and the list of links. */
static void check_moves(const struct scenario *s, const uint8_t digest[static DIGEST_BYTES])
{
	struct seen seen = {.t = &s->deployment.topology};
	struct virtual_result r;
	struct error err = ERROR_INIT;
	enum path_scope judged = PATH_IN_RACK;

	ck_assert(!drive_virtual(s,
	        &(struct virtual_options){.seed = s->seed,
	                .without = VIRTUAL_ALL_FAULTS,
	                .digest = true,
	                .mirror_every = 3,
	                .mirror_frames = 2,
	                .moved = see,
	                .moved_ctx = &seen},
	        &r, &err));
	ck_assert_mem_eq(r.result_digest, digest, DIGEST_BYTES);
	for (unsigned i = 0; i < PATH_SCOPES; i++)
		if (r.rack.frames_shown[i])
			judged = (enum path_scope)i;
	ck_assert_int_eq(seen.worst, judged);
	ck_assert_int_le(judged, r.path_worst);
	virtual_result_free(&r);
}

static void check_plan(const struct scenario *s)
{
	struct virtual_samples v, again;
	struct evaluation e;
	struct error err = ERROR_INIT;
	enum status st;

	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, true);
	check_bounds(&v.result);
	check_requests(&v);
	check_ledger(s, &v.result.ledger);
	check_phases(s, &v.result.ledger);
	virtual_samples_run(&again, s, VIRTUAL_ALL_FAULTS, false);
	ck_assert_mem_eq(v.result.result_digest, again.result.result_digest, DIGEST_BYTES);
	virtual_samples_free(&again);
	check_moves(s, v.result.result_digest);
	for (uint32_t i = 0; i < s->faults.n; i++)
		if (v.result.ledger.e[i].at[PHASE_INJECT] >= 0 &&
		        stands_alone(s, &v.result.ledger, i) &&
		        v.result.ledger.e[i].at[PHASE_EFFECT] < 0)
			check_without(s, &v, i);
	st = evaluate(s, false, NULL, &e, &err);
	ck_assert(!st);
	ck_assert_mem_eq(v.result.result_digest, e.run.result_digest, DIGEST_BYTES);
	evaluation_free(&e);
	virtual_samples_free(&v);
}

START_TEST(random_plans)
{
	struct scenario *s = random_plan_scenario((unsigned)_i, 0);

	check_plan(s);
	scenario_free(s);
}
END_TEST

/* Whoever draws what the parser refuses tests nothing. */
START_TEST(most_are_taken)
{
	unsigned drawn = 0, refused = 0;

	for (unsigned i = 0; i < 20; i++) {
		struct random_plan p;

		random_plan_draw(&p, i, 0, NULL);
		drawn += p.drawn;
		refused += p.refused;
		if (getenv("PROPERTY_PRINT") && p.refused)
			(void)fprintf(stderr, "%s\n", p.refusal);
		random_plan_free(&p);
	}
	ck_assert_uint_gt(drawn, 60);
	ck_assert_msg(refused < drawn / 3, "%u of %u refused", refused, drawn);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plans");
	TCase *t = tcase_create("random");
	int first, end;

	random_plan_range(40, &first, &end);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, random_plans, first, end);
	suite_add_tcase(s, t);
	if (!getenv("PROPERTY_CASE"))
		add_test(s, "taken", most_are_taken);
	return run_suite(s);
}
