"""Chips that are slow, hang or are lost, on both clocks. Silent corruption over real sockets: the server says wrong tokens, the client finds them, and both clocks name the same
requests; with checksums nothing wrong leaves the rack."""
import contextlib
import http.client
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

SDC = {"id": "sdc", "kind": "chip.sdc", "target": "r0.n2.c3", "at": "0s", "rate": 0.02}


def corrupted(name, **health):
    deployment = dict(e2e.EIGHT_SLOTS, health=health) if health else e2e.EIGHT_SLOTS
    return e2e.scenario(name, faults=[SDC], deployment=deployment, warmup="0s",
                        expect=[{"id": "right", "kind": "corrupt_tokens", "max": 0}])


def answer(port, tokens):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as c:
        c.request("GET", "/v1/models")
        model = json.loads(c.getresponse().read())["data"][0]["id"]
        c.request("POST", "/v1/chat/completions",
                  json.dumps({"model": model, "max_tokens": tokens, "messages": [{"role": "user", "content": "hello"}]}),
                  {"content-type": "application/json"})
        return json.loads(c.getresponse().read())["choices"][0]["message"]["content"].split()


class Chips(e2e.Case):

    def test_slow_hung_and_lost_on_both_clocks(self):
        file = self.write(e2e.scenario("units", duration="3s", warmup="0s", expect=None, slo=[
            {"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.5, "max": "2s"}], faults=[
                {"id": "slow", "kind": "chip.slow", "target": "r0.n1.c0", "at": "200ms", "for": "600ms", "factor": 1.5},
                {"id": "late", "kind": "chip.slow", "target": "r0.n3.c1", "at": "1s", "for": "400ms", "mode": "violate"},
                {"id": "hang", "kind": "chip.hang", "target": "r0.n4.c7", "at": "1800ms", "for": "300ms"},
                {"id": "node", "kind": "node.loss", "target": "r0.n5", "at": "2500ms", "for": "300ms"}]))
        virtual = self.run_files(file, clock="virtual", codes=e2e.JUDGED).results[0]
        wall = self.run_files(file).results[0]
        self.assertLess(wall["agreement"]["ledger_max_ms"], 20)
        for v, w in zip(virtual["faults"], wall["faults"]):
            self.assertTrue(v["clean"] and w["clean"])
            self.assertGreater(v["damage"]["late"], 0)
            for phase in ("effect_ns", "detect_ns", "isolate_ns", "failover_ns"):
                self.assertEqual(v[phase] is None, w[phase] is None)
                self.assertEqual(v["id"] == "slow" and phase in ("isolate_ns", "failover_ns"), v[phase] is None)

    def test_a_slow_chip_is_to_blame_on_both_clocks(self):
        # At half the clock half of every gap between tokens is the fault's, and half of what is not queue before them.
        file = self.write(e2e.scenario("blame", expect=None, faults=[
            {"id": "slow", "kind": "chip.slow", "target": "r0.n1.c0", "at": "0s", "factor": 2}], slo=[
                {"id": metric, "tier": "interactive", "metric": metric + "_ms", "quantile": 0.5, "max": "2s"}
                for metric in ("ttft", "tpot")]))
        virtual = self.run_files(file, clock="virtual", codes=e2e.JUDGED).results[0]
        wall = self.run_files(file, codes=e2e.JUDGED).results[0]
        for r in (virtual, wall):
            ttft, tpot = (slo["blame"] for slo in r["slo"])
            for blame in (ttft, tpot):
                self.assertAlmostEqual(1, sum(blame.values()), 6)
            self.assertGreaterEqual(ttft["stall:slow"], ttft["prefill"] * 0.98)
        self.assertAlmostEqual(0.5, virtual["slo"][1]["blame"]["stall:slow"], 6)
        self.assertAlmostEqual(0.5, virtual["slo"][1]["blame"]["decode"], 6)
        for v, w in zip(virtual["slo"], wall["slo"]):  # what the wall clock is late by is in it
            self.assertAlmostEqual(v["blame"]["stall:slow"], w["blame"]["stall:slow"], delta=0.15)

    def test_wrong_tokens_are_found_and_fail_the_run(self):
        file = self.write(corrupted("wrong"))
        virtual = self.run_files(file, clock="virtual", codes=(1,)).results[0]
        wall = self.run_files(file, codes=(1,)).results[0]
        for r in (virtual, wall):
            self.assertEqual("fail", r["verdict"])
            self.assertEqual("fail", r["expect"][0]["verdict"])
            self.assertGreater(r["requests"]["corrupt"], 3)
            self.assertIsNotNone(r["faults"][0]["effect_ns"])
            self.assertIsNone(r["faults"][0]["detect_ns"])
            self.assertTrue(r["faults"][0]["clean"])
        self.assertEqual(virtual["requests"], wall["requests"])
        self.assertEqual(0, wall["agreement"]["outcome_mismatch_share"])

    def test_with_checksums_nothing_wrong_leaves_the_rack(self):
        file = self.write(corrupted("checked", checksum=True, suspicions=1000))
        virtual = self.run_files(file, clock="virtual", codes=(0, 4)).results[0]
        wall = self.run_files(file, codes=(0, 4)).results[0]
        for r in (virtual, wall):
            self.assertEqual(0, r["requests"]["corrupt"])
            self.assertEqual(r["requests"]["scheduled"], r["requests"]["ok"])
            self.assertEqual(r["faults"][0]["effect_ns"], r["faults"][0]["detect_ns"])
        self.assertGreater(virtual["faults"][0]["damage"]["late"], 0)

    def test_a_plain_answer_is_wrong_too(self):
        with self.emulator() as (_, port):
            right = answer(port, 20)
        faults = self.write([dict(SDC, rate=0.7)], "faults.json")
        with self.emulator("--faults", faults) as (_, port):
            wrong = answer(port, 20)
        self.assertEqual((20, 20), (len(right), len(wrong)))
        self.assertEqual(8, sum(a != b for a, b in zip(right, wrong)))  # more of them are not kept


if __name__ == "__main__":
    e2e.main()
