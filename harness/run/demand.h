/* The load side of the faults: what the families `shape`, `load` and `client` do to the requests
 * and to those who send them. Implements the client's verbs of fault_sink; both drivers use it, so
 * that both clocks send the same. */
#ifndef LPC_RUN_DEMAND_H
#define LPC_RUN_DEMAND_H

#include "faults/load.h"
#include "faults/schedule.h"
#include "harness/run/scenario.h"

struct demand; /* not to be moved or copied */

struct demand *demand_new(const struct scenario *s, uint64_t seed); /* s is borrowed */
void demand_free(struct demand *d);
struct fault_sink demand_sink(struct demand *d);

/* Nothing is in force: what clients do is as it was before the first fault. */
bool demand_is_quiet(const struct demand *d);

/* Bends the lengths of a planned arrival by every active fault that targets its traffic entry, in
 * order of the plan, then settles max_tokens. Calls `hit` for each fault that changed it. */
void demand_shape(struct demand *d, struct arrival *a,
        void (*hit)(void *ctx, uint32_t fault, int64_t at_ns), void *ctx);

/* Its two parts, for whoever looks ahead. demand_see: a planned arrival, as it was drawn, is being
 * sent. demand_bend: what it would be if it were sent now; nothing else is changed by it. */
void demand_see(struct demand *d, const struct arrival *a);
void demand_bend(const struct demand *d, struct arrival *a,
        void (*hit)(void *ctx, uint32_t fault, int64_t at_ns), void *ctx);

/* Without demand_see nothing would be missed: false. */
bool demand_looks(const struct demand *d);
/* Without demand_bend *a would stay as it is: false. */
bool demand_bends(const struct demand *d, const struct arrival *a);

/* Are bent lengths all that faults do to the load now, each by a fault that is `known`? */
bool demand_shapes_only(
        const struct demand *d, bool (*known)(void *ctx, uint32_t fault), void *ctx);

/* Arrivals that faults add: the instant of the next one (NS_NEVER: none before the end of the run,
 * as things stand), and taking it. Their ids are traffic_extra_id()s. They are yet to be shaped. */
int64_t demand_next_at(const struct demand *d);
void demand_take(struct demand *d, struct arrival *out);

/* What the client of one request does; zeros = nothing. At most one fault picks a client, the first
 * of the plan. By tokens only where more are to come: who leaves with the last one has missed
 * nothing. */
struct habit {
	uint32_t fault;
	int64_t leave_tokens, leave_ns;
	int64_t pause_tokens, pause_ns, buffered; /* faults/client.h */
};

/* For a planned request, shaped. False: its client does nothing but wait for its answer. */
bool demand_habit(const struct demand *d, const struct arrival *a, struct habit *out);

/* How clients of a traffic entry send again now: the first active storm of the plan that targets
 * it, with its index, or NULL: as their entry says. */
const struct load_storm *demand_storm(const struct demand *d, uint32_t tenant, uint32_t *fault);

#endif
