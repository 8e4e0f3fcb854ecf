"""How a host starts: once for each state directory, for this machine only, or with TLS."""

from __future__ import annotations

import datetime as dt
import os
import signal
import ssl
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.host.api.hosts import until

from enarx.adapters import contexts
from enarx.cli.main import main

pytestmark = pytest.mark.slow  # each starts processes

LINE_S = 30


def start(environ: dict[str, str], *words: str) -> tuple[subprocess.Popen[str], str]:
    """Start a command that serves; the line in which it says where."""
    process = subprocess.Popen(
        [sys.executable, "-m", "enarx", *words], env=environ, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "serving" in line:
            return process, line.split()[-1]
    raise AssertionError("it ended")


@pytest.fixture
def environ(tmp_path: Path, data: Path) -> dict[str, str]:
    """A home of the test's own."""
    return {
        **os.environ,
        "XDG_DATA_HOME": str(data),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


def test_up_makes_what_is_missing_and_runs_once(environ: dict[str, str]) -> None:
    """A token, a context that works, a second start that says so, and a clean end."""
    process, url = start(environ, "up", "--port", "0")
    try:
        known = contexts.load(contexts.default_directory(environ))
        context = known.by_name[known.current]
        assert (context.url, context.insecure_accept_simulated) == (url, True)
        headers = {"Authorization": f"Bearer {contexts.read_token(context.token_file)}"}
        assert httpx.get(f"{url}/v1/keeps", headers=headers).json()["keeps"] == []
        again = subprocess.run(
            [sys.executable, "-m", "enarx", "up"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=LINE_S,
            check=True,
        )
        assert f"runs already: process {process.pid}, {url}" in again.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LINE_S)
        subprocess.run([sys.executable, "-m", "enarx", "host", "stop"], env=environ, check=True)
    assert process.returncode == 0


def test_other_machines_are_not_served_without_tls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Listening beyond loopback needs TLS, or an ugly flag."""
    words = ["host", "serve", "--state", str(tmp_path / "s"), "--listen", "0.0.0.0", "--port", "0"]
    assert main(words) == 4
    assert "without TLS" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["1TB", "0MiB", "513MiB", "x"])
def test_an_impossible_size_is_refused(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is made."""
    state = tmp_path / "state"
    assert main(["host", "serve", "--state", str(state), "--max-envelope", size]) == 4
    assert "want a size such as 64MiB" in capsys.readouterr().err
    assert not state.exists()


def test_others_rights_to_the_state_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A state directory that others may read is not used."""
    tmp_path.chmod(0o755)
    assert main(["host", "token", "create", "--tenant", "a", "--state", str(tmp_path)]) == 4
    assert "chmod 700" in capsys.readouterr().err


def test_tokens_are_made_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list shows no secret; revoking twice is an error; names are plain."""
    state = ["--state", str(tmp_path / "state")]
    assert main(["host", "token", "create", "--tenant", "a", "--days", "1", *state]) == 0
    token = capsys.readouterr().out.strip()
    name, secret = token.split("_", 2)[1:]
    assert main(["host", "token", "list", *state]) == 0
    shown = capsys.readouterr().out
    assert name in shown
    assert secret not in shown
    assert secret.encode() not in (tmp_path / "state" / "host.sqlite").read_bytes()
    assert main(["host", "token", "revoke", name, *state]) == 0
    assert main(["host", "token", "revoke", name, *state]) == 4
    assert main(["host", "token", "create", "--tenant", "A B", *state]) == 4


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(pem), str(private)


def test_only_clients_with_a_certificate_get_through(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """With a client authority the handshake fails for everybody else; plain HTTP gets nothing."""
    server, client = certificate(tmp_path, "server"), certificate(tmp_path, "client")
    ours, theirs = os.pipe()
    words = ["host", "serve", "--state", str(tmp_path / "s"), "--port", "0"]
    words += ["--tls-certificate", server[0], "--tls-key", server[1], "--client-ca", client[0]]
    process = subprocess.Popen(
        [sys.executable, "-m", "enarx", *words, "--ready-fd", str(theirs)],
        env=environ,
        pass_fds=[theirs],
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    try:
        with open(ours, "rb") as told:  # noqa: PTH123 - a descriptor
            url = told.readline().decode().split('"')[3]
        assert url.startswith("https://")
        context = ssl.create_default_context(cafile=server[0])
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/v1/health", verify=context)
        context.load_cert_chain(*client)
        until(lambda: httpx.get(f"{url}/v1/health", verify=context).status_code == 200)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LINE_S) == 0
        main(["host", "stop", "--state", str(tmp_path / "s")])
