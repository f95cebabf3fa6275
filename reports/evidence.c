#include "reports/evidence.h"

#include <string.h>

void evidence_lines_init(struct evidence_lines *l, const char *file, const char *text, size_t n)
{
	*l = (struct evidence_lines){.file = file, .text = text, .n = n};
}

static enum status refuse(const struct evidence_lines *l, struct error *err, const char *what)
{
	return error_at(err, ERR_USAGE, l->file, l->line, 1, NULL, "%s", what);
}

static bool is_plain(const struct dsse_envelope *e, const char *text, size_t n)
{
	struct json_out o;
	bool same;

	json_out_init(&o, 0);
	dsse_write(&o, e);
	same = o.n == n && memcmp(o.buf, text, n) == 0;
	json_out_free(&o);
	return same;
}

enum status evidence_next(struct evidence_lines *l, struct arena *arena, struct dsse_envelope *out,
        bool *more, struct error *err)
{
	const char *text = l->text + l->at, *end;
	size_t n;

	*more = false;
	if (l->n > EVIDENCE_SIZE_MAX)
		return refuse(l, err, "is longer than any evidence");
	if (l->at == l->n)
		return ERR_NONE;
	l->line++;
	end = memchr(text, '\n', l->n - l->at);
	if (!end)
		return refuse(l, err, "the line has no end");
	n = (size_t)(end - text);
	if (dsse_read(l->file, text, n, arena, out, err)) {
		err->line = l->line;
		return err->code;
	}
	if (!is_plain(out, text, n))
		return refuse(l, err, "expected the envelope's one spelling, found another");
	l->at += n + 1;
	*more = true;
	return ERR_NONE;
}

static const char *part_wrong(const char *part, size_t n)
{
	if (n == 0)
		return "is absolute or has an empty part";
	if (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.')))
		return "has a part '.' or '..'";
	return NULL;
}

const char *evidence_name_wrong(const char *name, size_t n)
{
	size_t from = 0;

	if (n > EVIDENCE_PATH_MAX)
		return "is longer than 240 bytes";
	for (size_t i = 0, length; i < n; i += length) {
		length = json_utf8_len(name + i, n - i);
		if (length == 0)
			return "is no UTF-8";
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '\\')
			return "has a control character or a backslash in it";
	}
	for (size_t i = 0; i <= n; i++) {
		const char *wrong;

		if (i < n && name[i] != '/')
			continue;
		wrong = part_wrong(name + from, i - from);
		if (wrong)
			return wrong;
		from = i + 1;
	}
	return NULL;
}
