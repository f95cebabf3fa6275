/* The order is that of a review: what was claimed and whether it held, then the four things to
 * defend, then the runs. Every table ends in where its rows come from. */
#include "reports/page_tier03.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reports/page_lists.h"
#include "reports/page_suite.h"

enum { LINKS = 3, WORST = 10, BARS_MAX = 64, WORDS = 512 };

static const struct html_entry entries[] = {
        {"claims", "Claims"},
        {"assumptions", "Assumptions"},
        {"queueing", "What bounds p99"},
        {"redundancy", "Redundancy"},
        {"cross-rack", "Crossing racks"},
        {"runs", "Runs"},
};

/* A section's own sentence, with its label. */
static void say(struct text *t, struct jval statement)
{
	html_paragraph_begin(t);
	html_label(t, page_text(statement, "label"));
	html_text(t, " ");
	html_text(t, page_text(statement, "text"));
	html_paragraph_end(t);
}

/* --- claims -------------------------------------------------------------------------- */

static void write_claims(struct text *t, struct jval doc)
{
	static const char *const heads[] = {
	        "Claim", "Section", "What is claimed", "Label", "Verdict", "Evidence", NULL};

	html_section(t, "claims", "Claims");
	html_table(t, "Each claim is a pair of harm and remedy over the same requests", heads);
	for (struct jval c = json_first(json_get(doc, "claims")); c.item; c = json_next(c)) {
		html_row(t);
		html_cell_head(t, page_text(c, "id"));
		html_cell(t, page_text(c, "section"));
		html_cell(t, page_text(c, "text"));
		html_cell_label(t, page_text(c, "label"));
		html_cell_verdict(t, page_text(c, "verdict"));
		page_cell_evidence(t, json_get(c, "evidence"), LINKS);
		html_row_end(t);
	}
	html_table_end(t);
	html_section_end(t);
}

/* --- (a) ----------------------------------------------------------------------------- */

static const char *scalar(struct jval v, char buf[static WORDS])
{
	struct json_out o;

	if (json_string(v))
		return json_string(v);
	if (json_type(v) == JSON_NONE)
		return "?";
	json_out_init(&o, 0);
	json_out_value(&o, NULL, v, false);
	(void)snprintf(buf, WORDS, "%s", o.buf);
	json_out_free(&o);
	return buf;
}

/* "from 2 to 28.7", with a star at the end of what was searched; "for [true]"; or why there is
 * none.
 */
static void range(struct jval a, char out[static WORDS])
{
	struct jval holds = json_get(a, "holds"), choices = json_get(a, "holds_for");
	char low[WORDS], high[WORDS];

	if (json_type(choices) != JSON_NONE)
		(void)snprintf(out, WORDS, "for %.400s", scalar(choices, low));
	else if (json_type(holds) == JSON_ARRAY)
		(void)snprintf(out, WORDS, "from %.80s%s to %.80s%s",
		        scalar(json_at(holds, 0), low),
		        json_is_true(json_get(a, "low_is_edge")) ? "*" : "",
		        scalar(json_at(holds, 1), high),
		        json_is_true(json_get(a, "high_is_edge")) ? "*" : "");
	else
		(void)snprintf(out, WORDS, "not known: %.200s",
		        page_text(a, "note") ? page_text(a, "note") : "not searched");
}

static void cell_scalar(struct text *t, struct jval v)
{
	char buf[WORDS];

	if (json_type(v) == JSON_NUMBER)
		html_cell_value(t, v);
	else
		html_cell(t, scalar(v, buf));
}

