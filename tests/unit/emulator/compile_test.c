/* The compiler against arithmetic done here by hand, from the published numbers and not from the
 * hardware file: if the file or a formula changes, these do not agree any more. */
#include "emulator/compile_report.h"
#include "tests/support/deployment_text.h"
#include "tests/support/run_suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MODEL_8B ""
#define MODEL_70B                                                                                  \
	",\"model\":{\"name\":\"big\",\"parameters\":70553706496,\"layers\":80,\"hidden\":8192,"   \
	"\"intermediate\":28672}"

static struct parsed p;

/* A deployment of one pool with the artifact and whatever else it is given. */
static bool compiles(const char *artifact, const char *rest)
{
	char text[4096];

	snprintf(text, sizeof(text), "{\"pools\":[{\"name\":\"p\",\"artifact\":{%s}}]%s}", artifact,
	        rest);
	return parse_text(&p, "d.json", text);
}

static const struct artifact *compiled(const char *artifact, const char *rest)
{
	ck_assert_msg(compiles(artifact, rest), "%s", p.message);
	return p.d.pools[0].artifact;
}

START_TEST(placement_adds_up_to_the_sram_of_a_chip)
{
	const struct artifact *a =
	        compiled("\"max_seq\":[2048,9216],\"batch\":{\"policy\":\"fixed\",\"slots\":[6,8]}",
	                MODEL_8B);
	int64_t kv_token = 2 * 32 * 8 * 128; /* K and V, fp8 */
	int64_t tokens = 6 * 2048 + 8 * 9216;

	ck_assert_uint_eq(a->chips, 64);
	ck_assert_int_eq(a->kv_bytes_per_token, kv_token);
	ck_assert_int_eq(a->chip_weights_bytes, (INT64_C(8030261248) + 63) / 64);
	ck_assert_int_eq(a->chip_kv_bytes, (tokens * kv_token + 63) / 64);
	ck_assert_int_eq(a->chip_activation_bytes, 2 * 320 * (4096 + 14336) * 2 / 8);
	ck_assert_int_eq(a->sram_bytes, INT64_C(220) << 20);
	ck_assert_int_eq(a->reserved_bytes + a->chip_weights_bytes + a->chip_activation_bytes +
	                         a->chip_kv_bytes + a->free_bytes,
	        a->sram_bytes);
	ck_assert_int_eq(a->reload_bytes, (INT64_C(8030261248) + 7) / 8);
	ck_assert_int_eq(p.d.pools[0].reload_bytes, a->reload_bytes);
	parsed_free(&p);
}
END_TEST

/* One node reads 8 chips x 55 TiB/s x 0.9; links carry 10.67 GB/s and take 300 ns. */
static double frame_by_hand(double parameters, double layers, double hidden, double kv_token,
        double max_seq, double hops)
{
	double node_rate = 8 * 55 * 1099511627776.0 * 0.9 / 1e9; /* bytes a ns */
	double all_reduce = 4 * (300 + hidden * 2 / 8 / 10.67);
	double hop = 300 + hidden * 2 / 10.67;

	return ceil(layers * (38000 + all_reduce) + parameters / node_rate +
	            max_seq * kv_token / node_rate + hops * hop);
}

START_TEST(frames_are_what_the_formula_says)
{
	const struct artifact *a =
	        compiled("\"max_seq\":[2048,9216],\"batch\":{\"policy\":\"fixed\",\"slots\":[6,8]}",
	                MODEL_8B);
	double short_frame = frame_by_hand(8030261248, 32, 4096, 65536, 2048, 7);
	double long_frame = frame_by_hand(8030261248, 32, 4096, 65536, 9216, 7);

	ck_assert(llabs(a->buckets[0].frame_ns - (int64_t)short_frame) <= 1);
	ck_assert(llabs(a->buckets[1].frame_ns - (int64_t)long_frame) <= 1);
	ck_assert_int_gt(a->buckets[1].frame_ns, a->buckets[0].frame_ns);
	parsed_free(&p);
}
END_TEST

