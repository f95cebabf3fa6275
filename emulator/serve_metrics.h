/* Counters and histograms for Prometheus: `vllm:*` as dashboards for vLLM expect them, and our own
 * `lpuchaos_*` (docs/SERVER.md has the table). */
#ifndef LPC_EMULATOR_SERVE_METRICS_H
#define LPC_EMULATOR_SERVE_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum { METRICS_BOUNDS_MAX = 24, METRICS_TEXT_MAX = 48 << 10 };

enum metrics_finish { METRICS_STOP, METRICS_LENGTH, METRICS_FINISHES, METRICS_NONE };

struct metrics_histogram {
	const char *name, *help;
	uint32_t n;             /* bounds; +Inf comes by itself */
	const double *bounds_s; /* ascending */
	int64_t bounds_ns[METRICS_BOUNDS_MAX];
	uint64_t in[METRICS_BOUNDS_MAX + 1];
	int64_t sum_ns;
};

struct metrics {
	struct metrics_histogram ttft, itl, e2e, queue;
	uint64_t finished[METRICS_FINISHES]; /* answers that were read */
	uint64_t prompt_tokens, output_tokens;
};

struct serve;

void metrics_init(struct metrics *m);

static inline void metrics_observe(struct metrics_histogram *h, int64_t ns)
{
	uint32_t i = 0;

	while (i < h->n && ns > h->bounds_ns[i])
		i++;
	h->in[i]++;
	h->sum_ns += ns;
}

/* The text exposition format, version 0.0.4. Returns its length, at most METRICS_TEXT_MAX. */
size_t metrics_render(struct serve *s, char *buf);

#endif
