"""Packs and their evidence as an auditor without this program would read them: zstd, tar, openssl, hashlib."""
import base64
import hashlib
import io
import json
import subprocess
import tarfile

MANIFEST, LINES, SIGNER = "MANIFEST.sha256", "evidence.intoto.jsonl", "signer.pub"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
WHOLE = "urn:lpuchaos:evidence:v1"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def members(path):
    """The entries of a pack in their order."""
    plain = subprocess.run(["zstd", "-dc", str(path)], capture_output=True, check=True, timeout=60).stdout
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        return [(m, tar.extractfile(m).read() if m.isfile() else None) for m in tar]


def files(path):
    return {m.name: data for m, data in members(path)}


def listed(manifest):
    """Path to digest, of a manifest's text."""
    return {line[66:]: line[:64] for line in manifest.decode().splitlines()}


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def verified(lines, public, folder):
    """The payloads of the envelopes, each verified by openssl with the public key (PEM)."""
    (folder / "verify.pub").write_bytes(public)
    payloads = []
    for line in lines.splitlines():
        envelope = json.loads(line)
        body, (signature,) = base64.b64decode(envelope["payload"], validate=True), envelope["signatures"]
        (folder / "verify.pae").write_bytes(pae(envelope["payloadType"].encode(), body))
        (folder / "verify.sig").write_bytes(base64.b64decode(signature["sig"], validate=True))
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "verify.pub", "-rawin", "-in", "verify.pae", "-sigfile",
                        "verify.sig"], cwd=folder, check=True, capture_output=True, timeout=60)
        payloads.append(body)
    return payloads


def _descriptor_problems(what, d):
    if not isinstance(d, dict) or not isinstance(d.get("name"), str) or not d["name"]:
        return [f"{what}: no name"]
    digest = d.get("digest", {}).get("sha256", "")
    good = len(digest) == 64 and set(digest) <= set("0123456789abcdef")
    return [] if good else [f"{what}: {d['name']}: no digest"]


def statement_problems(s):
    """What the specifications of Statement v1 and of test-result v0.1 require, and this does not have."""
    found = []
    if s.get("_type") != "https://in-toto.io/Statement/v1":
        found.append("_type")
    if not s.get("subject"):
        found.append("no subject")
    for d in s.get("subject", []):
        found += _descriptor_problems("subject", d)
    if not isinstance(s.get("predicate"), dict) or "://" not in s.get("predicateType", "") and not s.get("predicateType", "").startswith("urn:"):
        found.append("predicate")
    if s.get("predicateType") == TEST_RESULT:
        p = s["predicate"]
        if p.get("result") not in ("PASSED", "WARNED", "FAILED"):
            found.append("result")
        if not p.get("configuration"):
            found.append("no configuration")
        for d in p.get("configuration", []):
            found += _descriptor_problems("configuration", d)
        for key in ("passedTests", "warnedTests", "failedTests"):
            if not all(isinstance(t, str) for t in p.get(key, [])):
                found.append(key)
    return found
