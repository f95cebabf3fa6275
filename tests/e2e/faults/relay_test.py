"""`relay` on real packets, in network namespaces of the test: what ping measures against the law, the share of losses
against its binomial interval, the same drops from the same seed, and nothing left behind."""
import contextlib
import ctypes
import hashlib
import importlib.machinery
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

netlab = importlib.machinery.SourceFileLoader("netlab", str(e2e.SOURCE / "scripts/netlab")).load_module()
INSIDE = "LPUCHAOS_RELAY_TEST"
A, B = "10.9.0.1", "10.9.0.2"
PINGS = 100  # a tap of default size holds them and their answers
MAC_A, MAC_B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
NET = None
LIBC = ctypes.CDLL(None, use_errno=True)


def jitter(**more):
    return dict({"id": "jitter", "kind": "ethernet.jitter", "at": "0s", "delay": "10ms", "jitter": "1ms", "correlation": 0}, **more)


def loss(share, **more):
    return dict({"id": "loss", "kind": "ethernet.loss", "at": "0s", "loss": share, "correlation": 0}, **more)


def build():
    """a ── wa (relay) wb ── b. Neighbours are known, so that no packet goes over the link but the test's own."""
    net = netlab.Net()
    net.add("a", "relay", "b")
    net.join(("a", "va", A + "/24", MAC_A), ("relay", "wa"))
    net.join(("b", "vb", B + "/24", MAC_B), ("relay", "wb"))
    net.ip("neigh", "add", B, "lladdr", MAC_B, "dev", "va", ns="a")
    net.ip("neigh", "add", A, "lladdr", MAC_A, "dev", "vb", ns="b")
    return net


def packet_sockets():
    done = subprocess.run(NET.inside("relay", "cat", "/proc/net/packet"), capture_output=True, text=True, check=True)
    return len(done.stdout.splitlines()) - 1