START_TEST(prefill_takes_what_decode_leaves_of_a_slots_share)
{
	const struct artifact *a =
	        compiled("\"max_seq\":[2048,9216],\"batch\":{\"policy\":\"fixed\",\"slots\":[6,8]}",
	                MODEL_8B);
	double node_rate = 8 * 55 * 1099511627776.0 * 0.9 / 1e9;
	double reads = (8030261248 + 9216 * 65536.0) / node_rate / 8;
	double token = 8030261248.0 / 8 / (8 * 409600 * 0.9 * 0.5);
	double tokens = ((double)a->buckets[1].frame_ns / 14 - reads) / token;

	ck_assert_int_eq(a->buckets[1].ppf, (int64_t)tokens);
	parsed_free(&p);
	/* A lone slot has the whole frame: the chunk is the bound. */
	a = compiled("\"max_seq\":[4096],\"batch\":{\"policy\":\"fixed\",\"slots\":[1]}", MODEL_8B);
	ck_assert_int_eq(a->buckets[0].ppf, 320);
	parsed_free(&p);
}
END_TEST

START_TEST(fill_takes_what_fits_and_no_more_than_the_stages_hold)
{
	const struct artifact *a = compiled("\"max_seq\":[1024,8192]", MODEL_8B);
	int64_t room = (INT64_C(208) << 20) - 2949120 - (INT64_C(8030261248) + 63) / 64;

	ck_assert_uint_eq(a->buckets[0].slots, a->buckets[1].slots);
	ck_assert_int_eq(a->buckets[0].slots, room * 64 / (9216 * 65536));
	parsed_free(&p);
	a = compiled("\"max_seq\":[512]", MODEL_8B);
	ck_assert_uint_eq(a->buckets[0].slots, 8 * 4); /* stages x sequences in each */
	parsed_free(&p);
}
END_TEST

#define SLOTS_70B "\"max_seq\":[4096,16384],\"batch\":{\"policy\":\"fixed\",\"slots\":[32,8]}"

/* Racks of 64 working chips; what they lack is told to the byte. */
#define ALLOWED ",\"cross_rack\":{\"position\":\"allowed\"}"

START_TEST(a_70b_needs_nine_racks)
{
	int64_t room = (INT64_C(208) << 20) - 2 * 320 * (8192 + 28672) * 2 / 8;
	int64_t weights = INT64_C(70553706496), kv = INT64_C(262144) * 2 * 80 * 8 * 128;

	for (int racks = 1; racks <= 9; racks++) {
		char rest[512], expected[256];
		int64_t chips = racks * 64;
		int64_t need = (weights + chips - 1) / chips + (kv + chips - 1) / chips;

		snprintf(rest, sizeof(rest),
		        MODEL_70B
		        ",\"hardware\":{\"racks\":{\"value\":%d,\"unit\":\"count\"}}" ALLOWED,
		        racks);
		if (racks == 9) {
			ck_assert_msg(compiles(SLOTS_70B, rest), "%s", p.message);
			ck_assert_uint_eq(p.d.pools[0].artifact->chips, 576);
			ck_assert_int_eq(p.d.pools[0].artifact->chip_weights_bytes,
			        need - (kv + chips - 1) / chips);
		} else {
			ck_assert(!compiles(SLOTS_70B, rest));
			snprintf(expected, sizeof(expected),
			        "fits %lld chips of 230686720 bytes, found one short by %lld "
			        "bytes; 536 chips would do",
			        (long long)chips, (long long)((need - room) * chips));
			ck_assert_msg(strstr(p.message, expected) != NULL, "%s\nnot: %s", p.message,
			        expected);
		}
		parsed_free(&p);
	}
}
END_TEST

