/* Numbers of a scenario's document as text: what a search reads, moves and writes back
 * (sweep.h, shrink.h). */
#ifndef LPC_RUN_NUMBER_H
#define LPC_RUN_NUMBER_H

#include "harness/base/json.h"

enum { NUMBER_TEXT = 64 };

enum number_type {
	NUMBER_DURATION, /* "20ms"; in ns */
	NUMBER_INT,
	NUMBER_REAL,
	NUMBER_SHARE, /* 0.02 or "2%" */
};

/* The number that stands there. False: it is of another type, or nothing does. */
bool number_read(struct jval v, enum number_type type, double *out);

/* As JSON; what has to be whole is rounded. */
void number_text(enum number_type type, double v, char out[static NUMBER_TEXT]);

#endif
