/* Every loss that a deployment can suffer, one run each.
 *
 * A cell is the scenario with its own faults left out and one or two losses put in, which last to
 * the end of the run. It is played once, on the virtual clock, and held against one run in which
 * nothing is lost: the twin, made when the campaign is opened and shared by all cells, as the
 * traffic and all draws are the same (common random numbers). So what a loss costs is a difference
 * request by request, and two thousand requests around it are enough to see it.
 *
 *   t = 0        warmup            at             at + spacing          duration
 *     |------------|----------------|---- first ----|---- second ---------|   n-1-1
 *                                   |---- first + second -----------------|   n-2
 *
 * A percentile that one run leaves undecided gets replicas only where somebody demands an answer,
 * and no more than CONTINGENCY_REPLICA_REQUESTS of them in requests: a hundred thousand cells are
 * not to become ten million runs. */
#include "harness/run/contingency.h"

#include <string.h>

#include "harness/base/units.h"
#include "harness/run/evaluate.h"

#define CONTINGENCY_REPLICA_REQUESTS UINT64_C(100000)

/* --- open
 * ------------------------------------------------------------------------------------------ */

static int64_t whole_ms(int64_t ns)
{
	return ns - ns % NS_PER_MS;
}

/* When the losses come, in whole ms: after a quarter of what is measured; the second of two in turn
 * a third of it later, so that there is as much before it as behind it to see the recovery in. */
static enum status settle_times(
        struct campaign_state *state, const struct campaign_request *request, struct error *err)
{
	const struct scenario *s = state->base;
	int64_t measured = s->duration_ns - s->warmup_ns;
	int64_t at = request->has_at ? request->at_ns : s->warmup_ns + whole_ms(measured / 4);
	int64_t spacing = request->has_spacing ? request->spacing_ns : whole_ms(measured / 3);
	char last[UNITS_DURATION_MAX], end[UNITS_DURATION_MAX];

	if (state->cells.kind != CONTINGENCY_N11) {
		if (request->has_spacing)
			return error_set(err, ERR_USAGE,
			        "expected a spacing with n-1-1 only, found one with %s",
			        contingency_name(state->cells.kind));
		spacing = 0;
	}
	state->at_ns[0] = at;
	state->at_ns[1] = at + spacing;
	if (at + spacing < s->duration_ns)
		return ERR_NONE;
	return error_set(err, ERR_USAGE,
	        "expected the last loss before the end of the arrivals at %s, found it at %s",
	        units_format_duration(s->duration_ns, end),
	        units_format_duration(at + spacing, last));
}

static enum status play_twin(struct campaign_state *state, struct error *err)
{
	struct contingency_scenario *c = mem_alloc(1, sizeof(*c));
	struct evaluate_taps taps = {.keep_book = true};
	struct evaluation e;
	enum status st;

	contingency_derive(&state->twin_shape, NULL, c);
	st = evaluate_play(&c->s, &taps, NULL, &e, err);
	if (!st) {
		evaluate_decide(&c->s, &e);
		state->twin = e.book;
		book_init(&e.book);
		state->twin_goodput_rps = score_goodput(e.score);
		state->twin_requests = e.run.scheduled;
		memcpy(state->twin_digest, e.run.result_digest, DIGEST_BYTES);
	}
	evaluation_free(&e);
	mem_free(c);
	return st;
}

static void close_state(struct campaign_state *state)
{
	if (!state)
		return;
	contingency_shape_free(&state->losses);
	contingency_shape_free(&state->twin_shape);
	contingency_cells_free(&state->cells);
	book_free(&state->twin);
	mem_free(state->found);
	mem_free(state);
}

static enum status open_state(const struct scenario *base, const struct campaign_request *request,
        struct campaign_state **out, uint64_t *n_cells, struct error *err)
{
	struct campaign_state *state;
	uint32_t n_losses = request->contingency == CONTINGENCY_N1 ? 1 : 2;

	if (!base->has_deployment || base->target.url)
		return error_set(err, ERR_USAGE,
		        "expected a scenario with a deployment and the emulator as its target: "
		        "contingencies are losses of its components");
	state = mem_alloc(1, sizeof(*state));
	state->base = base;
	state->frame_ns = evaluate_largest_frame(base);
	/* n-1 is 1, n-1-1 is 2, n-2 is 3 in both lists. */
	state->demanded = base->survive > request->contingency;
	book_init(&state->twin);
	if (contingency_cells_init(&state->cells, &base->deployment,
	            (enum contingency)request->contingency, request->all, err) ||
	        settle_times(state, request, err))
		goto failed;
	contingency_shape_init(&state->losses, base, &state->cells, n_losses, state->at_ns);
	contingency_shape_init(&state->twin_shape, base, &state->cells, 0, state->at_ns);
	if (play_twin(state, err))
		goto failed;
	*n_cells = state->cells.n;
	*out = state;
	return ERR_NONE;
failed:
	close_state(state);
	return err->code;
}

