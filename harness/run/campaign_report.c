#include "harness/run/campaign_report.h"

#include <inttypes.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/campaign_page.h"
#include "harness/run/campaign_progress.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/record.h"

enum { RANGES_MAX = 1000, NAMES_MAX = 10, RANGES_SHOWN = 5 };

/* --- the modes ----------------------------------------------------------------------- */

/* By the name of campaign_mode_name. */
static const struct {
	const char *name;
	const struct campaign_mode *mode;
} modes[] = {
        {"n-1", &campaign_contingency},
        {"n-1-1", &campaign_contingency},
        {"n-2", &campaign_contingency},
        {"seeds", &campaign_seeds},
        {"swarm", &campaign_swarm},
};

const struct campaign_mode *campaign_mode_of(const struct campaign_request *r)
{
	const char *name = campaign_mode_name(r);

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strcmp(modes[i].name, name) == 0)
			return modes[i].mode;
	return NULL;
}

enum status campaign_scenario(const char *dir, const struct campaign_manifest *m,
        const char *bundle, size_t n, struct scenario **out, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];

	if (scenario_from_plan(bundle, n, out, err))
		return err->code;
	if (strcmp(digest_text((*out)->plan_digest, digest), m->plan_digest) == 0)
		return ERR_NONE;
	scenario_free(*out);
	*out = NULL;
	return error_set(err, ERR_USAGE,
	        "%s: expected the scenario of plan %s in bundle.json, found %s", dir,
	        m->plan_digest, digest);
}

enum status campaign_open_mode(struct campaign *c, struct error *err)
{
	uint64_t n;

	c->manifest.request.dir = c->dir;
	c->mode = campaign_mode_of(&c->manifest.request);
	if (!c->mode)
		return error_set(err, ERR_USAGE,
		        "expected a campaign that this program can play, found %s",
		        campaign_mode_name(&c->manifest.request));
	if (c->mode->open(c->scenario, &c->manifest.request, &c->state, &n, err))
		return err->code;
	if (n == 0 || n > CAMPAIGN_CELLS_MAX)
		return error_set(err, ERR_USAGE,
		        "expected a campaign of 1 to %" PRIu64 " cells, found %" PRIu64,
		        CAMPAIGN_CELLS_MAX, n);
	if (c->manifest.n_cells && c->manifest.n_cells != n)
		return error_set(err, ERR_USAGE,
		        "%s: expected %" PRIu64 " cells, found a scenario that makes %" PRIu64,
		        c->dir, c->manifest.n_cells, n);
	c->manifest.n_cells = n;
	return ERR_NONE;
}

uint64_t campaign_share(const struct campaign_manifest *m)
{
	return (m->n_cells - m->shard + m->shards) / m->shards;
}

/* --- what is missing ----------------------------------------------------------------- */

/* Ranges of indices; in a shard's directory every shards-th is its own. */
struct gap {
	uint64_t first, last;
};

/* The first range of missing cells from *at on, which moves behind it. */
static bool next_gap(const struct campaign *c, uint64_t *at, struct gap *gap)
{
	uint64_t step = c->manifest.shards;

	while (*at < c->cells.n_cells && c->cells.lines[*at].n)
		*at += step;
	if (*at >= c->cells.n_cells)
		return false;
	gap->first = gap->last = *at;
	for (; *at < c->cells.n_cells && !c->cells.lines[*at].n; *at += step)
		gap->last = *at;
	return true;
}

static uint64_t missing_count(const struct campaign *c)
{
	uint64_t n = 0, at = c->manifest.shard - 1;
	struct gap gap;

	while (next_gap(c, &at, &gap))
		n += (gap.last - gap.first) / c->manifest.shards + 1;
	return n;
}

static void name_of(const struct campaign *c, uint64_t index, char out[static CAMPAIGN_CELL_NAME])
{
	(void)snprintf(out, CAMPAIGN_CELL_NAME, "cell %" PRIu64, index);
	if (c->mode->name)
		c->mode->name(c->state, index, out);
}

static void missing_ranges(const struct campaign *c, struct json_out *o)
{
	uint64_t at = c->manifest.shard - 1;
	struct gap gap;

	json_out_open(o, "ranges", '[');
	for (int i = 0; i < RANGES_MAX && next_gap(c, &at, &gap); i++) {
		json_out_open(o, NULL, '[');
		json_out_u64(o, NULL, gap.first);
		json_out_u64(o, NULL, gap.last);
		json_out_close(o);
	}
	json_out_close(o);
}

