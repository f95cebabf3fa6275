/* A hundred thousand ranks are more than a document may have (JSON_SIZE_MAX), and more than anybody
 * reads: campaign.json is taken up to the first ranks only, which its spelling allows. It is
 * written by json_out with an indent of two, so the members of the root stand on lines of their
 * own, two spaces in, and the elements of a list in it between "    {" and "    }". */
#include "harness/run/campaign_page.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/run/campaign_report.h"
#include "harness/run/record.h"
#include "harness/run/shell_word.h"
#include "reports/page_campaign.h"

enum { COMMAND_BYTES = 4096, VALUES_MAX = 2 * SCORE_RULES_MAX, NAME_BYTES = 160 };

/* One value of one cell. */
struct value {
	double x;
	uint64_t cell, weight;
};

struct column {
	struct value *v;
	uint32_t n, capacity;
	struct html_point *points;
	char metric[NAME_BYTES];
};

struct page {
	const char *dir;
	struct campaign_manifest manifest;
	struct scenario *scenario;
	struct campaign_cells cells;
	struct json *doc;
	uint32_t n;
	struct column columns[VALUES_MAX];
	struct page_values values[VALUES_MAX];
	char again[COMMAND_BYTES];
};

/* --- campaign.json ------------------------------------------------------------------- */

/* Copies but for the ranks beyond the first. */
static void copy_cut(FILE *f, struct text *t)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	bool ranks = false;
	uint32_t seen = 0;

	while ((n = getline(&line, &room, f)) > 0) {
		bool begins = ranks && strcmp(line, "    {\n") == 0;

		if (ranks && strncmp(line, "  ]", 3) == 0)
			ranks = false;
		else if (begins && seen == PAGE_CAMPAIGN_RANKS)
			seen++; /* from here on nothing is kept */
		else if (begins)
			seen++;
		if (ranks && seen > PAGE_CAMPAIGN_RANKS)
			continue;
		if (ranks && seen == PAGE_CAMPAIGN_RANKS && strcmp(line, "    },\n") == 0)
			text_add(t, "    }\n", 6);
		else
			text_add(t, line, (size_t)n);
		if (strcmp(line, "  \"ranking\": [\n") == 0)
			ranks = true;
	}
	free(line);
}

static enum status read_document(struct page *p, struct error *err)
{
	char path[PATH_MAX];
	struct text text;
	enum status st;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/campaign.json", p->dir);
	f = fopen(path, "r");
	if (!f)
		return error_set(err, ERR_USAGE,
		        "expected a campaign that has come to an end, found no '%s'", path);
	text_init(&text, JSON_SIZE_MAX);
	copy_cut(f, &text);
	(void)fclose(f);
	st = json_parse(path, text.buf ? text.buf : "", text.n, &p->doc, err);
	text_free(&text);
	return st;
}

/* --- what the cells observed --------------------------------------------------------- */

static struct page_values *column_of(
        struct page *p, const char *id, const char *metric, const char *unit, double limit)
{
	struct page_values *v = &p->values[p->n];

	(void)snprintf(p->columns[p->n].metric, NAME_BYTES, "%s", metric);
	*v = (struct page_values){
	        .id = id, .metric = p->columns[p->n].metric, .unit = unit, .limit = limit};
	p->n++;
	return v;
}

/* Of seeds: a column for each SLO, then each expectation, as their lines have them. */
static void rule_columns(struct page *p)
{
	const struct score_rules *r = &p->scenario->rules;

	for (uint32_t i = 0; i < r->n_slo; i++) {
		char metric[NAME_BYTES];

		(void)snprintf(metric, sizeof(metric), "p%.6g of %s", r->slo[i].quantile * 100,
		        metric_name(r->slo[i].metric));
		(void)column_of(p, r->slo[i].id, metric, "ms", ns_to_ms(r->slo[i].limit_ns));
	}
	for (uint32_t i = 0; i < r->n_expect; i++) {
		const struct expect_rule *e = &r->expect[i];
		bool times = e->kind <= EXPECT_TTR;
		double limit = times ? ns_to_ms(e->max_ns) : e->has_max ? e->max : HTML_NAN;

		(void)column_of(p, e->id, expect_name(e->kind), times ? "ms" : "",
		        !times && !e->has_max && e->has_min ? e->min : limit);
	}
}

static void make_columns(struct page *p)
{
	const struct campaign_request *r = &p->manifest.request;

	if (r->by_seeds)
		rule_columns(p);
	else if (r->by_contingency)
		(void)column_of(p, "goodput lost", "goodput lost", "1/s", HTML_NAN);
	else
		(void)column_of(p, "recovery", "from the last revert", "ms", HTML_NAN);
}

/* null: not observed in this cell. */
static void add_value(struct column *c, struct jval v, uint64_t cell, uint64_t weight)
{
	struct error ignored = ERROR_INIT;
	double x;

	if (json_type(v) != JSON_NUMBER || json_real(v, &x, &ignored))
		return;
	c->v = mem_room(c->v, c->n, &c->capacity, sizeof(*c->v));
	c->v[c->n++] = (struct value){x, cell, weight};
}

static uint64_t count_of(struct jval line, const char *key)
{
	struct error ignored = ERROR_INIT;
	int64_t n = 0;

	(void)!json_i64(json_get(line, key), &n, &ignored);
	return n > 0 ? (uint64_t)n : 0;
}

