/* Faults by chance, from what the program says about itself: targets and parameters from the
 * catalogue's records and the deployment, so that a new kind or a new parameter is drawn as soon as
 * it is in its table. Values are mostly near their defaults, sometimes at an end of their range.
 * Nothing here knows which parameters go together: what the scenario's parser refuses is the
 * caller's to take back.
 *
 * Everything is a function of the drawer's stream and the scenario. One thread a drawer. */
#ifndef LPC_RUN_SWARM_DRAW_H
#define LPC_RUN_SWARM_DRAW_H

#include "harness/base/prng.h"
#include "harness/run/scenario.h"

struct swarm_drawer {
	struct prng g;
	const struct scenario *scenario; /* whom to ask for targets; NULL while only values are */
	int64_t span_ns; /* longer times are mostly drawn as fractions of this one */
	struct arena arena;
};

/* `seed` and `purpose` name the stream. */
void swarm_drawer_init(struct swarm_drawer *d, uint64_t seed, const char *purpose, int64_t span_ns);
void swarm_drawer_free(struct swarm_drawer *d);

uint64_t swarm_below(struct swarm_drawer *d, uint64_t n); /* uniform in [0, n) */
bool swarm_chance(struct swarm_drawer *d, unsigned percent);
const char *swarm_pick(struct swarm_drawer *d, const char *const *words, size_t n);
#define SWARM_PICK(d, ...)                                                                         \
	swarm_pick(d, (const char *const[]){__VA_ARGS__},                                          \
	        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* A member with a duration as files have it. */
void swarm_out_duration(struct json_out *o, const char *key, int64_t ns);

/* A value for the field. What no table describes is as in `like`, an object, if it is there. */
void swarm_out_field(
        struct swarm_drawer *d, struct json_out *o, const struct field *f, struct jval like);

/* "target", left out at times where the kind has a default. Returns how many things it may name, 0
 * = this deployment has none of what the kind hits. */
uint32_t swarm_out_target(
        struct swarm_drawer *d, struct json_out *o, const struct fault_kind *kind);

/* Each parameter of the kind with a chance of 60 %. */
void swarm_out_parameters(
        struct swarm_drawer *d, struct json_out *o, const struct fault_kind *kind);

#endif
