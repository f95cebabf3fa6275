#include "reports/page_lists.h"

#include <stdio.h>
#include <string.h>

enum { LINK_BYTES = 512 };

int64_t page_count(struct jval object, const char *key)
{
	struct jval v = json_get(object, key);
	struct error ignored = ERROR_INIT;
	int64_t out;

	return json_type(v) == JSON_NUMBER && !json_i64(v, &out, &ignored) ? out : 0;
}

void page_join(struct jval list, char *buf, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (struct jval v = json_first(list); v.item; v = json_next(v)) {
		const char *s = json_string(v);
		int k = snprintf(buf + at, n - at, "%s%s", at ? ", " : "", s ? s : "");

		if (k < 0 || (size_t)k >= n - at)
			return;
		at += (size_t)k;
	}
}

static void add_link(struct text *t, struct jval link)
{
	const char *file = page_text(link, "file"), *pointer = page_text(link, "pointer");
	char href[LINK_BYTES];

	(void)snprintf(href, sizeof(href), "%s%s%s", file ? file : "", pointer ? "#" : "",
	        pointer ? pointer : "");
	html_link(t, href, href);
}

void page_cell_evidence(struct text *t, struct jval list, uint32_t most)
{
	uint32_t n = 0;

	html_cell_begin(t);
	for (struct jval v = json_first(list); v.item && n < most; v = json_next(v)) {
		if (n++)
			html_text(t, ", ");
		add_link(t, v);
	}
	if (json_count(list) > n) {
		char more[32];

		(void)snprintf(more, sizeof(more), " and %zu more", json_count(list) - n);
		html_text(t, more);
	}
	html_cell_end(t);
}

void page_loss_cells(struct text *t, struct jval loss)
{
	static const char *const keys[] = {
	        "goodput_lost_rps", "p99_ttft_ms", "ttf_ms", "late", "lost", "refused"};

	html_cell_head(t, page_text(loss, "cell"));
	html_cell_value(t, json_get(loss, "stands_for"));
	html_cell_verdict(t, page_text(loss, "verdict"));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		html_cell_value(t, json_get(loss, keys[i]));
}
