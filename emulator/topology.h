/* The components of a deployment's hardware, their names and their wiring (DESIGN §5, "Names").
 *
 * Components are numbered once, in this order: racks; nodes by (rack, node); chips by (rack, node,
 * chip); links; PDUs; fans. A component id is an index into `components`; "component order" in the
 * order of events is this number. Nodes and chips also have global indices (node = rack *
 * nodes_per_rack + n, chip = node * chips_per_node + c), which the arrays of the model use.
 *
 * Names: r0 · r0.n3 · r0.n3.c5 · r0.n3.c5-r0.n3.c6 (inside a node, lower chip first) ·
 * r0.n1-r0.n2.0 … .3 (cables between two nodes of a rack) · r0.n3-r1.n3.0 … (C2C cables between
 * racks of one pod: every rack pair, node i to node i) · r0.pdu0 · r0.n3.fan0 · eth.ingress ·
 * eth.r0-r1 (every rack pair).
 *
 * The wiring is live state of the rack (a miswire changes it); the topology is what was ordered. */
#ifndef LPC_EMULATOR_TOPOLOGY_H
#define LPC_EMULATOR_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/arena.h"

#define COMPONENT_NONE UINT32_MAX

enum component_kind {
	COMPONENT_RACK,
	COMPONENT_NODE,
	COMPONENT_CHIP,
	COMPONENT_LINK,
	COMPONENT_PDU,
	COMPONENT_FAN,
};

enum link_class { LINK_C2C_NODE, LINK_C2C_RACK, LINK_C2C_POD, LINK_ETHERNET };

struct component {
	const char *name;
	enum component_kind kind;
	uint32_t rack;  /* index; COMPONENT_NONE for eth.ingress and links between racks */
	uint32_t node;  /* global node index of a node, chip or fan; else COMPONENT_NONE */
	uint32_t index; /* global chip index, link index, … within its kind */
};

struct link {
	uint32_t component;
	enum link_class class;
	uint32_t node_a, node_b; /* global nodes (c2c); equal for links inside a node */
	uint32_t chip_a, chip_b; /* global chips of a c2c-node link, else COMPONENT_NONE */
	uint32_t rack_a, rack_b; /* eth.rA-rB and all others; COMPONENT_NONE for eth.ingress */
};

struct topology {
	uint32_t n_racks, nodes_per_rack, chips_per_node, spares_per_rack, cables_per_pair;
	uint32_t pdus_per_rack, fans_per_node, racks_per_pod, pod_cables_per_node;
	uint32_t n_nodes, n_chips, n_links, n_components;
	uint32_t *pod_of_rack; /* by rack */
	struct component *components;
	struct link *links;
	uint32_t node_component0, chip_component0, link_component0, pdu_component0, fan_component0;
	uint32_t pod_link0;   /* link index of the first cable between racks */
	uint32_t eth_ingress; /* link index */
	void *by_name;        /* open-addressing table, topology.c's own */
	uint32_t by_name_size;
};

struct topology_spec {
	uint32_t racks, nodes_per_rack, chips_per_node, spares_per_rack, cables_per_pair,
	        pdus_per_rack, fans_per_node;
	uint32_t racks_per_pod; /* racks r with equal r / racks_per_pod form a pod */
	uint32_t
	        pod_cables_per_node; /* from a node to its namesake in each other rack of the pod */
};

/* How many components that would be; topology_build takes at most TOPOLOGY_COMPONENTS_MAX. */
enum { TOPOLOGY_COMPONENTS_MAX = 200000 };
uint64_t topology_size(const struct topology_spec *spec);

/* Everything lives in the arena. */
void topology_build(struct topology *t, const struct topology_spec *spec, struct arena *arena);

uint32_t topology_find(
        const struct topology *t, const char *name); /* component id or COMPONENT_NONE */

/* Link indices. Nodes are global. k = cable number. COMPONENT_NONE where there is no such link. */
uint32_t topology_chip_link(const struct topology *t, uint32_t chip_a, uint32_t chip_b);
uint32_t topology_cable(const struct topology *t, uint32_t node_a, uint32_t node_b, uint32_t k);
uint32_t topology_ethernet(const struct topology *t, uint32_t rack_a, uint32_t rack_b);

static inline uint32_t topology_rack_of_node(const struct topology *t, uint32_t node)
{
	return node / t->nodes_per_rack;
}

/* The PDUs (index over all racks) that feed a node: an A and a B feed, one of either side (2N).
 * PDUs 2k and 2k + 1 of a rack are a pair; node n of the rack hangs on pair n mod (number of
 * pairs). Returns how many: 2, or 1 in a rack with a single PDU. */
uint32_t topology_feeds(const struct topology *t, uint32_t node, uint32_t feeds[static 2]);

/* Whether a component other than a link is the node, is in it, holds it (a rack), or feeds it (a
 * PDU). */
bool topology_covers(const struct topology *t, uint32_t component, uint32_t node);

static inline bool topology_is_spare(const struct topology *t, uint32_t node)
{
	return node % t->nodes_per_rack >= t->nodes_per_rack - t->spares_per_rack;
}

/* The links from one node of a path to the next, at most two: cable .0 inside a rack; to another
 * rack of the pod cable .0 to the namesake there and cable .0 from it to the goal; else the
 * Ethernet link of the two racks. Returns the count; 0 when the nodes are the same. */
uint32_t topology_hop(
        const struct topology *t, uint32_t from, uint32_t to, uint32_t links[static 2]);

/* Whether it joins two racks: a C2C cable of a pod, or Ethernet between racks. */
static inline bool topology_link_crosses(const struct topology *t, uint32_t link)
{
	return t->links[link].rack_a != t->links[link].rack_b;
}

/* The farthest class of link on the path over these nodes. */
enum link_class topology_reach(const struct topology *t, const uint32_t *nodes, uint32_t n_nodes);

const char *link_class_name(enum link_class class); /* "c2c-node" … */

/* An instance's critical path over its nodes in order: each node's intra-node links, then the hop
 * to the next node. links has room for `room` (topology_path_room says how many); returns the
 * count. */
uint32_t topology_path(const struct topology *t, const uint32_t *nodes, uint32_t n_nodes,
        uint32_t *links, uint32_t room);
uint32_t topology_path_room(const struct topology *t, uint32_t n_nodes);

#endif
