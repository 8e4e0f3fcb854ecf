"""What is launched: firmware, kernels, enclaves, and what their owners signed."""

from __future__ import annotations

from functools import cache

from tests.measure import enclaves, firmwares, kernels, test_efi_variables, test_id_block, test_tdvf

from enarx.measure import efi_variables, firmware, id_block, pe_image, sgxs, sigstruct, tdvf


def feed_sev_firmware(data: bytes) -> None:
    """Its tables, and the sections that are measured."""
    found = firmware.parse(data)
    assert found.gpa + len(data) == found.end


def feed_tdx_firmware(data: bytes) -> None:
    """Its sections; measuring each is bounded by the largest that there may be."""
    for section in tdvf.parse(data):
        assert len(section.data) <= section.size


def feed_variables(data: bytes) -> None:
    """Of a firmware's configuration volume."""
    efi_variables.variables(data)


def feed_kernel(data: bytes) -> None:
    """As a firmware measures it."""
    assert len(pe_image.digest(data)) == 48


def feed_enclave(data: bytes) -> None:
    """A stream of records."""
    assert len(sgxs.mr_enclave(data)) == 32


def feed_sigstruct(data: bytes) -> None:
    """Fields, and the signature."""
    found = sigstruct.verify(data)
    _ = found.mr_signer, found.signed_on, found.allows_debug


def feed_id_auth(data: bytes) -> None:
    """Beside a block that is whole."""
    id_block.verify(test_id_block.BLOCK, data)


@cache
def sev_firmwares() -> tuple[bytes, ...]:
    """A firmware, and an SVSM."""
    return firmwares.firmware(), firmwares.svsm()


@cache
def tdx_firmwares() -> tuple[bytes, ...]:
    """With every kind of section."""
    kinds = (test_tdvf.CODE, test_tdvf.VARIABLES, test_tdvf.MEMORY, test_tdvf.LATER)
    return (test_tdvf.made(*kinds),)


@cache
def kernel_images() -> tuple[bytes, ...]:
    """With and without certificates."""
    signed = kernels.image(body=kernels.BODY + b"c" * 24, certificates=24)
    return kernels.kernel(), signed


@cache
def id_auths() -> tuple[bytes, ...]:
    """With and without an author."""
    block, key = test_id_block.BLOCK, test_id_block.KEY
    return id_block.id_auth(block, key), id_block.id_auth(block, key, test_id_block.AUTHOR)


def volumes() -> tuple[bytes, ...]:
    """With keys and without."""
    return test_efi_variables.volume(), test_efi_variables.volume(test_efi_variables.KEYS)


def streams() -> tuple[bytes, ...]:
    """An enclave's."""
    return (enclaves.stream(),)


@cache
def sigstructs() -> tuple[bytes, ...]:
    """An author's."""
    return (enclaves.signed(),)
