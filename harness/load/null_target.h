/* A target that does nothing: a child process that answers every request at once with the same
 * short event stream, through the same harness/net as the emulator. What a client measures against
 * it is the floor of client, kernel and server together: no figure of a real run below it means
 * anything. */
#ifndef LPC_LOAD_NULL_TARGET_H
#define LPC_LOAD_NULL_TARGET_H

#include <sys/types.h>
#include "harness/base/error.h"
#include "harness/net/sock.h"

enum { NULL_TARGET_TOKENS = 8 };

struct null_target {
	struct sock_address address; /* on loopback */
	pid_t pid;
	int alive_fd; /* the child ends when this one closes, however we end */
};

/* Forks: before the caller opens any ring (PITFALLS S14). The child asks for the second processor.
 * Ended and reaped by null_target_stop. */
enum status null_target_start(struct null_target *t, struct error *err) LPC_MUST_USE;
void null_target_stop(struct null_target *t);

#endif
