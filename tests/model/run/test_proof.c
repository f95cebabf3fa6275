/* The critical path from packets and from the mapping. Planted defects, one on each side, must make
 * the two contradict each other; faults that move a path must not. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator/rack_state.h"
#include "harness/base/units.h"
#include "harness/run/proof.h"
#include "tests/support/deployment_text.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

/* Two racks of one pod (or two) with two chips a node; an instance over two nodes, or where `nodes`
 * says. 20 requests of 20 frames each; all requests are captured, one frame in
 * five of them unless it says EVERY_FRAME. */
#define SCENARIO(pods, nodes, position, extra)                                                     \
	"{\"version\":1,\"name\":\"proof\",\"duration\":\"2s\",\"drain\":\"10s\",\"deployment\":"  \
	"{\"hardware\":{\"racks\":{\"value\":2,\"unit\":\"count\"},\"chips_per_node\":{\"value\":" \
	"2,\"unit\":\"count\"},\"racks_per_pod\":{\"value\":" pods ",\"unit\":\"count\"}},"        \
	"\"cable_plan\":{\"check\":false},"                                                        \
	"\"cross_rack\":{\"position\":\"" position "\",\"rationale\":\"test\"},"                   \
	"\"health\":{\"isolate\":\"3ms\",\"remap\":\"70ms\",\"resync\":\"5ms\",\"resume\":"        \
	"\"2ms\"},"                                                                                \
	"\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"4ms\",\"slots\":4," \
	"\"prefill_tokens_per_frame\":64}],\"nodes\":[[" nodes "]]}]},"                            \
	"\"traffic\":[{\"name\":\"t\",\"tier\":\"x\",\"arrival\":{\"process\":\"constant\","       \
	"\"rate\":10},\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                     \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}}]" extra "}"
#define ONE_RACK    "\"r0.n0\",\"r0.n1\""
#define TWO_RACKS   "\"r0.n0\",\"r1.n0\""
#define IN_RACK     ",\"expect\":[{\"id\":\"in\",\"kind\":\"critical_path_in_rack\"}]"
#define IN_POD      ",\"expect\":[{\"id\":\"in\",\"kind\":\"critical_path_in_rack\",\"scope\":\"pod\"}]"
#define EVERY_FRAME ",\"mirror\":{\"every\":1}"
#define WANTED      ",\"expect\":[{\"id\":\"in\",\"kind\":\"critical_path_in_rack\",\"want\":\"miss\"}]"

struct run_of {
	char dir[64];
	struct scenario *s;
	struct evaluation e;
	struct proof p;
};

static void play(struct run_of *r, const char *text, const struct virtual_tamper *tamper)
{
	struct error err = ERROR_INIT;
	enum status st;

	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/lpuchaos-proof-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
	r->s = scenario_text(text);
	st = proof_evaluate(
	        &r->p, r->s, r->dir, &(struct evaluate_taps){.tamper = tamper}, NULL, &r->e, &err);
	ck_assert_msg(!st, "%s", err.text);
	evaluate_decide(r->s, &r->e);
}

static char *file_of(const struct run_of *r, const char *name, size_t *n)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	return file_text(path, n);
}

static void done(struct run_of *r)
{
	static const char *const names[] = {PROOF_CAPTURE, PROOF_TOPOLOGY, PROOF_AUDIT};
	char path[128];

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]);
		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(r->dir), 0); /* nothing else was left */
	proof_free(&r->p);
	evaluation_free(&r->e);
	scenario_free(r->s);
}

static void verdict_is(const struct run_of *r, enum verdict expectation, int exit_code)
{
	ck_assert_int_eq(r->e.result->expect[0].verdict, expectation);
	ck_assert_int_eq(r->e.result->exit_code, exit_code);
}

/* --- both agree
 * ------------------------------------------------------------------------------------ */

START_TEST(one_rack_passes)
{
	struct run_of r;

	play(&r, SCENARIO("2", ONE_RACK, "forbidden", IN_RACK EVERY_FRAME), NULL);
	verdict_is(&r, VERDICT_PASS, 0);
	ck_assert_str_eq(r.p.audit.verdict, "pass");
	ck_assert_str_eq(r.p.audit.shown, "rack");
	ck_assert(r.p.audit.agrees);
	ck_assert_uint_eq(r.p.audit.n_doubts, 0);
	ck_assert_uint_eq(r.p.audit.sampling, 1);
	/* A pass: one link inside each node, one cable between them. */
	ck_assert_uint_eq(r.p.audit.critical, r.e.run.scheduled * 20 * 3);
	ck_assert_uint_eq(r.e.run.rack.frames_shown[PATH_IN_RACK], r.e.run.scheduled * 20);
	done(&r);
}
END_TEST

