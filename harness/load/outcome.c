#include "harness/load/outcome.h"

#include "harness/base/check.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"

const char *load_outcome_name(enum load_outcome o)
{
	static const char *const names[LOAD_OUTCOMES] = {
	        [LOAD_OK] = "ok",
	        [LOAD_REJECTED] = "rejected",
	        [LOAD_HTTP_4XX] = "http_4xx",
	        [LOAD_HTTP_5XX] = "http_5xx",
	        [LOAD_CONNECT] = "connect",
	        [LOAD_TIMEOUT] = "timeout",
	        [LOAD_TRUNCATED] = "truncated",
	        [LOAD_STALLED] = "stalled",
	        [LOAD_MALFORMED] = "malformed",
	        [LOAD_CORRUPT] = "corrupt",
	        [LOAD_CANCELLED] = "cancelled",
	        [LOAD_NOT_SENT] = "not_sent",
	};

	CHECK(o < LOAD_OUTCOMES);
	return names[o];
}

enum load_outcome outcome_of_status(unsigned status, bool context_length)
{
	if (status == 429 || status == 498 || status == 503 || (status == 400 && context_length))
		return LOAD_REJECTED;
	if (status >= 500 && status < 600)
		return LOAD_HTTP_5XX;
	if (status >= 400 && status < 500)
		return LOAD_HTTP_4XX;
	return LOAD_MALFORMED; /* a success or a redirection that is no stream */
}

enum load_outcome outcome_of_cut(unsigned status, bool event_stream, int error)
{
	if (status == 0)
		return error ? LOAD_CONNECT : LOAD_TRUNCATED;
	if (status == 200 && event_stream)
		return LOAD_TRUNCATED;
	return outcome_of_status(status, false);
}

bool outcome_is_retried(enum load_outcome o, bool context_length)
{
	return (o == LOAD_REJECTED && !context_length) || o == LOAD_CONNECT || o == LOAD_HTTP_5XX;
}

int64_t outcome_back_off_ns(uint32_t attempt, uint64_t u)
{
	int64_t base = 500 * NS_PER_MS;

	CHECK(attempt > 0);
	base = attempt < 5 ? base << (attempt - 1) : base << 4;
	return base - (int64_t)prng_below(u, (uint64_t)base / 4);
}
