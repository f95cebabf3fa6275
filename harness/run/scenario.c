/* From a document to a scenario. The sections belong to those who know them (traffic, deployment,
 * faults, rules); here they are put in the order in which one needs the other, and what no section
 * can see alone is checked in checks.c. Everything is read before anything starts: an error found
 * after the first request would cost a run. */
#include "harness/run/scenario.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/units.h"
#include "harness/run/checks.h"
#include "harness/run/plan.h"

#define SCENARIO_ARENA_BYTES ((size_t)4 << 30)

struct root {
	const char *name, *about;
	int64_t version, seed, duration_ns, warmup_ns, drain_ns;
	struct jval recovery, deployment, target, mirror, allow_hosts, traffic, faults, limits, slo,
	        expect, abort;
	int survive;
};

const char *const survive_names[] = {"none", "n-1", "n-1-1", "n-2", NULL};

static const struct field root_fields[] = {
        {.name = "version",
                .type = FIELD_INT,
                .offset = offsetof(struct root, version),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = 1,
                .help = "of this format"},
        {.name = "name",
                .type = FIELD_NAME,
                .offset = offsetof(struct root, name),
                .flags = FIELD_REQUIRED,
                .help = "of the scenario; results are filed under it"},
        {.name = "about",
                .type = FIELD_STRING,
                .offset = offsetof(struct root, about),
                .help = "question, expectation, reason"},
        {.name = "seed",
                .type = FIELD_INT,
                .offset = offsetof(struct root, seed),
                .fallback = "1",
                .min = 0,
                .max = INT64_MAX,
                .help = "of every random number of the run"},
        {.name = "duration",
                .type = FIELD_DURATION,
                .offset = offsetof(struct root, duration_ns),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = NS_MAX,
                .unit = "ns",
                .help = "arrivals stop here; includes warmup"},
        {.name = "warmup",
                .type = FIELD_DURATION,
                .offset = offsetof(struct root, warmup_ns),
                .fallback = "\"0s\"",
                .max = NS_MAX,
                .unit = "ns",
                .help = "requests planned before it are not judged"},
        {.name = "drain",
                .type = FIELD_DURATION,
                .offset = offsetof(struct root, drain_ns),
                .fallback = "\"60s\"",
                .max = NS_MAX,
                .unit = "ns",
                .help = "time allowed to finish after duration"},
        {.name = "recovery",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct root, recovery),
                .help = "how the end of a recovery is found"},
        {.name = "deployment",
                .type = FIELD_VALUE,
                .offset = offsetof(struct root, deployment),
                .help = "a file, or the deployment itself"},
        {.name = "target",
                .type = FIELD_VALUE,
                .offset = offsetof(struct root, target),
                .help = "\"emulator\", or an OpenAI-compatible server"},
        {.name = "mirror",
                .type = FIELD_VALUE,
                .offset = offsetof(struct root, mirror),
                .help = "which of the requests' moves are captured: {\"every\": 100}, \"off\"; "
                        "default: as many as take about 1 MB"},
        {.name = "allow_hosts",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct root, allow_hosts),
                .help = "hosts besides loopback that target.url may name"},
        {.name = "traffic",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct root, traffic),
                .flags = FIELD_REQUIRED,
                .help = "who asks for what, and when"},
        {.name = "faults",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct root, faults),
                .help = "what breaks, and when"},
        {.name = "limits",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct root, limits),
                .help = "how far the faults may go"},
        {.name = "slo",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct root, slo),
                .help = "limits on percentiles"},
        {.name = "expect",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct root, expect),
                .help = "what else must hold"},
        {.name = "abort",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct root, abort),
                .help = "when to stop early"},
        {.name = "survive",
                .type = FIELD_ENUM,
                .offset = offsetof(struct root, survive),
                .choices = survive_names,
                .fallback = "\"none\"",
                .help = "which contingencies a campaign must find survived; n-2 includes n-1-1, "
                        "and that n-1"},
};

