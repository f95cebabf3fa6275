/* Prometheus' text format.
 *
 * What counts as a completed answer: one that the client has *read*. The kernel having taken the
 * last byte is not that: a benchmark that stops on time leaves whole answers unread in its sockets.
 * So a completion is owed until there is a sign of life (the next request on the connection, its
 * FIN, a scrape of this page), and not counted when the connection ends by a reset, which is what
 * closing a socket with unread bytes sends. That makes the count equal to the client's own. */
#include "emulator/serve_metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "emulator/serve_state.h"
#include "harness/base/check.h"

static const double latency_bounds_s[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,
        0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80};
static const double gap_bounds_s[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03,
        0.04, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2.5};

static void histogram_of(struct metrics_histogram *h, const char *name, const char *help,
        const double *bounds_s, uint32_t n)
{
	CHECK(n <= METRICS_BOUNDS_MAX);
	*h = (struct metrics_histogram){.name = name, .help = help, .n = n, .bounds_s = bounds_s};
	for (uint32_t i = 0; i < n; i++)
		h->bounds_ns[i] = (int64_t)(bounds_s[i] * 1e9 + 0.5);
}

void metrics_init(struct metrics *m)
{
	*m = (struct metrics){0};
	histogram_of(&m->ttft, "vllm:time_to_first_token_seconds",
	        "From a request's arrival to its first token.", latency_bounds_s,
	        ARRAY_LEN(latency_bounds_s));
	histogram_of(&m->itl, "vllm:inter_token_latency_seconds",
	        "Between two tokens of a request.", gap_bounds_s, ARRAY_LEN(gap_bounds_s));
	histogram_of(&m->e2e, "vllm:e2e_request_latency_seconds",
	        "From a request's arrival to its last token.", latency_bounds_s,
	        ARRAY_LEN(latency_bounds_s));
	histogram_of(&m->queue, "vllm:request_queue_time_seconds",
	        "From a request's arrival to the entry into a slot.", latency_bounds_s,
	        ARRAY_LEN(latency_bounds_s));
}

struct page {
	char *buf;
	size_t n;
	const char *model;
};

static void LPC_PRINTF(2, 3) put(struct page *p, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(p->buf + p->n, METRICS_TEXT_MAX - p->n, format, args);
	va_end(args);
	CHECK(n >= 0 && (size_t)n < METRICS_TEXT_MAX - p->n);
	p->n += (size_t)n;
}

