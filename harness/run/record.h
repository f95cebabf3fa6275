/* What a run leaves on disk: OUT/<name>-<seed>-<clock>/ with result.json, junit.xml, bundle.json
 * (all that `explain` needs to play it again) and attempt-<n>.json of every run that was repeated
 * because it was invalid. Every file is written beside its place and renamed, so that a reader
 * never sees half of one. */
#ifndef LPC_RUN_RECORD_H
#define LPC_RUN_RECORD_H

#include "harness/run/scenario.h"
#include "reports/render.h"

/* The absolute path of the directory, made with its parents. The caller's (mem_free). */
enum status record_open(const struct scenario *s, const char *out_dir, bool virtual_clock,
        char **dir, struct error *err) LPC_MUST_USE;

/* An invalid run that is about to be repeated: attempt-<n>.json beside the result to come. */
enum status record_attempt(const struct result_document *d, const char *dir, uint32_t n,
        struct error *err) LPC_MUST_USE;

/* Before the run: first a result.json that says partial, for whoever looks before record_write,
 * also if that never comes; then what an earlier run left is gone, and bundle.json is there. d: its
 * heading, replay command and engine. */
enum status record_begin(const struct scenario *s, const struct result_document *d, const char *dir,
        struct error *err) LPC_MUST_USE;
/* Nothing was judged after all: there is no result. */
void record_withdraw(const char *dir);

enum status record_write(const struct scenario *s, const struct result_document *d, const char *dir,
        struct error *err) LPC_MUST_USE;

/* Of OUT/<folder>/<file> the part behind OUT: how those who lie in OUT name it. */
const char *record_within(const char *path);

/* Makes a folder with its parents; one that is there is fine. path is as it was afterwards. */
enum status record_folder(char *path, struct error *err) LPC_MUST_USE;

/* One file, written beside and renamed. */
enum status record_file(const char *dir, const char *name, const char *text, size_t n,
        struct error *err) LPC_MUST_USE;
/* The same at a path of the user's. */
enum status record_path(
        const char *path, const char *text, size_t n, struct error *err) LPC_MUST_USE;

#endif
