/* Numbering and naming of a machine that is fully regular, so that every lookup is arithmetic.
 *
 * Links are numbered rack by rack (the links inside its nodes, then its cables), then the cables
 * between racks of a pod, then eth.ingress, then one Ethernet link for each pair of racks:
 *
 *     | r0: nodes | r0: cables | r1: nodes | … | pod cables | eth.ingress | eth.r0-r1 eth.r0-r2 … |
 *       link 0                                   pod_link0    eth_ingress
 *
 * An unordered pair {a < b} has the triangular number b(b-1)/2 + a, which does not depend on how
 * many there are: a longer pod or a bigger node never renumbers the pairs before it.
 *
 * Wiring between racks: 144 of a rack's 288 global ports leave it (ISCA 2022). In a pod of nine
 * that is 18 cables to each other rack, two from every node to its namesake. A path between two
 * nodes of different number therefore takes one more hop inside the goal's rack.
 *
 * Names are looked up in an open-addressing table (FNV-1a, linear probing, load at most one half).
 */
#include "emulator/topology.h"

#include <string.h>
#include "harness/base/check.h"

static uint32_t pairs(uint32_t n)
{
	return n * (n - 1) / 2;
}

static uint32_t pair_number(uint32_t a, uint32_t b)
{
	uint32_t low = a < b ? a : b, high = a < b ? b : a;

	return pairs(high) + low;
}

static uint32_t links_in_node(const struct topology *t)
{
	return pairs(t->chips_per_node);
}

static uint32_t links_in_rack(const struct topology *t)
{
	return t->nodes_per_rack * links_in_node(t) + pairs(t->nodes_per_rack) * t->cables_per_pair;
}

static uint32_t cables_per_rack_pair(const struct topology *t)
{
	return t->nodes_per_rack * t->pod_cables_per_node;
}

/* --- names --------------------------------------------------------------------------- */

static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h;
}

static void index_names(struct topology *t, struct arena *arena)
{
	uint32_t size = 16;
	uint32_t *table;

	while (size < 2 * t->n_components)
		size *= 2;
	table = ARENA_ARRAY(arena, uint32_t, size);
	for (uint32_t id = 0; id < t->n_components; id++) {
		uint32_t at = hash_name(t->components[id].name) & (size - 1);

		while (table[at])
			at = (at + 1) & (size - 1);
		table[at] = id + 1;
	}
	t->by_name = table;
	t->by_name_size = size;
}

uint32_t topology_find(const struct topology *t, const char *name)
{
	const uint32_t *table = t->by_name;
	uint32_t mask = t->by_name_size - 1;

	for (uint32_t at = hash_name(name) & mask; table[at]; at = (at + 1) & mask)
		if (!strcmp(t->components[table[at] - 1].name, name))
			return table[at] - 1;
	return COMPONENT_NONE;
}

/* --- building ------------------------------------------------------------------------ */

static const char *node_name(const struct topology *t, uint32_t node)
{
	return t->components[t->node_component0 + node].name;
}

static void add_units(struct topology *t, struct arena *arena)
{
	for (uint32_t r = 0; r < t->n_racks; r++)
		t->components[r] = (struct component){
		        arena_printf(arena, "r%u", r), COMPONENT_RACK, r, COMPONENT_NONE, r};
	for (uint32_t n = 0; n < t->n_nodes; n++)
		t->components[t->node_component0 + n] =
		        (struct component){arena_printf(arena, "r%u.n%u", n / t->nodes_per_rack,
		                                   n % t->nodes_per_rack),
		                COMPONENT_NODE, topology_rack_of_node(t, n), n, n};
	for (uint32_t c = 0; c < t->n_chips; c++) {
		uint32_t n = c / t->chips_per_node;

		t->components[t->chip_component0 + c] = (struct component){
		        arena_printf(arena, "%s.c%u", node_name(t, n), c % t->chips_per_node),
		        COMPONENT_CHIP, topology_rack_of_node(t, n), n, c};
	}
	for (uint32_t p = 0; p < t->n_racks * t->pdus_per_rack; p++)
		t->components[t->pdu_component0 + p] =
		        (struct component){arena_printf(arena, "r%u.pdu%u", p / t->pdus_per_rack,
		                                   p % t->pdus_per_rack),
		                COMPONENT_PDU, p / t->pdus_per_rack, COMPONENT_NONE, p};
	for (uint32_t f = 0; f < t->n_nodes * t->fans_per_node; f++) {
		uint32_t n = f / t->fans_per_node;

		t->components[t->fan_component0 + f] = (struct component){
		        arena_printf(arena, "%s.fan%u", node_name(t, n), f % t->fans_per_node),
		        COMPONENT_FAN, topology_rack_of_node(t, n), n, f};
	}
}

