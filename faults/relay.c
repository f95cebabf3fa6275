/* One turn of the loop: read what has come, in both directions; let the faults do what is due; send
 * what is due; sleep. Nothing is polled: with nothing to hold and no fault to come the thread
 * sleeps until a frame, or the end.
 *
 * The kernel hands a packet socket not the bits of a wire but its own idea of a frame, and three
 * things are lost unless they are asked for: the VLAN tag (in the auxiliary data), the checksum
 * that a local sender leaves to the hardware (a partial sum is in the frame, PACKET_VNET_HDR says
 * where the rest belongs), and how a joined segment is to be cut (the same header). Without the
 * second, TCP through a relay between veth pairs would lose every packet. */
#include "faults/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/heap.h"
#include "harness/base/pool.h"
#include "harness/base/units.h"
#include "harness/net/clock.h"

enum {
	HEAD = sizeof(struct virtio_net_hdr),
	TAG = 4,               /* bytes of a VLAN tag */
	TAG_AT = 2 * ETH_ALEN, /* … which stands behind the addresses */
	SMALL = 2048 - 32,     /* frames up to any usual MTU */
	LARGE = HEAD + TAG + 65550 /* joined segments */,
	SMALL_MAX = 32768,
	LARGE_MAX = 1024, /* together 128 MiB, of which only what was touched counts */
	TURN = 64,        /* frames of a direction read in one turn */
	BUFFER_BYTES = 16 << 20,
};
#define STAMP_AGE_MAX NS_PER_S /* an older stamp tells of a clock that was set */
#define LARGE_BIT     (UINT64_C(1) << 63)

_Static_assert(HEAD == 10, "the header that PACKET_VNET_HDR means");

struct held {
	int64_t due;
	uint32_t n; /* bytes, header included */
	uint32_t direction;
	unsigned char bytes[];
};

struct port {
	int fd;
	const char *name;
	unsigned index;
};

struct relay {
	struct relay_config config;
	struct port ports[PACKET_DIRECTIONS];
	int64_t t0, ran_ns;
	uint64_t order; /* of frames, for those that go on at one instant */
	struct heap heap;
	struct pool small, large;
	struct relay_counts counts[PACKET_DIRECTIONS];
	struct histogram delays[PACKET_DIRECTIONS], lateness;
	int64_t came[PACKET_DIRECTIONS]; /* run time of the latest frame */
	unsigned char scratch[LARGE];
};

/* --- opening
 * --------------------------------------------------------------------------------------- */

static enum status refused(const struct port *p, const char *what, struct error *err)
{
	if (errno == EPERM)
		return error_set(err, ERR_ENVIRONMENT,
		        "no permission to open %s: a relay needs CAP_NET_RAW; run it as root, or "
		        "in "
		        "network namespaces of your own (unshare -Urn)",
		        p->name);
	return error_set(
	        err, ERR_ENVIRONMENT, "cannot open %s: %s: %s", p->name, what, strerror(errno));
}

static enum status check_ethernet(const struct port *p, struct error *err)
{
	struct ifreq req = {0};

