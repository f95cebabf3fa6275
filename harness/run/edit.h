/* Edits of a scenario's document before it is read: --set, the cells of a suite's matrix, the
 * values of a sweep. A path is dotted (harness/base/json.h) and goes on inside a file where it
 * leads through a key whose value is that file's path: "deployment.health.polls" edits the
 * deployment wherever it is written. */
#ifndef LPC_RUN_EDIT_H
#define LPC_RUN_EDIT_H

#include "harness/run/files.h"

/* `value` is JSON, or else a string; `origin` names it in later errors. */
enum status edit_set(struct json *doc, const char *path, const char *value, const char *origin,
        struct file_set *files, struct error *err) LPC_MUST_USE;

/* What stands at the path; JSON_NONE if nothing does. */
struct jval edit_find(struct json *doc, const char *path, struct file_set *files);

/* As edit_set, but objects on the way are made where they are missing. */
enum status edit_put(struct json *doc, const char *path, const char *value, const char *origin,
        struct file_set *files, struct error *err) LPC_MUST_USE;

#endif
