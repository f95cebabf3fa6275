"""Faults of the network and of the control plane on real sockets: late and lost messages, connections that are reset
with their frontend, signals that are silent. Each run is compared with its virtual twin, request by request."""
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

RACK = {"health": {"frontend_check": "200ms", "frontend_checks": 2}, **e2e.EIGHT_SLOTS}


def stream(name, fault, **members):
    """Streams of half a second, eight at a time on average, and one fault from 1 s on."""
    s = e2e.scenario(name, duration="4s", deployment=RACK, faults=[fault], expect=[], **members)
    s["traffic"][0]["arrival"]["rate"] = 12
    s["traffic"][0]["output_tokens"]["value"] = 60
    s["traffic"][0]["max_tokens"] = 60
    return s


class Network(e2e.Case):

    def both(self, scenario):
        """Results of the wall run, which must agree with the model where it is valid, and of the virtual one."""
        file = self.write(scenario)
        wall = self.run_files(file, "--attempts", "3").results[0]
        virtual = self.run_files(file, clock="virtual", codes=(0, 1, 4)).results[0]
        fault = wall["faults"][0]
        self.assertIsNotNone(fault["effect_ns"])
        self.assertTrue(fault["clean"], fault)
        for key, value in virtual["requests"].items():
            self.assertLessEqual(abs(wall["requests"][key] - value), 1, (key, wall["requests"], virtual["requests"]))
        return wall, virtual

    def test_lost_messages_come_late_and_in_bursts(self):
        wall, _ = self.both(stream("lost", {
            "id": "f", "kind": "ethernet.loss", "at": "1s", "for": "2s", "loss": "5%", "correlation": "0%"}))
        self.assertEqual(wall["requests"]["ok"], wall["requests"]["scheduled"])
        self.assertGreater(wall["faults"][0]["damage"]["late"], 3)

    def test_an_outage_bursts(self):
        """A hundred tokens at once are more events than a reader may leave lying, and no slow reader's."""
        s = stream("outage", {
            "id": "f", "kind": "ethernet.reconverge", "at": "1s", "for": "2s", "outage": "500ms", "settle": "500ms"})
        s["traffic"][0]["arrival"]["rate"] = 4
        s["traffic"][0]["output_tokens"]["value"] = s["traffic"][0]["max_tokens"] = 180
        wall, _ = self.both(s)
        self.assertEqual(wall["requests"]["ok"], wall["requests"]["scheduled"])

    def test_a_frontend_resets_its_connections(self):
        wall, virtual = self.both(stream("front", {
            "id": "f", "kind": "control.frontend_loss", "target": "fe0", "at": "1s", "for": "2s"}))
        self.assertGreater(virtual["requests"]["failed"], 2)
        fault = wall["faults"][0]
        for phase in ("detect", "isolate", "failover"):  # the second check after 1 s
            self.assertEqual(1_400_000_000, fault[f"{phase}_ns"])

    def test_those_who_try_again_are_served_by_another(self):
        s = stream("again", {"id": "f", "kind": "control.frontend_loss", "target": "fe0", "at": "1s", "for": "2s"})
        s["traffic"][0]["retries"] = 3
        wall, virtual = self.both(s)
        self.assertGreater(wall["requests"]["failed"], 0)  # streams that had begun are not tried again
        self.assertLess(virtual["requests"]["failed"], 8)

    def test_a_reset_is_a_reset(self):
        """A bare socket sees ECONNRESET in mid-stream, not an end of file."""
        faults = self.write([{"id": "f", "kind": "control.frontend_loss", "target": "all", "at": "2s", "for": "20s"}],
                            "faults.json")
        rack = self.write(RACK, "rack.json")
        with subprocess.Popen([e2e.BINARY, "emulate", rack, "--listen", "127.0.0.1:0", "--faults", faults],
                              stderr=subprocess.PIPE, text=True) as server:
            try:
                while not (line := server.stderr.readline()).startswith("serving"):
                    self.assertTrue(line, "no server")
                port = int(line.split()[-1])
                body = json.dumps({"model": "llama-3.1-8b", "stream": True, "max_tokens": 4000,
                                   "messages": [{"role": "user", "content": "hello"}]})
                with socket.create_connection(("127.0.0.1", port)) as peer:
                    peer.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                                  f"content-length: {len(body)}\r\n\r\n{body}").encode())
                    peer.settimeout(20)
                    got = 0
                    with self.assertRaises(ConnectionResetError):
                        while data := peer.recv(65536):
                            got += len(data)
                    self.assertGreater(got, 1000)
                with socket.create_connection(("127.0.0.1", port)) as peer:  # and so does whoever comes later
                    peer.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                                  f"content-length: {len(body)}\r\n\r\n{body}").encode())
                    with self.assertRaises(ConnectionResetError):
                        peer.recv(65536)
            finally:
                server.terminate()
                server.stderr.read()

    def test_silent_telemetry_fires_no_rule(self):
        """The queue is longer than 50 ms from early on; who watches it learns of it when the telemetry is back."""
        s = stream("silent", {"id": "f", "kind": "control.telemetry_loss", "target": "r0", "at": "100ms", "for": "2s"},
                   abort=[{"signal": "pool.queue_ms", "pool": "p", "op": ">", "value": "50ms"}])
        s["traffic"][0]["arrival"]["rate"] = 60
        for clock in ("virtual", "wall"):
            loud = self.run_files(self.write(dict(s, faults=[])), clock=clock, codes=(5,)).results[0]
            silent = self.run_files(self.write(s), clock=clock, codes=(5,)).results[0]
            self.assertEqual("aborted", loud["verdict"])
            self.assertLess(loud["requests"]["ok"], silent["requests"]["ok"], clock)
            self.assertEqual(100_000_000, silent["faults"][0]["effect_ns"])
            self.assertEqual(2_100_000_000, silent["faults"][0]["revert_ns"])


if __name__ == "__main__":
    e2e.main()
