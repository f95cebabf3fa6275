/* Port numbers are arithmetic on the topology, both ways, so a plan of any size is read in the time
 * of its length: no table of ports is kept. */
#include "emulator/cables.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- ports
 * --------------------------------------------------------------------------------------- */

/* Cable k from `node` to `peer`, counted over the node's ports. */
static uint32_t port_number(const struct topology *t, uint32_t node, uint32_t peer, uint32_t k)
{
	uint32_t rack = topology_rack_of_node(t, node), other = topology_rack_of_node(t, peer);
	uint32_t n = t->nodes_per_rack;

	if (rack == other)
		return (peer % n - (peer > node)) * t->cables_per_pair + k;
	return (n - 1) * t->cables_per_pair +
	       (other % t->racks_per_pod - (other > rack)) * t->pod_cables_per_node + k;
}

/* Number of the cable among those between its two ends. */
static uint32_t cable_number(const struct topology *t, uint32_t link)
{
	const struct link *l = &t->links[link];

	return link - topology_cable(t, l->node_a, l->node_b, 0);
}

const char *cables_port(
        const struct topology *t, uint32_t link, bool far, char buf[static PORT_NAME_MAX])
{
	const struct link *l = &t->links[link];
	uint32_t node = far ? l->node_b : l->node_a, peer = far ? l->node_a : l->node_b;
	uint32_t component = t->node_component0 + node, port;

	CHECK(l->class != LINK_ETHERNET);
	if (l->class == LINK_C2C_NODE) {
		component = t->chip_component0 + (far ? l->chip_b : l->chip_a);
		port = (far ? l->chip_a : l->chip_b) % t->chips_per_node;
	} else {
		port = port_number(t, node, peer, cable_number(t, link));
	}
	(void)snprintf(buf, PORT_NAME_MAX, "%s.p%u", t->components[component].name, port);
	return buf;
}

static uint32_t link_at_node_port(const struct topology *t, uint32_t node, uint32_t port)
{
	uint32_t n = t->nodes_per_rack, in_rack = (n - 1) * t->cables_per_pair;
	uint32_t rack = topology_rack_of_node(t, node), peer;

	if (port < in_rack) {
		peer = port / t->cables_per_pair;
		peer += peer >= node % n;
		return topology_cable(t, node, rack * n + peer, port % t->cables_per_pair);
	}
	if (!t->pod_cables_per_node)
		return COMPONENT_NONE;
	port -= in_rack;
	peer = port / t->pod_cables_per_node;
	peer += peer >= rack % t->racks_per_pod;
	if (peer >= t->racks_per_pod)
		return COMPONENT_NONE;
	peer += rack / t->racks_per_pod * t->racks_per_pod;
	return topology_cable(t, node, peer * n + node % n, port % t->pod_cables_per_node);
}

/* The link whose end this port is; COMPONENT_NONE if there is no such port. */
static uint32_t link_at(const struct topology *t, const char *port)
{
	const char *dot = strrchr(port, '.');
	char unit[PORT_NAME_MAX], canonical[16];
	const struct component *c;
	uint32_t id;
	long number;

	if (!dot || dot[1] != 'p' || (size_t)(dot - port) >= sizeof(unit) || strlen(dot) > 8)
		return COMPONENT_NONE;
	(void)snprintf(unit, sizeof(unit), "%.*s", (int)(dot - port), port);
	number = strtol(dot + 2, NULL, 10);
	(void)snprintf(canonical, sizeof(canonical), ".p%ld", number);
	id = topology_find(t, unit);
	if (id == COMPONENT_NONE || number < 0 || strcmp(canonical, dot) != 0)
		return COMPONENT_NONE;
	c = &t->components[id];
	if (c->kind == COMPONENT_NODE)
		return link_at_node_port(t, c->node, (uint32_t)number);
	if (c->kind != COMPONENT_CHIP || number >= t->chips_per_node)
		return COMPONENT_NONE;
	return topology_chip_link(t, c->index, c->node * t->chips_per_node + (uint32_t)number);
}

/* --- serials
 * ------------------------------------------------------------------------------------- */

