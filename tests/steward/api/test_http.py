"""A Steward over HTTP: what keeps, their clients and operators see, with tools of others."""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.steward.keeps import WORKLOAD, Keep
from tests.steward.stewards import PATIENCE_S, Serving, start

from enarx.pki import pki_path, request
from enarx.transparency import leaf, note, proof
from enarx.wire.text import base64url

PKCS10 = {"Content-Type": "application/pkcs10"}
BUNDLE = {"Content-Type": "application/vnd.steward.pkcs10-bundle.v1"}


def certify(serving: Serving, client: httpx.Client, keep: Keep, *names: str) -> httpx.Response:
    """What the Steward answers to *keep*."""
    data = keep.request(serving.nonce(client), *names)
    return client.post("/v1/certificate", content=data, headers=PKCS10)


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_openssl_believes_what_is_issued(
    serving: Serving, client: httpx.Client, tmp_path: Path, platform: str
) -> None:
    """Chain, purpose, name and revocation list, strictly; only the root is given."""
    answer = certify(serving, client, Keep(platform=platform)).json()  # type: ignore[arg-type]
    for name, pem in zip(("leaf", "issuer"), answer["chain"], strict=True):
        (tmp_path / name).write_text(pem)
    crl = x509.load_der_x509_crl(client.get("/v1/crl").content)
    (tmp_path / "crl").write_bytes(crl.public_bytes(Encoding.PEM))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-crl_check",
         "-verify_hostname", "localhost", "-CRLfile", "crl", "-CAfile", serving.ca_file,
         "-untrusted", "issuer", "leaf"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "leaf: OK\n"), done.stderr


@pytest.mark.slow
def test_the_decision_can_be_found_and_opened(serving: Serving, client: httpx.Client) -> None:
    """By whoever holds its token; the entry in the log is the one that the proof is about."""
    answer = certify(serving, client, Keep()).json()
    path = f"/v1/decisions/{answer['decision']}"
    owner = {"Authorization": f"Bearer {answer['token']}"}
    found = client.get(path, headers=owner).json()
    assert found["payload"] == answer["log"]["payload"]
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer x"}).status_code == 401
    told = json.loads(found["payload"])
    assert (told["accepted"], told["workload_digest"]) == (True, WORKLOAD)
    key = note.parse_verifier(client.get("/v1/ca").json()["log_key"])
    entry = leaf.Entry(
        kind="decision",
        time=told["time"],
        subject=told["id"],
        salted_sha256=leaf.salted(base64url(found["salt"], "salt"), found["payload"].encode()),
    )
    for text in (answer["log"]["proof"], found["log"]["proof"]):
        proof.check(entry.encode(), text.encode(), key.name, (key,))


@pytest.mark.slow
def test_the_log_names_keys_and_releases(
    serving: Serving, client: httpx.Client, tmp_path: Path
) -> None:
    """The operator adds a release; everybody reads it, and opens what is their own."""
    answer = certify(serving, client, Keep())
    (tmp_path / "answer").write_bytes(answer.content)
    digest = "sha256:" + "12" * 32
    said = serving.command("log", "add", "release", "shop 1.0", digest).stdout
    assert said.startswith(f"release shop 1.0 {digest}: entry ")
    refused = serving.command("log", "add", "release", "shop", "md5:1", check=False)
    assert refused.stderr.startswith("enarx: error: DIGEST: got 'md5:1'")
    key = serving.command("log", "key").stdout.strip()
    assert key == client.get("/v1/ca").json()["log_key"]
    serving.command("log", "export", str(tmp_path / "log"))
    root = hashlib.sha256(ssl.PEM_cert_to_DER_cert(serving.ca_file.read_text())).hexdigest()
    entries = (tmp_path / "log" / "tile").rglob("entries/**/*")
    text = b"".join(path.read_bytes() for path in entries if path.is_file()).decode("latin-1")
    assert f"root sha256:{root}" in text
    assert f"shop 1.0 {digest}" in text
    opened = _log(serving, "open", str(tmp_path / "answer"), "--key", key)
    assert json.loads(opened.stdout)["id"] == answer.json()["decision"]
    changed = answer.text.replace("certificate", "certificatf")
    (tmp_path / "answer").write_text(changed)
    assert _log(serving, "open", str(tmp_path / "answer"), "--key", key).returncode == 1
    assert _log(serving, "verify", str(tmp_path / "log"), "--key", key).returncode == 0


def _log(serving: Serving, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "enarx", "log", *arguments],
        env=serving.environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip


@pytest.mark.slow
def test_a_refusal_explains_itself(serving: Serving, client: httpx.Client) -> None:
    """A problem document with every failure, the decision and its place in the log."""
    answer = certify(serving, client, Keep(), "bank.example")
    told = answer.json()
    assert (answer.status_code, told["code"]) == (403, "evidence-refused")
    assert answer.headers["content-type"] == "application/problem+json"
    (failure,) = told["failures"]
    assert (failure["claim"], failure["got"]) == ("name", "bank.example")
    assert "localhost" in failure["want"]
    assert failure["hint"]
    assert told["log"]["index"] >= 0


