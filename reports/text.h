/* A growable buffer of text with a limit: what the pure renderers write into. Past the limit
 * nothing is added and `cut` is set; the caller decides whether that matters. */
#ifndef LPC_REPORTS_TEXT_H
#define LPC_REPORTS_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "harness/base/check.h"

struct text {
	char *buf; /* NUL-terminated once anything was added; NULL before */
	size_t n, capacity, limit;
	bool cut;
};

void text_init(struct text *t, size_t limit);
void text_free(struct text *t);
void text_add(struct text *t, const char *s, size_t n);
void text_printf(struct text *t, const char *fmt, ...) LPC_PRINTF(2, 3);
void text_vprintf(struct text *t, const char *fmt, va_list args) LPC_PRINTF(2, 0);
/* Escaped for XML 1.0 element content and attributes; characters that XML forbids become '?'. */
void text_xml(struct text *t, const char *s);

#endif
