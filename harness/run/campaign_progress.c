#include "harness/run/campaign_progress.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/units.h"
#include "harness/net/clock.h"

enum { LINE_BYTES = 400, SHORT_BYTES = 32 };

#define TERMINAL_EVERY_NS (NS_PER_S / 5)
#define PLAIN_EVERY_NS    (5 * NS_PER_S)

bool campaign_is_worse(enum verdict a, enum verdict b)
{
	static const int rank[] = {[VERDICT_PASS] = 0,
	        [VERDICT_INCONCLUSIVE] = 1,
	        [VERDICT_ABORTED] = 2,
	        [VERDICT_FAIL] = 3};

	return rank[a] > rank[b];
}

void campaign_progress_begin(struct campaign_progress *p, uint64_t done, uint64_t total)
{
	int64_t now = clock_now_ns();

	*p = (struct campaign_progress){.terminal = isatty(STDERR_FILENO),
	        .before = done,
	        .done = done,
	        .total = total,
	        .began_ns = now,
	        .next_ns = now};
	if (!p->terminal)
		p->next_ns += PLAIN_EVERY_NS;
}

static void count_text(double v, char out[static SHORT_BYTES])
{
	const char *unit = v >= 1e6 ? "M" : v >= 1e4 ? "k" : "";

	v = v >= 1e6 ? v / 1e6 : v >= 1e4 ? v / 1e3 : v;
	(void)snprintf(out, SHORT_BYTES, v < 100 ? "%.1f%s" : "%.0f%s", v, unit);
}

static void time_text(double seconds, char out[static SHORT_BYTES])
{
	int64_t s = seconds < 1e9 ? (int64_t)(seconds + 0.5) : (int64_t)1e9;

	if (s < 60)
		(void)snprintf(out, SHORT_BYTES, "%" PRId64 " s", s);
	else if (s < 3600)
		(void)snprintf(out, SHORT_BYTES, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
	else
		(void)snprintf(
		        out, SHORT_BYTES, "%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
}

/* A line that wraps cannot be rewritten. */
static void fit(char *line)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 &&
	        strlen(line) >= size.ws_col)
		line[size.ws_col - 1] = '\0';
}

static void show(struct campaign_progress *p, int64_t now)
{
	double seconds = (double)(now - p->began_ns) / 1e9;
	double rate = seconds > 0 ? (double)(p->done - p->before) / seconds : 0;
	char cells[SHORT_BYTES], requests[SHORT_BYTES], left[SHORT_BYTES] = "?", line[LINE_BYTES];

	count_text(rate, cells);
	count_text(seconds > 0 ? (double)p->requests / seconds : 0, requests);
	if (rate > 0)
		time_text((double)(p->total - p->done) / rate, left);
	(void)snprintf(line, sizeof(line),
	        "%" PRIu64 "/%" PRIu64 " cells  %s cells/s  %s requests/s  %s left  worst: %s %s",
	        p->done, p->total, cells, requests, left,
	        p->has_worst ? verdict_name(p->worst.verdict) : "-",
	        p->has_worst ? p->worst.name : "");
	if (p->terminal)
		fit(line);
	(void)fprintf(stderr, p->terminal ? "\r\033[K%s" : "%s\n", line);
	p->shown = true;
}

static bool is_worst(const struct campaign_progress *p, const struct campaign_brief *b)
{
	if (!p->has_worst || campaign_is_worse(b->verdict, p->worst.verdict))
		return true;
	return b->verdict == p->worst.verdict && b->damage > p->worst.damage;
}

void campaign_progress_cell(struct campaign_progress *p, const struct campaign_brief *brief)
{
	int64_t now = clock_now_ns();

	p->done++;
	p->requests += brief->requests;
	if (is_worst(p, brief)) {
		p->worst = *brief;
		p->has_worst = true;
	}
	if (now < p->next_ns)
		return;
	p->next_ns = now + (p->terminal ? TERMINAL_EVERY_NS : PLAIN_EVERY_NS);
	show(p, now);
}

void campaign_progress_end(struct campaign_progress *p)
{
	double seconds = (double)(clock_now_ns() - p->began_ns) / 1e9;
	char cells[SHORT_BYTES], requests[SHORT_BYTES];

	if (p->terminal && p->shown)
		(void)fprintf(stderr, "\r\033[K");
	if (p->done == p->before || seconds <= 0)
		return;
	count_text((double)(p->done - p->before) / seconds, cells);
	count_text((double)p->requests / seconds, requests);
	(void)fprintf(stderr,
	        "%" PRIu64 " cells, %" PRIu64 " requests in %.1f s: %s cells/s, %s requests/s\n",
	        p->done - p->before, p->requests, seconds, cells, requests);
}
