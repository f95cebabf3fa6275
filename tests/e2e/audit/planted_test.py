"""Captures made by hand, with one violation planted in each place it could hide in; beside each the same capture without it, which
passes: so a finding is of the packet and not of where it stood. Then a mixed capture, counted by tshark and tcpdump, too."""
import os
import random
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import made  # noqa: E402
import packets as p  # noqa: E402

START, STEP = 1_700_000_000 * 10**9, 10**6
LINKS = [p.ETHERNET, p.NULL, p.RAW, p.LOOP, p.COOKED, p.COOKED2]
OPTIONS = [(p.HOP_BY_HOP, p.options6()), (p.DESTINATION, p.options6(2)), (p.ROUTING, b"\0" * 7)]


def udp4(source, destination, payload=b"x" * 20, sport=40000, dport=4700, **more):
    return p.ipv4(source, destination, p.UDP, p.udp(sport, dport, payload), **more)


def udp6(source, destination, payload=b"x" * 20, sport=40000, dport=4700, extensions=()):
    return p.ipv6(source, destination, p.UDP, p.udp(sport, dport, payload), extensions)


def quiet(n):
    """Packets that hurt nobody: critical ones inside of each rack, web traffic between them and to the world."""
    kinds = [p.ether_ip(udp4("10.0.0.1", "10.0.0.2")), p.ether_ip(udp6("fd01::1", "fd01::2")),
             p.ether_ip(p.ipv4("10.0.0.1", "10.0.1.1", p.TCP, p.tcp(50000, 80))), p.ours("r0.n0.c1", "r0.n3.c2"),
             p.ether_ip(p.ipv4("192.0.2.1", "10.0.1.1", p.TCP, p.tcp(50001, 80)), tags=[9]),
             p.ethernet(p.TYPE_ARP, p.arp("02:00:00:00:00:01", "10.0.0.1", "10.0.0.2"), destination=p.BROADCAST)]
    return [kinds[i % len(kinds)] for i in range(n)]


def timed(frames):
    return [(START + i * STEP, frame) for i, frame in enumerate(frames)]


