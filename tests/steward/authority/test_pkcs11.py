"""Keys in a hardware module (SoftHSM): made there, sign there, and never leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from enarx.wire.text import pem_blocks

pytest.importorskip("pkcs11", reason="not installed: python-pkcs11")

PROGRAM = Path(__file__).with_name("hardware.py")
LABEL, PIN = "steward", "246810"
MODULE = next(
    (
        str(path)
        for path in (
            Path("/usr/lib/softhsm/libsofthsm2.so"),
            Path("/usr/lib64/pkcs11/libsofthsm2.so"),
        )
        if path.exists()
    ),
    "",
)
pytestmark = [pytest.mark.slow, pytest.mark.needs("softhsm2-util", "openssl")]

Verify = Callable[..., str]


class Site(NamedTuple):
    """A state directory, and the environment that has the token."""

    directory: str
    environment: dict[str, str]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty state directory, and a token in a directory of the test."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(configuration)}
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", "1357911",
         "--pin", PIN],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip
    directory = tmp_path / "steward"
    directory.mkdir(mode=0o700)
    for name, text in (("pin", PIN), ("wrong-pin", "000000")):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(f"{text}\n")
    return Site(str(directory), environment)


def enarx_ca(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ``enarx steward ca`` in a process of its own."""
    program = (
        "import sys; from enarx.cli.main import report; from enarx.cli.steward_ca import command\n"
        "from enarx.errors import EnarxError\n"
        "try: command(sys.argv[1:])\n"
        "except EnarxError as error: report(error); sys.exit(9)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments, "--state", site.directory],
        env=site.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["p256", "p384"])
def test_keys_in_a_token_issue_what_openssl_accepts(kind: str, site: Site, openssl: Verify) -> None:
    """Issued by eight threads, over a lost session and a new root; no key can be read."""
    done = subprocess.run(
        [sys.executable, PROGRAM, MODULE, LABEL, PIN, site.directory, kind],
        env=site.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    blocks = [der for _, der in pem_blocks(done.stdout, "output")]
    old, below, root, new, *rest = blocks
    chain, lists = tuple(rest[:3]), tuple(rest[3:])
    assert openssl(old, (root,), (below,)) == "leaf: OK"
    assert openssl(new, (root,), chain) == "leaf: OK"
    assert openssl(new, (chain[-1],), chain) == "leaf: OK"
    for certificate, between in ((old, (below,)), (new, chain)):
        said = openssl(certificate, (root,), between, "-crl_check", crls=lists)
        assert "certificate revoked" in said


def test_the_command_line_makes_keys_in_a_token(site: Site, tmp_path: Path) -> None:
    """Init and rotate with module, token and PIN; files hold the other three keys only."""
    pin = ("--pin-file", str(tmp_path / "pin"))
    module = ("--pkcs11-module", MODULE, "--pkcs11-token", LABEL)
    made = enarx_ca(site, "init", *module, *pin)
    assert made.returncode == 0, made.stderr
    assert "in token 'steward'; files: passphrase" in made.stdout
    assert len(list(Path(site.directory).glob("*.key"))) == 3
    without = enarx_ca(site, "rotate")
    assert without.returncode == 9
    assert "give --pin-file" in without.stderr
    rotated = enarx_ca(site, "rotate", *pin)
    assert rotated.returncode == 0, rotated.stderr
    assert rotated.stdout.count("intermediate  ") == 2


@pytest.mark.parametrize(
    ("module", "token", "pin", "words"),
    [
        (MODULE, LABEL, "wrong-pin", "refuses the PIN"),
        (MODULE, "other", "pin", "no token 'other'"),
        ("/nowhere/module.so", LABEL, "pin", "cannot be used as a PKCS #11 module"),
    ],
)
def test_what_is_wrong_with_the_token_is_said(
    *, module: str, token: str, pin: str, words: str, site: Site, tmp_path: Path
) -> None:
    """One line each for PIN, label and module, and nothing is made."""
    options = ("--pkcs11-module", module, "--pkcs11-token", token)
    done = enarx_ca(site, "init", *options, "--pin-file", str(tmp_path / pin))
    assert done.returncode == 9
    assert words in done.stderr
    assert done.stderr.count("enarx: error:") == 1
    assert "Traceback" not in done.stderr
    assert not (Path(site.directory) / "authority.json").exists()
