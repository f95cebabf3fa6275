#include "harness/run/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/units.h"

static bool read_duration(const char *text, double *out)
{
	int64_t ns;

	if (!units_parse_duration(text, strlen(text), &ns))
		return false;
	*out = (double)ns;
	return true;
}

bool number_read(struct jval v, enum number_type type, double *out)
{
	struct error ignored = ERROR_INIT;
	const char *text = json_string(v);
	char *end;

	if (type == NUMBER_DURATION)
		return text && read_duration(text, out);
	if (type == NUMBER_SHARE && text) {
		*out = strtod(text, &end) / 100;
		return end != text && strcmp(end, "%") == 0;
	}
	return json_type(v) == JSON_NUMBER && json_real(v, out, &ignored) == ERR_NONE;
}

void number_text(enum number_type type, double v, char out[static NUMBER_TEXT])
{
	char duration[UNITS_DURATION_MAX];
	struct json_out o;

	if (type == NUMBER_DURATION) {
		(void)snprintf(out, NUMBER_TEXT, "\"%s\"",
		        units_format_duration((int64_t)(v + 0.5), duration));
	} else if (type == NUMBER_INT) {
		(void)snprintf(out, NUMBER_TEXT, "%" PRId64, (int64_t)(v + 0.5));
	} else {
		json_out_init(&o, 0);
		json_out_real(&o, NULL, v);
		(void)snprintf(out, NUMBER_TEXT, "%.*s", (int)o.n, o.buf);
		json_out_free(&o);
	}
}
