#include "tests/support/fault_bench.h"

#include <stdio.h>
#include <string.h>

#include "faults/catalogue.h"

static enum target_answer resolve(void *ctx, const char *word, unsigned classes,
        struct arena *arena, const uint32_t **ids, uint32_t *n, const char **detail)
{
	struct bench *b = ctx;
	uint32_t *found = ARENA_ARRAY(arena, uint32_t, 1);

	(void)classes;
	*detail = NULL;
	*found = topology_find(&b->deployment.topology, word);
	*ids = found;
	*n = 1;
	return *found == COMPONENT_NONE ? TARGET_UNKNOWN : TARGET_FOUND;
}

void fault_bench_init(struct fault_bench *f, struct bench *b, const char *kind, uint32_t fault,
        const char *targets, const char *params)
{
	const struct fault_kind *k = fault_catalogue_find(kind);
	struct target_resolver resolver = {.ctx = b, .resolve = resolve};
	struct error err = ERROR_INIT;
	char names[256], *rest = names, *name;
	enum status rc;

	CHECK(k && k->params_size <= sizeof(f->params) && strlen(targets) < sizeof(names));
	memset(f, 0, sizeof(*f));
	rc = json_parse("params", params, strlen(params), &f->doc, &err);
	if (!rc)
		rc = json_read(json_root(f->doc), k->fields, k->n_fields, f->params, &err);
	if (!rc && k->validate)
		rc = k->validate(json_root(f->doc), &resolver, &b->arena, f->params, &err);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	CHECK(!rc);
	f->m = (struct fault_machine){.kind = k,
	        .params = f->params,
	        .fault = fault,
	        .targets = f->targets,
	        .next_at = NS_NEVER};
	snprintf(names, sizeof(names), "%s", targets);
	while ((name = strsep(&rest, ","))) {
		CHECK(f->m.n_targets < FAULT_BENCH_TARGETS);
		f->targets[f->m.n_targets] = k->targets & FAULT_TARGET_FRONTEND
		                                     ? (uint32_t)(name[2] - '0') /* fe0 … fe9 */
		                                     : topology_find(&b->deployment.topology, name);
		CHECK(f->targets[f->m.n_targets++] != COMPONENT_NONE);
	}
}

void fault_bench_free(struct fault_bench *f)
{
	json_free(f->doc);
}

void fault_bench_inject(const struct fault_sink *sink, int64_t now, void *ctx)
{
	struct fault_machine *m = &((struct fault_bench *)ctx)->m;

	m->began = now;
	m->kind->inject(m, now, sink);
}

void fault_bench_step(const struct fault_sink *sink, int64_t now, void *ctx)
{
	struct fault_machine *m = &((struct fault_bench *)ctx)->m;

	CHECK(m->next_at == now);
	m->kind->step(m, now, sink);
}

void fault_bench_revert(const struct fault_sink *sink, int64_t now, void *ctx)
{
	struct fault_machine *m = &((struct fault_bench *)ctx)->m;

	m->kind->revert(m, now, sink);
	CHECK(!m->holding);
	sink->reverted(sink->ctx, now, m->fault);
}
