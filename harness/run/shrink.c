/* The search itself: what was found so far, what was played already, when it ends.
 *
 * Every candidate is a document of its own (scenario_write), read by the scenario's own parsers: so
 * what is tried is what a user could write, and what may not be is told by them. Plans are
 * remembered by digest: the last round, which finds that nothing is left to find, costs next to
 * nothing, and a draft that only says the same in fewer words costs no run. */
#include "harness/run/shrink.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/mutant.h"
#include "harness/run/checks.h"
#include "harness/run/evaluate.h"
#include "harness/run/shrink_parts.h"

enum { ROUNDS_MAX = 32, LINE_BYTES = 200 };

/* --- what was played --------------------------------------------------------------------- */

struct played {
	uint8_t digest[DIGEST_BYTES];
	bool used, misses;
	int64_t *inject_ns; /* where it misses */
};

struct shrink_memo {
	uint64_t mask;
	struct played *slots; /* more than twice as many as runs are allowed */
};

static struct shrink_memo *memo_new(uint64_t runs)
{
	struct shrink_memo *m = mem_alloc(1, sizeof(*m));
	uint64_t n = 64;

	while (n < 2 * (runs + 2))
		n *= 2;
	m->mask = n - 1;
	m->slots = mem_alloc(n, sizeof(*m->slots));
	return m;
}

static void memo_free(struct shrink_memo *m)
{
	if (!m)
		return;
	for (uint64_t i = 0; i <= m->mask; i++)
		mem_free(m->slots[i].inject_ns);
	mem_free(m->slots);
	mem_free(m);
}

/* The slot of this plan, in use or not. */
static struct played *memo_slot(struct shrink_memo *m, const uint8_t digest[static DIGEST_BYTES])
{
	uint64_t at;

	memcpy(&at, digest, sizeof(at));
	for (at &= m->mask; m->slots[at].used; at = (at + 1) & m->mask)
		if (memcmp(m->slots[at].digest, digest, DIGEST_BYTES) == 0)
			break;
	return &m->slots[at];
}

/* --- steps ------------------------------------------------------------------------------- */

static struct shrink_step *step_new(struct scenario *s, const int64_t *inject_ns)
{
	struct shrink_step *step = mem_alloc(1, sizeof(*step));

	*step = (struct shrink_step){.users = 1, .s = s};
	step->inject_ns = mem_alloc(s->faults.n + 1, sizeof(*step->inject_ns));
	if (s->faults.n)
		memcpy(step->inject_ns, inject_ns, s->faults.n * sizeof(*inject_ns));
	return step;
}

struct shrink_step *shrink_step_keep(struct shrink_step *step)
{
	step->users++;
	return step;
}

void shrink_step_drop(struct shrink_step *step)
{
	if (!step || --step->users > 0)
		return;
	scenario_free(step->s);
	mem_free(step->inject_ns);
	mem_free(step);
}

/* What was found so far. */
static void say(struct shrinker *w, bool stage_ends)
{
	const struct scenario *s = w->best->s;
	char line[LINE_BYTES], length[UNITS_DURATION_MAX];

	if (!w->request->say)
		return;
	(void)snprintf(line, sizeof(line),
	        "%llu runs: %u of %u faults, %u of %u traffic entries, %s",
	        (unsigned long long)w->out->runs, s->faults.n, w->out->original->faults.n,
	        s->traffic.n_tenants, w->out->original->traffic.n_tenants,
	        units_format_duration(s->duration_ns, length));
	w->request->say(w->request->ctx, line, stage_ends);
}

/* Takes over the step. */
static void accept_step(struct shrinker *w, struct shrink_step *step)
{
	if (w->n_steps == SHRINK_STEPS_KEPT) {
		shrink_step_drop(w->steps[0]);
		memmove(w->steps, w->steps + 1, (SHRINK_STEPS_KEPT - 1) * sizeof(w->steps[0]));
		w->n_steps--;
	}
	w->steps[w->n_steps++] = step;
	w->best = step;
	w->accepted++;
	say(w, false);
}

/* --- one run ----------------------------------------------------------------------------- */

static uint32_t rule_index(const struct scenario *s, bool is_slo, const char *id)
{
	uint32_t n = is_slo ? s->rules.n_slo : s->rules.n_expect;

	for (uint32_t i = 0; i < n; i++)
		if (strcmp(is_slo ? s->rules.slo[i].id : s->rules.expect[i].id, id) == 0)
			return i;
	return UINT32_MAX;
}

uint32_t shrink_kept_index(const struct shrinker *w, const struct scenario *s)
{
	return rule_index(s, w->out->is_slo, w->out->missed);
}

