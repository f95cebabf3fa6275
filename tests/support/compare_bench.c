#include "tests/support/compare_bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/scenario_text.h"

#define TEXT                                                                                       \
	"{\"version\":1,\"name\":\"bench\",\"seed\":1,\"duration\":\"%ds\",\"warmup\":\"5s\","     \
	"\"drain\":\"60s\",\"deployment\":{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":"  \
	"8192,\"frame\":\"%dns\",\"slots\":%d,\"prefill_tokens_per_frame\":64}],\"instances\":1,"  \
	"\"admission\":{\"policy\":\"none\"}}]},\"traffic\":[{\"name\":\"t\",\"tier\":\"chat\","   \
	"\"timeout\":\"1h\",%s}]}"

/* A request of the queueing loads takes 1 + 31 frames of 2 ms: 8 slots serve 125 a second. */
#define QUEUEING(rate)                                                                             \
	"\"arrival\":{\"process\":\"poisson\",\"rate\":" rate "},"                                 \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":32}"

const struct bench_load bench_loads[] = {
        {"rho 0.2, TTFT is prefill", 2000000,
                "\"arrival\":{\"process\":\"poisson\",\"rate\":100},"
                "\"prompt_tokens\":{\"dist\":\"uniform\",\"min\":64,\"max\":1024},"
                "\"output_tokens\":{\"dist\":\"constant\",\"value\":8}",
                16, 205},
        {"rho 0.5, TTFT is waiting", 2000000, QUEUEING("62.5"), 8, 325},
        {"rho 0.7, TTFT is waiting", 2000000, QUEUEING("87.5"), 8, 234},
};
const uint32_t bench_n_loads = ARRAY_LEN(bench_loads);

static void take(void *ctx, const struct sample *x)
{
	compare_run_sample(ctx, x);
}

void bench_run(const struct bench_load *load, int frame_ns, uint64_t seed, struct bench_run *out)
{
	struct virtual_options options = {.seed = seed,
	        .without = VIRTUAL_ALL_FAULTS,
	        .sample = take,
	        .sample_ctx = &out->run};
	struct virtual_result result;
	struct error err = ERROR_INIT;
	struct scenario *s;
	enum status st;
	char text[2048];

	*out = (struct bench_run){.tier = {.name = "chat", .vif = 1}};
	(void)snprintf(
	        text, sizeof(text), TEXT, load->seconds, frame_ns, load->slots, load->traffic);
	s = scenario_text(text);
	arena_init(&out->arena, 0);
	(void)snprintf(out->traffic, sizeof(out->traffic), "%" PRIu64, seed);
	(void)snprintf(out->result, sizeof(out->result), "%" PRIu64 " with %d", seed, frame_ns);
	out->run = (struct compare_run){.scenario = load->name,
	        .seed = seed,
	        .traffic_digest = out->traffic,
	        .result_digest = out->result,
	        .virtual_clock = true,
	        .valid = true,
	        .warmup_ns = s->warmup_ns,
	        .duration_ns = s->duration_ns,
	        .n_tiers = 1,
	        .tiers = &out->tier,
	        .arena = &out->arena};
	for (int m = 0; m < METRIC_GROUPS; m++)
		histogram_init(&out->tier.metric[m].all);
	compare_run_requests(&out->run);
	st = drive_virtual(s, &options, &result, &err);
	CHECK(st == ERR_NONE);
	virtual_result_free(&result);
	scenario_free(s);
}

void bench_free(struct bench_run *r)
{
	compare_run_free(&r->run);
	arena_free(&r->arena);
}

double bench_p99_ms(const struct bench_run *r)
{
	int64_t ns = 0;

	CHECK(histogram_percentile(&r->tier.metric[METRIC_TTFT].all, 0.99, &ns));
	return ns_to_ms(ns);
}

/* Over the same seeds as BASE: what it adds is nearly free of chance. */
static double added(const struct bench_load *load, int frame_ns, uint32_t n)
{
	double base = 0, new = 0;

	for (uint64_t seed = 1; seed <= n; seed++) {
		struct bench_run b, m;

		bench_run(load, load->frame_ns, seed, &b);
		bench_run(load, frame_ns, seed, &m);
		base += bench_p99_ms(&b);
		new += bench_p99_ms(&m);
		bench_free(&b);
		bench_free(&m);
	}
	return new / base - 1;
}

int bench_plant(const struct bench_load *load, double share, uint32_t n, double *planted)
{
	int low = load->frame_ns, high = (int)(load->frame_ns * (1 + share)) + 1;

	for (int i = 0; i < 10; i++) {
		int middle = low + (high - low) / 2;

		if (added(load, middle, n) < share)
			low = middle;
		else
			high = middle;
	}
	*planted = added(load, high, n);
	return high;
}

struct bench_answer bench_compare(const struct bench_run *base, const struct bench_run *new)
{
	struct compare_options options = {0, COMPARE_CONFIDENCE};
	struct bench_answer answer = {0};
	struct compare c;

	compare_init(&c, &options);
	compare_runs(&c, &base->run, &new->run);
	compare_judge(&c);
	answer.flagged = compare_exit_code(&c) == 1;
	for (uint32_t i = 0; i < c.pairs[0].n_items; i++) {
		const struct compare_item *item = &c.pairs[0].items[i];

		if (strcmp(item->name, "chat ttft_ms p99") != 0)
			continue;
		answer.ttft = item->state == COMPARE_WORSE;
		answer.seen_from = item->seen_from / item->base;
	}
	compare_free(&c);
	return answer;
}
