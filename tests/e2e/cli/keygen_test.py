"""`keygen`: a pair that openssl knows, nothing overwritten, nothing left behind; and openssl knows the envelope of the check vector."""
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402
import evidence  # noqa: E402

# Of the seed 00, 01, … 1f, whose envelope is in the fuzzer's corpus.
KNOWN_PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=
-----END PUBLIC KEY-----
"""
KNOWN_ENVELOPE = e2e.SOURCE / "tests/fuzz/reports/corpus/envelope/known"
KNOWN_PAE = "f17f287a2466d924056268c93300833069f3f164dbfff7660f3cc55f06acd61a"


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True, timeout=60).stdout


class Keygen(e2e.Case):

    def keygen(self, *arguments, code=0):
        done = subprocess.run([e2e.BINARY, "keygen", *arguments], capture_output=True, text=True, timeout=60, cwd=self.folder,
                              check=False)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertEqual("", done.stdout)
        self.no_sanitizer(done.stderr)
        return done.stderr

    def files(self):
        return sorted(p.name for p in self.folder.iterdir())

    def test_a_pair_that_openssl_knows(self):
        said = self.keygen("--out", "k")
        key, public = self.folder / "k", self.folder / "k.pub"
        self.assertEqual(["k", "k.pub"], self.files())
        self.assertEqual(0o600, stat.S_IMODE(key.stat().st_mode))
        self.assertEqual(public.read_bytes(), openssl("pkey", "-in", str(key), "-pubout"))
        self.assertIn("ED25519", openssl("pkey", "-in", str(key), "-noout", "-text").decode())
        der = openssl("pkey", "-pubin", "-in", str(public), "-outform", "DER")
        self.assertIn("key id " + hashlib.sha256(der).hexdigest() + "\n", said)
        self.assertNotIn("PRIVATE", said)
        self.keygen("--out=other")
        self.assertNotEqual(key.read_bytes(), (self.folder / "other").read_bytes())

    def test_nothing_is_overwritten(self):
        self.keygen("--out", "k")
        before = {n: (self.folder / n).read_bytes() for n in self.files()}
        self.assertRegex(self.keygen("--out", "k", code=2), r"\Ak: exists, and a key is never overwritten\n\Z")
        self.assertEqual(before, {n: (self.folder / n).read_bytes() for n in self.files()})
        (self.folder / "k").unlink()
        self.assertRegex(self.keygen("--out", "k", code=2), r"\Ak.pub: exists")
        self.assertEqual(["k.pub"], self.files())

    def test_where_nothing_can_be_written(self):
        said = self.keygen("--out", "absent/k", code=3)
        self.assertEqual("lpuchaos: cannot write 'absent/k': No such file or directory\n", said)
        self.keygen("--out", ".", code=2)
        self.assertEqual([], self.files())

    def test_usage(self):
        self.assertIn("--out FILE", self.keygen(code=2))
        self.assertIn("--out", self.keygen("--out", "", code=2))
        self.assertIn("--out", self.keygen("--oud", "k", code=2))
        self.keygen("k", code=2)
        self.assertEqual([], self.files())

    def test_openssl_verifies_the_known_envelope(self):
        """The check vector, from outside: what is signed, by whom, and nothing else."""
        known, public = KNOWN_ENVELOPE.read_bytes(), KNOWN_PUBLIC.encode()
        (body,) = evidence.verified(known, public, self.folder)
        self.assertEqual(KNOWN_PAE, evidence.sha256(evidence.pae(b"application/vnd.in-toto+json", body)))
        self.assertEqual([], evidence.statement_problems(json.loads(body)))
        with self.assertRaises(subprocess.CalledProcessError):
            evidence.verified(known.replace(b'"payload":"eyJf', b'"payload":"eyJg'), public, self.folder)


if __name__ == "__main__":
    if not shutil.which("openssl"):
        print("skipped: no openssl")
        sys.exit(77)
    unittest.main()
