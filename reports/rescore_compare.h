/* Two documents that ought to say the same, member by member. For rescore.c. */
#ifndef LPC_REPORTS_RESCORE_COMPARE_H
#define LPC_REPORTS_RESCORE_COMPARE_H

#include "harness/base/json.h"
#include "reports/rescore.h"

/* Any contradiction, in words: the first RESCORE_FINDINGS_MAX of them are kept. */
void rescore_find(struct rescore *r, const char *fmt, ...) LPC_PRINTF(2, 3);

/* says: of `file`; shows: the same from the requests. Members whose names are in skip
 * (NULL-terminated; NULL: none) are passed over at any depth. Of a list of numbers, or of pairs of
 * them, the first difference is told. */
void rescore_compare(struct rescore *r, const char *file, struct jval says, struct jval shows,
        const char *const *skip);

#endif
