"""A keep that a Steward certifies before its application starts; and every way that can fail."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.keep.agent.stewards import PATIENCE_S, Authority, FakeSteward, Said, spki_of, to_pem

from enarx.wire.text import to_pem as pem_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.keep.agent.conftest import Deploy, NewKeep
    from tests.keep.agent.stewards import Deployed

pytestmark = pytest.mark.slow

HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"


def refusal(started: Deployed, steward: FakeSteward) -> str:
    """The error and the hints that a launch ended with; nothing listens."""
    outcome = started.client.outcome()
    assert outcome.kind == "failed"
    error = outcome.error
    assert error is not None
    assert error.message.startswith(f"steward {steward.url}: ")
    assert error.hints
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", started.port)) != 0
    return "; ".join((error.message, *error.hints))


def problem(status: int, **fields: object) -> Said:
    """A problem document."""
    return status, "application/problem+json", json.dumps(fields).encode()


def changed(said: Said, **fields: object) -> Said:
    """An answer with other fields."""
    return said[0], said[1], json.dumps(json.loads(said[2]) | fields).encode()


def test_a_steward_s_certificate_serves(
    deploy: Deploy, steward: FakeSteward, tmp_path: Path
) -> None:
    """An ordinary client that trusts the root verifies the chain that is served."""
    started = deploy()
    assert [started.greeting()] == steward.issued
    root = tmp_path / "root.pem"
    root.write_text(started.root_pem)
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{started.port}", "-servername", "localhost",
        "-verify_hostname", "localhost", "-verify_return_error", "-CAfile", str(root),
        "-showcerts", "-ign_eof",
    ]  # fmt: skip
    done = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert b"Verify return code: 0 (ok)" in done.stdout
    assert b"hello" in done.stdout
    assert done.stdout.count(b"-----BEGIN CERTIFICATE-----") == 2
    assert steward.asked == ["/v1/challenge", "/v1/certificate"]
    with pytest.raises(ssl.SSLCertVerificationError):
        started.greeting(Authority().root_pem)


def test_settings_of_the_application_s_sockets_are_not_the_steward_s(
    deploy: Deploy, steward: FakeSteward
) -> None:
    """Whatever protocol they speak, the Steward is asked in HTTP/1.1."""
    started = deploy(more='[tls]\nalpn = ["h2"]\nserver_names = ["localhost"]')
    assert started.greeting() == steward.issued[0]


def test_a_keep_without_sockets_is_certified_too(deploy: Deploy, steward: FakeSteward) -> None:
    """A Steward that refuses keeps an application from running, whatever it does."""
    steward.challenge = lambda _: problem(403, title="not allowed", detail="not here")
    found = refusal(deploy(prot="tcp"), steward)
    assert "refuses with status 403: not allowed; not here; have the Steward's policy" in found


def test_a_refusal_says_why(deploy: Deploy, steward: FakeSteward) -> None:
    """What failed, with what was wanted and found, and each hint, in one line that is harmless."""
    failures = [
        {"claim": "snp.policy.debug", "want": "false", "got": "true", "hint": "switch it off"},
        {"claim": "snp.measurement", "want": "one of 2", "got": "00\x1b[31m\nff", "hint": ""},
    ]
    steward.certificate = lambda _: problem(403, title="not allowed", failures=failures)
    found = refusal(deploy(), steward)
    assert found == (
        f"steward {steward.url}: refuses with status 403: not allowed; "
        "snp.policy.debug: got true, want false; "
        r"snp.measurement: got 00\x1b[31m ff, want one of 2; switch it off"
    )


def test_a_steward_that_is_not_there(deploy: Deploy, steward: FakeSteward) -> None:
    """Nothing is signed by the keep itself instead."""
    steward.close()
    found = refusal(deploy(), steward)
    assert f"cannot be asked: localhost:{steward.port}: connection refused; start it, or" in found


def test_a_steward_of_another_authority(deploy: Deploy, steward: FakeSteward) -> None:
    """Whoever is not known by its certificate is not asked."""
    found = refusal(deploy(trusted=Authority().root_pem), steward)
    assert "not among the trust anchors; name the authority that certifies the Steward" in found
    assert steward.asked == []


def test_a_steward_that_says_nothing(deploy: Deploy, steward: FakeSteward) -> None:
    """Ten seconds are enough for everything."""
    steward.certificate = lambda _: None
    assert "cannot be asked: no whole answer in time" in refusal(deploy(), steward)


def test_a_keep_without_evidence(deploy: Deploy, steward: FakeSteward, new_keep: NewKeep) -> None:
    """Where the processor gives none any more, there is nothing to show."""
    keep = new_keep()

    def challenged(said: Said) -> Said:
        keep.quote = lambda _: None
        return said

    steward.challenge = challenged
    found = refusal(deploy(keep), steward)
    assert "wants evidence, and there is none: no evidence was given; try again" in found
    assert steward.asked == ["/v1/challenge"]


BAD_CHALLENGES: dict[str, tuple[Callable[[Said], Said | bytes], str]] = {
    "redirect": (
        lambda _: b"HTTP/1.1 307 T\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n",
        r"answers with a redirect \(status 307\)",
    ),
    "too long": (
        lambda _: HEAD + b"Content-Length: 1048577\r\n\r\n",
        "got 1048577 bytes, want at most 1048576",
    ),
    "chunked": (
        lambda _: HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "transfer coding",
    ),
    "no length": (lambda _: HEAD + b"\r\n{}", "does not say its length"),
    "two lengths": (
        lambda _: HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        "has content-length twice",
    ),
    "folded": (lambda _: HEAD + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}", "field 3 of its"),
    "truncated": (lambda _: HEAD + b"Content-Length: 200\r\n\r\n{}", "ends too early"),
    "more": (lambda _: HEAD + b"Content-Length: 2\r\n\r\n{}{}", "goes on after the 2 bytes"),
    "endless head": (lambda _: HEAD + b"A: b\r\n" * 5000, "its head has more than 16384 bytes"),
    "HTTP/2": (lambda _: b"\x00\x00\x12\x04" + bytes(30), "ends too early"),
    "HTTP/1.0": (lambda _: b"HTTP/1.0 201 C\r\n\r\n", "not begin like an answer of HTTP/1.1"),
    "no JSON": (lambda said: (201, said[1], b"{"), "is not JSON"),
    "a page": (lambda _: (200, "text/html; charset=utf-8", b"{}"), "got 'text/html', want"),
    "short nonce": (lambda said: changed(said, nonce="AAAA"), "got 3 bytes, want 32"),
    "no expiry": (lambda said: changed(said, expires="soon"), "expires: got a string"),
    "overload": (
        lambda _: problem(503, title="not possible", detail="at the moment"),
        "refuses with status 503: not possible; at the moment; try again later",
    ),
    "not found": (lambda _: (404, "text/plain", b"x"), "refuses with status 404; have the"),
}


@pytest.mark.parametrize("name", BAD_CHALLENGES)
def test_bad_answers_to_a_challenge(deploy: Deploy, steward: FakeSteward, name: str) -> None:
    """Each ends the launch: with the URL, the reason and what can be done, and no evidence."""
    steward.challenge, message = BAD_CHALLENGES[name]
    assert re.search(message, refusal(deploy(), steward))
    assert "/v1/certificate" not in steward.asked


def own_key(said: Said) -> bytes:
    """The key that an answer certifies."""
    chain: list[str] = json.loads(said[2])["chain"]
    key = x509.load_pem_x509_certificate(chain[0].encode()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return spki_of(key)


def of_another_key(steward: FakeSteward, said: Said) -> Said:
    """A certificate of the right authority, for somebody else."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return said[0], said[1], steward.document(steward.authority.leaf(spki_of(key)))


