/* Captured packets, normalised: whatever link they were captured on, what comes out is an untagged
 * Ethernet frame on which a class filter means the same thing.
 *
 *  - 802.1Q, 802.1ad and Q-in-Q tags are removed, in any number up to AUDIT_TAGS_MAX.
 *  - Linux cooked v1 and v2, BSD and OpenBSD loopback, raw IP, PPP-less as they are: become
 * Ethernet with the addresses that are known (cooked: the sender's) and zero for the others.
 *  - IPv6 extension headers before the transport (hop-by-hop, routing, destination, fragment,
 *    authentication) are taken out, and the next-header field says what follows, so that
 *    `udp port 53` finds it.
 *  - The FCS, where the link type carries one, is not looked at.
 *
 * Pure: bytes in, structure out; nothing is read beyond `captured`. */
#ifndef LPC_REPORTS_AUDIT_FRAME_H
#define LPC_REPORTS_AUDIT_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/wire.h"
#include "reports/filter.h"

/* Link types by their numbers in capture files (LINKTYPE_…, which are libpcap's DLT_… for these but
 * for raw IP: both numbers are taken). */
enum {
	AUDIT_LINK_NULL = 0,
	AUDIT_LINK_ETHERNET = 1,
	AUDIT_LINK_RAW_BSD = 12,
	AUDIT_LINK_RAW_OPENBSD = 14,
	AUDIT_LINK_RAW = 101,
	AUDIT_LINK_LOOP = 108,
	AUDIT_LINK_COOKED = 113,
	AUDIT_LINK_IPV4 = 228,
	AUDIT_LINK_IPV6 = 229,
	AUDIT_LINK_COOKED2 = 276,
};

enum { AUDIT_TAGS_MAX = 8, AUDIT_FRAME_MAX = 262144 + 64 };

bool audit_link_known(int link_type);

enum audit_net { AUDIT_NET_OTHER, AUDIT_NET_IPV4, AUDIT_NET_IPV6, AUDIT_NET_OURS /* 0x88B5 */ };

enum audit_frame_state {
	FRAME_WHOLE, /* all headers that the audit looks at were there */
	FRAME_CUT,   /* the capture ends within them: what is set is what was there */
	FRAME_BROKEN /* they contradict themselves (a length below the header's …) */
};

struct audit_address { /* IPv4 in the last 4 bytes, the first 12 zero; see `net` */
	uint8_t bytes[16];
};

struct audit_frame {
	enum audit_frame_state state;
	enum audit_net net;
	const uint8_t *bytes;    /* the normalised frame: of the input or of the scratch */
	uint32_t captured, wire; /* its captured and its real length */
	bool macs_known[2];      /* [0] source, [1] destination */
	uint8_t mac[2][6];
	struct audit_address address[2];
	uint8_t protocol;  /* transport, past extension headers */
	bool ports_known;  /* TCP, UDP, UDP-Lite, SCTP, DCCP: first or only fragment */
	uint16_t port[2];  /* host order */
	bool fragment;     /* of a datagram: more come, or the offset is not 0 */
	bool first;        /* … with offset 0 */
	bool last;         /* … with no more to come */
	uint32_t datagram; /* its identification */
	uint8_t tags;      /* removed */
	bool ours_valid;   /* `ours` is set: 0x88B5, or UDP of one of our ports with our payload */
	struct wire_message ours;
	struct filter_key key; /* bytes of `bytes` that tell flows apart; see audit_frame.c */
};

/* scratch: at least captured + 64 bytes, only used where the frame had to be rewritten; `out`
 * borrows both. False: the link type is not known. */
bool audit_frame_read(int link_type, const uint8_t *packet, uint32_t captured, uint32_t wire,
        uint8_t *scratch, struct audit_frame *out);

#endif
