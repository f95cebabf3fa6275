/* What this machine can do, tried and not looked up: each line of the report is one attempt. What a
 * wall run cannot do without is marked as required; if one of those is missing the code is 3 and
 * the virtual clock is all there is. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "harness/base/json.h"
#include "harness/base/units.h"
#include "harness/cli/commands.h"
#include "harness/cli/floor.h"
#include "harness/net/ring.h"
#include "version.h"

enum { NICE_WANTED = -20, FILES_WANTED = 20000, CORES_WANTED = 2 };

struct doctor_args {
	bool json;
};

static const struct option options[] = {
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct doctor_args, json),
                .help = "prints one object on stdout"},
};

struct check {
	const char *name;
	bool ok, required;
	char detail[160];
};

enum { CHECKS_MAX = RING_CHECKS_MAX + 8 };

struct report {
	struct utsname kernel;
	uint32_t n;
	struct check checks[CHECKS_MAX];
	bool has_floor;
	struct floor_result floor;
	char floor_error[ERROR_TEXT_MAX];
};

static LPC_PRINTF(5, 6) void add(
        struct report *r, const char *name, bool ok, bool required, const char *fmt, ...)
{
	struct check *c = &r->checks[r->n++];
	va_list args;

	CHECK(r->n <= CHECKS_MAX);
	*c = (struct check){.name = name, .ok = ok, .required = required};
	va_start(args, fmt);
	vsnprintf(c->detail, sizeof(c->detail), fmt, args);
	va_end(args);
}

static void check_ring(struct report *r)
{
	struct ring_check found[RING_CHECKS_MAX];
	size_t n = ring_probe(found);

	for (size_t i = 0; i < n; i++)
		add(r, found[i].name, found[i].ok, found[i].required, "%s", found[i].detail);
}

static void limit_text(rlim_t v, char *buf, size_t n)
{
	if (v == RLIM_INFINITY)
		snprintf(buf, n, "unlimited");
	else
		snprintf(buf, n, "%llu", (unsigned long long)v);
}

static void check_limit(struct report *r, const char *name, int resource, rlim_t wanted)
{
	struct rlimit limit = {0};
	char soft[32], hard[32];

	getrlimit((__rlimit_resource_t)resource, &limit);
	limit_text(limit.rlim_cur, soft, sizeof(soft));
	limit_text(limit.rlim_max, hard, sizeof(hard));
	add(r, name, limit.rlim_max >= wanted, false, "soft %s, hard %s", soft, hard);
}

/* Asks for the priority that wall runs ask for, and gives it back. */
static void check_nice(struct report *r)
{
	int before, rc, why;

	errno = 0;
	before = getpriority(PRIO_PROCESS, 0);
	rc = setpriority(PRIO_PROCESS, 0, NICE_WANTED);
	why = errno;
	if (rc == 0)
		setpriority(PRIO_PROCESS, 0, before);
	add(r, "nice -20", rc == 0, false, "%s",
	        rc ? strerror(why) : "granted: busy neighbours delay the clocks less");
}

static void check_cores(struct report *r)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;

	add(r, "cores", n >= CORES_WANTED, false,
	        "%d usable; emulator and load generator want one each", n);
}

static void examine(struct report *r)
{
	struct error err = ERROR_INIT;

	uname(&r->kernel);
	check_ring(r);
	check_limit(r, "open files", RLIMIT_NOFILE, FILES_WANTED);
	check_limit(r, "locked memory", RLIMIT_MEMLOCK, 1 << 16);
	check_nice(r);
	check_cores(r);
	r->has_floor = floor_measure(&r->floor, &err) == ERR_NONE;
	if (!r->has_floor)
		error_format(&err, r->floor_error, sizeof(r->floor_error));
}

static bool fit_for_wall(const struct report *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->checks[i].required && !r->checks[i].ok)
			return false;
	return r->has_floor;
}

