/* The server, the rack and the fault machines of one run, in a process of their own. The one fault
 * scheduler lives in `run`; its FAULT messages come ahead of their instants and wait here, so that
 * the model is hit at the planned nanosecond, not when a packet happened to arrive. */
#include "harness/run/emulator_process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "emulator/serve.h"
#include "harness/base/arena.h"
#include "harness/base/heap.h"
#include "harness/net/clock.h"
#include "harness/net/privilege.h"
#include "harness/run/capture_plan.h"
#include "harness/run/control.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/scenario.h"

enum { PLAN_BYTES_MAX = 256 << 20 };

struct process {
	int fd;
	struct scenario *s;
	struct arena arena;
	struct serve *serve;
	struct fault_sink sink;
	struct fault_machines machines;
	struct heap pending; /* (instant, 0 revert | 1 inject << 32 | fault, …): reverts first */
	uint64_t *replayed;  /* by fault */
	struct control_mirror mirror; /* every 0 = nothing is captured */
	struct mirror *capture;
	const char *names[TRAFFIC_TENANTS_MAX];
	bool gone; /* the other side hung up */
};

static void say(struct process *p, const struct control_message *m)
{
	if (!p->gone && !control_send(p->fd, m))
		p->gone = true;
}

static void fail(int fd, const struct error *err)
{
	struct control_message m = {.type = CONTROL_ERROR, .error = {.code = err->code}};

	(void)error_format(err, m.error.text, sizeof(m.error.text));
	if (!control_send(fd, &m)) /* nobody hears it: then here */
		(void)fprintf(stderr, "emulator: %s\n", m.error.text);
}

/* --- faults
 * ---------------------------------------------------------------------------------------- */

static int64_t timed_next_at(void *ctx)
{
	const struct process *p = ctx;
	int64_t at = fault_machines_next_at(&p->machines);

	return p->pending.n && p->pending.e[0].key < at ? p->pending.e[0].key : at;
}

static void timed_step(void *ctx, int64_t now)
{
	struct process *p = ctx;

	while (p->pending.n && p->pending.e[0].key <= now) {
		struct heap_entry e = heap_pop(&p->pending);

		if (e.sub >> 32)
			fault_machines_inject(&p->machines, now, (uint32_t)e.sub, &p->sink);
		else
			fault_machines_revert(&p->machines, now, (uint32_t)e.sub, &p->sink);
	}
	if (fault_machines_next_at(&p->machines) <= now)
		fault_machines_step(&p->machines, now, &p->sink);
}

static void on_phase(void *ctx, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	say(ctx, &(struct control_message){
	                 .type = CONTROL_LEDGER, .ledger = {fault, (uint32_t)phase, at_ns}});
}

static void on_completed(void *ctx, int64_t now, const struct rack_completion *done)
{
	struct process *p = ctx;

	(void)now;
	for (uint32_t i = 0; done->replays && i < done->n_stalls; i++)
		p->replayed[done->stalls[i].fault] += done->stalls[i].evicted;
	if (done->n_stalls)
		say(p, &(struct control_message){
		               .type = CONTROL_STALLED, .stalled = stalls_of(done)});
}

/* --- the channel
 * ----------------------------------------------------------------------------------- */

static void handle(struct process *p, const struct control_message *m)
{
	int64_t at;
	bool ok;

	switch (m->type) {
	case CONTROL_T0:
		serve_set_t0(p->serve, m->t0_ns);
		break;
	case CONTROL_FAULT:
		at = m->fault.at_ns;
		ok = m->fault.id < p->machines.n &&
		     heap_push(&p->pending, at, (uint64_t)m->fault.inject << 32 | m->fault.id, 0);
		CHECK(ok);
		break;
	case CONTROL_STOP:
		serve_stop(p->serve);
		break;
	default:
		UNREACHABLE("message");
	}
}

static void readable(void *ctx, uint32_t events)
{
	struct process *p = ctx;
	struct control_message m;
	enum control_got got;

	(void)events;
	while ((got = control_receive(p->fd, &m, 0)) == CONTROL_GOT)
		handle(p, &m);
	if (got == CONTROL_EOF) {
		p->gone = true;
		serve_stop(p->serve);
	}
}

static void grid(void *ctx, int64_t at)
{
	struct process *p = ctx;
	struct control_message m = {.type = CONTROL_SIGNAL, .signal = {.at_ns = at}};
	struct rack_signals signals;

	rack_signals(serve_rack(p->serve), at, &signals);
	m.signal.rack = signals;
	for (uint32_t i = 0; i < p->s->deployment.n_pools; i++)
		m.signal.pool_queue_ns[i] = rack_pool_queue_ns(serve_rack(p->serve), at, i);
	say(p, &m);
}

static enum status read_plan(
        int fd, struct scenario **s, struct control_mirror *mirror, struct error *err)
{
	struct control_message m;
	char *bundle = NULL;
	size_t n = 0;
	enum status st;

	for (;;) {
		int64_t deadline = clock_now_ns() + 30 * NS_PER_S;

		if (control_receive(fd, &m, deadline) != CONTROL_GOT ||
		        (m.type != CONTROL_PLAN && m.type != CONTROL_PLAN_END &&
		                m.type != CONTROL_MIRROR) ||
		        n + m.n > PLAN_BYTES_MAX) {
			mem_free(bundle);
			return error_set(err, ERR_ENVIRONMENT, "the control channel gave no plan");
		}
		if (m.type == CONTROL_MIRROR) {
			*mirror = m.mirror;
			continue;
		}
		if (m.type == CONTROL_PLAN_END)
			break;
		bundle = mem_grow(bundle, n + m.n, 1);
		memcpy(bundle + n, m.piece, m.n);
		n += m.n;
	}
	st = scenario_from_plan(bundle, n, s, err);
	mem_free(bundle);
	return st;
}

