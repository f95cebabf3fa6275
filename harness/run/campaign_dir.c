#include "harness/run/campaign_dir.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/record.h"
#include "version.h"

static const char schema[] = "lpuchaos.campaign-plan/1";

static const char *const contingencies[] = {"n-1", "n-1-1", "n-2", NULL};
static const char *const modes[] = {"n-1", "n-1-1", "n-2", "seeds", "swarm", NULL};

enum { MODE_SEEDS = 3, MODE_SWARM = 4 };

static int mode_of(const struct campaign_request *r)
{
	if (r->by_contingency)
		return r->contingency;
	return r->by_seeds ? MODE_SEEDS : MODE_SWARM;
}

const char *campaign_mode_name(const struct campaign_request *r)
{
	return modes[mode_of(r)];
}

/* --- writing ------------------------------------------------------------------------- */

static void write_request(const struct campaign_request *r, struct json_out *o)
{
	json_out_open(o, "request", '{');
	if (r->by_contingency) {
		json_out_str(o, "contingency", contingencies[r->contingency]);
		json_out_bool(o, "all", r->all);
		if (r->has_at)
			json_out_i64(o, "at_ns", r->at_ns);
		if (r->has_spacing)
			json_out_i64(o, "spacing_ns", r->spacing_ns);
	} else if (r->by_seeds) {
		json_out_u64(o, "first", r->seed_first);
		json_out_u64(o, "last", r->seed_last);
	} else {
		json_out_u64(o, "plans", r->swarm);
	}
	json_out_close(o);
}

static void write_manifest(const struct campaign_manifest *m, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "schema", schema);
	json_out_str(o, "version", LPUCHAOS_VERSION);
	json_out_i64(o, "model_version", m->model_version);
	json_out_str(o, "mode", campaign_mode_name(&m->request));
	json_out_str(o, "scenario", m->scenario);
	json_out_str(o, "plan_digest", m->plan_digest);
	json_out_u64(o, "cells", m->n_cells);
	json_out_u64(o, "shard", m->shard);
	json_out_u64(o, "shards", m->shards);
	write_request(&m->request, o);
	json_out_close(o);
}

static enum status forget(const char *dir, const char *name, struct error *err)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", dir);
	(void)unlink(path);
	return ERR_NONE;
}

/* What a mode left beside the lines. */
static void forget_failures(const char *dir)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	if ((size_t)snprintf(path, sizeof(path), "%s/failures", dir) >= sizeof(path))
		return;
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		(void)closedir(d);
	(void)rmdir(path);
}

/* The manifest comes last: a directory that has one has all of it. */
enum status campaign_dir_create(const char *dir, const struct campaign_manifest *m,
        const char *bundle, size_t n_bundle, struct error *err)
{
	static const char *const before[] = {"manifest.json", "campaign.json", "cells.jsonl"};
	struct json_out o;
	enum status st = ERR_NONE;

	for (size_t i = 0; i < ARRAY_LEN(before) && !st; i++)
		st = forget(dir, before[i], err);
	forget_failures(dir);
	if (!st)
		st = record_file(dir, "bundle.json", bundle, n_bundle, err);
	if (st)
		return st;
	json_out_init(&o, 2);
	write_manifest(m, &o);
	st = record_file(dir, "manifest.json", o.buf, o.n, err);
	json_out_free(&o);
	return st;
}

/* --- reading ------------------------------------------------------------------------- */

struct raw {
	const char *schema, *version, *scenario, *plan_digest;
	int mode;
	int64_t model_version, cells, shard, shards;
	struct jval request;
};

static const struct field manifest_fields[] = {
        {.name = "schema",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw, schema),
                .flags = FIELD_REQUIRED},
        {.name = "version",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw, version),
                .flags = FIELD_REQUIRED},
        {.name = "model_version",
                .type = FIELD_INT,
                .offset = offsetof(struct raw, model_version),
                .flags = FIELD_REQUIRED},
        {.name = "mode",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw, mode),
                .flags = FIELD_REQUIRED,
                .choices = modes},
        {.name = "scenario",
                .type = FIELD_NAME,
                .offset = offsetof(struct raw, scenario),
                .flags = FIELD_REQUIRED},
        {.name = "plan_digest",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw, plan_digest),
                .flags = FIELD_REQUIRED},
        {.name = "cells",
                .type = FIELD_INT,
                .offset = offsetof(struct raw, cells),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = CAMPAIGN_CELLS_MAX},
        {.name = "shard",
                .type = FIELD_INT,
                .offset = offsetof(struct raw, shard),
                .flags = FIELD_REQUIRED,
                .min = 1},
        {.name = "shards",
                .type = FIELD_INT,
                .offset = offsetof(struct raw, shards),
                .flags = FIELD_REQUIRED,
                .min = 1},
        {.name = "request",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw, request),
                .flags = FIELD_REQUIRED},
};

static enum status whole(struct jval object, const char *key, uint64_t *out, struct error *err)
{
	struct jval v = json_get(object, key);
	int64_t n;

	if (json_type(v) == JSON_NONE)
		return json_error(object, err, "expected the key '%s', found none", key);
	if (json_i64(v, &n, err))
		return err->code;
	if (n < 0)
		return json_expected(v, err, "a whole number");
	*out = (uint64_t)n;
	return ERR_NONE;
}

