#include "harness/net/clock.h"

#include <errno.h>
#include <sys/prctl.h>
#include <time.h>
#include "harness/base/check.h"

#define NS_PER_S INT64_C(1000000000)

int64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_unix_s(void)
{
	return clock_unix_ns() / NS_PER_S;
}

int64_t clock_unix_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_left_ns(int64_t deadline_ns, int64_t now_ns)
{
	if (deadline_ns == CLOCK_NEVER)
		return CLOCK_NEVER;
	return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

void clock_sleep_until(int64_t deadline_ns)
{
	struct timespec ts = {.tv_sec = deadline_ns / NS_PER_S, .tv_nsec = deadline_ns % NS_PER_S};

	CHECK(deadline_ns >= 0);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

void clock_sharpen_timers(void)
{
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}