static const struct field recovery_fields[] = {
        {.name = "horizon",
                .type = FIELD_DURATION,
                .offset = offsetof(struct scenario, recovery_horizon_ns),
                .fallback = "\"30s\"",
                .min = 1,
                .max = NS_MAX,
                .unit = "ns",
                .label = "assumption",
                .help = "how long after the inject bad bins are put down to the fault"},
        {.name = "hold",
                .type = FIELD_DURATION,
                .offset = offsetof(struct scenario, recovery_hold_ns),
                .fallback = "\"1s\"",
                .min = 1,
                .max = NS_MAX,
                .unit = "ns",
                .label = "assumption",
                .help = "time without a bad bin that ends a recovery"},
};

struct field_table scenario_recovery_table(void)
{
	return (struct field_table){"recovery", recovery_fields, ARRAY_LEN(recovery_fields)};
}

static const struct field mirror_fields[] = {
        {.name = "every",
                .type = FIELD_INT,
                .offset = offsetof(struct scenario_mirror, every),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = INT32_MAX,
                .unit = "requests",
                .help = "one in so many is captured"},
        {.name = "frames",
                .type = FIELD_INT,
                .offset = offsetof(struct scenario_mirror, frames),
                .fallback = "1",
                .min = 1,
                .max = INT32_MAX,
                .unit = "frames",
                .help = "of each of them one in so many"},
};

static enum status read_mirror(struct scenario *s, struct jval v, struct error *err)
{
	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	if (s->target.url)
		return json_error_key(v, err,
		        "expected no 'mirror' with a target URL (only the emulator has one), found "
		        "one");
	s->mirror.given = true;
	s->mirror.off = json_string(v) && strcmp(json_string(v), "off") == 0;
	if (s->mirror.off)
		return ERR_NONE;
	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "\"off\" or an object like {\"every\": 100}");
	return json_read(v, mirror_fields, ARRAY_LEN(mirror_fields), &s->mirror, err);
}

static enum status read_root(struct scenario *s, struct root *root, struct error *err)
{
	struct jval v = json_root(s->document);

	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "a scenario, an object");
	if (json_read(v, root_fields, ARRAY_LEN(root_fields), root, err))
		return err->code;
	s->name = root->name;
	s->about = root->about;
	s->survive = root->survive;
	s->seed = (uint64_t)root->seed;
	s->duration_ns = root->duration_ns;
	s->warmup_ns = root->warmup_ns;
	s->drain_ns = root->drain_ns;
	if (json_type(root->recovery) == JSON_NONE) {
		json_defaults(recovery_fields, ARRAY_LEN(recovery_fields), s);
		return ERR_NONE;
	}
	return json_read(root->recovery, recovery_fields, ARRAY_LEN(recovery_fields), s, err);
}

static enum status read_deployment(struct scenario *s, struct jval v, struct error *err)
{
	struct file_loader loader = files_loader(s->files);
	const char *path = json_string(v);
	struct json *doc;

	if (json_type(v) == JSON_NONE) {
		if (s->target.url)
			return ERR_NONE;
		return json_error(
		        json_root(s->document), err, "expected the key 'deployment', found none");
	}
	if (path) {
		if (files_json(s->files, s->file, path, &doc, err))
			return files_blame(v, err);
		v = json_root(doc);
	}
	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "a deployment, a path or an object");
	if (deployment_parse(v, &loader, &s->arena, &s->deployment, err))
		return err->code;
	s->has_deployment = true;
	return ERR_NONE;
}

static bool listed(const char *name, const char *const *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return n == 0;
}

/* The largest bucket of the first pool that takes the tenant, whatever the size of its requests. */
static int64_t find_room(const struct scenario *s, const struct tenant_spec *tenant)
{
	for (uint32_t p = 0; p < s->deployment.n_pools; p++) {
		const struct pool_spec *pool = &s->deployment.pools[p];

		if (listed(tenant->tier, pool->tiers, pool->n_tiers) &&
		        listed(tenant->name, pool->tenants, pool->n_tenants))
			return pool->buckets[pool->n_buckets - 1].max_seq;
	}
	return 0;
}

static enum status read_traffic(struct scenario *s, struct jval v, struct error *err)
{
	if (traffic_parse(v, s->duration_ns, &s->arena, &s->traffic, err))
		return err->code;
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++)
		s->tenant_room[i] = find_room(s, &s->traffic.tenants[i]);
	return ERR_NONE;
}

