"""Signals at every stage of a run: faults reverted, the emulator gone, a result that says partial."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

FLAP = {"id": "flap", "kind": "link.flap", "target": "r0.n1-r0.n2.0", "at": "200ms"}  # to the end of the run


def long_run(name, **members):
    return e2e.scenario(name, **{"duration": "60s", "faults": [FLAP], "deployment": e2e.ONE_RACK, **members})


def many_faults():
    """As many kinds as may be in force together, from 200 ms to the end of the run."""
    catalogue = subprocess.run([e2e.BINARY, "faults", "--json"], capture_output=True, text=True, check=True).stdout
    faults = []
    for kind in json.loads(catalogue):
        fault = {**kind["example"], "at": "200ms"}
        fault.pop("for", None)
        fault.pop("every", None)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(crowded("try", faults + [fault]), f)
            f.flush()
            if subprocess.run([e2e.BINARY, "plan", f.name], capture_output=True, check=False).returncode == 0:
                faults.append(fault)
    return faults


def crowded(name, faults, **members):
    s = long_run(name, faults=faults, expect=None, duration="20s", **members)
    s["traffic"][0]["name"] = "t"
    return s


class WallClock(e2e.Case):

    def interrupted(self, name, number):
        """Stops a run in mid-flight and looks at what it left."""
        with self.started(self.arguments(self.write(long_run(name)))) as p:
            child = self.child_of(p)
            time.sleep(1.2)
            p.send_signal(number)
            self.assertEqual(128 + number, p.wait(30), self.said())
            self.assertFalse(e2e.alive(child))
        self.no_sanitizer(self.said())
        return self.result(name)

    def test_sigint_and_sigterm(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            result = self.interrupted("stopped", number)
            self.assertEqual(("aborted", True), (result["verdict"], result["partial"]))
            self.assertIsNone(result["agreement"])
            fault = result["faults"][0]
            self.assertTrue(fault["clean"])
            self.assertIsNotNone(fault["revert_ns"])
            self.assertLess(fault["revert_ns"], 30e9)
            self.assertGreater(result["requests"]["not_sent"], 0)
            self.assertEqual(15 * 60, round(result["requests"]["scheduled"], -2))

    def test_a_signal_to_the_whole_group(self):
        """A terminal's Ctrl-C, or `timeout`: the emulator hears it too, and follows the channel all the same."""
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.started(self.arguments(self.write(long_run("group"))), start_new_session=True) as p:
                child = self.child_of(p)
                time.sleep(0.8)
                os.killpg(p.pid, number)
                self.assertEqual(128 + number, p.wait(30), self.said())
                self.assertFalse(e2e.alive(child))
            result = self.result("group")
            self.assertEqual(("aborted", True, True),
                             (result["verdict"], result["partial"], result["faults"][0]["clean"]))
            self.assertNotIn("the emulator's process ended before it reported", result["validity"]["reasons"])

    def test_ctrl_c_while_the_emulator_starts(self):
        for wait in (0.0, 0.002, 0.01, 0.05, 0.2):
            with self.started(self.arguments(self.write(long_run("early"))), start_new_session=True) as p:
                self.until(lambda: "replay" in self.said(), "the first line")
                time.sleep(wait)
                os.killpg(p.pid, signal.SIGINT)
                self.assertEqual(130, p.wait(30), self.said())
                self.assertEqual([], [pid for pid in group(p.pid) if e2e.alive(pid)])
            self.assertEqual(("aborted", True), tuple(self.result("early")[k] for k in ("verdict", "partial")))

    def test_the_emulator_ends_with_a_killed_run(self):
        with self.started(self.arguments(self.write(long_run("orphan")))) as p:
            child = self.child_of(p)
            time.sleep(0.7)
            p.kill()
            p.wait()
            began = time.monotonic()
            self.until(lambda: not e2e.alive(child), "the emulator's end", 5)
            self.assertLess(time.monotonic() - began, 2.0)  # a second is promised; this machine may be busy

    def test_a_killed_emulator_makes_the_run_invalid(self):
        with self.started(self.arguments(self.write(long_run("alone")), "--attempts", "1")) as p:
            child = self.child_of(p)
            time.sleep(0.7)
            os.kill(child, signal.SIGKILL)
            self.assertEqual(4, p.wait(30), self.said())
        result = self.result("alone")
        self.assertEqual("inconclusive", result["verdict"])
        self.assertTrue([r for r in result["validity"]["reasons"] if "emulator" in r], result["validity"])

    def test_an_emulator_that_was_stopped_for_a_while(self):
        """Everybody was late, so nothing is said about the rack."""
        s = long_run("frozen", duration="3s", faults=None)
        with self.started(self.arguments(self.write(s), "--attempts", "1")) as p:
            child = self.child_of(p)
            time.sleep(1.2)
            os.kill(child, signal.SIGSTOP)
            time.sleep(0.4)
            os.kill(child, signal.SIGCONT)
            self.assertEqual(4, p.wait(30), self.said())
        result = self.result("frozen")
        self.assertFalse(result["agreement"]["ok"])
        self.assertEqual(0, result["requests"]["corrupt"])

    def test_an_abort_rule(self):
        rule = [{"signal": "in_flight", "op": ">=", "value": 0, "for": "600ms"}]
        with self.started(self.arguments(self.write(long_run("enough", abort=rule)))) as p:
            child = self.child_of(p)
            self.assertEqual(5, p.wait(30), self.said())
            self.assertFalse(e2e.alive(child))
        result = self.result("enough")
        self.assertEqual(("aborted", True), (result["verdict"], result["partial"]))
        self.assertTrue(result["faults"][0]["clean"])
        self.assertIsNotNone(result["faults"][0]["revert_ns"])

    def test_everything_at_once_is_reverted(self):
        """By a signal, and by an abort rule: whatever kind it is."""
        faults = many_faults()
        self.assertGreater(len(faults), 8)
        rule = [{"signal": "in_flight", "op": ">=", "value": 0, "for": "900ms"}]
        for number, code, abort in ((signal.SIGINT, 130, None), (None, 5, rule)):
            with self.started(self.arguments(self.write(crowded("crowd", faults, abort=abort)))) as p:
                child = self.child_of(p, 60)  # the virtual twin of thirty faults comes first
                if number:
                    time.sleep(1.2)
                    p.send_signal(number)
                self.assertEqual(code, p.wait(30), self.said())
                self.assertFalse(e2e.alive(child))
            self.no_sanitizer(self.said())
            result = self.result("crowd")
            self.assertEqual(("aborted", True), (result["verdict"], result["partial"]))
            self.assertEqual(len(faults), len(result["faults"]))
            for fault in result["faults"]:
                self.assertTrue(fault["clean"], fault["id"])
                self.assertEqual(200_000_000, fault["inject_ns"], fault["id"])
                self.assertGreater(fault["revert_ns"], 200_000_000, fault["id"])

    def test_a_suite_ends_with_the_interrupted_scenario(self):
        suite = {"version": 1, "name": "suite", "scenarios": [long_run("first"), long_run("second")]}
        with self.started(self.arguments(self.write(suite), "--junit", str(self.folder / "all.xml"))) as p:
            self.child_of(p)
            time.sleep(0.5)
            p.send_signal(signal.SIGINT)
            self.assertEqual(130, p.wait(30), self.said())
        self.assertTrue((self.folder / "all.xml").exists())
        self.assertFalse((self.folder / "out" / "second-7-wall").exists())


