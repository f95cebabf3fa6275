#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "harness/cli/commands.h"
#include "harness/run/execute.h"

struct explain_args {
	const char *const *operands; /* DIR REQUEST */
	uint32_t n_operands;
};

static int run(const void *args)
{
	const struct explain_args *a = args;
	const char *text = a->operands[1];
	struct error err = ERROR_INIT;
	unsigned long long request;

	errno = 0;
	request = strtoull(text, NULL, 10);
	if (request == 0 || errno || strspn(text, "0123456789") != strlen(text)) {
		error_set(&err, ERR_USAGE,
		        "explain: expected the number of a request, from 1 on, found '%s'", text);
		return commands_fail(&err);
	}
	return execute_explain(a->operands[0], request);
}

const struct command command_explain = {
        .name = "explain",
        .operands = "DIR REQUEST",
        .summary = "tell the life of one request of a run",
        .about = "Replays the run whose result lies in DIR on the virtual clock and prints the "
                 "life of "
                 "request number REQUEST, a line per event: arrival, queue, entry, tokens, stalls "
                 "and the "
                 "faults they came from.",
        .min_operands = 2,
        .max_operands = 2,
        .operands_offset = offsetof(struct explain_args, operands),
        .n_operands_offset = offsetof(struct explain_args, n_operands),
        .args_size = sizeof(struct explain_args),
        .run = run,
};
