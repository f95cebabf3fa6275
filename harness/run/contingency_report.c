/* What a campaign of contingencies says at the end, from its lines alone.
 *
 * Tables count contingencies, not runs: a cell counts for all that it stands for. So they are the
 * same whether symmetric ones were run or not.
 *
 * The ranking is by damage: goodput lost against the twin, then p99 of TTFT, then TTF; the larger
 * the worse, and worse than any number is what has none: too few served to have a p99, a failover
 * that never ended. What no request felt comes behind what any did; equals stand in the order of
 * the cells. */
#include "harness/run/contingency.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"

enum { WORST_SHOWN = 10 };

const char *contingency_name(enum contingency kind)
{
	return survive_names[SURVIVE_N1 + kind];
}

/* --- lines in
 * -------------------------------------------------------------------------------------- */

static enum status read_count(struct jval line, const char *key, uint64_t *out, struct error *err)
{
	struct jval v = json_get(line, key);
	int64_t n = 0;

	*out = 0;
	if (json_type(v) == JSON_NULL)
		return ERR_NONE;
	if (json_type(v) == JSON_NONE)
		return json_error(line, err, "expected the key '%s', found none", key);
	if (json_i64(v, &n, err))
		return err->code;
	if (n < 0)
		return json_expected(v, err, "a count");
	*out = (uint64_t)n;
	return ERR_NONE;
}

static enum status read_number(struct jval line, const char *key, double *out, struct error *err)
{
	struct jval v = json_get(line, key);

	*out = -1;
	if (json_type(v) == JSON_NULL)
		return ERR_NONE;
	if (json_type(v) == JSON_NONE)
		return json_error(line, err, "expected the key '%s', found none", key);
	return json_real(v, out, err);
}

static enum status read_verdict(struct jval line, enum verdict *out, struct error *err)
{
	struct jval v = json_get(line, "verdict");
	const char *word = json_string(v);

	for (int i = VERDICT_PASS; word && i <= VERDICT_INCONCLUSIVE; i++) {
		if (strcmp(word, verdict_name((enum verdict)i)) != 0)
			continue;
		*out = (enum verdict)i;
		return ERR_NONE;
	}
	return json_expected(v, err, "a verdict");
}

/* Known only if every tier's is. */
static enum status read_tiers(struct jval line, double *p99_ms, struct error *err)
{
	double worst = 0, ms;

	for (struct jval t = json_first(json_get(line, "tiers")); t.item; t = json_next(t)) {
		if (read_number(t, "p99_ttft_ms", &ms, err))
			return err->code;
		if (ms < 0)
			worst = -1;
		else if (worst >= 0 && ms > worst)
			worst = ms;
	}
	*p99_ms = worst;
	return ERR_NONE;
}

static enum status read_losses(struct jval line, struct contingency_found *f, struct error *err)
{
	double ms, isolated;

	f->ttf_ms = -1;
	for (struct jval l = json_first(json_get(line, "losses")); l.item; l = json_next(l)) {
		if (read_number(l, "ttf_ms", &ms, err) ||
		        read_number(l, "isolate_ns", &isolated, err))
			return err->code;
		f->never_back |= ms < 0 && isolated >= 0;
		f->ttf_ms = ms > f->ttf_ms ? ms : f->ttf_ms;
	}
	return ERR_NONE;
}

enum status contingency_fold(struct campaign_state *state, struct jval line, struct error *err)
{
	struct contingency_found f = {.valid = json_is_true(json_get(line, "valid"))};

	f.together = state->cells.kind == CONTINGENCY_N11 && !json_is_true(json_get(line, "apart"));

