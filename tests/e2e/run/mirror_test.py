"""`emulate --mirror`: what others read in it. tshark and tcpdump count what the arithmetic of the timetable says, and
find nothing wrong with a checksum; on an interface, in a network namespace of the test's own, the other end hears it."""
import collections
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

CHAT = "/v1/chat/completions"
PPF, CHIPS = 64, 8
MESH = CHIPS * (CHIPS - 1) // 2
SOL_PACKET, PACKET_STATISTICS = 263, 6  # linux/if_packet.h
CRITICAL = "eth.type==0x88b5"


def rack(nodes, **more):
    return dict({"pools": [{"name": "p", "nodes": [nodes], "admission": {"policy": "none"}, "buckets": [
        {"max_seq": 4096, "frame": "8ms", "slots": 8, "prefill_tokens_per_frame": PPF}]}]}, **more)


TWO_RACKS = rack(["r0.n0", "r1.n0"], hardware={"racks": {"value": 2, "unit": "count"}},
                 cross_rack={"position": "allowed", "rationale": "a test", "envelope": "none"})


def ask(port, tokens, words, tag=""):
    """One answer; returns its usage."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as c:
        c.request("GET", "/v1/models")
        model = json.loads(c.getresponse().read())["data"][0]["id"]
        c.request("POST", CHAT, json.dumps({"model": model, "max_tokens": tokens, "messages": [
            {"role": "user", "content": tag + " ".join(["word"] * words)}]}), {"content-type": "application/json"})
        answer = json.loads(c.getresponse().read())
    return answer["usage"]


def frames(usage):
    return -(-usage["prompt_tokens"] // PPF) + usage["completion_tokens"] - 1


def tshark(file, condition, *fields):
    """A tuple a packet."""
    arguments = ["tshark", "-n", "-r", str(file), "-Y", condition, "-T", "fields", "-o", "udp.check_checksum:TRUE",
                 "-o", "ip.check_checksum:TRUE", "-E", "separator=|"]
    for field in fields:
        arguments += ["-e", field]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
    return [tuple(line.split("|")) for line in done.stdout.splitlines()]


def listed(file, condition=""):
    """tcpdump's line of each packet."""
    done = subprocess.run(["tcpdump", "-nn", "-vv", "-r", str(file), condition], capture_output=True, text=True, check=True,
                          timeout=120)
    return [line for line in done.stdout.splitlines() if line[:1].isdigit()]


def page_rows(pattern):
    """Rows of the tables of docs/WIRE.md whose first cells match."""
    return re.findall(r"^\| " + pattern + r" \|", (e2e.SOURCE / "docs/WIRE.md").read_text(), re.M)


def layout():
    """field: (first byte, length), as docs/WIRE.md says."""
    return {name: (int(at), int(n)) for at, n, name in page_rows(r"(\d+) \| (\d+) \| ([a-zA-Z]+)")}


def numbers():
    """What docs/WIRE.md says that names of wire.h stand for."""
    return {name: int(value) for name, value in page_rows(r"`(WIRE_\w+)` \| (\d+)")}


def packets_of(file):
    """(nanoseconds, bytes) of each packet of a little-endian pcap with nanoseconds."""
    data = file.read_bytes()
    assert data[:4] == b"\x4d\x3c\xb2\xa1"
    at = 24
    while at < len(data):
        s, ns, n, _ = struct.unpack_from("<IIII", data, at)
        yield s * 10**9 + ns, data[at + 16:at + 16 + n]
        at += 16 + n


