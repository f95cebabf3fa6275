/* The tables of a store (docs/STORE.md). Integers are exact: ns of run time, counts, indices; what
 * is not known is NULL. Tables that are filled when a run has been judged are empty before. The
 * comments stay in the file, so `.schema` explains itself.
 *
 * Views are for people: names instead of indices, ms instead of ns. */
#include "reports/store_private.h"

#define ROW(member)  offsetof(struct store_row, x.member)
#define GAPS(member) offsetof(struct store_row, gaps.member)

const struct store_column store_columns[STORE_COLUMNS] = {
        {"id", STORE_U64, ROW(id), "its name everywhere"},
        {"ordinal", STORE_U64, ROW(order), "1, 2, 3 … by t_sched_ns; 0: the id is"},
        {"tenant", STORE_U32, ROW(tenant), "of table tenants"},
        {"tier", STORE_U32, ROW(tier), "of table tiers"},
        {"outcome", STORE_OUTCOME, ROW(outcome), "ok, rejected, http_4xx, timeout, …"},
        {"t_sched_ns", STORE_I64, ROW(t_sched), "planned"},
        {"t_send_ns", STORE_NEVER, ROW(t_send), "first byte handed to the kernel"},
        {"t_hdr_ns", STORE_NEVER, ROW(t_hdr), "head of the answer"},
        {"t_first_ns", STORE_NEVER, ROW(t_first), "first token"},
        {"t_last_ns", STORE_NEVER, ROW(t_last), "last token"},
        {"t_done_ns", STORE_I64, ROW(t_done), "its outcome was known"},
        {"prompt_tokens", STORE_I64, ROW(prompt_tokens), ""},
        {"output_tokens", STORE_I64, ROW(output_tokens), "as delivered"},
        {"queue_ns", STORE_NEVER, ROW(queue_ns), "slot entry - arrival, as the target says"},
        {"prefill_ns", STORE_NEVER, ROW(prefill_ns), "likewise"},
        {"decode_ns", STORE_NEVER, ROW(decode_ns), "likewise"},
        {"itl_judged_ns", STORE_NEVER, ROW(itl_judged_ns),
                "p99 gap between tokens; the largest below 100 tokens"},
        {"attempts", STORE_U32, ROW(attempts), "sent so many times"},
        {"replays", STORE_U32, ROW(replays), "evicted by failures, begun again"},
        {"tokens_recomputed", STORE_I64, ROW(tokens_recomputed), "by replays"},
        {"blame_network_ns", STORE_I64, ROW(blame_network_ns),
                "t_last - t_send is the sum of these and its stalls"},
        {"blame_queue_ns", STORE_I64, ROW(blame_queue_ns), ""},
        {"blame_entry_ns", STORE_I64, ROW(blame_entry_ns), ""},
        {"blame_prefill_ns", STORE_I64, ROW(blame_prefill_ns), ""},
        {"blame_decode_ns", STORE_I64, ROW(blame_decode_ns), ""},
        {"gaps", STORE_U64, GAPS(n), "between token events, weighted by tokens"},
        {"gap_sum_ns", STORE_I64, GAPS(sum_ns), ""},
        {"gap_max_ns", STORE_NEVER, GAPS(max_ns), ""},
};

