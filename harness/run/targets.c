/* Every word is first turned into a set of marked components; then the marks of the allowed classes
 * are handed out in component order. So a role, a domain and a name differ only in how they mark.
 */
#include "harness/run/targets.h"

#include <string.h>

static unsigned component_class(const struct topology *t, uint32_t id)
{
	const struct component *c = &t->components[id];

	switch (c->kind) {
	case COMPONENT_CHIP:
		return FAULT_TARGET_CHIP;
	case COMPONENT_NODE:
		return FAULT_TARGET_NODE;
	case COMPONENT_LINK:
		return t->links[c->index].class == LINK_ETHERNET ? FAULT_TARGET_ETHERNET
		                                                 : FAULT_TARGET_C2C_LINK;
	case COMPONENT_RACK:
		return FAULT_TARGET_RACK;
	case COMPONENT_PDU:
		return FAULT_TARGET_PDU;
	case COMPONENT_FAN:
		return FAULT_TARGET_FAN;
	}
	UNREACHABLE("component kind");
}

static const char *component_word(const struct topology *t, uint32_t id)
{
	static const char *const words[] = {[COMPONENT_RACK] = "rack",
	        [COMPONENT_NODE] = "node",
	        [COMPONENT_CHIP] = "chip",
	        [COMPONENT_LINK] = "link",
	        [COMPONENT_PDU] = "PDU",
	        [COMPONENT_FAN] = "fan"};

	return words[t->components[id].kind];
}

static void count_instance(const struct topology *t, const uint32_t *nodes, uint32_t n_nodes,
        uint32_t *uses, uint32_t *links, uint32_t room)
{
	uint32_t n_links = topology_path(t, nodes, n_nodes, links, room);

	for (uint32_t i = 0; i < n_links; i++)
		uses[t->links[links[i]].component]++;
	for (uint32_t i = 0; i < n_nodes; i++) {
		uint32_t feeds[2], n_feeds = topology_feeds(t, nodes[i], feeds);

		uses[topology_rack_of_node(t, nodes[i])]++;
		uses[t->node_component0 + nodes[i]]++;
		for (uint32_t c = 0; c < t->chips_per_node; c++)
			uses[t->chip_component0 + nodes[i] * t->chips_per_node + c]++;
		for (uint32_t f = 0; f < t->fans_per_node; f++)
			uses[t->fan_component0 + nodes[i] * t->fans_per_node + f]++;
		for (uint32_t f = 0; f < n_feeds; f++)
			uses[t->pdu_component0 + feeds[f]]++;
	}
	uses[t->links[t->eth_ingress].component]++;
}

uint32_t *targets_uses(const struct deployment *d, struct arena *arena)
{
	const struct topology *t = &d->topology;
	uint32_t *uses = ARENA_ARRAY(arena, uint32_t, t->n_components);
	uint32_t room = topology_path_room(t, t->n_nodes);
	uint32_t *links = ARENA_ARRAY(arena, uint32_t, room);

	for (uint32_t p = 0; p < d->n_pools; p++) {
		const struct pool_spec *pool = &d->pools[p];

		for (uint32_t i = 0; i < pool->n_instances; i++)
			count_instance(t, pool->nodes + (size_t)i * pool->nodes_per_instance,
			        pool->nodes_per_instance, uses, links, room);
	}
	return uses;
}

/* Idle spare nodes among, or at an end of, the components: each counts once. */
static uint32_t spares_among(const struct topology *t, const uint32_t *uses, const uint32_t *ids,
        uint32_t n, struct arena *arena)
{
	bool *seen = ARENA_ARRAY(arena, bool, t->n_nodes);
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct component *c = &t->components[ids[i]];
		uint32_t ends[2] = {c->node, c->node};

		if (c->kind == COMPONENT_LINK) {
			ends[0] = t->links[c->index].node_a;
			ends[1] = t->links[c->index].node_b;
		}
		for (uint32_t k = 0; k < 2; k++) {
			if (ends[k] == COMPONENT_NONE || seen[ends[k]] ||
			        ends[k] % t->nodes_per_rack <
			                t->nodes_per_rack - t->spares_per_rack ||
			        uses[t->node_component0 + ends[k]])
				continue;
			seen[ends[k]] = true;
			count++;
		}
	}
	return count;
}

/* The ingress is on every request's way, but on no instance's path. */
static bool among(const struct topology *t, const uint32_t *uses, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (uses[ids[i]] && ids[i] != t->links[t->eth_ingress].component)
			return true;
	return false;
}

