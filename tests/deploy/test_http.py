"""A handler of HTTP requests in keeps that proved themselves, spoken to over the keep's TLS."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.deploy.conftest import Owner
from tests.run.test_http import config, free_port, handler

pytestmark = [pytest.mark.slow, pytest.mark.needs("componentize-py")]

PATIENCE_S = 120.0
__all__ = ["handler"]


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_a_handler_is_deployed(owner: Owner, handler: Path, platform: str) -> None:
    """Its keep's certificate carries the evidence; the answer is the handler's."""
    port = free_port()
    folder = owner.folder / "served"
    folder.mkdir()
    (folder / "main.wasm").write_bytes(handler.read_bytes())
    (folder / "Enarx.toml").write_text(config(port))
    environment = {
        **owner.environment,
        "ENARX_TOKEN_FILE": str(owner.agent.token_file),
        "ENARX_HOST": owner.agent.url,
    }
    words = ["deploy", "--insecure-accept-simulated", "--platform", platform, "served"]
    with subprocess.Popen(
        [sys.executable, "-m", "enarx", *words], cwd=owner.folder, env=environment,
        stdin=subprocess.DEVNULL,
    ) as deploying:  # fmt: skip
        try:
            assert answer(port, deploying) == b"Method_Get Scheme_Https localhost:%d / 1\n" % port
        finally:
            deploying.terminate()


def answer(port: int, deploying: subprocess.Popen[bytes]) -> bytes:
    """What the keep says, once it is there; who it is, others test."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert deploying.poll() is None, "the deployment has ended"
        assert time.monotonic() < deadline, "nobody listens"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        connection = http.client.HTTPSConnection(
            "localhost", port, context=context, timeout=PATIENCE_S
        )
        connection.request("GET", "/")
        text = connection.getresponse().read()
        connection.close()
        return text
