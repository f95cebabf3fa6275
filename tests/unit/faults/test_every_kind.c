/* What every kind refuses, over the catalogue: whoever adds a kind gets these cases with it. Each
 * takes the kind's example, which must be a good fault, and spoils one thing in it; the error must
 * say what was expected and what is there, at the place where it is.
 *
 *   unknown parameter   its nearest name              duration without a unit   refused
 *   out of its range    refused                       target of another class   what it is instead
 *   unknown target      the nearest name of its class */
#include <stdio.h>

#include "tests/support/run_suite.h"
#include "tests/unit/faults/world.h"

enum { LINE_MAX = 1024, FAULT_MAX = 4096 };

static struct world w;

static void set_up(void)
{
	world_init(&w);
}

static void tear_down(void)
{
	world_free(&w);
}

static const struct fault_kind *kind_at(int i)
{
	return fault_catalogue_at((size_t)i);
}

/* A list of one: the kind's example, in which `key` has another value, or that it has besides. */
static void spoiled(const struct fault_kind *kind, const char *key, const char *value, char *out)
{
	struct error err = ERROR_INIT;
	struct json_out o;
	struct json *doc;

	ck_assert(json_parse(kind->name, kind->example, strlen(kind->example), &doc, &err) ==
	          ERR_NONE);
	json_out_init(&o, 0);
	json_out_open(&o, NULL, '[');
	json_out_open(&o, NULL, '{');
	for (struct jval m = json_first(json_root(doc)); m.item; m = json_next(m))
		if (strcmp(json_key(m), key) != 0)
			json_out_value(&o, json_key(m), m, false);
	json_out_raw(&o, key, value);
	json_out_close(&o);
	json_out_close(&o);
	ck_assert_uint_lt(o.n, FAULT_MAX);
	memcpy(out, o.buf, o.n + 1);
	json_out_free(&o);
	json_free(doc);
}

static unsigned column_of(const char *text, const char *key, bool of_value)
{
	char member[LINE_MAX];
	const char *at;

	snprintf(member, sizeof(member), "\"%s\":", key);
	at = strstr(text, member);
	ck_assert_ptr_nonnull(at);
	return (unsigned)(at - text) + (of_value ? (unsigned)strlen(member) : 0) + 1;
}

/* The fault is refused, at the key or its value, with every one of the two texts in the line. */
static void refused(const char *text, const char *key, const char *says, const char *also)
{
	char line[LINE_MAX], at_key[32], at_value[32];

	ck_assert_msg(world_plan(&w, text, 1) == ERR_USAGE, "taken: %s", text);
	error_format(&w.err, line, sizeof(line));
	snprintf(at_key, sizeof(at_key), "s.json:1:%u: ", column_of(text, key, false));
	snprintf(at_value, sizeof(at_value), "s.json:1:%u: ", column_of(text, key, true));
	ck_assert_msg(strncmp(line, at_key, strlen(at_key)) == 0 ||
	                      strncmp(line, at_value, strlen(at_value)) == 0,
	        "%s\nwhich is not the place of %s in %s", line, key, text);
	ck_assert_msg(strstr(line, says) && strstr(line, also),
	        "%s\nsays not '%s' and '%s', but: %s", text, says, also, line);
}

START_TEST(the_example_is_a_fault)
{
	char text[FAULT_MAX];

	snprintf(text, sizeof(text), "[%s]", kind_at(_i)->example);
	ck_assert_msg(world_plan(&w, text, 1) == ERR_NONE, "%s: %s", text, w.err.text);
	ck_assert_ptr_eq(w.plan.faults[0].kind, kind_at(_i));
}
END_TEST

/* Keys that all faults have may not be a kind's own. */
START_TEST(no_parameter_has_a_common_name)
{
	static const char *const common[] = {"id", "kind", "target", "at", "every", "when", "after",
	        "together", "for", "stagger"};
	const struct fault_kind *kind = kind_at(_i);

	for (size_t i = 0; i < kind->n_fields; i++)
		for (size_t k = 0; k < ARRAY_LEN(common); k++)
			ck_assert_str_ne(kind->fields[i].name, common[k]);
}
END_TEST

START_TEST(an_unknown_parameter_is_told_its_nearest)
{
	const struct fault_kind *kind = kind_at(_i);
	char text[FAULT_MAX], wrong[64], nearest[96];

	for (size_t i = 0; i < kind->n_fields; i++) {
		snprintf(wrong, sizeof(wrong), "%sq", kind->fields[i].name);
		snprintf(nearest, sizeof(nearest), "nearest is '%s'", kind->fields[i].name);
		spoiled(kind, wrong, "1", text);
		refused(text, wrong, wrong, nearest);
	}
	spoiled(kind, "unheard-of", "1", text);
	refused(text, "unheard-of", "unheard-of", "expected");
}
END_TEST

START_TEST(a_duration_needs_its_unit)
{
	const struct fault_kind *kind = kind_at(_i);
	static const char *const common[] = {"at", "for"};
	char text[FAULT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(common); i++) {
		spoiled(kind, common[i], "7", text);
		refused(text, common[i], "expected a duration", "found 7");
	}
	for (size_t i = 0; i < kind->n_fields; i++) {
		if (kind->fields[i].type != FIELD_DURATION)
			continue;
		spoiled(kind, kind->fields[i].name, "7", text);
		refused(text, kind->fields[i].name, "expected a duration", "found 7");
		spoiled(kind, kind->fields[i].name, "\"7\"", text);
		refused(text, kind->fields[i].name, "expected a duration", "found \"7\"");
	}
}
END_TEST