static void add_link(struct topology *t, uint32_t index, const struct link *link, const char *name)
{
	uint32_t rack = link->rack_a == link->rack_b ? link->rack_a : COMPONENT_NONE;

	CHECK(index < t->n_links && !t->links[index].component);
	t->links[index] = *link;
	t->links[index].component = t->link_component0 + index;
	t->components[t->link_component0 + index] =
	        (struct component){name, COMPONENT_LINK, rack, COMPONENT_NONE, index};
}

static void add_node_links(struct topology *t, uint32_t node, struct arena *arena)
{
	uint32_t chip0 = node * t->chips_per_node, rack = topology_rack_of_node(t, node);

	for (uint32_t b = 1; b < t->chips_per_node; b++)
		for (uint32_t a = 0; a < b; a++)
			add_link(t, topology_chip_link(t, chip0 + a, chip0 + b),
			        &(struct link){.class = LINK_C2C_NODE,
			                .node_a = node,
			                .node_b = node,
			                .chip_a = chip0 + a,
			                .chip_b = chip0 + b,
			                .rack_a = rack,
			                .rack_b = rack},
			        arena_printf(arena, "%s.c%u-%s.c%u", node_name(t, node), a,
			                node_name(t, node), b));
}

static void add_cables(struct topology *t, uint32_t a, uint32_t b, uint32_t n,
        enum link_class class, struct arena *arena)
{
	for (uint32_t k = 0; k < n; k++)
		add_link(t, topology_cable(t, a, b, k),
		        &(struct link){.class = class,
		                .node_a = a,
		                .node_b = b,
		                .chip_a = COMPONENT_NONE,
		                .chip_b = COMPONENT_NONE,
		                .rack_a = topology_rack_of_node(t, a),
		                .rack_b = topology_rack_of_node(t, b)},
		        arena_printf(arena, "%s-%s.%u", node_name(t, a), node_name(t, b), k));
}

static void add_c2c_links(struct topology *t, struct arena *arena)
{
	for (uint32_t b = 0; b < t->n_nodes; b++) {
		add_node_links(t, b, arena);
		for (uint32_t a = 0; a < b; a++) {
			uint32_t rack_a = topology_rack_of_node(t, a);
			uint32_t rack_b = topology_rack_of_node(t, b);

			if (rack_a == rack_b)
				add_cables(t, a, b, t->cables_per_pair, LINK_C2C_RACK, arena);
			else if (topology_cable(t, a, b, 0) != COMPONENT_NONE)
				add_cables(t, a, b, t->pod_cables_per_node, LINK_C2C_POD, arena);
		}
	}
}

static void add_ethernet(struct topology *t, struct arena *arena)
{
	struct link link = {.class = LINK_ETHERNET,
	        .node_a = COMPONENT_NONE,
	        .node_b = COMPONENT_NONE,
	        .chip_a = COMPONENT_NONE,
	        .chip_b = COMPONENT_NONE,
	        .rack_a = COMPONENT_NONE,
	        .rack_b = COMPONENT_NONE};

	add_link(t, t->eth_ingress, &link, "eth.ingress");
	for (link.rack_b = 1; link.rack_b < t->n_racks; link.rack_b++)
		for (link.rack_a = 0; link.rack_a < link.rack_b; link.rack_a++)
			add_link(t, topology_ethernet(t, link.rack_a, link.rack_b), &link,
			        arena_printf(arena, "eth.r%u-r%u", link.rack_a, link.rack_b));
}

/* Rack pairs that share a pod: full pods, then the last, shorter one. */
static uint32_t pod_rack_pairs(const struct topology *t)
{
	return t->n_racks / t->racks_per_pod * pairs(t->racks_per_pod) +
	       pairs(t->n_racks % t->racks_per_pod);
}

