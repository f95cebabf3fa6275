/* Somebody reseats two cables and confuses their far ends. Whether that is found at once or never
 * is decided by who compares the serials with the plan. */
#include "faults/cable.h"
#include "faults/kinds.h"
#include "faults/schedule.h"

#include <string.h>

static const struct field FIELDS[] = {
        {.name = "with",
                .type = FIELD_STRING,
                .offset = offsetof(struct miswire_fault, with),
                .unit = "c2c link",
                .help = "the other cable; left out: the next one of its kind from the same near "
                        "end"},
        {.name = "reseat",
                .type = FIELD_DURATION,
                .offset = offsetof(struct miswire_fault, reseat_ns),
                .fallback = "\"50ms\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = NS_MAX,
                .unit = "ns",
                .help = "time for which both cables are out",
                .label = "assumption",
                .source = "shorter than health.persist, so that the wiring decides and not the "
                          "gap; by hand it takes longer"},
};

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	struct jval with = json_get(v, "with"), target = json_get(v, "target");
	struct miswire_fault *p = params;
	const uint32_t *ids = NULL;
	const char *detail = NULL;
	uint32_t n = 0;

	p->with_id = UINT32_MAX;
	if (!p->with)
		return ERR_NONE;
	if (json_type(target) == JSON_ARRAY)
		return json_error_key(with, err,
		        "expected 'with' beside a single target, found a list of targets");
	if (resolver->resolve(resolver->ctx, p->with, FAULT_TARGET_C2C_LINK, arena, &ids, &n,
	            &detail) != TARGET_FOUND ||
	        n != 1)
		return json_expected(with, err, "the name of a c2c link%s%s%s",
		        detail ? " (nearest is '" : "", detail ? detail : "", detail ? "')" : "");
	if (json_string(target) && strcmp(json_string(target), p->with) == 0)
		return json_expected(with, err, "another cable than the target");
	p->with = arena_strndup(arena, p->with, strlen(p->with));
	p->with_id = ids[0];
	return ERR_NONE;
}

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct miswire_fault *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->cable_pull(sink->ctx, now, m->fault, m->targets[i], p->with_id);
	m->holding = true;
	m->next_at = now + p->reseat_ns;
}

static void step(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->cable_plug(sink->ctx, now, m->fault, m->targets[i]);
	m->next_at = NS_NEVER;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->cable_restore(sink->ctx, now, m->fault, m->targets[i]);
	m->holding = false;
}

const struct fault_kind fault_link_miswire = {
        .name = "link.miswire",
        .help = "two C2C cables are reseated with their far ends swapped",
        .effect = "Both cables are out for reseat: instances over them stall as over a link that "
                  "is down, but it is announced and nobody is suspected. With cable_plan.check "
                  "their bring-up is then refused, both ports are named, and the links stay down: "
                  "past health.persist a node is evicted. Without the check they come up; a path "
                  "over them runs to a wrong end and on from there, each frame is late by the "
                  "extra hops, and critical_path_in_rack is judged by where the path runs now.",
        .detection = "by the serials at bring-up, at inject + reseat; without cable_plan.check "
                     "never",
        .revert_text = "both cables are back in their ports and up at once",
        .targets = FAULT_TARGET_C2C_LINK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .guard = FAULT_GUARD_CABLE_CHECK,
        .exclusive = "link",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct miswire_fault),
        .validate = validate,
        .example = "{\"id\": \"swap\", \"kind\": \"link.miswire\", \"target\": \"r0.n0-r0.n1.0\", "
                   "\"at\": \"20s\", \"for\": \"20s\"}",
        .inject = inject,
        .step = step,
        .revert = revert,
};