START_TEST(two_racks_fail)
{
	struct run_of r;

	play(&r, SCENARIO("1", TWO_RACKS, "allowed", IN_RACK EVERY_FRAME), NULL);
	verdict_is(&r, VERDICT_FAIL, 1);
	ck_assert_str_eq(r.p.audit.verdict, "fail");
	ck_assert_str_eq(r.p.audit.shown, "beyond");
	ck_assert_str_eq(r.p.audit.judged, "beyond");
	ck_assert_uint_eq(r.p.audit.violations, r.e.run.scheduled * 20);
	done(&r);
	play(&r, SCENARIO("2", TWO_RACKS, "allowed", IN_RACK), NULL);
	verdict_is(&r, VERDICT_FAIL, 1);
	ck_assert_str_eq(r.p.audit.shown, "pod");
	done(&r);
	play(&r, SCENARIO("1", TWO_RACKS, "allowed", WANTED), NULL);
	verdict_is(&r, VERDICT_PASS, 0);
	done(&r);
}
END_TEST

START_TEST(the_scope_is_the_scenarios)
{
	struct run_of r;

	play(&r, SCENARIO("2", TWO_RACKS, "allowed", IN_POD), NULL);
	verdict_is(&r, VERDICT_PASS, 0);
	ck_assert_str_eq(r.p.audit.verdict, "pass");
	ck_assert_str_eq(r.p.audit.scope, "pod");
	ck_assert_str_eq(r.p.audit.shown, "pod");
	done(&r);
	play(&r, SCENARIO("1", TWO_RACKS, "allowed", IN_POD), NULL);
	verdict_is(&r, VERDICT_FAIL, 1);
	done(&r);
}
END_TEST

/* A fault that moves the path is no contradiction: both see it there. */
START_TEST(a_miswired_cable_is_seen_by_both)
{
	struct run_of r;

	play(&r,
	        SCENARIO("2", ONE_RACK, "forbidden",
	                IN_RACK ",\"faults\":[{\"id\":\"m\",\"kind\":\"link.miswire\",\"target\":"
	                        "\"r0.n0-r0.n1.0\",\"with\":\"r0.n0-r1.n0.0\",\"at\":\"1s\"}]"),
	        NULL);
	ck_assert_msg(r.e.valid, "%s", r.e.n_reasons ? r.e.reasons[0] : "");
	verdict_is(&r, VERDICT_FAIL, 1);
	ck_assert_str_eq(r.p.audit.shown, "pod");
	ck_assert_str_eq(r.p.audit.judged, "pod");
	ck_assert_uint_gt(r.e.run.rack.frames_shown[PATH_IN_RACK], 0);
	ck_assert_uint_gt(r.e.run.rack.frames_shown[PATH_IN_DOMAIN], 0);
	done(&r);
}
END_TEST

START_TEST(a_failover_stays_in_the_rack)
{
	struct run_of r;

	play(&r,
	        SCENARIO("2", ONE_RACK, "forbidden",
	                IN_RACK ",\"faults\":[{\"id\":\"l\",\"kind\":\"node.loss\",\"target\":"
	                        "\"r0.n1\",\"at\":\"500ms\"}]"),
	        NULL);
	ck_assert_uint_eq(r.e.run.rack.spares_used, 1);
	ck_assert_msg(r.e.valid, "%s", r.e.n_reasons ? r.e.reasons[0] : "");
	verdict_is(&r, VERDICT_PASS, 0);
	ck_assert_str_eq(r.p.audit.shown, "rack");
	done(&r);
}
END_TEST

/* --- planted
 * --------------------------------------------------------------------------------------- */

static uint32_t link_named(const struct rack *r, const char *name)
{
	const struct topology *t = &r->d->topology;
	uint32_t id = topology_find(t, name);

	ck_assert_uint_ne(id, COMPONENT_NONE);
	return t->components[id].index;
}

/* The far ends of two cables, swapped where data goes, and nobody looks at the paths again. */
static void miswire(void *ctx, struct rack *r)
{
	uint32_t a = link_named(r, "r0.n0-r0.n1.0"), b = link_named(r, "r0.n0-r1.n0.0");

	(void)ctx;
	r->wiring.far_of[a] = b;
	r->wiring.far_of[b] = a;
	r->wiring.near_of[a] = b;
	r->wiring.near_of[b] = a;
}

