#include "harness/run/watched.h"

#include "emulator/serve.h"
#include "harness/base/units.h"

void watched_init(struct watched *w, const struct habit *habit)
{
	struct gaps gaps = w->gaps;

	*w = (struct watched){.habit = *habit, .gaps = gaps, .patience_at = NS_NEVER};
	watched_attempt(w);
}

void watched_free(struct watched *w)
{
	gaps_free(&w->gaps);
}

void watched_attempt(struct watched *w)
{
	w->seen = w->held = 0;
	w->t_first = w->t_last = -1;
	w->resume_at = w->patience_at = NS_NEVER;
	w->leaves = w->closed = w->held_back = false;
	gaps_reset(&w->gaps, 0);
}

static void see(struct watched *w, int64_t now)
{
	if (w->seen++ == 0)
		w->t_first = now;
	else
		gaps_add(&w->gaps, now - w->t_last);
	w->t_last = now;
}

enum watched_step watched_token(struct watched *w, int64_t now)
{
	const struct habit *h = &w->habit;

	if (w->closed || w->leaves)
		return WATCHED_NOTHING;
	if (now < w->resume_at && w->resume_at != NS_NEVER) {
		if (++w->held <= h->buffered + SERVE_QUEUED_EVENTS_MAX)
			return WATCHED_NOTHING;
		w->closed = true;
		return WATCHED_CLOSED;
	}
	see(w, now);
	if (h->leave_tokens && w->seen == h->leave_tokens) {
		w->leaves = true;
		return WATCHED_LEAVES;
	}
	if (h->pause_tokens && w->seen == h->pause_tokens) {
		w->resume_at = now + h->pause_ns;
		return WATCHED_STOPS;
	}
	return w->seen == 1 ? WATCHED_FIRST : WATCHED_NOTHING;
}

void watched_resume(struct watched *w)
{
	for (; !w->closed && w->held > 0; w->held--)
		see(w, w->resume_at);
	w->resume_at = NS_NEVER;
}

void watched_fill(const struct watched *w, struct sample *s)
{
	s->t_first = s->t_hdr = w->t_first;
	s->t_last = w->t_last;
	s->output_tokens = w->seen;
	s->itl_judged_ns = -1;
	if (w->gaps.n && !w->gaps.dropped) {
		struct gaps copy = w->gaps;

		s->itl_judged_ns =
		        w->gaps.n + 1 < 100 ? gaps_max(&copy) : gaps_percentile(&copy, 0.99);
	}
}
