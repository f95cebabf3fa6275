/* The archive itself, by libarchive: nothing of the machine, the user or the time goes into it.
 *
 * It is written beside its place under a name that begins with a dot, flushed and renamed, so a
 * name that ends in .tar.zst never belongs to half a pack. */
#include "reports/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reports/pack_evidence.h"
#include "reports/pack_tree.h"

/* Room for a name and for the folders before it in a header of ustar. */
enum { USTAR_NAME = 100, USTAR_PREFIX = 155 };

/* --- where --- */

static enum status unwritable(const char *path, struct error *err, int why)
{
	return error_set(
	        err, ERR_ENVIRONMENT, "cannot write the pack '%s': %s", path, strerror(why));
}

static void folder_of(const char *path, char folder[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(
	        folder, PATH_MAX, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
}

/* The hidden name beside path. */
static enum status beside_of(const char *path, char beside[static PATH_MAX], struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;

	if (!name[0])
		return unwritable(path, err, EISDIR);
	if ((size_t)snprintf(beside, PATH_MAX, "%.*s.%s.%d", (int)(name - path), path, name,
	            (int)getpid()) >= PATH_MAX)
		return unwritable(path, err, ENAMETOOLONG);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return unwritable(path, err, S_ISDIR(st.st_mode) ? EISDIR : EEXIST);
	return ERR_NONE;
}

static int create(const char *path, const char *beside, struct error *err)
{
	int fd;

	(void)unlink(beside); /* of a process that was killed */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		(void)unwritable(path, err, errno);
	return fd;
}

enum status pack_check(const char *path, struct error *err)
{
	static const char *const results[] = {PACK_RESULT, PACK_CAMPAIGN};
	char beside[PATH_MAX], folder[PATH_MAX], result[PATH_MAX + 16];
	int fd;

	if (beside_of(path, beside, err))
		return err->code;
	folder_of(path, folder);
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		(void)snprintf(result, sizeof(result), "%s/%s", folder, results[i]);
		if (access(result, F_OK) == 0)
			return error_set(err, ERR_USAGE,
			        "expected a pack outside of what it packs, found '%s' in the "
			        "folder of a result",
			        path);
	}
	fd = create(path, beside, err);
	if (fd < 0)
		return err->code;
	(void)close(fd);
	(void)unlink(beside);
	return ERR_NONE;
}

bool pack_lies_in(const char *path, const char *dir)
{
	char folder[PATH_MAX], real[PATH_MAX], outer[PATH_MAX];
	size_t n;

	folder_of(path, folder);
	if (!realpath(folder, real) || !realpath(dir, outer))
		return false;
	n = strlen(outer);
	return strncmp(real, outer, n) == 0 && (real[n] == '/' || real[n] == '\0' || n == 1);
}

/* --- the archive --- */

struct output {
	struct archive *archive;
	const char *path;
	struct error *err;
	uint64_t left; /* of the entry that is being written */
};

static enum status failed(struct output *out)
{
	int why = archive_errno(out->archive);

	if (why > 0)
		return unwritable(out->path, out->err, why);
	return error_set(out->err, ERR_ENVIRONMENT, "cannot write the pack '%s': %s", out->path,
	        archive_error_string(out->archive));
}

static bool fits_ustar(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 1; i < n && n > USTAR_NAME; i++)
		if (path[i] == '/' && i <= USTAR_PREFIX && n - i - 1 <= USTAR_NAME)
			return true;
	return n <= USTAR_NAME;
}

static enum status open_archive(struct output *out, const struct pack_tree *t, int fd)
{
	struct archive *a = out->archive;
	bool plain = true;

	for (uint32_t i = 0; i < t->n; i++)
		plain &= fits_ustar(t->entries[i].path);
	if ((plain ? archive_write_set_format_ustar(a)
	           : archive_write_set_format_pax_restricted(a)) != ARCHIVE_OK ||
	        archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
	        archive_write_set_filter_option(a, "zstd", "compression-level", "3") !=
	                ARCHIVE_OK ||
	        archive_write_open_fd(a, fd) != ARCHIVE_OK)
		return failed(out);
	return ERR_NONE;
}

