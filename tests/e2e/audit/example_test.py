"""The topology of docs/ with captures made by hand: what it says of each class is what docs/AUDIT.md says, and the result's sums
hold. Each verdict has its exit code."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import common  # noqa: E402
import e2e  # noqa: E402
import packets  # noqa: E402

SITE = [packets.ours("r0.n1.c2", "r0.n2.c3"),
        packets.ours("r0.n1", "r0.n2"),
        packets.our_datagram("r0.control", "r1.n3", "control"),
        packets.our_datagram("r1.n3", "r0.telemetry", "telemetry"),
        packets.our_datagram("r0.registry", "r2.n1", "artifact"),
        packets.ether_ip(packets.ipv4("192.0.2.7", "10.64.0.5", packets.TCP, packets.tcp(40000, 8000))),
        packets.ether_ip(packets.ipv6("2001:db8::7", "fd00:0:0:41::5", packets.TCP, packets.tcp(40000, 443))),
        packets.ether_ip(packets.ipv4("10.64.0.5", "10.64.1.5", packets.ICMP, packets.icmp())),
        packets.ethernet(packets.TYPE_ARP, packets.arp("02:00:00:00:00:01", "10.64.0.5", "10.64.0.6"),
                         destination=packets.BROADCAST),
        packets.ether_ip(packets.ipv4("10.64.0.5", "10.64.0.6", packets.UDP, packets.udp(4700, 4700, b"kv")))]
CLASSES = {"model": 3, "control": 1, "telemetry": 1, "artifacts": 1, "ingress": 2, "background": 2}


class ExampleTest(common.Case):

    def setUp(self):
        super().setUp()
        self.topology = os.path.join(e2e.SOURCE, "docs/audit-topology.json")

    def capture(self, *more, cut=0):
        records = [(10**9 + i * 10**6, p) for i, p in enumerate([*SITE, *more])]
        path = self.folder / "site.pcap"
        data = packets.pcap(records)
        path.write_bytes(data[:len(data) - cut])
        return path

    def test_a_site_that_keeps_the_rule(self):
        r = self.audit("--pcap", self.capture(), code=0).result
        self.assertEqual("lpuchaos.audit/1", r["schema"])
        self.assertEqual("pass", r["verdict"])
        self.assertEqual(CLASSES, {c["name"]: c["packets"] for c in r["classes"]})
        self.assertEqual(len(SITE), r["packets"])
        self.assertEqual(len(SITE), sum(c["packets"] for c in r["matrix"]))
        self.assertEqual(sum(map(len, SITE)), sum(c["bytes"] for c in r["matrix"]))
        self.assertAlmostEqual(1, sum(c["share"] for c in r["matrix"]))
        self.assertEqual({"min": 1, "max": 1}, r["sampling"])
        self.assertEqual(["r0", "r1"], next(c["racks"] for c in r["matrix"] if c["class"] == "telemetry"))
        self.assertEqual("pod", next(c["crosses"] for c in r["matrix"] if c["class"] == "artifacts"))
        self.assertEqual([None, "r0"], next(c["racks"] for c in r["matrix"] if c["class"] == "ingress"))
        self.assertEqual([], r["doubts"])

    def test_one_frame_that_leaves_its_rack(self):
        for n, bad in enumerate([packets.ours("r0.n1.c2", "r1.n2.c3"), packets.ours("r2.n1", "r0.n2"),
                                 packets.ours("r0.n1", "r7.n2")]):
            with self.subTest(n):
                r = self.audit("--pcap", self.capture(bad), code=1).result
                self.assertEqual(1, r["violations_total"])
                v = r["violations"][0]
                self.assertEqual(len(SITE) + 1, v["frame"])
                self.assertEqual("model", v["class"])
                self.assertEqual("end_outside" if n == 2 else "cross_rack", v["reason"])
                self.assertEqual(1, v["request"])

    def test_what_no_class_claims(self):
        stray = packets.ether_ip(packets.ipv4("10.64.0.5", "10.64.1.6", packets.TCP, packets.tcp(5, 6)))
        r = self.audit("--pcap", self.capture(stray), code=1).result
        self.assertEqual("unclassified_cross_rack", r["violations"][0]["reason"])
        self.assertIsNone(r["violations"][0]["class"])

    def test_a_capture_that_is_cut(self):
        r = self.audit("--pcap", self.capture(cut=3), code=4).result
        self.assertEqual(["cut"], [d["reason"] for d in r["doubts"]])


if __name__ == "__main__":
    unittest.main()
