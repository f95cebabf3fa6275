/* `merge`: the lines of several directories of one campaign as one directory. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/campaign_report.h"
#include "harness/run/campaign_run.h"
#include "harness/run/record.h"

enum { ERROR_LINE_BYTES = 1200 };

struct part {
	struct campaign_manifest manifest;
	struct campaign_cells cells;
};

struct merge {
	const struct merge_options *options;
	struct part *parts; /* by directory */
	struct scenario *scenario;
	char *bundle; /* of the first */
	size_t n_bundle;
	struct campaign c;
	char dir[PATH_MAX];
};

static enum status open_parts(struct merge *m, struct error *err)
{
	const char *const *dirs = m->options->dirs;

	for (uint32_t i = 0; i < m->options->n_dirs; i++) {
		struct part *p = &m->parts[i];
		char *bundle;
		size_t n;
		enum status st = campaign_dir_open(dirs[i], &p->manifest, &bundle, &n, err);

		if (i == 0) {
			m->bundle = bundle;
			m->n_bundle = n;
		} else {
			mem_free(bundle);
		}
		if (!st && i > 0)
			st = campaign_same_plan(
			        &m->parts[0].manifest, dirs[0], &p->manifest, dirs[i], err);
		if (!st)
			st = campaign_cells_open(
			        &p->cells, dirs[i], p->manifest.n_cells, false, err);
		if (st)
			return st;
	}
	return ERR_NONE;
}

static enum status name_dir(struct merge *m, struct error *err)
{
	const char *out = m->options->out_dir ? m->options->out_dir : "out";
	int n = snprintf(m->dir, sizeof(m->dir), "%s/%s-%s", out, m->c.manifest.scenario,
	        campaign_mode_name(&m->c.manifest.request));

	if (n < 0 || (size_t)n >= sizeof(m->dir))
		return error_set(
		        err, ERR_USAGE, "--out: expected a shorter path, found %d bytes", n);
	return ERR_NONE;
}

/* The result may not take the place of what it is made of. */
static enum status make_dir(struct merge *m, struct error *err)
{
	char real[PATH_MAX], part[PATH_MAX];

	if (record_folder(m->dir, err))
		return err->code;
	for (uint32_t i = 0; i < m->options->n_dirs; i++)
		if (realpath(m->dir, real) && realpath(m->options->dirs[i], part) &&
		        strcmp(real, part) == 0)
			return error_set(err, ERR_USAGE,
			        "expected another folder for the result than the merged %s: --out "
			        "names one",
			        m->options->dirs[i]);
	return campaign_dir_create(m->dir, &m->c.manifest, m->bundle, m->n_bundle, err);
}

/* The directory that has the cell; all that have it say the same. */
static enum status find_line(
        struct merge *m, uint64_t index, const char **line, uint32_t *n, struct error *err)
{
	uint32_t found = UINT32_MAX;

	*line = NULL;
	for (uint32_t i = 0; i < m->options->n_dirs; i++) {
		struct campaign_cells *cells = &m->parts[i].cells;
		const char *other;

		if (cells->lines[index].n == 0)
			continue;
		if (campaign_cells_read(cells, index, &other, err))
			return err->code;
		if (*line && (*n != cells->lines[index].n || memcmp(*line, other, *n) != 0))
			return error_set(err, ERR_USAGE,
			        "cell %" PRIu64 " is one thing in %s and another in %s", index,
			        m->options->dirs[found], m->options->dirs[i]);
		if (!*line)
			found = i;
		*line = *line ? *line : other;
		*n = cells->lines[index].n;
	}
	return ERR_NONE;
}

static enum status unite(struct merge *m, struct error *err)
{
	for (uint64_t i = 0; i < m->c.manifest.n_cells; i++) {
		const char *line;
		uint32_t n;

		if (find_line(m, i, &line, &n, err) ||
		        (line && campaign_cells_add(&m->c.cells, i, line, n, err)))
			return err->code;
	}
	return ERR_NONE;
}

static enum status merge(struct merge *m, int *code, struct error *err)
{
	struct campaign *c = &m->c;
	enum verdict verdict;

	if (open_parts(m, err))
		return err->code;
	c->manifest = m->parts[0].manifest;
	c->manifest.shard = c->manifest.shards = 1;
	if (campaign_scenario(
	            m->options->dirs[0], &c->manifest, m->bundle, m->n_bundle, &m->scenario, err))
		return err->code;
	c->scenario = m->scenario;
	if (name_dir(m, err) || campaign_open_mode(c, err) || make_dir(m, err) ||
	        campaign_cells_open(&c->cells, m->dir, c->manifest.n_cells, true, err) ||
	        unite(m, err) || campaign_conclude(c, m->options->json, &verdict, err))
		return err->code;
	(void)fprintf(stderr, "verdict: %s, %s/campaign.json\n", verdict_name(verdict), m->dir);
	if (c->cells.n_there < c->manifest.n_cells)
		(void)fprintf(stderr, "play them with: lpuchaos campaign --resume %s\n", m->dir);
	*code = campaign_exit_code(verdict);
	return ERR_NONE;
}

int execute_merge(const struct merge_options *options)
{
	struct merge m = {.options = options, .c = {.dir = m.dir, .cells.fd = -1}};
	struct error err = ERROR_INIT;
	int code = 0;

	m.parts = mem_alloc(options->n_dirs, sizeof(*m.parts));
	for (uint32_t i = 0; i < options->n_dirs; i++)
		m.parts[i].cells.fd = -1;
	if (merge(&m, &code, &err)) {
		char line[ERROR_LINE_BYTES];

		(void)error_format(&err, line, sizeof(line));
		(void)fprintf(stderr, "%s\n", line);
		code = (int)err.code;
	}
	for (uint32_t i = 0; i < options->n_dirs; i++)
		campaign_cells_close(&m.parts[i].cells);
	campaign_cells_close(&m.c.cells);
	if (m.c.state)
		m.c.mode->close(m.c.state);
	scenario_free(m.scenario);
	mem_free(m.bundle);
	mem_free(m.parts);
	return code;
}