class Page(e2e.Case):
    """docs/WIRE.md, wire.h and what is written agree."""

    def test_it_says_what_the_header_says(self):
        header = (e2e.SOURCE / "harness/base/wire.h").read_text()
        rows = [(int(a), int(n)) for a, n in re.findall(r"^ \* +(\d+) +(\d+)  \S", header, re.M)]
        self.assertEqual(rows, list(layout().values()))
        self.assertEqual(int(re.search(r"WIRE_FRAME_BYTES = (\d+)", header)[1]), sum(n for _, n in rows))
        self.assertEqual([a + n for a, n in rows][:-1], [a for a, _ in rows][1:])
        told = {name: int(value) for name, value in re.findall(r"(WIRE_PORT_\w+) = (\d+)", header)}
        words = re.findall(r"^\t(WIRE_\w+),", re.search(r"enum wire_word \{(.*?)\};", header, re.S)[1], re.M)[:-1]
        told.update({name: i for i, name in enumerate(words)})
        self.assertEqual(told, numbers())

    def test_a_capture_reads_as_it_says(self):
        file, n = self.folder / "mirror.pcap", numbers()
        with self.emulator("--mirror", str(file), "--mirror-every", "1", deployment=rack(["r0.n0", "r0.n1"])) as (_, port):
            began = time.monotonic()
            usage = ask(port, 5, 100)
            time.sleep(max(0.0, began + 1.2 - time.monotonic()))
        tokens, words = collections.Counter(), collections.Counter()
        for ns, packet in packets_of(file):
            critical = packet[12:14] == b"\x88\xb5"
            body = packet if critical else packet[42 + 4 - 14:]  # at the offsets of the frame
            f = {name: int.from_bytes(body[at:at + size], "big") for name, (at, size) in layout().items()}
            self.assertEqual((1, critical, ns), (f["version"], f["flags"], f["sent"]))
            rack_, node, chip = struct.unpack_from(">HHH", body, layout()["from"][0])
            self.assertEqual(b"\x02\x4c" + struct.pack(">HBB", rack_, node & 255, chip & 255), packet[6:12])
            if critical:
                self.assertEqual((0, 1, 0), (f["plane"], f["sampling"], f["artifact"]))
                tokens[f["token"]] += 1
                continue
            self.assertEqual(b"LPC1", packet[42:46])
            port = n["WIRE_PORT_CONTROL"] + f["plane"] - 1
            self.assertEqual((port, port), struct.unpack_from(">HH", packet, 34))
            words[f["stage"]] += 1
        each = 2 * MESH + 1
        self.assertEqual({0: each * -(-usage["prompt_tokens"] // PPF), 1: each, 2: each, 3: each, 4: each}, tokens)
        rounds = words[n["WIRE_POLL"]] // 9
        self.assertGreater(rounds, 0)
        self.assertEqual({n["WIRE_POLL"]: 9 * rounds, n["WIRE_ANSWER"]: 9 * rounds, n["WIRE_SAMPLE"]: 9 * rounds}, words)


class Mirror(e2e.Case):

    def told(self):
        """What the emulator says that it wrote: (all, critical, left out)."""
        words = self.said().split("mirrored ")[1].split("\n")[0].replace(",", "").replace(";", "").split()
        return int(words[0]), int(words[2]), int(words[8])

    def test_what_others_read(self):
        for tool in ("tshark", "tcpdump"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")
        file = self.folder / "mirror.pcap"
        with self.emulator("--mirror", str(file), "--mirror-every", "1", deployment=rack(["r0.n0", "r0.n1"])) as (_, port):
            began = time.monotonic()
            usages = [ask(port, 20, 150), ask(port, 7, 3)]
            time.sleep(max(0.0, began + 1.2 - time.monotonic()))  # polls are shown once a second
        expected = sum(map(frames, usages)) * (2 * MESH + 1)
        written, critical, left_out = self.told()
        self.assertEqual((expected, 0), (critical, left_out))
        packets = tshark(file, CRITICAL, "eth.src", "eth.dst", "frame.len")
        self.assertEqual(expected, len(packets))
        self.assertEqual({"68"}, {p[2] for p in packets})
        ends = collections.Counter(p[:2] for p in packets)
        self.assertEqual(2 * MESH + 1, len(ends))
        self.assertEqual({sum(map(frames, usages))}, set(ends.values()))
        self.assertIn(("02:4c:00:00:00:ff", "02:4c:00:00:01:ff"), ends)  # the cable between the two
        messages = tshark(file, "udp", "ip.src", "udp.dstport", "ip.checksum.status", "udp.checksum.status", "udp.length")
        self.assertEqual(written - critical, len(messages))
        self.assertEqual({("1", "1", "66")}, {m[2:] for m in messages})  # 1: good
        self.assertEqual({"4710", "4711"}, {m[1] for m in messages})
        self.assertEqual(10, len({m[0] for m in messages}))  # nine nodes, and who polls them
        for condition, want in (("ether proto 0x88b5", critical), ("udp", written - critical)):
            lines = listed(file, condition)
            self.assertEqual(want, len(lines))
            self.assertFalse([line for line in lines if "bad" in line])

    def test_one_in_so_many(self):
        file = self.folder / "mirror.pcap"
        with self.emulator("--mirror", str(file), "--mirror-every", "3", deployment=rack(["r0.n0", "r0.n1"])) as (_, port):
            usages = [ask(port, 5 + i, 1) for i in range(5)]  # the first and the fourth are shown
        self.assertEqual((frames(usages[0]) + frames(usages[3])) * (2 * MESH + 1), self.told()[1])

    def test_one_of_two_racks(self):
        """Of the two stages one lies in each rack; only the cable between them crosses."""
        for options, each in (((), 2 * MESH + 1), (("--mirror-links", "cross-rack"), 1),
                              (("--mirror-links", "in-rack"), 2 * MESH), (("--mirror-from", "r0"), MESH + 1),
                              (("--mirror-from", "r1"), MESH),
                              (("--mirror-from", "r1", "--mirror-links", "cross-rack"), 0)):
            file = self.folder / "mirror.pcap"
            with self.emulator("--mirror", str(file), "--mirror-every", "1", *options, deployment=TWO_RACKS) as (_, port):
                usage = ask(port, 5, 1)
            self.assertEqual(each * frames(usage), self.told()[1], options)

    def test_bad_input(self):
        file = self.write(rack(["r0.n0"]), "rack.json")
        for options, code, words in ((("--mirror", "/nonexistent/m.pcap"), 3, "/nonexistent/m.pcap"),
                                     (("--mirror", "m", "--mirror-from", "r7"), 2, "r7"),
                                     (("--mirror", "m", "--mirror-from", "r0.n1"), 2, "r0.n1"),
                                     (("--mirror", "m", "--mirror-every", "0"), 2, "mirror-every"),
                                     (("--mirror", "m", "--mirror-links", "cross"), 2, "cross-rack")):
            done = subprocess.run([e2e.BINARY, "emulate", file, "--listen", "127.0.0.1:0", *options], cwd=self.folder,
                                  capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(code, done.returncode, done.stderr)
            self.assertIn(words, done.stderr)
            self.no_sanitizer(done.stderr)

    def test_a_disk_that_is_full(self):
        """Answers are whole; the end says that the capture is not."""
        rack_file = self.write(rack(["r0.n0", "r0.n1"]), "rack.json")
        with self.started([e2e.BINARY, "emulate", rack_file, "--listen", "127.0.0.1:0", "--mirror", "/dev/full",
                           "--mirror-every", "1"]) as p:
            self.until(lambda: "on port" in self.said(), "serving")
            port = int(self.said().split("on port")[1].split()[0])
            self.assertEqual(30, ask(port, 30, 1)["completion_tokens"])
            p.terminate()
            self.assertEqual(3, p.wait(10), self.said())
        self.assertIn("No space left", self.said())

    def test_an_interface(self):
        """In a namespace of its own: this test, again, with only the part below."""
        for tool in ("ip", "unshare"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")
        probe = subprocess.run(["unshare", "-Urn", "ip", "link", "add", "lpc0", "type", "veth", "peer", "name", "lpc1"],
                               capture_output=True, text=True, check=False)
        if probe.returncode:
            self.skipTest(f"no network namespace of our own: {probe.stderr.strip()}")
        done = subprocess.run(["unshare", "-Urn", "--kill-child", sys.executable, os.path.abspath(__file__), "inside",
                               str(self.folder)], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.no_sanitizer(done.stderr)


class Inside(e2e.Case):

    def test_veth(self):
        for command in ("link set lo up", "link add lpc0 type veth peer name lpc1", "link set lpc0 up", "link set lpc1 up"):
            subprocess.run(["ip", *command.split()], check=True)
        heard = []
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5)) as s:
            s.bind(("lpc1", 0))
            s.settimeout(0.5)
            ear = threading.Thread(target=self.listen, args=(s, heard))
            ear.start()
            with self.emulator("--mirror", "lpc0", "--mirror-every", "1", deployment=rack(["r0.n0", "r0.n1"])) as (_, port):
                usage = ask(port, 20, 150)
                self.assertIn("interface lpc0", self.said())
            ear.join(20)
            came = struct.unpack("II", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]
        _, critical, left_out = self.told()
        self.assertEqual((frames(usage) * (2 * MESH + 1), 0), (critical, left_out))
        self.assertEqual(critical, came)  # those that a busy reader had no room for included
        self.assertGreater(len(heard), 0)
        self.assertEqual({(68, b"\x88\xb5\x01\x01")}, {(len(f), f[12:16]) for f in heard})

    def listen(self, s, heard):
        """Until nothing comes any more, half a second after something did."""
        end = time.monotonic() + 15
        while time.monotonic() < end:
            try:
                heard.append(s.recv(2048))
            except TimeoutError:
                if heard:
                    return

    told = Mirror.told


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        del sys.argv[1:], Mirror, Page
    else:
        del Inside
    e2e.main()
