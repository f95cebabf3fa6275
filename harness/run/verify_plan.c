/* One plan, said several times: in plan.json, in bundle.json, in the files that were read, and by
 * digest in the result. Each is made into a plan here, by the same code that makes one of a
 * scenario. */
#include "harness/run/verify_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/inputs.h"

enum { SET_MAX = 256, PATH_BYTES = 2 * PACK_PATH_MAX };

/* Every run has all files but one that was killed, which has some. */
static bool has(const struct verify_run *r, const char *name)
{
	return !r->begun || verify_run_file(r, name);
}

/* --- the same run --------------------------------------------------------------------- */

/* Files begin with the name, the seed and the clock of the run that they are of. */
static void check_heading(
        struct verify_run *r, const char *name, const char *const keys[], size_t n)
{
	struct json *doc = verify_run_json(r, name, DEFECT_SCHEMA);

	for (size_t i = 0; doc && i < n; i++) {
		struct jval a = json_get(json_root(doc), keys[i]);
		struct jval b = json_get(json_root(r->result), keys[i]);
		struct json_out x, y;

		json_out_init(&x, 0);
		json_out_init(&y, 0);
		json_out_value(&x, NULL, a, true);
		json_out_value(&y, NULL, b, true);
		if (strcmp(x.buf, y.buf) != 0)
			verify_run_found(r, DEFECT_PLAN, name,
			        "is of another run: %s is %s, in result.json it is %s", keys[i],
			        x.buf, y.buf);
		json_out_free(&x);
		json_out_free(&y);
	}
	json_free(doc);
}

static void check_headings(struct verify_run *r)
{
	static const char *const keys[] = {"scenario", "seed", "clock"};
	static const char *const names[] = {
	        "score.json", "histograms.json", "faults.json", "assumptions.json"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (has(r, names[i]))
			check_heading(r, names[i], keys, ARRAY_LEN(keys));
	if (has(r, INPUTS_FILE))
		check_heading(r, INPUTS_FILE, keys, 2);
}

static void check_named(struct verify_run *r, const struct scenario *s)
{
	struct jval root = json_root(r->result);
	struct error ignored = ERROR_INIT;
	int64_t seed = -1;

	if (strcmp(json_string(json_get(root, "scenario")), s->name) != 0)
		verify_run_found(r, DEFECT_PLAN, PACK_RESULT, "is of '%s', and its plan of '%s'",
		        json_string(json_get(root, "scenario")), s->name);
	if (json_i64(json_get(root, "seed"), &seed, &ignored) || (uint64_t)seed != s->seed)
		verify_run_found(r, DEFECT_PLAN, PACK_RESULT,
		        "has the seed %" PRId64 ", and its plan %" PRIu64, seed, s->seed);
}

/* --- the plan ------------------------------------------------------------------------- */

static const char *promised(const struct verify_run *r)
{
	return json_string(json_get(json_root(r->result), "plan_digest"));
}

static bool is_promised(const struct verify_run *r, const uint8_t sha256[static DIGEST_BYTES])
{
	char text[DIGEST_TEXT_MAX];

	return strcmp(digest_text(sha256, text), promised(r)) == 0;
}

static void check_plan_file(struct verify_run *r)
{
	const struct pack_entry *e = verify_run_file(r, "plan.json");
	char text[DIGEST_TEXT_MAX];

	if (!e)
		verify_run_found(r, DEFECT_MISSING, "plan.json", "every run has one");
	else if (!is_promised(r, e->sha256))
		verify_run_found(r, DEFECT_PLAN, "plan.json",
		        "is %s, the plan_digest of result.json is %s", digest_text(e->sha256, text),
		        promised(r));
}

static struct scenario *read_bundle(struct verify_run *r)
{
	const struct pack_entry *e = verify_run_file(r, "bundle.json");
	struct error wrong = ERROR_INIT;
	struct scenario *s = NULL;
	char text[DIGEST_TEXT_MAX], *bundle = NULL;
	size_t n;

	if (files_read(e->from, &bundle, &n, &wrong) || scenario_from_plan(bundle, n, &s, &wrong))
		verify_run_error(r, DEFECT_PLAN, "bundle.json", &wrong);
	else if (!is_promised(r, s->plan_digest))
		verify_run_found(r, DEFECT_PLAN, "bundle.json",
		        "makes the plan %s, the plan_digest of result.json is %s",
		        digest_text(s->plan_digest, text), promised(r));
	mem_free(bundle);
	return s;
}

/* --- the rules of the judgement ------------------------------------------------------- */

static bool same_number(struct jval object, const char *key, double expected)
{
	struct error ignored = ERROR_INIT;
	double v;

	return json_real(json_get(object, key), &v, &ignored) == ERR_NONE && v == expected;
}

static bool same_whole(struct jval object, const char *key, int64_t expected)
{
	struct error ignored = ERROR_INIT;
	int64_t v;

	return json_i64(json_get(object, key), &v, &ignored) == ERR_NONE && v == expected;
}

static bool same_rates(struct jval list, const struct score_config *c)
{
	struct error ignored = ERROR_INIT;
	double rate;

	if (json_count(list) != c->n_tiers)
		return false;
	for (uint32_t i = 0; i < c->n_tiers; i++)
		if (json_real(json_at(list, i), &rate, &ignored) || rate != c->expected_rate[i])
			return false;
	return true;
}

/* What score.json says the judgement was configured with follows from the scenario. */
static void check_config(struct verify_run *r, const struct scenario *s)
{
	struct json *doc = verify_run_json(r, "score.json", DEFECT_SCHEMA);
	const char *clock = json_string(json_get(json_root(r->result), "clock"));
	struct score_config c = scenario_score_config(s, strcmp(clock, "virtual") == 0);
	struct jval config;

	if (!doc)
		return;
	config = json_get(json_root(doc), "config");
	if (!same_whole(config, "warmup_ns", c.warmup_ns) ||
	        !same_whole(config, "duration_ns", c.duration_ns) ||
	        !same_whole(config, "recovery_horizon_ns", c.recovery_horizon_ns) ||
	        !same_whole(config, "recovery_hold_ns", c.recovery_hold_ns) ||
	        !same_number(config, "expected_rate_all", c.expected_rate_all) ||
	        !same_rates(json_get(config, "expected_rate"), &c) ||
	        json_is_true(json_get(config, "census")) != c.census)
		verify_run_found(r, DEFECT_PLAN, "score.json",
		        "config is not what the scenario of bundle.json amounts to");
	json_free(doc);
}

/* --- the files that were read --------------------------------------------------------- */

/* What is listed as kept is there, and the same. */
static bool check_kept(struct verify_run *r, struct jval list)
{
	uint64_t before = r->report->defects;
	bool all = true;

	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		char path[PATH_BYTES];
		const struct pack_entry *e;
		uint8_t sha256[DIGEST_BYTES];

		if (!json_is_true(json_get(v, "kept"))) {
			all = false;
			continue;
		}
		(void)snprintf(
		        path, sizeof(path), INPUTS_FOLDER "/%s", json_string(json_get(v, "path")));
		e = verify_run_file(r, path);
		if (!e)
			verify_run_found(r, DEFECT_MISSING, path,
			        "is listed in " INPUTS_FILE ", and not in the pack");
		else if (!digest_parse(json_string(json_get(v, "sha256")), sha256) ||
		         memcmp(sha256, e->sha256, DIGEST_BYTES) != 0)
			verify_run_found(r, DEFECT_PLAN, path, "is not what " INPUTS_FILE " says");
	}
	return all && r->report->defects == before;
}

