/* Capturing on an interface: open with privileges, lose them, read.
 *
 * Blocks of the kernel's ring (TPACKET_V3) come when they are full or TICK_MS old. At the end the
 * last one is still waited for: what was on the wire before the end belongs to the capture. Reading
 * is done in bounded portions, so that a flood cannot keep us past the end. */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/units.h"
#include "harness/net/clock.h"
#include "harness/net/demote.h"
#include "reports/capture_feed.h"

enum {
	TICK_MS = 100,
	SNAPLEN = 262144,
	BUFFER_BYTES = 16 << 20,
	PORTION = 4096, /* packets between two looks at clock and flag */
};

/* Interfaces by name, as many as fit. */
static void list_interfaces(char *buf, size_t n)
{
	struct if_nameindex *all = if_nameindex();
	size_t used = 0;

	buf[0] = '\0';
	for (struct if_nameindex *i = all; i && i->if_name; i++) {
		int more = snprintf(buf + used, n - used, "%s%s", used ? ", " : "", i->if_name);

		if (more < 0 || (size_t)more >= n - used)
			break;
		used += (size_t)more;
	}
	if (all)
		if_freenameindex(all);
}

static enum status no_interface(const char *name, struct error *err)
{
	char there[256];

	list_interfaces(there, sizeof(there));
	return error_set(err, ERR_ENVIRONMENT, "no interface '%s'; there are: %s", name, there);
}

static enum status not_active(pcap_t *p, int rc, const char *name, struct error *err)
{
	const char *why = pcap_geterr(p);

	if (rc == PCAP_ERROR_PERM_DENIED || rc == PCAP_ERROR_PROMISC_PERM_DENIED)
		return error_set(err, ERR_ENVIRONMENT,
		        "no permission to capture on '%s': it takes CAP_NET_RAW (root, or setcap "
		        "cap_net_raw+ep on the program). Without it: audit a capture file "
		        "(--pcap), "
		        "or interfaces of an unprivileged user namespace (unshare -Urn)",
		        name);
	if (rc == PCAP_ERROR_NO_SUCH_DEVICE)
		return no_interface(name, err);
	return error_set(err, ERR_ENVIRONMENT, "cannot capture on '%s': %s", name,
	        why[0] ? why : pcap_statustostr(rc));
}

static enum status open_live(pcap_t **out, const struct capture_live *o, struct error *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p;
	int rc;

	if (strcmp(o->interface, "any") != 0 && if_nametoindex(o->interface) == 0)
		return no_interface(o->interface, err);
	p = pcap_create(o->interface, why);
	if (!p)
		return error_set(
		        err, ERR_ENVIRONMENT, "cannot capture on '%s': %s", o->interface, why);
	(void)pcap_set_snaplen(p, o->snaplen ? (int)o->snaplen : SNAPLEN);
	(void)pcap_set_promisc(p, strcmp(o->interface, "any") != 0);
	(void)pcap_set_timeout(p, TICK_MS);
	(void)pcap_set_buffer_size(p, o->buffer_bytes ? (int)o->buffer_bytes : BUFFER_BYTES);
	(void)pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
	rc = pcap_activate(p);
	if (rc < 0) {
		(void)not_active(p, rc, o->interface, err);
	} else if (pcap_get_tstamp_precision(p) != PCAP_TSTAMP_PRECISION_NANO) {
		(void)error_set(err, ERR_ENVIRONMENT,
		        "'%s' does not stamp its packets in nanoseconds", o->interface);
	} else if (capture_link_known(p, o->interface, err) == ERR_NONE &&
	           pcap_setnonblock(p, 1, why) == PCAP_ERROR) {
		(void)error_set(
		        err, ERR_ENVIRONMENT, "cannot capture on '%s': %s", o->interface, why);
	}
	if (err->code)
		pcap_close(p);
	else
		*out = p;
	return err->code;
}

static bool stopped(const struct capture_live *o)
{
	return o->stop && *o->stop;
}

/* Until something is there, a tick is over, or the end has come. */
static void wait_for_packets(pcap_t *p, int64_t left_ns)
{
	struct pollfd fd = {.fd = pcap_get_selectable_fd(p), .events = POLLIN};
	int64_t tick = min_i64(left_ns, TICK_MS * NS_PER_MS);

	(void)poll(&fd, 1, (int)ceil_div_i64(tick, NS_PER_MS)); /* a signal ends it, too */
}

/* Packets until the end and a tick; then what is there, but not for ever. */
static int read_packets(struct capture_feed *feed, const struct capture_live *o)
{
	int64_t now = clock_now_ns(), last;
	int64_t end = o->for_ns ? now + o->for_ns : CLOCK_NEVER;
	int rc = 0;

	while (rc >= 0 && now < end && !stopped(o)) {
		rc = pcap_dispatch(feed->pcap, PORTION, capture_feed_packet, (u_char *)feed);
		now = clock_now_ns();
		if (rc == 0 && now < end && !stopped(o))
			wait_for_packets(feed->pcap, clock_left_ns(end, now));
		now = clock_now_ns();
	}
	last = now + 2 * TICK_MS * NS_PER_MS;
	while (rc >= 0 && now < last) {
		rc = pcap_dispatch(feed->pcap, PORTION, capture_feed_packet, (u_char *)feed);
		if (rc == 0)
			clock_sleep_until(min_i64(last, now + TICK_MS * NS_PER_MS / 4));
		now = clock_now_ns();
	}
	return rc;
}

static void tell_dropped(struct audit *a, pcap_t *p)
{
	struct pcap_stat stat = {0};

	if (pcap_stats(p, &stat) == 0)
		audit_dropped(a, (uint64_t)stat.ps_drop + stat.ps_ifdrop);
	else
		audit_doubt(a, DOUBT_DROPPED, 1); /* nobody knows: as good as one */
}

enum status capture_live(
        struct audit *a, const struct capture_live *o, struct capture_end *end, struct error *err)
{
	struct capture_feed feed = {.audit = a};
	struct capture_end mine;

	if (!end)
		end = &mine;
	*end = (struct capture_end){0};
	if (open_live(&feed.pcap, o, err))
		return err->code;
	if (demote_process(err) || (o->opened && o->opened(o->ctx, err))) {
		pcap_close(feed.pcap);
		return err->code;
	}
	audit_begin(a, o->interface, pcap_datalink(feed.pcap), capture_link_name(feed.pcap),
	        (uint32_t)pcap_snapshot(feed.pcap), true);
	if (read_packets(&feed, o) < 0) {
		end->cut = true;
		(void)snprintf(end->why, sizeof(end->why), "after packet %" PRIu64 ": %s",
		        feed.packets, pcap_geterr(feed.pcap));
		audit_doubt(a, DOUBT_CUT, 1);
	}
	end->packets = feed.packets;
	tell_dropped(a, feed.pcap);
	pcap_close(feed.pcap);
	return ERR_NONE;
}
