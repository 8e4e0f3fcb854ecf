"""Hosts whose machine or keep is not good enough: what the owner is told, and that nothing is sent.

Each is a real API with a keeper of its own, whose simulated processor signs what a real one would
sign on such a machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.deploy.conftest import PATIENCE_S, Owner

import enarx
from enarx.adapters.keep_image import NAME

pytestmark = pytest.mark.slow

KEEPER = """
import sys
from dataclasses import replace
from enarx.host import simulated_processor as processor
from enarx.tee.simulated import sgx, tdx
from enarx.tee.snp.report import GuestPolicy
snp, machine = processor.SimulatedSnp, processor.IntelMachine
guest, domain, enclave = processor.SnpGuest, processor.TdGuest, processor.Enclave
exec(sys.argv[1])
from enarx.cli.main import main
sys.exit(main(["host", "keeper", *sys.argv[2:]]))
"""
GOOD = ""
MACHINES = {
    "snp debug": (
        "processor.SnpGuest = lambda **f: guest(**f, policy=GuestPolicy(0x3_0000 | 1 << 19))",
        "debug: got on, want off",
    ),
    "tdx debug": (
        "processor.TdGuest = lambda **f: domain(**f, attributes=replace(tdx.ATTRIBUTES, value=1))",
        "debug: got on, want off",
    ),
    "sgx debug": (
        "processor.Enclave = lambda **f: enclave(**f, flags=replace(sgx.FLAGS, value=7))",
        "debug: got on, want off",
    ),
    "snp revoked": (
        "processor.SimulatedSnp = lambda **f: snp(**f, ask_revoked=True)",
        "revoked",
    ),
    "tdx revoked": (
        "processor.IntelMachine = lambda **f: machine(**f, revoked=frozenset(('pck',)))",
        "revoked",
    ),
    "sgx revoked": (
        "processor.IntelMachine = lambda **f: machine(**f, revoked=frozenset(('ca',)))",
        "revoked",
    ),
    "tdx old": (
        "level = tdx.TcbLevel; tdx.TcbLevel = lambda **f: level(**f, status='OutOfDate')",
        "TCB OutOfDate",
    ),
    "sgx old": (
        "level = sgx.TcbLevel; sgx.TcbLevel = lambda **f: level(**f, status='OutOfDate')",
        "TCB OutOfDate",
    ),
    "snp old": (
        "processor.SimulatedSnp = lambda **f: snp(**f, tcb={'snp': 1})",
        "snp.reported_tcb.snp: got 1",
    ),
}
"""What is done to the machine, and what the owner must be told."""


@contextmanager
def hosting(folder: Path, change: str, environment: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """A host with such a machine: its URL, and a file with a token."""
    state = str(folder / "bad-host")
    ours, theirs = os.pipe()
    serve = ("host", "serve", "--external-keeper", "--state", state, "--port", "0")
    api = subprocess.Popen(
        [sys.executable, "-m", "enarx", *serve, "--ready-fd", str(theirs)],
        env=environment, pass_fds=[theirs], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8") as ready:
        url = json.loads(ready.readline())["url"]
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, change, "--state", state, "--warm", "1"],
        env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def ask(*words: str) -> str:
        command = [sys.executable, "-m", "enarx", "host", *words, "--state", state]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    try:
        token = folder / "bad-token"
        token.touch(mode=0o600)
        token.write_text(ask("token", "create", "--tenant", "t"))
        end = time.monotonic() + PATIENCE_S
        while not Path(state, "keeper.sock").exists() or keeper.poll() is not None:
            assert time.monotonic() < end, "no keeper"
            time.sleep(0.05)
        yield url, token
    finally:
        ask("stop")
        for process in (api, keeper):
            process.wait(PATIENCE_S)


def deploy(
    owner: Owner, host: tuple[str, Path], *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    """``enarx deploy`` to *host*, when it has found its keeper."""
    url, token = host
    words = ("--host", url, "--token-file", str(token), "--insecure-accept-simulated")
    end = time.monotonic() + PATIENCE_S
    while True:
        done = owner.run("deploy", "hello.wasm", *words, *arguments, host=url)
        if done.returncode != 3 or time.monotonic() > end:
            return done


@pytest.mark.parametrize("name", MACHINES)
def test_a_bad_machine_gets_nothing(owner: Owner, tmp_path: Path, name: str) -> None:
    """Attacks: debug on, old TCB, revoked chip; with a policy where the built-in one is silent."""
    change, problem = MACHINES[name]
    platform = name.partition(" ")[0]
    arguments = ["--platform", platform]
    if name == "snp old":
        init = ("policy", "init", "--platform", "snp", "--installed-image", "strict.toml")
        assert owner.run(*init, "--insecure-accept-simulated").returncode == 0
        path = owner.folder / "strict.toml"
        lines = path.read_text().splitlines()
        numbers = "{ bootloader = 0, tee = 0, snp = 20, microcode = 0 }"
        minimum = f"minimum_reported_tcb = {{ Genoa = {numbers} }}"
        path.write_text(
            "\n".join(
                minimum if line.startswith("minimum_reported_tcb") else line for line in lines
            )
        )
        arguments += ["--policy", "strict.toml"]
    with hosting(tmp_path, change, owner.environment) as host:
        done = deploy(owner, host, *arguments)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert problem in done.stderr.decode()
    assert not (owner.folder / "state/enarx/deployments").exists()


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_a_keep_of_changed_code_gets_nothing(owner: Owner, tmp_path: Path, platform: str) -> None:
    """Attack: one byte of the keep's code differs; what is measured is what runs."""
    site = tmp_path / "site"
    shutil.copytree(Path(enarx.__file__).parent, site / "enarx")
    changed = site / "enarx" / "keep" / "boot.py"
    changed.write_bytes(changed.read_bytes() + b"#")
    environment = {**owner.environment, "PYTHONPATH": str(site)}
    with hosting(tmp_path, GOOD, environment) as host:
        done = deploy(owner, host, "--platform", platform)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert b"refused by policy installed-image: image." in done.stderr
    assert NAME.encode() in done.stderr


def test_a_good_machine_gets_it(owner: Owner, tmp_path: Path) -> None:
    """The way these hosts are started refuses nothing by itself."""
    with hosting(tmp_path, GOOD, owner.environment) as host:
        done = deploy(owner, host)
    assert (done.returncode, done.stdout) == (7, b"hello\n"), done.stderr


def test_a_host_of_another_root_gets_nothing(owner: Owner, tmp_path: Path) -> None:
    """Attack: simulated evidence of somebody else's development root."""
    environment = {**owner.environment, "XDG_DATA_HOME": str(tmp_path / "other")}
    with hosting(tmp_path, GOOD, environment) as host:
        done = deploy(owner, host)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert b"not authentic" in done.stderr
