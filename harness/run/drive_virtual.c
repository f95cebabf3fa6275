/* One loop, from instant to instant. At each, in the order of DESIGN §4: reverts, injects, frame
 * ends, health, arrivals, admission, dispatch, client actions, signals. The next instant is the
 * smallest of its sources'; nothing is polled. The 10 ms grid of signals exists only where a
 * trigger or an abort rule listens.
 *
 *      faults   schedule + machines       ── sink ──►  rack, demand
 *      traffic  arrivals (and retries)    ──────────►  rack_submit
 *      rack     completions, refusals     ──────────►  sample → score, book, digest
 *      clients  timeouts, habits          ──────────►  rack_cancel
 *
 * Where nothing but arrivals and completions happens, those are played by themselves
 * (drive_express.c).
 *
 * The client is the ideal one: it sends at the planned instant. Memory grows with the number in
 * flight. */
#include "harness/run/drive_virtual.h"

#include "faults/trigger.h"
#include "harness/base/prng.h"
#include "harness/run/drive_state.h"
#include "harness/run/plan.h"

/* --- faults
 * ---------------------------------------------------------------------------------------- */

static void fault_event(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	struct run *r = ctx;

	if (fault == r->o->without)
		return;
	ledger_phase(&r->out->ledger, fault, inject ? PHASE_INJECT : PHASE_REVERT, now);
	if (inject) {
		if (r->o->score)
			score_inject(r->o->score, fault, now);
		fault_machines_inject(&r->model, now, fault, &r->rack_side);
		fault_machines_inject(&r->client, now, fault, &r->client_side);
		return;
	}
	fault_machines_revert(&r->model, now, fault, &r->rack_side);
	fault_machines_revert(&r->client, now, fault, &r->client_side);
	if (r->o->score)
		score_revert(r->o->score, fault, now);
}

static void faults_next(struct run *r)
{
	r->fault_at = fault_schedule_next_at(&r->schedule);
	r->fault_at = min_i64(r->fault_at, fault_machines_next_at(&r->model));
	r->fault_at = min_i64(r->fault_at, fault_machines_next_at(&r->client));
	if (r->fault_at == NS_NEVER && r->o->score && !fault_plan_is_live(&r->s->faults))
		score_no_more_faults(r->o->score);
}

static void faults(struct run *r)
{
	if (fault_schedule_next_at(&r->schedule) <= r->now)
		fault_schedule_step(&r->schedule, r->now, fault_event, r);
	if (fault_machines_next_at(&r->model) <= r->now)
		fault_machines_step(&r->model, r->now, &r->rack_side);
	if (fault_machines_next_at(&r->client) <= r->now)
		fault_machines_step(&r->client, r->now, &r->client_side);
	faults_next(r);
}

/* --- signals
 * --------------------------------------------------------------------------------------- */

static void sample_signals(struct run *r)
{
	struct rack_signals rs;

	if (r->now < r->signal_at)
		return;
	r->signal_at += SIGNALS_GRID_NS;
	rack_signals(r->rack, r->now, &rs);
	signals_rack(r->signals, &rs);
	signals_in_flight(r->signals, r->in_flight);
	for (uint32_t p = 0; p < r->s->deployment.n_pools; p++)
		signals_pool(r->signals, p, rack_pool_queue_ns(r->rack, r->now, p));
	fault_schedule_health(&r->schedule, r->now, (uint32_t)rs.healthy_instances);
	signals_triggers(r->signals, r->now, &r->schedule);
	faults_next(r);
	r->out->abort_rule = signals_abort(r->signals, r->now);
	if (r->out->abort_rule) {
		r->out->aborted = true;
		r->stopped = true;
	}
}

/* --- the loop
 * -------------------------------------------------------------------------------------- */

