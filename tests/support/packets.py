"""Packets and captures made by hand: headers as struct says them, so that a test knows each byte.

A packet is bytes; a record is (at_ns, bytes) or (at_ns, bytes, length on the wire). `pcap` and `pcapng` make files of
records. Nothing here checks anything: broken packets are made by saying the wrong lengths."""
import ipaddress
import struct

ETHERNET, NULL, RAW, LOOP, COOKED, IPV4, IPV6, COOKED2 = 1, 0, 101, 108, 113, 228, 229, 276
TYPE_IPV4, TYPE_IPV6, TYPE_ARP, TYPE_OURS = 0x0800, 0x86dd, 0x0806, 0x88b5
TCP, UDP, SCTP, ICMP, ICMP6 = 6, 17, 132, 1, 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
NONE = 0xffff
BROADCAST = "ff:ff:ff:ff:ff:ff"
PORTS = {"control": 4710, "telemetry": 4711, "artifact": 4712}
PLANES = {"data": 0, "control": 1, "telemetry": 2, "artifact": 3}


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def address(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack(f">{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


# --- transport

def udp(source, destination, payload=b"", length=None):
    return struct.pack(">HHHH", source, destination, 8 + len(payload) if length is None else length, 0) + payload


def tcp(source, destination, payload=b"", flags=0x18, sequence=1):
    return struct.pack(">HHIIBBHHH", source, destination, sequence, 1, 5 << 4, flags, 1024, 0, 0) + payload


def sctp(source, destination, payload=b""):
    return struct.pack(">HHII", source, destination, 1, 0) + payload


def icmp(kind=8, payload=b""):
    head = struct.pack(">BBHHH", kind, 0, 0, 1, 1) + payload
    return head[:2] + struct.pack(">H", checksum(head)) + head[4:]


# --- network

def ipv4(source, destination, protocol, payload, ident=0, offset=0, more=False, options=b"", length=None, ttl=64):
    options += b"\0" * (-len(options) % 4)
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0,
                       20 + len(options) + len(payload) if length is None else length, ident,
                       (0x2000 if more else 0) | offset // 8, ttl, protocol, 0) + address(source) + address(destination)
    head += options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(source, destination, protocol, payload, extensions=(), length=None):
    """extensions: (number of the header, its bytes from the second on), in order."""
    body, follows = payload, protocol
    for number, rest in reversed(extensions):
        body, follows = bytes([follows]) + rest + body, number
    return struct.pack(">IHBB", 6 << 28, len(body) if length is None else length, follows, 64) + \
        address(source) + address(destination) + body


def options6(words=0):
    """Hop-by-hop or destination options of 8 · (words + 1) bytes, all padding: an extension header's rest."""
    return bytes([words, 1, 4 + 8 * words]) + b"\0" * (4 + 8 * words)


def fragment6(ident, offset, more):
    return b"\0" + struct.pack(">HI", offset | (1 if more else 0), ident)


def split(payload, size):
    """(offset, piece, more) of a payload in pieces of `size`, a multiple of 8."""
    assert size % 8 == 0
    return [(at, payload[at:at + size], at + size < len(payload)) for at in range(0, len(payload), size)]


def fragments4(source, destination, protocol, payload, ident, size=64, **more_of_head):
    return [ipv4(source, destination, protocol, piece, ident, at, more, **more_of_head)
            for at, piece, more in split(payload, size)]


def fragments6(source, destination, protocol, payload, ident, size=64, before=()):
    return [ipv6(source, destination, protocol, piece, [*before, (FRAGMENT, fragment6(ident, at, more))])
            for at, piece, more in split(payload, size)]


def arp(sender_mac, sender, target, target_mac="00:00:00:00:00:00", operation=1):
    return struct.pack(">HHBBH", 1, TYPE_IPV4, 6, 4, operation) + mac(sender_mac) + address(sender) + \
        mac(target_mac) + address(target)


# --- ours (harness/base/wire.h)

def end(text):
    """r0, r0.n3, r0.n3.c5 or r0.control as (rack, node, chip)."""
    hosts = {"registry": 251, "control": 252, "telemetry": 253}
    parts = text.split(".")
    rack = int(parts[0][1:])
    if len(parts) == 1:
        return rack, NONE, NONE
    if parts[1] in hosts:
        return rack, hosts[parts[1]], NONE
    return rack, int(parts[1][1:]), int(parts[2][1:]) if len(parts) > 2 else NONE


def end_mac(e):
    rack, node, chip = end(e)
    return f"02:4c:{rack >> 8:02x}:{rack & 255:02x}:{node & 255:02x}:{chip & 255:02x}"


def end_ipv4(e):
    rack, node, _ = end(e)
    return f"10.{64 + (rack >> 8)}.{rack & 255}.{0 if node == NONE else node + 1}"


def our_body(source, destination, plane="data", critical=True, request=1, token=0, sent_ns=0, sampling=1, hop=0,
             stage=0, payload=8192, version=1):
    return struct.pack(">BBBB3H3HHIQQIIq", version, 1 if critical else 0, PLANES[plane], hop, *end(source),
                       *end(destination), stage, sampling, 0x1122334455667788, request, token, payload, sent_ns)


def ours(source, destination, **members):
    """A frame of the critical path, Ethernet header and all."""
    return ethernet(TYPE_OURS, our_body(source, destination, **members), end_mac(source), end_mac(destination))


def our_datagram(source, destination, plane, **members):
    body = b"LPC1" + our_body(source, destination, plane=plane, critical=False, **members)
    return ethernet(TYPE_IPV4, ipv4(end_ipv4(source), end_ipv4(destination), UDP, udp(PORTS[plane], PORTS[plane], body)),
                    end_mac(source), end_mac(destination))


# --- links

def ethernet(kind, payload, source="02:00:00:00:00:01", destination="02:00:00:00:00:02", tags=()):
    """tags: VLAN ids (802.1Q) or (EtherType of the tag, id), outermost first."""
    frame = mac(destination) + mac(source)
    for tag in tags:
        tag_type, vlan = tag if isinstance(tag, tuple) else (0x8100, tag)
        frame += struct.pack(">HH", tag_type, vlan)
    return frame + struct.pack(">H", kind) + payload


def kind_of(packet):
    return TYPE_IPV4 if packet[0] >> 4 == 4 else TYPE_IPV6


def ether_ip(packet, *rest, **more):
    return ethernet(kind_of(packet), packet, *rest, **more)


def tagged(payload, kind, tags):
    for tag in reversed(tags):
        payload, kind = struct.pack(">HH", tag, kind) + payload, 0x8100
    return payload, kind


def cooked(kind, payload, source="02:00:00:00:00:01", packet_type=0, tags=()):
    payload, kind = tagged(payload, kind, tags)
    return struct.pack(">HHH", packet_type, 1, 6) + mac(source) + b"\0\0" + struct.pack(">H", kind) + payload


def cooked2(kind, payload, source="02:00:00:00:00:01", packet_type=0, tags=()):
    payload, kind = tagged(payload, kind, tags)
    return struct.pack(">HHIHBB", kind, 0, 2, 1, packet_type, 6) + mac(source) + b"\0\0" + payload


def null(packet, order="<", family6=30):
    return struct.pack(order + "I", 2 if packet[0] >> 4 == 4 else family6) + packet


def loop(packet):
    return null(packet, ">", 24)


def on_link(link, packet):
    """An IP packet on a link of that type."""
    if link == ETHERNET:
        return ether_ip(packet)
    if link == COOKED:
        return cooked(kind_of(packet), packet)
    if link == COOKED2:
        return cooked2(kind_of(packet), packet)
    if link == NULL:
        return null(packet)
    if link == LOOP:
        return loop(packet)
    return packet


# --- files

def record(r):
    """(at_ns, bytes, wire) of a record that may leave the last out."""
    return (*r, len(r[1]))[:3]


def pcap(records, link=ETHERNET, snaplen=262144, nano=False, order="<"):
    out = struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, snaplen, link)
    for r in records:
        at_ns, data, wire = record(r)
        data = data[:snaplen]
        out += struct.pack(order + "IIII", at_ns // 10**9, at_ns % 10**9 // (1 if nano else 1000), len(data), wire) + data
    return out


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + pad(value)


def block(kind, body, order="<"):
    n = 12 + len(pad(body))
    return struct.pack(order + "II", kind, n) + pad(body) + struct.pack(order + "I", n)


def section(order="<"):
    return block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1), order)


