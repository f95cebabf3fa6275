#!/usr/bin/env python3
"""Writes the seeds of this folder's fuzzers into corpus/ beside it, from tests/support/packets.py and tcpdump's compiler.

They are kept in the tree, so that builds need neither; run it again where a fuzzer's input changes."""
import base64
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
import packets as p  # noqa: E402
import packs  # noqa: E402

# As LINKS of audit_frame_fuzz.c.
LINKS = [p.ETHERNET, p.NULL, 12, 14, p.RAW, p.LOOP, p.COOKED, p.IPV4, p.IPV6, p.COOKED2]
EXPRESSIONS = ["udp port 4700", "tcp portrange 1-1023", "net 10.0.0.0/8", "ip6 host fd00::1", "ether proto 0x88b5",
               "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", "len > 100", "ether[20] % 7 = 3", "ether host 02:4c:0:0:0:0"]

FOUR = p.ipv4("10.0.0.1", "10.0.1.1", p.UDP, p.udp(4700, 80, b"hello"))
SIX = p.ipv6("fd00::1", "fd01::1", p.UDP, p.udp(4700, 80, b"hello"))
EXTENDED = p.ipv6("fd00::1", "fd01::1", p.TCP, p.tcp(4700, 80),
                  [(p.HOP_BY_HOP, p.options6()), (p.DESTINATION, p.options6(1)), (p.ROUTING, p.options6()),
                   (51, b"\1" + b"\0" * 10)])
FRAGMENTS = p.fragments4("10.0.0.1", "10.0.1.1", p.UDP, p.udp(4700, 80, b"x" * 40), 7, 24)
FRAGMENTS6 = p.fragments6("fd00::1", "fd01::1", p.UDP, p.udp(4700, 80, b"x" * 40), 7, 24)


def frames():
    for link, number in enumerate(LINKS):
        for name, packet in (("4", FOUR), ("6", SIX)):
            yield f"link{number}-{name}", link, p.on_link(p.RAW if number in (12, 14) else number, packet)
    yield "tag", 0, p.ether_ip(FOUR, tags=[7])
    yield "qinq", 0, p.ether_ip(EXTENDED, tags=[(0x88a8, 4), 7])
    yield "cooked-tag", 6, p.cooked(p.TYPE_IPV4, FOUR, tags=[7])
    yield "cooked2-tag", 9, p.cooked2(p.TYPE_IPV6, EXTENDED, tags=[4, 7])
    yield "options", 0, p.ether_ip(p.ipv4("10.0.0.1", "10.0.1.1", p.TCP, p.tcp(4700, 80), options=b"\1" * 9))
    yield "extensions", 0, p.ether_ip(EXTENDED)
    for i, packet in enumerate(FRAGMENTS + FRAGMENTS6):
        yield f"fragment{i}", 0, p.ether_ip(packet)
    yield "arp", 0, p.ethernet(p.TYPE_ARP, p.arp("02:00:00:00:00:01", "10.0.0.1", "10.0.0.2"), destination=p.BROADCAST)
    yield "llc", 0, p.ethernet(38, bytes.fromhex("424203") + b"\0" * 35)
    yield "sctp", 0, p.ether_ip(p.ipv4("10.0.0.1", "10.0.1.1", p.SCTP, p.sctp(1, 2)))
    yield "ours", 0, p.ours("r0.n1.c2", "r1.n0.c0")
    yield "ours-control", 0, p.our_datagram("r0.control", "r1.n2", "control")


def compiled(expression):
    text = subprocess.run(["tcpdump", "-ddd", "-y", "EN10MB", expression], check=True, capture_output=True,
                          text=True).stdout.splitlines()
    insns = [tuple(map(int, line.split())) for line in text[1:]]
    return bytes([len(insns)]) + b"".join(struct.pack("=HBBI", *i) for i in insns)


