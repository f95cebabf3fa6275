/* What the faults of an Ethernet link do to real packets: each is late, or it is dropped. Pure: who
 * has sockets (relay.h) tells when a packet came and is told when it goes on.
 *
 * The laws and the draws are the model's (message_law.h). A direction is one stream: `who` is its
 * number, `m` the number of the packet in it, from 0, whatever becomes of it, also while no fault
 * is in force; the law's name is "FAULT/0". So the same seed and the same packets give the same
 * fates, and a chain (of losses, of a correlated delay) runs along the packets of one direction.
 *
 * Where packets differ from messages of a stream: one that is lost is gone, as is one that comes in
 * an outage or while the link is cut; whoever sent it repeats it. Order is kept in each direction
 * as the model keeps it in each stream: a packet waits behind the one before it (netem would let
 * it overtake, which TCP takes for a loss). */
#ifndef LPC_FAULTS_PACKET_LINK_H
#define LPC_FAULTS_PACKET_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "faults/sink.h"
#include "harness/base/arena.h"

enum { PACKET_DIRECTIONS = 2 };
#define PACKET_DROPPED INT64_C(-1)

struct packet_link;

/* `ids`: of the plan's faults, by index; borrowed. Lives in the arena, but for what
 * packet_link_free frees. */
struct packet_link *packet_link_new(
        uint64_t seed, const char *const *ids, uint32_t n_faults, struct arena *arena);
void packet_link_free(struct packet_link *link);

/* Serves ether_delay, control_lapse (LAPSE_CUT) and their ends; components are not looked at, the
 * link is the only one. */
struct fault_sink packet_link_sink(struct packet_link *link);

/* A packet comes at `now`, not before the one before it in its direction: when it goes on, or
 * PACKET_DROPPED. */
int64_t packet_link_pass(struct packet_link *link, uint32_t direction, int64_t now);

#endif
