/* Ctrl-C and SIGTERM as a flag that whoever works long looks at. */
#ifndef LPC_RUN_INTERRUPT_H
#define LPC_RUN_INTERRUPT_H

#include <signal.h>

/* From now on both signals only set the flag, to the signal's number. It is the program's one; a
 * second call sets it back to 0. */
const volatile sig_atomic_t *interrupt_catch(void);

#endif