static const char *const *read_set(struct jval list, struct arena *arena, uint32_t *n)
{
	const char **set = ARENA_ARRAY(arena, const char *, SET_MAX);

	*n = 0;
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE && *n < SET_MAX;
	        v = json_next(v))
		set[(*n)++] = json_string(v);
	return set;
}

/* The scenario of this name among those of what was read; NULL, and told, if there is none. */
static const struct scenario *pick(
        struct verify_run *r, const struct scenario_list *list, const char *name)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i]->name, name) == 0)
			return list->items[i];
	verify_run_found(
	        r, DEFECT_PLAN, INPUTS_FILE, "has no scenario '%s' among what was read", name);
	return NULL;
}

/* Reads inputs/ as the run did, and makes the plan of it. */
static void load_inputs(struct verify_run *r, struct jval root)
{
	char folder[PATH_MAX + sizeof(INPUTS_FOLDER)], main_file[PATH_MAX + PATH_BYTES];
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct file_fence fence = {.root = folder};
	struct scenario_options options = {.has_seed = true, .fence = &fence};
	struct error wrong = ERROR_INIT;
	const struct scenario *s;
	char text[DIGEST_TEXT_MAX];
	struct arena arena;
	int64_t seed = 0;

	arena_init(&arena, 0);
	(void)snprintf(folder, sizeof(folder), "%s/" INPUTS_FOLDER, r->dir);
	(void)snprintf(
	        main_file, sizeof(main_file), "%s/%s", folder, json_string(json_get(root, "main")));
	options.set = read_set(json_get(root, "set"), &arena, &options.n_set);
	if (json_i64(json_get(root, "seed"), &seed, &wrong) == ERR_NONE)
		options.seed = (uint64_t)seed;
	if (scenario_load(main_file, &options, &list, &wrong)) {
		if (fence.crossed)
			verify_report_answer(r->report, ASKED_REDONE, r->as,
			        "the files that were read lead to others by absolute paths, so "
			        "that no plan was made of them; bundle.json holds them all");
		else
			verify_run_error(r, DEFECT_PLAN, INPUTS_FOLDER, &wrong);
	} else if ((s = pick(r, &list, json_string(json_get(root, "scenario")))) != NULL &&
	           !is_promised(r, s->plan_digest)) {
		verify_run_found(r, DEFECT_PLAN, INPUTS_FOLDER,
		        "makes the plan %s, the plan_digest of result.json is %s",
		        digest_text(s->plan_digest, text), promised(r));
	}
	scenario_list_free(&list);
	arena_free(&arena);
}

static void check_inputs(struct verify_run *r)
{
	struct json *doc = verify_run_json(r, INPUTS_FILE, DEFECT_SCHEMA);
	char path[PATH_BYTES];
	struct jval root;

	if (!doc)
		return;
	root = json_root(doc);
	(void)snprintf(
	        path, sizeof(path), INPUTS_FOLDER "/%s", json_string(json_get(root, "main")));
	if (!verify_run_file(r, path))
		verify_run_found(r, DEFECT_MISSING, path,
		        "is the file that the run was read from, and not in the pack");
	else if (check_kept(r, json_get(root, "files")))
		load_inputs(r, root);
	json_free(doc);
}

/* --- the whole ------------------------------------------------------------------------ */

enum status verify_plan(struct verify_run *r, struct scenario **out, struct error *err)
{
	uint64_t before = r->report->defects;

	*out = NULL;
	if (has(r, "plan.json"))
		check_plan_file(r);
	if (has(r, "bundle.json"))
		*out = read_bundle(r);
	if (*out && r->report->defects == before) {
		check_named(r, *out);
		check_headings(r);
		if (has(r, "score.json"))
			check_config(r, *out);
	}
	if (r->report->defects == before && has(r, INPUTS_FILE))
		check_inputs(r);
	if (r->report->defects == before)
		return ERR_NONE;
	scenario_free(*out);
	*out = NULL;
	return err->code;
}
