/* No element carries a style or an event of its own: the policy in the head would refuse it. What a
 * cell looks like is said by its class, and what the charts show by data that no browser runs. */
#include "reports/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/digest.h"
#include "reports/base64.h"
#include "reports/html_assets.h"

enum { SAY_BYTES_MAX = 64 << 10, HEAT_STEPS = 9, PROSE = 32 /* bytes */, NUMBER_TEXT_MAX = 40 };

static const char not_known[] = "<span class=\"unknown\" title=\"not known\">\xe2\x80\x93</span>";

static void put(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

/* No file can make a page large by a text without end. */
static void put_clipped(struct text *t, const char *s)
{
	char head[HTML_TEXT_MAX + 1];
	size_t n = HTML_TEXT_MAX;

	if (strnlen(s, HTML_TEXT_MAX + 1) <= HTML_TEXT_MAX) {
		text_xml(t, s);
		return;
	}
	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	memcpy(head, s, n);
	head[n] = '\0';
	text_xml(t, head);
	put(t, "\xe2\x80\xa6");
}

/* --- the page --- */

static void put_policy(struct text *t, const char *data, unsigned long n)
{
	uint8_t digest[DIGEST_BYTES];
	char text[BASE64_CHARS(DIGEST_BYTES) + 1];

	sha256_of(data, n, digest);
	base64_encode(digest, sizeof(digest), text);
	text_printf(t, " 'sha256-%s'", text);
}

void html_begin(struct text *t, const char *title)
{
	put(t, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	       "base-uri 'none'; form-action 'none'; style-src");
	put_policy(t, html_asset_style, html_asset_style_size);
	put(t, "; script-src");
	put_policy(t, html_asset_chartjs, html_asset_chartjs_size);
	put_policy(t, html_asset_script, html_asset_script_size);
	put(t, "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	       "<meta name=\"color-scheme\" content=\"light dark\">\n"
	       "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
	html_text(t, title);
	put(t, "</title>\n<style>");
	text_add(t, html_asset_style, html_asset_style_size);
	put(t, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the "
	       "content</a>\n"
	       "<main id=\"main\" tabindex=\"-1\">\n<h1>");
	html_text(t, title);
	put(t, "</h1>\n");
}

static void put_script(struct text *t, const char *script, unsigned long n)
{
	put(t, "<script>");
	text_add(t, script, n);
	put(t, "</script>\n");
}

void html_end(struct text *t)
{
	put(t, "</main>\n");
	if (t->buf && strstr(t->buf, "<canvas ")) { /* escaped text has no '<' */
		put_script(t, html_asset_chartjs, html_asset_chartjs_size);
		put_script(t, html_asset_script, html_asset_script_size);
	}
	put(t, "</body>\n</html>\n");
}

void html_contents(struct text *t, const struct html_entry *entries, size_t n)
{
	put(t, "<nav aria-label=\"Contents\">\n<ul>\n");
	for (size_t i = 0; i < n; i++) {
		text_printf(t, "<li><a href=\"#%s\">", entries[i].id);
		put_clipped(t, entries[i].heading);
		put(t, "</a></li>\n");
	}
	put(t, "</ul>\n</nav>\n");
}

/* --- text --- */

void html_text(struct text *t, const char *s)
{
	if (s)
		put_clipped(t, s);
	else
		put(t, not_known);
}

static void put_element(struct text *t, const char *begin, const char *s, const char *end)
{
	put(t, begin);
	html_text(t, s);
	put(t, end);
}

void html_paragraph(struct text *t, const char *s)
{
	put_element(t, "<p>", s, "</p>\n");
}

void html_say(struct text *t, const char *fmt, ...)
{
	struct text plain;
	va_list ap;

	text_init(&plain, SAY_BYTES_MAX);
	va_start(ap, fmt);
	text_vprintf(&plain, fmt, ap);
	va_end(ap);
	html_paragraph(t, plain.buf ? plain.buf : "");
	text_free(&plain);
}

void html_note(struct text *t, const char *s)
{
	put_element(t, "<p class=\"note\">", s, "</p>\n");
}

void html_paragraph_begin(struct text *t)
{
	put(t, "<p>");
}

void html_lead(struct text *t)
{
	put(t, "<p class=\"lead\">");
}

void html_paragraph_end(struct text *t)
{
	put(t, "</p>\n");
}

void html_section(struct text *t, const char *id, const char *heading)
{
	text_printf(t, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">", id, id);
	html_text(t, heading);
	put(t, "</h2>\n");
}

void html_section_end(struct text *t)
{
	put(t, "</section>\n");
}

void html_subsection(struct text *t, const char *heading)
{
	put_element(t, "<h3>", heading, "</h3>\n");
}

void html_details(struct text *t, const char *summary)
{
	put_element(t, "<details>\n<summary>", summary, "</summary>\n");
}

void html_details_end(struct text *t)
{
	put(t, "</details>\n");
}

/* The class of a word, if it is one of the known ones: texts from files become no class names. */
static void put_word(
        struct text *t, const char *class, const char *const *words, size_t n, const char *s)
{
	for (size_t i = 0; s && i < n; i++)
		if (strcmp(s, words[i]) == 0) {
			text_printf(t, "<span class=\"%s %s\">%s</span>", class, s, s);
			return;
		}
	html_text(t, s);
}

void html_verdict(struct text *t, const char *verdict)
{
	static const char *const words[] = {"pass", "fail", "inconclusive", "aborted"};

	put_word(t, "verdict", words, ARRAY_LEN(words), verdict);
}

void html_label(struct text *t, const char *label)
{
	static const char *const words[] = {"fact", "inference", "assumption"};

	put_word(t, "label", words, ARRAY_LEN(words), label);
}

/* --- figures --- */

/* Three decimals, four digits where there is less than one; what is whole stays whole. Returns
 * buf. */
static const char *rounded(double v, char buf[static NUMBER_TEXT_MAX])
{
	double size = v < 0 ? -v : v;
	char *end;

	if (size >= 1e15 || (size > 0 && size < 1e-3)) {
		snprintf(buf, NUMBER_TEXT_MAX, "%.4g", v);
		return buf;
	}
	if (size < 1)
		snprintf(buf, NUMBER_TEXT_MAX, "%.*f", size < 0.01 ? 6 : size < 0.1 ? 5 : 4, v);
	else
		snprintf(buf, NUMBER_TEXT_MAX, "%.3f", v);
	for (end = buf + strlen(buf) - 1; *end == '0'; end--)
		*end = '\0';
	if (*end == '.')
		*end = '\0';
	return buf;
}

static void put_shown(struct text *t, double v, const char *full)
{
	char shown[NUMBER_TEXT_MAX];

	rounded(v, shown);
	if (strcmp(shown, full) != 0)
		text_printf(t, " title=\"%s\"", full);
	text_printf(t, ">%s", shown);
}

static void put_source(struct text *t, struct jval v)
{
	const char *file = json_file(v.doc), *slash = strrchr(file, '/');
	char path[ERROR_PATH_MAX];

	json_path(v, path, sizeof(path));
	put(t, " data-field=\"");
	text_xml(t, path);
	put(t, "\"");
	file = slash ? slash + 1 : file;
	if (strcmp(file, "result.json") != 0) {
		put(t, " data-file=\"");
		text_xml(t, file);
		put(t, "\"");
	}
}

/* `>` and what is shown of v, after the attributes of an open tag. */
static void put_attributes(struct text *t, struct jval v, double unit)
{
	struct json_out full;
	double number = 0;
	struct error err = {0};

	if (json_type(v) == JSON_NONE) {
		put(t, ">");
		put(t, not_known);
		return;
	}
	put_source(t, v);
	json_out_init(&full, 0);
	json_out_value(&full, NULL, v, false);
	if (full.n <= HTML_TEXT_MAX) {
		put(t, " data-value=\"");
		text_xml(t, full.buf);
		put(t, "\"");
	}
	if (json_type(v) == JSON_NUMBER && !json_real(v, &number, &err)) {
		put_shown(t, number / unit, full.buf);
	} else {
		put(t, ">");
		if (json_type(v) == JSON_BOOL)
			put(t, json_is_true(v) ? "yes" : "no");
		else if (json_type(v) == JSON_NULL)
			put(t, not_known);
		else
			html_text(t, json_string(v) ? json_string(v) : full.buf);
	}
	json_out_free(&full);
}

void html_value(struct text *t, struct jval v)
{
	put(t, "<span");
	put_attributes(t, v, 1);
	put(t, "</span>");
}

/* --- tables --- */

void html_table(struct text *t, const char *caption, const char *const *heads)
{
	put(t, "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"");
	put_clipped(t, caption);
	put(t, "\">\n<table>\n<caption>");
	put_clipped(t, caption);
	put(t, "</caption>\n<thead>\n<tr>");
	for (; *heads; heads++) {
		bool figures = **heads == '#';

		put(t, figures ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
		put_clipped(t, *heads + figures);
		put(t, "</th>");
	}
	put(t, "</tr>\n</thead>\n<tbody>\n");
}

void html_row(struct text *t)
{
	put(t, "<tr>");
}

/* Prose gets room: else a column of long words beside it would squeeze it. */
void html_cell(struct text *t, const char *s)
{
	put_element(t, s && strlen(s) > PROSE ? "<td class=\"prose\">" : "<td>", s, "</td>");
}

void html_cell_head(struct text *t, const char *s)
{
	put_element(t, "<th scope=\"row\">", s, "</th>");
}

void html_cell_number(struct text *t, double v)
{
	struct json_out full;

	put(t, "<td class=\"n\"");
	if (v != v) {
		put(t, ">");
		put(t, not_known);
	} else {
		json_out_init(&full, 0);
		json_out_real(&full, NULL, v);
		put_shown(t, v, full.buf);
		json_out_free(&full);
	}
	put(t, "</td>");
}

void html_cell_value(struct text *t, struct jval v)
{
	enum json_type type = json_type(v);

	put(t, type == JSON_NUMBER || type == JSON_NULL || type == JSON_NONE ? "<td class=\"n\""
	                                                                     : "<td");
	put_attributes(t, v, 1);
	put(t, "</td>");
}

void html_cell_scaled(struct text *t, struct jval v, double unit)
{
	put(t, "<td class=\"n\"");
	put_attributes(t, v, unit);
	put(t, "</td>");
}

void html_cell_verdict(struct text *t, const char *verdict)
{
	html_cell_begin(t);
	html_verdict(t, verdict);
	html_cell_end(t);
}

void html_cell_label(struct text *t, const char *label)
{
	html_cell_begin(t);
	html_label(t, label);
	html_cell_end(t);
}

void html_cell_heat(struct text *t, double share, const char *s)
{
	if (share >= 0 && share <= 1)
		text_printf(t, "<td class=\"n heat%d\">", (int)(share * HEAT_STEPS + 0.5));
	else
		put(t, "<td class=\"n\">");
	html_text(t, s);
	put(t, "</td>");
}

void html_cell_begin(struct text *t)
{
	put(t, "<td>");
}

void html_cell_end(struct text *t)
{
	put(t, "</td>");
}

void html_row_end(struct text *t)
{
	put(t, "</tr>\n");
}

void html_table_end(struct text *t)
{
	put(t, "</tbody>\n</table>\n</div>\n");
}

/* --- terms, code, links --- */

void html_terms(struct text *t)
{
	put(t, "<dl>\n");
}

void html_term(struct text *t, const char *term, const char *s)
{
	put_element(t, "<dt>", term, "</dt>");
	put_element(t, "<dd>", s, "</dd>\n");
}

void html_term_value(struct text *t, const char *term, struct jval v)
{
	put_element(t, "<dt>", term, "</dt><dd>");
	html_value(t, v);
	put(t, "</dd>\n");
}

void html_terms_end(struct text *t)
{
	put(t, "</dl>\n");
}

void html_code(struct text *t, const char *s)
{
	put_element(t, "<pre tabindex=\"0\"><code>", s, "</code></pre>\n");
}

void html_code_word(struct text *t, const char *s)
{
	put_element(t, "<code>", s, "</code>");
}

/* A scheme ends in a colon before any slash; two slashes name a host. */
static bool is_relative(const char *href)
{
	size_t n = strcspn(href, ":/?#");

	return href[n] != ':' && strncmp(href, "//", 2) != 0;
}

void html_link(struct text *t, const char *href, const char *s)
{
	if (!is_relative(href)) {
		html_text(t, s);
		return;
	}
	put(t, "<a href=\"");
	text_xml(t, href);
	put_element(t, "\">", s, "</a>");
}