class Planted(made.Case):

    def expect_pass(self, data, topology=None):
        result = self.audit(data, topology, code=0)
        self.assertEqual([], result["doubts"])
        self.assertEqual([], result["violations"])
        return result

    def expect_one(self, data, frame=1, reason="cross_rack", name="model", topology=None):
        result = self.audit(data, topology, code=1)
        self.assertEqual(1, result["violations_total"])
        v = result["violations"][0]
        self.assertEqual((frame, reason, name), (v["frame"], v["reason"], v["class"]))
        return v

    def expect_only(self, good, bad, link=p.ETHERNET, **more):
        """A packet that passes and one that does not, on such a link; each alone in its capture."""
        self.expect_pass(p.pcap(timed([good]), link))
        return self.expect_one(p.pcap(timed([bad]), link), **more)

    def test_where_in_the_capture(self):
        bad = p.ether_ip(udp4("10.0.0.1", "10.0.1.2"))
        for n, places in ((0, [0]), (1, [0, 1]), (500, [0, 250, 500])):
            if n:
                self.expect_pass(p.pcap(timed(quiet(n))))
            for at in places:
                frames = timed(quiet(n)[:at] + [bad] + quiet(n)[at:])
                for make in (p.pcap, p.pcapng):
                    for order in "<>":
                        for nano in (False, True):
                            v = self.expect_one(make(frames, order=order, nano=nano), at + 1)
                            self.assertEqual(START + at * STEP, v["time_ns"])
                            self.assertEqual(("10.0.0.1", 40000, "r0"), (v["from"]["address"], v["from"]["port"], v["from"]["rack"]))
                            self.assertEqual(("10.0.1.2", 4700, "r1"), (v["to"]["address"], v["to"]["port"], v["to"]["rack"]))

    def test_tags(self):
        for tags in ([7], [(0x88a8, 7), 9], [(0x9100, 1), (0x9100, 2), 3], [i for i in range(1, 9)]):
            with self.subTest(tags):
                self.expect_only(p.ether_ip(udp4("10.0.0.1", "10.0.0.2"), tags=tags),
                                 p.ether_ip(udp4("10.0.0.1", "10.0.1.2"), tags=tags))
                self.expect_only(p.ether_ip(udp6("fd00::1", "fd00::2"), tags=tags),
                                 p.ether_ip(udp6("fd00::1", "fd01::2"), tags=tags))
        for make, link in ((p.cooked, p.COOKED), (p.cooked2, p.COOKED2)):
            self.expect_only(make(p.TYPE_IPV4, udp4("10.0.0.1", "10.0.0.2"), tags=[7]),
                             make(p.TYPE_IPV4, udp4("10.0.0.1", "10.0.1.2"), tags=[7]), link)

    def test_address_families_and_directions(self):
        for make, one, same, other in ((udp4, "10.0.0.1", "10.0.0.2", "10.0.1.2"), (udp6, "fd00::1", "fd00::2", "fd01::2")):
            for sport, dport in ((40000, 4700), (4700, 40000)):
                for source, destination in ((one, other), (other, one)):
                    with self.subTest((source, destination, dport)):
                        v = self.expect_only(p.ether_ip(make(one, same, sport=sport, dport=dport)),
                                             p.ether_ip(make(source, destination, sport=sport, dport=dport)))
                        self.assertEqual((source, destination), (v["from"]["address"], v["to"]["address"]))

    def test_behind_options_and_extension_headers(self):
        self.expect_only(p.ether_ip(udp4("10.0.0.1", "10.0.0.2", options=b"\1" * 12)),
                         p.ether_ip(udp4("10.0.0.1", "10.0.1.2", options=b"\1" * 12)))
        for n in range(1, len(OPTIONS) + 1):
            self.expect_only(p.ether_ip(udp6("fd00::1", "fd00::2", extensions=OPTIONS[:n])),
                             p.ether_ip(udp6("fd00::1", "fd01::2", extensions=OPTIONS[:n])))

    def test_links(self):
        for link in LINKS:
            for good, bad in ((udp4("10.0.0.1", "10.0.0.2"), udp4("10.0.0.1", "10.0.1.2")),
                              (udp6("fd00::1", "fd00::2"), udp6("fd00::1", "fd01::2"))):
                with self.subTest((link, bad[0] >> 4)):
                    self.expect_only(p.on_link(link, good), p.on_link(link, bad), link)
        self.expect_only(udp4("10.0.0.1", "10.0.0.2"), udp4("10.0.0.1", "10.0.1.2"), p.IPV4)
        self.expect_only(udp6("fd00::1", "fd00::2"), udp6("fd00::1", "fd01::2"), p.IPV6)
        self.expect_only(p.null(udp6("fd00::1", "fd00::2"), ">", 28), p.null(udp6("fd00::1", "fd01::2"), ">", 28), p.NULL)

    def test_frames_of_ours(self):
        v = self.expect_only(p.ours("r0.n1.c2", "r0.n4.c0", request=7, token=3),
                             p.ours("r0.n1.c2", "r1.n4.c0", request=7, token=3), name="chips")
        self.assertEqual(("r0.n1.c2", "r1.n4.c0", 7, 3), (v["from"]["component"], v["to"]["component"], v["request"], v["token"]))
        bad = p.ours("r1.n0.c0", "r0.n4.c0")
        self.expect_one(p.pcap(timed([bad[:12] + b"\x81\0\0\7" + bad[12:]])), name="chips")
        # Not critical, so says the frame: free to go.
        self.expect_pass(p.pcap(timed([p.ours("r0.n1.c2", "r1.n4.c0", critical=False)])))
        for plane in ("control", "telemetry", "artifact"):
            self.expect_pass(p.pcap(timed([p.our_datagram("r0.control", "r1.n2", plane)])))

    def test_an_end_in_no_rack(self):
        inside = p.ether_ip(udp4("10.0.0.1", "10.0.0.2"))
        for source, destination in (("10.0.0.1", "192.0.2.1"), ("192.0.2.1", "10.0.0.1"), ("192.0.2.1", "192.0.2.2"),
                                    ("10.0.0.1", "239.1.1.1"), ("10.0.0.1", "255.255.255.255")):
            with self.subTest((source, destination)):
                self.expect_only(inside, p.ether_ip(udp4(source, destination)), reason="end_outside")
                # Of no class that is critical: no matter.
                self.expect_pass(p.pcap(timed([p.ether_ip(udp4(source, destination, dport=80))])))
        self.expect_one(p.pcap(timed([p.ether_ip(udp6("fd00::1", "2001:db8::1"))])), reason="end_outside")

    def test_pods(self):
        pods = dict(made.TOPOLOGY, policy={"scope": "pod", "unclassified_cross_rack": "ignore"})
        self.expect_pass(p.pcap(timed([p.ether_ip(udp4("10.0.0.1", "10.0.1.2"))])), pods)  # both in pod p
        self.expect_one(p.pcap(timed([p.ether_ip(udp4("10.0.0.1", "10.0.2.2"))])), reason="cross_pod", topology=pods)

    def test_what_no_class_claims(self):
        stray = p.pcap(timed([p.ether_ip(udp4("10.0.0.1", "10.0.1.2", dport=9999))]))
        for policy, code in (("fail", 1), ("warn", 0), ("ignore", 0), (None, 1)):
            topology = dict(made.TOPOLOGY, policy={"unclassified_cross_rack": policy} if policy else {})
            result = self.audit(stray, topology, code=code)
            self.assertEqual(1, result["unclassified"]["cross_rack_packets"])
            self.assertEqual(["unclassified_cross_rack"] if code else [], [v["reason"] for v in result["violations"]])

    def test_racks_by_mac_port_and_component(self):
        def topology(one, other, expression="udp"):
            return dict(made.TOPOLOGY, racks=[{"name": "a", "addresses": [one]}, {"name": "b", "addresses": [other]}],
                        classes=[{"name": "model", "filter": expression, "critical": True}])
        packet = udp4("192.0.2.1", "192.0.2.2", sport=4700, dport=4701)
        macs = topology("02:00:00:00:00:01", "02:00:00:00:00:02")
        self.expect_one(p.pcap(timed([p.ether_ip(packet)])), topology=macs)
        self.expect_one(p.pcap(timed([p.ether_ip(packet, tags=[7])])), topology=macs)
        self.expect_pass(p.pcap(timed([p.ether_ip(packet, destination="02:00:00:00:00:01")])), macs)
        # A cooked frame does not say where it goes.
        self.expect_one(p.pcap(timed([p.cooked(p.TYPE_IPV4, packet)]), p.COOKED), reason="end_outside", topology=macs)
        ports = topology(":4700", "udp:4701")
        for link in LINKS:
            self.expect_one(p.pcap(timed([p.on_link(link, packet)]), link), topology=ports)
            inside = udp4("192.0.2.1", "192.0.2.2", sport=4700, dport=4700)
            self.expect_pass(p.pcap(timed([p.on_link(link, inside)]), link), ports)
        pieces = p.fragments4("192.0.2.1", "192.0.2.2", p.UDP, p.udp(4700, 4701, bytes(150)), 5)
        self.assertEqual(3, self.audit(p.pcap(timed(pieces[::-1]), p.RAW), ports, code=1)["violations_total"])
        chips = topology("r0.n1.c0", "r0", "ether proto 0x88b5")
        self.expect_one(p.pcap(timed([p.ours("r0.n1.c0", "r0.n1.c1")])), topology=chips)
        self.expect_pass(p.pcap(timed([p.ours("r0.n2.c0", "r0.n1.c1")])), chips)

    def test_filters_that_look_beyond_the_flow(self):
        """One packet of a flow of many: by its payload, its length, its TCP flags, its identification."""
        def flow(odd, n=300, at=200):
            return p.pcap(timed([p.ether_ip(p.ipv4("10.0.0.1", "10.0.1.2", *(odd if i == at else (p.TCP, p.tcp(7, 8, b"x" * 9, 16)))))
                                 for i in range(n)]))
        for expression, odd in (("tcp[20] = 0x41", (p.TCP, p.tcp(7, 8, b"A" * 9, 16))),
                                ("len > 100", (p.TCP, p.tcp(7, 8, b"x" * 200, 16))),
                                ("tcp[tcpflags] & tcp-rst != 0", (p.TCP, p.tcp(7, 8, b"x" * 9, 4))),
                                ("ip[4:2] = 9", (p.TCP, p.tcp(7, 8, b"x" * 9, 16), 9))):
            topology = dict(made.TOPOLOGY, classes=[{"name": "model", "filter": expression, "critical": True}])
            self.expect_one(flow(odd), 201, topology=topology)
            self.expect_pass(flow((p.TCP, p.tcp(7, 8, b"x" * 9, 16))), topology)

    def test_short_snapshots(self):
        """What was seen was seen; but of what was cut nobody can say that it was nothing."""
        good, bad = timed(quiet(6)), timed(quiet(6) + [p.ether_ip(udp4("10.0.0.1", "10.0.1.2", b"x" * 400))])
        self.assertEqual({"truncated": 5}, made.doubts(self.audit(p.pcap(good, snaplen=50), code=4)))
        for snaplen in (42, 64, 300):
            self.assertEqual(7, self.audit(p.pcap(bad, snaplen=snaplen), code=1)["violations"][0]["frame"])
        # Cut before its ports: no finding, and no pass.
        for snaplen in range(1, 38):
            self.audit(p.pcap(bad[-1:], snaplen=snaplen), code=4)
        # IPv6, in its extension headers.
        six = timed([p.ether_ip(udp6("fd00::1", "fd01::1", extensions=OPTIONS))])
        for snaplen in (60, 70, 90):
            self.audit(p.pcap(six, snaplen=snaplen), code=4)

    def test_dropped(self):
        good, bad = timed(quiet(6)), timed([p.ether_ip(udp4("10.0.0.1", "10.0.1.2"))] + quiet(6))
        for order in "<>":
            self.audit(p.pcapng(good, order=order, dropped=0), code=0)
            result = self.audit(p.pcapng(good, order=order, dropped=3), code=4)
            self.assertEqual({"dropped": 3}, made.doubts(result))
            self.audit(p.pcapng(bad, order=order, dropped=3), code=1)
        counted = p.section() + p.interface() + b"".join(p.enhanced(r, dropped=2) for r in good)
        self.assertEqual({"dropped": 12}, made.doubts(self.audit(counted, code=4)))
        old = p.section() + p.interface() + p.old_packet(good[0], drops=5)
        self.assertEqual({"dropped": 5}, made.doubts(self.audit(old, code=4)))


