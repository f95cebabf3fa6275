/* A fuzzer's main() for builds without libFuzzer, so that every build replays the corpus and shakes
 * it.
 *
 *   fuzz_x [FILE | DIRECTORY]…    FUZZ_SECONDS (2), FUZZ_SEED (1), FUZZ_ONLY (a mutant's number)
 *
 * Each file is given to LLVMFuzzerTestOneInput as it is; then, for FUZZ_SECONDS, mutants: an input
 * of the corpus (or nothing) with a few random edits: bits flipped, bytes set to telling values,
 * pieces removed, doubled or spliced in from another input. No coverage guides it; that is
 * libFuzzer's work in the fuzz preset.
 *
 * Mutant i is a function of (seed, i) alone. On SIGABRT (assertions, sanitizers) the two are
 * printed, and FUZZ_SEED=s FUZZ_ONLY=i makes that one again. */
#include "harness/base/arena.h"
#include "harness/base/prng.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 16, CORPUS_MAX = 4096, EDITS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t *data;
	size_t n;
};

static struct input corpus[CORPUS_MAX];
static size_t n_corpus;
static uint64_t seed, number;

static void on_abort(int signal)
{
	char text[96];
	int n = snprintf(text, sizeof(text),
	        "\nagain: FUZZ_SEED=%" PRIu64 " FUZZ_ONLY=%" PRIu64 "\n", seed, number);
	ssize_t written = write(STDERR_FILENO, text, (size_t)n);

	(void)written;
	(void)signal; /* returning lets abort() finish */
}

static void run_one(const uint8_t *data, size_t n)
{
	uint8_t *exact =
	        malloc(n ? n : 1); /* a buffer of that very size, so that asan sees its end */

	CHECK(exact != NULL);
	if (n)
		memcpy(exact, data, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static void load_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct input *in = &corpus[n_corpus];

	if (!f || n_corpus == CORPUS_MAX) {
		fprintf(stderr, "%s: %s\n", path, f ? "the corpus is full" : "cannot be read");
		exit(2);
	}
	in->data = mem_alloc(INPUT_MAX, 1);
	in->n = fread(in->data, 1, INPUT_MAX, f);
	fclose(f);
	n_corpus++;
}

static void load(const char *path)
{
	struct dirent **names;
	struct stat st;
	int n;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		load_file(path);
		return;
	}
	n = scandir(path, &names, NULL, alphasort); /* sorted: the corpus has one order */
	if (n < 0) {
		fprintf(stderr, "%s: no such file or directory\n", path);
		exit(2);
	}
	for (int i = 0; i < n; i++) {
		char file[4096];

		if (names[i]->d_name[0] != '.') {
			snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
			load_file(file);
		}
		free(names[i]);
	}
	free(names);
}

static size_t pick(struct prng *g, size_t n)
{
	return n ? (size_t)prng_below(prng_next(g), n) : 0;
}

/* Removes [at, at + cut) and puts piece in its place; what exceeds INPUT_MAX is not done. */
static void splice(struct input *in, size_t at, size_t cut, const uint8_t *piece, size_t n)
{
	if (in->n - cut + n > INPUT_MAX)
		return;
	memmove(in->data + at + n, in->data + at + cut, in->n - at - cut);
	if (n)
		memcpy(in->data + at, piece, n);
	in->n = in->n - cut + n;
}

static void edit(struct input *in, struct prng *g)
{
	static const char telling[] = "\0\xff\x7f\x80\xed\"\\{}[],:/*-+.0189eE\r\n \t";
	uint64_t act = prng_below(prng_next(g), 6);
	size_t at = pick(g, in->n + 1);
	size_t span = pick(g, in->n - at < 64 ? in->n - at + 1 : 64);
	const struct input *other = n_corpus ? &corpus[pick(g, n_corpus)] : in;
	uint8_t piece[64], byte = (uint8_t)telling[pick(g, sizeof(telling) - 1)];
	size_t from = pick(g, other->n);

	if (act == 0 && at < in->n) {
		in->data[at] ^= (uint8_t)(1u << pick(g, 8));
	} else if (act == 1 && at < in->n) {
		in->data[at] = byte;
	} else if (act == 2) {
		splice(in, at, span, NULL, 0);
	} else if (act == 3) {
		memcpy(piece, in->data + at, span);
		splice(in, at, 0, piece, span);
	} else if (act == 4) {
		splice(in, at, 0, &byte, 1);
	} else if (from < other->n) {
		size_t n = other->n - from < sizeof(piece) ? other->n - from : sizeof(piece);

		memcpy(piece, other->data + from, n);
		splice(in, at, span, piece, n);
	}
}

static void run_mutant(uint8_t *room)
{
	struct prng g = prng_stream(seed + number, "fuzz/mutant");
	struct input in = {.data = room};
	uint64_t edits = 1 + prng_below(prng_next(&g), EDITS_MAX);

	if (n_corpus) {
		const struct input *from = &corpus[pick(&g, n_corpus)];

		memcpy(room, from->data, from->n);
		in.n = from->n;
	}
	while (edits-- > 0)
		edit(&in, &g);
	run_one(in.data, in.n);
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
	double until = seconds_now() + (double)from_environment("FUZZ_SECONDS", 2);
	uint8_t *room = mem_alloc(INPUT_MAX, 1);

	seed = from_environment("FUZZ_SEED", 1);
	signal(SIGABRT, on_abort);
	for (int i = 1; i < argc; i++)
		load(argv[i]);
	printf("seed %" PRIu64 ", %zu inputs\n", seed, n_corpus);
	if (getenv("FUZZ_ONLY")) {
		number = from_environment("FUZZ_ONLY", 0);
		run_mutant(room);
	} else {
		run_one(room, 0);
		for (size_t i = 0; i < n_corpus; i++)
			run_one(corpus[i].data, corpus[i].n);
		for (; seconds_now() < until; number++)
			run_mutant(room);
		printf("%" PRIu64 " mutants\n", number);
	}
	for (size_t i = 0; i < n_corpus; i++)
		mem_free(corpus[i].data);
	mem_free(room);
	return 0;
}
