"""What the tests of verify share: a case that runs it, and looks at what it leaves."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402
import packs  # noqa: E402,F401


class Case(e2e.Case):

    def setUp(self):
        super().setUp()
        self.tmp = self.folder / "tmp"
        self.tmp.mkdir()
        self.keep = set()

    def key(self, name="key"):
        path = self.folder / name
        if not path.exists():
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", str(path), "-pubout", "-out", f"{path}.pub"], check=True)
        return str(path)

    def verify(self, pack, *options, code=0):
        """(what --json says, what stderr says); nothing is left in TMPDIR, and nothing else is written."""
        before = listing(self.folder)
        done = subprocess.run([e2e.BINARY, "verify", str(pack), "--json", *options], capture_output=True, text=True, timeout=120,
                              check=False, env=e2e.environment(TMPDIR=str(self.tmp)))
        self.no_sanitizer(done.stderr)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertEqual(before, listing(self.folder))
        report = json.loads(done.stdout) if code in (0, 1) else None
        if report:
            self.assertEqual(code == 0, report["in_order"])
            for f in report["found"]:
                self.assertIn(f"{f['defect']}: {f['file']}{': ' if f['file'] else ''}{f['text']}\n", done.stderr)
        return report, done.stderr

    def names(self, pack, *options, code=1):
        """The defects as (name, file), in the order in which they were told."""
        report, _ = self.verify(pack, *options, code=code)
        return [(f["defect"], f["file"]) for f in report["found"]]


def listing(folder):
    """Every file and folder below, with its size and time."""
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in sorted(pathlib.Path(folder).rglob("*"))
            if p.name != "tmp"}


main = e2e.main
