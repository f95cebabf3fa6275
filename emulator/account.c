/* The books of one request. Every latency is the sum of its parts, to the nanosecond (DESIGN §5
 * "Blame"):
 *
 *   t_last − t_arrival = queue + entry wait + prefill + decode + Σ stall[fault]
 *
 * asserted for every request that completes. Parts are read from the instance's log when an episode
 * (a stay in one slot) ends; nothing is updated while it runs. Who pays for what:
 *  - a stop of the instance: the fault that caused it;
 *  - of a slowed frame (a lowered clock, another artifact, an operation on the host) what it takes
 * beyond its compiled time: the fault that slows it most. Prefill, decode and entry wait keep what
 * the frame would have taken; a slower bucket that is occupied is nobody's fault and stays there;
 *  - work that was lost or must be done again (an evicted prefill, the partial frame at the
 * eviction, the prefill of P + i, the second wait for a slot): the fault that evicted the request.
 */
#include "emulator/rack_state.h"

static struct rack_stall *stall_of(struct live *l, uint32_t fault)
{
	uint32_t i = 0;

	while (i < l->n_stalls && l->stalls[i].fault != fault)
		i++;
	if (i == l->n_stalls && i == RACK_BLAME_MAX)
		i--; /* no room to tell it apart: it joins the last */
	else if (i == l->n_stalls)
		l->stalls[l->n_stalls++] = (struct rack_stall){.fault = fault};
	return &l->stalls[i];
}

void account_stall(struct live *l, uint32_t fault, int64_t ns)
{
	if (ns)
		stall_of(l, fault)->ns += ns;
}

struct losses {
	struct live *live;
	int64_t sum_ns;
};

static void add_loss(void *ctx, uint32_t cause, int64_t ns)
{
	struct losses *s = ctx;

	s->sum_ns += ns;
	account_stall(s->live, cause, ns);
}

/* Books [t0, t1) of a running request: what faults took to them, the rest returned. */
static int64_t book(
        struct live *l, const struct instance *in, uint64_t segment, int64_t t0, int64_t t1)
{
	struct losses s = {.live = l};

	if (LPC_UNLIKELY(segment < in->losses_end))
		instance_losses(in, segment, t0, t1, add_loss, &s);
	return t1 - t0 - s.sum_ns;
}

enum { GAPS_AT_FIRST = 512 }; /* of a jittered stream */

static void push_gap(struct gap_list *list, int64_t gap_ns, int64_t n)
{
	if (list->n && list->runs[list->n - 1].gap_ns == gap_ns) {
		list->runs[list->n - 1].n += n;
		return;
	}
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 16;
		list->runs = mem_grow(list->runs, list->capacity, sizeof(*list->runs));
	}
	list->runs[list->n++] = (struct gap_run){gap_ns, n};
}

static void push_gap_cb(void *ctx, int64_t gap_ns, int64_t n)
{
	push_gap(ctx, gap_ns, n);
}

/* The instants of an episode that has reached `now`, clipped to it. */
struct episode {
	const struct instance *in;
	const struct slot *slot;
	int64_t t_entry, t_first, t_last; /* t_last: of the last token reached; -1 = none */
	int64_t tokens;
};

static struct episode episode_of(struct rack *r, const struct live *l, int64_t now)
{
	struct episode e = {
	        .in = &r->instances[l->instance], .t_entry = now, .t_first = now, .t_last = -1};
	const struct slot *s = &e.in->slots[l->slot];
	int64_t tick = progress_tick_at(instance_clock(e.in), now);
	uint64_t from = s->segment;

	e.slot = s;
	if (tick < s->entry)
		return e;
	e.t_entry = instance_time_of_past(e.in, &from, s->entry);
	if (e.t_entry < l->t_dispatch) /* into an instance that stands still at that very tick */
		e.t_entry = l->t_dispatch;
	if (tick < s->first)
		return e;
	e.t_first = instance_time_of_past(e.in, &from, s->first);
	if (tick > s->end)
		tick = s->end;
	e.tokens = (tick - s->first) / (int64_t)e.in->f0 + 1;
	e.t_last =
	        instance_time_of_past(e.in, &from, s->first + (e.tokens - 1) * (int64_t)e.in->f0);
	return e;
}

/* Books an episode up to its last token (or up to `now` where it has none). */
static void book_episode(struct live *l, const struct episode *e, int64_t now)
{
	uint64_t segment = e->slot->segment;
	int64_t until = e->tokens ? e->t_last : now;
	int64_t entry = book(l, e->in, segment, l->t_dispatch, e->t_entry);
	int64_t prefill = book(l, e->in, segment, e->t_entry, e->tokens ? e->t_first : now);
	int64_t decode = e->tokens ? book(l, e->in, segment, e->t_first, until) : 0;

	if (l->t_entry < 0 && e->t_entry < now)
		l->t_entry = e->t_entry;
	if (l->replay_fault != FAULT_NONE && l->delivered) {
		account_stall(l, l->replay_fault, entry + prefill);
	} else {
		l->entry_ns += entry;
		l->prefill_ns += prefill;
	}
	l->decode_ns += decode;
}

