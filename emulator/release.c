/* Which artifact an instance runs, and how it comes to run another one. Three things go on here,
 * each on an instance of its own and without a request being told:
 *
 *   rollout   inject → the canary (or the whole share) runs the new artifact: its frames take
 *             another time. With a canary: check → longer than the tolerance allows: detected, and
 *             the old artifact is back after the rollback; else → the share.
 *   restart   its turn → drain (no new request; what runs ends) → the offered artifact is compared
 *             by its digest and refused: detected → the valid one is loaded → serves, and the next
 *             instance of the pool has its turn. The comparison comes before the load.
 *   recompile the pool has no artifact: no instance takes a request, what runs ends on what lies in
 *             SRAM → the farm is done → every instance loads → serves.
 *
 * Where a pool has switched the comparison off, the stale artifact is loaded and every token of the
 * instance is wrong (emulator/sdc.c), which only a client that knows better can see.
 *
 * A load takes what a failover's remap, resync and resume take (emulator/health.c), because the
 * node's part of the weights and the binaries go the same way: out of the host's memory, or over a
 * registry's link, which may be congested.
 *
 * The end of the fault takes back what has not happened: the new artifact from the instances, the
 * jobs from the farm, an instance that drains from the drain. A load under way ends as it would. */
#include <string.h>

#include "emulator/rack_state.h"

void release_create(struct rack *r)
{
	farm_init(&r->release.farm, r->d->compile_farm.workers);
}

void release_free(struct rack *r)
{
	farm_free(&r->release.farm);
	mem_free(r->release.rollouts);
	mem_free(r->release.restarts);
	mem_free(r->release.wrong);
	mem_free(r->release.host);
}

static struct instance *instance_of(struct rack *r, uint32_t pool, uint32_t k)
{
	return &r->instances[r->pools[pool].first_instance + k];
}

/* --- rollouts
 * -------------------------------------------------------------------------------------- */

/* The fault that leaves most to the host in a pool (ties: the lower index). */
static struct host_work most_host_work(const struct release *l, uint32_t pool)
{
	struct host_work most = {.fault = FAULT_NONE, .pool = pool};

	for (uint32_t i = 0; i < l->n_host; i++)
		if (l->host[i].pool == pool &&
		        (l->host[i].ns > most.ns ||
		                (l->host[i].ns == most.ns && l->host[i].fault < most.fault)))
			most = l->host[i];
	return most;
}

/* What the instances of a pool run, after something about it has changed. */
static void apply(struct rack *r, int64_t now, uint32_t pool)
{
	const struct release *l = &r->release;
	struct host_work host = most_host_work(l, pool);

	for (uint32_t k = 0; k < r->pools[pool].n_instances; k++) {
		struct instance *in = instance_of(r, pool, k);
		uint32_t ppm = SLOW_NONE, fault = FAULT_NONE;

		for (uint32_t i = 0; i < l->n_rollouts; i++) {
			if (l->rollouts[i].pool != pool || k >= l->rollouts[i].reached)
				continue;
			ppm = l->rollouts[i].frame_ppm; /* one at a time: exclusive */
			fault = l->rollouts[i].fault;
		}
		instance_set_host(in, now, r->pools[pool].host_ns, host.fault, host.ns);
		clocking_artifact(r, now, in, ppm, fault);
	}
}

/* The longest of the canary's frames, as measured, beyond the timetable by more than allowed? */
static bool is_regression(struct rack *r, const struct rollout *o)
{
	const struct rollout_spec *spec = &r->pools[o->pool].spec->rollout;

	for (uint32_t k = 0; k < o->reached; k++) {
		const struct instance *in = instance_of(r, o->pool, k);

		for (uint32_t b = 0; b < in->n_buckets; b++)
			if ((unsigned __int128)in->frame_now[b] * SLOW_NONE >
			        (unsigned __int128)in->bucket_frame_ns[b] *
			                (uint64_t)(SLOW_NONE + spec->tolerance_ppm))
				return true;
	}
	return false;
}

