/* Siblings of a result are used where they are of the same run (scenario, seed, clock, and of the
 * store the plan's digest) and hold all of it; where they are not there, less is known, which is
 * no error. One that is there and broken is: a gate must not grow weaker in silence. */
#include "harness/run/compare_side.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/units.h"
#include "harness/run/campaign_dir.h"
#include "harness/run/files.h"
#include "reports/store.h"
#include "reports/store_read.h"

#define RESULT "result.json"
#define CELLS  "cells.jsonl"

static enum status join(
        const char *dir, const char *name, char out[static PATH_MAX], struct error *err)
{
	if ((size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return error_set(
		        err, ERR_USAGE, "expected a shorter path, found '%s/%s'", dir, name);
	return ERR_NONE;
}

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return (size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path) &&
	       access(path, F_OK) == 0;
}

/* --- a run --------------------------------------------------------------------------- */

/* NULL where it is not there, or of another run. */
static enum status sibling(const char *dir, const char *name, const struct compare_run *run,
        struct json **doc, struct error *err)
{
	char path[PATH_MAX];
	const char *scenario, *clock;
	int64_t seed;

	*doc = NULL;
	if (!is_there(dir, name))
		return ERR_NONE;
	if (join(dir, name, path, err) || files_parse("", path, doc, err))
		return err->code;
	scenario = json_string(json_get(json_root(*doc), "scenario"));
	clock = json_string(json_get(json_root(*doc), "clock"));
	if (json_i64(json_get(json_root(*doc), "seed"), &seed, err))
		return err->code;
	if (scenario && clock && strcmp(scenario, run->scenario) == 0 &&
	        (uint64_t)seed == run->seed &&
	        strcmp(clock, run->virtual_clock ? "virtual" : "wall") == 0)
		return ERR_NONE;
	json_free(*doc);
	*doc = NULL;
	return ERR_NONE;
}

static enum status read_histograms(const char *dir, struct compare_run *run, struct error *err)
{
	struct json *doc;
	enum status st = sibling(dir, "histograms.json", run, &doc, err);

	if (!st && doc)
		st = compare_run_histograms(json_root(doc), run, err);
	json_free(doc);
	return st;
}

static enum status read_schedule(const char *dir, struct compare_run *run, struct error *err)
{
	struct json *doc;
	enum status st = sibling(dir, "faults.json", run, &doc, err);
	int64_t warmup, duration;

	if (!st && doc) {
		if (json_i64(json_get(json_root(doc), "warmup_ns"), &warmup, err) ||
		        json_i64(json_get(json_root(doc), "duration_ns"), &duration, err)) {
			st = err->code;
		} else if (warmup < 0 || duration <= warmup || duration > NS_MAX) {
			st = json_error(json_root(doc), err,
			        "expected 0 <= warmup_ns < duration_ns, at most ten years");
		} else {
			run->warmup_ns = warmup;
			run->duration_ns = duration;
		}
	}
	json_free(doc);
	return st;
}

static enum status read_samples(
        const char *path, struct store_reader *r, struct compare_run *run, struct error *err)
{
	struct store_gap_summary gaps;
	struct sample x;
	bool more = true;

	compare_run_requests(run);
	for (;;) {
		if (store_read_sample(r, &x, &gaps, &more, err))
			return err->code;
		if (!more)
			return ERR_NONE;
		if (x.tier >= run->n_tiers || x.outcome >= OUTCOME_COUNT)
			return error_set(err, ERR_USAGE,
			        "%s: expected the tiers and outcomes of the result, found a "
			        "request of tier %u",
			        path, x.tier);
		compare_run_sample(run, &x);
	}
}

/* The requests, if the store is of this run and holds every one of them. */
static enum status read_store(const char *dir, struct compare_run *run, struct error *err)
{
	const struct store_run *of;
	struct store_reader *r;
	char path[PATH_MAX];
	enum status st = ERR_NONE;

	if (run->duration_ns < 0 || !is_there(dir, STORE_FILE))
		return ERR_NONE;
	if (join(dir, STORE_FILE, path, err) || store_read_open(path, &r, err))
		return err->code;
	of = store_read_run(r);
	if (!of->partial && of->rows == of->requests && of->dropped == 0 && of->plan_digest &&
	        run->plan_digest && strcmp(of->plan_digest, run->plan_digest) == 0)
		st = read_samples(path, r, run, err);
	store_read_close(r);
	return st;
}

static enum status read_run(
        struct compare_side *side, const char *path, const char *dir, struct error *err)
{
	struct compare_run *run = arena_must(&side->arena, sizeof(*run));
	struct json *doc;
	enum status st;

	if (side->n_runs == COMPARE_RUNS_MAX)
		return error_set(
		        err, ERR_USAGE, "%s: more than %d runs", side->path, COMPARE_RUNS_MAX);
	if (files_parse("", path, &doc, err))
		return err->code;
	run->path = arena_strndup(&side->arena, path, strlen(path));
	side->runs = mem_room(
	        side->runs, side->n_runs, &side->runs_capacity, sizeof(struct compare_run *));
	side->runs[side->n_runs++] = run;
	st = compare_run_read(json_root(doc), &side->arena, run, err);
	json_free(doc);
	if (st || run->partial || !dir)
		return st;
	if (read_histograms(dir, run, err) || read_schedule(dir, run, err) ||
	        read_store(dir, run, err))
		return err->code;
	return ERR_NONE;
}

/* --- a campaign ---------------------------------------------------------------------- */

static enum status read_lines(const char *dir, struct campaign_cells *cells,
        struct compare_campaign *c, struct error *err)
{
	for (uint64_t i = 0; i < cells->n_cells; i++) {
		const char *line;
		struct json *doc;
		enum status st;

		if (cells->lines[i].n == 0)
			continue;
		if (campaign_cells_read(cells, i, &line, err) ||
		        json_parse(dir, line, cells->lines[i].n, &doc, err))
			return err->code;
		st = compare_campaign_line(c, json_root(doc), err);
		json_free(doc);
		if (st)
			return st;
	}
	if (c->n == 0)
		return error_set(err, ERR_USAGE, "%s: expected at least one cell", dir);
	return ERR_NONE;
}

static enum status read_campaign(struct compare_side *side, const char *dir, struct error *err)
{
	struct compare_campaign *c = arena_must(&side->arena, sizeof(*c));
	struct campaign_cells cells = {.fd = -1};
	struct campaign_manifest m;
	char *bundle = NULL;
	size_t n_bundle;
	enum status st = campaign_dir_open(dir, &m, &bundle, &n_bundle, err);

	mem_free(bundle);
	if (st)
		return st;
	if (!m.request.by_seeds)
		return error_set(err, ERR_USAGE,
		        "%s: expected a campaign over --seeds, found one of %s", dir,
		        campaign_mode_name(&m.request));
	c->arena = &side->arena;
	c->path = arena_strndup(&side->arena, dir, strlen(dir));
	c->scenario = arena_strndup(&side->arena, m.scenario, strlen(m.scenario));
	side->campaigns = mem_room(side->campaigns, side->n_campaigns, &side->campaigns_capacity,
	        sizeof(struct compare_campaign *));
	side->campaigns[side->n_campaigns++] = c;
	st = campaign_cells_open(&cells, dir, m.n_cells, false, err);
	if (!st)
		st = read_lines(dir, &cells, c, err);
	campaign_cells_close(&cells);
	return st;
}

/* --- a side -------------------------------------------------------------------------- */

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Of a suite: each folder that holds a result, or a campaign over seeds. */
static enum status read_folders(struct compare_side *side, const char *dir, struct error *err)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_visible, alphasort);

	if (n < 0)
		return error_set(err, ERR_USAGE, "expected a readable folder, found '%s': %s", dir,
		        strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX], result[PATH_MAX];

		if (!err->code && !join(dir, entries[i]->d_name, path, err) &&
		        is_there(path, RESULT) && !join(path, RESULT, result, err))
			(void)read_run(side, result, path, err);
		free(entries[i]);
	}
	free(entries);
	if (!err->code && side->n_runs == 0)
		return error_set(err, ERR_USAGE,
		        "expected a result, a folder of results or a campaign over seeds, found "
		        "'%s'",
		        dir);
	return err->code;
}

