/* What a pcapng file says about itself beside its packets, read while its bytes pass by on their
 * way to libpcap, which skips all of it: how many packets were lost (interface statistics blocks,
 * the drop counts of packets), and whether its interfaces are of several link types, which libpcap
 * refuses in words of its own. draft-ietf-opsawg-pcapng-03, sections 4.1 to 4.6 and A.1.
 *
 * Pure, and of a fixed size whatever passes. It never judges the file: where the blocks make no
 * sense it stops looking, and libpcap, which looks closer, has the word. */
#ifndef LPC_REPORTS_CAPTURE_BLOCKS_H
#define LPC_REPORTS_CAPTURE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAPTURE_INTERFACES_MAX = 1024, CAPTURE_HOLD_BYTES = 1 << 17 };

struct capture_losses { /* of one interface: both totals since the capture began */
	uint64_t by_interface, by_system; /* as statistics say */
	uint64_t between;                 /* as packets say, summed */
};

struct capture_blocks {
	bool begun;        /* there was a section */
	bool blind;        /* no pcapng, or no longer understood */
	bool swapped;      /* the section's byte order is not ours */
	bool mixed;        /* interfaces of one section differ in link type or snapshot length */
	bool unread;       /* options that were too long to be read */
	int stage;         /* what the next `want` bytes are */
	uint32_t want;     /* that many together */
	uint64_t skip;     /* before them */
	uint32_t length;   /* of the block, all of it */
	uint32_t n_held;   /* of `want`, kept from earlier bytes */
	uint32_t who;      /* the interface of the packet whose options come */
	uint64_t finished; /* lost in the sections before this one */
	uint32_t n_interfaces;
	uint16_t link_type; /* of the section's first interface, with its snapshot length */
	uint32_t snaplen;
	struct capture_losses losses[CAPTURE_INTERFACES_MAX];
	struct capture_losses others; /* of interfaces beyond */
	uint8_t held[CAPTURE_HOLD_BYTES];
};

void capture_blocks_init(struct capture_blocks *b);

/* The next bytes of the file, in order, in pieces of any size. */
void capture_blocks_feed(struct capture_blocks *b, const uint8_t *bytes, size_t n);

/* Lost packets so far. An interface may tell it in both ways: the larger number counts. */
uint64_t capture_blocks_dropped(const struct capture_blocks *b);

#endif