static enum status read_faults(
        struct scenario *s, struct jval v, struct jval limits, struct error *err)
{
	s->target_context = (struct target_context){
	        .deployment = s->has_deployment ? &s->deployment : NULL, .traffic = &s->traffic};
	s->targets = targets_resolver(&s->target_context);
	if (s->target.url && checks_fault_kinds(v, err))
		return err->code;
	if (fault_plan_parse(v, s->seed, s->duration_ns, &s->targets, &s->arena, &s->faults, err))
		return err->code;
	return fault_limits_parse(limits, &s->targets, &s->arena, &s->faults, err);
}

static enum status read_rules(struct scenario *s, struct error *err)
{
	const char **faults = ARENA_ARRAY(&s->arena, const char *, s->faults.n + 1);
	const char **pools = ARENA_ARRAY(&s->arena, const char *, DEPLOYMENT_POOLS_MAX);

	for (uint32_t i = 0; i < s->faults.n; i++)
		faults[i] = s->faults.faults[i].id;
	for (uint32_t i = 0; i < s->deployment.n_pools; i++)
		pools[i] = s->deployment.pools[i].name;
	s->names = (struct score_names){
	        .n_tiers = s->traffic.n_tiers,
	        .tiers = s->traffic.tiers,
	        .n_faults = s->faults.n,
	        .faults = faults,
	        .n_pools = s->deployment.n_pools,
	        .pools = pools,
	};
	return score_rules_parse(json_root(s->document), &s->names, &s->arena, &s->rules, err);
}

static enum status read_sections(struct scenario *s, struct error *err)
{
	struct root root;

	if (read_root(s, &root, err) || checks_target(s, root.target, root.allow_hosts, err) ||
	        read_mirror(s, root.mirror, err) || read_deployment(s, root.deployment, err) ||
	        read_traffic(s, root.traffic, err) ||
	        read_faults(s, root.faults, root.limits, err) || read_rules(s, err) ||
	        checks_times(s, json_get(json_root(s->document), "warmup"), err) ||
	        checks_traffic(s, root.traffic, err) || checks_surges(s, err))
		return err->code;
	checks_warn(s);
	return ERR_NONE;
}

enum status scenario_build(
        struct json *document, struct file_set *files, struct scenario **out, struct error *err)
{
	struct scenario *s = mem_alloc(1, sizeof(*s));

	arena_init(&s->arena, SCENARIO_ARENA_BYTES);
	s->document = document;
	s->files = files;
	s->file = json_file(document);
	s->traces = files_traces(files);
	if (read_sections(s, err)) {
		scenario_free(s);
		return err->code;
	}
	plan_canonical(s);
	*out = s;
	return ERR_NONE;
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	json_free(s->document);
	files_free(s->files);
	arena_free(&s->arena);
	mem_free(s);
}

enum status scenario_replan(const struct scenario *base, uint64_t seed, struct json *changes,
        struct scenario **out, struct error *err)
{
	struct scenario *s = mem_alloc(1, sizeof(*s));
	struct jval root = json_root(changes);

	*s = *base;
	arena_init(&s->arena, SCENARIO_ARENA_BYTES);
	s->document = changes;
	s->files = NULL;
	s->seed = seed;
	s->faults = (struct fault_plan){0};
	s->rules = (struct score_rules){0};
	s->plan_json = NULL;
	s->n_warnings = 0;
	s->warnings = NULL;
	if (read_faults(s, json_get(root, "faults"), json_get(root, "limits"), err) ||
	        read_rules(s, err) || checks_surges(s, err)) {
		scenario_free(s);
		return err->code;
	}
	*out = s;
	return ERR_NONE;
}

int64_t scenario_max_tokens(const struct scenario *s, const struct arrival *a)
{
	int64_t room;

	if (a->max_tokens > 0)
		return a->max_tokens;
	if (!s->has_deployment)
		return a->output_tokens;
	room = s->tenant_room[a->tenant] - a->prompt_tokens;
	return room > 1 ? room : 1;
}
