/* Theory against theory: the tables of ../shared/oracle (left out where they are absent), made by
 * other methods; and, for numbers of servers that no table has, the equation that the queue must
 * solve. */
#include "harness/base/queueing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "harness/base/mathx.h"
#include "harness/base/prng.h"
#include "tests/support/run_suite.h"

enum { TEXT_MAX = 1 << 16 };
#define ORACLE LPC_SHARED_DIR "/oracle/"

static double real(struct jval v, const char *key)
{
	struct error err = ERROR_INIT;
	double x;

	ck_assert_int_eq(json_real(json_get(v, key), &x, &err), 0);
	return x;
}

/* A row's figures are good to `digits` relative. */
static void check_row(struct jval row, uint32_t k, double digits)
{
	static const struct {
		const char *key;
		double p;
	} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
	struct queueing_mdk q;

	ck_assert(queueing_mdk_init(&q, k, real(row, "rho")));
	ck_assert_double_eq_tol(q.mean, real(row, "mean_wait"), digits * q.mean);
	ck_assert_double_eq_tol(q.p_wait, real(row, "p_wait"), digits);
	for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
		double truth = real(row, quantiles[i].key);

		ck_assert_double_eq_tol(
		        queueing_mdk_quantile(&q, quantiles[i].p), truth, digits * (1 + truth));
	}
	queueing_mdk_free(&q);
}

static uint32_t check_table(const char *file, double digits)
{
	struct error err = ERROR_INIT;
	struct json *doc;
	char *text = malloc(TEXT_MAX);
	FILE *f = fopen(file, "r");
	uint32_t rows = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(json_parse(file, text, fread(text, 1, TEXT_MAX, f), &doc, &err), 0);
	(void)fclose(f);
	free(text);
	for (struct jval row =
	                json_first(json_get(json_root(doc), "waiting_time_excluding_service"));
	        row.item; row = json_next(row), rows++)
		check_row(row, json_get(row, "k").item ? (uint32_t)real(row, "k") : 1, digits);
	json_free(doc);
	return rows;
}

/* md1.json stops at an interval of 1e-7; mdk.json truncates its equations at 400 states. */
START_TEST(tables)
{
	ck_assert_uint_eq(check_table(ORACLE "md1.json", 2e-7), 4);
	ck_assert_uint_eq(check_table(ORACLE "mdk.json", 2e-7), 5);
}
END_TEST

/* P(Q' = m) of Q' = max(Q + A - k, 0), by libm's gamma. */
static double after(const struct queueing_mdk *q, uint32_t m)
{
	double lambda = q->k * q->rho, sum = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		double p = i ? q->waiting[i] - q->waiting[i - 1] : q->waiting[0];
		double a = (double)q->k + m - i;

		for (double b = a; b >= 0 && (m == 0 || b == a); b--)
			sum += p * exp(b * log(lambda) - lambda - lgamma(b + 1));
	}
	return sum;
}

static const struct {
	uint32_t k;
	double rho;
} CASES[] = {{1, 0.5}, {2, 0.95}, {16, 0.8}, {100, 0.97}, {512, 0.9}, {512, 0.99}, {4096, 0.98}};

START_TEST(balance)
{
	struct queueing_mdk q;

	ck_assert(queueing_mdk_init(&q, CASES[_i].k, CASES[_i].rho));
	ck_assert_double_eq_tol(after(&q, 0), q.waiting[0], 1e-9);
	for (uint32_t m = 1; m < q.n; m += 1 + q.n / 7)
		ck_assert_double_eq_tol(after(&q, m), q.waiting[m] - q.waiting[m - 1], 1e-11);
	queueing_mdk_free(&q);
}
END_TEST

/* The mean is the integral of P(W > x), here by the trapezoid rule; quantiles invert the law. */
START_TEST(mean_and_quantiles)
{
	struct queueing_mdk q;
	double sum, last, step;

	ck_assert(queueing_mdk_init(&q, CASES[_i].k, CASES[_i].rho));
	last = queueing_mdk_quantile(&q, 1 - 1e-9);
	step = last / 3000;
	sum = q.p_wait / 2;
	for (double x = step; x < last; x += step)
		sum += 1 - queueing_mdk_cdf(&q, x);
	ck_assert_double_eq_tol(sum * step, q.mean, 2e-3 * q.mean);
	for (double p = 0.05; p < 1; p += 0.1) {
		double x = queueing_mdk_quantile(&q, p);

		if (x > 0)
			ck_assert_double_eq_tol(queueing_mdk_cdf(&q, x), p, 1e-9);
		else
			ck_assert_double_le(p, 1 - q.p_wait);
	}
	queueing_mdk_free(&q);
}
END_TEST

START_TEST(formulas)
{
	double mdk[] = {0.2, 0.7, 0.95};

	for (size_t i = 0; i < ARRAY_LEN(mdk); i++) {
		double r = mdk[i];

		ck_assert_double_eq_tol(queueing_erlang_c(1, r), r, 1e-12);
		ck_assert_double_eq_tol(queueing_erlang_c(2, r), 2 * r * r / (1 + r), 1e-12);
		/* Pollaczek-Khinchine */
		ck_assert_double_eq_tol(queueing_allen_cunneen(1, r, 1, 3), r * 2 / (1 - r), 1e-12);
		for (uint32_t k = 1; k <= 512; k *= 8) {
			struct queueing_mdk q;

			ck_assert(queueing_mdk_init(&q, k, r));
			ck_assert_double_le(q.mean, queueing_kingman(k, r, 1, 0));
			queueing_mdk_free(&q);
		}
	}
	/* M/G/1: the bound minus the truth is (1 - rho²) / (2 rho (1 - rho)). */
	ck_assert_double_eq_tol(
	        queueing_kingman(1, 0.5, 1, 2), queueing_allen_cunneen(1, 0.5, 1, 2) + 1.5, 1e-12);
}
END_TEST

static double exponential(struct prng *g)
{
	return -mathx_log(prng_unit(prng_next(g)));
}

/* onoff by drawing it: gaps of the busy axis, a silence at each end of a burst. */
START_TEST(onoff)
{
	static const struct {
		double m, b;
	} laws[] = {{0.3, 4}, {2, 3}, {50, 1.5}, {400, 10}, {20, 1}};
	enum { DRAWS = 4000000 };
	struct prng g = prng_stream(3, "test/onoff");
	double m = laws[_i].m, b = laws[_i].b, at = 0, last = 0, sum = 0, squares = 0, cv2;

	for (int i = 0; i < DRAWS; i++) {
		double now, gap;

		at += exponential(&g) / m;
		now = at + floor(at) * (b - 1);
		gap = now - last;
		last = now;
		sum += gap;
		squares += gap * gap;
	}
	cv2 = squares / DRAWS / (sum / DRAWS) / (sum / DRAWS) - 1;
	ck_assert_double_eq_tol(queueing_onoff_ca2(m, b), cv2, 0.01 * cv2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("queueing");
	TCase *tcase = tcase_create("theory");

	if (access(ORACLE "md1.json", R_OK) == 0)
		tcase_add_test(tcase, tables);
	else
		printf("the tables are left out: no %s\n", ORACLE "md1.json");
	tcase_add_loop_test(tcase, balance, 0, (int)ARRAY_LEN(CASES));
	tcase_add_loop_test(tcase, mean_and_quantiles, 0, (int)ARRAY_LEN(CASES));
	tcase_add_test(tcase, formulas);
	tcase_add_loop_test(tcase, onoff, 0, 5);
	suite_add_tcase(s, tcase);
	return run_suite(s);
}
