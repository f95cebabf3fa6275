#include "emulator/topology.h"
#include "tests/support/run_suite.h"

#include <string.h>

static const struct topology_spec rack_spec = {.racks = 1,
        .nodes_per_rack = 9,
        .chips_per_node = 8,
        .spares_per_rack = 1,
        .cables_per_pair = 4,
        .pdus_per_rack = 4,
        .fans_per_node = 1,
        .racks_per_pod = 9,
        .pod_cables_per_node = 2};

static struct arena arena;

static void build(struct topology *t, uint32_t racks, uint32_t racks_per_pod)
{
	struct topology_spec spec = rack_spec;

	spec.racks = racks;
	spec.racks_per_pod = racks_per_pod;
	arena_init(&arena, 64 << 20);
	topology_build(t, &spec, &arena);
}

static uint32_t count_links(const struct topology *t, enum link_class class)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_links; i++)
		n += t->links[i].class == class;
	return n;
}

static uint32_t node_named(const struct topology *t, const char *name)
{
	uint32_t id = topology_find(t, name);

	ck_assert_msg(id != COMPONENT_NONE, "%s", name);
	return t->components[id].node;
}

static const char *link_name(const struct topology *t, uint32_t link)
{
	ck_assert_uint_lt(link, t->n_links);
	return t->components[t->links[link].component].name;
}

START_TEST(a_rack_has_72_chips_and_396_c2c_links)
{
	struct topology t;

	build(&t, 1, 9);
	ck_assert_uint_eq(t.n_chips, 72);
	ck_assert_uint_eq(count_links(&t, LINK_C2C_NODE), 9 * 28);
	ck_assert_uint_eq(count_links(&t, LINK_C2C_RACK), 36 * 4);
	ck_assert_uint_eq(count_links(&t, LINK_C2C_NODE) + count_links(&t, LINK_C2C_RACK), 396);
	ck_assert_uint_eq(count_links(&t, LINK_C2C_POD), 0);
	ck_assert_uint_eq(count_links(&t, LINK_ETHERNET), 1);
	ck_assert_uint_eq(t.n_components, 1 + 9 + 72 + 397 + 4 + 9);
	arena_free(&arena);
}
END_TEST

START_TEST(every_component_is_found_by_its_name)
{
	static const char *const names[] = {"r0", "r8.n8", "r0.n3.c5", "r0.n3.c5-r0.n3.c6",
	        "r0.n1-r0.n2.0", "r0.n1-r0.n2.3", "r0.n3-r8.n3.1", "r0.pdu3", "r8.n8.fan0",
	        "eth.ingress", "eth.r0-r1", "eth.r7-r8"};
	static const char *const absent[] = {"", "r9", "r0.n9", "r0.n0.c8", "r0.n3.c6-r0.n3.c5",
	        "r0.n1-r0.n2.4", "r0.n1-r1.n2.0", "r0.pdu4", "eth.r1-r0", "eth.r0-r9", "r00"};
	struct topology t;

	build(&t, 9, 9);
	for (uint32_t id = 0; id < t.n_components; id++)
		ck_assert_uint_eq(topology_find(&t, t.components[id].name), id);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_msg(topology_find(&t, names[i]) != COMPONENT_NONE, "%s", names[i]);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		ck_assert_msg(topology_find(&t, absent[i]) == COMPONENT_NONE, "%s", absent[i]);
	arena_free(&arena);
}
END_TEST

START_TEST(lookups_agree_with_the_list_of_links)
{
	struct topology t;

	build(&t, 5, 3); /* a full pod and a shorter one */
	for (uint32_t i = 0; i < t.n_links; i++) {
		const struct link *l = &t.links[i];
		uint32_t found = COMPONENT_NONE;

		if (l->class == LINK_C2C_NODE)
			found = topology_chip_link(&t, l->chip_b, l->chip_a);
		else if (l->class == LINK_ETHERNET)
			found = l->rack_a == COMPONENT_NONE
			                ? t.eth_ingress
			                : topology_ethernet(&t, l->rack_b, l->rack_a);
		else
			for (uint32_t k = 0; k < 4 && found != i; k++)
				found = topology_cable(&t, l->node_b, l->node_a, k);
		ck_assert_uint_eq(found, i);
		ck_assert_uint_eq(t.components[l->component].index, i);
	}
	ck_assert_uint_eq(count_links(&t, LINK_C2C_POD), (3 + 1) * 9 * 2);
	ck_assert_uint_eq(count_links(&t, LINK_ETHERNET), 1 + 10);
	ck_assert_uint_eq(topology_cable(&t, 0, 3 * 9, 0), COMPONENT_NONE); /* another pod */
	ck_assert_uint_eq(topology_cable(&t, 0, 10, 0), COMPONENT_NONE);    /* no namesake */
	ck_assert_uint_eq(topology_chip_link(&t, 7, 8), COMPONENT_NONE);    /* two nodes */
	arena_free(&arena);
}
END_TEST

START_TEST(a_path_in_a_rack_is_its_nodes_and_cable_0)
{
	const uint32_t nodes[] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct topology t;
	uint32_t links[8 * 30], n;

	build(&t, 1, 9);
	n = topology_path(&t, nodes, 8, links, ARRAY_LEN(links));
	ck_assert_uint_eq(n, 8 * 28 + 7);
	ck_assert_str_eq(link_name(&t, links[0]), "r0.n0.c0-r0.n0.c1");
	ck_assert_str_eq(link_name(&t, links[28]), "r0.n0-r0.n1.0");
	ck_assert_str_eq(link_name(&t, links[n - 1]), "r0.n7.c6-r0.n7.c7");
	ck_assert_int_eq(topology_reach(&t, nodes, 8), LINK_C2C_RACK);
	ck_assert_int_eq(topology_reach(&t, nodes, 1), LINK_C2C_NODE);
	arena_free(&arena);
}
END_TEST

START_TEST(a_hop_between_racks_follows_the_pods)
{
	struct topology t;
	uint32_t links[2];

	build(&t, 4, 2);
	ck_assert_uint_eq(
	        topology_hop(&t, node_named(&t, "r0.n7"), node_named(&t, "r1.n7"), links), 1);
	ck_assert_str_eq(link_name(&t, links[0]), "r0.n7-r1.n7.0");
	ck_assert_uint_eq(
	        topology_hop(&t, node_named(&t, "r0.n7"), node_named(&t, "r1.n0"), links), 2);
	ck_assert_str_eq(link_name(&t, links[0]), "r0.n7-r1.n7.0");
	ck_assert_str_eq(link_name(&t, links[1]), "r1.n0-r1.n7.0");
	ck_assert_uint_eq(
	        topology_hop(&t, node_named(&t, "r1.n7"), node_named(&t, "r2.n0"), links), 1);
	ck_assert_str_eq(link_name(&t, links[0]), "eth.r1-r2");
	ck_assert_uint_eq(topology_hop(&t, 3, 3, links), 0);
	ck_assert_int_eq(topology_reach(&t, (uint32_t[]){8, 9}, 2), LINK_C2C_POD);
	ck_assert_int_eq(topology_reach(&t, (uint32_t[]){0, 9, 20}, 3), LINK_ETHERNET);
	arena_free(&arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("topology");

	add_test(suite, "counts", a_rack_has_72_chips_and_396_c2c_links);
	add_test(suite, "names", every_component_is_found_by_its_name);
	add_test(suite, "lookups", lookups_agree_with_the_list_of_links);
	add_test(suite, "path", a_path_in_a_rack_is_its_nodes_and_cable_0);
	add_test(suite, "hops", a_hop_between_racks_follows_the_pods);
	return run_suite(suite);
}
