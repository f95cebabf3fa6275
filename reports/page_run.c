/* A reader asks, in this order: did it hold, why, what was asked, when did it go wrong, what did it
 * die of, and may I believe it. Each part is a function of the documents alone, and takes whatever
 * is missing in them, or of another kind than expected, for not known: a page is also made of what
 * a killed run has left. */
#include "reports/page_parts.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 256 << 20, ROWS = 300, ROWS_BRIEF = 40, TIERS = 12, TIERS_BRIEF = 2 };

/* --- helpers --- */

double page_number(struct jval object, const char *key)
{
	struct jval v = json_get(object, key);
	struct error err = ERROR_INIT;
	double out;

	if (json_type(v) != JSON_NUMBER || json_real(v, &out, &err))
		return HTML_NAN;
	return out;
}

const char *page_text(struct jval object, const char *key)
{
	return json_string(json_get(object, key));
}

bool page_known(struct jval v)
{
	return json_type(v) != JSON_NONE && json_type(v) != JSON_NULL;
}

const char *page_quantile(double q, char buf[static PAGE_NAME_MAX])
{
	(void)snprintf(buf, PAGE_NAME_MAX, "p%.10g", q * 100);
	return buf;
}

struct words {
	const char *code, *text;
};

static const char *in_words(const struct words *w, size_t n, const char *code)
{
	for (size_t i = 0; code && i < n; i++)
		if (strcmp(w[i].code, code) == 0)
			return w[i].text;
	return code;
}

const char *page_metric(const char *metric)
{
	static const struct words words[] = {{"ttft_ms", "time to first token"},
	        {"tpot_ms", "time per output token"}, {"itl_ms", "gap between tokens"},
	        {"e2el_ms", "end-to-end latency"}, {"queue_ms", "time in the queue"},
	        {"prefill_ms", "prefill"}, {"decode_ms", "decode"}};

	return in_words(words, ARRAY_LEN(words), metric);
}

const char *page_reason(const char *reason)
{
	static const struct words words[] = {{"too_few", "too few requests for this percentile"},
	        {"refused", "more refused than allowed"}, {"lost", "a request was lost"},
	        {"slo", "an SLO was missed"}, {"not_clean", "the rack was not clean at the end"},
	        {"not_reached", "the path was not taken"}, {"not_captured", "nothing was captured"},
	        {"no_critical_packets", "no critical packet was captured"},
	        {"audit_inconclusive", "the audit is inconclusive"},
	        {"not_captured_there", "a mapping crossed that no captured request went over"}};

	return in_words(words, ARRAY_LEN(words), reason);
}

void page_none(struct page_state *s, struct text *t, const char *words)
{
	bool judged = page_known(json_get(s->p->result, "groups"));

	html_note(t, judged ? words : "Not known: the run was killed before it was judged.");
}

void page_more(struct text *t, size_t n, const char *what, const char *file)
{
	if (n == 0)
		return;
	html_paragraph_begin(t);
	text_printf(t, "%zu more %s: see ", n, what);
	html_link(t, file, file);
	text_printf(t, ".");
	html_paragraph_end(t);
}

/* --- faults as bands --- */

static void add_band(struct page_state *s, const char *label, double from_ns, double to_ns)
{
	if (s->n_bands < PAGE_BANDS_MAX && from_ns == from_ns && label)
		s->bands[s->n_bands++] = (struct html_band){label, from_ns / 1e9, to_ns / 1e9};
}

/* Where a fault was in force; from the ledger, first to last, where the stretches are not there or
 * too many to draw. */
static void find_bands(struct page_state *s)
{
	struct jval active = json_get(s->p->faults, "active");
	double end = page_number(s->p->faults, "duration_ns");
	size_t n = json_count(active);

	if (n > 0 && n <= PAGE_BANDS_MAX) {
		for (struct jval a = json_first(active); a.item; a = json_next(a)) {
			double to = page_number(a, "to_ns");

			add_band(s, page_text(a, "fault"), page_number(a, "from_ns"),
			        to == to ? to : end);
		}
		return;
	}
	for (struct jval f = json_first(json_get(s->p->result, "faults")); f.item;
	        f = json_next(f)) {
		double from = page_number(f, "inject_ns"), to = page_number(f, "revert_ns");

		add_band(s, page_text(f, "id"), from, to == to ? to : from);
	}
}

