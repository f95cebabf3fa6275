#include "tests/e2e/load/driver.h"

#include <check.h>
#include "harness/base/units.h"
#include "harness/net/clock.h"

static int64_t peek(void *ctx)
{
	const struct drive *d = ctx;

	return d->pulled < d->requests ? (int64_t)d->pulled * d->every_ns : NS_NEVER;
}

static void next(void *ctx, struct load_request *out)
{
	struct drive *d = ctx;

	*out = (struct load_request){
	        .id = d->pulled + 1,
	        .at_ns = peek(d),
	        .prompt_tokens = d->prompt_tokens,
	        .output_tokens = d->output_tokens,
	        .max_tokens = d->output_tokens,
	};
	if (++d->pulled == d->stop_at)
		load_stop(d->load);
}

static void sample(void *ctx, const struct load_sample *s)
{
	struct drive *d = ctx;

	ck_assert_uint_le(s->request.id, d->requests);
	ck_assert_uint_eq(d->samples[s->request.id - 1].request.id, 0); /* one sample each */
	d->samples[s->request.id - 1] = *s;
	d->by_outcome[s->outcome]++;
	d->sampled++;
}

static void tick(void *ctx, int64_t grid_ns, int64_t now_ns)
{
	struct drive *d = ctx;

	ck_assert_int_eq(grid_ns, d->ticks * LOAD_TICK_NS);
	ck_assert_int_ge(now_ns, grid_ns);
	if (now_ns - grid_ns > d->worst_tick_ns)
		d->worst_tick_ns = now_ns - grid_ns;
	d->ticks++;
}

static int64_t given(int64_t value, int64_t ordinary)
{
	return value ? value : ordinary;
}

void drive_run(struct drive *d)
{
	const struct load_tenant tenant = {
	        .name = "t",
	        .tier = "interactive",
	        .timeout_ns = given(d->timeout_ns, 10 * NS_PER_S),
	        .retries = d->retries,
	};
	struct load_config config = {
	        .path_prefix = "",
	        .host = "127.0.0.1",
	        .model = "m",
	        .completions = d->completions,
	        .identify = true,
	        .verify = !d->no_verify,
	        .tenants = &tenant,
	        .n_tenants = 1,
	        .duration_ns = given(d->duration_ns, 50 * NS_PER_MS),
	        .drain_ns = given(d->drain_ns, 5 * NS_PER_S),
	        .connections = d->connections,
	        .connections_max = (uint32_t)given(d->connections_max, 64),
	        .source = {.ctx = d, .peek = peek, .next = next},
	        .listener = {.ctx = d, .sample = sample, .tick = tick},
	};
	struct error err = ERROR_INIT;

	ck_assert_uint_le(d->requests, DRIVER_REQUESTS_MAX);
	d->every_ns = given(d->every_ns, NS_PER_MS);
	d->prompt_tokens = given(d->prompt_tokens, 16);
	d->output_tokens = given(d->output_tokens, 8);
	ck_assert_int_eq(sock_resolve(&config.peer, "127.0.0.1", d->port, &err), ERR_NONE);
	ck_assert_msg(load_open(&d->load, &config, &err) == ERR_NONE, "%s", err.text);
	ck_assert_int_eq(load_connect(d->load, &err), ERR_NONE);
	ck_assert_int_eq(
	        load_run(d->load, clock_now_ns() + 20 * NS_PER_MS, &d->result, &err), ERR_NONE);
	load_close(d->load);
	d->send_lag_max_ns = d->result.send_lag.max;
	d->send_lags = d->result.send_lag.count;
	d->loop_lags = d->result.loop_lag.count;
	load_result_free(&d->result);
	ck_assert_uint_eq(d->sampled, d->pulled);
	ck_assert_uint_eq(d->result.totals.pulled, d->pulled);
	ck_assert_uint_eq(d->result.totals.finished, d->pulled);
	ck_assert_uint_eq(d->result.totals.in_flight, 0);
	ck_assert_uint_eq(d->result.totals.waiting, 0);
}