	(void)strncpy(req.ifr_name, p->name, IFNAMSIZ - 1);
	if (ioctl(p->fd, SIOCGIFHWADDR, &req))
		return refused(p, "hardware type", err);
	if (req.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return error_set(err, ERR_ENVIRONMENT,
		        "expected an Ethernet interface, found %s of hardware type %u", p->name,
		        (unsigned)req.ifr_hwaddr.sa_family);
	return ERR_NONE;
}

/* Buffers beyond the limit of the machine where that is allowed, else as large as may be. */
static void enlarge(int fd)
{
	int bytes = BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static enum status set_options(const struct port *p, struct error *err)
{
	struct packet_mreq all = {.mr_ifindex = (int)p->index, .mr_type = PACKET_MR_PROMISC};
	const struct {
		int level, name;
		const char *what;
	} on[] = {{SOL_PACKET, PACKET_VNET_HDR, "checksums (PACKET_VNET_HDR)"},
	        {SOL_PACKET, PACKET_AUXDATA, "VLAN tags (PACKET_AUXDATA)"},
	        {SOL_PACKET, PACKET_IGNORE_OUTGOING, "PACKET_IGNORE_OUTGOING, of Linux 4.20"},
	        {SOL_SOCKET, SO_TIMESTAMPNS, "timestamps"}};
	int one = 1;

	for (size_t i = 0; i < ARRAY_LEN(on); i++)
		if (setsockopt(p->fd, on[i].level, on[i].name, &one, sizeof(one)))
			return refused(p, on[i].what, err);
	if (setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
		return refused(p, "promiscuous mode", err);
	enlarge(p->fd);
	return ERR_NONE;
}

/* Bound to its interface only when all is set: until then, protocol 0, it receives nothing. */
static enum status open_port(struct port *p, struct error *err)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	enum status st;

	p->fd = -1;
	p->index = if_nametoindex(p->name);
	if (!p->index)
		return error_set(err, ERR_ENVIRONMENT, "there is no interface %s", p->name);
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return refused(p, "packet socket", err);
	st = check_ethernet(p, err);
	if (!st)
		st = set_options(p, err);
	at.sll_ifindex = (int)p->index;
	if (!st && bind(p->fd, (const struct sockaddr *)&at, sizeof(at)))
		return refused(p, "bind", err);
	return st;
}

/* The first chunk of each pool is there before the first frame. */
static void prepare(struct relay *r)
{
	heap_init(&r->heap, SMALL_MAX + LARGE_MAX);
	pool_init(&r->small, sizeof(struct held) + SMALL, SMALL_MAX);
	pool_init(&r->large, sizeof(struct held) + LARGE, LARGE_MAX);
	pool_give(&r->small, pool_take(&r->small));
	pool_give(&r->large, pool_take(&r->large));
	for (unsigned i = 0; i < PACKET_DIRECTIONS; i++)
		histogram_init(&r->delays[i]);
	histogram_init(&r->lateness);
}

enum status relay_open(struct relay **out, const struct relay_config *config, struct error *err)
{
	struct relay *r;
	enum status st = ERR_NONE;

	*out = NULL;
	if (strcmp(config->interfaces[0], config->interfaces[1]) == 0)
		return error_set(err, ERR_USAGE, "expected two interfaces, found %s twice",
		        config->interfaces[0]);
	r = mem_alloc(1, sizeof(*r));
	r->config = *config;
	prepare(r);
	for (unsigned i = 0; i < PACKET_DIRECTIONS; i++)
		r->ports[i] = (struct port){.fd = -1, .name = config->interfaces[i]};
	for (unsigned i = 0; !st && i < PACKET_DIRECTIONS; i++)
		st = open_port(&r->ports[i], err);
	if (st)
		relay_free(r);
	else
		*out = r;
	return st;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < PACKET_DIRECTIONS; i++) {
		if (r->ports[i].fd >= 0)
			(void)close(r->ports[i].fd);
		histogram_free(&r->delays[i]);
	}
	histogram_free(&r->lateness);
	heap_free(&r->heap);
	pool_free(&r->small);
	pool_free(&r->large);
	mem_free(r);
}

/* --- a frame comes
 * --------------------------------------------------------------------------------- */

static int64_t run_time(const struct relay *r)
{
	return clock_now_ns() - r->t0;
}

/* What the kernel says beside the frame. */
struct beside {
	int64_t stamp; /* CLOCK_REALTIME; 0 = none */
	bool tagged;
	uint16_t tpid, tci;
};

static struct beside read_beside(struct msghdr *m)
{
	struct beside b = {0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			b.stamp = ts.tv_sec * NS_PER_S + ts.tv_nsec;
		} else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			struct tpacket_auxdata aux;

			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			b.tagged = (aux.tp_status & TP_STATUS_VLAN_VALID) != 0;
			b.tci = aux.tp_vlan_tci;
			b.tpid = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid
			                                                   : ETH_P_8021Q;
		}
	}
	return b;
}