/* --- the verdict and why --- */

/* The ids of those SLOs and expectations that have this verdict, with commas. Returns how many. */
static size_t name_those(struct jval result, const char *verdict, struct text *t)
{
	static const char *const lists[] = {"slo", "expect"};
	size_t n = 0;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (struct jval e = json_first(json_get(result, lists[l])); e.item;
		        e = json_next(e)) {
			const char *v = page_text(e, "verdict");

			if (!v || strcmp(v, verdict) != 0)
				continue;
			if (t && n > 0)
				text_printf(t, ", ");
			if (t)
				html_code_word(t, page_text(e, "id"));
			n++;
		}
	return n;
}

/* How many promises are demonstrations: they pass by being missed. */
static size_t wanted_misses(struct jval result)
{
	static const char *const lists[] = {"slo", "expect"};
	size_t n = 0;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (struct jval e = json_first(json_get(result, lists[l])); e.item;
		        e = json_next(e)) {
			const char *want = page_text(e, "want");

			n += want && strcmp(want, "miss") == 0;
		}
	return n;
}

static void why_pass(struct jval result, struct text *t)
{
	size_t slos = json_count(json_get(result, "slo")), misses = wanted_misses(result);
	size_t others = json_count(json_get(result, "expect"));

	text_printf(t, "Every promise was kept: ");
	if (slos > 0)
		text_printf(t, "%zu SLO%s%s", slos, slos == 1 ? "" : "s", others ? " and " : "");
	if (others > 0)
		text_printf(t, "%zu expectation%s", others, others == 1 ? "" : "s");
	if (misses > 0)
		text_printf(t, ". %zu of them show%s harm: a miss was wanted, and came", misses,
		        misses == 1 ? "s" : "");
	text_printf(t, ".");
}

static void why_partial(struct page_state *s, struct text *t)
{
	struct jval facts = json_get(s->p->score, "facts");

	if (json_is_true(json_get(facts, "interrupted")))
		html_text(t, "The run was interrupted.");
	else if (json_is_true(json_get(facts, "aborted_by_rule")))
		html_text(t, "The run was stopped by a rule of the scenario's \"abort\".");
	else
		html_text(t, "The run did not come to its end: it was killed, or it is still "
		             "going on. Shown is what it had written by then.");
	text_printf(t, " ");
	html_text(t, "This result is partial and says nothing about the promises.");
}

static void why_invalid(struct jval validity, struct text *t)
{
	const char *before = ": ";

	html_text(t, "The measurement is not valid, so it says nothing about the target");
	for (struct jval r = json_first(json_get(validity, "reasons")); r.item; r = json_next(r)) {
		text_printf(t, "%s", before);
		html_text(t, json_string(r));
		before = "; ";
	}
	text_printf(t, ".");
}

static void why_list(struct jval result, const char *verdict, const char *before, const char *after,
        struct text *t)
{
	html_text(t, before);
	name_those(result, verdict, t);
	html_text(t, after);
}

/* In the order of judgement. */
static void why(struct page_state *s, struct text *t)
{
	struct jval r = s->p->result, validity = json_get(r, "validity");
	double corrupt = page_number(json_get(r, "requests"), "corrupt");
	size_t slos = json_count(json_get(r, "slo")), others = json_count(json_get(r, "expect"));

	if (corrupt > 0)
		text_printf(t,
		        "%.0f requests were given a wrong token: that fails a run, "
		        "whatever its latency.",
		        corrupt);
	else if (json_is_true(json_get(r, "partial")))
		why_partial(s, t);
	else if (json_type(json_get(validity, "valid")) == JSON_BOOL &&
	         !json_is_true(json_get(validity, "valid")))
		why_invalid(validity, t);
	else if (name_those(r, "fail", NULL) > 0)
		why_list(r, "fail", "Missed: ", ".", t);
	else if (json_type(json_get(r, "steady_state")) == JSON_BOOL &&
	         !json_is_true(json_get(r, "steady_state")))
		html_text(t, "The promises did not hold before the first fault: what the faults "
		             "did proves nothing.");
	else if (name_those(r, "inconclusive", NULL) > 0)
		why_list(r, "inconclusive", "Undecided: ", ". Nothing was missed.", t);
	else if (slos + others == 0)
		html_text(t, "Nothing was asked: the scenario has no SLO and no expectation.");
	else
		why_pass(r, t);
}

