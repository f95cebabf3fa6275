"""`emulate`, alone: a server for curl, and one that loses a chip in the middle of its answers."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

CHAT = "/v1/chat/completions"


def question(tokens, word="hello", **more):
    return dict({"model": "m", "stream": True, "max_tokens": tokens,
                 "stream_options": {"include_usage": True}, "messages": [{"role": "user", "content": word}]}, **more)


def events(lines):
    """The chunks of an event stream, up to [DONE]; its absence is an error."""
    chunks = []
    for line in lines:
        line = line.strip()
        if line == "data: [DONE]":
            return chunks
        if line.startswith("data: "):
            chunks.append(json.loads(line[6:]))
    raise AssertionError(f"the stream ended before [DONE], after {len(chunks)} chunks")


def texts(chunks):
    return [c["choices"][0]["delta"]["content"] for c in chunks if c["choices"] and c["choices"][0]["delta"].get("content")]


def model_of(port):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as c:
        c.request("GET", "/v1/models")
        return json.loads(c.getresponse().read())["data"][0]["id"]


class Stream(threading.Thread):
    """One streamed answer, with the instant of each token."""

    def __init__(self, port, body):
        super().__init__()
        self.port, self.body, self.at, self.tokens, self.usage, self.error = port, body, [], [], None, None
        self.start()

    def run(self):
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as c:
                c.request("POST", CHAT, json.dumps(self.body), {"content-type": "application/json"})
                chunks = events(self.lines(c.getresponse()))
            self.tokens, self.usage = texts(chunks), chunks[-1]["usage"]
        except Exception as e:  # told to the test, which is in another thread
            self.error = e

    def lines(self, response):
        for raw in response:
            line = raw.decode()
            if '"delta":{"content":" ' in line:
                self.at.append(time.monotonic())
            yield line

    def gap(self):
        return max(b - a for a, b in zip(self.at, self.at[1:]))


class Emulate(e2e.Case):

    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        with self.emulator() as (_, port):
            body = question(20, "one two three")
            body["model"] = model_of(port)
            done = subprocess.run(["curl", "-sSN", "-i", "--max-time", "20", f"http://127.0.0.1:{port}{CHAT}", "-H",
                                   "content-type: application/json", "-d", json.dumps(body)],
                                  capture_output=True, text=True, check=True)
        head, lines = done.stdout.split("\n\n", 1)
        self.assertIn("200", head.splitlines()[0])
        self.assertIn("text/event-stream", head)
        chunks = events(lines.splitlines())
        self.assertEqual({"role": "assistant", "content": ""}, chunks[0]["choices"][0]["delta"])
        self.assertEqual(20, len(texts(chunks)))
        self.assertEqual("length", [c for c in chunks if c["choices"]][-1]["choices"][0]["finish_reason"])
        usage = chunks[-1]["usage"]
        self.assertEqual((3, 20, 23), tuple(usage[f"{k}_tokens"] for k in ("prompt", "completion", "total")))
        self.assertAlmostEqual(19 * 0.008, usage["completion_time"], delta=0.0005)

    def test_a_chip_lost_in_mid_stream(self):
        """The client sees a stall, never a repeated or a missing token."""
        rack = json.loads(pathlib.Path(e2e.ONE_RACK).read_text())
        rack["hardware"] = str(e2e.SOURCE / "emulator/hardware/lpuv1.json")
        faults = self.write([{"id": "loss", "kind": "chip.loss", "target": "r0.n4.c3", "at": "1200ms", "for": "300ms"}],
                            "faults.json")
        with self.emulator("--faults", faults, deployment=rack) as (_, port):
            began = time.monotonic()
            bodies = [question(1200, f"story number {i}", model=model_of(port)) for i in range(3)]
            streams = [Stream(port, body) for body in bodies]  # about 1.5 s of decoding each
            for s in streams:
                s.join(30)
                self.assertIsNone(s.error, s.error)
            self.until(lambda: "loss reverted" in self.said(), "the revert")
            time.sleep(max(0.0, began + 2.5 - time.monotonic()))
            for s, body in zip(streams, bodies):
                again = Stream(port, body)
                again.join(30)
                self.assertIsNone(again.error, again.error)
                self.assertEqual(1200, len(s.tokens))
                self.assertEqual(s.tokens, again.tokens)
                self.assertGreater(s.gap(), 0.05, "the loss was not felt")
                self.assertEqual(1200, s.usage["completion_tokens"])

    def test_a_fault_after_another(self):
        """The second loss follows the failover from the first, the third the end of the second."""
        rack = {"health": {"isolate": "3ms", "remap": "70ms", "resync": "5ms", "resume": "2ms"},
                "pools": [{"name": "p", "nodes": [["r0.n0"]], "admission": {"policy": "none"}, "buckets": [
                    {"max_seq": 4096, "frame": "10ms", "slots": 4, "prefill_tokens_per_frame": 64}]}]}
        faults = [{"id": "one", "kind": "node.loss", "target": "r0.n0", "at": "200ms", "for": "100ms"},
                  {"id": "two", "kind": "node.loss", "target": "r0.n8", "for": "100ms",
                   "after": {"fault": "one", "phase": "failover", "delay": "60ms"}},
                  {"id": "three", "kind": "node.loss", "target": "r0.n5", "after": {"fault": "two", "phase": "revert"}}]
        with self.emulator("--faults", self.write(faults, "faults.json"), deployment=rack) as (p, _):
            self.until(lambda: "three injected" in self.said(), "the third fault")
            p.send_signal(signal.SIGTERM)
            self.assertEqual(0, p.wait(10), self.said())
        at = {words[1] + " " + words[2]: float(words[0].removesuffix(" s")) for words in
              (line.replace(" s: ", " ").split(" ") for line in self.said().splitlines() if " s: " in line)}
        first = at["two injected"] - 0.06  # detected at the end of a frame, then 80 ms
        self.assertTrue(0.27 <= first <= 0.4, at)
        self.assertAlmostEqual(at["two injected"] + 0.1, at["three injected"], delta=0.1)
        self.assertIn("three reverted", at)

    def test_faults_that_make_no_sense_here(self):
        rack = self.write(e2e.EIGHT_SLOTS, "rack.json")
        for fault in ({"id": "a", "kind": "shape.outlier", "target": "chat", "at": "1s", "share": 0.5,
                       "prompt_tokens": {"dist": "constant", "value": 9}},
                      {"id": "a", "kind": "chip.loss", "target": "r0.n4.c3"},
                      {"id": "a", "kind": "chip.loss", "target": "r7.n0.c0", "at": "1s"}):
            done = subprocess.run([e2e.BINARY, "emulate", rack, "--listen", "127.0.0.1:0", "--faults",
                                   self.write([fault], "faults.json")], capture_output=True, text=True, timeout=20,
                                  check=False)
            self.assertEqual(2, done.returncode, done.stderr)
            self.assertRegex(done.stderr, r"faults\.json:1:\d+: .*expected .*, found ")
            self.no_sanitizer(done.stderr)

    def test_it_ends_with_open_streams(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.emulator() as (p, port):
                streams = [Stream(port, question(4000, model=model_of(port))) for _ in range(4)]
                self.until(lambda: all(len(s.at) > 2 for s in streams), "the first tokens")
                p.send_signal(number)
                self.assertEqual(0, p.wait(5), self.said())
                for s in streams:
                    s.join(5)
                    self.assertIsNotNone(s.error)  # cut, and so it looks


if __name__ == "__main__":
    e2e.main()
