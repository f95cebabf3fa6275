/* The timetable of DESIGN §5 on cases small enough to be drawn: when slots depart, what a slow
 * neighbour costs everybody, what prompts and borders cost. The general case is
 * tests/property/emulator/entry_test.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/units.h"
#include "tests/support/rack_bench.h"
#include "tests/support/run_suite.h"

#define MS NS_PER_MS

#define BUCKET(max_seq, frame, slots)                                                              \
	"{\"max_seq\":" max_seq ",\"frame\":\"" frame "\",\"slots\":" slots                        \
	",\"prefill_tokens_per_frame\":64}"
#define RACK(entry, buckets)                                                                       \
	"{\"pools\":[{\"name\":\"p\",\"buckets\":[" buckets "],\"entry\":\"" entry "\"}]}"

static struct bench b;

static void play(const char *deployment, const struct bench_request *r, uint32_t n)
{
	bench_init(&b, deployment);
	bench_play(&b, r, n, NULL, 0, NS_MAX);
	for (uint32_t i = 0; i < n; i++)
		ck_assert(b.answers[i].completed);
}

static void expect(uint32_t i, int64_t entry_us, int64_t first_us, int64_t last_us)
{
	const struct rack_completion *d = &b.answers[i].done;

	ck_assert_int_eq(d->t_entry, entry_us * NS_PER_US);
	ck_assert_int_eq(d->t_first_edge, first_us * NS_PER_US);
	ck_assert_int_eq(d->t_last_edge, last_us * NS_PER_US);
}

START_TEST(phases_are_over_all_slots)
{
	/* 2 + 3 slots of 10 ms: they depart at 0, 2, 4, 6 and 8 ms; the larger bucket has the last
	 * three. */
	static const struct bench_request r[] = {{.prompt = 10, .output = 1},
	        {.prompt = 10, .output = 1}, {.prompt = 10, .output = 1},
	        {.prompt = 400, .output = 1}, {.at_ns = 5 * MS, .prompt = 400, .output = 1},
	        {.at_ns = 5 * MS, .prompt = 400, .output = 1}};

	play(RACK("phase", BUCKET("64", "10ms", "2") "," BUCKET("512", "10ms", "3")), r, 6);
	expect(0, 0, 10000, 10000);
	expect(1, 2000, 12000, 12000);
	expect(2, 10000, 20000,
	        20000);                /* freed at 10 ms, its departure: it departs again at once */
	expect(3, 4000, 74000, 74000); /* 400 tokens are 7 frames */
	expect(4, 6000, 76000, 76000);
	expect(5, 8000, 78000, 78000);
	ck_assert_uint_eq(b.answers[2].done.slot, 0);
	ck_assert_uint_eq(b.answers[5].done.slot, 4);
	bench_free(&b);
}
END_TEST

START_TEST(frame_entry_departs_together)
{
	static const struct bench_request r[] = {{.prompt = 64, .output = 2},
	        {.at_ns = 1, .prompt = 64, .output = 2},
	        {.at_ns = 9 * MS, .prompt = 65, .output = 2},
	        {.at_ns = 10 * MS, .prompt = 64, .output = 1}};

	play(RACK("frame", BUCKET("512", "10ms", "4")), r, 4);
	expect(0, 0, 10000, 20000);
	expect(1, 10000, 20000, 30000);
	expect(2, 10000, 30000, 40000);
	expect(3, 10000, 20000, 20000);
	bench_free(&b);
}
END_TEST

