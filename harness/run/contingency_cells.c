/* Contingencies, and the symmetry by which one stands for others.
 *
 * The model sees a component only through a few relations: which node a chip or fan is of; which
 * nodes a cable joins and on which instances' paths it lies, now or after a failover; which nodes a
 * PDU feeds. A permutation of components that keeps every relation maps a run onto a run with the
 * same requests, the same instants and the same ledger, so two contingencies that it maps onto each
 * other have one result. The group G is the product of these, and of nothing else; each leaves
 * every node where it is:
 *
 *   chips      of one node, in any order, and its inner cables with their ends: if all of those are
 *              on the same paths, which is looked at, not assumed
 *   cables     between the same two nodes that lie on no path and can come to lie on none
 *   PDUs       of one rack that feed the same nodes (the A and the B feed of a pair)
 *   fan zones  of one node
 *
 *        n3.c0 ~ n3.c5        n3.c0-c1 ~ n3.c4-c7        n1-n2.1 ~ n1-n2.3      pdu0 ~ pdu1
 *        but not n3 ~ n4, nor chip ~ its node, nor n1-n2.0 (on a path) ~ n1-n2.1 (on none)
 *
 * "Can come to lie on": nothing is repaired before the end of a contingency's run, so a position of
 * an instance holds its own node or one that was a spare of that rack at the start (health.c,
 * choose_node); a link is reachable if some path over such nodes uses it (topology_path, which is
 * how the live paths are made while no cable is miswired).
 *
 * Single contingencies fall into the orbits of G, here *blocks*: each is a run of neighbours in the
 * numbering but for nothing in between. Pairs fall into the orbits of G on pairs. As G is a product
 * of full symmetric groups, those are: for two factors, all pairs of a block with a block; within
 * one factor, all pairs of two different ones; and for chips and inner cables of one node, where
 * one group moves both, a pair also keeps whether the two touch (the chip is an end of the cable,
 * the cables share one). Since elements of G keep the order of blocks, and can exchange two of one
 * block, this is so for ordered and unordered pairs alike: who is `first` among the faults of a
 * pair at one instant is decided by the numbering.
 *
 * tests/model/run/test_contingency.c runs the members and compares. */
#include "harness/run/contingency_cells.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/mutant.h"
#include "harness/run/targets.h"

enum { RELATIONS = 2 }; /* apart, touching */

const char *unit_class_name(enum unit_class class)
{
	static const char *const names[] = {"chip", "node", "cable", "pdu", "fan"};

	return names[class];
}

const char *unit_role_name(enum unit_role role)
{
	static const char *const names[] = {"used", "reserve", "unused"};

	return names[role];
}

/* --- where paths can run
 * --------------------------------------------------------------------------- */

/* How a link or node is on paths: a bit a pool that has it on one as deployed, and one more if a
 * failover can bring a path there. */
enum { REACHABLE = 1 << DEPLOYMENT_POOLS_MAX, NOW = REACHABLE - 1 };

struct reach {
	const struct topology *t;
	const uint32_t *uses; /* targets_uses */
	uint32_t *links, *nodes;
	uint32_t *path; /* scratch: that of one node */
};

/* Position `at` of an instance: its own node, then the spares of that rack; the count. */
static uint32_t candidates(const struct reach *r, uint32_t own, uint32_t *out)
{
	const struct topology *t = r->t;
	uint32_t first = own / t->nodes_per_rack * t->nodes_per_rack, n = 0;

	out[n++] = own;
	for (uint32_t k = first; k < first + t->nodes_per_rack; k++)
		if (topology_is_spare(t, k) && !r->uses[t->node_component0 + k])
			out[n++] = k;
	return n;
}

static void mark_node(struct reach *r, uint32_t node, uint32_t how)
{
	uint32_t n = topology_path(r->t, &node, 1, r->path, topology_path_room(r->t, 1));

	r->nodes[node] |= how;
	for (uint32_t i = 0; i < n; i++)
		r->links[r->path[i]] |= how;
}

static void mark_hop(struct reach *r, uint32_t from, uint32_t to, uint32_t how)
{
	uint32_t links[2], n = topology_hop(r->t, from, to, links);

	for (uint32_t i = 0; i < n; i++)
		r->links[links[i]] |= how;
}

