/* Giving up what opening an interface needed: user ids, groups, capabilities, for the whole process
 * and for good. Linux. Only one thread may be running: the kernel's calls are each thread's own.
 *
 * Whom a process of root becomes: who called sudo (SUDO_UID, SUDO_GID), who started a setuid
 * program, else nobody. Where ids cannot be changed (a user namespace that has only one, a
 * container without CAP_SETUID) they stay, without any capability. */
#ifndef LPC_NET_DEMOTE_H
#define LPC_NET_DEMOTE_H

#include <stdbool.h>
#include <sys/types.h>
#include "harness/base/error.h"

struct demote_heir {
	uid_t uid;
	gid_t gid;
	bool changes; /* the process runs as root now, and will not */
};

/* Whom the process will be after demote_process. */
struct demote_heir demote_heir(void);

/* Gives up, then tries to get each of it back: ERR_ENVIRONMENT if anything is left. */
enum status demote_process(struct error *err) LPC_MUST_USE;

#endif
