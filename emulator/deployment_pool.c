/* Pools of a deployment: names first, then nodes, then timetables, because an artifact is compiled
 * for the nodes it will run on and nodes are divided over all pools together.
 *
 * Division: what pools name is theirs; the other working nodes, ascending, go in equal shares to
 * the instances of the pools that name none, the remainder staying idle (a share of unequal size
 * would be another timetable). More instances than nodes: instance j of I sits on node floor(j·W/I)
 * of W. */
#include "emulator/deployment_parts.h"

#include <stddef.h>
#include <string.h>
#include "harness/base/units.h"

const char *const entry_names[] = {"phase", "frame", "immediate", NULL};
const char *const policy_names[] = {"none", "token_budget", "request_count", "queue_cap", NULL};
const char *const overflow_names[] = {"none", "next", NULL};
const char *const oversize_names[] = {"reject", "truncate", "route", NULL};
const char *const loss_names[] = {"replay", "fail", NULL};

#define MAX_FRAME_NS (3600 * NS_PER_S)
#define MAX_TOKENS   INT64_C(1000000000)

struct raw_pool {
	const char *name;
	struct jval buckets, artifact, nodes, admission, accepts, priority, degraded;
	int64_t instances, batch_window_ns;
	int entry, overflow, oversize, on_loss;
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
                .max = MAX_TOKENS,
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
                .max = MAX_TOKENS,
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

/* --- policies ------------------------------------------------------------------------ */

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
                .max = MAX_TOKENS,
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
	if (!rc && (a->limit < 1 || a->limit > MAX_TOKENS))
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
                .max = MAX_TOKENS,
                .unit = "tokens",
                .help = "of prompt + max_tokens; 0 = no bound"},
        {.name = "max_tokens",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_accepts, max_tokens),
                .fallback = "0",
                .min = 0,
                .max = MAX_TOKENS,
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
                .max = MAX_TOKENS,
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

/* --- nodes --------------------------------------------------------------------------- */

static enum status parse_node(
        struct jval v, const struct topology *t, uint32_t *node, struct error *err)
{
	const char *name = json_string(v);
	uint32_t id = name ? topology_find(t, name) : COMPONENT_NONE;

	if (id == COMPONENT_NONE || t->components[id].kind != COMPONENT_NODE)
		return json_expected(
		        v, err, "a node (r0.n0 … r%u.n%u)", t->n_racks - 1, t->nodes_per_rack - 1);
	*node = t->components[id].node;
	if (topology_is_spare(t, *node))
		return json_expected(v, err, "a working node (the last %u of a rack %s spare)",
		        t->spares_per_rack, t->spares_per_rack == 1 ? "is" : "are");
	return ERR_NONE;
}

static enum status parse_instance_nodes(
        struct jval list, const struct topology *t, uint32_t n, uint32_t *nodes, struct error *err)
{
	uint32_t k = 0;

	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v), k++) {
		enum status rc = parse_node(v, t, &nodes[k], err);

		if (rc)
			return rc;
		for (uint32_t j = 0; j < k; j++)
			if (nodes[j] == nodes[k])
				return json_expected(
				        v, err, "a node that the instance does not have yet");
	}
	CHECK(k == n);
	return ERR_NONE;
}

static enum status parse_nodes(struct jval list, const struct topology *t, struct arena *arena,
        struct pool_spec *p, struct error *err)
{
	size_t per = json_count(json_first(list));
	uint32_t instance = 0;

	if (json_count(list) != p->n_instances)
		return json_error(list, err,
		        "expected %u list%s of nodes, one an instance, found %zu", p->n_instances,
		        p->n_instances == 1 ? "" : "s", json_count(list));
	p->nodes_per_instance = (uint32_t)per;
	p->nodes_given = true;
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		enum status rc;

		if (json_type(v) != JSON_ARRAY || json_count(v) < 1 || json_count(v) > t->n_nodes)
			return json_expected(v, err, "a list of 1 to %u nodes", t->n_nodes);
		if (json_count(v) != per)
			return json_error(v, err,
			        "expected %zu nodes as in the first list, found %zu", per,
			        json_count(v));
		if (!instance)
			p->nodes = ARENA_ARRAY(arena, uint32_t, p->n_instances * per);
		rc = parse_instance_nodes(v, t, (uint32_t)per, p->nodes + instance++ * per, err);
		if (rc)
			return rc;
	}
	return ERR_NONE;
}

/* The working nodes that no pool names; all working nodes if the pools name every one. */
static uint32_t free_nodes(const struct deployment *d, struct arena *arena, uint32_t **nodes)
{
	const struct topology *t = &d->topology;
	bool *named = ARENA_ARRAY(arena, bool, t->n_nodes);
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_pools; i++)
		for (uint32_t k = 0; d->pools[i].nodes_given &&
		                     k < d->pools[i].n_instances * d->pools[i].nodes_per_instance;
		        k++)
			named[d->pools[i].nodes[k]] = true;
	*nodes = ARENA_ARRAY(arena, uint32_t, t->n_nodes);
	for (uint32_t pass = 0; pass < 2 && n == 0; pass++)
		for (uint32_t node = 0; node < t->n_nodes; node++)
			if (!topology_is_spare(t, node) && (pass || !named[node]))
				(*nodes)[n++] = node;
	return n;
}

