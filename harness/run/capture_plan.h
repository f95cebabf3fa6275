/* How much of a run its mirror shows, decided before it starts: 1 in how many requests, and of
 * those 1 in how many frames, so that the capture stays small and its audit costs little beside the
 * run. A function of the scenario alone, so that both clocks show the same. */
#ifndef LPC_RUN_CAPTURE_PLAN_H
#define LPC_RUN_CAPTURE_PLAN_H

#include "harness/run/scenario.h"

enum {
	CAPTURE_AIM_BYTES = 1 << 20,    /* what a capture is planned to take */
	CAPTURE_MOST_BYTES = 256 << 20, /* … and may; what comes behind is counted as left out */
	CAPTURE_REQUESTS_MIN = 3,       /* expected to be shown, whatever they take */
	CAPTURE_FRAMES = 4, /* of a request, about: many requests in part tell of more instances and
	                       instants than few of them whole */
};

struct capture_plan {
	uint32_t every;    /* 1 in so many requests; 0 = nothing is captured */
	uint32_t frames;   /* of each, one frame in so many */
	int64_t period_ns; /* polls and samples are shown once in so much time */
};

/* ERR_USAGE only for a trace that cannot be read. */
enum status capture_plan(
        const struct scenario *s, struct capture_plan *out, struct error *err) LPC_MUST_USE;

#endif
