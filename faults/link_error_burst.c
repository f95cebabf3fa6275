/* A marginal link: good most of the time, bad in bursts. FEC corrects what it can; what it cannot
 * correct it flags, and the runtime replays the frame. */
#include "faults/kinds.h"

#include <stdio.h>

struct error_burst {
	int64_t good_mean_ns, bad_mean_ns;
	double p_good, p_bad, uncorrectable;
};

static const struct field FIELDS[] = {
        {.name = "good_mean",
                .type = FIELD_DURATION,
                .offset = offsetof(struct error_burst, good_mean_ns),
                .fallback = "\"1s\"",
                .min = 10 * NS_PER_US,
                .max = NS_MAX,
                .unit = "ns",
                .help = "mean time between two bursts, exponential",
                .label = "assumption",
                .source = "no rate is published; sweep it"},
        {.name = "bad_mean",
                .type = FIELD_DURATION,
                .offset = offsetof(struct error_burst, bad_mean_ns),
                .fallback = "\"50ms\"",
                .min = 10 * NS_PER_US,
                .max = NS_MAX,
                .unit = "ns",
                .help = "mean length of a burst, exponential",
                .label = "assumption",
                .source = "no length is published; tens of frames of any shipped profile"},
        {.name = "p_good",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct error_burst, p_good),
                .fallback = "0",
                .unit = "share",
                .help = "frames over the link that have an error between the bursts",
                .label = "assumption",
                .source = "no bit error rate is published"},
        {.name = "p_bad",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct error_burst, p_bad),
                .fallback = "0.2",
                .unit = "share",
                .help = "frames over the link that have an error in a burst",
                .label = "assumption",
                .source = "no bit error rate is published"},
        {.name = "uncorrectable",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct error_burst, uncorrectable),
                .fallback = "0.1",
                .unit = "share",
                .help = "errors that FEC flags instead of correcting",
                .label = "assumption",
                .source = "FEC corrects simple errors and detects bursts (ISCA 2022); no share is "
                          "published"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct error_burst *p = m->params;
	const struct link_errors law = {.good_ns = p->good_mean_ns,
	        .bad_ns = p->bad_mean_ns,
	        .good_ppb = fault_ppb(p->p_good),
	        .bad_ppb = fault_ppb(p->p_bad),
	        .uncorrectable_ppb = fault_ppb(p->uncorrectable),
	        .errors = 1};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->link_errors(sink->ctx, now, m->fault, m->targets[i], &law);
	m->holding = true;
}

static void note(const void *params, char *buf, size_t n)
{
	const struct error_burst *p = params;
	double good = (double)p->good_mean_ns, bad = (double)p->bad_mean_ns;

	(void)snprintf(buf, n, "%.3g of all frames over the link have an error, %.3g are replayed",
	        (good * p->p_good + bad * p->p_bad) / (good + bad),
	        (good * p->p_good + bad * p->p_bad) / (good + bad) * p->uncorrectable);
}

const struct fault_kind fault_link_error_burst = {
        .name = "link.error_burst",
        .help = "a C2C link has bursts of errors, some of them beyond correction",
        .effect = "Continuous-time Gilbert-Elliott: the link is good and bad in turn, and each "
                  "frame of an instance whose path uses it has an error with the probability of "
                  "the state at the frame's end. FEC corrects the error, which is then only "
                  "counted, or flags it: the frame is replayed, a stall of one frame, and so is a "
                  "replay that errs again. At the last suspicion of the window (health.suspicions) "
                  "one end of the cable is evicted to the spare. Every error is counted as "
                  "corrected, replayed or evicted; none passes silently.",
        .detection = "flagged by the uncorrectable error at the end of its frame; corrected errors "
                     "only by health.link_scan",
        .revert_text = "the link errs no more and its counter is cleared; suspicions and a "
                       "quarantine it caused are forgotten",
        .targets = FAULT_TARGET_C2C_LINK,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .exclusive = "link",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct error_burst),
        .note = note,
        .example = "{\"id\": \"burst\", \"kind\": \"link.error_burst\", \"target\": "
                   "\"r0.n0-r0.n1.0\", \"at\": \"20s\", \"for\": \"30s\"}",
        .inject = inject,
        .revert = fault_link_errors_end,
};
