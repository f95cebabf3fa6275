/* What files and interfaces share: one packet from libpcap into the audit. */
#ifndef LPC_REPORTS_CAPTURE_FEED_H
#define LPC_REPORTS_CAPTURE_FEED_H

#include <pcap/pcap.h>
#include <signal.h>
#include "reports/capture.h"

struct capture_feed {
	struct audit *audit;
	pcap_t *pcap;
	const volatile sig_atomic_t *stop; /* breaks the loop after a packet; NULL: nothing does */
	uint64_t packets;
};

/* A pcap_handler; user is a struct capture_feed. */
void capture_feed_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes);

/* ERR_USAGE unless the audit reads the link type; where = the file or interface. */
enum status capture_link_known(pcap_t *p, const char *where, struct error *err) LPC_MUST_USE;
const char *capture_link_name(pcap_t *p); /* "EN10MB" */

#endif
