#include "harness/run/swarm_coverage.h"

#include <string.h>

#include "faults/catalogue.h"
#include "harness/base/units.h"
#include "harness/run/swarm_plan.h"
#include "reports/names.h"

#define PHASE_BIT(p) (1u << (p))

const char *swarm_class_name(enum swarm_class c)
{
	static const char *const names[] = {"chip", "node", "c2c-node", "c2c-rack", "c2c-pod",
	        "ethernet", "pdu", "fan", "rack", "pool", "traffic", "frontend"};

	_Static_assert(ARRAY_LEN(names) == SWARM_CLASSES, "a name for each class");
	CHECK(c < SWARM_CLASSES);
	return names[c];
}

static enum swarm_class link_class(enum link_class c)
{
	switch (c) {
	case LINK_C2C_NODE:
		return SWARM_C2C_NODE;
	case LINK_C2C_RACK:
		return SWARM_C2C_RACK;
	case LINK_C2C_POD:
		return SWARM_C2C_POD;
	case LINK_ETHERNET:
		return SWARM_ETHERNET;
	}
	UNREACHABLE("link class");
}

static enum swarm_class class_of(
        const struct scenario *s, const struct fault_kind *kind, uint32_t id)
{
	const struct topology *t = &s->deployment.topology;

	if (kind->targets & FAULT_TARGET_TRAFFIC)
		return SWARM_TRAFFIC;
	if (kind->targets & FAULT_TARGET_POOL)
		return SWARM_POOL;
	if (kind->targets & FAULT_TARGET_FRONTEND)
		return SWARM_FRONTEND;
	switch (t->components[id].kind) {
	case COMPONENT_CHIP:
		return SWARM_CHIP;
	case COMPONENT_NODE:
		return SWARM_NODE;
	case COMPONENT_LINK:
		return link_class(t->links[t->components[id].index].class);
	case COMPONENT_PDU:
		return SWARM_PDU;
	case COMPONENT_FAN:
		return SWARM_FAN;
	case COMPONENT_RACK:
		return SWARM_RACK;
	}
	UNREACHABLE("component kind");
}

/* --- what can be reached
 * --------------------------------------------------------------------------- */

/* Parameters at their defaults: the kind may say that with them nothing happens there. */
static bool is_moot(const struct scenario *s, const struct fault_kind *kind, const uint32_t *ids,
        uint32_t n, struct arena *arena)
{
	void *params = arena_must(arena, kind->params_size + 1);

	if (!kind->moot)
		return false;
	json_defaults(kind->fields, kind->n_fields, params);
	return kind->moot(params, &s->targets, ids, n) != NULL;
}

static void reach_kind(struct swarm_cover *row, const struct scenario *s,
        const struct fault_kind *kind, const uint32_t *uses, struct arena *arena)
{
	const struct target_resolver *r = &s->targets;
	const uint32_t *ids;
	const char *detail;
	uint32_t n;

	if (!swarm_can_draw(s, kind) ||
	        r->resolve(r->ctx, "all", kind->targets, arena, &ids, &n, &detail) != TARGET_FOUND)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct swarm_cover *c = &row[class_of(s, kind, ids[i])];
		bool used = kind->targets & FAULT_TARGETS_APART || uses[ids[i]];

		c->reachable |= PHASE_BIT(PHASE_INJECT) | PHASE_BIT(PHASE_RECOVER) |
		                PHASE_BIT(PHASE_REVERT);
		if (!used || (c->reachable & PHASE_BIT(PHASE_EFFECT) &&
		                     (c->reachable & kind->found) == kind->found))
			continue;
		if (is_moot(s, kind, &ids[i], 1, arena))
			continue;
		c->reachable |= PHASE_BIT(PHASE_EFFECT);
		if (r->guarded(r->ctx, kind->guard, ids[i]))
			c->reachable |= kind->found;
	}
}

/* Paths that this deployment has: spares, limits of admission, canaries, checks of artifacts. */
static unsigned reachable_paths(const struct scenario *s)
{
	const struct deployment *d = &s->deployment;
	unsigned set = 1u << REACHED_REPLAY_TAKEN | 1u << REACHED_THROTTLE |
	               1u << REACHED_SPARE_POOL_EMPTY;

	if (d->topology.spares_per_rack)
		set |= 1u << REACHED_SPARE_USED;
	for (uint32_t i = 0; i < d->n_pools; i++) {
		const struct pool_spec *p = &d->pools[i];

		if (p->admission.policy != ADMISSION_NONE)
			set |= 1u << REACHED_ADMISSION_REFUSED;
		if (p->digest_check)
			set |= 1u << REACHED_ARTIFACT_REFUSED;
		if (p->rollout.canary && !p->pinned)
			set |= 1u << REACHED_ROLLED_BACK;
	}
	return set;
}

