/* The policies of a pool: whom it takes, what it refuses, whom it serves first, what it does when
 * few of its instances live. */
#include "emulator/deployment_parts.h"

#include <stddef.h>
#include <string.h>
#include "harness/base/units.h"

const char *const policy_names[] = {"none", "token_budget", "request_count", "queue_cap", NULL};

const char *admission_policy_name(enum admission_policy p)
{
	return policy_names[p];
}

static enum status parse_names(struct jval list, const char *what, uint32_t room, const char **out,
        uint32_t *n, struct arena *arena, struct error *err)
{
	if (json_count(list) > room)
		return json_error(list, err, "expected at most %u %ss, found %zu", room, what,
		        json_count(list));
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		const char *s = json_string(v);

		if (!s || !s[0])
			return json_expected(v, err, "the name of a %s", what);
		for (uint32_t i = 0; i < *n; i++)
			if (!strcmp(out[i], s))
				return json_expected(
				        v, err, "a %s that is not in the list yet", what);
		out[(*n)++] = arena_strndup(arena, s, strlen(s));
	}
	return ERR_NONE;
}

struct raw_admission {
	int policy;
	struct jval limit;
	double tenant_rate;
	int64_t tenant_burst;
};

static const struct field admission_fields[] = {
        {.name = "policy",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_admission, policy),
                .fallback = "\"none\"",
                .choices = policy_names,
                .help = "what is measured"},
        {.name = "limit",
                .type = FIELD_VALUE,
                .offset = offsetof(struct raw_admission, limit),
                .help = "token_budget: a duration; request_count, queue_cap: a number of requests"},
        {.name = "tenant_rate",
                .type = FIELD_REAL,
                .offset = offsetof(struct raw_admission, tenant_rate),
                .fallback = "0",
                .rmin = 0,
                .rmax = 1e9,
                .unit = "requests/s",
                .help = "each tenant's own limit; 0 = none"},
        {.name = "tenant_burst",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_admission, tenant_burst),
                .fallback = "1",
                .min = 1,
                .max = POOL_TOKENS_MAX,
                .unit = "requests",
                .help = "bucket depth of tenant_rate"},
};

static enum status parse_admission(struct jval v, struct admission_spec *a, struct error *err)
{
	struct raw_admission raw;
	enum status rc;

	json_defaults(admission_fields, ARRAY_LEN(admission_fields), &raw);
	if (json_type(v) != JSON_NONE) {
		rc = json_read(v, admission_fields, ARRAY_LEN(admission_fields), &raw, err);
		if (rc)
			return rc;
	}
	*a = (struct admission_spec){.policy = (enum admission_policy)raw.policy,
	        .tenant_rate = raw.tenant_rate,
	        .tenant_burst = raw.tenant_burst};
	if (a->policy == ADMISSION_NONE)
		return json_type(raw.limit) == JSON_NONE
		               ? ERR_NONE
		               : json_error_key(raw.limit, err,
		                         "expected no limit with policy \"none\", found one");
	if (json_type(raw.limit) == JSON_NONE)
		return json_error(v, err, "expected \"limit\" with policy \"%s\", found none",
		        policy_names[a->policy]);
	if (a->policy == ADMISSION_TOKEN_BUDGET)
		return json_duration(raw.limit, &a->limit_ns, err);
	rc = json_i64(raw.limit, &a->limit, err);
	if (!rc && (a->limit < 1 || a->limit > POOL_TOKENS_MAX))
		rc = json_expected(raw.limit, err, "a number of requests from 1 to 1000000000");
	return rc;
}

struct raw_accepts {
	struct jval tiers, tenants;
	int64_t min_tokens, max_tokens;
};

static const struct field accepts_fields[] = {
        {.name = "tiers",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_accepts, tiers),
                .help = "tiers taken; default: all"},
        {.name = "tenants",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_accepts, tenants),
                .help = "tenants taken; default: all"},
        {.name = "min_tokens",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_accepts, min_tokens),
                .fallback = "0",
                .min = 0,
                .max = POOL_TOKENS_MAX,
                .unit = "tokens",
                .help = "of prompt + max_tokens; 0 = no bound"},
        {.name = "max_tokens",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_accepts, max_tokens),
                .fallback = "0",
                .min = 0,
                .max = POOL_TOKENS_MAX,
                .unit = "tokens",
                .help = "of prompt + max_tokens; 0 = no bound"},
};

static enum status parse_accepts(
        struct jval v, struct arena *arena, struct pool_spec *p, struct error *err)
{
	struct raw_accepts raw;
	enum status rc;

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	rc = json_read(v, accepts_fields, ARRAY_LEN(accepts_fields), &raw, err);
	if (rc)
		return rc;
	p->min_tokens = raw.min_tokens;
	p->max_tokens = raw.max_tokens;
	if (p->max_tokens && p->max_tokens < p->min_tokens)
		return json_expected(json_get(v, "max_tokens"), err, "at least min_tokens, %lld",
		        (long long)p->min_tokens);
	rc = parse_names(
	        raw.tiers, "tier", DEPLOYMENT_TIERS_MAX, p->tiers, &p->n_tiers, arena, err);
	if (rc)
		return rc;
	return parse_names(raw.tenants, "tenant", ARRAY_LEN(p->tenants), p->tenants, &p->n_tenants,
	        arena, err);
}

