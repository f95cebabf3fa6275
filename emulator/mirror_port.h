/* The far end of a mirror (mirror.h): encodes messages and writes them to a file or an interface.
 * Used by one thread at a time. */
#ifndef LPC_EMULATOR_MIRROR_PORT_H
#define LPC_EMULATOR_MIRROR_PORT_H

#include "emulator/mirror.h"

struct mirror_port;

enum status mirror_port_open(struct mirror_port **out, const struct mirror_options *options,
        struct error *err) LPC_MUST_USE;
bool mirror_port_is_live(const struct mirror_port *p);
void mirror_port_write(struct mirror_port *p, const struct wire_message *message);
/* What is buffered goes out, so that others see it. */
void mirror_port_flush(struct mirror_port *p);
/* Of what was written and flushed. */
struct mirror_counts mirror_port_counts(const struct mirror_port *p);
void mirror_port_discard(struct mirror_port *p); /* NULL is allowed */
/* Flushes, frees; the first error that there was. */
enum status mirror_port_close(struct mirror_port *p, struct error *err) LPC_MUST_USE;

#endif
