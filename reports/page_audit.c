/* Where the traffic ran: the audit of the run's own capture, and what crossings between racks cost
 * where an instance lies across them. */
#include "reports/page_parts.h"

#include <string.h>

static void summary(struct text *t, struct jval a)
{
	struct jval path = json_get(a, "path");

	html_paragraph_begin(t);
	html_text(t, "The audit of the run's own capture: ");
	html_verdict(t, page_text(a, "verdict"));
	html_paragraph_end(t);
	html_terms(t);
	html_term_value(t, "Critical packets must not leave the", json_get(a, "scope"));
	html_term_value(t, "Packets", json_get(a, "packets"));
	html_term_value(t, "Packets of the critical path", json_get(a, "critical"));
	html_term_value(t, "Violations", json_get(a, "violations"));
	html_term_value(t, "Captured: one request in", json_get(a, "sampling"));
	html_term_value(t, "and of it one frame in", json_get(a, "frames"));
	html_term_value(t, "Frames left out", json_get(a, "left_out"));
	html_term_value(t, "By the packets, the path stayed in the", json_get(path, "packets"));
	html_term_value(t, "By the mapping at those instants", json_get(path, "judged"));
	html_term_value(t, "By the worst mapping of the run", json_get(path, "worst"));
	html_term_value(t, "Packets and mapping agree", json_get(path, "agrees"));
	html_terms_end(t);
	for (struct jval d = json_first(json_get(a, "doubts")); d.item; d = json_next(d))
		html_say(t, "Doubt: %s.", json_string(d) ? json_string(d) : "?");
}

static void matrix(struct page_state *s, struct text *t, struct jval audit)
{
	static const char *const heads[] = {"Class", "Rack", "Rack", "Crosses", "#Packets",
	        "#Bytes", "#Share of class", "#Share of all", NULL};
	struct jval cells = json_get(audit, "matrix");
	size_t n = 0, all = json_count(cells);

	html_table(t, "Who talks to whom: packets by class and pair of racks", heads);
	for (struct jval c = json_first(cells); c.item && n < s->rows; c = json_next(c), n++) {
		struct jval racks = json_get(c, "racks");

		html_row(t);
		html_cell_head(t, page_text(c, "class"));
		html_cell(t, json_string(json_first(racks)));
		html_cell(t, json_string(json_next(json_first(racks))));
		html_cell_value(t, json_get(c, "crosses"));
		html_cell_value(t, json_get(c, "packets"));
		html_cell_value(t, json_get(c, "bytes"));
		html_cell_value(t, json_get(c, "share_of_class"));
		html_cell_value(t, json_get(c, "share"));
		html_row_end(t);
	}
	html_table_end(t);
	page_more(t, all - n, "pairs", "audit.json");
}

static void violations(struct text *t, struct jval audit)
{
	static const char *const heads[] = {
	        "Reason", "Class", "From", "To", "#At s", "#Frame", NULL};
	enum { SHOWN = 10 };
	struct jval list = json_get(audit, "violations");
	size_t n = 0, all = json_count(list);

	if (all == 0)
		return;
	html_table(t, "Violations, the first of them", heads);
	for (struct jval v = json_first(list); v.item && n < SHOWN; v = json_next(v), n++) {
		html_row(t);
		html_cell_head(t, page_text(v, "reason"));
		html_cell(t, page_text(v, "class"));
		html_cell(t, page_text(json_get(v, "from"), "rack"));
		html_cell(t, page_text(json_get(v, "to"), "rack"));
		html_cell_scaled(t, json_get(v, "time_ns"), 1e9);
		html_cell_value(t, json_get(v, "frame"));
		html_row_end(t);
	}
	html_table_end(t);
	page_more(t, all - n, "violations", "audit.json");
}

void page_audit(struct page_state *s, struct text *t)
{
	struct jval a = json_get(s->p->result, "audit");

	html_section(t, "audit", "Where the traffic ran");
	if (page_known(a)) {
		summary(t, a);
		if (page_known(s->p->audit)) {
			matrix(s, t, s->p->audit);
			violations(t, s->p->audit);
		} else {
			html_note(t, "There is no audit.json, so no matrix.");
		}
	} else {
		page_none(s, t,
		        "Nothing was captured: the critical path is judged by the mapping "
		        "alone, and an expectation about it is undecided.");
	}
	html_section_end(t);
}

/* --- across racks --- */

static void pair_rows(struct text *t, struct jval c, const char *metric)
{
	static const char *const keys[] = {"mean", "p50", "p99"};
	struct jval pair = json_get(c, metric);

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		html_row(t);
		html_cell_begin(t);
		html_text(t, page_metric(metric));
		text_printf(t, ", %s", keys[i]);
		html_cell_end(t);
		html_cell_value(t, json_get(pair, keys[i]));
		html_cell_value(t, json_get(json_get(pair, "without"), keys[i]));
		html_row_end(t);
	}
}

static void cost(struct text *t, struct jval c)
{
	static const char *const heads[] = {
	        "In ms", "#As it was", "#If crossing took no time", NULL};
	struct jval frame = json_get(c, "frame_ms");

	html_table(
	        t, "What crossing costs, by a twin whose hops between racks take no time", heads);
	html_row(t);
	html_cell(t, "frame");
	html_cell_value(t, json_get(frame, "with"));
	html_cell_value(t, json_get(frame, "without"));
	html_row_end(t);
	pair_rows(t, c, "ttft_ms");
	pair_rows(t, c, "tpot_ms");
	html_table_end(t);
}

void page_cross_rack(struct page_state *s, struct text *t)
{
	struct jval c = json_get(s->p->result, "cross_rack");

	if (!page_known(c))
		return;
	html_section(t, "cross-rack", "Across racks");
	html_terms(t);
	html_term_value(t, "Stated position", json_get(c, "position"));
	html_term_value(t, "Rationale", json_get(c, "rationale"));
	html_term_value(t, "Envelope", json_get(c, "envelope"));
	html_term_value(t, "Truth label", json_get(c, "label"));
	html_term_value(t, "Farthest link", json_get(c, "reach"));
	html_term_value(t, "Frame times", json_get(c, "basis"));
	html_term_value(t, "Instances across racks", json_get(c, "instances"));
	html_term_value(t, "Hops of a frame from rack to rack", json_get(c, "hops"));
	html_term_value(t, "of those over Ethernet", json_get(c, "ethernet_hops"));
	html_term_value(t, "Requests late because of it", json_get(c, "late"));
	html_term_value(t, "Together later by, ms", json_get(c, "extra_ms_sum"));
	html_term_value(t, "Requests lost because of it", json_get(c, "lost"));
	html_terms_end(t);
	cost(t, c);
	html_section_end(t);
}
