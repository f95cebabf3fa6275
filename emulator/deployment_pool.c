/* Pools of a deployment: names first, then nodes, then timetables, because an artifact is compiled
 * for the nodes it will run on and nodes are divided over all pools together. */
#include "emulator/deployment_parts.h"

#include <stddef.h>
#include <string.h>
#include "harness/base/units.h"

const char *const entry_names[] = {"phase", "frame", "immediate", NULL};
const char *const overflow_names[] = {"none", "next", NULL};
const char *const oversize_names[] = {"reject", "truncate", "route", NULL};
const char *const loss_names[] = {"replay", "fail", NULL};
const char *const ops_policy_names[] = {"fallback", "refuse", NULL};

#define MAX_FRAME_NS (3600 * NS_PER_S)

struct raw_pool {
	const char *name;
	struct jval buckets, artifact, nodes, admission, accepts, priority, degraded, rollout;
	int64_t instances, batch_window_ns;
	int entry, overflow, oversize, on_loss, ops_policy;
	bool pinned, digest_check;
};

static const struct field pool_fields[] = {
        {.name = "name",
                .type = FIELD_NAME,
                .offset = offsetof(struct raw_pool, name),
                .flags = FIELD_REQUIRED,
                .help = "unique among the pools"},
        {.name = "buckets",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_pool, buckets),
                .help = "an explicit timetable; else \"artifact\""},
        {.name = "artifact",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_pool, artifact),
                .help = "buckets from the compiler"},
        {.name = "instances",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_pool, instances),
                .fallback = "1",
                .min = 1,
                .max = POOL_INSTANCES_MAX,
                .unit = "instances",
                .help = "copies of the timetable, each on nodes of its own"},
        {.name = "nodes",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_pool, nodes),
                .help = "one list of node names an instance; default: the working nodes, divided "
                        "evenly"},
        {.name = "entry",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_pool, entry),
                .fallback = "\"phase\"",
                .choices = entry_names,
                .help = "when a free slot departs"},
        {.name = "admission",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_pool, admission),
                .help = "what is refused with 429"},
        {.name = "accepts",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_pool, accepts),
                .help = "which requests the pool takes; default: all"},
        {.name = "overflow",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_pool, overflow),
                .fallback = "\"none\"",
                .choices = overflow_names,
                .help = "where a request goes that is refused here"},
        {.name = "priority",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_pool, priority),
                .help = "tiers, first served first; others behind"},
        {.name = "degraded",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_pool, degraded),
                .help = "policy while few instances live"},
        {.name = "oversize",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_pool, oversize),
                .fallback = "\"reject\"",
                .choices = oversize_names,
                .help = "what happens to a request that no bucket holds"},
        {.name = "on_loss",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_pool, on_loss),
                .fallback = "\"replay\"",
                .choices = loss_names,
                .help = "what happens to a request whose instance is lost"},
        {.name = "ops_policy",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_pool, ops_policy),
                .fallback = "\"fallback\"",
                .choices = ops_policy_names,
                .help = "what happens to an operation that the compiler does not support: the "
                        "host computes it, or the plan is refused",
                .label = "assumption",
                .source = "GroqFlow checks the operations before it compiles; what a serving "
                          "stack then does is its operator's choice"},
        {.name = "digest_check",
                .type = FIELD_BOOL,
                .offset = offsetof(struct raw_pool, digest_check),
                .fallback = "true",
                .help = "an artifact is compared with the pool's by its digest before it is "
                        "loaded; without, a stale one runs, and its tokens are wrong",
                .label = "assumption",
                .source = "GroqFlow rebuilds what was built from other inputs or by another minor "
                          "version; a serving stack may skip that"},
        {.name = "pinned",
                .type = FIELD_BOOL,
                .offset = offsetof(struct raw_pool, pinned),
                .fallback = "false",
                .help = "keeps the artifact it was deployed with: every rollout is refused",
                .label = "assumption",
                .source = "the operator's choice"},
        {.name = "rollout",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_pool, rollout),
                .help = "how a new artifact is tried; default: it is not, all get it at once"},
        {.name = "batch_window",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_pool, batch_window_ns),
                .fallback = "\"0ns\"",
                .max = 60 * NS_PER_S,
                .unit = "ns",
                .help = "collect arrivals for so long; 0 = off"},
};

