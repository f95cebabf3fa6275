/* Messages in, heads out: limits and their answers, pipelining, every split. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "harness/base/check.h"
#include "harness/net/http.h"
#include "tests/support/run_suite.h"

struct seen {
	char body[512];
	size_t n;
	unsigned heads, empties;
	char tier[16];
};

static const struct http_limits limits = {.head_bytes = 512, .headers = 16, .body_bytes = 64};

static void request_field(struct http_request *m, const char *name, const char *value)
{
	struct seen *s = m->ctx;

	if (strcasecmp(name, "x-tier") == 0)
		snprintf(s->tier, sizeof(s->tier), "%s", value);
	else if (strcasecmp(name, "x-empty") == 0)
		s->empties += *value == '\0';
}

static void request_head(struct http_request *m)
{
	((struct seen *)m->ctx)->heads++;
}

static void request_body(struct http_request *m, const char *data, size_t n)
{
	struct seen *s = m->ctx;

	ck_assert_uint_lt(s->n + n, sizeof(s->body));
	memcpy(s->body + s->n, data, n);
	s->n += n;
	s->body[s->n] = '\0';
}

static const struct http_request_handler request_handler = {
        .on_field = request_field, .on_head = request_head, .on_body = request_body};

static void response_head(struct http_response *m)
{
	((struct seen *)m->ctx)->heads++;
}

static void response_body(struct http_response *m, const char *data, size_t n)
{
	struct seen *s = m->ctx;

	ck_assert_uint_lt(s->n + n, sizeof(s->body));
	memcpy(s->body + s->n, data, n);
	s->n += n;
	s->body[s->n] = '\0';
}

static const struct http_response_handler response_handler = {
        .on_head = response_head, .on_body = response_body};

static unsigned refusal(const char *text)
{
	struct seen s = {.n = 0};
	struct http_request m;
	size_t used;

	http_request_init(&m, &limits, &request_handler, &s);
	if (http_request_feed(&m, text, strlen(text), &used) != HTTP_STEP_FAILED)
		return 0;
	ck_assert_ptr_nonnull(m.reason);
	ck_assert_uint_gt(strlen(m.reason), 0);
	return m.status;
}

START_TEST(each_limit_has_its_own_answer)
{
	char text[4096];
	int n;

	ck_assert_uint_eq(refusal("garbage\r\n\r\n"), 400);
	ck_assert_uint_eq(refusal("\x16\x03\x01\x02\x01"), 400);
	ck_assert_uint_eq(refusal("GET / HTTP/3.0\r\n\r\n"), 505);
	ck_assert_uint_eq(refusal("GET / HTTP/1.1\r\nno colon here\r\n\r\n"), 400);
	ck_assert_uint_eq(refusal("POST / HTTP/1.1\r\ncontent-length: 9x\r\n\r\n"), 400);
	ck_assert_uint_eq(refusal("POST / HTTP/1.1\r\ncontent-length: 65\r\n\r\n"), 413);
	ck_assert_uint_eq(
	        refusal("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n41\r\n"
	                "0123456789012345678901234567890123456789012345678901234567890123456789"),
	        413);
	ck_assert_uint_eq(refusal("POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n"), 400);
	ck_assert_uint_eq(refusal("POST / HTTP/1.1\r\ncontent-length: 1\r\n"
	                          "transfer-encoding: chunked\r\n\r\n"),
	        400);
	snprintf(text, sizeof(text), "GET /%0300d HTTP/1.1\r\n\r\n", 0);
	ck_assert_uint_eq(refusal(text), 414);
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nx: %0600d\r\n\r\n", 0);
	ck_assert_uint_eq(refusal(text), 431);
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 17; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "a: b\r\n");
	ck_assert_uint_eq(refusal(text), 431);
	snprintf(text, sizeof(text),
	        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;x=%0600d\r\na\r\n", 0);
	ck_assert_uint_eq(refusal(text), 431);
}
END_TEST

/* Two pipelined requests, the second with a chunked body and a trailer: every split gives the same.
 */
START_TEST(pipelined_requests_in_every_split)
{
	static const char text[] =
	        "POST /v1/a?q=1 HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nX-Empty:\r\nX-Tier: "
	        "flex\r\n"
	        "Content-Length: 5\r\n\r\nhello"
	        "POST http://h:1/v1/b HTTP/1.1\r\nConnection: close\r\nUpgrade: h2c\r\n"
	        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nt: 1\r\n\r\n";
	const size_t n = sizeof(text) - 1;

	for (size_t cut = 0; cut <= n; cut++) {
		struct seen s = {.n = 0};
		struct http_request m;
		unsigned done = 0;
		size_t at = 0;

		http_request_init(&m, &limits, &request_handler, &s);
		while (at < n && done < 2) {
			size_t end = at < cut ? cut : n, used;
			enum http_step step = http_request_feed(&m, text + at, end - at, &used);

			at += used;
			ck_assert_int_ne(step, HTTP_STEP_FAILED);
			if (step == HTTP_STEP_MORE)
				continue;
			ck_assert_uint_eq(s.heads, ++done);
			ck_assert_int_eq(m.method, HTTP_POST);
			ck_assert_str_eq(m.path, done == 1 ? "/v1/a" : "/v1/b");
			ck_assert_str_eq(s.body, done == 1 ? "hello" : "abcde");
			ck_assert_int_eq(m.expect_continue, done == 1);
			ck_assert_int_eq(m.keep_alive, done == 1);
			ck_assert_int_eq(m.content_length, done == 1 ? 5 : -1);
			s.n = 0;
			http_request_next(&m);
			ck_assert(!http_request_began(&m));
		}
		ck_assert_uint_eq(done, 2);
		ck_assert_uint_eq(s.empties, 1);
		ck_assert_str_eq(s.tier, "flex");
		ck_assert_uint_eq(at, n);
	}
}
END_TEST

