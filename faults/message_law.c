/* What one law does to one message of an Ethernet link (struct ether_delay): a delay that is drawn,
 * and what a message that is lost waits for until it gets through. A message on a stream is not
 * gone when it is lost but late (FORMATS §4):
 *
 *   sent ─ lost ── rto ── lost ── 2 rto ── … ── got through
 *
 * or, when three later messages tell of it before the timer does, one round trip.
 *
 * The loss chain runs along the messages of one stream or of one instance's frames, not along time:
 * bursts are counted in messages. A repeat comes a retransmission time-out later, when a burst is
 * long over: it is lost with the link's share of losses and leaves the chain alone. Everything is a
 * function of the draw and of the instant of sending, so it may be asked for late and in any order;
 * episodes are drawn when somebody first asks for their time and kept. */
#include "faults/message_law.h"

#include <stdio.h>

#include "harness/base/arena.h"
#include "harness/base/mathx.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"

enum {
	REPEATS_MAX = 15,     /* Linux tcp_retries2; then the message gets through */
	DRAWS_A_MESSAGE = 32, /* of the loss key: state, fate, and one a repeat */
};
#define RTO_MAX_NS (120 * NS_PER_S) /* Linux TCP_RTO_MAX */

void message_law_init(struct message_law *l, uint64_t seed, const char *name, int64_t from,
        const struct ether_delay *d)
{
	const struct ether_loss *loss = &d->loss;
	char purpose[128];

	*l = (struct message_law){.d = *d, .from = from};
	(void)snprintf(purpose, sizeof(purpose), "ether/%s", name);
	l->key = prng_purpose(seed, purpose);
	(void)snprintf(purpose, sizeof(purpose), "loss/%s", name);
	l->loss_key = prng_purpose(seed, purpose);
	l->loss_num = (uint64_t)loss->loss_bad * loss->p + (uint64_t)loss->loss_good * loss->r;
	l->loss_den = ((uint64_t)loss->p + loss->r) * ETHER_PPB;
}

void message_law_free(struct message_law *l)
{
	mem_free(l->switches);
}

/* --- episodes
 * -------------------------------------------------------------------------------------- */

static void add_switch(struct message_law *l, int64_t at)
{
	l->switches =
	        mem_room(l->switches, l->n_switches, &l->switches_capacity, sizeof(*l->switches));
	l->switches[l->n_switches++] = at;
}

/* Episode number `n` ends after an exponential time, 1 ns at least; its draw is its number's and
 * the fault's, and of the occurrence where the fault comes again. */
static int64_t episode_ns(const struct message_law *l, uint32_t n)
{
	double mean = (double)(n % 2 ? l->d.idle_mean_ns : l->d.busy_mean_ns);
	double u = prng_unit(prng_at(l->key, (uint64_t)l->from, n));

	return 1 + (int64_t)mathx_floor(-mean * mathx_log(u));
}

