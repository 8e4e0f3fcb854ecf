"""VCEK and VLEK certificates: AMD's extensions, and every way to have them wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.asn1 import IA5String
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from enarx.errors import MalformedError
from enarx.tee.snp.vek import (
    AMD_ARC,
    CSP_ID,
    HW_ID,
    PRODUCT_NAME,
    RESERVED_SPL,
    SPL,
    STRUCT_VERSION,
    is_vek,
    load_vek,
)
from enarx.tee.x509 import load_certificate
from enarx.wire.der import encode

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop


def ia5(text: str) -> bytes:
    """The DER of an IA5String."""
    return encode(IA5String(text))


def test_a_vcek_says_which_chip_and_tcb(genoa: Workshop, turin: Workshop) -> None:
    """A VCEK names chip, product and TCB, on Turin with 8 bytes of hwID and an FMC."""
    vek = genoa.loaded()
    assert (vek.signer, vek.product, vek.product_name) == ("vcek", "Genoa", "Genoa")
    assert (vek.hwid, vek.tcb, vek.csp_id) == (genoa.machine.hwid, genoa.machine.tcb_version, "")
    vek = turin.loaded()
    assert (vek.product, len(vek.hwid), vek.tcb) == ("Turin", 8, turin.machine.tcb_version)


def test_a_vlek_says_which_provider(vlek: Workshop) -> None:
    """A VLEK names the cloud provider and no chip."""
    vek = vlek.loaded()
    assert (vek.signer, vek.hwid, vek.csp_id) == ("vlek", b"", "CN=SIMULATED provider")


def test_only_veks_claim_to_be(genoa: Workshop) -> None:
    """An ASK is not taken for a VEK."""
    assert [is_vek(load_certificate(der, "c")) for der in (genoa.vek(), *genoa.chain())] == [
        True, False, False,
    ]  # fmt: skip


def test_hwid_is_never_der(genoa: Workshop) -> None:
    """A hwID that is DER of a string, as one recorded chip's nearly is, is the 64 bytes it is."""
    hwid = ia5("x" * 62)
    assert len(hwid) == 64
    assert genoa.loaded(genoa.vek({HW_ID: hwid})).hwid == hwid


def test_levels_up_to_255(genoa: Workshop) -> None:
    """A level above 127 has a leading zero in DER, and is one byte."""
    for level in (0xDE, 0xFE, 0xFF):
        given = genoa.vek({SPL["microcode"]: b"\x02\x02\x00" + bytes((level,))})
        assert genoa.loaded(given).tcb[7] == level


def test_extensions_of_others(genoa: Workshop) -> None:
    """A VEK may have extensions of X.509 beside AMD's, such as a key identifier."""
    assert genoa.loaded(genoa.vek({"2.5.29.14": encode(bytes(20))})).hwid == genoa.machine.hwid


WRONG: dict[str, tuple[dict[str, bytes | None], str]] = {
    "struct version": ({STRUCT_VERSION: encode(2)}, "got structVersion 2, want 0 or 1"),
    "no product": ({PRODUCT_NAME: None}, f"extension {PRODUCT_NAME} is missing"),
    "UTF-8 product": ({PRODUCT_NAME: encode("Genoa")}, "not the DER of its type"),
    "unknown product": ({PRODUCT_NAME: ia5("Venice")}, "got product 'Venice'"),
    "no level": ({SPL["snp"]: None}, "got a TCB of bootloader, tee, microcode, want boot"),
    "FMC on Genoa": ({SPL["fmc"]: encode(0)}, "got a TCB of .*fmc, want"),
    "level 256": ({SPL["snp"]: encode(256)}, "got 02020100, want the DER of an integer from 0"),
    "level -1": ({SPL["snp"]: encode(-1)}, "got 0201ff, want the DER"),
    "long form": ({SPL["snp"]: b"\x02\x02\x00\x01"}, "got 02020001, want the DER"),
    "trailing byte": ({SPL["snp"]: encode(1) + b"\0"}, "got 02010100, want the DER"),
    "reserved level": ({RESERVED_SPL[0]: encode(1)}, "reserved extension .*: got 1, want zero"),
    "unknown extension": ({AMD_ARC + "3.10": encode(0)}, "unknown extension .*3.10"),
    "no owner": ({HW_ID: None}, "either a hwID"),
    "two owners": ({CSP_ID: ia5("CN=x")}, "either a hwID"),
    "short hwID": ({HW_ID: bytes(8)}, "got a hwID of 8 bytes, want 64 as on Genoa"),
    "DER hwID": ({HW_ID: encode(bytes(64))}, "got a hwID of 66 bytes"),
}


@pytest.mark.parametrize(("changes", "problem"), WRONG.values(), ids=WRONG.keys())
def test_wrong_extensions(genoa: Workshop, changes: dict[str, bytes | None], problem: str) -> None:
    """An extension that is missing, unknown, not DER, or out of range is refused."""
    with pytest.raises(MalformedError, match=problem):
        load_vek(genoa.vek(changes), "VEK")


def test_wrong_extensions_of_turin(turin: Workshop) -> None:
    """A Turin's VCEK must name the FMC and 8 bytes of hwID."""
    with pytest.raises(MalformedError, match="want fmc, bootloader"):
        load_vek(turin.vek({SPL["fmc"]: None}), "VEK")
    with pytest.raises(MalformedError, match="got a hwID of 64 bytes, want 8 as on Turin"):
        load_vek(turin.vek({HW_ID: bytes(64)}), "VEK")


def test_other_keys(genoa: Workshop) -> None:
    """The key of a VEK is of P-384."""
    for key in (ec.derive_private_key(7, ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        with pytest.raises(MalformedError, match=r"want a key of P-384"):
            load_vek(genoa.vek(key=key), "VEK")


def test_no_certificate() -> None:
    """What is no certificate is malformed."""
    with pytest.raises(MalformedError, match="VEK: not a certificate"):
        load_vek(b"\x30\x00", "VEK")
