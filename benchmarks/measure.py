"""How many launch measurements are computed in a second on one core, by us and by sev-snp-measure.

Both are given the same firmware of 4 MiB, kernel of 12 and initial RAM disk of 24, made here, and
must compute the same digest.  Theirs takes files, which lie in memory, and reads them each time;
ours takes bytes.  Most of the time passes in the same hash functions, so that the ratio says what
each adds to them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from bench import alternate, needs, pinned
from figures import Figure, medians
from recorded import rate

from enarx.measure import firmware as sev_firmware
from enarx.measure import snp_guest, tdvf
from enarx.measure.snp_guest import Boot, Processors

ROUNDS = 7
CORE = 1
THEIRS = "sev-snp-measure"
FIRMWARE_BYTES = 4 * 1024 * 1024
KERNEL_BYTES = 12 * 1024 * 1024
INITRD_BYTES = 24 * 1024 * 1024
VCPUS = 4
SIGNATURE = 0xA00F11  # EPYC-Milan
LINE = "console=hvc0 quiet"
_TABLE = UUID("96b582de-1fb2-45f7-baea-a366c55a082d")
_RESET = UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
_HASHES = UUID("7255371f-3a3b-4b04-927b-1da6efa8d454")
_SEV = UUID("dc886566-984a-4798-a75e-5585a7bf67cc")
_TDX = UUID("e47a6535-984a-4798-865e-4685a7bf8ec2")
_AT = 4096  # where the metadata lie


def measure() -> Iterator[Figure]:
    """Launch digests and MRTDs a second on one core, against sev-snp-measure."""
    needs("sevsnpmeasure")
    boot = Boot(
        kernel=_noise(b"kernel", KERNEL_BYTES), initrd=_noise(b"initrd", INITRD_BYTES),
        command_line=LINE,
    )  # fmt: skip
    image = _firmware(_SEV, _sev_metadata())
    processors = Processors(count=VCPUS, signature=SIGNATURE)
    known = snp_guest.firmware_only(sev_firmware.parse(image)).value

    def whole() -> bytes:
        return snp_guest.launch_digest(sev_firmware.parse(image), processors, boot)

    def known_firmware() -> bytes:
        found = sev_firmware.parse(image)
        return snp_guest.launch_digest(found, processors, boot, firmware_digest=known)

    def without_kernel() -> bytes:
        return snp_guest.launch_digest(sev_firmware.parse(image), processors)

    with tempfile.TemporaryDirectory(dir=_memory()) as folder, pinned(CORE):
        peer = _peer(Path(folder), image, boot)
        for what, ours, theirs in (
            ("SNP: firmware, kernel, RAM disk", whole, peer()),
            ("SNP: the firmware's digest known", known_firmware, peer(known=known.hex())),
            ("SNP: firmware alone", without_kernel, peer(kernel=None, initrd=None, append=None)),
        ):
            assert ours() == theirs(), "two implementations, two digests"
            mine, others = medians(*alternate(ROUNDS, rate(ours), rate(theirs)))
            yield Figure(what=what, unit="/s", ours=mine, theirs=others, competitor=THEIRS)
        tdx = _firmware(_TDX, _tdx_metadata())
        (mine,) = medians(*alternate(ROUNDS, rate(lambda: tdvf.mr_td(tdvf.parse(tdx)))))
    yield Figure(what="TDX: MRTD of a firmware of 4 MiB", unit="/s", ours=mine)


def _peer(folder: Path, image: bytes, boot: Boot) -> Callable[..., Callable[[], bytes]]:
    from sevsnpmeasure.guest import calc_launch_digest
    from sevsnpmeasure.sev_mode import SevMode

    files = {"ovmf_file": image, "kernel": boot.kernel, "initrd": boot.initrd}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    default = {
        **{name: str(folder / name) for name in files},
        "mode": SevMode.SEV_SNP, "vcpus": VCPUS, "vcpu_sig": SIGNATURE, "append": LINE,
        "guest_features": 1,
    }  # fmt: skip

    def given(*, known: str = "", **changed: str | None) -> Callable[[], bytes]:
        arguments = {**default, **changed, "snp_ovmf_hash_str": known}
        return lambda: calc_launch_digest(**arguments)

    return given


def _memory() -> str | None:
    """A folder in memory where there is one: reading a disk is not what is compared."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own


def _noise(seed: bytes, size: int) -> bytes:
    return hashlib.shake_128(seed).digest(size)


def _firmware(guid: UUID, metadata: bytes) -> bytes:
    """A firmware with these metadata, and addresses as OVMF has them."""
    image = bytearray(_noise(b"firmware", FIRMWARE_BYTES))
    entries = (
        _entry(_RESET, _u32(0x0080_B004)),
        _entry(_HASHES, _u32(0x0080_F000, 0x400)),
        _entry(guid, _u32(FIRMWARE_BYTES - _AT)),
    )
    body = b"".join(entries)
    table = body + (len(body) + 18).to_bytes(2, "little") + _TABLE.bytes_le
    image[_AT : _AT + len(metadata)] = metadata
    image[-32 - len(table) : -32] = table
    return bytes(image)


def _sev_metadata() -> bytes:
    """The sections of OvmfPkg/AmdSev."""
    sections = (
        (0x80_0000, 0x9000, 1), (0x80_A000, 0x3000, 1), (0x80_D000, 0x1000, 2),
        (0x80_E000, 0x1000, 3), (0x80_F000, 0x1000, 0x10), (0x81_1000, 0xF000, 1),
    )  # fmt: skip
    head = b"ASEV" + _u32(16 + 12 * len(sections), 1, len(sections))
    return head + b"".join(_u32(*section) for section in sections)


def _tdx_metadata() -> bytes:
    """Code that is measured, as OvmfPkg/IntelTdx has it; here all of the firmware."""
    place = (0, FIRMWARE_BYTES, (1 << 32) - FIRMWARE_BYTES, 0, FIRMWARE_BYTES, 0, 0, 1)
    return b"TDVF" + _u32(48, 1, 1) + _u32(*place)


def _entry(guid: UUID, data: bytes) -> bytes:
    return data + (len(data) + 18).to_bytes(2, "little") + guid.bytes_le


def _u32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)
