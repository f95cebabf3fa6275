/* Durations are integers from the first digit on: "1.5s" is 15 · 10^9 / 10, in 128 bits, and what
 * leaves a remainder is refused. No double is involved, so nothing is ever nearly 20 ms. */
#include "harness/base/units.h"
#include "harness/base/check.h"

#include <stdio.h>
#include <string.h>

static const struct unit {
	const char *name;
	int64_t ns;
} UNITS[] = {
        {"d", INT64_C(86400) * NS_PER_S},
        {"h", INT64_C(3600) * NS_PER_S},
        {"m", INT64_C(60) * NS_PER_S},
        {"s", NS_PER_S},
        {"ms", NS_PER_MS},
        {"us", NS_PER_US},
        {"ns", 1},
};

enum { FRACTION_DIGITS_MAX = 18, MANTISSA_MAX_DIGITS = 18 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const struct unit *find_unit(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++)
		if (strlen(UNITS[i].name) == len && memcmp(UNITS[i].name, text, len) == 0)
			return &UNITS[i];
	return NULL;
}

/* Reads up to max digits at *at; false when there is none or there are more. */
static bool read_digits(
        const char *text, size_t len, size_t *at, size_t max, int64_t *value, int64_t *scale)
{
	size_t from = *at;

	*value = 0;
	*scale = 1;
	for (; *at < len && is_digit(text[*at]); (*at)++) {
		if (*at - from == max)
			return false;
		*value = *value * 10 + (text[*at] - '0');
		*scale *= 10;
	}
	return *at > from;
}

bool units_parse_duration(const char *text, size_t len, int64_t *ns)
{
	const struct unit *unit;
	int64_t whole, fraction = 0, scale = 1;
	__int128 total;
	size_t at = 0;

	if (!read_digits(text, len, &at, MANTISSA_MAX_DIGITS, &whole, &scale))
		return false;
	scale = 1;
	if (at < len && text[at] == '.') {
		at++;
		if (!read_digits(text, len, &at, FRACTION_DIGITS_MAX, &fraction, &scale))
			return false;
	}
	unit = find_unit(text + at, len - at);
	if (!unit)
		return false;
	total = (__int128)fraction * unit->ns;
	if (total % scale != 0)
		return false;
	total = total / scale + (__int128)whole * unit->ns;
	if (total > NS_MAX)
		return false;
	*ns = (int64_t)total;
	return true;
}

/* ns in one unit as an exact decimal; false when it has no finite one (a second is 1/86400 of a
 * day). */
static bool format_in(uint64_t ns, const struct unit *unit, char buf[static UNITS_DURATION_MAX])
{
	uint64_t base = (uint64_t)unit->ns, rest = ns % base;
	char fraction[FRACTION_DIGITS_MAX + 1];
	size_t n = 0;

	while (rest != 0) {
		if (n == FRACTION_DIGITS_MAX)
			return false;
		rest *= 10;
		fraction[n++] = (char)('0' + rest / base);
		rest %= base;
	}
	fraction[n] = '\0';
	snprintf(buf, UNITS_DURATION_MAX, "%llu%s%s%s", (unsigned long long)(ns / base),
	        n ? "." : "", fraction, unit->name);
	return true;
}

const char *units_format_duration(int64_t ns, char buf[static UNITS_DURATION_MAX])
{
	size_t best = SIZE_MAX;
	bool best_whole = false;

	CHECK(ns >= 0);
	if (ns == 0) {
		memcpy(buf, "0s", 3);
		return buf;
	}
	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
		char candidate[UNITS_DURATION_MAX];
		bool whole = ns % UNITS[i].ns == 0;
		size_t len;

		if (!format_in((uint64_t)ns, &UNITS[i], candidate))
			continue;
		len = strlen(candidate);
		if (len < best || (len == best && whole && !best_whole)) {
			memcpy(buf, candidate, len + 1);
			best = len;
			best_whole = whole;
		}
	}
	return buf;
}
