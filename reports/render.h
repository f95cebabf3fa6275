/* What a run leaves for people and programs: result.json (DESIGN §9), junit.xml (FORMATS §5) and
 * the terminal's summary, all from one document. Pure: into buffers; the caller writes files.
 *
 * Everything pointed to is borrowed. Text may be NULL where it is not known (written as null). */
#ifndef LPC_REPORTS_RENDER_H
#define LPC_REPORTS_RENDER_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "reports/score.h"
#include "reports/text.h"

struct result_lag { /* one of the self-measured latenesses */
	bool known;
	double p50_ms, p99_ms, max_ms;
};

struct result_validity {
	bool valid;
	uint32_t n_reasons;
	const char *const *reasons;
	struct result_lag sched, emission, loop;
	struct result_lag
	        overhead;    /* of TTFT on the wire: what the emulator's account does not explain */
	uint32_t attempts;   /* runs made, this one included */
	bool priority_known; /* what was got of nice -20 and a core each (wall clock) */
	int client_nice, emulator_nice;
	int client_cpu, emulator_cpu; /* -1 = not pinned */
};

/* The wall run against its virtual companion, request by request (DESIGN §2). */
struct result_agreement {
	bool ok;
	uint64_t compared;
	double tpot_deviation;    /* pooled, share; bound 0.01 */
	double ttft_within_share; /* outside fault windows; bound 0.99 */
	/* -1 = too few requests for the percentile */
	double ttft_p50_wall_ms, ttft_p50_virtual_ms, ttft_p99_wall_ms, ttft_p99_virtual_ms;
	double outcome_mismatch_share; /* bound 0.001 */
	double ledger_max_ms;          /* bound 20 */
	const char *reason;            /* what failed, or NULL */
};

struct result_drop {
	const char *reason;
	uint64_t rows;
};

struct result_trace {
	uint64_t rows_read, emitted;
	uint32_t n_dropped;
	const struct result_drop *dropped;
};

struct result_engine {
	const char *version, *commit;
	uint64_t events;
	double wall_seconds, simulated_seconds;
	long client_peak_kib, emulator_peak_kib; /* resident memory; 0 = not measured */
};

/* Of the measured requests that were ok both times; -1 = too few. */
struct result_spread {
	double mean_ns;
	int64_t p50_ns, p99_ns;
};

/* Instances that lie across racks as deployed, and the run against one in which hops from rack to
 * rack take no time: [0] as it was, [1] so. */
struct result_cross_rack {
	const char *position, *rationale, *envelope, *label; /* as the deployment states them */
	const char *reach;      /* class of the farthest link of a path: "c2c-pod", "ethernet" */
	bool stated;            /* a frame of theirs was stated, not compiled */
	uint32_t instances;     /* across racks */
	uint32_t hops;          /* of a frame, from rack to rack; the most of an instance */
	uint32_t ethernet_hops; /* of those */
	int64_t frame_ns[2];    /* of the bucket that they cost most */
	bool known;             /* the rest was measured */
	uint64_t late, lost;
	int64_t extra_ns_sum;
	struct result_spread ttft[2], tpot[2];
};

/* The critical path of the run, from its own capture. Where it ran: "rack", "pod", "beyond". */
enum { RESULT_DOUBTS_MAX = 12 };
struct result_audit {
	const char *verdict, *scope; /* of the audit: "pass", "fail", "inconclusive" */
	uint64_t packets, critical, violations, left_out;
	uint32_t sampling;  /* 1 in so many requests was captured … */
	uint32_t frames;    /* … and of its frames 1 in so many */
	const char *shown;  /* by the critical packets, the farthest; NULL = there were none */
	const char *judged; /* by the mapping, of the frames that were captured */
	const char *worst;  /* by every mapping of the run, captured or not */
	bool agrees;
	uint32_t n_doubts;
	const char *doubts[RESULT_DOUBTS_MAX];
};

struct result_document {
	const char *suite; /* NULL for a lone scenario */
	const char *scenario;
	uint64_t seed;
	bool virtual_clock, partial;
	const char *plan_digest, *traffic_digest, *result_digest; /* "sha256:…" */
	uint32_t model_version;
	struct result_validity validity;
	const struct result_agreement *agreement; /* NULL: none was made */
	const struct result_trace *trace;         /* NULL: no trace was read */
	const struct score *score;                /* decided; NULL if the run never began */
	const struct score_result *result;        /* of the same; NULL likewise */
	const struct score_names *names;
	uint32_t n_faults;
	const struct score_fault *faults;
	const struct result_cross_rack *cross_rack; /* NULL: every instance lies in one rack */
	const struct result_audit *audit;           /* NULL: nothing was captured */
	struct result_engine engine;
	const char *replay; /* the command that repeats this run */
	const char *path;   /* absolute path of result.json */
	const char *error;  /* a harness fault, in words; else NULL */
};

/* The whole of result.json, as one object. score and result must be there. */
void render_result(const struct result_document *d, struct json_out *o);

/* How each file of a run begins: the members "schema", "scenario", "seed" and "clock" of the open
 * object. */
void render_origin(struct json_out *o, const char *schema, const struct result_document *d);

/* Tenants of a run, and the tier of each by index. */
struct score_tenants {
	uint32_t n;
	const char *const *names;
	const uint32_t *tier;
};

/* What a decided run rests on, each the whole of a file (docs/RESULTS.md): score.json,
 * histograms.json, faults.json. */
void render_score(
        const struct result_document *d, const struct score_tenants *tenants, struct json_out *o);
void render_histograms(const struct result_document *d, struct json_out *o);
void render_faults(const struct result_document *d, struct json_out *o);

/* The same of a run that is not over: verdict "aborted", partial, and null for what is not known
 * yet. Of d the heading, the replay command and the engine are read. */
void render_begun(const struct result_document *d, struct json_out *o);

/* "requests": how many had which outcome, as a member of the open object. */
void render_requests(const struct score_result *r, struct json_out *o);

/* "cross_rack", as a member of the open object, and its lines of the summary; nothing for NULL. */
void render_cross_rack(const struct result_cross_rack *c, struct json_out *o);
void render_cross_rack_text(const struct result_cross_rack *c, struct text *out);

/* "audit", likewise; null for NULL. */
void render_result_audit(const struct result_audit *a, struct json_out *o);
void render_result_audit_text(const struct result_audit *a, struct text *out);

/* "agreement", as a member of the open object; null for NULL. */
void render_agreement(const struct result_agreement *a, struct json_out *o);

/* "pairs" of score.json, as a member of the open object. */
void render_pairs(const struct score *s, struct json_out *o);

/* One testsuite a document. */
void render_junit(const struct result_document *docs, uint32_t n, struct text *out);

/* Verdict, p99 table, failover times, replay command of one run. */
void render_text(const struct result_document *d, struct text *out);

#endif
