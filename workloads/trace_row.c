/* Rows, strictly: a field that is not exactly what its format promises names its line and stops the
 * run before it starts, because a trace that is half understood replays somebody else's traffic.
 *
 * CSV formats are read by the names in their header, so that a column more (BurstGPT's second
 * version) changes nothing. Times are integers from the first digit on: 7 digits of fraction, none
 * at all, or a zone, as the two editions of the Azure trace have them, end in whole nanoseconds.
 * JSON lines go through the project's own lexer, a document a line. */
#include "workloads/trace_row.h"
#include "harness/base/units.h"
#include "workloads/length.h"

#include <string.h>

struct text {
	const char *at;
	size_t len;
};

static const struct column_names {
	const char *time, *prompt, *output, *tenant;
} NAMES[] = {
        [TRACE_AZURE] = {"TIMESTAMP", "ContextTokens", "GeneratedTokens", NULL},
        [TRACE_BURSTGPT] = {"Timestamp", "Request tokens", "Response tokens", NULL},
        [TRACE_CSV] = {"arrival_s", "prompt_tokens", "output_tokens", "tenant"},
};

enum { SHOWN_MAX = 48 }; /* bytes of a bad field in an error */

static enum status bad_field(const struct trace_place *place, unsigned col, const char *name,
        const char *expected, struct text found, struct error *err)
{
	return error_at(err, ERR_USAGE, place->file, place->line, col, name,
	        "expected %s, found '%.*s'", expected,
	        (int)(found.len < SHOWN_MAX ? found.len : SHOWN_MAX), found.at);
}

bool trace_has_header(enum trace_format format)
{
	return format != TRACE_MOONCAKE;
}

