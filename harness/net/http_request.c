/* The server's side of HTTP: llhttp does the grammar, this file the policy.
 *
 * Every limit has its own answer, so that a client learns what it did wrong: 414 path, 431 head,
 * 413 body, 505 version, 400 the rest. A declared length over the limit is refused before a byte of
 * the body is taken. Upgrades (curl --http2 asks for h2c) are ignored, as a server may. */
#include <string.h>
#include <strings.h>
#include "harness/net/http_private.h"

static struct http_request *of(llhttp_t *p)
{
	return p->data;
}

static int refuse(struct http_request *m, unsigned status, const char *reason)
{
	m->status = status;
	m->reason = reason;
	return HPE_USER;
}

static int refuse_head(struct http_request *m)
{
	return refuse(m, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE,
	        "the request head is larger than this server takes");
}

static struct http_bounds bounds(const struct http_request *m)
{
	return (struct http_bounds){m->limits->head_bytes, m->limits->headers};
}

static int on_begin(llhttp_t *p)
{
	of(p)->reader.began = true;
	return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *m = of(p);
	const char *query = memchr(at, '?', n);
	size_t part = query ? (size_t)(query - at) : n;
	struct http_bounds b = bounds(m);

	if (m->query)
		part = 0;
	/* The path's limit first: it is the smaller one, so it is what is met first byte by byte,
	 * and the answer must not depend on where the kernel cut the request. */
	if (part >= sizeof(m->path) - m->path_len)
		return refuse(
		        m, HTTP_STATUS_URI_TOO_LONG, "the path is longer than this server takes");
	if (!http_reader_count(&m->reader, n, &b))
		return refuse_head(m);
	m->query |= query != NULL;
	memcpy(m->path + m->path_len, at, part);
	m->path_len = (uint16_t)(m->path_len + part);
	return 0;
}

static int on_name(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *m = of(p);
	struct http_bounds b = bounds(m);

	return http_reader_name(&m->reader, at, n, &b) ? 0 : refuse_head(m);
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *m = of(p);
	struct http_bounds b = bounds(m);

	return http_reader_value(&m->reader, at, n, &b) ? 0 : refuse_head(m);
}

static int on_field(llhttp_t *p)
{
	struct http_request *m = of(p);

	if (http_reader_is(&m->reader, "expect"))
		m->expect_continue = strcasecmp(m->reader.value, "100-continue") == 0;
	else if (m->handler->on_field && !m->reader.head_done)
		m->handler->on_field(m, m->reader.name, m->reader.value_len ? m->reader.value : "");
	http_reader_field_over(&m->reader);
	return 0;
}

/* "http://host/path", as a proxy would be asked, means the same as "/path". */
static void strip_authority(struct http_request *m)
{
	static const char scheme[] = "http://";
	const char *path;

	m->path[m->path_len] = '\0';
	if (strncasecmp(m->path, scheme, sizeof(scheme) - 1) != 0)
		return;
	path = strchr(m->path + sizeof(scheme) - 1, '/');
	if (!path)
		path = "/";
	m->path_len = (uint16_t)strlen(path);
	memmove(m->path, path, (size_t)m->path_len + 1);
}

static int on_head(llhttp_t *p)
{
	struct http_request *m = of(p);

	if (p->http_major != 1)
		return refuse(m, HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED, "expected HTTP/1.1");
	strip_authority(m);
	p->upgrade = 0;
	m->reader.head_done = true;
	m->method = (enum llhttp_method)p->method;
	m->keep_alive = llhttp_should_keep_alive(p);
	m->content_length = http_reader_content_length(&m->reader);
	if (m->content_length >= 0 && (uint64_t)m->content_length > m->limits->body_bytes)
		return refuse(m, HTTP_STATUS_PAYLOAD_TOO_LARGE,
		        "the body is larger than this server takes");
	m->handler->on_head(m);
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *m = of(p);

	if (n > m->limits->body_bytes - m->body_bytes)
		return refuse(m, HTTP_STATUS_PAYLOAD_TOO_LARGE,
		        "the body is larger than this server takes");
	m->body_bytes += n;
	if (n)
		m->handler->on_body(m, at, n);
	return 0;
}

static int on_extension(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *m = of(p);
	struct http_bounds b = bounds(m);

	(void)at;
	return http_reader_count(&m->reader, n, &b) ? 0 : refuse_head(m);
}

static int on_complete(llhttp_t *p)
{
	(void)p;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
        .on_message_begin = on_begin,
        .on_url = on_url,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_header_value_complete = on_field,
        .on_headers_complete = on_head,
        .on_body = on_body,
        .on_chunk_extension_name = on_extension,
        .on_chunk_extension_value = on_extension,
        .on_message_complete = on_complete,
};

static void start(struct http_request *m)
{
	m->path_len = 0;
	m->path[0] = '\0';
	m->query = m->expect_continue = m->keep_alive = false;
	m->content_length = -1;
	m->body_bytes = 0;
	m->status = 0;
	m->reason = NULL;
}

void http_request_init(struct http_request *m, const struct http_limits *limits,
        const struct http_request_handler *handler, void *ctx)
{
	http_reader_init(&m->reader, HTTP_REQUEST, &settings, m);
	m->limits = limits;
	m->handler = handler;
	m->ctx = ctx;
	start(m);
}

void http_request_next(struct http_request *m)
{
	http_reader_next(&m->reader);
	start(m);
}

static unsigned status_of(enum llhttp_errno error)
{
	switch (error) {
	case HPE_INVALID_VERSION:
	case HPE_PAUSED_H2_UPGRADE:
		return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
	default:
		return HTTP_STATUS_BAD_REQUEST;
	}
}

enum http_step http_request_feed(struct http_request *m, const char *data, size_t n, size_t *used)
{
	enum llhttp_errno error = llhttp_execute(&m->reader.parser, data, n);

	*used = n;
	if (error == HPE_OK)
		return HTTP_STEP_MORE;
	*used = http_reader_used(&m->reader, data, n);
	if (error == HPE_PAUSED)
		return HTTP_STEP_DONE;
	if (!m->status) {
		m->status = status_of(error);
		m->reason = llhttp_get_error_reason(&m->reader.parser);
	}
	if (!m->reason || !*m->reason)
		m->reason = "expected an HTTP/1.1 request";
	return HTTP_STEP_FAILED;
}

bool http_request_began(const struct http_request *m)
{
	return m->reader.began;
}
