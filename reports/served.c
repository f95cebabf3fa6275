#include "reports/served.h"

#include "reports/score.h"

void served_sample(const struct served *r, struct sample *out)
{
	int64_t arrival = r->t_sched + r->ingress_ns;

	*out = (struct sample){.id = r->id,
	        .order = r->order,
	        .tenant = r->tenant,
	        .tier = r->tier,
	        .outcome = OUTCOME_OK,
	        .t_sched = r->t_sched,
	        .t_send = r->t_sched,
	        .t_hdr = r->t_first + r->ingress_ns,
	        .t_first = r->t_first + r->ingress_ns,
	        .t_last = r->t_last + r->ingress_ns,
	        .t_done = r->t_last + r->ingress_ns,
	        .prompt_tokens = r->prompt_tokens,
	        .output_tokens = r->output_tokens,
	        .queue_ns = r->t_entry - arrival,
	        .prefill_ns = r->t_first - r->t_entry,
	        .decode_ns = r->t_last - r->t_first,
	        .itl_judged_ns = r->output_tokens > 1 ? r->frame_ns : -1,
	        .attempts = 1,
	        .blame_network_ns = 2 * r->ingress_ns,
	        .blame_queue_ns = r->t_dispatch - arrival,
	        .blame_entry_ns = r->t_entry - r->t_dispatch,
	        .blame_prefill_ns = r->t_first - r->t_entry,
	        .blame_decode_ns = r->t_last - r->t_first};
}

void score_served(struct score *s, const struct served *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct sample full;

		served_sample(&r[i], &full);
		if (r[i].output_tokens > 1)
			score_gaps(s, r[i].id, r[i].tier, r[i].frame_ns,
			        (int64_t)r[i].output_tokens - 1);
		score_sample(s, &full);
	}
}
