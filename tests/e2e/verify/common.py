"""What the tests of verify share: a case that runs it, and looks at what it leaves."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402
import packs  # noqa: E402,F401


class Case(e2e.Case):

    def setUp(self):
        super().setUp()
        self.tmp = self.folder / "tmp"
        self.tmp.mkdir()
        self.keep = set()

    @classmethod
    def setUpClass(cls):
        """The files of a small run, with those of its signed pack left out; made once."""
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            cls.files = made(pathlib.Path(folder))

    def key(self, name="key"):
        path = self.folder / name
        if not path.exists():
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", str(path), "-pubout", "-out", f"{path}.pub"], check=True)
        return str(path)

    def packed(self, files, *options, name="own"):
        """The program's own pack of these files: what one who has it can do."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        pack = self.folder / f"{name}.tar.zst"
        done = subprocess.run([e2e.BINARY, "pack", str(folder), "--out", str(pack), *options], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        return str(pack)

    def signed(self, files, **more):
        """The files of such a pack, signed with the case's key."""
        return packs.read(self.packed(files, "--sign-key", self.key(), **more))

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


def made(folder, document=None, *options, codes=(0, 1, 4)):
    """The pack of a run on the virtual clock, as files, without manifest."""
    path = folder / "scenario.json"
    path.write_text(json.dumps(document or e2e.scenario("quick", mirror="off")))
    clock = [] if "--clock" in options else ["--clock", "virtual"]
    done = subprocess.run([e2e.BINARY, "run", str(path), *clock, "--out", str(folder / "out"), "--pack",
                           str(folder / "pack.tar.zst"), *options], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in codes, done.stderr
    files = packs.read(folder / "pack.tar.zst")
    del files[packs.MANIFEST]
    return files


def listing(folder):
    """Every file and folder below, with its size and time."""
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in sorted(pathlib.Path(folder).rglob("*"))
            if p.name != "tmp"}


main = e2e.main
