#include "harness/run/swarm_draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"

void swarm_drawer_init(struct swarm_drawer *d, uint64_t seed, const char *purpose, int64_t span_ns)
{
	*d = (struct swarm_drawer){.g = prng_stream(seed, purpose), .span_ns = span_ns};
	arena_init(&d->arena, (size_t)1 << 30);
}

void swarm_drawer_free(struct swarm_drawer *d)
{
	arena_free(&d->arena);
}

uint64_t swarm_below(struct swarm_drawer *d, uint64_t n)
{
	return prng_below(prng_next(&d->g), n);
}

bool swarm_chance(struct swarm_drawer *d, unsigned percent)
{
	return swarm_below(d, 100) < percent;
}

const char *swarm_pick(struct swarm_drawer *d, const char *const *words, size_t n)
{
	return words[swarm_below(d, n)];
}

/* --- values
 * ---------------------------------------------------------------------------------------- */

/* Around `base`: a factor from 1/16 to 16, in thousandths, sparse at the ends. */
static int64_t around(struct swarm_drawer *d, int64_t base)
{
	static const int64_t num[] = {1, 1, 1, 3, 1, 1, 9, 1, 5, 2, 3, 5, 16};
	static const int64_t den[] = {16, 5, 3, 5, 1, 1, 10, 1, 4, 1, 1, 1, 1};
	uint64_t i = swarm_below(d, ARRAY_LEN(num));
	int64_t v = base / den[i] * num[i];

	return v - v / 20 + (int64_t)swarm_below(d, (uint64_t)(v / 10) + 1);
}

