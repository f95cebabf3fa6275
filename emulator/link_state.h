/* The rack's inside, continued: what links and clocks do to an instance besides being down.
 * Included by rack_state.h and by nobody else. */
#ifndef LPC_EMULATOR_LINK_STATE_H
#define LPC_EMULATOR_LINK_STATE_H

#include "emulator/instance.h"
#include "emulator/rack.h"
#include "harness/base/digest.h"

/* --- errors.c: links that err
 * ------------------------------------------------------------------------------------- */

/* A fault's error process on a link; kept when the fault is over: the next occurrence goes on. */
struct error_source {
	uint32_t fault, link;
	bool active, bad;
	struct link_errors law;
	uint64_t sojourn_key, frame_key; /* of prng_at */
	uint64_t sojourn;                /* how many were drawn */
	int64_t until;                   /* end of the one under way */
	uint64_t counted;                /* errors since the last scan */
};

struct errors {
	struct error_source *sources;
	uint32_t n_sources, capacity, n_active;
	uint32_t *attempt; /* by instance: which replay of its last frame is under way, 0 = none */
	int64_t scan_at;   /* health.link_scan; NS_NEVER = nothing to be found */
};

void errors_create(struct rack *r);
void errors_free(struct rack *r);
/* NULL ends this fault's errors on the link. */
void errors_set(
        struct rack *r, int64_t now, uint32_t fault, uint32_t link, const struct link_errors *law);
bool errors_watches(const struct rack *r, const struct instance *in);
void errors_frame_end(struct rack *r, int64_t now, struct instance *in, int64_t frame);
void errors_stall_over(struct rack *r, int64_t now, struct instance *in);
void errors_scan(struct rack *r, int64_t now); /* at scan_at, behind the frame ends */
void errors_fold(const struct rack *r, struct lanes *lanes);

/* --- drift.c: clocks that drift
 * ----------------------------------------------------------------------------------- */

struct drift_unit {
	uint32_t fault, component, node;
	int64_t from;
	uint64_t excess_ppb; /* beyond health.drift_budget */
	int64_t deskew_ns;
};

struct drift {
	struct drift_unit *units;
	uint32_t n_units, capacity;
	uint64_t margin_ps; /* of a link, never 0 */
	int64_t *aligned;   /* by instance: what fell due up to then is done */
};

void drift_create(struct rack *r);
void drift_free(struct rack *r);
/* NULL ends this fault's drift of the component. */
void drift_set(struct rack *r, int64_t now, uint32_t fault, uint32_t component,
        const struct clock_drift *law);
bool drift_watches(const struct rack *r, const struct instance *in);
void drift_frame_end(struct rack *r, int64_t now, struct instance *in);
void drift_aligned(struct rack *r, int64_t now, const struct instance *in); /* by a resync */
void drift_fold(const struct rack *r, struct lanes *lanes);

/* --- wiring.c: what is plugged in where
 * --------------------------------------------------------------------------- */

struct cable_swap;

struct wiring {
	struct cable_swap *swaps; /* in the order in which they were made */
	uint32_t n_swaps, capacity, n_live;
	uint32_t *far_of, *near_of; /* by link: whose far port its cable is in, and the inverse */
	uint32_t *serviced;         /* by link: it is down because somebody announced it */
	int64_t *late_ns;           /* by instance: extra hops, a frame; while n_live */
	uint32_t *cause;            /* by instance: of those */
};

void wiring_create(struct rack *r); /* before any path is mapped */
void wiring_free(struct rack *r);
uint32_t wiring_room(const struct topology *t, uint32_t n_nodes); /* links of a live path */
/* The instance's path as it runs over the live wiring; while n_live. */
void wiring_reroute(struct rack *r, struct instance *in);
enum path_scope wiring_scope(const struct rack *r, uint32_t link); /* by its live ends */
bool wiring_watches(const struct rack *r, const struct instance *in);
void wiring_frame_end(struct rack *r, int64_t now, struct instance *in);
/* Links by index; other COMPONENT_NONE = a neighbour. */
void wiring_pull(struct rack *r, int64_t now, uint32_t fault, uint32_t link, uint32_t other);
void wiring_plug(struct rack *r, int64_t now, uint32_t fault, uint32_t link);
void wiring_restore(struct rack *r, int64_t now, uint32_t fault, uint32_t link);
void wiring_fold(const struct rack *r, struct lanes *lanes);

#endif
