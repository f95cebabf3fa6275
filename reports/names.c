/* What the report's enumerations are called in files. */
#include "harness/base/check.h"
#include "reports/sample.h"
#include "reports/score.h"

static const char *const outcomes[] = {"ok", "rejected", "http_4xx", "http_5xx", "connect",
        "timeout", "truncated", "stalled", "malformed", "corrupt", "cancelled", "not_sent"};
static const char *const metrics[] = {"ttft_ms", "tpot_ms", "itl_ms", "e2el_ms", "queue_ms",
        "prefill_ms", "decode_ms", "sched_lag_ms"};
static const char *const windows[] = {"all", "baseline", "fault", "recovery", "after"};
static const char *const verdicts[] = {"pass", "fail", "inconclusive", "aborted"};
static const char *const bases[] = {"census", "run", "replicas", "paired"};
static const char *const parts[] = {"send_lag", "network", "queue", "entry", "prefill", "decode"};
static const char *const expects[] = {"ttd", "ttf", "ttr", "lost_requests", "corrupt_tokens",
        "critical_path_in_rack", "goodput_fraction", "error_fraction", "isolation"};

_Static_assert(ARRAY_LEN(outcomes) == OUTCOME_COUNT, "a name for each outcome");
_Static_assert(ARRAY_LEN(metrics) == METRIC_COUNT, "a name for each metric");
_Static_assert(ARRAY_LEN(windows) == WINDOW_COUNT, "a name for each window");
_Static_assert(ARRAY_LEN(parts) == BLAME_PARTS, "a name for each part");
_Static_assert(ARRAY_LEN(expects) == EXPECT_ISOLATION + 1, "a name for each expectation");

static const char *name_of(const char *const *names, size_t n, unsigned i)
{
	CHECK(i < n);
	return names[i];
}

const char *outcome_name(enum outcome o)
{
	return name_of(outcomes, ARRAY_LEN(outcomes), o);
}

const char *metric_name(enum metric m)
{
	return name_of(metrics, ARRAY_LEN(metrics), m);
}

const char *window_name(enum window w)
{
	return name_of(windows, ARRAY_LEN(windows), w);
}

const char *verdict_name(enum verdict v)
{
	return name_of(verdicts, ARRAY_LEN(verdicts), v);
}

const char *basis_name(enum basis b)
{
	return name_of(bases, ARRAY_LEN(bases), b);
}

const char *blame_name(enum blame_part p)
{
	return name_of(parts, ARRAY_LEN(parts), p);
}

const char *expect_name(enum expect_kind k)
{
	return name_of(expects, ARRAY_LEN(expects), k);
}
