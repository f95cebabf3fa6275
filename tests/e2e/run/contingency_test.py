"""Contingencies as a user meets them: exit codes with and without a demand, symmetric ones run or not, the suites that ship."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from campaign_test import Campaign  # noqa: E402
import e2e  # noqa: E402

TWO_NODES = {"pools": [{"name": "p", "nodes": [["r0.n0", "r0.n1"]], "entry": "phase", "admission": {"policy": "none"},
                        "buckets": [{"max_seq": 4096, "frame": "8ms", "slots": 8, "prefill_tokens_per_frame": 64}]}],
             "health": {"remap": "70ms"}}
SMALL = {"hardware": {key: {"value": n, "unit": "count"} for key, n in (
    ("nodes_per_rack", 3), ("chips_per_node", 2), ("cables_per_node_pair", 3), ("pdus_per_rack", 2))}, **TWO_NODES}


def losses(ttf, deployment=None, **members):
    return e2e.scenario("losses", deployment=deployment or SMALL, duration="4s",
                        faults=[{"id": "own", "kind": "chip.loss", "target": "r0.n0.c0", "at": "1s"}],
                        expect=[{"id": "failover", "kind": "ttf", "fault": "own", "max": ttf}], **members)


class Contingencies(Campaign):
    def found(self, kind, *options, code=0, where="out", **scenario):
        self.campaign(self.write(losses(**scenario)), "--contingency", kind, *options, code=code, where=where)
        folder = self.folder / where / f"losses-{kind}"
        return self.lines(folder), self.summary(folder)

    def test_only_what_is_demanded_decides(self):
        for kind, survive, ttf, code in (
                ("n-1", "n-1", "1s", 0), ("n-1", "n-1", "100ms", 1), ("n-1", None, "100ms", 0), ("n-1", "n-2", "100ms", 1),
                ("n-1-1", "n-1", "1s", 0), ("n-1-1", "n-1-1", "1s", 1), ("n-2", "n-1-1", "1s", 0), ("n-2", "n-2", "1s", 1)):
            with self.subTest(kind=kind, survive=survive, ttf=ttf):
                lines, summary = self.found(kind, code=code, ttf=ttf, survive=survive)
                self.assertEqual("fail" if code else "pass", summary["verdict"])
                self.assertEqual(1, summary["faults_left_out"])
                for line in lines:
                    self.assertEqual(line["verdict"] == "fail", "failover" in line["missed"])
                    felt = [x for x in line["losses"] if x["isolate_ns"] is not None]
                    self.assertTrue(felt or line["verdict"] == "pass", line)
                if ttf == "1s" and kind != "n-1":  # there is one spare
                    self.assertTrue(any(x["verdict"] == "fail" for x in lines))

    def test_undecided_is_not_green_where_it_is_demanded(self):
        slo = [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.999, "max": "1s"}]
        for survive, code in (("n-1", 4), (None, 0)):
            lines, _ = self.found("n-1", code=code, ttf="1s", survive=survive, slo=slo)
            self.assertTrue(all(x["undecided"] == ["ttft"] for x in lines))

    def test_symmetry_changes_nothing_but_how_many_are_run(self):
        for kind in ("n-1", "n-1-1", "n-2"):
            few_lines, few = self.found(kind, ttf="1s", where="few")
            all_lines, every = self.found(kind, "--all", ttf="1s", where="all")
            with self.subTest(kind=kind):
                self.assertEqual(every["contingencies"], len(all_lines))
                self.assertEqual(few["contingencies"], sum(x["stands_for"] for x in few_lines))
                self.assertEqual(few["by_symmetry"], len(all_lines) - len(few_lines))
                self.assertGreater(few["by_symmetry"], 0)
                for summary in (few, every):
                    for row in summary["classes"]:
                        del row["run"], row["worst"]["index"], row["worst"]["stands_for"]
                self.assertEqual(few["classes"], every["classes"])
                self.assertEqual(few["twin"], every["twin"])
                said = {}
                for line in all_lines:
                    said[line["cell"]] = line["result_digest"]
                for line in few_lines:
                    self.assertEqual(line["result_digest"], said[line["cell"]])

    def test_a_cell_is_that_run(self):
        """Two losses written out as faults give the same result."""
        lines, summary = self.found("n-1-1", "--at", "1s", "--spacing", "1500ms", ttf="1s")
        picked = [x for x in lines if [y["component"] for y in x["losses"]] == ["r0.n0", "r0.n2"]]
        self.assertEqual(1, len(picked))
        document = losses("1s")
        document["faults"] = [{"id": "first", "kind": "node.loss", "target": "r0.n0", "at": "1s"},
                              {"id": "second", "kind": "node.loss", "target": "r0.n2", "at": "2500ms"}]
        document["expect"][0]["fault"] = "first"
        file = self.write(document, "pair.json")
        self.run_files(file, clock="virtual")
        run = self.result("losses", 7, "virtual")
        self.assertEqual(run["result_digest"], picked[0]["result_digest"])
        for key in ("effect_ns", "detect_ns", "isolate_ns", "failover_ns", "ttd_ms", "ttf_ms", "ttr_ms"):
            self.assertEqual([x[key] for x in run["faults"]], [x[key] for x in picked[0]["losses"]], key)
        self.assertEqual(1500000000, summary["spacing_ns"])

    def test_several_racks(self):
        pod = {"hardware": SMALL["hardware"] | {"racks": {"value": 2, "unit": "count"},
                                                "racks_per_pod": {"value": 2, "unit": "count"}},
               **TWO_NODES, "cross_rack": {"position": "allowed", "rationale": "test"}}
        pod["pools"] = [pod["pools"][0] | {"nodes": [["r0.n0", "r0.n1", "r1.n1"]]}]
        _, summary = self.found("n-1", ttf="1s", deployment=pod)
        # 12 chips, 6 nodes, 6 inner cables, 2 x 9 in the racks, 3 x 2 between them, 4 PDUs, 6 fans
        self.assertEqual({"chip": 12, "node": 6, "cable": 6 + 18 + 6, "pdu": 4, "fan": 6},
                         {x["class"]: x["contingencies"] for x in summary["classes"]})

    def test_a_class_that_is_not_there_is_not_in_the_tables(self):
        one = {key: {"value": n, "unit": "count"} for key, n in (
            ("nodes_per_rack", 1), ("chips_per_node", 1), ("spares_per_rack", 0), ("pdus_per_rack", 1))}
        alone = {"hardware": one, "pools": [TWO_NODES["pools"][0] | {"nodes": [["r0.n0"]]}]}
        lines, summary = self.found("n-1", ttf="1s", deployment=alone)
        self.assertEqual(["chip", "node", "pdu", "fan"], [x["class"] for x in summary["classes"]])
        self.assertEqual(4, len(lines))

    def test_threads_and_shards_change_nothing(self):
        file = self.write(losses("1s", survive="n-2"))
        self.campaign(file, "--contingency", "n-2", "--jobs", "1", code=1, where="whole")
        self.campaign(file, "--contingency", "n-2", "--jobs", "3", code=1, where="threads")
        self.same(self.folder / "whole/losses-n-2", self.folder / "threads/losses-n-2")
        for i in (1, 2, 3):
            self.campaign(file, "--contingency", "n-2", "--shard", f"{i}/3", code=1)
        parts = sorted((self.folder / "out").iterdir())
        self.assertEqual(3, len(parts))
        self.campaign(*parts, code=1, command="merge", where="merged")
        (merged,) = (self.folder / "merged").iterdir()
        self.same(self.folder / "whole/losses-n-2", merged)

    def test_refusals(self):
        file = self.write(losses("1s"))
        for options, what in ((("--at", "4s"), "before the end of the arrivals"),
                              (("--at", "1s", "--spacing", "1s"), "spacing")):
            self.assertIn(what, self.campaign(file, "--contingency", "n-1", *options, code=2).stderr)


class Shipped(Campaign):
    def test_all_but_two_pdus_of_the_default_rack(self):
        self.campaign(e2e.SOURCE / "harness/suites/n-1.json", "--contingency", "n-1", code=1)
        lines, summary = self.lines(self.folder / "out/n-1-n-1"), self.summary(self.folder / "out/n-1-n-1")
        self.assertEqual((490, 490), (summary["contingencies"], sum(x["stands_for"] for x in lines)))
        self.assertEqual([("r0.pdu0", 2)], [(x["cell"], x["stands_for"]) for x in lines if x["verdict"] == "fail"])
        self.assertFalse([x for x in lines if x["verdict"] == "inconclusive"])
        self.assertGreaterEqual(min(x["requests"] for x in lines), 10_000)

    def test_pairs_of_it(self):
        self.campaign(e2e.SOURCE / "harness/suites/n-2.json", "--contingency", "n-2", "--shard", "1/60")
        (folder,) = (self.folder / "out").iterdir()
        lines, summary = self.lines(folder), self.summary(folder)
        self.assertEqual(490 * 489 // 2, summary["contingencies"])
        self.assertGreaterEqual(min(x["requests"] for x in lines), 2_000)
        self.assertTrue({"pass", "fail"} <= {x["verdict"] for x in lines})


if __name__ == "__main__":
    e2e.main(needs_ring=False)
