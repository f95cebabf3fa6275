/* Writes a page with one of everything of reports/html.h, for a browser to look at. */
#include <stdio.h>

#include "reports/html.h"

#define HOSTILE "</script><script>throw 1</script><img src=x onerror=throw(2)>"

static void charts(struct text *t)
{
	static const struct html_point line[] = {
	        {0, 3, 0}, {1, 4, 0}, {2, HTML_NAN, 0}, {3, 9, 0}, {4, 2, 0}};
	static const struct html_point curve[] = {{1, 5, 0}, {2, 10, 0}, {10, 40, 0}, {100, 90, 0}};
	static const struct html_point parts[] = {{0, 0.25, 0}, {1, 0.5, 0}};
	static const struct html_point spans[] = {{0, 1, 2}, {1, 1.5, 4}};
	static const struct html_series lines[] = {{"one", line, 5}, {HOSTILE, curve, 3}};
	static const struct html_series curves[] = {{"all", curve, 4}};
	static const struct html_series stack[] = {{"queue", parts, 2}, {"stall", parts, 2}};
	static const struct html_series spanned[] = {{"detect", spans, 2}};
	static const struct html_band bands[] = {{HOSTILE, 1, 2.5}, {"point", 3, 3}};
	static const struct html_limit limits[] = {{"limit", 8}};
	static const char *const names[] = {"first", HOSTILE};
	struct html_chart c = {.id = "line",
	        .title = "Lines",
	        .about = "Two series.",
	        .x = "time [s]",
	        .y = "ms",
	        .series = lines,
	        .n_series = 2,
	        .bands = bands,
	        .n_bands = 2,
	        .limits = limits,
	        .n_limits = 1};

	html_chart(t, &c);
	c.id = "step";
	c.type = HTML_STEP;
	html_chart(t, &c);
	html_chart(t, &(struct html_chart){.id = "curve",
	                      .title = "Curve",
	                      .about = "Percentiles.",
	                      .type = HTML_LINE,
	                      .x = "percentile",
	                      .y = "ms",
	                      .log_y = true,
	                      .quantiles = true,
	                      .series = curves,
	                      .n_series = 1});
	html_chart(t, &(struct html_chart){.id = "bar",
	                      .title = "Bars",
	                      .about = "Stacked.",
	                      .type = HTML_BAR,
	                      .x = "SLO",
	                      .y = "share",
	                      .categories = names,
	                      .n_categories = 2,
	                      .series = stack,
	                      .n_series = 2});
	html_chart(t, &(struct html_chart){.id = "range",
	                      .title = "Ranges",
	                      .about = "Phases.",
	                      .type = HTML_RANGE,
	                      .x = "fault",
	                      .y = "time [s]",
	                      .categories = names,
	                      .n_categories = 2,
	                      .series = spanned,
	                      .n_series = 1});
}

int main(void)
{
	static const char *const heads[] = {"Name", "#Figure", "Verdict", "Label", "#Heat", NULL};
	static const struct html_entry entries[] = {{"tables", "Tables"}, {"charts", HOSTILE}};
	struct text t;
	bool failed;

	text_init(&t, HTML_BYTES_MAX);
	html_begin(&t, "Sample " HOSTILE);
	html_contents(&t, entries, 2);
	html_section(&t, "tables", "Tables");
	html_say(&t, "%s", HOSTILE);
	html_table(&t, "A table", heads);
	for (int i = 0; i < 4; i++) {
		static const char *const verdicts[] = {"pass", "fail", "inconclusive", "aborted"};
		static const char *const labels[] = {"fact", "inference", "assumption", HOSTILE};

		html_row(&t);
		html_cell_head(&t, i == 3 ? HOSTILE : "a name that is rather long");
		html_cell_number(&t, i == 2 ? HTML_NAN : 1234567.891234 * i);
		html_cell_verdict(&t, verdicts[i]);
		html_cell_label(&t, labels[i]);
		html_cell_heat(&t, i / 3.0, "0.25");
		html_row_end(&t);
	}
	html_table_end(&t);
	html_code(&t,
	        "lpuchaos run a-rather-long-name/of-a-scenario.json --clock=virtual --seed=42 "
	        "--set faults.flap.for=1s --set slo.chat-ttft.max=300ms");
	html_section_end(&t);
	html_section(&t, "charts", HOSTILE);
	charts(&t);
	html_section_end(&t);
	html_end(&t);
	failed = t.cut || fwrite(t.buf, 1, t.n, stdout) != t.n;
	text_free(&t);
	return failed;
}
