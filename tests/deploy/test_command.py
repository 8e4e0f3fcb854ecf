"""``enarx deploy`` as people type it: where options may stand, what is assumed, what is printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import wasmtime
from tests.deploy.conftest import PATIENCE_S, make_home
from tests.host.api.test_start import certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.conftest import Agent, Owner

pytestmark = pytest.mark.slow

SHOWS_ARGUMENTS = wasmtime.wat2wasm("""(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 1024) (i32.const 4096)))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))""")


def test_options_stand_on_either_side_of_the_package(owner: Owner) -> None:
    """And what comes after "--" is the application's, options of ours too."""
    (owner.folder / "args.wasm").write_bytes(SHOWS_ARGUMENTS)
    policy = ("--platform", "snp", "--installed-image", "--insecure-accept-simulated")
    assert owner.run("policy", "init", *policy, "policy.toml").returncode == 0
    done = owner.run(
        "deploy", "./args.wasm", "--host", owner.agent.url, "--policy", "policy.toml",
        "--arg", "-a", "b", "--insecure-accept-simulated", "--", "--policy", "c d",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(b"\0")[1:] == [b"-a", b"b", b"--policy", b"c d", b""]
    assert b"accepted by policy policy: snp" in done.stderr


def test_an_option_that_is_not_ours_is_refused(owner: Owner) -> None:
    """It is not passed on by guessing."""
    done = owner.deploy("hello.wasm", "--verbose")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--verbose" in done.stderr


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_without_a_policy_the_image_is_checked(owner: Owner, platform: str) -> None:
    """It must be the one that is installed here; the verdict says so."""
    done = owner.deploy("--platform", platform, "--json", "hello.wasm")
    assert done.returncode == 7, done.stderr
    report = json.loads(done.stdout)
    checks = report["verdict"]["checks"]
    image = {check["outcome"] for check in checks if check["key"] == "image"}
    assert image == {"passed"}
    assert report["verdict"]["policy"]["name"] == "installed-image"
    assert report["outcome"] == {"kind": "exit", "code": 7}
    assert report["platform"] == platform
    assert report["workload_digest"].startswith("sha256:")
    assert b"\nhello\nhello\n" in done.stderr


def test_another_version_of_the_keep_gets_nothing(owner: Owner, tmp_path: Path) -> None:
    """Attack: a host whose keep was changed in one byte, before an owner without a policy."""
    changed = tmp_path / "site"
    changed.mkdir()
    program = (
        "import sys; from enarx.adapters import keep_image\n"
        "read = keep_image.read_image\n"
        "def other(search):\n"
        "    files = read(search)\n"
        "    name = 'enarx/keep/boot.py'\n"
        "    return {**files, name: files[name] + b'#'}\n"
        "keep_image.read_image = other\n"
        "from enarx.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ("deploy", "--insecure-accept-simulated", "hello.wasm")
    environment = {
        **owner.environment,
        "ENARX_HOST": owner.agent.url,
        "ENARX_TOKEN_FILE": str(owner.agent.token_file),
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=owner.folder, env=environment,
        capture_output=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"refused by policy installed-image: image.measurement" in done.stderr
    assert not (owner.folder / "state/enarx/deployments").exists()


def test_a_package_that_a_host_does_not_take_is_said(owner: Owner) -> None:
    """What it takes, and who can change that; nothing is left behind."""
    large = owner.folder / "large"
    large.mkdir()
    (large / "main.wasm").write_bytes((owner.folder / "hello.wasm").read_bytes())
    (large / "data").write_bytes(os.urandom(65 << 20))
    done = owner.deploy("large")
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert b"too-large: want at most 67108864 bytes" in done.stderr
    assert b"--max-envelope" in done.stderr


def test_the_host_s_url_alone_finds_its_context(owner: Owner, agent: Agent) -> None:
    """With the token and the policy that belong to it; another host gets no token."""
    add = ("context", "add", "here", "--host", agent.url, "--token-file", str(agent.token_file))
    assert owner.run(*add, "--insecure-accept-simulated").returncode == 0
    plain = {k: v for k, v in owner.environment.items() if not k.startswith("ENARX_")}
    command = [sys.executable, "-m", "enarx", "deploy", "hello.wasm", "--host"]
    done = subprocess.run(
        [*command, f"{agent.url}/"], cwd=owner.folder, env=plain, capture_output=True,
        check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, b"hello\n"), done.stderr
    other = agent.url.replace("127.0.0.1", "localhost")
    done = subprocess.run(
        [*command, other], cwd=owner.folder, env=plain, capture_output=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 4
    assert b"the token is refused" in done.stderr


def test_a_host_that_wants_client_certificates(tmp_path: Path) -> None:
    """The client shows its own; without it, or with another key, there is one clear line."""
    server, client = certificate(tmp_path, "server"), certificate(tmp_path, "client")
    home = make_home(tmp_path / "home")
    state = str(tmp_path / "state")
    ours, theirs = os.pipe()
    words = ["host", "serve", "--state", state, "--port", "0", "--warm", "1"]
    words += ["--tls-certificate", server[0], "--tls-key", server[1], "--client-ca", client[0]]
    process = subprocess.Popen(
        [sys.executable, "-m", "enarx", *words, "--ready-fd", str(theirs)],
        env=home, pass_fds=[theirs], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    try:
        with os.fdopen(ours, encoding="utf-8") as told:
            url = json.loads(told.readline())["url"]
        base = ("platforms", "--host", url, "--host-ca", server[0])

        def ask(*more: str) -> subprocess.CompletedProcess[bytes]:
            words = ("keep", "list", *base[1:], *more)
            return subprocess.run(
                [sys.executable, "-m", "enarx", *words], env=home, capture_output=True,
                check=False, timeout=PATIENCE_S,
            )  # fmt: skip

        assert ask().returncode == 3
        done = ask("--client-certificate", client[0], "--client-key", server[1])
        assert done.returncode == 4
        assert b"client.pem: cannot be shown to the host" in done.stderr
        done = ask("--client-key", client[1])
        assert b"is a key without its certificate" in done.stderr
        done = ask("--client-certificate", client[0], "--client-key", client[1])
        assert done.returncode == 4
        assert b"the token is refused" in done.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        stop = [sys.executable, "-m", "enarx", "host", "stop", "--state", state]
        subprocess.run(stop, env=home, check=True, capture_output=True)
