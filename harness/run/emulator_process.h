/* The emulator as a process of its own, steered over the control channel by `run` (DESIGN §2), or
 * alone by `emulate`. */
#ifndef LPC_RUN_EMULATOR_PROCESS_H
#define LPC_RUN_EMULATOR_PROCESS_H

/* main() of the spawned process: reads the plan from fd, serves, reports, exits. Ignores SIGINT and
 * SIGTERM (a terminal's Ctrl-C or a signal to the group reaches it too) and follows the channel;
 * end of file = revert, stop, exit. */
int emulator_process(int fd);

/* The argument by which the binary calls itself: `lpuchaos --control-fd N`. */
#define EMULATOR_ARGUMENT "--control-fd"

#endif
