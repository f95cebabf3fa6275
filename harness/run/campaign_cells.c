/* Which cells are there is kept as a place in the file for each, so a campaign of a hundred
 * thousand cells folds in order of index without its lines in memory.
 *
 * A line is one write() at the end of the file. Whoever dies in it leaves a last line without its
 * newline, which nobody mistakes for a cell. Everything else that is not a line of ours was not
 * written by us, and is an error rather than a guess. */
#include "harness/run/campaign_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "harness/base/arena.h"

static const char opening[] = "{\"index\":";

bool campaign_line_index(const char *line, size_t n, uint64_t *index)
{
	size_t at = sizeof(opening) - 1;
	uint64_t value = 0;

	if (n < at + 2 || memcmp(line, opening, at) != 0 || line[n - 1] != '}' ||
	        memchr(line, '\0', n))
		return false;
	if (line[at] == '0' && line[at + 1] >= '0' && line[at + 1] <= '9')
		return false;
	for (; line[at] >= '0' && line[at] <= '9'; at++) {
		if (value > CAMPAIGN_CELLS_MAX)
			return false;
		value = value * 10 + (uint64_t)(line[at] - '0');
	}
	if (at == sizeof(opening) - 1 || (line[at] != ',' && at != n - 1))
		return false;
	*index = value;
	return true;
}

static enum status failed(const char *what, struct error *err)
{
	return error_set(err, ERR_ENVIRONMENT, "cannot %s cells.jsonl: %s", what, strerror(errno));
}

static void grow(struct campaign_cells *c, size_t n)
{
	if (n <= c->capacity)
		return;
	c->text = mem_grow(c->text, n, 1);
	c->capacity = n;
}

