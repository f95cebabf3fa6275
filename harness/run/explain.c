/* `explain`: the life of one request, from a virtual replay of the run that a result directory
 * describes. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "harness/base/arena.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/execute.h"

enum { LINE_BYTES = 160, LINES_MAX = 256 };

struct line {
	int64_t at_ns;
	char text[LINE_BYTES];
};

struct explain {
	const struct scenario *s;
	bool found;
	uint32_t n, left_out; /* steps beyond LINES_MAX are counted */
	struct line lines[LINES_MAX];
};

/* Entry and first token are known only at the end: lines are put where their instant belongs. */
static void line(struct explain *e, int64_t at_ns, const char *text)
{
	uint32_t i = e->n;

	if (e->n == LINES_MAX) {
		e->left_out++;
		return;
	}
	for (; i && e->lines[i - 1].at_ns > at_ns; i--)
		e->lines[i] = e->lines[i - 1];
	e->lines[i].at_ns = at_ns;
	(void)snprintf(e->lines[i].text, LINE_BYTES, "%s", text);
	e->n++;
}

static void on_step(void *ctx, int64_t at_ns, enum rack_step_kind step, int64_t a, int64_t b)
{
	struct explain *e = ctx;
	char text[LINE_BYTES] = "sent";

	if (step == STEP_QUEUED)
		(void)snprintf(text, sizeof(text), "queued in pool %s, bucket %" PRId64 " tokens",
		        e->s->deployment.pools[a].name,
		        e->s->deployment.pools[a].buckets[b].max_seq);
	if (step == STEP_DISPATCHED)
		(void)snprintf(
		        text, sizeof(text), "given slot %" PRId64 " of instance %" PRId64, b, a);
	if (step == STEP_EVICTED)
		(void)snprintf(text, sizeof(text),
		        "lost its instance after %" PRId64 " tokens; back to the head of the queue",
		        a);
	line(e, at_ns, text);
}

static void part(const char *name, int64_t ns)
{
	if (ns)
		(void)printf("%24s  %14.6f ms\n", name, ns_to_ms(ns));
}

static void on_done(void *ctx, const struct sample *s, const struct rack_completion *d)
{
	struct explain *e = ctx;
	char text[LINE_BYTES];

	e->found = true;
	if (d->t_entry >= 0)
		line(e, d->t_entry, "entered its slot, prefill begins");
	if (d->t_first >= 0)
		line(e, d->t_first, "first token at the client");
	(void)snprintf(text, sizeof(text), "last of %" PRId64 " tokens at the client: %s",
	        d->delivered, outcome_name(s->outcome));
	line(e, s->t_done, text);
	for (uint32_t i = 0; i < e->n; i++)
		(void)printf("%14.6f ms  %s\n", ns_to_ms(e->lines[i].at_ns), e->lines[i].text);
	if (e->left_out)
		(void)printf("… and %" PRIu32 " steps more\n", e->left_out);
	(void)printf("request %" PRIu64 ": %" PRId64
	             " prompt tokens, TTFT %.6f ms, whole %.6f ms, of "
	             "which\n",
	        s->id, s->prompt_tokens, ns_to_ms(s->t_first - s->t_sched),
	        ns_to_ms(s->t_last - s->t_sched));
	part("network", s->blame_network_ns);
	part("queue", s->blame_queue_ns);
	part("entry wait", s->blame_entry_ns);
	part("prefill", s->blame_prefill_ns);
	part("decode", s->blame_decode_ns);
	for (uint32_t i = 0; i < s->n_stalls; i++) {
		(void)snprintf(
		        text, sizeof(text), "stall:%s", e->s->faults.faults[s->stalls[i].fault].id);
		part(text, s->stalls[i].ns);
	}
}

static enum status replay(const char *dir, uint64_t id, struct explain *e, struct error *err)
{
	struct file_set *live = files_new(false);
	struct scenario *s = NULL;
	struct virtual_result run = {0};
	char path[PATH_MAX], *bundle = NULL;
	size_t n;
	enum status st;

	(void)snprintf(path, sizeof(path), "%s/bundle.json", dir);
	st = files_read(path, &bundle, &n, err);
	if (!st)
		st = scenario_from_plan(bundle, n, &s, err);
	if (!st && !s->has_deployment)
		st = error_set(err, ERR_USAGE,
		        "expected the result of an emulated rack, found one of %s, which no model "
		        "can play "
		        "again",
		        s->target.url);
	if (!st) {
		s->traces = files_traces(live); /* a bundle names traces, it does not hold them */
		e->s = s;
		(void)printf("%s, seed %" PRIu64 ", virtual clock\n", s->name, s->seed);
		st = drive_virtual(s,
		        &(struct virtual_options){.seed = s->seed,
		                .without = VIRTUAL_ALL_FAULTS,
		                .explain_id = id,
		                .explain = on_step,
		                .explain_done = on_done,
		                .explain_ctx = e},
		        &run, err);
		if (!st && !e->found)
			st = error_set(err, ERR_USAGE,
			        "expected a request from 1 to %" PRIu64
			        " that was served, found %" PRIu64,
			        run.scheduled, id);
		virtual_result_free(&run);
	}
	mem_free(bundle);
	scenario_free(s);
	files_free(live);
	return st;
}

int execute_explain(const char *dir, uint64_t request)
{
	struct explain e = {0};
	struct error err = ERROR_INIT;
	enum status st = replay(dir, request, &e, &err);

	if (st) {
		char text[1200];

		(void)error_format(&err, text, sizeof(text));
		(void)fprintf(stderr, "%s\n", text);
	}
	return (int)st;
}
