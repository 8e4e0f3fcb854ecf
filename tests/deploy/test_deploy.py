"""``enarx deploy`` on a real host agent: the program runs as it would here, on every platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx import __version__

if TYPE_CHECKING:
    from tests.deploy.conftest import Agent, Owner

pytestmark = pytest.mark.slow


def test_output_input_and_exit_code_pass(owner: Owner) -> None:
    """As of a program on this machine."""
    done = owner.deploy("hello.wasm")
    assert (done.returncode, done.stdout) == (7, b"hello\n"), done.stderr
    assert b"hello\n" in done.stderr
    sent = b"0123456789abcdef" * 20_000
    done = owner.deploy("echo.wasm", stdin=sent)
    assert (done.returncode, done.stdout) == (0, sent)
    done = owner.deploy("traps.wasm")
    assert done.returncode == 134
    assert b"trapped" in done.stderr


def policy(owner: Owner) -> str:
    """One policy for all three simulated platforms, with this installation's image."""
    platforms = [word for name in ("snp", "tdx", "sgx") for word in ("--platform", name)]
    assert owner.run("policy", "init", *platforms, "policy.toml").returncode == 0
    assert owner.run("image", "reference-values", "-o", "reference.toml").returncode == 0
    image = f'image = [{{ name = "enarx-keep", version = "{__version__}" }}]'
    begin = {
        "image = ": f'{image}\nreference_value_files = ["reference.toml"]',
        "simulated = ": 'simulated = "allowed"',
    }
    path = owner.folder / "policy.toml"
    lines = path.read_text().splitlines()
    for old, new in begin.items():
        lines = [new if line.startswith(old) else line for line in lines]
    path.write_text("\n".join(lines))
    return "policy.toml"


def test_one_package_and_one_policy_on_every_platform(owner: Owner) -> None:
    """The same workload digest, the same verdict, the same output."""
    rules = policy(owner)
    found = set()
    for platform in ("snp", "tdx", "sgx"):
        verdict = f"{platform}.json"
        done = owner.deploy(
            "--policy", rules, "--platform", platform, "--verdict", verdict, "hello.wasm"
        )
        judged = json.loads((owner.folder / verdict).read_text())
        assert judged["platform"] == platform
        image = [check for check in judged["checks"] if check["key"] == "image"]
        assert image
        assert {check["outcome"] for check in image} == {"passed"}
        receipts = sorted((owner.folder / "state/enarx/deployments").glob("*.json"))
        digest = {json.loads(path.read_text())["workload_digest"] for path in receipts}
        found.add((done.returncode, done.stdout, judged["accepted"], frozenset(digest)))
    assert len(found) == 1
    assert found.pop()[:3] == (7, b"hello\n", True)


def test_another_image_gets_nothing(owner: Owner) -> None:
    """Attack: a keep of changed code, which measures otherwise than the policy's values."""
    rules = policy(owner)
    reference = owner.folder / "reference.toml"
    lines = reference.read_text().splitlines()
    changed = [
        line[:-4] + ("00" if line[-4:-2] != "00" else "11") + '"]'
        if line.startswith(("measurement", "mr_td", "mr_enclave"))
        else line
        for line in lines
    ]
    reference.write_text("\n".join(changed))
    done = owner.deploy("--policy", rules, "--verdict", "why.json", "hello.wasm")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"refused by policy policy: image." in done.stderr
    verdict = json.loads((owner.folder / "why.json").read_text())
    assert verdict["accepted"] is False
    done = owner.deploy("--policy", rules, "--json", "hello.wasm")
    assert (done.returncode, json.loads(done.stdout)["verdict"]["accepted"]) == (1, False)
    done = owner.deploy("--verdict", "why.json", "hello.wasm")
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"why.json: does already exist" in done.stderr
    assert not (owner.folder / "state/enarx/deployments").exists()


def test_simulated_platforms_are_refused_unless_asked_for(owner: Owner) -> None:
    """Attack: a host without hardware, before an owner in earnest."""
    done = owner.run("deploy", "hello.wasm")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"not authentic: certificate chain: SIMULATED" in done.stderr
    assert b"--insecure-accept-simulated" in done.stderr
    assert owner.run("policy", "init", "--platform", "snp", "strict.toml").returncode == 0
    done = owner.deploy("--policy", "strict.toml", "hello.wasm")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"simulated: got on, want off" in done.stderr


def test_a_detached_keep_is_reached_again(owner: Owner) -> None:
    """List, logs, wait, attest, delete; the keep itself says how it ended."""
    done = owner.deploy("--detach", "--name", "mine", "hello.wasm")
    keep = done.stdout.decode().strip()
    assert done.returncode == 0, done.stderr
    simulated = "--insecure-accept-simulated"
    assert owner.run("keep", "wait", keep, simulated).returncode == 7
    assert owner.run("keep", "logs", keep, simulated).stdout == b"hello\n"
    attached = owner.run("keep", "attach", keep, simulated, stdin=b"ignored")
    assert (attached.returncode, attached.stdout) == (7, b"hello\n"), attached.stderr
    assert b"reading only" in attached.stderr
    listed = json.loads(owner.run("keep", "list", "--json").stdout)
    mine = next(one for one in listed if one["id"] == keep)
    assert (mine["name"], mine["state"]) == ("mine", "exited")
    proof = owner.run("keep", "attest", keep, simulated).stdout.decode()
    assert "accepted by policy installed-image" in proof
    assert mine["workload_digest"] in proof
    assert owner.run("keep", "delete", keep).returncode == 0
    gone = owner.run("keep", "logs", keep, simulated)
    assert gone.returncode == 4
    assert b"was not deployed from here" in gone.stderr


