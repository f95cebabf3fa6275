/* Two ports behind one set of functions. A file is libpcap's: its writer, so that whatever reads
 * captures reads ours. An interface is a packet socket that never receives (protocol 0); frames go
 * to it in batches, because a system call each would cost more than everything else together. */
#include "emulator/mirror_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"

enum {
	FILE_HEAD_BYTES = 24, /* of a pcap file, and of a record in it */
	RECORD_HEAD_BYTES = 16,
	FILE_BUFFER_BYTES = 1 << 20,
	SNAPLEN = 65535,
	BATCH = 64,
};

/* An interface's: frames that wait for the next system call. */
struct batch {
	uint32_t n, critical;
	uint8_t bytes[BATCH][WIRE_BYTES_MAX];
	struct iovec part[BATCH];
	struct mmsghdr head[BATCH];
};

struct mirror_port {
	pcap_t *kind; /* a file's */
	pcap_dumper_t *file;
	char *buffer;
	uint64_t bytes, bytes_max;
	int fd; /* an interface's, -1 = none */
	struct batch *batch;
	struct mirror_counts counts;
	struct error err; /* the first; then nothing more is written */
};

/* --- opening
 * --------------------------------------------------------------------------------------- */

static enum status open_file(struct mirror_port *p, const char *path, struct error *err)
{
	FILE *f = fopen(path, "wbe");

	if (!f)
		return error_set(err, ERR_ENVIRONMENT, "cannot write the mirror's file %s: %s",
		        path, strerror(errno));
	p->buffer = mem_alloc(FILE_BUFFER_BYTES, 1);
	(void)setvbuf(f, p->buffer, _IOFBF, FILE_BUFFER_BYTES);
	p->kind = pcap_open_dead_with_tstamp_precision(
	        DLT_EN10MB, SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
	CHECK(p->kind != NULL);
	p->file = pcap_dump_fopen(p->kind, f);
	if (!p->file) {
		(void)fclose(f);
		return error_set(err, ERR_ENVIRONMENT, "cannot write the mirror's file %s: %s",
		        path, pcap_geterr(p->kind));
	}
	p->bytes = FILE_HEAD_BYTES;
	return ERR_NONE;
}

static enum status open_interface(
        struct mirror_port *p, const char *name, unsigned index, struct error *err)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)index};

	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->fd < 0 && (errno == EPERM || errno == EACCES))
		return error_set(err, ERR_ENVIRONMENT,
		        "no permission to write to interface %s: it needs CAP_NET_RAW; mirror to a "
		        "file (./%s), or run in a network namespace of your own (unshare -Urn)",
		        name, name);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return error_set(err, ERR_ENVIRONMENT, "cannot write to interface %s: %s", name,
		        strerror(errno));
	p->batch = mem_alloc(1, sizeof(*p->batch));
	for (uint32_t i = 0; i < BATCH; i++) {
		p->batch->part[i].iov_base = p->batch->bytes[i];
		p->batch->head[i].msg_hdr.msg_iov = &p->batch->part[i];
		p->batch->head[i].msg_hdr.msg_iovlen = 1;
	}
	return ERR_NONE;
}

void mirror_port_discard(struct mirror_port *p)
{
	if (!p)
		return;
	if (p->file)
		pcap_dump_close(p->file);
	if (p->kind)
		pcap_close(p->kind);
	if (p->fd >= 0)
		(void)close(p->fd);
	mem_free(p->buffer); /* behind the file that uses it */
	mem_free(p->batch);
	mem_free(p);
}

enum status mirror_port_open(
        struct mirror_port **out, const struct mirror_options *o, struct error *err)
{
	struct mirror_port *p = mem_alloc(1, sizeof(*p));
	unsigned index = o->file_only ? 0 : if_nametoindex(o->to);
	enum status st;

	p->fd = -1;
	p->bytes_max = o->bytes_max;
	st = index ? open_interface(p, o->to, index, err) : open_file(p, o->to, err);
	if (st) {
		mirror_port_discard(p);
		return st;
	}
	*out = p;
	return ERR_NONE;
}

/* --- writing
 * --------------------------------------------------------------------------------------- */

static void count(struct mirror_port *p, bool critical)
{
	p->counts.written++;
	p->counts.critical += critical;
}

static void write_file(struct mirror_port *p, const struct wire_message *m)
{
	uint8_t bytes[WIRE_BYTES_MAX];
	bpf_u_int32 n = (bpf_u_int32)wire_encode(m, bytes);
	/* In a file of this precision the "microseconds" are nanoseconds. */
	struct pcap_pkthdr head = {
	        .ts = {.tv_sec = m->sent_ns / NS_PER_S, .tv_usec = m->sent_ns % NS_PER_S},
	        .caplen = n,
	        .len = n};
	FILE *f = pcap_dump_file(p->file);

	if (p->bytes_max && p->bytes + RECORD_HEAD_BYTES + n > p->bytes_max) {
		p->bytes_max = p->bytes; /* nor a smaller one later: the file ends here */
		p->counts.left_out++;
		return;
	}
	pcap_dump((u_char *)p->file, &head, bytes);
	if (ferror(f)) {
		(void)error_set(&p->err, ERR_ENVIRONMENT, "cannot write the mirror's file: %s",
		        strerror(errno));
		p->counts.left_out++;
		return;
	}
	p->bytes += RECORD_HEAD_BYTES + n;
	count(p, m->critical);
}

/* The interface's queue may be full: that frame is lost, the next may not be. */
static bool is_passing(int error)
{
	return error == ENOBUFS || error == EAGAIN || error == EINTR;
}

static void send_batch(struct mirror_port *p)
{
	struct batch *b = p->batch;
	uint32_t at = 0;

	while (at < b->n && !p->err.code) {
		int n = sendmmsg(p->fd, b->head + at, b->n - at, 0);

		for (int i = 0; i < n; i++)
			count(p, b->bytes[at + (uint32_t)i][15] & 1);
		if (n > 0) {
			at += (uint32_t)n;
		} else if (is_passing(errno)) {
			at += errno != EINTR;
			p->counts.left_out += errno != EINTR;
		} else {
			(void)error_set(&p->err, ERR_ENVIRONMENT,
			        "cannot write to the mirror's interface: %s", strerror(errno));
		}
	}
	p->counts.left_out += b->n - at;
	b->n = 0;
}

void mirror_port_write(struct mirror_port *p, const struct wire_message *m)
{
	struct batch *b = p->batch;

	if (p->err.code) {
		p->counts.left_out++;
		return;
	}
	if (p->file) {
		write_file(p, m);
		return;
	}
	b->part[b->n].iov_len = wire_encode(m, b->bytes[b->n]);
	if (++b->n == BATCH)
		send_batch(p);
}

void mirror_port_flush(struct mirror_port *p)
{
	if (p->batch && p->batch->n)
		send_batch(p);
	if (p->file && pcap_dump_flush(p->file) < 0 && !p->err.code)
		(void)error_set(&p->err, ERR_ENVIRONMENT, "cannot write the mirror's file: %s",
		        strerror(errno));
}

bool mirror_port_is_live(const struct mirror_port *p)
{
	return p->fd >= 0;
}

struct mirror_counts mirror_port_counts(const struct mirror_port *p)
{
	return p->counts;
}

enum status mirror_port_close(struct mirror_port *p, struct error *err)
{
	enum status st;

	mirror_port_flush(p);
	st = p->err.code;
	if (st)
		(void)error_set(err, st, "%s", p->err.text);
	mirror_port_discard(p);
	return st;
}
