/* A pack whose every bit is flipped, one after the other. Of the tar in it, each is noticed: an
 * entry is refused, the archive is damaged, or a file's digest is another one. Of the tar.zst, all
 * but those that change nothing: zstd can say one thing in many ways, and has bits that are not
 * used. And a pack that is cut anywhere is no pack. */
#include "reports/verify_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/digest.h"
#include "reports/pack.h"
#include "tests/support/rounds.h"
#include "tests/support/run_suite.h"
#include "tests/support/zstd_frame.h"

enum { FILE_MAX = 1 << 16, TAR_MAX = 1 << 18 };

static const char result[] = "{\"schema\":\"lpuchaos.result/1\",\"scenario\":\"s\",\"seed\":7,"
                             "\"clock\":\"virtual\",\"verdict\":\"pass\",\"engine\":{}}";

struct look {
	const uint8_t *data;
	size_t n;
	bool given, stop;
	struct sha256 *files; /* names and bytes, as they come */
	uint32_t defects;
};

static ssize_t read_all(void *ctx, const void **data)
{
	struct look *l = ctx;

	if (l->given)
		return 0;
	l->given = true;
	*data = l->data;
	return (ssize_t)l->n;
}

static bool on_begin(void *ctx, const char *path)
{
	struct look *l = ctx;

	sha256_update(l->files, path, strlen(path) + 1);
	return true;
}

static void on_data(void *ctx, const void *data, size_t n)
{
	struct look *l = ctx;

	sha256_update(l->files, data, n);
}

static void on_end(void *ctx)
{
	struct look *l = ctx;

	sha256_update(l->files, "end", 3);
}

static void on_found(void *ctx, enum defect d, const char *path, const char *text)
{
	struct look *l = ctx;

	(void)d;
	(void)path;
	(void)text;
	l->defects++;
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

/* Whether the archive is whole and without a defect; what is in it. */
static bool look(const uint8_t *data, size_t n, uint8_t files[static DIGEST_BYTES])
{
	struct look l = {.data = data, .n = n, .files = sha256_new()};
	struct archive_source source = {.ctx = &l, .read = read_all};
	struct archive_sink sink = {.ctx = &l,
	        .begin = on_begin,
	        .data = on_data,
	        .end = on_end,
	        .found = on_found,
	        .stopped = never};
	struct archive_limits limits = {.bytes = 1 << 24, .entries = 100};
	struct archive_answer answer;

	archive_walk(&source, &limits, &sink, &answer);
	sha256_final(l.files, files);
	return answer.whole && l.defects == 0;
}

static void write_file(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* A pack with a signature, text that repeats and bytes that do not. */
static size_t make_pack(uint8_t data[static FILE_MAX])
{
	static const uint8_t seed[SIGN_SEED_BYTES] = {7};
	char folder[] = "/tmp/flips.XXXXXX", noise[600];
	struct pack_folder run = {.dir = ".", .as = ""};
	struct sign_key *key = sign_key_of_seed(seed);
	struct pack_spec spec = {.folders = &run, .n_folders = 1, .key = key};
	struct error err = ERROR_INIT;
	struct pack_summary summary;
	enum status st;
	FILE *f;
	size_t n;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * i * 2654435761u >> 11);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	write_file("result.json", result, strlen(result));
	write_file("noise", noise, sizeof(noise));
	st = pack_write(&spec, "../flips.pack", &summary, &err);
	ck_assert_msg(st == ERR_NONE, "%s", err.text);
	f = fopen("../flips.pack", "r");
	ck_assert_ptr_nonnull(f);
	n = fread(data, 1, FILE_MAX, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(unlink("../flips.pack"), 0);
	ck_assert_int_eq(unlink("result.json"), 0);
	ck_assert_int_eq(unlink("noise"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	sign_key_free(key);
	return n;
}

/* The tar in a tar.zst, zeros behind it: its size without those of its end, 0 if there is none. */
static size_t tar_in(const uint8_t *data, size_t n, uint8_t tar[static TAR_MAX])
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	la_ssize_t got = 0;

	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, data, n) == ARCHIVE_OK &&
	        archive_read_next_header(a, &entry) == ARCHIVE_OK)
		got = archive_read_data(a, tar, TAR_MAX);
	archive_read_free(a);
	while (got > 0 && tar[got - 1] == 0)
		got--;
	return got > 0 ? (size_t)got : 0;
}

/* From one bit that is flipped to the next: all, or so many of them that each place in a byte has
 * its turn. */
static size_t stride(void)
{
	return rounds(8) == 8 ? 1 : 41;
}

static void flip(uint8_t *data, size_t bit)
{
	data[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

START_TEST(every_flip_of_the_pack_is_noticed_or_nothing)
{
	static uint8_t data[FILE_MAX], tar[TAR_MAX], other[TAR_MAX];
	uint8_t files[DIGEST_BYTES], now[DIGEST_BYTES];
	size_t n = make_pack(data), n_tar = tar_in(data, n, tar), nothing = 0;

	ck_assert(n_tar > 0 && n_tar < TAR_MAX && look(data, n, files));
	for (size_t bit = 0; bit < n * 8; bit += stride()) {
		flip(data, bit);
		if (look(data, n, now) && memcmp(now, files, DIGEST_BYTES) == 0) {
			ck_assert_msg(
			        tar_in(data, n, other) == n_tar && memcmp(tar, other, n_tar) == 0,
			        "bit %zu of byte %zu", bit % 8, bit / 8);
			nothing++;
		}
		flip(data, bit);
	}
	ck_assert_uint_lt(nothing, n * 8 / 50);
}
END_TEST

START_TEST(every_flip_of_the_tar_is_noticed)
{
	static uint8_t data[FILE_MAX], tar[TAR_MAX];
	uint8_t files[DIGEST_BYTES], now[DIGEST_BYTES];
	size_t n_tar = tar_in(data, make_pack(data), tar) / 512 * 512 + 3 * 512, n;
	uint8_t *frame = zstd_frame(tar, n_tar, &n);

	ck_assert(n_tar < ZSTD_BLOCK_MAX && look(frame, n, files));
	for (size_t bit = (n - n_tar) * 8; bit < n * 8; bit += stride()) {
		flip(frame, bit);
		ck_assert_msg(!look(frame, n, now) || memcmp(now, files, DIGEST_BYTES) != 0,
		        "bit %zu of byte %zu", bit % 8, bit / 8 - (n - n_tar));
		flip(frame, bit);
	}
	mem_free(frame);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
	static uint8_t data[FILE_MAX];
	uint8_t files[DIGEST_BYTES];
	size_t n = make_pack(data);

	for (size_t length = 0; length < n; length++)
		ck_assert_msg(!look(data, length, files), "cut to %zu of %zu", length, n);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flips");

	add_test(s, "flips of the pack", every_flip_of_the_pack_is_noticed_or_nothing);
	add_test(s, "flips of the tar", every_flip_of_the_tar_is_noticed);
	add_test(s, "cuts", every_cut_is_noticed);
	return run_suite(s);
}
