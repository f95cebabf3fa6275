#include "harness/run/contingency_scenario.h"

#include <string.h>

#include "faults/catalogue.h"
#include "harness/base/units.h"

const struct fault_kind *contingency_kind(enum unit_class class)
{
	static const char *const names[] = {[UNIT_CHIP] = "chip.loss",
	        [UNIT_NODE] = "node.loss",
	        [UNIT_CABLE] = "link.down",
	        [UNIT_PDU] = "power.pdu_trip",
	        [UNIT_FAN] = "cooling.fan_loss"};

	return fault_catalogue_find(names[class]);
}

/* Which losses an expectation asks about is not for the base to say: they are not its faults. */
static void derive_rules(struct contingency_shape *shape)
{
	const struct score_rules *base = &shape->base->rules;
	struct score_rules *rules = &shape->rules;

	*rules = *base;
	rules->n_abort = 0;
	rules->expect = ARENA_ARRAY(&shape->arena, struct expect_rule, base->n_expect + 1);
	for (uint32_t i = 0; i < base->n_expect; i++) {
		rules->expect[i] = base->expect[i];
		if (rules->expect[i].kind <= EXPECT_TTR)
			rules->expect[i].fault = UINT32_MAX;
	}
}

void contingency_shape_init(struct contingency_shape *shape, const struct scenario *base,
        const struct contingency_cells *cells, uint32_t n_losses,
        const int64_t at_ns[static CONTINGENCY_LOSSES_MAX])
{
	*shape = (struct contingency_shape){
	        .base = base, .cells = cells, .n_losses = n_losses, .ids = {"first", "second"}};
	CHECK(n_losses <= CONTINGENCY_LOSSES_MAX);
	arena_init(&shape->arena, 1 << 20);
	memcpy(shape->at_ns, at_ns, sizeof(shape->at_ns));
	for (int i = 0; i < UNIT_CLASSES; i++) {
		const struct fault_kind *kind = contingency_kind((enum unit_class)i);

		shape->kinds[i] = kind;
		/* No kind here asks the deployment about its parameters. */
		CHECK(!kind->validate && !kind->suits);
		if (!kind->params_size)
			continue;
		shape->params[i] = arena_must(&shape->arena, kind->params_size);
		json_defaults(kind->fields, kind->n_fields, shape->params[i]);
	}
	derive_rules(shape);
	shape->names = base->names;
	shape->names.n_faults = n_losses;
	shape->names.faults = shape->ids;
}

void contingency_shape_free(struct contingency_shape *shape)
{
	arena_free(&shape->arena);
}

static void lose(const struct contingency_shape *shape, uint32_t loss, uint32_t unit,
        struct contingency_scenario *out)
{
	const struct unit *u = &shape->cells->units[unit];

	out->targets[loss] = u->component;
	out->losses[loss] = (struct fault_spec){
	        .id = shape->ids[loss],
	        .kind = shape->kinds[u->class],
	        .n_targets = 1,
	        .targets = &out->targets[loss],
	        .target = contingency_unit_name(shape->cells, unit),
	        .start = START_TIMED,
	        .planned = true,
	        .at_ns = shape->at_ns[loss],
	        .for_ns = NS_NEVER,
	        .params = shape->params[u->class],
	};
}

void contingency_derive(const struct contingency_shape *shape, const struct contingency_cell *cell,
        struct contingency_scenario *out)
{
	struct scenario *s = &out->s;

	*s = *shape->base;
	s->rules = shape->rules;
	s->names = shape->names;
	for (uint32_t i = 0; i < shape->n_losses; i++)
		lose(shape, i, cell->unit[i], out);
	s->faults = (struct fault_plan){.n = shape->n_losses, .faults = out->losses};
}
