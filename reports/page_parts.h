/* Parts of the page of a run: shared by page_*.c, included by nobody else. Each writes one section,
 * or says why it cannot. */
#ifndef LPC_REPORTS_PAGE_PARTS_H
#define LPC_REPORTS_PAGE_PARTS_H

#include "harness/base/arena.h"
#include "reports/html.h"
#include "reports/page_run.h"

enum {
	PAGE_CURVES_MAX = 12,
	PAGE_SERIES_TIERS_MAX = 4, /* in one chart */
	PAGE_BANDS_MAX = 80,
	PAGE_CATEGORIES_MAX = 40, /* bars of one chart */
	PAGE_NAME_MAX = 80
};

/* Texts and points that live until the page is written. */
struct page_state {
	const struct page_run *p;
	struct arena arena;
	struct html_band bands[PAGE_BANDS_MAX]; /* faults, in seconds of run time */
	size_t n_bands;
	size_t rows, tiers; /* of a table whose length the run decides; with tables of their own */
};

void page_promises(struct page_state *s, struct text *t);
void page_time(struct page_state *s, struct text *t);
void page_blame(struct page_state *s, struct text *t);
void page_curves(struct page_state *s, struct text *t);
void page_knee_section(struct page_state *s, struct text *t);
void page_load(struct page_state *s, struct text *t);
void page_faults(struct page_state *s, struct text *t);
void page_tiers(struct page_state *s, struct text *t);
void page_audit(struct page_state *s, struct text *t);
void page_damage(struct page_state *s, struct text *t);
void page_cross_rack(struct page_state *s, struct text *t);
void page_assumptions(struct page_state *s, struct text *t);
void page_trust(struct page_state *s, struct text *t);
void page_rule(struct page_state *s, struct text *t);
void page_replay(struct page_state *s, struct text *t);

/* --- small helpers --- */

/* Of an object's member; HTML_NAN where it is no number, NULL where it is no text. */
double page_number(struct jval object, const char *key);
const char *page_text(struct jval object, const char *key);
bool page_known(struct jval v); /* there, and not null */

/* "p99" of 0.99. Returns buf. */
const char *page_quantile(double q, char buf[static PAGE_NAME_MAX]);
/* A metric in words, "time to first token"; others as they are. */
const char *page_metric(const char *metric);
/* A verdict's reason code in words; others as they are. */
const char *page_reason(const char *reason);

/* Says why a part is empty: in these words, unless the run was killed before it was judged. */
void page_none(struct page_state *s, struct text *t, const char *words);

/* Says that n more rows are elsewhere, if there are any. */
void page_more(struct text *t, size_t n, const char *what, const char *file);

#endif
