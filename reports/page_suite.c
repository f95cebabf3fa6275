#include "reports/page_suite.h"

#include <stdio.h>
#include <string.h>

#include "reports/page_lists.h"

enum { HREF = 512, WORDS = 256 };

static void cell_link(struct text *t, const char *folder, const char *file, const char *text)
{
	char href[HREF];

	html_cell_begin(t);
	if (folder) {
		(void)snprintf(href, sizeof(href), "%s/%s", folder, file);
		html_link(t, href, text);
	} else {
		html_text(t, NULL);
	}
	html_cell_end(t);
}

void page_suite_runs(struct text *t, struct jval runs)
{
	static const char *const heads[] = {
	        "Scenario", "Verdict", "Clock", "What it asks", "Report", "Result", NULL};

	html_section(t, "runs", "Runs");
	html_table(t, "Every run of the suite", heads);
	for (struct jval r = json_first(runs); r.item; r = json_next(r)) {
		const char *folder = page_text(r, "folder");

		html_row(t);
		html_cell_head(t, page_text(r, "scenario"));
		html_cell_verdict(t, page_text(r, "verdict"));
		html_cell(t, page_text(r, "clock"));
		html_cell(t, page_text(r, "about"));
		cell_link(t, folder, "report.html", "report");
		cell_link(t, folder, "result.json", "result.json");
		html_row_end(t);
	}
	html_table_end(t);
	html_section_end(t);
}
