/* The compile farm against the definition of a queue for k servers. */
#include "emulator/farm.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

enum { JOBS = 200 };

/* FCFS on k compilers: each job starts when it has come and the earliest free compiler is free. */
static int64_t reference(int64_t *free_at, uint32_t k, int64_t came, int64_t takes)
{
	uint32_t first = 0;

	for (uint32_t i = 1; i < k; i++)
		if (free_at[i] < free_at[first])
			first = i;
	free_at[first] = (came > free_at[first] ? came : free_at[first]) + takes;
	return free_at[first];
}

static void against_the_reference(uint32_t compilers, uint64_t key)
{
	struct farm f;
	struct farm_job job;
	int64_t free_at[8] = {0}, done[JOBS], now = 0, last = 0;
	uint32_t ended = 0;

	farm_init(&f, compilers);
	for (uint32_t i = 0; i < JOBS; i++) {
		int64_t takes = (int64_t)prng_below(prng_at(key, i, 0), 40);

		now += (int64_t)prng_below(prng_at(key, i, 1), 12);
		while (farm_step(&f, now, &job)) { /* late steps: only when something comes */
			ck_assert_int_ge(job.done_at, last);
			ck_assert_int_eq(job.done_at, done[job.tag]);
			ck_assert_int_eq(job.done_at, job.start_at + job.takes_ns);
			last = job.done_at;
			ended++;
		}
		farm_add(&f, now, i, takes);
		done[i] = reference(free_at, compilers, now, takes);
	}
	while (farm_next_at(&f) != NS_NEVER) {
		ck_assert(farm_step(&f, farm_next_at(&f), &job));
		ck_assert_int_eq(job.done_at, done[job.tag]);
		ended++;
	}
	ck_assert_uint_eq(ended, JOBS);
	ck_assert_uint_eq(f.finished, JOBS);
	ck_assert_uint_eq(farm_backlog(&f), 0);
	farm_free(&f);
}

START_TEST(first_come_first_served)
{
	for (uint32_t k = 1; k <= 8; k++)
		for (uint64_t seed = 1; seed <= 20; seed++)
			against_the_reference(k, seed);
}
END_TEST

START_TEST(a_cancelled_job_frees_its_compiler)
{
	struct farm f;
	struct farm_job job;

	farm_init(&f, 1);
	farm_add(&f, 0, 1, 100);
	farm_add(&f, 10, 2, 100);
	farm_add(&f, 20, 3, 100);
	ck_assert_uint_eq(farm_backlog(&f), 3);
	farm_cancel(&f, 30, 1);
	ck_assert_int_eq(farm_next_at(&f), 130);
	farm_cancel(&f, 40, 3);
	ck_assert_uint_eq(farm_backlog(&f), 1);
	ck_assert(!farm_step(&f, 129, &job));
	ck_assert(farm_step(&f, 130, &job));
	ck_assert_uint_eq(job.tag, 2);
	ck_assert_int_eq(job.start_at, 30);
	ck_assert_int_eq(farm_next_at(&f), NS_NEVER);
	farm_free(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("farm");
	TCase *t = tcase_create("farm");

	tcase_add_test(t, first_come_first_served);
	tcase_add_test(t, a_cancelled_job_frees_its_compiler);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
