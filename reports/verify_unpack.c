/* Names were judged before they come here; still every part of a path is opened on its own, from
 * the folder's descriptor on, and no link is followed: the pack has no say in where a file is made.
 */
#include "reports/verify_unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "reports/evidence.h"
#include "reports/pack.h"

enum { READ_BYTES = 256 << 10, FOLDERS_MAX = 10000, DESCRIPTORS = 16, TEXT_MAX = 256 };

struct unpacking {
	const struct verify_options *options;
	struct unpacked *out;
	struct error *err;
	int in, root;  /* the pack, the folder */
	uint64_t room; /* bytes that may still be written: not all of the disk's */
	uint32_t folders;
	int fd; /* of the file that is being written */
	struct sha256 *sha256;
	char buf[READ_BYTES];
};

/* --- the pack's bytes ----------------------------------------------------------------- */

static ssize_t read_pack(void *ctx, const void **data)
{
	struct unpacking *u = ctx;
	ssize_t n;

	do
		n = read(u->in, u->buf, sizeof(u->buf));
	while (n < 0 && errno == EINTR);
	*data = u->buf;
	return n;
}

static bool is_stopped(void *ctx)
{
	struct unpacking *u = ctx;

	return u->err->code || (u->options->interrupt && *u->options->interrupt);
}

static void on_found(void *ctx, enum defect d, const char *path, const char *text)
{
	struct unpacking *u = ctx;

	u->options->found(u->options->ctx, d, path, text);
}

/* --- files ---------------------------------------------------------------------------- */

static void fail(struct unpacking *u, const char *path)
{
	error_set(u->err, ERR_ENVIRONMENT, "cannot unpack '%s' into '%s': %s; TMPDIR names another",
	        path, u->out->dir, strerror(errno));
}

/* The errno of a file that could not be made: is another entry of the pack in its way? */
static bool in_the_way(struct unpacking *u, const char *path)
{
	struct stat st;

	if (errno == EEXIST && fstatat(u->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	        S_ISREG(st.st_mode))
		on_found(u, DEFECT_DUPLICATE, path, "is there twice");
	else if (errno == EEXIST || errno == ENOTDIR)
		on_found(u, DEFECT_DUPLICATE, path, "is a file and a folder at once");
	else
		fail(u, path);
	return false;
}

/* Goes from `*at` into its folder of this name, which is made if it is not there. */
static bool enter(struct unpacking *u, int *at, const char *name)
{
	int next;

	if (mkdirat(*at, name, 0700) == 0)
		u->folders++;
	else if (errno != EEXIST)
		return false;
	next = openat(*at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*at != u->root)
		close(*at);
	*at = next;
	return next >= 0;
}

/* The new file, or -1 with errno. */
static int create(struct unpacking *u, const char *path)
{
	char name[EVIDENCE_PATH_MAX + 1];
	const char *from = path, *slash;
	int at = u->root, fd = -1;

	for (; (slash = strchr(from, '/')) != NULL; from = slash + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - from), from);
		if (!enter(u, &at, name))
			break;
	}
	if (!slash)
		fd = openat(at, from, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (at >= 0 && at != u->root) {
		int why = errno;

		close(at);
		errno = why;
	}
	return fd;
}

static bool begin_file(void *ctx, const char *path)
{
	struct unpacking *u = ctx;
	struct pack_tree *t = &u->out->tree;
	struct pack_entry e = {0};

	if (u->folders > FOLDERS_MAX) {
		on_found(u, DEFECT_TOO_LARGE, path, "lies in one folder too many");
		return false;
	}
	u->fd = create(u, path);
	if (u->fd < 0)
		return in_the_way(u, path);
	e.from = arena_printf(&t->arena, "%s/%s", u->out->dir, path);
	e.path = e.from + strlen(u->out->dir) + 1;
	t->entries = mem_room(t->entries, t->n, &t->capacity, sizeof(e));
	t->entries[t->n++] = e;
	u->sha256 = sha256_new();
	return true;
}

static struct pack_entry *latest(struct unpacking *u)
{
	return &u->out->tree.entries[u->out->tree.n - 1];
}

