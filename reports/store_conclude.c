/* What is known of a run when it has been judged, in one transaction: whoever finds partial = 0, or
 * a verdict, finds all of it. */
#include "reports/store_private.h"

#include "harness/base/arena.h"
#include "reports/score_state.h"

/* Parameters of a statement, one after the other. */
struct binder {
	sqlite3_stmt *statement;
	int place;
};

static void put_int(struct binder *b, int64_t v)
{
	(void)sqlite3_bind_int64(b->statement, ++b->place, v);
}

static void put_if(struct binder *b, bool known, int64_t v)
{
	if (known)
		put_int(b, v);
	else
		(void)sqlite3_bind_null(b->statement, ++b->place);
}

static void put_instant(struct binder *b, int64_t ns)
{
	put_if(b, ns >= 0, ns);
}

static void put_real(struct binder *b, bool known, double v)
{
	if (known)
		(void)sqlite3_bind_double(b->statement, ++b->place, v);
	else
		(void)sqlite3_bind_null(b->statement, ++b->place);
}

static void put_text(struct binder *b, const char *s) /* NULL is NULL */
{
	(void)sqlite3_bind_text(b->statement, ++b->place, s, -1, SQLITE_STATIC);
}

/* The statement's next row. */
static enum status put_row(struct binder *b, struct store_db *d, struct error *err)
{
	b->place = 0;
	return store_db_step(d, b->statement, err);
}

/* --- the ledger
 * ---------------------------------------------------------------------------------------- */

static void put_fault(struct binder *b, const struct score_fault *f)
{
	put_text(b, f->kind);
	put_text(b, f->target);
	put_text(b, f->detail);
	put_instant(b, f->inject_ns);
	put_instant(b, f->effect_ns);
	put_instant(b, f->detect_ns);
	put_instant(b, f->isolate_ns);
	put_instant(b, f->failover_ns);
	put_instant(b, f->recover_ns);
	put_instant(b, f->revert_ns);
	put_int(b, f->clean);
	put_int(b, f->breach);
	put_text(b, f->withheld);
	put_instant(b, f->coalesce_ns);
	put_int(b, (int64_t)f->replayed_requests);
	put_if(b, f->has_damage, (int64_t)f->damage.late);
	put_if(b, f->has_damage, f->damage.extra_ns_sum);
	put_if(b, f->has_damage, (int64_t)f->damage.lost);
	put_if(b, f->has_damage, (int64_t)f->damage.refused);
	put_if(b, f->has_damage, (int64_t)f->damage.tokens_recomputed);
}

static enum status put_faults(
        struct store_db *d, const struct result_document *doc, struct error *err)
{
	struct binder b = {0};
	enum status st = store_db_prepare(d,
	        "UPDATE faults SET (kind, target, detail, inject_ns, effect_ns, detect_ns, "
	        "isolate_ns, failover_ns, recover_ns, revert_ns, clean, breach, withheld, "
	        "coalesce_ns, replayed_requests, damage_late, damage_extra_ns, damage_lost, "
	        "damage_refused, damage_tokens_recomputed) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	        "?, ?, ?, ?, ?, ?, ?, ?) WHERE fault = ?",
	        &b.statement, err);

	for (uint32_t i = 0; i < doc->n_faults && !st; i++) {
		put_fault(&b, &doc->faults[i]);
		put_int(&b, i);
		st = put_row(&b, d, err);
	}
	(void)sqlite3_finalize(b.statement);
	return st;
}

/* --- verdicts
 * ------------------------------------------------------------------------------------------ */

static void put_slo(struct binder *b, const struct slo_result *r)
{
	put_text(b, r->rule->id);
	put_int(b, r->rule->tier);
	put_text(b, metric_name(r->rule->metric));
	put_real(b, true, r->rule->quantile);
	put_int(b, r->rule->limit_ns);
	put_text(b, window_name(r->rule->window));
	put_real(b, true, r->rule->max_refused);
	put_int(b, r->rule->want_miss);
	put_text(b, r->observed);
	put_instant(b, r->observed_ns);
	put_instant(b, r->upper_ns);
	put_int(b, (int64_t)r->n);
	put_int(b, (int64_t)r->over);
	put_int(b, (int64_t)r->refused);
	put_real(b, true, r->vif);
	put_int(b, (int64_t)r->n_eff);
	put_text(b, basis_name(r->basis));
	put_text(b, r->reason);
	put_text(b, verdict_name(r->verdict));
}

static enum status put_slos(
        struct store_db *d, const struct score_result *result, struct error *err)
{
	struct binder b = {0};
	enum status st = store_db_prepare(d,
	        "INSERT INTO slo VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	        &b.statement, err);

	for (uint32_t i = 0; i < result->n_slo && !st; i++) {
		put_slo(&b, &result->slo[i]);
		st = put_row(&b, d, err);
	}
	(void)sqlite3_finalize(b.statement);
	return st;
}

static enum status put_share(struct store_db *d, struct binder *b, const char *slo, const char *of,
        const char *part, double share, struct error *err)
{
	if (share <= 0)
		return ERR_NONE;
	put_text(b, slo);
	put_text(b, of);
	put_text(b, part);
	put_real(b, true, share);
	return put_row(b, d, err);
}

static enum status put_blame(
        struct store_db *d, const struct result_document *doc, struct error *err)
{
	const struct score_names *names = doc->names;
	struct binder b = {0};
	enum status st =
	        store_db_prepare(d, "INSERT INTO blame VALUES (?, ? || ?, ?)", &b.statement, err);

