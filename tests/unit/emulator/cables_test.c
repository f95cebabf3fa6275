/* Ports, serials and plans of cables: names by arithmetic, and what a plan may say. */
#include "emulator/cables.h"
#include "tests/support/deployment_text.h"
#include "tests/support/run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOLS                                                                                      \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\",\"slots\":"  \
	"1,\"prefill_tokens_per_frame\":64}]}]"
#define RACKS                                                                                      \
	"\"hardware\":{\"racks\":{\"value\":3,\"unit\":\"count\"}},\"cross_rack\":{\"position\":"  \
	"\"allowed\"}"

static struct parsed p;

static const struct topology *good(const char *plan)
{
	char text[2048];

	snprintf(text, sizeof(text), "{" POOLS "," RACKS "%s%s}", plan[0] ? ",\"cable_plan\":" : "",
	        plan);
	ck_assert_msg(parse_text(&p, "d.json", text), "%s", p.message);
	return &p.d.topology;
}

static const char *port(const struct topology *t, const char *link, bool far)
{
	static char buf[PORT_NAME_MAX];

	return cables_port(t, t->components[topology_find(t, link)].index, far, buf);
}

START_TEST(ports_are_numbered_by_the_other_end)
{
	const struct topology *t = good("");

	ck_assert_str_eq(port(t, "r0.n0-r0.n1.0", false), "r0.n0.p0");
	ck_assert_str_eq(port(t, "r0.n0-r0.n1.0", true), "r0.n1.p0");
	ck_assert_str_eq(port(t, "r0.n0-r0.n2.3", false), "r0.n0.p7");
	ck_assert_str_eq(port(t, "r0.n0-r0.n2.3", true), "r0.n2.p3");
	ck_assert_str_eq(port(t, "r2.n7-r2.n8.3", true), "r2.n8.p31");
	/* 32 ports in the rack, then two a rack of the pod. */
	ck_assert_str_eq(port(t, "r0.n4-r1.n4.1", false), "r0.n4.p33");
	ck_assert_str_eq(port(t, "r0.n4-r2.n4.0", false), "r0.n4.p34");
	ck_assert_str_eq(port(t, "r0.n4-r2.n4.0", true), "r2.n4.p32");
	ck_assert_str_eq(port(t, "r1.n3.c5-r1.n3.c6", false), "r1.n3.c5.p6");
	ck_assert_str_eq(port(t, "r1.n3.c5-r1.n3.c6", true), "r1.n3.c6.p5");
	parsed_free(&p);
}
END_TEST

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

START_TEST(every_port_is_one_of_a_kind)
{
	const struct topology *t = good("");
	char **names = calloc(2 * t->n_links, sizeof(*names)), buf[PORT_NAME_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < t->n_links; i++)
		for (int far = 0; t->links[i].class != LINK_ETHERNET && far < 2; far++)
			names[n++] = strdup(cables_port(t, i, far, buf));
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 1; i < n; i++)
		ck_assert_str_ne(names[i - 1], names[i]);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	parsed_free(&p);
}
END_TEST

/* A plan of one cable for each link: both of its ports lead back to it. */
START_TEST(a_plan_reads_every_cable)
{
	const struct topology *t = good("");
	struct topology ordered = *t;
	char near[PORT_NAME_MAX], far[PORT_NAME_MAX], plan[256];
	struct arena arena = p.arena;
	struct cable_plan out;
	struct error err;
	struct json *doc;

	for (uint32_t i = 0; i < ordered.n_links; i++) {
		if (ordered.links[i].class == LINK_ETHERNET)
			continue;
		snprintf(plan, sizeof(plan),
		        "{\"cables\":[{\"serial\":\"S\",\"ports\":[\"%s\",\"%s\"]}]}",
		        cables_port(t, i, i % 2, near), cables_port(t, i, !(i % 2), far));
		err = (struct error){0};
		ck_assert(json_parse("plan", plan, strlen(plan), &doc, &err) == ERR_NONE);
		ck_assert_msg(cables_parse(json_root(doc), t, &arena, &out, &err) == ERR_NONE, "%s",
		        err.text);
		ck_assert(out.check && out.n_cables == 1 && out.cables[0].link == i);
		ck_assert_str_eq(cables_serial(&out, t, i), "S");
		json_free(doc);
	}
	p.arena = arena;
	parsed_free(&p);
}
END_TEST

