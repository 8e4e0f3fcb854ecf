"""Keeps in virtual machines: how long one takes to start, how large it is, how fast its port is."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import ENARX, environment, guest, program
from figures import Figure, at_most, medians
from hosting import Agent, Owner, hosting

from enarx.adapters.image_folder import ImageFolder
from enarx.host.machine import Machine
from enarx.host.vm.probe import probe
from enarx.host.vm.shape import EMULATED_PROCESSOR
from enarx.image.archive import File, archive

BOOTS = 5
REBOOT_S = 15.0
"""In which the next machine boots, so that one waits."""
STREAM_BYTES = 1 << 25
MIB = 1 << 20
MEMORY = ("--vm-memory", "512")

_BARE = r"""
#include <linux/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, 0);
    return 1;
}
"""


def vm() -> Iterator[Figure]:
    """Against the same kernel with nothing to do, and against process keeps."""
    with tempfile.TemporaryDirectory(prefix="enarx-bench-") as folder:
        image = f"{folder}/image"
        subprocess.run(
            [ENARX, "image", "build", "-o", image], env=environment(), check=True,
            capture_output=True,
        )  # fmt: skip
        yield from _size(ImageFolder(image))
        bare = _bare(ImageFolder(image), Path(folder))
        with hosting("--warm", "2", "--vm-image", image, *MEMORY) as agent:
            yield from _starts(agent, image, bare)
            yield from _streams(agent, image)
        with hosting("--vm-image", image, "--vm-warm", "1", *MEMORY) as agent:
            yield from _waiting(agent, image)


def _size(image: ImageFolder) -> Iterator[Figure]:
    sizes = {name: size for name, (size, _) in image.manifest.files.items()}
    loaded = sizes["vmlinuz"] + sizes["initrd.img"]
    yield Figure(
        what="kernel and initial RAM disk",
        unit="MiB",
        ours=loaded / MIB,
        theirs=sizes["vmlinuz"] / MIB,
        competitor="the kernel alone",
        budget=at_most(40, "MiB"),
    )


def _starts(agent: Agent, image: str, bare: float) -> Iterator[Figure]:
    for platform in ("vm-snp", "vm-tdx"):
        owner = Owner(agent, guest("hello"), platform, image=image)
        offers, outputs = [], []
        for _ in range(BOOTS):
            start = time.perf_counter()
            owner.offered()
            offers.append(time.perf_counter() - start)
            outputs.append(owner.first_output_ms() / 1e3)
        owner.close()
        for what, taken in (("boot to offer", offers), ("attested start", outputs)):
            yield Figure(
                what=f"{platform}, {what}",
                unit="s",
                ours=medians(taken)[0],
                theirs=bare,
                competitor="bare kernel",
                budget=at_most(10, "s") if what == "boot to offer" else None,
            )


def _waiting(agent: Agent, image: str) -> Iterator[Figure]:
    """With a machine that has booted and made its keys already."""
    owner = Owner(agent, guest("hello"), "vm-snp", image=image)
    processes = Owner(agent, guest("hello"), "snp")
    ours, theirs = [], []
    for _ in range(BOOTS):
        time.sleep(REBOOT_S)
        ours.append(owner.first_output_ms())
        theirs.append(processes.first_output_ms())
    owner.close()
    processes.close()
    yield Figure(
        what="attested start, a machine waiting",
        unit="ms",
        ours=medians(ours)[0],
        theirs=medians(theirs)[0],
        competitor="process keep",
    )


def _streams(agent: Agent, image: str) -> Iterator[Figure]:
    rates = {
        platform: medians([_stream(agent, platform, image) for _ in range(2)])[0]
        for platform in ("vm-snp", "snp")
    }
    yield Figure(
        what="stdout over the channel",
        unit="MB/s",
        ours=rates["vm-snp"],
        theirs=rates["snp"],
        competitor="process keep",
    )


def _stream(agent: Agent, platform: str, image: str) -> float:
    owner = Owner(agent, guest("flood"), platform, image=image)
    seen: list[tuple[float, int]] = []
    owner.run(
        str(STREAM_BYTES), show=lambda _name, data: seen.append((time.perf_counter(), len(data)))
    )
    owner.close()
    if sum(size for _, size in seen) != STREAM_BYTES:
        raise RuntimeError(f"{sum(size for _, size in seen)} bytes came of {STREAM_BYTES}")
    return STREAM_BYTES / (seen[-1][0] - seen[0][0]) / 1e6


def _bare(image: ImageFolder, folder: Path) -> float:
    """Seconds until the same kernel, with one program that ends the machine, has ended."""
    (folder / "init.c").write_text(_BARE)
    subprocess.run(
        [program("gcc"), "-static", "-O2", "-o", folder / "init", folder / "init.c"], check=True
    )
    boot = image.boot()
    (folder / "kernel").write_bytes(boot.kernel)
    init = File((folder / "init").read_bytes(), executable=True)
    (folder / "initrd").write_bytes(archive({"init": init, "dev": None}))
    found = probe(Machine(path=environment()["PATH"]))
    processor = EMULATED_PROCESSOR if found.accelerator == "tcg" else "host"
    command = [
        found.path, "-machine", "q35", "-accel", found.accelerator, "-cpu", processor, "-m", "512M",
        "-nodefaults", "-display", "none", "-no-reboot", "-kernel", folder / "kernel",
        "-initrd", folder / "initrd", "-append", boot.command_line,
    ]  # fmt: skip
    taken = []
    for _ in range(BOOTS):
        start = time.perf_counter()
        subprocess.run(command, check=True, timeout=60)
        taken.append(time.perf_counter() - start)
    return medians(taken)[0]