/* here, next: room for candidates. */
static void mark_instance(struct reach *r, const struct pool_spec *pool, uint32_t instance,
        uint32_t now, uint32_t *here, uint32_t *next)
{
	uint32_t n_nodes = pool->nodes_per_instance;
	const uint32_t *nodes = pool->nodes + (size_t)instance * n_nodes;

	for (uint32_t p = 0; p < n_nodes; p++) {
		uint32_t n_here = candidates(r, nodes[p], here), n_next;

		mark_node(r, nodes[p], now);
		for (uint32_t i = 0; i < n_here; i++)
			mark_node(r, here[i], REACHABLE);
		if (p + 1 == n_nodes)
			break;
		mark_hop(r, nodes[p], nodes[p + 1], now);
		n_next = candidates(r, nodes[p + 1], next);
		for (uint32_t i = 0; i < n_here; i++)
			for (uint32_t k = 0; k < n_next; k++)
				mark_hop(r, here[i], next[k], REACHABLE);
	}
}

static void reach_init(struct reach *r, const struct deployment *d, struct arena *arena)
{
	const struct topology *t = &d->topology;
	uint32_t *here = ARENA_ARRAY(arena, uint32_t, t->nodes_per_rack + 1);
	uint32_t *next = ARENA_ARRAY(arena, uint32_t, t->nodes_per_rack + 1);

	*r = (struct reach){.t = t,
	        .uses = targets_uses(d, arena),
	        .links = ARENA_ARRAY(arena, uint32_t, t->n_links),
	        .nodes = ARENA_ARRAY(arena, uint32_t, t->n_nodes),
	        .path = ARENA_ARRAY(arena, uint32_t, topology_path_room(t, 1))};
	for (uint32_t p = 0; p < d->n_pools; p++)
		for (uint32_t i = 0; i < d->pools[p].n_instances; i++)
			mark_instance(r, &d->pools[p], i, 1u << p, here, next);
}

/* --- units and their blocks
 * ------------------------------------------------------------------------ */

static bool class_of(const struct topology *t, uint32_t component, enum unit_class *out)
{
	const struct component *c = &t->components[component];

	switch (c->kind) {
	case COMPONENT_CHIP:
		*out = UNIT_CHIP;
		return true;
	case COMPONENT_NODE:
		*out = UNIT_NODE;
		return true;
	case COMPONENT_LINK:
		*out = UNIT_CABLE;
		return t->links[c->index].class != LINK_ETHERNET;
	case COMPONENT_PDU:
		*out = UNIT_PDU;
		return true;
	case COMPONENT_FAN:
		*out = UNIT_FAN;
		return true;
	case COMPONENT_RACK:
		return false;
	}
	UNREACHABLE("component kind");
}

static uint32_t paths_of(const struct reach *r, uint32_t component)
{
	const struct component *c = &r->t->components[component];
	uint32_t how = 0;

	if (c->kind == COMPONENT_LINK)
		return r->links[c->index];
	if (c->kind != COMPONENT_PDU)
		return r->nodes[c->node];
	for (uint32_t n = 0; n < r->t->n_nodes; n++)
		how |= topology_covers(r->t, component, n) ? r->nodes[n] : 0;
	return how;
}

static enum unit_role role_of(uint32_t how)
{
	if (how & NOW)
		return UNIT_USED;
	return how ? UNIT_RESERVE : UNIT_UNUSED;
}

/* All inner cables of the node lie on the same paths. */
static bool chips_alike(const struct reach *r, uint32_t node)
{
	const struct topology *t = r->t;
	uint32_t chip0 = node * t->chips_per_node;

	for (uint32_t b = 1; b < t->chips_per_node; b++)
		for (uint32_t a = 0; a < b; a++) {
			uint32_t link = topology_chip_link(t, chip0 + a, chip0 + b);

			if (r->links[link] != r->nodes[node])
				return false;
		}
	return true;
}

static bool feed_alike(const struct topology *t, uint32_t a, uint32_t b)
{
	if (t->components[a].rack != t->components[b].rack)
		return false;
	for (uint32_t n = 0; n < t->n_nodes; n++)
		if (topology_covers(t, a, n) != topology_covers(t, b, n))
			return false;
	return true;
}

