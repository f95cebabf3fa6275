/* The emulator's process as its parent sees it: started from this very binary, joined by the
 * control channel, ended for certain. */
#ifndef LPC_RUN_SPAWN_H
#define LPC_RUN_SPAWN_H

#include <sys/types.h>
#include "harness/base/error.h"
#include "harness/run/control.h"
#include "harness/run/scenario.h"

struct spawned {
	pid_t pid;     /* 0 = none */
	int fd;        /* our end of the channel, -1 = none */
	uint16_t port; /* it listens on 127.0.0.1 */
	int nice, processor;
	long peak_kib; /* resident, after spawn_end */
};

/* Starts it, sends the plan, waits until it is ready. mirror: what it captures; NULL = nothing. */
enum status spawn_emulator(const struct scenario *s, const struct control_mirror *mirror,
        struct spawned *out, struct error *err) LPC_MUST_USE;

/* Closes the channel and reaps it: it has a second to end by itself, then it is killed. */
void spawn_end(struct spawned *p);

#endif
