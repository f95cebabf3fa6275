/* report.html of a campaign's directory, from what lies in it: manifest.json, bundle.json,
 * cells.jsonl, campaign.json. Beside it scenario.json, the scenario as one file that stands alone
 * (edits applied, deployment written in): what the page's replay commands name. */
#ifndef LPC_RUN_CAMPAIGN_PAGE_H
#define LPC_RUN_CAMPAIGN_PAGE_H

#include "harness/base/error.h"

/* ERR_USAGE where it is none, or has not come to an end (no campaign.json). */
enum status campaign_page_write(const char *dir, struct error *err) LPC_MUST_USE;

#endif
