/* Where mirrored frames go: a capture file (pcap, ns, Ethernet; instants are run time from the
 * epoch on, so that the virtual clock writes the same bytes every time) or a live interface
 * (AF_PACKET, the kernel stamps them).
 *
 * A sink must never disturb the model: a write that fails ends the mirror, is kept as its error,
 * and mirror_close tells.
 *
 * Thread: all functions on one, which owns the mirror; with `behind` it has a thread of its own
 * that writes. */
#ifndef LPC_EMULATOR_MIRROR_H
#define LPC_EMULATOR_MIRROR_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "harness/base/wire.h"

struct mirror;

struct mirror_options {
	const char *to;     /* an interface of that name if there is one, else a file to write */
	bool file_only;     /* a file, whatever interfaces there are */
	uint64_t bytes_max; /* of a file; 0 = no limit. Beyond it nothing is written, but counted */
	/* A thread writes, so that mirror_message never waits for a disk or a cable. What it cannot
	 * keep up with is left out, as a switch would, and counted. Without it nothing is left out
	 * for that, and what is written depends on nothing but the messages. */
	bool behind;
};

/* left_out: beyond bytes_max, not kept up with, dropped by the interface, or after an error. */
struct mirror_counts {
	uint64_t written, left_out, critical; /* critical: of those written */
};

/* ERR_ENVIRONMENT: the file cannot be made, or the interface not be written to (it needs
 * CAP_NET_RAW; the message says what would help). A file that exists is overwritten. */
enum status mirror_open(
        struct mirror **out, const struct mirror_options *options, struct error *err) LPC_MUST_USE;
bool mirror_is_live(const struct mirror *m); /* it goes to an interface */
void mirror_message(struct mirror *m, const struct wire_message *message);
/* Waits until what was told is written, as far as it will be. */
void mirror_drain(struct mirror *m);
/* Exact after mirror_drain; of a file without `behind` always. */
struct mirror_counts mirror_counts(const struct mirror *m);
/* Drains, flushes, frees; the first error that there was. NULL is allowed. */
enum status mirror_close(struct mirror *m, struct error *err) LPC_MUST_USE;

#endif