static int64_t next_instant(struct run *r)
{
	int64_t at = min_i64(rack_next_at(r->rack), r->fault_at);

	if (r->more)
		at = min_i64(at, r->next.at_ns);
	at = min_i64(at, demand_next_at(r->demand));
	if (r->retries.n)
		at = min_i64(at, r->retries.e[0].key);
	if (r->acts.n)
		at = min_i64(at, r->acts.e[0].key);
	if (r->in_flight)
		at = min_i64(at, r->timeout_at);
	if (r->signals)
		at = min_i64(at, r->signal_at);
	return at;
}

static void tamper(struct run *r)
{
	r->tamper->tamper(r->tamper->ctx, r->rack);
	r->tamper = NULL;
}

static enum status loop(struct run *r, struct error *err)
{
	enum status st;

	while (!r->stopped) {
		int64_t at;

		if (r->out->scheduled >= r->ride_at) {
			st = ride_try(r->ride, err);
			if (st)
				return st;
		}
		at = next_instant(r);

		/* Over when the plan has been played and nobody waits any more. */
		if (at >= r->stop_at || (at >= r->s->duration_ns && !r->more && !r->in_flight))
			break;
		r->now = at;
		r->out->events++;
		if (LPC_UNLIKELY(r->tamper) && at >= r->tamper->at_ns)
			tamper(r);
		if (r->fault_at <= at)
			faults(r);
		if (rack_next_at(r->rack) <= at)
			rack_step(r->rack, at);
		st = clients_arrive(r, err);
		if (st)
			return st;
		if (rack_next_at(r->rack) <= at)
			rack_dispatch(r->rack, at);
		if (r->timeout_at <= at)
			clients_time_out(r);
		if (r->acts.n && r->acts.e[0].key <= at)
			clients_act(r);
		if (r->signals)
			sample_signals(r);
		if (r->o->interrupt && (r->out->events & 1023) == 0 && *r->o->interrupt) {
			r->out->interrupted = true;
			r->stopped = true;
		}
	}
	return ERR_NONE;
}

/* The run is over: what is in flight stalled, what was not sent is counted, every fault is
 * reverted. */
static enum status finish(struct run *r, struct error *err)
{
	uint8_t live[DIGEST_BYTES], fresh[DIGEST_BYTES];
	struct rack *untouched;
	struct rack_config config = scenario_rack_config(r->s, r->o->seed, r->names);
	enum status st;
	bool clean;

	if (!r->stopped && r->now < r->s->duration_ns)
		r->now = r->s->duration_ns;
	if (!r->stopped && r->in_flight)
		r->now = r->stop_at;
	st = clients_finish(r, err);
	if (st)
		return st;
	fault_schedule_finish(&r->schedule, r->now, fault_event, r);
	ledger_withheld(&r->out->ledger, &r->schedule);
	rack_static_digest(r->rack, live);
	untouched = rack_create(&config);
	rack_static_digest(untouched, fresh);
	rack_free(untouched);
	clean = demand_is_quiet(r->demand);
	for (unsigned i = 0; i < DIGEST_BYTES; i++)
		clean &= live[i] == fresh[i];
	ledger_clean(&r->out->ledger, clean);
	r->out->ended_ns = r->now;
	return ERR_NONE;
}

static void settle(struct run *r)
{
	clients_flush(r);
	ledger_fold(&r->out->ledger, &r->lanes);
	lanes_add(&r->lanes, MODEL_VERSION);
	lanes_final(&r->lanes, r->out->result_digest);
	lanes_final(&r->traffic_lanes, r->out->traffic_digest);
	r->out->traffic = traffic_counts(r->traffic);
	r->out->rack = rack_counts(r->rack);
	r->out->path_worst = rack_path_worst(r->rack);
}

static void on_moved(void *ctx, const struct wire_message *m)
{
	struct run *r = ctx;

	r->o->moved(r->o->moved_ctx, m);
}

static enum status prepare(struct run *r, struct error *err)
{
	struct rack_config config = scenario_rack_config(r->s, r->o->seed, r->names);

