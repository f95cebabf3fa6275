/* Campaigns: one scenario, played many times on the virtual clock, cell by cell: every contingency
 * of the deployment, a range of seeds, a swarm of random fault plans.
 *
 * A campaign is a mode (below: what its cells are, how one is played, what all of them say) and the
 * engine, which is the same for all (campaign.c): threads, shards, the directory, resuming,
 * merging, progress. What a cell found is one line of JSON; whatever is said about the campaign is
 * said from those lines, in order of index, and from nothing else. So the merged result does not
 * depend on who played which cell, when, or on how many threads.
 *
 *   OUT/<scenario>-<mode>/   manifest.json   what was asked: enough to play any cell again
 *     (a shard's: …-<mode>-<i>-of-<n>/)
 *                            bundle.json     the scenario with everything that it names
 *                            cells.jsonl     a line per cell, as it ends; in order once complete
 *                            campaign.json   the merged result (docs/CAMPAIGNS.md)
 *                            report.html     the same for reading; scenario.json for its commands
 *
 * Thread: a mode's state is built and folded on one thread; play() runs on several at once and
 * only reads it. */
#ifndef LPC_RUN_CAMPAIGN_H
#define LPC_RUN_CAMPAIGN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "harness/run/scenario.h"
#include "reports/score.h"

enum contingency { CONTINGENCY_N1, CONTINGENCY_N11, CONTINGENCY_N2 };

/* What decides which cells there are and what they find. Part of the manifest (but for the
 * directory): a resumed campaign has the same. */
struct campaign_request {
	bool by_contingency, by_seeds; /* else a swarm */
	int contingency;               /* enum contingency */
	bool all;                      /* contingencies: symmetric ones are all run, too */
	bool has_at, has_spacing;
	int64_t at_ns;      /* contingencies: when the first is lost; else the mode chooses */
	int64_t spacing_ns; /* n-1-1: the second is lost this much later; else the mode chooses */
	uint64_t seed_first, seed_last; /* by_seeds: both included */
	uint64_t swarm;                 /* how many plans */
	/* Where the campaign is kept, for what a mode leaves there beside the lines; NULL: nowhere.
	 * No member of a line depends on it. Borrowed, as long as the state. */
	const char *dir;
};

enum { CAMPAIGN_CELL_NAME = 160 };

/* More than that is refused: the engine keeps 16 bytes of each. */
#define CAMPAIGN_CELLS_MAX UINT64_C(100000000)

/* What progress shows of a cell that has ended. */
struct campaign_brief {
	char name[CAMPAIGN_CELL_NAME]; /* "r0.n3.c5", "r0.n1+r0.pdu0", "seed 17" */
	enum verdict verdict;
	double damage; /* the larger the worse; of the mode's own measure */
	uint64_t requests;
};

struct campaign_state; /* a mode's own */

struct campaign_mode {
	/* Looks at scenario and request (both outlive the state): ERR_USAGE where they do not go
	 * together. */
	enum status (*open)(const struct scenario *base, const struct campaign_request *request,
	        struct campaign_state **out, uint64_t *n_cells, struct error *err) LPC_MUST_USE;
	void (*close)(struct campaign_state *state);

	/* Plays cell `index` and writes the members of its line; the engine has opened the object
	 * and written "index". No member may depend on time, threads or the machine. When
	 * *interrupt is seen, returns ERR_NONE with brief->verdict = VERDICT_ABORTED: the line is
	 * thrown away and the cell stays missing. (A cell that its own abort rule ended has that
	 * verdict, too; its line is kept.) */
	enum status (*play)(const struct campaign_state *state, uint64_t index,
	        const volatile sig_atomic_t *interrupt, struct json_out *line,
	        struct campaign_brief *brief, struct error *err) LPC_MUST_USE;

	/* What cell `index` is called, as in its line and brief: for cells that are missing. On the
	 * thread that folds. NULL: the index is all that can be said. */
	void (*name)(const struct campaign_state *state, uint64_t index,
	        char out[static CAMPAIGN_CELL_NAME]);

	/* The lines of all cells that there are, in order of index. */
	enum status (*fold)(
	        struct campaign_state *state, struct jval line, struct error *err) LPC_MUST_USE;
	/* Then: the members of campaign.json beside the engine's ("schema", "mode", "scenario",
	 * "plan_digest", "cells", "missing", "verdict"), tables for people, and the verdict of what
	 * was folded. The engine makes it inconclusive where cells are missing and it is not fail.
	 */
	enum verdict (*finish)(struct campaign_state *state, struct json_out *out, FILE *text);
};

extern const struct campaign_mode campaign_contingency, campaign_seeds, campaign_swarm;

#endif
