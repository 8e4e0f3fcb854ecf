"""What a quote needs and has not, by its certificate and by the date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enarx.tee.endorsements import (
    Endorsements,
    IntelRootCrlNeed,
    PckCrlNeed,
    PckNeed,
    QeIdentityNeed,
    TcbInfoNeed,
)

if TYPE_CHECKING:
    from tests.tee.dcap.conftest import Bench


def test_nothing_is_needed_where_all_is_there(bench: Bench) -> None:
    """And what is asked for is exactly what makes the verification succeed."""
    assert bench.needs() == ()
    assert bench.authenticate().claims.revocation.unchecked == ()


def test_everything_is_needed_where_nothing_is(bench: Bench) -> None:
    """Collateral of the model, both lists; the kind of authority is its certificate's."""
    fmspc = bench.tdx.machine.fmspc
    empty = bench.given(certificates=(), crls=(), tcb_infos=(), qe_identities=())
    assert empty.endorsements == Endorsements()
    assert empty.needs() == (
        TcbInfoNeed(tee="tdx", fmspc=fmspc),
        QeIdentityNeed(tee="tdx"),
        PckCrlNeed(ca="platform"),
        IntelRootCrlNeed(),
    )
    processor = bench.of(ca="processor").given(crls=())
    assert processor.needs() == (PckCrlNeed(ca="processor"), IntelRootCrlNeed())


def test_each_part_is_needed_by_itself(bench: Bench) -> None:
    """One part is left out at a time."""
    given = bench.endorsements
    info = TcbInfoNeed(tee="tdx", fmspc=bench.tdx.machine.fmspc)
    assert bench.given(tcb_infos=()).needs() == (info,)
    assert bench.given(qe_identities=()).needs() == (QeIdentityNeed(tee="tdx"),)
    assert bench.given(crls=given.crls[1:]).needs() == (PckCrlNeed(ca="platform"),)
    assert bench.given(crls=given.crls[:1]).needs() == (IntelRootCrlNeed(),)
    without_signer = bench.given(certificates=given.certificates[1:])
    assert without_signer.needs() == (info, QeIdentityNeed(tee="tdx"))


def test_an_authoritys_certificate_comes_with_its_list(bench: Bench) -> None:
    """A quote with the leaf alone: whoever serves the list serves the chain above."""
    pck = bench.tdx.machine.certificates()[0]
    alone = bench.quoting(kind=4, certification=pck)
    assert alone.needs() == ()
    without = alone.given(certificates=alone.endorsements.certificates[:1])
    assert without.needs() == (PckCrlNeed(ca="platform"), IntelRootCrlNeed())


@pytest.mark.parametrize("days", [-5, 60])
def test_items_of_another_time_do_not_count(bench: Bench, days: int) -> None:
    """Before they were issued and after they ended, all are needed anew."""
    needs = bench.later(days=days).needs()
    assert {type(need) for need in needs} >= {TcbInfoNeed, QeIdentityNeed, IntelRootCrlNeed}


def test_a_certificate_that_is_only_named(bench: Bench) -> None:
    """It is asked for as Intel's service wants it; the model is not known before."""
    data = b"e" * 384 + b"c" * 16 + b"\x0d\x00" + bytes(2)
    named = bench.quoting(kind=3, certification=data)
    assert named.needs() == (
        PckNeed(
            encrypted_ppid=b"e" * 384,
            cpu_svn=b"c" * 16,
            pce_svn=13,
            pce_id=bytes(2),
            qe_id=bench.tdx.machine.qe_id,
        ),
    )
    pck = bench.tdx.machine.certificates()[0]
    assert named.given(certificates=(pck, *bench.endorsements.certificates)).needs() == ()


@pytest.mark.parametrize(("kind", "data"), [(7, b"manifest"), (5, None)])
def test_nothing_is_needed_where_nothing_would_help(
    bench: Bench, kind: int, data: bytes | None
) -> None:
    """No certificate can be asked for by a manifest, nor in place of a chain that lacks one."""
    ca = bench.tdx.machine.certificates()[1]
    assert bench.quoting(kind=kind, certification=data or ca).needs() == ()
