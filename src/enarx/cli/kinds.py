"""The ways in which a host starts keeps, from the options that say so.

Without hardware, process keeps on every simulated platform; with an image, virtual machines too.
With hardware, virtual machines on it and nothing that could be taken for them.
"""

from __future__ import annotations

import base64
import functools
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.adapters.image_folder import ImageFolder
    from enarx.host.keeper.agent import Quote
    from enarx.host.keeper.keeper import Kind
    from enarx.host.simulated_processor import Launched, Machine
    from enarx.host.vm.keep import Machines
    from enarx.host.vm.shape import SnpLaunch, Vm
    from enarx.measure.process import Platform
    from enarx.tee.simulated.root import SimulatedRoot

_MACHINES = ("snp", "tdx")
_MAX_ID_BYTES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class VmOptions:
    """Virtual machines: of which image, on what, and how large.

    Args:
        image: folder of the image; empty for no virtual machines.
        hardware: "snp" or "tdx"; empty for machines that are simulated to be either.
        cpu: the model that QEMU makes; empty for the usual one.
        id_block: what the files of an ID block for SNP are called, without their ends.
    """

    image: str = ""
    hardware: str = ""
    memory_mib: int = 1024
    processors: int = 1
    cpu: str = ""
    warm: int = 0
    qemu: str = ""
    id_block: str = ""
    debug_console: bool = False

    def image_name(self) -> str:
        """What the image calls itself, "NAME/VERSION"; empty for none.

        Raises:
            MisconfiguredError, MalformedError: there is none in the folder, or a damaged one.
        """
        from enarx.adapters.image_folder import ImageFolder

        if not self.image:
            return ""
        manifest = ImageFolder(self.image).manifest
        return f"{manifest.name}/{manifest.version}"

    def arguments(self) -> tuple[str, ...]:
        """The options that say the same."""
        if not self.image:
            return ()
        given = {
            "--vm-image": self.image,
            "--hardware": self.hardware,
            "--vm-memory": str(self.memory_mib),
            "--vm-vcpus": str(self.processors),
            "--vm-cpu": self.cpu,
            "--vm-warm": str(self.warm),
            "--vm-qemu": self.qemu,
            "--snp-id-block": self.id_block,
        }
        flags = ("--insecure-vm-console",) if self.debug_console else ()
        return (*(part for pair in given.items() if pair[1] for part in pair), *flags)


def kinds(warm: int, options: VmOptions) -> tuple[Kind, ...]:
    """How this host starts keeps.

    Args:
        warm: how many process keeps wait.

    Raises:
        MisconfiguredError, UnavailableError: files are missing, or a program, or the development
            root.
    """
    if options.hardware:
        return (_machines(options),)
    return (_processes(warm), *((_machines(options),) if options.image else ()))


def _processes(warm: int) -> Kind:
    """Process keeps: this installation's files are measured, once."""
    from enarx.adapters.keep_image import read_image
    from enarx.host.keeper.keeper import Kind
    from enarx.host.process import Zygote
    from enarx.host.spawn import search_path, spawn
    from enarx.measure.process import NAMES

    image = read_image(search_path())
    root = _root()
    return Kind(
        start=lambda: Zygote(spawn(preload=("agent",), from_source=True)),
        quotes={name: _quote(name, root, lambda machine: machine.launch(image)) for name in NAMES},
        warm=warm,
    )


def _machines(options: VmOptions) -> Kind:
    """Virtual machines of an image, whose files are measured once and then loaded from memory."""
    from enarx.adapters.image_folder import ImageFolder
    from enarx.host.keeper.keeper import Kind
    from enarx.host.vm.keep import Artefacts, Machines

    if not options.image:
        hint = "build one: enarx image build; then --vm-image DIR"
        raise MisconfiguredError("--hardware", "needs an image", hints=(hint,))
    if options.id_block and options.hardware != "snp":
        raise MisconfiguredError("--snp-id-block", "needs --hardware snp")
    folder = ImageFolder(options.image)
    boot = folder.boot()
    firmware = folder.read(_firmware_name(options.hardware))
    qemu, accelerator = _emulator(options)
    vm = _vm(options, accelerator, folder)
    artefacts = Artefacts(firmware=firmware, kernel=boot.kernel, initrd=boot.initrd)
    Machines(qemu, vm, artefacts).close()  # what is wrong with them is said now

    def start() -> Machines:
        return Machines(qemu, vm, artefacts, console=options.debug_console)

    quotes: Mapping[str, Quote | None] = {options.hardware: None}
    if not options.hardware:
        root = _root()

        def launch(machine: Machine) -> Launched:
            return machine.launch_vm(firmware, boot, processors=options.processors)

        quotes = {
            "vm-snp": _quote("snp", root, launch),
            "vm-tdx": _quote("tdx", root, launch),
        }
    return Kind(start=start, quotes=quotes, warm=options.warm)


def _vm(options: VmOptions, accelerator: str, folder: ImageFolder) -> Vm:
    from enarx.host.vm.shape import EMULATED_PROCESSOR, TdxLaunch, Vm

    usual = {"snp": "EPYC-v4", "tdx": "host"}.get(
        options.hardware, EMULATED_PROCESSOR if accelerator == "tcg" else "host"
    )
    return Vm(
        technology=options.hardware or "none",  # type: ignore[arg-type] # one of the choices
        accelerator=accelerator,  # type: ignore[arg-type] # what the probe found
        memory_mib=options.memory_mib,
        processors=options.processors,
        cpu_model=options.cpu or usual,
        command_line=folder.manifest.command_line,
        snp=_snp_launch(options.id_block) if options.hardware == "snp" else None,
        tdx=TdxLaunch() if options.hardware == "tdx" else None,
    )


