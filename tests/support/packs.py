"""Evidence packs as docs/EVIDENCE.md says they are, made with tarfile, zstd, hashlib and openssl alone: what verify is told
about must not come from the program that is tested. A pack is a dict of path → bytes."""
import base64
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

MANIFEST, EVIDENCE, SIGNER = "MANIFEST.sha256", "evidence.intoto.jsonl", "signer.pub"
TYPE = "application/vnd.in-toto+json"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, capture_output=True, check=True).stdout


def unzstd(data):
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=data, capture_output=True, check=True).stdout


def entry(name, **members):
    """A tarfile entry as packs have them; members replace."""
    info = tarfile.TarInfo(name)
    for key, value in members.items():
        setattr(info, key, value)
    return info


def archive(entries, layout=tarfile.USTAR_FORMAT):
    """(TarInfo, bytes) pairs, in this order, as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout) as tar:
        for info, data in entries:
            if info.isreg():
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def order(files):
    first = {MANIFEST: 0, EVIDENCE: 1, SIGNER: 2}
    return sorted(files, key=lambda path: (first.get(path, 3), path.encode()))


def write(path, files, *more):
    """The pack of these files; `more` are (TarInfo, bytes) entries behind them."""
    entries = [(entry(name), files[name]) for name in order(files)]
    pathlib.Path(path).write_bytes(zstd(archive(entries + list(more))))
    return str(path)


def read(path):
    with tarfile.open(fileobj=io.BytesIO(unzstd(pathlib.Path(path).read_bytes()))) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def manifest(files):
    """The files with a manifest that fits them."""
    files = {k: v for k, v in files.items() if k != MANIFEST}
    listed = sorted((k for k in files if k != EVIDENCE), key=str.encode)
    return {**files, MANIFEST: "".join(f"{sha256(files[k])}  {k}\n" for k in listed).encode()}


def envelope(key, payload, kind=TYPE):
    """One line, signed by openssl with the private key in this file."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)
    folder = pathlib.Path(key).parent
    (folder / "pae").write_bytes(pae)
    sig = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", str(folder / "pae")],
                         capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    line = {"payload": base64.b64encode(body).decode(), "payloadType": kind,
            "signatures": [{"keyid": sha256(der), "sig": base64.b64encode(sig).decode()}]}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def payloads(files):
    """Of the evidence, line by line, as bytes."""
    return [base64.b64decode(json.loads(line)["payload"]) for line in files[EVIDENCE].splitlines()]


def seal(files, key, edit=None, statements=None):
    """Signed files signed once more, as they are now: statements about results, as bytes or objects (default: those that there are),
    then the one about the pack, with the digests of now, edited."""
    *old, whole = payloads(files)
    whole = json.loads(whole)
    bodies = [s if isinstance(s, bytes) else json.dumps(s, separators=(",", ":")).encode()
              for s in (old if statements is None else statements)]
    files = manifest({k: v for k, v in files.items() if k != EVIDENCE})
    whole["subject"] = [{"name": n, "digest": {"sha256": sha256(files[n])}}
                        for n in [MANIFEST, *sorted(files.keys() - {MANIFEST}, key=str.encode)]]
    whole["predicate"]["statements"] = [sha256(b) for b in bodies]
    if edit:
        edit(whole)
    return {**files, EVIDENCE: b"".join(envelope(key, b) for b in [*bodies, whole])}
