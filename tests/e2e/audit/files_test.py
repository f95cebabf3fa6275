"""Captures that tcpdump, tshark and dumpcap make of curl, wrk and ping: every class counts what tshark and tcpdump count. Then what
a file, a pipe and a broken capture come to. Two network namespaces of the test's own."""
import contextlib
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import common  # noqa: E402
import e2e  # noqa: E402
import netns  # noqa: E402

HARMLESS = [c for c in common.CLASSES if not c[3]]
SEND_LARGE = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(5):
    s.sendto(bytes(4000), ("10.9.1.1", 4700))
"""


def tshark_counts(file, *displays):
    """How many frames meet each display filter, and how many there are, in one pass."""
    filters = ",".join(["frame", *displays])
    done = subprocess.run(["tshark", "-n", "-q", "-r", str(file), "-z", f"io,stat,0,{filters}"], check=True, capture_output=True,
                          text=True, timeout=120)
    row = [line for line in done.stdout.splitlines() if "<>" in line]
    return [int(n) for n in row[0].split("<>")[1].replace("|", " ").split()[1::2]]


def tcpdump_count(file, expression):
    done = subprocess.run(["tcpdump", "-n", "-r", str(file), "--count", expression], check=True, capture_output=True, text=True,
                          timeout=60)
    return int((done.stdout + done.stderr).split(" packet")[0].split()[-1])


def pcapng(*blocks):
    """Blocks of (type, body) as a file."""
    return b"".join(struct.pack("<II", t, len(b) + 12) + b + struct.pack("<I", len(b) + 12) for t, b in blocks)


SECTION = (0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
ETHERNET = (1, struct.pack("<HHI", 1, 0, 262144))
COOKED = (1, struct.pack("<HHI", 113, 0, 262144))


def packet(data, interface=0):
    return (6, struct.pack("<IIIII", interface, 0, 0, len(data), len(data)) + data + bytes(-len(data) % 4))


def statistics(ifdrop, interface=0):
    return (5, struct.pack("<III", interface, 0, 0) + struct.pack("<HHQ", 5, 8, ifdrop) + bytes(4))


# Ethernet, IPv4, UDP from port 9 to port 9: of no class, inside of r0.
QUIET = bytes.fromhex("020000000001020000000002 0800 4500001c000000004011 0000 0a090001 0a090002 0009 0009 0008 0000")


class Captures(common.Case):
    """One round of traffic, captured by everybody at once; then each file is audited."""

    def capture(self, stack, node):
        """Starts the programs; returns {name: (process, file)}."""
        commands = {
            "tcpdump": ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-n", "-i", "va", "-w"],
            "tcpdump-nano": ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-n", "--nano", "-i", "va", "-w"],
            "tcpdump-any": ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-n", "-i", "any", "-w"],
            "tcpdump-cooked1": ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-n", "-i", "any", "-y", "LINUX_SLL", "-w"],
            "dumpcap": ["dumpcap", "-q", "-i", "va", "-w"],
            "dumpcap-pcap": ["dumpcap", "-q", "-P", "-i", "va", "-w"],
            "tshark": ["tshark", "-q", "-n", "-i", "va", "-w"],
        }
        if not netns.ROOT:  # in a user namespace with one user tcpdump cannot become another one, which it insists on
            commands = {name: command for name, command in commands.items() if command[0] != "tcpdump"}
        started = {}
        for name, command in commands.items():
            file = self.folder / f"{name}.pcap"
            p = stack.enter_context(self.running([*node.enter, *command, file], f"{name}.err"))
            started[name] = (p, file)
        return started

    def traffic(self, a, b, critical):
        if critical:
            a.run(sys.executable, "-c", SEND_LARGE)
            b.run("curl", "-s", "-o", "/dev/null", "http://10.9.0.1:8000/page")
        for target in ("10.9.1.1", "fd09:0:0:1::1"):
            a.run("ping", "-n", "-q", "-c", "3", "-i", "0.1", target)
        a.run("ping", "-n", "-q", "-c", "2", "-i", "0.1", "-s", "4000", "10.9.1.1")  # in three fragments
        for target in ("10.9.0.1", "[fd09::1]"):
            b.run("curl", "-s", "-o", "/dev/null", f"http://{target}:8080/page")
        b.run("wrk", "-t", "1", "-c", "2", "-d", "1", "http://10.9.0.1:8080/page")

    def made(self, critical):
        """The files, by the name of who made them."""
        with contextlib.ExitStack() as stack:
            a, b = netns.pair(self)
            self.serve(stack, a, 8080)
            if critical:
                self.serve(stack, a, 8000)
            started = self.capture(stack, a)
            deadline = time.monotonic() + 40
            while min(common.size(file) for _, file in started.values()) < 1000:  # they all see packets
                self.assertLess(time.monotonic(), deadline, "not every program captures")
                a.run("ping", "-n", "-q", "-c", "1", "10.9.1.1")
            self.traffic(a, b, critical)
            self.settled(*(file for _, file in started.values()))
            for p, _ in started.values():
                p.send_signal(signal.SIGINT)
            for name, (p, _) in started.items():
                self.assertEqual(0, p.wait(30), (self.folder / f"{name}.err").read_text())
        return {name: file for name, (_, file) in started.items()}

    def counts_agree(self, name, file, classes, result):
        found = common.matched(result)
        total, *counts = tshark_counts(file, *(display for _, _, display, _ in classes))
        self.assertEqual(total, result["packets"], name)
        for (class_name, expression, _, _), count in zip(classes, counts):
            self.assertEqual(count, found[class_name], (name, class_name))
            # libpcap's filters see neither later fragments (kv) nor ICMPv6 behind a hop-by-hop header (ping6); the audit does.
            if class_name not in ("kv", "ping6"):
                self.assertEqual(tcpdump_count(file, expression), found[class_name], (name, class_name))
        return found

    def test_nothing_critical(self):
        self.topology = self.write(common.topology(HARMLESS), "topology.json")
        for name, file in self.made(critical=False).items():
            with self.subTest(name):
                done = self.audit("--pcap", file, code=0)
                self.assertEqual("pass", done.result["verdict"])
                found = self.counts_agree(name, file, HARMLESS, done.result)
                self.assertGreater(found["ingress"], 20)
                self.assertGreaterEqual(found["ping"], 2 * 3 + 2 * 2 * 3)
                self.assertGreaterEqual(found["ping6"], 6)

    def test_critical_traffic_crosses(self):
        files = self.made(critical=True)
        for name, file in files.items():
            with self.subTest(name):
                done = self.audit("--pcap", file, code=1)
                found = self.counts_agree(name, file, common.CLASSES, done.result)
                self.assertEqual(5 * 3, found["kv"])
                # Each packet of the two classes crosses, and nothing else is wrong; "any" sees loopback, too, which stays.
                _, crossing = tshark_counts(file, "(tcp.port == 8000 or ip.proto == 17) and not icmp and ip.addr == 10.9.1.1")
                self.assertEqual(crossing, done.result["violations_total"], name)
        self.several(files)
        self.piped(files["dumpcap"])
        self.written(files["tshark"])

    def several(self, files):
        one, two = files["dumpcap-pcap"], files["dumpcap"]
        apart = [self.audit("--pcap", f, code=1).result for f in (one, two)]
        for arguments in (["--pcap", one, two], ["--pcap", one, "--pcap", two], [one, two]):
            result = self.audit(*arguments, code=1).result
            self.assertEqual(sum(r["packets"] for r in apart), result["packets"])
            self.assertEqual(sum(r["violations_total"] for r in apart), result["violations_total"])
            self.assertEqual([str(one), str(two)], [c["name"] for c in result["captures"]])

    def piped(self, file):
        for arguments in ("cat '%s' | '%s' audit --topology '%s' --json --pcap -",
                          "'%s' audit --topology '%s' --json --pcap <(cat '%s')"):
            values = (file, e2e.BINARY, self.topology) if "|" in arguments else (e2e.BINARY, self.topology, file)
            done = subprocess.run(["bash", "-c", arguments % values], capture_output=True, timeout=60, check=False)
            self.assertEqual(1, done.returncode, done.stderr)
            name = json.loads(done.stdout)["captures"][0]["name"]
            expected = self.audit("--pcap", file, code=1).result
            self.assertEqual(json.dumps(expected), json.dumps(json.loads(done.stdout)).replace(f'"{name}"', json.dumps(str(file))))

    def written(self, file):
        out = self.folder / "deep/er/out"
        done = self.audit("--pcap", file, "--out", out, code=1)
        self.assertEqual(done.result, json.loads((out / "audit.json").read_text()))
        self.assertIn((out / "audit.txt").read_text().splitlines()[0], done.stderr)
        self.assertEqual(["audit.json", "audit.txt"], sorted(os.listdir(out)))
        done = self.audit("--pcap", file, "--limit", "2", code=1)
        self.assertEqual(2, len(done.result["violations"]))
        self.assertGreater(done.result["violations_total"], 2)

    def test_short_snapshots(self):
        with contextlib.ExitStack() as stack:
            a, _ = netns.pair(self)
            file = self.folder / "short.pcap"
            p = stack.enter_context(self.running([*a.enter, "dumpcap", "-q", "-P", "-s", "60", "-i", "va", "-w", file], "short.err"))
            self.said_in("short.err", "File:")
            deadline = time.monotonic() + 40
            while common.size(file) < 24 + 6 * (16 + 60):
                self.assertLess(time.monotonic(), deadline, "nothing is captured")
                a.run("ping", "-n", "-q", "-c", "3", "-i", "0.1", "10.9.1.1")
            p.send_signal(signal.SIGINT)
            p.wait(30)
        done = self.audit("--pcap", file, code=4)
        self.assertEqual("inconclusive", done.result["verdict"])
        self.assertGreaterEqual(common.doubts(done.result)["truncated"], 6)


class Files(common.Case):
    """Captures made by hand: no other program is needed."""

    def file(self, *blocks, name="made.pcapng"):
        path = self.folder / name
        path.write_bytes(pcapng(*blocks))
        return path

    def test_what_was_dropped(self):
        self.audit("--pcap", self.file(SECTION, ETHERNET, packet(QUIET), statistics(0)), code=0)
        done = self.audit("--pcap", self.file(SECTION, ETHERNET, packet(QUIET), statistics(3)), code=4)
        self.assertEqual({"dropped": 3}, common.doubts(done.result))
        self.assertEqual(3, done.result["captures"][0]["dropped"])

    def test_link_types(self):
        mixed = self.file(SECTION, ETHERNET, COOKED, packet(QUIET))
        self.refused("found '.*made.pcapng': an interface has a type 113", "--pcap", mixed)
        later = self.file(SECTION, ETHERNET, packet(QUIET), COOKED, packet(QUIET), name="later.pcapng")
        self.refused("found '.*later.pcapng': an interface has a type 113", "--pcap", later)
        radio = self.file(SECTION, (1, struct.pack("<HHI", 127, 0, 262144)), packet(QUIET), name="radio.pcapng")
        self.refused("link type is IEEE802_11_RADIO", "--pcap", radio)
        good = self.file(SECTION, ETHERNET, packet(QUIET), name="good.pcapng")
        self.refused("radio.pcapng", "--pcap", good, radio)  # before the good one is read

    def test_what_is_no_capture(self):
        empty, text = self.folder / "empty", self.folder / "text"
        empty.write_bytes(b"")
        text.write_text("no capture at all")
        self.refused("it is empty", "--pcap", empty)
        self.refused("it is empty", "--pcap", "-", stdin=subprocess.DEVNULL)
        self.refused("unknown file format", "--pcap", text)
        self.refused("no such file", "--pcap", self.folder / "missing")
        self.refused("it is a directory", "--pcap", self.folder)
        packed = self.folder / "packed.gz"
        packed.write_bytes(b"\x1f\x8b\x08\x00" + bytes(20))
        self.refused("it is compressed; zcat it into --pcap -", "--pcap", packed)

    def test_options(self):
        self.refused("found both", "--pcap", "x", "--interface", "lo")
        self.refused("found neither")
        self.refused("--for: expected it with --interface", "--pcap", "x", "--for", "3s")
        self.refused("--for: expected a duration", "--interface", "lo", "--for", "3")
        self.refused("named twice", "--pcap", "-", "-")
        self.refused("--limit: expected a whole number", "--pcap", "x", "--limit", "0")
        self.topology = self.write(common.topology([("bad", "udp pohrt 3", "", True)]), "bad.json")
        self.refused(r"bad.json:1:\d+: classes.bad.filter: expected a libpcap filter", "--pcap", "x")
        self.topology = self.write(common.topology([("tag", "not vlan 3", "", True)]), "tag.json")
        self.refused("asks for VLAN tags", "--pcap", "x")

    def test_cut_anywhere(self):
        """Never a pass, unless the cut is between two records."""
        blocks = [SECTION, ETHERNET] + [packet(QUIET + bytes(n)) for n in range(8)] + [statistics(0)]
        whole = pcapng(*blocks)
        ends = [len(pcapng(*blocks[:i])) for i in range(len(blocks) + 1)]
        chosen = random.Random(5).sample(range(len(whole)), 25) + ends
        for place in chosen:
            file = self.folder / "cut"
            file.write_bytes(whole[:place])
            done = self.audit("--pcap", file)
            if place < ends[2]:
                self.assertEqual(2, done.returncode, (place, done.stderr))
            elif place in ends[3:]:
                self.assertEqual(0, done.returncode, (place, done.stderr))
            elif place == ends[2]:  # no packet at all
                self.assertEqual({"empty": 1}, common.doubts(done.result))
            else:
                self.assertEqual(4, done.returncode, (place, done.stderr))
                self.assertEqual(1, common.doubts(done.result)["cut"])
                self.assertRegex(done.stderr, f"cut after packet [0-9]+, {place} bytes read: ")

    def test_signals(self):
        whole = pcapng(SECTION, ETHERNET, packet(QUIET), packet(QUIET))
        command = [e2e.BINARY, "audit", "--topology", self.topology, "--json"]
        # A pipe: Ctrl-C goes to who writes, too, and what that one still writes is read.
        p = subprocess.Popen([*command, "--pcap", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdin.write(whole[:-40])
        p.stdin.flush()
        self.until(lambda: self.waits(p.pid), "reading")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(whole[-40:], timeout=30)
        self.assertEqual(0, p.returncode, err)
        self.assertEqual(2, json.loads(out)["packets"])
        # SIGTERM, and a file that never ends: broken off, with what there is.
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        for number in (signal.SIGINT, signal.SIGTERM):
            p = subprocess.Popen([*command, "--pcap", str(fifo)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            with open(fifo, "wb", buffering=0) as f:
                f.write(whole)
                self.until(lambda: self.waits(p.pid), "reading")
                p.send_signal(number)
                out, err = p.communicate(timeout=30)
            self.assertEqual(128 + number, p.returncode, err)
            self.assertEqual({"cut": 1}, common.doubts(json.loads(out)))
            self.assertEqual(2, json.loads(out)["packets"])

    @staticmethod
    def waits(pid):
        """Blocked in read(2) of its capture."""
        try:
            with open(f"/proc/{pid}/wchan", encoding="ascii") as f:
                return "pipe" in f.read()
        except OSError:
            return False


if __name__ == "__main__":
    REASON = netns.lacks("tcpdump", "tshark", "dumpcap", "curl", "wrk", "ping")
    if REASON:
        print(f"skipped: captures by other programs: {REASON}")
        del Captures
    unittest.main(verbosity=2)