START_TEST(each_of_the_seven_inputs_is_in_the_digest)
{
	static const struct {
		const char *input, *artifact, *rest;
	} changes[] = {
	        {"none", "\"max_seq\":[2048]", ""},
	        {"weights", "\"max_seq\":[2048]", ",\"model\":{\"weights\":\"r2\"}"},
	        {"graph", "\"max_seq\":[2048]", ",\"model\":{\"graph\":\"r2\"}"},
	        {"max sequence", "\"max_seq\":[2049]", ""},
	        {"batch policy",
	                "\"max_seq\":[2048],\"batch\":{\"policy\":\"fixed\",\"slots\":[32]}", ""},
	        {"precision", "\"max_seq\":[2048],\"precision\":{\"kv\":\"int8\"}", ""},
	        {"compiler", "\"max_seq\":[2048],\"compiler\":\"1.0.1\"", ""},
	        {"target", "\"max_seq\":[2048]", ",\"hardware\":{\"name\":\"lpuv1b\"}"},
	        {"target's numbers", "\"max_seq\":[2048]",
	                ",\"hardware\":{\"layer_time\":{\"value\":38.1,\"unit\":\"us\"}}"},
	};
	char digests[ARRAY_LEN(changes)][72];

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const struct artifact *a = compiled(changes[i].artifact, changes[i].rest);

		memcpy(digests[i], a->digest, sizeof(a->digest));
		ck_assert_uint_eq(strlen(digests[i]), 7 + 64);
		parsed_free(&p);
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(strcmp(digests[k], digests[i]) != 0, "%s = %s",
			        changes[k].input, changes[i].input);
	}
	ck_assert_str_eq(compiled(changes[0].artifact, "")->digest, digests[0]);
	parsed_free(&p);
}
END_TEST

/* 1 / frame of a lone slot beside published speeds: layer_time is one constant for all. Within 5 %
 * for the three models that it was read from. */
START_TEST(published_speeds_follow_the_layers)
{
	static const struct {
		const char *model;
		double racks, published;
	} models[] = {
	        {",\"model\":{\"name\":\"llama-2-70b\",\"parameters\":68976648192,\"layers\":80,"
	         "\"hidden\":8192,\"intermediate\":28672}",
	                9, 300},
	        {",\"model\":{\"name\":\"llama-2-7b\",\"parameters\":6738415616,\"layers\":32,"
	         "\"hidden\":4096,\"intermediate\":11008,\"kv_heads\":32}",
	                1, 750},
	        {",\"model\":{\"name\":\"gpt-oss-20b\",\"parameters\":20914757184,\"layers\":24,"
	         "\"hidden\":2880,\"intermediate\":2880,\"head_dim\":64}",
	                2, 1000},
	};

	for (size_t i = 0; i < ARRAY_LEN(models); i++) {
		const struct artifact *a;
		char rest[512];
		double speed;

		snprintf(rest, sizeof(rest),
		        "%s,\"hardware\":{\"racks\":{\"value\":%g,\"unit\":\"count\"}}" ALLOWED,
		        models[i].model, models[i].racks);
		a = compiled(
		        "\"max_seq\":[4096],\"batch\":{\"policy\":\"fixed\",\"slots\":[1]}", rest);
		speed = 1e9 / (double)a->buckets[0].frame_ns;
		printf("%s: %.0f tokens/s, published %.0f, %+.1f %%\n", a->spec.model.name, speed,
		        models[i].published, 100 * (speed / models[i].published - 1));
		ck_assert_double_lt(fabs(speed / models[i].published - 1), 0.05);
		parsed_free(&p);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compile");

	add_test(suite, "placement", placement_adds_up_to_the_sram_of_a_chip);
	add_test(suite, "frames", frames_are_what_the_formula_says);
	add_test(suite, "prefill", prefill_takes_what_decode_leaves_of_a_slots_share);
	add_test(suite, "fill", fill_takes_what_fits_and_no_more_than_the_stages_hold);
	add_test(suite, "70B", a_70b_needs_nine_racks);
	add_test(suite, "digest", each_of_the_seven_inputs_is_in_the_digest);
	add_test(suite, "speeds", published_speeds_follow_the_layers);
	return run_suite(suite);
}
