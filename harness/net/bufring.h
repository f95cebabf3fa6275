/* A ring of receive buffers that the kernel picks from (provided buffers), with an owner per
 * buffer.
 *
 * Every buffer is either *free* (in the kernel's ring) or *taken* (named by a completion and not
 * yet given back). Giving back one that is not taken is a programmer error and asserted (R7).
 *
 * When the ring runs empty the kernel ends the receive with ENOBUFS. The connection is then
 * *parked* in a FIFO; the owner re-arms from its head, at most bufring_free() of them at a time, in
 * every turn, and does not wait while anyone stays parked (R2 to R4: level-triggered, because the
 * ENOBUFS completion may be handled after the last buffer has already come back). */
#ifndef LPC_NET_BUFRING_H
#define LPC_NET_BUFRING_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"

struct bufring;
struct ring;

struct bufring_config {
	uint32_t entries;      /* power of two, 1 … 32768 */
	uint32_t buffer_bytes; /* > 0 */
	uint32_t parked_max;   /* most connections that may be parked at once */
};

/* Memory is mapped here, once, and registered; it is zero (S13). Owned by the caller; the ring must
 * outlive it and nothing may be receiving into it when it is closed. */
enum status bufring_open(struct bufring **out, struct ring *r, const struct bufring_config *config,
        struct error *err) LPC_MUST_USE;
void bufring_close(struct bufring *b);

uint16_t bufring_group(const struct bufring *b);
uint32_t bufring_free(const struct bufring *b); /* given minus taken, as far as completions tell */

/* The buffer a completion with IORING_CQE_F_BUFFER names; marks it taken by owner. The pointer is
 * good until bufring_give(). */
char *bufring_take(struct bufring *b, uint32_t cqe_flags, uint32_t owner, uint32_t *bid);
void bufring_give(
        struct bufring *b, uint32_t bid, uint32_t owner); /* asserts it was taken by owner */

void bufring_park(struct bufring *b, uint64_t who); /* at the tail */
uint32_t bufring_parked(const struct bufring *b);
bool bufring_unpark(struct bufring *b, uint64_t *who); /* from the head; false when none */

#endif