static int64_t clip(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

void swarm_out_duration(struct json_out *o, const char *key, int64_t ns)
{
	char text[UNITS_DURATION_MAX];

	json_out_str(o, key, units_format_duration(ns, text));
}

/* Long ones are drawn short enough to end within the run, mostly. Where the least is a nanosecond,
 * as of a period, it is drawn as a 256th of the default: a link that goes down and up each
 * nanosecond is a plan of 10^9 events a second, and no other finding. */
static void out_time(struct swarm_drawer *d, struct json_out *o, const struct field *f)
{
	int64_t base = 20 * NS_PER_MS, low = f->min, high = f->max ? f->max : NS_MAX, v;

	if (f->fallback)
		(void)units_parse_duration(f->fallback + 1, strlen(f->fallback) - 2, &base);
	if (base > d->span_ns / 4 && !swarm_chance(d, 10))
		base = d->span_ns / 16;
	v = around(d, base ? base : NS_PER_MS);
	if (low + (f->flags & FIELD_EXCLUSIVE_MIN ? 1 : 0) == 1)
		low = base / 256 + 1;
	if (swarm_chance(d, 10))
		v = low;
	swarm_out_duration(o, f->name, clip(v, low, high));
}

static void out_count(struct swarm_drawer *d, struct json_out *o, const struct field *f)
{
	int64_t base = f->fallback ? strtoll(f->fallback, NULL, 10) : 0, v;
	int64_t low = f->min, high = f->max ? f->max : base + 1000;

	v = around(d, base > low ? base : low + 1 + (int64_t)swarm_below(d, 4));
	if (base == 0 && low == 0)
		v = (int64_t)swarm_below(d, 3) * (int64_t)(1 + swarm_below(d, 2000));
	if (swarm_chance(d, 5))
		v = low;
	json_out_i64(o, f->name, clip(v, low, high));
}

static void out_ratio(struct swarm_drawer *d, struct json_out *o, const struct field *f)
{
	double base = f->fallback ? strtod(f->fallback, NULL) : f->rmin + 1, v;

	v = f->rmin + (base - f->rmin) * (double)around(d, 16000) / 16000;
	if (f->rmax > f->rmin && v > f->rmax)
		v = f->rmax;
	json_out_real(o, f->name, v);
}

static void out_share(struct swarm_drawer *d, struct json_out *o, const struct field *f)
{
	static const double shares[] = {1e-9, 1e-4, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 1};
	double v = shares[swarm_below(d, ARRAY_LEN(shares))];

	json_out_real(o, f->name, swarm_chance(d, 3) ? 0 : v);
}

static void out_law(struct swarm_drawer *d, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	if (swarm_chance(d, 50)) {
		json_out_str(o, "dist", "constant");
		json_out_i64(
		        o, "value", 1 + (int64_t)swarm_below(d, swarm_chance(d, 20) ? 9000 : 900));
	} else {
		json_out_str(o, "dist", "uniform");
		json_out_i64(o, "min", 1 + (int64_t)swarm_below(d, 50));
		json_out_i64(o, "max", 60 + (int64_t)swarm_below(d, 2000));
	}
	json_out_close(o);
}

/* What no table describes is as in the kind's example. */
void swarm_out_field(
        struct swarm_drawer *d, struct json_out *o, const struct field *f, struct jval like)
{
	size_t choices = 0;

	switch (f->type) {
	case FIELD_BOOL:
		json_out_bool(o, f->name, swarm_chance(d, 50));
		return;
	case FIELD_INT:
		out_count(d, o, f);
		return;
	case FIELD_REAL:
		out_ratio(d, o, f);
		return;
	case FIELD_DURATION:
		out_time(d, o, f);
		return;
	case FIELD_PERCENT:
		out_share(d, o, f);
		return;
	case FIELD_ENUM:
		while (f->choices[choices])
			choices++;
		json_out_str(o, f->name, f->choices[swarm_below(d, choices)]);
		return;
	case FIELD_STRING:
	case FIELD_NAME:
	case FIELD_VALUE:
	case FIELD_OBJECT:
	case FIELD_ARRAY:
		if (strstr(f->name, "_tokens"))
			out_law(d, o, f->name);
		else if (json_type(json_get(like, f->name)) != JSON_NONE)
			json_out_value(o, f->name, json_get(like, f->name), false);
		return;
	}
}

/* --- targets
 * --------------------------------------------------------------------------------------- */

/* How many `word` stands for, and one of them; NULL if it stands for none. */
static const char *some_of(
        struct swarm_drawer *d, const struct fault_kind *kind, const char *word, uint32_t *n)
{
	const struct target_resolver *r = &d->scenario->targets;
	const uint32_t *ids = NULL;
	const char *detail;

	*n = 0;
	if (r->resolve(r->ctx, word, kind->targets, &d->arena, &ids, n, &detail) != TARGET_FOUND)
		return NULL;
	return r->name(r->ctx, kind->targets, ids[swarm_below(d, *n)]);
}

static const char *one_of(struct swarm_drawer *d, const struct fault_kind *kind, const char *word)
{
	uint32_t n;

	return some_of(d, kind, word, &n);
}

/* Mostly what matters: on a path, or a spare. */
static const char *draw_name(struct swarm_drawer *d, const struct fault_kind *kind)
{
	uint64_t u = swarm_below(d, 10);
	const char *name = one_of(d, kind, u < 6 ? "critical_path" : u < 7 ? "spare" : "all");

	return name ? name : one_of(d, kind, "all");
}

/* The target, left out at times if that may be; how many it is, 0 = this deployment has none. */
uint32_t swarm_out_target(struct swarm_drawer *d, struct json_out *o, const struct fault_kind *kind)
{
	static const char *const words[] = {"all", "critical_path", "spare", "busiest", "domain:r0",
	        "domain:r0.n1", "domain:r0.pdu1", "domain:r1"};
	const char *word = swarm_pick(d, words, ARRAY_LEN(words));
	uint64_t u = swarm_below(d, 20);
	uint32_t all, n = 1 + (uint32_t)swarm_below(d, 3);
	char any[16];

	if (!some_of(d, kind, "all", &all))
		return 0;
	if (u < 3 && some_of(d, kind, word, &n)) {
		json_out_str(o, "target", word);
	} else if (u < 6 && n <= all) {
		(void)snprintf(any, sizeof(any), "any(%u)", n);
		json_out_str(o, "target", any);
	} else if (u < 10) {
		json_out_open(o, "target", '[');
		for (uint32_t i = 0; i <= n; i++)
			json_out_str(o, NULL, draw_name(d, kind));
		json_out_close(o);
		n = all > 1 ? 2 : 1; /* or the same one more than once */
	} else {
		if (u < 19 || !kind->default_target)
			json_out_str(o, "target", draw_name(d, kind));
		n = 1;
	}
	return n;
}

/* --- parameters
 * ------------------------------------------------------------------------------------ */

void swarm_out_parameters(struct swarm_drawer *d, struct json_out *o, const struct fault_kind *kind)
{
	struct error err = ERROR_INIT;
	struct json *example;
	enum status st =
	        json_parse("example", kind->example, strlen(kind->example), &example, &err);

	CHECK(!st);
	for (size_t f = 0; f < kind->n_fields; f++)
		if (kind->fields[f].flags & FIELD_REQUIRED || swarm_chance(d, 60))
			swarm_out_field(d, o, &kind->fields[f], json_root(example));
	json_free(example);
}