static void step_rollout(struct rack *r, int64_t now, struct rollout *o)
{
	o->next_at = NS_NEVER;
	if (o->state == ROLLOUT_CANARY && is_regression(r, o)) {
		rack_phase(r, o->fault, PHASE_DETECT, now);
		o->state = ROLLOUT_BACK;
		o->next_at = now + r->pools[o->pool].spec->rollout.rollback_ns;
		return;
	}
	if (o->state == ROLLOUT_CANARY) {
		o->state = ROLLOUT_OUT;
		o->reached = o->share;
	} else {
		o->state = ROLLOUT_OVER;
		o->reached = 0;
		r->counts.rollbacks++;
		rack_phase(r, o->fault, PHASE_FAILOVER, now);
	}
	apply(r, now, o->pool);
}

static uint32_t share_of(const struct serving_pool *p, uint32_t share_ppm, uint32_t instances)
{
	uint64_t n = ((uint64_t)p->n_instances * share_ppm + SLOW_NONE - 1) / SLOW_NONE;

	if (instances)
		n = instances;
	return n < p->n_instances ? (uint32_t)n : p->n_instances;
}

void release_rollout(struct rack *r, int64_t now, uint32_t fault, uint32_t pool,
        const struct artifact_change *change)
{
	struct release *l = &r->release;
	const struct pool_spec *spec = r->pools[pool].spec;
	struct rollout *o;

	if (spec->pinned)
		return;
	l->rollouts =
	        mem_room(l->rollouts, l->n_rollouts, &l->rollouts_capacity, sizeof(*l->rollouts));
	o = &l->rollouts[l->n_rollouts++];
	*o = (struct rollout){.fault = fault,
	        .pool = pool,
	        .state = ROLLOUT_OUT,
	        .frame_ppm = change->frame_ppm,
	        .share = share_of(&r->pools[pool], change->share_ppm, change->instances),
	        .next_at = NS_NEVER};
	o->reached = o->share;
	if (spec->rollout.canary) {
		o->state = ROLLOUT_CANARY;
		o->next_at = now + spec->rollout.check_ns;
		if (spec->rollout.canary < o->reached)
			o->reached = spec->rollout.canary;
	}
	rack_phase(r, fault, PHASE_EFFECT, now);
	apply(r, now, pool);
}

void release_withdraw(struct rack *r, int64_t now, uint32_t fault, uint32_t pool)
{
	struct release *l = &r->release;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n_rollouts; i++)
		if (l->rollouts[i].fault != fault || l->rollouts[i].pool != pool)
			l->rollouts[kept++] = l->rollouts[i];
	l->n_rollouts = kept;
	apply(r, now, pool);
}

/* The entry of a fault in a pool, made if there is none. */
static struct host_work *host_work_of(struct release *l, uint32_t fault, uint32_t pool)
{
	for (uint32_t i = 0; i < l->n_host; i++)
		if (l->host[i].fault == fault && l->host[i].pool == pool)
			return &l->host[i];
	l->host = mem_room(l->host, l->n_host, &l->host_capacity, sizeof(*l->host));
	l->host[l->n_host] = (struct host_work){.fault = fault, .pool = pool};
	return &l->host[l->n_host++];
}

void release_host_time(struct rack *r, int64_t now, uint32_t fault, uint32_t pool, int64_t by_ns)
{
	struct release *l = &r->release;
	struct host_work *work = host_work_of(l, fault, pool);

	CHECK(by_ns >= 0 || work->ns >= (uint64_t)-by_ns);
	if (by_ns > 0)
		rack_phase(r, fault, PHASE_EFFECT, now);
	r->pools[pool].host_ns += (uint64_t)by_ns;
	work->ns += (uint64_t)by_ns;
	if (!work->ns)
		*work = l->host[--l->n_host];
	apply(r, now, pool);
}

/* --- restarts
 * -------------------------------------------------------------------------------------- */

static void withhold(struct rack *r, uint32_t instance)
{
	struct instance *in = &r->instances[instance];

	r->pools[in->pool].live_instances -= instance_takes(in);
	in->withheld++;
}

static void give_back(struct rack *r, uint32_t instance)
{
	struct instance *in = &r->instances[instance];

	CHECK(in->withheld > 0);
	in->withheld--;
	r->pools[in->pool].live_instances += instance_takes(in);
	r->dispatch_due = true;
}

static void add_restart(struct rack *r, struct restart restart)
{
	struct release *l = &r->release;

	l->restarts =
	        mem_room(l->restarts, l->n_restarts, &l->restarts_capacity, sizeof(*l->restarts));
	restart.next_at = NS_NEVER;
	l->restarts[l->n_restarts++] = restart;
}

