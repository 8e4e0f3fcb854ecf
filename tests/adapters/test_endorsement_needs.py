"""Each need has words of its own and a key of its own."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import get_args

import pytest

from enarx.adapters.endorsement_needs import key_of, reveals_others, title_of
from enarx.tee.endorsements import (
    AmdChainNeed,
    AmdCrlNeed,
    IntelRootCrlNeed,
    Need,
    PckCrlNeed,
    PckNeed,
    QeIdentityNeed,
    TcbInfoNeed,
    VekNeed,
)

NEEDS: dict[str, Need] = {
    "VCEK of chip abababababababab… (Milan or Turin; blSPL 3, teeSPL 0 or fmcSPL 1)": VekNeed(
        products=("Milan", "Turin"),
        signer="vcek",
        hwid=b"\xab" * 64,
        tcb=((("blSPL", 3), ("teeSPL", 0)), (("fmcSPL", 1),)),
    ),
    "VLEK (Milan; blSPL 3)": VekNeed(
        products=("Milan",), signer="vlek", hwid=b"", tcb=((("blSPL", 3),),)
    ),
    "ASK and ARK of Milan": AmdChainNeed(products=("Milan",), signer="vcek"),
    "ASVK and ARK of Milan": AmdChainNeed(products=("Milan",), signer="vlek"),
    "VCEK revocation list of Milan or Turin": AmdCrlNeed(
        products=("Milan", "Turin"), signer="vcek"
    ),
    "TDX TCB info of FMSPC 00806f050000": TcbInfoNeed(
        tee="tdx", fmspc=bytes.fromhex("00806f050000")
    ),
    "SGX QE identity": QeIdentityNeed(tee="sgx"),
    "revocation list of Intel's PCK platform CA": PckCrlNeed(ca="platform"),
    "revocation list of Intel's SGX root CA": IntelRootCrlNeed(),
    "PCK certificate for CPU SVN 0101, PCE SVN 13": PckNeed(
        encrypted_ppid=b"\x01" * 384, cpu_svn=b"\x01\x01", pce_svn=13, pce_id=bytes(2), qe_id=b"q"
    ),
}


@pytest.mark.parametrize("title", NEEDS)
def test_each_need_has_its_words(title: str) -> None:
    """What is asked for, in the vendors' words."""
    assert title_of(NEEDS[title]) == title


def test_every_kind_of_need_is_here() -> None:
    """A new kind of need cannot be forgotten."""
    assert {type(need) for need in NEEDS.values()} == set(get_args(Need))


def test_keys_are_file_names_and_differ() -> None:
    """By kind, by every field, and by what else changes the answer."""
    changed = {
        replace(need, **{field.name: DIFFERENT[type(getattr(need, field.name))]})  # type: ignore[type-var]
        for need in NEEDS.values()
        for field in fields(need)
    }
    needs = {*NEEDS.values(), *changed}
    keys = {key_of(need, variant) for need in needs for variant in ("", "update=early")}
    assert len(keys) == 2 * len(needs)
    assert set("".join(keys)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert all(key_of(need, "") == key_of(replace(need), "") for need in needs)


DIFFERENT: dict[type, object] = {str: "other", bytes: b"other", tuple: ("other",), int: 14}


def test_leaves_are_answered_first() -> None:
    """They tell which product, authority and platform it is."""
    assert {type(need) for need in NEEDS.values() if reveals_others(need)} == {VekNeed, PckNeed}
