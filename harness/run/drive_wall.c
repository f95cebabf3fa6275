/* One thread: the load generator's loop is the clock, everything else hangs on its callbacks.
 *
 *  - timed: the client's side of the faults begins, acts and ends
 *  - peek/next: the traffic, bent and added to by what is in force at that instant
 *  - sample → score, book, signals
 *  - tick, every 10 ms: the fault scheduler looks LOOKAHEAD ahead and sends FAULT messages, so that
 *    they are there before their instants; the live line
 *  - watch, the control channel: ledger phases; signals of the rack and, with each of them, 10 ms
 *    apart, triggers and abort rules
 *
 * There is one scheduler. What it says to the client's side waits here for its instant, as the
 * messages do in the emulator: a request planned before it must not feel it. */
#include "harness/run/drive_wall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/base/arena.h"
#include "harness/base/heap.h"
#include "harness/net/clock.h"
#include "harness/run/control.h"
#include "harness/run/demand.h"
#include "harness/run/plan.h"
#include "harness/run/proof.h"
#include "harness/run/signals.h"
#include "harness/run/spawn.h"

#define T0_AHEAD_NS       (250 * NS_PER_MS)
#define LOOKAHEAD_NS      (50 * NS_PER_MS)
#define SILENCE_NS        (100 * NS_PER_MS)
#define SLOW_RCVBUF_BYTES 4096
#define REPORT_WAIT_NS    (2 * NS_PER_S)

struct wall {
	const struct scenario *s;
	const struct wall_options *o;
	struct wall_result *out;
	struct arena arena;
	struct spawned emulator;
	struct load *load;
	struct load_tenant tenants[TRAFFIC_TENANTS_MAX];
	struct traffic *traffic;
	struct arrival next;
	bool more, pull_failed;
	struct error pull_error;
	struct lanes lanes;
	struct demand *demand;
	struct fault_sink client_side;
	struct fault_schedule schedule;
	struct heap client_events; /* (instant, 0 revert | 1 inject << 32 | fault): reverts first */
	struct fault_machines client;
	struct signals *signals;
	struct stalls stalls;
	struct histogram ttft; /* for the live line */
	struct histogram overhead;
	uint64_t done, errors;
	int64_t now,
	        sampled_at; /* sampled_at: the last grid instant at which signals were judged */
	bool ending;        /* nothing begins any more */
	bool reported;      /* DIGEST came */
	bool asked;         /* for priority: to be given back */
};

/* --- traffic
 * --------------------------------------------------------------------------------------- */

static void pull(struct wall *w)
{
	if (traffic_next(w->traffic, &w->next, &w->more, &w->pull_error)) {
		w->pull_failed = true;
		w->more = false;
	}
}

static int64_t planned_at(const struct wall *w)
{
	return w->more ? w->next.at_ns : NS_NEVER;
}

static int64_t source_peek(void *ctx)
{
	const struct wall *w = ctx;
	int64_t planned = planned_at(w), added = demand_next_at(w->demand);

	return added < planned ? added : planned;
}

static void phase_reached(struct wall *w, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	ledger_phase(&w->out->ledger, fault, phase, at_ns);
	fault_schedule_phase(&w->schedule, fault, phase, at_ns);
}

static void shaped(void *ctx, uint32_t fault, int64_t at_ns)
{
	phase_reached(ctx, fault, PHASE_EFFECT, at_ns);
}

static int64_t client_next_at(void *ctx)
{
	const struct wall *w = ctx;
	const struct heap_entry *top = heap_top(&w->client_events);
	int64_t machines = fault_machines_next_at(&w->client);

	return top && top->key < machines ? top->key : machines;
}

static void client_step(void *ctx, int64_t at)
{
	struct wall *w = ctx;

	while (w->client_events.n && w->client_events.e[0].key <= at) {
		struct heap_entry e = heap_pop(&w->client_events);

		if (e.sub >> 32)
			fault_machines_inject(&w->client, at, (uint32_t)e.sub, &w->client_side);
		else
			fault_machines_revert(&w->client, at, (uint32_t)e.sub, &w->client_side);
	}
	if (fault_machines_next_at(&w->client) <= at)
		fault_machines_step(&w->client, at, &w->client_side);
}

