/* A suite is run as a whole, so each of its runs has the files of all of them.
 *
 * Documents are written from memory, as they were when the run was planned. A trace is read again
 * and may have changed since: what is kept has the digest that the plan has, or is not kept.
 *
 * Paths are put together as texts (a/b/../c is a/c), for that is how they are resolved again among
 * copies, which have no symbolic links between them. */
#include "harness/run/inputs.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/run/record.h"

enum { PIECE_BYTES = 1 << 16, OPEN_FOLDERS = 16 };
#define INPUTS_ARENA_BYTES ((size_t)16 << 20)

struct input {
	const char *from; /* as it was opened */
	const char *path; /* absolute; then, below the folder */
	const char *role;
	const struct file_source *source; /* NULL: a trace */
	uint8_t digest[DIGEST_BYTES];
	bool kept;
};

struct inputs {
	const struct scenario *s;
	const char *dir;
	struct arena arena;
	struct input *item;
	uint32_t n, capacity;
	const char *main; /* the one that the command line named, as it was opened */
};

/* --- paths ------------------------------------------------------------------------------- */

/* Without . and .. and empty parts, from the root. */
static enum status absolute(const char *path, char out[static PATH_MAX], struct error *err)
{
	char folder[PATH_MAX] = "", whole[PATH_MAX], *rest;
	size_t n = 0;

	if (path[0] != '/' && !getcwd(folder, sizeof(folder)))
		return error_set(err, ERR_ENVIRONMENT, "cannot tell the working folder: %s",
		        strerror(errno));
	if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", folder, path) >= sizeof(whole))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", path);
	for (char *part = strtok_r(whole, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (!strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			while (n > 0 && out[--n] != '/')
				continue;
			continue;
		}
		out[n++] = '/';
		memcpy(out + n, part, strlen(part));
		n += strlen(part);
	}
	out[n] = '\0';
	return ERR_NONE;
}

/* Bytes of the deepest folder that holds all, its slash included. */
static size_t common_folder(const struct inputs *in)
{
	const char *first = in->item[0].path;
	size_t n = (size_t)(strrchr(first, '/') - first) + 1;

	for (uint32_t i = 1; i < in->n; i++)
		while (strncmp(in->item[i].path, first, n) != 0)
			for (n--; first[n - 1] != '/'; n--)
				continue;
	return n;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct input *)a)->path, ((const struct input *)b)->path);
}

/* --- which ones --------------------------------------------------------------------------- */

static enum status add(struct inputs *in, struct input item, struct error *err)
{
	char path[PATH_MAX];

	for (uint32_t i = 0; i < in->n; i++) /* of a suite, most are the same */
		if (!strcmp(in->item[i].from, item.from))
			return ERR_NONE;
	if (absolute(item.from, path, err))
		return err->code;
	for (uint32_t i = 0; i < in->n; i++)
		if (!strcmp(in->item[i].path, path))
			return ERR_NONE;
	item.path = arena_strndup(&in->arena, path, strlen(path));
	in->item = mem_room(in->item, in->n, &in->capacity, sizeof(*in->item));
	in->item[in->n++] = item;
	return ERR_NONE;
}

/* What the scenario calls its deployment, as it is opened; "" = it is no file. */
static void deployment_file(const struct scenario *s, char out[static PATH_MAX])
{
	const char *path = json_string(json_get(json_root(s->document), "deployment"));
	struct error ignored = ERROR_INIT;

	if (!path || files_resolve(s->file, path, out, PATH_MAX, &ignored))
		out[0] = '\0';
}

static enum status add_documents(struct inputs *in, const struct scenario *s, struct error *err)
{
	struct file_source *const *source;
	uint32_t n = files_sources(s->files, &source);
	char deployment[PATH_MAX];

	deployment_file(s, deployment);
	if (!in->main)
		in->main = source[0]->path; /* the first that was read */
	for (uint32_t i = 0; i < n; i++) {
		struct input item = {.from = source[i]->path, .source = source[i]};

		item.role = i == 0 && s->suite               ? "suite"
		            : !strcmp(item.from, s->file)    ? "scenario"
		            : !strcmp(item.from, deployment) ? "deployment"
		                                             : "hardware";
		if (add(in, item, err))
			return err->code;
	}
	return ERR_NONE;
}

static enum status add_traces(struct inputs *in, const struct scenario *s, struct error *err)
{
	const struct traffic_spec *traffic = &s->traffic;

	for (uint32_t i = 0; i < traffic->n_tenants; i++) {
		const struct trace_spec *trace = &traffic->tenants[i].trace;
		struct input item = {.role = "trace"};
		char path[PATH_MAX];

		if (!traffic->tenants[i].from_trace)
			continue;
		if (files_resolve(trace->from_file, trace->file, path, sizeof(path), err))
			return err->code;
		item.from = arena_strndup(&in->arena, path, strlen(path));
		memcpy(item.digest, trace->digest, DIGEST_BYTES);
		if (add(in, item, err))
			return err->code;
	}
	return ERR_NONE;
}

/* --- keeping them ------------------------------------------------------------------------- */

/* The folder of an input, made, and its name in it. */
static enum status place(const struct inputs *in, const struct input *item,
        char folder[static PATH_MAX], const char **name, struct error *err)
{
	const char *slash = strrchr(item->path, '/');

	*name = slash ? slash + 1 : item->path;
	if ((size_t)snprintf(folder, PATH_MAX, "%s/" INPUTS_FOLDER "/%.*s", in->dir,
	            (int)(*name - item->path), item->path) >= PATH_MAX)
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", item->path);
	folder[strlen(folder) - 1] = '\0'; /* without the slash */
	return record_folder(folder, err);
}

