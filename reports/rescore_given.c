/* Somebody else's file: what the scorer asserts of its callers is asked of it here. */
#include "reports/rescore_given.h"
#include <string.h>
#include "harness/base/units.h"
#include "reports/names.h"

#define TIME_MOST (4 * NS_MAX) /* sums of two still fit */

/* A member that form_check has seen to be a whole number or null: that is -1. */
static int64_t whole(struct jval v, const char *key)
{
	struct error ignored = ERROR_INIT;
	int64_t n = -1;

	return json_i64(json_get(v, key), &n, &ignored) ? -1 : n;
}

static double real(struct jval v)
{
	struct error ignored = ERROR_INIT;
	double x = 0;

	return json_real(v, &x, &ignored) ? 0 : x;
}

static bool flag(struct jval v, const char *key)
{
	return json_is_true(json_get(v, key));
}

static const char *text(struct jval v, const char *key)
{
	return json_string(json_get(v, key));
}

static uint32_t word(struct jval v, const char *key, const char *const *words)
{
	uint32_t i = 0;

	while (strcmp(words[i], text(v, key)) != 0)
		i++;
	return i;
}

/* An instant or a duration; null is -1. */
static enum status time_at(struct jval v, const char *key, int64_t *ns, struct error *err)
{
	*ns = whole(v, key);
	if (*ns > TIME_MOST)
		return json_expected(json_get(v, key), err, "at most 40 years");
	return ERR_NONE;
}

/* --- names and configuration ------------------------------------------------------------- */

static enum status read_texts(struct jval list, uint32_t most, struct arena *arena,
        const char *const **out, uint32_t *n, struct error *err)
{
	const char **texts;

	if (json_count(list) > most)
		return json_expected(list, err, "at most %u names", (unsigned)most);
	texts = ARENA_ARRAY(arena, const char *, json_count(list) + 1);
	*n = 0;
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v))
		texts[(*n)++] = json_string(v);
	*out = texts;
	return ERR_NONE;
}

static enum status read_config(struct jval v, struct rescore_given *g, struct error *err)
{
	struct jval c = json_get(v, "config"), rates = json_get(c, "expected_rate");
	struct score_config *config = &g->config;

	*config = (struct score_config){.tiers = g->names.tiers,
	        .n_tiers = g->names.n_tiers,
	        .rules = &g->rules,
	        .n_faults = g->names.n_faults,
	        .expected_rate_all = real(json_get(c, "expected_rate_all")),
	        .census = flag(c, "census")};
	if (json_count(rates) != g->names.n_tiers)
		return json_expected(
		        rates, err, "a rate for each of the %u tiers", (unsigned)g->names.n_tiers);
	for (uint32_t i = 0; i < g->names.n_tiers; i++)
		config->expected_rate[i] = real(json_at(rates, i));
	if (time_at(c, "warmup_ns", &config->warmup_ns, err) ||
	        time_at(c, "duration_ns", &config->duration_ns, err) ||
	        time_at(c, "recovery_horizon_ns", &config->recovery_horizon_ns, err) ||
	        time_at(c, "recovery_hold_ns", &config->recovery_hold_ns, err))
		return err->code;
	return ERR_NONE;
}

static void read_facts(struct jval v, struct score_facts *f)
{
	struct jval paths = json_get(v, "paths");

	*f = (struct score_facts){.scheduled = (uint64_t)whole(v, "scheduled"),
	        .critical_known = flag(v, "critical_known"),
	        .critical_in_rack = flag(v, "critical_in_rack"),
	        .critical_in_pod = flag(v, "critical_in_pod"),
	        .packets_in_rack = (enum packets)word(v, "packets_in_rack", names_packets),
	        .packets_in_pod = (enum packets)word(v, "packets_in_pod", names_packets),
	        .packets_doubt = text(v, "packets_doubt"),
	        .paths_known = flag(v, "paths_known"),
	        .valid = flag(v, "valid"),
	        .aborted_by_rule = flag(v, "aborted_by_rule"),
	        .interrupted = flag(v, "interrupted"),
	        .partial = flag(v, "partial")};
	for (int i = 0; i < REACHED_COUNT; i++)
		f->paths[i] = (uint64_t)whole(paths, names_paths[i]);
}

/* --- faults ------------------------------------------------------------------------------ */

static enum status read_fault(struct jval v, struct score_fault *f, struct error *err)
{
	struct jval damage = json_get(v, "damage");