static void collect_gaps(
        struct rack *r, struct live *l, const struct episode *e, struct gap_list *into)
{
	if (r->config.emit_gaps && e->tokens)
		instance_gaps(e->in, e->slot->segment, e->slot->first, e->t_first, e->tokens,
		        l->delivered ? l->t_last : -1, push_gap_cb, into);
}

static void advance(struct live *l, const struct episode *e)
{
	if (!e->tokens)
		return;
	if (l->t_first < 0)
		l->t_first = e->t_first;
	l->t_last = e->t_last;
	l->delivered += e->tokens;
}

/* A token that was to be wrong and that never came. */
static void forget_undelivered(struct live *l)
{
	l->corrupt -= l->corrupt && l->corrupt_last >= l->delivered;
}

void account_evict(struct rack *r, int64_t now, struct live *l, uint32_t fault)
{
	struct episode e = episode_of(r, l, now);

	book_episode(l, &e, now);
	collect_gaps(r, l, &e, &l->gaps);
	advance(l, &e);
	forget_undelivered(l);
	if (e.tokens) {
		account_stall(l, fault, now - e.t_last);
	} else if (!l->delivered) {
		account_stall(l, fault, l->entry_ns + l->prefill_ns);
		l->entry_ns = l->prefill_ns = 0;
	}
	l->prompt_left = l->req.prompt_tokens + l->delivered;
	l->output_left = l->req.output_tokens - l->delivered;
	stall_of(l, fault)->evicted = true;
	l->replay_fault = fault;
	l->replays++;
	l->recomputed += e.t_entry < now ? l->prompt_left : 0;
	r->counts.tokens_recomputed += e.t_entry < now ? (uint64_t)l->prompt_left : 0;
}

/* --- gaps at the client's end
 * ---------------------------------------------------------------------- */

/* Token by token through the ingress link: only while a fault jitters it. */
static void deliver_gaps(struct rack *r, struct live *l, struct gap_list *list)
{
	struct gap_list out = {0};
	int64_t sent[MESSAGE_BLOCK], at[MESSAGE_BLOCK], now = l->t_first, k = 0;
	uint64_t m = 1, left = (uint64_t)l->req.output_tokens - 1;
	uint32_t i = 0, n;

	l->t_first_out = fabric_deliver(r, &l->link, l->req.id, m++, left--, now);
	out.capacity = l->req.output_tokens < GAPS_AT_FIRST ? (uint32_t)l->req.output_tokens
	                                                    : GAPS_AT_FIRST;
	out.runs = mem_alloc(out.capacity, sizeof(*out.runs));
	while (i < list->n) {
		int64_t previous = l->link.delivered;

		for (n = 0; n < MESSAGE_BLOCK && i < list->n; n++) {
			now += list->runs[i].gap_ns;
			sent[n] = now;
			if (++k < list->runs[i].n)
				continue;
			k = 0;
			i++;
		}
		fabric_deliver_all(r, &l->link, l->req.id, m, left, n, sent, at);
		m += n;
		left -= n;
		for (uint32_t t = 0; t < n; t++) {
			push_gap(&out, at[t] - previous, 1);
			previous = at[t];
		}
	}
	mem_free(list->runs);
	*list = out;
}

/* The largest gap, and the p99 one (nearest rank), which is the largest too below 100 tokens. The
 * longest runs are gathered in front, in descending order, as few as hold the wanted one. */
static void judge_gaps(struct gap_list *list, int64_t *max_ns, int64_t *p99_ns)
{
	struct gap_run *runs = list->runs;
	int64_t n = 0, above, held = 0; /* above: gaps beyond the p99 one */
	uint32_t front = 0;

	for (uint32_t i = 0; i < list->n; i++)
		n += runs[i].n;
	above = n + 1 < 100 ? 0 : n - (n * 99 + 99) / 100;
	for (uint32_t i = 0; i < list->n; i++) {
		struct gap_run run = runs[i];
		uint32_t j = front;

		if (held > above && run.gap_ns <= runs[front - 1].gap_ns)
			continue;
		runs[i] = runs[front++];
		for (; j && runs[j - 1].gap_ns < run.gap_ns; j--)
			runs[j] = runs[j - 1];
		runs[j] = run;
		held += run.n;
		while (held - runs[front - 1].n > above)
			held -= runs[--front].n;
	}
	*max_ns = list->n ? runs[0].gap_ns : 0;
	*p99_ns = list->n ? runs[front - 1].gap_ns : 0;
}