/* --- life
 * ------------------------------------------------------------------------------------------ */

static void on_moved(void *ctx, const struct wire_message *m)
{
	struct process *p = ctx;

	mirror_message(p->capture, m);
}

/* Before the process asks for priority and a core: the thread that writes must not share them. */
static enum status open_capture(struct process *p, struct error *err)
{
	if (!p->mirror.every)
		return ERR_NONE;
	return mirror_open(&p->capture,
	        &(struct mirror_options){.to = p->mirror.path,
	                .file_only = true,
	                .bytes_max = CAPTURE_MOST_BYTES,
	                .behind = true},
	        err);
}

/* It is complete before the digest tells of it: the other side reads it then. */
static void close_capture(struct process *p, struct control_message *digest)
{
	struct error err = ERROR_INIT;

	if (!p->capture)
		return;
	mirror_drain(p->capture);
	digest->digest.mirrored = mirror_counts(p->capture);
	digest->digest.mirror_failed = mirror_close(p->capture, &err) != ERR_NONE;
	p->capture = NULL;
}

static enum status open_server(struct process *p, struct error *err)
{
	struct serve_config config = {
	        .rack = scenario_rack_config(p->s, p->s->seed, p->names),
	        .listen = "127.0.0.1:0",
	        .ignore_sigint = true,
	        .limits = {.connections = control_connections_max(), .body_bytes = 16 << 20},
	        .timed = {.ctx = p, .next_at = timed_next_at, .step = timed_step},
	        .grid = {.ctx = p, .period_ns = 10 * NS_PER_MS, .tick = grid},
	        .n_watches = 1,
	        .watches = {{.fd = p->fd, .ctx = p, .readable = readable}},
	};
	enum status st;

	config.rack.listener =
	        (struct rack_listener){.ctx = p, .phase = on_phase, .completed = on_completed};
	if (p->capture) {
		config.rack.mirror_every = p->mirror.every;
		config.rack.mirror_frames = p->mirror.frames;
		config.rack.mirror_period_ns = p->mirror.period_ns;
		config.rack.listener.moved = on_moved;
	}
	st = serve_create(&p->serve, &config, err);
	if (st)
		return st;
	p->sink = rack_sink(serve_rack(p->serve));
	return ERR_NONE;
}

static void report_lag(struct process *p)
{
	const struct histogram *h = serve_emission_lag(p->serve);
	struct control_message m = {.type = CONTROL_LAG, .lag = {.n = h->count, .max_ns = h->max}};

	if (!h->count)
		m.lag.max_ns = 0;
	(void)histogram_percentile(h, 0.5, &m.lag.p50_ns);
	(void)histogram_percentile(h, 0.99, &m.lag.p99_ns);
	say(p, &m);
}

/* Reverts what is still active, then tells how it went. */
static void report(struct process *p)
{
	struct rack_config config = scenario_rack_config(p->s, p->s->seed, p->names);
	struct serve_counts counts = serve_counts(p->serve);
	struct control_message m = {.type = CONTROL_DIGEST};
	struct rack *rack = serve_rack(p->serve), *fresh;
	uint8_t now[DIGEST_BYTES], never[DIGEST_BYTES];

	while (p->pending.n) {
		struct heap_entry e = heap_pop(&p->pending);

		if (!(e.sub >> 32))
			fault_machines_revert(
			        &p->machines, serve_now(p->serve), (uint32_t)e.sub, &p->sink);
	}
	fault_machines_revert_all(&p->machines, serve_now(p->serve), &p->sink);
	fresh = rack_create(&config);
	rack_static_digest(rack, now);
	rack_static_digest(fresh, never);
	rack_free(fresh);
	for (uint32_t i = 0; i < p->s->faults.n; i++)
		say(p, &(struct control_message){
		               .type = CONTROL_REPLAYED, .replayed = {i, p->replayed[i]}});
	report_lag(p);
	m.digest.clean = !memcmp(now, never, sizeof(now));
	m.digest.path = (uint32_t)rack_path_worst(rack);
	m.digest.rack = rack_counts(rack);
	m.digest.slow_readers = counts.slow_readers;
	m.digest.tokens = counts.tokens;
	close_capture(p, &m);
	say(p, &m);
}

int emulator_process(int fd)
{
	struct process p = {.fd = fd};
	struct error err = ERROR_INIT;
	struct privilege got = {.group_nice = PRIVILEGE_NO_GROUP};
	struct control_message unheard; /* of a server that never ran */
	enum status st;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	arena_init(&p.arena, (size_t)1 << 30);
	heap_init(&p.pending, 0);
	st = read_plan(fd, &p.s, &p.mirror, &err);
	if (!st) {
		fault_machines_init(&p.machines, &p.s->faults, FAULT_MODEL, &p.arena);
		p.replayed = mem_alloc(p.s->faults.n + 1, sizeof(*p.replayed));
		st = open_capture(&p, &err);
	}
	if (!st) {
		got = privilege_ask(1);
		st = open_server(&p, &err);
	}
	if (!st) {
		say(&p, &(struct control_message){.type = CONTROL_READY,
		                .ready = {serve_port(p.serve), got.nice, got.processor}});
		st = serve_run(p.serve, &err);
		report(&p);
	}
	if (st)
		fail(fd, &err);
	serve_free(p.serve);
	close_capture(&p, &unheard);
	privilege_give_back(&got);
	heap_free(&p.pending);
	mem_free(p.replayed);
	arena_free(&p.arena);
	scenario_free(p.s);
	(void)close(fd);
	return (int)st;
}
