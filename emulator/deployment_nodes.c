/* Which nodes an instance stands on.
 *
 * What pools name is theirs; the other working nodes, ascending, go in equal shares to the
 * instances of the pools that name none, the remainder staying idle (a share of unequal size would
 * be another timetable). More instances than nodes: instance j of I sits on node floor(j·W/I) of W.
 */
#include "emulator/deployment_parts.h"

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

enum status nodes_parse(struct jval list, const struct topology *t, struct arena *arena,
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

void nodes_divide(struct deployment *d, struct arena *arena)
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

/* The longest path; hops from rack to rack count or not. */
static struct compile_site longest(
        const struct deployment *d, const struct pool_spec *p, bool crossings)
{
	struct compile_site site = {
	        .nodes = p->nodes_per_instance, .ethernet_hop_ns = d->ethernet.hop_ns};

	for (uint32_t i = 0; i < p->n_instances; i++) {
		const uint32_t *nodes = pool_nodes(p, i);
		uint32_t c2c = 0, ethernet = 0;

		for (uint32_t k = 0; k + 1 < p->nodes_per_instance; k++) {
			uint32_t links[2];
			uint32_t n = topology_hop(&d->topology, nodes[k], nodes[k + 1], links);

			for (uint32_t h = 0; h < n; h++) {
				if (!crossings && topology_link_crosses(&d->topology, links[h]))
					continue;
				if (d->topology.links[links[h]].class == LINK_ETHERNET)
					ethernet++;
				else
					c2c++;
			}
		}
		if (c2c > site.c2c_hops)
			site.c2c_hops = c2c;
		if (ethernet > site.ethernet_hops)
			site.ethernet_hops = ethernet;
	}
	return site;
}

struct compile_site nodes_site(const struct deployment *d, const struct pool_spec *p)
{
	return longest(d, p, true);
}

struct compile_site nodes_site_in_rack(const struct deployment *d, const struct pool_spec *p)
{
	return longest(d, p, false);
}
