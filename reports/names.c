/* What the report's enumerations are called in files. */
#include "harness/base/check.h"
#include "reports/names.h"
#include "reports/sample.h"
#include "reports/score.h"

const char *const names_outcomes[] = {"ok", "rejected", "http_4xx", "http_5xx", "connect",
        "timeout", "truncated", "stalled", "malformed", "corrupt", "cancelled", "not_sent", NULL};
const char *const names_metrics[] = {"ttft_ms", "tpot_ms", "itl_ms", "e2el_ms", "queue_ms",
        "prefill_ms", "decode_ms", "sched_lag_ms", NULL};
const char *const names_windows[] = {"all", "baseline", "fault", "recovery", "after", NULL};
const char *const names_verdicts[] = {"pass", "fail", "inconclusive", "aborted", NULL};
const char *const names_bases[] = {"census", "run", "replicas", "paired", NULL};
static const char *const parts[] = {"send_lag", "network", "queue", "entry", "prefill", "decode"};
const char *const names_expects[] = {"ttd", "ttf", "ttr", "lost_requests", "corrupt_tokens",
        "critical_path_in_rack", "goodput_fraction", "error_fraction", "isolation", "reached",
        "recovered", NULL};
const char *const names_paths[] = {"spare_used", "replay_taken", "throttle_reached",
        "spare_pool_empty", "admission_refused", "artifact_refused", "rolled_back", NULL};
const char *const names_packets[] = {"not_asked", "inside", "cross", "doubt", NULL};
const char *const names_told[] = {"inject", "revert", "no_more", NULL};

_Static_assert(ARRAY_LEN(names_outcomes) - 1 == OUTCOME_COUNT, "a name for each outcome");
_Static_assert(ARRAY_LEN(names_metrics) - 1 == METRIC_COUNT, "a name for each metric");
_Static_assert(ARRAY_LEN(names_windows) - 1 == WINDOW_COUNT, "a name for each window");
_Static_assert(ARRAY_LEN(parts) == BLAME_PARTS, "a name for each part");
_Static_assert(ARRAY_LEN(names_expects) - 1 == EXPECT_RECOVERED + 1, "a name for each expectation");
_Static_assert(ARRAY_LEN(names_paths) - 1 == REACHED_COUNT, "a name for each path");

static const char *name_of(const char *const *names, size_t n, unsigned i)
{
	CHECK(i < n);
	return names[i];
}

const char *outcome_name(enum outcome o)
{
	return name_of(names_outcomes, ARRAY_LEN(names_outcomes) - 1, o);
}

const char *metric_name(enum metric m)
{
	return name_of(names_metrics, ARRAY_LEN(names_metrics) - 1, m);
}

const char *window_name(enum window w)
{
	return name_of(names_windows, ARRAY_LEN(names_windows) - 1, w);
}

const char *verdict_name(enum verdict v)
{
	return name_of(names_verdicts, ARRAY_LEN(names_verdicts) - 1, v);
}

const char *basis_name(enum basis b)
{
	return name_of(names_bases, ARRAY_LEN(names_bases) - 1, b);
}

const char *blame_name(enum blame_part p)
{
	return name_of(parts, ARRAY_LEN(parts), p);
}

const char *expect_name(enum expect_kind k)
{
	return name_of(names_expects, ARRAY_LEN(names_expects) - 1, k);
}
