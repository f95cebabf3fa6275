/* Metrics of FORMATS §1 from the timestamps of a sample. TPOT is rounded up to a whole ns, so that
 * a comparison with a limit in whole ns is the comparison of the exact quotient. */
#include "reports/group.h"
#include <string.h>
#include "harness/base/check.h"
#include "harness/base/units.h"

void group_init(struct group *g)
{
	memset(g, 0, sizeof(*g));
	for (int m = 0; m < METRIC_GROUPS; m++)
		histogram_init(&g->metric[m]);
}

void group_free(struct group *g)
{
	for (int m = 0; m < METRIC_GROUPS; m++)
		histogram_free(&g->metric[m]);
}

void group_merge(struct group *into, const struct group *from)
{
	for (int m = 0; m < METRIC_GROUPS; m++)
		histogram_merge(&into->metric[m], &from->metric[m]);
	for (int i = 0; i < OUTCOME_COUNT; i++)
		into->by_outcome[i] += from->by_outcome[i];
	into->requests += from->requests;
	into->good += from->good;
	into->prompt_tokens += from->prompt_tokens;
	into->output_tokens += from->output_tokens;
}

static int64_t tpot_of(const struct sample *x)
{
	int64_t span = x->t_last - x->t_first, gaps = x->output_tokens - 1;

	if (gaps < 1)
		return -1;
	if (((uint64_t)span | (uint64_t)gaps) >> 32 == 0) /* the common case: a narrow division */
		return (int64_t)(((uint32_t)span + (uint64_t)gaps - 1) / (uint32_t)gaps);
	return ceil_div_i64(span, gaps);
}

void group_values(const struct sample *x, int64_t value[static METRIC_COUNT])
{
	bool streamed = x->t_first >= 0 && x->t_last >= x->t_first;

	value[METRIC_TTFT] = streamed ? x->t_first - x->t_sched : -1;
	value[METRIC_E2EL] = streamed ? x->t_last - x->t_sched : -1;
	value[METRIC_TPOT] = streamed ? tpot_of(x) : -1;
	value[METRIC_ITL] = x->itl_judged_ns;
	value[METRIC_QUEUE] = x->queue_ns;
	value[METRIC_PREFILL] = x->prefill_ns;
	value[METRIC_DECODE] = x->decode_ns;
	value[METRIC_SCHED_LAG] = x->t_send >= x->t_sched ? x->t_send - x->t_sched : -1;
}

void group_add(struct group *g, const struct sample *x, const int64_t value[static METRIC_COUNT])
{
	g->requests++;
	g->by_outcome[x->outcome]++;
	if (x->outcome != OUTCOME_OK)
		return;
	g->prompt_tokens += x->prompt_tokens;
	g->output_tokens += x->output_tokens;
	for (int m = 0; m < METRIC_GROUPS; m++)
		if (m != METRIC_ITL && value[m] >= 0)
			histogram_add(&g->metric[m], value[m]);
}

uint64_t group_errors(const uint64_t by_outcome[static OUTCOME_COUNT])
{
	uint64_t n = 0;

	for (int i = 0; i < OUTCOME_COUNT; i++)
		if (group_is_error((enum outcome)i))
			n += by_outcome[i];
	return n;
}

static void percentile_json(
        const struct histogram *h, double q, const char *key, struct json_out *o)
{
	int64_t ns;

	if (h->count >= histogram_floor(q) && histogram_percentile(h, q, &ns))
		json_out_real(o, key, ns_to_ms(ns));
	else
		json_out_null(o, key);
}

static void mean_json(const struct histogram *h, const char *key, struct json_out *o)
{
	if (h->count)
		json_out_real(o, key, histogram_mean(h) / 1e6);
	else
		json_out_null(o, key);
}

static void metric_json(const struct histogram *h, enum metric m, struct json_out *o)
{
	json_out_open(o, metric_name(m), '{');
	json_out_u64(o, "count", h->count);
	mean_json(h, "mean", o);
	percentile_json(h, 0.50, "p50", o);
	percentile_json(h, 0.90, "p90", o);
	percentile_json(h, 0.95, "p95", o);
	percentile_json(h, 0.99, "p99", o);
	percentile_json(h, 0.999, "p999", o);
	if (h->count)
		json_out_real(o, "max", ns_to_ms(h->max));
	else
		json_out_null(o, "max");
	json_out_close(o);
}

static void rate_json(double n, int64_t length_ns, const char *key, struct json_out *o)
{
	if (length_ns > 0)
		json_out_real(o, key, n / ((double)length_ns / 1e9));
	else
		json_out_null(o, key);
}

void group_vllm_json(const struct group *g, int64_t length_ns, struct json_out *o)
{
	static const struct {
		enum metric m;
		const char *mean, *median, *p99;
	} names[] = {
	        {METRIC_TTFT, "mean_ttft_ms", "median_ttft_ms", "p99_ttft_ms"},
	        {METRIC_TPOT, "mean_tpot_ms", "median_tpot_ms", "p99_tpot_ms"},
	        {METRIC_ITL, "mean_itl_ms", "median_itl_ms", "p99_itl_ms"},
	        {METRIC_E2EL, "mean_e2el_ms", "median_e2el_ms", "p99_e2el_ms"},
	};

	json_out_u64(o, "completed", g->by_outcome[OUTCOME_OK]);
	json_out_i64(o, "total_input_tokens", g->prompt_tokens);
	json_out_i64(o, "total_output_tokens", g->output_tokens);
	rate_json((double)g->by_outcome[OUTCOME_OK], length_ns, "request_throughput", o);
	rate_json((double)g->good, length_ns, "request_goodput", o);
	rate_json((double)g->output_tokens, length_ns, "output_throughput", o);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct histogram *h = &g->metric[names[i].m];

		mean_json(h, names[i].mean, o);
		percentile_json(h, 0.50, names[i].median, o);
		percentile_json(h, 0.99, names[i].p99, o);
	}
}

void group_json(const struct group *g, const char *tier, enum window window, int64_t length_ns,
        struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "tier", tier);
	json_out_str(o, "window", window_name(window));
	json_out_u64(o, "requests", g->requests);
	json_out_open(o, "metrics", '{');
	for (int m = 0; m < METRIC_GROUPS; m++)
		metric_json(&g->metric[m], (enum metric)m, o);
	json_out_close(o);
	rate_json((double)g->good, length_ns, "goodput_rps", o);
	if (g->requests)
		json_out_real(o, "good_fraction", (double)g->good / (double)g->requests);
	else
		json_out_null(o, "good_fraction");
	group_vllm_json(g, length_ns, o);
	json_out_close(o);
}