static const char tables[] =
        "CREATE TABLE run (               -- one row\n"
        "  schema TEXT NOT NULL,          -- lpuchaos.store/1\n"
        "  scenario TEXT NOT NULL, seed TEXT NOT NULL, clock TEXT NOT NULL, plan_digest TEXT,\n"
        "  samples TEXT NOT NULL,         -- which requests have a row: all, failed, at most N\n"
        "  warmup_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, -- measured: planned in "
        "between\n"
        "  partial INTEGER NOT NULL,      -- 1: it did not come to its end, or has not yet\n"
        "  requests INTEGER NOT NULL,     -- whose outcome was known\n"
        "  rows INTEGER NOT NULL,         -- in table requests\n"
        "  dropped INTEGER NOT NULL,      -- rows for which there was no room in time\n"
        "  verdict TEXT);                 -- pass, fail, inconclusive, aborted\n"
        "CREATE TABLE tiers (tier INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
        "CREATE TABLE tenants (tenant INTEGER PRIMARY KEY, name TEXT NOT NULL,\n"
        "  tier INTEGER NOT NULL REFERENCES tiers);\n"
        "CREATE TABLE parameters (        -- numbers that the run rests on\n"
        "  path TEXT NOT NULL, value TEXT NOT NULL, unit TEXT,\n"
        "  label TEXT NOT NULL,           -- fact, inference, assumption\n"
        "  source TEXT);\n"
        "CREATE TABLE faults (fault INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT, target "
        "TEXT, detail TEXT,\n"
        "  inject_ns INTEGER, effect_ns INTEGER, detect_ns INTEGER, isolate_ns INTEGER,\n"
        "  failover_ns INTEGER, recover_ns INTEGER, revert_ns INTEGER, clean INTEGER, breach "
        "INTEGER,\n"
        "  withheld TEXT, coalesce_ns INTEGER, replayed_requests INTEGER,\n"
        "  damage_late INTEGER, damage_extra_ns INTEGER, damage_lost INTEGER, -- against the "
        "twin\n"
        "  damage_refused INTEGER, damage_tokens_recomputed INTEGER);\n"
        "CREATE TABLE stalls (            -- what faults took from a request\n"
        "  seq INTEGER NOT NULL REFERENCES requests, place INTEGER NOT NULL,\n"
        "  fault INTEGER NOT NULL REFERENCES faults, stall_ns INTEGER NOT NULL,\n"
        "  PRIMARY KEY (seq, place)) WITHOUT ROWID;\n"
        "CREATE TABLE windows (           -- stretches of run time\n"
        "  from_ns INTEGER PRIMARY KEY, to_ns INTEGER NOT NULL, window TEXT NOT NULL);\n"
        "CREATE TABLE timeline (          -- [from_ns, to_ns): a second, or several\n"
        "  from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL, tier INTEGER NOT NULL REFERENCES "
        "tiers,\n"
        "  scheduled INTEGER NOT NULL,    -- by t_sched_ns, as is ttft\n"
        "  done INTEGER NOT NULL, ok INTEGER NOT NULL, good INTEGER NOT NULL, -- by t_done_ns\n"
        "  rejected INTEGER NOT NULL, failed INTEGER NOT NULL,\n"
        "  output_tokens INTEGER NOT NULL, -- of ok requests\n"
        "  in_flight INTEGER NOT NULL, queued INTEGER NOT NULL, -- at the end of it\n"
        "  ttft_p50_ns INTEGER, ttft_p99_ns INTEGER, ttft_max_ns INTEGER, e2el_p99_ns INTEGER,\n"
        "  PRIMARY KEY (from_ns, tier)) WITHOUT ROWID;\n"
        "CREATE TABLE slo (id TEXT PRIMARY KEY, tier INTEGER NOT NULL REFERENCES tiers,\n"
        "  metric TEXT NOT NULL, quantile REAL NOT NULL, limit_ns INTEGER NOT NULL, window TEXT "
        "NOT NULL,\n"
        "  max_refused REAL NOT NULL, want_miss INTEGER NOT NULL,\n"
        "  observed TEXT NOT NULL,        -- finite, infinite, too_few\n"
        "  observed_ns INTEGER, upper_ns INTEGER, n INTEGER NOT NULL, over INTEGER NOT NULL,\n"
        "  refused INTEGER NOT NULL, vif REAL NOT NULL, n_eff INTEGER NOT NULL, basis TEXT NOT "
        "NULL,\n"
        "  reason TEXT, verdict TEXT NOT NULL);\n"
        "CREATE TABLE blame (             -- what the slowest requests of an SLO died of\n"
        "  slo TEXT NOT NULL REFERENCES slo, part TEXT NOT NULL, share REAL NOT NULL,\n"
        "  PRIMARY KEY (slo, part)) WITHOUT ROWID;\n"
        "CREATE TABLE expectations (id TEXT PRIMARY KEY, kind TEXT NOT NULL,\n"
        "  limit_value REAL, observed REAL, -- ms, counts or shares, by kind\n"
        "  reason TEXT, verdict TEXT NOT NULL);\n"
        "CREATE TABLE histograms (        -- of ok requests, measured; all of them, whatever "
        "has a row\n"
        "  tier INTEGER NOT NULL REFERENCES tiers, window TEXT NOT NULL, metric TEXT NOT NULL,\n"
        "  upper_ns INTEGER NOT NULL,     -- so many were not above, and above the next smaller\n"
        "  n INTEGER NOT NULL);           -- in order of tier, window, metric, upper_ns\n";