static uint32_t pool_instances(const struct deployment *d, const uint32_t *ids, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += d->pools[ids[i]].n_instances;
	return count;
}

static uint32_t instances(
        void *ctx, unsigned classes, const uint32_t *ids, uint32_t n, struct arena *arena)
{
	const struct deployment *d = ((const struct target_context *)ctx)->deployment;
	const struct topology *t;
	uint32_t *uses, *links, room, count = 0, total = 0;

	if (!d || (ids && classes & FAULT_TARGETS_APART & ~(unsigned)FAULT_TARGET_POOL))
		return 0;
	if (ids && classes & FAULT_TARGET_POOL)
		return pool_instances(d, ids, n);
	t = &d->topology;
	room = topology_path_room(t, t->n_nodes);
	uses = ARENA_ARRAY(arena, uint32_t, t->n_components);
	links = ARENA_ARRAY(arena, uint32_t, room);
	for (uint32_t p = 0; p < d->n_pools; p++) {
		const struct pool_spec *pool = &d->pools[p];

		total += pool->n_instances;
		for (uint32_t i = 0; ids && i < pool->n_instances; i++) {
			memset(uses, 0, t->n_components * sizeof(*uses));
			count_instance(t, pool->nodes + (size_t)i * pool->nodes_per_instance,
			        pool->nodes_per_instance, uses, links, room);
			count += among(t, uses, ids, n);
		}
	}
	if (!ids)
		return total;
	count += spares_among(t, targets_uses(d, arena), ids, n, arena);
	return count < total ? count : total;
}

static bool inside(const struct topology *t, uint32_t id, uint32_t domain)
{
	const struct component *c = &t->components[id], *d = &t->components[domain];
	const struct link *link;

	if (d->kind == COMPONENT_RACK)
		return c->rack == d->rack;
	if (d->kind == COMPONENT_PDU) {
		uint32_t feeds[2], n = 0;

		if (c->kind != COMPONENT_LINK && c->node != COMPONENT_NONE)
			n = topology_feeds(t, c->node, feeds);
		return id == domain || (n && feeds[0] == d->index) ||
		       (n > 1 && feeds[1] == d->index);
	}
	if (c->kind != COMPONENT_LINK)
		return c->node == d->node;
	link = &t->links[c->index];
	return link->class == LINK_C2C_NODE && link->node_a == d->node;
}

/* Marks what a word other than a plain name means; false if it is no such word. */
static bool mark_word(const struct deployment *d, const char *word, unsigned classes, bool *marks,
        struct arena *arena)
{
	const struct topology *t = &d->topology;
	const uint32_t *uses = targets_uses(d, arena);
	bool all = strcmp(word, "all") == 0, path = strcmp(word, "critical_path") == 0;
	bool spare = strcmp(word, "spare") == 0, busiest = strcmp(word, "busiest") == 0;
	uint32_t domain = COMPONENT_NONE, most = COMPONENT_NONE;

	if (strncmp(word, "domain:", 7) == 0) {
		domain = topology_find(t, word + 7);
		if (domain == COMPONENT_NONE ||
		        (t->components[domain].kind != COMPONENT_RACK &&
		                t->components[domain].kind != COMPONENT_NODE &&
		                t->components[domain].kind != COMPONENT_PDU))
			return false;
	} else if (!all && !path && !spare && !busiest) {
		return false;
	}
	for (uint32_t i = 0; i < t->n_components; i++) {
		if (!(component_class(t, i) & classes))
			continue;
		if (domain != COMPONENT_NONE)
			marks[i] = inside(t, i, domain);
		else if (spare)
			marks[i] = uses[i] == 0 && t->components[i].node != COMPONENT_NONE;
		else
			marks[i] = all || (path && uses[i]);
		if (uses[i] && (most == COMPONENT_NONE || uses[i] > uses[most]))
			most = i;
	}
	if (busiest && most != COMPONENT_NONE)
		marks[most] = true;
	return true;
}

static const char *nearest_component(
        const struct topology *t, const char *word, struct arena *arena)
{
	const char **names = ARENA_ARRAY(arena, const char *, t->n_components);

	for (uint32_t i = 0; i < t->n_components; i++)
		names[i] = t->components[i].name;
	return error_nearest(word, names, t->n_components);
}

