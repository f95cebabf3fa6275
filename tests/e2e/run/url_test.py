"""target.url: somebody else's server. Only the scheduled requests are sent, nothing is verified that only the emulator
could promise, and nothing leaves loopback unasked."""
import http.server
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emulate_test  # noqa: E402


class Fake(http.server.ThreadingHTTPServer):
    """An OpenAI-compatible server in a few lines that remembers what it was asked."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.asked, self.lock = answer, [], threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_GET(self):
        with self.server.lock:
            self.server.asked.append((self.command, self.path, dict(self.headers), None))
        self.send_error(404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.server.answer(self, body)

    def chunk(self, text):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()


def stream(handler, body):
    """Five tokens, whatever was asked, in words that no emulator would say."""
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    deltas = [{"role": "assistant", "content": ""}] + [{"content": f"word{i} "} for i in range(5)] + [{}]
    for i, delta in enumerate(deltas):
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if i == len(deltas) - 1 else None}
        handler.chunk(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        time.sleep(0.002)
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    if (body.get("stream_options") or {}).get("include_usage"):
        handler.chunk(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
    handler.chunk(b"data: [DONE]\n\n")
    handler.wfile.write(b"0\r\n\r\n")


def refuse(handler, _):
    text = json.dumps({"error": {"message": "no", "type": "rate", "code": "rate_limit_exceeded"}}).encode()
    handler.send_response(429)
    handler.send_header("content-length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)


class Url(e2e.Case):

    def scenario(self, port, prefix="", **members):
        url = {"url": f"http://127.0.0.1:{port}{prefix}", "model": "other-model", "api_key_env": "LPUCHAOS_TEST_KEY"}
        return e2e.scenario("foreign", **{"deployment": None, "target": url, **members})

    def run_against(self, server, *options, **members):
        file = self.write(self.scenario(server.server_address[1], **members))
        return self.run_files(file, *options, env=e2e.environment(LPUCHAOS_TEST_KEY="secret-of-the-test"))

    def test_a_foreign_server(self):
        with Fake(stream) as server:
            done = self.run_against(server, prefix="/openai")
            time.sleep(0.2)
        r = done.results[0]
        self.assertIsNone(r["agreement"])
        self.assertEqual(0, r["requests"]["corrupt"])
        self.assertEqual(r["requests"]["scheduled"], r["requests"]["ok"])
        self.assertEqual(5 * r["requests"]["ok"], r["tokens"]["output"])
        self.assertEqual([None] * 3, list(r["validity"]["emission_lag_ms"].values()))
        group = r["groups"][0]["metrics"]
        for known in ("ttft_ms", "tpot_ms", "itl_ms", "e2el_ms"):
            self.assertGreater(group[known]["count"], 0)
        for own in ("queue_ms", "prefill_ms", "decode_ms"):  # the emulator's truth: a foreign server tells none
            self.assertEqual((0, None), (group[own]["count"], group[own]["mean"]))
        self.assertEqual(r["requests"]["scheduled"], len(server.asked))
        for method, path, headers, body in server.asked:
            self.assertEqual(("POST", "/openai/v1/chat/completions"), (method, path))
            self.assertEqual("Bearer secret-of-the-test", headers["authorization"])
            self.assertEqual(f"127.0.0.1:{server.server_address[1]}", headers["host"])
            self.assertEqual(("other-model", True), (body["model"], body["stream"]))
            self.assertEqual([], [h for h in headers if h.startswith("x-lpuchaos")])
        written = b"".join(p.read_bytes() for p in (self.folder / "out").rglob("*") if p.is_file())
        self.assertNotIn(b"secret-of-the-test", written)
        self.assertNotIn("secret-of-the-test", done.stderr + done.stdout)

    def test_retries_are_attempts_and_refusals_are_data(self):
        with Fake(refuse) as server:
            traffic = e2e.scenario()["traffic"]
            traffic[0]["retries"] = 1
            r = self.run_against(server, traffic=traffic).results[0]
            time.sleep(0.2)
        self.assertEqual(r["requests"]["scheduled"], r["requests"]["rejected"])
        self.assertEqual(2 * r["requests"]["scheduled"], r["attempts"])
        self.assertEqual(r["attempts"], len(server.asked))

    def test_shapes_bend_the_load_itself(self):
        fault = {"id": "long", "kind": "shape.outlier", "target": "chat", "at": "500ms", "for": "1s", "share": 0.5,
                 "prompt_tokens": {"dist": "constant", "value": 700}}
        with Fake(stream) as server:
            r = self.run_against(server, faults=[fault]).results[0]
        long = [b for _, _, _, b in server.asked if len(b["messages"][0]["content"].split()) == 700]
        self.assertGreater(len(long), 0)
        self.assertLess(len(long), len(server.asked))
        self.assertIsNotNone(r["faults"][0]["effect_ns"])
        self.assertIsNone(r["faults"][0]["damage"])

    def test_nobody_there(self):
        with Fake(stream) as server:
            port = server.server_address[1]
        r = self.run_files(self.write(self.scenario(port)), env=e2e.environment(LPUCHAOS_TEST_KEY="k")).results[0]
        self.assertEqual(r["requests"]["scheduled"], r["outcomes"]["connect"])
        self.assertNotEqual("pass", r["verdict"])

    def test_the_emulator_as_somebody_elses_server(self):
        with self.emulator() as (_, port):
            r = self.run_files(self.write(self.scenario(port)), env=e2e.environment(LPUCHAOS_TEST_KEY="k")).results[0]
            self.assertIsNone(r["agreement"])
            self.assertEqual(r["requests"]["scheduled"], r["requests"]["rejected"] + r["outcomes"]["http_4xx"])
            r = self.run_files(self.write(self.scenario(port)), "--set", f"target.model={emulate_test.model_of(port)}",
                               env=e2e.environment(LPUCHAOS_TEST_KEY="k")).results[0]
            self.assertEqual(r["requests"]["scheduled"], r["requests"]["ok"])
            # Who does not know the emulator's own first word asks for max_tokens tokens; this one does not hide it.
            self.assertEqual(12 * r["requests"]["ok"], r["tokens"]["output"])

    def test_what_a_url_forbids(self):
        for s, code, words in (
                (self.scenario(80, target={"url": "http://192.0.2.1:80", "model": "m"}), 2, "allow_hosts"),
                (self.scenario(80, target={"url": "https://127.0.0.1:80", "model": "m"}), 2, "http://"),
                (self.scenario(80, faults=[{"id": "a", "kind": "chip.loss", "target": "r0.n0.c0", "at": "1s"}]), 2,
                 "load")):
            for command in ("plan", "run"):
                done = subprocess.run([e2e.BINARY, command, self.write(s)], capture_output=True, text=True, timeout=20,
                                      check=False)
                self.assertEqual(code, done.returncode, done.stderr)
                self.assertIn(words, done.stderr)
                self.no_sanitizer(done.stderr)

    def test_no_virtual_clock_without_a_model(self):
        done = subprocess.run(self.arguments(self.write(self.scenario(80)), clock="virtual"), capture_output=True,
                              text=True, timeout=20, check=False)
        self.assertEqual(2, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)

    def test_explain_without_a_model(self):
        with Fake(stream) as server:
            self.run_against(server)
        done = subprocess.run([e2e.BINARY, "explain", str(self.folder / "out" / "foreign-7-wall"), "1"],
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(2, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)


if __name__ == "__main__":
    e2e.main()
