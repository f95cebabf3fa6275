/* Pieces that several of a run's files share. Not for others. */
#ifndef LPC_REPORTS_RENDER_PARTS_H
#define LPC_REPORTS_RENDER_PARTS_H

#include "reports/render.h"
#include "reports/stats.h"

void render_instant(struct json_out *o, const char *key, int64_t ns); /* null below 0 */
/* An element of "faults". */
void render_fault(struct json_out *o, const struct score_fault *f);
/* A histogram's members, into the open object: count, sum, min, max, infinite, cells. */
void render_histogram(struct json_out *o, const struct histogram *h, uint64_t infinite);
/* An element that is an object on one line, of lists that are long: what follows goes into it. */
struct render_line {
	int indent;
};
struct render_line render_line_open(struct json_out *o);
void render_line_close(struct json_out *o, struct render_line line);
/* A batch of a percentile's test, as an element. */
void render_batch(struct json_out *o, const struct stats_batch *b);

#endif
