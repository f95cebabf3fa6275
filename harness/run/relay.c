/* `relay`: the faults of an Ethernet link on real packets. The same plan, scheduler and machines as
 * in a run act on a packet_link, which the frames between two interfaces pass. */
#include "faults/relay.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "faults/catalogue.h"
#include "faults/schedule.h"
#include "harness/net/demote.h"
#include "harness/run/execute.h"
#include "harness/run/files.h"
#include "harness/run/interrupt.h"

struct relay_job {
	const struct relay_options *o;
	int64_t for_ns;
	struct arena arena;
	struct file_set *files;
	struct fault_plan plan;
	struct fault_schedule schedule;
	struct fault_machines machines;
	struct packet_link *link;
	struct fault_sink sink;
	struct relay *relay;
};

/* --- input
 * ----------------------------------------------------------------------------------------- */

/* The kinds that a link of packets can have. */
static const char *const KINDS[] = {"ethernet.jitter", "ethernet.loss", "ethernet.congestion",
        "ethernet.reconverge", "ethernet.partition"};

/* There is one link; whatever it is called in a deployment, it is meant. */
static enum target_answer resolve(void *ctx, const char *word, unsigned classes,
        struct arena *arena, const uint32_t **ids, uint32_t *n, const char **detail)
{
	(void)ctx;
	(void)word;
	(void)classes;
	*ids = ARENA_ARRAY(arena, uint32_t, 1);
	*n = 1;
	*detail = NULL;
	return TARGET_FOUND;
}

static const char *link_name(void *ctx, unsigned classes, uint32_t id)
{
	(void)ctx;
	(void)classes;
	(void)id;
	return "link";
}

static enum status check_kinds(struct jval faults, struct error *err)
{
	for (struct jval e = json_first(faults); e.item; e = json_next(e)) {
		struct jval kind = json_get(e, "kind");
		const char *name = json_string(kind);
		bool known = false;

		for (size_t i = 0; name && i < ARRAY_LEN(KINDS); i++)
			known |= strcmp(name, KINDS[i]) == 0;
		if (name && !known && fault_catalogue_find(name))
			return json_error(kind, err,
			        "expected a fault of packets on a link (ethernet.jitter, loss, "
			        "congestion, reconverge, partition), found '%s'",
			        name);
	}
	return ERR_NONE;
}

static enum status check_starts(const struct fault_plan *plan, struct error *err)
{
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct fault_spec *f = &plan->faults[i];

		if (f->start == START_TRIGGER)
			return json_error(f->where, err,
			        "expected a fault with a time, found one that waits for a signal; "
			        "a relay has none");
		if (f->start == START_AFTER && f->after.phase != PHASE_INJECT &&
		        f->after.phase != PHASE_EFFECT && f->after.phase != PHASE_REVERT)
			return json_error(json_get(f->where, "after"), err,
			        "expected the phase inject, effect or revert, found '%s'; on a "
			        "relay nobody detects anything",
			        fault_phase_name(f->after.phase));
	}
	return ERR_NONE;
}

static enum status read_faults(struct relay_job *j, struct error *err)
{
	const struct target_resolver resolver = {.resolve = resolve, .name = link_name};
	struct json *doc;
	enum status st;

	if (!j->o->faults)
		return ERR_NONE;
	st = files_json(j->files, "", j->o->faults, &doc, err);
	if (!st)
		st = check_kinds(json_root(doc), err);
	if (!st)
		st = fault_plan_parse(json_root(doc), j->o->seed, min_i64(j->for_ns, NS_MAX),
		        &resolver, &j->arena, &j->plan, err);
	return st ? st : check_starts(&j->plan, err);
}

static enum status read_options(struct relay_job *j, struct error *err)
{
	const struct relay_options *o = j->o;

	if (!o->a || !o->b)
		return error_set(err, ERR_USAGE,
		        "relay: expected two interfaces, --a and --b, found %s",
		        o->a || o->b ? "one" : "none");
	j->for_ns = NS_NEVER;
	if (o->for_ && (!units_parse_duration(o->for_, strlen(o->for_), &j->for_ns) || !j->for_ns))
		return error_set(err, ERR_USAGE,
		        "relay: --for: expected a duration above 0 such as 30s, found '%s'",
		        o->for_);
	return read_faults(j, err);
}