static bool same_job(const struct restart *a, uint32_t fault, uint32_t pool)
{
	return a->fault == fault && a->pool == pool && a->state != RESTART_OVER;
}

/* The next instance of a rolling restart drains, if none of the pool is at it. */
static void next_turn(struct rack *r, int64_t now, uint32_t fault, uint32_t pool)
{
	struct release *l = &r->release;
	struct restart *next = NULL;

	for (uint32_t i = 0; i < l->n_restarts; i++) {
		struct restart *s = &l->restarts[i];

		if (!same_job(s, fault, pool))
			continue;
		if (s->state != RESTART_WAIT)
			return;
		if (!next)
			next = s;
	}
	if (!next)
		return;
	rack_phase(r, fault, PHASE_EFFECT, now);
	next->state = RESTART_DRAIN;
	next->next_at = now;
	withhold(r, next->instance);
}

/* All that a fault had going on is over: its pools are whole again. */
static void whole_again(struct rack *r, int64_t now, uint32_t fault)
{
	for (uint32_t i = 0; i < r->release.n_restarts; i++)
		if (r->release.restarts[i].fault == fault &&
		        r->release.restarts[i].state != RESTART_OVER)
			return;
	rack_phase(r, fault, PHASE_FAILOVER, now);
}

/* Would the artifact that is offered pass for the pool's own? The digest covers everything by which
 * the two may differ, so it cannot; an explicit timetable is known by its name and revision alone.
 */
static bool passes(const struct rack *r, uint32_t pool, enum artifact_skew skew)
{
	const struct artifact *own = r->pools[pool].spec->artifact;
	struct artifact offered;

	if (!own)
		return false;
	offered = *own;
	artifact_skew(&offered, skew, &r->d->hardware);
	return strcmp(offered.digest, own->digest) == 0;
}

/* Nobody has compared: the instance answers, and every token is another model's. */
static void run_wrong(struct rack *r, int64_t now, const struct restart *s)
{
	struct release *l = &r->release;
	uint32_t node = r->instances[s->instance].nodes[0];
	struct wrong_artifact w = {s->fault, s->pool, r->d->topology.node_component0 + node};

	l->wrong = mem_room(l->wrong, l->n_wrong, &l->wrong_capacity, sizeof(*l->wrong));
	l->wrong[l->n_wrong++] = w;
	sdc_all_wrong(r, now, w.fault, w.component);
}

static void run_right_again(struct rack *r, int64_t now, uint32_t fault, uint32_t pool)
{
	struct release *l = &r->release;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n_wrong; i++)
		if (l->wrong[i].fault == fault && l->wrong[i].pool == pool)
			sdc_set(r, now, fault, l->wrong[i].component, 0);
		else
			l->wrong[kept++] = l->wrong[i];
	l->n_wrong = kept;
}

/* Over the registry's link at its pace, or out of the host's memory. */
static void begin_load(struct rack *r, int64_t now, struct restart *s)
{
	const struct health_spec *h = &r->d->health;
	int64_t load = health_load_ns(r, &r->instances[s->instance]);

	if (load && h->weights_from == WEIGHTS_REGISTRY) {
		s->state = RESTART_LOAD;
		s->next_at = download_begin(r, now, load, &s->load);
	} else {
		s->state = RESTART_START;
		s->next_at = now + load + h->remap_ns + h->resync_ns + h->resume_ns;
	}
}

static void step_load(struct rack *r, int64_t now, struct restart *s)
{
	const struct health_spec *h = &r->d->health;
	const struct instance *in = &r->instances[s->instance];

	if (!download_step(r, now, &s->load, &s->next_at))
		return;
	for (uint32_t i = 0; i < in->n_nodes; i++)
		moves_loaded(r, now, in, in->nodes[i]);
	s->state = RESTART_START;
	s->next_at = now + h->remap_ns + h->resync_ns + h->resume_ns;
}

