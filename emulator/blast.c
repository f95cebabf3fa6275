/* Counting runs from the instances outwards: each marks what it stands on (its racks, nodes, chips,
 * fan zones, the links of its path, the clients' link), once. A node's power is fed twice (2N), so
 * one PDU stops nothing.
 *
 * The unit of failover is the node: a lost chip or fan zone costs its node, a persistent C2C link
 * one of the nodes at its ends. */
#include "emulator/blast.h"

#include <string.h>
#include "emulator/deployment_parts.h"

/* A component met twice by one instance counts once: seen holds the last instance that marked it.
 */
struct marker {
	const struct topology *t;
	uint32_t *stopped, *seen, stamp;
};

static void mark(struct marker *m, uint32_t component)
{
	if (m->seen[component] == m->stamp)
		return;
	m->seen[component] = m->stamp;
	m->stopped[component]++;
}

static void mark_node(struct marker *m, uint32_t node)
{
	const struct topology *t = m->t;

	mark(m, topology_rack_of_node(t, node));
	mark(m, t->node_component0 + node);
	for (uint32_t c = 0; c < t->chips_per_node; c++)
		mark(m, t->chip_component0 + node * t->chips_per_node + c);
	for (uint32_t f = 0; f < t->fans_per_node; f++)
		mark(m, t->fan_component0 + node * t->fans_per_node + f);
}

static void mark_instance(struct marker *m, const struct pool_spec *p, uint32_t instance)
{
	const struct topology *t = m->t;
	const uint32_t *nodes = pool_nodes(p, instance);
	uint32_t room = topology_path_room(t, p->nodes_per_instance);
	uint32_t *links = mem_alloc(room, sizeof(*links));
	uint32_t n = topology_path(t, nodes, p->nodes_per_instance, links, room);

	m->stamp++;
	for (uint32_t i = 0; i < p->nodes_per_instance; i++)
		mark_node(m, nodes[i]);
	for (uint32_t i = 0; i < n; i++)
		mark(m, t->links[links[i]].component);
	mark(m, t->links[t->eth_ingress].component);
	mem_free(links);
}

void blast_init(struct blast *b, const struct deployment *d)
{
	const struct topology *t = &d->topology;
	struct marker m = {.t = t, .seen = mem_alloc(t->n_components, sizeof(uint32_t))};

	b->d = d;
	b->stopped = mem_alloc((size_t)d->n_pools * t->n_components, sizeof(uint32_t));
	for (uint32_t i = 0; i < d->n_pools; i++) {
		m.stopped = b->stopped + (size_t)i * t->n_components;
		for (uint32_t k = 0; k < d->pools[i].n_instances; k++)
			mark_instance(&m, &d->pools[i], k);
	}
	mem_free(m.seen);
}

void blast_free(struct blast *b)
{
	mem_free(b->stopped);
	b->stopped = NULL;
}

uint32_t blast_instances(const struct blast *b, uint32_t pool, uint32_t component)
{
	return b->stopped[(size_t)pool * b->d->topology.n_components + component];
}

bool blast_pool_down(const struct blast *b, uint32_t pool, uint32_t component)
{
	return blast_instances(b, pool, component) == b->d->pools[pool].n_instances;
}

bool blast_any(const struct blast *b, uint32_t component)
{
	for (uint32_t i = 0; i < b->d->n_pools; i++)
		if (blast_instances(b, i, component))
			return true;
	return false;
}

bool blast_spare(const struct deployment *d, uint32_t component)
{
	const struct component *c = &d->topology.components[component];

	if (!d->topology.spares_per_rack || c->kind == COMPONENT_RACK || c->kind == COMPONENT_PDU)
		return false;
	return c->kind != COMPONENT_LINK || d->topology.links[c->index].class != LINK_ETHERNET;
}
