/* What a capture is planned to show, and who is where in the topology that goes with it. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/units.h"
#include "harness/base/wire.h"
#include "harness/run/capture_plan.h"
#include "harness/run/wire_topology.h"
#include "reports/capture.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

/* One node of eight chips, 28 links; a request takes 1 + 19 frames. */
#define SCENARIO(rate, duration, extra)                                                            \
	"{\"version\":1,\"name\":\"x\",\"duration\":\"" duration "\",\"deployment\":{\"pools\":["  \
	"{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"4ms\",\"slots\":4,"            \
	"\"prefill_tokens_per_frame\":64}],\"nodes\":[[\"r0.n0\"]]}]},"                            \
	"\"traffic\":[{\"name\":\"t\",\"arrival\":{\"process\":\"constant\",\"rate\":" rate "},"   \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}]" extra "}"

static struct capture_plan planned(const char *text)
{
	struct scenario *s = scenario_text(text);
	struct error err = ERROR_INIT;
	struct capture_plan plan;

	ck_assert(!capture_plan(s, &plan, &err));
	scenario_free(s);
	return plan;
}

START_TEST(a_capture_takes_what_was_aimed_at)
{
	struct capture_plan plan = planned(SCENARIO("100", "100s", ""));
	double frames = 10000.0 / plan.every * (20.0 / plan.frames) * 28;

	ck_assert_uint_eq(plan.frames, 5);
	ck_assert_double_ge(frames * 84, CAPTURE_AIM_BYTES * 0.99);
	ck_assert_double_le(frames * 84, CAPTURE_AIM_BYTES * 1.02);
}
END_TEST

START_TEST(few_requests_are_all_shown)
{
	struct capture_plan plan = planned(SCENARIO("1", "10s", ""));

	ck_assert_uint_eq(plan.every, 1);
	ck_assert_uint_eq(plan.frames, 5);
	ck_assert_int_eq(plan.period_ns, NS_PER_S);
}
END_TEST

START_TEST(a_long_run_shows_fewer_polls)
{
	struct capture_plan plan = planned(SCENARIO("1", "100000s", ""));

	/* Nine nodes, three messages each time, 1/8 of the bytes. */
	ck_assert_int_ge(plan.period_ns, 100000 * NS_PER_S / (CAPTURE_AIM_BYTES / 8 / 2700));
}
END_TEST

START_TEST(the_scenario_has_the_last_word)
{
	struct capture_plan plan =
	        planned(SCENARIO("1", "10s", ",\"mirror\":{\"every\":7,\"frames\":2}"));

	ck_assert_uint_eq(plan.every, 7);
	ck_assert_uint_eq(plan.frames, 2);
	ck_assert_uint_eq(planned(SCENARIO("1", "10s", ",\"mirror\":{\"every\":7}")).frames, 1);
	ck_assert_uint_eq(planned(SCENARIO("1", "10s", ",\"mirror\":\"off\"")).every, 0);
}
END_TEST

START_TEST(only_a_given_mirror_is_part_of_the_plan)
{
	struct scenario *a = scenario_text(SCENARIO("1", "10s", ""));
	struct scenario *b = scenario_text(SCENARIO("1", "10s", ",\"mirror\":\"off\""));

	ck_assert_ptr_null(strstr(a->plan_json, "mirror"));
	ck_assert_ptr_nonnull(strstr(b->plan_json, "\"mirror_every\":0"));
	ck_assert_mem_ne(a->plan_digest, b->plan_digest, DIGEST_BYTES);
	scenario_free(a);
	scenario_free(b);
}
END_TEST

static void is_in(const struct audit_topology *t, const struct wire_message *m, int from, int to)
{
	uint8_t bytes[WIRE_BYTES_MAX], scratch[WIRE_BYTES_MAX + 64];
	size_t n = wire_encode(m, bytes);
	struct audit_frame f;

	ck_assert(audit_frame_read(
	        AUDIT_LINK_ETHERNET, bytes, (uint32_t)n, (uint32_t)n, scratch, &f));
	ck_assert_int_eq(audit_rack_of(t, &f, 0), from);
	ck_assert_int_eq(audit_rack_of(t, &f, 1), to);
}

