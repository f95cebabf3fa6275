/* faults.json: the ledger of a run, and time as the faults cut it up. Lists of stretches have a
 * limit; what is beyond it is counted. */
#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "reports/render_parts.h"
#include "reports/score_state.h"

enum { STRETCHES_MAX = 1 << 16 }; /* of a list */

/* For each mark that is an inject, when that ended; -1 = not before the run did. */
static int64_t *ends_of(const struct score *s)
{
	int64_t *end = mem_alloc(s->n_marks + 1, sizeof(*end));
	uint32_t *begun = mem_alloc(s->config.n_faults + 1, sizeof(*begun)); /* by fault */

	for (uint32_t i = 0; i < s->n_marks; i++) {
		const struct score_mark *m = &s->marks[i];

		end[i] = -1;
		if (m->told == TOLD_INJECT)
			begun[m->fault] = i;
		if (m->told == TOLD_REVERT)
			end[begun[m->fault]] = m->at_ns;
	}
	mem_free(begun);
	return end;
}

/* When each fault was in force. */
static void active_json(struct json_out *o, const struct score *s, const struct score_names *names)
{
	int64_t *end = ends_of(s);
	uint64_t n = 0;

	json_out_open(o, "active", '[');
	for (uint32_t i = 0; i < s->n_marks; i++) {
		const struct score_mark *m = &s->marks[i];
		struct render_line line;

		if (m->told != TOLD_INJECT || n++ >= STRETCHES_MAX)
			continue;
		line = render_line_open(o);
		json_out_str(o, "fault", names->faults[m->fault]);
		json_out_i64(o, "from_ns", m->at_ns);
		render_instant(o, "to_ns", end[i]);
		render_line_close(o, line);
	}
	json_out_close(o);
	json_out_u64(
	        o, "active_left_out", s->marks_lost + (n > STRETCHES_MAX ? n - STRETCHES_MAX : 0));
	mem_free(end);
}

static void windows_json(struct json_out *o, const struct score *s)
{
	struct window_stretch stretch, next;
	uint64_t cursor = 0, n = 0;
	bool more = score_stretch(s, &cursor, &stretch);

	json_out_open(o, "windows", '[');
	while (more) {
		while ((more = score_stretch(s, &cursor, &next)) && next.window == stretch.window)
			stretch.to_ns = next.to_ns; /* one fault upon the other */
		if (n++ < STRETCHES_MAX) {
			struct render_line line = render_line_open(o);

			json_out_str(o, "window", window_name(stretch.window));
			json_out_i64(o, "from_ns", stretch.from_ns);
			json_out_i64(o, "to_ns", stretch.to_ns);
			render_line_close(o, line);
		}
		stretch = next;
	}
	json_out_close(o);
	json_out_u64(o, "windows_left_out", n > STRETCHES_MAX ? n - STRETCHES_MAX : 0);
}

void render_faults(const struct result_document *d, struct json_out *o)
{
	const struct score *s = d->score;

	CHECK(s->decided);
	json_out_open(o, NULL, '{');
	render_origin(o, "lpuchaos.faults/1", d);
	json_out_i64(o, "warmup_ns", s->config.warmup_ns);
	json_out_i64(o, "duration_ns", s->config.duration_ns);
	json_out_open(o, "faults", '[');
	for (uint32_t i = 0; i < d->n_faults; i++)
		render_fault(o, &d->faults[i]);
	json_out_close(o);
	active_json(o, s, d->names);
	windows_json(o, s);
	json_out_close(o);
}
