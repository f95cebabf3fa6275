/* What the pages of suites, reviews and campaigns share. Inside of page_*.c. */
#ifndef LPC_REPORTS_PAGE_LISTS_H
#define LPC_REPORTS_PAGE_LISTS_H

#include "reports/page_parts.h"

/* A whole number of a member; 0 where it is none. */
int64_t page_count(struct jval object, const char *key);

/* Texts of a list, joined by ", "; "" for an empty one. */
void page_join(struct jval list, char *buf, size_t n);

/* A cell of links to where a statement comes from: [{"file", "pointer"}], at most `most` of them.
 */
void page_cell_evidence(struct text *t, struct jval list, uint32_t most);

/* The heads, and the cells beneath them, of a loss in the ranking of contingencies. */
#define PAGE_LOSS_HEADS                                                                            \
	"Loss", "#Stands for", "Verdict", "#Goodput lost [1/s]", "#p99 TTFT [ms]",                 \
	        "#Failover [ms]", "#Late", "#Lost", "#Refused"
void page_loss_cells(struct text *t, struct jval loss);

#endif
