#include "harness/run/interrupt.h"

static volatile sig_atomic_t interrupted; /* the signal's number */

static void on_signal(int number)
{
	interrupted = number;
}

const volatile sig_atomic_t *interrupt_catch(void)
{
	struct sigaction a = {.sa_handler = on_signal};

	interrupted = 0;
	(void)sigemptyset(&a.sa_mask);
	(void)sigaction(SIGINT, &a, NULL);
	(void)sigaction(SIGTERM, &a, NULL);
	return &interrupted;
}