static enum status instant(
        struct jval object, const char *key, bool *has, int64_t *ns, struct error *err)
{
	uint64_t n = 0;

	*has = json_type(json_get(object, key)) != JSON_NONE;
	if (!*has)
		return ERR_NONE;
	if (whole(object, key, &n, err))
		return err->code;
	*ns = (int64_t)n;
	return ERR_NONE;
}

static enum status read_request(
        struct jval v, int mode, struct campaign_request *r, struct error *err)
{
	*r = (struct campaign_request){.by_contingency = mode < MODE_SEEDS,
	        .by_seeds = mode == MODE_SEEDS,
	        .contingency = mode < MODE_SEEDS ? mode : 0};
	if (r->by_contingency) {
		r->all = json_is_true(json_get(v, "all"));
		if (instant(v, "at_ns", &r->has_at, &r->at_ns, err))
			return err->code;
		return instant(v, "spacing_ns", &r->has_spacing, &r->spacing_ns, err);
	}
	if (mode == MODE_SWARM)
		return whole(v, "plans", &r->swarm, err);
	if (whole(v, "first", &r->seed_first, err) || whole(v, "last", &r->seed_last, err))
		return err->code;
	if (r->seed_first > r->seed_last)
		return json_expected(v, err, "seeds in ascending order");
	return ERR_NONE;
}

enum status campaign_manifest_read(struct json *doc, struct campaign_manifest *m, struct error *err)
{
	struct jval root = json_root(doc);
	struct raw raw;

	if (json_type(root) != JSON_OBJECT)
		return json_expected(root, err, "a campaign's manifest, an object");
	if (json_read(root, manifest_fields, ARRAY_LEN(manifest_fields), &raw, err))
		return err->code;
	if (strcmp(raw.schema, schema) != 0)
		return json_expected(json_get(root, "schema"), err, "\"%s\"", schema);
	if (strlen(raw.plan_digest) >= sizeof(m->plan_digest))
		return json_expected(json_get(root, "plan_digest"), err, "a digest");
	if (raw.shard > raw.shards)
		return json_expected(json_get(root, "shard"), err, "at most as many as shards");
	*m = (struct campaign_manifest){.n_cells = (uint64_t)raw.cells,
	        .shard = (uint64_t)raw.shard,
	        .shards = (uint64_t)raw.shards,
	        .model_version = raw.model_version};
	(void)snprintf(m->scenario, sizeof(m->scenario), "%s", raw.scenario);
	(void)snprintf(m->plan_digest, sizeof(m->plan_digest), "%s", raw.plan_digest);
	return read_request(raw.request, raw.mode, &m->request, err);
}

enum status campaign_dir_open(const char *dir, struct campaign_manifest *m, char **bundle,
        size_t *n_bundle, struct error *err)
{
	char path[PATH_MAX];
	struct json *doc;
	enum status st;

	*bundle = NULL;
	if ((size_t)snprintf(path, sizeof(path), "%s/manifest.json", dir) >= sizeof(path))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", dir);
	if (files_parse("", path, &doc, err))
		return err->code;
	st = campaign_manifest_read(doc, m, err);
	json_free(doc);
	if (st)
		return st;
	(void)snprintf(path, sizeof(path), "%s/bundle.json", dir);
	st = files_read(path, bundle, n_bundle, err);
	if (!st && m->model_version != MODEL_VERSION)
		st = error_set(err, ERR_USAGE,
		        "%s: its cells were played with model version %" PRId64
		        ", this program has %d: start the campaign anew",
		        dir, m->model_version, MODEL_VERSION);
	return st;
}

static enum status differ(const char *dir_a, const char *dir_b, const char *what, const char *a,
        const char *b, struct error *err)
{
	return error_set(err, ERR_USAGE,
	        "expected directories of one campaign, found %s %s in %s and %s in %s", what, a,
	        dir_a, b, dir_b);
}

enum status campaign_same_plan(const struct campaign_manifest *a, const char *dir_a,
        const struct campaign_manifest *b, const char *dir_b, struct error *err)
{
	struct json_out x, y;
	enum status st = ERR_NONE;

	if (strcmp(a->scenario, b->scenario) != 0)
		return differ(dir_a, dir_b, "scenario", a->scenario, b->scenario, err);
	if (strcmp(a->plan_digest, b->plan_digest) != 0)
		return differ(dir_a, dir_b, "plan", a->plan_digest, b->plan_digest, err);
	json_out_init(&x, 0);
	json_out_init(&y, 0);
	json_out_open(&x, NULL, '{');
	json_out_open(&y, NULL, '{');
	json_out_str(&x, "mode", campaign_mode_name(&a->request));
	json_out_str(&y, "mode", campaign_mode_name(&b->request));
	write_request(&a->request, &x);
	write_request(&b->request, &y);
	json_out_u64(&x, "cells", a->n_cells);
	json_out_u64(&y, "cells", b->n_cells);
	json_out_close(&x);
	json_out_close(&y);
	if (strcmp(x.buf, y.buf) != 0)
		st = differ(dir_a, dir_b, "request", x.buf, y.buf, err);
	json_out_free(&x);
	json_out_free(&y);
	return st;
}