/* --- faults at work
 * -------------------------------------------------------------------------------- */

static void fault_event(void *ctx, int64_t now, uint32_t fault, bool inject)
{
	struct relay_job *j = ctx;

	(void)fprintf(stderr, "%.3f s: %s %s\n", (double)now / 1e9, j->plan.faults[fault].id,
	        inject ? "injected" : "reverted");
	if (!inject) {
		fault_machines_revert(&j->machines, now, fault, &j->sink);
		return;
	}
	fault_machines_inject(&j->machines, now, fault, &j->sink);
	fault_schedule_phase(&j->schedule, fault, PHASE_EFFECT, now);
}

static int64_t next_at(void *ctx)
{
	const struct relay_job *j = ctx;

	return min_i64(fault_schedule_next_at(&j->schedule), fault_machines_next_at(&j->machines));
}

static void step(void *ctx, int64_t now)
{
	struct relay_job *j = ctx;

	if (fault_schedule_next_at(&j->schedule) <= now)
		fault_schedule_step(&j->schedule, now, fault_event, j);
	if (fault_machines_next_at(&j->machines) <= now)
		fault_machines_step(&j->machines, now, &j->sink);
}

static void prepare(struct relay_job *j)
{
	const char **ids = ARENA_ARRAY(&j->arena, const char *, j->plan.n + 1);

	for (uint32_t i = 0; i < j->plan.n; i++)
		ids[i] = j->plan.faults[i].id;
	j->link = packet_link_new(j->o->seed, ids, j->plan.n, &j->arena);
	j->sink = packet_link_sink(j->link);
	fault_schedule_init(&j->schedule, &j->plan, NS_MAX, &j->arena);
	fault_machines_init(&j->machines, &j->plan, FAULT_MODEL, &j->arena);
}

/* --- what it did
 * ----------------------------------------------------------------------------------- */

/* A percentile in ms; null while there are too few for one. */
static void out_percentile(struct json_out *o, const char *key, const struct histogram *h, double q)
{
	int64_t ns;

	if (h->count >= histogram_floor(q) && histogram_percentile(h, q, &ns))
		json_out_real(o, key, ns_to_ms(ns));
	else
		json_out_null(o, key);
}

static void out_times(struct json_out *o, const char *key, const struct histogram *h)
{
	json_out_open(o, key, '{');
	json_out_u64(o, "count", h->count);
	if (h->count) {
		json_out_real(o, "mean", histogram_mean(h) / 1e6);
		out_percentile(o, "p50", h, 0.5);
		out_percentile(o, "p99", h, 0.99);
		json_out_real(o, "max", ns_to_ms(h->max));
	}
	json_out_close(o);
}

static void out_direction(struct json_out *o, const struct relay_job *j, uint32_t direction)
{
	struct relay_counts c = relay_counts(j->relay, direction);

	json_out_open(o, NULL, '{');
	json_out_str(o, "from", direction ? j->o->b : j->o->a);
	json_out_str(o, "to", direction ? j->o->a : j->o->b);
	json_out_u64(o, "received", c.received);
	json_out_u64(o, "bytes", c.bytes);
	json_out_u64(o, "forwarded", c.forwarded);
	json_out_u64(o, "dropped", c.dropped);
	json_out_u64(o, "delayed", c.delayed);
	json_out_u64(o, "overflowed", c.overflowed);
	json_out_u64(o, "unsent", c.unsent);
	json_out_u64(o, "held", c.held);
	json_out_u64(o, "missed", c.missed);
	out_times(o, "delay_ms", relay_delays(j->relay, direction));
	json_out_close(o);
}