static void describe(struct page *p, const char *name, const char *type, const char *help)
{
	put(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(
        struct page *p, const char *name, const char *type, const char *help, double value)
{
	describe(p, name, type, help);
	put(p, "%s{model_name=\"%s\"} %.15g\n", name, p->model, value);
}

static void put_counter(struct page *p, const char *name, const char *help, uint64_t value)
{
	put_one(p, name, "counter", help, (double)value);
}

static void put_histogram(struct page *p, const struct metrics_histogram *h)
{
	uint64_t total = 0;

	describe(p, h->name, "histogram", h->help);
	for (uint32_t i = 0; i < h->n; i++) {
		total += h->in[i];
		put(p, "%s_bucket{model_name=\"%s\",le=\"%g\"} %" PRIu64 "\n", h->name, p->model,
		        h->bounds_s[i], total);
	}
	total += h->in[h->n];
	put(p, "%s_bucket{model_name=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", h->name, p->model, total);
	put(p, "%s_sum{model_name=\"%s\"} %.9f\n", h->name, p->model, (double)h->sum_ns / 1e9);
	put(p, "%s_count{model_name=\"%s\"} %" PRIu64 "\n", h->name, p->model, total);
}

static void put_vllm(struct serve *s, struct page *p)
{
	const struct metrics *m = &s->metrics;
	struct rack_signals now;

	rack_signals(s->rack, s->now, &now);
	put_one(p, "vllm:num_requests_running", "gauge", "Requests in a slot.",
	        (double)now.running);
	put_one(p, "vllm:num_requests_waiting", "gauge", "Requests in a queue.",
	        (double)now.queued);
	put_one(p, "lpuchaos_artifacts", "gauge", "Different artifacts that are loaded.",
	        (double)now.artifact_count);
	put_one(p, "lpuchaos_compile_backlog", "gauge", "Jobs in the compile farm.",
	        (double)now.compile_backlog);
	put_one(p, "vllm:kv_cache_usage_perc", "gauge", "Share of the slots in use, 1 = all.",
	        s->slots ? (double)now.running / (double)s->slots : 0);
	put_counter(p, "vllm:prompt_tokens_total", "Prompt tokens of completed requests.",
	        m->prompt_tokens);
	put_counter(p, "vllm:generation_tokens_total", "Output tokens of completed requests.",
	        m->output_tokens);
	describe(p, "vllm:request_success_total", "counter", "Answers that were read whole.");
	put(p,
	        "vllm:request_success_total{model_name=\"%s\",finished_reason=\"stop\"} %" PRIu64
	        "\n",
	        p->model, m->finished[METRICS_STOP]);
	put(p,
	        "vllm:request_success_total{model_name=\"%s\",finished_reason=\"length\"} %" PRIu64
	        "\n",
	        p->model, m->finished[METRICS_LENGTH]);
	put_histogram(p, &m->ttft);
	put_histogram(p, &m->itl);
	put_histogram(p, &m->e2e);
	put_histogram(p, &m->queue);
}

static void put_lag(struct serve *s, struct page *p)
{
	static const struct {
		double q;
		const char *text;
	} quantiles[] = {{0.5, "0.5"}, {0.99, "0.99"}, {1, "1"}};
	static const char name[] = "lpuchaos_emission_lag_seconds";
	int64_t ns;

	describe(p, name, "summary",
	        "How late token events were in the kernel's hands, against the timetable.");
	for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
		if (histogram_percentile(&s->emission_lag, quantiles[i].q, &ns))
			put(p, "%s{model_name=\"%s\",quantile=\"%s\"} %.9f\n", name, p->model,
			        quantiles[i].text, (double)ns / 1e9);
	put(p, "%s_sum{model_name=\"%s\"} %.9f\n", name, p->model,
	        (double)s->emission_lag.sum / 1e9);
	put(p, "%s_count{model_name=\"%s\"} %" PRIu64 "\n", name, p->model, s->emission_lag.count);
}

static void put_own(struct serve *s, struct page *p)
{
	struct serve_counts c = serve_counts(s);

	put_counter(
	        p, "lpuchaos_completions_total", "Answers that were read whole.", c.completions);
	put_counter(p, "lpuchaos_requests_total", "Completion requests handed to the rack.",
	        c.requests);
	put_counter(p, "lpuchaos_refused_total", "Requests that the rack refused.", c.refused);
	put_counter(
	        p, "lpuchaos_failed_total", "Requests ended by the loss of an instance.", c.failed);
	put_counter(p, "lpuchaos_cancelled_total",
	        "Requests whose client went away or was dropped.", c.cancelled);
	put_counter(p, "lpuchaos_slow_readers_total", "Streams closed with a full queue.",
	        c.slow_readers);
	put_counter(p, "lpuchaos_bad_requests_total", "Requests answered with a 4xx of their own.",
	        c.bad_requests);
	put_counter(p, "lpuchaos_timeouts_total", "Connections that took too long.", c.timeouts);
	put_counter(p, "lpuchaos_tokens_total", "Tokens given out.", c.tokens);
	put_counter(p, "lpuchaos_connections_total", "Connections accepted.", c.connections);
	put_counter(p, "lpuchaos_connections_shed_total", "Connections beyond the limit.",
	        c.connections_shed);
	put_one(p, "lpuchaos_open_connections", "gauge", "Connections now.", c.open_connections);
	put_one(p, "lpuchaos_open_streams", "gauge", "Completion requests under way.",
	        c.open_streams);
	put_lag(s, p);
}

size_t metrics_render(struct serve *s, char *buf)
{
	struct page p = {.buf = buf, .model = s->render.model};

	put_vllm(s, &p);
	put_own(s, &p);
	return p.n;
}
