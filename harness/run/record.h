/* What a run leaves on disk: OUT/<name>-<seed>-<clock>/ with result.json, junit.xml and bundle.json (all
 * that `explain` needs to play it again). Every file is written beside its place and renamed, so that a
 * reader never sees half of one. */
#ifndef LPC_RUN_RECORD_H
#define LPC_RUN_RECORD_H

#include "harness/run/scenario.h"
#include "reports/render.h"

/* The absolute path of the directory, made with its parents. The caller's (mem_free). */
enum status record_open(const struct scenario *s, const char *out_dir, bool virtual_clock, char **dir,
	struct error *err) LPC_MUST_USE;

enum status record_write(const struct scenario *s, const struct result_document *d, const char *dir,
	struct error *err) LPC_MUST_USE;

/* One file, written beside and renamed. */
enum status record_file(const char *dir, const char *name, const char *text, size_t n,
	struct error *err) LPC_MUST_USE;

#endif
