/* A request shows one frame for each link of its way, each time it takes it: links of a pass ×
 * passes. What requests are like is asked of the first ones of the traffic, which needs no law's
 * mean and does for traces, too; a plan that is wrong by a factor costs disk, not truth. */
#include "harness/run/capture_plan.h"

#include "emulator/rack.h"
#include "harness/base/units.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/plan.h"

enum {
	ASKED = 256,            /* requests */
	RECORD_BYTES = 16,      /* of a capture file, before each frame */
	SHARE_OF_POLLS = 8,     /* of the bytes that are aimed at, 1/8 */
	MESSAGES_OF_A_NODE = 3, /* poll, answer, sample */
};

/* Links that one pass over an instance of the pool takes. */
static uint64_t links_of(const struct scenario *s, const struct pool_spec *pool)
{
	const struct topology *t = &s->deployment.topology;
	uint64_t n = (uint64_t)pool->nodes_per_instance * t->chips_per_node *
	             (t->chips_per_node - 1) / 2;

	for (uint32_t i = 0; i + 1 < pool->nodes_per_instance; i++) {
		uint32_t hop[2];

		n += topology_hop(t, pool->nodes[i], pool->nodes[i + 1], hop);
	}
	return n;
}

/* What a request is like on average. */
struct likeness {
	double passes; /* over its instance */
	double links;  /* of one */
};

static enum status ask(const struct scenario *s, struct likeness *out, struct error *err)
{
	uint64_t passes = 0, frames = 0, n = 0;
	struct traffic *traffic;
	struct plan_place at;
	struct arrival a;
	bool more = true;

	*out = (struct likeness){0, 0};
	if (traffic_open(&s->traffic, s->seed, s->duration_ns, &s->traces, &traffic, err))
		return err->code;
	while (n < ASKED && traffic_next(traffic, &a, &more, err) == ERR_NONE && more) {
		n++;
		if (!plan_place(s, &a, &at))
			continue;
		passes += (uint64_t)(at.prefill + at.decode);
		frames += (uint64_t)(at.prefill + at.decode) *
		          links_of(s, &s->deployment.pools[at.pool]);
	}
	traffic_close(traffic);
	if (passes)
		*out = (struct likeness){
		        (double)passes / (double)n, (double)frames / (double)passes};
	return err->code;
}

/* As many polls as fit into their share, once a second at most. */
static int64_t period_of(const struct scenario *s)
{
	uint64_t round = (uint64_t)s->deployment.topology.n_nodes * MESSAGES_OF_A_NODE *
	                 (WIRE_UDP_BYTES + RECORD_BYTES);
	int64_t rounds = (int64_t)(CAPTURE_AIM_BYTES / SHARE_OF_POLLS / round), period;

	period = s->duration_ns / (rounds > 0 ? rounds : 1);
	return period > NS_PER_S ? period : NS_PER_S;
}

static uint32_t at_least_one(double v)
{
	return v < 1 ? 1 : v > INT32_MAX ? INT32_MAX : (uint32_t)v;
}

enum status capture_plan(const struct scenario *s, struct capture_plan *out, struct error *err)
{
	struct score_config config = scenario_score_config(s, true);
	double requests = config.expected_rate_all * (double)s->duration_ns / 1e9, every, most;
	struct likeness like;

	*out = (struct capture_plan){.every = 0};
	if (!s->has_deployment || s->target.url || s->mirror.off || !rack_fits_wire(&s->deployment))
		return ERR_NONE;
	if (ask(s, &like, err))
		return err->code;
	out->period_ns = period_of(s);
	out->frames = at_least_one(like.passes / CAPTURE_FRAMES);
	every = requests * (like.passes / out->frames) * like.links *
	        (WIRE_FRAME_BYTES + RECORD_BYTES) / CAPTURE_AIM_BYTES;
	most = requests / CAPTURE_REQUESTS_MIN;
	out->every = at_least_one(every > most ? most : every);
	if (s->mirror.every) {
		out->every = (uint32_t)s->mirror.every;
		out->frames = (uint32_t)s->mirror.frames;
	}
	return ERR_NONE;
}