START_TEST(a_plan_is_written_back)
{
	static const char plan[] =
	        "{\"check\":false,\"cables\":[{\"serial\":\"B\",\"ports\":[\"r0.n1.p0\",\"r0.n0."
	        "p0\"]},{\"serial\":\"A\",\"ports\":[\"r0.n2.c1.p0\",\"r0.n2.c0.p1\"]}]}";
	/* In order of links: those inside of nodes come first. */
	static const char canonical[] =
	        "\"cable_plan\":{\"cables\":[{\"ports\":[\"r0.n2.c0.p1\",\"r0.n2.c1.p0\"],"
	        "\"serial\":"
	        "\"A\"},{\"ports\":[\"r0.n0.p0\",\"r0.n1.p0\"],\"serial\":\"B\"}],\"check\":"
	        "false}";
	struct json_out o, again;
	struct parsed second;

	(void)good(plan);
	json_out_init(&o, 0);
	deployment_canonical(&p.d, &o, NULL);
	ck_assert_ptr_nonnull(strstr(o.buf, canonical));
	ck_assert_msg(parse_text(&second, "canonical", o.buf), "%s", second.message);
	json_out_init(&again, 0);
	deployment_canonical(&second.d, &again, NULL);
	ck_assert_str_eq(o.buf, again.buf);
	json_out_free(&o);
	json_out_free(&again);
	parsed_free(&second);
	parsed_free(&p);
	(void)good("{\"check\":true}");
	json_out_init(&o, 0);
	deployment_canonical(&p.d, &o, NULL);
	ck_assert_ptr_null(strstr(o.buf, "cable_plan")); /* it changes no digest */
	json_out_free(&o);
	parsed_free(&p);
}
END_TEST

#define ONE(ports) "{\"cables\":[{\"serial\":\"S\",\"ports\":" ports "}]}"

static const struct {
	const char *plan, *error;
} bad[] = {
        {"7", "cable_plan: expected an object"},
        {"{\"chekc\":true}", "nearest is 'check'"},
        {"{\"check\":1}", "cable_plan.check: expected"},
        {"{\"cables\":[7]}", "cable_plan.cables.0: expected"},
        {"{\"cables\":[{\"serial\":\"S\"}]}", "expected the key 'ports'"},
        {"{\"cables\":[{\"serial\":\"\",\"ports\":[]}]}", "expected a serial number, found \"\""},
        {ONE("[\"r0.n0.p0\"]"), "ports: expected two ports"},
        {ONE("[\"r0.n0.p0\",7]"), "expected a port such as \"r0.n0.c0.p1\", found 7"},
        {ONE("[\"r0.n0.p0\",\"r0.n9.p0\"]"), "expected a port such as"},
        {ONE("[\"r0.n0.p0\",\"r0.n1.p00\"]"), "found \"r0.n1.p00\""},
        {ONE("[\"r0.n0.p0\",\"r0.n1.q0\"]"), "found \"r0.n1.q0\""},
        {ONE("[\"r0.n0.p36\",\"r0.n1.p0\"]"), "found \"r0.n0.p36\""}, /* of three racks */
        {ONE("[\"r0.n0.c3.p3\",\"r0.n1.p0\"]"), "found \"r0.n0.c3.p3\""},
        {ONE("[\"r0.n0.p0\",\"r0.n1.p1\"]"),
                "expected r0.n1.p0, which the topology joins with r0.n0.p0, found \"r0.n1.p1\""},
        {ONE("[\"r0.n1.p0\",\"r0.n1.p0\"]"),
                "expected r0.n0.p0, which the topology joins with r0.n1.p0, found \"r0.n1.p0\""},
        {"{\"cables\":[{\"serial\":\"S\",\"ports\":[\"r0.n0.p0\",\"r0.n1.p0\"]},{\"serial\":\"S\","
         "\"ports\":[\"r0.n0.p1\",\"r0.n1.p1\"]}]}",
                "expected each serial once, found 'S' twice"},
        {"{\"cables\":[{\"serial\":\"S\",\"ports\":[\"r0.n0.p0\",\"r0.n1.p0\"]},{\"serial\":\"T\","
         "\"ports\":[\"r0.n1.p0\",\"r0.n0.p0\"]}]}",
                "expected each cable once, found r0.n0-r0.n1.0 twice"},
};