/* Planned requests before those that faults add, at one instant. */
static void take_arrival(struct wall *w, struct arrival *a)
{
	if (demand_next_at(w->demand) < planned_at(w)) {
		demand_take(w->demand, a);
		return;
	}
	*a = w->next;
	plan_fold(&w->lanes, w->s, a);
	pull(w);
}

static void source_next(void *ctx, struct load_request *out)
{
	struct wall *w = ctx;
	struct arrival a;
	struct habit habit;

	take_arrival(w, &a);
	demand_shape(w->demand, &a, shaped, w);
	*out = (struct load_request){.id = a.request_id,
	        .order = ++w->out->scheduled,
	        .at_ns = a.at_ns,
	        .tenant = a.tenant,
	        .prompt_tokens = a.prompt_tokens,
	        .output_tokens = a.output_tokens,
	        .max_tokens = a.max_tokens};
	if (demand_habit(w->demand, &a, &habit))
		out->habit = (struct load_habit){.fault = habit.fault,
		        .leave_tokens = habit.leave_tokens,
		        .leave_ns = habit.leave_ns,
		        .pause_tokens = habit.pause_tokens,
		        .pause_ns = habit.pause_ns};
}

static bool storm_now(void *ctx, uint32_t tenant, struct load_retry *out)
{
	const struct wall *w = ctx;
	const struct load_storm *storm = demand_storm(w->demand, tenant, &out->fault);

	if (!storm)
		return false;
	out->retries = (uint32_t)storm->retries;
	out->back_off_ns = storm->back_off_ns;
	out->patience_ns = storm->patience_ns;
	return true;
}

_Static_assert((int)LOAD_OUTCOMES == (int)OUTCOME_COUNT &&
                       (int)LOAD_CORRUPT == (int)OUTCOME_CORRUPT &&
                       (int)LOAD_NOT_SENT == (int)OUTCOME_NOT_SENT,
        "the load generator's outcomes are the report's");

/* --- the fault scheduler
 * --------------------------------------------------------------------------- */

static void say(struct wall *w, const struct control_message *m)
{
	if (w->emulator.fd >= 0 && !w->out->emulator_lost && !control_send(w->emulator.fd, m))
		w->out->emulator_lost = true;
}

static void fault_event(void *ctx, int64_t at, uint32_t fault, bool inject)
{
	struct wall *w = ctx;
	enum fault_side side = w->s->faults.faults[fault].kind->side;

	ledger_phase(&w->out->ledger, fault, inject ? PHASE_INJECT : PHASE_REVERT, at);
	if (inject)
		score_inject(w->o->score, fault, at);
	else
		score_revert(w->o->score, fault, at);
	if (side != FAULT_CLIENT)
		say(w, &(struct control_message){
		               .type = CONTROL_FAULT, .fault = {fault, inject, at}});
	if (side != FAULT_MODEL) {
		bool ok = heap_push(&w->client_events, at, (uint64_t)inject << 32 | fault, 0);

		CHECK(ok);
	}
}

static void look_ahead(struct wall *w, int64_t now)
{
	int64_t at;

	while ((at = fault_schedule_next_at(&w->schedule)) <= now + LOOKAHEAD_NS)
		fault_schedule_step(&w->schedule, at, fault_event, w);
}

/* --- signals
 * --------------------------------------------------------------------------------------- */

/* The emulator's grid is the clock of the signals: what it saw at an instant is judged as of that
 * instant, with what is known here by then. */
static void sample_signals(struct wall *w, int64_t grid)
{
	if (!w->signals || w->out->aborted || grid <= w->sampled_at)
		return;
	w->sampled_at = grid;
	signals_in_flight(w->signals, w->out->scheduled - w->done);
	signals_triggers(w->signals, grid, &w->schedule);
	w->out->abort_rule = signals_abort(w->signals, grid);
	if (w->out->abort_rule) {
		w->out->aborted = true;
		load_stop(w->load);
	}
}

static void take_signal(struct wall *w, const struct control_message *m)
{
	int64_t at = m->signal.at_ns;

	fault_schedule_health(&w->schedule, at, (uint32_t)m->signal.rack.healthy_instances);
	if (!w->signals)
		return;
	signals_rack(w->signals, &m->signal.rack);
	for (uint32_t p = 0; p < w->s->deployment.n_pools; p++)
		signals_pool(w->signals, p, m->signal.pool_queue_ns[p]);
	if (w->ending)
		return;
	sample_signals(w, at);
	look_ahead(w, at); /* what a trigger starts is sent at once */
}

