#include "tests/support/deployment_text.h"

#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 4 << 20 };

char *file_text(const char *path, size_t *n)
{
	FILE *file = fopen(path, "rb");
	char *text;

	if (!file)
		return NULL;
	text = mem_alloc(FILE_MAX, 1);
	*n = fread(text, 1, FILE_MAX - 1, file);
	CHECK(!ferror(file) && *n < FILE_MAX - 1);
	fclose(file);
	return text;
}

static enum status load_json(
        void *ctx, const char *from_file, const char *path, struct jval *root, struct error *err)
{
	struct parsed *p = ctx;
	const char *slash = strrchr(from_file, '/');
	char full[1024], *text;
	enum status rc;
	size_t n;

	snprintf(full, sizeof(full), "%.*s%s", slash ? (int)(slash - from_file + 1) : 0, from_file,
	        path);
	text = file_text(full, &n);
	if (!text)
		return error_set(err, ERR_USAGE, "expected a file, found none: %s", full);
	CHECK(p->n_docs < ARRAY_LEN(p->docs));
	rc = json_parse(full, text, n, &p->docs[p->n_docs], err);
	mem_free(text);
	if (!rc)
		*root = json_root(p->docs[p->n_docs++]);
	return rc;
}

bool parse_text(struct parsed *p, const char *file, const char *text)
{
	struct file_loader loader = {p, load_json};
	enum status rc;

	memset(p, 0, sizeof(*p));
	arena_init(&p->arena, 64 << 20);
	rc = json_parse(file, text, strlen(text), &p->docs[0], &p->err);
	if (!rc) {
		p->n_docs = 1;
		rc = deployment_parse(json_root(p->docs[0]), &loader, &p->arena, &p->d, &p->err);
	}
	if (rc)
		error_format(&p->err, p->message, sizeof(p->message));
	return !rc;
}

bool parse_file(struct parsed *p, const char *path)
{
	char full[1024], *text;
	bool ok;
	size_t n;

	snprintf(full, sizeof(full), "%s/%s", LPC_SOURCE_DIR, path);
	text = file_text(full, &n);
	CHECK(text);
	ok = parse_text(p, full, text);
	mem_free(text);
	return ok;
}

void parsed_free(struct parsed *p)
{
	for (size_t i = 0; i < p->n_docs; i++)
		json_free(p->docs[i]);
	arena_free(&p->arena);
}