/* The instance runs on a node of r1, recorded is one of r0. */
static void remap(void *ctx, struct rack *r)
{
	(void)ctx;
	r->instances[0].nodes[1] = r->d->topology.nodes_per_rack + 1;
}

/* The other way round: data stays where it was, the path is taken to be elsewhere. */
static void misjudge(void *ctx, struct rack *r)
{
	(void)ctx;
	r->judged[0] = r->worst = PATH_ETHERNET;
}

static const struct {
	void (*plant)(void *ctx, struct rack *r);
	const char *shown, *judged, *words;
} planted[] = {
        {miswire, "pod", "rack", "packet"},
        {remap, "pod", "rack", "from r0.n0 to r1"},
        {misjudge, "rack", "beyond", "within one rack, the"},
};

START_TEST(what_is_planted_is_contradicted)
{
	struct virtual_tamper tamper = {.at_ns = NS_PER_S, .tamper = planted[_i].plant};
	struct run_of r;

	play(&r, SCENARIO("2", ONE_RACK, "forbidden", IN_RACK), &tamper);
	ck_assert_str_eq(r.p.audit.shown, planted[_i].shown);
	ck_assert_str_eq(r.p.audit.judged, planted[_i].judged);
	ck_assert(!r.p.audit.agrees);
	ck_assert(!r.e.valid);
	ck_assert_uint_eq(r.e.n_reasons, 1);
	ck_assert_msg(strstr(r.e.reasons[0], planted[_i].words), "%s", r.e.reasons[0]);
	ck_assert_int_eq(r.e.result->verdict, VERDICT_INCONCLUSIVE);
	ck_assert_int_eq(r.e.result->exit_code, 4);
	done(&r);
}
END_TEST

/* --- doubt
 * ----------------------------------------------------------------------------------------- */

START_TEST(without_a_capture_nothing_is_green)
{
	struct run_of r;

	play(&r, SCENARIO("2", ONE_RACK, "forbidden", IN_RACK ",\"mirror\":\"off\""), NULL);
	verdict_is(&r, VERDICT_INCONCLUSIVE, 4);
	ck_assert_str_eq(r.e.result->expect[0].reason, "not_captured");
	ck_assert(!r.p.done);
	done(&r);
	play(&r, SCENARIO("1", TWO_RACKS, "allowed", IN_RACK ",\"mirror\":\"off\""), NULL);
	verdict_is(&r, VERDICT_FAIL, 1);
	done(&r);
	play(&r, SCENARIO("1", TWO_RACKS, "allowed", WANTED ",\"mirror\":\"off\""), NULL);
	verdict_is(&r, VERDICT_INCONCLUSIVE, 4);
	done(&r);
}
END_TEST

/* Only the first request is captured; the path is moved when it is long gone. */
START_TEST(what_no_captured_request_went_over_is_not_contradicted)
{
	static const char text[] = SCENARIO("2", ONE_RACK, "forbidden",
	        "%s,\"mirror\":{\"every\":1000},\"faults\":[{\"id\":\"m\",\"kind\":\"link."
	        "miswire\","
	        "\"target\":\"r0.n0-r0.n1.0\",\"with\":\"r0.n0-r1.n0.0\",\"at\":\"1s\"}]");
	static const struct {
		const char *expect;
		enum verdict verdict;
		int exit_code;
	} asked[] = {{IN_RACK, VERDICT_FAIL, 1}, {WANTED, VERDICT_INCONCLUSIVE, 4},
	        {IN_POD, VERDICT_PASS, 0}};

	for (unsigned i = 0; i < ARRAY_LEN(asked); i++) {
		char buf[sizeof(text) + 128];
		struct run_of r;

		(void)snprintf(buf, sizeof(buf), text, asked[i].expect);
		play(&r, buf, NULL);
		ck_assert(r.e.valid);
		ck_assert_str_eq(r.p.audit.shown, "rack");
		ck_assert_str_eq(r.p.audit.judged, "rack");
		ck_assert_str_eq(r.p.audit.worst, "pod");
		verdict_is(&r, asked[i].verdict, asked[i].exit_code);
		done(&r);
	}
}
END_TEST

/* The same capture judged again, as if `counts` had been told of it; frames of a path that crosses
 * pods were shown as well, if `farther`. */
static struct proof judged_again(struct run_of *r, const struct mirror_counts *counts, bool farther)
{
	struct proof p = {.plan = r->p.plan, .path = r->p.path};
	struct proof_mapping mapping = {PATH_IN_RACK, r->e.run.rack};
	struct error err = ERROR_INIT;

