/* The document of a Tier 03 review (harness/run/tier03.h) as a page, and as the questions that it
 * leaves open. Both are functions of the document alone. Pure: into buffers. */
#ifndef LPC_REPORTS_PAGE_TIER03_H
#define LPC_REPORTS_PAGE_TIER03_H

#include "harness/base/json.h"
#include "reports/html.h"

/* doc: the root of it. file: its name, for links to it. */
void page_tier03(struct text *t, struct jval doc, const char *file);

/* Markdown: each assumption that a verdict leaned on, what to ask, and the range over which the
 * verdict holds. */
void page_questions(struct text *t, struct jval doc);

#endif