/* A value just outside the lower or upper end, as JSON; false if there is no such end. */
static bool outside(const struct field *f, bool upper, char *out, size_t n)
{
	bool exclusive = f->flags & FIELD_EXCLUSIVE_MIN;
	char duration[UNITS_DURATION_MAX];

	switch (f->type) {
	case FIELD_PERCENT:
		snprintf(out, n, upper ? "1.001" : "-0.001");
		return true;
	case FIELD_INT:
		if ((!f->min && !f->max && !exclusive) ||
		        (upper && (!f->max || f->max == INT64_MAX)))
			return false;
		snprintf(out, n, "%lld",
		        (long long)(upper       ? f->max + 1
		                    : exclusive ? f->min
		                                : f->min - 1));
		return true;
	case FIELD_REAL:
		if ((f->rmin == 0 && f->rmax == 0 && !exclusive) || (upper && f->rmax == 0))
			return false;
		snprintf(out, n, "%.17g",
		        upper       ? f->rmax * 1.001 + 0.001
		        : exclusive ? f->rmin
		                    : f->rmin - 0.001);
		return true;
	case FIELD_DURATION:
		if (upper && (!f->max || f->max == NS_MAX))
			return false;
		if (!upper && !exclusive && !f->min)
			snprintf(out, n, "\"-1ns\"");
		else
			snprintf(out, n, "\"%s\"",
			        units_format_duration(
			                upper ? f->max + 1 : f->min - !exclusive, duration));
		return true;
	case FIELD_ENUM:
		snprintf(out, n, upper ? "3" : "\"no-such-choice\"");
		return true;
	case FIELD_BOOL:
		snprintf(out, n, upper ? "1" : "\"true\"");
		return true;
	case FIELD_NAME:
		snprintf(out, n, upper ? "\"Not A Name\"" : "1");
		return true;
	case FIELD_STRING:
		snprintf(out, n, "1");
		return !upper;
	case FIELD_OBJECT:
		snprintf(out, n, upper ? "[]" : "\"x\"");
		return true;
	case FIELD_ARRAY:
		snprintf(out, n, upper ? "{}" : "\"x\"");
		return true;
	case FIELD_VALUE: /* the kind's own to judge */
		return false;
	}
	UNREACHABLE("every type has its cases above");
}

START_TEST(what_is_out_of_range_is_refused)
{
	const struct fault_kind *kind = kind_at(_i);
	char text[FAULT_MAX], value[128];
	unsigned tried = 0;

	for (size_t i = 0; i < kind->n_fields; i++)
		for (int upper = 0; upper < 2; upper++) {
			if (!outside(&kind->fields[i], upper, value, sizeof(value)))
				continue;
			spoiled(kind, kind->fields[i].name, value, text);
			refused(text, kind->fields[i].name, "expected", "found");
			tried++;
		}
	ck_assert_msg(tried > 0 || !kind->n_fields, "%s has no parameter with a range", kind->name);
}
END_TEST

START_TEST(a_target_of_another_class_is_told_what_it_is)
{
	const struct fault_kind *kind = kind_at(_i);
	char text[FAULT_MAX], value[128], says[256], also[256], classes[128];

	fault_target_classes_text(kind->targets, classes, sizeof(classes));
	snprintf(says, sizeof(says), "expected %s, found", classes);
	for (size_t i = 0; i < ARRAY_LEN(WORLD); i++) {
		if (WORLD[i].class & kind->targets)
			continue;
		snprintf(value, sizeof(value), "\"%s\"", WORLD[i].name);
		snprintf(also, sizeof(also), "found '%s', which is %s", WORLD[i].name,
		        fault_target_class_name(WORLD[i].class));
		spoiled(kind, "target", value, text);
		refused(text, "target", says, also);
		snprintf(value, sizeof(value), "7");
		spoiled(kind, "target", value, text);
		refused(text, "target", "expected the name of a target", "found 7");
	}
}
END_TEST

START_TEST(an_unknown_target_is_told_its_nearest)
{
	const struct fault_kind *kind = kind_at(_i);
	char text[FAULT_MAX], value[128], says[128];
	unsigned tried = 0;

	for (size_t i = 0; i < ARRAY_LEN(WORLD); i++) {
		if (!(WORLD[i].class & kind->targets) || strlen(WORLD[i].name) < 3)
			continue;
		snprintf(value, sizeof(value), "\"%sq\"", WORLD[i].name);
		snprintf(says, sizeof(says), "nearest is '%s'", WORLD[i].name);
		spoiled(kind, "target", value, text);
		refused(text, "target", says, "expected");
		tried++;
	}
	spoiled(kind, "target", "\"volcano\"", text);
	refused(text, "target", "expected", "found 'volcano'");
	ck_assert(tried > 0 || kind->targets & FAULT_TARGETS_APART);
}
END_TEST

/* The world must have something of every class, or the tests above would skip it. */
START_TEST(the_world_is_complete)
{
	unsigned seen = 0;

	for (size_t i = 0; i < ARRAY_LEN(WORLD); i++)
		seen |= WORLD[i].class;
	ck_assert_uint_eq(seen, (1u << FAULT_TARGET_CLASSES) - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("every kind");
	TCase *tc = tcase_create("every kind");
	int n = (int)fault_catalogue_count();

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_world_is_complete);
	tcase_add_loop_test(tc, the_example_is_a_fault, 0, n);
	tcase_add_loop_test(tc, no_parameter_has_a_common_name, 0, n);
	tcase_add_loop_test(tc, an_unknown_parameter_is_told_its_nearest, 0, n);
	tcase_add_loop_test(tc, a_duration_needs_its_unit, 0, n);
	tcase_add_loop_test(tc, what_is_out_of_range_is_refused, 0, n);
	tcase_add_loop_test(tc, a_target_of_another_class_is_told_what_it_is, 0, n);
	tcase_add_loop_test(tc, an_unknown_target_is_told_its_nearest, 0, n);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
