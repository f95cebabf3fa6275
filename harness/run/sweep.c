/* Everything is done on the text of values, by the paths that --set takes: a parameter is whatever
 * can be edited, and the scenario's own parsers say what is allowed. The tables give the label, the
 * unit and the default.
 *
 * Most parameters of a deployment do not matter to most claims, so they are moved together first,
 * in ever smaller groups where that moves a result (or where the scenario refuses the values); only
 * who is left is searched alone, in the scenarios that it moved. */
#include "harness/run/sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/mathx.h"
#include "harness/run/assumptions.h"
#include "harness/run/edit.h"
#include "harness/run/evaluate.h"
#include "harness/run/number.h"

#define SWEEP_ARENA_BYTES ((size_t)64 << 20)
#define SWEEP_FACTOR      10.0

enum quantity { Q_NONE, Q_DURATION, Q_INT, Q_REAL, Q_PERCENT, Q_ENUM, Q_BOOL, Q_HARDWARE };

struct candidate {
	struct assumption a;
	enum quantity type;
	double value, low, high; /* ns for durations */
	const char *hardware_unit;
	const char *const *choices;
	bool of_deployment, moved, refused;
	uint64_t moves; /* scenarios in which it can matter; the others are not run */
};

struct work {
	const struct claim *claim;
	const struct scenario_list *list;
	const volatile sig_atomic_t *interrupt;
	struct sweep *out;
	struct probe base[CLAIM_SCENARIOS_MAX];
	uint32_t n;
	struct candidate *c; /* SWEEP_ASSUMPTIONS_MAX */
	struct error *err;
};

static const struct scenario *member(const struct work *w, uint32_t k)
{
	return w->list->items[w->claim->scenarios[k]];
}

static bool stopped(const struct work *w)
{
	return w->err->code != ERR_NONE || *w->interrupt || w->out->requests >= SWEEP_REQUESTS;
}

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/* --- values as text ------------------------------------------------------------------------- */

/* To three significant digits: what is reported is what was run. */
static double rounded(double v, enum quantity type)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.3g", v);
	v = strtod(text, NULL);
	return type == Q_INT || type == Q_DURATION ? mathx_floor(v + 0.5) : v;
}

static enum number_type number_of(const struct candidate *c)
{
	switch (c->type) {
	case Q_DURATION:
		return NUMBER_DURATION;
	case Q_INT:
		return NUMBER_INT;
	case Q_PERCENT:
		return NUMBER_SHARE;
	case Q_HARDWARE:
		return strcmp(c->hardware_unit, "count") == 0 ? NUMBER_INT : NUMBER_REAL;
	default:
		return NUMBER_REAL;
	}
}

static void value_text(const struct candidate *c, double v, char out[static SWEEP_TEXT])
{
	number_text(number_of(c), v, out);
}

/* As an edit: a number of the hardware file is an object. */
static void edit_text(const struct candidate *c, const char *value, char out[static 4 * SWEEP_TEXT])
{
	if (c->type == Q_HARDWARE)
		(void)snprintf(out, (size_t)4 * SWEEP_TEXT,
		        "{\"value\": %s, \"unit\": \"%s\", \"label\": \"assumption\", \"source\": "
		        "\"sweep\"}",
		        value, c->hardware_unit);
	else
		(void)snprintf(out, (size_t)4 * SWEEP_TEXT, "%s", value);
}

/* --- candidates ---------------------------------------------------------------------- */

static enum quantity quantity_of(const struct field *f)
{
	switch (f->type) {
	case FIELD_DURATION:
		return Q_DURATION;
	case FIELD_INT:
		return Q_INT;
	case FIELD_REAL:
		return Q_REAL;
	case FIELD_PERCENT:
		return Q_PERCENT;
	case FIELD_ENUM:
		return Q_ENUM;
	case FIELD_BOOL:
		return Q_BOOL;
	default:
		return Q_NONE;
	}
}

