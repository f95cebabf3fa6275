/* The processes that clients are connected to, behind a balancer that spreads requests by id. A
 * frontend that dies takes its connections with it: every request on it is cut, wherever it stands,
 * and its slot is free at once. What is sent to it afterwards is refused a connection, until the
 * balancer's check has failed so often that it is taken out; from then on its share goes to the
 * others. When it is back, the next check that it passes puts it in again.
 *
 *   dies ─ check ─ check ─ check: out ──────────── is back ─ check: in
 *     cut, refused          its share goes elsewhere
 *
 * Checks are at multiples of health.frontend_check from t = 0. Who serves a request is asked when
 * it arrives and a function of its id and of who is in, so both clocks agree on it. */
#include "emulator/rack_state.h"

void frontends_create(struct rack *r)
{
	struct frontends *fs = &r->frontends;

	fs->n = r->d->n_frontends;
	fs->f = ARENA_ARRAY(&r->arena, struct frontend, fs->n);
	for (uint32_t i = 0; i < fs->n; i++)
		fs->f[i].next_at = NS_NEVER;
	fs->next_at = NS_NEVER;
}

static void plan(struct frontends *fs)
{
	fs->troubled = 0;
	fs->next_at = NS_NEVER;
	for (uint32_t i = 0; i < fs->n; i++) {
		fs->troubled += fs->f[i].down || fs->f[i].out;
		if (fs->f[i].next_at < fs->next_at)
			fs->next_at = fs->f[i].next_at;
	}
}

/* --- who serves a request
 * -------------------------------------------------------------------------- */

static uint32_t home_of(const struct rack *r, const struct live *l)
{
	uint64_t key = l->req.affinity ? l->req.affinity : l->req.id;

	return (uint32_t)(key % r->frontends.n);
}

/* Those that are in, counted from the first: the share of one that is out spreads evenly. */
static uint32_t another(const struct rack *r, const struct live *l)
{
	const struct frontends *fs = &r->frontends;
	uint64_t key = l->req.affinity ? l->req.affinity : l->req.id;
	uint32_t n_in = 0, k;

	for (uint32_t i = 0; i < fs->n; i++)
		n_in += !fs->f[i].out;
	if (!n_in)
		return home_of(r, l);
	k = (uint32_t)(key / fs->n % n_in);
	for (uint32_t i = 0;; i++)
		if (!fs->f[i].out && k-- == 0)
			return i;
}

bool frontends_take(struct rack *r, struct live *l)
{
	uint32_t at = home_of(r, l);

	if (r->frontends.f[at].out)
		at = another(r, l);
	l->frontend = at + 1;
	return !r->frontends.f[at].down;
}

static uint32_t frontend_of(const struct rack *r, const struct live *l)
{
	return l->frontend ? l->frontend - 1 : home_of(r, l);
}

/* --- they come and go
 * ------------------------------------------------------------------------------ */

static void cut(struct rack *r, int64_t now, uint32_t frontend)
{
	for (uint32_t i = 0; i < r->lives.capacity; i++)
		if (r->lives.generation[i] & 1 && live_at(r, i)->state != LIVE_INGRESS &&
		        frontend_of(r, live_at(r, i)) == frontend)
			rack_reset(r, now, i);
}

void frontends_down(struct rack *r, int64_t now, uint32_t fault, uint32_t frontend)
{
	const struct health_spec *h = &r->d->health;
	struct frontend *f = &r->frontends.f[frontend];

	if (f->down++)
		return;
	f->fault = fault;
	f->next_at = NS_NEVER;
	if (!f->out)
		f->next_at =
		        (now / h->frontend_check_ns + h->frontend_checks) * h->frontend_check_ns;
	plan(&r->frontends);
	rack_phase(r, fault, PHASE_EFFECT, now);
	cut(r, now, frontend);
}

void frontends_up(struct rack *r, int64_t now, uint32_t frontend)
{
	int64_t period = r->d->health.frontend_check_ns;
	struct frontend *f = &r->frontends.f[frontend];

	CHECK(f->down > 0);
	if (--f->down)
		return;
	f->next_at = f->out ? (now + period - 1) / period * period : NS_NEVER;
	plan(&r->frontends);
}

void frontends_step(struct rack *r, int64_t now)
{
	for (uint32_t i = 0; i < r->frontends.n; i++) {
		struct frontend *f = &r->frontends.f[i];

		if (f->next_at > now)
			continue;
		f->next_at = NS_NEVER;
		f->out = f->down > 0;
		if (!f->out)
			continue;
		rack_phase(r, f->fault, PHASE_DETECT, now);
		rack_phase(r, f->fault, PHASE_ISOLATE, now);
		rack_phase(r, f->fault, PHASE_FAILOVER, now);
	}
	plan(&r->frontends);
}

void frontends_digest(const struct rack *r, struct lanes *lanes)
{
	for (uint32_t i = 0; i < r->frontends.n; i++)
		lanes_add(lanes, r->frontends.f[i].down);
}
