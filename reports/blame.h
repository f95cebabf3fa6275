/* What the slowest requests of an SLO died of (DESIGN §5 "Blame"). */
#ifndef LPC_REPORTS_BLAME_H
#define LPC_REPORTS_BLAME_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/score.h"

struct blame_row;

enum { BLAME_ROWS = 54 * 16 + 1 }; /* 16 rows an octave of the judged value, and one for infinite */

struct blame {
	uint32_t n_faults;
	struct blame_row *row[BLAME_ROWS];
};

void blame_init(struct blame *b, uint32_t n_faults);
void blame_free(struct blame *b);
/* value: the judged one in ns; INT64_MAX = infinite. */
void blame_add(struct blame *b, int64_t value, enum metric m, const struct sample *x);
/* The same of several requests that nothing stalled, whose values share a row: the sums of the
 * parts that their metric takes. */
void blame_add_parts(struct blame *b, uint32_t row, const int64_t part[static BLAME_PARTS]);
/* The row of a finite value, given its histogram_cell. */
static inline uint32_t blame_row_of(uint32_t cell)
{
	return cell / (HISTOGRAM_CELLS / 16);
}
/* Shares over the requests whose value shares a row with `from` or lies above it. by_fault:
 * n_faults shares. False when none of them carried any part. */
bool blame_shares(
        const struct blame *b, int64_t from, double parts[static BLAME_PARTS], double *by_fault);

#endif
