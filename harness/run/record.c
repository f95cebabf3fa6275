#include "harness/run/record.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/run/exhibits.h"

enum { JUNIT_BYTES_MAX = 64 << 20, ATTEMPT_NAME_BYTES = 32 };
#define RESULT "result.json"
#define JUNIT  "junit.xml"

enum status record_folder(char *path, struct error *err)
{
	for (char *at = path + 1;; at++) {
		char was = *at;

		if (was != '/' && was != '\0')
			continue;
		*at = '\0';
		if (mkdir(path, 0777) && errno != EEXIST)
			return error_set(err, ERR_ENVIRONMENT,
			        "cannot make the folder '%s': %s; --out names another", path,
			        strerror(errno));
		*at = was;
		if (was == '\0')
			return ERR_NONE;
	}
}

const char *record_within(const char *path)
{
	const char *at = strrchr(path, '/');

	while (at > path && at[-1] != '/')
		at--;
	return at;
}

static void attempt_name(uint32_t n, char name[static ATTEMPT_NAME_BYTES])
{
	(void)snprintf(name, ATTEMPT_NAME_BYTES, "attempt-%" PRIu32 ".json", n);
}

static void forget(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path))
		(void)unlink(path); /* most often there is none */
}

/* Attempts count from 1 without gaps, so the first that is missing ends the search. */
static void forget_attempts(const char *dir)
{
	char path[PATH_MAX], name[ATTEMPT_NAME_BYTES];

	for (uint32_t n = 1;; n++) {
		attempt_name(n, name);
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path) ||
		        unlink(path))
			return;
	}
}

enum status record_open(const struct scenario *s, const char *out_dir, bool virtual_clock,
        char **dir, struct error *err)
{
	char path[PATH_MAX], real[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s-%" PRIu64 "-%s", out_dir, s->name, s->seed,
	        virtual_clock ? "virtual" : "wall");
	enum status st;

	*dir = NULL;
	if (n < 0 || (size_t)n >= sizeof(path))
		return error_set(
		        err, ERR_USAGE, "--out: expected a shorter path, found %d bytes", n);
	st = record_folder(path, err);
	if (st)
		return st;
	if (!realpath(path, real))
		return error_set(
		        err, ERR_ENVIRONMENT, "cannot resolve '%s': %s", path, strerror(errno));
	*dir = mem_alloc(strlen(real) + 1, 1);
	memcpy(*dir, real, strlen(real));
	return ERR_NONE;
}

enum status record_file(
        const char *dir, const char *name, const char *text, size_t n, struct error *err)
{
	char path[PATH_MAX], beside[PATH_MAX];
	FILE *f;
	bool ok;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path) ||
	        (size_t)snprintf(beside, sizeof(beside), "%s/.%s.%d", dir, name, (int)getpid()) >=
	                sizeof(beside))
		return error_set(
		        err, ERR_USAGE, "expected a shorter path, found '%s/%s'", dir, name);
	f = fopen(beside, "w");
	ok = f && fwrite(text, 1, n, f) == n;
	if (f)
		ok = !fclose(f) && ok;
	if (ok && !rename(beside, path))
		return ERR_NONE;
	(void)error_set(err, ERR_ENVIRONMENT, "cannot write '%s': %s", path, strerror(errno));
	(void)unlink(beside);
	return err->code;
}

enum status record_path(const char *path, const char *text, size_t n, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";

	if (slash)
		(void)snprintf(
		        dir, sizeof(dir), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	return record_file(dir, slash ? slash + 1 : path, text, n, err);
}

static enum status result_file(
        const struct result_document *d, const char *dir, const char *name, struct error *err)
{
	struct json_out o;
	enum status st;

	json_out_init(&o, 2);
	render_result(d, &o);
	st = record_file(dir, name, o.buf, o.n, err);
	json_out_free(&o);
	return st;
}

enum status record_attempt(
        const struct result_document *d, const char *dir, uint32_t n, struct error *err)
{
	char name[ATTEMPT_NAME_BYTES];

	attempt_name(n, name);
	return result_file(d, dir, name, err);
}

enum status record_begin(const struct scenario *s, const struct result_document *d, const char *dir,
        struct error *err)
{
	struct json_out o;
	size_t n;
	char *bundle;
	enum status st;

	json_out_init(&o, 2);
	render_begun(d, &o);
	st = record_file(dir, RESULT, o.buf, o.n, err);
	json_out_free(&o);
	forget_attempts(dir);
	forget(dir, JUNIT);
	if (!st)
		st = exhibits_forget(dir, err);
	bundle = scenario_bundle(s, &n);
	if (!st)
		st = record_file(dir, "bundle.json", bundle, n, err);
	mem_free(bundle);
	return st ? st : exhibits_begin(s, d, dir, err);
}

void record_withdraw(const char *dir)
{
	forget(dir, RESULT);
}

enum status record_write(const struct scenario *s, const struct result_document *d, const char *dir,
        struct error *err)
{
	struct text junit;
	enum status st;

	text_init(&junit, JUNIT_BYTES_MAX);
	render_junit(d, 1, &junit);
	st = record_file(dir, JUNIT, junit.buf, junit.n, err);
	text_free(&junit);
	if (!st)
		st = exhibits_write(s, d, dir, err);
	return st ? st : result_file(d, dir, RESULT, err);
}
