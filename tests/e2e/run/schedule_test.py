"""Faults that begin by other faults, by a law or one target after the other, on both clocks: the same plan, the same
instants by the ledgers of both."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

FAULTS = [
    {"id": "loss", "kind": "chip.loss", "target": "r0.n4.c3", "at": "700ms", "for": "600ms"},
    {"id": "next", "kind": "ethernet.jitter", "for": "200ms",
     "after": {"fault": "loss", "phase": "failover", "delay": "50ms"}},
    {"id": "then", "kind": "shape.outlier", "for": "300ms", "together": "second", "share": 0.5,
     "prompt_tokens": {"dist": "constant", "value": 900}},
    {"id": "second", "kind": "link.flap", "target": ["r0.n1-r0.n2.0", "r0.n2-r0.n3.0"], "for": "300ms",
     "stagger": "100ms", "down": "2ms", "up": "20ms", "together": "second",
     "after": {"fault": "loss", "phase": "revert", "delay": "100ms"}},
    {"id": "law", "kind": "link.flap", "target": "r0.n5-r0.n6.0", "for": "30ms", "down": "2ms", "up": "10ms",
     "every": {"law": "exponential", "mean": "500ms"}},
    {"id": "alarm", "kind": "shape.creep", "for": "100ms",
     "when": {"signal": "spare_count", "op": "<", "value": 1, "for": "50ms"}},
    {"id": "never", "kind": "shape.creep",
     "when": {"signal": "fault.phase", "fault": "next", "phase": "failover", "for": "50ms"}},
]


class Schedule(e2e.Case):

    def test_both_clocks_agree(self):
        s = e2e.scenario("schedule", duration="3s", warmup="0s", deployment=e2e.ONE_RACK, faults=FAULTS)
        s["traffic"][0]["arrival"]["rate"] = 40
        s["expect"] = [{"id": "spare", "kind": "reached", "path": "spare_used"},
                       {"id": "replay", "kind": "reached", "path": "replay_taken"},
                       {"id": "refused", "kind": "reached", "path": "admission_refused"}]
        file = self.write(s)
        virtual = self.run_files(file, clock="virtual", codes=(0, 4)).results[0]
        wall = self.run_files(file, codes=(4,)).results[0]
        self.assertEqual(virtual["plan_digest"], wall["plan_digest"])
        self.assertLessEqual(wall["agreement"]["ledger_max_ms"], 20)  # the rest depends on how busy the machine is
        for a, b in zip(wall["faults"], virtual["faults"]):
            self.assertTrue(a["clean"])
            self.assertEqual([a[f"{p}_ns"] is None for p in e2e.result_check.PHASES],
                             [b[f"{p}_ns"] is None for p in e2e.result_check.PHASES], a["id"])
        by = {f["id"]: f for f in wall["faults"]}
        self.assertEqual(by["loss"]["failover_ns"] + 50_000_000, by["next"]["inject_ns"])
        self.assertEqual(1_400_000_000, by["second"]["inject_ns"])
        self.assertEqual(1_400_000_000, by["then"]["inject_ns"])
        self.assertIsNone(by["never"]["inject_ns"])
        self.assertIsNotNone(by["alarm"]["inject_ns"])
        self.assertEqual([f["inject_ns"] for f in virtual["faults"]], [f["inject_ns"] for f in wall["faults"]])
        self.assertEqual({"spare": "pass", "replay": "pass", "refused": "inconclusive"},
                         {x["id"]: x["verdict"] for x in wall["expect"]})
        self.assertEqual([x["observed"] for x in virtual["expect"]][::2], [x["observed"] for x in wall["expect"]][::2])

    def test_both_clocks_withhold_the_same(self):
        """Two instances of a node each: the second loss comes while the first is out, the third when the spare serves; the
        last is one fault too many."""
        rack = {"health": {"isolate": "3ms", "remap": "270ms", "resync": "5ms", "resume": "2ms"},
                "pools": [{"name": "p", "nodes": [["r0.n0"], ["r0.n1"]], "admission": {"policy": "none"}, "buckets": [
                    {"max_seq": 4096, "frame": "10ms", "slots": 16, "prefill_tokens_per_frame": 512}]}]}
        losses = [("first", "r0.n0", "500ms", "1500ms"), ("too-soon", "r0.n1", "600ms", "100ms"),
                  ("again", "r0.n1", "1s", "300ms"), ("too-many", "r0.n5", "1100ms", "100ms")]
        s = e2e.scenario("limits", duration="2500ms", warmup="0s", deployment=rack, limits={"max_active": 2, "never_below": 1},
                         faults=[{"id": i, "kind": "node.loss", "target": n, "at": at, "for": length}
                                 for i, n, at, length in losses])
        file = self.write(s)
        for clock in ("virtual", "wall"):
            faults = self.run_files(file, clock=clock, codes=(0, 1, 4)).results[0]["faults"]
            self.assertEqual([None, "never_below", None, "max_active"], [f["withheld"] for f in faults], clock)
            self.assertEqual([500_000_000, None, 1_000_000_000, None], [f["inject_ns"] for f in faults], clock)
            self.assertTrue(all(f["clean"] for f in faults))


if __name__ == "__main__":
    e2e.main()
