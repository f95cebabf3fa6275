/* `compile` of the shipped profiles: the text of all, the JSON of the default one. */
#include "emulator/compile_report.h"
#include "tests/support/deployment_text.h"
#include "tests/support/golden.h"
#include "tests/support/run_suite.h"

#include <stdio.h>
#include <string.h>

static const char *const profiles[] = {"lpuv1-1rack", "lpuv1-2rack-ethernet", "lpuv1-pod9-70b"};

static void parse_profile(struct parsed *p, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "emulator/profiles/%s.json", name);
	ck_assert_msg(parse_file(p, path), "%s", p->message);
}

START_TEST(text_of_each_profile)
{
	struct parsed p;
	char path[128], *text;

	parse_profile(&p, profiles[_i]);
	snprintf(path, sizeof(path), "tests/golden/emulator/%s.txt", profiles[_i]);
	text = compile_report_text(&p.d);
	golden_matches(path, text, strlen(text));
	mem_free(text);
	parsed_free(&p);
}
END_TEST

START_TEST(json_of_the_default_profile)
{
	struct parsed p;
	struct json_out o;

	parse_profile(&p, profiles[0]);
	json_out_init(&o, 1);
	compile_report_json(&p.d, &o);
	golden_matches("tests/golden/emulator/lpuv1-1rack.json", o.buf, o.n);
	json_out_free(&o);
	parsed_free(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compile report");
	TCase *texts = tcase_create("text");

	tcase_add_loop_test(texts, text_of_each_profile, 0, ARRAY_LEN(profiles));
	suite_add_tcase(suite, texts);
	add_test(suite, "json", json_of_the_default_profile);
	return run_suite(suite);
}
