/* Pages of evidence: one self-contained HTML file each, that opens from disk without a network.
 *
 * Everything that came from a run is escaped here, by whoever adds it: html_text, html_cell and the
 * rest take plain text (UTF-8). The page's content security policy names the digests of our own
 * style and scripts, so nothing else would be loaded or run even if a text got through. Pages read
 * without scripts (all figures are in tables), print, and are usable by keyboard and screen reader;
 * charts are drawn on top by the embedded Chart.js (Debian's libjs-chart.js) from data in the page.
 *
 * Pure: into a buffer. The order is html_begin, sections, html_end; within a section paragraphs,
 * tables, charts and subsections; every _begin has its _end. Headings: the page h1, a section h2, a
 * subsection h3. */
#ifndef LPC_REPORTS_HTML_H
#define LPC_REPORTS_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/base/json.h"
#include "reports/text.h"

enum {
	HTML_BYTES_MAX = 1500 * 1000, /* of a page: the limit to give its struct text */
	HTML_TEXT_MAX = 8000,         /* bytes of one text; the rest is cut off, and marked */
	HTML_CHART_POINTS_MAX = 2000, /* of a series that are drawn */
	HTML_CHART_BUDGET = 8000,     /* of a chart */
	HTML_CHART_ROWS_MAX = 50,     /* of a series in the table beside the canvas */
	HTML_CHART_SERIES_MAX = 64,
};

/* Doctype, head, style, skip link, and <main> with the title as <h1>. */
void html_begin(struct text *t, const char *title);
/* Closes <main>; adds the scripts if the page has a chart. */
void html_end(struct text *t);

/* A link to each section, near the top of the page: pairs (id, heading). */
struct html_entry {
	const char *id, *heading;
};
void html_contents(struct text *t, const struct html_entry *entries, size_t n);

void html_text(struct text *t, const char *s); /* NULL: an en dash, "not known" to readers */
void html_paragraph(struct text *t, const char *s);
void html_say(struct text *t, const char *fmt, ...) LPC_PRINTF(2, 3); /* a paragraph, formatted */
void html_note(struct text *t, const char *s); /* a paragraph in small print */
void html_lead(struct text *t); /* html_paragraph_begin for the first of a page, set larger */

/* A paragraph of several parts (html_text, html_verdict, html_value, html_link, html_code_word). */
void html_paragraph_begin(struct text *t);
void html_paragraph_end(struct text *t);

/* id: [a-z0-9-], the page's own. */
void html_section(struct text *t, const char *id, const char *heading);
void html_section_end(struct text *t);
void html_subsection(struct text *t, const char *heading);

/* What is there for whoever wants it: shown on request. */
void html_details(struct text *t, const char *summary);
void html_details_end(struct text *t);

/* The verdict as a word with a colour that is not alone in saying it: pass, fail, inconclusive,
 * aborted; anything else plain. */
void html_verdict(struct text *t, const char *verdict);
/* Truth labels likewise: fact, inference, assumption. */
void html_label(struct text *t, const char *label);

/* A scalar of a document of the run: numbers are rounded for reading, the full one is in the title
 * and in data-value; data-field is its path there (json_path), data-file the document's file where
 * that is not result.json. Null and absent: an en dash. */
void html_value(struct text *t, struct jval v);

/* A number that is not known, or a point that is not there. */
#define HTML_NAN __builtin_nan("")

/* A table that scrolls by itself on a narrow screen. heads: NULL-terminated; a head that begins
 * with '#' is of figures, aligned to the right ('#' is not shown). */
void html_table(struct text *t, const char *caption, const char *const *heads);
void html_row(struct text *t);
void html_cell(struct text *t, const char *s);      /* NULL as in html_text */
void html_cell_head(struct text *t, const char *s); /* the first of a row: names it */
void html_cell_number(struct text *t, double v); /* finite, rounded as in html_value; or HTML_NAN */
void html_cell_value(struct text *t, struct jval v);
/* A number that is shown in another unit: divided by it; data-value has it as in the file. */
void html_cell_scaled(struct text *t, struct jval v, double unit);
void html_cell_verdict(struct text *t, const char *verdict);
void html_cell_label(struct text *t, const char *label);
/* A cell of a heat map: the text, and a shade that says the same; share is of 0…1, HTML_NAN:
 * no shade. */
void html_cell_heat(struct text *t, double share, const char *s);
void html_cell_begin(struct text *t); /* a cell of several parts, as paragraphs have them */
void html_cell_end(struct text *t);
void html_row_end(struct text *t);
void html_table_end(struct text *t);

/* Definition list: term and text. */
void html_terms(struct text *t);
void html_term(struct text *t, const char *term, const char *s);
void html_term_value(struct text *t, const char *term, struct jval v);
void html_terms_end(struct text *t);

void html_code(struct text *t, const char *s);                   /* a block to copy from */
void html_code_word(struct text *t, const char *s);              /* in a line */
void html_link(struct text *t, const char *href, const char *s); /* relative paths only */

/* --- charts --- */

enum html_chart_type {
	HTML_LINE,
	HTML_STEP, /* a line that keeps its value until the next point */
	HTML_BAR,  /* horizontal, stacked; a point's x is the index of its category, y its length */
	HTML_RANGE, /* horizontal; a point's bar lasts from y to `to` */
};

struct html_point {
	double x, y, to; /* y may be HTML_NAN: a gap */
};

struct html_series {
	const char *label;
	const struct html_point *points; /* ascending x */
	size_t n;
};

struct html_band { /* a stretch of x with a name */
	const char *label;
	double from, to;
};

struct html_limit { /* a line across at y */
	const char *label;
	double y;
};

/* Long series are thinned to what a screen can show: the least and the largest of each stretch
 * stay. */
struct html_chart {
	const char *id; /* [a-z0-9-], unique in the page */
	const char *title;
	const char *about; /* what is to be seen, in a sentence or two: read aloud, too */
	enum html_chart_type type;
	const char *x, *y; /* axes, with units */
	bool log_y;
	bool quantiles; /* x is 1/(1-q), shown as p50, p90, p99 … on a logarithmic axis */
	const char *const *categories; /* HTML_BAR, HTML_RANGE */
	size_t n_categories;
	const struct html_series *series;
	size_t n_series; /* at most HTML_CHART_SERIES_MAX; those without points are left out */
	const struct html_band *bands;
	size_t n_bands;
	const struct html_limit *limits;
	size_t n_limits;
};

/* A canvas with its text alternative, its data for the page's script, and the data as a table in
 * html_details. A chart without a point says so instead. */
void html_chart(struct text *t, const struct html_chart *chart);

#endif
