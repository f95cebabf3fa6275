/* Commands and their options as data (fio's idea): one record tells the parser, --help, docs/CLI.md
 * and the man page alike what an option is called, takes, defaults to and means.
 *
 * Long options only, `--key value` or `--key=value`, before or after the operands; `--` ends them.
 * An option given twice (but OPTION_LIST), an unknown one (the nearest known one is named), a
 * missing or ill-formed value and a wrong number of operands are usage errors: one line, exit 2. */
#ifndef LPC_CLI_OPTIONS_H
#define LPC_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/error.h"

enum option_type {
	OPTION_SWITCH, /* bool */
	OPTION_TEXT,   /* const char *, points into argv */
	OPTION_COUNT,  /* int64_t within [min, max] */
	OPTION_SEED,   /* uint64_t, 0 … 2^63 - 1; companion: bool, whether it was given */
	OPTION_CHOICE, /* int, index into choices; companion, if not 0: bool, whether it was given
	                */
	OPTION_LIST,   /* const char *const *, may repeat; companion: uint32_t, how many */
};

struct option {
	const char *name;  /* without the dashes */
	const char *value; /* what stands for the value in help, "FILE"; NULL for a switch */
	enum option_type type;
	size_t offset, companion; /* of the targets inside the command's arguments */
	int64_t min, max;
	const char *const *choices; /* NULL-terminated */
	const char *fallback;       /* the default as it would be typed; NULL = zero, absent */
	bool hidden;                /* left out of help and docs */
	const char *help;           /* one line, lower case, no full stop */
};

struct command {
	const char *name;
	const char *operands; /* "FILE…"; "" = none */
	const char *summary;  /* one line, lower case, no full stop */
	const char *about;    /* paragraphs separated by an empty line */
	uint32_t min_operands, max_operands;
	size_t operands_offset, n_operands_offset; /* const char *const *, uint32_t */
	const struct option *options;
	size_t n_options;
	size_t args_size; /* of the structure that offsets point into */
	/* Returns the exit code. args lives until it returns. */
	int (*run)(const void *args);
};

/* Fills args (args_size bytes) from argv[0 … argc), which starts behind the command's name. Lists
 * live in the arena, texts in argv. *help is set, and nothing else to be relied on, when --help was
 * among them. */
enum status options_parse(const struct command *command, int argc, char **argv, struct arena *arena,
        void *args, bool *help, struct error *err) LPC_MUST_USE;

#endif
