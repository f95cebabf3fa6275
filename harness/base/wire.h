/* What the emulator says on the wire, byte by byte: written by the emulator's mirror, read by the
 * audit. All numbers are big-endian.
 *
 * Critical path. One Ethernet frame for each move of data from one component to the next:
 *
 *    0  6  destination address     02:4c:RR:RR:NN:CC of `to` (chip 0xff: the node's own port)
 *    6  6  source address          … of `from`
 *   12  2  EtherType               0x88B5 (IEEE 802, local experimental 1)
 *   14  1  version                 1
 *   15  1  flags                   bit 0: critical
 *   16  1  plane                   enum wire_plane
 *   17  1  hop                     of this token within its stage, from 0; 255 = that or later
 *   18  6  from: rack, node, chip  2 bytes each, 0xffff = none
 *   24  6  to: likewise
 *   30  2  stage                   place of the node in the instance's pipeline, from 0
 *   32  4  sampling                1 in so many requests is mirrored
 *   36  8  artifact                first 8 bytes of its digest
 *   44  8  request                 its id
 *   52  4  token                   index of the output token that the frame works for, from 0
 *   56  4  payload bytes           what the move carries (not in the frame)
 *   60  8  sent                    ns of run time at which the model moved the data
 *   68     end
 *
 * Control, telemetry and artifact distribution: IPv4 and UDP, from and to port WIRE_PORT_CONTROL,
 * …_TELEMETRY, …_ARTIFACT; the payload is "LPC1" and then bytes 14 to 68 of the above, with an
 * enum wire_word as stage and the number of the piece of a transfer as token.
 *
 * Addresses. Node n of rack r has 10.(64 + r / 256).(r mod 256).(n + 1) on the management network.
 * The control plane, the telemetry collector and the registry are hosts of rack 0's: .253, .254
 * and .252 there. Racks up to 16383, nodes up to 250 a rack, chips up to 254 a node. */
#ifndef LPC_BASE_WIRE_H
#define LPC_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_ETHERTYPE = 0x88b5,
	WIRE_VERSION = 1,
	WIRE_FRAME_BYTES = 68,
	WIRE_UDP_BYTES = 14 + 20 + 8 + 4 + (WIRE_FRAME_BYTES - 14),
	WIRE_BYTES_MAX = WIRE_UDP_BYTES,
	WIRE_NONE = 0xffff,
	WIRE_RACKS_MAX = 16384,
	WIRE_NODES_MAX = 250,
	WIRE_CHIPS_MAX = 254,
	WIRE_PORT_CONTROL = 4710,
	WIRE_PORT_TELEMETRY = 4711,
	WIRE_PORT_ARTIFACT = 4712,
	WIRE_NAME_BYTES = 24, /* "r16383.n249.c253" and its NUL */
};

enum wire_plane { WIRE_DATA, WIRE_CONTROL, WIRE_TELEMETRY, WIRE_ARTIFACT, WIRE_PLANES };

/* What a message of the other planes is. */
enum wire_word {
	WIRE_POLL,    /* control: are you well? */
	WIRE_ANSWER,  /* … yes */
	WIRE_ISOLATE, /* … a node of your instance is given up */
	WIRE_REMAP,   /* … you take its place */
	WIRE_RESUME,  /* … the instance goes on */
	WIRE_SAMPLE,  /* telemetry */
	WIRE_WEIGHTS, /* artifact: (a piece of) a node's share of the weights has come */
	WIRE_WORDS,
};

/* Hosts of rack 0 that are no node: their wire_end has one of these as node. */
enum { WIRE_HOST_REGISTRY = 251, WIRE_HOST_CONTROL = 252, WIRE_HOST_TELEMETRY = 253 };

/* A component: a rack (node and chip WIRE_NONE), a node, a chip. */
struct wire_end {
	uint16_t rack, node, chip;
};

struct wire_message {
	int64_t sent_ns;
	enum wire_plane plane;
	bool critical;
	struct wire_end from, to;
	uint16_t stage;
	uint8_t hop;
	uint32_t sampling;
	uint64_t artifact, request;
	uint32_t token, payload_bytes;
};

/* The frame as it goes out. Returns its length. */
size_t wire_encode(const struct wire_message *m, uint8_t out[static WIRE_BYTES_MAX]);

/* The other way: from the start of an untagged Ethernet frame of `n` captured bytes. False if it
 * is none of ours, cut, or of another version. */
bool wire_decode(const uint8_t *frame, size_t n, struct wire_message *out);

/* "r0", "r0.n3" or "r0.n3.c5"; "r0.control", "r0.telemetry", "r0.registry". Returns buf. */
const char *wire_name(struct wire_end end, char buf[static WIRE_NAME_BYTES]);
/* The other way; false if the text is no such name. */
bool wire_end_parse(const char *text, struct wire_end *out);

/* Its address on the management network, host order. */
uint32_t wire_ipv4(struct wire_end end);

#endif
