/* Class filters and files, by libpcap.
 *
 * libpcap reads from a FILE of ours (fopencookie) instead of opening the file itself. So the bytes
 * pass by here once, in large pieces, on their way through stdio: what pcapng says beside the
 * packets is seen (capture_blocks.h), the place of a cut is known to the byte, pipes and files are
 * alike, and a signal ends a read. The FILE is used by one thread, so its lock is left out. */
#include "reports/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/units.h"
#include "reports/capture_blocks.h"
#include "reports/capture_feed.h"

enum {
	BUFFER_BYTES = 256 * 1024, /* stays in the second-level cache between stdio and libpcap */
	EXPRESSION_BYTES_MAX = 16384,
	SNAPLEN = 262144,
};

/* --- class filters ------------------------------------------------------------------------ */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || c == ':';
}

/* Filters see frames without tags: one that asks for a tag would never match, and pass as a class
 * without traffic. */
static bool asks_for_tags(const char *expression)
{
	size_t n;

	for (const char *p = expression; *p; p += n) {
		for (n = 0; is_word(p[n]); n++)
			;
		if (n == 4 && memcmp(p, "vlan", 4) == 0)
			return true;
		n += n == 0;
	}
	return false;
}

static enum status keep(struct jval v, const char *expression, const struct bpf_program *program,
        struct arena *arena, struct filter *out, struct error *err)
{
	if (program->bf_len > FILTER_INSNS_MAX)
		return json_error(v, err, "the filter '%.64s' is too long: %u instructions of %d",
		        expression, program->bf_len, FILTER_INSNS_MAX);
	out->n = program->bf_len;
	out->insns = ARENA_ARRAY(arena, struct filter_insn, out->n);
	for (uint32_t i = 0; i < out->n; i++) {
		const struct bpf_insn *b = &program->bf_insns[i];

		out->insns[i] =
		        (struct filter_insn){.code = b->code, .jt = b->jt, .jf = b->jf, .k = b->k};
	}
	CHECK(filter_is_sound(out));
	return ERR_NONE;
}

static enum status compile(void *ctx, struct jval v, const char *expression, struct arena *arena,
        struct filter *out, struct error *err)
{
	struct bpf_program program;
	pcap_t *p;

	(void)ctx;
	if (strlen(expression) > EXPRESSION_BYTES_MAX)
		return json_error(v, err, "the filter '%.64s…' is longer than %d bytes", expression,
		        EXPRESSION_BYTES_MAX);
	if (asks_for_tags(expression))
		return json_error(v, err,
		        "the filter '%.128s' asks for VLAN tags, which are removed before filters "
		        "are asked",
		        expression);
	p = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	CHECK(p);
	if (pcap_compile(p, &program, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		(void)json_expected(v, err, "a libpcap filter (%s)", pcap_geterr(p));
	} else {
		(void)keep(v, expression, &program, arena, out, err);
		pcap_freecode(&program);
	}
	pcap_close(p);
	return err->code;
}

struct audit_compiler capture_compiler(void)
{
	return (struct audit_compiler){.compile = compile};
}

/* --- the bytes of a file ------------------------------------------------------------------ */

struct stream {
	int fd;
	bool pipe;        /* standard input: SIGINT does not end it */
	bool interrupted; /* by *stop, in the middle */
	const volatile sig_atomic_t *stop;
	uint64_t at; /* bytes that libpcap was given */
	struct capture_blocks blocks;
	char buffer[BUFFER_BYTES];
};

static bool stops(const struct stream *s)
{
	int number = s->stop ? *s->stop : 0;

	return number && !(s->pipe && number == SIGINT);
}

static ssize_t stream_read(void *cookie, char *buf, size_t room)
{
	struct stream *s = cookie;
	ssize_t n;

	do {
		if (stops(s)) {
			s->interrupted = true;
			return 0;
		}
		n = read(s->fd, buf, room);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		s->at += (uint64_t)n;
		capture_blocks_feed(&s->blocks, (const uint8_t *)buf, (size_t)n);
	}
	return n;
}

static enum status no_capture(const char *path, const char *why, struct error *err)
{
	return error_set(err, ERR_USAGE, "expected a capture, found '%s': %s", path, why);
}

static enum status open_path(struct stream *s, const char *path, struct error *err)
{
	struct stat st;

