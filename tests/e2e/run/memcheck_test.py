"""valgrind over what needs no ring: plan, a virtual run and compile leak nothing and read nothing that was not written.
Skipped where valgrind is absent or the binary carries sanitizers, which do the same and do not mix with it."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=all",
            "--errors-for-leak-kinds=all", "--track-fds=no"]
LOSS = {"id": "loss", "kind": "chip.loss", "target": "r0.n4.c3", "at": "500ms", "for": "500ms"}


class Memcheck(e2e.Case):

    def clean(self, *arguments, codes=(0,)):
        done = subprocess.run([*VALGRIND, e2e.BINARY, *arguments], capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertIn(done.returncode, codes, done.stderr[-4000:])

    def test_plan_run_and_compile(self):
        s = e2e.scenario("small", duration="1s", deployment=e2e.ONE_RACK, faults=[LOSS])
        s["slo"] = [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.5, "max": "10s"}]
        file, out = self.write(s), str(self.folder / "out")
        self.clean("plan", file)
        self.clean("plan", file, "--json")
        self.clean("run", file, "--clock", "virtual", "--json", "--out", out, "--junit", f"{out}.xml", codes=(0, 4))
        self.clean("compile", e2e.ONE_RACK, "--json")
        self.clean("explain", f"{out}/small-7-virtual", "3")

    def test_errors_leak_nothing_either(self):
        bad = self.write(e2e.scenario(duration="-1s"), "bad.json")
        for arguments in (["plan", bad], ["run", bad], ["compile", bad], ["run", "/nowhere.json"], ["explain", "/", "1"]):
            self.clean(*arguments, codes=(2, 3))


def sanitized():
    done = subprocess.run(["ldd", e2e.BINARY], capture_output=True, text=True, check=False)
    return any(name in done.stdout for name in ("libasan", "libubsan", "libtsan")) or \
        b"__asan_init" in open(e2e.BINARY, "rb").read()


if __name__ == "__main__":
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed")
        sys.exit(77)
    if sanitized():
        print("skipped: the binary is built with sanitizers")
        sys.exit(77)
    e2e.main(needs_ring=False)