@pytest.mark.slow
def test_attacks(serving: Serving, client: httpx.Client) -> None:
    """Reused nonce, another's key, no evidence, garbage: each is refused in its own words."""
    nonce = serving.nonce(client)
    first = Keep().request(nonce)
    assert client.post("/v1/certificate", content=first, headers=PKCS10).status_code == 201
    again = client.post("/v1/certificate", content=first, headers=PKCS10)
    assert (again.status_code, again.json()["code"]) == (409, "nonce")
    thief = Keep()
    stolen = request.make(thief.key, Keep().evidence(serving.nonce(client)))
    answer = client.post("/v1/certificate", content=stolen, headers=PKCS10)
    assert answer.json()["failures"][0]["claim"] == "key binding: claims.spki"
    for body in (b"", b"\x30\x03\x02\x01\x01", b"x" * 1000, b"\x30" * 5000):
        answer = client.post("/v1/certificate", content=body, headers=PKCS10)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    answer = client.post("/v1/certificate", content=first, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    large = client.post("/v1/certificate", content=b"0" * (2 << 20), headers=PKCS10)
    assert large.status_code == 413


@pytest.mark.slow
def test_denied_at_once_and_revoked(
    serving: Serving, client: httpx.Client, operator: dict[str, str]
) -> None:
    """On every worker from the next request on; the list has what was issued before."""
    keep = Keep(workload="sha256:" + "ef" * 32)
    assert certify(serving, client, keep).status_code == 201
    body = {"kind": "workload", "value": keep.workload, "reason": "leaked its key"}
    assert client.post("/v1/denials", json=body).status_code == 401
    denied = client.post("/v1/denials", json=body, headers=operator)
    (serial,) = denied.json()["revoked"]
    for _ in range(8):
        with serving.client() as other:  # another connection, perhaps to another worker
            assert certify(serving, other, keep).json()["failures"][0]["claim"] == "workload"
    crl = x509.load_der_x509_crl(client.get("/v1/crl").content)
    assert crl.get_revoked_certificate_by_serial_number(int(serial, 16)) is not None
    (entry,) = client.get("/v1/denials", headers=operator).json()["denials"]
    assert entry["reason"] == "leaked its key"
    assert client.delete("/v1/denials/1", headers=operator).status_code == 204
    assert client.delete("/v1/denials/1", headers=operator).status_code == 404
    assert certify(serving, client, keep).status_code == 201


@pytest.mark.slow
def test_the_protocol_of_enarx07(serving: Serving, client: httpx.Client) -> None:
    """PkiPath for one request, its own bundle for several; 401 and 400 as Enarx 0.7 knows them."""
    assert client.get("/").content == b""
    keeps = [Keep(), Keep(platform="sgx")]
    requests = [keep.request(serving.nonce(client)) for keep in keeps]
    answer = client.post("/", content=pki_path.encode_requests(requests), headers=BUNDLE)
    chain, issued = pki_path.decode_answer(answer.content)
    assert answer.headers["content-type"] == BUNDLE["Content-Type"]
    for keep, der in zip(keeps, issued, strict=True):
        found = x509.load_der_x509_certificate(der)
        assert found.public_key() == keep.key.public_key()
        found.verify_directly_issued_by(x509.load_der_x509_certificate(chain[-1]))
    one = client.post("/", content=Keep().request(serving.nonce(client)), headers=PKCS10)
    issuer, ours = map(x509.load_der_x509_certificate, pki_path.decode_path(one.content))
    ours.verify_directly_issued_by(issuer)
    keep = Keep()
    unnamed = keep.quote(hashlib.sha384(keep.spki).digest().ljust(64, b"\0"))
    refused = client.post("/", content=request.make(keep.key, unnamed), headers=PKCS10)
    assert (refused.status_code, refused.json()["failures"][0]["claim"]) == (400, "workload")
    assert client.post("/", content=b"no request", headers=PKCS10).status_code == 400
    assert client.post("/", content=b"", headers={"Content-Type": "text/plain"}).status_code == 400
    bare = _without_evidence(Keep())
    assert client.post("/", content=bare, headers=PKCS10).status_code == 401


def _without_evidence(keep: Keep) -> bytes:
    from cryptography.hazmat.primitives import hashes

    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(keep.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.slow
def test_nothing_below_tls_1_3(serving: Serving) -> None:
    """A client that has no more than TLS 1.2 is turned away."""
    host, port = serving.url.removeprefix("https://").split(":")
    done = subprocess.run(
        ["openssl", "s_client", "-tls1_2", "-connect", f"{host}:{port}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Cipher is (NONE)" in done.stdout


@pytest.mark.slow
def test_its_own_certificate_is_of_its_authority(serving: Serving) -> None:
    """Clients that know the root need nothing else."""
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{serving.url}/v1/health")
    context = ssl.create_default_context(cafile=str(serving.ca_file))
    health = httpx.get(f"{serving.url}/v1/health", verify=context).json()
    assert (health["status"], health["simulated"]) == ("ok", True)


@pytest.mark.slow
def test_simulated_keeps_are_refused_by_default(tmp_path: Path) -> None:
    """Attack: a simulated keep at a Steward that was not told to accept such."""
    strict = start(tmp_path, "--workers", "1")
    try:
        with strict.client() as client:
            answer = certify(strict, client, Keep())
            assert (answer.status_code, answer.json()["code"]) == (403, "evidence-refused")
    finally:
        assert strict.end() == 0


@pytest.mark.slow
def test_what_a_steward_made_is_there_after_a_restart(tmp_path: Path) -> None:
    """The same authority, log and policy; a nonce that was used stays used."""
    first = start(tmp_path, "--insecure-accept-simulated", "--workers", "1")
    root = first.ca_file.read_bytes()
    with first.client() as client:
        data = Keep().request(first.nonce(client))
        assert client.post("/v1/certificate", content=data, headers=PKCS10).status_code == 201
        before = client.get("/log/checkpoint").text.splitlines()
    first.kill()
    second = start(tmp_path, "--insecure-accept-simulated", "--workers", "1")
    try:
        assert second.ca_file.read_bytes() == root
        with second.client() as client:
            assert client.get("/log/checkpoint").text.splitlines() == before
            again = client.post("/v1/certificate", content=data, headers=PKCS10)
            assert again.json()["code"] == "nonce"
    finally:
        second.end()