	for (uint32_t i = 0; i < doc->result->n_slo; i++) {
		const struct slo_result *r = &doc->result->slo[i];

		for (int p = 0; r->has_blame && p < BLAME_PARTS && !st; p++)
			st = put_share(d, &b, r->rule->id, "", blame_name((enum blame_part)p),
			        r->blame[p], err);
		for (uint32_t f = 0; r->has_blame && f < names->n_faults && !st; f++)
			st = put_share(d, &b, r->rule->id, "stall:", names->faults[f],
			        r->blame_faults[f], err);
	}
	(void)sqlite3_finalize(b.statement);
	return st;
}

static enum status put_expectations(
        struct store_db *d, const struct score_result *result, struct error *err)
{
	struct binder b = {0};
	enum status st = store_db_prepare(
	        d, "INSERT INTO expectations VALUES (?, ?, ?, ?, ?, ?)", &b.statement, err);

	for (uint32_t i = 0; i < result->n_expect && !st; i++) {
		const struct expect_result *r = &result->expect[i];

		put_text(&b, r->rule->id);
		put_text(&b, expect_name(r->rule->kind));
		put_real(&b, r->has_limit, r->limit);
		put_real(&b, r->has_observed, r->observed);
		put_text(&b, r->reason);
		put_text(&b, verdict_name(r->verdict));
		st = put_row(&b, d, err);
	}
	(void)sqlite3_finalize(b.statement);
	return st;
}

/* --- histograms
 * ---------------------------------------------------------------------------------------- */

static enum status put_histogram(struct store_db *d, struct binder *b, const struct score *score,
        const uint32_t of[static 3], struct error *err)
{
	enum window w = (enum window)of[1];
	enum metric m = (enum metric)of[2];
	const struct histogram *h = score_histogram(score, of[0], w, m);
	uint32_t cursor = 0;
	int64_t upper;
	uint64_t n;

	while (histogram_next(h, &cursor, &upper, &n)) {
		enum status st;

		put_int(b, of[0]);
		put_text(b, window_name(w));
		put_text(b, metric_name(m));
		put_int(b, upper < h->max ? upper : h->max);
		put_int(b, (int64_t)n);
		st = put_row(b, d, err);
		if (st)
			return st;
	}
	return ERR_NONE;
}

static enum status put_histograms(struct store_db *d, const struct score *score, struct error *err)
{
	struct binder b = {0};
	enum status st = store_db_prepare(
	        d, "INSERT INTO histograms VALUES (?, ?, ?, ?, ?)", &b.statement, err);

	for (uint32_t tier = 0; tier < d->config->score->n_tiers; tier++)
		for (uint32_t w = 0; w < WINDOW_COUNT; w++)
			for (uint32_t m = 0; m < METRIC_GROUPS && !st; m++)
				st = put_histogram(
				        d, &b, score, (const uint32_t[]){tier, w, m}, err);
	(void)sqlite3_finalize(b.statement);
	return st;
}

/* --- windows
 * ------------------------------------------------------------------------------------------- */

static enum status put_windows(struct store_db *d, const struct score *score, struct error *err)
{
	struct window_stretch stretch;
	struct binder b = {0};
	uint64_t cursor = 0;
	enum status st =
	        store_db_prepare(d, "INSERT INTO windows VALUES (?, ?, ?)", &b.statement, err);

	while (!st && score_stretch(score, &cursor, &stretch)) {
		put_int(&b, stretch.from_ns);
		put_int(&b, stretch.to_ns);
		put_text(&b, window_name(stretch.window));
		st = put_row(&b, d, err);
	}
	(void)sqlite3_finalize(b.statement);
	return st;
}

/* --- the run
 * ------------------------------------------------------------------------------------------- */

static enum status put_run(struct store_db *d, const struct result_document *doc, uint64_t requests,
        uint64_t dropped, struct error *err)
{
	struct binder b = {0};
	enum status st = store_db_prepare(d,
	        "UPDATE run SET partial = ?, requests = ?, dropped = ?, verdict = ?", &b.statement,
	        err);

	if (!st) {
		put_int(&b, doc->partial);
		put_int(&b, (int64_t)requests);
		put_int(&b, (int64_t)dropped);
		put_text(&b, verdict_name(doc->result->verdict));
		st = put_row(&b, d, err);
	}
	(void)sqlite3_finalize(b.statement);
	return st;
}

enum status store_conclude(struct store_db *d, const struct store_timeline *timeline,
        const struct result_document *doc, uint64_t requests, uint64_t dropped, struct error *err)
{
	enum status st = store_db_run(d, "BEGIN IMMEDIATE", err);

	if (!st)
		st = put_faults(d, doc, err);
	if (!st)
		st = put_slos(d, doc->result, err);
	if (!st)
		st = put_blame(d, doc, err);
	if (!st)
		st = put_expectations(d, doc->result, err);
	if (!st)
		st = put_windows(d, doc->score, err);
	if (!st)
		st = put_histograms(d, doc->score, err);
	if (!st)
		st = store_timeline_write(timeline, d, err);
	if (!st)
		st = put_run(d, doc, requests, dropped, err);
	return st ? st : store_db_run(d, "COMMIT", err);
}