static enum status read_dir(struct compare_side *side, const char *dir, struct error *err)
{
	char path[PATH_MAX];

	if (is_there(dir, RESULT))
		return join(dir, RESULT, path, err) ? err->code : read_run(side, path, dir, err);
	if (is_there(dir, CELLS))
		return read_campaign(side, dir, err);
	return read_folders(side, dir, err);
}

/* A result file; its siblings count where it has its own name. */
static enum status read_file(struct compare_side *side, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char dir[PATH_MAX] = ".";

	if (strcmp(name, RESULT) != 0)
		return read_run(side, path, NULL, err);
	if (slash && (size_t)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path + 1), path) >=
	                     sizeof(dir))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", path);
	return read_run(side, path, dir, err);
}

/* --- a pack -------------------------------------------------------------------------- */

static bool is_pack(const char *path)
{
	static const unsigned char zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	unsigned char head[sizeof(zstd)];
	FILE *f = fopen(path, "r");
	bool is = f && fread(head, 1, sizeof(head), f) == sizeof(head) &&
	          memcmp(head, zstd, sizeof(zstd)) == 0;

	if (f)
		(void)fclose(f);
	return is;
}

/* The first defect is enough: what is in such an archive is not looked at. */
static void on_defect(void *ctx, enum defect d, const char *file, const char *text)
{
	struct compare_side *side = ctx;

	if (!side->defect)
		side->defect = arena_printf(
		        &side->arena, "%s: %s: %s", defect_name(d), file ? file : "", text);
}