/* Copies up to INPUTS_TRACE_MAX bytes; *same: all of them, and they have the digest. */
static bool copy(int fd, FILE *to, const uint8_t digest[static DIGEST_BYTES], bool *same)
{
	struct sha256 *sum = sha256_new();
	char piece[PIECE_BYTES];
	uint8_t found[DIGEST_BYTES];
	int64_t left = INPUTS_TRACE_MAX;
	ssize_t got;
	bool ok = true;

	while (ok && (got = read(fd, piece, sizeof(piece))) > 0 && (left -= got) >= 0) {
		sha256_update(sum, piece, (size_t)got);
		ok = fwrite(piece, 1, (size_t)got, to) == (size_t)got;
	}
	sha256_final(sum, found);
	*same = ok && left >= 0 && memcmp(found, digest, DIGEST_BYTES) == 0;
	return ok;
}

static enum status keep_trace(
        const char *folder, const char *name, struct input *item, struct error *err)
{
	char beside[PATH_MAX + NAME_MAX], path[PATH_MAX + NAME_MAX];
	const char *why;
	int fd = files_open(item->from, &why);
	FILE *to;
	bool ok;

	if (fd < 0)
		return ERR_NONE; /* gone since: not kept */
	(void)snprintf(beside, sizeof(beside), "%s/.%s.%d", folder, name, (int)getpid());
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	to = fopen(beside, "w");
	ok = to && copy(fd, to, item->digest, &item->kept);
	close(fd);
	if (to)
		ok = !fclose(to) && ok;
	if (ok && item->kept && !rename(beside, path))
		return ERR_NONE;
	if (!ok || item->kept)
		(void)error_set(
		        err, ERR_ENVIRONMENT, "cannot write '%s': %s", path, strerror(errno));
	(void)unlink(beside);
	return err->code;
}

/* A pack leaves hidden names out. */
static bool is_hidden(const char *path)
{
	return path[0] == '.' || strstr(path, "/.");
}

static enum status keep(const struct inputs *in, struct input *item, struct error *err)
{
	char folder[PATH_MAX];
	const char *name = NULL;

	if (item->source)
		sha256_of(item->source->text, item->source->n, item->digest);
	if (is_hidden(item->path))
		return ERR_NONE;
	if (place(in, item, folder, &name, err))
		return err->code;
	if (!item->source)
		return keep_trace(folder, name, item, err);
	item->kept = true;
	return record_file(folder, name, item->source->text, item->source->n, err);
}

/* --- the list ----------------------------------------------------------------------------- */

static enum status list(const struct inputs *in, struct error *err)
{
	const struct scenario_options *given = &in->s->given;
	char text[DIGEST_TEXT_MAX];
	struct json_out o;
	enum status rc;

	json_out_init(&o, 2);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "schema", "lpuchaos.inputs/1");
	json_out_str(&o, "scenario", in->s->name);
	json_out_u64(&o, "seed", in->s->seed);
	json_out_open(&o, "set", '[');
	for (uint32_t i = 0; i < given->n_set; i++)
		json_out_str(&o, NULL, given->set[i]);
	json_out_close(&o);
	for (uint32_t i = 0; i < in->n; i++)
		if (in->item[i].from == in->main)
			json_out_str(&o, "main", in->item[i].path);
	json_out_open(&o, "files", '[');
	for (uint32_t i = 0; i < in->n; i++) {
		json_out_open(&o, NULL, '{');
		json_out_str(&o, "path", in->item[i].path);
		json_out_str(&o, "role", in->item[i].role);
		json_out_str(
		        &o, "sha256", digest_text(in->item[i].digest, text) + strlen("sha256:"));
		json_out_bool(&o, "kept", in->item[i].kept);
		json_out_close(&o);
	}
	json_out_close(&o);
	json_out_close(&o);
	rc = record_file(in->dir, INPUTS_FILE, o.buf, o.n, err);
	json_out_free(&o);
	return rc;
}

static enum status write_all(struct inputs *in, struct error *err)
{
	const struct scenario *s = in->s;
	size_t common;

	do {
		if (add_documents(in, s, err) || add_traces(in, s, err))
			return err->code;
		s = s->mate;
	} while (s && s != in->s);
	common = common_folder(in);
	for (uint32_t i = 0; i < in->n; i++)
		in->item[i].path += common;
	qsort(in->item, in->n, sizeof(*in->item), by_path);
	for (uint32_t i = 0; i < in->n; i++)
		if (keep(in, &in->item[i], err))
			return err->code;
	return list(in, err);
}

enum status inputs_write(const struct scenario *s, const char *dir, struct error *err)
{
	struct inputs in = {.s = s, .dir = dir};
	enum status rc;

	arena_init(&in.arena, INPUTS_ARENA_BYTES);
	rc = write_all(&in, err);
	mem_free(in.item);
	arena_free(&in.arena);
	return rc;
}

static int forget_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

enum status inputs_forget(const char *dir, struct error *err)
{
	static const char *const names[] = {INPUTS_FOLDER, INPUTS_FILE};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, names[i]) >= sizeof(path))
			return error_set(
			        err, ERR_USAGE, "expected a shorter path, found '%s'", dir);
		if (nftw(path, forget_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) &&
		        errno != ENOENT)
			return error_set(err, ERR_ENVIRONMENT, "cannot remove '%s': %s", path,
			        strerror(errno));
	}
	return ERR_NONE;
}