class Fragments(made.Case):
    """The later ones have no ports: they are what the first one is, whatever the order."""

    def pieces(self, version, source, destination, dport=4700):
        payload = p.udp(40000, dport, bytes(range(250)))
        if version == 4:
            return [p.ether_ip(f) for f in p.fragments4(source, destination, p.UDP, payload, 77)]
        return [p.ether_ip(f) for f in p.fragments6(source, destination, p.UDP, payload, 77, before=OPTIONS[:1])]

    CROSSING = {4: ("10.0.0.1", "10.0.1.2"), 6: ("fd00::1", "fd01::2")}
    STAYING = {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")}

    def test_orders(self):
        for version in (4, 6):
            good, bad = self.pieces(version, *self.STAYING[version]), self.pieces(version, *self.CROSSING[version])
            self.assertEqual(5, len(bad))
            for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 0, 4, 2, 3], [0, 0, 1, 2, 3, 4]):
                with self.subTest((version, order)):
                    self.assertEqual([], self.audit(p.pcap(timed([good[i] for i in order])), code=0)["doubts"])
                    result = self.audit(p.pcap(timed([bad[i] for i in order])), code=1)
                    self.assertEqual(list(range(1, len(order) + 1)), [v["frame"] for v in result["violations"]])
                    self.assertEqual({"model"}, {v["class"] for v in result["violations"]})
                    self.assertEqual(len(order), made.matched(result)["model"])

    def test_some_of_them(self):
        for version in (4, 6):
            bad = self.pieces(version, *self.CROSSING[version])
            # The first alone, the first and a later one with other packets between.
            self.assertEqual(1, self.audit(p.pcap(timed(bad[:1])), code=1)["violations_total"])
            frames = quiet(50) + bad[:1] + quiet(50) + bad[3:4] + quiet(50)
            result = self.audit(p.pcap(timed(frames)), code=1)
            self.assertEqual([51, 102], [v["frame"] for v in result["violations"]])
            # Without the first: nobody knows, so nobody may say pass.
            self.assertEqual({"fragments": 4}, made.doubts(self.audit(p.pcap(timed(bad[1:])), code=4)))

    def test_two_datagrams_are_told_apart(self):
        """The same identification between other ends, and of another protocol."""
        web = [p.ether_ip(f) for f in p.fragments4("10.0.0.1", "10.0.1.3", p.UDP, p.udp(1, 80, bytes(150)), 77)]
        ping = [p.ether_ip(f) for f in p.fragments4("10.0.0.1", "10.0.1.2", p.ICMP, p.icmp(8, bytes(150)), 77)]
        bad = self.pieces(4, *self.CROSSING[4])
        mixed = [f for three in zip(web, bad, ping) for f in three] + bad[3:]
        result = self.audit(p.pcap(timed(mixed)), code=1)
        self.assertEqual([2, 5, 8, 10, 11], [v["frame"] for v in result["violations"]])
        self.assertEqual({"model": 5, "chips": 0, "web": 3}, made.matched(result))

    def test_inside_tags_and_other_links(self):
        for link in LINKS:
            bad = [p.on_link(link, f) for f in p.fragments6("fd00::1", "fd01::2", p.UDP, p.udp(1, 4700, bytes(150)), 9)]
            self.assertEqual(len(bad), self.audit(p.pcap(timed(bad[::-1]), link), code=1)["violations_total"])
        bad = [f[:12] + b"\x81\0\0\7" + f[12:] for f in self.pieces(4, *self.CROSSING[4])]
        self.assertEqual(5, self.audit(p.pcap(timed(bad)), code=1)["violations_total"])