static void write_leaned(struct text *t, struct jval numbers, const char *group)
{
	static const char *const heads[] = {"Number", "Value", "Unit", "Label", "Source", "Claim",
	        "Verdict", "Holds", "Evidence", NULL};
	char caption[WORDS];

	(void)snprintf(
	        caption, sizeof(caption), "Numbers of the %s that a verdict leaned on", group);
	html_table(t, caption, heads);
	for (struct jval n = json_first(numbers); n.item; n = json_next(n))
		for (struct jval a = json_first(json_get(n, "leaned_on")); a.item;
		        a = json_next(a)) {
			char holds[WORDS];

			range(a, holds);
			html_row(t);
			html_cell_head(t, page_text(a, "parameter"));
			cell_scalar(t, json_get(a, "value"));
			html_cell(t, page_text(n, "unit"));
			html_cell_label(t, page_text(n, "label"));
			html_cell(t, page_text(n, "source"));
			html_cell(t, page_text(a, "claim"));
			html_cell_verdict(t, page_text(a, "verdict"));
			html_cell(t, holds);
			page_cell_evidence(t, json_get(a, "evidence"), LINKS);
			html_row_end(t);
		}
	html_table_end(t);
}

static void write_numbers(struct text *t, struct jval numbers, const char *group)
{
	static const char *const heads[] = {
	        "Number", "Value", "Unit", "Label", "Source", "#Runs", "Evidence", NULL};
	char caption[WORDS], summary[WORDS];

	(void)snprintf(caption, sizeof(caption), "All labelled numbers of the %s", group);
	(void)snprintf(summary, sizeof(summary), "All %zu labelled numbers of the %s",
	        json_count(numbers), group);
	html_details(t, summary);
	html_table(t, caption, heads);
	for (struct jval n = json_first(numbers); n.item; n = json_next(n)) {
		html_row(t);
		html_cell_head(t, page_text(n, "path"));
		cell_scalar(t, json_get(n, "value"));
		html_cell(t, page_text(n, "unit"));
		html_cell_label(t, page_text(n, "label"));
		html_cell(t, page_text(n, "source"));
		html_cell_number(t, (double)json_count(json_get(n, "scenarios")));
		page_cell_evidence(t, json_get(n, "evidence"), LINKS);
		html_row_end(t);
	}
	html_table_end(t);
	html_details_end(t);
}

static bool any_leaned(struct jval numbers)
{
	for (struct jval n = json_first(numbers); n.item; n = json_next(n))
		if (json_count(json_get(n, "leaned_on")))
			return true;
	return false;
}

static void write_assumptions(struct text *t, struct jval part)
{
	html_section(t, "assumptions", "Assumptions");
	say(t, part);
	html_note(t,
	        "A range ends where the verdict no longer held when the number was moved alone; "
	        "a star marks the end of what was searched. Every bound was itself run and held.");
	for (struct jval g = json_first(json_get(part, "groups")); g.item; g = json_next(g)) {
		struct jval numbers = json_get(g, "numbers");
		const char *name = page_text(g, "group");

		if (!json_count(numbers))
			continue;
		html_subsection(t, name);
		html_paragraph(t, page_text(g, "about"));
		if (any_leaned(numbers))
			write_leaned(t, numbers, name);
		else
			html_paragraph(t, "No verdict leaned on any of them.");
		write_numbers(t, numbers, name);
	}
	html_section_end(t);
}

/* --- (b) ----------------------------------------------------------------------------- */

static void policy_words(struct jval policy, char out[static WORDS])
{
	struct jval limit = json_get(policy, "limit"), ms = json_get(policy, "limit_ms");
	struct jval rate = json_get(policy, "tenant_rate");
	char a[WORDS], b[WORDS];
	int n = snprintf(out, WORDS, "%s", page_text(policy, "admission"));

	if (json_type(limit) != JSON_NONE)
		n += snprintf(out + n, WORDS - (size_t)n, " of %.60s", scalar(limit, a));
	if (json_type(ms) != JSON_NONE)
		n += snprintf(out + n, WORDS - (size_t)n, " of %.60s ms", scalar(ms, a));
	if (json_type(rate) != JSON_NONE)
		(void)snprintf(out + n, WORDS - (size_t)n, ", %.60s/s a tenant, %.60s at once",
		        scalar(rate, a), scalar(json_get(policy, "tenant_burst"), b));
}