/* --- one cell
 * -------------------------------------------------------------------------------------- */

struct against_twin {
	const struct campaign_state *state;
	struct score_fault sum; /* damage of all losses together */
};

static void compare(void *ctx, const struct sample *s)
{
	struct against_twin *a = ctx;
	struct book_entry e = book_entry_of(s);

	(void)evaluate_damage_of(&e, book_at(&a->state->twin, s->id), a->state->frame_ns, &a->sum);
}

/* The node that this loss hit was given up for another one: service is back since, and a case of
 * its own was never made. */
static bool covered(const struct evaluation *e, uint32_t n, uint32_t loss)
{
	for (uint32_t i = 0; i < n; i++)
		if (i != loss && e->faults[i].failover_ns >= e->faults[loss].effect_ns)
			return true;
	return false;
}

/* A loss that no instance felt will not be felt any more, and heat that only slows a node down
 * calls for no failover: what was not begun then is not owed. A cable or node that was felt is. */
static void settle_losses(const struct contingency_scenario *c, struct evaluation *e)
{
	for (uint32_t i = 0; i < c->s.faults.n; i++) {
		bool heats = c->losses[i].kind == contingency_kind(UNIT_FAN);

		e->faults[i].settled =
		        e->faults[i].effect_ns < 0 || heats || covered(e, c->s.faults.n, i);
	}
}

static void ms_or_null(struct json_out *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ns_to_ms(ns));
}

static void ns_or_null(struct json_out *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_i64(o, key, ns);
}

/* Those that use it. */
static void write_pools(
        const struct campaign_state *state, const struct unit *u, struct json_out *o)
{
	const struct deployment *d = &state->base->deployment;

	json_out_open(o, "pools", '[');
	for (uint32_t p = 0; p < d->n_pools; p++)
		if (u->pools >> p & 1)
			json_out_str(o, NULL, d->pools[p].name);
	json_out_close(o);
}

