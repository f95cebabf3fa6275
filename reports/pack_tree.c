/* Files are read twice, once for their digest, which stands before them in the pack, and once into
 * the pack; none is held in memory, a run store has hundreds of megabytes. What changed in between
 * is noticed by its digest, not by its times. */
#include "reports/pack_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 };

/* A folder that is yet to be looked into: folders are walked without recursion. */
struct pending {
	const char *dir, *as;
	bool hidden; /* names with a dot are files like others */
	struct pending *next;
};

static enum status refuse(const char *file, struct error *err, const char *what)
{
	return error_at(err, ERR_USAGE, file, 0, 0, NULL, "%s", what);
}

static enum status unreadable(const char *file, struct error *err)
{
	return error_set(err, ERR_ENVIRONMENT, "cannot read '%s': %s", file, strerror(errno));
}

/* --- which files there are --- */

static char *join(struct pack_tree *t, const char *folder, const char *name)
{
	return arena_printf(&t->arena, "%s%s%s", folder, folder[0] ? "/" : "", name);
}

/* Names at the root that the pack gives itself. */
static bool is_own(const char *as)
{
	static const char *const own[] = {PACK_MANIFEST, PACK_EVIDENCE, PACK_SIGNER};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(as, own[i]) == 0)
			return true;
	return false;
}

static enum status append(struct pack_tree *t, struct pack_entry e, struct error *err)
{
	if (t->n == PACK_FILES_MAX)
		return error_set(
		        err, ERR_USAGE, "expected at most %d files in a pack", PACK_FILES_MAX);
	t->entries = mem_room(t->entries, t->n, &t->capacity, sizeof(*t->entries));
	t->entries[t->n++] = e;
	return ERR_NONE;
}

static enum status add_file(
        struct pack_tree *t, const char *from, const char *as, struct error *err)
{
	const char *wrong = evidence_name_wrong(as, strlen(as));
	struct stat st;

	if (is_own(as))
		return ERR_NONE;
	if (wrong)
		return error_at(err, ERR_USAGE, from, 0, 0, NULL,
		        "cannot be packed: its path '%s' %s", as, wrong);
	if (lstat(from, &st))
		return unreadable(from, err);
	if (S_ISLNK(st.st_mode))
		return refuse(from, err, "is a link, and a pack holds files alone");
	if (!S_ISREG(st.st_mode))
		return refuse(from, err, "is no file, and a pack holds files alone");
	return append(t, (struct pack_entry){.path = as, .from = from}, err);
}

static enum status add_name(struct pack_tree *t, const struct pending *folder, const char *name,
        struct pending **todo, struct error *err)
{
	const char *from = arena_printf(&t->arena, "%s/%s", folder->dir, name);
	const char *as = join(t, folder->as, name);
	struct pending *below;
	struct stat st;

	if (lstat(from, &st))
		return unreadable(from, err);
	if (!S_ISDIR(st.st_mode))
		return add_file(t, from, as, err);
	if (strlen(as) > PACK_PATH_MAX)
		return refuse(from, err, "is too deep a folder for a pack");
	below = ARENA_ARRAY(&t->arena, struct pending, 1);
	*below = (struct pending){.dir = from, .as = as, .next = *todo};
	below->hidden = folder->hidden || strcmp(name, PACK_INPUTS) == 0;
	*todo = below;
	return ERR_NONE;
}

static enum status walk_one(
        struct pack_tree *t, const struct pending *folder, struct pending **todo, struct error *err)
{
	DIR *d = opendir(folder->dir);
	struct dirent *e;

	if (!d)
		return unreadable(folder->dir, err);
	for (errno = 0; !err->code && (e = readdir(d)) != NULL; errno = 0) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_name[0] != '.' || folder->hidden)
			(void)add_name(t, folder, e->d_name, todo, err);
	}
	if (!err->code && errno)
		(void)unreadable(folder->dir, err);
	(void)closedir(d);
	return err->code;
}

static enum status walk(struct pack_tree *t, const struct pack_folder *f, struct error *err)
{
	struct pending first = {.dir = f->dir, .as = f->as}, *todo = &first;

	while (todo && !err->code) {
		struct pending folder = *todo;

		todo = folder.next;
		(void)walk_one(t, &folder, &todo, err);
	}
	return err->code;
}

/* --- what is in them --- */

