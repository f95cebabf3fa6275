/* Two readers of libarchive, one behind the other: the first undoes zstd, the second reads the tar.
 * Between them the bytes pass through here, where they are counted, so that a bomb is noticed while
 * it goes off, and looked at by verify_tar. */
#include "reports/verify_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "reports/evidence.h"
#include "reports/verify_tar.h"

enum { TEXT_MAX = 256, PACK_MODE = 0644 };

struct walk {
	const struct archive_source *source;
	const struct archive_limits *limits;
	const struct archive_sink *sink;
	struct archive_answer *out;
	struct archive *zstd, *tar;
	struct verify_tar gaps;
	bool over; /* told what is wrong, or stopped */
};

static void give_up(struct walk *w, enum defect d, const char *text)
{
	if (!w->over)
		w->sink->found(w->sink->ctx, d, "", text ? text : "is damaged");
	w->over = true;
}

/* --- the bytes ------------------------------------------------------------------------ */

static la_ssize_t read_source(struct archive *a, void *ctx, const void **data)
{
	struct walk *w = ctx;
	ssize_t n = w->source->read(w->source->ctx, data);

	if (n < 0)
		archive_set_error(a, errno, "%s", strerror(errno));
	else
		w->out->in += (uint64_t)n;
	return n;
}

/* Whether so much may come out of what was read. */
static bool within(struct walk *w)
{
	uint64_t most = ARCHIVE_SLACK_BYTES + ARCHIVE_RATIO_MAX * w->out->in;
	char text[TEXT_MAX];

	if (w->out->bytes > w->limits->bytes)
		snprintf(text, sizeof(text), "unpacks to more than %llu MiB",
		        (unsigned long long)(w->limits->bytes >> 20));
	else if (w->out->bytes > most)
		snprintf(text, sizeof(text),
		        "unpacks to more than %d times its size: no evidence does",
		        ARCHIVE_RATIO_MAX);
	else
		return true;
	give_up(w, DEFECT_TOO_LARGE, text);
	return false;
}

/* What the second reader reads: the next block of the tar. */
static la_ssize_t read_tar(struct archive *a, void *ctx, const void **data)
{
	struct walk *w = ctx;
	la_int64_t offset;
	size_t n = 0;
	int rc = ARCHIVE_OK;

	while (rc == ARCHIVE_OK && n == 0 && !w->sink->stopped(w->sink->ctx))
		rc = archive_read_data_block(w->zstd, data, &n, &offset);
	if (rc == ARCHIVE_EOF)
		return 0;
	if (w->sink->stopped(w->sink->ctx)) {
		w->over = true;
	} else if (rc != ARCHIVE_OK) {
		give_up(w, DEFECT_ARCHIVE, archive_error_string(w->zstd));
	} else {
		w->out->bytes += n;
		verify_tar_feed(&w->gaps, *data, n);
		if (within(w))
			return (la_ssize_t)n;
	}
	archive_set_error(a, EIO, "the bytes end");
	return -1;
}

/* The first reader, up to where the tar begins. */
static bool open_zstd(struct walk *w)
{
	struct archive_entry *entry;
	const char *why = "is no tar.zst";

	archive_read_support_filter_zstd(w->zstd);
	archive_read_support_format_raw(w->zstd);
	if (archive_read_open(w->zstd, w, NULL, read_source, NULL) != ARCHIVE_OK ||
	        archive_read_next_header(w->zstd, &entry) != ARCHIVE_OK)
		give_up(w, DEFECT_ARCHIVE, w->out->in ? archive_error_string(w->zstd) : why);
	else if (archive_filter_count(w->zstd) != 2 || /* zstd, and the bytes themselves */
	         archive_filter_code(w->zstd, 0) != ARCHIVE_FILTER_ZSTD)
		give_up(w, DEFECT_ARCHIVE, why);
	return !w->over;
}

/* What stands behind the last entry is read, too. */
static void drain(struct walk *w)
{
	const void *data;
	la_ssize_t n;

	do
		n = read_tar(w->tar, w, &data);
	while (n > 0);
	if (n < 0)
		return;
	if (verify_tar_end(&w->gaps))
		give_up(w, DEFECT_ARCHIVE, verify_tar_end(&w->gaps));
	w->out->whole = !w->over;
}

/* --- the entries ---------------------------------------------------------------------- */

static const char *path_of(struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);

	if (!path)
		path = archive_entry_pathname_utf8(e);
	while (path && strncmp(path, "./", 2) == 0)
		path += 2;
	return path;
}

/* As packs are written, but for what an archive can say in several ways. */
static bool is_ours(const struct walk *w, struct archive_entry *e)
{
	const char *user = archive_entry_uname(e), *group = archive_entry_gname(e);

	return (archive_format(w->tar) == ARCHIVE_FORMAT_TAR_USTAR ||
	               archive_format(w->tar) == ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE) &&
	       archive_entry_perm(e) == PACK_MODE && archive_entry_uid(e) == 0 &&
	       archive_entry_gid(e) == 0 && archive_entry_mtime(e) == 0 && !(user && user[0]) &&
	       !(group && group[0]);
}