static void step_restart(struct rack *r, int64_t now, struct restart *s)
{
	const struct instance *in = &r->instances[s->instance];

	if (s->state == RESTART_DRAIN)
		s->next_at = NS_NEVER; /* until somebody leaves */
	if (s->state == RESTART_DRAIN && instance_is_idle(in)) {
		s->wrong = s->stale && !r->pools[s->pool].spec->digest_check;
		if (s->stale && !s->wrong) {
			CHECK(!passes(r, s->pool, s->skew));
			rack_phase(r, s->fault, PHASE_DETECT, now);
			r->counts.artifacts_refused++;
		}
		begin_load(r, now, s);
	}
	if (s->state == RESTART_LOAD && s->next_at <= now)
		step_load(r, now, s);
	if (s->state == RESTART_START && s->next_at <= now) {
		s->state = RESTART_OVER;
		s->next_at = NS_NEVER;
		if (s->wrong)
			run_wrong(r, now, s);
		give_back(r, s->instance);
		if (s->stale)
			next_turn(r, now, s->fault, s->pool);
		whole_again(r, now, s->fault);
	}
}

void release_link_changed(struct rack *r, int64_t now)
{
	for (uint32_t i = 0; i < r->release.n_restarts; i++)
		if (r->release.restarts[i].state == RESTART_LOAD)
			step_load(r, now, &r->release.restarts[i]);
}

void release_left(struct rack *r, int64_t now, uint32_t instance)
{
	for (uint32_t i = 0; i < r->release.n_restarts; i++)
		if (r->release.restarts[i].instance == instance &&
		        r->release.restarts[i].state == RESTART_DRAIN)
			r->release.restarts[i].next_at = now;
}

static void drop_over(struct release *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n_restarts; i++)
		if (l->restarts[i].state != RESTART_OVER)
			l->restarts[kept++] = l->restarts[i];
	l->n_restarts = kept;
}

void release_stale(struct rack *r, int64_t now, uint32_t fault, uint32_t pool,
        const struct artifact_offer *offer)
{
	const struct serving_pool *p = &r->pools[pool];
	uint32_t n = share_of(p, offer->share_ppm, offer->instances);

	for (uint32_t k = 0; k < n; k++)
		add_restart(r, (struct restart){.fault = fault,
		                       .pool = pool,
		                       .instance = p->first_instance + k,
		                       .stale = true,
		                       .skew = offer->skew,
		                       .state = RESTART_WAIT});
	next_turn(r, now, fault, pool);
}

/* --- recompiles
 * ------------------------------------------------------------------------------------ */

static uint64_t tag_of(uint32_t fault, uint32_t pool)
{
	return (uint64_t)fault << 32 | pool;
}

void release_recompile(struct rack *r, int64_t now, uint32_t fault, uint32_t pool,
        const struct artifact_compile *job)
{
	struct serving_pool *p = &r->pools[pool];
	int64_t takes = job->compile_ns ? job->compile_ns : r->d->compile_farm.compile_ns;

	rack_phase(r, fault, PHASE_EFFECT, now);
	rack_phase(r, fault, PHASE_DETECT, now); /* there is nothing to load: everybody knows */
	for (uint32_t i = 0; i < job->ahead; i++)
		farm_add(&r->release.farm, now, tag_of(fault, RELEASE_NO_POOL), takes);
	farm_add(&r->release.farm, now, tag_of(fault, pool), takes);
	p->without_artifact++;
	for (uint32_t k = 0; k < p->n_instances; k++) {
		withhold(r, p->first_instance + k);
		add_restart(r, (struct restart){.fault = fault,
		                       .pool = pool,
		                       .instance = p->first_instance + k,
		                       .state = RESTART_WAIT});
	}
}

static void compiled(struct rack *r, uint64_t tag)
{
	struct release *l = &r->release;
	uint32_t fault = (uint32_t)(tag >> 32), pool = (uint32_t)tag;

	if (variants_owns(tag)) {
		variants_compiled(r, tag);
		return;
	}
	if (pool == RELEASE_NO_POOL)
		return;
	r->pools[pool].without_artifact--;
	for (uint32_t i = 0; i < l->n_restarts; i++)
		if (same_job(&l->restarts[i], fault, pool) && l->restarts[i].state == RESTART_WAIT)
			l->restarts[i].state = RESTART_DRAIN;
}

