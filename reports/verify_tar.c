#include "reports/verify_tar.h"

#include <stdio.h>
#include <string.h>
#include "harness/base/check.h"

enum { SIZE_AT = 124, SIZE_CHARS = 12, SUM_AT = 148, SUM_CHARS = 8 };

void verify_tar_init(struct verify_tar *t)
{
	*t = (struct verify_tar){.part = TAR_HEADER, .left = TAR_BLOCK};
}

static bool all_zero(const uint8_t *data, size_t n)
{
	return n == 0 || (data[0] == 0 && memcmp(data, data + 1, n - 1) == 0);
}

/* The size field: octal digits between blanks, ended by a blank or NUL. Sizes that do not fit are
 * written in binary by some; a pack is never so large. */
static bool read_size(const uint8_t *header, uint64_t *size)
{
	const uint8_t *at = header + SIZE_AT, *end = at + SIZE_CHARS;

	*size = 0;
	while (at < end && *at == ' ')
		at++;
	for (; at < end && *at >= '0' && *at <= '7'; at++)
		*size = *size * 8 + (uint64_t)(*at - '0');
	return at == end || *at == ' ' || *at == '\0';
}

/* The sum of a header, its own field as blanks: six digits, NUL and a blank, as all write it.
 * Readers take other spellings, which would be bytes that may be anything. */
static bool sum_is_right(const uint8_t *header)
{
	char field[SUM_CHARS + 1];
	unsigned sum = SUM_CHARS * ' ';

	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (i < SUM_AT || i >= SUM_AT + SUM_CHARS)
			sum += header[i];
	snprintf(field, sizeof(field), "%06o%c ", sum, '\0');
	return memcmp(field, header + SUM_AT, SUM_CHARS) == 0;
}

static void begin(struct verify_tar *t, enum tar_part part, uint64_t left)
{
	t->part = part;
	t->left = left;
}

static void after_header(struct verify_tar *t)
{
	uint64_t size;

	if (all_zero(t->header, TAR_BLOCK)) {
		begin(t, TAR_END, TAR_BLOCK);
	} else if (!sum_is_right(t->header)) {
		t->wrong = "an entry's header is damaged: its sum is another one";
	} else if (!read_size(t->header, &size)) {
		t->wrong = "an entry's size is no number";
	} else {
		t->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
		begin(t, TAR_DATA, size);
	}
}

/* Leaves parts of which nothing is left, but for the end. */
static void go_on(struct verify_tar *t)
{
	if (t->part == TAR_HEADER && t->left == 0)
		after_header(t);
	if (t->part == TAR_DATA && t->left == 0)
		begin(t, TAR_PADDING, t->padding);
	if (t->part == TAR_PADDING && t->left == 0)
		begin(t, TAR_HEADER, TAR_BLOCK);
}

static size_t feed_end(struct verify_tar *t, const uint8_t *at, size_t n)
{
	if (!all_zero(at, n))
		t->wrong = "there is something behind the end of the archive";
	t->left += n;
	return n;
}

/* Takes some of n > 0 bytes; returns how many. */
static size_t feed_some(struct verify_tar *t, const uint8_t *at, size_t n)
{
	if (t->part == TAR_END)
		return feed_end(t, at, n);
	if (n > t->left)
		n = (size_t)t->left;
	if (t->part == TAR_HEADER)
		memcpy(t->header + TAR_BLOCK - t->left, at, n);
	else if (t->part == TAR_PADDING && !all_zero(at, n))
		t->wrong = "there is something between two entries";
	t->left -= n;
	go_on(t);
	return n;
}

void verify_tar_feed(struct verify_tar *t, const void *data, size_t n)
{
	const uint8_t *at = data, *end = at + n;

	while (at < end && !t->wrong)
		at += feed_some(t, at, (size_t)(end - at));
}

const char *verify_tar_end(const struct verify_tar *t)
{
	if (t->wrong)
		return t->wrong;
	if (t->part != TAR_END || t->left < 2 * TAR_BLOCK)
		return "the archive is cut";
	return t->left % TAR_BLOCK ? "the archive is cut, or something follows it" : NULL;
}
