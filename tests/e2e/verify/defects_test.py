"""What may be wrong with the files of a pack and with what was signed: each found, by its own name. The packs are made with
tarfile, zstd and openssl; those of real runs are in runs_test.py."""
import json

import common
from common import packs

# What is in the pack beside a run's files, so that there are some of every shape.
EXTRA = {"a.json": b"{}\n", "b.txt": b"hello\n" * 50, "folder/c.json": b"[1, 2]\n", "other.txt": b"hello\n" * 51}


def flip(data, at):
    wrong = bytearray(data)
    wrong[at] ^= 1
    return bytes(wrong)


class Files(common.Case):

    def pack(self, files):
        return packs.write(self.folder / "p.tar.zst", files)

    def each(self, files):
        """One byte flipped, a file removed, added, renamed, for each file; `files` have a manifest."""
        for name, data in files.items():
            if name in (packs.MANIFEST, packs.EVIDENCE, packs.SIGNER):
                continue
            self.assertEqual([("altered", name)], self.names(self.pack({**files, name: flip(data, len(data) // 2)})))
            rest = {k: v for k, v in files.items() if k != name}
            self.assertEqual([("missing", name)], self.names(self.pack(rest)))
            self.assertEqual([("renamed", name)], self.names(self.pack({**rest, "new/name": data})))
        for data in (flip(files["b.txt"], 0), flip(files["b.txt"], -1), files["b.txt"][:-1], b""):
            self.assertEqual([("altered", "b.txt")], self.names(self.pack({**files, "b.txt": data})))
        self.assertEqual([("added", "more.txt")], self.names(self.pack({**files, "more.txt": b"x"})))
        self.assertEqual([("altered", "a.json"), ("altered", "b.txt")],
                         self.names(self.pack({**files, "a.json": files["b.txt"], "b.txt": files["a.json"]})))

    def test_unsigned(self):
        files = packs.manifest({**self.files, **EXTRA})
        self.each(files)
        _, text = self.verify(self.pack(files))
        self.assertIn("not signed", text)
        self.assertEqual([("unsigned", packs.EVIDENCE)], self.names(self.pack(files), "--key", self.key() + ".pub"))

    def test_signed(self):
        files = self.signed({**self.files, **EXTRA})
        self.each(files)
        _, text = self.verify(self.pack(files))
        self.assertIn("not whose it is", text)
        _, text = self.verify(self.pack(files), "--key", self.key() + ".pub")
        self.assertIn("the key that was given", text)
        for name in (packs.MANIFEST, packs.SIGNER):
            found = self.names(self.pack({**files, name: flip(files[name], 10)}), "--key", self.key() + ".pub")
            self.assertEqual([("altered", name)], found)
            rest = {k: v for k, v in files.items() if k != name}
            self.assertEqual([("missing", name)], self.names(self.pack(rest), "--key", self.key() + ".pub"))
        rest = {k: v for k, v in files.items() if k != packs.SIGNER}
        self.assertEqual(("signature", packs.SIGNER), self.names(self.pack(rest))[0])

    def test_manifests(self):
        files = packs.manifest({**self.files, **EXTRA})
        good = files[packs.MANIFEST]
        lines = good.splitlines(keepends=True)
        self.assertEqual([("manifest", packs.MANIFEST)], self.names(self.pack({**self.files, **EXTRA})))
        hexed = packs.sha256(b"x").encode()
        for wrong in (b"", b"\n", good[:-1], b"x" + good, lines[1] + lines[0] + b"".join(lines[2:]), lines[0] + good,
                      good.replace(b"  ", b" "), good.replace(b"  ", b" *"), good.upper(), good.replace(b"\n", b"\r\n"),
                      hexed + b"  ../x\n" + good, hexed + b"  /x\n" + good, good + hexed + b"  \xff\n", good + hexed + b"  \n",
                      hexed + b"  MANIFEST.sha256\n" + good, hexed + b"  evidence.intoto.jsonl\n" + good, good + b"\0"):
            self.assertEqual([("manifest", packs.MANIFEST)], self.names(self.pack({**files, packs.MANIFEST: wrong})), wrong)
        at = good.index(b"  a.json")
        self.assertEqual([("altered", "a.json")], self.names(self.pack({**files, packs.MANIFEST: flip(good, at - 1)})))
        self.assertEqual([("missing", "z.txt")], self.names(self.pack({**files, packs.MANIFEST: good + hexed + b"  z.txt\n"})))

    def test_a_manifest_that_was_signed_as_it_is(self):
        files = self.signed({**self.files, **EXTRA})
        wrong = {**files, packs.MANIFEST: files[packs.MANIFEST].replace(b"  other.txt", b"  othex.txt")}

        def edit(whole):
            whole["subject"][0]["digest"]["sha256"] = packs.sha256(wrong[packs.MANIFEST])

        wrong[packs.EVIDENCE] = packs.seal(files, self.key(), edit)[packs.EVIDENCE]
        self.assertEqual([("manifest", packs.MANIFEST)], self.names(self.pack(wrong)))

    def test_a_pack_without_a_result(self):
        self.assertEqual([("missing", "result.json")], self.names(self.pack(packs.manifest(EXTRA))))
        for wrong in (b"{}", b"[]", b"{", b"", self.files["result.json"].replace(b'"pass"', b'"good"', 1)):
            self.assertEqual([("schema", "result.json")],
                             self.names(self.pack(packs.manifest({**self.files, "result.json": wrong}))), wrong)


class Evidence(common.Case):

    """Of a pack of two runs: two lines about them, and one about the whole."""

    def setUp(self):
        super().setUp()
        both = {f"{folder}/{name}": data for folder in "ab" for name, data in self.files.items()}
        self.all = self.signed({**both, **EXTRA})
        self.lines = self.all[packs.EVIDENCE].splitlines(keepends=True)

    def found(self, lines, *options):
        data = lines if isinstance(lines, bytes) else b"".join(lines)
        return self.names(packs.write(self.folder / "p.tar.zst", {**self.all, packs.EVIDENCE: data}), *options)

    def only(self, defect, lines, *options):
        found = self.found(lines, *options)
        self.assertEqual({(defect, packs.EVIDENCE)}, set(found), found)

    def test_lines_removed_moved_doubled(self):
        a, b, whole = self.lines
        for lines in ([b, whole], [a, whole], [whole], [a, b], [a], [b, a, whole], [a, whole, b], [whole, a, b], [a, a, b, whole],
                      [a, b, whole, whole], [a, b, whole, a], [a, b, whole[:-1]], [a, b, b"\n", whole], []):
            self.only("statement", lines)
            self.only("statement", lines, "--key", self.key() + ".pub")

    def test_a_line_of_another_pack(self):
        other = packs.seal({**self.all, "a.json": b"{ }\n"}, self.key())
        lines = other[packs.EVIDENCE].splitlines(keepends=True)
        self.only("statement", [*lines[:1], lines[0], *self.lines[2:]])
        self.assertEqual([("altered", "MANIFEST.sha256"), ("altered", "a.json")], self.found(lines))

    def test_one_byte_of_every_line(self):
        start = 0
        for number, line in enumerate(self.lines):
            value = json.loads(line)
            payload = start + line.index(value["payload"].encode())
            sig = start + line.index(value["signatures"][0]["sig"].encode())
            keyid = start + line.index(value["signatures"][0]["keyid"].encode())
            whole = b"".join(self.lines)
            for at, wanted in ((payload + 40, {"signature", "statement"}), (sig + 4, {"signature"}), (keyid + 3, {"other-key"}),
                               (start + 2, {"statement"}), (start + len(line) - 1, {"statement"})):
                byte = b"C" if whole[at:at + 1] != b"C" else b"D"
                if at == keyid + 3:
                    byte = b"0" if whole[at:at + 1] != b"0" else b"1"
                found = {d for d, _ in self.found(whole[:at] + byte + whole[at + 1:])}
                self.assertTrue(found <= wanted and found, (number, at - start, found, wanted))
            start += len(line)

    def test_another_key(self):
        self.only("other-key", self.lines, "--key", self.key("other") + ".pub")
        mixed = packs.seal(self.all, self.key("other"))[packs.EVIDENCE].splitlines(keepends=True)
        self.only("other-key", [mixed[0], *self.lines[1:]], "--key", self.key() + ".pub")

    def test_the_manifest_follows_and_the_evidence_does_not(self):
        edited = packs.manifest({**self.all, "a.json": b"{ }\n"})
        pack = packs.write(self.folder / "p.tar.zst", edited)
        self.assertEqual([("altered", packs.MANIFEST), ("altered", "a.json")], self.names(pack))
        stripped = {k: v for k, v in edited.items() if k != packs.EVIDENCE}
        pack = packs.write(self.folder / "p.tar.zst", stripped)
        self.assertEqual([("missing", packs.EVIDENCE)], self.names(pack))
        self.assertEqual([("unsigned", packs.EVIDENCE)], self.names(pack, "--key", self.key() + ".pub"))

    def test_statements_that_were_signed_and_do_not_follow_from_the_files(self):
        def wrong(change):
            statements = [json.loads(p) for p in packs.payloads(self.all)[:-1]]
            change(statements)
            files = packs.seal(self.all, self.key(), statements=statements)
            self.assertEqual({("statement", packs.EVIDENCE)}, set(self.names(packs.write(self.folder / "p.tar.zst", files))),
                             statements)

        wrong(lambda s: s[0]["predicate"].update(result="FAILED"))
        wrong(lambda s: s[0]["predicate"]["passedTests"].append("more"))
        wrong(lambda s: s[0].update(_type="https://in-toto.io/Statement/v0.1"))
        wrong(lambda s: s[0].update(predicateType="https://example.org/other"))
        wrong(lambda s: s[0].update(more=1))
        wrong(lambda s: s[0].update(subject=[]))
        wrong(lambda s: s[1]["subject"][0].update(name="b.txt"))
        wrong(lambda s: s[1]["subject"][0]["digest"].update(sha256=packs.sha256(b"x")))
        wrong(lambda s: s.pop())
        wrong(lambda s: s.append(s[0]))
        wrong(lambda s: s.reverse())

    def test_the_last_statement(self):
        def wrong(change, name="statement", file=packs.EVIDENCE):
            files = packs.seal(self.all, self.key(), change)
            self.assertEqual((name, file), self.names(packs.write(self.folder / "p.tar.zst", files))[0])

        self.verify(packs.write(self.folder / "p.tar.zst", packs.seal(self.all, self.key())))
        wrong(lambda w: w["predicate"].update(statements=[]))
        wrong(lambda w: w["predicate"]["statements"].append(packs.sha256(b"x")))
        wrong(lambda w: w["predicate"]["statements"].reverse())
        wrong(lambda w: w["predicate"].update(schema="lpuchaos.evidence/2"))
        wrong(lambda w: w["predicate"]["results"][0].update(verdict="fail"))
        wrong(lambda w: w["predicate"].update(results=[]))
        wrong(lambda w: w.update(_type="https://in-toto.io/Statement/v0.1"))
        wrong(lambda w: w.update(predicateType="https://example.org/other"))
        wrong(lambda w: w.update(more=1))
        wrong(lambda w: w.update(subject=[]))
        wrong(lambda w: w.update(subject=w["subject"] * 2))
        wrong(lambda w: w["subject"][0].update(digest={"sha1": "00"}))
        wrong(lambda w: w["subject"].pop(1), "added", "a.json")
        wrong(lambda w: w["subject"].append({"name": "z", "digest": {"sha256": packs.sha256(b"z")}}), "missing", "z")

    def test_other_payload_types(self):
        lines = [packs.envelope(self.key(), packs.payloads(self.all)[0], "text/plain"), *self.lines[1:]]
        self.only("statement", lines)


common.main(needs_ring=False)
