/* The same scenario with other faults: made beside its base, or read back from the file that it is
 * written as, it is the same run. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/units.h"
#include "tests/support/run_suite.h"
#include "tests/support/scenario_text.h"

#define BASE(deployment, traffic)                                                                  \
	"{\"version\":1,\"name\":\"a\",\"seed\":3,\"duration\":\"6s\",\"drain\":\"5s\","           \
	"\"deployment\":" deployment ",\"traffic\":[{\"name\":\"t\",\"tier\":\"x\"," traffic "}]," \
	"\"faults\":[{\"id\":\"old\",\"kind\":\"node.loss\",\"target\":\"r0.n1\",\"at\":\"1s\"}]," \
	"\"slo\":[{\"id\":\"s\",\"tier\":\"x\",\"metric\":\"ttft_ms\",\"max\":\"1s\"}],"           \
	"\"expect\":[{\"kind\":\"ttf\",\"fault\":\"old\",\"max\":\"1s\"}]}"

#define POISSON                                                                                    \
	"\"arrival\":{\"process\":\"poisson\",\"rate\":50},"                                       \
	"\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"                                  \
	"\"output_tokens\":{\"dist\":\"constant\",\"value\":20}"

#define CHANGES                                                                                    \
	"{\"seed\":17,\"faults\":[{\"id\":\"new\",\"kind\":\"chip.loss\",\"target\":\"any(2)\","   \
	"\"at\":\"2s\",\"for\":\"2s\"}],"                                                          \
	"\"expect\":[{\"kind\":\"lost_requests\"}],\"about\":null}"

static struct json *document(const char *text)
{
	struct error err = ERROR_INIT;
	struct json *doc;

	ck_assert(json_parse("changes", text, strlen(text), &doc, &err) == ERR_NONE);
	return doc;
}

static void digest_of(const struct scenario *s, uint8_t out[static DIGEST_BYTES])
{
	struct virtual_samples v;

	virtual_samples_run(&v, s, VIRTUAL_ALL_FAULTS, false);
	memcpy(out, v.result.result_digest, DIGEST_BYTES);
	virtual_samples_free(&v);
}

/* Written into a folder of its own and read from there. */
static struct scenario *written(const struct scenario *base, const char *changes)
{
	char dir[] = "/tmp/replan-XXXXXX", path[64];
	struct json *doc = document(changes);
	struct scenario_list list = SCENARIO_LIST_INIT;
	struct error err = ERROR_INIT;
	struct scenario *s;
	struct json_out o;
	FILE *f;

	json_out_init(&o, 1);
	json_out_open(&o, NULL, '{');
	scenario_write(base, json_root(doc), &o);
	json_out_close(&o);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s.json", dir);
	f = fopen(path, "wb");
	ck_assert(f && fwrite(o.buf, 1, o.n, f) == o.n && fclose(f) == 0);
	ck_assert_msg(scenario_load(path, &(struct scenario_options){0}, &list, &err) == ERR_NONE,
	        "%s: %s", err.path, err.text);
	s = list.items[0];
	list.n = 0;
	scenario_list_free(&list);
	(void)unlink(path);
	(void)rmdir(dir);
	json_out_free(&o);
	json_free(doc);
	return s;
}

static void check_same(const char *text)
{
	struct scenario *base = scenario_text(text), *made, *read;
	struct error err = ERROR_INIT;
	uint8_t a[DIGEST_BYTES], b[DIGEST_BYTES], old[DIGEST_BYTES];

	ck_assert(scenario_replan(base, 17, document(CHANGES), &made, &err) == ERR_NONE);
	ck_assert_uint_eq(made->faults.n, 1);
	ck_assert_uint_eq(made->faults.faults[0].n_targets, 2);
	ck_assert_uint_eq(made->rules.n_slo, 0); /* not among the changes */
	ck_assert_uint_eq(made->rules.n_expect, 1);
	read = written(base, CHANGES);
	ck_assert_uint_eq(read->seed, 17);
	ck_assert_uint_eq(read->rules.n_slo, 1); /* not changed */
	ck_assert_str_eq(read->faults.faults[0].target, made->faults.faults[0].target);
	digest_of(made, a);
	digest_of(read, b);
	digest_of(base, old);
	ck_assert_mem_eq(a, b, sizeof(a));
	ck_assert_mem_ne(a, old, sizeof(a));
	scenario_free(read);
	scenario_free(made);
	scenario_free(base);
}

START_TEST(with_a_profile_by_path)
{
	check_same(BASE("\"emulator/profiles/lpuv1-1rack.json\"", POISSON));
}
END_TEST

START_TEST(with_hardware_by_path)
{
	check_same(
	        BASE("{\"hardware\":{\"base\":\"emulator/hardware/lpuv1.json\",\"spares_per_rack\":"
	             "{\"value\":2,\"unit\":\"count\",\"label\":\"assumption\",\"source\":\"t\"}},"
	             "\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\","
	             "\"slots\":4,\"prefill_tokens_per_frame\":64}]}]}",
	                POISSON));
}
END_TEST

START_TEST(with_a_trace)
{
	char path[] = "/tmp/replan-trace-XXXXXX", text[2048];
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	ck_assert_ptr_nonnull(f);
	(void)fprintf(f, "TIMESTAMP,ContextTokens,GeneratedTokens\n");
	for (int i = 0; i < 50; i++)
		(void)fprintf(f, "2023-11-16 18:00:0%d.%d000000,%d,20\n", i / 10, i % 10, 50 + i);
	(void)fclose(f);
	(void)snprintf(text, sizeof(text),
	        BASE("\"emulator/profiles/lpuv1-1rack.json\"",
	                "\"trace\":{\"file\":\"%s\",\"format\":\"azure\"}"),
	        path);
	check_same(text);
	(void)unlink(path);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
	struct scenario *base =
	        scenario_text(BASE("\"emulator/profiles/lpuv1-1rack.json\"", POISSON));
	struct scenario *made;
	struct error err = ERROR_INIT;
	char line[512];

	ck_assert(scenario_replan(base, 1,
	                  document("{\"faults\":[{\"id\":\"a\",\"kind\":\"chip.loss\","
	                           "\"target\":\"r9.n0.c0\",\"at\":\"1s\"}]}"),
	                  &made, &err) == ERR_USAGE);
	error_format(&err, line, sizeof(line));
	ck_assert_ptr_nonnull(strstr(line, "faults.a.target"));
	scenario_free(base);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replan");

	add_test(suite, "profile", with_a_profile_by_path);
	add_test(suite, "hardware", with_hardware_by_path);
	add_test(suite, "trace", with_a_trace);
	add_test(suite, "refused", what_does_not_fit_is_refused);
	return run_suite(suite);
}
