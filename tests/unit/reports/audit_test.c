/* The audit core on packets made by hand: what is a violation, what is a doubt, who is whose class.
 */
#include "harness/base/units.h"
#include "reports/audit.h"
#include "tests/support/audit_bench.h"
#include "tests/support/run_suite.h"

#include <string.h>

#define RACKS                                                                                      \
	"\"racks\":[{\"name\":\"r0\",\"pod\":\"p0\",\"addresses\":[\"10.0.0.0/24\",\"fd00::/64\"," \
	"\"r0\"]},{\"name\":\"r1\",\"pod\":\"p0\",\"addresses\":[\"10.0.1.0/24\",\"fd00:0:0:1::/"  \
	"64\",\"r1\"]},{\"name\":\"r2\",\"pod\":\"p2\",\"addresses\":[\"10.0.2.0/24\"]}],"
#define CLASSES                                                                                    \
	"\"classes\":[{\"name\":\"model\",\"filter\":\"udp port 4700 or ether proto "              \
	"0x88b5\",\"critical\":true},{\"name\":\"telemetry\",\"filter\":\"udp\"}]"
#define TWO_RACKS "{\"version\":1," RACKS CLASSES "}"

static const struct made in_rack = {
        .from = "10.0.0.1", .to = "10.0.0.2", .sport = 5000, .dport = 4700, .payload = 10};
static const struct made crossing = {
        .from = "10.0.0.1", .to = "10.0.1.2", .sport = 5000, .dport = 4700, .payload = 10};
static const struct made telemetry = {
        .from = "10.0.1.1", .to = "10.0.0.2", .sport = 5000, .dport = 4800, .payload = 10};

START_TEST(in_the_rack_passes)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TWO_RACKS, NULL);
	for (int i = 0; i < 10; i++)
		bench_packet(&b, &in_rack);
	bench_packet(&b, &telemetry);
	r = bench_finish(&b);
	ck_assert(r->pass && !r->fail);
	ck_assert_uint_eq(r->packets, 11);
	ck_assert_uint_eq(r->violations, 0);
	ck_assert_uint_eq(r->total[0].packets, 10);
	ck_assert_uint_eq(r->total[0].matched, 10);
	ck_assert_uint_eq(r->total[1].packets, 1);
	ck_assert_uint_eq(r->total[1].matched, 11);
	ck_assert_uint_eq(r->total[1].crossing, 1);
	ck_assert_uint_eq(r->n_cells, 2);
	ck_assert_int_eq(r->cells[0].class, 0);
	ck_assert_uint_eq(r->cells[0].packets, 10);
	ck_assert_uint_eq(r->cells[0].bytes, 10 * (14 + 20 + 8 + 10));
	ck_assert_int_eq(r->cells[1].rack[0], 0);
	ck_assert_int_eq(r->cells[1].rack[1], 1);
	ck_assert_uint_eq(r->cells[1].forward, 0);
	ck_assert_uint_eq(r->n_flows, 1);
	bench_close(&b);
}
END_TEST

START_TEST(one_that_crosses_fails)
{
	struct audit_bench b;
	const struct audit_result *r;

	bench_open(&b, TWO_RACKS, NULL);
	for (int i = 0; i < 10; i++)
		bench_packet(&b, i == _i ? &crossing : &in_rack);
	r = bench_finish(&b);
	ck_assert(r->fail && !r->pass);
	ck_assert_uint_eq(r->violations, 1);
	ck_assert_uint_eq(r->n_kept, 1);
	ck_assert_uint_eq(r->kept[0].number, (unsigned)_i + 1);
	ck_assert_int_eq(r->kept[0].reason, AUDIT_CROSS_RACK);
	ck_assert_int_eq(r->kept[0].rack[1], 1);
	ck_assert_uint_eq(r->kept[0].port[1], 4700);
	bench_close(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit");
	TCase *places = tcase_create("places");

	add_test(suite, "passes", in_the_rack_passes);
	tcase_add_loop_test(places, one_that_crosses_fails, 0, 10);
	suite_add_tcase(suite, places);
	return run_suite(suite);
}
