"""Campaigns under mpirun: the same result whoever plays, and what is left when a rank dies. Skips (77) where there is
no mpirun or the program was built without MPI."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import campaign_test  # noqa: E402
import e2e  # noqa: E402

MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np"]
# What MPI itself allocates and keeps is not the program's leak; one machine needs no network.
ENVIRONMENT = e2e.environment(ASAN_OPTIONS="detect_leaks=0", OMPI_MCA_btl="self,vader", OMPI_MCA_btl_vader_single_copy_mechanism="none")


def ranks(*arguments, n=2):
    return [*MPIRUN, str(n), e2e.BINARY, "campaign", *map(str, arguments)]


def rank_of(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [w for w in words if w.startswith(b"OMPI_COMM_WORLD_RANK=")]
    return int(found[0].split(b"=")[1]) if found else None


class Ranks(campaign_test.Campaign):
    def mpirun(self, *arguments, n=2, code=0):
        done = subprocess.run(ranks(*arguments, n=n), capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT)
        self.no_sanitizer(done.stderr)
        self.assertEqual(code, done.returncode, done.stderr)
        return done

    def setUp(self):
        super().setUp()
        self.file = self.write(campaign_test.short())
        self.out = self.folder / "out/short-seeds"

    def test_ranks_change_nothing(self):
        self.campaign(self.file, "--seeds", "1..90", where="calm")
        for n, jobs in ((2, ()), (3, ("--jobs", "2"))):
            done = self.mpirun(self.file, "--seeds", "1..90", "--out", self.folder / "out", "--json", *jobs, n=n)
            self.assertIn(f"on each of {n} ranks", done.stderr)
            self.same(self.folder / "calm/short-seeds", self.out)
            printed = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(list(range(90)), sorted(x["index"] for x in printed[:-1]))
            self.assertEqual(self.summary(self.out), printed[-1])

    def test_the_exit_code_is_the_verdict(self):
        self.mpirun(self.file, "--seeds", "1..4", "--out", self.folder / "out", "--set", "slo.ttft.max=1ms", code=1)
        self.assertIn("expected two seeds", self.mpirun(self.file, "--seeds", "4..1", code=2).stderr)
        self.assertIn("no such file", self.mpirun("nothing.json", "--seeds", "1..4", code=2).stderr)

    def test_a_rank_that_dies(self):
        with self.started(ranks(self.file, "--seeds", "1..3000", "--out", self.folder / "out"), env=ENVIRONMENT) as p:
            self.until(lambda: (self.out / "cells.jsonl").exists() and
                       len((self.out / "cells.jsonl").read_text().splitlines()) > 20, "a few cells", 30)
            other = [k for k in e2e.children(p.pid) if rank_of(k) == 1]
            self.assertEqual(1, len(other))
            os.kill(other[0], signal.SIGKILL)
            self.assertNotEqual(0, p.wait(60))
        self.assertIn("of 3000 cells are missing:", self.said())
        self.assertIn("go on with: lpuchaos campaign --resume", self.said())
        text = (self.out / "cells.jsonl").read_text()
        played = len(text.splitlines())
        self.assertEqual(3000 - played, self.summary(self.out)["missing"]["count"])
        # the whole takes too long for a test; what is there is what one process would have written
        self.campaign(self.file, "--seeds", f"1..{60}", where="calm")
        calm = (self.folder / "calm/short-seeds/cells.jsonl").read_text().splitlines()
        for line in text.splitlines():
            index = json.loads(line)["index"]
            if index < 60:
                self.assertEqual(calm[index], line)

    def test_going_on_with_ranks(self):
        self.campaign(self.file, "--seeds", "1..80", where="calm")
        shutil.copytree(self.folder / "calm/short-seeds", self.out)
        lines = (self.out / "cells.jsonl").read_text().splitlines(keepends=True)
        (self.out / "cells.jsonl").write_text("".join(lines[5:40]) + lines[60][:30])
        self.assertIn("45 to play", self.mpirun("--resume", self.out).stderr)
        self.same(self.folder / "calm/short-seeds", self.out)


def why_not():
    if not shutil.which("mpirun"):
        return "no mpirun (openmpi-bin)"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(ranks("nothing.json", "--seeds", "1..2", "--out", folder), capture_output=True, text=True,
                              timeout=60, check=False, env=ENVIRONMENT)
    return None if "no such file" in done.stderr else done.stderr.strip()


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    e2e.main(needs_ring=False)
