/* The option parser against a made-up command: everything it takes, everything it refuses. */
#include <string.h>
#include "harness/cli/options.h"
#include "tests/support/run_suite.h"

struct args {
	const char *const *files;
	uint32_t n_files;
	bool json;
	const char *out;
	int64_t attempts;
	uint64_t seed;
	bool has_seed;
	int clock;
	const char *const *set;
	uint32_t n_set;
};

static const char *const clocks[] = {"wall", "virtual", NULL};

static const struct option options[] = {
        {.name = "json", .type = OPTION_SWITCH, .offset = offsetof(struct args, json)},
        {.name = "out",
                .value = "DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct args, out),
                .fallback = "out"},
        {.name = "attempts",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = 100,
                .offset = offsetof(struct args, attempts),
                .fallback = "3"},
        {.name = "seed",
                .value = "N",
                .type = OPTION_SEED,
                .offset = offsetof(struct args, seed),
                .companion = offsetof(struct args, has_seed)},
        {.name = "clock",
                .value = "wall|virtual",
                .type = OPTION_CHOICE,
                .choices = clocks,
                .offset = offsetof(struct args, clock)},
        {.name = "set",
                .value = "PATH=VALUE",
                .type = OPTION_LIST,
                .offset = offsetof(struct args, set),
                .companion = offsetof(struct args, n_set)},
};

static const struct command command = {
        .name = "try",
        .operands = "FILE…",
        .min_operands = 1,
        .max_operands = 2,
        .operands_offset = offsetof(struct args, files),
        .n_operands_offset = offsetof(struct args, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct args),
};

enum { WORDS_MAX = 12 };

/* Splits at blanks: no word of these tests holds one. */
static enum status parse(
        const char *line, struct arena *arena, struct args *args, bool *help, struct error *err)
{
	char **argv = ARENA_ARRAY(arena, char *, WORDS_MAX);
	int argc = 0;

	for (size_t n; *line; line += n + (line[n] == ' ')) {
		n = strcspn(line, " ");
		argv[argc++] = arena_strndup(arena, line, n);
	}
	return options_parse(&command, argc, argv, arena, args, help, err);
}

START_TEST(both_spellings_and_any_order)
{
	struct error err = ERROR_INIT;
	struct arena arena;
	struct args a;
	bool help;

	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(parse("a.json --seed 7 --out=x=y --set p=1 --json --clock virtual b.json "
	                       "--set=q=2",
	                         &arena, &a, &help, &err),
	        ERR_NONE);
	ck_assert_uint_eq(a.n_files, 2);
	ck_assert_str_eq(a.files[1], "b.json");
	ck_assert(a.json && a.has_seed && !help);
	ck_assert_uint_eq(a.seed, 7);
	ck_assert_str_eq(a.out, "x=y");
	ck_assert_int_eq(a.clock, 1);
	ck_assert_int_eq(a.attempts, 3);
	ck_assert_uint_eq(a.n_set, 2);
	ck_assert_str_eq(a.set[0], "p=1");
	ck_assert_str_eq(a.set[1], "q=2");
	arena_free(&arena);
}
END_TEST

START_TEST(two_dashes_end_the_options)
{
	struct error err = ERROR_INIT;
	struct arena arena;
	struct args a;
	bool help;

	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(parse("--json -- --out", &arena, &a, &help, &err), ERR_NONE);
	ck_assert_str_eq(a.files[0], "--out");
	ck_assert_str_eq(a.out, "out");
	arena_free(&arena);
}
END_TEST

START_TEST(help_needs_no_operand)
{
	struct error err = ERROR_INIT;
	struct arena arena;
	struct args a;
	bool help;

	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(parse("--nonsense --help", &arena, &a, &help, &err), ERR_NONE);
	ck_assert(help);
	arena_free(&arena);
}
END_TEST

static const struct {
	const char *line, *error;
} refused[] = {
        {"", "expected FILE…, found nothing"},
        {"a b c", "expected FILE…, found also 'c'"},
        {"a --sed 3", "unknown option --sed, nearest is --seed"},
        {"a --xylophone", "unknown option --xylophone, see 'lpuchaos help try'"},
        {"a -j", "unknown option -j; options are long, as in --key value"},
        {"a --json --json", "option --json is given twice"},
        {"a --seed 1 --seed=1", "option --seed is given twice"},
        {"a --json=yes", "option --json takes no value, found 'yes'"},
        {"a --out", "option --out: expected DIR, found nothing"},
        {"a --out --json", "option --out: expected DIR, found --json"},
        {"a --out=", "option --out: expected DIR, found ''"},
        {"a --attempts 0", "option --attempts: expected a whole number from 1 to 100, found '0'"},
        {"a --attempts 1e1",
                "option --attempts: expected a whole number from 1 to 100, found '1e1'"},
        {"a --seed -1", "option --seed: expected a whole number from 0 to 2^63 - 1, found '-1'"},
        {"a --seed 9223372036854775808",
                "option --seed: expected a whole number from 0 to 2^63 - 1, found "
                "'9223372036854775808'"},
        {"a --clock real", "option --clock: expected wall|virtual, found 'real'"},
};

START_TEST(what_is_wrong_is_said)
{
	struct error err = ERROR_INIT;
	struct arena arena;
	struct args a;
	bool help;

	arena_init(&arena, 1 << 20);
	ck_assert_int_eq(parse(refused[_i].line, &arena, &a, &help, &err), ERR_USAGE);
	ck_assert_str_eq(err.text, refused[_i].error);
	arena_free(&arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *loop = tcase_create("refused");

	add_test(suite, "spellings", both_spellings_and_any_order);
	add_test(suite, "dashes", two_dashes_end_the_options);
	add_test(suite, "help", help_needs_no_operand);
	tcase_add_loop_test(loop, what_is_wrong_is_said, 0, ARRAY_LEN(refused));
	suite_add_tcase(suite, loop);
	return run_suite(suite);
}