static void check_response(const char *text, size_t n, size_t cut, struct http_response *m,
        struct seen *s, size_t *total)
{
	enum http_step step = HTTP_STEP_MORE;
	size_t used;

	*s = (struct seen){.n = 0};
	*total = 0;
	http_response_init(m, &response_handler, s);
	while (*total < n && step == HTTP_STEP_MORE) {
		size_t end = *total < cut ? cut : n;

		step = http_response_feed(m, text + *total, end - *total, &used);
		*total += used;
	}
	ck_assert_int_eq(step, HTTP_STEP_DONE);
}

START_TEST(responses_in_every_split)
{
	static const char chunked[] =
	        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
	        "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
	        "\r\n0004\r\nabcd\r\n1\r\ne\r\n0\r\n\r\nrest";
	static const char length[] =
	        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 17\r\n"
	        "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
	struct http_response m;
	struct seen s;
	size_t total;

	for (size_t cut = 0; cut < sizeof(chunked); cut++) {
		check_response(chunked, sizeof(chunked) - 1, cut, &m, &s, &total);
		ck_assert_uint_eq(total, sizeof(chunked) - 1 - 4);
		ck_assert_uint_eq(m.status, 200);
		ck_assert(m.event_stream && m.keep_alive);
		ck_assert_int_eq(m.retry_after_s, -1);
		ck_assert_str_eq(s.body, "abcde");
		ck_assert_uint_eq(s.heads, 1);
	}
	for (size_t cut = 0; cut < sizeof(length); cut++) {
		check_response(length, sizeof(length) - 1, cut, &m, &s, &total);
		ck_assert_uint_eq(m.status, 429);
		ck_assert(!m.event_stream && m.keep_alive);
		ck_assert_int_eq(m.retry_after_s, 17);
		ck_assert_int_eq(m.content_length, 2);
		ck_assert_str_eq(s.body, "{}");
	}
}
END_TEST

START_TEST(the_end_of_the_connection_ends_or_truncates)
{
	static const struct {
		const char *text;
		enum http_step step;
	} cases[] = {
	        {"HTTP/1.0 200 OK\r\n\r\nall of it", HTTP_STEP_DONE},
	        {"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\npart", HTTP_STEP_FAILED},
	        {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n",
	                HTTP_STEP_FAILED},
	        {"HTTP/1.1 200 OK\r\ncontent-le", HTTP_STEP_FAILED},
	        {"", HTTP_STEP_FAILED},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct seen s = {.n = 0};
		struct http_response m;
		size_t used;

		http_response_init(&m, &response_handler, &s);
		ck_assert_int_eq(
		        http_response_feed(&m, cases[i].text, strlen(cases[i].text), &used),
		        HTTP_STEP_MORE);
		ck_assert_int_eq(http_response_eof(&m), cases[i].step);
		ck_assert(!m.keep_alive);
		ck_assert(cases[i].step == HTTP_STEP_DONE || m.reason);
	}
}
END_TEST

START_TEST(written_heads_are_read_back)
{
	struct http_head head = {.status = 429,
	        .content_type = "application/json",
	        .content_length = 2,
	        .keep_alive = true,
	        .extra = "retry-after: 3\r\n"};
	char text[512];
	struct http_response m;
	struct seen s;
	size_t n = http_write_head(text, sizeof(text), &head), total;

	ck_assert_uint_gt(n, 0);
	memcpy(text + n, "{}", 3);
	check_response(text, n + 2, n, &m, &s, &total);
	ck_assert_uint_eq(m.status, 429);
	ck_assert_int_eq(m.retry_after_s, 3);
	ck_assert_uint_eq(http_write_head(text, n, &head), 0);

	head = (struct http_head){
	        .status = 200, .content_type = "text/event-stream", .content_length = -1};
	n = http_write_head(text, sizeof(text), &head);
	memcpy(text + n + HTTP_CHUNK_PREFIX, "data: x\n\n", 9);
	n += http_chunk_frame(text + n, 9);
	memcpy(text + n, HTTP_CHUNK_END, sizeof(HTTP_CHUNK_END));
	check_response(text, n + sizeof(HTTP_CHUNK_END) - 1, 0, &m, &s, &total);
	ck_assert_str_eq(s.body, "data: x\n\n");
	ck_assert(m.event_stream && !m.keep_alive);

	n = http_write_request(
	        text, sizeof(text), "POST", "/v1/x", "h:1", "application/json", 5, NULL);
	ck_assert_uint_gt(n, 0);
	memcpy(text + n, "hello", 6);
	{
		struct http_request q;

		s = (struct seen){.n = 0};
		http_request_init(&q, &limits, &request_handler, &s);
		ck_assert_int_eq(http_request_feed(&q, text, n + 5, &total), HTTP_STEP_DONE);
		ck_assert_str_eq(q.path, "/v1/x");
		ck_assert_str_eq(s.body, "hello");
	}
}
END_TEST

START_TEST(parsers_are_small)
{
	ck_assert_uint_lt(sizeof(struct http_request), 1024);
	ck_assert_uint_lt(sizeof(struct http_response), 512);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http");

	add_test(s, "limits", each_limit_has_its_own_answer);
	add_test(s, "pipelining", pipelined_requests_in_every_split);
	add_test(s, "responses", responses_in_every_split);
	add_test(s, "eof", the_end_of_the_connection_ends_or_truncates);
	add_test(s, "writing", written_heads_are_read_back);
	add_test(s, "size", parsers_are_small);
	return run_suite(s);
}