static enum status read_at(
        struct campaign_cells *c, char *buf, size_t n, uint64_t at, struct error *err)
{
	while (n > 0) {
		ssize_t got = pread(c->fd, buf, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return failed("read", err);
		buf += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return ERR_NONE;
}

/* --- opening ------------------------------------------------------------------------- */

struct scan {
	struct campaign_cells *c;
	const char *path;
	unsigned number; /* of the line */
};

/* A cell that is there twice says the same twice, or nobody knows which to believe. */
static enum status same_line(
        struct scan *s, uint64_t index, const char *line, size_t n, struct error *err)
{
	const char *before;

	if (campaign_cells_read(s->c, index, &before, err))
		return err->code;
	if (strlen(before) == n && memcmp(before, line, n) == 0)
		return ERR_NONE;
	return error_at(err, ERR_USAGE, s->path, s->number, 1, NULL,
	        "cell %" PRIu64 " is there a second time and says something else", index);
}

static enum status keep_line(
        struct scan *s, const char *line, size_t n, uint64_t at, struct error *err)
{
	struct campaign_cells *c = s->c;
	uint64_t index;

	s->number++;
	if (n > UINT32_MAX || !campaign_line_index(line, n, &index))
		return error_at(err, ERR_USAGE, s->path, s->number, 1, NULL,
		        "expected the line of a cell, {\"index\":…}");
	if (index >= c->n_cells)
		return error_at(err, ERR_USAGE, s->path, s->number, 1, NULL,
		        "expected a cell below %" PRIu64 ", found %" PRIu64, c->n_cells, index);
	if (c->lines[index].n)
		return same_line(s, index, line, n, err);
	c->lines[index] = (struct campaign_line){.at = at, .n = (uint32_t)n};
	c->n_there++;
	return ERR_NONE;
}

static enum status scan_lines(struct scan *s, FILE *f, struct error *err)
{
	struct campaign_cells *c = s->c;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	enum status st = ERR_NONE;

	while (!st && (n = getline(&line, &capacity, f)) > 0) {
		if (line[n - 1] != '\n') {
			c->dropped = (uint64_t)n;
			break;
		}
		line[n - 1] = '\0';
		st = keep_line(s, line, (size_t)n - 1, c->end, err);
		c->end += (uint64_t)n;
	}
	if (!st && ferror(f))
		st = failed("read", err);
	free(line);
	return st;
}

static enum status open_file(
        struct campaign_cells *c, const char *path, bool writable, struct error *err)
{
	c->fd = open(path,
	        writable ? O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0666);
	if (c->fd < 0 && !writable && errno == ENOENT)
		return ERR_NONE; /* nobody came as far as the first cell */
	if (c->fd < 0)
		return error_set(
		        err, ERR_ENVIRONMENT, "cannot open '%s': %s", path, strerror(errno));
	if (writable && flock(c->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return error_set(err, ERR_USAGE, "%s: another process plays this campaign", path);
	return ERR_NONE;
}

enum status campaign_cells_open(struct campaign_cells *c, const char *dir, uint64_t n_cells,
        bool writable, struct error *err)
{
	struct scan s = {.c = c};
	char path[PATH_MAX];
	FILE *f = NULL;
	enum status st;

	*c = (struct campaign_cells){.fd = -1, .n_cells = n_cells};
	if ((size_t)snprintf(path, sizeof(path), "%s/cells.jsonl", dir) >= sizeof(path))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", dir);
	s.path = path;
	c->lines = mem_alloc(n_cells, sizeof(*c->lines));
	st = open_file(c, path, writable, err);
	if (st || c->fd < 0)
		return st;
	f = fopen(path, "re");
	st = f ? scan_lines(&s, f, err) : failed("read", err);
	if (f)
		(void)fclose(f);
	if (!st && writable && c->dropped && ftruncate(c->fd, (off_t)c->end))
		st = failed("cut the torn last line of", err);
	return st;
}

void campaign_cells_close(struct campaign_cells *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	mem_free(c->lines);
	mem_free(c->text);
	*c = (struct campaign_cells){.fd = -1};
}

/* --- lines --------------------------------------------------------------------------- */

enum status campaign_cells_read(
        struct campaign_cells *c, uint64_t index, const char **line, struct error *err)
{
	const struct campaign_line *l = &c->lines[index];

	CHECK(index < c->n_cells && l->n > 0);
	grow(c, (size_t)l->n + 1);
	if (read_at(c, c->text, l->n, l->at, err))
		return err->code;
	c->text[l->n] = '\0';
	*line = c->text;
	return ERR_NONE;
}

enum status campaign_cells_add(
        struct campaign_cells *c, uint64_t index, const char *line, size_t n, struct error *err)
{
	size_t done = 0;

	CHECK(index < c->n_cells && c->lines[index].n == 0 && n > 0 && n < UINT32_MAX);
	grow(c, n + 1);
	memcpy(c->text, line, n);
	c->text[n] = '\n';
	while (done < n + 1) {
		ssize_t w = write(c->fd, c->text + done, n + 1 - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			(void)failed("write", err);
			if (ftruncate(c->fd, (off_t)c->end)) {
				/* The torn line is dropped when the file is opened again. */
			}
			return err->code;
		}
		done += (size_t)w;
	}
	c->lines[index] = (struct campaign_line){.at = c->end, .n = (uint32_t)n};
	c->end += n + 1;
	c->n_there++;
	return ERR_NONE;
}

static bool in_order(const struct campaign_cells *c)
{
	uint64_t at = 0;

	for (uint64_t i = 0; i < c->n_cells; i++) {
		if (c->lines[i].n == 0)
			continue;
		if (c->lines[i].at != at)
			return false;
		at += c->lines[i].n + 1;
	}
	return at == c->end;
}

static enum status write_sorted(struct campaign_cells *c, FILE *f, struct error *err)
{
	for (uint64_t i = 0; i < c->n_cells; i++) {
		const char *line;

		if (c->lines[i].n == 0)
			continue;
		if (campaign_cells_read(c, i, &line, err))
			return err->code;
		if (fwrite(line, 1, c->lines[i].n, f) != c->lines[i].n || putc('\n', f) == EOF)
			return failed("write", err);
	}
	return ERR_NONE;
}

enum status campaign_cells_sort(struct campaign_cells *c, const char *dir, struct error *err)
{
	char path[PATH_MAX], beside[PATH_MAX];
	FILE *f;
	enum status st;

	if (in_order(c))
		return ERR_NONE;
	if ((size_t)snprintf(path, sizeof(path), "%s/cells.jsonl", dir) >= sizeof(path) ||
	        (size_t)snprintf(beside, sizeof(beside), "%s/.cells.jsonl.%d", dir,
	                (int)getpid()) >= sizeof(beside))
		return error_set(err, ERR_USAGE, "expected a shorter path, found '%s'", dir);
	f = fopen(beside, "we");
	if (!f)
		return failed("write", err);
	st = write_sorted(c, f, err);
	if (fclose(f) && !st)
		st = failed("write", err);
	if (!st && rename(beside, path))
		st = failed("rename", err);
	if (st)
		(void)unlink(beside);
	return st;
}