/* --- the control channel
 * --------------------------------------------------------------------------- */

static void take(struct wall *w, const struct control_message *m)
{
	switch (m->type) {
	case CONTROL_SIGNAL:
		take_signal(w, m);
		break;
	case CONTROL_LEDGER:
		phase_reached(
		        w, m->ledger.fault, (enum fault_phase)m->ledger.phase, m->ledger.at_ns);
		break;
	case CONTROL_REPLAYED:
		w->out->ledger.e[m->replayed.fault].replayed = m->replayed.requests;
		break;
	case CONTROL_STALLED:
		stalls_add(&w->stalls, &m->stalled);
		break;
	case CONTROL_LAG:
		w->out->emission = (struct wall_lag){
		        m->lag.n > 0, m->lag.p50_ns, m->lag.p99_ns, m->lag.max_ns};
		break;
	case CONTROL_DIGEST:
		w->out->clean = m->digest.clean;
		w->out->path_worst = (enum path_scope)m->digest.path;
		w->out->rack = m->digest.rack;
		if (w->o->proof)
			proof_captured(w->o->proof, &m->digest.mirrored, m->digest.mirror_failed);
		w->reported = true;
		break;
	default:
		break;
	}
}

static void readable(void *ctx, int fd)
{
	struct wall *w = ctx;
	struct control_message m;
	enum control_got got;

	while ((got = control_receive(fd, &m, 0)) == CONTROL_GOT)
		take(w, &m);
	if (got == CONTROL_EOF && !w->reported) {
		w->out->emulator_lost = true;
		load_stop(w->load);
	}
}

/* --- samples
 * --------------------------------------------------------------------------------------- */

static int64_t judged_gap(const struct load_sample *l)
{
	if (!l->n_gaps || l->gaps_dropped)
		return -1;
	return l->n_gaps + 1 < 100 ? l->itl_max_ns : l->itl_p99_ns;
}

static struct sample sample_of(const struct wall *w, const struct load_sample *l)
{
	struct sample s = {
	        .id = l->request.id,
	        .order = l->request.order,
	        .tenant = l->request.tenant,
	        .tier = w->s->traffic.tenants[l->request.tenant].tier_index,
	        .outcome = (enum outcome)l->outcome,
	        .t_sched = l->t_sched,
	        .t_send = l->t_send,
	        .t_hdr = l->t_hdr,
	        .t_first = l->t_first,
	        .t_last = l->t_last,
	        .t_done = l->t_done,
	        .prompt_tokens = l->n_prompt >= 0 ? l->n_prompt : l->request.prompt_tokens,
	        .output_tokens = l->n_out >= 0 ? l->n_out : l->events,
	        .queue_ns = l->queue_ns,
	        .prefill_ns = l->prefill_ns,
	        .decode_ns = l->decode_ns,
	        .itl_judged_ns = judged_gap(l),
	        .attempts = l->attempts,
	};

	if (l->t_last >= 0 &&
	        l->queue_ns >= 0) { /* the emulator's truth; the network is what is left */
		s.blame_queue_ns = l->queue_ns;
		s.blame_prefill_ns = l->prefill_ns;
		s.blame_decode_ns = l->decode_ns;
		s.blame_network_ns =
		        l->t_last - l->t_send - l->queue_ns - l->prefill_ns - l->decode_ns;
	}
	return s;
}

/* A request that has just ended: was a fault active in its life? */
static bool met_fault(const struct wall *w, const struct sample *s)
{
	for (uint32_t i = 0; i < w->s->faults.n; i++)
		if (w->schedule.timers[i].active ||
		        w->out->ledger.e[i].at[PHASE_REVERT] > s->t_sched)
			return true;
	return false;
}

static void measure_overhead(struct wall *w, const struct sample *s)
{
	int64_t network = 2 * w->s->deployment.ethernet.ingress_delay_ns;
	int64_t rest = s->t_first - s->t_send - s->queue_ns - s->prefill_ns - network;

	if (s->outcome == OUTCOME_OK && s->queue_ns >= 0 && w->out->has_emulator && rest >= 0 &&
	        !met_fault(w, s))
		histogram_add(&w->overhead, rest);
}

static void give(struct wall *w, const struct sample *s)
{
	score_sample(w->o->score, s);
	book_add(w->o->book, s);
	if (w->o->sample)
		w->o->sample(w->o->sample_ctx, s);
}

