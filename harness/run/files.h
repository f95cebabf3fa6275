/* The files that one scenario names: JSON documents and traces, each read once, known by its
 * resolved path. Paths are relative to the file that names them; absolute ones are taken as they
 * are.
 *
 * A set is *live* (it reads the disk) or *sealed* (rebuilt from a bundle, see plan.h: it holds what
 * the scenario needs and never touches the disk; traces cannot be opened). Documents belong to the
 * set and live as long as it does. */
#ifndef LPC_RUN_FILES_H
#define LPC_RUN_FILES_H

#include <stdbool.h>
#include "emulator/deployment.h"
#include "harness/base/digest.h"
#include "harness/base/json.h"
#include "workloads/traffic.h"

struct file_set;

struct file_set *files_new(bool sealed);
void files_free(struct file_set *set);

/* Reads a whole regular file of at most JSON_SIZE_MAX bytes; *text is the caller's (mem_free). The
 * error says "expected a readable file, found '<path>': <why>", without position: see files_blame.
 */
enum status files_read(const char *path, char **text, size_t *n, struct error *err) LPC_MUST_USE;

/* Reads and parses one document of the caller's own (json_free); from_file may be "". */
enum status files_parse(
        const char *from_file, const char *path, struct json **doc, struct error *err) LPC_MUST_USE;

/* A document as it was read, byte for byte. Shared: each who keeps it is a user, the last one frees
 * it. */
struct file_source {
	uint32_t users;
	char *path; /* as it was opened */
	char *text;
	size_t n;
};

/* As files_parse; *source has one user, the caller. */
enum status files_parse_source(const char *from_file, const char *path, struct json **doc,
        struct file_source **source, struct error *err) LPC_MUST_USE;
void file_source_release(struct file_source *source); /* NULL is allowed */

/* The set is one more user of it. */
void files_keep_source(struct file_set *set, struct file_source *source);
/* What the set keeps: each document that it read, as it was before any edit, and what it was given.
 */
uint32_t files_sources(const struct file_set *set, struct file_source *const **out);

/* The path by which a file named inside `from_file` is opened; n bytes of room. */
enum status files_resolve(const char *from_file, const char *path, char *buf, size_t n,
        struct error *err) LPC_MUST_USE;

/* Where a live set may read, if it was read by somebody whom nobody trusts: below the folder
 * `root`, in which there are no links. `crossed`: something else was asked for, and refused. */
struct file_fence {
	const char *root;
	bool crossed;
};
void files_fence(struct file_set *set, struct file_fence *fence); /* borrowed; NULL: anywhere */
/* ERR_USAGE if the set may not read what is named so. */
enum status files_allowed(const struct file_set *set, const char *from_file, const char *path,
        struct error *err) LPC_MUST_USE;

/* Opens a regular file for reading, and never hangs; -1, and why not in words that fit behind
 * "found". */
int files_open(const char *path, const char **why);

/* The document at `path`, named inside `from_file`. An error in the document has its own position;
 * one in reaching it has none (err->file is ""). */
enum status files_json(struct file_set *set, const char *from_file, const char *path,
        struct json **doc, struct error *err) LPC_MUST_USE;

/* Gives an error that has no position yet the one of the value that named the file. Returns its
 * code. */
enum status files_blame(struct jval v, struct error *err);

/* Views for those who read through interfaces of their own. Valid as long as the set. */
struct file_loader files_loader(struct file_set *set);
struct trace_opener files_traces(struct file_set *set);

/* Content digests of the traces, by traffic entry, and how many rows of each come within the
 * duration: kept where the trace was read, known where it was not. */
void files_keep_digest(struct file_set *set, const char *tenant,
        const uint8_t digest[static DIGEST_BYTES], uint64_t emitted);
bool files_known_digest(const struct file_set *set, const char *tenant,
        uint8_t digest[static DIGEST_BYTES], uint64_t *emitted);

/* Writes all documents and digests that the set holds as the members "files" (path → document) and
 * "traces" of the open object; and takes them back from such an object into a sealed set. */
void files_write(const struct file_set *set, struct json_out *o);
enum status files_restore(struct file_set *set, struct jval bundle, struct error *err) LPC_MUST_USE;

/* A part of a bundle as a document that says of itself that it is `file`, so that the paths in it
 * are resolved as they were when it was read. ERR_USAGE if it is too long for a document. */
enum status files_unwrap(
        const char *file, struct jval v, struct json **doc, struct error *err) LPC_MUST_USE;

#endif