/* What the table allows around the value. */
static void interval(struct candidate *c, const struct field *f)
{
	c->low = rounded(c->value / SWEEP_FACTOR, c->type);
	c->high = rounded(c->value * SWEEP_FACTOR, c->type);
	if (c->type == Q_PERCENT)
		c->high = smaller(c->high, 1);
	if (!f)
		return;
	if (c->type == Q_REAL) {
		c->low = larger(c->low, f->rmin);
		if (f->rmax > 0)
			c->high = smaller(c->high, f->rmax);
		return;
	}
	c->low = larger(c->low, (double)f->min);
	if (f->max > 0)
		c->high = smaller(c->high, (double)f->max);
}

/* The candidate of this path and value, new or known; NULL where the table is full. */
static struct candidate *place(struct work *w, uint32_t k, const char *path, const char *value)
{
	struct candidate *c;

	for (uint32_t i = 0; i < w->n; i++)
		if (!strcmp(w->c[i].a.path, path) && !strcmp(w->c[i].a.value, value)) {
			w->c[i].a.in |= UINT64_C(1) << k;
			return NULL;
		}
	if (w->n == SWEEP_ASSUMPTIONS_MAX || strlen(path) >= SWEEP_PATH)
		return NULL;
	c = &w->c[w->n++];
	*c = (struct candidate){.a.in = UINT64_C(1) << k};
	(void)snprintf(c->a.path, sizeof(c->a.path), "%s", path);
	(void)snprintf(c->a.value, sizeof(c->a.value), "%s", value);
	return c;
}

/* A labelled key, stated or by default. */
static void add_field(struct work *w, uint32_t k, const struct labelled *x)
{
	const struct field *f = x->field;
	struct json_out text;
	struct candidate *c;

	if (!f->label || strcmp(f->label, "assumption") != 0 || f->type == FIELD_STRING ||
	        f->type == FIELD_NAME)
		return;
	json_out_init(&text, 0);
	json_out_value(&text, NULL, x->value, false);
	c = place(w, k, x->path, text.buf);
	json_out_free(&text);
	if (!c)
		return;
	c->type = quantity_of(f);
	c->choices = f->choices;
	c->of_deployment = x->kind == LABELLED_DEPLOYMENT;
	c->a.unit = f->unit;
	c->a.source = f->source;
	if (c->type == Q_NONE)
		c->a.note = "not a number";
	else if (c->type < Q_ENUM &&
	         (!number_read(x->value, number_of(c), &c->value) || c->value <= 0))
		c->a.note = "no factor leads away from zero";
	else if (c->type < Q_ENUM)
		interval(c, f);
}

static enum quantity own_quantity(const char *unit)
{
	if (strcmp(unit, "count") == 0)
		return Q_INT;
	return strcmp(unit, "ns") == 0 ? Q_DURATION : Q_REAL;
}

/* A number of the hardware file, behind those that count its parts: they say what the machine is,
 * not how it behaves. */
static void add_hardware(struct work *w, uint32_t k, const struct labelled *x)
{
	const struct parameter *p = x->parameter;
	struct candidate shape = {.type = Q_HARDWARE, .hardware_unit = p->unit}, *c;
	char value[SWEEP_TEXT];

	if (p - member(w, k)->deployment.parameters <= HW_FAN_ZONES_PER_NODE ||
	        p->label != TRUTH_ASSUMPTION || p->value <= 0)
		return;
	if (x->stated)
		shape.type = own_quantity(p->unit);
	value_text(&shape, p->value, value);
	c = place(w, k, x->path, value);
	if (!c)
		return;
	c->type = shape.type;
	c->hardware_unit = p->unit;
	c->value = p->value;
	c->of_deployment = true;
	c->a.unit = p->unit;
	c->a.source = p->source;
	interval(c, NULL);
	if (!strcmp(p->unit, "count"))
		c->low = larger(mathx_floor(c->low), 1);
	if (!strcmp(p->unit, "ratio"))
		c->high = smaller(c->high, 1);
}

struct gathering {
	struct work *w;
	uint32_t k; /* scenario of the claim */
};

