/* Doubling buffer; formatted text longer than a line's worth is measured first, then written once.
 */
#include "reports/text.h"
#include <stdio.h>
#include <string.h>
#include "harness/base/arena.h"

enum { TEXT_MIN = 1024 };

void text_init(struct text *t, size_t limit)
{
	*t = (struct text){.limit = limit};
}

void text_free(struct text *t)
{
	mem_free(t->buf);
	*t = (struct text){.limit = t->limit};
}

static bool text_reserve(struct text *t, size_t n)
{
	size_t capacity = t->capacity ? t->capacity : TEXT_MIN;

	if (t->cut || n > t->limit - t->n) {
		t->cut = true;
		return false;
	}
	while (capacity < t->n + n + 1)
		capacity *= 2;
	if (capacity != t->capacity) {
		t->buf = mem_grow(t->buf, capacity, 1);
		t->capacity = capacity;
	}
	return true;
}

void text_add(struct text *t, const char *s, size_t n)
{
	if (!text_reserve(t, n))
		return;
	memcpy(t->buf + t->n, s, n);
	t->n += n;
	t->buf[t->n] = '\0';
}

void text_vprintf(struct text *t, const char *fmt, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	CHECK(n >= 0);
	if (text_reserve(t, (size_t)n)) {
		(void)vsnprintf(t->buf + t->n, (size_t)n + 1, fmt, again);
		t->n += (size_t)n;
	}
	va_end(again);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vprintf(t, fmt, args);
	va_end(args);
}

static const char *xml_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	case '\n':
		return "&#10;";
	case '\t':
		return "&#9;";
	default:
		return (unsigned char)c < 0x20 || c == 0x7f ? "?" : NULL;
	}
}

void text_xml(struct text *t, const char *s)
{
	for (; *s; s++) {
		const char *entity = xml_entity(*s);

		if (entity)
			text_add(t, entity, strlen(entity));
		else
			text_add(t, s, 1);
	}
}
