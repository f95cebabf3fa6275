#include <stdio.h>
#include "emulator/compile_report.h"
#include "harness/cli/commands.h"
#include "harness/run/files.h"

#define COMPILE_ARENA_BYTES ((size_t)1 << 30)

struct compile_args {
	const char *const *files;
	uint32_t n_files;
	bool json;
};

static const struct option options[] = {
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct compile_args, json),
                .help = "prints one object on stdout"},
};

static void print_report(const struct deployment *d, bool json)
{
	struct json_out o;
	char *text;

	if (json) {
		json_out_init(&o, 2);
		compile_report_json(d, &o);
		printf("%s\n", o.buf);
		json_out_free(&o);
		return;
	}
	text = compile_report_text(d);
	fputs(text, stdout);
	mem_free(text);
}

static int run(const void *args)
{
	const struct compile_args *a = args;
	struct file_set *files = files_new(false);
	struct file_loader loader = files_loader(files);
	struct deployment *d = mem_alloc(1, sizeof(*d));
	struct error err = ERROR_INIT;
	struct arena arena;
	struct json *doc;

	arena_init(&arena, COMPILE_ARENA_BYTES);
	if (files_json(files, "", a->files[0], &doc, &err) == ERR_NONE &&
	        deployment_parse(json_root(doc), &loader, &arena, d, &err) == ERR_NONE)
		print_report(d, a->json);
	arena_free(&arena);
	mem_free(d);
	files_free(files);
	return err.code ? commands_fail(&err) : 0;
}

const struct command command_compile = {
        .name = "compile",
        .operands = "DEPLOYMENT",
        .summary = "place a model on its chips and print timetable and blast radius",
        .about = "Compiles the artifacts of a deployment: placement and SRAM budget per chip, "
                 "stages and "
                 "hops, the timetable of every bucket, the critical path, and for every component "
                 "which "
                 "pools are down when it fails.",
        .min_operands = 1,
        .max_operands = 1,
        .operands_offset = offsetof(struct compile_args, files),
        .n_operands_offset = offsetof(struct compile_args, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct compile_args),
        .run = run,
};
