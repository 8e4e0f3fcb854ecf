"""An oracle: sev-snp-measure computes the same of whatever both are given."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.measure.firmwares import (
    AT,
    HASHES,
    METADATA,
    RESET,
    SIZE,
    entries,
    entry,
    firmware,
    metadata,
    svsm,
    u32,
)

from enarx.measure import id_block, sev_guest, snp_guest, svsm_guest
from enarx.measure.firmware import parse
from enarx.measure.processor_models import SIGNATURES
from enarx.measure.snp_guest import Boot, Processors

pytestmark = pytest.mark.needs("sevsnpmeasure")

MODELS = st.sampled_from(sorted(SIGNATURES.values()))
PAGES = st.integers(0, 0x1000).map(lambda page: page * 0x1000)
SECTIONS = st.lists(
    st.one_of(
        st.tuples(
            PAGES, st.integers(1, 3).map(lambda pages: pages * 4096), st.sampled_from((1, 4))
        ),
        st.tuples(PAGES, st.just(4096), st.sampled_from((2, 3))),  # theirs measures one page of it
    ),
    max_size=6,
)
HASHED = st.tuples(PAGES, st.just(4096), st.just(0x10))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files lie that theirs reads."""
    return tmp_path_factory.mktemp("oracle")


def theirs(folder: Path, mode: str, image: bytes, **given: object) -> bytes:
    """What sev-snp-measure computes."""
    from sevsnpmeasure.guest import calc_launch_digest
    from sevsnpmeasure.sev_mode import SevMode

    files = {"ovmf_file": image}
    for name in ("kernel", "initrd", "svsm_file"):
        if isinstance(given.get(name), bytes):
            files[name] = given[name]  # type: ignore[assignment]
    for name, data in files.items():
        (folder / name).write_bytes(data)
        given[name] = str(folder / name)
    default = {"kernel": None, "initrd": None, "append": None, "guest_features": 1}
    return calc_launch_digest(SevMode[mode], **(default | given))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Whatever one may launch."""

    sections: list[tuple[int, int, int]]
    hashed: tuple[int, int, int]
    hashes_at: int
    eip: int
    boot: Boot
    processors: Processors
    is_hashed_before: bool

    @property
    def image(self) -> bytes:
        """Its firmware."""
        hashes = entry(HASHES, u32(self.hashed[0] + self.hashes_at or 16, 0x400))
        table = [entry(RESET, u32(self.eip)), hashes, entries()[3]]
        return firmware(table, data=metadata([*self.sections, self.hashed]))


GUESTS = st.builds(
    Guest,
    sections=SECTIONS,
    hashed=HASHED,
    hashes_at=st.integers(0, 0xF00).map(lambda at: at & ~15),
    eip=st.integers(1, 2**32 - 1),  # theirs takes 0 for none
    boot=st.builds(
        Boot,
        kernel=st.binary(max_size=64),
        initrd=st.binary(max_size=64),
        command_line=st.text(
            st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40
        ),
    ),
    processors=st.builds(
        Processors,
        count=st.integers(1, 5),
        signature=MODELS,
        features=st.sampled_from((0, 1, 33)),
        vmm=st.sampled_from(("qemu", "ec2", "gce")),
    ),
    is_hashed_before=st.booleans(),
)


@given(GUESTS)
@settings(max_examples=60)
def test_guests_with_a_kernel(folder: Path, guest: Guest) -> None:
    """On SNP, SEV-ES and SEV: any firmware table, kernel, line, processors and VMM."""
    from sevsnpmeasure.vmm_types import VMMType

    found, boot, processors = parse(guest.image), guest.boot, guest.processors
    start = snp_guest.firmware_only(found).value if guest.is_hashed_before else None
    same = {
        "kernel": boot.kernel, "initrd": boot.initrd, "append": boot.command_line,
        "vcpus": processors.count, "vcpu_sig": processors.signature,
        "vmm_type": VMMType[{"qemu": "QEMU"}.get(processors.vmm, processors.vmm)],
    }  # fmt: skip
    want = theirs(
        folder, "SEV_SNP", guest.image, **same, guest_features=processors.features,
        snp_ovmf_hash_str=start.hex() if start else "",
    )  # fmt: skip
    assert snp_guest.launch_digest(found, processors, boot, firmware_digest=start) == want
    want = theirs(folder, "SEV_ES", guest.image, **same)
    assert sev_guest.launch_digest(found, boot, processors) == want
    assert sev_guest.launch_digest(found, boot) == theirs(folder, "SEV", guest.image, **same)


SVSMS = st.builds(
    lambda sections, at, code: svsm(sections, entry_at=at)[: SIZE - 2048] + code
    + svsm(sections, entry_at=at)[SIZE - 2048 + len(code) :],
    SECTIONS, st.integers(0, SIZE), st.binary(min_size=1, max_size=100),
)  # fmt: skip


@given(
    SVSMS,
    st.integers(0, 40).map(lambda pages: pages * 4096),
    st.builds(Processors, count=st.integers(1, 5), signature=MODELS),
)
@settings(max_examples=40)
def test_guests_with_an_svsm(folder: Path, below: bytes, size: int, processors: Processors) -> None:
    """Any SVSM, at any place below the firmware."""
    image = firmware([entry(METADATA, u32(SIZE - AT))])
    made = svsm_guest.launch_digest(parse(image), parse(below), processors, variables_size=size)
    assert made == theirs(
        folder, "SEV_SNP_SVSM", image, svsm_file=below, vcpus=processors.count,
        vcpu_sig=processors.signature, ovmf_vars_size=size,
    )  # fmt: skip


def test_id_blocks(folder: Path) -> None:
    """Theirs is verified by ours, with the same block and the same digests of the keys."""
    from sevsnpmeasure.id_block import snp_calc_id_block

    keys = [ec.derive_private_key(number, ec.SECP384R1()) for number in (21, 22)]
    paths = []
    for number, key in enumerate(keys):
        paths.append(folder / f"{number}.pem")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        paths[-1].write_bytes(pem)
    digest = hashlib.sha384(b"guest").digest()
    made = snp_calc_id_block(digest, *map(str, paths))
    line, *rest = made.splitlines()
    block, auth = (base64.b64decode(part.partition("=")[2]) for part in line.split(","))
    named = [base64.b64decode(part.partition(": ")[2]) for part in rest]
    found = id_block.verify(block, auth)
    assert block == id_block.id_block(digest)
    assert [found.id_key_digest, found.author_key_digest] == named
    assert id_block.verify(block, id_block.id_auth(block, *keys)) == found


def test_models() -> None:
    """Every model that theirs knows has the same signature here."""
    from sevsnpmeasure.vcpu_types import CPU_SIGS

    assert CPU_SIGS.items() <= SIGNATURES.items()
