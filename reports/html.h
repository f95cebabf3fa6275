/* Pages of evidence: one self-contained HTML file each, that opens from disk without a network.
 * Everything that came from a run is escaped here, by whoever adds it: html_text, html_cell and the
 * rest take plain text. Pages read without scripts (all figures are in tables), print, and are
 * usable by keyboard and screen reader; charts are drawn on top by the embedded Chart.js (Debian's
 * libjs-chart.js) from data in the page. Pure: into a buffer. */
#ifndef LPC_REPORTS_HTML_H
#define LPC_REPORTS_HTML_H

#include <stdbool.h>
#include "harness/base/json.h"
#include "reports/text.h"

enum { HTML_BYTES_MAX = 1500 * 1000 }; /* of a page */

/* Doctype, head (content security policy: nothing from outside), style, skip link, and <main> with
 * the title as <h1>. */
void html_begin(struct text *t, const char *title);
/* Closes <main>; adds the scripts if the page has a chart. */
void html_end(struct text *t);

void html_text(struct text *t, const char *s); /* NULL: an en dash, "not known" to readers */
void html_paragraph(struct text *t, const char *s);

/* A section with its heading, in the page's contents (a <nav> that html_end fills in is not needed:
 * sections have ids). */
void html_section(struct text *t, const char *id, const char *heading);
void html_section_end(struct text *t);

/* The verdict as a word with a colour that is not alone in saying it: pass, fail, inconclusive,
 * aborted; anything else plain. */
void html_verdict(struct text *t, const char *verdict);

/* A table that scrolls by itself on a narrow screen. heads: NULL-terminated; a head that begins
 * with '#' is of figures, aligned to the right. */
void html_table(struct text *t, const char *caption, const char *const *heads);
void html_row(struct text *t);
void html_cell(struct text *t, const char *s);      /* NULL as in html_text */
void html_cell_head(struct text *t, const char *s); /* the first of a row: names it */
void html_cell_number(struct text *t, double v);    /* NaN: not known */
void html_cell_ms(struct text *t, const char *field, struct jval v); /* a number or null of a
        result file, in full; `field` (or NULL) becomes data-field, so that a test finds it */
void html_cell_verdict(struct text *t, const char *verdict);
void html_row_end(struct text *t);
void html_table_end(struct text *t);

/* Definition list: term and text. */
void html_terms(struct text *t);
void html_term(struct text *t, const char *term, const char *s);
void html_terms_end(struct text *t);

void html_code(struct text *t, const char *s);                   /* a block to copy from */
void html_link(struct text *t, const char *href, const char *s); /* relative paths only */

/* A chart: canvas with a role and a text alternative, and its data, an object of the page's own
 * small language:
 *   {"type":"line|bar|scatter|heat", "x":"label", "y":"label", "log":true, "bands":[{"label",
 *    "from","to"}], "series":[{"label","points":[[x,y],…]}]}
 * `about` says in a sentence what is to be seen. */
void html_chart(struct text *t, const char *id, const char *title, const char *about,
        const struct json_out *data);

#endif
