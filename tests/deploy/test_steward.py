"""A deployed server with a certificate of its Steward: ordinary clients need nothing but a root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.deploy.conftest import PATIENCE_S
from tests.host.api.hosts import until
from tests.keep.agent.stewards import FakeSteward, free_port

from enarx.cli.exit import UNAVAILABLE

if TYPE_CHECKING:
    from tests.deploy.conftest import Owner

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parents[2] / "demo" / "https-server"


@pytest.fixture
def steward(tmp_path: Path) -> Iterator[FakeSteward]:
    """One that verifies evidence as of now."""
    made = FakeSteward(tmp_path)
    yield made
    made.close()


def package(owner: Owner, steward: FakeSteward) -> int:
    """The demo's server, to be certified by *steward*, whose root is one of its files: the port."""
    folder = owner.folder / "server"
    shutil.copytree(PACKAGE, folder)
    (folder / "root.pem").write_text(steward.authority.root_pem)
    port = free_port()
    config = folder / "Enarx.toml"
    text = config.read_text().replace("port = 12345", f"port = {port}")
    trust = '\n[tls.socket.steward]\ntrust_anchors = ["root.pem"]\n'
    config.write_text(f'steward = "{steward.url}"\n{text}{trust}')
    digest = owner.run("package", "digest", "server").stdout.decode().strip()
    steward.digest = digest
    return port


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_curl_trusts_a_certified_keep(owner: Owner, steward: FakeSteward, platform: str) -> None:
    """The Steward proved the platform and the workload; curl with its root sees the page."""
    port = package(owner, steward)
    done = owner.deploy("--detach", "--platform", platform, "server")
    assert done.returncode == 0, done.stderr
    root = owner.folder / "server" / "root.pem"
    command = ["curl", "--silent", "--cacert", str(root), f"https://localhost:{port}/"]

    def fetched() -> bool:
        page = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S)
        return b"inside a keep" in page.stdout

    until(fetched)
    assert len(steward.issued) == 1
    assert owner.run("keep", "delete", done.stdout.decode().strip()).returncode == 0


def test_a_refused_keep_serves_nobody(owner: Owner, steward: FakeSteward) -> None:
    """Its owner is told what the Steward did not like, and what to do."""
    package(owner, steward)
    steward.certificate = lambda _: (
        403,
        "application/problem+json",
        b'{"title": "not allowed", "detail": "unknown workload"}',
    )
    done = owner.deploy("--platform", "snp", "server")
    assert done.returncode == UNAVAILABLE
    said = done.stderr.decode()
    assert f"steward {steward.url}: refuses with status 403: not allowed; unknown workload" in said
    assert "have the Steward's policy accept this workload" in said
