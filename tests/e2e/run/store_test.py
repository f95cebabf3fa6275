"""The run store as others see it: what a run leaves, however it ends, and the questions of docs/STORE.md."""
import json
import os
import pathlib
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402
import schemas  # noqa: E402
import stores  # noqa: E402

KILLS = 50
QUICK = e2e.SOURCE / "harness/suites/quick.json"
# Half a second of it, at ten times its rate, with all of its faults.
SHORT = [word for edit in (
    "duration=500ms", "warmup=0s", "drain=200ms", "traffic.chat.arrival.rate=250", "traffic.documents.arrival.rate=40",
    "faults.outlier.at=50ms", "faults.outlier.for=300ms", "faults.creep.at=50ms", "faults.creep.for=300ms",
    "faults.jitter.at=100ms", "faults.jitter.for=300ms", "faults.flap.at=200ms", "faults.flap.for=200ms",
    "faults.loss.at=300ms", "faults.loss.for=300ms") for word in ("--set", edit)]


def rows(path, sql):
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def value(path, sql):
    return rows(path, sql)[0][0]


def questions():
    return re.findall(r"```sql\n(.*?)```", (e2e.SOURCE / "docs/STORE.md").read_text(), re.S)


class Store(e2e.Case):

    def dir(self, name, seed=7, clock="wall"):
        return self.folder / "out" / f"{name}-{seed}-{clock}"

    def check_whole_rows(self, path):
        """Nothing half-written, whatever happened or goes on; the number of rows."""
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute("BEGIN")
            return self.check_snapshot(lambda sql: db.execute(sql).fetchall())
        finally:
            db.close()

    def check_snapshot(self, ask):
        self.assertEqual([("ok",)], ask("PRAGMA integrity_check"))
        n, requests, partial, verdict = ask("SELECT rows, requests, partial, verdict FROM run")[0]
        self.assertEqual([(n, n, 1 if n else None, n or None)],
                         ask("SELECT count(*), count(DISTINCT id), min(seq), max(seq) FROM requests"))
        self.assertEqual(requests, n)
        self.assertEqual([(0,)], ask("SELECT count(*) FROM requests WHERE outcome = 'ok' AND (t_first_ns IS NULL "
                                     "OR t_last_ns < t_first_ns OR t_done_ns < t_last_ns)"))
        self.assertEqual([(0,)], ask("SELECT count(*) FROM stalls LEFT JOIN requests USING (seq) WHERE id IS NULL"))
        self.assertEqual(verdict is not None, ask("SELECT count(*) FROM windows") > [(0,)])
        if not partial:
            self.assertIsNotNone(verdict)
        return n

    def one_file(self, folder):
        self.assertEqual([folder / "run.sqlite"], sorted(folder.glob("*run.sqlite*")))