static void write_bounds(struct text *t, struct jval buckets)
{
	static const char *const heads[] = {"Scenario", "Pool", "#Bucket", "Policy", "#rho",
	        "#Wait at most [ms]", "#Prefill [ms]", "#Network [ms]", "#TTFT at most [ms]",
	        "#Longest wait seen [ms]", "#Longest TTFT seen [ms]", "Within", NULL};

	html_table(t,
	        "Bounds by policy, beside the longest of a run in which nothing breaks; a dash "
	        "where there is no bound",
	        heads);
	for (struct jval b = json_first(buckets); b.item; b = json_next(b)) {
		struct jval bound = json_get(b, "bound"), seen = json_get(b, "healthy");
		struct jval within = json_get(seen, "within_bound");
		char policy[WORDS];

		policy_words(json_get(b, "policy"), policy);
		html_row(t);
		html_cell_head(t, page_text(b, "scenario"));
		html_cell(t, page_text(b, "pool"));
		html_cell_value(t, json_get(b, "max_seq"));
		html_cell(t, policy);
		html_cell_value(t, json_get(json_get(b, "theory"), "rho"));
		html_cell_value(t, json_get(bound, "wait_ms"));
		html_cell_value(t, json_get(bound, "prefill_ms"));
		html_cell_value(t, json_get(bound, "network_ms"));
		html_cell_value(t, json_get(bound, "ttft_ms"));
		html_cell_value(t, json_get(seen, "wait_max_ms"));
		html_cell_value(t, json_get(seen, "ttft_max_ms"));
		html_cell(t, json_type(within) != JSON_BOOL ? NULL
		             : json_is_true(within)         ? "yes"
		                                            : "no");
		html_row_end(t);
	}
	html_table_end(t);
}

/* "L 8, S 8, C 159, F 4 ms". */
static void terms_words(struct jval terms, char out[static WORDS])
{
	size_t at = 0;

	out[0] = '\0';
	for (struct jval v = json_first(terms); v.item && at < WORDS; v = json_next(v)) {
		const char *key = json_key(v), *ms = strstr(key, "_ms");
		char value[WORDS];

		at += (size_t)snprintf(out + at, WORDS - at, "%s%.*s %.40s%s", at ? ", " : "",
		        (int)(ms ? ms - key : (int)strlen(key)), key, scalar(v, value),
		        ms ? " ms" : "");
	}
}

