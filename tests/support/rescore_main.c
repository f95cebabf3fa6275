/* rescore() of each directory named, a line of JSON each: for tests in Python. */
#include <stdio.h>
#include "harness/base/json.h"
#include "reports/rescore.h"

static void say(const char *dir)
{
	static struct rescore r;
	struct error err = ERROR_INIT;
	struct json_out o;
	char line[1200] = "";

	if (rescore(dir, &r, &err))
		(void)error_format(&err, line, sizeof(line));
	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "error", *line ? line : NULL);
	json_out_bool(&o, "whole", r.whole);
	json_out_u64(&o, "requests", r.requests);
	json_out_u64(&o, "n", r.n);
	json_out_open(&o, "findings", '[');
	for (uint32_t i = 0; i < r.n && i < RESCORE_FINDINGS_MAX; i++)
		json_out_str(&o, NULL, r.finding[i]);
	json_out_close(&o);
	json_out_close(&o);
	(void)puts(o.buf);
	json_out_free(&o);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		say(argv[i]);
	return 0;
}