START_TEST(bad_plans_are_refused)
{
	char text[2048];

	snprintf(text, sizeof(text), "{" POOLS "," RACKS ",\"cable_plan\":%s}", bad[_i].plan);
	ck_assert_msg(!parse_text(&p, "d.json", text), "%s", bad[_i].plan);
	ck_assert_msg(strncmp(p.message, "d.json:1:", 9) == 0 && strstr(p.message, bad[_i].error),
	        "%s\nfound: %s", bad[_i].plan, p.message);
	parsed_free(&p);
}
END_TEST

START_TEST(a_refusal_names_both_ports)
{
	static const char plan[] =
	        "{\"cables\":[{\"serial\":\"SN-7\",\"ports\":[\"r0.n0.p0\",\"r0.n1.p0\"]}]}";
	const struct topology *t = good(plan);
	char buf[CABLE_REFUSAL_MAX];
	uint32_t a = topology_cable(t, 0, 1, 0), b = topology_cable(t, 0, 2, 0);

	ck_assert_str_eq(cables_refusal(&p.d.cable_plan, t, a, b, buf),
	        "cable SN-7 is plugged into r0.n2.p0 where r0.n1.p0 is planned");
	ck_assert_str_eq(cables_refusal(&p.d.cable_plan, t, b, a, buf),
	        "cable r0.n0-r0.n2.0 is plugged into r0.n1.p0 where r0.n2.p0 is planned");
	parsed_free(&p);
}
END_TEST

/* Every cable has a neighbour of its kind that is another one, with another pair of ends. */
START_TEST(neighbours_are_of_the_same_kind)
{
	const struct topology *t = good("");

	ck_assert_uint_eq(
	        cables_neighbour(t, topology_cable(t, 0, 1, 2)), topology_cable(t, 0, 2, 2));
	ck_assert_uint_eq(
	        cables_neighbour(t, topology_cable(t, 3, 8, 0)), topology_cable(t, 3, 7, 0));
	for (uint32_t i = 0; i < t->n_links; i++) {
		const struct link *l = &t->links[i], *o;
		uint32_t n;

		if (l->class == LINK_ETHERNET)
			continue;
		n = cables_neighbour(t, i);
		ck_assert(n != COMPONENT_NONE && n != i);
		o = &t->links[n];
		ck_assert(o->class == l->class && o->rack_a == l->rack_a && o->rack_b == l->rack_b);
		ck_assert(o->node_a != l->node_a || o->node_b != l->node_b ||
		          o->chip_a != l->chip_a || o->chip_b != l->chip_b);
	}
	parsed_free(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cables");
	TCase *tc = tcase_create("cables");

	tcase_add_test(tc, ports_are_numbered_by_the_other_end);
	tcase_add_test(tc, every_port_is_one_of_a_kind);
	tcase_add_test(tc, a_plan_reads_every_cable);
	tcase_add_test(tc, a_plan_is_written_back);
	tcase_add_loop_test(tc, bad_plans_are_refused, 0, ARRAY_LEN(bad));
	tcase_add_test(tc, a_refusal_names_both_ports);
	tcase_add_test(tc, neighbours_are_of_the_same_kind);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