	mapping.counts.frames_shown[PATH_ETHERNET] = farther;
	if (farther)
		mapping.worst = PATH_ETHERNET;
	proof_captured(&p, counts, false);
	ck_assert_msg(!proof_judge(&p, r->s, r->dir, &mapping, &err), "%s", err.text);
	return p;
}

static void is_in_doubt(const struct proof *p, const char *verdict)
{
	ck_assert_str_eq(p->audit.verdict, verdict);
	ck_assert_int_eq(p->in_rack, PACKETS_DOUBT);
	ck_assert_int_eq(p->in_pod, PACKETS_DOUBT);
	ck_assert_str_eq(p->doubt, "audit_inconclusive");
	ck_assert_uint_gt(p->audit.n_doubts, 0);
	ck_assert(!p->contradicted);
}

START_TEST(what_is_missing_from_a_capture_is_a_doubt)
{
	const struct mirror_counts all = {.written = 1}, some = {.left_out = 5};
	struct run_of r;
	struct proof p;
	char path[128];
	size_t n;

	play(&r, SCENARIO("2", ONE_RACK, "forbidden", IN_RACK), NULL);
	(void)snprintf(path, sizeof(path), "%s/%s", r.dir, PROOF_CAPTURE);
	p = judged_again(&r, &all, false);
	ck_assert_int_eq(p.in_rack, PACKETS_INSIDE);
	p = judged_again(&r, &all, true); /* what was shown must be there */
	ck_assert(p.contradicted);
	p = judged_again(&r, &some, false);
	is_in_doubt(&p, "inconclusive");
	ck_assert_uint_eq(p.audit.left_out, 5);
	p = judged_again(&r, &some, true); /* unless it may be what was left out */
	is_in_doubt(&p, "inconclusive");
	mem_free(file_of(&r, PROOF_CAPTURE, &n));
	ck_assert_int_eq(truncate(path, (off_t)n - 3), 0);
	p = judged_again(&r, &all, true);
	is_in_doubt(&p, "inconclusive");
	ck_assert_int_eq(truncate(path, 24), 0); /* the header of the file, and not one packet */
	p = judged_again(&r, &all, true);
	is_in_doubt(&p, "inconclusive");
	ck_assert_ptr_null(p.audit.shown);
	ck_assert_int_eq(unlink(path), 0);
	p = judged_again(&r, &all, false);
	is_in_doubt(&p, "inconclusive");
	done(&r);
}
END_TEST

/* --- what the mirror must not do
 * ------------------------------------------------------------------- */

START_TEST(a_capture_is_the_same_each_time_and_changes_nothing)
{
	static const char plain[] = SCENARIO("2", ONE_RACK, "forbidden", ",\"mirror\":\"off\"");
	static const char mirrored[] =
	        SCENARIO("2", ONE_RACK, "forbidden", ",\"mirror\":{\"every\":3}");
	struct run_of a, b, without;
	char *first, *second;
	size_t n, m;

	play(&without, plain, NULL);
	play(&a, mirrored, NULL);
	play(&b, mirrored, NULL);
	ck_assert_mem_eq(a.e.run.result_digest, without.e.run.result_digest, DIGEST_BYTES);
	ck_assert_uint_eq(a.p.audit.critical, (a.e.run.scheduled + 2) / 3 * 20 * 3);
	first = file_of(&a, PROOF_CAPTURE, &n);
	second = file_of(&b, PROOF_CAPTURE, &m);
	ck_assert_uint_eq(n, m);
	ck_assert_mem_eq(first, second, n);
	mem_free(first);
	mem_free(second);
	done(&a);
	done(&b);
	done(&without);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proof");
	TCase *loop = tcase_create("planted");

	add_test(suite, "agree", one_rack_passes);
	add_test(suite, "agree", two_racks_fail);
	add_test(suite, "agree", the_scope_is_the_scenarios);
	add_test(suite, "agree", a_miswired_cable_is_seen_by_both);
	add_test(suite, "agree", a_failover_stays_in_the_rack);
	tcase_add_loop_test(loop, what_is_planted_is_contradicted, 0, (int)ARRAY_LEN(planted));
	suite_add_tcase(suite, loop);
	add_test(suite, "doubt", without_a_capture_nothing_is_green);
	add_test(suite, "doubt", what_no_captured_request_went_over_is_not_contradicted);
	add_test(suite, "doubt", what_is_missing_from_a_capture_is_a_doubt);
	add_test(suite, "mirror", a_capture_is_the_same_each_time_and_changes_nothing);
	return run_suite(suite);
}