/* --- explicit buckets ---------------------------------------------------------------- */

struct raw_bucket {
	int64_t max_seq, frame_ns, slots, ppf;
};

static const struct field bucket_fields[] = {
        {.name = "max_seq",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_bucket, max_seq),
                .flags = FIELD_REQUIRED,
                .min = 2,
                .max = POOL_TOKENS_MAX,
                .unit = "tokens",
                .help = "prompt and max_tokens together"},
        {.name = "frame",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_bucket, frame_ns),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = MAX_FRAME_NS,
                .unit = "ns",
                .help = "time of one pass, one token of every slot"},
        {.name = "slots",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_bucket, slots),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = INSTANCE_SLOTS_MAX,
                .unit = "slots",
                .help = "planned KV regions of one instance"},
        {.name = "prefill_tokens_per_frame",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_bucket, ppf),
                .flags = FIELD_REQUIRED,
                .min = 1,
                .max = POOL_TOKENS_MAX,
                .unit = "tokens",
                .help = "prompt tokens that one frame takes in"},
};

/* Keeps the list ascending; false if max_seq is there already. */
static bool insert_bucket(struct pool_spec *p, const struct bucket_spec *b)
{
	uint32_t at = p->n_buckets;

	while (at > 0 && p->buckets[at - 1].max_seq > b->max_seq)
		at--;
	if (at > 0 && p->buckets[at - 1].max_seq == b->max_seq)
		return false;
	memmove(p->buckets + at + 1, p->buckets + at, (p->n_buckets - at) * sizeof(*b));
	p->buckets[at] = *b;
	p->n_buckets++;
	return true;
}

static enum status parse_buckets(struct jval list, struct pool_spec *p, struct error *err)
{
	int64_t slots = 0;

	if (json_count(list) < 1 || json_count(list) > POOL_BUCKETS_MAX)
		return json_error(list, err, "expected 1 to %d buckets, found %zu",
		        POOL_BUCKETS_MAX, json_count(list));
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		struct raw_bucket raw;
		enum status rc;

		rc = json_read(v, bucket_fields, ARRAY_LEN(bucket_fields), &raw, err);
		if (rc)
			return rc;
		slots += raw.slots;
		if (slots > INSTANCE_SLOTS_MAX)
			return json_error(json_get(v, "slots"), err,
			        "expected at most %d slots an instance, found %lld",
			        INSTANCE_SLOTS_MAX, (long long)slots);
		if (!insert_bucket(p, &(struct bucket_spec){raw.max_seq, raw.frame_ns, raw.ppf,
		                              (uint32_t)raw.slots}))
			return json_expected(json_get(v, "max_seq"), err,
			        "a max_seq that no other bucket of the pool has");
	}
	return ERR_NONE;
}

/* --- a pool -------------------------------------------------------------------------- */

static enum status parse_pool(
        struct jval v, struct arena *arena, struct deployment *d, struct error *err)
{
	struct pool_spec *p = &d->pools[d->n_pools];
	struct raw_pool raw;
	enum status rc = json_read(v, pool_fields, ARRAY_LEN(pool_fields), &raw, err);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < d->n_pools; i++)
		if (!strcmp(d->pools[i].name, raw.name))
			return json_expected(
			        json_get(v, "name"), err, "a name that no other pool has");
	if ((json_type(raw.buckets) == JSON_NONE) == (json_type(raw.artifact) == JSON_NONE))
		return json_error(v, err, "expected either \"buckets\" or \"artifact\", found %s",
		        json_type(raw.buckets) == JSON_NONE ? "neither" : "both");
	p->name = arena_strndup(arena, raw.name, strlen(raw.name));
	p->entry = (enum entry_rule)raw.entry;
	p->overflow_next = raw.overflow == 1;
	p->oversize = (enum oversize_rule)raw.oversize;
	p->on_loss = (enum loss_rule)raw.on_loss;
	p->ops_policy = (enum ops_policy)raw.ops_policy;
	p->pinned = raw.pinned;
	p->digest_check = raw.digest_check;
	p->batch_window_ns = raw.batch_window_ns;
	p->n_instances = (uint32_t)raw.instances;
	if (json_type(json_get(v, "instances")) == JSON_NONE &&
	        json_type(raw.nodes) == JSON_ARRAY && json_count(raw.nodes) >= 1 &&
	        json_count(raw.nodes) <= POOL_INSTANCES_MAX)
		p->n_instances = (uint32_t)json_count(raw.nodes);
	if (json_type(raw.nodes) != JSON_NONE)
		rc = nodes_parse(raw.nodes, &d->topology, arena, p, err);
	if (!rc && json_type(raw.buckets) != JSON_NONE)
		rc = parse_buckets(raw.buckets, p, err);
	return rc ? rc : policies_parse(v, arena, p, err);
}

