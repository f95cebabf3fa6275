#include "harness/load/floor.h"

#include "harness/base/histogram.h"
#include "harness/base/units.h"
#include "harness/load/load.h"
#include "harness/load/null_target.h"
#include "harness/net/clock.h"

enum { CONNECTIONS = 16, CONNECTIONS_LIMIT = 512 };

struct floor {
	uint64_t next; /* request */
	struct load_floor *out;
	struct histogram ttft_wire;
};

static int64_t peek(void *ctx)
{
	const struct floor *f = ctx;

	return (int64_t)f->next * (NS_PER_S / FLOOR_RATE);
}

static void next(void *ctx, struct load_request *out)
{
	struct floor *f = ctx;

	*out = (struct load_request){
	        .id = f->next + 1,
	        .at_ns = peek(f),
	        .prompt_tokens = 64,
	        .output_tokens = NULL_TARGET_TOKENS,
	        .max_tokens = NULL_TARGET_TOKENS,
	};
	f->next++;
}

static void sample(void *ctx, const struct load_sample *s)
{
	struct floor *f = ctx;

	f->out->requests++;
	if (s->outcome != LOAD_OK)
		return;
	f->out->ok++;
	histogram_add(&f->ttft_wire, s->t_first - s->t_send);
}

static void tick(void *ctx, int64_t grid_ns, int64_t now_ns)
{
	(void)ctx;
	(void)grid_ns;
	(void)now_ns;
}

static int64_t percentile(const struct histogram *h, double q)
{
	int64_t ns;

	return histogram_percentile(h, q, &ns) ? ns : -1;
}

static enum status measure(
        struct floor *f, const struct null_target *target, int64_t seconds, struct error *err)
{
	static const struct load_tenant tenant = {
	        .name = "floor", .tier = "floor", .timeout_ns = 5 * NS_PER_S};
	const struct load_config config = {
	        .peer = target->address,
	        .host = "127.0.0.1",
	        .path_prefix = "",
	        .model = "null",
	        .tenants = &tenant,
	        .n_tenants = 1,
	        .duration_ns = seconds * NS_PER_S,
	        .drain_ns = NS_PER_S,
	        .connections = CONNECTIONS,
	        .connections_max = CONNECTIONS_LIMIT,
	        .source = {.ctx = f, .peek = peek, .next = next},
	        .listener = {.ctx = f, .sample = sample, .tick = tick},
	};
	struct load_result result;
	struct load *l;
	enum status rc = load_open(&l, &config, err);

	if (rc)
		return rc;
	rc = load_connect(l, err);
	if (!rc) {
		rc = load_run(l, clock_now_ns() + 20 * NS_PER_MS, &result, err);
		f->out->send_lag_p99_ns = percentile(&result.send_lag, 0.99);
		f->out->loop_lag_p99_ns = percentile(&result.loop_lag, 0.99);
		load_result_free(&result);
	}
	load_close(l);
	return rc;
}

enum status load_floor(int64_t seconds, struct load_floor *out, struct error *err)
{
	struct floor f = {.out = out};
	struct null_target target;
	enum status rc = null_target_start(&target, err);

	*out = (struct load_floor){0};
	if (rc)
		return rc;
	histogram_init(&f.ttft_wire);
	rc = measure(&f, &target, seconds, err);
	out->ttft_wire_p50_ns = percentile(&f.ttft_wire, 0.5);
	out->ttft_wire_p99_ns = percentile(&f.ttft_wire, 0.99);
	histogram_free(&f.ttft_wire);
	null_target_stop(&target);
	return rc;
}