class Killed(Store):

    def killed_after(self, delay):
        """The state that SIGKILL left: (result or None, rows or None)."""
        folder = self.dir("quick", 42)
        with self.started(self.arguments(str(QUICK), *SHORT, "--attempts", "1")) as p:
            try:
                p.wait(delay)
            except subprocess.TimeoutExpired:
                p.kill()
            p.wait()
            over = p.returncode >= 0
        path = folder / "result.json"
        result = json.loads(path.read_text()) if path.exists() else None
        n = self.check_whole_rows(folder / "run.sqlite") if (folder / "run.sqlite").exists() else None
        if result and result["partial"]:
            self.assertEqual("aborted", result["verdict"])
            self.assertEqual("lpuchaos.result/1", result["schema"])
            self.assertIn("--seed=42", result["replay"])
            if schemas.jsonschema:
                schema = json.loads((schemas.SCHEMAS / "result.schema.json").read_text())
                schemas.jsonschema.validate(result, schema)
        elif result and over:
            self.assertEqual((0, n), (value(folder / "run.sqlite", "SELECT partial FROM run"),
                                      result["requests"]["scheduled"]))
            self.one_file(folder)
        return result, n, over

    def test_at_fifty_random_moments(self):
        """Into one folder, so that what an earlier one left is in the way of the next."""
        began = time.monotonic()
        self.assertTrue(self.killed_after(60)[2])
        whole = time.monotonic() - began
        draw = random.Random(42)
        moments = [draw.uniform(0, whole) for _ in range(KILLS)]
        partial = with_rows = 0
        for delay in moments:
            result, n, over = self.killed_after(delay)
            if over or result is None:
                continue
            partial += result["partial"]
            with_rows += result["partial"] and n not in (None, 0)
        print(f"{KILLS} kills within {whole:.1f} s: {partial} results partial, {with_rows} of them with rows", file=sys.stderr)
        self.assertGreaterEqual(partial, KILLS // 2)
        self.assertGreaterEqual(with_rows, KILLS // 10)
        result, n, over = self.killed_after(20)
        self.assertTrue(over)
        self.assertGreater(n, 80)
        self.assertFalse(result["partial"])


class Ended(Store):

    def test_interrupted(self):
        s = e2e.scenario("stopped", duration="60s", deployment=e2e.ONE_RACK,
                         faults=[{"id": "flap", "kind": "link.flap", "target": "r0.n1-r0.n2.0", "at": "200ms"}])
        with self.started(self.arguments(self.write(s))) as p:
            self.child_of(p)
            time.sleep(1.2)
            p.send_signal(signal.SIGINT)
            self.assertEqual(130, p.wait(30), self.said())
        folder = self.dir("stopped")
        self.one_file(folder)
        n = self.check_whole_rows(folder / "run.sqlite")
        self.assertEqual([(1, "aborted", n)], rows(folder / "run.sqlite", "SELECT partial, verdict, requests FROM run"))
        self.assertEqual(n, self.result("stopped")["requests"]["scheduled"])
        self.assertEqual(n, value(folder / "run.sqlite", "SELECT sum(scheduled) FROM timeline"))
        self.assertEqual([("flap", "link.flap")], rows(folder / "run.sqlite", "SELECT id, kind FROM faults"))

    def test_reading_while_it_is_written(self):
        """Batch by batch, and the run goes on; one reader holds the file for a while."""
        s = e2e.scenario("read", duration="1500ms", warmup="0s")
        s["traffic"][0]["arrival"]["rate"] = 60
        path, seen = self.dir("read") / "run.sqlite", []
        with self.started(self.arguments(self.write(s), "--attempts", "1")) as p:
            self.until(path.exists, "the store")
            while p.poll() is None:
                seen.append(self.check_whole_rows(path))
                if len(seen) == 5:
                    db = sqlite3.connect(path, isolation_level=None)
                    db.execute("BEGIN")
                    self.assertEqual(1, db.execute("SELECT partial FROM run").fetchone()[0])
                    time.sleep(0.4)
                    db.close()
                time.sleep(0.02)
            self.assertIn(p.returncode, e2e.JUDGED, self.said())
        n = self.check_whole_rows(path)
        self.assertEqual(n, self.result("read")["requests"]["scheduled"])
        self.assertEqual(sorted(seen), seen)
        self.assertGreaterEqual(len(set(seen)), 3, "never seen in between")

    def threads(self, pid):
        """(nice, processors) of each thread but the first."""
        found = []
        for task in sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(), key=lambda t: int(t.name)):
            if int(task.name) != pid:
                nice = int((task / "stat").read_text().rpartition(")")[2].split()[16])
                found.append((nice, os.sched_getaffinity(int(task.name))))
        return found

    def test_an_attempt_begins_a_new_one_and_its_thread_stays_ordinary(self):
        """Also when the thread that measures has asked for a processor and priority long before."""
        s = e2e.scenario("again", duration="600ms", warmup="0s", drain="400ms")
        ordinary = (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0))
        with self.started(self.arguments(self.write(s), "--attempts", "2")) as p:
            for attempt in range(2):
                child = self.child_of(p)
                self.assertEqual([ordinary], self.threads(p.pid), f"attempt {attempt + 1}")
                if attempt == 0:
                    time.sleep(0.6)
                os.kill(child, 9)
                self.until(lambda c=child: not e2e.alive(c), "the emulator's end")
            self.assertEqual(4, p.wait(20), self.said())
        path = self.dir("again") / "run.sqlite"
        self.one_file(self.dir("again"))
        self.assertEqual(self.check_whole_rows(path), self.result("again")["requests"]["scheduled"])

    def test_a_full_disk_is_one_line(self):
        s = e2e.scenario("full", duration="600s", mirror="off")
        s["traffic"][0]["arrival"]["rate"] = 50

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        # SIGXFSZ stays ignored, as Python has it.
        done = subprocess.run(self.arguments(self.write(s), clock="virtual"), capture_output=True, text=True, check=False,
                              preexec_fn=small_files, restore_signals=False, timeout=60)
        self.assertEqual(3, done.returncode, done.stderr)
        lines = [line for line in done.stderr.splitlines() if "run.sqlite" in line]
        self.assertEqual(1, len(lines), done.stderr)
        self.assertIn("cannot write", lines[0])
        self.assertFalse((self.dir("full", clock="virtual") / "result.json").exists())

    def test_a_folder_that_cannot_be_written(self):
        file = self.write(e2e.scenario("short"))
        self.dir("short", clock="virtual").mkdir(parents=True)
        (self.dir("short", clock="virtual") / ".run.sqlite").mkdir()
        done = subprocess.run(self.arguments(file, clock="virtual"), capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(3, done.returncode, done.stderr)
        self.assertEqual(1, len([line for line in done.stderr.splitlines() if "run.sqlite" in line]), done.stderr)


class Asked(Store):

    def played(self, *options):
        done = self.run_files(str(QUICK), *options, clock="virtual", codes=(0, 1, 4))
        return done.results[0], self.dir("quick", 42, "virtual") / "run.sqlite"

    def test_the_questions_of_the_manual(self):
        """Each is answered; where result.json says the same, it is the same."""
        result, path = self.played()
        answers = [rows(path, sql) for sql in questions()]
        self.assertGreaterEqual(len(answers), 9)
        tier = value(path, "SELECT name FROM tiers WHERE tier = 0")
        whole = next(g for g in result["groups"] if (g["tier"], g["window"]) == (tier, "all"))
        by_cells, exact = (next(a[0][0] for sql, a in zip(questions(), answers) if word in sql)
                           for word in ("WITH cell", "WITH seen"))
        self.assertEqual(whole["metrics"]["ttft_ms"]["p99"], by_cells)
        self.assertLess(abs(exact / by_cells - 1), 0.001)
        self.assertEqual([(v["id"], v["verdict"]) for v in result["slo"] + result["expect"]],
                         rows(path, "SELECT id, verdict FROM verdicts"))
        self.assertEqual([(f["id"], f["kind"], f["detect_ns"], f["recover_ns"]) for f in result["faults"]],
                         rows(path, "SELECT id, kind, detect_ns, recover_ns FROM faults ORDER BY fault"))
        self.assertEqual({k: n for k, n in result["outcomes"].items() if n},
                         dict(rows(path, "SELECT outcome, count(*) FROM requests GROUP BY 1")))
        self.assertEqual(result["tokens"]["output"], value(path, "SELECT sum(output_tokens) FROM timeline"))
        self.assertEqual(0, value(path, "SELECT max(in_flight) FROM timeline WHERE from_ns = (SELECT max(from_ns) FROM timeline)"))
        self.assertGreater(value(path, "SELECT count(*) FROM parameters WHERE label = 'fact'"), 5)

    def test_the_laws_of_a_store(self):
        _, path = self.played()
        self.assertGreater(value(path, "SELECT count(*) FROM stalls"), 0)
        self.assertEqual([], stores.problems(path))

    def test_the_manual_names_every_table_and_column(self):
        _, path = self.played()
        manual = (e2e.SOURCE / "docs/STORE.md").read_text()
        for kind, name in rows(path, "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')"):
            if kind == "table":
                self.assertIn(f"`{name}`", manual)
        for table in ("run", "requests", "timeline", "stalls", "windows", "histograms", "parameters", "blame"):
            for _, column, *_ in rows(path, f"PRAGMA table_info({table})"):
                self.assertIn(f"`{column}`", manual, f"column of {table}")

    def test_the_same_run_writes_the_same_bytes(self):
        _, path = self.played()
        first = path.read_bytes()
        self.played()
        self.assertEqual(first, path.read_bytes())

    def test_samples_bound_it(self):
        whole, path = self.played("--samples=all")
        everything = rows(path, "SELECT * FROM histograms"), rows(path, "SELECT * FROM timeline")
        self.assertEqual("all", value(path, "SELECT samples FROM run"))
        ids = {i for i, in rows(path, "SELECT id FROM requests")}
        for samples, most in (("100", 100), ("0", 0), ("failed", whole["requests"]["scheduled"])):
            result, path = self.played("--samples", samples)
            self.assertEqual(whole["result_digest"], result["result_digest"])
            self.assertEqual(everything, (rows(path, "SELECT * FROM histograms"), rows(path, "SELECT * FROM timeline")))
            kept = {i for i, in rows(path, "SELECT id FROM requests")}
            self.assertLessEqual(len(kept), most)
            self.assertLessEqual(kept, ids)
            self.assertEqual([(samples, len(ids), len(kept))], rows(path, "SELECT samples, requests, rows FROM run"))
        self.assertEqual(0, value(path, "SELECT count(*) FROM requests WHERE outcome = 'ok'"))
        for wrong in ("some", "-1", "", "1e3", "99999999999999999999"):
            done = subprocess.run([e2e.BINARY, "run", str(QUICK), "--samples", wrong], capture_output=True, text=True, check=False)
            self.assertEqual(2, done.returncode)
            self.assertIn("--samples", done.stderr)


if __name__ == "__main__":
    e2e.main()