/* Pools' keys are the deployment's decisions, and a recovery's the scenario's. */
static void add_labelled(void *ctx, const struct labelled *x)
{
	const struct gathering *g = ctx;

	if (x->kind == LABELLED_HARDWARE)
		add_hardware(g->w, g->k, x);
	else if (x->kind == LABELLED_FAULT || x->kind == LABELLED_DEPLOYMENT)
		add_field(g->w, g->k, x);
}

/* What the claim itself names. */
static void add_named(struct work *w, uint32_t k, const struct claim_sweep *sweep)
{
	const struct scenario *s = member(w, k);
	struct jval v = edit_find(s->document, sweep->path, s->files);
	struct error ignored = ERROR_INIT;
	struct json_out text;
	struct candidate *c;
	int64_t whole;

	if (json_type(v) == JSON_NONE)
		return;
	json_out_init(&text, 0);
	json_out_value(&text, NULL, v, false);
	c = place(w, k, sweep->path, text.buf);
	json_out_free(&text);
	if (!c)
		return;
	c->type = Q_REAL;
	if (json_string(v))
		c->type = strchr(json_string(v), '%') ? Q_PERCENT : Q_DURATION;
	else if (json_i64(v, &whole, &ignored) == ERR_NONE &&
	         json_i64(sweep->from, &whole, &ignored) == ERR_NONE)
		c->type = Q_INT;
	c->a.source = sweep->source;
	c->moved = true; /* it is listed whatever it does */
	if (!number_read(v, number_of(c), &c->value) ||
	        !number_read(sweep->from, number_of(c), &c->low) ||
	        !number_read(sweep->to, number_of(c), &c->high))
		c->a.note = "the ends are not of the value's kind";
	else if (c->value < c->low || c->value > c->high)
		c->a.note = "the value lies outside of the ends";
}

static void gather(struct work *w)
{
	for (uint32_t k = 0; k < w->claim->n; k++) {
		for (uint32_t i = 0; i < w->claim->n_sweeps; i++)
			add_named(w, k, &w->claim->sweeps[i]);
		assumptions_visit(member(w, k), add_labelled, &(struct gathering){w, k});
	}
}

/* --- runs ---------------------------------------------------------------------------- */

/* One scenario with edits. `moved`: its results are not those of the scenario as it stands. */
static bool try_edits(struct work *w, uint32_t k, const struct scenario_edit *edits, uint32_t n,
        bool *moved, bool *refused)
{
	struct error refusal = ERROR_INIT;
	struct scenario *variant;
	struct probe probe;
	bool pass = false;

	if (scenario_variant(member(w, k), edits, n, &variant, &refusal)) {
		*refused = true;
		return false;
	}
	if (evaluate_probe(variant, w->interrupt, &probe, w->err) == ERR_NONE) {
		w->out->runs++;
		w->out->requests += probe.requests;
		pass = probe.holds;
		*moved |= memcmp(probe.digest, w->base[k].digest, DIGEST_BYTES) != 0;
	}
	scenario_free(variant);
	return pass;
}

/* Whether the claim holds with the parameter at this value, in all scenarios that have it. */
static bool holds_text(struct work *w, struct candidate *c, const char *value)
{
	char text[4 * SWEEP_TEXT];
	struct scenario_edit edit = {.path = c->a.path, .value = text};

	edit_text(c, value, text);
	for (uint32_t k = 0; k < w->claim->n; k++)
		if ((c->moves >> k & 1) &&
		        (stopped(w) || !try_edits(w, k, &edit, 1, &c->moved, &c->refused)))
			return false;
	return true;
}

static bool holds(struct work *w, struct candidate *c, double value)
{
	char text[SWEEP_TEXT];

	value_text(c, value, text);
	return holds_text(w, c, text);
}

static double between(double a, double b, enum quantity type)
{
	return rounded(a > 0 && b > 0 ? mathx_sqrt(a * b) : (a + b) / 2, type);
}