/* The fault is over: what has not begun to load does not happen. */
void release_call_off(struct rack *r, int64_t now, uint32_t fault, uint32_t pool)
{
	struct release *l = &r->release;

	for (uint32_t i = 0; i < l->farm.n; i++)
		if (l->farm.jobs[i].tag == tag_of(fault, pool))
			r->pools[pool].without_artifact--;
	farm_cancel(&l->farm, now, tag_of(fault, pool));
	farm_cancel(&l->farm, now, tag_of(fault, RELEASE_NO_POOL));
	for (uint32_t i = 0; i < l->n_restarts; i++) {
		struct restart *s = &l->restarts[i];

		if (!same_job(s, fault, pool) || s->state == RESTART_LOAD ||
		        s->state == RESTART_START)
			continue;
		if (!s->stale || s->state == RESTART_DRAIN)
			give_back(r, s->instance);
		s->state = RESTART_OVER;
	}
	for (uint32_t i = 0; i < l->n_restarts; i++) /* what still loads is the valid one now */
		l->restarts[i].wrong &= l->restarts[i].fault != fault;
	run_right_again(r, now, fault, pool);
	drop_over(l);
}

bool release_turns_away(
        const struct rack *r, int64_t now, const struct serving_pool *p, int64_t *retry_after_s)
{
	const struct farm *f = &r->release.farm;

	if (!p->without_artifact || !p->spec->overflow_next)
		return false;
	*retry_after_s = 1;
	for (uint32_t i = 0; i < f->n_running; i++)
		if ((uint32_t)f->jobs[i].tag == p->index && f->jobs[i].done_at > now)
			*retry_after_s = ceil_div_i64(f->jobs[i].done_at - now, NS_PER_S);
	return true;
}

/* --- time
 * ------------------------------------------------------------------------------------------ */

int64_t release_next_at(const struct rack *r)
{
	const struct release *l = &r->release;
	int64_t next = farm_next_at(&l->farm);

	for (uint32_t i = 0; i < l->n_rollouts; i++)
		if (l->rollouts[i].next_at < next)
			next = l->rollouts[i].next_at;
	for (uint32_t i = 0; i < l->n_restarts; i++)
		if (l->restarts[i].next_at < next)
			next = l->restarts[i].next_at;
	return next;
}

void release_step(struct rack *r, int64_t now)
{
	struct release *l = &r->release;
	struct farm_job job;
	uint32_t over;

	while (farm_step(&l->farm, now, &job))
		compiled(r, job.tag);
	for (uint32_t i = 0; i < l->n_rollouts; i++)
		while (l->rollouts[i].next_at <= now)
			step_rollout(r, now, &l->rollouts[i]);
	do { /* a restart that ends begins another, which may be before it in the list */
		over = 0;
		for (uint32_t i = 0; i < l->n_restarts; i++) {
			bool done = l->restarts[i].state == RESTART_OVER;

			if (!done)
				step_restart(r, now, &l->restarts[i]);
			over += !done && l->restarts[i].state == RESTART_OVER;
		}
	} while (over);
	drop_over(l);
}

/* --- looking in
 * ------------------------------------------------------------------------------------ */

/* Different artifacts that are loaded: every rollout in force is one more, a pool that has none
 * does not count, but where another pool runs the same. */
uint32_t release_artifacts(const struct rack *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_pools; i++) {
		const char *digest = r->pools[i].spec->artifact_digest;
		uint32_t same = 0;

		if (r->pools[i].without_artifact)
			continue;
		while (same < i && (r->pools[same].without_artifact || !digest ||
		                           !r->pools[same].spec->artifact_digest ||
		                           strcmp(digest, r->pools[same].spec->artifact_digest)))
			same++;
		n += same == i;
	}
	for (uint32_t i = 0; i < r->release.n_rollouts; i++)
		n += r->release.rollouts[i].reached > 0;
	return n;
}

/* Artifact set and versions: what a rack is, not what it is doing. (The instances' factors are
 * clocking_fold's.) */
void release_fold(const struct rack *r, struct lanes *lanes)
{
	for (uint32_t i = 0; i < r->n_pools; i++) {
		const struct pool_spec *spec = r->pools[i].spec;

		lanes_add(lanes, r->pools[i].without_artifact);
		lanes_add(lanes, r->pools[i].host_ns);
		for (const char *c = spec->artifact_digest; c && *c; c++)
			lanes_add(lanes, (uint64_t)(unsigned char)*c);
		lanes_add(lanes, (uint64_t)spec->admission.policy);
		lanes_add(lanes, (uint64_t)(spec->admission.limit_ns + spec->admission.limit));
	}
	lanes_add(lanes, r->release.n_rollouts);
	lanes_add(lanes, release_artifacts(r));
	lanes_add(lanes, farm_backlog(&r->release.farm));
}
