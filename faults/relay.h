/* A cable with faults: forwards Ethernet frames between two interfaces, both ways, late or not at
 * all as a packet_link says. Two AF_PACKET sockets, frames held in a heap by the instant at which
 * they go on, one thread that sleeps until the next of these instants or the next frame.
 *
 * A frame's delay counts from the instant at which the kernel received it, not from when this
 * process was given the processor: what the relay itself adds is its lateness, and is measured.
 *
 * Frames are passed on as they are, up to what the interface hands out: VLAN tags are put back,
 * checksums that the sender left to its interface stay left to the next one, and segments that the
 * sender joined (GSO) stay joined and count as one packet. */
#ifndef LPC_FAULTS_RELAY_H
#define LPC_FAULTS_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "faults/packet_link.h"
#include "harness/base/error.h"
#include "harness/base/histogram.h"

struct relay;

/* The faults: told when an instant of theirs has come, run time. */
struct relay_timed {
	void *ctx;
	int64_t (*next_at)(void *ctx);
	void (*step)(void *ctx, int64_t now);
};

struct relay_config {
	const char *interfaces[PACKET_DIRECTIONS];
	struct packet_link
	        *link; /* borrowed, as all of this; its direction 0 goes from [0] to [1] */
	struct relay_timed timed;
	const volatile sig_atomic_t
	        *stop;  /* of SIGINT and SIGTERM, caught (harness/run/interrupt.h) */
	int64_t for_ns; /* NS_NEVER = until *stop */
};

/* received = dropped + overflowed + unsent + held + forwarded. */
struct relay_counts {
	uint64_t received, bytes;
	uint64_t dropped;    /* by a fault */
	uint64_t delayed;    /* held by a fault for any time at all */
	uint64_t overflowed; /* no room to hold it */
	uint64_t unsent;     /* refused by the interface: its queue is full, it is down, its MTU */
	uint64_t held;       /* at the end */
	uint64_t forwarded;
	uint64_t missed; /* never received: the kernel had no room, or could not hand it out */
};

/* Both interfaces are open, in promiscuous mode, when it returns; frames wait in the kernel.
 * ERR_USAGE: the same interface twice; ERR_ENVIRONMENT: no such interface, one that is no
 * Ethernet, or no permission (what would help is said). */
enum status relay_open(
        struct relay **out, const struct relay_config *config, struct error *err) LPC_MUST_USE;

/* Until *stop, or for_ns; run time counts from its beginning. ERR_ENVIRONMENT: an interface went
 * away; what was counted stands. */
enum status relay_run(struct relay *r, struct error *err) LPC_MUST_USE;

int64_t relay_ran_ns(const struct relay *r);
struct relay_counts relay_counts(const struct relay *r, uint32_t direction);
/* What the faults asked for, of frames that were not dropped; 0 where nothing was in force. */
const struct histogram *relay_delays(const struct relay *r, uint32_t direction);
/* How much later than that the frames went on. */
const struct histogram *relay_lateness(const struct relay *r);

void relay_free(struct relay *r); /* NULL is allowed */

#endif
