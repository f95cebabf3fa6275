#include "emulator/mirror.h"
#include "harness/base/arena.h"
#include "harness/base/check.h"
#include "harness/base/units.h"
#include "tests/support/run_suite.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 40000, FILE_HEAD = 24, RECORD = 16 };

static char path[] = "/tmp/mirror_test.XXXXXX", other[] = "/tmp/mirror_test.XXXXXX";

static void set_up(void)
{
	int a = mkstemp(path), b = mkstemp(other);

	ck_assert(a >= 0 && b >= 0);
	(void)close(a);
	(void)close(b);
}

static void tear_down(void)
{
	(void)unlink(path);
	(void)unlink(other);
}

/* A data move, but each fifth one is a poll. */
static struct wire_message nth(uint32_t i)
{
	return (struct wire_message){
	        .sent_ns = i * INT64_C(1234567891),
	        .plane = i % 5 ? WIRE_DATA : WIRE_CONTROL,
	        .critical = i % 5 != 0,
	        .from = {0, 1, WIRE_NONE},
	        .to = {0, 2, WIRE_NONE},
	        .request = i,
	};
}

static struct mirror_counts write_many(const char *to, uint32_t n, bool behind, uint64_t bytes_max)
{
	struct mirror *m = NULL;
	struct error err = ERROR_INIT;
	struct mirror_counts counts;

	ck_assert(!mirror_open(&m,
	        &(struct mirror_options){
	                .to = to, .file_only = true, .behind = behind, .bytes_max = bytes_max},
	        &err));
	ck_assert(!mirror_is_live(m));
	for (uint32_t i = 0; i < n; i++) {
		struct wire_message msg = nth(i);

		mirror_message(m, &msg);
	}
	mirror_drain(m);
	counts = mirror_counts(m);
	ck_assert(!mirror_close(m, &err));
	return counts;
}

static char *read_all(const char *from, size_t *n)
{
	FILE *f = fopen(from, "rb");
	char *bytes = mem_alloc((size_t)1 << 24, 1);

	ck_assert(f != NULL);
	*n = fread(bytes, 1, (size_t)1 << 24, f);
	ck_assert(feof(f));
	(void)fclose(f);
	return bytes;
}

/* Reads by libpcap what was written; returns how many. */
static uint32_t check_file(const char *from)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(from, PCAP_TSTAMP_PRECISION_NANO, text);
	struct pcap_pkthdr *head;
	const u_char *bytes;
	uint32_t n = 0;

	ck_assert_msg(p != NULL, "%s", text);
	ck_assert_int_eq(pcap_datalink(p), DLT_EN10MB);
	for (; pcap_next_ex(p, &head, &bytes) == 1; n++) {
		struct wire_message want = nth(n), got;
		uint8_t frame[WIRE_BYTES_MAX];
		size_t len = wire_encode(&want, frame);

		ck_assert_int_eq(head->ts.tv_sec, want.sent_ns / NS_PER_S);
		ck_assert_int_eq(head->ts.tv_usec, want.sent_ns % NS_PER_S);
		ck_assert_uint_eq(head->caplen, len);
		ck_assert_uint_eq(head->len, len);
		ck_assert_mem_eq(bytes, frame, len);
		ck_assert(wire_decode(bytes, head->caplen, &got));
	}
	pcap_close(p);
	return n;
}

START_TEST(a_file_holds_what_was_told)
{
	struct mirror_counts counts = write_many(path, 1000, false, 0);

	ck_assert_uint_eq(counts.written, 1000);
	ck_assert_uint_eq(counts.critical, 800);
	ck_assert_uint_eq(counts.left_out, 0);
	ck_assert_uint_eq(check_file(path), 1000);
}
END_TEST

START_TEST(its_bytes_depend_on_the_messages_alone)
{
	size_t n, k;
	char *a, *b;

	(void)write_many(path, 5000, false, 0);
	(void)write_many(other, 5000, false, 0);
	a = read_all(path, &n);
	b = read_all(other, &k);
	ck_assert_uint_eq(n, k);
	ck_assert_mem_eq(a, b, n);
	mem_free(a);
	mem_free(b);
}
END_TEST

