/* What a design review of a Tier 03 deployment asks to be defended, written from a suite that has
 * run: its assumptions, the policy that bounds p99 and the bound, the redundancy plan with evidence
 * of N-1, and where it stands on crossing racks (docs/TIER03.md).
 *
 * Of a suite with claims, into the folder that its runs and <suite>.claims.json lie in:
 *
 *   tier03.json    "lpuchaos.tier03/1": everything, each statement with its truth label and links
 *                  to its evidence (a path from that folder, and a JSON pointer)
 *   tier03.html    the same for reading (reports/page_tier03.h)
 *   questions.md   what to ask the vendor: every assumption that a verdict leaned on
 *
 * A suite of another name than tier03 puts its name before those: <suite>.tier03.json and so on.
 *
 * Two things are played for it, on the virtual clock: each remedy once without its faults, for what
 * requests wait where nothing breaks, and N-1 of every deployment that a remedy loses something of.
 * Deterministic. Thread: the one that loaded the suite; cells of N-1 are played by several. */
#ifndef LPC_RUN_TIER03_H
#define LPC_RUN_TIER03_H

#include "harness/run/claims.h"

/* Requests simulated for N-1 of one suite at most; the deployments that are left then say so. */
#define TIER03_REQUESTS UINT64_C(50000000)

enum { TIER03_FILES = 3, TIER03_NAME = 128 };

/* Names of the files of a suite, in the order above. */
void tier03_names(const struct suite *suite, char names[static TIER03_FILES][TIER03_NAME]);

/* After claims_conclude. runs: by index of the list, NULL where a scenario was not judged. What an
 * interrupt leaves is not written. */
enum status tier03_write(const struct suite *suite, const struct scenario_list *list,
        const struct verdict_run *const *runs, const char *out_dir,
        const volatile sig_atomic_t *interrupt, struct error *err) LPC_MUST_USE;

#endif
