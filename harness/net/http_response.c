/* The client's side of HTTP. What is wrong with a response is data for the sample, so there are no
 * statuses here, only DONE and FAILED with a reason.
 *
 * An interim response (100, 103) is a message of its own to llhttp: it is passed over, and the
 * parser goes on in the same buffer. 101 would switch to a protocol nobody asked for. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "harness/net/http_private.h"

static const struct http_bounds limits = {.head_bytes = 64 << 10, .headers = 256};

static struct http_response *of(llhttp_t *p)
{
	return p->data;
}

static int refuse(struct http_response *m, const char *reason)
{
	m->reason = reason;
	return HPE_USER;
}

static int refuse_head(struct http_response *m)
{
	return refuse(m, "the response head is larger than 64 KiB or 256 fields");
}

static void start(struct http_response *m)
{
	m->status = 0;
	m->event_stream = m->keep_alive = false;
	m->retry_after_s = m->content_length = -1;
	m->body_bytes = 0;
	m->reason = NULL;
}

static int on_begin(llhttp_t *p)
{
	of(p)->reader.began = true;
	start(of(p)); /* also after an interim response */
	return 0;
}

static int on_text(llhttp_t *p, const char *at, size_t n) /* reason phrase, chunk extensions */
{
	(void)at;
	return http_reader_count(&of(p)->reader, n, &limits) ? 0 : refuse_head(of(p));
}

static int on_name(llhttp_t *p, const char *at, size_t n)
{
	return http_reader_name(&of(p)->reader, at, n, &limits) ? 0 : refuse_head(of(p));
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	return http_reader_value(&of(p)->reader, at, n, &limits) ? 0 : refuse_head(of(p));
}

/* Whole seconds; a date (the other form the standard allows) counts as absent. */
static int64_t parse_seconds(const char *text)
{
	enum { DIGITS_MAX = 9 };
	int64_t s = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > DIGITS_MAX || text[n])
		return -1;
	for (; *text; text++)
		s = s * 10 + (*text - '0');
	return s;
}

static bool is_event_stream(const char *type)
{
	static const char name[] = "text/event-stream";
	char after;

	if (strncasecmp(type, name, sizeof(name) - 1) != 0)
		return false;
	after = type[sizeof(name) - 1];
	return after == '\0' || after == ';' || after == ' ';
}

static int on_field(llhttp_t *p)
{
	struct http_response *m = of(p);

	if (http_reader_is(&m->reader, "content-type"))
		m->event_stream = is_event_stream(m->reader.value);
	else if (http_reader_is(&m->reader, "retry-after"))
		m->retry_after_s = parse_seconds(m->reader.value);
	http_reader_field_over(&m->reader);
	return 0;
}

static bool is_interim(const llhttp_t *p)
{
	return p->status_code < HTTP_STATUS_OK;
}

static int on_head(llhttp_t *p)
{
	struct http_response *m = of(p);

	if (p->status_code == HTTP_STATUS_SWITCHING_PROTOCOLS)
		return refuse(m, "the server switches protocols");
	if (p->http_major != 1)
		return refuse(m, "the response is not HTTP/1.x");
	p->upgrade = 0;
	if (is_interim(p))
		return 0;
	m->reader.head_done = true;
	m->status = p->status_code;
	m->content_length = http_reader_content_length(&m->reader);
	m->handler->on_head(m);
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http_response *m = of(p);

	m->body_bytes += n;
	if (n)
		m->handler->on_body(m, at, n);
	return 0;
}

static int on_complete(llhttp_t *p)
{
	if (is_interim(p))
		return 0;
	of(p)->keep_alive = llhttp_should_keep_alive(p);
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
        .on_message_begin = on_begin,
        .on_status = on_text,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_header_value_complete = on_field,
        .on_headers_complete = on_head,
        .on_body = on_body,
        .on_chunk_extension_name = on_text,
        .on_chunk_extension_value = on_text,
        .on_message_complete = on_complete,
};

void http_response_init(
        struct http_response *m, const struct http_response_handler *handler, void *ctx)
{
	http_reader_init(&m->reader, HTTP_RESPONSE, &settings, m);
	m->handler = handler;
	m->ctx = ctx;
	start(m);
}

void http_response_next(struct http_response *m)
{
	http_reader_next(&m->reader);
	start(m);
}

static enum http_step failed(struct http_response *m)
{
	if (!m->reason)
		m->reason = llhttp_get_error_reason(&m->reader.parser);
	if (!m->reason || !*m->reason)
		m->reason = "expected an HTTP/1.x response";
	return HTTP_STEP_FAILED;
}

enum http_step http_response_feed(struct http_response *m, const char *data, size_t n, size_t *used)
{
	enum llhttp_errno error = llhttp_execute(&m->reader.parser, data, n);

	*used = n;
	if (error == HPE_OK)
		return HTTP_STEP_MORE;
	*used = http_reader_used(&m->reader, data, n);
	return error == HPE_PAUSED ? HTTP_STEP_DONE : failed(m);
}

enum http_step http_response_eof(struct http_response *m)
{
	if (m->reader.head_done && llhttp_finish(&m->reader.parser) == HPE_PAUSED) {
		m->keep_alive = false;
		return HTTP_STEP_DONE;
	}
	m->reason = m->reader.began ? "the connection closed in mid-response"
	                            : "the connection closed before a response";
	return HTTP_STEP_FAILED;
}
