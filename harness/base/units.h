/* Durations and small numbers as people write them. int64_t nanoseconds everywhere (DESIGN §4). */
#ifndef LPC_BASE_UNITS_H
#define LPC_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define NS_MAX    (INT64_C(3650) * 86400 * NS_PER_S) /* 10 years: the longest duration anywhere */
#define NS_NEVER  INT64_MAX

enum { UNITS_DURATION_MAX = 32 };

/* "250us", "20ms", "1.5s", "5m", "1h", "3d", "100ns" → ns. Decimal fractions are exact; a value
 * that is no whole number of ns, is negative, lacks a unit or exceeds NS_MAX is refused (false). */
bool units_parse_duration(const char *text, size_t len, int64_t *ns);

/* The shortest exact form that units_parse_duration reads back: 20000000 → "20ms". Returns buf. */
const char *units_format_duration(int64_t ns, char buf[static UNITS_DURATION_MAX]);

static inline double ns_to_ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static inline int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t ceil_div_i64(int64_t a, int64_t b) /* a >= 0, b > 0 */
{
	return (a + b - 1) / b;
}

#endif