def mixture(seed, n):
    """(frames, ids of datagrams in fragments by destination port): of everything, in a random order of packets."""
    draw = random.Random(seed)
    frames, cut = [], {}
    for i in range(n):
        port, protocol = draw.choice([80, 4700, 53, 9]), draw.choice([p.UDP, p.TCP])
        a, b, c, d = (draw.randrange(2), draw.randrange(1, 9), draw.randrange(2), draw.randrange(1, 9))
        body = p.udp(40000, port, b"y" * draw.randrange(64)) if protocol == p.UDP else p.tcp(40000, port, b"y" * draw.randrange(64))
        extensions = OPTIONS[:draw.randrange(3)]
        packet = p.ipv4(f"10.0.{a}.{b}", f"10.0.{c}.{d}", protocol, body) if draw.randrange(2) else \
            p.ipv6(f"fd0{a}::{b}", f"fd0{c}::{d}", protocol, body, extensions)
        tags = draw.choice([[], [], [5], [(0x88a8, 6), 7]])
        if draw.randrange(5) == 0:
            cut.setdefault(port, []).append(i + 1)
            pieces = p.fragments4(f"10.0.{a}.{b}", f"10.0.{c}.{d}", p.UDP, p.udp(40000, port, bytes(120)), i + 1)
            frames += [p.ether_ip(f, tags=tags) for f in pieces]
        else:
            frames.append(p.ether_ip(packet, tags=tags))
    return frames, cut


