"""The critical path of a run from its packets: the capture of a run on either clock, its audit in the result, what the
audit command and tshark say of the same file, and what it is worth where the path crosses racks or nothing is captured."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

IN_RACK = [{"id": "in-rack", "kind": "critical_path_in_rack"}]
TWO_RACKS = dict(e2e.EIGHT_SLOTS,
                 hardware={"racks": {"value": 2, "unit": "count"}, "racks_per_pod": {"value": 1, "unit": "count"}},
                 cross_rack={"position": "allowed", "rationale": "shows what an audit finds"})


def asked(name, **members):
    return e2e.scenario(name, expect=IN_RACK, **members)


class RunAudit(e2e.Case):

    def folder_of(self, name, clock):
        return self.folder / "out" / f"{name}-7-{clock}"

    def same_audit(self, folder, result, code):
        """The run directory, the result and the audit command tell the same of the capture. Returns the audit."""
        kept = json.loads((folder / "audit.json").read_text())
        done = subprocess.run([e2e.BINARY, "audit", "--topology", str(folder / "topology.json"), "--pcap",
                               str(folder / "capture.pcap"), "--json"], capture_output=True, text=True, timeout=60, check=False)
        self.no_sanitizer(done.stderr)
        self.assertEqual(code, done.returncode, done.stderr)
        said = json.loads(done.stdout)
        for key in ("verdict", "packets", "doubts"):
            self.assertEqual(kept[key], result["audit"][key], key)
        self.assertEqual(["capture.pcap"], [c["name"] for c in kept["captures"]])  # wherever the folder lies
        self.assertEqual(kept["violations_total"], result["audit"]["violations"])
        for key in ("verdict", "packets", "bytes", "violations_total", "violations_by_reason", "doubts", "classes", "matrix"):
            self.assertEqual(kept[key], said[key], key)
        return kept

    def test_one_rack_passes_on_both_clocks(self):
        file = self.write(asked("one"))
        for clock in ("virtual", "wall"):
            result = self.run_files(file, clock=clock, codes=(0,) if clock == "virtual" else e2e.JUDGED).results[0]
            audit = result["audit"]
            self.assertEqual("pass", result["expect"][0]["verdict"])
            self.assertEqual(("pass", "rack", 0, 0), tuple(audit[k] for k in ("verdict", "scope", "violations", "left_out")))
            self.assertEqual({"packets": "rack", "judged": "rack", "worst": "rack", "agrees": True}, audit["path"])
            self.assertGreater(audit["critical"], 1000)
            self.same_audit(self.folder_of("one", clock), result, 0)

    def test_two_racks_fail_on_both_clocks(self):
        file = self.write(asked("two", deployment=TWO_RACKS))
        for clock in ("virtual", "wall"):
            result = self.run_files(file, clock=clock, codes=(1,) if clock == "virtual" else (1, 4)).results[0]
            self.assertEqual("fail", result["expect"][0]["verdict"])
            self.assertEqual("beyond", result["audit"]["path"]["packets"])
            self.assertTrue(result["audit"]["path"]["agrees"])
            self.assertGreater(result["audit"]["violations"], 0)
            self.same_audit(self.folder_of("two", clock), result, 1)
            self.assertGreater(result["cross_rack"]["late"], 0)

    def test_the_plan_says_what_will_be_captured(self):
        file = self.write(asked("planned"))
        done = subprocess.run([e2e.BINARY, "plan", file, "--json"], capture_output=True, text=True, timeout=30, check=True)
        mirror = json.loads(done.stdout)["mirror"]
        audit = self.run_files(file, clock="virtual", codes=(0,)).results[0]["audit"]
        self.assertEqual((mirror["every"], mirror["frames"]), (audit["sampling"], audit["frames"]))

    def test_a_position_must_be_stated(self):
        refused = dict(TWO_RACKS)
        del refused["cross_rack"]
        done = subprocess.run([e2e.BINARY, "plan", self.write(asked("refused", deployment=refused))], capture_output=True,
                              text=True, timeout=30, check=False)
        self.assertEqual(2, done.returncode)
        for word in ("r0", "r1", "instance 0", '"allowed"', "cross_rack.position"):
            self.assertIn(word, done.stderr)

    def test_the_same_seed_gives_the_same_capture_and_results(self):
        digests = set()
        captures = set()
        for name, mirror in (("a", None), ("b", None), ("c", {"every": 2}), ("d", "off")):
            file = self.write(asked("same", mirror=mirror))
            done = self.run_files(file, "--out", str(self.folder / name), clock="virtual", codes=(0, 4))
            digests.add(done.results[0]["result_digest"])
            capture = self.folder / name / "same-7-virtual" / "capture.pcap"
            if mirror is None:
                captures.add(hashlib.sha256(capture.read_bytes()).hexdigest())
            if mirror == "off":
                self.assertFalse(capture.exists())
                self.assertIsNone(done.results[0]["audit"])
                self.assertEqual(("inconclusive", 4), (done.results[0]["expect"][0]["verdict"], done.returncode))
            else:
                self.assertEqual(0, done.returncode)
        self.assertEqual((1, 1), (len(digests), len(captures)))

    def arguments(self, files, *options, clock="wall"):
        arguments = super().arguments(files, *options, clock=clock)
        if "--out" in options:  # the test's own
            at = arguments.index("--out")
            del arguments[at:at + 2]
        return arguments

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_tshark_counts_the_same(self):
        result = self.run_files(self.write(asked("two", deployment=TWO_RACKS)), clock="virtual", codes=(1,)).results[0]
        folder = self.folder_of("two", "virtual")
        said = self.same_audit(folder, result, 1)

        def count(expression):
            done = subprocess.run(["tshark", "-r", str(folder / "capture.pcap"), "-Y", expression, "-T", "fields", "-e",
                                   "frame.number"], capture_output=True, text=True, timeout=60, check=True)
            return len(done.stdout.split())
        self.assertEqual(said["packets"], count("frame"))
        self.assertEqual(result["audit"]["critical"], count("eth.type == 0x88b5 && frame[15] & 1"))
        between = "eth.type == 0x88b5 && ((eth.src[2:2] == 00:00 && eth.dst[2:2] == 00:01)"
        self.assertEqual(result["audit"]["violations"],
                         count(between + " || (eth.src[2:2] == 00:01 && eth.dst[2:2] == 00:00))"))
        for port in (4710, 4711):
            self.assertGreater(count(f"udp.port == {port}"), 0)


if __name__ == "__main__":
    unittest.main()