static void on_sample(void *ctx, const struct load_sample *l)
{
	struct wall *w = ctx;
	struct sample s = sample_of(w, l);
	struct stalled account;

	if (w->emulator.fd >= 0 && w->s->faults.n) /* an account is there before the answer's end */
		readable(w, w->emulator.fd);
	if (stalls_take(&w->stalls, s.id, &account) && s.t_last >= 0)
		stalls_blame(&account, &s);
	for (uint32_t i = 0; i < l->n_gaps; i++) {
		score_gaps(w->o->score, s.id, s.tier, l->gaps_ns[i], 1);
		if (w->o->gaps)
			w->o->gaps(w->o->sample_ctx, s.id, l->gaps_ns[i], 1);
	}
	give(w, &s);
	if (w->signals)
		signals_sample(w->signals, &s);
	measure_overhead(w, &s);
	w->done++;
	if (s.outcome == OUTCOME_OK)
		histogram_add(&w->ttft, s.t_first - s.t_sched);
	else if (s.outcome != OUTCOME_REJECTED && s.outcome != OUTCOME_CANCELLED)
		w->errors++;
}

/* --- the grid
 * -------------------------------------------------------------------------------------- */

static void show_progress(struct wall *w, int64_t grid)
{
	struct wall_progress p = {.now_ns = grid,
	        .done = w->done,
	        .errors = w->errors,
	        .in_flight = w->out->scheduled - w->done,
	        .p99_ttft_ns = -1};

	if (!w->o->progress || grid % NS_PER_S)
		return;
	if (w->ttft.count >= histogram_floor(0.99))
		(void)histogram_percentile(&w->ttft, 0.99, &p.p99_ttft_ns);
	for (uint32_t i = 0; i < w->s->faults.n; i++) {
		const int64_t *at = w->out->ledger.e[i].at;

		if (at[PHASE_INJECT] < 0 || at[PHASE_INJECT] > grid ||
		        !w->schedule.timers[i].active)
			continue;
		p.active = w->s->faults.faults[i].id;
		p.n_active++;
	}
	w->o->progress(w->o->progress_ctx, &p);
}

static void on_tick(void *ctx, int64_t grid, int64_t now)
{
	struct wall *w = ctx;

	w->now = now;
	if (w->emulator.fd < 0 ||
	        grid > w->sampled_at + SILENCE_NS) /* nobody else keeps the grid */
		sample_signals(w, grid);
	look_ahead(w, now);
	show_progress(w, grid);
	if (w->o->interrupt && *w->o->interrupt) {
		w->out->interrupted = true;
		load_stop(w->load);
	}
}

/* --- life
 * ------------------------------------------------------------------------------------------ */

/* Connections opened before t = 0: what Little's law says is in flight on average, doubled, plus
 * slack. */
static uint32_t connections_wanted(const struct scenario *s)
{
	uint32_t slots = 16, most = control_connections_max() / 2;
	double rate = 0;

	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		rate += traffic_mean_rate(&s->traffic.tenants[t]);
	for (uint32_t p = 0; p < s->deployment.n_pools; p++)
		for (uint32_t b = 0; b < s->deployment.pools[p].n_buckets; b++)
			slots += s->deployment.pools[p].buckets[b].slots *
			         s->deployment.pools[p].n_instances;
	if (rate / 4 > slots)
		slots = (uint32_t)(rate / 4);
	return slots < most ? slots : most;
}

/* A client that stops reading must leave room for little in its socket, and the room is settled
 * when it connects: where a scenario has slow readers, all its sockets are small. */
static bool slow_readers(const struct scenario *s)
{
	for (uint32_t i = 0; i < s->faults.n; i++)
		if (strcmp(s->faults.faults[i].kind->name, "client.slow_reader") == 0)
			return true;
	return false;
}

