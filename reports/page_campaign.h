/* The page of a campaign: what was asked, the verdict, and what all cells together say. Of
 * contingencies the tables by class (a map of class by class for pairs), what losses cost in order
 * of their rank, and the worst; of seeds how each promise was kept, what was observed over them and
 * the worst; of a swarm what it reached, how long recovery took, and what failed.
 *
 * The page does not grow with the number of cells: ranks beyond those given, and points beyond
 * what a screen shows, are aggregated. Pure: into a buffer. */
#ifndef LPC_REPORTS_PAGE_CAMPAIGN_H
#define LPC_REPORTS_PAGE_CAMPAIGN_H

#include "harness/base/json.h"
#include "reports/html.h"

enum { PAGE_CAMPAIGN_RANKS = 100, PAGE_CAMPAIGN_WORST = 10, PAGE_CAMPAIGN_FAILURES = 100 };

/* What was observed in the cells, in order: of an SLO or expectation over the seeds, of recovery
 * over a swarm, of goodput lost over contingencies. */
struct page_values {
	const char *id, *metric, *unit; /* unit: "ms", or "" */
	double limit;                   /* HTML_NAN: none */
	const struct html_point *points;
	size_t n;
	uint32_t n_worst; /* the largest, descending */
	struct {
		double value;
		uint64_t cell; /* a seed; of a swarm an index */
	} worst[PAGE_CAMPAIGN_WORST];
};

struct page_campaign {
	struct jval doc;   /* root of campaign.json; its ranking may be cut to the first ranks */
	const char *dir;   /* as the user named it, for commands */
	const char *again; /* the command that plays it again */
	const struct page_values *values;
	uint32_t n_values;
};

void page_campaign(struct text *t, const struct page_campaign *c);

#endif
