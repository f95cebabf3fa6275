#include <stdio.h>
#include "harness/base/units.h"
#include "harness/cli/commands.h"
#include "harness/run/capture_plan.h"
#include "harness/run/plan.h"

struct plan_args {
	const char *const *files;
	uint32_t n_files;
	struct scenario_options scenario;
	bool json;
};

static const struct option options[] = {
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .offset = offsetof(struct plan_args, scenario.seed),
                .companion = offsetof(struct plan_args, scenario.has_seed),
                .help = "replaces the seed of every scenario"},
        {.name = "set",
                .value = "PATH=VALUE",
                .type = OPTION_LIST,
                .offset = offsetof(struct plan_args, scenario.set),
                .companion = offsetof(struct plan_args, scenario.n_set),
                .help = "edits the scenario before it is read, faults.flap.for=1s"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct plan_args, json),
                .help = "prints the plans on stdout, one a line"},
};

static void print_time(const char *what, int64_t ns)
{
	char text[UNITS_DURATION_MAX];

	printf("  %-14s %s\n", what, units_format_duration(ns, text));
}

static void print_traffic(const struct scenario *s, const struct plan_traffic *t)
{
	printf("\n  %-20s %-14s %12s\n", "traffic", "tier", "requests");
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++)
		printf("  %-20s %-14s %12llu\n", s->traffic.tenants[i].name,
		        s->traffic.tenants[i].tier,
		        (unsigned long long)t->counts.emitted_by_tenant[i]);
	printf("  lengths cut to their cap: %llu prompts, %llu outputs\n",
	        (unsigned long long)t->counts.clipped_prompt,
	        (unsigned long long)t->counts.clipped_output);
	if (t->counts.trace.rows_read == 0)
		return;
	printf("  trace rows read %llu = emitted %llu",
	        (unsigned long long)t->counts.trace.rows_read,
	        (unsigned long long)t->counts.trace.emitted);
	for (int i = 0; i < TRACE_DROPS; i++)
		printf(" + %s %llu", trace_drop_name((enum trace_drop)i),
		        (unsigned long long)t->counts.trace.dropped[i]);
	printf("\n");
}

static void print_pools(const struct scenario *s, const struct plan_traffic *t)
{
	printf("\n  %-12s %8s %12s %6s %9s %10s %8s\n", "pool", "max_seq", "frame", "slots",
	        "instances", "requests", "rho");
	for (uint32_t p = 0; p < s->deployment.n_pools; p++) {
		const struct pool_spec *pool = &s->deployment.pools[p];

		for (uint32_t b = 0; b < pool->n_buckets; b++) {
			char frame[UNITS_DURATION_MAX];

			printf("  %-12s %8lld %12s %6u %9u %10llu %8.4f\n", pool->name,
			        (long long)pool->buckets[b].max_seq,
			        units_format_duration(pool->buckets[b].frame_ns, frame),
			        pool->buckets[b].slots, pool->n_instances,
			        (unsigned long long)t->buckets[p][b].requests,
			        t->buckets[p][b].rho);
		}
	}
	if (t->unplaced)
		printf("  %llu requests fit no pool and will be refused\n",
		        (unsigned long long)t->unplaced);
}

/* What a fault waits for, and how it comes again, where the columns do not tell. */
static void print_start(const struct scenario *s, const struct fault_spec *f)
{
	const struct fault_after *a = &f->after;
	char delay[UNITS_DURATION_MAX];

	if (f->start == START_AFTER)
		printf("    %s after the %s of %s\n", units_format_duration(a->delay_ns, delay),
		        fault_phase_name(a->phase), s->faults.faults[a->fault].id);
	if (f->start == START_TOGETHER)
		printf("    together with %s\n", s->faults.faults[a->fault].id);
	if (recurrence_is_drawn(&f->every))
		printf("    drawn gaps from revert to inject, %s on average\n",
		        units_format_duration(f->every.mean_ns, delay));
	if (f->stagger_ns)
		printf("    %u targets in turn, each %s later\n", f->n_targets,
		        units_format_duration(f->stagger_ns, delay));
}

