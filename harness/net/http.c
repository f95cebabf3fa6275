/* What both parsers share: reading the few header fields that matter, within limits.
 *
 * llhttp hands header names and values on in pieces, as buffers end; there is no line to look at.
 * The reader therefore gathers each name and value in two short fixed buffers, cut at their ends: a
 * name that does not fit is none that is looked at. Limits count the bytes of these pieces, so that
 * a head may trickle in byte by byte and still be stopped at the same place. */
#include "harness/net/http_private.h"

#include <string.h>
#include <strings.h>

void http_reader_init(struct http_reader *r, enum llhttp_type type,
        const llhttp_settings_t *settings, void *owner)
{
	memset(r, 0, sizeof(*r));
	llhttp_init(&r->parser, type, settings);
	r->parser.data = owner;
}

void http_reader_next(struct http_reader *r)
{
	llhttp_reset(&r->parser);
	r->head_bytes = r->headers = 0;
	r->name_len = r->value_len = 0;
	r->began = r->head_done = false;
}

static uint8_t append(char *to, uint8_t len, size_t max, const char *at, size_t n)
{
	size_t room = max - 1 - len;
	size_t part = n < room ? n : room;

	memcpy(to + len, at, part);
	to[len + part] = '\0';
	return (uint8_t)(len + part);
}

bool http_reader_name(
        struct http_reader *r, const char *at, size_t n, const struct http_bounds *bounds)
{
	if (r->name_len == 0) { /* the first piece of a new field */
		r->headers++;
		r->value[0] = '\0';
	}
	r->name_len = append(r->name, r->name_len, sizeof(r->name), at, n);
	return http_reader_count(r, n, bounds) && r->headers <= bounds->headers;
}

bool http_reader_value(
        struct http_reader *r, const char *at, size_t n, const struct http_bounds *bounds)
{
	r->value_len = append(r->value, r->value_len, sizeof(r->value), at, n);
	return http_reader_count(r, n, bounds);
}

bool http_reader_count(struct http_reader *r, size_t n, const struct http_bounds *bounds)
{
	if (n > bounds->head_bytes - r->head_bytes)
		return false;
	r->head_bytes += (uint32_t)n;
	return true;
}

bool http_reader_is(const struct http_reader *r, const char *name)
{
	return strcasecmp(r->name, name) == 0;
}

void http_reader_field_over(struct http_reader *r)
{
	r->name_len = r->value_len = 0;
}

int64_t http_reader_content_length(const struct http_reader *r)
{
	if (!(r->parser.flags & F_CONTENT_LENGTH))
		return -1;
	return r->parser.content_length > INT64_MAX ? INT64_MAX : (int64_t)r->parser.content_length;
}

size_t http_reader_used(const struct http_reader *r, const char *data, size_t n)
{
	const char *stopped = llhttp_get_error_pos(&r->parser);

	return stopped >= data && stopped <= data + n ? (size_t)(stopped - data) : n;
}