const char *cables_serial(const struct cable_plan *p, const struct topology *t, uint32_t link)
{
	uint32_t low = 0, high = p->n_cables;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->cables[mid].link < link)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < p->n_cables && p->cables[low].link == link)
		return p->cables[low].serial;
	return t->components[t->links[link].component].name;
}

const char *cables_refusal(const struct cable_plan *p, const struct topology *t, uint32_t link,
        uint32_t other, char buf[static CABLE_REFUSAL_MAX])
{
	char is[PORT_NAME_MAX], planned[PORT_NAME_MAX];

	(void)snprintf(buf, CABLE_REFUSAL_MAX, "cable %s is plugged into %s where %s is planned",
	        cables_serial(p, t, link), cables_port(t, other, true, is),
	        cables_port(t, link, true, planned));
	return buf;
}

/* --- neighbours
 * ---------------------------------------------------------------------------------- */

/* Two cables of one kind between the same set of n units, numbered from 0: a < b of this one. */
static bool other_pair(uint32_t n, uint32_t a, uint32_t b, uint32_t *x, uint32_t *y)
{
	*x = a;
	*y = b + 1 < n ? b + 1 : b - 1;
	if (*y > a)
		return true;
	for (*x = 0; *x < n; (*x)++)
		for (*y = *x + 1; *x != a && *y < n; (*y)++)
			if (*y != b)
				return true;
	return false;
}

static uint32_t parallel(const struct topology *t, const struct link *l, uint32_t k)
{
	uint32_t n = l->class == LINK_C2C_POD ? t->pod_cables_per_node : t->cables_per_pair;

	return n > 1 ? topology_cable(t, l->node_a, l->node_b, (k + 1) % n) : COMPONENT_NONE;
}

uint32_t cables_neighbour(const struct topology *t, uint32_t link)
{
	const struct link *l = &t->links[link];
	uint32_t n = t->nodes_per_rack, first = l->node_a / n * n, x, y, k;

	if (l->class == LINK_C2C_NODE) {
		first = l->node_a * t->chips_per_node;
		if (!other_pair(t->chips_per_node, l->chip_a - first, l->chip_b - first, &x, &y))
			return COMPONENT_NONE;
		return topology_chip_link(t, first + x, first + y);
	}
	k = cable_number(t, link);
	if (l->class == LINK_C2C_RACK &&
	        other_pair(n, l->node_a - first, l->node_b - first, &x, &y))
		return topology_cable(t, first + x, first + y, k);
	if (l->class == LINK_C2C_POD && n > 1) {
		x = (l->node_a % n + 1) % n;
		return topology_cable(t, first + x, l->node_b / n * n + x, k);
	}
	return parallel(t, l, k);
}

/* --- reading and writing
 * ------------------------------------------------------------------------- */

struct raw_plan {
	bool check;
	struct jval cables;
};

static const struct field plan_fields[] = {
        {.name = "check",
                .type = FIELD_BOOL,
                .offset = offsetof(struct raw_plan, check),
                .fallback = "true",
                .help = "bring-up compares serials with the plan and refuses a cable in a wrong "
                        "port",
                .label = "assumption",
                .source = "the wiring is part of the program (ISCA 2022); whether bring-up reads "
                          "serials is not published"},
        {.name = "cables",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_plan, cables),
                .help = "serials and ports of C2C cables; others bear the name of their link"},
};

struct raw_cable {
	const char *serial;
	struct jval ports;
};

static const struct field cable_fields[] = {
        {.name = "serial",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_cable, serial),
                .flags = FIELD_REQUIRED,
                .help = "on the cable"},
        {.name = "ports",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_cable, ports),
                .flags = FIELD_REQUIRED,
                .help = "the two that it joins"},
};

size_t cables_tables(struct field_table *tables)
{
	tables[0] = (struct field_table){"cable_plan", plan_fields, ARRAY_LEN(plan_fields)};
	tables[1] =
	        (struct field_table){"cable_plan.cables[]", cable_fields, ARRAY_LEN(cable_fields)};
	return 2;
}

static enum status parse_cable(struct jval v, const struct topology *t, struct arena *arena,
        struct planned_cable *out, struct error *err)
{
	struct raw_cable raw;
	struct jval port[2];
	char far[PORT_NAME_MAX], near[PORT_NAME_MAX];
	uint32_t link[2];

