/* The event stream parser: the standard's own examples, and every split of them. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/prng.h"
#include "harness/net/sse.h"
#include "tests/support/run_suite.h"

enum { LIMIT = 256, LOG_MAX = 4096 };

struct log {
	char text[LOG_MAX];
	size_t n;
};

static void note(void *ctx, const struct sse_event *e)
{
	struct log *l = ctx;

	l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "[%.*s|%.*s|%.*s|%d]",
	        (int)e->type_len, e->type ? e->type : "", (int)e->id_len, e->id ? e->id : "",
	        (int)e->data_len, e->data, (int)e->retry_ms);
	ck_assert_uint_lt(l->n, sizeof(l->text));
}

static enum sse_status feed(struct sse_parser *p, const char *at, size_t n, struct log *l)
{
	char *exact = malloc(n + (n == 0)); /* a read past its end is seen by the sanitizer */
	enum sse_status status;

	memcpy(exact, at, n);
	status = sse_feed(p, exact, n, note, l);
	free(exact);
	return status;
}

static const struct {
	const char *stream, *events;
} cases[] = {
        {"data: a\n\n", "[||a|-1]"},
        {"data: YHOO\ndata: +2\ndata: 10\n\n", "[||YHOO\n+2\n10|-1]"},
        {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third "
         "event\n\n",
                "[|1|first event|-1][||second event|-1][|| third event|-1]"},
        {"data\n\ndata\ndata\n\ndata:", "[|||-1][||\n|-1]"},
        {"data:test\n\ndata: test\n\n", "[||test|-1][||test|-1]"},
        {"event: add\ndata: 7\r\n\r\nevent: del\rdata: 8\r\rdata: 9\r\n\n",
                "[add||7|-1][del||8|-1][||9|-1]"},
        {"\xef\xbb\xbf"
         "data: bom\n\ndata: \xef\xbb\xbf\n\n",
                "[||bom|-1][||\xef\xbb\xbf|-1]"},
        {"retry: 250\ndata: x\nretry: 1a\n\n", "[||x|250]"},
        {"id: 5\n\nevent: none\n\n\n\n\r\r\r\n", ""},
        {"data: a\nevent: mid\nid: 77\ndata: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\ndata: c\n\n",
                "[mid|77|a\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\nc|-1]"},
        {"dat: a\nDATA: b\ndatax: c\n:data: d\ndata : e\n\n", ""},
        {"data: [DONE]\n\n", "[||[DONE]|-1]"},
};

static void check_whole(struct pool *carry, size_t i)
{
	struct sse_parser p;
	struct log l = {.n = 0};

	sse_init(&p, carry, LIMIT);
	ck_assert_int_eq(feed(&p, cases[i].stream, strlen(cases[i].stream), &l), SSE_OK);
	ck_assert_str_eq(l.text, cases[i].events);
	sse_reset(&p);
	ck_assert_uint_eq(carry->live, 0);
}

