"""Archives that nobody should unpack: each refused by its own name, with exit code 1, and nothing is written outside of a
folder that is gone afterwards. They are made with tarfile and zstd."""
import os
import pathlib
import random
import signal
import subprocess
import tarfile

import common
from common import packs

EXTRA = {"a.json": b"{}\n", "folder/b.txt": b"hello\n" * 200, "folder/deep/c.bin": bytes(range(256)) * 5}


class Hostile(common.Case):

    def listed(self, **more):
        return packs.manifest({**self.files, **EXTRA, **more})

    def pack(self, *more, **files):
        return packs.write(self.folder / "p.tar.zst", self.listed(**files), *more)

    def tar(self, *more):
        return packs.archive([(packs.entry(k), v) for k, v in self.listed().items()] + list(more))

    def raw(self, data):
        path = self.folder / "raw.tar.zst"
        path.write_bytes(data)
        return path

    def test_a_plain_pack_is_in_order(self):
        report, text = self.verify(self.pack())
        self.assertIn("not signed", text)
        self.assertEqual([], report["found"])

    def test_names_that_lead_elsewhere(self):
        target = self.folder / "outside"
        for name in ("../outside", "folder/../../outside", str(target), "/outside", "./../outside", "folder//x", "folder/./x",
                     "..", "a\\b", "a\nb", "a\x1b[2Jb", "x" * 300, "a/" * 120 + "x"):
            with self.subTest(name=name):
                for layout in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
                    entries = [(packs.entry(k), v) for k, v in self.listed().items()]
                    data = packs.archive(entries + [(packs.entry(name), b"evil")], layout)
                    found = self.names(self.raw(packs.zstd(data)))
                    self.assertEqual(["unsafe-path"], [d for d, _ in found])
                self.assertFalse(target.exists())

    def test_bytes_that_are_no_text(self):
        data = self.tar((packs.entry("abc"), b"x"))
        at = data.index(b"abc\0")
        wrong = bytearray(data)
        wrong[at:at + 3] = b"\xff\xfe\xfd"
        block = at // 512 * 512
        fix_sum(wrong, block)
        self.assertIn("unsafe-path", [d for d, _ in self.names(self.raw(packs.zstd(bytes(wrong))))])

    def test_links(self):
        for kind, to in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.SYMTYPE, "a.json"), (tarfile.LNKTYPE, "a.json"),
                         (tarfile.LNKTYPE, "/etc/passwd")):
            pack = self.pack((packs.entry("link", type=kind, linkname=to), b""))
            self.assertEqual([("link", "link")], self.names(pack))

    def test_a_link_and_a_file_behind_it(self):
        pack = self.pack((packs.entry("out", type=tarfile.SYMTYPE, linkname=str(self.folder)), b""),
                         (packs.entry("out/evil"), b"evil"))
        self.assertEqual([("link", "out"), ("added", "out/evil")], self.names(pack))
        self.assertFalse((self.folder / "evil").exists())

    def test_devices_and_pipes(self):
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            pack = self.pack((packs.entry("device", type=kind, devmajor=1, devminor=3), b""))
            self.assertEqual([("special", "device")], self.names(pack))

    def test_one_path_twice(self):
        self.assertEqual([("duplicate", "a.json")], self.names(self.pack((packs.entry("a.json"), b"{}\n"))))
        self.assertEqual([("duplicate", "a.json/x")], self.names(self.pack((packs.entry("a.json/x"), b"{}\n"))))
        self.assertEqual([("duplicate", "folder")], self.names(self.pack((packs.entry("folder"), b"{}\n"))))
        self.assertEqual([("duplicate", "a.json")], self.names(self.pack((packs.entry("./a.json"), b"other\n"))))

    def test_a_bomb(self):
        info = packs.entry("zeros", size=300 << 20)
        head = info.tobuf(format=tarfile.USTAR_FORMAT)
        self.assertEqual([("too-large", "")], self.names(self.raw(packs.zstd(head + bytes(info.size + 10240), "-1"))))
        end = self.tar()
        self.assertEqual([("too-large", "")], self.names(self.raw(packs.zstd(end + bytes(info.size), "-1"))))

    def test_more_entries_than_a_pack_has(self):
        one = packs.entry("folder", type=tarfile.DIRTYPE).tobuf(format=tarfile.USTAR_FORMAT)
        self.assertEqual([("too-large", "")], self.names(self.raw(packs.zstd(one * 100001 + bytes(10240), "-1"))))
        deep = packs.archive([(packs.entry("/".join(f"{i}{k}" for k in "abcdefghijklmnopqrst") + "/x"), b"") for i in range(600)])
        self.assertEqual({"too-large"}, {d for d, _ in self.names(self.raw(packs.zstd(deep))) if d != "manifest"})

    def test_windows_that_need_much_memory(self):
        tar = packs.archive([(packs.entry("x"), os.urandom(1 << 20))])
        pack = self.raw(packs.zstd(tar, "-1", "--long=31"))
        self.assertEqual([("archive", "")], self.names(pack))

    def test_what_is_no_tar_zst(self):
        tar = self.tar()
        gzip = subprocess.run(["gzip", "-c"], input=tar, capture_output=True, check=True).stdout
        for data in (b"", b"\0", b"hello", tar, gzip, packs.zstd(b""), packs.zstd(b"hello"), packs.zstd(packs.zstd(tar)),
                     packs.zstd(gzip), packs.zstd(b"PK\3\4" + b"\0" * 600), packs.zstd(bytes(100)), os.urandom(5000),
                     packs.zstd(os.urandom(5000)), b"(\xb5/\xfd"):
            self.assertEqual([("archive", "")], self.names(self.raw(data)), data[:20])

    def test_what_is_no_file(self):
        self.verify(self.folder, code=2)
        self.verify(self.folder / "nothing", code=2)
        self.verify("/dev/null", code=2)
        self.verify(self.pack(), "--key", str(self.folder / "nothing"), code=2)
        self.verify(self.pack(), "--key", self.pack(), code=2)

    def test_nowhere_to_unpack(self):
        for place in ("/nowhere", "/dev/null"):
            done = subprocess.run([common.e2e.BINARY, "verify", self.pack()], env=common.e2e.environment(TMPDIR=place),
                                  capture_output=True, text=True, check=False)
            self.assertEqual(3, done.returncode, done.stderr)

    def test_cut_anywhere(self):
        data = pathlib.Path(self.pack()).read_bytes()
        tar = packs.unzstd(data)
        for n in sorted(random.Random(1).sample(range(len(data)), 12)) + [len(data) - 1]:
            self.assertEqual([("archive", "")], self.names(self.raw(data[:n])), n)
        end = len(tar.rstrip(b"\0")) // 512 * 512 + 512
        for n in [end, end + 512, *random.Random(2).sample(range(0, end, 512), 12), *random.Random(3).sample(range(end), 8)]:
            self.assertEqual([("archive", "")], self.names(self.raw(packs.zstd(tar[:n]))), n)

    def test_something_behind_the_end(self):
        tar = packs.unzstd(pathlib.Path(self.pack()).read_bytes())
        for more in (b"x", b"x" * 512, bytes(5), tar):
            self.assertEqual([("archive", "")], self.names(self.raw(packs.zstd(tar + more))), more[:5])
        self.assertEqual([("archive", "")], self.names(self.raw(packs.zstd(tar) + b"something")))

    def test_every_bit_of_the_tar(self):
        """Whatever is flipped is found: in data by a digest, in headers by their sum, between them because there are zeros."""
        tar = packs.archive([(packs.entry(k), v) for k, v in packs.manifest({"a": b"{}\n", "b/c": b"x" * 600}).items()])
        places = sorted(random.Random(3).sample(range(len(tar) * 8), 20)) + [3 * 512 + 511 * 8, (len(tar) - 1) * 8]
        for place in places:
            wrong = bytearray(tar)
            wrong[place // 8] ^= 1 << place % 8
            self.assertNotEqual([], self.names(self.raw(packs.zstd(bytes(wrong)))), place)

    def test_sparse_files(self):
        sparse = self.folder / "sparse"
        with open(sparse, "wb") as f:
            f.seek(1 << 20)
            f.write(b"x")
        for layout in ("gnu", "posix"):
            done = subprocess.run(["tar", "-S", "--format", layout, "-c", "-C", str(self.folder), "sparse"], capture_output=True,
                                  check=True)
            sparse_pack = self.raw(packs.zstd(done.stdout))
            self.assertIn(self.names(sparse_pack)[0][0], ("special", "archive"))

    def test_packed_again_by_others(self):
        """The same files with owners, times and folders of somebody's own are the same evidence."""
        tree = self.folder / "tree"
        for name, data in self.listed().items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for layout in ("gnu", "posix", "ustar"):
            done = subprocess.run(["tar", "--format", layout, "-c", "-C", str(tree), "."], capture_output=True, check=True)
            _, text = self.verify(self.raw(packs.zstd(done.stdout)))
            self.assertIn("another program", text)

    def test_an_interrupt_leaves_nothing(self):
        pack = self.pack(big=os.urandom(64 << 20))
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.started([common.e2e.BINARY, "verify", pack], env=common.e2e.environment(TMPDIR=str(self.tmp))) as p:
                self.until(lambda: list(self.tmp.glob("*/*")) or p.poll() is not None, "unpacking")
                p.send_signal(number)
                self.assertIn(p.wait(30), (128 + number, 0))
            self.assertEqual([], list(self.tmp.iterdir()))


def fix_sum(data, block):
    data[block + 148:block + 156] = b" " * 8
    data[block + 148:block + 156] = b"%06o\0 " % sum(data[block:block + 512])


common.main(needs_ring=False)
