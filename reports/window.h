/* Which window a request belongs to, and when the service is back (FORMATS §1 "Windows", DESIGN §6
 * "Ledger").
 *
 * An *episode* is the time from an inject to the next one (injects at one instant share it). Inside
 * an episode F is a prefix: [inject, clear), clear being the instant at which no fault is active
 * any more; and R is what follows up to `recover`, a bin's end. So one episode record answers both
 * questions. */
#ifndef LPC_REPORTS_WINDOW_H
#define LPC_REPORTS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/score.h"

/* Quantiles told apart in the recovery bins; the parser refuses more in one scenario. */
enum { WINDOW_CLASSES_MAX = 8 };
#define WINDOW_UNDECIDED WINDOW_COUNT

struct window_config {
	uint32_t n_faults;
	int64_t duration_ns, bin_ns, horizon_ns, hold_ns;
	uint32_t n_classes;
	double quantile[WINDOW_CLASSES_MAX]; /* of the SLOs, each once */
};

struct windows;

/* The shortest multiple of 100 ms that expects 20 requests at `rate` requests/s; 1 s when unknown
 * (0). */
int64_t window_bin_ns(double rate);

struct windows *windows_create(const struct window_config *config);
void windows_free(struct windows *w);

void windows_inject(struct windows *w, uint32_t fault, int64_t at_ns);
void windows_revert(struct windows *w, uint32_t fault, int64_t at_ns);

/* No fault is injected any more: once every episode is decided, nobody asks for bins. */
void windows_no_more(struct windows *w);
bool windows_want(const struct windows *w); /* would windows_count change anything? */

/* Counts a request in its recovery bin. `missed`: bit i = it missed an SLO of quantile i. `now`:
 * the request's t_done. Returns false if its bin could not be kept (counted in windows_dropped). */
void windows_count(
        struct windows *w, uint64_t order, int64_t t_sched, int64_t now, uint32_t missed);

/* The window of a request that lived [from, to); WINDOW_UNDECIDED while its episode's recovery is
 * open. */
enum window windows_of(const struct windows *w, int64_t from, int64_t to);

/* From this instant on every request is WINDOW_AFTER, and windows_count and windows_settle would do
 * nothing, whatever comes; NS_NEVER: not known yet. */
int64_t windows_after(const struct windows *w);

/* Decides every episode whose bins are complete at `now`; true if one was, so that waiting requests
 * may be asked about again. Cheap when nothing can have changed. */
bool windows_settle(struct windows *w, int64_t now);
void windows_finish(struct windows *w); /* no sample will follow: decides the rest */

/* After windows_finish: recover instant of a fault's first inject (-1 = not reached or not
 * injected). */
int64_t windows_recover(const struct windows *w, uint32_t fault, bool *breach);
/* After windows_finish: ns of [from, to) that belong to a window by the schedule. */
int64_t windows_length(const struct windows *w, enum window window, int64_t from, int64_t to);

/* The same as stretches of the schedule, in order: start with *cursor = 0; false behind `to`. After
 * windows_finish. */
struct window_stretch {
	enum window window;
	int64_t from_ns, to_ns;
};
bool windows_stretch(
        const struct windows *w, uint64_t *cursor, int64_t to, struct window_stretch *out);

/* Requests without a bin and injects without an episode, for want of room: the run is invalid. */
uint64_t windows_dropped(const struct windows *w);

#endif
