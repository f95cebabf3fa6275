/* The machine's monotonic clock. clock.c is the only translation unit of the program that reads it
 * (DESIGN §2); everything that decides something takes `now` as a parameter. */
#ifndef LPC_NET_CLOCK_H
#define LPC_NET_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX /* a deadline that does not come */

/* CLOCK_MONOTONIC in ns. Comparable between processes of one machine; that is what the control
 * channel relies on when it sends one T0 to both sides. */
int64_t clock_now_ns(void);

/* Seconds since 1970 UTC, for what people read (`created` of an answer); never for measuring. */
int64_t clock_unix_s(void);

/* The same in ns: for instants that the kernel stamped by that clock. It may be set, so a
 * difference may be anything. */
int64_t clock_unix_ns(void);

/* How long from now_ns to deadline_ns: 0 when it has passed, CLOCK_NEVER for CLOCK_NEVER. */
int64_t clock_left_ns(int64_t deadline_ns, int64_t now_ns);

/* Blocks the thread until deadline_ns, whatever signals arrive. For start-up and tests, not for
 * loops that own a ring. */
void clock_sleep_until(int64_t deadline_ns);

/* Asks the kernel not to round this thread's timeouts up (timer slack 1 ns instead of 50 us):
 * without it a wait until an absolute deadline returns up to 50 us late. Inherited by threads made
 * later. */
void clock_sharpen_timers(void);

#endif