/* The value nearest to `end` that was seen to hold. */
static double search(struct work *w, struct candidate *c, double end, bool *edge)
{
	double good = c->value, bad = end;
	int steps = SWEEP_STEPS;

	*edge = false;
	if (end == c->value || holds(w, c, end)) {
		double middle = between(c->value, end, c->type);

		if (end == c->value || !c->moved || holds(w, c, middle)) {
			*edge = true;
			return end;
		}
		bad = middle;
		steps--;
	}
	for (; steps > 0 && !stopped(w); steps--) {
		double middle = between(good, bad, c->type);

		if (middle == good || middle == bad)
			break;
		if (holds(w, c, middle))
			good = middle;
		else
			bad = middle;
	}
	return good;
}

static void search_choices(struct work *w, struct candidate *c)
{
	static const char *const booleans[] = {"false", "true", NULL};
	const char *const *names = c->type == Q_BOOL ? booleans : c->choices;
	const char *quote = c->type == Q_BOOL ? "" : "\"";
	size_t at = 0;
	int n;

	for (; *names && !stopped(w); names++) {
		char text[SWEEP_TEXT];

		(void)snprintf(text, sizeof(text), "%s%s%s", quote, *names, quote);
		if (strcmp(text, c->a.value) != 0 && !holds_text(w, c, text))
			continue;
		n = snprintf(
		        c->a.holds + at, sizeof(c->a.holds) - at, "%s%s", at ? ", " : "[", text);
		at += n > 0 && (size_t)n < sizeof(c->a.holds) - at - 1 ? (size_t)n : 0;
	}
	(void)snprintf(c->a.holds + at, sizeof(c->a.holds) - at, "]");
}

static void search_candidate(struct work *w, struct candidate *c)
{
	double low, high;

	if (c->a.note)
		return;
	if (c->type == Q_ENUM || c->type == Q_BOOL) {
		search_choices(w, c);
	} else {
		low = search(w, c, c->low, &c->a.low_is_edge);
		high = search(w, c, c->high, &c->a.high_is_edge);
		value_text(c, c->low, c->a.from);
		value_text(c, c->high, c->a.to);
		value_text(c, low, c->a.low);
		value_text(c, high, c->a.high);
	}
	if (stopped(w)) {
		c->a.note = "the search was cut";
		c->a.low[0] = c->a.high[0] = c->a.holds[0] = '\0';
		c->moved = true;
	}
}

/* --- which numbers of a deployment matter -------------------------------------------- */

/* Numbers of the deployment that scenario k has, in the order of the table. */
struct group {
	uint32_t k, n;
	uint32_t of[SWEEP_ASSUMPTIONS_MAX];
};

static bool in_group(const struct candidate *c, uint32_t k)
{
	return c->of_deployment && c->type != Q_ENUM && c->type != Q_BOOL && !c->a.note &&
	       (c->a.in >> k & 1);
}

/* Members [from, to) moved together to one of their ends: whether a result moves, or the scenario
 * refuses them. */
static bool moved_together(
        struct work *w, const struct group *g, uint32_t from, uint32_t to, bool high)
{
	struct scenario_edit edits[SWEEP_ASSUMPTIONS_MAX];
	char(*texts)[4 * SWEEP_TEXT] = mem_alloc(SWEEP_ASSUMPTIONS_MAX, sizeof(*texts));
	bool moved = false, refused = false;

	for (uint32_t i = from; i < to; i++) {
		struct candidate *c = &w->c[g->of[i]];
		char value[SWEEP_TEXT];

		value_text(c, high ? c->high : c->low, value);
		edit_text(c, value, texts[i]);
		edits[i - from] = (struct scenario_edit){.path = c->a.path, .value = texts[i]};
	}
	(void)try_edits(w, g->k, edits, to - from, &moved, &refused);
	mem_free(texts);
	return moved || refused;
}

