"""A service in a deployed keep: whoever connects can prove the keep from its certificate alone."""

from __future__ import annotations

import shutil
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.host.api.hosts import until

if TYPE_CHECKING:
    from tests.deploy.conftest import Owner

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parents[2] / "demo" / "https-server"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def served(owner: Owner, platform: str) -> tuple[str, int]:
    """The demo's server in a keep: the keep, and the port."""
    folder = owner.folder / "server"
    shutil.copytree(PACKAGE, folder)
    port = free_port()
    config = folder / "Enarx.toml"
    config.write_text(config.read_text().replace("port = 12345", f"port = {port}"))
    done = owner.deploy("--detach", "--platform", platform, "server")
    assert done.returncode == 0, done.stderr

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(listens)
    return done.stdout.decode().strip(), port


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_a_certificate_proves_the_keep_and_its_workload(owner: Owner, platform: str) -> None:
    """``enarx verify`` proves it, and then an ordinary client relies on it."""
    keep, port = served(owner, platform)
    pem = ssl.get_server_certificate(("localhost", port))
    (owner.folder / "keep.pem").write_text(pem)
    policy = ("--platform", platform, "--installed-image", "--insecure-accept-simulated")
    assert owner.run("policy", "init", *policy, "policy.toml").returncode == 0
    digest = owner.run("package", "digest", "server").stdout.decode().strip()
    verify = ("verify", "--insecure-accept-simulated", "--policy", "policy.toml", "keep.pem")
    done = owner.run(*verify, "--workload", digest)
    assert done.returncode == 0, done.stderr + done.stdout
    assert digest in done.stdout.decode()
    other = owner.run(*verify, "--workload", "sha256:" + "0" * 64)
    assert other.returncode == 1
    assert b"workload_digest: got sha256:" in other.stderr
    trust = ssl.create_default_context(cadata=pem)
    assert "inside a keep" in httpx.get(f"https://localhost:{port}/", verify=trust).text
    assert owner.run("keep", "delete", keep).returncode == 0


def test_another_s_certificate_is_not_the_keep_s(owner: Owner) -> None:
    """Attack: the host ends TLS itself, with the keep's evidence in a certificate of its own."""
    keep, port = served(owner, "snp")
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("localhost", port)))
    genuine, forged = owner.folder / "keep.der", owner.folder / "forged.pem"
    genuine.write_bytes(der)
    found = x509.load_der_x509_certificate(der)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        issuer_name=found.issuer,
        subject_name=found.subject,
        public_key=key.public_key(),
        serial_number=found.serial_number,
        not_valid_before=found.not_valid_before_utc,
        not_valid_after=found.not_valid_after_utc,
        extensions=list(found.extensions),
    )
    forged.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    assert owner.run("verify", "--insecure-accept-simulated", "keep.der").returncode == 0
    done = owner.run("verify", "--insecure-accept-simulated", "forged.pem")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"key binding: claims.spki" in done.stderr
    assert owner.run("keep", "delete", keep).returncode == 0