void swarm_coverage_init(struct swarm_coverage *c, const struct scenario *s)
{
	struct arena arena;
	uint32_t *uses;

	*c = (struct swarm_coverage){.n_kinds = fault_catalogue_count()};
	c->e = mem_alloc(c->n_kinds, sizeof(*c->e));
	arena_init(&arena, (size_t)1 << 30);
	uses = targets_uses(&s->deployment, &arena);
	for (size_t k = 0; k < c->n_kinds; k++)
		reach_kind(c->e[k], s, fault_catalogue_at(k), uses, &arena);
	c->paths_reachable = reachable_paths(s);
	arena_free(&arena);
}

void swarm_coverage_free(struct swarm_coverage *c)
{
	mem_free(c->e);
	c->e = NULL;
}

/* --- a cell
 * ---------------------------------------------------------------------------------------- */

static unsigned phases_of(const struct score_fault *f)
{
	const int64_t at[PHASE_COUNT] = {f->inject_ns, f->effect_ns, f->detect_ns, f->isolate_ns,
	        f->failover_ns, f->recover_ns, f->revert_ns};
	unsigned set = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		set |= at[p] >= 0 ? PHASE_BIT(p) : 0;
	return set;
}

static size_t kind_index(const struct fault_kind *kind)
{
	size_t i = 0;

	while (fault_catalogue_at(i) != kind)
		i++;
	return i;
}

void swarm_coverage_line(const struct scenario *s, const struct score_fault *faults,
        const uint64_t paths[static REACHED_COUNT], struct json_out *o)
{
	size_t n = fault_catalogue_count();
	unsigned(*set)[SWARM_CLASSES] = mem_alloc(n, sizeof(*set));

	for (uint32_t i = 0; i < s->faults.n; i++) {
		const struct fault_spec *f = &s->faults.faults[i];

		for (uint32_t t = 0; t < f->n_targets; t++)
			set[kind_index(f->kind)][class_of(s, f->kind, f->targets[t])] |=
			        phases_of(&faults[i]);
	}
	json_out_open(o, "coverage", '[');
	for (size_t k = 0; k < n; k++)
		for (unsigned c = 0; c < SWARM_CLASSES; c++) {
			if (!set[k][c])
				continue;
			json_out_open(o, NULL, '[');
			json_out_str(o, NULL, fault_catalogue_at(k)->name);
			json_out_str(o, NULL, swarm_class_name(c));
			json_out_u64(o, NULL, set[k][c]);
			json_out_close(o);
		}
	json_out_close(o);
	json_out_open(o, "paths", '{');
	for (unsigned p = 0; p < REACHED_COUNT; p++)
		if (paths[p])
			json_out_u64(o, names_paths[p], paths[p]);
	json_out_close(o);
	mem_free(set);
}

/* --- all of them
 * ----------------------------------------------------------------------------------- */

static bool find_class(const char *name, enum swarm_class *out)
{
	for (unsigned c = 0; name && c < SWARM_CLASSES; c++)
		if (strcmp(name, swarm_class_name(c)) == 0) {
			*out = c;
			return true;
		}
	return false;
}

static enum status fold_one(struct swarm_coverage *c, struct jval v, struct error *err)
{
	const char *name = json_string(json_at(v, 0));
	const struct fault_kind *kind = name ? fault_catalogue_find(name) : NULL;
	enum swarm_class class;
	int64_t phases;

	if (!kind || !find_class(json_string(json_at(v, 1)), &class))
		return json_expected(v, err, "a kind, a class and a set of phases");
	if (json_i64(json_at(v, 2), &phases, err))
		return err->code;
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		c->e[kind_index(kind)][class].cells[p] += (uint64_t)phases >> p & 1;
	return ERR_NONE;
}

enum status swarm_coverage_fold(struct swarm_coverage *c, struct jval line, struct error *err)
{
	struct jval list = json_get(line, "coverage"), paths = json_get(line, "paths");

	if (json_type(list) != JSON_ARRAY || json_type(paths) != JSON_OBJECT)
		return json_expected(line, err, "the line of a swarm's cell");
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v))
		if (fold_one(c, v, err))
			return err->code;
	for (unsigned p = 0; p < REACHED_COUNT; p++)
		c->paths[p] += json_type(json_get(paths, names_paths[p])) != JSON_NONE;
	return ERR_NONE;
}

static bool was_injected(const struct swarm_cover *e)
{
	return e->reachable || e->cells[PHASE_INJECT];
}

/* Phases that could have been reached, and were in no cell. */
static unsigned missing(const struct swarm_cover *e)
{
	unsigned set = 0;

	for (unsigned p = 0; p < PHASE_COUNT; p++)
		if (e->reachable >> p & 1 && !e->cells[p])
			set |= PHASE_BIT(p);
	return set;
}

