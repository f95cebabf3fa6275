/* Captured packets, normalised: whatever link they were captured on, what comes out is an untagged
 * Ethernet frame on which a class filter means the same thing.
 *
 *  - 802.1Q, 802.1ad and Q-in-Q tags are removed, in any number up to AUDIT_TAGS_MAX.
 *  - Linux cooked v1 and v2, BSD and OpenBSD loopback and raw IP become Ethernet with the addresses
 *    that are known (cooked: the sender's, and the destination of a broadcast) and zero for the
 *    others.
 *  - IPv6 extension headers before the transport (hop-by-hop, routing, destination, fragment,
 *    authentication) are taken out, and the next-header field says what follows, so that
 *    `udp port 53` finds it.
 *  - What is none of these (802.3 with LLC, ARP, MPLS, PPPoE, tunnels) stays as it is: of a tunnel
 *    the outer packet is what the audit sees.
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
	FRAME_BROKEN /* they contradict themselves: a length below the header's or above that of
	                what carries it, the wrong version, more captured than there was … */
};

struct audit_address { /* IPv4 in the last 4 bytes, the first 12 zero; see `net` */
	uint8_t bytes[16];
};

/* What tells flows apart, packed, in the order of bytes of the frame, not in that of numbers:
 * frames with the same n > 0 and the same words are of the same link addresses (and known to be),
 * network, protocol, addresses, ports and, where they are ours, plane, criticality and ends; and a
 * filter whose answer does not go beyond `key` gives all of them the same one. Words from n on are
 * 0. */
enum { AUDIT_FLOW_WORDS = 8 };
struct audit_flow_key {
	uint32_t n;
	uint64_t word[AUDIT_FLOW_WORDS];
};

static inline bool audit_flow_equal(const struct audit_flow_key *a, const struct audit_flow_key *b)
{
	uint64_t differ = a->n ^ b->n;

	for (uint32_t i = 0; i < AUDIT_FLOW_WORDS; i += 4) {
		differ |= a->word[i] ^ b->word[i];
		differ |= a->word[i + 1] ^ b->word[i + 1];
		differ |= a->word[i + 2] ^ b->word[i + 2];
		differ |= a->word[i + 3] ^ b->word[i + 3];
		if (i + 4 >= a->n)
			break;
	}
	return differ == 0;
}

/* Folded multiplies, a pair of words each. All bits are good. */
static inline uint64_t audit_flow_hash(const struct audit_flow_key *k, uint64_t seed)
{
	uint64_t h = seed ^ UINT64_C(0x9e3779b97f4a7c15);

	for (uint32_t i = 0; i < k->n; i += 2) {
		__uint128_t m = (__uint128_t)(k->word[i] ^ UINT64_C(0xa0761d6478bd642f) ^ h) *
		                (k->word[i + 1] ^ UINT64_C(0xe7037ed1a0b428db) ^ (h << 1));

		h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ (h >> 7);
	}
	h ^= h >> 32;
	return h * UINT64_C(0xff51afd7ed558ccd);
}

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
	uint32_t datagram; /* its identification; whose: addresses and, IPv4 only, protocol (of an
	                      IPv6 fragment that is not the first, `protocol` may be that of an
	                      extension header that only the first one has) */
	uint8_t tags;      /* removed */
	bool ours_valid;   /* `ours` is set: 0x88B5, or UDP of one of our ports with our payload */
	struct wire_message ours;
	struct filter_key key; /* bytes of `bytes` that tell flows apart; see audit_frame.c */
	struct audit_flow_key
	        flow; /* n = 0 (as the key is empty): not WHOLE, nothing is promised */
};

/* scratch: at least captured + 64 bytes, only used where the frame had to be rewritten; `out`
 * borrows both. False: the link type is not known. */
bool audit_frame_read(int link_type, const uint8_t *packet, uint32_t captured, uint32_t wire,
        uint8_t *scratch, struct audit_frame *out);

#endif