static void missing_names(const struct campaign *c, struct json_out *o)
{
	char name[CAMPAIGN_CELL_NAME];
	int n = 0;

	json_out_open(o, "first", '[');
	for (uint64_t i = c->manifest.shard - 1; i < c->cells.n_cells && n < NAMES_MAX;
	        i += c->manifest.shards) {
		if (c->cells.lines[i].n)
			continue;
		name_of(c, i, name);
		json_out_str(o, NULL, name);
		n++;
	}
	json_out_close(o);
}

static void missing_json(const struct campaign *c, uint64_t n, struct json_out *o)
{
	json_out_open(o, "missing", '{');
	json_out_u64(o, "count", n);
	missing_ranges(c, o);
	missing_names(c, o);
	json_out_close(o);
}

static void missing_text(const struct campaign *c, uint64_t n, FILE *text)
{
	uint64_t at = c->manifest.shard - 1;
	char name[CAMPAIGN_CELL_NAME];
	struct gap gap;
	int shown = 0;

	if (n == 0)
		return;
	(void)fprintf(text, "%" PRIu64 " of %" PRIu64 " cells are missing:", n,
	        campaign_share(&c->manifest));
	for (; shown < RANGES_SHOWN && next_gap(c, &at, &gap); shown++) {
		name_of(c, gap.first, name);
		(void)fprintf(text, "%s %" PRIu64, shown ? "," : "", gap.first);
		if (gap.last > gap.first)
			(void)fprintf(text, "-%" PRIu64, gap.last);
		(void)fprintf(text, " (%s%s)", name, gap.last > gap.first ? ", …" : "");
	}
	(void)fprintf(text, next_gap(c, &at, &gap) ? ", …\n" : "\n");
}

/* --- the whole ----------------------------------------------------------------------- */

static enum status fold_line(struct campaign *c, uint64_t index, struct error *err)
{
	const char *line;
	struct json *doc;
	enum status st;

	if (campaign_cells_read(&c->cells, index, &line, err) ||
	        json_parse("cells.jsonl", line, c->cells.lines[index].n, &doc, err))
		return err->code;
	st = c->mode->fold(c->state, json_root(doc), err);
	json_free(doc);
	return st;
}

static void heading(const struct campaign *c, uint64_t missing, struct json_out *o)
{
	const struct campaign_manifest *m = &c->manifest;

	json_out_str(o, "schema", "lpuchaos.campaign/1");
	json_out_str(o, "mode", campaign_mode_name(&m->request));
	json_out_str(o, "scenario", m->scenario);
	json_out_u64(o, "seed", c->scenario->seed);
	json_out_str(o, "plan_digest", m->plan_digest);
	json_out_i64(o, "model_version", m->model_version);
	json_out_u64(o, "cells", m->n_cells);
	if (m->shards > 1) {
		json_out_open(o, "shard", '{');
		json_out_u64(o, "index", m->shard);
		json_out_u64(o, "of", m->shards);
		json_out_close(o);
	}
	missing_json(c, missing, o);
}

/* The same on one line: white space between the members is dropped. */
static void print_line(const char *text, size_t n)
{
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (quoted && text[i] == '\\') {
			(void)putchar(text[i++]);
		} else if (text[i] == '"') {
			quoted = !quoted;
		} else if (!quoted && (text[i] == ' ' || text[i] == '\n')) {
			continue;
		}
		(void)putchar(text[i]);
	}
	(void)putchar('\n');
	(void)fflush(stdout);
}

enum status campaign_conclude(
        struct campaign *c, bool json, enum verdict *verdict, struct error *err)
{
	uint64_t missing = missing_count(c);
	struct json_out o;
	enum status st = ERR_NONE;

	for (uint64_t i = 0; i < c->cells.n_cells && !st; i++)
		if (c->cells.lines[i].n)
			st = fold_line(c, i, err);
	if (st)
		return st;
	json_out_init(&o, 2);
	json_out_open(&o, NULL, '{');
	heading(c, missing, &o);
	*verdict = c->mode->finish(c->state, &o, stderr);
	if (missing && campaign_is_worse(VERDICT_FAIL, *verdict))
		*verdict = VERDICT_INCONCLUSIVE;
	json_out_str(&o, "verdict", verdict_name(*verdict));
	json_out_close(&o);
	missing_text(c, missing, stderr);
	st = record_file(c->dir, "campaign.json", o.buf, o.n, err);
	if (!st)
		st = campaign_page_write(c->dir, err);
	if (!st && json)
		print_line(o.buf, o.n);
	json_out_free(&o);
	return st;
}

int campaign_exit_code(enum verdict v)
{
	static const int codes[] = {[VERDICT_PASS] = 0,
	        [VERDICT_FAIL] = 1,
	        [VERDICT_INCONCLUSIVE] = 4,
	        [VERDICT_ABORTED] = 5};

	return codes[v];
}
