/* What a chart shows is written twice: as data for the page's script, thinned to what a screen can
 * show, and as a table of a few dozen rows for whoever does not look at pictures.
 *
 * Thinning cuts a series into stretches of equally many points and keeps the least and the largest
 * of each, in their order: a spike of one point among a million stays. */
#include "reports/html.h"

#include <stdio.h>
#include <string.h>

enum { CHART_TEXT_MAX = 256 };

static void put(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

/* --- the data --- */

static void add_number(struct json_out *o, const char *key, double v)
{
	char text[32];

	if (v != v) {
		json_out_null(o, key);
		return;
	}
	snprintf(text, sizeof(text), "%.7g", v);
	json_out_raw(o, key, text);
}

static void add_point(struct json_out *o, const struct html_chart *c, const struct html_point *p)
{
	json_out_open(o, NULL, '[');
	add_number(o, NULL, p->x);
	add_number(o, NULL, p->y);
	if (c->type == HTML_RANGE)
		add_number(o, NULL, p->to);
	json_out_close(o);
}

/* The least and the largest of points [from, to) in their order; a gap if there is nothing else. */
static void add_stretch(
        struct json_out *o, const struct html_chart *c, const struct html_point *p, size_t n)
{
	size_t least = n, largest = n;

	for (size_t i = 0; i < n; i++) {
		if (p[i].y != p[i].y)
			continue;
		if (least == n || p[i].y < p[least].y)
			least = i;
		if (largest == n || p[i].y > p[largest].y)
			largest = i;
	}
	if (least == n) {
		add_point(o, c, p);
		return;
	}
	add_point(o, c, &p[least < largest ? least : largest]);
	if (least != largest)
		add_point(o, c, &p[least < largest ? largest : least]);
}

static void add_points(
        struct json_out *o, const struct html_chart *c, const struct html_series *s, size_t most)
{
	size_t stretches = s->n <= most ? s->n : most / 2, at = 0;

	json_out_open(o, "points", '[');
	for (size_t i = 0; i < stretches; i++) {
		size_t end = (size_t)((unsigned __int128)s->n * (i + 1) / stretches);

		add_stretch(o, c, &s->points[at], end - at);
		at = end;
	}
	json_out_close(o);
}

static size_t shown_series(const struct html_chart *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_series; i++)
		n += c->series[i].n > 0;
	return n;
}

static void add_marks(struct json_out *o, const struct html_chart *c)
{
	json_out_open(o, "bands", '[');
	for (size_t i = 0; i < c->n_bands; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "label", c->bands[i].label);
		add_number(o, "from", c->bands[i].from);
		add_number(o, "to", c->bands[i].to);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_open(o, "limits", '[');
	for (size_t i = 0; i < c->n_limits; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "label", c->limits[i].label);
		add_number(o, "y", c->limits[i].y);
		json_out_close(o);
	}
	json_out_close(o);
}

