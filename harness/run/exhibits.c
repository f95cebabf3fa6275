#include "harness/run/exhibits.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/run/assumptions.h"
#include "harness/run/inputs.h"
#include "harness/run/record.h"
#include "harness/run/report.h"

static void score_file(
        const struct scenario *s, const struct result_document *d, struct json_out *o)
{
	const char *names[TRAFFIC_TENANTS_MAX];
	uint32_t tier[TRAFFIC_TENANTS_MAX];

	for (uint32_t t = 0; t < s->traffic.n_tenants; t++) {
		names[t] = s->traffic.tenants[t].name;
		tier[t] = s->traffic.tenants[t].tier_index;
	}
	render_score(d, &(struct score_tenants){s->traffic.n_tenants, names, tier}, o);
}

static void histograms_file(
        const struct scenario *s, const struct result_document *d, struct json_out *o)
{
	(void)s;
	render_histograms(d, o);
}

static void faults_file(
        const struct scenario *s, const struct result_document *d, struct json_out *o)
{
	(void)s;
	render_faults(d, o);
}

static void assumptions_file(
        const struct scenario *s, const struct result_document *d, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	render_origin(o, "lpuchaos.assumptions/1", d);
	assumptions_json(s, o);
	json_out_close(o);
}

/* The digest is of these very bytes: no line end behind them. */
static void plan_file(const struct scenario *s, const struct result_document *d, struct json_out *o)
{
	(void)d;
	json_out_raw(o, NULL, s->plan_json);
}

static const struct exhibit {
	const char *name;
	bool planned; /* known before the run begins */
	int indent;
	void (*write)(
	        const struct scenario *s, const struct result_document *d, struct json_out *o);
} files[] = {
        {"plan.json", true, 0, plan_file},
        {"assumptions.json", true, 2, assumptions_file},
        {"score.json", false, 2, score_file},
        {"histograms.json", false, 2, histograms_file},
        {"faults.json", false, 2, faults_file},
};

static enum status forget(const char *dir, const char *name, struct error *err)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", dir);
	if (unlink(path) && errno != ENOENT)
		return error_set(
		        err, ERR_ENVIRONMENT, "cannot remove '%s': %s", path, strerror(errno));
	return ERR_NONE;
}

enum status exhibits_forget(const char *dir, struct error *err)
{
	enum status st = forget(dir, REPORT_FILE, err); /* the page is made from the others */

	for (size_t i = 0; i < ARRAY_LEN(files) && !st; i++)
		st = forget(dir, files[i].name, err);
	return st ? st : inputs_forget(dir, err);
}

static enum status write_files(const struct scenario *s, const struct result_document *d,
        bool planned, const char *dir, struct error *err)
{
	enum status st = ERR_NONE;

	for (size_t i = 0; i < ARRAY_LEN(files) && !st; i++) {
		struct json_out o;

		if (files[i].planned != planned)
			continue;
		json_out_init(&o, files[i].indent);
		files[i].write(s, d, &o);
		st = record_file(dir, files[i].name, o.buf, o.n, err);
		json_out_free(&o);
	}
	return st;
}

enum status exhibits_begin(const struct scenario *s, const struct result_document *d,
        const char *dir, struct error *err)
{
	enum status st = inputs_write(s, dir, err);

	return st ? st : write_files(s, d, true, dir, err);
}

enum status exhibits_write(const struct scenario *s, const struct result_document *d,
        const char *dir, struct error *err)
{
	return write_files(s, d, false, dir, err);
}

void exhibits_make(const char *name, const struct scenario *s, const struct result_document *d,
        struct json_out *o)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (strcmp(files[i].name, name) == 0)
			files[i].write(s, d, o);
	CHECK(o->n > 0);
}