static enum status open_load(struct wall *w, struct error *err)
{
	const struct scenario *s = w->s;
	char host[300];
	struct load_config c = {
	        .path_prefix = s->target.url ? s->target.path_prefix : "",
	        .model = s->target.url ? s->target.model : s->deployment.model,
	        .identify = !s->target.url,
	        .verify = !s->target.url,
	        .tenants = w->tenants,
	        .n_tenants = s->traffic.n_tenants,
	        .seed = s->seed,
	        .duration_ns = s->duration_ns,
	        .drain_ns = s->drain_ns,
	        .connections = connections_wanted(s),
	        .connections_max = control_connections_max(),
	        .source = {.ctx = w, .peek = source_peek, .next = source_next},
	        .timed = {.ctx = w, .next_at = client_next_at, .step = client_step},
	        .retry_rule = {.ctx = w, .now = storm_now},
	        .listener = {.ctx = w, .sample = on_sample, .acted = shaped, .tick = on_tick},
	        .rcvbuf_bytes = slow_readers(s) ? SLOW_RCVBUF_BYTES : 0,
	};
	uint16_t port = s->target.url ? s->target.port : w->emulator.port;
	const char *name = s->target.url ? s->target.host : "127.0.0.1";
	enum status st;

	if (s->target.api_key_env)
		c.api_key = getenv(s->target.api_key_env);
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		w->tenants[t] = (struct load_tenant){
		        .name = s->traffic.tenants[t].name,
		        .tier = s->traffic.tenants[t].tier,
		        .timeout_ns = s->traffic.tenants[t].timeout_ns,
		        .retries = (uint32_t)s->traffic.tenants[t].retries,
		};
	(void)snprintf(
	        host, sizeof(host), strchr(name, ':') ? "[%s]:%u" : "%s:%u", name, (unsigned)port);
	c.host = arena_strndup(&w->arena, host, strlen(host));
	st = sock_resolve(&c.peer, name, port, err);
	if (!st)
		st = load_open(&w->load, &c, err);
	if (st)
		return st;
	if (w->emulator.fd >= 0)
		load_watch(w->load, w->emulator.fd, readable, w);
	return load_connect(w->load, err);
}

/* The emulator, with what it is to capture. */
static enum status spawn(struct wall *w, struct error *err)
{
	const struct proof *proof = w->o->proof;
	struct control_mirror mirror;

	if (!proof || !proof->plan.every)
		return spawn_emulator(w->s, NULL, &w->emulator, err);
	mirror = (struct control_mirror){.every = proof->plan.every,
	        .frames = proof->plan.frames,
	        .period_ns = proof->plan.period_ns};
	if (strlen(proof->path) >= sizeof(mirror.path))
		return error_set(
		        err, ERR_USAGE, "expected a shorter path, found '%s'", proof->path);
	memcpy(mirror.path, proof->path, strlen(proof->path) + 1);
	return spawn_emulator(w->s, &mirror, &w->emulator, err);
}

static enum status prepare(struct wall *w, struct error *err)
{
	enum status st = ERR_NONE;

	fault_schedule_init(&w->schedule, &w->s->faults, w->s->duration_ns, &w->arena);
	heap_init(&w->client_events, 0);
	fault_machines_init(&w->client, &w->s->faults, FAULT_CLIENT, &w->arena);
	w->demand = demand_new(w->s, w->s->seed);
	w->client_side = demand_sink(w->demand);
	if (signals_wanted(w->s))
		w->signals = signals_new(w->s);
	st = traffic_open(
	        &w->s->traffic, w->s->seed, w->s->duration_ns, &w->s->traces, &w->traffic, err);
	if (st)
		return st;
	pull(w);
	if (!w->s->target.url) {
		w->out->has_emulator = true;
		st = spawn(w, err);
		w->out->emulator = (struct privilege){
		        .nice = w->emulator.nice, .processor = w->emulator.processor};
	}
	if (st)
		return st;
	w->out->client =
	        privilege_ask(0); /* after the spawn: an executed child inherits one processor */
	w->asked = true;
	return open_load(w, err);
}

/* What the scheduler had planned beyond the end of a run that was stopped never happened. */
static void forget_ahead(struct wall *w)
{
	for (uint32_t i = 0; i < w->out->ledger.n; i++) {
		int64_t *at = w->out->ledger.e[i].at;

		if (at[PHASE_INJECT] >= w->out->ended_ns)
			at[PHASE_INJECT] = at[PHASE_REVERT] = -1;
	}
}

