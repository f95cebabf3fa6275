/* From the lines of a campaign to campaign.json, tables and a verdict. The same for whoever has the
 * lines: the run itself, one that went on, a merge. */
#ifndef LPC_RUN_CAMPAIGN_REPORT_H
#define LPC_RUN_CAMPAIGN_REPORT_H

#include "harness/run/campaign_dir.h"

/* The mode that plays a request; NULL where this program has none. */
const struct campaign_mode *campaign_mode_of(const struct campaign_request *r);

/* A campaign that is open: what run, resume and merge work on. */
struct campaign {
	struct campaign_manifest manifest;
	const struct campaign_mode *mode;
	const struct scenario *scenario;
	struct campaign_state *state;
	struct campaign_cells cells;
	const char *dir; /* known before the mode is opened */
};

/* Reads the scenario out of a bundle and holds it against the manifest. *out is the caller's. */
enum status campaign_scenario(const char *dir, const struct campaign_manifest *m,
        const char *bundle, size_t n, struct scenario **out, struct error *err) LPC_MUST_USE;

/* The mode opens its state; the number of cells is written into the manifest, or, where it has one
 * already, must be that. */
enum status campaign_open_mode(struct campaign *c, struct error *err) LPC_MUST_USE;

/* How many cells are this directory's, by its shard. */
uint64_t campaign_share(const struct campaign_manifest *m);

/* Folds the lines, writes dir/campaign.json and its page (campaign_page.h), prints tables on stderr
 * and, with `json`, the summary as one line on stdout. */
enum status campaign_conclude(
        struct campaign *c, bool json, enum verdict *verdict, struct error *err) LPC_MUST_USE;

int campaign_exit_code(enum verdict v);

#endif
