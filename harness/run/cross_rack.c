#include "harness/run/cross_rack.h"

#include "emulator/crossing.h"
#include "harness/base/arena.h"

bool cross_rack_is_planned(const struct scenario *s)
{
	return s->has_deployment && crossing_of(&s->deployment).instances > 0;
}

static void describe(const struct scenario *s, struct result_cross_rack *out)
{
	const struct cross_rack_spec *spec = &s->deployment.cross_rack;
	struct crossing crossing = crossing_of(&s->deployment);

	*out = (struct result_cross_rack){.position = cross_rack_position_name(spec->position),
	        .rationale = spec->rationale,
	        .envelope = spec->envelope,
	        .label = truth_name(spec->label),
	        .reach = link_class_name(deployment_reach(&s->deployment)),
	        .stated = crossing.stated,
	        .instances = crossing.instances,
	        .hops = crossing.hops,
	        .ethernet_hops = crossing.ethernet};
}

/* Of all frames of one size, the dearest bucket's. */
static void compare_frames(
        const struct deployment *with, const struct deployment *without, int64_t *frame_ns)
{
	int64_t most = -1;

	for (uint32_t p = 0; p < with->n_pools; p++)
		for (uint32_t b = 0; b < with->pools[p].n_buckets; b++) {
			int64_t a = with->pools[p].buckets[b].frame_ns,
			        c = without->pools[p].buckets[b].frame_ns;

			if (a - c > most) {
				most = a - c;
				frame_ns[0] = a;
				frame_ns[1] = c;
			}
		}
}

struct costs {
	struct histogram ttft[2], tpot[2]; /* [0] as it was, [1] with free crossings */
};

static void add(struct histogram h[static 2], int64_t with, int64_t without)
{
	if (with < 0 || without < 0)
		return;
	histogram_add(&h[0], with);
	histogram_add(&h[1], without);
}

/* Requests that are measured and ok both times. */
static void compare_latencies(const struct scenario *s, const struct book_entry *a,
        const struct book_entry *b, struct costs *costs)
{
	if (!a || !b || a->outcome != OUTCOME_OK || b->outcome != OUTCOME_OK ||
	        a->t_sched < s->warmup_ns || a->t_sched >= s->duration_ns)
		return;
	add(costs->ttft, a->ttft_ns, b->ttft_ns);
	add(costs->tpot, a->tpot_ns, b->tpot_ns);
}

static struct result_spread spread_of(const struct histogram *h)
{
	struct result_spread out = {.mean_ns = -1, .p50_ns = -1, .p99_ns = -1};

	if (h->count)
		out.mean_ns = (double)h->sum / (double)h->count;
	if (h->count < histogram_floor(0.5) || !histogram_percentile(h, 0.5, &out.p50_ns))
		out.p50_ns = -1;
	if (h->count < histogram_floor(0.99) || !histogram_percentile(h, 0.99, &out.p99_ns))
		out.p99_ns = -1;
	return out;
}

static void compare(const struct scenario *s, const struct book *with, const struct book *without,
        struct result_cross_rack *out)
{
	struct score_fault cost = {0};
	struct costs costs;

	for (unsigned i = 0; i < 2; i++) {
		histogram_init(&costs.ttft[i]);
		histogram_init(&costs.tpot[i]);
	}
	for (uint64_t id = 0; (id = book_next(with, without, id)) != 0;) {
		const struct book_entry *a = book_at(with, id), *b = book_at(without, id);

		(void)evaluate_damage_of(a, b, 0, &cost);
		compare_latencies(s, a, b, &costs);
	}
	out->late = cost.damage.late;
	out->lost = cost.damage.lost;
	out->extra_ns_sum = cost.damage.extra_ns_sum;
	for (unsigned i = 0; i < 2; i++) {
		out->ttft[i] = spread_of(&costs.ttft[i]);
		out->tpot[i] = spread_of(&costs.tpot[i]);
		histogram_free(&costs.ttft[i]);
		histogram_free(&costs.tpot[i]);
	}
	out->known = true;
}

enum status cross_rack_measure(const struct scenario *s, struct evaluation *run,
        const volatile sig_atomic_t *interrupt, struct result_cross_rack *out, struct error *err)
{
	struct scenario *free_of = mem_alloc(1, sizeof(*free_of));
	struct virtual_result twin;
	struct book book;
	enum status st = ERR_NONE;

	describe(s, out);
	*free_of = *s;
	crossing_free(&s->deployment, &free_of->deployment);
	compare_frames(&s->deployment, &free_of->deployment, out->frame_ns);
	if (!run->book.dropped && !run->run.aborted && !run->run.interrupted) {
		book_init(&book);
		st = drive_virtual(free_of,
		        &(struct virtual_options){.seed = s->seed,
		                .without = VIRTUAL_ALL_FAULTS,
		                .script = fault_plan_is_live(&s->faults) ? &run->run.script : NULL,
		                .book = &book,
		                .free_crossings = true,
		                .interrupt = interrupt},
		        &twin, err);
		run->events += twin.events;
		if (!st && !twin.interrupted && !twin.aborted)
			compare(s, &run->book, &book, out);
		virtual_result_free(&twin);
		book_free(&book);
	}
	mem_free(free_of);
	return st;
}