/* Which way out an entry takes; DEFECT_COUNT: it is a file or a folder. */
static enum defect judge_kind(struct archive_entry *e, char text[static TEXT_MAX])
{
	static const struct {
		mode_t type;
		const char *word;
	} kinds[] = {{S_IFCHR, "a character device"}, {S_IFBLK, "a block device"},
	        {S_IFIFO, "a named pipe"}, {S_IFSOCK, "a socket"}};
	const char *word = "neither a file nor anything known";

	if (archive_entry_hardlink(e) || archive_entry_filetype(e) == AE_IFLNK) {
		const char *to = archive_entry_hardlink(e) ? archive_entry_hardlink(e)
		                                           : archive_entry_symlink(e);

		snprintf(text, TEXT_MAX, "is a %s link to '%s'",
		        archive_entry_hardlink(e) ? "hard" : "symbolic", to ? to : "");
		return DEFECT_LINK;
	}
	if (archive_entry_filetype(e) == AE_IFREG || archive_entry_filetype(e) == AE_IFDIR)
		return DEFECT_COUNT;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == archive_entry_filetype(e))
			word = kinds[i].word;
	snprintf(text, TEXT_MAX, "is %s", word);
	return DEFECT_SPECIAL;
}

/* The name of a folder ends in a slash, and that of the root is empty. */
static const char *judge_name(const char *path, bool folder)
{
	size_t n;

	if (!path)
		return "cannot be read as text";
	n = strlen(path);
	if (folder && (n == 0 || strcmp(path, ".") == 0))
		return NULL;
	return evidence_name_wrong(path, folder && n > 1 && path[n - 1] == '/' ? n - 1 : n);
}

static void read_data(struct walk *w, const char *path)
{
	const void *data;
	la_int64_t at, expected = 0;
	size_t n;
	int rc;

	while (!w->over && (rc = archive_read_data_block(w->tar, &data, &n, &at)) != ARCHIVE_EOF) {
		if (rc != ARCHIVE_OK)
			give_up(w, DEFECT_ARCHIVE, archive_error_string(w->tar));
		else if (at != expected)
			w->sink->found(w->sink->ctx, DEFECT_SPECIAL, path, "is a sparse file");
		else
			w->sink->data(w->sink->ctx, data, n);
		if (rc != ARCHIVE_OK || at != expected)
			break;
		expected += (la_int64_t)n;
	}
}

static void take(struct walk *w, struct archive_entry *e)
{
	const char *path = path_of(e), *wrong;
	bool folder = archive_entry_filetype(e) == AE_IFDIR;
	char text[TEXT_MAX];
	enum defect d = judge_kind(e, text);

	wrong = judge_name(path, folder);
	if (wrong) {
		snprintf(text, sizeof(text), "the name %s", wrong);
		w->sink->found(w->sink->ctx, DEFECT_UNSAFE_PATH, path ? path : "", text);
	} else if (d != DEFECT_COUNT) {
		w->sink->found(w->sink->ctx, d, path, text);
	} else {
		w->out->foreign |= folder || !is_ours(w, e);
		if (folder || !w->sink->begin(w->sink->ctx, path))
			return;
		read_data(w, path);
		w->sink->end(w->sink->ctx);
	}
}

static void read_entries(struct walk *w)
{
	struct archive_entry *e;
	int rc = ARCHIVE_OK;

	while (!w->over && (rc = archive_read_next_header(w->tar, &e)) == ARCHIVE_OK) {
		if (++w->out->entries > w->limits->entries)
			give_up(w, DEFECT_TOO_LARGE, "has more entries than a pack may have");
		else
			take(w, e);
	}
	if (w->over)
		return;
	if (rc == ARCHIVE_EOF)
		drain(w);
	else
		give_up(w, DEFECT_ARCHIVE, archive_error_string(w->tar));
}

void archive_walk(const struct archive_source *source, const struct archive_limits *limits,
        const struct archive_sink *sink, struct archive_answer *out)
{
	struct walk w = {.source = source,
	        .limits = limits,
	        .sink = sink,
	        .out = out,
	        .zstd = archive_read_new(),
	        .tar = archive_read_new()};

	CHECK(w.zstd != NULL && w.tar != NULL);
	*out = (struct archive_answer){0};
	verify_tar_init(&w.gaps);
	if (open_zstd(&w)) {
		archive_read_support_format_tar(w.tar);
		if (archive_read_open(w.tar, &w, NULL, read_tar, NULL) == ARCHIVE_OK)
			read_entries(&w);
		else
			give_up(&w, DEFECT_ARCHIVE, archive_error_string(w.tar));
	}
	archive_read_free(w.tar);
	archive_read_free(w.zstd);
}