static void write_formulas(struct text *t, struct jval buckets)
{
	static const char *const heads[] = {
	        "Scenario", "Pool", "Statement", "Label", "Formula", "With", "Evidence", NULL};

	html_table(t, "What each bound is made of", heads);
	for (struct jval b = json_first(buckets); b.item; b = json_next(b)) {
		struct jval bound = json_get(b, "bound");
		char with[WORDS];

		html_row(t);
		html_cell_head(t, page_text(b, "scenario"));
		html_cell(t, page_text(b, "pool"));
		html_cell(t, page_text(b, "text"));
		html_cell_label(t, page_text(b, "label"));
		html_cell(t, page_text(bound, "formula"));
		terms_words(json_get(bound, "terms"), with);
		html_cell(t, with);
		page_cell_evidence(t, json_get(b, "evidence"), LINKS);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_expected(struct text *t, struct jval buckets)
{
	static const char *const heads[] = {"Scenario", "Pool", "#Requests/s", "#rho", "Gaps",
	        "#P(wait), M/D/k", "#p99 wait, M/D/k [ms]", "#Mean wait, Allen-Cunneen [ms]",
	        "#Mean wait at most, Kingman [ms]", "#p99 wait seen [ms]", NULL};

	html_table(t,
	        "What theory expects of the same traffic, beside the run in which nothing breaks",
	        heads);
	for (struct jval b = json_first(buckets); b.item; b = json_next(b)) {
		struct jval th = json_get(b, "theory"), mdk = json_get(th, "mdk");

		if (json_type(th) != JSON_OBJECT)
			continue;
		html_row(t);
		html_cell_head(t, page_text(b, "scenario"));
		html_cell(t, page_text(b, "pool"));
		html_cell_value(t, json_get(th, "rate"));
		html_cell_value(t, json_get(th, "rho"));
		html_cell(t, page_text(th, "gaps"));
		html_cell_value(t, json_get(mdk, "p_wait"));
		html_cell_value(t, json_get(mdk, "p99_ms"));
		html_cell_value(t, json_get(th, "allen_cunneen_mean_ms"));
		html_cell_value(t, json_get(th, "kingman_mean_ms"));
		html_cell_value(t, json_get(json_get(b, "healthy"), "wait_p99_ms"));
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_observed(struct text *t, struct jval buckets)
{
	static const char *const heads[] = {"Scenario", "Pool", "SLO", "Tier", "Window",
	        "#Quantile", "#Observed [ms]", "#Upper [ms]", "#Limit [ms]", "#TTFT at most [ms]",
	        "Verdict", "Evidence", NULL};

	html_table(t, "TTFT as the runs of the suite observed it, faults and all, beside the bound",
	        heads);
	for (struct jval b = json_first(buckets); b.item; b = json_next(b))
		for (struct jval s = json_first(json_get(b, "observed")); s.item;
		        s = json_next(s)) {
			html_row(t);
			html_cell_head(t, page_text(b, "scenario"));
			html_cell(t, page_text(b, "pool"));
			html_cell(t, page_text(s, "slo"));
			html_cell(t, page_text(s, "tier"));
			html_cell(t, page_text(s, "window"));
			html_cell_value(t, json_get(s, "quantile"));
			html_cell_value(t, json_get(s, "observed_ms"));
			html_cell_value(t, json_get(s, "upper_ms"));
			html_cell_value(t, json_get(s, "limit_ms"));
			html_cell_value(t, json_get(json_get(b, "bound"), "ttft_ms"));
			html_cell_verdict(t, page_text(s, "verdict"));
			page_cell_evidence(t, json_get(s, "evidence"), LINKS);
			html_row_end(t);
		}
	html_table_end(t);
}

/* Where there is a bound: it, and how much of it was needed. */
static void draw_bounds(struct text *t, struct jval buckets)
{
	static char names[BARS_MAX][WORDS];
	const char *categories[BARS_MAX];
	struct html_point room[BARS_MAX], seen[BARS_MAX];
	struct html_series series[] = {
	        {"longest wait seen, nothing broken", seen, 0}, {"left until the bound", room, 0}};
	size_t n = 0;

	for (struct jval b = json_first(buckets); b.item && n < BARS_MAX; b = json_next(b)) {
		double most = page_number(json_get(b, "bound"), "wait_ms");
		double wait = page_number(json_get(b, "healthy"), "wait_max_ms");

		if (most != most)
			continue;
		(void)snprintf(
		        names[n], WORDS, "%s / %s", page_text(b, "scenario"), page_text(b, "pool"));
		categories[n] = names[n];
		wait = wait == wait ? wait : 0;
		seen[n] = (struct html_point){(double)n, wait, 0};
		room[n] = (struct html_point){(double)n, most > wait ? most - wait : 0, 0};
		n++;
	}
	series[0].n = series[1].n = n;
	if (n)
		html_chart(t,
		        &(struct html_chart){.id = "bounds",
		                .title = "How much of the bound is needed",
		                .about = "For each bucket whose policy bounds the wait, up to the "
		                         "bound: the longest wait of a run in which nothing "
		                         "breaks, and what is left.",
		                .type = HTML_BAR,
		                .x = "bucket",
		                .y = "wait for a slot [ms]",
		                .categories = categories,
		                .n_categories = n,
		                .series = series,
		                .n_series = 2});
}

static void write_queueing(struct text *t, struct jval part)
{
	struct jval buckets = json_get(part, "buckets");

	html_section(t, "queueing", "What bounds p99");
	say(t, part);
	write_bounds(t, buckets);
	draw_bounds(t, buckets);
	html_subsection(t, "Formulas");
	html_note(t, page_text(part, "letters"));
	write_formulas(t, buckets);
	html_subsection(t, "What theory expects");
	html_note(t,
	        "M/D/k is exact for Poisson arrivals of equal requests that enter at once. "
	        "Allen-Cunneen and Kingman are of mean waits, with the traffic's own variation.");
	write_expected(t, buckets);
	html_subsection(t, "What was observed");
	write_observed(t, buckets);
	html_section_end(t);
}

/* --- (c) ----------------------------------------------------------------------------- */

static const char *const classes[] = {"chip", "node", "cable", "pdu", "fan"};

static struct jval row_of(struct jval list, const char *key, const char *value)
{
	struct jval v = json_first(list);

	while (v.item && strcmp(page_text(v, key), value) != 0)
		v = json_next(v);
	return v;
}

/* Deployments by classes: how many of the losses are survived. */
static void write_overview(struct text *t, struct jval plans)
{
	static const char *const heads[] = {
	        "Deployment of", "#chip", "#node", "#cable", "#PDU", "#fan zone", NULL};

	html_table(
	        t, "Single losses that are survived, of how many; darker where fewer are", heads);
	for (struct jval p = json_first(plans); p.item; p = json_next(p)) {
		struct jval list = json_get(json_get(p, "survival"), "classes");

		html_row(t);
		html_cell_head(t, page_text(p, "scenario"));
		for (size_t c = 0; c < ARRAY_LEN(classes); c++) {
			struct jval row = row_of(list, "class", classes[c]);
			int64_t n = page_count(row, "contingencies"),
			        k = page_count(row, "survived");
			char cell[64];

			(void)snprintf(cell, sizeof(cell), "%" PRId64 " of %" PRId64, k, n);
			html_cell_heat(
			        t, n ? 1 - (double)k / (double)n : HTML_NAN, n ? cell : NULL);
		}
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_survival(struct text *t, struct jval list, const char *key, const char *caption)
{
	const char *const heads[] = {strcmp(key, "class") ? "Pool" : "Class", "#Single losses",
	        "#Felt", "#Survived", "#With requests lost", "#Service never back",
	        "#An SLO missed", "#An SLO undecided", "#Longest failover [ms]",
	        "Expectations missed", NULL};

	html_table(t, caption, heads);
	for (struct jval r = json_first(list); r.item; r = json_next(r)) {
		static const char *const counts[] = {"contingencies", "felt", "survived",
		        "with_lost_requests", "never_back", "slo_missed", "slo_undecided",
		        "ttf_ms_max"};
		char missed[WORDS];

		html_row(t);
		html_cell_head(t, page_text(r, key));
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			html_cell_value(t, json_get(r, counts[i]));
		html_cell(t, json_count(json_get(r, "expectations_missed"))
		                     ? scalar(json_get(r, "expectations_missed"), missed)
		                     : NULL);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_placement(struct text *t, struct jval plan)
{
	static const char *const pool_heads[] = {"Pool", "#Instances", "#Nodes each", "Nodes",
	        "#Losses that stop an instance", "#Losses that stop the pool",
	        "#Of those a spare helps", NULL};
	static const char *const pdu_heads[] = {
	        "PDU", "Feeds", "#Nodes", "#Without a second feed", NULL};
	char nodes[2048];

	html_table(t, "Pools, and what a loss stops before any failover", pool_heads);
	for (struct jval p = json_first(json_get(plan, "pools")); p.item; p = json_next(p)) {
		page_join(json_get(p, "nodes"), nodes, sizeof(nodes));
		html_row(t);
		html_cell_head(t, page_text(p, "pool"));
		html_cell_value(t, json_get(p, "instances"));
		html_cell_value(t, json_get(p, "nodes_per_instance"));
		html_cell(t, nodes);
		html_cell_value(t, json_get(p, "components_that_stop_an_instance"));
		html_cell_value(t, json_get(p, "components_that_stop_the_pool"));
		html_cell_value(t, json_get(p, "of_those_with_a_spare"));
		html_row_end(t);
	}
	html_table_end(t);
	html_table(t, "Power domains", pdu_heads);
	for (struct jval p = json_first(json_get(plan, "pdus")); p.item; p = json_next(p)) {
		page_join(json_get(p, "feeds"), nodes, sizeof(nodes));
		html_row(t);
		html_cell_head(t, page_text(p, "pdu"));
		html_cell(t, nodes);
		html_cell_value(t, json_get(p, "nodes"));
		html_cell_value(t, json_get(p, "nodes_without_second_feed"));
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_worst(struct text *t, struct jval ranking)
{
	static const char *const heads[] = {PAGE_LOSS_HEADS, NULL};
	uint32_t n = 0;

	html_table(t, "The worst, ranked as campaigns rank", heads);
	for (struct jval r = json_first(ranking); r.item && n < WORST; r = json_next(r), n++) {
		html_row(t);
		page_loss_cells(t, r);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_plan(struct text *t, struct jval plan)
{
	struct jval domains = json_get(plan, "domains"), survival = json_get(plan, "survival");

	html_subsection(t, page_text(plan, "scenario"));
	say(t, plan);
	html_say(t,
	        "%" PRId64 " rack(s) of %" PRId64 " nodes with %" PRId64 " chips each, %" PRId64
	        " of the nodes spare; %" PRId64 " PDUs and %" PRId64 " fan zone(s) a node.",
	        page_count(domains, "racks"), page_count(domains, "nodes_per_rack"),
	        page_count(domains, "chips_per_node"), page_count(domains, "spares_per_rack"),
	        page_count(domains, "pdus_per_rack"), page_count(domains, "fan_zones_per_node"));
	if (json_type(survival) == JSON_OBJECT) {
		write_survival(t, json_get(survival, "classes"), "class", "By what is lost");
		write_survival(
		        t, json_get(survival, "pools"), "pool", "By the pool that stands on it");
		write_worst(t, json_get(json_get(plan, "n_1"), "ranking"));
	}
	html_details(t, "Who stands where");
	write_placement(t, plan);
	html_details_end(t);
}

static void write_redundancy(struct text *t, struct jval part)
{
	struct jval plans = json_get(part, "plans");

	html_section(t, "redundancy", "Redundancy");
	say(t, part);
	html_note(t,
	        "Survived: nobody was lost, every loss that was felt was failed over from, and no "
	        "SLO was missed. The verdict of a single loss is by the scenario's own rules, "
	        "which "
	        "may ask for more; it is undecided where one run is too few.");
	write_overview(t, plans);
	for (struct jval p = json_first(plans); p.item; p = json_next(p))
		write_plan(t, p);
	html_section_end(t);
}

/* --- (d) ----------------------------------------------------------------------------- */

static void write_positions(struct text *t, struct jval list)
{
	static const char *const heads[] = {
	        "Position", "Rationale", "Envelope", "Label", "#Runs", "Evidence", NULL};

	html_table(t, "What the deployments say", heads);
	for (struct jval p = json_first(list); p.item; p = json_next(p)) {
		html_row(t);
		html_cell_head(t, page_text(p, "position"));
		html_cell(t, page_text(p, "rationale"));
		html_cell(t, page_text(p, "envelope"));
		html_cell_label(t, page_text(p, "label"));
		html_cell_number(t, (double)json_count(json_get(p, "scenarios")));
		page_cell_evidence(t, json_get(p, "evidence"), LINKS);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_audits(struct text *t, struct jval list)
{
	static const char *const heads[] = {"Scenario", "Role", "Position", "Audit", "Scope",
	        "#Packets", "#Critical", "#Violations", "Packets ran within", "Mappings ran within",
	        "Evidence", NULL};

	html_table(t, "What the packets of each run show; a harm is there to be caught", heads);
	for (struct jval a = json_first(list); a.item; a = json_next(a)) {
		html_row(t);
		html_cell_head(t, page_text(a, "scenario"));
		html_cell(t, page_text(a, "role"));
		html_cell(t, page_text(a, "position"));
		html_cell_verdict(t, page_text(a, "audit"));
		html_cell(t, page_text(a, "scope"));
		html_cell_value(t, json_get(a, "packets"));
		html_cell_value(t, json_get(a, "critical"));
		html_cell_value(t, json_get(a, "violations"));
		html_cell(t, page_text(a, "shown"));
		html_cell(t, page_text(a, "worst_mapping"));
		page_cell_evidence(t, json_get(a, "evidence"), LINKS);
		html_row_end(t);
	}
	html_table_end(t);
}

static void write_cross_rack(struct text *t, struct jval part)
{
	html_section(t, "cross-rack", "Crossing racks");
	say(t, part);
	write_positions(t, json_get(part, "positions"));
	write_audits(t, json_get(part, "audits"));
	html_section_end(t);
}

/* --- the whole ----------------------------------------------------------------------- */

void page_tier03(struct text *t, struct jval doc, const char *file)
{
	char title[WORDS];

	(void)snprintf(title, sizeof(title), "Review of %s", page_text(doc, "suite"));
	html_begin(t, title);
	html_paragraph_begin(t);
	html_verdict(t, page_text(doc, "verdict"));
	html_text(t, " over all claims. The document behind this page: ");
	html_link(t, file, file);
	html_text(t, "; what remains to be asked: ");
	html_link(t, page_text(doc, "questions"), page_text(doc, "questions"));
	html_paragraph_end(t);
	html_contents(t, entries, ARRAY_LEN(entries));
	write_claims(t, doc);
	write_assumptions(t, json_get(doc, "assumptions"));
	write_queueing(t, json_get(doc, "queueing"));
	write_redundancy(t, json_get(doc, "redundancy"));
	write_cross_rack(t, json_get(doc, "cross_rack"));
	page_suite_runs(t, json_get(doc, "runs"));
	html_end(t);
}

/* --- questions ----------------------------------------------------------------------- */

/* Into Markdown: one line, nothing that Markdown or HTML would take for its own. */
static void md(struct text *t, const char *s)
{
	for (; s && *s; s++) {
		if (strchr("\\`*_[]<>|#&", *s))
			text_add(t, "\\", 1);
		text_add(t, *s == '\n' || *s == '\r' ? " " : s, 1);
	}
}

static bool same_question(struct jval a, struct jval b)
{
	const char *x = page_text(a, "question"), *y = page_text(b, "question");

	return x && y && strcmp(x, y) == 0;
}

/* Several numbers may ask the same, as one parameter of several faults does: the first asks. */
static bool is_asked(struct jval numbers, struct jval number)
{
	for (struct jval v = json_first(numbers); v.item != number.item; v = json_next(v))
		if (same_question(v, number))
			return true;
	return false;
}

static void write_ranges(struct text *t, struct jval number)
{
	for (struct jval a = json_first(json_get(number, "leaned_on")); a.item; a = json_next(a)) {
		struct jval link = json_first(json_get(a, "evidence"));
		char holds[WORDS];

		range(a, holds);
		text_printf(t, "   - ");
		md(t, page_text(a, "parameter"));
		text_printf(t, ": claim ");
		md(t, page_text(a, "claim"));
		text_printf(t, ", %s, holds ", page_text(a, "verdict"));
		md(t, holds);
		text_printf(t, " ([evidence](%s#%s))\n", page_text(link, "file"),
		        page_text(link, "pointer"));
	}
}

static void write_question(struct text *t, struct jval number, uint32_t i)
{
	text_printf(t, "%u. ", i);
	md(t, page_text(number, "question"));
	text_printf(t, "\n\n");
	for (struct jval v = number; v.item; v = json_next(v))
		if (same_question(v, number))
			write_ranges(t, v);
	text_printf(t, "\n");
}

void page_questions(struct text *t, struct jval doc)
{
	uint32_t n = 0;

	text_printf(t, "# Questions that the review of ");
	md(t, page_text(doc, "suite"));
	text_printf(t,
	        " leaves open\n\n"
	        "Every assumption that a verdict leaned on: what to ask whoever builds or "
	        "delivers the system, and over which range of the answer the verdict holds, the "
	        "others staying as they are. A star marks the end of what was searched.\n");
	for (struct jval g = json_first(json_get(json_get(doc, "assumptions"), "groups")); g.item;
	        g = json_next(g)) {
		struct jval numbers = json_get(g, "numbers");

		if (!any_leaned(numbers))
			continue;
		text_printf(t, "\n## %s\n\n", page_text(g, "group"));
		for (struct jval v = json_first(numbers); v.item; v = json_next(v))
			if (page_text(v, "question") && !is_asked(numbers, v))
				write_question(t, v, ++n);
	}
	if (!n)
		text_printf(t, "\nNo verdict leaned on a number that is labelled assumption.\n");
}
