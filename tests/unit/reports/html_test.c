/* Pages: what came from a run is text and nothing else; figures keep their full value; long series
 * keep their spikes. */
#include "reports/html.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "tests/support/run_suite.h"

#define HOSTILE "</script><script>alert('1')</script> \"x\" & \xe2\x80\xa8 <canvas >"

static struct text page;

static void setup(void)
{
	text_init(&page, HTML_BYTES_MAX);
}

static void teardown(void)
{
	text_free(&page);
}

static size_t count(const char *what)
{
	size_t n = 0;

	for (const char *at = page.buf; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

#define ck_has(what) ck_assert_msg(strstr(page.buf, what) != NULL, "no '%s' in %s", what, page.buf)

START_TEST(a_page_without_a_chart_has_no_script)
{
	html_begin(&page, "a < b");
	html_section(&page, "one", "One & all");
	html_paragraph(&page, HOSTILE);
	html_section_end(&page);
	html_end(&page);
	ck_has("<title>a &lt; b</title>");
	ck_has("default-src 'none'");
	ck_has("<h2 id=\"one\">One &amp; all</h2>");
	ck_assert_uint_eq(count("<script"), 0);
	ck_assert(!page.cut);
}
END_TEST

START_TEST(hostile_text_stays_text_wherever_it_stands)
{
	static const char *const heads[] = {HOSTILE, "#" HOSTILE, NULL};
	struct html_point point = {0, 1, 2};
	struct html_series series = {HOSTILE, &point, 1};
	struct html_band band = {HOSTILE, 0, 1};
	struct html_limit limit = {HOSTILE, 1};
	const char *category = HOSTILE;
	struct html_chart chart = {.id = "c",
	        .title = HOSTILE,
	        .about = HOSTILE,
	        .type = HTML_BAR,
	        .x = HOSTILE,
	        .y = HOSTILE,
	        .categories = &category,
	        .n_categories = 1,
	        .series = &series,
	        .n_series = 1,
	        .bands = &band,
	        .n_bands = 1,
	        .limits = &limit,
	        .n_limits = 1};

	html_begin(&page, HOSTILE);
	html_section(&page, "s", HOSTILE);
	html_say(&page, "%s", HOSTILE);
	html_verdict(&page, HOSTILE);
	html_label(&page, HOSTILE);
	html_table(&page, HOSTILE, heads);
	html_row(&page);
	html_cell_head(&page, HOSTILE);
	html_cell_heat(&page, 0.5, HOSTILE);
	html_cell_verdict(&page, HOSTILE);
	html_row_end(&page);
	html_table_end(&page);
	html_details(&page, HOSTILE);
	html_details_end(&page);
	html_terms(&page);
	html_term(&page, HOSTILE, HOSTILE);
	html_terms_end(&page);
	html_code(&page, HOSTILE);
	html_link(&page, HOSTILE, HOSTILE);
	html_chart(&page, &chart);
	html_section_end(&page);
	html_end(&page);
	ck_assert_uint_eq(count("<script>alert"), 0);
	ck_assert_uint_eq(count("<script>"), 2); /* Chart.js and ours */
	ck_assert_uint_eq(count("</script>"), 3);
	ck_assert_uint_eq(count("<canvas "), 1);
	ck_has("\"label\":\"\\u003c/script\\u003e\\u003cscript\\u003ealert");
	ck_has("\\u0026 \\u2028 \\u003ccanvas");
}
END_TEST

START_TEST(a_text_without_end_is_cut_between_characters)
{
	char *long_text = mem_alloc(3 * HTML_TEXT_MAX, 1);

	for (size_t i = 0; i + 2 < 3 * HTML_TEXT_MAX; i += 2)
		memcpy(long_text + i, "\xc3\xa9", 2);
	memcpy(long_text, "xx", 2);
	html_paragraph(&page, long_text);
	ck_assert_uint_le(page.n, HTML_TEXT_MAX + 20);
	ck_has("\xc3\xa9\xe2\x80\xa6</p>");
	mem_free(long_text);
}
END_TEST

START_TEST(links_lead_nowhere_else)
{
	static const char *const away[] = {
	        "javascript:alert(1)", "https://example.org/", "//host/x"};
	static const char *const here[] = {"result.json", "../a/b.json", "#faults", "a/b:c"};

	for (size_t i = 0; i < ARRAY_LEN(away); i++)
		html_link(&page, away[i], "x");
	ck_assert_uint_eq(count("<a "), 0);
	for (size_t i = 0; i < ARRAY_LEN(here); i++)
		html_link(&page, here[i], "x");
	ck_assert_uint_eq(count("<a "), ARRAY_LEN(here));
}
END_TEST

START_TEST(figures_are_rounded_and_keep_their_full_value)
{
	static const char text[] =
	        "{\"slo\":[{\"id\":\"a\",\"ms\":123.45678901,\"n\":1000000,"
	        "\"low\":0.00012345,\"part\":0.98765,\"none\":null,\"ok\":true}]}";
	static const char *const keys[] = {"ms", "n", "low", "part", "none", "ok", "absent"};
	static const char *const shown[] = {"data-field=\"slo.a.ms\" data-value=\"123.45678901\" "
	                                    "title=\"123.45678901\">123.457<",
	        "data-field=\"slo.a.n\" data-value=\"1000000\">1000000<",
	        "data-field=\"slo.a.low\" data-value=\"0.00012345\" "
	        "title=\"0.00012345\">0.0001234<",
	        "data-field=\"slo.a.part\" data-value=\"0.98765\" title=\"0.98765\">0.9877<",
	        "data-field=\"slo.a.none\" data-value=\"null\"><span class=\"unknown\"",
	        "data-field=\"slo.a.ok\" data-value=\"true\">yes<", "><span class=\"unknown\""};
	struct json *doc;
	struct error err = {0};

	ck_assert(!json_parse("/x/result.json", text, strlen(text), &doc, &err));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		html_cell_value(
		        &page, json_get(json_first(json_get(json_root(doc), "slo")), keys[i]));
		ck_has(shown[i]);
	}
	ck_assert_uint_eq(count("data-file"), 0);
	json_free(doc);
	ck_assert(!json_parse("x/score.json", "[0.5]", 5, &doc, &err));
	html_value(&page, json_first(json_root(doc)));
	ck_has("data-file=\"score.json\"");
	json_free(doc);
}
END_TEST

START_TEST(long_series_are_thinned_and_keep_their_spikes)
{
	enum { N = 1000000, LOW = 123457, HIGH = 700001 };
	struct html_point *points = mem_alloc(N, sizeof(*points));
	struct html_series series = {"s", points, N};
	struct html_chart chart = {.id = "c",
	        .title = "T",
	        .about = "A",
	        .type = HTML_LINE,
	        .x = "x",
	        .y = "y",
	        .series = &series,
	        .n_series = 1};

	for (size_t i = 0; i < N; i++)
		points[i] = (struct html_point){(double)i, i == LOW ? -5 : i == HIGH ? 777 : 1, 0};
	html_chart(&page, &chart);
	ck_has("[123457,-5]");
	ck_has("[700001,777]");
	ck_assert_uint_le(count(",1]"), HTML_CHART_POINTS_MAX);
	ck_assert_uint_gt(count(",1]"), HTML_CHART_POINTS_MAX / 3);
	ck_assert_uint_eq(count("<tr>"), HTML_CHART_ROWS_MAX + 1);
	ck_has("777</td>");
	mem_free(points);
}
END_TEST

START_TEST(a_chart_of_nothing_says_so)
{
	struct html_series series = {"s", NULL, 0};
	struct html_chart chart = {
	        .id = "c", .title = "T", .about = "A", .series = &series, .n_series = 1};

	html_chart(&page, &chart);
	ck_has("Nothing to draw");
	ck_assert_uint_eq(count("<canvas"), 0);
}
END_TEST

START_TEST(gaps_are_null)
{
	struct html_point points[] = {{0, 1, 0}, {1, HTML_NAN, 0}, {2, 3, 0}};
	struct html_series series = {"s", points, 3};
	struct html_chart chart = {.id = "c",
	        .title = "T",
	        .about = "A",
	        .x = "x",
	        .y = "y",
	        .series = &series,
	        .n_series = 1};

	html_chart(&page, &chart);
	ck_has("[[0,1],[1,null],[2,3]]");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reports/html");
	TCase *t = tcase_create("html");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_page_without_a_chart_has_no_script);
	tcase_add_test(t, hostile_text_stays_text_wherever_it_stands);
	tcase_add_test(t, a_text_without_end_is_cut_between_characters);
	tcase_add_test(t, links_lead_nowhere_else);
	tcase_add_test(t, figures_are_rounded_and_keep_their_full_value);
	tcase_add_test(t, long_series_are_thinned_and_keep_their_spikes);
	tcase_add_test(t, a_chart_of_nothing_says_so);
	tcase_add_test(t, gaps_are_null);
	suite_add_tcase(s, t);
	return run_suite(s);
}
