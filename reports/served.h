/* A request that nothing happened to: admitted, served in one stay, no stop, no replay, no retry,
 * every token one frame after the last. Most requests of most runs are such, and ten integers say
 * all of what a struct sample says about them:
 *
 *   t_sched ─ingress─► arrival ─queue─► dispatch ─entry wait─► entry ─prefill─► first ─decode─►
 * last
 *
 *   t_first = first + ingress, t_last = t_done = last + ingress, every gap = frame
 *   blame: network 2 × ingress, and the five stretches above. */
#ifndef LPC_REPORTS_SERVED_H
#define LPC_REPORTS_SERVED_H

#include <stdint.h>

struct sample;

struct served {
	uint64_t id, order; /* as in struct sample */
	int64_t t_sched;
	int64_t t_dispatch, t_entry, t_first, t_last; /* in the rack: without the way back */
	int64_t ingress_ns;                           /* one way */
	int64_t frame_ns;
	uint32_t prompt_tokens, output_tokens;
	uint32_t tenant, tier;
};

/* The same request as a sample: what it means, in full. */
void served_sample(const struct served *r, struct sample *out);

struct score;

/* As score_sample (and score_gaps before it) for each of n requests, in order of t_done, then id.
 * Exactly the same result, at a fraction of the time. */
void score_served(struct score *s, const struct served *r, uint32_t n);

#endif