class Relay(e2e.Case):

    def relay(self, faults, *options):
        file = self.write(faults, "faults.json")
        return NET.inside("relay", e2e.BINARY, "relay", "--a", "wa", "--b", "wb", "--faults", file, "--json", *options)

    def through(self, faults, what, *options):
        """Relays while what() runs; returns what it returned and what the relay says it did."""
        with self.started(self.relay(faults, *options)) as p:
            self.until(lambda: "relaying between" in self.said(), "relaying")
            got = what(p)
            p.send_signal(signal.SIGTERM)
            self.assertEqual(0, p.wait(10), self.said())
        self.no_sanitizer(self.said())
        done = json.loads((self.folder / "stdout").read_text())
        for way in done["directions"]:
            self.assertEqual(way["received"], sum(way[k] for k in ("forwarded", "dropped", "overflowed", "unsent", "held")), way)
            self.assertEqual(0, way["overflowed"] + way["unsent"] + way["missed"], way)
        return got, done

    def ping(self, n, interval):
        """Round trips in ms by sequence number; those that never came back are missing."""
        done = subprocess.run(NET.inside("a", "ping", "-n", "-c", n, "-i", interval, "-W", 1, B), capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertIn("packets transmitted", done.stdout, done.stderr)
        return {int(s): float(t) for s, t in re.findall(r"icmp_seq=(\d+) .*time=([0-9.]+) ms", done.stdout)}

    def test_delay_and_deviation(self):
        """10 ms each way with a deviation of 1 ms. What the kernel's stamps at both ends say is the law and the relay's own
        lateness, to 0.2 ms, however busy the machine is; the deviation is the law's alone where it is not."""
        def stamped(_):
            with in_namespace("a", lambda: tap("va")) as a, in_namespace("b", lambda: tap("vb")) as b:
                rtt = self.ping(PINGS, 0.01)
                return rtt, stamps(a), stamps(b)
        (rtt, a, b), done = self.through([jitter()], stamped)
        self.assertEqual((PINGS, 2 * PINGS, 2 * PINGS), (len(rtt), len(a), len(b)))
        took = [abs(a[packet] - b[packet]) / 1e6 for packet in a]
        low, _, high = statistics.quantiles(took, n=4)
        own = done["lateness_ms"]
        for way in done["directions"]:  # what was asked for: 4 standard errors around the law
            self.assertEqual((PINGS, PINGS), (way["received"], way["delayed"]))
            self.assertAlmostEqual(10, way["delay_ms"]["mean"], delta=4 / PINGS ** 0.5)
        asked = statistics.mean(way["delay_ms"]["mean"] for way in done["directions"])
        self.assertAlmostEqual(asked + own["mean"], statistics.mean(took), delta=0.2)
        self.assertGreater(min(rtt.values()), 20 - 2 * 4)
        if own["mean"] < 0.15:
            self.assertAlmostEqual(1.349, high - low, delta=0.45)

    def test_loss_has_its_share(self):
        rtt, done = self.through([loss("10%")], lambda _: self.ping(500, 0.004))
        there, back = done["directions"]
        self.assertEqual(500, there["received"])
        self.assertEqual(500 - there["dropped"], back["received"])
        self.assertEqual(500 - there["dropped"] - back["dropped"], len(rtt))
        self.assertAlmostEqual(0.1, there["dropped"] / 500, delta=4 * (0.1 * 0.9 / 500) ** 0.5)
        self.assertAlmostEqual(0.19, 1 - len(rtt) / 500, delta=4 * (0.19 * 0.81 / 500) ** 0.5)

    def test_the_seed_decides_which(self):
        faults = [loss("30%", correlation="25%")]
        one, two, three = (self.through(faults, lambda _: set(self.ping(150, 0.004)), "--seed", seed)[0] for seed in (5, 5, 6))
        self.assertEqual(one, two)
        self.assertNotEqual(one, three)

    def test_faults_come_and_go(self):
        def watch(_):
            self.until(lambda: "cut injected" in self.said(), "the cut")
            lost = self.ping(20, 0.01)
            self.until(lambda: "cut reverted" in self.said(), "the end of the cut")
            return lost, self.ping(20, 0.01)
        faults = [{"id": "cut", "kind": "ethernet.partition", "at": "300ms", "for": "1700ms"}]
        (lost, kept), _ = self.through(faults, watch)
        self.assertEqual(({}, 20), (lost, len(kept)))

    def test_tcp_repeats_what_is_lost(self):
        """Checksums that the sender leaves to its interface, and real losses."""
        sent = os.urandom(1 << 20)
        listener = in_namespace("b", lambda: socket.create_server((B, 0)))
        got = []

        def serve():
            c, _ = listener.accept()
            with c:
                got.append(b"".join(iter(lambda: c.recv(1 << 16), b"")))

        def send(_):
            reader = threading.Thread(target=serve)
            reader.start()
            with in_namespace("a", lambda: socket.create_connection(listener.getsockname(), timeout=30)) as c:
                c.sendall(sent)
            reader.join(30)
        with listener:
            _, done = self.through([loss("1%")], send)
        self.assertEqual([hashlib.sha256(sent).digest()], [hashlib.sha256(x).digest() for x in got])
        there = done["directions"][0]
        self.assertGreater(there["received"], len(sent) / 1500)
        self.assertGreater(there["dropped"], 0)
        self.assertGreaterEqual(there["bytes"], len(sent))

    def test_frames_go_on_as_they_are(self):
        """VLAN tags, one and two of them, and frames that are no IP."""
        frames = [bytes.fromhex(MAC_B.replace(":", "") + MAC_A.replace(":", "") + kind) + os.urandom(n)
                  for kind, n in (("8100200588b5", 60), ("88a800078100200588b5", 60), ("88b5", 1500), ("8100000a0800", 46))]

        def raw(name):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind((name, 0))
            s.settimeout(5)
            return s

        def exchange(_):
            with in_namespace("a", lambda: raw("va")) as out, in_namespace("b", lambda: raw("vb")) as back:
                back.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: the outer tag is told apart
                for frame in frames:
                    out.send(frame)
                    yield with_tag(*back.recvmsg(2048, 256)[:2])
        got, _ = self.through([jitter(delay="1ms", jitter="0s")], lambda p: list(exchange(p)))
        self.assertEqual(frames, got)

    def test_what_is_left_to_the_hardware_stays_right(self):
        """A checksum that is yet to be filled in starts behind the tag, wherever the kernel keeps the tag meanwhile."""
        udp = struct.pack("!HHHH", 4000, 4001, 8 + 32, 0) + bytes(32)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(A), socket.inet_aton(B))
        ends = bytes.fromhex((MAC_B + MAC_A).replace(":", ""))
        plain, tagged = ends + b"\x08\x00" + ip + udp, ends + b"\x81\x00\x00\x07\x08\x00" + ip + udp
        for frame, start in ((plain, 34), (tagged, 38)):
            head = struct.pack("=BBHHHH", 1, 0, 0, 0, start, 6)  # VIRTIO_NET_HDR_F_NEEDS_CSUM

            def exchange(_, message=head + frame):
                with in_namespace("a", lambda: with_head("va")) as out, in_namespace("b", lambda: with_head("vb")) as back:
                    out.send(message)
                    return back.recv(2048)
            got, _ = self.through([jitter(delay="1ms", jitter="0s")], exchange)
            flags, _, _, _, at, offset = struct.unpack("=BBHHHH", got[:10])
            self.assertEqual((1, 34, 6), (flags, at, offset))  # this reader is not told of the tag
            self.assertEqual(plain, got[10:])

    def test_nothing_is_left(self):
        self.assertEqual(0, packet_sockets())
        with self.started(self.relay([jitter()])) as p:
            self.until(lambda: "relaying between" in self.said(), "relaying")
            self.assertEqual(2, packet_sockets())
            status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
            for line in ("CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"):
                self.assertIn(line, status)
            self.assertEqual([], e2e.children(p.pid))
            p.send_signal(signal.SIGINT)
            self.assertEqual(0, p.wait(10), self.said())
        self.assertIn("jitter reverted", self.said())
        self.assertEqual(0, packet_sockets())
        links = subprocess.run(["ip", "-n", "relay", "-d", "link"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(set("0"), set(re.findall(r" promiscuity (\d+)", links)))

    def test_it_ends_by_itself(self):
        with self.started(self.relay([jitter(**{"for": "100ms"})], "--for", "400ms")) as p:
            self.assertEqual(0, p.wait(10), self.said())
        self.assertAlmostEqual(0.4, json.loads((self.folder / "stdout").read_text())["seconds"], delta=0.3)

    def test_an_interface_that_is_down_for_a_while(self):
        """Frames towards it are refused, it is not polled meanwhile, and all is well when it is back."""
        def ticks(p):
            return sum(map(int, pathlib.Path(f"/proc/{p.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        with self.started(self.relay([])) as p:
            self.until(lambda: "relaying between" in self.said(), "relaying")
            NET.ip("link", "set", "wb", "down", ns="relay")
            self.assertEqual({}, self.ping(10, 0.01))
            before = ticks(p)
            time.sleep(1)
            self.assertLess(ticks(p) - before, 0.2 * os.sysconf("SC_CLK_TCK"))
            NET.ip("link", "set", "wb", "up", ns="relay")
            self.until(lambda: self.ping(1, 0.01), "a packet through")
            self.assertEqual(10, len(self.ping(10, 0.01)))
            p.send_signal(signal.SIGTERM)
            self.assertEqual(0, p.wait(10), self.said())
        there = json.loads((self.folder / "stdout").read_text())["directions"][0]
        self.assertGreater(there["unsent"], 0)

    def test_an_interface_that_goes_away(self):
        NET.join(("relay", "wx"), ("b", "vx"))
        with self.started(NET.inside("relay", e2e.BINARY, "relay", "--a", "wa", "--b", "wx")) as p:
            self.until(lambda: "relaying between" in self.said(), "relaying")
            NET.ip("link", "del", "wx", ns="relay")
            self.assertEqual(3, p.wait(10), self.said())
        self.assertIn("interface wx is gone", self.said())

    def test_what_makes_no_sense_is_refused(self):
        for faults, words in (([{"id": "x", "kind": "chip.loss", "target": "r0.n0.c0", "at": "0s"}], "expected a fault of packets"),
                              ([loss("5%", at=None, when={"signal": "error_ratio", "op": ">", "value": 0.5})], "waits for a signal"),
                              ([loss("120%")], "loss")):
            faults = [{k: v for k, v in f.items() if v is not None} for f in faults]
            done = subprocess.run(self.relay(faults), capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(2, done.returncode, done.stderr)
            self.assertRegex(done.stderr, r"faults\.json:1:\d+: .*" + words)
        for options, code, words in ((["--a", "wa"], 2, "two interfaces"), (["--a", "wa", "--b", "wa"], 2, "wa twice"),
                                     (["--a", "wa", "--b", "nowhere"], 3, "no interface nowhere"),
                                     (["--a", "lo", "--b", "wa"], 3, "Ethernet"),
                                     (["--a", "wa", "--b", "wb", "--for", "soon"], 2, "found 'soon'")):
            done = subprocess.run(NET.inside("relay", e2e.BINARY, "relay", *options), capture_output=True, text=True, timeout=20,
                                  check=False)
            self.assertEqual((code, True), (done.returncode, words in done.stderr), done.stderr)


def in_namespace(name, make):
    """make() in a thread that has gone there: a socket stays in the namespace that it was made in."""
    made = []

    def go():
        with open(f"/run/netns/{name}") as f:
            if LIBC.setns(f.fileno(), 0x40000000):  # CLONE_NEWNET
                raise OSError("setns")
        made.append(make())
    t = threading.Thread(target=go)
    t.start()
    t.join()
    return made[0]


def with_head(name):
    """Reads and writes what the kernel knows of a frame's checksum in front of it."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
    s.bind((name, 0))
    s.settimeout(5)
    return s


def tap(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    s.bind((name, 0))
    s.settimeout(0.2)
    return s


def stamps(s):
    """Instant in ns of each echo and its answer, by (type, sequence number)."""
    seen = {}
    with contextlib.suppress(TimeoutError):
        while True:
            frame, beside, _, _ = s.recvmsg(2048, 256)
            stamp = next(data for level, kind, data in beside if (level, kind) == (socket.SOL_SOCKET, 35))
            if frame[23] == 1:  # ICMP
                seen[frame[34], frame[40:42]] = struct.unpack("qq", stamp)[0] * 10**9 + struct.unpack("qq", stamp)[1]
    return seen


def with_tag(frame, beside):
    """The frame with the outer VLAN tag, which the kernel keeps beside it, where it belongs."""
    for level, kind, data in beside:
        if (level, kind) == (263, 8):
            status, tci, tpid = (int.from_bytes(data[i:j], sys.byteorder) for i, j in ((0, 4), (16, 18), (18, 20)))
            if status & 16:  # TP_STATUS_VLAN_VALID
                return frame[:12] + tpid.to_bytes(2, "big") + tci.to_bytes(2, "big") + frame[12:]
    return frame


def main():
    global NET
    if INSIDE not in os.environ:
        try:
            if not shutil.which("ping"):
                raise netlab.Missing("ping is not installed")
            command, _ = netlab.unshare_command()
        except netlab.Missing as e:
            print(f"skipped: {e}")
            sys.exit(77)
        sys.exit(subprocess.run([*command, sys.executable, os.path.abspath(__file__), *sys.argv[1:]], check=False,
                                env=e2e.environment(**{INSIDE: "1"})).returncode)
    NET = build()
    e2e.main(needs_ring=False)


if __name__ == "__main__":
    main()