static void add_line(struct page *p, struct jval line)
{
	const struct campaign_request *r = &p->manifest.request;
	struct jval slo = json_first(json_get(line, "slo"));
	struct jval expect = json_first(json_get(line, "expect"));

	if (r->by_contingency) {
		add_value(&p->columns[0], json_get(line, "goodput_lost_rps"),
		        count_of(line, "index"), count_of(line, "stands_for"));
	} else if (!r->by_seeds) {
		add_value(
		        &p->columns[0], json_get(line, "recovery_ms"), count_of(line, "index"), 1);
	} else {
		for (uint32_t i = 0; i < p->n; i++) {
			struct jval *from = i < p->scenario->rules.n_slo ? &slo : &expect;

			add_value(&p->columns[i], json_get(*from, "observed"),
			        count_of(line, "seed"), 1);
			*from = json_next(*from);
		}
	}
}

static enum status read_cells(struct page *p, struct error *err)
{
	for (uint64_t i = 0; i < p->cells.n_cells; i++) {
		const char *line;
		struct json *doc;

		if (!p->cells.lines[i].n)
			continue;
		if (campaign_cells_read(&p->cells, i, &line, err) ||
		        json_parse("cells.jsonl", line, p->cells.lines[i].n, &doc, err))
			return err->code;
		add_line(p, json_root(doc));
		json_free(doc);
	}
	return ERR_NONE;
}

static int ascending(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	if (x->x != y->x)
		return x->x < y->x ? -1 : 1;
	return (x->cell < y->cell) - (x->cell > y->cell); /* equals: the first cell is the worst */
}

/* In order, against the share of cells up to each. */
static void order(struct column *c, struct page_values *v)
{
	double all = 0, upto = 0;

	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), ascending);
	c->points = mem_alloc(c->n + 1, sizeof(*c->points));
	for (uint32_t i = 0; i < c->n; i++)
		all += (double)c->v[i].weight;
	for (uint32_t i = 0; i < c->n; i++) {
		upto += (double)c->v[i].weight;
		c->points[i] = (struct html_point){upto / all, c->v[i].x, 0};
	}
	v->points = c->points;
	v->n = c->n;
	for (; v->n_worst < PAGE_CAMPAIGN_WORST && v->n_worst < c->n; v->n_worst++) {
		v->worst[v->n_worst].value = c->v[c->n - 1 - v->n_worst].x;
		v->worst[v->n_worst].cell = c->v[c->n - 1 - v->n_worst].cell;
	}
}

/* --- the whole ----------------------------------------------------------------------- */

static void write_commands(struct page *p)
{
	const struct campaign_request *r = &p->manifest.request;
	char file[PATH_MAX + 16];
	size_t at = (size_t)snprintf(p->again, sizeof(p->again), "lpuchaos campaign");

	(void)snprintf(file, sizeof(file), "%s/scenario.json", p->dir);
	at = shell_word(p->again, sizeof(p->again), at, file);
	if (at >= sizeof(p->again))
		return;
	if (r->by_contingency)
		(void)snprintf(p->again + at, sizeof(p->again) - at,
		        " --contingency %s%s --seed %" PRIu64, campaign_mode_name(r),
		        r->all ? " --all" : "", p->scenario->seed);
	else if (r->by_seeds)
		(void)snprintf(p->again + at, sizeof(p->again) - at,
		        " --seeds %" PRIu64 "..%" PRIu64, r->seed_first, r->seed_last);
	else
		(void)snprintf(p->again + at, sizeof(p->again) - at,
		        " --swarm %" PRIu64 " --seed %" PRIu64, r->swarm, p->scenario->seed);
}

static enum status write_scenario(struct page *p, struct error *err)
{
	struct json *nothing;
	struct json_out o;
	enum status st;

	if (json_parse("changes", "{}", 2, &nothing, err))
		return err->code;
	json_out_init(&o, 2);
	json_out_open(&o, NULL, '{');
	scenario_write(p->scenario, json_root(nothing), &o);
	json_out_close(&o);
	st = record_file(p->dir, "scenario.json", o.buf, o.n, err);
	json_out_free(&o);
	json_free(nothing);
	return st;
}

static enum status write_page(struct page *p, struct error *err)
{
	struct page_campaign c = {.doc = json_root(p->doc),
	        .dir = p->dir,
	        .again = p->again,
	        .values = p->values,
	        .n_values = p->n};
	struct text text;
	enum status st;

	text_init(&text, HTML_BYTES_MAX);
	page_campaign(&text, &c);
	st = record_file(p->dir, "report.html", text.buf, text.n, err);
	text_free(&text);
	return st;
}

static enum status make(struct page *p, struct error *err)
{
	char *bundle = NULL;
	size_t n;
	enum status st = campaign_dir_open(p->dir, &p->manifest, &bundle, &n, err);

	if (!st)
		st = campaign_scenario(p->dir, &p->manifest, bundle, n, &p->scenario, err);
	mem_free(bundle);
	if (!st)
		st = campaign_cells_open(&p->cells, p->dir, p->manifest.n_cells, false, err);
	if (st || read_document(p, err))
		return err->code;
	make_columns(p);
	if (read_cells(p, err))
		return err->code;
	for (uint32_t i = 0; i < p->n; i++)
		order(&p->columns[i], &p->values[i]);
	write_commands(p);
	st = write_scenario(p, err);
	return st ? st : write_page(p, err);
}

enum status campaign_page_write(const char *dir, struct error *err)
{
	struct page *p = mem_alloc(1, sizeof(*p));

	p->dir = dir;
	p->cells.fd = -1;
	(void)make(p, err);
	for (uint32_t i = 0; i < p->n; i++) {
		mem_free(p->columns[i].v);
		mem_free(p->columns[i].points);
	}
	campaign_cells_close(&p->cells);
	json_free(p->doc);
	scenario_free(p->scenario);
	mem_free(p);
	return err->code;
}
