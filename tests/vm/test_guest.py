"""What is closed in a machine once it runs: asked from inside, as its first process."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from enarx.adapters.image_folder import ImageFolder
from enarx.host.vm.shape import EMULATED_PROCESSOR
from enarx.image.archive import File, archive

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.needs("qemu-system-x86_64")]

INIT = """\
#!/usr/bin/python3.11 -ISBXutf8
import sys
sys.path.append("/usr/lib/enarx")
import ctypes, errno, json, os, resource
from enarx.keep.vm import kernel

libc = ctypes.CDLL(None, use_errno=True)

def refused(number, *arguments):
    return errno.errorcode.get(ctypes.get_errno()) if libc.syscall(number, *arguments) < 0 else ""

def opened(path, flags=os.O_RDONLY):
    try:
        os.close(os.open(path, flags))
    except OSError as error:
        return errno.errorcode[error.errno]
    return ""

try:
    kernel.mount()
    found = {"tee": kernel.find_tee()}
    kernel.close()
    module = os.open("/usr/lib/modules/tdx-guest.ko", os.O_RDONLY)
    child = os.fork()
    if not child:
        os.pause() if hasattr(os, "pause") else __import__("signal").pause()
    read = lambda path: open(path).read().strip()
    found |= {
        "module": refused(313, module, b"", 0),
        "kexec": refused(246, 0, 0, None, 0),
        "ptrace": refused(101, 16, child, 0, 0),
        "memory": opened("/dev/mem"),
        "port": opened("/dev/port"),
        "msr": opened("/dev/cpu/0/msr"),
        "kcore": opened("/proc/kcore"),
        "network": sorted(os.listdir("/sys/class/net")),
        "disks": sorted(os.listdir("/sys/block")),
        "programs": sorted(os.listdir("/usr/bin")),
        "roots": sorted(os.listdir("/")),
        "cores": read("/proc/sys/kernel/core_pattern"),
        "modules": [line.split()[0] for line in open("/proc/modules")],
        "line": read("/proc/cmdline"),
        "again": opened("/proc/sys/kernel/modules_disabled", os.O_WRONLY),
    }
    try:
        with open("/proc/sys/kernel/modules_disabled", "w") as file:
            file.write("0")
        found["reopened"] = True
    except OSError:
        found["reopened"] = False
except BaseException as error:
    found = {"error": repr(error)}
console = os.open("/dev/console", os.O_WRONLY)
os.write(console, b"\\nFOUND " + json.dumps(found).encode() + b"\\n")
kernel.power_off()
"""


@pytest.fixture(scope="module")
def found(vm_image: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the first process of our image sees, told by another one in its place."""
    folder = tmp_path_factory.mktemp("guest")
    image = ImageFolder(str(vm_image))
    boot = image.boot()
    # a kernel unpacks archives one behind another, and what comes later counts
    init = archive({"init": File(INIT.encode(), executable=True)})
    padding = bytes(-len(boot.initrd) % 4)
    (folder / "initrd").write_bytes(boot.initrd + padding + init)
    (folder / "kernel").write_bytes(boot.kernel)
    line = boot.command_line.replace("console=ttynull", "console=ttyS0")
    qemu = shutil.which("qemu-system-x86_64")
    assert qemu is not None
    done = subprocess.run(
        [
            qemu, "-machine", "q35", "-accel", "tcg", "-cpu", EMULATED_PROCESSOR, "-m", "512M",
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", folder / "kernel", "-initrd", folder / "initrd", "-append", line,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    lines = [one for one in done.stdout.splitlines() if one.startswith("FOUND ")]
    assert lines, done.stdout[-2000:]
    answer: dict[str, Any] = json.loads(lines[0].removeprefix("FOUND "))
    assert "error" not in answer, answer
    return answer


def test_no_code_comes_into_the_kernel(found: dict[str, Any]) -> None:
    """Attack: a module, another kernel."""
    assert found["module"] == "EPERM"
    assert found["kexec"] == "EPERM"
    assert found["reopened"] is False
    assert set(found["modules"]) == {"configfs", "tsm"}


def test_no_process_looks_into_another(found: dict[str, Any]) -> None:
    """Attack: tracing, the memory's and the kernel's own files, core dumps."""
    assert found["ptrace"] == "EPERM"
    assert all(found[name] for name in ("memory", "port", "msr", "kcore")), found
    assert found["cores"] == ""


def test_there_is_nothing_to_reach(found: dict[str, Any]) -> None:
    """No network but the loop, no disk, no program but the interpreter."""
    assert found["network"] in ([], ["lo"])
    assert found["disks"] == []
    assert found["programs"] == ["python3.11"]
    assert found["tee"] is False


def test_the_command_line_is_ours(found: dict[str, Any]) -> None:
    """Locked down, an error is the end, and the host's seed is not believed."""
    words = set(found["line"].split())
    assert {"lockdown=confidentiality", "oops=panic", "panic=-1"} <= words
    assert {"random.trust_cpu=on", "random.trust_bootloader=off"} <= words