def test_a_keep_is_stopped(owner: Owner) -> None:
    """Its program would go on for ever."""
    keep = owner.deploy("--detach", "endless.wasm").stdout.decode().strip()
    assert owner.run("keep", "stop", keep, "--grace", "0").returncode == 0
    done = owner.run("keep", "wait", keep, "--insecure-accept-simulated")
    assert done.returncode == 3
    assert b"stopped" in done.stderr
    assert owner.run("keep", "delete", keep).returncode == 0


def test_another_owner_does_not_get_in(
    owner: Owner, new_owner: Callable[[str], Owner], agent: Agent
) -> None:
    """Attack: whoever has the host's token and the deployment's file, but not the owner's key."""
    keep = owner.deploy("--detach", "hello.wasm").stdout.decode().strip()
    other = new_owner("other")
    place = "state/enarx/deployments"
    (other.folder / place).mkdir(parents=True, mode=0o700)
    copied = other.folder / place / f"{keep}.json"
    copied.touch(mode=0o600)
    copied.write_bytes((owner.folder / place / f"{keep}.json").read_bytes())
    done = other.run("keep", "logs", keep, "--insecure-accept-simulated")
    assert done.returncode == 3
    assert done.stdout == b""
    assert owner.run("keep", "logs", keep, "--insecure-accept-simulated").stdout == b"hello\n"
    assert owner.run("keep", "delete", keep).returncode == 0
    assert agent.url


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (("nothing.wasm",), 4, b"nothing.wasm: no such file or directory"),
        (("--platform", "vm", "hello.wasm"), 4, b"--platform: got 'vm', and the host has"),
        (("--secret", "x", "hello.wasm"), 4, b"--secret: want NAME=FILE"),
        (("--secret", "a/b=hello.wasm", "hello.wasm"), 4, b"--secret: want NAME=FILE"),
        (("--secret", "a=nothing", "hello.wasm"), 4, b"nothing: no such file"),
        (("--env", "x", "hello.wasm"), 4, b"--env: got 'x', want NAME=VALUE"),
        (("--policy", "nothing.toml", "hello.wasm"), 4, b"nothing.toml: no such file"),
        (("--host", "http://127.0.0.1:1", "hello.wasm"), 3, b"no answer"),
        (("--host", "http://keeps.example", "hello.wasm"), 4, b"want https"),
        (("--context", "nowhere", "hello.wasm"), 4, b"no context 'nowhere'"),
        (("--token-file", "hello.wasm", "hello.wasm"), 4, b"hello.wasm"),
    ],
)
def test_wrong_input_is_one_clear_line(
    owner: Owner, arguments: tuple[str, ...], status: int, problem: bytes
) -> None:
    """And nothing was launched for it."""
    done = owner.deploy(*arguments)
    assert (done.returncode, done.stdout) == (status, b""), done.stderr
    assert problem in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_secret_that_the_configuration_needs_is_asked_for_before_the_launch(
    owner: Owner,
) -> None:
    """And what it names as the steward's is not the owner's to give."""
    package = owner.folder / "needs"
    package.mkdir()
    (package / "main.wasm").write_bytes((owner.folder / "hello.wasm").read_bytes())
    streams = 'files = [{kind = "null"}, {kind = "stdout"}, {kind = "stderr"}]'
    config = package / "Enarx.toml"
    config.write_text(f'{streams}\n[secrets]\ndb = {{file = "/db"}}')
    done = owner.deploy("needs")
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"Enarx.toml: secrets.db: the owner gave none" in done.stderr
    assert b"give it: --secret db=FILE" in done.stderr
    done = owner.deploy("--secret", "db=hello.wasm", "needs")
    assert (done.returncode, done.stdout) == (7, b"hello\n"), done.stderr
    steward = 'steward = "https://a.example"'
    config.write_text(f'{steward}\n{streams}\n[secrets]\ndb = {{env = "D", from = "steward"}}')
    done = owner.deploy("--secret", "db=hello.wasm", "needs")
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"secrets.db: got one from the owner, want the steward's" in done.stderr


def test_secrets_and_arguments_reach_the_application(owner: Owner) -> None:
    """And no file of the host has them (the canary)."""
    canary = b"canary-5d1c0f0e-secret-of-the-owner"
    (owner.folder / "token").write_bytes(canary)
    done = owner.deploy("--secret", "token=token", "--env", f"C={canary.decode()}", "echo.wasm")
    assert done.returncode == 0, done.stderr
    kept = [path for path in owner.agent.state.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if canary in Path(path).read_bytes()]