static enum target_answer resolve_component(const struct deployment *d, const char *word,
        unsigned classes, struct arena *arena, const uint32_t **ids, uint32_t *n,
        const char **detail)
{
	const struct topology *t = &d->topology;
	bool *marks = ARENA_ARRAY(arena, bool, t->n_components);
	uint32_t *found;

	if (!mark_word(d, word, classes, marks, arena)) {
		uint32_t id = topology_find(t, word);

		if (id == COMPONENT_NONE) {
			*detail = nearest_component(t, word, arena);
			return TARGET_UNKNOWN;
		}
		if (!(component_class(t, id) & classes)) {
			*detail = arena_printf(arena, "%s %s", component_word(t, id), word);
			return TARGET_WRONG;
		}
		marks[id] = true;
	}
	found = ARENA_ARRAY(arena, uint32_t, t->n_components);
	*n = 0;
	for (uint32_t i = 0; i < t->n_components; i++)
		if (marks[i])
			found[(*n)++] = i;
	*ids = found;
	return *n ? TARGET_FOUND : TARGET_NONE;
}

/* A space of names apart from the components: traffic entries, pools. `busiest`: index of the one
 * that the word stands for. */
struct names {
	uint32_t n, busiest;
	const char *name[TRAFFIC_TENANTS_MAX];
};
_Static_assert((int)DEPLOYMENT_POOLS_MAX <= (int)TRAFFIC_TENANTS_MAX &&
                       (int)FRONTENDS_MAX <= (int)TRAFFIC_TENANTS_MAX,
        "struct names holds any of them");

static void tenant_names(const struct traffic_spec *traffic, struct names *out)
{
	out->n = traffic->n_tenants;
	out->busiest = 0;
	for (uint32_t i = 0; i < out->n; i++) {
		out->name[i] = traffic->tenants[i].name;
		if (traffic_mean_rate(&traffic->tenants[i]) >
		        traffic_mean_rate(&traffic->tenants[out->busiest]))
			out->busiest = i;
	}
}

/* The busiest pool is the one with the most nodes. */
static void pool_names(const struct deployment *d, struct names *out)
{
	uint32_t most = 0;

	out->n = d->n_pools;
	out->busiest = 0;
	for (uint32_t i = 0; i < out->n; i++) {
		uint32_t nodes = d->pools[i].n_instances * d->pools[i].nodes_per_instance;

		out->name[i] = d->pools[i].name;
		if (nodes > most) {
			most = nodes;
			out->busiest = i;
		}
	}
}

/* All frontends are equally busy. */
static void frontend_names(const struct deployment *d, struct names *out)
{
	out->n = d->n_frontends;
	out->busiest = 0;
	for (uint32_t i = 0; i < out->n; i++)
		out->name[i] = d->frontends[i];
}

static enum target_answer resolve_name(const struct names *names, const char *word,
        struct arena *arena, const uint32_t **ids, uint32_t *n, const char **detail)
{
	uint32_t *found = ARENA_ARRAY(arena, uint32_t, TRAFFIC_TENANTS_MAX);

	*n = 0;
	for (uint32_t i = 0; i < names->n; i++)
		if (strcmp(word, names->name[i]) == 0 || strcmp(word, "all") == 0)
			found[(*n)++] = i;
	if (*n == 0 && names->n && strcmp(word, "busiest") == 0)
		found[(*n)++] = names->busiest;
	*ids = found;
	if (*n)
		return TARGET_FOUND;
	if (strcmp(word, "critical_path") == 0 || strcmp(word, "spare") == 0)
		return TARGET_NONE;
	*detail = error_nearest(word, names->name, names->n);
	return TARGET_UNKNOWN;
}

static bool is_tenant(const struct traffic_spec *traffic, const char *word)
{
	for (uint32_t i = 0; i < traffic->n_tenants; i++)
		if (strcmp(traffic->tenants[i].name, word) == 0)
			return true;
	return false;
}

static enum target_answer resolve_apart(const struct target_context *c, const char *word,
        unsigned classes, struct arena *arena, const uint32_t **ids, uint32_t *n,
        const char **detail)
{
	struct names names = {0};
	enum target_answer answer;

	if (classes & FAULT_TARGET_TRAFFIC)
		tenant_names(c->traffic, &names);
	else if (c->deployment && classes & FAULT_TARGET_FRONTEND)
		frontend_names(c->deployment, &names);
	else if (c->deployment)
		pool_names(c->deployment, &names);
	answer = resolve_name(&names, word, arena, ids, n, detail);
	if (answer == TARGET_UNKNOWN && c->deployment &&
	        topology_find(&c->deployment->topology, word) != COMPONENT_NONE) {
		*detail = arena_printf(arena, "component %s", word);
		return TARGET_WRONG;
	}
	return answer;
}

