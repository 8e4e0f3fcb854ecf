"""A deployed keep gets its secrets from a real Steward: on record, and nobody else sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.deploy.conftest import PATIENCE_S, make_home
from tests.deploy.test_canary import memory_of, processes
from tests.keep.agent.programs import READS_SECRET
from tests.keep.agent.stewards import free_port
from tests.steward import stewards

from enarx.cli.exit import UNAVAILABLE
from enarx.cli.installed_image import installed_references
from enarx.package import manifest
from enarx.steward.policies.starter import starter

if TYPE_CHECKING:
    from tests.deploy.conftest import Owner
    from tests.steward.stewards import Serving

pytestmark = pytest.mark.slow

CANARY = b"canary-b3d7-password-of-the-shop"
SECRET = "db-password"  # noqa: S105 - its name


def config(url: str, root_pem: str, arguments: str = "") -> bytes:
    """Enarx.toml of a program with a secret that the Steward at *url* gives."""
    return f"""
steward = "{url}"
args = [{arguments}]
[[files]]
kind = "stdin"
[[files]]
kind = "stdout"
[[files]]
kind = "stderr"
[secrets.{SECRET}]
file = "/run/secrets/token"
from = "steward"
[tls.socket.steward]
trust_anchors = ['''{root_pem}''']
""".encode()


@pytest.fixture(scope="module")
def steward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One whose policy lists one workload, which names this Steward and its root."""
    folder = tmp_path_factory.mktemp("steward")
    environment, port = make_home(folder), free_port()
    make = [sys.executable, "-m", "enarx", "steward", "ca"]
    state = ["--state", str(folder / "steward")]
    for words in (["init"], ["show", "--pem"]):
        done = subprocess.run(
            [*make, *words, *state], env=environment, check=True, capture_output=True, text=True,
            timeout=PATIENCE_S,
        )  # fmt: skip
    (folder / "root.pem").write_text("-----BEGIN" + done.stdout.rpartition("-----BEGIN")[2])
    root_pem = (folder / "root.pem").read_text()
    digest = manifest.build(READS_SECRET, config(f"https://localhost:{port}", root_pem)).digest
    references = installed_references()
    text = starter(
        tuple(one.platform for one in references), "shop", references=references,
        accept_simulated=True, any_workload=True,
    )  # fmt: skip
    policy = folder / "policy.toml"
    policy.write_text(f'{text}\n[[workload]]\ndigest = "{digest}"\nsecrets = ["{SECRET}"]\n')
    serving = stewards.start(
        folder, "--insecure-accept-simulated", "--workers", "1", "--port", str(port),
        "--policy", str(policy),
    )  # fmt: skip
    value = folder / "value"
    value.write_bytes(CANARY)
    serving.command("secret", "put", SECRET, "--file", str(value))
    value.unlink()
    yield serving
    serving.end()


def package(owner: Owner, steward: Serving, arguments: str = "") -> str:
    """A folder with the program and its configuration: its name."""
    folder = owner.folder / "shop"
    folder.mkdir()
    (folder / "main.wasm").write_bytes(READS_SECRET)
    root_pem = steward.ca_file.read_text()
    (folder / "Enarx.toml").write_bytes(config(steward.url, root_pem, arguments))
    return "shop"


def ledger(steward: Serving) -> list[dict[str, object]]:
    """Who was given the secret."""
    found = json.loads(steward.command("secret", "ledger", SECRET, "--json").stdout)
    releases: list[dict[str, object]] = found["releases"]
    return releases


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_a_listed_workload_gets_its_secret(owner: Owner, steward: Serving, platform: str) -> None:
    """It is in its file when the program starts; the ledger has who got it, and that it arrived."""
    name, before = package(owner, steward), len(ledger(steward))
    digest = owner.run("package", "digest", name).stdout.decode().strip()
    done = owner.deploy("--platform", platform, name)
    assert (done.returncode, done.stdout) == (0, CANARY), done.stderr
    made = ledger(steward)
    assert len(made) == before + 1
    assert made[-1]["workload"] == digest
    assert made[-1]["received"] is not None
    assert CANARY not in done.stderr


def test_a_workload_that_is_not_listed_gets_nothing(owner: Owner, steward: Serving) -> None:
    """One argument more is another workload: certified, but refused the secret, it never runs."""
    before = ledger(steward)
    done = owner.deploy(package(owner, steward, arguments='"x"'))
    assert (done.returncode, done.stdout) == (UNAVAILABLE, b"")
    said = done.stderr.decode()
    assert f"steward {steward.url}: refuses with status 403: not allowed; " in said
    assert f"this workload may not have {SECRET} (asked for {SECRET})" in said
    assert "enarx steward policy" in said
    assert ledger(steward) == before


def test_nobody_else_has_the_secret(owner: Owner, steward: Serving) -> None:
    """It is in no file of the host's or the Steward's, nor in the memory of the host agent."""
    done = owner.deploy(package(owner, steward))
    assert (done.returncode, done.stdout) == (0, CANARY), done.stderr
    for folder in (owner.agent.state, steward.state.parent):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert len(files) > 3
        assert [path for path in files if CANARY in path.read_bytes()] == []
    if os.geteuid() != 0:
        pytest.skip("only root reads the memory of other processes")
    for name, pid in processes(owner.agent).items():
        assert not [1 for piece in memory_of(pid) if CANARY in piece], name