/* Everything reverted, the emulator told to stop; what it reports is waited for. */
static void wind_down(struct wall *w)
{
	struct control_message m;
	int64_t deadline = clock_now_ns() + REPORT_WAIT_NS;

	w->ending = true;
	fault_schedule_finish(&w->schedule, w->out->ended_ns, fault_event, w);
	forget_ahead(w);
	ledger_withheld(&w->out->ledger, &w->schedule);
	fault_machines_revert_all(&w->client, w->out->ended_ns, &w->client_side);
	if (w->emulator.fd < 0)
		return;
	say(w, &(struct control_message){.type = CONTROL_STOP});
	while (!w->reported && control_receive(w->emulator.fd, &m, deadline) == CONTROL_GOT)
		take(w, &m);
	if (!w->reported)
		w->out->emulator_lost = true;
}

/* What was planned but never handed to the load generator, because the run was stopped. */
static void count_not_sent(struct wall *w)
{
	while (w->more) {
		struct sample s = {.id = w->next.request_id,
		        .order = ++w->out->scheduled,
		        .tenant = w->next.tenant,
		        .tier = w->s->traffic.tenants[w->next.tenant].tier_index,
		        .outcome = OUTCOME_NOT_SENT,
		        .t_sched = w->next.at_ns,
		        .t_send = -1,
		        .t_hdr = -1,
		        .t_first = -1,
		        .t_last = -1,
		        .t_done = w->next.at_ns,
		        .queue_ns = -1,
		        .prefill_ns = -1,
		        .decode_ns = -1,
		        .itl_judged_ns = -1};

		plan_fold(&w->lanes, w->s, &w->next);
		if (s.t_done < w->out->ended_ns)
			s.t_done = w->out->ended_ns;
		give(w, &s);
		pull(w);
	}
}

static struct wall_lag lag_of(const struct histogram *h)
{
	struct wall_lag lag = {.known = h->count > 0, .max_ns = h->max};

	if (lag.known) {
		(void)histogram_percentile(h, 0.5, &lag.p50_ns);
		(void)histogram_percentile(h, 0.99, &lag.p99_ns);
	}
	return lag;
}

static enum status play(struct wall *w, struct error *err)
{
	int64_t t0 = clock_now_ns() + T0_AHEAD_NS;
	struct rusage used;
	enum status st;

	say(w, &(struct control_message){.type = CONTROL_T0, .t0_ns = t0});
	look_ahead(w, 0); /* what begins at t = 0 comes before the first request */
	st = load_run(w->load, t0, &w->out->load, err);
	if (st)
		return st;
	w->out->ended_ns = w->out->load.ended_ns;
	wind_down(w);
	count_not_sent(w);
	lanes_final(&w->lanes, w->out->traffic_digest);
	w->out->traffic = traffic_counts(w->traffic);
	w->out->sched = lag_of(&w->out->load.send_lag);
	w->out->loop = lag_of(&w->out->load.loop_lag);
	w->out->overhead = lag_of(&w->overhead);
	ledger_clean(&w->out->ledger,
	        demand_is_quiet(w->demand) && (!w->out->has_emulator || w->out->clean));
	(void)getrusage(RUSAGE_SELF, &used);
	w->out->client_peak_kib = used.ru_maxrss;
	if (w->pull_failed) {
		*err = w->pull_error;
		return err->code;
	}
	return ERR_NONE;
}

enum status drive_wall(const struct scenario *s, const struct wall_options *options,
        struct wall_result *out, struct error *err)
{
	struct wall w = {.s = s,
	        .o = options,
	        .out = out,
	        .emulator = {.fd = -1},
	        .sampled_at = -1,
	        .pull_error = ERROR_INIT};
	enum status st;

	*out = (struct wall_result){.clean = true};
	ledger_init(&out->ledger, s->faults.n);
	arena_init(&w.arena, (size_t)1 << 30);
	lanes_init(&w.lanes);
	histogram_init(&w.ttft);
	histogram_init(&w.overhead);
	st = prepare(&w, err);
	if (!st)
		st = play(&w, err);
	load_close(w.load);
	spawn_end(&w.emulator);
	if (w.asked)
		privilege_give_back(&out->client);
	out->emulator_peak_kib = w.emulator.peak_kib;
	traffic_close(w.traffic);
	signals_free(w.signals);
	stalls_free(&w.stalls);
	demand_free(w.demand);
	heap_free(&w.client_events);
	histogram_free(&w.ttft);
	histogram_free(&w.overhead);
	arena_free(&w.arena);
	return st;
}

void wall_result_free(struct wall_result *r)
{
	load_result_free(&r->load);
	ledger_free(&r->ledger);
}
