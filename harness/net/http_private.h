/* What the http_*.c files share; nobody else includes it. */
#ifndef LPC_NET_HTTP_PRIVATE_H
#define LPC_NET_HTTP_PRIVATE_H

#include "harness/base/check.h"
#include "harness/net/http.h"

struct http_bounds {
	uint32_t head_bytes, headers;
};

void http_reader_init(struct http_reader *r, enum llhttp_type type,
        const llhttp_settings_t *settings, void *owner);
void http_reader_next(struct http_reader *r);

/* A piece of a field's name or value; false when a bound is passed. */
bool http_reader_name(struct http_reader *r, const char *at, size_t n,
        const struct http_bounds *bounds) LPC_MUST_USE;
bool http_reader_value(struct http_reader *r, const char *at, size_t n,
        const struct http_bounds *bounds) LPC_MUST_USE;
/* Other bytes that count against the head. */
bool http_reader_count(
        struct http_reader *r, size_t n, const struct http_bounds *bounds) LPC_MUST_USE;

/* The field is complete: its name is `name`, in any case; its value is r->value. */
bool http_reader_is(const struct http_reader *r, const char *name);
void http_reader_field_over(struct http_reader *r); /* after it has been looked at */

int64_t http_reader_content_length(const struct http_reader *r); /* -1 = none */

/* How many of the n bytes fed last belong to the message that llhttp stopped after. */
size_t http_reader_used(const struct http_reader *r, const char *data, size_t n);

#endif
