#include "harness/run/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { PLAIN_EVERY_S = 10, LINE_BYTES = 200 };

void progress_begin(struct progress_line *p, const struct scenario *s)
{
	*p = (struct progress_line){.s = s, .terminal = isatty(STDERR_FILENO)};
}

static const char *phase_of(const struct scenario *s, int64_t now_ns)
{
	if (now_ns < s->warmup_ns)
		return "warm-up";
	return now_ns < s->duration_ns ? "load" : "drain";
}

void progress_wall(void *ctx, const struct wall_progress *w)
{
	struct progress_line *p = ctx;
	int64_t s = w->now_ns / NS_PER_S;
	char line[LINE_BYTES], p99[32] = "-", faults[96] = "no fault";

	if (!p->terminal && s % PLAIN_EVERY_S)
		return;
	if (w->p99_ttft_ns >= 0)
		(void)snprintf(p99, sizeof(p99), "%.1f ms", ns_to_ms(w->p99_ttft_ns));
	if (w->n_active == 1)
		(void)snprintf(faults, sizeof(faults), "fault %s", w->active);
	if (w->n_active > 1)
		(void)snprintf(
		        faults, sizeof(faults), "fault %s and %u more", w->active, w->n_active - 1);
	(void)snprintf(line, sizeof(line),
	        "%" PRId64 "/%" PRId64 " s %s  done %" PRIu64 "  in flight %" PRIu64
	        "  errors %" PRIu64 "  TTFT p99 %s  %s",
	        s, (p->s->duration_ns + NS_PER_S - 1) / NS_PER_S, phase_of(p->s, w->now_ns),
	        w->done, w->in_flight, w->errors, p99, faults);
	(void)fprintf(stderr, p->terminal ? "\r\033[K%s" : "%s\n", line);
	p->shown = true;
}

void progress_end(struct progress_line *p)
{
	if (p->terminal && p->shown)
		(void)fprintf(stderr, "\r\033[K");
}
