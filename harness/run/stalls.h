/* What stalled a request of a wall run, its slowed frames included. Only the emulator knows; it
 * tells over the control channel just before the answer's end leaves for the client, so the account
 * of a request is here before its sample is. Few wait at a time: those whose sample comes next. */
#ifndef LPC_RUN_STALLS_H
#define LPC_RUN_STALLS_H

#include <stdbool.h>
#include "emulator/rack.h"
#include "reports/sample.h"

/* The parts of one request's life in the rack, net of stalls. They are not its metrics: frames
 * count as compiled. */
struct stalled {
	uint64_t id;
	int64_t queue_ns; /* entry wait included */
	int64_t prefill_ns, decode_ns;
	uint32_t n;
	struct sample_stall stalls[SAMPLE_STALLS_MAX];
};

struct stalls {
	struct stalled *waiting;
	uint32_t n, capacity;
};

void stalls_free(struct stalls *b);
struct stalled stalls_of(const struct rack_completion *done);
void stalls_add(struct stalls *b, const struct stalled *account);
/* Hands out the account of request `id`, once; false if nothing stalled it. */
bool stalls_take(struct stalls *b, uint64_t id, struct stalled *out);
/* Replaces the sample's blame by the account's parts; what they leave is the network's. */
void stalls_blame(const struct stalled *account, struct sample *s);

#endif