	*f = (struct score_fault){.id = text(v, "id"),
	        .kind = text(v, "kind"),
	        .target = text(v, "target"),
	        .detail = text(v, "detail"),
	        .withheld = text(v, "withheld"),
	        .recover_ns = -1,
	        .clean = flag(v, "clean"),
	        .detect_started = flag(v, "detect_started"),
	        .failover_started = flag(v, "failover_started"),
	        .settled = flag(v, "settled"),
	        .replayed_requests = (uint64_t)whole(v, "replayed_requests"),
	        .has_damage = json_type(damage) == JSON_OBJECT};
	if (f->has_damage) {
		f->damage.late = (uint64_t)whole(damage, "late");
		f->damage.extra_ns_sum = whole(damage, "extra_ns_sum");
		f->damage.lost = (uint64_t)whole(damage, "lost");
		f->damage.refused = (uint64_t)whole(damage, "refused");
		f->damage.tokens_recomputed = (uint64_t)whole(damage, "tokens_recomputed");
	}
	if (time_at(v, "inject_ns", &f->inject_ns, err) ||
	        time_at(v, "effect_ns", &f->effect_ns, err) ||
	        time_at(v, "detect_ns", &f->detect_ns, err) ||
	        time_at(v, "isolate_ns", &f->isolate_ns, err) ||
	        time_at(v, "failover_ns", &f->failover_ns, err) ||
	        time_at(v, "revert_ns", &f->revert_ns, err))
		return err->code;
	return time_at(v, "coalesce_ns", &f->coalesce_ns, err);
}

static enum status read_faults(
        struct jval list, struct arena *arena, struct rescore_given *g, struct error *err)
{
	const char **ids;
	uint32_t n = 0;

	if (json_count(list) > SCORE_FAULTS_MAX)
		return json_expected(list, err, "at most %d faults", (int)SCORE_FAULTS_MAX);
	ids = ARENA_ARRAY(arena, const char *, json_count(list) + 1);
	g->faults = ARENA_ARRAY(arena, struct score_fault, json_count(list) + 1);
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		if (read_fault(v, &g->faults[n], err))
			return err->code;
		ids[n] = g->faults[n].id;
		n++;
	}
	g->names.faults = ids;
	g->names.n_faults = n;
	return ERR_NONE;
}

static uint32_t fault_of(const struct score_names *names, const char *id)
{
	uint32_t i = 0;

	while (i < names->n_faults && (!id || strcmp(names->faults[i], id) != 0))
		i++;
	return i;
}

/* What the windows demand: injects in order of time, and nothing ends that has not begun, nor
 * begins twice before it does. */
struct mark_state {
	bool *active; /* by fault */
	int64_t *began;
	int64_t last_inject;
	uint64_t after;
};

static enum status read_mark(struct jval v, const struct score_names *names, struct mark_state *st,
        struct score_mark *m, struct error *err)
{
	*m = (struct score_mark){.after = (uint64_t)whole(v, "after"),
	        .told = (enum score_told)word(v, "told", names_told)};
	if (m->after < st->after)
		return json_expected(v, err, "marks in order");
	st->after = m->after;
	if (m->told == TOLD_NO_MORE)
		return ERR_NONE;
	m->fault = fault_of(names, text(v, "fault"));
	if (m->fault == names->n_faults)
		return json_expected(v, err, "one of the faults");
	if (time_at(v, "at_ns", &m->at_ns, err))
		return err->code;
	if (m->told == TOLD_INJECT) {
		if (m->at_ns < st->last_inject || st->active[m->fault])
			return json_expected(v, err, "a fault that begins later, and once");
		st->last_inject = st->began[m->fault] = m->at_ns;
	} else if (!st->active[m->fault] || m->at_ns < st->began[m->fault]) {
		return json_expected(v, err, "a fault that had begun");
	}
	st->active[m->fault] = m->told == TOLD_INJECT;
	return ERR_NONE;
}

static enum status read_marks(
        struct jval list, struct arena *arena, struct rescore_given *g, struct error *err)
{
	struct mark_state st = {.active = ARENA_ARRAY(arena, bool, g->names.n_faults + 1),
	        .began = ARENA_ARRAY(arena, int64_t, g->names.n_faults + 1)};

	g->marks_known = json_type(list) == JSON_ARRAY;
	if (!g->marks_known)
		return ERR_NONE;
	if (json_count(list) > SCORE_MARKS_MAX)
		return json_expected(list, err, "at most %d marks", (int)SCORE_MARKS_MAX);
	g->marks = ARENA_ARRAY(arena, struct score_mark, json_count(list) + 1);
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v))
		if (read_mark(v, &g->names, &st, &g->marks[g->n_marks++], err))
			return err->code;
	return ERR_NONE;
}

/* --- all --------------------------------------------------------------------------------- */

enum status rescore_given_read(struct jval score, struct jval scenario, struct arena *arena,
        struct rescore_given *out, struct error *err)
{
	*out = (struct rescore_given){.dropped = (uint64_t)whole(score, "dropped")};
	if (read_texts(json_get(score, "tiers"), SCORE_TIERS_MAX, arena, &out->names.tiers,
	            &out->names.n_tiers, err) ||
	        read_texts(json_get(score, "pools"), SCORE_RULES_MAX, arena, &out->names.pools,
	                &out->names.n_pools, err) ||
	        read_faults(json_get(score, "faults"), arena, out, err) ||
	        read_config(score, out, err) ||
	        read_marks(json_get(score, "marks"), arena, out, err))
		return err->code;
	read_facts(json_get(score, "facts"), &out->facts);
	return score_rules_parse(scenario, &out->names, arena, &out->rules, err);
}