START_TEST(a_slow_neighbour_slows_everybody_while_it_is_there)
{
	/* One slot each, frames of 10 and 25 ms: they depart at 0 and 5 ms of a frame. The slow one
	 * comes at 52, is in at 55 and holds its slot for three frames of 25 ms: until 130. In
	 * between the fast one, at position 55 of 200, makes 30 ms of its own: it ends 45 ms late.
	 */
	static const struct bench_request r[] = {{.prompt = 64, .output = 20, .max = 20},
	        {.at_ns = 52 * MS, .prompt = 128, .output = 2, .max = 100}};

	play(RACK("phase", BUCKET("100", "10ms", "1") "," BUCKET("512", "25ms", "1")), r, 2);
	expect(0, 0, 10000, 245000);
	expect(1, 55000, 105000, 130000);
	/* Its tokens: frames of 10 ms until 50; the next ends 5 ms of itself after 55, that is 12.5
	 * ms. */
	ck_assert_int_eq(b.answers[0].gap_max_ns, 25 * MS);
	ck_assert_int_eq(b.answers[0].gap_sum_ns, 235 * MS);
	ck_assert_uint_eq(b.answers[0].done.n_stalls, 0); /* no fault: it is decode */
	ck_assert_int_eq(b.answers[0].done.decode_ns, 235 * MS);
	bench_free(&b);
}
END_TEST

START_TEST(a_fast_neighbour_slows_nobody)
{
	static const struct bench_request r[] = {{.prompt = 128, .output = 4, .max = 100},
	        {.at_ns = 1 * MS, .prompt = 64, .output = 2, .max = 2}};

	/* Slow frames of 25 ms from 0 on (the slow bucket's slot is the second: 5 ms of the frame
	 * of 10). */
	play(RACK("phase", BUCKET("100", "10ms", "1") "," BUCKET("512", "25ms", "1")), r, 2);
	expect(0, 5000, 55000, 130000);
	/* The other departs at position 10 ms: 5 ms of its own after 5, at 17.5; two frames of 25
	 * ms. */
	expect(1, 17500, 42500, 67500);
	bench_free(&b);
}
END_TEST

START_TEST(prefill_is_whole_frames)
{
	static const int64_t prompt[] = {1, 63, 64, 65, 128, 129};
	static const int64_t frames[] = {1, 1, 1, 2, 2, 3};
	struct bench_request r[6] = {0};

	for (uint32_t i = 0; i < 6; i++)
		r[i] = (struct bench_request){
		        .at_ns = i * NS_PER_S, .prompt = prompt[i], .output = 3};
	play(RACK("immediate", BUCKET("512", "10ms", "1")), r, 6);
	for (uint32_t i = 0; i < 6; i++) {
		ck_assert_int_eq(b.answers[i].done.prefill_ns, frames[i] * 10 * MS);
		ck_assert_int_eq(b.answers[i].done.decode_ns, 20 * MS);
	}
	bench_free(&b);
}
END_TEST

START_TEST(ties_go_to_the_first_instance_then_slot)
{
	struct bench_request r[6] = {0};

	for (uint32_t i = 0; i < 6; i++)
		r[i] = (struct bench_request){.prompt = 64, .output = 5};
	bench_init(&b, "{\"pools\":[{\"name\":\"p\",\"buckets\":[" BUCKET(
	                       "512", "10ms", "2") "],\"instances\":2,\"entry\":\"phase\"}]}");
	bench_play(&b, r, 6, NULL, 0, NS_MAX);
	/* Slots depart at 0 and 5 ms: both first slots, then both second ones, then the first
	 * again. */
	for (uint32_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(b.answers[i].done.instance, i % 2);
		ck_assert_uint_eq(b.answers[i].done.slot, i / 2 % 2);
		ck_assert_int_eq(b.answers[i].done.t_entry, (i < 2 ? 0 : i < 4 ? 5 : 50) * MS);
	}
	bench_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timetable");
	TCase *t = tcase_create("drawn");

	tcase_add_test(t, phases_are_over_all_slots);
	tcase_add_test(t, frame_entry_departs_together);
	tcase_add_test(t, a_slow_neighbour_slows_everybody_while_it_is_there);
	tcase_add_test(t, a_fast_neighbour_slows_nobody);
	tcase_add_test(t, prefill_is_whole_frames);
	tcase_add_test(t, ties_go_to_the_first_instance_then_slot);
	suite_add_tcase(s, t);
	return run_suite(s);
}