class Counted(made.Case):
    """Every class counts what other programs count."""

    COUNTED = [("web", "port 80", "(udp.port == 80 or tcp.port == 80)", 80),
               ("model", "udp port 4700", "udp.port == 4700", 4700),
               ("names", "tcp port 53", "tcp.port == 53", None),
               ("one", "ip host 10.0.0.1", "ip.addr == 10.0.0.1", None),
               ("six", "ip6 net fd01::/16", "ipv6.addr == fd01::/16", None)]

    def topology(self):
        return dict(made.TOPOLOGY, classes=[{"name": n, "filter": f} for n, f, _, _ in self.COUNTED],
                    policy={"unclassified_cross_rack": "ignore"})

    def tshark(self, file, display):
        done = subprocess.run(["tshark", "-n", "-o", "ip.defragment:FALSE", "-r", str(file), "-Y", display, "-T", "fields",
                               "-e", "frame.number"], check=True, capture_output=True, text=True, timeout=60)
        return len(done.stdout.split())

    def test_tshark(self):
        """Tags, extension headers and fragments; which tshark is told the identifications of."""
        frames, cut = mixture(3, 400)
        result = self.audit(p.pcapng(timed(frames)), self.topology(), code=0)
        for name, _, display, port in self.COUNTED:
            if port in cut:
                display += f" or (ip.id in {{{', '.join(map(str, cut[port]))}}})"
            self.assertEqual(self.tshark(self.capture, display), made.matched(result)[name], name)

    def test_tcpdump(self):
        """The same expressions, on packets that libpcap's filters see without help."""
        frames = [f for f in mixture(4, 400)[0] if f[12:14] == b"\x08\0" and f[20:22] == b"\0\0"]
        self.assertGreater(len(frames), 50)
        result = self.audit(p.pcap(timed(frames)), self.topology(), code=0)
        for name, expression, _, _ in self.COUNTED:
            done = subprocess.run(["tcpdump", "-n", "-t", "-q", "-r", str(self.capture), expression], check=True,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(len(done.stdout.splitlines()), made.matched(result)[name], name)


if __name__ == "__main__":
    MISSING = [t for t in ("tcpdump", "tshark") if not shutil.which(t)]
    if MISSING:
        print(f"skipped: counts by other programs: {', '.join(MISSING)} missing")
        del Counted
    unittest.main(verbosity=2)
