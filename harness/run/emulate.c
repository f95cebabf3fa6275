/* `emulate`: the rack as an OpenAI-compatible server, without a run around it. Faults of a file are
 * timed from the start, by the same scheduler and machines as in a run, in this process. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "emulator/mirror.h"
#include "emulator/serve.h"
#include "harness/base/arena.h"
#include "harness/net/clock.h"
#include "harness/run/execute.h"

struct emulate {
	struct arena arena;
	struct file_set *files;
	struct deployment deployment;
	struct traffic_spec traffic; /* one entry that stands for whoever comes */
	struct target_context target_context;
	struct fault_plan plan;
	struct fault_schedule schedule;
	struct fault_machines machines;
	struct fault_sink sink;
	struct serve *serve;
	int signals;
	const struct emulate_options *o;
	struct mirror *mirror;
	struct wire_end mirror_from; /* WIRE_NONE as rack = all */
};

static void fault_event(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	struct emulate *e = ctx;

	(void)fprintf(stderr, "%.3f s: %s %s\n", (double)now / 1e9, e->plan.faults[fault].id,
	        inject ? "injected" : "reverted");
	if (inject)
		fault_machines_inject(&e->machines, now, fault, &e->sink);
	else
		fault_machines_revert(&e->machines, now, fault, &e->sink);
}

static void on_phase(void *ctx, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	struct emulate *e = ctx;

	fault_schedule_phase(&e->schedule, fault, phase, at_ns);
}

static int64_t next_at(void *ctx)
{
	const struct emulate *e = ctx;
	int64_t a = fault_schedule_next_at(&e->schedule);
	int64_t b = fault_machines_next_at(&e->machines);

	return a < b ? a : b;
}

static void step(void *ctx, int64_t now)
{
	struct emulate *e = ctx;

	if (fault_schedule_next_at(&e->schedule) <= now)
		fault_schedule_step(&e->schedule, now, fault_event, e);
	if (fault_machines_next_at(&e->machines) <= now)
		fault_machines_step(&e->machines, now, &e->sink);
}

/* --- the mirror
 * ---------------------------------------------------------------------------------------- */

static void on_moved(void *ctx, const struct wire_message *m)
{
	struct emulate *e = ctx;
	bool crosses = m->from.rack != m->to.rack;

	if (e->mirror_from.rack != WIRE_NONE && e->mirror_from.rack != m->from.rack)
		return;
	if (e->o->mirror_links != MIRROR_ALL &&
	        crosses != (e->o->mirror_links == MIRROR_CROSS_RACK))
		return;
	mirror_message(e->mirror, m);
}

static enum status open_mirror(struct emulate *e, struct rack_config *config, struct error *err)
{
	const char *from = e->o->mirror_from;
	enum status st;

	e->mirror_from.rack = WIRE_NONE;
	if (!e->o->mirror)
		return ERR_NONE;
	if (!rack_fits_wire(&e->deployment))
		return error_set(err, ERR_USAGE,
		        "expected at most %d racks of %d nodes of %d chips, whose names a mirrored "
		        "packet can hold, found more",
		        WIRE_RACKS_MAX, WIRE_NODES_MAX, WIRE_CHIPS_MAX);
	if (from && (!wire_end_parse(from, &e->mirror_from) || e->mirror_from.node != WIRE_NONE ||
	                    e->mirror_from.rack >= e->deployment.topology.n_racks))
		return error_set(err, ERR_USAGE,
		        "expected --mirror-from to name a rack of %s, found '%s'", e->o->files[0],
		        from);
	st = mirror_open(
	        &e->mirror, &(struct mirror_options){.to = e->o->mirror, .behind = true}, err);
	if (st)
		return st;
	config->mirror_every = (uint32_t)e->o->mirror_every;
	config->listener.moved = on_moved;
	(void)fprintf(stderr, "mirroring one request in %lld to %s %s\n",
	        (long long)e->o->mirror_every, mirror_is_live(e->mirror) ? "interface" : "file",
	        e->o->mirror);
	return ERR_NONE;
}

static enum status close_mirror(struct emulate *e, struct error *err)
{
	struct mirror_counts counts;

	if (!e->mirror)
		return ERR_NONE;
	mirror_drain(e->mirror);
	counts = mirror_counts(e->mirror);
	(void)fprintf(stderr, "mirrored %llu frames, %llu of them critical; left out %llu\n",
	        (unsigned long long)counts.written, (unsigned long long)counts.critical,
	        (unsigned long long)counts.left_out);
	return mirror_close(e->mirror, err);
}

/* --- life
 * ---------------------------------------------------------------------------------------- */

