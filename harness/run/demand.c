#include "harness/run/shaper.h"

#include "faults/shape.h"
#include "harness/base/arena.h"
#include "workloads/reshape.h"

struct shape {
	bool active;
	int64_t since;
	const struct shape_params *params;
	uint64_t key;
};

struct shaper {
	const struct fault_plan *plan;
	uint32_t n_active;
	struct shape *shapes; /* by fault */
};

struct shaper *shaper_new(const struct fault_plan *plan, uint64_t seed)
{
	struct shaper *sh = mem_alloc(1, sizeof(*sh));

	sh->plan = plan;
	sh->shapes = mem_alloc(plan->n ? plan->n : 1, sizeof(*sh->shapes));
	for (uint32_t i = 0; i < plan->n; i++)
		sh->shapes[i].key = reshape_key(seed, plan->faults[i].id);
	return sh;
}

void shaper_free(struct shaper *sh)
{
	if (!sh)
		return;
	mem_free(sh->shapes);
	mem_free(sh);
}

static void reshape(void *ctx, int64_t now, uint32_t fault, const void *params)
{
	struct shaper *sh = ctx;
	struct shape *s = &sh->shapes[fault];

	if (s->active != (params != NULL))
		sh->n_active += params ? 1 : -1u;
	s->active = params != NULL;
	s->params = params;
	s->since = now;
}

struct fault_sink shaper_sink(struct shaper *sh)
{
	return (struct fault_sink){.ctx = sh, .reshape = reshape};
}

static bool targets(const struct fault_spec *f, uint32_t tenant)
{
	for (uint32_t i = 0; i < f->n_targets; i++)
		if (f->targets[i] == tenant)
			return true;
	return false;
}

static bool apply(const struct shape *s, struct arrival *a)
{
	const struct shape_params *p = s->params;

	if (p->kind == SHAPE_OUTLIER)
		return reshape_outlier_apply(
		        &(struct reshape_outlier){
		                .key = s->key,
		                .share_ppb = (uint64_t)(p->share * 1e9 + 0.5),
		                .prompt = p->prompt_law,
		                .output = p->output_law,
		        },
		        a);
	return reshape_creep_apply(
	        &(struct reshape_creep){
	                .output = p->of == SHAPE_OUTPUT,
	                .tokens_per_min_nano = (uint64_t)(p->rate * 1e9 + 0.5),
	                .ceiling = p->ceiling,
	        },
	        a->at_ns - s->since, a);
}

void shaper_apply(struct shaper *sh, struct arrival *a,
        void (*hit)(void *ctx, uint32_t fault, int64_t at_ns), void *ctx)
{
	if (!sh->n_active)
		return;
	for (uint32_t i = 0; i < sh->plan->n; i++) {
		const struct shape *s = &sh->shapes[i];

		if (!s->active || !targets(&sh->plan->faults[i], a->tenant))
			continue;
		if (apply(s, a) && hit)
			hit(ctx, i, a->at_ns);
	}
}
