#include "reports/verify_manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/mutant.h"
#include "reports/evidence.h"
#include "reports/pack.h"

enum { HEX_CHARS = 2 * DIGEST_BYTES, TEXT_MAX = 512 };

/* --- in ------------------------------------------------------------------------------- */

static enum status refuse(struct error *err, uint32_t line, const char *what)
{
	return error_at(err, ERR_USAGE, PACK_MANIFEST, line, 1, NULL, "%s", what);
}

/* A line without its end. */
static enum status read_line(const char *text, size_t n, struct arena *arena, uint32_t number,
        struct manifest_line *line, struct error *err)
{
	const char *path = text + HEX_CHARS + 2, *wrong;
	char what[TEXT_MAX];

	if (n < HEX_CHARS + 2 || !digest_parse(text, line->sha256) || text[HEX_CHARS] != ' ' ||
	        text[HEX_CHARS + 1] != ' ')
		return refuse(err, number, "expected a digest, two blanks and a name");
	wrong = evidence_name_wrong(path, n - HEX_CHARS - 2);
	if (wrong) {
		snprintf(what, sizeof(what), "the name %s", wrong);
		return refuse(err, number, what);
	}
	line->path = arena_strndup(arena, path, n - HEX_CHARS - 2);
	if (strcmp(line->path, PACK_MANIFEST) == 0 || strcmp(line->path, PACK_EVIDENCE) == 0)
		return refuse(err, number, "lists what no manifest lists");
	return ERR_NONE;
}

enum status manifest_read(
        const char *text, size_t n, struct arena *arena, struct manifest *out, struct error *err)
{
	const char *end = text + n;
	uint32_t capacity = 0;

	*out = (struct manifest){0};
	for (const char *stop; text < end; text = stop + 1) {
		struct manifest_line line;

		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			return refuse(err, out->n + 1, "the line has no end");
		if (out->n == PACK_FILES_MAX)
			return refuse(
			        err, out->n + 1, "there are more lines than a pack has files");
		if (read_line(text, (size_t)(stop - text), arena, out->n + 1, &line, err))
			return err->code;
		if (out->n && strcmp(out->lines[out->n - 1].path, line.path) >= 0)
			return refuse(err, out->n + 1, "is out of order, or there twice");
		out->lines = mem_room(out->lines, out->n, &capacity, sizeof(line));
		out->lines[out->n++] = line;
	}
	return out->n ? ERR_NONE : refuse(err, 0, "is empty");
}

void manifest_free(struct manifest *m)
{
	mem_free(m->lines);
	*m = (struct manifest){0};
}

/* --- against the files ---------------------------------------------------------------- */

struct comparison {
	const struct verify_options *options;
	const char *list; /* what it is called */
	const struct manifest_line **missing;
	const struct pack_entry **added;
	uint32_t n_missing, n_added;
};

static void compare_one(
        struct comparison *c, const struct manifest_line *line, const struct pack_entry *f)
{
	char text[TEXT_MAX], is[DIGEST_TEXT_MAX], was[DIGEST_TEXT_MAX];

	if (memcmp(line->sha256, f->sha256, DIGEST_BYTES) == 0)
		return;
	snprintf(text, sizeof(text), "is %s, in %s it is %s", digest_text(f->sha256, is), c->list,
	        digest_text(line->sha256, was));
	c->options->found(c->options->ctx, DEFECT_ALTERED, f->path, text);
}

/* Both lists are in order of their paths. */
static void pair_up(struct comparison *c, const struct manifest *m, const struct unpacked *u)
{
	for (uint32_t i = 0, j = 0; i < m->n || j < u->tree.n;) {
		const struct pack_entry *f = j < u->tree.n ? &u->tree.entries[j] : NULL;
		int order = !f ? -1 : i == m->n ? 1 : strcmp(m->lines[i].path, f->path);

		if (order < 0) {
			c->missing[c->n_missing++] = &m->lines[i++];
			continue;
		}
		j++;
		if (order == 0)
			compare_one(c, &m->lines[i++], f);
		else if (strcmp(f->path, PACK_MANIFEST) != 0 &&
		         strcmp(f->path, PACK_EVIDENCE) != 0 && !MUTANT(ADDED_UNSEEN))
			c->added[c->n_added++] = f;
	}
}

static int by_digest(const void *a, const void *b)
{
	const struct pack_entry *const *x = a, *const *y = b;
	int order = memcmp((*x)->sha256, (*y)->sha256, DIGEST_BYTES);

	return order ? order : strcmp((*x)->path, (*y)->path);
}

/* An added file of this digest that no other missing one was found to be: its place, or n_added.
 * used[i]: how many of those from place i on, all of one digest, are taken. */
static uint32_t same_bytes(const struct comparison *c, const uint8_t *sha256, uint32_t *used)
{
	uint32_t low = 0, high = c->n_added, at;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(c->added[middle]->sha256, sha256, DIGEST_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	at = low + used[low];
	if (at >= c->n_added || memcmp(c->added[at]->sha256, sha256, DIGEST_BYTES) != 0)
		return c->n_added;
	used[low]++;
	return at;
}

static void tell(struct comparison *c)
{
	bool *taken = mem_alloc(c->n_added + 1, sizeof(*taken));
	uint32_t *used = mem_alloc(c->n_added + 1, sizeof(*used));
	char text[TEXT_MAX];

	if (c->n_added)
		qsort(c->added, c->n_added, sizeof(struct pack_entry *), by_digest);
	for (uint32_t i = 0; i < c->n_missing; i++) {
		const struct manifest_line *line = c->missing[i];
		uint32_t at = same_bytes(c, line->sha256, used);

		if (at == c->n_added) {
			snprintf(text, sizeof(text), "is in %s, and not in the pack", c->list);
			c->options->found(c->options->ctx, DEFECT_MISSING, line->path, text);
			continue;
		}
		taken[at] = true;
		snprintf(text, sizeof(text), "is in the pack as %s", c->added[at]->path);
		c->options->found(c->options->ctx, DEFECT_RENAMED, line->path, text);
	}
	snprintf(text, sizeof(text), "is in the pack, and not in %s", c->list);
	for (uint32_t i = 0; i < c->n_added; i++)
		if (!taken[i])
			c->options->found(c->options->ctx, DEFECT_ADDED, c->added[i]->path, text);
	mem_free(taken);
	mem_free(used);
}

void manifest_compare(const struct manifest *m, const char *list, const struct unpacked *u,
        const struct verify_options *options)
{
	struct comparison c = {.options = options,
	        .list = list,
	        .missing = mem_alloc(m->n + 1, sizeof(*c.missing)),
	        .added = mem_alloc(u->tree.n + 1, sizeof(*c.added))};

	pair_up(&c, m, u);
	tell(&c);
	mem_free(c.missing);
	mem_free(c.added);
}