/* An explicit timetable does not say what it holds: a reload is then all of a node's SRAM. */
static int64_t node_sram_bytes(const struct hardware *hw)
{
	return hardware_i64(hw, HW_CHIP_SRAM) * hardware_i64(hw, HW_CHIPS_PER_NODE);
}

static enum status compile_pool(struct jval source, struct arena *arena, struct deployment *d,
        struct pool_spec *p, struct error *err)
{
	struct compile_site site = nodes_site(d, p);
	struct artifact *a = ARENA_ARRAY(arena, struct artifact, 1);
	struct artifact_spec spec;
	enum status rc;

	rc = artifact_parse(source, &d->model_shape, &d->hardware, arena, &spec, err);
	if (!rc)
		rc = artifact_compile(source, &spec, &d->hardware, &site, a, err);
	if (rc)
		return rc;
	if (a->slots > INSTANCE_SLOTS_MAX)
		return json_error(source, err, "expected at most %d slots an instance, found %u",
		        INSTANCE_SLOTS_MAX, a->slots);
	p->artifact = a;
	p->artifact_digest = a->digest;
	p->reload_bytes = a->reload_bytes;
	p->n_buckets = spec.n_buckets;
	memcpy(p->buckets, a->buckets, sizeof(p->buckets));
	return ERR_NONE;
}

static enum status finish_pool(struct jval v, struct arena *arena, struct deployment *d,
        struct pool_spec *p, struct error *err)
{
	struct jval source = json_get(v, "artifact");
	enum status rc = ERR_NONE;

	p->reload_bytes = node_sram_bytes(&d->hardware);
	if (json_type(source) != JSON_NONE)
		rc = compile_pool(source, arena, d, p, err);
	if (!rc && p->entry == ENTRY_IMMEDIATE && p->n_buckets > 1)
		rc = json_error(json_get(v, "entry"), err,
		        "expected \"phase\" or \"frame\" with several buckets, found "
		        "\"immediate\"");
	return rc;
}

enum status pools_parse(
        struct jval list, struct arena *arena, struct deployment *d, struct error *err)
{
	uint32_t i = 0;

	if (json_count(list) < 1 || json_count(list) > DEPLOYMENT_POOLS_MAX)
		return json_error(list, err, "expected 1 to %d pools, found %zu",
		        DEPLOYMENT_POOLS_MAX, json_count(list));
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		enum status rc = parse_pool(v, arena, d, err);

		if (rc)
			return rc;
		d->n_pools++;
	}
	nodes_divide(d, arena);
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		enum status rc = finish_pool(v, arena, d, &d->pools[i++], err);

		if (rc)
			return rc;
	}
	return ERR_NONE;
}

size_t pool_tables(struct field_table *tables)
{
	size_t n = 0;

	tables[n++] = (struct field_table){"pools[]", pool_fields, ARRAY_LEN(pool_fields)};
	tables[n++] =
	        (struct field_table){"pools[].buckets[]", bucket_fields, ARRAY_LEN(bucket_fields)};
	return n + policy_tables(tables + n);
}
