/* The law of one Ethernet link's messages (struct ether_delay) as pure functions of draws: the
 * model asks them for the messages of its streams and frames (emulator/fabric.c), the relay for
 * real packets (faults/packet_link.h). The same seed, name, `who` and number give the same draws to
 * both. */
#ifndef LPC_FAULTS_MESSAGE_LAW_H
#define LPC_FAULTS_MESSAGE_LAW_H

#include <stdbool.h>
#include <stdint.h>
#include "faults/sink.h"

enum loss_chain { CHAIN_NEW, CHAIN_GOOD, CHAIN_BAD };

struct message_law {
	struct ether_delay d;
	int64_t from;                /* in force from then on */
	uint64_t key, loss_key;      /* of prng_at */
	uint64_t loss_num, loss_den; /* share lost of messages that know no predecessor */
	/* Episodes so far: busy from switches[0] = from on, idle from switches[1] on, … */
	int64_t *switches;
	uint32_t n_switches, switches_capacity;
};

/* `name`: what the draws are keyed by beside the seed, "FAULT/LINK". */
void message_law_init(struct message_law *l, uint64_t seed, const char *name, int64_t from,
        const struct ether_delay *d);
void message_law_free(struct message_law *l);

/* Delay of a message sent at `sent`; `bits`: its draw; `chained`: *last is of its predecessor. */
int64_t message_delay(
        struct message_law *l, int64_t sent, uint64_t bits, double *last, bool chained);

/* Is all that the law does a delay that is drawn from a normal distribution? */
bool message_is_plain(const struct message_law *l);
/* Then that of many of them, one after the other, as message_delay would draw it; `chained` is of
 * the first. n <= MESSAGE_BLOCK. */
enum { MESSAGE_BLOCK = 64 };
void message_delays(const struct message_law *l, uint32_t n, const uint64_t bits[], double *last,
        bool chained, int64_t delay_ns[]);

/* Whether message m of `who` is lost when it is sent first; steps the chain (enum loss_chain). Only
 * where loss_num is not 0. */
bool message_lost(const struct message_law *l, uint64_t who, uint64_t m, uint8_t *chain);

struct message {
	int64_t sent;
	uint64_t who, m;    /* whose message it is, and which of them */
	int64_t rto, fast;  /* fast: how soon three later ones tell of a loss; NS_NEVER = never */
	int64_t *out_until; /* what an outage holds up gets through then, and all behind it in its
	                       stream; NULL: nothing follows in its stream */
};
/* How much later it gets through for being lost, repeats included. */
int64_t message_loss(struct message_law *l, const struct message *msg, uint8_t *chain);

/* How many times as long a bulk transfer takes at `now`, 0 = it stands still; *until: when that may
 * change next, if it is sooner. */
uint32_t message_bulk(struct message_law *l, int64_t now, int64_t *until);

#endif
