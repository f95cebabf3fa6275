/* The judgement over again, from a result directory's own files: the requests of run.sqlite and
 * what the judgement rested on besides them (score.json, bundle.json). Nothing of the machine that
 * made the run is needed: no ring, no emulator, no workload.
 *
 * Where the store holds every request, everything is scored anew with the program's own rules, and
 * compared to the last digit: of result.json all that requests decide, of histograms.json and
 * faults.json everything. Where it was bounded (--samples), what follows from histograms.json alone
 * is compared, and `whole` is false. A run that was killed has no judgement: nothing is compared
 * but what its files say of each other. */
#ifndef LPC_REPORTS_RESCORE_H
#define LPC_REPORTS_RESCORE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"

enum { RESCORE_FINDINGS_MAX = 32, RESCORE_TEXT = 256 };

struct rescore {
	bool whole;        /* every request was there */
	uint64_t requests; /* scored */
	uint32_t n; /* contradictions between what is said and what the data show, the first of
	               them in words: "slo.chat-ttft.observed_ms: result.json says 96.1, the
	               requests say 84.0" */
	char finding[RESCORE_FINDINGS_MAX][RESCORE_TEXT];
};

/* ERR_USAGE names the file that is missing or cannot be read. */
enum status rescore(const char *dir, struct rescore *out, struct error *err) LPC_MUST_USE;

#endif
