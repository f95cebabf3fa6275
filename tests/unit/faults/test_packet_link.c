/* Faults on packets: the fates are those of the law's own draws, packet by packet; shares and
 * moments are the law's; order is kept; nothing is left when a fault is over. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "faults/message_law.h"
#include "faults/packet_link.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

enum { MANY = 40000 };

static const char *const IDS[] = {"one", "two"};
static struct arena arena;
static struct packet_link *link_;
static struct fault_sink sink;

static void open_link(uint64_t seed)
{
	arena_init(&arena, 0);
	link_ = packet_link_new(seed, IDS, 2, &arena);
	sink = packet_link_sink(link_);
}

static void close_link(void)
{
	packet_link_free(link_);
	arena_free(&arena);
}

static void begin(uint32_t fault, int64_t now, struct ether_delay d)
{
	sink.ether_delay(sink.ctx, now, fault, 7, &d);
}

static void end(uint32_t fault, int64_t now)
{
	sink.ether_delay(sink.ctx, now, fault, 7, NULL);
}

static const struct ether_loss RANDOM_5 = {.p = 37500000, .r = 712500000, .loss_bad = ETHER_PPB};

START_TEST(nothing_without_a_fault)
{
	open_link(1);
	for (uint32_t i = 0; i < 100; i++)
		ck_assert_int_eq(packet_link_pass(link_, i % 2, i * MS), i * MS);
	close_link();
}
END_TEST

/* Packets are numbered in each direction from the first one on, also while nothing is in force. */
START_TEST(fates_are_the_laws_draws)
{
	const struct ether_delay d = {.delay_ns = 20 * MS,
	        .jitter_ns = 2 * MS,
	        .correlation = 0.25,
	        .distribution = DELAY_NORMAL,
	        .loss = RANDOM_5};
	struct message_law law;
	double last[2] = {-1, -1};
	uint8_t chain[2] = {CHAIN_NEW, CHAIN_NEW};
	uint32_t dropped = 0;

	open_link(42);
	message_law_init(&law, 42, "two/0", 500 * MS, &d);
	for (uint32_t m = 0; m < 5; m++)
		ck_assert_int_eq(packet_link_pass(link_, 1, m * MS), m * MS);
	begin(1, 500 * MS, d);
	for (uint32_t i = 0; i < 4000; i++) {
		uint32_t way = i % 2;
		uint64_t m = i / 2 + (way ? 5 : 0), bits = prng_at(law.key, way, m);
		int64_t now = (500 + 100 * (int64_t)i) * MS;
		int64_t late = message_delay(&law, now, bits, &last[way], last[way] >= 0);
		bool lost = message_lost(&law, way, m, &chain[way]);
		int64_t goes = packet_link_pass(link_, way, now);

		ck_assert_int_eq(goes, lost ? PACKET_DROPPED : now + late);
		dropped += lost;
	}
	ck_assert_uint_gt(dropped, 100);
	message_law_free(&law);
	close_link();
}
END_TEST

/* 5 % with a correlation of 25 %: the share within four standard errors, bursts of 1/r. */
START_TEST(losses_have_their_share_and_their_bursts)
{
	uint32_t lost = 0, bursts = 0;
	bool before = false;
	double se = sqrt(0.05 * 0.95 / MANY * (1 + 0.25) / (1 - 0.25));

	open_link(3);
	begin(0, 0, (struct ether_delay){.loss = RANDOM_5});
	for (uint32_t m = 0; m < MANY; m++) {
		bool now = packet_link_pass(link_, 0, m * MS) == PACKET_DROPPED;

		lost += now;
		bursts += now && !before;
		before = now;
	}
	ck_assert_double_eq_tol((double)lost / MANY, 0.05, 4 * se);
	ck_assert_double_eq_tol((double)lost / bursts, 1 / 0.7125, 0.1);
	close_link();
}
END_TEST

START_TEST(delays_have_their_moments)
{
	double sum = 0, squares = 0, mean, sd;

	open_link(5);
	begin(0, 0,
	        (struct ether_delay){
	                .delay_ns = 20 * MS, .jitter_ns = 2 * MS, .distribution = DELAY_NORMAL});
	for (uint32_t m = 0; m < MANY; m++) {
		int64_t now = 100 * MS * (int64_t)m;
		double late = ns_to_ms(packet_link_pass(link_, 0, now) - now);

		sum += late;
		squares += late * late;
	}
	mean = sum / MANY;
	sd = sqrt(squares / MANY - mean * mean);
	ck_assert_double_eq_tol(mean, 20, 4 * 2 / sqrt(MANY));
	ck_assert_double_eq_tol(sd, 2, 4 * 2 / sqrt(2.0 * MANY));
	close_link();
}
END_TEST