def of_the_past(steward: FakeSteward, said: Said) -> Said:
    """One that has ended."""
    return said[0], said[1], steward.document(steward.authority.leaf(own_key(said), "", -60))


def chained(said: Said, *issuers: x509.Certificate) -> Said:
    """The leaf with other issuers."""
    leaf = json.loads(said[2])["chain"][0]
    return changed(said, chain=[leaf, *(to_pem(one) for one in issuers)])


BAD_CERTIFICATES: dict[str, tuple[Callable[[FakeSteward, Said], Said], str]] = {
    "another key": (of_another_key, "is for another key than this keep's"),
    "over": (of_the_past, r"holds from .* and now is .*check the clock"),
    "stranger": (
        lambda _, said: chained(said, Authority().intermediate),
        "is not issued by CN=test intermediate",
    ),
    "root alone": (
        lambda steward, said: chained(said, steward.authority.root),
        "is not issued by CN=test root",
    ),
    "another root": (
        lambda steward, said: chained(said, steward.authority.intermediate, Authority().root),
        "CN=test intermediate is not issued by CN=test root",
    ),
    "nothing": (lambda _, said: changed(said, chain=[]), "chain: no certificate"),
    "no PEM": (lambda _, said: changed(said, chain=["x"]), r"chain\[0\].*: neither a PEM"),
    "no certificate": (
        lambda _, said: changed(said, chain=[pem_text("CERTIFICATE", b"\x30\x00").decode()]),
        "is no certificate",
    ),
    "other end": (lambda _, said: changed(said, not_after=1 << 39), "the certificate says"),
    "late": (lambda _, said: changed(said, renew_after=1 << 39), "renew_after: got 549755813888"),
    "no fields": (lambda _, said: (201, said[1], b"{}"), "key 'chain' is missing"),
}


@pytest.mark.parametrize("name", BAD_CERTIFICATES)
def test_bad_certificates(deploy: Deploy, steward: FakeSteward, name: str) -> None:
    """One for another key, of another authority or of another time is not used."""
    change, message = BAD_CERTIFICATES[name]
    steward.certificate = lambda said: change(steward, said)
    found = refusal(deploy(), steward)
    assert "its answer cannot be used: answer to /v1/certificate" in found
    assert re.search(message, found)


@pytest.mark.parametrize(
    "url", ["https://user@localhost", "https://localhost:0", "https://local host", "https://a/?b"]
)
def test_a_url_of_no_steward(deploy: Deploy, steward: FakeSteward, url: str) -> None:
    """It is a mistake in the configuration, and nobody is asked."""
    steward.url = url
    outcome = deploy().client.outcome()
    assert outcome.error is not None
    assert "Enarx.toml: steward: got " in outcome.error.message
    assert steward.asked == []