/* One alone; where its end is refused, nearer to the value. */
static bool moved_alone(struct work *w, uint32_t k, struct candidate *c, double end)
{
	bool moved = false, refused = true;

	for (int tries = 0; tries < SWEEP_STEPS && refused && !stopped(w); tries++) {
		char value[SWEEP_TEXT], text[4 * SWEEP_TEXT];
		struct scenario_edit edit = {.path = c->a.path, .value = text};

		refused = false;
		value_text(c, end, value);
		edit_text(c, value, text);
		(void)try_edits(w, k, &edit, 1, &moved, &refused);
		end = between(c->value, end, c->type);
	}
	return moved;
}

/* Halves what moves until single numbers are left. */
static void screen(struct work *w, const struct group *g)
{
	struct {
		uint32_t from, to;
	} stack[SWEEP_ASSUMPTIONS_MAX];
	uint32_t depth = 0;

	if (g->n > 0)
		stack[depth++] = (typeof(stack[0])){0, g->n};
	while (depth > 0 && !stopped(w)) {
		uint32_t from = stack[--depth].from, to = stack[depth].to;
		uint32_t middle = from + (to - from) / 2;

		if (to - from == 1) {
			struct candidate *c = &w->c[g->of[from]];

			if (moved_alone(w, g->k, c, c->high) || moved_alone(w, g->k, c, c->low))
				c->moves |= UINT64_C(1) << g->k;
			continue;
		}
		if (!moved_together(w, g, from, to, true) && !moved_together(w, g, from, to, false))
			continue;
		stack[depth++] = (typeof(stack[0])){middle, to};
		stack[depth++] = (typeof(stack[0])){from, middle};
	}
}

static void screen_all(struct work *w)
{
	struct group g;

	for (uint32_t i = 0; i < w->n; i++)
		w->c[i].moves = w->c[i].a.in;
	for (g.k = 0; g.k < w->claim->n; g.k++) {
		g.n = 0;
		for (uint32_t i = 0; i < w->n; i++)
			if (in_group(&w->c[i], g.k)) {
				w->c[i].moves &= ~(UINT64_C(1) << g.k);
				g.of[g.n++] = i;
			}
		screen(w, &g);
	}
}

/* --- the whole ----------------------------------------------------------------------- */

static bool reads_trace(const struct scenario *s)
{
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		if (s->traffic.tenants[t].from_trace)
			return true;
	return false;
}

static bool measure_base(struct work *w)
{
	bool pass = true;

	for (uint32_t k = 0; k < w->claim->n; k++) {
		if (reads_trace(member(w, k)) || !member(w, k)->has_deployment || stopped(w) ||
		        evaluate_probe(member(w, k), w->interrupt, &w->base[k], w->err))
			return false;
		w->out->runs++;
		w->out->requests += w->base[k].requests;
		pass &= w->base[k].holds;
	}
	return pass;
}

static void keep(struct work *w)
{
	struct sweep *out = w->out;

	out->items = ARENA_ARRAY(&out->arena, struct assumption, w->n + 1);
	for (uint32_t i = 0; i < w->n; i++)
		if (w->c[i].moved)
			out->items[out->n++] = w->c[i].a;
}

enum status sweep_claim(const struct claim *c, const struct scenario_list *list,
        const volatile sig_atomic_t *interrupt, struct sweep *out, struct error *err)
{
	struct work w = {.claim = c, .list = list, .interrupt = interrupt, .out = out, .err = err};

	*out = (struct sweep){0};
	arena_init(&out->arena, SWEEP_ARENA_BYTES);
	out->base_holds = measure_base(&w);
	if (!out->base_holds)
		return err->code;
	w.c = mem_alloc(SWEEP_ASSUMPTIONS_MAX, sizeof(*w.c));
	gather(&w);
	screen_all(&w);
	for (uint32_t i = 0; i < w.n && err->code == ERR_NONE; i++)
		if (w.c[i].moves)
			search_candidate(&w, &w.c[i]);
	keep(&w);
	mem_free(w.c);
	return err->code;
}

void sweep_free(struct sweep *s)
{
	arena_free(&s->arena);
}