static void add_data(void *ctx, const void *data, size_t n)
{
	struct unpacking *u = ctx;
	struct pack_entry *f = latest(u);
	const char *at = data, *end = at + n;

	sha256_update(u->sha256, data, n);
	f->size += n;
	if (n > u->room) {
		errno = ENOSPC;
		fail(u, f->path);
		return;
	}
	u->room -= n;
	while (at < end && !u->err->code) {
		ssize_t wrote = write(u->fd, at, (size_t)(end - at));

		if (wrote > 0)
			at += wrote;
		else if (wrote == 0 || errno != EINTR)
			fail(u, f->path);
	}
}

static void end_file(void *ctx)
{
	struct unpacking *u = ctx;

	sha256_final(u->sha256, latest(u)->sha256);
	if (close(u->fd))
		fail(u, latest(u)->path);
}

/* --- the whole ------------------------------------------------------------------------ */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct pack_entry *)a)->path, ((const struct pack_entry *)b)->path);
}

static enum status make_folder(struct unpacked *out, struct error *err)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(out->dir, sizeof(out->dir), "%s/lpuchaos-verify-XXXXXX",
	        tmp && tmp[0] ? tmp : "/tmp");

	if (n >= (int)sizeof(out->dir) - EVIDENCE_PATH_MAX - 1)
		errno = ENAMETOOLONG;
	else if (mkdtemp(out->dir))
		return ERR_NONE;
	out->dir[0] = '\0';
	return error_set(err, ERR_ENVIRONMENT, "cannot make a folder to unpack into under '%s': %s",
	        tmp && tmp[0] ? tmp : "/tmp", strerror(errno));
}

/* Nine tenths of what is free: others use the disk, too. */
static uint64_t room_in(int folder)
{
	struct statvfs st;

	if (fstatvfs(folder, &st))
		return UINT64_MAX;
	return (uint64_t)st.f_bavail * st.f_frsize / 10 * 9;
}

static int open_pack(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	error_at(err, ERR_USAGE, path, 0, 0, NULL, "cannot read the pack: %s",
	        fd < 0 ? strerror(errno) : "it is no regular file");
	if (fd >= 0)
		close(fd);
	return -1;
}

enum status unpack(const char *path, const struct verify_options *options, struct unpacked *out,
        struct error *err)
{
	static const struct archive_limits limits = {ARCHIVE_BYTES_MAX, PACK_FILES_MAX};
	struct unpacking *u = mem_alloc(1, sizeof(*u));
	struct archive_source source = {.ctx = u, .read = read_pack};
	struct archive_sink sink = {.ctx = u,
	        .begin = begin_file,
	        .data = add_data,
	        .end = end_file,
	        .found = on_found,
	        .stopped = is_stopped};

	*out = (struct unpacked){0};
	*u = (struct unpacking){.options = options, .out = out, .err = err, .root = -1};
	pack_tree_init(&out->tree);
	u->in = open_pack(path, err);
	if (u->in >= 0 && make_folder(out, err) == ERR_NONE) {
		u->root = open(out->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (u->root < 0) {
			fail(u, "");
		} else {
			u->room = room_in(u->root);
			archive_walk(&source, &limits, &sink, &out->answer);
		}
	}
	if (u->root >= 0)
		close(u->root);
	if (u->in >= 0)
		close(u->in);
	mem_free(u);
	if (out->tree.n)
		qsort(out->tree.entries, out->tree.n, sizeof(struct pack_entry), by_path);
	return err->code;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	(void)remove(path);
	return 0;
}

void unpacked_remove(struct unpacked *u)
{
	if (u->dir[0])
		(void)nftw(u->dir, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
	pack_tree_free(&u->tree);
	*u = (struct unpacked){0};
}

struct bytes {
	char *at;
	size_t left;
};

static bool keep(void *ctx, const void *data, size_t n)
{
	struct bytes *b = ctx;

	n = n < b->left ? n : b->left; /* a file that grew is found out by its digest */
	memcpy(b->at, data, n);
	b->at += n;
	b->left -= n;
	return true;
}

enum status unpacked_read(const struct pack_entry *f, size_t most, char **text, struct error *err)
{
	struct bytes b = {.left = (size_t)f->size};

	if (f->size > most)
		return error_at(err, ERR_USAGE, f->path, 0, 0, NULL,
		        "is longer than the %zu bytes that such a file may have", most);
	*text = b.at = mem_alloc(b.left + 1, 1);
	if (pack_entry_read(f, keep, &b, err))
		mem_free(*text);
	return err->code;
}