	/* A jittered last token is found by walking the gaps: whoever compares needs them, too. */
	config.free_crossings = r->o->free_crossings;
	config.emit_gaps = r->o->score || r->o->gaps || r->s->faults.n > 0;
	clients_listen(r, &config.listener);
	if (r->o->mirror_every) {
		config.mirror_every = r->o->mirror_every;
		config.mirror_frames = r->o->mirror_frames;
		config.mirror_period_ns = r->o->mirror_period_ns;
		config.listener.moved = on_moved;
	}
	r->rack = rack_create(&config);
	r->rack_side = rack_sink(r->rack);
	r->demand = demand_new(r->s, r->o->seed);
	r->client_side = demand_sink(r->demand);
	fault_schedule_init(&r->schedule, &r->s->faults, r->s->duration_ns, &r->arena);
	if (r->o->script)
		fault_schedule_replay(&r->schedule, r->o->script);
	else if (fault_plan_is_live(&r->s->faults))
		fault_schedule_record(&r->schedule, &r->out->script);
	fault_machines_init(&r->model, &r->s->faults, FAULT_MODEL, &r->arena);
	fault_machines_init(&r->client, &r->s->faults, FAULT_CLIENT, &r->arena);
	faults_next(r);
	if (signals_wanted(r->s))
		r->signals = signals_new(r->s);
	for (uint32_t t = 0; t < TRAFFIC_TENANTS_MAX; t++)
		r->tenants[t] = (struct client_list){POOL_NONE, POOL_NONE};
	return traffic_open(
	        &r->s->traffic, r->o->seed, r->s->duration_ns, &r->s->traces, &r->traffic, err);
}

enum status drive_virtual(const struct scenario *s, const struct virtual_options *options,
        struct virtual_result *out, struct error *err)
{
	struct run r = {.s = s,
	        .o = options,
	        .out = out,
	        .tamper = options->tamper,
	        .ended_at = -1,
	        .timeout_at = NS_NEVER,
	        .stop_at = s->duration_ns + s->drain_ns};
	enum status st;

	*out = (struct virtual_result){0};
	ledger_init(&out->ledger, s->faults.n);
	arena_init(&r.arena, (size_t)1 << 32);
	pool_init(&r.clients, sizeof(struct client), CLIENTS_MAX);
	heap_init(&r.retries, 0);
	heap_init(&r.acts, 0);
	pool_init(&r.watches, sizeof(struct watched), CLIENTS_MAX);
	r.back_off = prng_purpose(options->seed, "back-off");
	lanes_init(&r.lanes);
	lanes_init(&r.traffic_lanes);
	r.ride = ride_new(&r);
	st = prepare(&r, err);
	if (!st)
		st = clients_pull(&r, err);
	if (!st)
		st = loop(&r, err);
	if (!st)
		st = finish(&r, err);
	if (!st)
		settle(&r);
	ride_free(r.ride);
	traffic_close(r.traffic);
	signals_free(r.signals);
	demand_free(r.demand);
	rack_free(r.rack);
	heap_free(&r.retries);
	heap_free(&r.acts);
	for (uint32_t i = 0; i < r.watches.capacity; i++)
		watched_free(pool_at(&r.watches, i));
	pool_free(&r.watches);
	pool_free(&r.clients);
	arena_free(&r.arena);
	mem_free(r.ended);
	return st;
}

void virtual_result_free(struct virtual_result *r)
{
	ledger_free(&r->ledger);
	fault_script_free(&r->script);
}

struct rack_config scenario_rack_config(
        const struct scenario *s, uint64_t seed, const char *names[static TRAFFIC_TENANTS_MAX])
{
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		names[t] = s->traffic.tenants[t].name;
	return (struct rack_config){
	        .deployment = &s->deployment,
	        .seed = seed,
	        .tenants = names,
	        .n_tenants = s->traffic.n_tenants,
	        .tiers = s->traffic.tiers,
	        .n_tiers = s->traffic.n_tiers,
	        .n_faults = s->faults.n,
	        .fault_ids = s->names.faults,
	};
}