	if (read_count(line, "index", &f.index, err) ||
	        read_count(line, "stands_for", &f.stands_for, err) ||
	        read_count(line, "requests", &f.requests, err) ||
	        read_count(line, "late", &f.late, err) || read_count(line, "lost", &f.lost, err) ||
	        read_count(line, "refused", &f.refused, err) ||
	        read_number(line, "extra_ms", &f.extra_ms, err) ||
	        read_number(line, "goodput_rps", &f.goodput_rps, err) ||
	        read_number(line, "goodput_lost_rps", &f.goodput_lost_rps, err) ||
	        read_verdict(line, &f.verdict, err) || read_tiers(line, &f.p99_ms, err) ||
	        read_losses(line, &f, err))
		return err->code;
	if (f.index >= state->cells.n)
		return json_expected(json_get(line, "index"), err, "one of the %llu cells",
		        (unsigned long long)state->cells.n);
	if (state->n_found == state->found_capacity) {
		state->found_capacity = state->found_capacity ? state->found_capacity * 2 : 256;
		state->found = mem_grow(state->found, state->found_capacity, sizeof(*state->found));
	}
	state->found[state->n_found++] = f;
	return ERR_NONE;
}

/* --- order
 * ----------------------------------------------------------------------------------------- */

/* -1 = not known, which is worse. */
static int worse_of(double a, double b)
{
	if ((a < 0) != (b < 0))
		return a < 0 ? 1 : -1;
	return (a > b) - (a < b);
}

/* Any request fared worse than in the twin. A percentile can come out lower for it. */
static bool is_felt(const struct contingency_found *f)
{
	return f->late || f->lost || f->refused;
}

/* > 0: a is worse. */
static int compare_damage(const struct contingency_found *a, const struct contingency_found *b)
{
	int by = (a->goodput_lost_rps > b->goodput_lost_rps) -
	         (a->goodput_lost_rps < b->goodput_lost_rps);

	if (!by)
		by = (int)is_felt(a) - (int)is_felt(b);
	if (!by)
		by = worse_of(a->p99_ms, b->p99_ms);
	if (!by)
		by = (int)a->never_back - (int)b->never_back;
	return by ? by : (a->ttf_ms > b->ttf_ms) - (a->ttf_ms < b->ttf_ms);
}

static int worst_first(const void *x, const void *y)
{
	const struct contingency_found *a = x, *b = y;
	int by = compare_damage(b, a);

	return by ? by : (a->index > b->index) - (a->index < b->index);
}

/* --- tables
 * ---------------------------------------------------------------------------------------- */

/* A class, or a pair of classes. */
struct row {
	uint64_t run, n, verdicts[VERDICT_INCONCLUSIVE + 1];
	const struct contingency_found *worst;
};

static void count_row(struct row *r, const struct contingency_found *f)
{
	r->run++;
	r->n += f->stands_for;
	r->verdicts[f->verdict] += f->stands_for;
	if (!r->worst || worst_first(f, r->worst) < 0)
		r->worst = f;
}

static void name_of(
        const struct campaign_state *state, uint64_t index, char buf[static CAMPAIGN_CELL_NAME])
{
	struct contingency_cell cell = contingency_cell_at(&state->cells, index);

	contingency_cell_name(&state->cells, &cell, buf);
}

static void real_or_null(struct json_out *o, const char *key, double v)
{
	if (v < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, v);
}

static void write_found(const struct campaign_state *state, const struct contingency_found *f,
        const char *key, struct json_out *o)
{
	char name[CAMPAIGN_CELL_NAME];

	name_of(state, f->index, name);
	json_out_open(o, key, '{');
	json_out_u64(o, "index", f->index);
	json_out_str(o, "cell", name);
	json_out_u64(o, "stands_for", f->stands_for);
	json_out_str(o, "verdict", verdict_name(f->verdict));
	json_out_real(o, "goodput_rps", f->goodput_rps);
	json_out_real(o, "goodput_lost_rps", f->goodput_lost_rps);
	real_or_null(o, "p99_ttft_ms", f->p99_ms);
	real_or_null(o, "ttf_ms", f->never_back ? -1 : f->ttf_ms);
	json_out_bool(o, "never_back", f->never_back);
	json_out_u64(o, "late", f->late);
	json_out_u64(o, "lost", f->lost);
	json_out_u64(o, "refused", f->refused);
	real_or_null(o, "extra_ms", f->extra_ms);
	json_out_close(o);
}

