/* A run store with a few bytes that are not its own: four of the input say where and what one of
 * them becomes, and a few more where the file is cut. Whatever is left is read, or refused in a
 * sentence. */
#include "reports/store.h"
#include "reports/store_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "tests/unit/reports/score_fixture.h"

enum { PATH_BYTES = 64, REQUESTS = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/store_fuzz.XXXXXX", path[PATH_BYTES];
static uint8_t *whole, *bent;
static size_t n_whole;

static void at_end(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

static void feed(struct store *s)
{
	for (uint64_t id = 1; id <= REQUESTS; id++) {
		struct sample x = id % 7 ? fixture_ok(id, (int64_t)id * NS_PER_MS, 20 * NS_PER_MS)
		                         : fixture_bad(id, (int64_t)id, OUTCOME_TIMEOUT);

		if (id % 5 == 0)
			x.stalls[x.n_stalls++] = (struct sample_stall){0, NS_PER_MS};
		store_gaps(s, id, NS_PER_MS, 3);
		store_sample(s, &x);
	}
}

static void read_whole(void)
{
	FILE *f = fopen(path, "r");

	CHECK(f && !fseek(f, 0, SEEK_END));
	n_whole = (size_t)ftell(f);
	rewind(f);
	whole = mem_alloc(n_whole, 1);
	bent = mem_alloc(n_whole, 1);
	CHECK(fread(whole, 1, n_whole, f) == n_whole);
	(void)fclose(f);
}

/* A store as a judged run leaves it. */
static void prepare(void)
{
	static const char *const names[] = {"a"};
	static const uint32_t tier[] = {0};
	struct score_rules rules = {0};
	struct score_config score = fixture_config(&rules, 0);
	struct score_names of = {
	        .n_tiers = 2, .tiers = fixture_tiers, .n_faults = 1, .faults = names};
	struct store_config c = {.dir = dir,
	        .scenario = "fuzz",
	        .virtual_clock = true,
	        .tenants = names,
	        .tenant_tier = tier,
	        .n_tenants = 1,
	        .score = &score,
	        .ends_ns = 10 * NS_PER_S,
	        .names = &of};
	struct score *judge = score_create(&score);
	struct result_document d = {
	        .score = judge, .result = fixture_decide(judge, NULL, 0), .names = &of};
	struct error err = ERROR_INIT;
	struct store *s;

	CHECK(mkdtemp(dir) && !atexit(at_end));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, STORE_FILE);
	CHECK(!store_open(&c, &s, &err));
	feed(s);
	CHECK(!store_close(s, &d, &err));
	score_free(judge);
	read_whole();
}

static void write_bent(const uint8_t *data, size_t size)
{
	size_t n = n_whole;
	FILE *f;

	memcpy(bent, whole, n_whole);
	for (; size >= 4; data += 4, size -= 4) {
		size_t at = (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16;

		bent[at % n_whole] = data[3];
	}
	if (size == 3)
		n = ((size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % n_whole;
	f = fopen(path, "w");
	CHECK(f && fwrite(bent, 1, n, f) == n && !fclose(f));
}

static void read_bent(struct store_reader *r, struct error *err)
{
	const struct store_second *seconds;
	struct store_gap_summary gaps;
	struct arena arena;
	struct sample x;
	enum status st = ERR_NONE;
	size_t n;

	for (bool more = true; more && !st;)
		st = store_read_sample(r, &x, &gaps, &more, err);
	arena_init(&arena, (size_t)1 << 24);
	if (!st)
		st = store_read_timeline(r, &arena, &seconds, &n, err);
	CHECK(st == err->code);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct store_reader *r;

	if (!whole)
		prepare();
	write_bent(data, size);
	if (!store_read_open(path, &r, &err))
		read_bent(r, &err);
	store_read_close(r);
	CHECK(!err.code || (err.code == ERR_USAGE && err.text[0] && !strchr(err.text, '\n')));
	return 0;
}