static enum verdict verdict_at(const struct score_result *r, bool is_slo, uint32_t i)
{
	return is_slo ? r->slo[i].verdict : r->expect[i].verdict;
}

/* In what way the rule is missed. Late is not the same as never, nor is refused. */
static const char *manner_at(const struct score_result *r, bool is_slo, uint32_t i)
{
	if (!is_slo)
		return r->expect[i].reason ? r->expect[i].reason : "";
	return r->slo[i].reason ? r->slo[i].reason : r->slo[i].observed;
}

static bool misses_the_same(
        const struct shrinker *w, const struct scenario *s, const struct evaluation *e)
{
	const struct score_result *r = e->result;
	uint32_t i = shrink_kept_index(w, s);

	CHECK(i != UINT32_MAX);
	return r->verdict == VERDICT_FAIL && e->valid && !e->run.aborted &&
	       verdict_at(r, w->out->is_slo, i) == VERDICT_FAIL &&
	       (MUTANT(MANNER_FORGOTTEN) ||
	               strcmp(manner_at(r, w->out->is_slo, i), w->manner) == 0) &&
	       (w->corrupt || r->by_outcome[OUTCOME_CORRUPT] == 0);
}

/* All that a verdict takes: twins only tell damage. */
static enum status play(const struct scenario *s, bool replicas,
        const volatile sig_atomic_t *interrupt, struct evaluation *e, struct error *err)
{
	enum status st = evaluate_play(s, &(struct evaluate_taps){0}, interrupt, e, err);

	if (!st && replicas)
		st = evaluate_replicas(s, EVALUATE_REPLICA_REQUESTS, interrupt, e, err);
	if (!st)
		evaluate_decide(s, e);
	return st;
}

/* Fills the slot; false if the run came to nothing and the slot stays free. */
static bool play_into(struct shrinker *w, const struct scenario *s, struct played *slot)
{
	struct evaluation e;
	bool told = play(s, w->replicas, w->interrupt, &e, w->err) == ERR_NONE && !*w->interrupt;

	w->out->runs++;
	if (told) {
		slot->used = true;
		memcpy(slot->digest, s->plan_digest, DIGEST_BYTES);
		slot->misses = misses_the_same(w, s, &e);
	}
	if (told && slot->misses) {
		slot->inject_ns = mem_alloc(s->faults.n + 1, sizeof(*slot->inject_ns));
		for (uint32_t i = 0; i < s->faults.n; i++)
			slot->inject_ns[i] = e.run.ledger.e[i].at[PHASE_INJECT];
	}
	evaluation_free(&e);
	return told;
}

bool shrink_stopped(const struct shrinker *w)
{
	return w->err->code != ERR_NONE || *w->interrupt || w->out->runs >= w->request->max_runs;
}

/* The scenario with changes, as one document. */
static enum status build(
        const struct scenario *from, struct jval changes, struct scenario **out, struct error *err)
{
	struct json_out text;
	struct json *doc;
	enum status st;

	json_out_init(&text, 0);
	json_out_open(&text, NULL, '{');
	scenario_write(from, changes, &text);
	json_out_close(&text);
	st = json_parse(from->file, text.buf, text.n, &doc, err);
	json_out_free(&text);
	return st ? st : scenario_build(doc, files_new(false), out, err);
}

bool shrink_try(
        struct shrinker *w, const struct shrink_step *from, struct jval changes, bool accept)
{
	struct error refusal = ERROR_INIT;
	struct scenario *s;
	struct played *slot;

	if (shrink_stopped(w))
		return false;
	if (build(from->s, changes, &s, &refusal)) {
		w->out->refused++;
		return false;
	}
	slot = memo_slot(w->memo, s->plan_digest);
	if ((slot->used || play_into(w, s, slot)) && slot->misses) {
		if (accept)
			accept_step(w, step_new(s, slot->inject_ns));
		else
			scenario_free(s);
		return true;
	}
	scenario_free(s);
	return false;
}

/* --- the first run ----------------------------------------------------------------------- */

/* Every rule gets the id that it has by default: its place would no longer tell it. */
static void write_ids(const struct scenario *s, const char *key, bool is_slo, struct json_out *o)
{
	struct jval list = json_get(json_root(s->document), key);
	uint32_t i = 0;

	if (json_type(list) == JSON_NONE)
		return;
	json_out_open(o, key, '[');
	for (struct jval e = json_first(list); json_type(e) != JSON_NONE; e = json_next(e), i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "id", is_slo ? s->rules.slo[i].id : s->rules.expect[i].id);
		for (struct jval m = json_first(e); json_type(m) != JSON_NONE; m = json_next(m))
			if (strcmp(json_key(m), "id") != 0)
				json_out_value(o, json_key(m), m, false);
		json_out_close(o);
	}
	json_out_close(o);
}

