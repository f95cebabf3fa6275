/* Phase 2: numbers. Each has an end that is simpler than where it stands. If the end does, that is
 * it; else the value nearest to the end that does is found by bisection over the numbers of two
 * significant digits in between (the ladder), so that what is written down is what was run, and
 * what lies one rung nearer to the end was run, too, and did not do. Where failing is not monotone
 * in the number, that is one such border of several.
 *
 * What makes a parameter harmless is not written down anywhere. A duration is tried at its shortest
 * first; if that does no longer fail, the length matters and the border is looked for; if it does,
 * the length does not matter, or shorter is worse, and the default is aimed at. Other parameters
 * are aimed at their defaults. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/mathx.h"
#include "harness/base/units.h"
#include "harness/run/number.h"
#include "harness/run/shrink_parts.h"

enum { RUNGS_PER_DECADE = 90, DECADE_LOWEST = -12, RUNGS = RUNGS_PER_DECADE * 36 };
enum { KEY_BYTES = 64 };

/* A search goes this far down or up from where a number stands, or to its end. */
#define REACH    1e6
#define SHORTEST 1e3 /* ns: below a microsecond nothing is simpler */

/* A number of the best scenario, by its place. */
struct number {
	int list; /* enum shrink_list, or -1: of the root */
	uint32_t index;
	char key[KEY_BYTES];
	const char *inner; /* member of the object at `key`; NULL = the value itself */
	enum number_type type;
	double value;
};

/* --- the ladder -------------------------------------------------------------------------- */

static double ten_to(int k)
{
	double v = 1;

	while (k-- > 0)
		v *= 10;
	return v;
}

/* 10, 11, … 99 times each power of ten; exact where it is a whole number. */
static double rung(int i)
{
	int k = i / RUNGS_PER_DECADE + DECADE_LOWEST;
	double m = 10 + i % RUNGS_PER_DECADE;

	return k < 0 ? m / ten_to(-k) : m * ten_to(k);
}

/* Below 10 the rungs are closer than whole numbers are. */
static double whole(enum number_type type, double v)
{
	return type == NUMBER_DURATION || type == NUMBER_INT ? mathx_floor(v + 0.5) : v;
}

