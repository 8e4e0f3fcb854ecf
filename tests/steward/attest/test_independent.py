"""What a Steward issues, read by tools of others, and by hand from the specifications."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import joserfc.jwt
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509.verification import PolicyBuilder, Store
from joserfc.jwk import ECKey
from tests.steward.keeps import WORKLOAD, Keep
from tests.steward.stewards import Serving, start

pytestmark = pytest.mark.slow  # each starts processes

PKCS10 = {"Content-Type": "application/pkcs10"}
PLATFORMS = ("snp", "tdx", "sgx")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A Steward for simulated keeps."""
    made = start(
        tmp_path_factory.mktemp("steward"), "--insecure-accept-simulated", "--workers", "1"
    )
    yield made
    made.end()


@pytest.fixture
def client(serving: Serving) -> Iterator[httpx.Client]:
    """A client of it."""
    with serving.client() as made:
        yield made


@pytest.fixture
def published(client: httpx.Client) -> dict[str, Any]:
    """The keys that it publishes."""
    found: dict[str, Any] = client.get("/v1/ca").json()
    return found


def certified(serving: Serving, client: httpx.Client, keep: Keep) -> dict[str, Any]:
    """What *keep* is given."""
    data = keep.request(serving.nonce(client))
    answer = client.post("/v1/certificate", content=data, headers=PKCS10)
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json()
    return found


def sha256(data: bytes) -> bytes:
    """The hash."""
    return hashlib.sha256(data).digest()


def opened(note: str, verifier: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint that the key *verifier* signed (C2SP signed-note)."""
    name, key_hash, encoded = verifier.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    assert key[:1] == b"\x01"
    assert sha256(f"{name}\n".encode() + key)[:4].hex() == key_hash
    text, _, signatures = note.rpartition("\n\n")
    dash, signer, signature = signatures.removesuffix("\n").split(" ")
    assert (dash, signer) == ("\u2014", name)
    raw = base64.b64decode(signature, validate=True)
    assert raw[:4].hex() == key_hash
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    assert origin == name
    return int(size), base64.b64decode(root, validate=True)


def root_of(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to, word by word (RFC 9162, section 2.1.3.2)."""
    assert index < size
    fn, sn, r = index, size - 1, sha256(b"\x00" + entry)
    for p in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = sha256(b"\x01" + p + r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01" + r + p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


@pytest.mark.parametrize("platform", PLATFORMS)
def test_cryptography_believes_the_chain(
    serving: Serving, client: httpx.Client, platform: str
) -> None:
    """The verifier for web servers, given the root only; name, purpose and times are right."""
    answer = certified(serving, client, Keep(platform=platform))  # type: ignore[arg-type]
    leaf, *above = (x509.load_pem_x509_certificate(pem.encode()) for pem in answer["chain"])
    root = x509.load_pem_x509_certificate(serving.ca_file.read_bytes())
    verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName("localhost"))
    assert verifier.verify(leaf, above)[-1] == root


@pytest.mark.parametrize("platform", PLATFORMS)
def test_joserfc_and_pyjwt_read_the_result(
    serving: Serving, client: httpx.Client, published: dict[str, Any], platform: str
) -> None:
    """With nothing but the published key; both see the same claims, and who was judged."""
    keep = Keep(platform=platform)  # type: ignore[arg-type]
    answer = certified(serving, client, keep)
    pem = published["result_key"]
    theirs = jwt.decode(answer["result"], pem, algorithms=["ES384"])
    token = joserfc.jwt.decode(answer["result"], ECKey.import_key(pem), algorithms=["ES384"])
    assert token.claims == theirs
    assert token.header == {"alg": "ES384", "typ": "eat+jwt"}
    (module,) = [one for one in theirs["submods"].values() if "ear.enarx.decision" in one]
    assert module["ear.enarx.decision"] == answer["decision"]
    assert module["ear.enarx.key-sha256"] == sha256(keep.spki).hex()
    assert module["ear.enarx.workload-digest"] == WORKLOAD
    assert theirs["exp"] == answer["not_after"]


def test_another_key_does_not_verify_the_result(
    serving: Serving, client: httpx.Client, published: dict[str, Any]
) -> None:
    """Attack: keys of certificates are no keys of results, and nobody's signature is none."""
    result = certified(serving, client, Keep())["result"]
    chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in published["chain"]]
    for one in chain:
        assert one.public_key() != load_pem_public_key(published["result_key"].encode())
        with pytest.raises(jwt.PyJWTError):
            jwt.decode(result, one.public_key(), algorithms=["ES384", "ES256"])  # type: ignore[arg-type]
    head, payload, signature = result.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"eat+jwt"}').rstrip(b"=").decode()
    for forged in (f"{unsigned}.{payload}.", f"{head}.{payload}.{signature[:-4]}AAAA"):
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(forged, published["result_key"], algorithms=["ES384"])


def test_the_decision_is_in_the_log_that_everybody_sees(
    serving: Serving, client: httpx.Client, published: dict[str, Any]
) -> None:
    """The answer's payload and salt make the entry, its proof leads to a signed root.

    The same entry stands in the log's bundle, and every proof so far is of the same tree.
    """
    answers = [certified(serving, client, Keep()) for _ in range(3)]
    size, _ = opened(client.get("/log/checkpoint").text, published["log_key"])
    assert size < 256, "the log of this module fits into one bundle"
    bundle = client.get(f"/log/tile/entries/000.p/{size}").content
    for answer in answers:
        log, decision = answer["log"], json.loads(answer["log"]["payload"])
        salt = base64.urlsafe_b64decode(log["salt"] + "==")
        entry = json.dumps(
            {
                "kind": "decision",
                "profile": "tag:github.com,2026:enarx/log-entry/1",
                "salted_sha256": sha256(salt + log["payload"].encode()).hex(),
                "subject": answer["decision"],
                "time": decision["time"],
            },
            separators=(",", ":"),
        ).encode()
        assert len(entry).to_bytes(2, "big") + entry in bundle
        head, _, note = log["proof"].partition("\n\n")
        first, second, *path = head.split("\n")
        assert (first, second) == ("c2sp.org/tlog-proof@v1", f"index {log['index']}")
        then, root = opened(note, published["log_key"])
        hashes = [base64.b64decode(line, validate=True) for line in path]
        assert root_of(entry, log["index"], then, hashes) == root


def test_tls_and_results_have_one_root(serving: Serving, published: dict[str, Any]) -> None:
    """What ``openssl`` believes for the connection is the root that the chain ends in."""
    context = ssl.create_default_context(cafile=str(serving.ca_file))
    (root,) = context.get_ca_certs(binary_form=True)
    assert root == ssl.PEM_cert_to_DER_cert(published["chain"][-1])
