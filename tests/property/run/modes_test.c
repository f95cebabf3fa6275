/* One rack in the two ways in which it is driven: reckoning the gaps of a request when it is done
 * (the virtual clock), or saying every token at its instant (the wall clock), woken for everything
 * that is due or seldom and late, as a server is. Random plans of all kinds that act in the model:
 * whatever happens, every request has the same instants to the nanosecond, every fault the same
 * phases, and the tokens that were said are those that were reckoned.
 *
 * random_plan_scenario() says what the environment may ask for. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/rack.h"
#include "harness/base/units.h"
#include "harness/run/drive_virtual.h"
#include "tests/support/random_plan.h"
#include "tests/support/run_suite.h"

enum { REQUESTS_MAX = 4096, TURN_NS = 7000001 };

enum mode { MODE_GAPS, MODE_TOKENS, MODE_TOKENS_LATE };

struct life {
	uint64_t handle;
	bool submitted;
	int64_t at_ns, t_first, t_last, delivered, recomputed, corrupt;
	bool completed, refused, failed;
	uint32_t replays;
	/* of the tokens said */
	int64_t n, first, last, wrong;
};

struct play {
	enum mode mode;
	const struct scenario *s;
	struct rack *rack;
	struct fault_sink sink;
	struct fault_schedule schedule;
	struct fault_machines machines;
	struct traffic *traffic;
	struct arrival next;
	bool more;
	struct life *lives; /* by id */
	int64_t (*phases)[PHASE_COUNT];
	struct rack_counts counts;
	uint64_t live;
};

static struct life *life_of(struct play *p, const struct rack_request *req)
{
	ck_assert_uint_lt(req->id, REQUESTS_MAX);
	return &p->lives[req->id];
}

static void on_refused(void *ctx, int64_t due, const struct rack_request *req,
        enum rack_refusal why, int64_t retry_after_s)
{
	struct play *p = ctx;
	struct life *l = life_of(p, req);

	(void)why;
	(void)retry_after_s;
	ck_assert(!l->refused && !l->completed);
	l->refused = true;
	l->at_ns = due;
	p->live--;
}

static void on_token(void *ctx, int64_t due, const struct rack_request *req, int64_t i, bool wrong)
{
	struct life *l = life_of(ctx, req);

	ck_assert_int_eq(i, l->n);
	ck_assert(!l->completed);
	ck_assert_int_ge(due, l->last);
	l->first = i ? l->first : due;
	l->last = due;
	l->wrong += wrong;
	l->n++;
}

static void on_completed(void *ctx, int64_t now, const struct rack_completion *done)
{
	struct play *p = ctx;
	struct life *l = life_of(p, &done->req);

	ck_assert(!l->refused && !l->completed);
	l->completed = true;
	l->failed = done->failed;
	l->at_ns = now;
	l->t_first = done->t_first;
	l->t_last = done->t_last;
	l->delivered = done->delivered;
	l->recomputed = done->tokens_recomputed;
	l->corrupt = done->tokens_corrupt;
	l->replays = done->replays;
	p->live--;
	if (p->mode == MODE_GAPS)
		return;
	ck_assert_int_eq(l->n, done->delivered);
	ck_assert_int_eq(l->wrong, done->tokens_corrupt);
	if (l->n && !done->failed) {
		ck_assert_int_eq(l->first, done->t_first);
		ck_assert_int_eq(l->last, done->t_last);
	}
}

static void on_reset(void *ctx, int64_t now, const struct rack_completion *left, bool begun)
{
	struct play *p = ctx;
	struct life *l = life_of(p, &left->req);

	ck_assert(!l->refused && !l->completed);
	l->refused = true;
	l->failed = begun;
	l->at_ns = now;
	p->live--;
}

static void on_phase(void *ctx, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	struct play *p = ctx;

	if (p->phases[fault][phase] < 0)
		p->phases[fault][phase] = at_ns;
	fault_schedule_phase(&p->schedule, fault, phase, at_ns);
}

