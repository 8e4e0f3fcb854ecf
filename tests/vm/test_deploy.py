"""Deploys to virtual machines that really boot: the same packages, the same results."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.deploy.test_service import PACKAGE, free_port
from tests.host.api.hosts import until
from tests.vm.conftest import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.deploy.conftest import Agent, Owner

    OtherHost = Callable[[str, Callable[[bytes], bytes]], AbstractContextManager[Agent]]

pytestmark = [pytest.mark.slow, pytest.mark.needs("qemu-system-x86_64")]

PLATFORMS = ("snp", "vm-snp", "vm-tdx")


def test_the_same_program_everywhere(vm_owner: Owner) -> None:
    """In a process and in machines, on both simulations: output, exit status, workload digest."""
    seen = set()
    for platform in PLATFORMS:
        done = vm_owner.deploy("--platform", platform, "--json", "hello.wasm")
        assert done.returncode == 7, done.stderr
        document = json.loads(done.stdout)
        seen.add(document["workload_digest"])
        assert b"hello" in done.stderr
    assert len(seen) == 1


def test_input_arguments_and_secrets(vm_owner: Owner) -> None:
    """A megabyte through a machine's one port, and back."""
    data = bytes(range(256)) * 4096
    done = vm_owner.deploy("--platform", "vm", "echo.wasm", stdin=data)
    assert (done.returncode, done.stdout) == (0, data)


@pytest.mark.parametrize("language", ["c", "cpp", "rust", "zig", "as"])
def test_programs_of_other_languages(vm_owner: Owner, shared: Path, language: str) -> None:
    """As compilers made them; what they print is known."""
    source = shared / "langs" / language / "wc.wasm"
    done = vm_owner.deploy(
        "--platform", "vm", "--env", "WC_TITLE=count", "--arg", "5", str(source),
        stdin=(shared / "langs" / "in.txt").read_bytes(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == (shared / "langs" / "expected.txt").read_bytes()


def test_a_service_with_tls_in_the_machine(vm_owner: Owner) -> None:
    """Connections come in through the port; the certificate proves machine and workload."""
    folder = vm_owner.folder / "server"
    shutil.copytree(PACKAGE, folder)
    port = free_port()
    config = folder / "Enarx.toml"
    config.write_text(config.read_text().replace("port = 12345", f"port = {port}"))
    done = vm_owner.deploy("--detach", "--platform", "vm", "server")
    assert done.returncode == 0, done.stderr

    def answers() -> bool:
        try:
            return httpx.get(f"https://127.0.0.1:{port}/", verify=False).status_code == 200  # noqa: S501 - proven below
        except httpx.HTTPError:
            return False

    until(answers)
    (vm_owner.folder / "keep.pem").write_text(ssl.get_server_certificate(("127.0.0.1", port)))
    context = ssl.create_default_context(cafile=str(vm_owner.folder / "keep.pem"))
    with urllib.request.urlopen(f"https://localhost:{port}/", context=context) as answer:
        assert answer.status == 200
    keep = done.stdout.decode().strip()
    assert vm_owner.run("keep", "delete", keep).returncode == 0


def test_what_a_host_says_of_its_platforms(vm_owner: Owner) -> None:
    """Names, how they are isolated, and of which image their keeps are."""
    headers = {"Authorization": f"Bearer {vm_owner.agent.token_file.read_text().strip()}"}
    answer = httpx.get(f"{vm_owner.agent.url}/v1/platforms", headers=headers).json()
    machines = {one["name"]: one for one in answer["platforms"] if one["isolation"] == "vm"}
    assert set(machines) == {"vm-snp", "vm-tdx"}
    assert all(one["simulated"] for one in machines.values())
    assert re.fullmatch(r"enarx-vm/.+", machines["vm-snp"]["image"])


def test_simulated_machines_are_refused_by_default(vm_owner: Owner) -> None:
    """No machine here protects anything from the host."""
    done = vm_owner.run("deploy", "--platform", "vm", "hello.wasm")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"SIMULATED" in done.stderr or b"simulated" in done.stderr


def test_a_policy_of_the_images_reference_values(vm_owner: Owner, vm_image: Path) -> None:
    """Computed from the image, named by a policy, accepted; without them it is refused."""
    values = vm_owner.run(
        "image", "reference-values", "--vm-image", str(vm_image), "--platform", "vm-snp",
        "-o", "values.toml",
    )  # fmt: skip
    assert values.returncode == 0, values.stderr
    policy = ("--platform", "snp", "--insecure-accept-simulated")
    assert vm_owner.run("policy", "init", *policy, "--installed-image", "p.toml").returncode == 0
    refused = vm_owner.deploy("--policy", "p.toml", "--platform", "vm-snp", "hello.wasm")
    assert refused.returncode == 1
    assert b"image.measurement" in refused.stderr
    assert vm_owner.run("policy", "init", *policy, "own.toml").returncode == 0
    own = vm_owner.folder / "own.toml"
    version = re.search(r'version = "(.*)"', (vm_owner.folder / "values.toml").read_text())
    assert version is not None
    image = (
        f'image = [{{ name = "enarx-vm", version = "{version[1]}" }}]\n'
        'reference_value_files = ["values.toml"]'
    )
    own.write_text(re.sub(r"^image = .*$", image, own.read_text(), flags=re.MULTILINE))
    done = vm_owner.deploy("--policy", "own.toml", "--platform", "vm-snp", "hello.wasm")
    assert done.returncode == 7, done.stderr


def _one_byte(text: bytes) -> Callable[[bytes], bytes]:
    """Change one byte of the first *text*."""

    def change(data: bytes) -> bytes:
        at = data.index(text)
        return data[:at] + bytes((data[at] ^ 0x20,)) + data[at + 1 :]

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vmlinuz", _one_byte(b"(debian-kernel@")),
        ("initrd.img", lambda data: data + bytes(4)),
        ("command_line", lambda line: line + b" quiet"),
        ("bios-256k.bin", _one_byte(b"SeaBIOS (version")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_byte_and_nothing_is_delivered(
    name: str, change: Callable[[bytes], bytes], other_host: OtherHost, vm_owner: Owner
) -> None:
    """Attack: the host starts another kernel, initial RAM disk, command line or firmware.

    Each boots as ours does, and says so in its measurement.
    """
    with other_host(name, change) as agent:
        owner = replace(vm_owner, agent=agent)
        for platform in ("vm-snp", "vm-tdx"):
            done = owner.deploy("--platform", platform, "hello.wasm")
            assert (done.returncode, done.stdout) == (1, b"")
            assert b"refused by policy installed-image: image." in done.stderr


def test_two_builds_are_one_image(vm_image: Path, tmp_path: Path) -> None:
    """Byte for byte, with nothing fetched."""
    done = build(tmp_path / "again", "--offline")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in vm_image.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (vm_image / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_the_image_is_small(vm_image: Path) -> None:
    """What is loaded fits the budget of 40 MiB."""
    sizes = [(vm_image / name).stat().st_size for name in ("vmlinuz", "initrd.img")]
    assert sum(sizes) <= 40 << 20