def captures():
    records = [(10**18 + i * 10**6, data) for i, (_, link, data) in enumerate(frames()) if link == 0]
    short = [(at, data[:40], len(data)) for at, data in records]
    for order, end in (("<", "little"), (">", "big")):
        yield f"pcap-{end}", p.pcap(records[:6], order=order)
        yield f"pcap-{end}-ns", p.pcap(short[:6], order=order, nano=True, snaplen=40)
        yield f"pcapng-{end}", p.pcapng(records[:6], order=order, dropped=0)
        yield f"pcapng-{end}-ns", p.pcapng(short[:6], order=order, nano=True, dropped=3)
    yield "pcap-cut", p.pcap(records[:3])[:-5]
    yield "pcap-back", p.pcap([(5 * 10**9, records[0][1]), (10**9, records[1][1])])
    for link in LINKS[1:]:
        link = p.RAW if link in (12, 14) else link
        yield f"pcap-link{link}", p.pcap([(0, p.on_link(link, FOUR)), (9, p.on_link(link, SIX))], link)
    yield "pcapng-blocks", p.section() + p.interface(snaplen=64) + p.interface(p.RAW) + p.names() + \
        p.enhanced(records[0], dropped=2) + p.enhanced((10**9, FOUR), 1) + p.simple(records[1][1]) + \
        p.old_packet(records[2]) + p.block(0x0BAD, b"\0\0\0\0ours") + p.statistics(0, 9, 0, 0) + \
        p.statistics(1, dropped=7, os_dropped=1) + p.section(">") + p.interface(order=">") + \
        p.enhanced(records[3], order=">")
    yield "pcapng-empty", p.section()
    # The ends of time, in turns: interfaces of years that no clock shows.
    frames_of_ours = [p.ours("r0.n0", "r1.n0", sent_ns=at) for at in (-2**63, 2**63 - 1)]
    ends = p.section() + p.interface(offset=-2**62) + p.interface(offset=2**62)
    for data in [p.ether_ip(f) for f in FRAGMENTS] + [p.ether_ip(FOUR)] * 2 + frames_of_ours * 2:
        ends += p.enhanced((0, data)) + p.enhanced((0, data), 1)
    yield "pcapng-ends-of-time", ends


ADDRESSES = [["10.0.0.1"], ["10.0.0.0/24", "10.1.0.0/16"], ["fd00::/64", "fd00::1"], ["02:00:00:00:00:01"],
             ["02:4c:00:00:00:00/32"], [":4700", "port 80"], ["tcp:4700", "udp:53"], ["10.0.0.7:4700", "[fd00::1]:4700"],
             ["r0", "r1.n3", "r2.n3.c5", "r0.control"], ["::ffff:10.0.0.1", "::"], ["0.0.0.0/0", "::/0"]]


def topologies():
    for i, addresses in enumerate(ADDRESSES):
        racks = [{"name": "a", "pod": "p", "addresses": addresses}, {"name": "b", "addresses": ["10.0.0.2", "r1"]}]
        yield f"addresses{i}", {"version": 1, "racks": racks, "classes": [
            {"name": "all", "filter": "all", "critical": bool(i % 2)}]}
    yield "policy", {"version": 1, "racks": [{"name": "a", "addresses": ["10.0.0.1"]}], "classes": [
        {"name": "four", "filter": "four", "critical": True}, {"name": "rest", "filter": "all"}],
        "policy": {"scope": "pod", "unclassified_cross_rack": "warn"}}
    yield "twice", {"version": 1, "racks": [{"name": "a", "addresses": ["10.0.0.1", "10.0.0.1/32"]},
                                            {"name": "b", "addresses": ["10.0.0.1"]}]}
    yield "wrong", {"version": 1, "racks": [{"name": "a", "addresses": ["10.0.0.1/33"]}], "classes": [{"name": "x"}]}


def encoded(data):
    return base64.b64encode(data).decode()


def pem(label, der):
    return f"-----BEGIN {label}-----\n{encoded(der)}\n-----END {label}-----\n".encode()


# As in tests/unit/reports/sign_test.c: the envelope of the seed 00, 01, … 1f.
FILE = {"name": "rack.json", "digest": {"sha256": "8e9d1a8d5b1863f1e99ed1bd8a1b7bd1ea8e19f704f5859adbcf5cdce5ca7cd9"}}
SCENARIO = {"name": "scenario.json", "digest": {"sha256": "ee26f4137f88e2408f3f2e85b7d753592ca4b8034392d2bbd17247956c849c0a"}}
BODY = {"_type": "https://in-toto.io/Statement/v1", "subject": [FILE],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"result": "PASSED", "configuration": [SCENARIO], "passedTests": ["link-flap-1"], "warnedTests": [],
                      "failedTests": []}}
