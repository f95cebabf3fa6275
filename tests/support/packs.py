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
STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PREDICATE = "urn:lpuchaos:evidence:v1"


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


def subjects(files, names):
    return [{"name": n, "digest": {"sha256": sha256(files[n])}} for n in names]


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


def seal(files, key, statements=None, last=None):
    """Signs files (their manifest is made anew): statements about runs, payloads as bytes or objects, then the one about all."""
    files = {k: v for k, v in files.items() if k != EVIDENCE}
    files[SIGNER] = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], capture_output=True, check=True).stdout
    files = manifest(files)
    bodies = [s if isinstance(s, bytes) else json.dumps(s, separators=(",", ":")).encode() for s in statements or []]
    whole = {"_type": STATEMENT, "subject": subjects(files, sorted(files, key=str.encode)), "predicateType": PREDICATE,
             "predicate": {"schema": "lpuchaos.evidence/1", "statements": [sha256(b) for b in bodies]}}
    whole = last(whole) if last else whole
    files[EVIDENCE] = b"".join(envelope(key, b) for b in bodies + [whole])
    return files