/* Run time at which the kernel had the frame; never before the one before it. */
static int64_t came_at(struct relay *r, uint32_t direction, const struct beside *b)
{
	int64_t now = run_time(r), age = b->stamp ? clock_unix_ns() - b->stamp : 0;

	if (age < 0 || age > STAMP_AGE_MAX)
		age = 0;
	if (now - age > r->came[direction])
		r->came[direction] = now - age;
	return r->came[direction];
}

/* Puts the tag back, at the cost of what the header counts from the frame's start. */
static uint32_t put_tag(unsigned char *bytes, uint32_t n, const struct beside *b)
{
	struct virtio_net_hdr head;
	unsigned char *at = bytes + HEAD + TAG_AT;
	const unsigned char tag[TAG] = {(unsigned char)(b->tpid >> 8), (unsigned char)b->tpid,
	        (unsigned char)(b->tci >> 8), (unsigned char)b->tci};

	memmove(at + TAG, at, n - HEAD - TAG_AT);
	memcpy(at, tag, TAG);
	memcpy(&head, bytes, HEAD);
	if (head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		head.csum_start = (uint16_t)(head.csum_start + TAG);
	if (head.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		head.hdr_len = (uint16_t)(head.hdr_len + TAG);
	memcpy(bytes, &head, HEAD);
	return n + TAG;
}

static struct held *held_at(struct relay *r, uint64_t value)
{
	return pool_at(value & LARGE_BIT ? &r->large : &r->small, (uint32_t)value);
}

static void give_back(struct relay *r, uint64_t value)
{
	pool_give(value & LARGE_BIT ? &r->large : &r->small, (uint32_t)value);
}

static void hold(struct relay *r, uint32_t direction, int64_t came, int64_t due, uint32_t n)
{
	bool small = n <= SMALL;
	uint32_t index = pool_take(small ? &r->small : &r->large);
	uint64_t value = (small ? 0 : LARGE_BIT) | index;
	struct held *h;

	if (index == POOL_NONE) {
		r->counts[direction].overflowed++;
		return;
	}
	h = held_at(r, value);
	h->due = due;
	h->direction = direction;
	h->n = n;
	memcpy(h->bytes, r->scratch, n);
	CHECK(heap_push(&r->heap, due, r->order++, value));
	r->counts[direction].delayed += due > came;
	r->counts[direction].held++;
	histogram_add(&r->delays[direction], due - came);
}

static void step_faults(struct relay *r, int64_t now)
{
	const struct relay_timed *t = &r->config.timed;

	for (int64_t at = t->next_at(t->ctx); at <= now; at = t->next_at(t->ctx))
		t->step(t->ctx, at); /* at its own instant, however late we are */
}

static void take(struct relay *r, uint32_t direction, struct msghdr *m, uint32_t n)
{
	struct beside b = read_beside(m);
	int64_t came = came_at(r, direction, &b), due;

	r->counts[direction].received++;
	if (b.tagged)
		n = put_tag(r->scratch, n, &b);
	r->counts[direction].bytes += n - HEAD;
	step_faults(r, came);
	due = packet_link_pass(r->config.link, direction, came);
	if (due == PACKET_DROPPED)
		r->counts[direction].dropped++;
	else
		hold(r, direction, came, due, n);
}

/* Is the interface still there? An error of a socket may only tell that it is down for now. */
static enum status port_lives(const struct port *p, struct error *err)
{
	char name[IFNAMSIZ];

	if (if_indextoname(p->index, name))
		return ERR_NONE;
	return error_set(err, ERR_ENVIRONMENT, "interface %s is gone", p->name);
}

static enum status read_port(struct relay *r, uint32_t direction, struct error *err)
{
	const struct port *p = &r->ports[direction];

	for (unsigned i = 0; i < TURN; i++) {
		union {
			struct cmsghdr align;
			unsigned char bytes[256];
		} control;
		struct sockaddr_ll from = {0};
		struct iovec to = {r->scratch, LARGE - TAG};
		struct msghdr m = {.msg_name = &from,
		        .msg_namelen = sizeof(from),
		        .msg_iov = &to,
		        .msg_iovlen = 1,
		        .msg_control = &control,
		        .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(p->fd, &m, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return ERR_NONE;
		if (n < 0 && (errno == ENETDOWN || errno == ENXIO || errno == ENODEV))
			return port_lives(p, err);
		if (n < HEAD + ETH_HLEN || m.msg_flags & MSG_TRUNC)
			r->counts[direction].missed++;
		else if (from.sll_pkttype != PACKET_OUTGOING)
			take(r, direction, &m, (uint32_t)n);
	}
	return ERR_NONE;
}

/* --- a frame goes on
 * ------------------------------------------------------------------------------- */

static void send_due(struct relay *r)
{
	while (r->heap.n && heap_top(&r->heap)->key <= run_time(r)) {
		struct heap_entry e = heap_pop(&r->heap);
		struct held *h = held_at(r, e.value);
		struct relay_counts *c = &r->counts[h->direction];
		int64_t late = run_time(r) - h->due;
		ssize_t n = send(r->ports[1 - h->direction].fd, h->bytes, h->n, MSG_DONTWAIT);

		c->held--;
		if (n == (ssize_t)h->n) {
			c->forwarded++;
			histogram_add(&r->lateness, late > 0 ? late : 0);
		} else {
			c->unsent++;
		}
		give_back(r, e.value);
	}
}

/* --- the loop
 * -------------------------------------------------------------------------------------- */

static void count_missed(struct relay *r)
{
	for (unsigned i = 0; i < PACKET_DIRECTIONS; i++) {
		struct tpacket_stats stats;
		socklen_t n = sizeof(stats);

		if (!getsockopt(r->ports[i].fd, SOL_PACKET, PACKET_STATISTICS, &stats, &n))
			r->counts[i].missed += stats.tp_drops;
	}
}

/* Sleeps until a frame comes, a signal, or the next instant of anything. */
static void wait_for_any(struct relay *r, const sigset_t *unblocked)
{
	struct pollfd fds[PACKET_DIRECTIONS];
	int64_t next = r->config.for_ns, fault = r->config.timed.next_at(r->config.timed.ctx), left;
	struct timespec ts;

	for (unsigned i = 0; i < PACKET_DIRECTIONS; i++)
		fds[i] = (struct pollfd){.fd = r->ports[i].fd, .events = POLLIN};
	next = min_i64(next, fault);
	if (r->heap.n)
		next = min_i64(next, heap_top(&r->heap)->key);
	left = clock_left_ns(next, run_time(r));
	ts = (struct timespec){.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
	(void)ppoll(fds, PACKET_DIRECTIONS, next == NS_NEVER ? NULL : &ts, unblocked);
}

enum status relay_run(struct relay *r, struct error *err)
{
	enum status st = ERR_NONE;
	sigset_t stopping, before;

	(void)sigemptyset(&stopping);
	(void)sigaddset(&stopping, SIGINT);
	(void)sigaddset(&stopping, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &stopping, &before); /* they come while it sleeps */
	clock_sharpen_timers();
	r->t0 = clock_now_ns();
	while (!st && !*r->config.stop && run_time(r) < r->config.for_ns) {
		for (unsigned i = 0; !st && i < PACKET_DIRECTIONS; i++)
			st = read_port(r, i, err);
		step_faults(r, run_time(r));
		send_due(r);
		if (!st)
			wait_for_any(r, &before);
	}
	r->ran_ns = run_time(r);
	count_missed(r);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return st;
}

int64_t relay_ran_ns(const struct relay *r)
{
	return r->ran_ns;
}

struct relay_counts relay_counts(const struct relay *r, uint32_t direction)
{
	CHECK(direction < PACKET_DIRECTIONS);
	return r->counts[direction];
}

const struct histogram *relay_delays(const struct relay *r, uint32_t direction)
{
	CHECK(direction < PACKET_DIRECTIONS);
	return &r->delays[direction];
}

const struct histogram *relay_lateness(const struct relay *r)
{
	return &r->lateness;
}