static bool write_piece(void *ctx, const void *data, size_t n)
{
	struct output *out = ctx;

	if (n > out->left)
		n = (size_t)out->left; /* it grew, which its digest tells */
	out->left -= n;
	if (n == 0 || archive_write_data(out->archive, data, n) == (la_ssize_t)n)
		return true;
	(void)failed(out);
	return false;
}

static enum status write_entry(struct output *out, const struct pack_entry *e)
{
	struct archive_entry *head = archive_entry_new();
	int code;

	CHECK(head != NULL);
	archive_entry_set_pathname(head, e->path);
	archive_entry_set_filetype(head, AE_IFREG);
	archive_entry_set_perm(head, 0644);
	archive_entry_set_size(head, (la_int64_t)e->size);
	archive_entry_set_mtime(head, 0, 0);
	code = archive_write_header(out->archive, head);
	archive_entry_free(head);
	if (code < ARCHIVE_WARN)
		return failed(out);
	out->left = e->size;
	return pack_entry_read(e, write_piece, out, out->err);
}

/* The pack's own files first, so that whoever reads it as a stream has them. */
static enum status write_all(struct output *out, const struct pack_tree *t,
        const struct pack_entry *own, uint32_t n_own, int fd)
{
	const struct pack_entry *signer = n_own > 1 ? pack_tree_find(t, PACK_SIGNER) : NULL;

	if (open_archive(out, t, fd))
		return out->err->code;
	for (uint32_t i = 0; i < n_own && !out->err->code; i++)
		(void)write_entry(out, &own[i]);
	if (signer && !out->err->code)
		(void)write_entry(out, signer);
	for (uint32_t i = 0; i < t->n && !out->err->code; i++)
		if (&t->entries[i] != signer)
			(void)write_entry(out, &t->entries[i]);
	if (!out->err->code && archive_write_close(out->archive) != ARCHIVE_OK)
		(void)failed(out);
	return out->err->code;
}

static enum status write_file(const struct pack_tree *t, const struct pack_entry *own,
        uint32_t n_own, const char *path, struct error *err)
{
	struct output out = {.path = path, .err = err};
	char beside[PATH_MAX];
	int fd;

	if (beside_of(path, beside, err))
		return err->code;
	fd = create(path, beside, err);
	if (fd < 0)
		return err->code;
	out.archive = archive_write_new();
	CHECK(out.archive != NULL);
	(void)write_all(&out, t, own, n_own, fd);
	(void)archive_write_free(out.archive);
	if (!err->code && (fsync(fd) || rename(beside, path)))
		(void)unwritable(path, err, errno);
	if (close(fd) && !err->code)
		(void)unwritable(path, err, errno);
	if (err->code)
		(void)unlink(beside);
	return err->code;
}

/* --- the whole --- */

static struct pack_entry own_entry(const char *name, const struct text *text)
{
	struct pack_entry e = {.path = name, .data = text->buf, .size = text->n};

	sha256_of(text->buf, text->n, e.sha256);
	return e;
}

static enum status write_tree(const struct pack_tree *t, const struct pack_spec *spec,
        const char *path, struct pack_summary *summary, struct error *err)
{
	struct text manifest, evidence;
	struct pack_entry own[2];
	uint32_t n_own = 1;

	pack_manifest(t, &manifest);
	own[0] = own_entry(PACK_MANIFEST, &manifest);
	if (!pack_evidence(t, &own[0], spec->key, &evidence, &summary->results, err)) {
		if (spec->key)
			own[n_own++] = own_entry(PACK_EVIDENCE, &evidence);
		summary->files = t->n + n_own;
		(void)write_file(t, own, n_own, path, err);
	}
	text_free(&manifest);
	text_free(&evidence);
	return err->code;
}

enum status pack_write(const struct pack_spec *spec, const char *path, struct pack_summary *summary,
        struct error *err)
{
	struct pack_tree tree;

	*summary = (struct pack_summary){0};
	for (uint32_t i = 0; i < spec->n_folders; i++)
		if (pack_lies_in(path, spec->folders[i].dir))
			return error_set(err, ERR_USAGE,
			        "expected a pack outside of what it packs, found '%s' in '%s'",
			        path, spec->folders[i].dir);
	pack_tree_init(&tree);
	if (!pack_tree_gather(&tree, spec, err))
		(void)write_tree(&tree, spec, path, summary, err);
	pack_tree_free(&tree);
	return err->code;
}