	if (json_read(v, cable_fields, ARRAY_LEN(cable_fields), &raw, err))
		return err->code;
	if (!raw.serial[0])
		return json_expected(json_get(v, "serial"), err, "a serial number");
	if (json_count(raw.ports) != 2)
		return json_expected(raw.ports, err, "two ports");
	for (size_t i = 0; i < 2; i++) {
		port[i] = json_at(raw.ports, i);
		link[i] = json_string(port[i]) ? link_at(t, json_string(port[i])) : COMPONENT_NONE;
		if (link[i] == COMPONENT_NONE)
			return json_expected(port[i], err, "a port such as \"%s\"",
			        cables_port(t, 0, false, near));
	}
	if (link[0] != link[1] || !strcmp(json_string(port[0]), json_string(port[1]))) {
		cables_port(t, link[0], true, far);
		cables_port(t, link[0], false, near);
		return json_expected(port[1], err, "%s, which the topology joins with %s",
		        strcmp(near, json_string(port[0])) ? near : far, json_string(port[0]));
	}
	out->serial = arena_strndup(arena, raw.serial, strlen(raw.serial));
	out->link = link[0];
	return ERR_NONE;
}

static int by_link(const void *a, const void *b)
{
	const struct planned_cable *x = a, *y = b;

	return (x->link > y->link) - (x->link < y->link);
}

static int by_serial(const void *a, const void *b)
{
	const struct planned_cable *x = a, *y = b;

	return strcmp(x->serial, y->serial);
}

/* Also leaves the list in order of links. */
static enum status check_distinct(
        struct jval v, const struct topology *t, const struct cable_plan *p, struct error *err)
{
	qsort(p->cables, p->n_cables, sizeof(*p->cables), by_serial);
	for (uint32_t i = 1; i < p->n_cables; i++)
		if (!strcmp(p->cables[i].serial, p->cables[i - 1].serial))
			return json_error(v, err, "expected each serial once, found '%s' twice",
			        p->cables[i].serial);
	qsort(p->cables, p->n_cables, sizeof(*p->cables), by_link);
	for (uint32_t i = 1; i < p->n_cables; i++)
		if (p->cables[i].link == p->cables[i - 1].link)
			return json_error(v, err, "expected each cable once, found %s twice",
			        t->components[t->links[p->cables[i].link].component].name);
	return ERR_NONE;
}

enum status cables_parse(struct jval v, const struct topology *t, struct arena *arena,
        struct cable_plan *out, struct error *err)
{
	struct raw_plan raw;

	json_defaults(plan_fields, ARRAY_LEN(plan_fields), &raw);
	if (json_type(v) != JSON_NONE &&
	        json_read(v, plan_fields, ARRAY_LEN(plan_fields), &raw, err))
		return err->code;
	*out = (struct cable_plan){.check = raw.check};
	if (json_type(raw.cables) == JSON_NONE)
		return ERR_NONE;
	out->cables = ARENA_ARRAY(arena, struct planned_cable, json_count(raw.cables) + 1);
	for (struct jval e = json_first(raw.cables); json_type(e) != JSON_NONE; e = json_next(e))
		if (parse_cable(e, t, arena, &out->cables[out->n_cables++], err))
			return err->code;
	return check_distinct(raw.cables, t, out, err);
}

void cables_out(const struct cable_plan *p, const struct topology *t, struct json_out *o)
{
	char port[PORT_NAME_MAX];

	if (p->check && !p->n_cables)
		return;
	json_out_open(o, "cable_plan", '{');
	json_out_open(o, "cables", '[');
	for (uint32_t i = 0; i < p->n_cables; i++) {
		json_out_open(o, NULL, '{');
		json_out_open(o, "ports", '[');
		json_out_str(o, NULL, cables_port(t, p->cables[i].link, false, port));
		json_out_str(o, NULL, cables_port(t, p->cables[i].link, true, port));
		json_out_close(o);
		json_out_str(o, "serial", p->cables[i].serial);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_bool(o, "check", p->check);
	json_out_close(o);
}