class VirtualClock(e2e.Case):

    def test_an_abort_rule(self):
        rule = [{"signal": "in_flight", "op": ">=", "value": 0, "for": "600ms"}]
        self.run_files(self.write(long_run("enough", abort=rule)), clock="virtual", codes=(5,))
        result = self.result("enough", clock="virtual")
        self.assertEqual(("aborted", True), (result["verdict"], result["partial"]))
        fault = result["faults"][0]
        self.assertEqual((True, 600_000_000), (fault["clean"], fault["revert_ns"]))

    def test_a_long_run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            s = long_run("ages", duration="100h")
            with self.started(self.arguments(self.write(s), clock="virtual")) as p:
                self.until(lambda: "replay" in self.said(), "the first line")
                time.sleep(0.5)
                p.send_signal(number)
                self.assertEqual(128 + number, p.wait(60), self.said())
            self.no_sanitizer(self.said())
            result = self.result("ages", clock="virtual")
            self.assertEqual(("aborted", True), (result["verdict"], result["partial"]))
            self.assertTrue(result["faults"][0]["clean"])
            self.assertIsNotNone(result["faults"][0]["revert_ns"])


def group(leader):
    """Who is left of a process group."""
    done = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=True)
    return [int(pid) for pid, pgid in (row.split() for row in done.stdout.splitlines()) if int(pgid) == leader]


if __name__ == "__main__":
    e2e.main()