static void print_json(const struct relay_job *j)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "schema", "lpuchaos.relay/1");
	json_out_u64(&o, "seed", j->o->seed);
	json_out_real(&o, "seconds", (double)relay_ran_ns(j->relay) / 1e9);
	json_out_open(&o, "directions", '[');
	for (uint32_t i = 0; i < PACKET_DIRECTIONS; i++)
		out_direction(&o, j, i);
	json_out_close(&o);
	out_times(&o, "lateness_ms", relay_lateness(j->relay));
	json_out_close(&o);
	(void)printf("%.*s\n", (int)o.n, o.buf);
	json_out_free(&o);
}

static void print_times(const char *what, const struct histogram *h)
{
	int64_t p50, p99;
	bool known = h->count >= histogram_floor(0.99) && histogram_percentile(h, 0.5, &p50) &&
	             histogram_percentile(h, 0.99, &p99);

	if (known)
		(void)fprintf(stderr, "%s p50 %.3f ms, p99 %.3f ms, max %.3f ms\n", what,
		        ns_to_ms(p50), ns_to_ms(p99), ns_to_ms(h->max));
	else if (h->count)
		(void)fprintf(stderr, "%s mean %.3f ms, max %.3f ms\n", what,
		        histogram_mean(h) / 1e6, ns_to_ms(h->max));
}

static void print_direction(const struct relay_job *j, uint32_t direction)
{
	struct relay_counts c = relay_counts(j->relay, direction);
	double share = c.received ? 100 * (double)c.dropped / (double)c.received : 0;

	(void)fprintf(stderr,
	        "%s to %s: %llu frames, %llu bytes: %llu forwarded, %llu delayed, %llu dropped "
	        "(%.3g %%)\n",
	        direction ? j->o->b : j->o->a, direction ? j->o->a : j->o->b,
	        (unsigned long long)c.received, (unsigned long long)c.bytes,
	        (unsigned long long)c.forwarded, (unsigned long long)c.delayed,
	        (unsigned long long)c.dropped, share);
	if (c.missed || c.overflowed || c.unsent || c.held)
		(void)fprintf(stderr,
		        "  beside the faults: %llu never received, %llu without room, %llu refused "
		        "by the interface, %llu still held\n",
		        (unsigned long long)c.missed, (unsigned long long)c.overflowed,
		        (unsigned long long)c.unsent, (unsigned long long)c.held);
	if (c.delayed)
		print_times("  delay", relay_delays(j->relay, direction));
}

static void report(const struct relay_job *j)
{
	(void)fprintf(stderr, "relayed for %.3f s, seed %llu\n",
	        (double)relay_ran_ns(j->relay) / 1e9, (unsigned long long)j->o->seed);
	for (uint32_t i = 0; i < PACKET_DIRECTIONS; i++)
		print_direction(j, i);
	print_times("own lateness", relay_lateness(j->relay));
	if (j->o->json)
		print_json(j);
}

/* --- the command
 * ----------------------------------------------------------------------------------- */

static enum status forward(struct relay_job *j, struct error *err)
{
	const struct relay_config config = {
	        .interfaces = {j->o->a, j->o->b},
	        .link = j->link,
	        .timed = {.ctx = j, .next_at = next_at, .step = step},
	        .stop = interrupt_catch(),
	        .for_ns = j->for_ns,
	};
	enum status st = relay_open(&j->relay, &config, err);

	if (!st)
		st = demote_process(err);
	if (st)
		return st;
	(void)fprintf(stderr, "relaying between %s and %s\n", j->o->a, j->o->b);
	st = relay_run(j->relay, err);
	fault_schedule_finish(&j->schedule, relay_ran_ns(j->relay), fault_event, j);
	report(j);
	return st;
}

int execute_relay(const struct relay_options *options)
{
	struct relay_job j = {.o = options, .files = files_new(false)};
	struct error err = ERROR_INIT;
	enum status st;

	arena_init(&j.arena, (size_t)1 << 30);
	st = read_options(&j, &err);
	if (!st) {
		prepare(&j);
		st = forward(&j, &err);
	}
	if (st) {
		char line[1200];

		(void)error_format(&err, line, sizeof(line));
		(void)fprintf(stderr, "%s\n", line);
	}
	relay_free(j.relay);
	packet_link_free(j.link);
	files_free(j.files);
	arena_free(&j.arena);
	return (int)st;
}