static void settle_gaps(struct rack *r, struct live *l, struct rack_completion *out)
{
	struct gap_list *list = &r->scratch;

	if (l->req.watched) /* told token by token */
		return;
	if (!r->config.emit_gaps) {
		if (!r->config.emit_tokens) {
			out->t_first = fabric_deliver(r, &l->link, l->req.id, 1,
			        (uint64_t)l->req.output_tokens - 1, l->t_first);
			out->t_last = out->t_first + l->t_last - l->t_first;
		}
		return;
	}
	if (!fabric_is_quiet(r, l->t_first)) {
		deliver_gaps(r, l, list);
		out->t_first = l->t_first_out;
		out->t_last = l->link.delivered;
	} else {
		out->t_first = l->t_first + r->d->ethernet.ingress_delay_ns;
		out->t_last = l->t_last + r->d->ethernet.ingress_delay_ns;
	}
	judge_gaps(list, &out->itl_max_ns, &out->itl_p99_ns);
}

/* --- the end
 * --------------------------------------------------------------------------------------- */

/* Member by member: clearing the whole record first costs more than filling it. */
static void fill(const struct live *l, struct rack_completion *out)
{
	out->req = l->req;
	out->t_arrival = l->t_arrival;
	out->t_entry = l->t_entry;
	out->t_first_edge = l->t_first;
	out->t_last_edge = l->t_last;
	out->t_first = l->t_first_out;
	out->t_last = l->t_last < 0 ? -1 : l->link.delivered;
	out->queue_ns = l->queue_ns;
	out->entry_wait_ns = l->entry_ns;
	out->prefill_ns = l->prefill_ns;
	out->decode_ns = l->decode_ns;
	out->itl_max_ns = out->itl_p99_ns = 0;
	out->replays = l->replays;
	out->tokens_recomputed = l->recomputed;
	out->tokens_corrupt = l->corrupt;
	out->n_stalls = l->n_stalls;
	for (uint32_t i = 0; i < l->n_stalls; i++)
		out->stalls[i] = l->stalls[i];
	out->failed = l->failed;
	out->delivered = l->delivered;
	out->pool = l->pool;
	out->bucket = l->bucket;
	out->instance = l->instance;
	out->slot = l->slot;
}

void account_finish(struct rack *r, int64_t now, struct live *l, struct rack_completion *out)
{
	struct episode e;
	int64_t sum;

	r->scratch.n = 0;
	for (uint32_t i = 0; i < l->gaps.n; i++)
		push_gap(&r->scratch, l->gaps.runs[i].gap_ns, l->gaps.runs[i].n);
	if (!l->failed) {
		e = episode_of(r, l, now);
		book_episode(l, &e, now);
		collect_gaps(r, l, &e, &r->scratch);
		advance(l, &e);
		CHECK(l->delivered == l->req.output_tokens && l->t_last == now);
	}
	sum = l->queue_ns + l->entry_ns + l->prefill_ns + l->decode_ns;
	for (uint32_t i = 0; i < l->n_stalls; i++)
		sum += l->stalls[i].ns;
	CHECK(l->failed || sum == l->t_last - l->t_arrival);
	fill(l, out);
	if (l->delivered)
		settle_gaps(r, l, out);
}

void account_close(const struct rack *r, const struct live *l, int64_t frame_ns,
        struct rack_completion *out, struct gap_list *gaps)
{
	fill(l, out);
	out->t_first = l->t_first + r->d->ethernet.ingress_delay_ns;
	out->t_last = l->t_last + r->d->ethernet.ingress_delay_ns;
	if (!r->config.emit_gaps || l->delivered < 2)
		return;
	push_gap(gaps, frame_ns, l->delivered - 1);
	out->itl_max_ns = out->itl_p99_ns = frame_ns;
}

void account_cancel(struct rack *r, int64_t now, struct live *l, struct rack_completion *out)
{
	if (l->state == LIVE_RUNNING) {
		struct episode e = episode_of(r, l, now);

		book_episode(l, &e, now);
		advance(l, &e);
		forget_undelivered(l);
	} else if (l->state == LIVE_QUEUED && l->replay_fault == FAULT_NONE) {
		l->queue_ns += now - l->t_queued;
	}
	fill(l, out);
	if (!r->config.emit_tokens && !l->req.watched && l->delivered) {
		out->t_first = l->t_first + r->d->ethernet.ingress_delay_ns;
		out->t_last = l->t_last + r->d->ethernet.ingress_delay_ns;
	}
}