static void print_fault(const struct scenario *s, const struct fault_spec *f)
{
	char at[UNITS_DURATION_MAX], length[UNITS_DURATION_MAX], every[UNITS_DURATION_MAX];
	const char *begin = f->start == START_TRIGGER ? "triggered" : "after";

	if (f->planned && f->at_ns != NS_NEVER && recurrence_is_drawn(&f->every))
		snprintf(at, sizeof(at), "%.3fs", (double)f->at_ns / 1e9);
	else
		units_format_duration(f->at_ns, at);
	if (f->planned)
		begin = f->at_ns == NS_NEVER ? "never" : at;
	printf("  %-16s %-22s %10s %10s %10s  %s\n", f->id, f->kind->name, begin,
	        f->for_ns == NS_NEVER ? "the end" : units_format_duration(f->for_ns, length),
	        f->every.law == RECUR_NEVER ? "once"
	                                    : units_format_duration(f->every.mean_ns, every),
	        f->target);
	print_start(s, f);
	if (f->detail)
		printf("    %s\n", f->detail);
}

static void print_faults(const struct scenario *s)
{
	const struct fault_limits *limits = &s->faults.limits;

	if (s->faults.n)
		printf("\n  %-16s %-22s %10s %10s %10s  %s\n", "fault", "kind", "at", "for",
		        "every", "target");
	for (uint32_t i = 0; i < s->faults.n; i++)
		print_fault(s, &s->faults.faults[i]);
	if (limits->max_active)
		printf("  at most %lld at one time\n", (long long)limits->max_active);
	if (limits->never_below)
		printf("  at least %lld of %u instances are left healthy\n",
		        (long long)limits->never_below, limits->instances);
}

static void print_capture(const struct capture_plan *capture)
{
	if (capture->every)
		printf("\n  captures       moves of 1 request in %u, 1 frame of it in %u\n",
		        capture->every, capture->frames);
}

static void print_plan(
        const struct scenario *s, const struct plan_traffic *t, const struct capture_plan *capture)
{
	char text[DIGEST_TEXT_MAX];

	printf("%s (%s), seed %llu\n", s->name, s->file, (unsigned long long)s->seed);
	if (s->about)
		printf("  %s\n", s->about);
	print_time("warmup ends", s->warmup_ns);
	print_time("arrivals stop", s->duration_ns);
	print_time("drain", s->drain_ns);
	if (s->survive != SURVIVE_NONE)
		printf("  %-14s %s\n", "survive", survive_names[s->survive]);
	print_traffic(s, t);
	if (s->has_deployment)
		print_pools(s, t);
	print_faults(s);
	print_capture(capture);
	printf("\n  plan digest    %s\n", digest_text(s->plan_digest, text));
	printf("  traffic digest %s\n", digest_text(t->digest, text));
	for (uint32_t i = 0; i < s->n_warnings; i++)
		fprintf(stderr, "warning: %s: %s\n", s->name, s->warnings[i]);
}

static enum status report(const struct scenario *s, bool json, struct error *err)
{
	struct plan_traffic *t = mem_alloc(1, sizeof(*t));
	struct capture_plan capture;
	struct json_out o;

	if (capture_plan(s, &capture, err) == ERR_NONE && plan_traffic(s, t, err) == ERR_NONE &&
	        json) {
		json_out_init(&o, 0);
		plan_write(s, t, &capture, &o);
		printf("%s\n", o.buf);
		json_out_free(&o);
	} else if (err->code == ERR_NONE) {
		print_plan(s, t, &capture);
	}
	mem_free(t);
	return err->code;
}

static int run(const void *args)
{
	const struct plan_args *a = args;
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;

	if (scenario_load(a->files[0], &a->scenario, &list, &err) == ERR_NONE)
		for (uint32_t i = 0; i < list.n && err.code == ERR_NONE; i++)
			if (report(list.items[i], a->json, &err))
				break;
	scenario_list_free(&list);
	return err.code ? commands_fail(&err) : 0;
}

const struct command command_plan = {
        .name = "plan",
        .operands = "FILE",
        .summary = "check a scenario or suite and print what it amounts to",
        .about = "Reads and checks everything that a run would, then prints the timeline, the "
                 "requests "
                 "each traffic entry will make, the load each bucket is expected to carry (rho), "
                 "the faults "
                 "and the digests. Starts nothing. Bad input is one line, file:line:col: path: "
                 "expected …, "
                 "found …, and exit code 2.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct plan_args, files),
        .n_operands_offset = offsetof(struct plan_args, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct plan_args),
        .run = run,
};