static void verdict(struct page_state *s, struct text *t)
{
	html_lead(t);
	html_verdict(t, page_text(s->p->result, "verdict"));
	text_printf(t, " ");
	why(s, t);
	html_paragraph_end(t);
}

/* --- what was asked --- */

/* "Question: … Expectation: … Reason: …", as the shipped scenarios put it; else as it is. */
static void about(struct page_state *s, struct text *t)
{
	static const char *const marks[] = {"Question:", "Expectation:", "Reason:"};
	const char *all = page_text(json_get(s->p->bundle, "scenario"), "about");
	const char *at[ARRAY_LEN(marks) + 1];
	size_t n = ARRAY_LEN(marks);

	if (!all)
		return;
	for (size_t i = 0; i < n; i++) {
		at[i] = strstr(i ? at[i - 1] : all, marks[i]);
		if (!at[i] || (i == 0 && at[i] != all)) {
			html_paragraph(t, all);
			return;
		}
	}
	at[n] = all + strlen(all);
	html_terms(t);
	for (size_t i = 0; i < n; i++) {
		const char *from = at[i] + strlen(marks[i]);

		from += strspn(from, " ");
		html_term(t, arena_strndup(&s->arena, marks[i], strlen(marks[i]) - 1),
		        arena_strndup(&s->arena, from, (size_t)(at[i + 1] - from)));
	}
	html_terms_end(t);
}

static void notes(const struct page_run *p, struct text *t)
{
	for (size_t i = 0; p->notes && p->notes[i]; i++)
		html_note(t, p->notes[i]);
	if (p->brief)
		html_note(t, "Long tables are cut short: with all rows this page would be too "
		             "large. result.json and the files beside it have everything.");
}

static void facts(struct page_state *s, struct text *t)
{
	struct jval r = s->p->result;

	html_terms(t);
	html_term_value(t, "Scenario", json_get(r, "scenario"));
	html_term_value(t, "Seed", json_get(r, "seed"));
	html_term_value(t, "Clock", json_get(r, "clock"));
	html_term_value(t, "Measurement valid", json_get(json_get(r, "validity"), "valid"));
	html_term_value(t, "Promises held before the first fault", json_get(r, "steady_state"));
	html_terms_end(t);
}

/* --- the page --- */

static void contents(struct text *t, bool knee, bool cross_rack)
{
	static const struct html_entry all[] = {{"promises", "Promises"}, {"latency", "Latency"},
	        {"blame", "Blame"}, {"curves", "Percentiles"}, {"knee", "Knee"}, {"load", "Load"},
	        {"failover", "Failover"}, {"tiers", "Tiers"}, {"audit", "Audit"},
	        {"damage", "Damage"}, {"cross-rack", "Across racks"},
	        {"assumptions", "Assumptions"}, {"trust", "Validity"}, {"rule", "Rule"},
	        {"replay", "Replay"}};
	struct html_entry shown[ARRAY_LEN(all)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if ((knee || strcmp(all[i].id, "knee") != 0) &&
		        (cross_rack || strcmp(all[i].id, "cross-rack") != 0))
			shown[n++] = all[i];
	html_contents(t, shown, n);
}

void page_run(const struct page_run *p, struct text *out)
{
	void (*const parts[])(struct page_state *, struct text *) = {page_promises, page_time,
	        page_blame, page_curves, page_knee_section, page_load, page_faults, page_tiers,
	        page_audit, page_damage, page_cross_rack, page_assumptions, page_trust, page_rule,
	        page_replay};
	const char *name = page_text(p->result, "scenario");
	struct page_state *s = mem_alloc(1, sizeof(*s));

	s->p = p;
	s->rows = p->brief ? ROWS_BRIEF : ROWS;
	s->tiers = p->brief ? TIERS_BRIEF : TIERS;
	arena_init(&s->arena, ARENA_BYTES_MAX);
	find_bands(s);
	html_begin(out, name ? name : "A run");
	verdict(s, out);
	notes(p, out);
	about(s, out);
	facts(s, out);
	contents(out, page_known(p->knee), page_known(json_get(p->result, "cross_rack")));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i](s, out);
	html_end(out);
	arena_free(&s->arena);
	mem_free(s);
}