def _snp_launch(id_block: str) -> SnpLaunch:
    """With the ID block in the files *id_block*, which names the guest's policy too."""
    from enarx.host.vm.shape import SnpLaunch
    from enarx.measure.id_block import IdBlock, verify
    from enarx.wire.record import unpack

    if not id_block:
        return SnpLaunch()
    block, auth = (_base64_file(f"{id_block}.{end}") for end in ("id-block", "id-auth"))
    signers = verify(block, auth)
    return SnpLaunch(
        policy=int(unpack(IdBlock, block).policy),
        id_block=block,
        id_auth=auth,
        author_key_enabled=any(signers.author_key_digest),
    )


def _base64_file(path: str) -> bytes:
    from enarx.adapters.package_files import read_file

    try:
        return base64.b64decode(read_file(path, _MAX_ID_BYTES).strip(), validate=True)
    except ValueError as error:
        hint = "make it with: enarx image id-block"
        raise MisconfiguredError(path, "is no base64", hints=(hint,)) from error


def _firmware_name(hardware: str) -> str:
    from enarx.image.references import firmware_of

    return firmware_of(hardware or "vm-snp")


def _emulator(options: VmOptions) -> tuple[str, str]:
    """QEMU's path, and what accelerates it here.

    Raises:
        UnavailableError: it is not installed, or cannot do what is asked for.
    """
    from enarx.host.machine import Machine
    from enarx.host.vm.probe import SINCE, probe

    found = probe(Machine(path=os.environ.get("PATH", os.defpath)), path=options.qemu)
    wanted = options.hardware or "none"
    if wanted not in found.technologies:
        problem = f"version {found.version} has no {wanted}, want {SINCE[wanted]} or later"  # type: ignore[index] # one of the choices
        hint = "name another QEMU: --vm-qemu FILE"
        raise UnavailableError(found.path, problem, hints=(hint,))
    if options.hardware and "kvm" not in found.accelerators:
        problem = found.problems.get("kvm", "does not work")
        hint = f"see what is missing: enarx platform doctor --platform {wanted}"
        raise UnavailableError("KVM", problem, hints=(hint,))
    return found.path, found.accelerator


def _quote(platform: Platform, root: SimulatedRoot, launch: Callable[[Machine], Launched]) -> Quote:
    """How *platform* quotes for what *launch* measures, with endorsements never too old."""
    from enarx.host.simulated_processor import RENEWED_AFTER, machine

    current = launch(machine(platform, root, _now()))

    def quote(report_data: bytes) -> bytes:
        nonlocal current
        now = _now()
        if now - current.machine.issued > RENEWED_AFTER:
            current = launch(machine(platform, root, now))
        return current.quote(report_data)

    return quote


def _root() -> SimulatedRoot:
    from enarx.adapters.simulated_root import default_directory, load

    return load(default_directory(os.environ))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def vm_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* these options, collected into its argument ``machines``."""

    @functools.wraps(command)
    def collected(
        *, vm_image: str, hardware: str | None, vm_memory: int, vm_vcpus: int, vm_cpu: str,
        vm_warm: int, vm_qemu: str, snp_id_block: str, vm_console: bool, **values: Any,  # noqa: ANN401 - click passes keywords
    ) -> Any:  # noqa: ANN401  # fmt: skip
        machines = VmOptions(
            image=vm_image,
            hardware=hardware or "",
            memory_mib=vm_memory,
            processors=vm_vcpus,
            cpu=vm_cpu,
            warm=vm_warm,
            qemu=vm_qemu,
            id_block=snp_id_block,
            debug_console=vm_console,
        )
        return command(machines=machines, **values)

    found: Callable[..., Any] = collected
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


_OPTIONS = (
    click.option(
        "--vm-image", metavar="DIR", default="",
        help="Offer virtual machines of this image: enarx image build.",
    ),
    click.option(
        "--hardware", type=click.Choice(_MACHINES),
        help="Start them on this hardware, and offer nothing simulated.",
    ),
    click.option(
        "--vm-memory", type=click.IntRange(256, 1 << 20), default=1024, show_default=True,
        metavar="MIB", help="Memory of each.",
    ),
    click.option(
        "--vm-vcpus", type=click.IntRange(1, 255), default=1, show_default=True,
        help="Processors of each.",
    ),
    click.option(
        "--vm-cpu", metavar="MODEL", default="", help="Their model, as QEMU calls it."
    ),
    click.option("--vm-warm", default=0, show_default=True, help="How many of them wait."),
    click.option("--vm-qemu", metavar="FILE", default="", help="QEMU's program."),
    click.option(
        "--snp-id-block", metavar="NAME", default="",
        help="Launch with NAME.id-block and NAME.id-auth: enarx image id-block.",
    ),
    click.option(
        "--insecure-vm-console", "vm_console", is_flag=True,
        help="Take what an image with a debug console says, for the reason of a failure.",
    ),
)  # fmt: skip