static void divide_nodes(struct deployment *d, struct arena *arena)
{
	uint32_t instances = 0, j = 0, *nodes, n = free_nodes(d, arena, &nodes), per;

	for (uint32_t i = 0; i < d->n_pools; i++)
		if (!d->pools[i].nodes_given)
			instances += d->pools[i].n_instances;
	if (!instances)
		return;
	per = n >= instances ? n / instances : 1;
	for (uint32_t i = 0; i < d->n_pools; i++) {
		struct pool_spec *p = &d->pools[i];

		if (p->nodes_given)
			continue;
		p->nodes_per_instance = per;
		p->nodes = ARENA_ARRAY(arena, uint32_t, p->n_instances * per);
		for (uint32_t k = 0; k < p->n_instances; k++, j++)
			for (uint32_t m = 0; m < per; m++)
				p->nodes[k * per + m] =
				        n >= instances ? nodes[j * per + m]
				                       : nodes[(uint64_t)j * n / instances];
	}
}

/* --- a pool -------------------------------------------------------------------------- */

static enum status parse_policies(struct jval v, const struct raw_pool *raw, struct arena *arena,
        struct pool_spec *p, struct error *err)
{
	enum status rc = parse_admission(raw->admission, &p->admission, err);

	if (!rc)
		rc = parse_accepts(raw->accepts, arena, p, err);
	if (!rc)
		rc = parse_names(raw->priority, "tier", DEPLOYMENT_TIERS_MAX, p->priority,
		        &p->n_priority, arena, err);
	if (!rc)
		rc = parse_degraded(raw->degraded, arena, p, err);
	if (!rc && p->entry == ENTRY_IMMEDIATE && p->n_buckets > 1)
		rc = json_error(json_get(v, "entry"), err,
		        "expected \"phase\" or \"frame\" with several buckets, found "
		        "\"immediate\"");
	return rc;
}

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
	p->batch_window_ns = raw.batch_window_ns;
	p->n_instances = (uint32_t)raw.instances;
	if (json_type(json_get(v, "instances")) == JSON_NONE &&
	        json_type(raw.nodes) == JSON_ARRAY && json_count(raw.nodes) >= 1 &&
	        json_count(raw.nodes) <= POOL_INSTANCES_MAX)
		p->n_instances = (uint32_t)json_count(raw.nodes);
	if (json_type(raw.nodes) != JSON_NONE)
		rc = parse_nodes(raw.nodes, &d->topology, arena, p, err);
	if (!rc && json_type(raw.buckets) != JSON_NONE)
		rc = parse_buckets(raw.buckets, p, err);
	return rc ? rc : parse_policies(v, &raw, arena, p, err);
}

static struct compile_site site_of(const struct deployment *d, const struct pool_spec *p)
{
	struct compile_site site = {
	        .nodes = p->nodes_per_instance, .ethernet_hop_ns = d->ethernet.hop_ns};

	for (uint32_t i = 0; i < p->n_instances; i++) {
		const uint32_t *nodes = pool_nodes(p, i);
		uint32_t c2c = 0, ethernet = 0;

		for (uint32_t k = 0; k + 1 < p->nodes_per_instance; k++) {
			uint32_t links[2];
			uint32_t n = topology_hop(&d->topology, nodes[k], nodes[k + 1], links);

			if (n && d->topology.links[links[0]].class == LINK_ETHERNET)
				ethernet++;
			else
				c2c += n;
		}
		if (c2c > site.c2c_hops)
			site.c2c_hops = c2c;
		if (ethernet > site.ethernet_hops)
			site.ethernet_hops = ethernet;
	}
	return site;
}

/* An explicit timetable does not say what it holds: a reload is then all of a node's SRAM. */
static int64_t node_sram_bytes(const struct hardware *hw)
{
	return hardware_i64(hw, HW_CHIP_SRAM) * hardware_i64(hw, HW_CHIPS_PER_NODE);
}

static enum status finish_pool(struct jval v, struct arena *arena, struct deployment *d,
        struct pool_spec *p, struct error *err)
{
	struct jval source = json_get(v, "artifact");
	struct compile_site site = site_of(d, p);
	struct artifact *a;
	struct artifact_spec spec;
	enum status rc;

	p->reload_bytes = node_sram_bytes(&d->hardware);
	if (json_type(source) == JSON_NONE)
		return ERR_NONE;
	a = ARENA_ARRAY(arena, struct artifact, 1);
	rc = artifact_parse(source, &d->model_shape, &d->hardware, arena, &spec, err);
	if (!rc)
		rc = artifact_compile(source, &spec, &d->hardware, &site, a, err);
	if (rc)
		return rc;
	p->artifact = a;
	p->artifact_digest = a->digest;
	p->reload_bytes = a->reload_bytes;
	p->n_buckets = spec.n_buckets;
	memcpy(p->buckets, a->buckets, sizeof(p->buckets));
	if (a->slots > INSTANCE_SLOTS_MAX)
		return json_error(source, err, "expected at most %d slots an instance, found %u",
		        INSTANCE_SLOTS_MAX, a->slots);
	if (p->entry == ENTRY_IMMEDIATE && p->n_buckets > 1)
		return json_error(json_get(v, "entry"), err,
		        "expected \"phase\" or \"frame\" with several buckets, found "
		        "\"immediate\"");
	return ERR_NONE;
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
	divide_nodes(d, arena);
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
	tables[n++] = (struct field_table){
	        "pools[].admission", admission_fields, ARRAY_LEN(admission_fields)};
	tables[n++] =
	        (struct field_table){"pools[].accepts", accepts_fields, ARRAY_LEN(accepts_fields)};
	tables[n++] = (struct field_table){
	        "pools[].degraded", degraded_fields, ARRAY_LEN(degraded_fields)};
	return n;
}
