#include "harness/run/packing.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "reports/pack.h"

enum { ERROR_LINE_BYTES = 1200 };

struct packing {
	struct arena arena;
	const char *path;
	struct sign_key *key;
	struct pack_folder *folders;
	struct pack_file *files;
	uint32_t n_folders, room_folders, n_files, room_files;
};

enum status packing_open(
        const char *path, const char *key_file, struct packing **out, struct error *err)
{
	struct packing *p = mem_alloc(1, sizeof(*p));
	enum status st = ERR_NONE;

	p->path = path;
	arena_init(&p->arena, 0);
	if (key_file)
		st = sign_key_load_private(key_file, &p->key, err);
	if (!st)
		st = pack_check(path, err);
	*out = st ? NULL : p;
	if (st)
		packing_free(p);
	return st;
}

void packing_free(struct packing *p)
{
	if (!p)
		return;
	sign_key_free(p->key);
	mem_free(p->folders);
	mem_free(p->files);
	arena_free(&p->arena);
	mem_free(p);
}

void packing_folder(struct packing *p, const char *dir)
{
	const char *slash = strrchr(dir, '/'), *name = slash ? slash + 1 : dir;

	p->folders = mem_room(p->folders, p->n_folders, &p->room_folders, sizeof(*p->folders));
	p->folders[p->n_folders++] =
	        (struct pack_folder){.dir = arena_strndup(&p->arena, dir, strlen(dir)),
	                .as = arena_strndup(&p->arena, name, strlen(name))};
}

void packing_file(struct packing *p, const char *path, const char *as)
{
	p->files = mem_room(p->files, p->n_files, &p->room_files, sizeof(*p->files));
	p->files[p->n_files++] =
	        (struct pack_file){.path = arena_strndup(&p->arena, path, strlen(path)),
	                .as = arena_strndup(&p->arena, as, strlen(as))};
}

uint32_t packing_count(const struct packing *p)
{
	return p->n_folders;
}

enum status packing_write(struct packing *p, bool lone, struct error *err)
{
	struct pack_spec spec = {.folders = p->folders,
	        .n_folders = p->n_folders,
	        .files = p->files,
	        .n_files = p->n_files,
	        .key = p->key};
	struct pack_summary summary;

	CHECK(!lone || p->n_folders == 1);
	if (lone)
		p->folders[0].as = "";
	if (pack_write(&spec, p->path, &summary, err))
		return err->code;
	(void)fprintf(stderr, "pack: %s, %" PRIu32 " files, results: %" PRIu32 ", %s%s\n", p->path,
	        summary.files, summary.results, p->key ? "signed with key " : "not signed",
	        p->key ? sign_key_id(p->key) : "");
	return ERR_NONE;
}

/* --- the command --- */

static bool has(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return (size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path) &&
	       lstat(path, &st) == 0;
}

/* Where dir really is: a pack is named after it, whatever it was called. */
static enum status resolve(const char *dir, char real[static PATH_MAX], struct error *err)
{
	struct stat st;

	if (!realpath(dir, real) || stat(real, &st))
		return error_set(err, ERR_USAGE, "expected a directory, found '%s': %s", dir,
		        strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERR_USAGE,
		        "expected the directory of a run, found the file '%s'", dir);
	return ERR_NONE;
}

/* Everything in a directory that holds others. */
static enum status add_all(struct packing *p, const char *dir, struct error *err)
{
	char path[PATH_MAX];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(dir);

	if (!d)
		return error_set(
		        err, ERR_ENVIRONMENT, "cannot read '%s': %s", dir, strerror(errno));
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || (size_t)snprintf(path, sizeof(path), "%s/%s", dir,
		                                   e->d_name) >= sizeof(path))
			continue;
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			packing_folder(p, path);
		else
			packing_file(p, path, e->d_name);
	}
	(void)closedir(d);
	return ERR_NONE;
}

static enum status pack_dir(const struct pack_options *options, struct error *err)
{
	char dir[PATH_MAX], beside[PATH_MAX + sizeof(".tar.zst")];
	const char *path = options->out ? options->out : beside;
	struct packing *p = NULL;
	enum status st = resolve(options->dirs[0], dir, err);
	bool lone;

	if (st)
		return st;
	(void)snprintf(beside, sizeof(beside), "%s.tar.zst", dir);
	lone = has(dir, PACK_RESULT) || has(dir, PACK_CAMPAIGN);
	if (pack_lies_in(path, dir))
		return error_set(err, ERR_USAGE,
		        "expected a pack outside of what it packs, found '%s' in '%s'", path, dir);
	st = packing_open(path, options->sign_key, &p, err);
	if (!st && lone)
		packing_folder(p, dir);
	else if (!st)
		st = add_all(p, dir, err);
	if (!st)
		st = packing_write(p, lone, err);
	packing_free(p);
	return st;
}

int execute_pack(const struct pack_options *options)
{
	struct error err = ERROR_INIT;
	enum status st = pack_dir(options, &err);

	if (st) {
		char line[ERROR_LINE_BYTES];

		(void)error_format(&err, line, sizeof(line));
		(void)fprintf(stderr, "%s\n", line);
	}
	return (int)st;
}