/* The scenario as one document, with what is said by default and would get lost. */
static enum status gather(const struct scenario *s, struct scenario **out, struct error *err)
{
	struct json_out text;
	struct json *changes;
	enum status st;

	json_out_init(&text, 0);
	json_out_open(&text, NULL, '{');
	json_out_u64(&text, "seed", s->seed);
	json_out_null(&text, "survive");
	write_ids(s, "slo", true, &text);
	write_ids(s, "expect", false, &text);
	json_out_close(&text);
	st = json_parse("shrink", text.buf, text.n, &changes, err);
	json_out_free(&text);
	if (st)
		return st;
	st = build(s, json_root(changes), out, err);
	json_free(changes);
	return st;
}

static bool find_missed(struct shrink_result *out, const struct score_result *r)
{
	for (uint32_t i = 0; i < r->n_slo + r->n_expect; i++) {
		bool is_slo = i < r->n_slo;
		uint32_t k = is_slo ? i : i - r->n_slo;

		if (verdict_at(r, is_slo, k) != VERDICT_FAIL)
			continue;
		out->is_slo = is_slo;
		(void)snprintf(out->missed, sizeof(out->missed), "%s",
		        is_slo ? r->slo[k].rule->id : r->expect[k].rule->id);
		return true;
	}
	return false;
}

/* The rule of that id; an SLO before an expectation of the same one. */
static void find_named(const struct scenario *s, const char *id, struct shrink_result *out)
{
	out->is_slo = rule_index(s, true, id) != UINT32_MAX;
	(void)snprintf(out->missed, sizeof(out->missed), "%s", id);
}

enum status shrink_check(
        const struct scenario *s, const struct shrink_request *request, struct error *err)
{
	const char *names[2 * SCORE_RULES_MAX], *near, *id = request->expect;
	uint32_t n = 0;

	if (checks_virtual(s, err))
		return err->code;
	if (!id || rule_index(s, true, id) != UINT32_MAX || rule_index(s, false, id) != UINT32_MAX)
		return ERR_NONE;
	for (uint32_t i = 0; i < s->rules.n_slo; i++)
		names[n++] = s->rules.slo[i].id;
	for (uint32_t i = 0; i < s->rules.n_expect; i++)
		names[n++] = s->rules.expect[i].id;
	near = error_nearest(id, names, n);
	return error_set(err, ERR_USAGE,
	        "option --expect: expected the id of an SLO or expectation%s%s%s, found '%s'",
	        near ? " (nearest is '" : "", near ? near : "", near ? "')" : "", id);
}

/* What there is to shrink, by a whole run; out->end where there is nothing. */
static void judge_first(struct shrinker *w, const struct scenario *s, const struct evaluation *e)
{
	const struct score_result *r = e->result;
	struct shrink_result *out = w->out;
	bool named = w->request->expect != NULL, missed;

	missed = named ? verdict_at(r, out->is_slo, shrink_kept_index(w, s)) == VERDICT_FAIL
	               : find_missed(out, r);
	w->corrupt = r->by_outcome[OUTCOME_CORRUPT] > 0;
	out->exit_code = r->exit_code;
	out->end = SHRINK_UNDECIDED;
	if (e->run.aborted)
		out->end = SHRINK_ABORTED;
	else if (r->verdict == VERDICT_FAIL && missed && e->valid)
		out->end = SHRINK_DONE;
	else if (e->valid && !missed &&
	         (named ? verdict_at(r, out->is_slo, shrink_kept_index(w, s)) == VERDICT_PASS
	                : r->verdict == VERDICT_PASS))
		out->end = SHRINK_HELD;
	if (out->end == SHRINK_DONE)
		w->manner = arena_printf(
		        &w->arena, "%s", manner_at(r, out->is_slo, shrink_kept_index(w, s)));
	if (out->end == SHRINK_HELD)
		out->exit_code = 0;
	else if (out->end == SHRINK_UNDECIDED && named)
		out->exit_code = 4;
}

static enum status first_run(struct shrinker *w, struct scenario *s, struct error *err)
{
	struct evaluation e;
	enum status st;

	if (w->request->expect)
		find_named(s, w->request->expect, w->out);
	st = play(s, true, w->interrupt, &e, err);
	w->out->runs++;
	if (!st && *w->interrupt) {
		w->out->end = SHRINK_UNDECIDED;
		w->out->cut = SHRINK_CUT_INTERRUPT;
	} else if (!st) {
		judge_first(w, s, &e);
	}
	evaluation_free(&e);
	return st;
}

