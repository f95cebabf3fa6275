#include <stdio.h>
#include "faults/catalogue.h"
#include "harness/cli/commands.h"

struct faults_args {
	const char *const *kinds;
	uint32_t n_kinds;
	bool json;
};

static const struct option options[] = {
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct faults_args, json),
                .help = "prints an array of kinds with parameters, units, defaults and an example"},
};

static const struct fault_kind *find(const char *name, struct error *err)
{
	const struct fault_kind *kind = fault_catalogue_find(name);
	const char *nearest = kind ? NULL : fault_catalogue_nearest(name);

	if (nearest)
		error_set(
		        err, ERR_USAGE, "unknown fault kind '%s', nearest is '%s'", name, nearest);
	else if (!kind)
		error_set(err, ERR_USAGE, "unknown fault kind '%s', see 'lpuchaos faults'", name);
	return kind;
}

static void print_json(const struct fault_kind *only)
{
	struct json_out o;

	json_out_init(&o, 2);
	fault_catalogue_json(only, &o);
	printf("%s\n", o.buf);
	json_out_free(&o);
}

static void print_text(const struct fault_kind *only)
{
	size_t n = fault_catalogue_text(only, NULL, 0) + 1;
	char *text = mem_alloc(n, 1);

	fault_catalogue_text(only, text, n);
	fputs(text, stdout);
	mem_free(text);
}

static int run(const void *args)
{
	const struct faults_args *a = args;
	const struct fault_kind *only = NULL;
	struct error err = ERROR_INIT;

	if (a->n_kinds && !(only = find(a->kinds[0], &err)))
		return commands_fail(&err);
	if (a->json)
		print_json(only);
	else
		print_text(only);
	return 0;
}

const struct command command_faults = {
        .name = "faults",
        .operands = "[KIND]",
        .summary = "list the fault kinds, or tell everything about one",
        .about = "Prints the catalogue of faults: what each may hit, its parameters with units and "
                 "defaults, what it does to the model, how it is detected and how it is reverted.",
        .max_operands = 1,
        .operands_offset = offsetof(struct faults_args, kinds),
        .n_operands_offset = offsetof(struct faults_args, n_kinds),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct faults_args),
        .run = run,
};
