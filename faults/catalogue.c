/* The table of kinds, and its printing: everything a user is told about a fault comes from its
 * record. */
#include "faults/catalogue.h"
#include "faults/kinds.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct fault_kind *const KINDS[] = {
        &fault_link_flap,
        &fault_link_down,
        &fault_link_error_burst,
        &fault_link_ghost,
        &fault_link_miswire,
        &fault_chip_loss,
        &fault_chip_hang,
        &fault_chip_slow,
        &fault_chip_sdc,
        &fault_node_loss,
        &fault_power_pdu_trip,
        &fault_power_derate,
        &fault_power_spike,
        &fault_power_phase,
        &fault_cooling_fan_loss,
        &fault_cooling_hot_aisle,
        &fault_cooling_airflow,
        &fault_cooling_throttle,
        &fault_clock_drift,
        &fault_ethernet_jitter,
        &fault_ethernet_loss,
        &fault_ethernet_congestion,
        &fault_ethernet_reconverge,
        &fault_ethernet_partition,
        &fault_shape_outlier,
        &fault_shape_creep,
        &fault_shape_sprawl,
        &fault_shape_neighbour,
        &fault_load_burst,
        &fault_load_step,
        &fault_load_retry_storm,
        &fault_artifact_regression,
        &fault_artifact_fallback_op,
        &fault_artifact_stale,
        &fault_artifact_recompile,
        &fault_control_health_blind,
        &fault_control_frontend_loss,
        &fault_control_telemetry_loss,
        &fault_client_slow_reader,
        &fault_client_disconnect,
};

size_t fault_catalogue_count(void)
{
	return ARRAY_LEN(KINDS);
}

const struct fault_kind *fault_catalogue_at(size_t i)
{
	CHECK(i < ARRAY_LEN(KINDS));
	return KINDS[i];
}

const struct fault_kind *fault_catalogue_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
		if (strcmp(KINDS[i]->name, name) == 0)
			return KINDS[i];
	return NULL;
}

const char *fault_catalogue_nearest(const char *name)
{
	const char *names[ARRAY_LEN(KINDS)];

	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
		names[i] = KINDS[i]->name;
	return error_nearest(name, names, ARRAY_LEN(KINDS));
}

/* --- parameters
 * ------------------------------------------------------------------------------------ */

static const char *type_name(enum field_type type)
{
	static const char *const names[] = {[FIELD_BOOL] = "boolean",
	        [FIELD_INT] = "integer",
	        [FIELD_REAL] = "number",
	        [FIELD_DURATION] = "duration",
	        [FIELD_STRING] = "string",
	        [FIELD_NAME] = "name",
	        [FIELD_ENUM] = "choice",
	        [FIELD_PERCENT] = "share",
	        [FIELD_VALUE] = "value",
	        [FIELD_OBJECT] = "object",
	        [FIELD_ARRAY] = "list"};

	return names[type];
}

static const char *unit_name(const struct field *f)
{
	return f->type == FIELD_DURATION ? "time: ns, us, ms, s, m, h, d" : f->unit;
}

static void limit_json(const struct field *f, const char *key, bool upper, struct json_out *o)
{
	char text[UNITS_DURATION_MAX];
	int64_t whole = upper ? f->max : f->min;
	double real = upper ? f->rmax : f->rmin;
	bool bounded =
	        f->min || f->max || f->rmin != 0 || f->rmax != 0 || f->flags & FIELD_EXCLUSIVE_MIN;

	if (f->type == FIELD_PERCENT)
		json_out_i64(o, key, upper);
	else if (f->type == FIELD_DURATION && (!upper || whole))
		json_out_str(o, key, units_format_duration(whole, text));
	else if (f->type == FIELD_INT && bounded && (!upper || whole))
		json_out_i64(o, key, whole);
	else if (f->type == FIELD_REAL && bounded && (!upper || real != 0))
		json_out_real(o, key, real);
	else
		json_out_null(o, key);
}

static void parameter_json(const struct field *f, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", f->name);
	json_out_str(o, "type", type_name(f->type));
	json_out_str(o, "unit", unit_name(f));
	if (f->fallback)
		json_out_raw(o, "default", f->fallback);
	else
		json_out_null(o, "default");
	limit_json(f, "min", false, o);
	json_out_bool(o, "min_excluded", (f->flags & FIELD_EXCLUSIVE_MIN) != 0);
	limit_json(f, "max", true, o);
	if (f->type == FIELD_ENUM) {
		json_out_open(o, "choices", '[');
		for (size_t i = 0; f->choices[i]; i++)
			json_out_str(o, NULL, f->choices[i]);
		json_out_close(o);
	}
	json_out_bool(o, "required", (f->flags & FIELD_REQUIRED) != 0);
	json_out_str(o, "help", f->help);
	json_out_str(o, "label", f->label);
	json_out_str(o, "source", f->source);
	json_out_close(o);
}