static void on_signal(void *ctx, uint32_t events)
{
	struct emulate *e = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(e->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		serve_stop(e->serve);
}

static enum status read_faults(
        struct emulate *e, const struct emulate_options *o, struct error *err)
{
	struct target_resolver resolver;
	struct json *doc;
	enum status st;

	e->traffic.n_tenants = e->traffic.n_tiers = 1;
	e->traffic.tenants[0].name = "clients";
	e->traffic.tenants[0].tier = e->traffic.tiers[0] = "default";
	e->target_context = (struct target_context){&e->deployment, &e->traffic};
	if (!o->faults)
		return ERR_NONE;
	st = files_json(e->files, "", o->faults, &doc, err);
	if (st)
		return st;
	resolver = targets_resolver(&e->target_context);
	st = fault_plan_parse(json_root(doc), o->has_seed ? o->seed : 1, NS_MAX, &resolver,
	        &e->arena, &e->plan, err);
	for (uint32_t i = 0; !st && i < e->plan.n; i++)
		if (e->plan.faults[i].kind->side != FAULT_MODEL ||
		        e->plan.faults[i].start == START_TRIGGER)
			st = json_error(e->plan.faults[i].where, err,
			        "expected a fault of the rack with a time, found '%s'%s; the load "
			        "of "
			        "an emulator that stands alone is its clients'",
			        e->plan.faults[i].kind->name,
			        e->plan.faults[i].start == START_TRIGGER ? " with a trigger" : "");
	return st;
}

static enum status read_input(struct emulate *e, const struct emulate_options *o, struct error *err)
{
	struct file_loader loader = files_loader(e->files);
	struct json *doc;
	enum status st = files_json(e->files, "", o->files[0], &doc, err);

	if (!st)
		st = deployment_parse(json_root(doc), &loader, &e->arena, &e->deployment, err);
	return st ? st : read_faults(e, o, err);
}

static enum status open_server(
        struct emulate *e, const struct emulate_options *o, struct error *err)
{
	static const char *const tenants[] = {"clients"};
	struct serve_config config = {
	        .rack = {.deployment = &e->deployment,
	                .seed = o->has_seed ? o->seed : 1,
	                .tenants = tenants,
	                .n_tenants = 1,
	                .tiers = e->traffic.tiers,
	                .n_tiers = 1,
	                .n_faults = e->plan.n,
	                .listener = {.ctx = e, .phase = on_phase}},
	        .listen = o->listen ? o->listen : "127.0.0.1:8000",
	        .timed = {.ctx = e, .next_at = next_at, .step = step},
	        .n_watches = 1,
	        .watches = {{.fd = e->signals, .ctx = e, .readable = on_signal}},
	};
	enum status st = open_mirror(e, &config.rack, err);

	if (!st)
		st = serve_create(&e->serve, &config, err);
	if (st)
		return st;
	e->sink = rack_sink(serve_rack(e->serve));
	fault_schedule_init(&e->schedule, &e->plan, NS_MAX, &e->arena);
	fault_machines_init(&e->machines, &e->plan, FAULT_MODEL, &e->arena);
	return ERR_NONE;
}

static enum status serve(struct emulate *e, struct error *err)
{
	struct serve_counts counts;
	enum status st;

	serve_set_t0(e->serve, clock_now_ns());
	(void)fprintf(stderr, "serving %s on port %u\n", e->deployment.model,
	        (unsigned)serve_port(e->serve));
	st = serve_run(e->serve, err);
	fault_schedule_finish(&e->schedule, serve_now(e->serve), fault_event, e);
	counts = serve_counts(e->serve);
	(void)fprintf(stderr, "served %llu completions, refused %llu, cancelled %llu\n",
	        (unsigned long long)counts.completions, (unsigned long long)counts.refused,
	        (unsigned long long)counts.cancelled);
	return st;
}

int execute_emulate(const struct emulate_options *options)
{
	struct emulate e = {.files = files_new(false), .o = options};
	struct error err = ERROR_INIT;
	enum status st, mirrored;
	sigset_t set;

	arena_init(&e.arena, (size_t)1 << 30);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	e.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	st = e.signals < 0
	             ? error_set(&err, ERR_ENVIRONMENT, "cannot watch signals: %s", strerror(errno))
	             : read_input(&e, options, &err);
	if (!st)
		st = open_server(&e, options, &err);
	if (!st)
		st = serve(&e, &err);
	serve_free(e.serve);
	mirrored = close_mirror(&e, &err); /* an error that there was already stays */
	if (!st)
		st = mirrored;
	if (st) {
		char line[1200];

		(void)error_format(&err, line, sizeof(line));
		(void)fprintf(stderr, "%s\n", line);
	}
	if (e.signals >= 0)
		(void)close(e.signals);
	files_free(e.files);
	arena_free(&e.arena);
	return (int)st;
}