static void head_json(struct json_out *o, size_t kind, unsigned class)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "kind", fault_catalogue_at(kind)->name);
	json_out_str(o, "class", swarm_class_name(class));
}

static void table_json(const struct swarm_coverage *c, struct json_out *o)
{
	json_out_open(o, "coverage", '[');
	for (size_t k = 0; k < c->n_kinds; k++)
		for (unsigned i = 0; i < SWARM_CLASSES; i++) {
			const struct swarm_cover *e = &c->e[k][i];

			if (!was_injected(e))
				continue;
			head_json(o, k, i);
			for (unsigned p = 0; p < PHASE_COUNT; p++) {
				/* null: cannot be, as far as is known */
				if (e->reachable >> p & 1 || e->cells[p])
					json_out_u64(o, fault_phase_name(p), e->cells[p]);
				else
					json_out_null(o, fault_phase_name(p));
			}
			json_out_close(o);
		}
	json_out_close(o);
}

static void never_json(const struct swarm_coverage *c, struct json_out *o)
{
	json_out_open(o, "never_reached", '[');
	for (size_t k = 0; k < c->n_kinds; k++)
		for (unsigned i = 0; i < SWARM_CLASSES; i++) {
			unsigned set = missing(&c->e[k][i]);

			if (!set)
				continue;
			head_json(o, k, i);
			json_out_open(o, "phases", '[');
			for (unsigned p = 0; p < PHASE_COUNT; p++)
				if (set >> p & 1)
					json_out_str(o, NULL, fault_phase_name(p));
			json_out_close(o);
			json_out_close(o);
		}
	json_out_close(o);
}

void swarm_coverage_json(const struct swarm_coverage *c, struct json_out *o)
{
	table_json(c, o);
	never_json(c, o);
	json_out_open(o, "paths", '{');
	for (unsigned p = 0; p < REACHED_COUNT; p++)
		json_out_u64(o, names_paths[p], c->paths[p]);
	json_out_close(o);
	json_out_open(o, "paths_never", '[');
	for (unsigned p = 0; p < REACHED_COUNT; p++)
		if (c->paths_reachable >> p & 1 && !c->paths[p])
			json_out_str(o, NULL, names_paths[p]);
	json_out_close(o);
}

static void row_text(const struct swarm_cover *e, const char *kind, const char *class, FILE *text)
{
	(void)fprintf(text, "  %-22s %-9s", kind, class);
	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		if (e->cells[p] || e->reachable >> p & 1)
			(void)fprintf(text, " %8llu", (unsigned long long)e->cells[p]);
		else
			(void)fprintf(text, " %8s", "-");
	}
	(void)fprintf(text, "\n");
}

static void never_text(const struct swarm_coverage *c, FILE *text)
{
	bool any = false;

	for (size_t k = 0; k < c->n_kinds; k++)
		for (unsigned i = 0; i < SWARM_CLASSES; i++) {
			unsigned set = missing(&c->e[k][i]);

			if (!set)
				continue;
			(void)fprintf(text, "%s  %s on %s:", any ? "" : "never reached\n",
			        fault_catalogue_at(k)->name, swarm_class_name(i));
			for (unsigned p = 0; p < PHASE_COUNT; p++)
				if (set >> p & 1)
					(void)fprintf(text, " %s", fault_phase_name(p));
			(void)fprintf(text, "\n");
			any = true;
		}
	for (unsigned p = 0; p < REACHED_COUNT; p++)
		if (c->paths_reachable >> p & 1 && !c->paths[p]) {
			(void)fprintf(text, "%s  path %s\n", any ? "" : "never reached\n",
			        names_paths[p]);
			any = true;
		}
	if (!any)
		(void)fprintf(text, "never reached: nothing that could be\n");
}

void swarm_coverage_text(const struct swarm_coverage *c, FILE *text)
{
	(void)fprintf(text, "coverage, in cells (-: cannot be)\n  %-22s %-9s", "kind", "class");
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		(void)fprintf(text, " %8s", fault_phase_name(p));
	(void)fprintf(text, "\n");
	for (size_t k = 0; k < c->n_kinds; k++)
		for (unsigned i = 0; i < SWARM_CLASSES; i++)
			if (was_injected(&c->e[k][i]))
				row_text(&c->e[k][i], fault_catalogue_at(k)->name,
				        swarm_class_name(i), text);
	for (unsigned p = 0; p < REACHED_COUNT; p++) {
		(void)fprintf(text, "  path %-27s", names_paths[p]);
		if (c->paths[p] || c->paths_reachable >> p & 1)
			(void)fprintf(text, " %8llu\n", (unsigned long long)c->paths[p]);
		else
			(void)fprintf(text, " %8s\n", "-");
	}
	never_text(c, text);
}