static const char views[] =
        "CREATE VIEW requests_ms AS SELECT r.seq, r.id, tenants.name AS tenant,\n"
        "  tiers.name AS tier, outcome, t_sched_ns / 1e6 AS sched_ms,\n"
        "  (t_send_ns - t_sched_ns) / 1e6 AS send_lag_ms, (t_first_ns - t_sched_ns) / 1e6 AS "
        "ttft_ms,\n"
        "  CASE WHEN output_tokens > 1\n"
        "    THEN (t_last_ns - t_first_ns) / 1e6 / (output_tokens - 1) END AS tpot_ms,\n"
        "  (t_last_ns - t_sched_ns) / 1e6 AS e2el_ms, queue_ns / 1e6 AS queue_ms,\n"
        "  prefill_ns / 1e6 AS prefill_ms, decode_ns / 1e6 AS decode_ms,\n"
        "  gap_max_ns / 1e6 AS gap_max_ms, prompt_tokens, output_tokens, attempts, replays,\n"
        "  (SELECT total(stall_ns) FROM stalls WHERE stalls.seq = r.seq) / 1e6 AS stall_ms\n"
        "  FROM requests r JOIN tenants USING (tenant) JOIN tiers ON tiers.tier = r.tier;\n"
        "CREATE VIEW faults_ms AS SELECT id, kind, target, inject_ns / 1e6 AS inject_ms,\n"
        "  (effect_ns - inject_ns) / 1e6 AS effect_after_ms, (detect_ns - inject_ns) / 1e6 AS "
        "ttd_ms,\n"
        "  (failover_ns - inject_ns) / 1e6 AS ttf_ms, (recover_ns - inject_ns) / 1e6 AS ttr_ms,\n"
        "  revert_ns / 1e6 AS revert_ms, clean, breach FROM faults;\n"
        "CREATE VIEW timeline_s AS SELECT from_ns / 1e9 AS from_s, to_ns / 1e9 AS to_s,\n"
        "  tiers.name AS tier, scheduled, done, ok, good, rejected, failed, output_tokens, "
        "in_flight,\n"
        "  queued, ttft_p50_ns / 1e6 AS ttft_p50_ms, ttft_p99_ns / 1e6 AS ttft_p99_ms,\n"
        "  ttft_max_ns / 1e6 AS ttft_max_ms, e2el_p99_ns / 1e6 AS e2el_p99_ms\n"
        "  FROM timeline JOIN tiers USING (tier);\n"
        "CREATE VIEW verdicts AS SELECT id, metric || ' p' || quantile * 100 AS question,\n"
        "  limit_ns / 1e6 AS limit_value, observed_ns / 1e6 AS observed, reason, verdict FROM slo\n"
        "  UNION ALL SELECT id, kind, limit_value, observed, reason, verdict FROM expectations;\n";

static const char *type_of(enum store_field field)
{
	switch (field) {
	case STORE_OUTCOME:
		return "TEXT NOT NULL";
	case STORE_NEVER:
		return "INTEGER";
	default:
		return "INTEGER NOT NULL";
	}
}

static void requests_sql(struct text *out)
{
	text_printf(out, "CREATE TABLE requests (\n"
	                 "  seq INTEGER PRIMARY KEY -- in order of the outcomes\n");
	for (int i = 0; i < STORE_COLUMNS; i++)
		text_printf(out, "  , %s %s -- %s\n", store_columns[i].name,
		        type_of(store_columns[i].field), store_columns[i].help);
	text_printf(out, ");\n");
}

void store_schema_sql(struct text *out)
{
	text_printf(out, "PRAGMA application_id = %d; PRAGMA user_version = %d; BEGIN;\n",
	        (int)STORE_APPLICATION_ID, (int)STORE_USER_VERSION);
	requests_sql(out);
	text_printf(out, "%s%s", tables, views);
}

void store_columns_sql(struct text *out, bool mark)
{
	for (int i = 0; i < STORE_COLUMNS; i++)
		text_printf(out, ", %s", mark ? "?" : store_columns[i].name);
}