static void write_losses(const struct campaign_state *state, const struct contingency_cell *cell,
        const struct contingency_scenario *c, const struct evaluation *e, struct json_out *o)
{
	json_out_open(o, "losses", '[');
	for (uint32_t i = 0; i < c->s.faults.n; i++) {
		const struct unit *u = &state->cells.units[cell->unit[i]];
		const struct score_fault *f = &e->faults[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", f->id);
		json_out_str(o, "component", f->target);
		json_out_str(o, "class", unit_class_name(u->class));
		json_out_str(o, "role", unit_role_name(u->role));
		write_pools(state, u, o);
		json_out_str(o, "kind", f->kind);
		ns_or_null(o, "inject_ns", f->inject_ns);
		ns_or_null(o, "effect_ns", f->effect_ns);
		ns_or_null(o, "detect_ns", f->detect_ns);
		ns_or_null(o, "isolate_ns", f->isolate_ns);
		ns_or_null(o, "failover_ns", f->failover_ns);
		ns_or_null(o, "recover_ns", f->recover_ns);
		ms_or_null(o, "ttd_ms", score_since(f->detect_ns, f->inject_ns));
		ms_or_null(o, "ttf_ms", score_since(f->failover_ns, f->inject_ns));
		ms_or_null(o, "ttr_ms", score_since(f->recover_ns, f->inject_ns));
		json_out_u64(o, "replayed_requests", f->replayed_requests);
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_rules(
        const struct score_result *r, enum verdict which, const char *key, struct json_out *o)
{
	json_out_open(o, key, '[');
	for (uint32_t i = 0; i < r->n_slo; i++)
		if (r->slo[i].verdict == which)
			json_out_str(o, NULL, r->slo[i].rule->id);
	for (uint32_t i = 0; i < r->n_expect; i++)
		if (r->expect[i].verdict == which)
			json_out_str(o, NULL, r->expect[i].rule->id);
	json_out_close(o);
}

static void p99_or_null(const struct score *s, uint32_t tier, enum metric m, struct json_out *o)
{
	const struct histogram *h = score_histogram(s, tier, WINDOW_ALL, m);
	char key[32];
	int64_t ns = -1;

	if (h->count < histogram_floor(0.99) || !histogram_percentile(h, 0.99, &ns))
		ns = -1;
	(void)snprintf(key, sizeof(key), "p99_%s", metric_name(m));
	ms_or_null(o, key, ns);
}

static void write_tiers(
        const struct contingency_scenario *c, const struct score *s, struct json_out *o)
{
	json_out_open(o, "tiers", '[');
	for (uint32_t i = 0; i < c->s.traffic.n_tiers; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "tier", c->s.traffic.tiers[i]);
		p99_or_null(s, i, METRIC_TTFT, o);
		p99_or_null(s, i, METRIC_TPOT, o);
		p99_or_null(s, i, METRIC_E2EL, o);
		json_out_close(o);
	}
	json_out_close(o);
}

/* Null where the twin was too long for a book. */
static void write_damage(
        const struct campaign_state *state, const struct score_fault *sum, struct json_out *o)
{
	if (state->twin.dropped) {
		json_out_null(o, "late");
		json_out_null(o, "lost");
		json_out_null(o, "refused");
		json_out_null(o, "extra_ms");
		return;
	}
	json_out_u64(o, "late", sum->damage.late);
	json_out_u64(o, "lost", sum->damage.lost);
	json_out_u64(o, "refused", sum->damage.refused);
	json_out_real(o, "extra_ms", ns_to_ms(sum->damage.extra_ns_sum));
}

/* In turn means that the first was over, as far as it ever will be, when the second came. */
static bool is_apart(const struct campaign_state *state, const struct score_fault *first)
{
	return first->recover_ns >= 0 &&
	       (first->isolate_ns < 0 ||
	               (first->failover_ns >= 0 && first->failover_ns < state->at_ns[1]));
}

static void write_line(const struct campaign_state *state, const struct contingency_cell *cell,
        const struct contingency_scenario *c, const struct evaluation *e,
        const struct score_fault *sum, const char *name, struct json_out *o)
{
	const struct score_result *r = e->result;
	char text[DIGEST_TEXT_MAX];

	json_out_str(o, "cell", name);
	json_out_u64(o, "stands_for", cell->stands_for);
	json_out_bool(o, "demanded", state->demanded);
	json_out_str(o, "verdict", verdict_name(r->verdict));
	json_out_bool(o, "valid", e->valid && r->conserved && r->dropped == 0);
	json_out_bool(o, "steady_state", r->steady_state);
	write_rules(r, VERDICT_FAIL, "missed", o);
	write_rules(r, VERDICT_INCONCLUSIVE, "undecided", o);
	json_out_u64(o, "requests", e->run.scheduled);
	json_out_real(o, "goodput_rps", score_goodput(e->score));
	json_out_real(o, "goodput_lost_rps", state->twin_goodput_rps - score_goodput(e->score));
	write_damage(state, sum, o);
	write_losses(state, cell, c, e, o);
	if (state->cells.kind == CONTINGENCY_N11)
		json_out_bool(o, "apart", is_apart(state, &e->faults[0]));
	write_tiers(c, e->score, o);
	json_out_u64(o, "replicas", e->replicas);
	json_out_str(o, "result_digest", digest_text(e->run.result_digest, text));
}

static bool all_settled(const struct campaign_state *state, const struct evaluation *e,
        const volatile sig_atomic_t *interrupt)
{
	return !state->demanded || e->run.interrupted || (interrupt && *interrupt);
}

static enum status play(const struct campaign_state *state, uint64_t index,
        const volatile sig_atomic_t *interrupt, struct json_out *line, struct campaign_brief *brief,
        struct error *err)
{
	struct contingency_cell cell = contingency_cell_at(&state->cells, index);
	struct contingency_scenario *c = mem_alloc(1, sizeof(*c));
	struct against_twin against = {.state = state};
	struct evaluate_taps taps = {.sample = compare, .sample_ctx = &against};
	struct evaluation e;
	enum status st;

	contingency_derive(&state->losses, &cell, c);
	contingency_cell_name(&state->cells, &cell, brief->name);
	st = evaluate_play(&c->s, &taps, interrupt, &e, err);
	if (!st && !all_settled(state, &e, interrupt))
		st = evaluate_replicas(&c->s, CONTINGENCY_REPLICA_REQUESTS, interrupt, &e, err);
	if (!st && (e.run.interrupted || (interrupt && *interrupt))) {
		brief->verdict = VERDICT_ABORTED;
	} else if (!st) {
		settle_losses(c, &e);
		evaluate_decide(&c->s, &e);
		brief->verdict = e.result->verdict;
		brief->damage = state->twin_goodput_rps - score_goodput(e.score);
		brief->requests = e.run.scheduled;
		write_line(state, &cell, c, &e, &against.sum, brief->name, line);
	}
	evaluation_free(&e);
	mem_free(c);
	return st;
}

static void name_of(
        const struct campaign_state *state, uint64_t index, char out[static CAMPAIGN_CELL_NAME])
{
	struct contingency_cell cell = contingency_cell_at(&state->cells, index);

	contingency_cell_name(&state->cells, &cell, out);
}

const struct campaign_mode campaign_contingency = {
        .open = open_state,
        .close = close_state,
        .play = play,
        .name = name_of,
        .fold = contingency_fold,
        .finish = contingency_finish,
};