START_TEST(whole_streams)
{
	struct pool carry;

	pool_init(&carry, LIMIT, 2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_whole(&carry, i);
	pool_free(&carry);
}
END_TEST

/* Every way to cut each stream into three, which includes every cut into two and byte by byte
 * joins. */
START_TEST(every_split_gives_the_same_events)
{
	struct pool carry;

	pool_init(&carry, LIMIT, 2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *s = cases[i].stream;
		size_t n = strlen(s);

		for (size_t a = 0; a <= n; a++)
			for (size_t b = a; b <= n; b++) {
				struct sse_parser p;
				struct log l = {.n = 0};

				sse_init(&p, &carry, LIMIT);
				ck_assert_int_eq(feed(&p, s, a, &l), SSE_OK);
				ck_assert_int_eq(feed(&p, s + a, b - a, &l), SSE_OK);
				ck_assert_int_eq(feed(&p, s + b, n - b, &l), SSE_OK);
				ck_assert_str_eq(l.text, cases[i].events);
				sse_reset(&p);
			}
	}
	ck_assert_uint_eq(carry.live, 0);
	pool_free(&carry);
}
END_TEST

START_TEST(byte_by_byte)
{
	struct pool carry;

	pool_init(&carry, LIMIT, 2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sse_parser p;
		struct log l = {.n = 0};

		sse_init(&p, &carry, LIMIT);
		for (const char *at = cases[i].stream; *at; at++)
			ck_assert_int_eq(feed(&p, at, 1, &l), SSE_OK);
		ck_assert_str_eq(l.text, cases[i].events);
		sse_reset(&p);
	}
	pool_free(&carry);
}
END_TEST

START_TEST(an_event_inside_one_buffer_takes_no_memory)
{
	struct pool carry;
	struct sse_parser p;
	struct log l = {.n = 0};

	pool_init(&carry, LIMIT, 1);
	sse_init(&p, &carry, LIMIT);
	ck_assert_int_eq(feed(&p, "data: a\n\ndata: b\n\n", 18, &l), SSE_OK);
	ck_assert_uint_eq(carry.capacity, 0);
	ck_assert_str_eq(l.text, "[||a|-1][||b|-1]");
	pool_free(&carry);
}
END_TEST

/* The limit falls at the same byte for every split, and the failure stays. */
START_TEST(too_long_is_refused_at_the_same_byte)
{
	for (size_t cut = 0; cut <= LIMIT; cut++)
		for (size_t extra = 0; extra < 2; extra++) {
			char stream[LIMIT + 8];
			struct pool carry;
			struct sse_parser p;
			struct log l = {.n = 0};
			size_t n = LIMIT + extra;
			enum sse_status want = extra ? SSE_TOO_LONG : SSE_OK;

			memset(stream, 'x', n);
			memcpy(stream, "data: ", 6);
			memcpy(stream + n - 2, "\n\n", 2);
			pool_init(&carry, LIMIT, 2);
			sse_init(&p, &carry, LIMIT);
			(void)feed(&p, stream, cut, &l);
			ck_assert_int_eq(feed(&p, stream + cut, n - cut, &l), want);
			ck_assert_int_eq(feed(&p, "data: y\n\n", 9, &l), want);
			ck_assert_int_eq(l.n > 0, !extra);
			sse_reset(&p);
			ck_assert_uint_eq(carry.live, 0);
			pool_free(&carry);
		}
}
END_TEST

START_TEST(an_empty_pool_is_told)
{
	struct pool carry;
	struct sse_parser p, q;
	struct log l = {.n = 0};

	pool_init(&carry, LIMIT, 1);
	sse_init(&p, &carry, LIMIT);
	sse_init(&q, &carry, LIMIT);
	ck_assert_int_eq(feed(&p, "data: a", 7, &l), SSE_OK);
	ck_assert_int_eq(feed(&q, "data: b", 7, &l), SSE_NO_MEMORY);
	sse_reset(&p);
	sse_reset(&q);
	ck_assert_int_eq(feed(&q, "data: b", 7, &l), SSE_OK);
	sse_reset(&q);
	pool_free(&carry);
}
END_TEST

/* Random streams of the bytes that matter, cut at random: the whole is the model of the parts. */
START_TEST(random_streams_split_at_random)
{
	static const char alphabet[] = "d:\n\r data:\n\nx";
	struct prng r = prng_stream(7, "sse");
	struct pool carry;

	pool_init(&carry, LIMIT, 2);
	for (int round = 0; round < 3000; round++) {
		struct log whole = {.n = 0}, parts = {.n = 0};
		char stream[120];
		struct sse_parser p;
		size_t n = sizeof(stream);

		for (size_t i = 0; i < n; i++)
			stream[i] = alphabet[prng_below(prng_next(&r), sizeof(alphabet) - 1)];
		sse_init(&p, &carry, LIMIT);
		ck_assert_int_eq(feed(&p, stream, n, &whole), SSE_OK);
		sse_reset(&p);
		for (size_t at = 0; at < n;) {
			size_t part = 1 + prng_below(prng_next(&r), 9);

			part = part < n - at ? part : n - at;
			ck_assert_int_eq(feed(&p, stream + at, part, &parts), SSE_OK);
			at += part;
		}
		sse_reset(&p);
		ck_assert_str_eq(whole.text, parts.text);
	}
	pool_free(&carry);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sse");

	add_test(s, "whole", whole_streams);
	add_test(s, "splits", every_split_gives_the_same_events);
	add_test(s, "bytes", byte_by_byte);
	add_test(s, "copies", an_event_inside_one_buffer_takes_no_memory);
	add_test(s, "limit", too_long_is_refused_at_the_same_byte);
	add_test(s, "memory", an_empty_pool_is_told);
	add_test(s, "random", random_streams_split_at_random);
	return run_suite(s);
}