static void add_data(struct json_out *o, const struct html_chart *c)
{
	static const char *const types[] = {"line", "step", "bar", "range"};
	size_t most = HTML_CHART_BUDGET / shown_series(c);

	if (most > HTML_CHART_POINTS_MAX)
		most = HTML_CHART_POINTS_MAX;
	json_out_open(o, NULL, '{');
	json_out_str(o, "type", types[c->type]);
	json_out_str(o, "x", c->x);
	json_out_str(o, "y", c->y);
	json_out_bool(o, "log", c->log_y);
	json_out_bool(o, "quantiles", c->quantiles);
	json_out_open(o, "categories", '[');
	for (size_t i = 0; i < c->n_categories; i++)
		json_out_str(o, NULL, c->categories[i]);
	json_out_close(o);
	add_marks(o, c);
	json_out_open(o, "series", '[');
	for (size_t i = 0; i < c->n_series; i++) {
		if (c->series[i].n == 0)
			continue;
		json_out_open(o, NULL, '{');
		json_out_str(o, "label", c->series[i].label);
		add_points(o, c, &c->series[i], most);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_close(o);
}

/* JSON inside a script element: what could end the element, or a line of a script, is written as
 * an escape. Only strings can hold such characters. */
static void put_json(struct text *t, const char *s, size_t n)
{
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		const char *escape = NULL;
		size_t len = 1;

		if (s[i] == '<' || s[i] == '>' || s[i] == '&') {
			escape = s[i] == '<' ? "\\u003c" : s[i] == '>' ? "\\u003e" : "\\u0026";
		} else if (strncmp(s + i, "\xe2\x80\xa8", 3) == 0 ||
		           strncmp(s + i, "\xe2\x80\xa9", 3) == 0) {
			escape = s[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
			len = 3;
		}
		if (!escape)
			continue;
		text_add(t, s + from, i - from);
		put(t, escape);
		from = i + len;
		i = from - 1;
	}
	text_add(t, s + from, n - from);
}

/* --- the table --- */

static void put_x(struct text *t, const struct html_chart *c, const struct html_point *p)
{
	char name[CHART_TEXT_MAX];

	if (c->n_categories > 0)
		snprintf(name, sizeof(name), "%s", c->categories[(size_t)p->x]);
	else if (c->quantiles)
		snprintf(name, sizeof(name), "p%.6g", 100 - 100 / p->x);
	else
		snprintf(name, sizeof(name), "%.7g", p->x);
	html_cell_head(t, name);
}

/* The largest of each stretch stands for it. */
static void put_rows(
        struct text *t, const struct html_chart *c, const struct html_series *s, size_t each)
{
	for (size_t at = 0; at < s->n; at += each) {
		const struct html_point *top = &s->points[at];

		for (size_t i = at; i < s->n && i < at + each; i++)
			if (s->points[i].y > top->y || top->y != top->y)
				top = &s->points[i];
		html_row(t);
		put_x(t, c, top);
		html_cell(t, s->label);
		html_cell_number(t, top->y);
		if (c->type == HTML_RANGE)
			html_cell_number(t, top->to);
		html_row_end(t);
	}
}

static void put_table(struct text *t, const struct html_chart *c)
{
	const char *heads[] = {c->x, "Series", NULL, NULL, NULL};
	char value[CHART_TEXT_MAX], caption[CHART_TEXT_MAX];
	size_t most = 0, rows = HTML_CHART_ROWS_MAX;

	if (shown_series(c) > 4)
		rows = HTML_CHART_ROWS_MAX * 4 / shown_series(c);
	for (size_t i = 0; i < c->n_series; i++)
		if (c->series[i].n > most)
			most = c->series[i].n;
	snprintf(value, sizeof(value), "#%s", c->y);
	heads[2] = value;
	if (c->type == HTML_RANGE) {
		heads[2] = "#From";
		heads[3] = "#To";
	}
	if (most > rows)
		snprintf(caption, sizeof(caption),
		        "%s: the largest of each stretch of up to %zu points", c->title,
		        (most + rows - 1) / rows);
	else
		snprintf(caption, sizeof(caption), "%s", c->title);
	html_details(t, "The data as a table");
	html_table(t, caption, heads);
	for (size_t i = 0; i < c->n_series; i++)
		put_rows(t, c, &c->series[i], (c->series[i].n + rows - 1) / rows);
	html_table_end(t);
	html_details_end(t);
}

/* --- the figure --- */

static void put_canvas(struct text *t, const struct html_chart *c)
{
	struct json_out o;

	text_printf(t, "<div class=\"plot%s\"><canvas id=\"%s-canvas\" role=\"img\" aria-label=\"",
	        c->n_categories > 0 ? " bars" : "", c->id);
	html_text(t, c->title);
	put(t, ". ");
	html_text(t, c->about);
	put(t, "\"></canvas></div>\n");
	text_printf(t, "<script type=\"application/json\" id=\"%s-data\">", c->id);
	json_out_init(&o, 0);
	add_data(&o, c);
	put_json(t, o.buf, o.n);
	json_out_free(&o);
	put(t, "</script>\n");
}

void html_chart(struct text *t, const struct html_chart *c)
{
	CHECK(c->n_series <= HTML_CHART_SERIES_MAX);
	text_printf(t, "<figure id=\"%s\">\n<figcaption><strong>", c->id);
	html_text(t, c->title);
	put(t, "</strong> <span>");
	html_text(t, c->about);
	put(t, "</span></figcaption>\n");
	if (shown_series(c) > 0) {
		put_canvas(t, c);
		put_table(t, c);
	} else {
		html_note(t, "Nothing to draw: the run has no such data.");
	}
	put(t, "</figure>\n");
}