uint64_t topology_size(const struct topology_spec *spec)
{
	uint64_t racks = spec->racks, nodes = racks * spec->nodes_per_rack;
	uint64_t in_node = spec->chips_per_node + pairs(spec->chips_per_node) + spec->fans_per_node;
	uint64_t pods = racks / spec->racks_per_pod, rest = spec->racks % spec->racks_per_pod;
	uint64_t pod_pairs = pods * pairs(spec->racks_per_pod) + pairs((uint32_t)rest);

	return racks + nodes + nodes * in_node +
	       racks * pairs(spec->nodes_per_rack) * spec->cables_per_pair +
	       pod_pairs * spec->nodes_per_rack * spec->pod_cables_per_node + 1 +
	       pairs(spec->racks) + racks * spec->pdus_per_rack;
}

void topology_build(struct topology *t, const struct topology_spec *spec, struct arena *arena)
{
	CHECK(spec->racks && spec->nodes_per_rack && spec->chips_per_node && spec->racks_per_pod);
	CHECK(spec->spares_per_rack < spec->nodes_per_rack && spec->cables_per_pair);
	CHECK(spec->racks == 1 || spec->racks_per_pod == 1 || spec->pod_cables_per_node);
	CHECK(topology_size(spec) <= TOPOLOGY_COMPONENTS_MAX);
	*t = (struct topology){
	        .n_racks = spec->racks,
	        .nodes_per_rack = spec->nodes_per_rack,
	        .chips_per_node = spec->chips_per_node,
	        .spares_per_rack = spec->spares_per_rack,
	        .cables_per_pair = spec->cables_per_pair,
	        .pdus_per_rack = spec->pdus_per_rack,
	        .fans_per_node = spec->fans_per_node,
	        .racks_per_pod = spec->racks_per_pod,
	        .pod_cables_per_node = spec->pod_cables_per_node,
	};
	t->n_nodes = t->n_racks * t->nodes_per_rack;
	t->n_chips = t->n_nodes * t->chips_per_node;
	t->pod_link0 = t->n_racks * links_in_rack(t);
	t->eth_ingress = t->pod_link0 + pod_rack_pairs(t) * cables_per_rack_pair(t);
	t->n_links = t->eth_ingress + 1 + pairs(t->n_racks);
	t->node_component0 = t->n_racks;
	t->chip_component0 = t->node_component0 + t->n_nodes;
	t->link_component0 = t->chip_component0 + t->n_chips;
	t->pdu_component0 = t->link_component0 + t->n_links;
	t->fan_component0 = t->pdu_component0 + t->n_racks * t->pdus_per_rack;
	t->n_components = t->fan_component0 + t->n_nodes * t->fans_per_node;
	CHECK(t->n_components == topology_size(spec));
	t->pod_of_rack = ARENA_ARRAY(arena, uint32_t, t->n_racks);
	for (uint32_t r = 0; r < t->n_racks; r++)
		t->pod_of_rack[r] = r / t->racks_per_pod;
	t->components = ARENA_ARRAY(arena, struct component, t->n_components);
	t->links = ARENA_ARRAY(arena, struct link, t->n_links);
	add_units(t, arena);
	add_c2c_links(t, arena);
	add_ethernet(t, arena);
	index_names(t, arena);
}

/* --- links --------------------------------------------------------------------------- */

uint32_t topology_chip_link(const struct topology *t, uint32_t chip_a, uint32_t chip_b)
{
	uint32_t n = t->chips_per_node, node = chip_a / n;

	if (chip_a == chip_b || node != chip_b / n || node >= t->n_nodes)
		return COMPONENT_NONE;
	return topology_rack_of_node(t, node) * links_in_rack(t) +
	       node % t->nodes_per_rack * links_in_node(t) + pair_number(chip_a % n, chip_b % n);
}

static uint32_t pod_cable(const struct topology *t, uint32_t node_a, uint32_t node_b, uint32_t k)
{
	uint32_t a = topology_rack_of_node(t, node_a), b = topology_rack_of_node(t, node_b);
	uint32_t pod = t->pod_of_rack[a], n = node_a % t->nodes_per_rack;

	if (pod != t->pod_of_rack[b] || n != node_b % t->nodes_per_rack ||
	        k >= t->pod_cables_per_node)
		return COMPONENT_NONE;
	return t->pod_link0 +
	       (pod * pairs(t->racks_per_pod) +
	               pair_number(a % t->racks_per_pod, b % t->racks_per_pod)) *
	               cables_per_rack_pair(t) +
	       n * t->pod_cables_per_node + k;
}