static int open_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0) {
		(void)unreadable(path, err);
	} else if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		(void)refuse(path, err, "is no file any more");
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

struct reading {
	uint64_t size;
	uint8_t sha256[DIGEST_BYTES];
};

static enum status read_through(
        const char *path, pack_sink *sink, void *ctx, struct reading *out, struct error *err)
{
	int fd = open_file(path, err);
	struct sha256 *sha;
	uint8_t *chunk;
	ssize_t got;

	if (fd < 0)
		return err->code;
	sha = sha256_new();
	chunk = mem_alloc(CHUNK, 1);
	out->size = 0;
	do {
		got = read(fd, chunk, CHUNK);
		if (got <= 0)
			continue;
		sha256_update(sha, chunk, (size_t)got);
		out->size += (uint64_t)got;
		if (sink && !sink(ctx, chunk, (size_t)got))
			break;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0)
		(void)unreadable(path, err);
	sha256_final(sha, out->sha256);
	mem_free(chunk);
	(void)close(fd);
	return err->code;
}

enum status pack_entry_read(
        const struct pack_entry *e, pack_sink *sink, void *ctx, struct error *err)
{
	struct reading r;

	if (!e->from) {
		(void)sink(ctx, e->data, (size_t)e->size);
		return ERR_NONE;
	}
	if (read_through(e->from, sink, ctx, &r, err))
		return err->code;
	if (r.size != e->size || memcmp(r.sha256, e->sha256, DIGEST_BYTES) != 0)
		return error_at(
		        err, ERR_ENVIRONMENT, e->from, 0, 0, NULL, "changed while it was packed");
	return ERR_NONE;
}

enum status pack_entry_digest(struct pack_entry *e, struct error *err)
{
	struct reading r;

	if (!e->from) {
		sha256_of(e->data, (size_t)e->size, e->sha256);
		return ERR_NONE;
	}
	if (read_through(e->from, NULL, NULL, &r, err))
		return err->code;
	e->size = r.size;
	memcpy(e->sha256, r.sha256, DIGEST_BYTES);
	return ERR_NONE;
}

/* --- the whole --- */

void pack_tree_init(struct pack_tree *t)
{
	*t = (struct pack_tree){0};
	arena_init(&t->arena, 0);
}

void pack_tree_free(struct pack_tree *t)
{
	mem_free(t->entries);
	arena_free(&t->arena);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct pack_entry *)a)->path, ((const struct pack_entry *)b)->path);
}

static enum status check_distinct(const struct pack_tree *t, struct error *err)
{
	for (uint32_t i = 1; i < t->n; i++)
		if (by_path(&t->entries[i - 1], &t->entries[i]) == 0)
			return error_set(err, ERR_USAGE,
			        "expected files of different paths in a pack, found '%s' twice",
			        t->entries[i].path);
	return ERR_NONE;
}

static enum status add_signer(struct pack_tree *t, const struct sign_key *key, struct error *err)
{
	char pem[SIGN_PEM_MAX];
	size_t n = sign_key_public(key, pem);
	struct pack_entry e = {.path = PACK_SIGNER, .size = n};

	e.data = arena_strndup(&t->arena, pem, n);
	return append(t, e, err);
}

enum status pack_tree_gather(struct pack_tree *t, const struct pack_spec *spec, struct error *err)
{
	for (uint32_t i = 0; i < spec->n_folders && !err->code; i++)
		(void)walk(t, &spec->folders[i], err);
	for (uint32_t i = 0; i < spec->n_files && !err->code; i++)
		(void)add_file(t, spec->files[i].path, spec->files[i].as, err);
	if (!err->code && spec->key)
		(void)add_signer(t, spec->key, err);
	if (err->code)
		return err->code;
	if (t->n)
		qsort(t->entries, t->n, sizeof(*t->entries), by_path);
	if (check_distinct(t, err))
		return err->code;
	for (uint32_t i = 0; i < t->n; i++)
		if (pack_entry_digest(&t->entries[i], err))
			return err->code;
	return ERR_NONE;
}

const struct pack_entry *pack_tree_find(const struct pack_tree *t, const char *path)
{
	struct pack_entry wanted = {.path = path};

	if (!t->n)
		return NULL;
	return bsearch(&wanted, t->entries, t->n, sizeof(*t->entries), by_path);
}