static void on_fault(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	struct play *p = ctx;

	if (inject)
		fault_machines_inject(&p->machines, now, fault, &p->sink);
	else
		fault_machines_revert(&p->machines, now, fault, &p->sink);
}

static void pull(struct play *p)
{
	struct error err = ERROR_INIT;
	enum status st = traffic_next(p->traffic, &p->next, &p->more, &err);

	ck_assert(!st);
}

static void arrive(struct play *p, int64_t now)
{
	while (p->more && p->next.at_ns == now) {
		struct arrival *a = &p->next;
		int64_t max = scenario_max_tokens(p->s, a);
		struct life *l;

		ck_assert_uint_lt(a->request_id, REQUESTS_MAX);
		l = &p->lives[a->request_id];
		l->submitted = true;
		p->live++;
		l->handle = rack_submit(p->rack, now,
		        &(struct rack_request){.id = a->request_id,
		                .tenant = a->tenant,
		                .tier = p->s->traffic.tenants[a->tenant].tier_index,
		                .prompt_tokens = a->prompt_tokens,
		                .output_tokens = a->output_tokens < max ? a->output_tokens : max,
		                .max_tokens = max});
		pull(p);
	}
}

static int64_t fault_next(const struct play *p)
{
	int64_t a = fault_schedule_next_at(&p->schedule), b = fault_machines_next_at(&p->machines);

	return a < b ? a : b;
}

static int64_t next_instant(const struct play *p, int64_t now)
{
	int64_t at = p->mode == MODE_TOKENS_LATE ? now + TURN_NS : rack_next_at(p->rack);

	if (p->more && p->next.at_ns < at)
		at = p->next.at_ns;
	if (fault_next(p) < at)
		at = fault_next(p);
	return at > now ? at : now;
}

static void play_instant(struct play *p, int64_t at)
{
	if (rack_next_at(p->rack) < at) {
		ck_assert(p->mode == MODE_TOKENS_LATE);
		rack_step(p->rack, at - 1);
		rack_dispatch(p->rack, at - 1);
	}
	if (fault_schedule_next_at(&p->schedule) <= at)
		fault_schedule_step(&p->schedule, at, on_fault, p);
	if (fault_machines_next_at(&p->machines) <= at)
		fault_machines_step(&p->machines, at, &p->sink);
	rack_step(p->rack, at);
	arrive(p, at);
	rack_dispatch(p->rack, at);
}

static void prepare(struct play *p, struct arena *arena, const char **names)
{
	struct rack_config config = scenario_rack_config(p->s, p->s->seed, names);
	struct error err = ERROR_INIT;
	enum status st;

	config.emit_gaps = p->mode == MODE_GAPS;
	config.emit_tokens = !config.emit_gaps;
	config.listener = (struct rack_listener){.ctx = p,
	        .refused = on_refused,
	        .completed = on_completed,
	        .token = on_token,
	        .reset = on_reset,
	        .phase = on_phase};
	p->rack = rack_create(&config);
	p->sink = rack_sink(p->rack);
	p->lives = mem_alloc(REQUESTS_MAX, sizeof(*p->lives));
	p->phases = mem_alloc(p->s->faults.n + 1, sizeof(*p->phases));
	memset(p->phases, -1, (p->s->faults.n + 1) * sizeof(*p->phases));
	fault_schedule_init(&p->schedule, &p->s->faults, p->s->duration_ns, arena);
	fault_machines_init(&p->machines, &p->s->faults, FAULT_MODEL, arena);
	st = traffic_open(
	        &p->s->traffic, p->s->seed, p->s->duration_ns, &p->s->traces, &p->traffic, &err);
	ck_assert(!st);
	pull(p);
}