uint32_t topology_cable(const struct topology *t, uint32_t node_a, uint32_t node_b, uint32_t k)
{
	uint32_t n = t->nodes_per_rack, rack = topology_rack_of_node(t, node_a);

	if (node_a == node_b || node_a >= t->n_nodes || node_b >= t->n_nodes)
		return COMPONENT_NONE;
	if (rack != topology_rack_of_node(t, node_b))
		return pod_cable(t, node_a, node_b, k);
	if (k >= t->cables_per_pair)
		return COMPONENT_NONE;
	return rack * links_in_rack(t) + n * links_in_node(t) +
	       pair_number(node_a % n, node_b % n) * t->cables_per_pair + k;
}

uint32_t topology_ethernet(const struct topology *t, uint32_t rack_a, uint32_t rack_b)
{
	if (rack_a == rack_b || rack_a >= t->n_racks || rack_b >= t->n_racks)
		return COMPONENT_NONE;
	return t->eth_ingress + 1 + pair_number(rack_a, rack_b);
}

/* --- paths --------------------------------------------------------------------------- */

uint32_t topology_feeds(const struct topology *t, uint32_t node, uint32_t feeds[static 2])
{
	uint32_t first = topology_rack_of_node(t, node) * t->pdus_per_rack;
	uint32_t pairs = t->pdus_per_rack / 2;

	feeds[0] = first;
	if (!pairs)
		return 1;
	feeds[0] += 2 * (node % t->nodes_per_rack % pairs);
	feeds[1] = feeds[0] + 1;
	return 2;
}

bool topology_covers(const struct topology *t, uint32_t component, uint32_t node)
{
	const struct component *c = &t->components[component];
	uint32_t feeds[2], n;

	CHECK(c->kind != COMPONENT_LINK);
	if (c->kind == COMPONENT_RACK)
		return topology_rack_of_node(t, node) == c->rack;
	if (c->kind != COMPONENT_PDU)
		return c->node == node;
	n = topology_feeds(t, node, feeds);
	return feeds[0] == c->index || (n > 1 && feeds[1] == c->index);
}

uint32_t topology_hop(
        const struct topology *t, uint32_t from, uint32_t to, uint32_t links[static 2])
{
	uint32_t rack_a = topology_rack_of_node(t, from), rack_b = topology_rack_of_node(t, to);
	uint32_t namesake = rack_b * t->nodes_per_rack + from % t->nodes_per_rack;
	uint32_t n = 0;

	if (t->pod_of_rack[rack_a] != t->pod_of_rack[rack_b]) {
		links[n++] = topology_ethernet(t, rack_a, rack_b);
		return n;
	}
	if (rack_a != rack_b)
		links[n++] = topology_cable(t, from, namesake, 0);
	if (namesake != to)
		links[n++] = topology_cable(t, namesake, to, 0);
	return n;
}

enum link_class topology_reach(const struct topology *t, const uint32_t *nodes, uint32_t n_nodes)
{
	enum link_class reach = LINK_C2C_NODE;

	for (uint32_t i = 0; i + 1 < n_nodes; i++) {
		uint32_t links[2], n = topology_hop(t, nodes[i], nodes[i + 1], links);

		for (uint32_t k = 0; k < n; k++)
			if (t->links[links[k]].class > reach)
				reach = t->links[links[k]].class;
	}
	return reach;
}

const char *link_class_name(enum link_class class)
{
	static const char *const names[] = {"c2c-node", "c2c-rack", "c2c-pod", "ethernet"};

	return names[class];
}

uint32_t topology_path_room(const struct topology *t, uint32_t n_nodes)
{
	return n_nodes * (links_in_node(t) + 2);
}

uint32_t topology_path(const struct topology *t, const uint32_t *nodes, uint32_t n_nodes,
        uint32_t *links, uint32_t room)
{
	uint32_t n = 0;

	CHECK(room >= topology_path_room(t, n_nodes));
	for (uint32_t i = 0; i < n_nodes; i++) {
		uint32_t chip0 = nodes[i] * t->chips_per_node;

		for (uint32_t b = 1; b < t->chips_per_node; b++)
			for (uint32_t a = 0; a < b; a++)
				links[n++] = topology_chip_link(t, chip0 + a, chip0 + b);
		if (i + 1 < n_nodes)
			n += topology_hop(t, nodes[i], nodes[i + 1], links + n);
	}
	return n;
}