static bool cables_alike(const struct reach *r, const struct link *a, const struct link *b)
{
	uint32_t both;

	if (a->class != b->class || a->node_a != b->node_a || a->node_b != b->node_b)
		return false;
	if (a->class == LINK_C2C_NODE)
		return chips_alike(r, a->node_a);
	both = r->links[a - r->t->links] | r->links[b - r->t->links];
	return MUTANT(RESERVE_FORGOTTEN) ? !(both & NOW) : !both;
}

/* Whether an element of G maps one unit onto the other; of one class. */
static bool alike(const struct reach *r, const struct unit *a, const struct unit *b)
{
	const struct component *x = &r->t->components[a->component];
	const struct component *y = &r->t->components[b->component];

	switch (a->class) {
	case UNIT_CHIP:
		return x->node == y->node && chips_alike(r, x->node);
	case UNIT_FAN:
		return x->node == y->node;
	case UNIT_CABLE:
		return cables_alike(r, &r->t->links[x->index], &r->t->links[y->index]);
	case UNIT_PDU:
		return feed_alike(r->t, a->component, b->component);
	case UNIT_NODE:
	case UNIT_CLASSES:
		return false;
	}
	UNREACHABLE("unit class");
}

/* Blocks are numbered by their first units, and every unit is alike the one before it or begins a
 * block: cables .1 to .3 stand together behind .0. */
static void add_units(struct contingency_cells *c, const struct reach *r)
{
	const struct topology *t = r->t;

	c->units = ARENA_ARRAY(&c->arena, struct unit, t->n_components);
	for (uint32_t class = 0; class < UNIT_CLASSES; class ++)
		for (uint32_t i = 0; i < t->n_components; i++) {
			struct unit *u = &c->units[c->n_units];
			enum unit_class own;

			if (!class_of(t, i, &own) || own != class)
				continue;
			*u = (struct unit){.component = i,
			        .class = own,
			        .role = role_of(paths_of(r, i)),
			        .pools = paths_of(r, i) & NOW};
			if (c->by_class[class] == 0 || !alike(r, u - 1, u))
				c->n_blocks++;
			u->block = c->n_blocks - 1;
			c->by_class[class]++;
			c->n_units++;
		}
}

/* --- orbits
 * ---------------------------------------------------------------------------------------- */

/* A chip and an inner cable of its node, or two of the latter, that touch. */
static uint32_t relation(const struct contingency_cells *c, uint32_t a, uint32_t b)
{
	const struct component *x = &c->topology->components[c->units[a].component];
	const struct component *y = &c->topology->components[c->units[b].component];
	uint32_t end[2][2];

	for (unsigned i = 0; i < 2; i++) {
		const struct component *u = i ? y : x;

		end[i][0] = end[i][1] = u->index;
		if (u->kind == COMPONENT_LINK) {
			end[i][0] = c->topology->links[u->index].chip_a;
			end[i][1] = c->topology->links[u->index].chip_b;
		} else if (u->kind != COMPONENT_CHIP) {
			return 0;
		}
		if (end[i][0] == COMPONENT_NONE)
			return 0;
	}
	return end[0][0] == end[1][0] || end[0][0] == end[1][1] || end[0][1] == end[1][0] ||
	       end[0][1] == end[1][1];
}

static uint64_t orbit_key(const struct contingency_cells *c, uint32_t a, uint32_t b)
{
	return ((uint64_t)c->units[a].block * c->n_blocks + c->units[b].block) * RELATIONS +
	       relation(c, a, b);
}

/* A table from orbit to cell + 1. */
struct orbits {
	uint32_t *cell;
	uint64_t capacity;
};

static void count_in(
        struct contingency_cells *c, struct orbits *o, uint64_t key, uint32_t a, uint32_t b)
{
	uint32_t at = o->cell[key];

	if (at) {
		c->cells[at - 1].stands_for++;
		return;
	}
	if (c->n == o->capacity) {
		o->capacity = o->capacity ? o->capacity * 2 : 1024;
		c->cells = mem_grow(c->cells, o->capacity, sizeof(*c->cells));
	}
	c->cells[c->n++] = (struct contingency_cell){.unit = {a, b}, .stands_for = 1};
	o->cell[key] = (uint32_t)c->n;
}

