/* A request that nothing happens to: admitted, served in one stay, no stop, no replay, no retry,
 * every token one frame after the last. Most requests of most runs are such, and a dozen integers
 * say all of it: to the rack, which plays them so (emulator/express.h), and to the scorer
 * (reports/served.h).
 *
 *   t_sched ─ingress─► arrival ─queue─► dispatch ─entry wait─► entry ─prefill─► first ─decode─►
 * last
 *
 * At the client's end the first token is there at first + ingress, the last, and with it the end,
 * at last + ingress; every gap is a frame. Blame: network 2 × ingress, and the five stretches. ns
 * of run time. */
#ifndef LPC_BASE_RIDER_H
#define LPC_BASE_RIDER_H

#include <stdint.h>

struct rider {
	uint64_t id, order; /* order: 1, 2, 3 … by t_sched among all requests; 0 = the id is */
	int64_t t_sched;
	uint32_t tenant, tier;
	uint32_t prompt_tokens, output_tokens; /* as delivered */
	uint32_t max_tokens;
	uint32_t queue;                               /* the rack's: of a bucket of a pool */
	int64_t declared;                             /* the rack's: frames, for token_budget */
	int64_t t_dispatch, t_entry, t_first, t_last; /* in the rack: without the way back */
	int64_t ingress_ns;                           /* one way */
	int64_t frame_ns;
};

#endif
