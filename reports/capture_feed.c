#include "reports/capture_feed.h"

#include "harness/base/units.h"

/* libpcap was asked for nanoseconds: tv_usec holds them. A capture may say any instant; those that
 * an int64_t does not hold become its ends. */
static int64_t instant(const struct pcap_pkthdr *h)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)h->ts.tv_sec, NS_PER_S, &ns) ||
	        __builtin_add_overflow(ns, (int64_t)h->ts.tv_usec, &ns))
		return h->ts.tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

void capture_feed_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct capture_feed *feed = (struct capture_feed *)(void *)user;

	feed->packets++;
	audit_packet(feed->audit, instant(header), bytes, header->caplen, header->len);
	if (LPC_UNLIKELY(feed->stop && *feed->stop))
		pcap_breakloop(feed->pcap);
}

const char *capture_link_name(pcap_t *p)
{
	const char *name = pcap_datalink_val_to_name(pcap_datalink(p));

	return name ? name : "unknown";
}

enum status capture_link_known(pcap_t *p, const char *where, struct error *err)
{
	if (audit_link_known(pcap_datalink(p)))
		return ERR_NONE;
	return error_set(err, ERR_USAGE,
	        "expected packets of Ethernet, Linux cooked, loopback or raw IP, found '%s': its "
	        "link "
	        "type is %s (%d)",
	        where, capture_link_name(p), pcap_datalink(p));
}
