/* What the composition root hangs into the loop: timed machines, the grid, watched descriptors, t0.
 * Server and client are one process: the client's bytes wait in the kernel. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/units.h"
#include "harness/net/clock.h"
#include "tests/support/deployment_text.h"
#include "tests/support/ring_skip.h"
#include "tests/support/run_suite.h"
#include "tests/support/serve_fixture.h"

#define MS NS_PER_MS

struct root {
	struct serve *serve;
	int64_t ticks, timed_at, timed_seen; /* tick count when the machine was stepped */
	int64_t stop_at;
	int fd;
	int readable;
	bool eof;
};

static void on_tick(void *ctx, int64_t at)
{
	struct root *r = ctx;

	ck_assert_int_eq(at, r->ticks++ * 10 * MS);
	ck_assert_int_eq(serve_now(r->serve), at);
	if (at >= r->stop_at)
		serve_stop(r->serve);
}

static int64_t timed_next(void *ctx)
{
	return ((struct root *)ctx)->timed_at;
}

static void timed_step(void *ctx, int64_t now)
{
	struct root *r = ctx;

	ck_assert_int_eq(now, r->timed_at);
	r->timed_at = NS_NEVER;
	r->timed_seen = r->ticks;
}

static void on_readable(void *ctx, uint32_t events)
{
	struct root *r = ctx;
	char byte;

	ck_assert(events & (POLLIN | POLLHUP));
	r->readable++;
	r->eof |= read(r->fd, &byte, 1) == 0;
}

static struct serve *make(struct root *r, struct parsed *p)
{
	static const char *const name[] = {"default"};
	struct error err = ERROR_INIT;

	ck_assert(parse_text(p, "test", serve_fixture_small));
	struct serve_config config = {
	        .rack = {.deployment = &p->d,
	                .tenants = name,
	                .n_tenants = 1,
	                .tiers = name,
	                .n_tiers = 1},
	        .listen = "127.0.0.1:0",
	        .ignore_sigint = true,
	        .limits = {.connections = 64},
	        .timed = {.ctx = r, .next_at = timed_next, .step = timed_step},
	        .grid = {.ctx = r, .period_ns = 10 * MS, .tick = on_tick},
	        .n_watches = r->fd >= 0,
	        .watches = {{.fd = r->fd, .ctx = r, .readable = on_readable}},
	};

	ck_assert_msg(!serve_create(&r->serve, &config, &err), "%s", err.text);
	return r->serve;
}

static void run_to_the_end(struct root *r, struct parsed *p)
{
	struct error err = ERROR_INIT;

	ck_assert(!serve_run(r->serve, &err));
	serve_free(r->serve);
	parsed_free(p);
}

START_TEST(grid_and_machines)
{
	struct root r = {.timed_at = 35 * MS, .stop_at = 100 * MS, .fd = -1};
	struct parsed p;

	serve_set_t0(make(&r, &p), clock_now_ns());
	run_to_the_end(&r, &p);
	ck_assert_int_eq(r.ticks, 11);
	ck_assert_int_eq(r.timed_seen, 4); /* after the ticks at 0, 10, 20 and 30 ms */
}
END_TEST

START_TEST(machine_before_the_grid)
{
	struct root r = {.timed_at = 40 * MS, .stop_at = 60 * MS, .fd = -1};
	struct parsed p;

	serve_set_t0(make(&r, &p), clock_now_ns());
	run_to_the_end(&r, &p);
	ck_assert_int_eq(r.timed_seen, 4); /* at 40 ms, before that tick */
}
END_TEST

START_TEST(watched_descriptor)
{
	struct root r = {.timed_at = NS_NEVER, .stop_at = 50 * MS};
	struct parsed p;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	r.fd = ends[0];
	serve_set_t0(make(&r, &p), clock_now_ns());
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	close(ends[1]);
	run_to_the_end(&r, &p);
	ck_assert_int_ge(r.readable, 1);
	close(ends[0]);
}
END_TEST

START_TEST(not_ready_before_t0)
{
	struct root r = {.timed_at = NS_NEVER, .stop_at = 20 * MS, .fd = -1};
	struct served self;
	struct parsed p;
	char buf[2048];
	int fd;

	self.port = serve_port(make(&r, &p));
	serve_set_t0(r.serve, clock_now_ns() + 100 * MS);
	fd = served_connect(&self);
	served_post(fd, "/v1/completions", "{\"model\":\"llama-3.1-8b\",\"prompt\":\"x\"}");
	run_to_the_end(&r, &p);
	served_read(fd, buf, sizeof(buf), "}}");
	ck_assert_msg(strncmp(buf, "HTTP/1.1 503", 12) == 0, "%s", buf);
	ck_assert_ptr_nonnull(strstr(buf, "not_ready"));
	close(fd);
}
END_TEST

START_TEST(taken_port)
{
	struct root r = {.timed_at = NS_NEVER, .fd = -1};
	static const char *const name[] = {"default"};
	struct error err = ERROR_INIT;
	struct serve *second;
	struct parsed p;
	char listen[32];

	snprintf(listen, sizeof(listen), "127.0.0.1:%u", serve_port(make(&r, &p)));
	struct serve_config config = {.rack = {.deployment = &p.d,
	                                      .tenants = name,
	                                      .n_tenants = 1,
	                                      .tiers = name,
	                                      .n_tiers = 1},
	        .listen = listen,
	        .limits = {.connections = 8}};

	ck_assert_int_eq(serve_create(&second, &config, &err), ERR_ENVIRONMENT);
	ck_assert_ptr_nonnull(strstr(err.text, listen));
	serve_free(r.serve);
	parsed_free(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("serve_hooks");

	if (ring_is_refused())
		return EXIT_SKIPPED;
	add_test(suite, "grid", grid_and_machines);
	add_test(suite, "machine_before_grid", machine_before_the_grid);
	add_test(suite, "watch", watched_descriptor);
	add_test(suite, "not_ready", not_ready_before_t0);
	add_test(suite, "taken_port", taken_port);
	return run_suite(suite);
}
