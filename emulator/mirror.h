/* Where mirrored frames go: a capture file (pcap, ns, Ethernet; instants are run time from the
 * epoch on, so that the virtual clock writes the same bytes every time) or a live interface
 * (AF_PACKET, the kernel stamps them).
 *
 * A sink must never disturb the model: a write that fails ends the mirror, is kept as its error,
 * and mirror_close tells. */
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
};

struct mirror_counts {
	uint64_t written, left_out, critical;
};

enum status mirror_open(
        struct mirror **out, const struct mirror_options *options, struct error *err) LPC_MUST_USE;
void mirror_message(struct mirror *m, const struct wire_message *message);
struct mirror_counts mirror_counts(const struct mirror *m);
/* Flushes, frees; the first error that there was. NULL is allowed. */
enum status mirror_close(struct mirror *m, struct error *err) LPC_MUST_USE;

#endif