START_TEST(from_behind_it_is_the_same_but_for_what_is_left_out)
{
	struct mirror_counts counts = write_many(path, MANY, true, 0);

	ck_assert_uint_eq(counts.written + counts.left_out, MANY);
	/* The ring holds them all, so nothing is left out however slow the writer is. */
	ck_assert_uint_eq(counts.left_out, 0);
	ck_assert_uint_eq(counts.critical, MANY * 4 / 5);
	ck_assert_uint_eq(check_file(path), MANY);
}
END_TEST

START_TEST(what_a_writer_cannot_keep_up_with_is_counted)
{
	/* Ten rings, told without a pause. */
	struct mirror_counts counts = write_many(path, 10 << 16, true, 0);
	char text[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *bytes;
	uint64_t n = 0;
	pcap_t *p = pcap_open_offline(path, text);

	while (pcap_next_ex(p, &head, &bytes) == 1)
		n++;
	pcap_close(p);
	ck_assert_uint_eq(counts.written + counts.left_out, 10 << 16);
	ck_assert_uint_eq(counts.written, n);
	ck_assert_uint_ge(n, 1 << 16);
}
END_TEST

START_TEST(a_file_ends_at_its_limit)
{
	/* Room for the head, a poll and two moves, but not for the third. */
	const uint64_t limit = FILE_HEAD + 3 * RECORD + WIRE_UDP_BYTES + 3 * WIRE_FRAME_BYTES;
	struct mirror_counts counts = write_many(path, 100, false, limit);
	size_t n;

	ck_assert_uint_eq(counts.written, 3);
	ck_assert_uint_eq(counts.left_out, 97);
	ck_assert_uint_eq(check_file(path), 3);
	mem_free(read_all(path, &n));
	ck_assert_uint_le(n, limit);
}
END_TEST

START_TEST(a_file_that_cannot_be_made)
{
	struct mirror *m = NULL;
	struct error err = ERROR_INIT;

	ck_assert_int_eq(
	        mirror_open(&m, &(struct mirror_options){.to = "/nonexistent/x.pcap"}, &err),
	        ERR_ENVIRONMENT);
	ck_assert(m == NULL);
	ck_assert_msg(strstr(err.text, "/nonexistent/x.pcap") != NULL, "%s", err.text);
	ck_assert(!mirror_close(NULL, &err));
}
END_TEST

/* The disk is full: the model goes on, and it is told at the end. */
START_TEST(a_disk_that_is_full_disturbs_nobody)
{
	struct mirror *m = NULL;
	struct error err = ERROR_INIT;
	struct mirror_counts counts;

	ck_assert(!mirror_open(&m,
	        &(struct mirror_options){.to = "/dev/full", .file_only = true, .behind = _i == 1},
	        &err));
	for (uint32_t i = 0; i < MANY; i++) {
		struct wire_message msg = nth(i);

		mirror_message(m, &msg);
	}
	mirror_drain(m);
	counts = mirror_counts(m);
	ck_assert_uint_eq(counts.written + counts.left_out, MANY);
	ck_assert_uint_gt(counts.left_out, 0);
	ck_assert_int_eq(mirror_close(m, &err), ERR_ENVIRONMENT);
	ck_assert_msg(strstr(err.text, "No space left") != NULL, "%s", err.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mirror");
	TCase *t = tcase_create("file");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_file_holds_what_was_told);
	tcase_add_test(t, its_bytes_depend_on_the_messages_alone);
	tcase_add_test(t, from_behind_it_is_the_same_but_for_what_is_left_out);
	tcase_add_test(t, what_a_writer_cannot_keep_up_with_is_counted);
	tcase_add_test(t, a_file_ends_at_its_limit);
	tcase_add_test(t, a_file_that_cannot_be_made);
	tcase_add_loop_test(t, a_disk_that_is_full_disturbs_nobody, 0, 2);
	suite_add_tcase(s, t);
	return run_suite(s);
}