/* The first class whose filter a message meets; -1 = none. */
static int class_of(const struct audit_topology *t, const struct wire_message *m)
{
	uint8_t bytes[WIRE_BYTES_MAX];
	uint32_t n = (uint32_t)wire_encode(m, bytes);
	struct filter_key all;
	bool beyond = false;

	memset(&all, 255, sizeof(all));
	for (uint32_t c = 0; c < t->n_classes; c++)
		if (filter_run(&t->classes[c].filter, bytes, n, n, &all, &beyond))
			return (int)c;
	return -1;
}

START_TEST(the_topology_knows_every_component)
{
	struct scenario *s = scenario_text(
	        "{\"version\":1,\"name\":\"x\",\"duration\":\"1s\",\"deployment\":{\"hardware\":{"
	        "\"racks\":{\"value\":3,\"unit\":\"count\"},\"racks_per_pod\":{\"value\":2,"
	        "\"unit\":\"count\"}},\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,"
	        "\"frame\":\"4ms\",\"slots\":4,\"prefill_tokens_per_frame\":64}],\"nodes\":[["
	        "\"r0.n0\"]]}]},\"traffic\":[{\"name\":\"t\",\"arrival\":{\"process\":\"constant\","
	        "\"rate\":1},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"
	        "\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}]}");
	struct audit_compiler compiler = capture_compiler();
	struct wire_message m = {.critical = true, .from = {0, 1, 7}, .to = {2, 8, WIRE_NONE}};
	struct error err = ERROR_INIT;
	struct audit_topology t;
	struct json_out o;
	struct json *doc;
	struct arena arena;

	arena_init(&arena, 1 << 24);
	json_out_init(&o, 0);
	wire_topology(&s->deployment, true, &o);
	ck_assert(!json_parse("topology.json", o.buf, o.n, &doc, &err));
	ck_assert_msg(
	        !audit_topology_parse(json_root(doc), &compiler, &arena, &t, &err), "%s", err.text);
	ck_assert_uint_eq(t.n_racks, 3);
	ck_assert_uint_eq(t.n_pods, 2);
	ck_assert_uint_eq(t.racks[0].pod, t.racks[1].pod);
	ck_assert_int_eq(t.scope, AUDIT_SCOPE_POD);
	ck_assert_int_eq(t.unclassified, AUDIT_UNCLASSIFIED_FAIL);
	is_in(&t, &m, 0, 2);
	ck_assert_int_eq(class_of(&t, &m), 0);
	ck_assert(t.classes[0].critical);
	m.critical = false;
	ck_assert_int_eq(class_of(&t, &m), -1);
	for (int plane = WIRE_CONTROL; plane < WIRE_PLANES; plane++) {
		m = (struct wire_message){.plane = (enum wire_plane)plane,
		        .from = {1, 3, WIRE_NONE},
		        .to = {0, WIRE_HOST_CONTROL, WIRE_NONE}};
		is_in(&t, &m, 1, 0);
		ck_assert_int_eq(class_of(&t, &m), plane);
		ck_assert(!t.classes[plane].critical);
	}
	json_free(doc);
	json_out_free(&o);
	arena_free(&arena);
	scenario_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proof");

	add_test(suite, "plan", a_capture_takes_what_was_aimed_at);
	add_test(suite, "plan", few_requests_are_all_shown);
	add_test(suite, "plan", a_long_run_shows_fewer_polls);
	add_test(suite, "plan", the_scenario_has_the_last_word);
	add_test(suite, "plan", only_a_given_mirror_is_part_of_the_plan);
	add_test(suite, "topology", the_topology_knows_every_component);
	return run_suite(suite);
}
