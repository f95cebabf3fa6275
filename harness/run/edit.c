#include "harness/run/edit.h"

#include <string.h>

enum { PATH_MAX_BYTES = 256 };

/* The document that an edit is meant for, *path moved behind the key that names it. */
static enum status find_document(
        struct json **doc, const char **path, struct file_set *files, struct error *err)
{
	const char *dot;

	while ((dot = strchr(*path, '.')) != NULL) {
		char key[PATH_MAX_BYTES];
		struct jval v;
		size_t n = (size_t)(dot - *path);
		const char *file;

		if (n >= sizeof(key))
			return ERR_NONE;
		memcpy(key, *path, n);
		key[n] = '\0';
		v = json_get(json_root(*doc), key);
		file = json_string(v);
		n = file ? strlen(file) : 0;
		if (n < 5 || strcmp(file + n - 5, ".json") != 0)
			return ERR_NONE;
		if (files_json(files, json_file(*doc), file, doc, err))
			return files_blame(v, err);
		*path = dot + 1;
	}
	return ERR_NONE;
}

enum status edit_set(struct json *doc, const char *path, const char *value, const char *origin,
        struct file_set *files, struct error *err)
{
	if (find_document(&doc, &path, files, err))
		return err->code;
	return json_set(doc, path, value, origin, err);
}

struct jval edit_find(struct json *doc, const char *path, struct file_set *files)
{
	struct error err = ERROR_INIT;

	if (find_document(&doc, &path, files, &err))
		return (struct jval){doc, NULL};
	return json_find(doc, path);
}

/* Whether path[0 … n) leads to something. */
static bool exists(struct json *doc, const char *path, size_t n, struct file_set *files)
{
	char text[PATH_MAX_BYTES];

	if (n >= sizeof(text))
		return false;
	memcpy(text, path, n);
	text[n] = '\0';
	return json_type(edit_find(doc, text, files)) != JSON_NONE;
}

enum status edit_put(struct json *doc, const char *path, const char *value, const char *origin,
        struct file_set *files, struct error *err)
{
	const char *last = strrchr(path, '.');

	for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
		char parent[PATH_MAX_BYTES];
		size_t n = (size_t)(dot - path);

		if (exists(doc, path, (size_t)(last - path), files) || n >= sizeof(parent))
			break;
		if (exists(doc, path, n, files))
			continue;
		memcpy(parent, path, n);
		parent[n] = '\0';
		if (edit_set(doc, parent, "{}", origin, files, err))
			return err->code;
	}
	return edit_set(doc, path, value, origin, files, err);
}