static void leave(struct play *p, int64_t now, struct life *l)
{
	struct rack_completion left;
	bool live;

	if (!l->submitted || l->refused || l->completed)
		return;
	live = rack_cancel(p->rack, now, l->handle, &left);
	ck_assert(live);
	l->delivered = left.delivered;
	l->recomputed = left.tokens_recomputed;
	l->corrupt = left.tokens_corrupt;
	l->replays = left.replays;
}

/* Until everybody is served, or the end of the drain. */
static void play(struct play *p, const struct scenario *s, enum mode mode)
{
	const char *names[TRAFFIC_TENANTS_MAX];
	struct arena arena;
	int64_t now = 0, at;

	*p = (struct play){.mode = mode, .s = s};
	arena_init(&arena, (size_t)1 << 30);
	prepare(p, &arena, names);
	for (;;) {
		at = next_instant(p, now);
		if (at >= s->duration_ns + s->drain_ns ||
		        (at >= s->duration_ns && !p->more && !p->live))
			break;
		play_instant(p, at);
		now = at;
	}
	at = s->duration_ns + s->drain_ns;
	if (rack_next_at(p->rack) < at) { /* late: what is due before the end is played */
		rack_step(p->rack, at - 1);
		rack_dispatch(p->rack, at - 1);
	}
	for (uint64_t id = 1; id < REQUESTS_MAX; id++)
		leave(p, at, &p->lives[id]);
	fault_schedule_finish(&p->schedule, at, on_fault, p);
	p->counts = rack_counts(p->rack);
	traffic_close(p->traffic);
	rack_free(p->rack);
	arena_free(&arena);
}

static void compare(const struct play *a, const struct play *b)
{
	for (uint64_t id = 1; id < REQUESTS_MAX; id++) {
		const struct life *x = &a->lives[id], *y = &b->lives[id];

		ck_assert_msg(x->completed == y->completed && x->refused == y->refused &&
		                      x->failed == y->failed,
		        "request %llu: outcome", (unsigned long long)id);
		ck_assert_msg(
		        x->at_ns == y->at_ns && x->t_first == y->t_first && x->t_last == y->t_last,
		        "request %llu: %lld %lld %lld or %lld %lld %lld", (unsigned long long)id,
		        (long long)x->t_first, (long long)x->t_last, (long long)x->at_ns,
		        (long long)y->t_first, (long long)y->t_last, (long long)y->at_ns);
		ck_assert_msg(x->delivered == y->delivered && x->replays == y->replays &&
		                      x->recomputed == y->recomputed && x->corrupt == y->corrupt,
		        "request %llu: tokens", (unsigned long long)id);
	}
	for (uint32_t f = 0; f < a->s->faults.n; f++)
		for (unsigned p = 0; p < PHASE_COUNT; p++)
			ck_assert_msg(a->phases[f][p] == b->phases[f][p], "%s: %s at %lld or %lld",
			        a->s->faults.faults[f].id, fault_phase_name(p),
			        (long long)a->phases[f][p], (long long)b->phases[f][p]);
	ck_assert_uint_eq(a->counts.frames_replayed, b->counts.frames_replayed);
	ck_assert_uint_eq(a->counts.failovers, b->counts.failovers);
	ck_assert_uint_eq(a->counts.dispatches, b->counts.dispatches);
}

static void done(struct play *p)
{
	mem_free(p->lives);
	mem_free(p->phases);
}

START_TEST(random_modes)
{
	struct scenario *s = random_plan_scenario((unsigned)_i, RANDOM_MODEL_ONLY);
	struct play gaps, tokens, late;

	play(&gaps, s, MODE_GAPS);
	play(&tokens, s, MODE_TOKENS);
	compare(&gaps, &tokens);
	play(&late, s, MODE_TOKENS_LATE);
	compare(&tokens, &late);
	done(&gaps);
	done(&tokens);
	done(&late);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("modes");
	TCase *t = tcase_create("random");
	int first, end;

	random_plan_range(15, &first, &end);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, random_modes, first, end);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
