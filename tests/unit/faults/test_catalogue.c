/* Every record is complete, its example is a fault, and both printings say all of it. */
#include <stdio.h>

#include "tests/support/run_suite.h"
#include "tests/unit/faults/world.h"

static void has_text(const struct fault_kind *kind, const char *what, const char *text)
{
	ck_assert_msg(text && text[0], "%s has no %s", kind->name, what);
}

START_TEST(records_are_complete)
{
	const struct fault_kind *kind = fault_catalogue_at((size_t)_i);

	has_text(kind, "help", kind->help);
	has_text(kind, "effect", kind->effect);
	has_text(kind, "detection", kind->detection);
	has_text(kind, "revert", kind->revert_text);
	has_text(kind, "example", kind->example);
	ck_assert_ptr_nonnull(strchr(kind->name, '.'));
	ck_assert(kind->targets && kind->clocks && kind->inject && kind->revert);
	ck_assert(kind->params_size > 0 || kind->n_fields == 0);
	ck_assert_ptr_eq(fault_catalogue_find(kind->name), kind);
	for (size_t i = 0; i < kind->n_fields; i++) {
		const struct field *f = &kind->fields[i];

		has_text(kind, f->name, f->help);
		ck_assert_msg(!f->fallback || (f->label && f->source),
		        "%s.%s: label and source of its default", kind->name, f->name);
		if (f->type != FIELD_ENUM)
			has_text(kind, "unit", f->unit);
	}
}
END_TEST

START_TEST(examples_are_faults_within_30_s)
{
	const struct fault_kind *kind = fault_catalogue_at((size_t)_i);
	struct world w;
	char text[1024];

	world_init(&w);
	snprintf(text, sizeof(text), "[%s]", kind->example);
	world_must_plan(&w, text);
	ck_assert_ptr_eq(w.plan.faults[0].kind, kind);
	ck_assert_int_le(w.plan.faults[0].at_ns, 30 * NS_PER_S);
	ck_assert_int_le(w.plan.faults[0].for_ns, 30 * NS_PER_S);
	world_free(&w);
}
END_TEST

START_TEST(json_is_json)
{
	struct error err = ERROR_INIT;
	struct json_out o;
	struct json *doc;

	json_out_init(&o, 1);
	fault_catalogue_json(NULL, &o);
	ck_assert_msg(json_parse("faults", o.buf, o.n, &doc, &err) == ERR_NONE, "%s", err.text);
	ck_assert_uint_eq(json_count(json_root(doc)), fault_catalogue_count());
	for (size_t i = 0; i < fault_catalogue_count(); i++) {
		struct jval v = json_at(json_root(doc), i);

		ck_assert_str_eq(json_string(json_get(v, "kind")), fault_catalogue_at(i)->name);
		ck_assert_uint_eq(
		        json_count(json_get(v, "parameters")), fault_catalogue_at(i)->n_fields);
		ck_assert_str_eq(json_string(json_get(json_get(v, "example"), "kind")),
		        fault_catalogue_at(i)->name);
	}
	json_free(doc);
	json_out_free(&o);
	json_out_init(&o, 0);
	fault_catalogue_json(fault_catalogue_find("chip.loss"), &o);
	ck_assert_int_eq(strncmp(o.buf, "[{\"kind\":\"chip.loss\"", 20), 0);
	json_out_free(&o);
}
END_TEST

START_TEST(text_knows_its_room)
{
	char small[16], large[8192];
	size_t n = fault_catalogue_text(NULL, NULL, 0);

	ck_assert_uint_eq(fault_catalogue_text(NULL, small, sizeof(small)), n);
	ck_assert_uint_eq(strlen(small), sizeof(small) - 1);
	ck_assert_uint_eq(fault_catalogue_text(NULL, large, sizeof(large)), n);
	ck_assert_uint_eq(strlen(large), n);
	for (size_t i = 0; i < fault_catalogue_count(); i++) {
		n = fault_catalogue_text(fault_catalogue_at(i), large, sizeof(large));
		ck_assert_uint_lt(n, sizeof(large));
		ck_assert_ptr_nonnull(strstr(large, fault_catalogue_at(i)->example));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("catalogue");
	TCase *tc = tcase_create("catalogue");

	tcase_add_loop_test(tc, records_are_complete, 0, (int)fault_catalogue_count());
	tcase_add_loop_test(tc, examples_are_faults_within_30_s, 0, (int)fault_catalogue_count());
	tcase_add_test(tc, json_is_json);
	tcase_add_test(tc, text_knows_its_room);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