	if (strcmp(path, "-") == 0) {
		s->pipe = true;
		s->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	}
	if (s->fd < 0 || fstat(s->fd, &st))
		return no_capture(path, errno == ENOENT ? "no such file" : strerror(errno), err);
	if (S_ISDIR(st.st_mode))
		return no_capture(path, "it is a directory", err);
	if (isatty(s->fd))
		return no_capture(path, "it is a terminal", err);
	return ERR_NONE;
}

/* Formats that people compress captures with, by their first bytes. */
static const char *compression(const char *head)
{
	static const struct {
		char magic[4];
		size_t n;
		const char *program;
	} known[] = {
	        {"\x1f\x8b", 2, "zcat"},
	        {"\x28\xb5\x2f\xfd", 4, "zstdcat"},
	        {"\xfd"
	         "7zX",
	                4, "xzcat"},
	        {"BZh", 3, "bzcat"},
	        {"\x04\x22\x4d\x18", 4, "lz4cat"},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (memcmp(head, known[i].magic, known[i].n) == 0)
			return known[i].program;
	return NULL;
}

static enum status not_opened(
        const struct stream *s, const char *path, const char *why, struct error *err)
{
	const char *program = s->at >= 4 ? compression(s->buffer) : NULL;

	if (s->at == 0)
		return no_capture(path, "it is empty", err);
	if (program)
		return error_set(err, ERR_USAGE,
		        "expected a capture, found '%s': it is compressed; %s it into --pcap -",
		        path, program);
	return no_capture(path, why, err);
}

/* --- files -------------------------------------------------------------------------------- */

struct reader {
	struct stream stream;
	pcap_t *pcap; /* owns the FILE, and with it the stream's descriptor */
};

/* Of the FILE, which libpcap closes: the reader itself stays. */
static int stream_close(void *cookie)
{
	struct stream *s = cookie;
	int fd = s->fd;

	s->fd = -1;
	return close(fd);
}

static void reader_free(struct reader *r)
{
	if (r->pcap)
		pcap_close(r->pcap);
	if (r->stream.fd >= 0)
		(void)close(r->stream.fd);
	mem_free(r);
}

static enum status reader_pcap(struct reader *r, const char *path, struct error *err)
{
	static const cookie_io_functions_t calls = {.read = stream_read, .close = stream_close};
	char why[PCAP_ERRBUF_SIZE] = "";
	FILE *f = fopencookie(&r->stream, "r", calls);

	CHECK(f);
	(void)setvbuf(f, r->stream.buffer, _IOFBF, BUFFER_BYTES);
	(void)__fsetlocking(f, FSETLOCKING_BYCALLER);
	r->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!r->pcap) {
		(void)not_opened(&r->stream, path, why, err);
		(void)fclose(f);
		return err->code;
	}
	return capture_link_known(r->pcap, path, err);
}

static enum status reader_open(
        struct reader **out, const char *path, const volatile sig_atomic_t *stop, struct error *err)
{
	struct reader *r = mem_alloc(1, sizeof(*r));

	r->stream.fd = -1;
	r->stream.stop = stop;
	capture_blocks_init(&r->stream.blocks);
	if (open_path(&r->stream, path, err) || reader_pcap(r, path, err)) {
		reader_free(r);
		return err->code;
	}
	*out = r;
	return ERR_NONE;
}

enum status capture_check(const char *path, struct error *err)
{
	struct reader *r;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return ERR_NONE;
	if (strcmp(path, "-") == 0)
		return ERR_NONE;
	if (reader_open(&r, path, NULL, err) == ERR_NONE)
		reader_free(r);
	return err->code;
}

/* Where the file ended early, in words. */
static void say_cut(struct capture_end *end, const struct reader *r, const char *why)
{
	end->cut = true;
	(void)snprintf(end->why, sizeof(end->why),
	        "after packet %" PRIu64 ", %" PRIu64 " bytes read: %s", end->packets, r->stream.at,
	        why);
}

static enum status read_all(struct audit *a, struct reader *r, const char *path,
        struct capture_end *end, struct error *err)
{
	struct capture_feed feed = {.audit = a, .pcap = r->pcap, .stop = r->stream.stop};
	const struct capture_blocks *blocks = &r->stream.blocks;
	int rc;

	if (r->stream.pipe)
		feed.stop = NULL; /* stream_read knows which signals end it */
	rc = pcap_loop(r->pcap, -1, capture_feed_packet, (u_char *)&feed);
	end->packets = feed.packets;
	if (rc == PCAP_ERROR && blocks->mixed)
		return no_capture(path, pcap_geterr(r->pcap), err);
	if (r->stream.interrupted || rc == PCAP_ERROR_BREAK)
		say_cut(end, r, "interrupted");
	else if (rc == PCAP_ERROR)
		say_cut(end, r, pcap_geterr(r->pcap));
	if (end->cut)
		audit_doubt(a, DOUBT_CUT, 1);
	if (blocks->unread)
		audit_doubt(a, DOUBT_BROKEN, 1);
	audit_dropped(a, capture_blocks_dropped(blocks));
	return ERR_NONE;
}

enum status capture_file(struct audit *a, const char *path, const char *name,
        const volatile sig_atomic_t *stop, struct capture_end *end, struct error *err)
{
	struct capture_end mine;
	struct reader *r;
	uint32_t snaplen;

	if (!end)
		end = &mine;
	*end = (struct capture_end){0};
	if (reader_open(&r, path, stop, err))
		return err->code;
	snaplen = (uint32_t)pcap_snapshot(r->pcap);
	audit_begin(a, name, pcap_datalink(r->pcap), capture_link_name(r->pcap), snaplen, false);
	(void)read_all(a, r, path, end, err);
	reader_free(r);
	return err->code;
}