static bool is_pool(const struct target_context *c, const char *word)
{
	for (uint32_t i = 0; c->deployment && i < c->deployment->n_pools; i++)
		if (strcmp(c->deployment->pools[i].name, word) == 0)
			return true;
	return false;
}

static bool is_frontend(const struct target_context *c, const char *word)
{
	for (uint32_t i = 0; c->deployment && i < c->deployment->n_frontends; i++)
		if (strcmp(c->deployment->frontends[i], word) == 0)
			return true;
	return false;
}

static enum target_answer resolve(void *ctx, const char *word, unsigned classes,
        struct arena *arena, const uint32_t **ids, uint32_t *n, const char **detail)
{
	const struct target_context *c = ctx;
	enum target_answer answer = TARGET_UNKNOWN;

	*detail = NULL;
	if (classes & FAULT_TARGETS_APART)
		answer = resolve_apart(c, word, classes, arena, ids, n, detail);
	else if (c->deployment)
		answer = resolve_component(c->deployment, word, classes, arena, ids, n, detail);
	if (answer != TARGET_UNKNOWN)
		return answer;
	if (!(classes & FAULT_TARGET_TRAFFIC) && is_tenant(c->traffic, word)) {
		*detail = arena_printf(arena, "traffic entry %s", word);
		return TARGET_WRONG;
	}
	if (!(classes & FAULT_TARGET_FRONTEND) && is_frontend(c, word)) {
		*detail = arena_printf(arena, "frontend %s", word);
		return TARGET_WRONG;
	}
	if (!(classes & FAULT_TARGET_POOL) && is_pool(c, word)) {
		*detail = arena_printf(arena, "pool %s", word);
		return TARGET_WRONG;
	}
	return answer;
}

static const char *name(void *ctx, unsigned classes, uint32_t id)
{
	const struct target_context *c = ctx;

	if (classes & FAULT_TARGET_TRAFFIC)
		return c->traffic->tenants[id].name;
	if (classes & FAULT_TARGET_POOL)
		return c->deployment->pools[id].name;
	if (classes & FAULT_TARGET_FRONTEND)
		return c->deployment->frontends[id];
	return c->deployment->topology.components[id].name;
}

static bool pool(void *ctx, uint32_t index, struct pool_facts *out)
{
	const struct target_context *c = ctx;
	const struct pool_spec *p;

	if (!c->deployment)
		return false;
	p = &c->deployment->pools[index];
	*out = (struct pool_facts){
	        .name = p->name,
	        .instances = p->n_instances,
	        .pinned = p->pinned,
	        .refuses_fallback = p->ops_policy == OPS_REFUSE,
	};
	return true;
}

static bool guarded(void *ctx, enum fault_guard guard, uint32_t target)
{
	const struct deployment *d = ((const struct target_context *)ctx)->deployment;

	if (!d)
		return guard == FAULT_GUARD_NONE;
	switch (guard) {
	case FAULT_GUARD_NONE:
		return true;
	case FAULT_GUARD_CHECKSUM:
		return d->health.checksum;
	case FAULT_GUARD_LINK_SCAN:
		return d->health.link_scan_ns > 0;
	case FAULT_GUARD_CABLE_CHECK:
		return d->cable_plan.check;
	case FAULT_GUARD_DIGEST_CHECK:
		return d->pools[target].digest_check;
	case FAULT_GUARD_ROLLOUT:
		return d->pools[target].rollout.canary > 0;
	}
	UNREACHABLE("guard");
}

static enum status length_law(
        void *ctx, struct jval v, struct arena *arena, const void **law, struct error *err)
{
	struct length_spec *spec = arena_must(arena, sizeof(*spec));

	(void)ctx;
	*law = spec;
	return length_parse(v, arena, spec, err);
}

static void length_law_canonical(void *ctx, const void *law, struct json_out *o, const char *key)
{
	(void)ctx;
	length_canonical(law, o, key);
}

struct target_resolver targets_resolver(struct target_context *context)
{
	return (struct target_resolver){
	        .ctx = context,
	        .resolve = resolve,
	        .name = name,
	        .instances = instances,
	        .pool = pool,
	        .guarded = guarded,
	        .length_law = length_law,
	        .length_law_canonical = length_law_canonical,
	};
}