static struct text trimmed(struct text t)
{
	while (t.len && (t.at[0] == ' ' || t.at[0] == '\t'))
		t.at++, t.len--;
	while (t.len && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* Cuts a line at its commas; returns how many fields there are, even if more than fit. */
static int split(const char *line, size_t len, struct text fields[static TRACE_COLUMNS_MAX])
{
	const char *end = line + len;
	int n = 0;

	for (;; n++) {
		const char *comma = memchr(line, ',', (size_t)(end - line));
		const char *stop = comma ? comma : end;

		if (n < TRACE_COLUMNS_MAX)
			fields[n] = trimmed((struct text){line, (size_t)(stop - line)});
		if (!comma)
			return n + 1;
		line = comma + 1;
	}
}

static int find_column(const struct text *fields, int n, const char *name)
{
	for (int i = 0; name && i < n; i++)
		if (fields[i].len == strlen(name) && memcmp(fields[i].at, name, fields[i].len) == 0)
			return i;
	return -1;
}

enum status trace_read_header(enum trace_format format, const char *line, size_t len,
        const struct trace_place *place, struct trace_columns *out, struct error *err)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	const struct column_names *names = &NAMES[format];
	struct text fields[TRACE_COLUMNS_MAX];

	if (len >= 3 && memcmp(line, byte_order_mark, 3) == 0)
		line += 3, len -= 3;
	out->n = split(line, len, fields);
	if (out->n > TRACE_COLUMNS_MAX)
		return error_at(err, ERR_USAGE, place->file, place->line, 1, NULL,
		        "expected at most %d columns, found %d", (int)TRACE_COLUMNS_MAX, out->n);
	out->time = find_column(fields, out->n, names->time);
	out->prompt = find_column(fields, out->n, names->prompt);
	out->output = find_column(fields, out->n, names->output);
	out->tenant = find_column(fields, out->n, names->tenant);
	if (out->time >= 0 && out->prompt >= 0 && out->output >= 0)
		return ERR_NONE;
	return error_at(err, ERR_USAGE, place->file, place->line, 1, NULL,
	        "expected a header with the columns %s, %s and %s, found '%.*s'", names->time,
	        names->prompt, names->output, (int)(len < SHOWN_MAX ? len : SHOWN_MAX), line);
}

/* --- numbers and times
 * ----------------------------------------------------------------------------- */

/* Exactly n digits at *at, moving on. */
static bool fixed_digits(struct text *t, size_t n, int64_t *value)
{
	*value = 0;
	if (t->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (t->at[i] < '0' || t->at[i] > '9')
			return false;
		*value = *value * 10 + (t->at[i] - '0');
	}
	t->at += n;
	t->len -= n;
	return true;
}

static bool literal(struct text *t, const char *any_of)
{
	if (!t->len || !strchr(any_of, t->at[0]) || t->at[0] == '\0')
		return false;
	t->at++, t->len--;
	return true;
}

/* The digits behind a point as ns; further ones are below the clock's resolution and left out. */
static bool fraction_ns(struct text *t, int64_t *ns)
{
	int64_t unit = NS_PER_S;
	size_t n = 0;

	for (*ns = 0; n < t->len && t->at[n] >= '0' && t->at[n] <= '9'; n++) {
		unit /= 10;
		*ns += unit * (t->at[n] - '0');
	}
	t->at += n;
	t->len -= n;
	return n > 0;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; years are counted from March, so that
 * the odd day comes last. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool parse_date(struct text *t, int64_t *days)
{
	int64_t year, month, day;

	if (!fixed_digits(t, 4, &year) || !literal(t, "-") || !fixed_digits(t, 2, &month) ||
	        !literal(t, "-") || !fixed_digits(t, 2, &day))
		return false;
	*days = days_of_date(year, month, day);
	return year >= 1970 && year < 2200 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* "+00:00", "Z" or nothing: what must be subtracted to get UTC. */
static bool parse_zone(struct text *t, int64_t *ns)
{
	int64_t hours, minutes, sign = t->len && t->at[0] == '-' ? -1 : 1;

	*ns = 0;
	if (t->len == 0 || literal(t, "Z"))
		return true;
	if (!literal(t, "+-") || !fixed_digits(t, 2, &hours) || !literal(t, ":") ||
	        !fixed_digits(t, 2, &minutes))
		return false;
	*ns = sign * (hours * 3600 + minutes * 60) * NS_PER_S;
	return hours < 24 && minutes < 60;
}

/* 2023-11-16 18:15:46.6805900 */
static bool parse_timestamp(struct text t, int64_t *ns)
{
	int64_t days, hour, minute, second, fraction = 0, zone;

	if (!parse_date(&t, &days) || !literal(&t, " T") || !fixed_digits(&t, 2, &hour) ||
	        !literal(&t, ":") || !fixed_digits(&t, 2, &minute) || !literal(&t, ":") ||
	        !fixed_digits(&t, 2, &second))
		return false;
	if (literal(&t, ".") && !fraction_ns(&t, &fraction))
		return false;
	if (!parse_zone(&t, &zone) || t.len || hour > 23 || minute > 59 || second > 59)
		return false;
	*ns = ((days * 24 + hour) * 60 + minute) * 60 * NS_PER_S + second * NS_PER_S + fraction -
	      zone;
	return *ns >= 0;
}

/* Seconds as a decimal number, also 1.5e-05, rounded down to ns. */
static bool parse_seconds(struct text t, int64_t *ns)
{
	__int128 value = 0;
	int64_t digit, exponent = 0;
	int power = 9, digits = 0; /* ns = value * 10^power */
	bool point = false, minus;

	for (;; digits++) {
		point = point || (digits > 0 && literal(&t, "."));
		if (!fixed_digits(&t, 1, &digit))
			break;
		if (digits == 25)
			return false;
		value = value * 10 + digit;
		power -= point;
	}
	if (digits && literal(&t, "eE")) {
		minus = t.len && t.at[0] == '-';
		if (t.len && (t.at[0] == '-' || t.at[0] == '+'))
			t.at++, t.len--;
		if (t.len == 0 || t.len > 2 || !fixed_digits(&t, t.len, &exponent))
			return false;
		power += minus ? (int)-exponent : (int)exponent;
	}
	for (; power > 0 && value < NS_MAX; power--)
		value *= 10;
	for (; power < 0; power++)
		value /= 10;
	*ns = (int64_t)(value < NS_MAX ? value : NS_MAX);
	return digits && t.len == 0 && value < NS_MAX;
}

static bool parse_tokens(struct text t, int64_t *tokens)
{
	return t.len > 0 && t.len <= 9 && fixed_digits(&t, t.len, tokens) &&
	       *tokens <= LENGTH_TOKENS_MAX;
}

/* --- rows
 * ------------------------------------------------------------------------------------------ */

#define TOKENS_EXPECTED "an integer from 0 to 16777216"

static enum status read_csv(enum trace_format format, const struct trace_columns *columns,
        const char *line, size_t len, const struct trace_place *place, struct trace_raw *out,
        struct error *err)
{
	const struct column_names *names = &NAMES[format];
	struct text f[TRACE_COLUMNS_MAX];
	int n = split(line, len, f);
	bool ok;

	if (n != columns->n)
		return error_at(err, ERR_USAGE, place->file, place->line, 1, NULL,
		        "expected %d fields as in the header, found %d", columns->n, n);
	ok = format == TRACE_AZURE ? parse_timestamp(f[columns->time], &out->time_ns)
	                           : parse_seconds(f[columns->time], &out->time_ns);
	if (!ok)
		return bad_field(place, (unsigned)(f[columns->time].at - line) + 1, names->time,
		        format == TRACE_AZURE ? "a time such as 2023-11-16 18:15:46.6805900"
		                              : "seconds, a number of at least 0",
		        f[columns->time], err);
	if (!parse_tokens(f[columns->prompt], &out->prompt_tokens))
		return bad_field(place, (unsigned)(f[columns->prompt].at - line) + 1, names->prompt,
		        TOKENS_EXPECTED, f[columns->prompt], err);
	if (!parse_tokens(f[columns->output], &out->output_tokens))
		return bad_field(place, (unsigned)(f[columns->output].at - line) + 1, names->output,
		        TOKENS_EXPECTED, f[columns->output], err);
	out->tenant = columns->tenant >= 0 ? f[columns->tenant].at : NULL;
	out->tenant_len = columns->tenant >= 0 ? f[columns->tenant].len : 0;
	return ERR_NONE;
}

static enum status member_in(
        struct jval row, const char *key, int64_t max, int64_t *out, struct error *err)
{
	struct jval v = json_get(row, key);

	if (json_type(v) == JSON_NONE)
		return json_error(row, err, "expected the key '%s', found none", key);
	if (json_i64(v, out, err) != ERR_NONE)
		return err->code;
	if (*out < 0 || *out > max)
		return json_expected(v, err, "an integer from 0 to %lld", (long long)max);
	return ERR_NONE;
}

static enum status read_members(struct jval row, struct trace_raw *out, struct error *err)
{
	if (json_type(row) != JSON_OBJECT)
		return json_expected(row, err, "an object");
	if (member_in(row, "timestamp", NS_MAX / NS_PER_MS, &out->time_ns, err) != ERR_NONE)
		return err->code;
	out->time_ns *= NS_PER_MS;
	if (member_in(row, "input_length", LENGTH_TOKENS_MAX, &out->prompt_tokens, err) != ERR_NONE)
		return err->code;
	return member_in(row, "output_length", LENGTH_TOKENS_MAX, &out->output_tokens, err);
}

static enum status read_json_line(const char *line, size_t len, const struct trace_place *place,
        struct trace_raw *out, struct error *err)
{
	struct error inner = ERROR_INIT;
	struct json *doc = NULL;
	enum status status = json_parse(place->file, line, len, &doc, &inner);

	if (status == ERR_NONE)
		status = read_members(json_root(doc), out, &inner);
	json_free(doc);
	if (status != ERR_NONE) /* the lexer saw one line and calls it the first */
		return error_at(err, status, place->file, place->line, inner.col, inner.path, "%s",
		        inner.text);
	out->tenant = NULL;
	out->tenant_len = 0;
	return ERR_NONE;
}

enum status trace_read_row(enum trace_format format, const struct trace_columns *columns,
        const char *line, size_t len, const struct trace_place *place, struct trace_raw *out,
        struct error *err)
{
	if (format == TRACE_MOONCAKE)
		return read_json_line(line, len, place, out, err);
	return read_csv(format, columns, line, len, place, out, err);
}