/* The highest rung at or below v > 0. */
static int rung_below(double v)
{
	int low = 0, high = RUNGS;

	while (high - low > 1) {
		int middle = low + (high - low) / 2;

		if (rung(middle) <= v)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int rung_above(double v)
{
	int i = rung_below(v);

	return rung(i) < v ? i + 1 : i;
}

/* --- places ----------------------------------------------------------------- */

static struct jval holder(const struct shrinker *w, const struct number *n)
{
	if (n->list < 0)
		return json_root(w->best->s->document);
	return shrink_element(w->best->s, (enum shrink_list)n->list, n->index);
}

/* Fills in the value that stands there; false if there is none of that type. */
static bool find(struct shrinker *w, struct number *n)
{
	struct jval v = json_get(holder(w, n), n->key);

	return number_read(n->inner ? json_get(v, n->inner) : v, n->type, &n->value);
}

/* JSON in place of the number; NULL takes it away. */
static bool try_text(struct shrinker *w, const struct number *n, const char *text, bool accept)
{
	struct jval object = holder(w, n);
	char *inner = NULL, *element = NULL;
	struct shrink_draft d;
	bool misses;

	shrink_draft(&d, w->best);
	if (n->inner)
		inner = shrink_object_with(json_get(object, n->key), n->inner, text);
	if (n->list < 0) {
		d.key = n->key;
		d.value = inner ? inner : text ? text : "null";
	} else {
		element = shrink_object_with(object, n->key, inner ? inner : text);
		d.element.list = (enum shrink_list)n->list;
		d.element.index = n->index;
		d.element.text = element;
	}
	misses = shrink_draft_try(w, &d, accept);
	mem_free(inner);
	mem_free(element);
	return misses;
}

static bool try_value(struct shrinker *w, struct number *n, double v, bool accept)
{
	char text[NUMBER_TEXT];

	number_text(n->type, v, text);
	if (!try_text(w, n, text, accept))
		return false;
	if (accept)
		n->value = v;
	return true;
}

/* --- bisection --------------------------------------------------------------------------- */

typedef bool try_fn(struct shrinker *w, struct number *n, double v);

static bool try_number(struct shrinker *w, struct number *n, double v)
{
	return try_value(w, n, v, true);
}

/* The rung nearest to `end` that does, between it and where the number stands. The end itself is
 * known not to. */
static void bisect(struct shrinker *w, struct number *n, double end, try_fn *try)
{
	bool down = end < n->value;
	double reach = down ? n->value / REACH : n->value * REACH;
	bool near = down ? end > reach : end < reach;
	int good = down ? rung_below(n->value) : rung_above(n->value);
	int bad = down ? rung_below(near ? end : reach) : rung_above(near ? end : reach);

	if (down && n->type == NUMBER_DURATION && bad < rung_below(SHORTEST))
		bad = rung_below(SHORTEST) - 1;
	if (whole(n->type, rung(good)) != n->value &&
	        (good == bad || !try(w, n, whole(n->type, rung(good))))) {
		/* Not as it is rounded towards the end; away from it, perhaps. */
		(void)try(w, n, whole(n->type, rung(down ? good + 1 : good - 1)));
		return;
	}
	while ((down ? good - bad : bad - good) > 1) {
		int middle = good + (bad - good) / 2;
		double v = whole(n->type, rung(middle));

		if (v == n->value || try(w, n, v))
			good = middle;
		else
			bad = middle;
	}
}

/* An instant without its leading digits: what comes at regular intervals is hit as well an interval
 * earlier, where no round number would do. */
static void drop_digits(struct shrinker *w, struct number *n, double end, try_fn *try)
{
	int64_t value = (int64_t)n->value, from = (int64_t)end, last = from;

	for (int64_t unit = 10; value > from && unit <= value - from; unit *= 10) {
		int64_t v = from + (value - from) % unit;

		if (v != last && try(w, n, (double)v))
			return;
		last = v;
	}
}

/* To its end, or as near as can be. */
static void simplify(struct shrinker *w, struct number *n, double end)
{
	if (find(w, n) && n->value > 0 && n->value != end && !try_value(w, n, end, true))
		bisect(w, n, end, try_number);
}

enum way { EITHER_WAY, DOWN, UP };

/* The number at that place to `end`, if that is the way there. */
static void move_at(struct shrinker *w, struct number n, const char *key, enum way way, double end)
{
	(void)snprintf(n.key, sizeof(n.key), "%s", key);
	if (!find(w, &n) || (way == DOWN && n.value <= end) || (way == UP && n.value >= end))
		return;
	simplify(w, &n, end);
}

static struct number in_element(
        enum shrink_list list, uint32_t index, const char *inner, enum number_type type)
{
	return (struct number){.list = (int)list, .index = index, .inner = inner, .type = type};
}

static struct number in_root(void)
{
	return (struct number){.list = -1, .type = NUMBER_DURATION};
}

/* --- times ------------------------------------------------------------------------------- */

/* No run is as short as its warmup, nor is one of less than a millisecond simpler. */
static void shorten_run(struct shrinker *w)
{
	struct number n = {.list = -1, .key = "duration", .type = NUMBER_DURATION};
	double end = (double)w->best->s->warmup_ns;

	if (end == 0)
		move_at(w, in_root(), "duration", DOWN, 1e6);
	else if (find(w, &n))
		bisect(w, &n, end, try_number);
}

/* All planned begins together, the first of them to v. What comes again and again keeps its law. */
static bool try_shift(struct shrinker *w, struct number *n, double v)
{
	const struct fault_plan *plan = &w->best->s->faults;
	struct shrink_draft d;

	shrink_draft(&d, w->best);
	for (uint32_t i = 0; i < plan->n; i++)
		if (plan->faults[i].start == START_TIMED && plan->faults[i].at_ns != NS_NEVER)
			d.fault[i].at_ns = plan->faults[i].at_ns - (int64_t)n->value + (int64_t)v;
	if (!shrink_draft_try(w, &d, true))
		return false;
	n->value = v;
	return true;
}

static void shift_faults(struct shrinker *w)
{
	const struct fault_plan *plan = &w->best->s->faults;
	struct number n = {.list = -1, .type = NUMBER_DURATION};
	int64_t first = NS_NEVER;
	double warmup = (double)w->best->s->warmup_ns;
	uint32_t timed = 0;

	for (uint32_t i = 0; i < plan->n; i++) {
		if (plan->faults[i].start != START_TIMED || plan->faults[i].at_ns == NS_NEVER)
			continue;
		first = min_i64(first, plan->faults[i].at_ns);
		timed++;
	}
	n.value = (double)first;
	if (timed < 2 || n.value <= warmup)
		return;
	if (try_shift(w, &n, warmup))
		return;
	drop_digits(w, &n, warmup, try_shift);
	bisect(w, &n, warmup, try_shift);
}

/* --- faults ------------------------------------------------------------------------------ */

/* A parameter that is a duration and stated. */
static void shorten_parameter(struct shrinker *w, uint32_t i, const struct field *f)
{
	struct number n = {.list = SHRINK_FAULTS, .index = i, .type = NUMBER_DURATION};
	double end = (double)f->min > SHORTEST ? (double)f->min : SHORTEST;
	int64_t fallback;

	(void)snprintf(n.key, sizeof(n.key), "%s", f->name);
	if (!find(w, &n) || n.value <= end)
		return;
	if (!try_value(w, &n, end, false)) {
		bisect(w, &n, end, try_number);
		return;
	}
	if ((f->flags & FIELD_REQUIRED) || try_text(w, &n, NULL, true) || !f->fallback)
		return;
	if (f->fallback[0] == '"' &&
	        units_parse_duration(f->fallback + 1, strlen(f->fallback) - 2, &fallback) &&
	        n.value > 0 && fallback > 0)
		bisect(w, &n, (double)fallback, try_number);
}

static const char *const law_keys[] = {"value", "median", "p99", "min", "max"};

/* A parameter that is a number or a law, and stated: its default, if it has one, did not do. */
static void simplify_parameter(struct shrinker *w, uint32_t i, const struct field *f)
{
	enum number_type type = f->type == FIELD_INT    ? NUMBER_INT
	                        : f->type == FIELD_REAL ? NUMBER_REAL
	                                                : NUMBER_SHARE;
	double end = f->type == FIELD_INT ? (double)f->min : f->rmin;

	if (f->type == FIELD_OBJECT || f->type == FIELD_VALUE) {
		for (size_t k = 0; k < ARRAY_LEN(law_keys); k++)
			move_at(w, in_element(SHRINK_FAULTS, i, law_keys[k], NUMBER_INT), f->name,
			        DOWN, 1);
		return;
	}
	if (f->type != FIELD_INT && f->type != FIELD_REAL && f->type != FIELD_PERCENT)
		return;
	if (f->fallback)
		end = strtod(f->fallback, NULL);
	move_at(w, in_element(SHRINK_FAULTS, i, NULL, type), f->name, EITHER_WAY, end);
}

static void begin_earlier(struct shrinker *w, uint32_t i)
{
	struct number n = {.list = SHRINK_FAULTS, .index = i, .key = "at", .type = NUMBER_DURATION};
	double warmup = (double)w->best->s->warmup_ns;

	if (!find(w, &n) || n.value <= warmup || try_number(w, &n, warmup))
		return;
	drop_digits(w, &n, warmup, try_number);
	bisect(w, &n, warmup, try_number);
}

static void simplify_begin(struct shrinker *w, uint32_t i)
{
	static const char *const rare[] = {"interval", "mean", "mtbf"};
	double run = (double)w->best->s->duration_ns;

	begin_earlier(w, i);
	move_at(w, in_element(SHRINK_FAULTS, i, "delay", NUMBER_DURATION), "after", DOWN, 0);
	move_at(w, in_element(SHRINK_FAULTS, i, "for", NUMBER_DURATION), "when", DOWN, 0);
	move_at(w, in_element(SHRINK_FAULTS, i, NULL, NUMBER_DURATION), "stagger", DOWN, SHORTEST);
	move_at(w, in_element(SHRINK_FAULTS, i, NULL, NUMBER_DURATION), "every", UP, run);
	for (size_t k = 0; k < ARRAY_LEN(rare); k++)
		move_at(w, in_element(SHRINK_FAULTS, i, rare[k], NUMBER_DURATION), "every", UP,
		        run);
}

static void simplify_fault(struct shrinker *w, uint32_t i)
{
	const struct fault_kind *kind = w->best->s->faults.faults[i].kind;

	move_at(w, in_element(SHRINK_FAULTS, i, NULL, NUMBER_DURATION), "for", DOWN, SHORTEST);
	simplify_begin(w, i);
	for (size_t f = 0; f < kind->n_fields; f++) {
		if (kind->fields[f].type == FIELD_DURATION)
			shorten_parameter(w, i, &kind->fields[f]);
		else
			simplify_parameter(w, i, &kind->fields[f]);
	}
}

/* --- load -------------------------------------------------------------------------------- */

static void simplify_traffic(struct shrinker *w, uint32_t i)
{
	static const char *const rates[] = {"rate", "from", "to"};
	static const char *const shapes[] = {"cv", "burst_factor"};
	static const char *const laws[] = {"prompt_tokens", "output_tokens"};

	for (size_t k = 0; k < ARRAY_LEN(rates); k++)
		move_at(w, in_element(SHRINK_TRAFFIC, i, rates[k], NUMBER_REAL), "arrival", DOWN,
		        1);
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++)
		move_at(w, in_element(SHRINK_TRAFFIC, i, shapes[k], NUMBER_REAL), "arrival",
		        EITHER_WAY, 1);
	for (size_t l = 0; l < ARRAY_LEN(laws); l++)
		for (size_t k = 0; k < ARRAY_LEN(law_keys); k++)
			move_at(w, in_element(SHRINK_TRAFFIC, i, law_keys[k], NUMBER_INT), laws[l],
			        DOWN, 1);
	move_at(w, in_element(SHRINK_TRAFFIC, i, "limit", NUMBER_INT), "trace", DOWN, 1);
}

void shrink_times(struct shrinker *w)
{
	shorten_run(w);
	shift_faults(w);
	shorten_run(w);
}

void shrink_numbers(struct shrinker *w)
{
	for (uint32_t i = 0; i < w->best->s->faults.n; i++)
		simplify_fault(w, i);
	move_at(w, in_root(), "warmup", DOWN, 0);
	for (uint32_t i = 0; i < w->best->s->traffic.n_tenants; i++)
		simplify_traffic(w, i);
	shrink_times(w);
}