/* As the user would find them: in the pack. */
static void name_runs(struct compare_side *side)
{
	size_t n = strlen(side->unpacked.dir);

	for (uint32_t i = 0; i < side->n_runs; i++)
		if (strncmp(side->runs[i]->path, side->unpacked.dir, n) == 0)
			side->runs[i]->path = arena_printf(
			        &side->arena, "%s:%s", side->path, side->runs[i]->path + n + 1);
}

static enum status read_pack(struct compare_side *side, struct error *err)
{
	struct verify_options options = {.found = on_defect, .ctx = side};

	if (unpack(side->path, &options, &side->unpacked, err))
		return err->code;
	if (side->defect)
		return error_set(err, ERR_USAGE,
		        "expected a pack, found '%s', of which verify says: %s", side->path,
		        side->defect);
	if (read_dir(side, side->unpacked.dir, err))
		return err->code;
	name_runs(side);
	return ERR_NONE;
}

enum status compare_side_read(const char *path, struct compare_side *side, struct error *err)
{
	struct stat st;

	*side = (struct compare_side){.path = path};
	arena_init(&side->arena, 0);
	if (stat(path, &st))
		return error_set(
		        err, ERR_USAGE, "expected a result, found '%s': %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return read_dir(side, path, err);
	return is_pack(path) ? read_pack(side, err) : read_file(side, path, err);
}

void compare_side_free(struct compare_side *side)
{
	for (uint32_t i = 0; i < side->n_runs; i++)
		compare_run_free(side->runs[i]);
	for (uint32_t i = 0; i < side->n_campaigns; i++)
		compare_campaign_free(side->campaigns[i]);
	unpacked_remove(&side->unpacked);
	mem_free(side->runs);
	mem_free(side->campaigns);
	arena_free(&side->arena);
}
