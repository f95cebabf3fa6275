"""Captures that are cut, bent or made up: an error (2) or no verdict (4), a violation that was seen (1), but never a pass and never a
crash. A cut between two records alone leaves a whole capture behind."""
import concurrent.futures
import json
import os
import random
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import made  # noqa: E402
import packets as p  # noqa: E402

GOOD = p.ether_ip(p.ipv4("10.0.0.1", "10.0.0.2", p.UDP, p.udp(1, 4700, b"x")))
BAD = p.ether_ip(p.ipv4("10.0.0.1", "10.0.1.2", p.UDP, p.udp(1, 4700, b"x")))
AT = 1_700_000_000 * 10**9


def records(*frames):
    return [(AT + i * 1000, f) for i, f in enumerate(frames)]


class Broken(made.Case):

    def codes(self, files):
        """{key: exit code} of many captures, a few at a time."""
        def one(item):
            number, (key, data) = item
            return key, self.run_audit(data, name=f"made-{number}").returncode
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            return dict(pool.map(one, enumerate(files.items())))

    def cut_anywhere(self, whole, ends, begins, after):
        """ends: {place of a cut between records: the code it comes to}; begins: where the file's header ends; after: the codes of a
        cut elsewhere."""
        found = self.codes({place: whole[:place] for place in range(len(whole) + 1)})
        for place, code in found.items():
            expected = ends.get(place, 2 if place < begins else after)
            self.assertEqual(expected, code, place)

    def test_pcap_cut_at_each_byte(self):
        ends = {len(p.pcap(records(*[GOOD] * n))): 0 if n else 4 for n in range(3)}
        self.cut_anywhere(p.pcap(records(GOOD, GOOD)), ends, 24, 4)

    def test_pcapng_cut_at_each_byte(self):
        blocks = [p.section() + p.interface(), p.enhanced((AT, GOOD)), p.statistics(dropped=0)]
        whole, head = b"".join(blocks), len(blocks[0])
        ends = {head: 4, head + len(blocks[1]): 0, len(whole): 0}
        self.cut_anywhere(whole, ends, head, 4)

    def test_cut_behind_a_violation(self):
        whole, one = p.pcap(records(BAD, GOOD)), len(p.pcap(records(BAD)))
        found = self.codes({place: whole[:place] for place in range(one - 3, len(whole), 7)})
        for place, code in found.items():
            self.assertEqual(4 if place < one else 1, code, place)

    def test_wrong_magic(self):
        whole = p.pcap(records(GOOD))
        wrong = {m: struct.pack("<I", m) + whole[4:] for m in (0, 0xa1b2c3d5, 0xffffffff, 0xd4c3b2a0, 0x0a0d0d0a)}
        wrong.update({"nothing": b"", "text": b"GET / HTTP/1.1\r\n\r\n", "version": whole[:4] + b"\x09\0" + whole[6:],
                      "zeros": bytes(4096), "half a header": whole[:12],
                      "another order inside": whole[:4] + p.pcap(records(GOOD), order=">")[4:]})
        for key, code in self.codes(wrong).items():
            self.assertEqual(2, code, key)

    def test_absurd_lengths(self):
        """The length that was captured, that there was, and of pcapng's blocks."""
        good = p.pcap(records(GOOD, GOOD))
        files = {}
        for value in (0, 1, 13, len(GOOD) + 1, 10**6, 0x7fffffff, 0x80000000, 0xffffffff):
            for name, at in (("captured", 24 + 8), ("there was", 24 + 12)):
                files[name, value] = good[:at] + struct.pack("<I", value) + good[at + 4:]
        ng = p.pcapng(records(GOOD, GOOD))
        first = len(p.section() + p.interface())
        for value in (0, 4, 12, 31, 33, 1 << 20, 0x7ffffffc, 0xfffffffc, 0xffffffff):
            for name, at in (("block", first + 4), ("section", 4), ("interface", 28 + 4), ("captured", first + 20),
                             ("there was", first + 24), ("which interface", first + 8)):
                if (name, value) != ("which interface", 0):
                    files[name, "ng", value] = ng[:at] + struct.pack("<I", value) + ng[at + 4:]
        for key, code in self.codes(files).items():
            self.assertIn(code, (2, 4), key)

    def test_headers_that_contradict_themselves(self):
        def four(**more):
            return p.ether_ip(p.ipv4("10.0.0.1", "10.0.0.2", p.UDP, p.udp(1, 4700, b"x"), **more))
        head = bytearray(GOOD)
        head[14] = 0x44  # a header of 16 bytes
        long_head = bytearray(GOOD)
        long_head[14] = 0x4f
        version = bytearray(GOOD)
        version[14] = 0x65
        six = p.ipv6("fd00::1", "fd00::2", p.UDP, p.udp(1, 4700, b"x"), [(p.HOP_BY_HOP, p.options6())])
        bent = bytearray(p.ether_ip(six))
        bent[14 + 40 + 1] = 200  # options that are longer than the packet
        broken = {"longer than the frame": four(length=1000), "shorter than its header": four(length=19),
                  "without room for ports": four(length=22), "header of 16": bytes(head), "header of 60": bytes(long_head),
                  "version 6 in IPv4": bytes(version), "options beyond": bytes(bent),
                  "length of IPv6": p.ether_ip(p.ipv6("fd00::1", "fd00::2", p.UDP, p.udp(1, 4700, b"x"), length=500)),
                  "a frame of 5 bytes": GOOD[:5], "a frame of addresses": GOOD[:12], "nothing at all": b"",
                  "a tag and nothing": GOOD[:12] + b"\x81\0\0\7",
                  "nine tags": p.ether_ip(p.ipv4("10.0.0.1", "10.0.0.2", p.UDP, p.udp(1, 2)), tags=list(range(9))),
                  "a fragment of a fragment": p.ether_ip(p.ipv6("fd00::1", "fd00::2", p.UDP, p.udp(1, 4700), [
                      (p.FRAGMENT, p.fragment6(1, 0, True)), (p.FRAGMENT, p.fragment6(2, 0, True))]))}
        for key, frame in broken.items():
            with self.subTest(key):
                result = self.audit(p.pcap(records(GOOD, frame, GOOD)), code=4)
                self.assertEqual({"broken": 1}, made.doubts(result))
        self.assertEqual(1, self.audit(p.pcap(records(BAD, bytes(bent))), code=1)["violations_total"])

    def test_time_goes_backwards(self):
        def at(*seconds):
            return p.pcap([(AT + int(s * 10**9), GOOD) for s in seconds])
        self.audit(at(0, 1, 0.5, 2, 1.2), code=0)  # processors interleave; older than the newest so far is what counts
        for times, n in (((5, 0), 1), ((0, 5, 3.9, 6), 1), ((9, 1, 2, 9, 1), 3)):
            self.assertEqual({"time": n}, made.doubts(self.audit(at(*times), code=4)))
        # The ends of time: of pcap's 32 bits, and of pcapng's 64.
        self.audit(p.pcap([(0, GOOD), ((2**32 - 1) * 10**9, GOOD)], nano=True), code=0)
        late = p.section() + p.interface() + p.enhanced((0, GOOD)) + p.enhanced(((2**64 - 1) * 1000, GOOD))
        self.assertEqual({"time": 1}, made.doubts(self.audit(late + p.enhanced((0, GOOD)), code=4)))
        # And of interfaces in years that no clock shows: before and behind what 64 bits of nanoseconds hold.
        ends = p.section() + p.interface(offset=-2**62) + p.interface(offset=2**62)
        turns = ends + (p.enhanced((0, BAD)) + p.enhanced((0, BAD), 1)) * 3
        result = self.audit(turns, code=1)
        self.assertEqual((6, {"time": 2}), (result["violations_total"], made.doubts(result)))
        self.assertEqual((-(2**62 - 1), 2**62 - 1), (result["first_ns"], result["last_ns"]))

    def test_links_that_are_not_read(self):
        for link in (2, 6, 105, 127, 147, 189, 220, 9999):
            self.assertEqual(2, self.run_audit(p.pcap(records(GOOD), link)).returncode, link)

    def test_pcapng_out_of_order(self):
        packet = p.enhanced((AT, GOOD))
        files = {"no interface": p.section() + packet, "no section": p.interface() + packet,
                 "another interface": p.section() + p.interface() + p.enhanced((AT, GOOD), 1),
                 "mixed links": p.section() + p.interface() + p.interface(p.RAW) + packet,
                 "byte order": p.section() + p.interface(order=">") + packet,
                 "resolution": p.section() + p.interface(resolution=255) + packet,
                 "version": p.section()[:12] + b"\x09\0" + p.section()[14:] + p.interface() + packet}
        for key, code in self.codes(files).items():
            self.assertIn(code, (2, 4), key)

    def test_bits_turned(self):
        """Anything may come of it but a crash; and where it passes, it is a capture of two packets that stay, or of fewer."""
        draw = random.Random(11)
        files = {}
        for whole in (p.pcap(records(GOOD, GOOD)), p.pcapng(records(GOOD, GOOD), dropped=0)):
            for _ in range(60):
                bent = bytearray(whole)
                for _ in range(draw.randrange(1, 4)):
                    place = draw.randrange(len(bent))
                    bent[place] ^= 1 << draw.randrange(8)
                files[len(files)] = bytes(bent)
        for key, data in files.items():
            done = self.run_audit(data)
            if done.returncode == 0:
                result = json.loads(done.stdout)
                self.assertEqual(([], 0), (result["doubts"], result["violations_total"]), key)
                self.assertIn(result["packets"], (1, 2), key)


if __name__ == "__main__":
    unittest.main(verbosity=2)