/* The number of the episode at t >= from: even ones are busy. */
static uint32_t episode_at(struct message_law *l, int64_t t)
{
	uint32_t low = 0, high;

	if (!l->n_switches)
		add_switch(l, l->from);
	while (l->switches[l->n_switches - 1] <= t) {
		uint32_t n = l->n_switches - 1;
		int64_t begin = l->switches[n];

		add_switch(l, begin + episode_ns(l, n));
	}
	high = l->n_switches - 1; /* switches[low] <= t < switches[high] */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (l->switches[middle] <= t)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool is_busy(struct message_law *l, int64_t t)
{
	return !l->d.busy_mean_ns || episode_at(l, t) % 2 == 0;
}

uint32_t message_bulk(struct message_law *l, int64_t now, int64_t *until)
{
	int64_t change = NS_NEVER, over = l->from + l->d.outage_ns;
	bool out = l->d.outage_ns && now < over;
	uint32_t n = l->d.busy_mean_ns ? episode_at(l, now) : 0; /* may move the switches */

	if (out)
		change = over;
	else if (l->d.busy_mean_ns)
		change = l->switches[n + 1];
	if (change < *until)
		*until = change;
	if (out)
		return 0;
	return l->d.bulk_factor > 1 && is_busy(l, now) ? l->d.bulk_factor : 1;
}

/* --- delay
 * ----------------------------------------------------------------------------------------- */

/* A deviate of mean 0 and, but for uniform (width ±1), of standard deviation 1, from x in (0, 1).
 */
static double deviate(enum delay_distribution law, double x)
{
	/* Pareto with shape 3: mean 1.5, variance 3/4; x below 1 − 1e-6 bounds the tail at 100. */
	double tail = x < 0.999999 ? x : 0.999999, pareto, normal;

	if (law == DELAY_UNIFORM)
		return 2 * x - 1;
	normal = mathx_normal_quantile(x);
	if (law == DELAY_NORMAL)
		return normal;
	pareto = mathx_exp(-mathx_log(1 - tail) / 3);
	pareto = (pareto - 1.5) / 0.8660254037844386;
	if (law == DELAY_PARETO)
		return pareto;
	return 0.25 * normal + 0.75 * pareto; /* netem's paretonormal mix */
}

/* netem's correlated value: x = corr last + (1 − corr) u. */
static double correlated(const struct ether_delay *d, double u, double *last, bool chained)
{
	if (d->correlation > 0) {
		if (chained)
			u = d->correlation * *last + (1 - d->correlation) * u;
		*last = u;
	}
	return u;
}

int64_t message_delay(
        struct message_law *l, int64_t sent, uint64_t bits, double *last, bool chained)
{
	const struct ether_delay *d = &l->d;
	double u, ns;

	if (!is_busy(l, sent))
		return 0;
	u = correlated(d, prng_unit(bits), last, chained);
	if (!d->jitter_ns)
		return d->delay_ns;
	ns = (double)d->delay_ns + (double)d->jitter_ns * deviate(d->distribution, u);
	return ns > 0 ? (int64_t)mathx_floor(ns) : 0;
}

bool message_is_plain(const struct message_law *l)
{
	const struct ether_delay *d = &l->d;

	return d->distribution == DELAY_NORMAL && d->jitter_ns && !d->busy_mean_ns &&
	       !l->loss_num && !d->outage_ns && !d->settle_ns;
}

void message_delays(const struct message_law *l, uint32_t n, const uint64_t bits[], double *last,
        bool chained, int64_t delay_ns[])
{
	double u[MESSAGE_BLOCK] = {0}, z[MESSAGE_BLOCK];

	CHECK(n <= MESSAGE_BLOCK);
	for (uint32_t i = 0; i < n; i++)
		u[i] = correlated(&l->d, prng_unit(bits[i]), last, chained || i);
	mathx_normal_quantiles(n, u, z);
	for (uint32_t i = 0; i < n; i++) {
		double ns = (double)l->d.delay_ns + (double)l->d.jitter_ns * z[i];

		delay_ns[i] = ns > 0 ? (int64_t)ns : 0;
	}
}

/* --- loss
 * ------------------------------------------------------------------------------------------ */

bool message_lost(const struct message_law *l, uint64_t who, uint64_t m, uint8_t *chain)
{
	const struct ether_loss *loss = &l->d.loss;
	uint64_t draw = m * DRAWS_A_MESSAGE, bits = prng_at(l->loss_key, who, draw);
	bool bad;

	if (*chain == CHAIN_NEW)
		bad = prng_ratio(bits, loss->p, (uint64_t)loss->p + loss->r);
	else if (*chain == CHAIN_BAD)
		bad = !prng_ratio(bits, loss->r, ETHER_PPB);
	else
		bad = prng_ratio(bits, loss->p, ETHER_PPB);
	*chain = bad ? CHAIN_BAD : CHAIN_GOOD;
	bits = prng_at(l->loss_key, who, draw + 1);
	return prng_ratio(bits, bad ? loss->loss_bad : loss->loss_good, ETHER_PPB);
}

/* Steps the chain; how many times in a row the message is lost. */
static uint32_t times_lost(const struct message_law *l, uint64_t who, uint64_t m, uint8_t *chain)
{
	uint64_t draw = m * DRAWS_A_MESSAGE, bits;
	uint32_t n = 0;
	bool lost = message_lost(l, who, m, chain);

	while (lost && ++n < REPEATS_MAX) {
		bits = prng_at(l->loss_key, who, draw + 1 + n);
		lost = prng_ratio(bits, l->loss_num, l->loss_den);
	}
	return n;
}

static int64_t doubled(int64_t timer)
{
	return timer < RTO_MAX_NS / 2 ? 2 * timer : RTO_MAX_NS;
}

/* What n losses in a row cost: the quicker of time-out and fast retransmission, then time-outs that
 * double; a fast retransmission leaves the timer as it was. */
static int64_t wait_for(uint32_t n, int64_t rto, int64_t fast)
{
	int64_t late = 0, timer = rto;

	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 && fast < rto) {
			late += fast;
			continue;
		}
		late += timer;
		timer = doubled(timer);
	}
	return late;
}

/* From an instant in the outage to the first repeat that finds the link up. Nobody hears of later
 * messages in it: only the timer counts, and it is the stream's: what is sent behind a message that
 * waits goes along with it. */
static int64_t wait_out(const struct message_law *l, const struct message *msg)
{
	int64_t over = l->from + l->d.outage_ns, at = msg->sent, timer = msg->rto;

	if (at >= over)
		return 0;
	if (msg->out_until && *msg->out_until > at)
		return *msg->out_until - at;
	while (at < over) {
		at += timer;
		timer = doubled(timer);
	}
	if (msg->out_until)
		*msg->out_until = at;
	return at - msg->sent;
}

int64_t message_loss(struct message_law *l, const struct message *msg, uint8_t *chain)
{
	const struct ether_delay *d = &l->d;
	int64_t late = 0, settled = l->from + d->outage_ns + d->settle_ns;

	if (d->outage_ns)
		late += wait_out(l, msg);
	if (d->settle_ns && msg->sent + late < settled)
		late += d->settle_extra_ns;
	if (l->loss_num)
		late += wait_for(times_lost(l, msg->who, msg->m, chain), msg->rto, msg->fast);
	return late;
}