static void print_text(const struct report *r)
{
	const struct floor_result *f = &r->floor;

	printf("lpuchaos %s (%s) on %s %s %s\n\n", LPUCHAOS_VERSION, LPUCHAOS_COMMIT,
	        r->kernel.sysname, r->kernel.release, r->kernel.machine);
	for (uint32_t i = 0; i < r->n; i++)
		printf("  %-4s %-28s %s\n",
		        r->checks[i].ok         ? "ok"
		        : r->checks[i].required ? "FAIL"
		                                : "no",
		        r->checks[i].name, r->checks[i].detail);
	printf("\nnull-target floor, 2 s on loopback:\n");
	if (!r->has_floor) {
		printf("  not measured: %s\n", r->floor_error);
	} else {
		printf("  requests %llu, ok %llu\n", (unsigned long long)f->requests,
		        (unsigned long long)f->ok);
		printf("  ttft      p50 %.3f ms  p99 %.3f ms  max %.3f ms\n",
		        ns_to_ms(f->ttft_p50_ns), ns_to_ms(f->ttft_p99_ns),
		        ns_to_ms(f->ttft_max_ns));
		printf("  send lag  p50 %.3f ms  p99 %.3f ms  max %.3f ms\n",
		        ns_to_ms(f->send_lag_p50_ns), ns_to_ms(f->send_lag_p99_ns),
		        ns_to_ms(f->send_lag_max_ns));
	}
	printf("\n%s\n", fit_for_wall(r) ? "This machine can run both clocks."
	                                 : "This machine can run --clock virtual only.");
}

static void write_ms(struct json_out *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ns_to_ms(ns));
}

static void write_spread(struct json_out *o, const char *key, int64_t p50, int64_t p99, int64_t max)
{
	json_out_open(o, key, '{');
	write_ms(o, "p50", p50);
	write_ms(o, "p99", p99);
	write_ms(o, "max", max);
	json_out_close(o);
}

static void write_floor(const struct report *r, struct json_out *o)
{
	const struct floor_result *f = &r->floor;

	if (!r->has_floor) {
		json_out_null(o, "floor");
		json_out_str(o, "floor_error", r->floor_error);
		return;
	}
	json_out_open(o, "floor", '{');
	json_out_u64(o, "requests", f->requests);
	json_out_u64(o, "ok", f->ok);
	write_spread(o, "ttft_ms", f->ttft_p50_ns, f->ttft_p99_ns, f->ttft_max_ns);
	write_spread(o, "sched_lag_ms", f->send_lag_p50_ns, f->send_lag_p99_ns, f->send_lag_max_ns);
	json_out_close(o);
}

static void print_json(const struct report *r)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "schema", "lpuchaos.doctor/1");
	json_out_str(&o, "version", LPUCHAOS_VERSION);
	json_out_str(&o, "commit", LPUCHAOS_COMMIT);
	json_out_str(&o, "kernel", r->kernel.release);
	json_out_str(&o, "machine", r->kernel.machine);
	json_out_bool(&o, "wall_clock", fit_for_wall(r));
	json_out_open(&o, "checks", '[');
	for (uint32_t i = 0; i < r->n; i++) {
		json_out_open(&o, NULL, '{');
		json_out_str(&o, "name", r->checks[i].name);
		json_out_bool(&o, "ok", r->checks[i].ok);
		json_out_bool(&o, "required", r->checks[i].required);
		json_out_str(&o, "detail", r->checks[i].detail);
		json_out_close(&o);
	}
	json_out_close(&o);
	write_floor(r, &o);
	json_out_close(&o);
	printf("%s\n", o.buf);
	json_out_free(&o);
}

static int run(const void *args)
{
	const struct doctor_args *a = args;
	struct report report = {0};

	examine(&report);
	if (a->json)
		print_json(&report);
	else
		print_text(&report);
	return fit_for_wall(&report) ? 0 : ERR_ENVIRONMENT;
}

const struct command command_doctor = {
        .name = "doctor",
        .operands = "",
        .summary = "tell what this machine can do",
        .about = "Tries what a wall run needs: io_uring and its features, descriptor and memory "
                 "limits, "
                 "priority, cores. Then measures the floor: two seconds of load on a target that "
                 "does nothing "
                 "but answer. Exit code 3 where only the virtual clock is to be had.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct doctor_args),
        .run = run,
};
