/* One line of a trace to one row, by format. Private to workloads/. */
#ifndef LPC_WORKLOADS_TRACE_ROW_H
#define LPC_WORKLOADS_TRACE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "workloads/trace.h"

enum { TRACE_COLUMNS_MAX = 32 };

/* Where a line stands, for errors: file:line. */
struct trace_place {
	const char *file;
	unsigned line;
};

/* Which column of a CSV file is which; -1 = not there. */
struct trace_columns {
	int n;
	int time, prompt, output, tenant;
};

struct trace_raw {
	int64_t time_ns;                      /* on the file's own time axis, >= 0 */
	int64_t prompt_tokens, output_tokens; /* >= 0 */
	const char *tenant; /* inside the line; not NUL-terminated; NULL = no such column */
	size_t tenant_len;
};

bool trace_has_header(enum trace_format format);

enum status trace_read_header(enum trace_format format, const char *line, size_t len,
        const struct trace_place *place, struct trace_columns *out, struct error *err) LPC_MUST_USE;

enum status trace_read_row(enum trace_format format, const struct trace_columns *columns,
        const char *line, size_t len, const struct trace_place *place, struct trace_raw *out,
        struct error *err) LPC_MUST_USE;

#endif