IN_TOTO = "application/vnd.in-toto+json"
SIG = "804zbPdDMnlNmU25D+94/U8yS5L5lPKa1GleueLrAF0ANaBlCl1xbmmloEShZmZw+iA6i0IUutw8cEF7NjKECA=="
PUBLIC = bytes.fromhex("302a300506032b657003210003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
PRIVATE = bytes.fromhex("302e020100300506032b657004220420") + bytes(range(32))


def envelopes():
    keyid = hashlib.sha256(PUBLIC).hexdigest()
    body = encoded(json.dumps(BODY, separators=(",", ":")).encode())
    known = {"payload": body, "payloadType": IN_TOTO, "signatures": [{"keyid": keyid, "sig": SIG}]}
    yield "known", json.dumps(known, separators=(",", ":"))
    yield "two", json.dumps({"payload": "AP8=", "payloadType": "t", "signatures": [{"sig": "AQ=="}, {"keyid": "", "sig": SIG}]})
    yield "reordered", json.dumps({"signatures": [{"sig": "AQI="}], "payloadType": "\u00e4", "payload": ""}, indent=1)
    yield "bits", json.dumps({"payload": "Zh==", "payloadType": "t", "signatures": [{"sig": "AQ=="}]})
    yield "comment", json.dumps({**known, "payload": ""}) + "// no"


def keys():
    yield "private", b"\1" + pem("PRIVATE KEY", PRIVATE)
    yield "public", b"\0" + pem("PUBLIC KEY", PUBLIC)
    yield "crlf", b"\0" + pem("PUBLIC KEY", PUBLIC).replace(b"\n", b"\r\n")
    yield "x25519", b"\0" + pem("PUBLIC KEY", PUBLIC[:8] + b"\x6e" + PUBLIC[9:])
    yield "cut", b"\1" + pem("PRIVATE KEY", PRIVATE[:-1])
    yield "more", b"\0" + pem("PUBLIC KEY", PUBLIC + b"\0")
    yield "encrypted", b"\1" + pem("ENCRYPTED PRIVATE KEY", PRIVATE)


PACK = {"a/result.json": b"{}\n", "b.txt": b"hello\n" * 100}


def archives():
    """First byte: 1 = the rest is a tar."""
    entries = [(packs.entry(k), v) for k, v in packs.manifest(PACK).items()]
    for name, layout in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        long = [(packs.entry("x" * 120 + "/" + "y" * 90, mtime=1.5 if layout == tarfile.PAX_FORMAT else 7), b"long")]
        yield name, b"\1" + packs.archive(entries + long, layout)
    tar = packs.archive(entries)
    yield "zstd", b"\0" + packs.zstd(tar)
    yield "zstd-checked", b"\0" + packs.zstd(tar, "--check")
    for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("pipe", tarfile.FIFOTYPE), ("folder", tarfile.DIRTYPE)):
        yield name, b"\1" + packs.archive([(packs.entry("odd", type=kind, linkname="b.txt"), b""), *entries])
    yield "up", b"\1" + packs.archive([(packs.entry("../up"), b"up"), *entries])


def statements():
    """First byte: 1 = payloads, to be signed by the fuzzer."""
    about = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "a/result.json", "digest": {"sha256": "0" * 64}}],
             "predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": {"result": "PASSED"}}
    body = json.dumps(about).encode()
    whole = {**about, "predicateType": "urn:lpuchaos:evidence:v1",
             "predicate": {"schema": "lpuchaos.evidence/1", "results": [], "statements": [packs.sha256(body)]}}
    yield "payloads", b"\1" + body + b"\n" + json.dumps(whole).encode() + b"\n"
    whole["predicate"]["statements"] = []
    yield "whole", b"\1" + json.dumps(whole).encode() + b"\n"
    yield "envelope", b"\0" + (HERE / "corpus/envelope/known").read_bytes() + b"\n"


def write(folder, name, data):
    path = HERE / "corpus" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(data)


def main():
    for name, link, data in frames():
        write("frame", name, bytes([link, 0]) + data)
    for i, expression in enumerate(EXPRESSIONS):
        frame = p.ether_ip(FOUR) if i % 2 else p.ether_ip(SIX)
        key = struct.pack("=QQ", 0x03c03fc3ffff3fff, 0xffff)
        write("filter", f"program{i}", compiled(expression) + key + frame)
    for name, data in captures():
        write("capture", name, data)
    for name, topology in topologies():
        write("topology", f"{name}.json", json.dumps(topology, indent=1).encode() + b"\n")
    for name, text in envelopes():
        write("envelope", name, text.encode())
    for name, data in keys():
        write("key", name, data)
    for name, data in archives():
        write("archive", name, data)
    for name, data in statements():
        write("evidence", name, data)
    write("manifest", "two", packs.manifest(PACK)[packs.MANIFEST])


if __name__ == "__main__":
    main()