static void write_row(const struct campaign_state *state, const struct row *r, struct json_out *o)
{
	json_out_u64(o, "contingencies", r->n);
	json_out_u64(o, "run", r->run);
	json_out_u64(o, "pass", r->verdicts[VERDICT_PASS]);
	json_out_u64(o, "fail", r->verdicts[VERDICT_FAIL]);
	json_out_u64(o, "inconclusive", r->verdicts[VERDICT_INCONCLUSIVE]);
	write_found(state, r->worst, "worst", o);
	json_out_close(o);
}

static void print_row(
        const struct campaign_state *state, const char *label, const struct row *r, FILE *text)
{
	char name[CAMPAIGN_CELL_NAME];

	name_of(state, r->worst->index, name);
	(void)fprintf(text, "  %-16s %10llu %8llu %10llu %8llu %13llu  %s\n", label,
	        (unsigned long long)r->n, (unsigned long long)r->run,
	        (unsigned long long)r->verdicts[VERDICT_PASS],
	        (unsigned long long)r->verdicts[VERDICT_FAIL],
	        (unsigned long long)r->verdicts[VERDICT_INCONCLUSIVE], name);
}

static void tables(const struct campaign_state *state, struct json_out *o, FILE *text)
{
	struct row rows[UNIT_CLASSES][UNIT_CLASSES] = {0};
	bool pairs = state->cells.kind != CONTINGENCY_N1;

	for (uint64_t i = 0; i < state->n_found; i++) {
		const struct contingency_found *f = &state->found[i];
		struct contingency_cell cell = contingency_cell_at(&state->cells, f->index);
		uint32_t other = cell.unit[pairs ? 1 : 0];

		count_row(&rows[state->cells.units[cell.unit[0]].class]
		               [state->cells.units[other].class],
		        f);
	}
	(void)fprintf(text, "\n  %-16s %10s %8s %10s %8s %13s  %s\n", pairs ? "classes" : "class",
	        "of them", "run", "pass", "fail", "inconclusive", "worst");
	json_out_open(o, "classes", '[');
	for (int a = 0; a < UNIT_CLASSES; a++)
		for (int b = 0; b < UNIT_CLASSES; b++) {
			char label[32];

			if (!rows[a][b].run)
				continue;
			(void)snprintf(label, sizeof(label), "%s%s%s",
			        unit_class_name((enum unit_class)a), pairs ? " " : "",
			        pairs ? unit_class_name((enum unit_class)b) : "");
			json_out_open(o, NULL, '{');
			json_out_str(o, "class", unit_class_name((enum unit_class)a));
			if (pairs)
				json_out_str(o, "second", unit_class_name((enum unit_class)b));
			write_row(state, &rows[a][b], o);
			print_row(state, label, &rows[a][b], text);
		}
	json_out_close(o);
}

/* --- ranking
 * --------------------------------------------------------------------------------------- */

static void print_ms(FILE *text, double ms)
{
	if (ms < 0)
		(void)fprintf(text, " %12s", "-");
	else
		(void)fprintf(text, " %12.3f", ms);
}

static void print_worst(const struct campaign_state *state, FILE *text)
{
	char name[CAMPAIGN_CELL_NAME];

	(void)fprintf(text, "\n  %-34s %9s %-13s %12s %12s %12s %8s %8s\n", "worst", "stands for",
	        "verdict", "lost req/s", "p99 TTFT ms", "TTF ms", "late", "lost");
	for (uint64_t i = 0; i < state->n_found && i < WORST_SHOWN; i++) {
		const struct contingency_found *f = &state->found[i];

		name_of(state, f->index, name);
		(void)fprintf(text, "  %-34s %10llu %-13s %12.3f", name,
		        (unsigned long long)f->stands_for, verdict_name(f->verdict),
		        f->goodput_lost_rps);
		print_ms(text, f->p99_ms);
		if (f->never_back)
			(void)fprintf(text, " %12s", "never");
		else
			print_ms(text, f->ttf_ms);
		(void)fprintf(text, " %8llu %8llu\n", (unsigned long long)f->late,
		        (unsigned long long)f->lost);
	}
}