static void find_orbits(struct contingency_cells *c)
{
	uint64_t blocks = c->n_blocks;
	struct orbits o = {0};

	if (c->kind == CONTINGENCY_N1) {
		o.cell = mem_alloc(blocks + 1, sizeof(*o.cell));
		for (uint32_t a = 0; a < c->n_units; a++)
			count_in(c, &o, c->units[a].block, a, UINT32_MAX);
	} else {
		o.cell = mem_alloc(blocks * blocks * RELATIONS + 1, sizeof(*o.cell));
		for (uint32_t a = 0; a < c->n_units; a++)
			for (uint32_t b = c->kind == CONTINGENCY_N2 ? a + 1 : 0; b < c->n_units;
			        b++)
				if (a != b)
					count_in(c, &o, orbit_key(c, a, b), a, b);
	}
	mem_free(o.cell);
}

enum status contingency_cells_init(struct contingency_cells *c, const struct deployment *d,
        enum contingency kind, bool all, struct error *err)
{
	struct reach reach;
	uint64_t n;

	*c = (struct contingency_cells){.topology = &d->topology, .kind = kind, .all = all};
	arena_init(&c->arena, (size_t)1 << 30);
	reach_init(&reach, d, &c->arena);
	add_units(c, &reach);
	n = c->n_units;
	c->n_all = n;
	if (kind != CONTINGENCY_N1)
		c->n_all = kind == CONTINGENCY_N2 ? n * (n - 1) / 2 : n * (n - 1);
	if (c->n_all > CONTINGENCY_PAIRS_MAX)
		return error_set(err, ERR_USAGE,
		        "expected at most %llu contingencies, found %llu of %u components",
		        (unsigned long long)CONTINGENCY_PAIRS_MAX, (unsigned long long)c->n_all,
		        (unsigned)c->n_units);
	if (all)
		c->n = c->n_all;
	else
		find_orbits(c);
	return ERR_NONE;
}

void contingency_cells_free(struct contingency_cells *c)
{
	mem_free(c->cells);
	arena_free(&c->arena);
}

/* --- by index
 * -------------------------------------------------------------------------------------- */

/* Unordered pairs before those whose first is a. */
static uint64_t row(uint64_t n, uint64_t a)
{
	return a * (2 * n - a - 1) / 2;
}

static struct contingency_cell nth(const struct contingency_cells *c, uint64_t index)
{
	uint64_t n = c->n_units, low = 0, high = n - 1;

	if (c->kind == CONTINGENCY_N1)
		return (struct contingency_cell){{(uint32_t)index, UINT32_MAX}, 1};
	if (c->kind == CONTINGENCY_N11) {
		uint64_t a = index / (n - 1), b = index % (n - 1);

		return (struct contingency_cell){{(uint32_t)a, (uint32_t)(b + (b >= a))}, 1};
	}
	while (high - low > 1) {
		uint64_t middle = (low + high) / 2;

		if (row(n, middle) <= index)
			low = middle;
		else
			high = middle;
	}
	return (struct contingency_cell){
	        {(uint32_t)low, (uint32_t)(low + 1 + index - row(n, low))}, 1};
}

struct contingency_cell contingency_cell_at(const struct contingency_cells *c, uint64_t index)
{
	CHECK(index < c->n);
	return c->all ? nth(c, index) : c->cells[index];
}

uint64_t contingency_cell_of(const struct contingency_cells *c, uint32_t a, uint32_t b)
{
	CHECK(!c->all && (c->kind == CONTINGENCY_N1) == (b == UINT32_MAX));
	for (uint64_t i = 0; i < c->n; i++) {
		const uint32_t *u = c->cells[i].unit;

		if (b == UINT32_MAX ? c->units[u[0]].block == c->units[a].block
		                    : orbit_key(c, u[0], u[1]) == orbit_key(c, a, b))
			return i;
	}
	UNREACHABLE("every contingency is in an orbit");
}

void contingency_cell_name(const struct contingency_cells *c, const struct contingency_cell *cell,
        char buf[static CAMPAIGN_CELL_NAME])
{
	const char *first = contingency_unit_name(c, cell->unit[0]);

	if (cell->unit[1] == UINT32_MAX)
		(void)snprintf(buf, CAMPAIGN_CELL_NAME, "%s", first);
	else
		(void)snprintf(buf, CAMPAIGN_CELL_NAME, "%s%s%s", first,
		        c->kind == CONTINGENCY_N11 ? " then " : "+",
		        contingency_unit_name(c, cell->unit[1]));
}
