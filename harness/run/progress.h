/* The live line of a wall run: on a terminal one line that is rewritten each second, elsewhere
 * plain lines, one each ten seconds. On stderr. */
#ifndef LPC_RUN_PROGRESS_H
#define LPC_RUN_PROGRESS_H

#include "harness/run/drive_wall.h"

struct progress_line {
	const struct scenario *s;
	bool terminal, shown;
};

void progress_begin(struct progress_line *p, const struct scenario *s);
void progress_wall(void *ctx, const struct wall_progress *w); /* ctx: the line */
void progress_end(struct progress_line *p);

#endif