struct raw_degraded {
	int64_t below, max_tokens;
	struct jval shed;
};

static const struct field degraded_fields[] = {
        {.name = "below",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_degraded, below),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = POOL_INSTANCES_MAX,
                .unit = "instances",
                .help = "in force while fewer instances live"},
        {.name = "shed",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_degraded, shed),
                .help = "tiers refused"},
        {.name = "max_tokens",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_degraded, max_tokens),
                .fallback = "0",
                .min = 0,
                .max = POOL_TOKENS_MAX,
                .unit = "tokens",
                .help = "cap on what a request may ask for; 0 = none"},
};

static enum status parse_degraded(
        struct jval v, struct arena *arena, struct pool_spec *p, struct error *err)
{
	struct raw_degraded raw;
	enum status rc;

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	rc = json_read(v, degraded_fields, ARRAY_LEN(degraded_fields), &raw, err);
	if (rc)
		return rc;
	if (raw.below > p->n_instances)
		return json_expected(json_get(v, "below"), err, "at most the pool's %u instance%s",
		        p->n_instances, p->n_instances == 1 ? "" : "s");
	p->degraded_below = (uint32_t)raw.below;
	p->degraded_max_tokens = raw.max_tokens;
	return parse_names(raw.shed, "tier", DEPLOYMENT_TIERS_MAX, p->shed, &p->n_shed, arena, err);
}

struct raw_rollout {
	int64_t canary, check_ns, rollback_ns;
	double tolerance;
};

static const struct field rollout_fields[] = {
        {.name = "canary",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_rollout, canary),
                .fallback = "1",
                .min = 1,
                .max = POOL_INSTANCES_MAX,
                .unit = "instances",
                .help = "that get a new artifact first",
                .label = "assumption",
                .source = "the smallest possible"},
        {.name = "check",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_rollout, check_ns),
                .fallback = "\"2s\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "after which the canary's measured frames are compared with the compiled "
                        "timetable",
                .label = "assumption",
                .source = "a frame of an LPU is the same every time: one would do; two scrapes of "
                          "a metrics system that looks every second"},
        {.name = "tolerance",
                .type = FIELD_REAL,
                .offset = offsetof(struct raw_rollout, tolerance),
                .fallback = "0.02",
                .rmin = 0,
                .rmax = 1,
                .unit = "ratio",
                .help = "a frame longer by more than this is a regression and is rolled back",
                .label = "inference",
                .source = "ISCA 2022: the compiler's estimate is within 2 % of the machine"},
        {.name = "rollback",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_rollout, rollback_ns),
                .fallback = "\"500ms\"",
                .max = 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "until the old artifact, still in the host's memory, runs again; the "
                        "canary serves on meanwhile",
                .label = "assumption",
                .source = "a node's weights at host_load_bandwidth take tens of milliseconds; the "
                          "rest is drain and control; nothing is published"},
};

static enum status parse_rollout(struct jval v, struct pool_spec *p, struct error *err)
{
	struct raw_rollout raw;

	if (json_type(v) == JSON_NONE)
		return ERR_NONE;
	if (json_read(v, rollout_fields, ARRAY_LEN(rollout_fields), &raw, err))
		return err->code;
	if (raw.canary > p->n_instances)
		return json_expected(json_get(v, "canary"), err, "at most the pool's %u instance%s",
		        p->n_instances, p->n_instances == 1 ? "" : "s");
	p->rollout = (struct rollout_spec){
	        .canary = (uint32_t)raw.canary,
	        .check_ns = raw.check_ns,
	        .rollback_ns = raw.rollback_ns,
	        .tolerance_ppm = (int64_t)(raw.tolerance * 1e6 + 0.5),
	};
	return ERR_NONE;
}

enum status policies_parse(
        struct jval v, struct arena *arena, struct pool_spec *p, struct error *err)
{
	enum status rc = parse_admission(json_get(v, "admission"), &p->admission, err);

	if (!rc)
		rc = parse_accepts(json_get(v, "accepts"), arena, p, err);
	if (!rc)
		rc = parse_names(json_get(v, "priority"), "tier", DEPLOYMENT_TIERS_MAX, p->priority,
		        &p->n_priority, arena, err);
	if (!rc)
		rc = parse_rollout(json_get(v, "rollout"), p, err);
	return rc ? rc : parse_degraded(json_get(v, "degraded"), arena, p, err);
}

size_t policy_tables(struct field_table *tables)
{
	size_t n = 0;

	tables[n++] = (struct field_table){
	        "pools[].admission", admission_fields, ARRAY_LEN(admission_fields)};
	tables[n++] =
	        (struct field_table){"pools[].accepts", accepts_fields, ARRAY_LEN(accepts_fields)};
	tables[n++] = (struct field_table){
	        "pools[].degraded", degraded_fields, ARRAY_LEN(degraded_fields)};
	tables[n++] =
	        (struct field_table){"pools[].rollout", rollout_fields, ARRAY_LEN(rollout_fields)};
	return n;
}
