/* The directory of a campaign: its manifest, the scenario, and a line per cell (campaign.h has the
 * picture).
 *
 * Whoever is killed at any moment leaves a directory that can be gone on with: manifest and bundle
 * are there before the first cell, a line is appended by one write, and a line that was cut short
 * is dropped when the file is opened again. */
#ifndef LPC_RUN_CAMPAIGN_DIR_H
#define LPC_RUN_CAMPAIGN_DIR_H

#include "harness/base/json.h"
#include "harness/run/campaign.h"

enum { CAMPAIGN_NAME = 65 };

struct campaign_manifest {
	struct campaign_request request;
	uint64_t n_cells;
	uint64_t shard, shards; /* this directory's cells: index % shards == shard - 1 */
	char scenario[CAMPAIGN_NAME];
	char plan_digest[DIGEST_TEXT_MAX];
	int64_t model_version;
};

/* "n-1", "n-1-1", "n-2", "seeds", "swarm": names the mode in files and folders. */
const char *campaign_mode_name(const struct campaign_request *r);

/* Writes manifest.json and bundle.json; a cells.jsonl and campaign.json of before are gone. */
enum status campaign_dir_create(const char *dir, const struct campaign_manifest *m,
        const char *bundle, size_t n_bundle, struct error *err) LPC_MUST_USE;

/* *bundle is the caller's (mem_free). ERR_USAGE where the directory is none of a campaign. */
enum status campaign_dir_open(const char *dir, struct campaign_manifest *m, char **bundle,
        size_t *n_bundle, struct error *err) LPC_MUST_USE;

/* The manifest of a document. */
enum status campaign_manifest_read(
        struct json *doc, struct campaign_manifest *m, struct error *err) LPC_MUST_USE;

/* ERR_USAGE, naming what differs, unless both are of the same plan (shards may differ). */
enum status campaign_same_plan(const struct campaign_manifest *a, const char *dir_a,
        const struct campaign_manifest *b, const char *dir_b, struct error *err) LPC_MUST_USE;

/* --- cells.jsonl --- */

struct campaign_line {
	uint64_t at;
	uint32_t n; /* bytes without the newline; 0 = the cell is missing */
};

struct campaign_cells {
	int fd;
	uint64_t n_cells, n_there, end; /* end: of the file */
	uint64_t dropped;               /* bytes of a last line that was cut short */
	struct campaign_line *lines;
	char *text; /* of the line read last */
	size_t capacity;
};

/* The index that a line begins with: {"index":N,…} or {"index":N}. False for what is no line of
 * the engine's. n bytes without the newline. */
bool campaign_line_index(const char *line, size_t n, uint64_t *index);

/* Opens or makes dir/cells.jsonl, reads which cells are there. `writable`: keeps every other
 * process from opening it likewise, and cuts off a torn last line. */
enum status campaign_cells_open(struct campaign_cells *c, const char *dir, uint64_t n_cells,
        bool writable, struct error *err) LPC_MUST_USE;
void campaign_cells_close(struct campaign_cells *c);

enum status campaign_cells_add(struct campaign_cells *c, uint64_t index, const char *line, size_t n,
        struct error *err) LPC_MUST_USE;

/* The line of a cell that is there; valid until the next call. */
enum status campaign_cells_read(struct campaign_cells *c, uint64_t index, const char **line,
        struct error *err) LPC_MUST_USE;

/* All lines in order of index, written beside dir/cells.jsonl and renamed. c stays open on the old
 * file. */
enum status campaign_cells_sort(
        struct campaign_cells *c, const char *dir, struct error *err) LPC_MUST_USE;

#endif
