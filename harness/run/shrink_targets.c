/* What a fault has to hit. `all` the links of a pod are thousands, and delta debugging may ask n²
 * questions; but names say how a machine is put together, so whole racks are taken away first, then
 * whole nodes, then single components. A list that nobody would read is not simpler than the word
 * that stood there: then the word stays. */
#include <string.h>
#include "harness/run/ddmin.h"
#include "harness/run/shrink_parts.h"

enum {
	LEVELS = 3,           /* rack, node, component */
	FEW = 32,             /* a list of more is not for people; no use in levels below that */
	QUESTIONS_MAX = 1000, /* about the targets of one fault */
	SINGLE_MAX = 1024,    /* of more than these, none is tried alone */
};

struct target_set {
	struct shrinker *w;
	const struct shrink_step *from;
	uint32_t fault, questions;
	uint32_t n, *left;  /* targets that are left, by place among the fault's */
	uint32_t *group_of; /* by place in `left` */
	uint32_t *asked;    /* room for as many */
};

static const char *name_of(const struct target_set *set, uint32_t target)
{
	const struct scenario *s = set->from->s;
	const struct fault_spec *f = &s->faults.faults[set->fault];

	return s->targets.name(s->targets.ctx, f->kind->targets, f->targets[target]);
}

static char *target_text(const struct target_set *set, const uint32_t *targets, uint32_t n)
{
	struct json_out o;

	json_out_init(&o, 0);
	if (n > 1)
		json_out_open(&o, NULL, '[');
	for (uint32_t i = 0; i < n; i++)
		json_out_str(&o, NULL, name_of(set, targets[i]));
	if (n > 1)
		json_out_close(&o);
	return o.buf;
}

static bool targets_fail(
        const struct target_set *set, const uint32_t *targets, uint32_t n, bool accept)
{
	struct shrink_draft d;
	char *text;
	bool fails;

	if (n == 0)
		return false;
	text = target_text(set, targets, n);
	shrink_draft(&d, set->from);
	d.fault[set->fault].target = text;
	fails = shrink_draft_try(set->w, &d, accept);
	mem_free(text);
	return fails;
}

/* kept: groups, ascending. */
static bool groups_fail(void *ctx, const uint32_t *kept, uint32_t n)
{
	struct target_set *set = ctx;
	uint32_t asked = 0;

	if (set->questions >= QUESTIONS_MAX)
		return false;
	set->questions++;
	for (uint32_t i = 0; i < set->n; i++) {
		uint32_t low = 0, high = n;

		while (low < high) {
			uint32_t middle = low + (high - low) / 2;

			if (kept[middle] < set->group_of[i])
				low = middle + 1;
			else
				high = middle;
		}
		if (low < n && kept[low] == set->group_of[i])
			set->asked[asked++] = set->left[i];
	}
	return targets_fail(set, set->asked, asked, false);
}

/* "r0" and "r0.n3" of "r0.n3.c5-r0.n3.c6". */
static size_t prefix_bytes(const char *name, int level)
{
	size_t n = strcspn(name, ".-");

	while (level-- > 0 && name[n] != '\0')
		n += 1 + strcspn(name + n + 1, ".-");
	return n;
}

/* Names that begin alike to that level, neighbours in the order of components, are one group. */
static uint32_t make_groups(struct target_set *set, int level)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const char *name = name_of(set, set->left[i]);
		const char *last = i ? name_of(set, set->left[i - 1]) : "";
		size_t bytes = prefix_bytes(name, level);

		if (i == 0 || level == LEVELS - 1 || prefix_bytes(last, level) != bytes ||
		        memcmp(last, name, bytes) != 0)
			n++;
		set->group_of[i] = n - 1;
	}
	return n;
}

static void take_groups(struct target_set *set, int level)
{
	uint32_t groups = make_groups(set, level), n = 0, left, k = 0;
	uint32_t *kept = mem_alloc(groups, sizeof(*kept));

	left = ddmin(groups, groups_fail, set, kept);
	for (uint32_t i = 0; i < set->n; i++) {
		while (k < left && kept[k] < set->group_of[i])
			k++;
		if (k < left && kept[k] == set->group_of[i])
			set->left[n++] = set->left[i];
	}
	set->n = n;
	mem_free(kept);
}

static struct jval stated_target(const struct shrink_step *step, uint32_t fault)
{
	return json_get(shrink_element(step->s, SHRINK_FAULTS, fault), "target");
}

/* Whose name nobody could tell from the file. */
static bool is_drawn(struct jval target)
{
	return json_string(target) && strncmp(json_string(target), "any(", strlen("any(")) == 0;
}

static void take_targets(struct shrinker *w, uint32_t fault)
{
	struct shrink_step *from = shrink_step_keep(w->best);
	struct target_set set = {.w = w, .from = from, .fault = fault};
	struct jval target = stated_target(from, fault);
	uint32_t all = from->s->faults.faults[fault].n_targets;
	uint32_t *room = mem_alloc(3 * (size_t)all, sizeof(*room));

	set.n = all;
	set.left = room;
	set.group_of = room + all;
	set.asked = room + 2 * (size_t)all;
	for (uint32_t i = 0; i < all; i++)
		set.left[i] = i;
	for (int level = all > FEW ? 0 : LEVELS - 1; level < LEVELS && set.n > 1; level++)
		if (level < LEVELS - 1 || set.n <= SINGLE_MAX)
			take_groups(&set, level);
	if (is_drawn(target) || (set.n < all && (set.n <= FEW || json_type(target) == JSON_ARRAY)))
		(void)targets_fail(&set, set.left, set.n, true);
	mem_free(room);
	shrink_step_drop(from);
}

void shrink_targets(struct shrinker *w)
{
	for (uint32_t i = 0; i < w->best->s->faults.n; i++)
		take_targets(w, i);
}