def interface(link=ETHERNET, snaplen=262144, order="<", resolution=None, offset=None):
    """resolution: 6 = microseconds (as without), 9 = nanoseconds, …; offset: seconds that every instant is later."""
    options = b"" if resolution is None else option(order, 9, bytes([resolution]))
    options += b"" if offset is None else option(order, 14, struct.pack(order + "q", offset))
    options += option(order, 0, b"") if options else b""
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def enhanced(r, number=0, order="<", unit_ns=1000, dropped=None):
    at_ns, data, wire = record(r)
    at = at_ns // unit_ns
    options = b"" if dropped is None else option(order, 4, struct.pack(order + "Q", dropped)) + option(order, 0, b"")
    head = struct.pack(order + "IIIII", number, at >> 32, at & 0xffffffff, len(data), wire)
    return block(6, head + pad(data) + options, order)


def simple(data, wire=None, order="<"):
    return block(3, struct.pack(order + "I", len(data) if wire is None else wire) + data, order)


def old_packet(r, number=0, drops=NONE, order="<"):
    at_ns, data, wire = record(r)
    at = at_ns // 1000
    return block(2, struct.pack(order + "HHIIII", number, drops, at >> 32, at & 0xffffffff, len(data), wire) + pad(data),
                 order)


def names(order="<"):
    return block(4, struct.pack(order + "HH", 1, 10) + pad(address("10.0.0.1") + b"one.x\0"[:6]) +
                 struct.pack(order + "HH", 0, 0), order)


def statistics(number=0, received=None, dropped=None, os_dropped=None, order="<", at_ns=0):
    body = struct.pack(order + "III", number, (at_ns // 1000) >> 32, (at_ns // 1000) & 0xffffffff)
    for code, value in ((4, received), (5, dropped), (7, os_dropped)):
        if value is not None:
            body += option(order, code, struct.pack(order + "Q", value))
    return block(5, body + option(order, 0, b""), order)


def pcapng(records, link=ETHERNET, order="<", dropped=None, nano=False, snaplen=262144):
    """One section, one interface; dropped: with statistics that say so."""
    out = section(order) + interface(link, snaplen, order, 9 if nano else None)
    out += b"".join(enhanced(r, 0, order, 1 if nano else 1000) for r in records)
    return out if dropped is None else out + statistics(dropped=dropped, order=order)
