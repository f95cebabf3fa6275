/* The critical path of a run, proven from packets: what the mirror showed goes to DIR/capture.pcap,
 * with DIR/topology.json that says who is where; at the end the file is read back and audited like
 * anybody's capture (DIR/audit.json), and what its packets show is held against what the rack
 * judged of every mapping. The packets come from the data plane (emulator/moves.c), the judgement
 * from the list of links (emulator/health.c): where both know and differ, one of them is wrong, and
 * the run is invalid.
 *
 * What may differ without a contradiction: a mapping over which no request went that is captured.
 * The rack counts captured frames by where it judged their path to run at that instant; the packets
 * must show the farthest of those, no more and no less. */
#ifndef LPC_RUN_PROOF_H
#define LPC_RUN_PROOF_H

#include "emulator/mirror.h"
#include "emulator/rack.h"
#include "harness/run/capture_plan.h"
#include "harness/run/evaluate.h"
#include "harness/run/scenario.h"
#include "reports/render.h"

enum { PROOF_REASON_BYTES = 320, PROOF_DOUBT_BYTES = 48 };
#define PROOF_CAPTURE  "capture.pcap"
#define PROOF_TOPOLOGY "topology.json"
#define PROOF_AUDIT    "audit.json"

struct proof {
	struct capture_plan plan; /* every 0: nothing is captured, and nothing proven */
	char *path;               /* of the capture */
	struct mirror *mirror;    /* while this process writes it */
	bool done;                /* from here on: judged */
	struct result_audit audit;
	enum packets in_rack, in_pod;
	const char *doubt; /* for score_facts */
	bool contradicted;
	char reason[PROOF_REASON_BYTES]; /* … in a sentence */
	char doubt_text[RESULT_DOUBTS_MAX][PROOF_DOUBT_BYTES];
};

/* Plans the capture; files of an earlier run are gone. `p` is to be freed in any case. */
enum status proof_init(
        struct proof *p, const struct scenario *s, const char *dir, struct error *err) LPC_MUST_USE;
void proof_free(struct proof *p);

/* Another process has captured: what it said of it (`failed`: it could not write all). */
void proof_captured(struct proof *p, const struct mirror_counts *counts, bool failed);

/* What the rack said of itself: the worst of its mappings, and its counts. */
struct proof_mapping {
	enum path_scope worst;
	struct rack_counts counts;
};

/* Audits that capture and compares. To be called once, however the run ended. */
enum status proof_judge(struct proof *p, const struct scenario *s, const char *dir,
        const struct proof_mapping *mapping, struct error *err) LPC_MUST_USE;

/* Into the facts that the run is judged by. */
void proof_facts(const struct proof *p, struct score_facts *facts);

/* All of it on the virtual clock: evaluate_run with its capture, and what that proves told to the
 * evaluation, which is yet to be decided. `p` is to be freed in any case. */
enum status proof_evaluate(struct proof *p, const struct scenario *s, const char *dir,
        const struct evaluate_taps *taps, const volatile sig_atomic_t *interrupt,
        struct evaluation *e, struct error *err) LPC_MUST_USE;

#endif
