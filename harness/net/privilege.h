/* What a measuring process asks of the machine before it measures: a processor of its own and the
 * first turn on it (FORMATS §1, "Self-check"). Neither is guaranteed; the result says what was got.
 * At normal priority a busy neighbour costs milliseconds of lag, at nice -20 tens of microseconds.
 */
#ifndef LPC_NET_PRIVILEGE_H
#define LPC_NET_PRIVILEGE_H

#include <stdint.h>

enum { PRIVILEGE_NO_GROUP = 127 /* no such nice value: there is no autogroup */ };

struct privilege {
	int nice;                  /* of the process now */
	int processor;             /* pinned to; -1 = none of its own */
	int nice_error, pin_error; /* errno of what was refused, 0 = granted */
	int group_nice; /* of the session's autogroup before, 0 if it was PRIVILEGE_NICE already;
	                   PRIVILEGE_NO_GROUP = left alone */
};

enum { PRIVILEGE_NICE = -20, PRIVILEGE_TEXT_MAX = 96 };

/* Asks for nice -20 and for the nth of the processors that the process was allowed when it called
 * this first: the same nth for two processes that share the machine is a mistake. With fewer than
 * nth + 1 processors it is not pinned (ENODEV). Threads and forked children made later inherit
 * both; a program executed later knows only the one processor it inherits, so spawn it before
 * asking. */
struct privilege privilege_ask(uint32_t nth);

/* For a thread that works beside the measurement: the priority and the processors that the process
 * had at first, whatever the thread that made it was given since. */
void privilege_drop(void);

/* Where the kernel groups tasks by session (sched_autogroup), nice counts only inside a session,
 * and one busy shell elsewhere takes half the processor. So privilege_ask raises the session's
 * group too; this puts it back. The group outlives us: call it before the program ends. */
void privilege_give_back(const struct privilege *p);

/* "nice -20, processor 1", or what was refused and why. Returns buf. */
const char *privilege_text(const struct privilege *p, char buf[static PRIVILEGE_TEXT_MAX]);

#endif