static uint64_t pattern(uint64_t seed)
{
	uint64_t bits = 0;

	open_link(seed);
	begin(0, 0,
	        (struct ether_delay){
	                .loss = {.p = 500000000, .r = 500000000, .loss_bad = ETHER_PPB}});
	for (uint32_t m = 0; m < 64; m++)
		bits = bits << 1 | (packet_link_pass(link_, 0, m) == PACKET_DROPPED);
	close_link();
	return bits;
}

START_TEST(the_seed_decides)
{
	ck_assert_uint_eq(pattern(11), pattern(11));
	ck_assert_uint_ne(pattern(11), pattern(12));
}
END_TEST

/* Each direction waits behind its own, not behind the other. */
START_TEST(order_is_kept)
{
	open_link(1);
	begin(0, 0, (struct ether_delay){.delay_ns = 30 * MS});
	ck_assert_int_eq(packet_link_pass(link_, 0, 0), 30 * MS);
	end(0, 5 * MS);
	ck_assert_int_eq(packet_link_pass(link_, 0, 10 * MS), 30 * MS);
	ck_assert_int_eq(packet_link_pass(link_, 1, 10 * MS), 10 * MS);
	ck_assert_int_eq(packet_link_pass(link_, 0, 31 * MS), 31 * MS);
	close_link();
}
END_TEST

START_TEST(an_outage_then_a_detour)
{
	open_link(1);
	begin(0, 100 * MS,
	        (struct ether_delay){
	                .outage_ns = 50 * MS, .settle_ns = 20 * MS, .settle_extra_ns = 2 * MS});
	ck_assert_int_eq(packet_link_pass(link_, 0, 100 * MS), PACKET_DROPPED);
	ck_assert_int_eq(packet_link_pass(link_, 0, 150 * MS - 1), PACKET_DROPPED);
	ck_assert_int_eq(packet_link_pass(link_, 0, 150 * MS), 152 * MS);
	ck_assert_int_eq(packet_link_pass(link_, 0, 170 * MS - 1), 172 * MS - 1);
	ck_assert_int_eq(packet_link_pass(link_, 0, 172 * MS), 172 * MS);
	close_link();
}
END_TEST

START_TEST(a_cut_link_carries_nothing)
{
	open_link(1);
	sink.control_lapse(sink.ctx, 0, 0, 7, LAPSE_CUT, 0);
	begin(1, 0, (struct ether_delay){.delay_ns = 3 * MS});
	ck_assert_int_eq(packet_link_pass(link_, 0, MS), PACKET_DROPPED);
	ck_assert_int_eq(packet_link_pass(link_, 1, MS), PACKET_DROPPED);
	sink.control_back(sink.ctx, 2 * MS, 0, 7);
	ck_assert_int_eq(packet_link_pass(link_, 1, 2 * MS), 5 * MS);
	close_link();
}
END_TEST

/* Busy for half of the time: then, and only then, packets take the queue's delay. */
START_TEST(congestion_comes_in_episodes)
{
	uint32_t busy = 0, changes = 0;
	bool before = true;

	open_link(9);
	begin(0, 0,
	        (struct ether_delay){
	                .delay_ns = 1000, .busy_mean_ns = 10 * MS, .idle_mean_ns = 10 * MS});
	for (uint32_t m = 0; m < MANY; m++) {
		int64_t now = m * MS, late = packet_link_pass(link_, 0, now) - now;

		ck_assert(late == 0 || late == 1000);
		busy += late != 0;
		changes += (late != 0) != before;
		before = late != 0;
	}
	/* 2000 cycles of 20 ms, each with a share of its own. */
	ck_assert_double_eq_tol((double)busy / MANY, 0.5, 4 * 0.5 / sqrt(2000 * 2));
	ck_assert_uint_gt(changes, 3000);
	close_link();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("packet_link");
	TCase *tc = tcase_create("packet_link");

	tcase_add_test(tc, nothing_without_a_fault);
	tcase_add_test(tc, fates_are_the_laws_draws);
	tcase_add_test(tc, losses_have_their_share_and_their_bursts);
	tcase_add_test(tc, delays_have_their_moments);
	tcase_add_test(tc, the_seed_decides);
	tcase_add_test(tc, order_is_kept);
	tcase_add_test(tc, an_outage_then_a_detour);
	tcase_add_test(tc, a_cut_link_carries_nothing);
	tcase_add_test(tc, congestion_comes_in_episodes);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