/* --- JSON
 * ------------------------------------------------------------------------------------------ */

static void kind_json(const struct fault_kind *kind, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "kind", kind->name);
	json_out_str(o, "help", kind->help);
	json_out_open(o, "targets", '[');
	for (unsigned i = 0; i < FAULT_TARGET_CLASSES; i++)
		if (kind->targets >> i & 1)
			json_out_str(o, NULL, fault_target_class_name(1u << i));
	json_out_close(o);
	json_out_str(o, "default_target", kind->default_target);
	json_out_str(o, "acts_in",
	        kind->side == FAULT_MODEL    ? "model"
	        : kind->side == FAULT_CLIENT ? "client"
	                                     : "both");
	json_out_open(o, "clocks", '[');
	if (kind->clocks & FAULT_ON_VIRTUAL)
		json_out_str(o, NULL, "virtual");
	if (kind->clocks & FAULT_ON_WALL)
		json_out_str(o, NULL, "wall");
	json_out_close(o);
	json_out_open(o, "parameters", '[');
	for (size_t i = 0; i < kind->n_fields; i++)
		parameter_json(&kind->fields[i], o);
	json_out_close(o);
	json_out_str(o, "effect", kind->effect);
	json_out_str(o, "detection", kind->detection);
	json_out_str(o, "revert", kind->revert_text);
	json_out_str(o, "exclusive", kind->exclusive);
	json_out_raw(o, "example", kind->example);
	json_out_close(o);
}

void fault_catalogue_json(const struct fault_kind *only, struct json_out *o)
{
	json_out_open(o, NULL, '[');
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
		if (!only || only == KINDS[i])
			kind_json(KINDS[i], o);
	json_out_close(o);
}

/* --- text
 * ------------------------------------------------------------------------------------------ */

struct page {
	char *buf;
	size_t room, n; /* n counts on when the room is used up */
};

static void LPC_PRINTF(2, 3) say(struct page *p, const char *fmt, ...)
{
	bool fits = p->n < p->room;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(fits ? p->buf + p->n : NULL, fits ? p->room - p->n : 0, fmt, args);
	va_end(args);
	CHECK(n >= 0);
	p->n += (size_t)n;
}

/* A sentence folded at word ends, under a heading. */
static void say_folded(struct page *p, const char *heading, const char *text)
{
	enum { INDENT = 12, WIDTH = 80 };
	int column = INDENT;

	say(p, "%-*s", INDENT, heading);
	while (*text) {
		int word = (int)strcspn(text, " ");

		if (column > INDENT && column + word > WIDTH) {
			say(p, "\n%*s", INDENT, "");
			column = INDENT;
		}
		say(p, "%.*s ", word, text);
		column += word + 1;
		text += word + (text[word] == ' ');
	}
	say(p, "\n");
}

static void say_parameter(struct page *p, const struct field *f)
{
	const char *unit = f->type == FIELD_DURATION ? NULL : f->unit;

	say(p, "  %-14s %-9s default %s%s%s\n", f->name, type_name(f->type),
	        f->fallback ? f->fallback : "none", unit ? " " : "", unit ? unit : "");
	say_folded(p, "", f->help);
	if (f->type == FIELD_ENUM) {
		say(p, "%12s", "");
		for (size_t i = 0; f->choices[i]; i++)
			say(p, "%s%s", i ? " | " : "one of ", f->choices[i]);
		say(p, "\n");
	}
	if (f->label) {
		say(p, "%12s%s", "", f->label);
		say(p, "%s%s\n", f->source ? ": " : "", f->source ? f->source : "");
	}
}

static void say_kind(struct page *p, const struct fault_kind *kind)
{
	char targets[96];

	say(p, "%s: %s\n\n", kind->name, kind->help);
	say_folded(p, "target", fault_target_classes_text(kind->targets, targets, sizeof(targets)));
	if (kind->default_target)
		say_folded(p, "  default", kind->default_target);
	say_folded(p, "effect", kind->effect);
	say_folded(p, "detection", kind->detection);
	say_folded(p, "revert", kind->revert_text);
	say_folded(p, "clocks",
	        kind->clocks == FAULT_ON_BOTH   ? "virtual and wall"
	        : kind->clocks == FAULT_ON_WALL ? "wall"
	                                        : "virtual");
	say(p, "\nparameters\n%s", kind->n_fields ? "" : "  none\n");
	for (size_t i = 0; i < kind->n_fields; i++)
		say_parameter(p, &kind->fields[i]);
	say(p, "\nexample\n  %s\n", kind->example);
}

size_t fault_catalogue_text(const struct fault_kind *only, char *buf, size_t n)
{
	struct page p = {buf, n, 0};

	if (n)
		buf[0] = '\0';
	if (only)
		say_kind(&p, only);
	else
		for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
			say(&p, "%-22s %s\n", KINDS[i]->name, KINDS[i]->help);
	return p.n;
}