static void rank(struct campaign_state *state, struct json_out *o, FILE *text)
{
	if (state->n_found)
		qsort(state->found, state->n_found, sizeof(*state->found), worst_first);
	json_out_open(o, "ranking", '[');
	for (uint64_t i = 0; i < state->n_found; i++)
		write_found(state, &state->found[i], NULL, o);
	json_out_close(o);
	print_worst(state, text);
}

/* --- the whole
 * ------------------------------------------------------------------------------------- */

static void say_what(const struct campaign_state *state, struct json_out *o, FILE *text)
{
	const struct contingency_cells *c = &state->cells;
	const struct scenario *s = state->base;
	char at[UNITS_DURATION_MAX], digest[DIGEST_TEXT_MAX];
	uint64_t stood_for = c->n_all - c->n;

	json_out_str(o, "contingency", contingency_name(c->kind));
	json_out_str(o, "survive", survive_names[s->survive]);
	json_out_bool(o, "demanded", state->demanded);
	json_out_i64(o, "at_ns", state->at_ns[0]);
	json_out_i64(o, "spacing_ns", state->at_ns[1] - state->at_ns[0]);
	json_out_u64(o, "faults_left_out", s->faults.n);
	json_out_u64(o, "contingencies", c->n_all);
	json_out_u64(o, "to_run", c->n);
	json_out_u64(o, "by_symmetry", stood_for);
	json_out_open(o, "twin", '{');
	json_out_u64(o, "requests", state->twin_requests);
	json_out_real(o, "goodput_rps", state->twin_goodput_rps);
	json_out_str(o, "result_digest", digest_text(state->twin_digest, digest));
	json_out_close(o);
	(void)fprintf(text, "  %s: %llu contingencies of %u components, %llu run",
	        contingency_name(c->kind), (unsigned long long)c->n_all, (unsigned)c->n_units,
	        (unsigned long long)c->n);
	if (stood_for)
		(void)fprintf(text, ", which stand for %llu more by symmetry",
		        (unsigned long long)stood_for);
	(void)fprintf(text, "\n  lost at %s", units_format_duration(state->at_ns[0], at));
	if (c->kind == CONTINGENCY_N11)
		(void)fprintf(
		        text, ", the second at %s", units_format_duration(state->at_ns[1], at));
	(void)fprintf(text, ", not repaired before the end; without losses %.3f good requests/s\n",
	        state->twin_goodput_rps);
	if (s->faults.n)
		(void)fprintf(text, "  the scenario's own %u fault%s left out\n", s->faults.n,
		        s->faults.n == 1 ? " is" : "s are");
	(void)fprintf(text, "  the scenario demands to survive %s%s\n",
	        s->survive ? survive_names[s->survive] : "none of them",
	        state->demanded ? "" : ": these are reported only");
}

static void say_together(const struct campaign_state *state, struct json_out *o, FILE *text)
{
	uint64_t n = 0;

	if (state->cells.kind != CONTINGENCY_N11)
		return;
	for (uint64_t i = 0; i < state->n_found; i++)
		n += state->found[i].together ? state->found[i].stands_for : 0;
	json_out_u64(o, "not_apart", n);
	if (n)
		(void)fprintf(text,
		        "  in %llu of them the first loss was not recovered from when the second "
		        "came\n",
		        (unsigned long long)n);
}

/* What is not demanded is told, not judged; but a run that says nothing is never green. */
static enum verdict decide(const struct campaign_state *state)
{
	enum verdict v = VERDICT_PASS;

	for (uint64_t i = 0; i < state->n_found; i++) {
		const struct contingency_found *f = &state->found[i];

		if (state->demanded && f->verdict == VERDICT_FAIL)
			return VERDICT_FAIL;
		if (!f->valid || (state->demanded && f->verdict != VERDICT_PASS))
			v = VERDICT_INCONCLUSIVE;
	}
	return v;
}

enum verdict contingency_finish(struct campaign_state *state, struct json_out *out, FILE *text)
{
	say_what(state, out, text);
	say_together(state, out, text);
	tables(state, out, text);
	rank(state, out, text);
	return decide(state);
}