/* The run alone, as most steps are judged; where it is undecided, steps have replicas, too. */
static void first_step(struct shrinker *w)
{
	struct json *nothing;
	struct error err = ERROR_INIT;
	struct shrink_step base = {.s = w->out->original};

	if (json_parse("shrink", "{}", 2, &nothing, &err))
		UNREACHABLE("an empty object is JSON");
	if (!shrink_try(w, &base, json_root(nothing), true) && !shrink_stopped(w)) {
		memo_slot(w->memo, base.s->plan_digest)->used = false;
		w->replicas = true;
		(void)shrink_try(w, &base, json_root(nothing), true);
	}
	json_free(nothing);
}

/* --- the whole --------------------------------------------------------------------------- */

static void stage(struct shrinker *w, void (*fn)(struct shrinker *w))
{
	uint64_t before = w->accepted;

	fn(w);
	if (w->accepted != before)
		say(w, true);
}

static void search(struct shrinker *w)
{
	uint64_t before = UINT64_MAX;

	for (int round = 0; round < ROUNDS_MAX && w->accepted != before; round++) {
		before = w->accepted;
		stage(w, shrink_lists);
		stage(w, shrink_members);
		stage(w, shrink_times);
		stage(w, shrink_targets);
		stage(w, shrink_numbers);
		if (shrink_stopped(w))
			break;
	}
}

static void observe(struct shrinker *w, const struct evaluation *e, const struct scenario *s)
{
	const struct score_result *r = e->result;
	uint32_t i = shrink_kept_index(w, s);

	w->out->observed = w->out->limit = NAN;
	if (w->out->is_slo) {
		w->out->limit = ns_to_ms(r->slo[i].rule->limit_ns);
		if (r->slo[i].observed_ns >= 0)
			w->out->observed = ns_to_ms(r->slo[i].observed_ns);
	} else {
		if (r->expect[i].has_limit)
			w->out->limit = r->expect[i].limit;
		if (r->expect[i].has_observed)
			w->out->observed = r->expect[i].observed;
	}
	memcpy(w->out->result_digest, e->run.result_digest, DIGEST_BYTES);
}

/* The last step that a whole run, as `run` makes it, finds to miss the same. Who waits for the end
 * after an interrupt is not made to wait for twins. */
static enum status confirm(struct shrinker *w, struct error *err)
{
	static const volatile sig_atomic_t never;
	enum status st = ERR_NONE;

	for (uint32_t i = w->n_steps; i-- > 0 && !st && !w->out->smallest;) {
		struct scenario *s = w->steps[i]->s;
		struct evaluation e;

		st = *w->interrupt ? play(s, true, &never, &e, err)
		                   : evaluate(s, false, &never, &e, err);
		if (!st && misses_the_same(w, s, &e)) {
			observe(w, &e, s);
			w->out->smallest = s;
			w->steps[i]->s = NULL;
		}
		evaluation_free(&e);
	}
	return st;
}

static enum status shrink_from_first(struct shrinker *w, struct error *err)
{
	enum status st = first_run(w, w->out->original, err);
	struct shrink_step whole = {.s = w->out->original};

	if (st || w->out->end != SHRINK_DONE)
		return st;
	first_step(w);
	if (w->best) {
		say(w, true);
		search(w);
	}
	if (w->err->code)
		return error_set(err, w->err->code, "%s", w->err->text);
	if (*w->interrupt)
		w->out->cut = SHRINK_CUT_INTERRUPT;
	else if (shrink_stopped(w))
		w->out->cut = SHRINK_CUT_RUNS;
	st = confirm(w, err);
	if (!st && !w->out->smallest) /* nothing but the first run itself was found to miss it */
		st = gather(whole.s, &w->out->smallest, err);
	return st;
}

enum status shrink(const struct scenario *s, const struct shrink_request *request,
        const volatile sig_atomic_t *interrupt, struct shrink_result *out, struct error *err)
{
	struct error run_error = ERROR_INIT;
	struct shrinker w = {.request = request,
	        .interrupt = interrupt,
	        .err = &run_error,
	        .out = out,
	        .memo = memo_new(request->max_runs)};
	enum status st;

	CHECK(request->max_runs <= SHRINK_RUNS_MAX && s->has_deployment);
	arena_init(&w.arena, 1 << 16);
	*out = (struct shrink_result){.end = SHRINK_UNDECIDED, .observed = NAN, .limit = NAN};
	st = gather(s, &out->original, err);
	if (!st)
		st = shrink_from_first(&w, err);
	for (uint32_t i = 0; i < w.n_steps; i++)
		shrink_step_drop(w.steps[i]);
	memo_free(w.memo);
	arena_free(&w.arena);
	return st;
}

void shrink_free(struct shrink_result *r)
{
	scenario_free(r->original);
	scenario_free(r->smallest);
	*r = (struct shrink_result){0};
}
