"""The three layouts of a trust domain's report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.tee.tdx.report import TdAttributes, TdReport10, TdReport15, TdReport15Ex
from enarx.wire.record import offset_of, pack, size_of, unpack

SIZES = {TdReport10: 584, TdReport15: 648, TdReport15Ex: 885}

OFFSETS = {
    "tee_tcb_svn": 0, "mr_seam": 16, "mr_signer_seam": 64, "seam_attributes": 112,
    "td_attributes": 120, "xfam": 128, "mr_td": 136, "mr_config_id": 184, "mr_owner": 232,
    "mr_owner_config": 280, "rtmr_0": 328, "rtmr_1": 376, "rtmr_2": 424, "rtmr_3": 472,
    "report_data": 520, "tee_tcb_svn2": 584, "mr_servicetd": 600, "vmid": 648, "td_id": 649,
    "dev_info": 681, "init_serv_td_hash": 729, "init_serv_td_attributes": 777,
    "init_cpu_svn": 785, "init_tee_tcb_svn": 801, "init_tee_fmspc": 817, "cur_serv_td_hash": 829,
    "cur_serv_td_attributes": 877,
}  # fmt: skip

BITS = {
    "debug": 0, "hgs_plus_prof": 4, "perf_prof": 5, "pmt_prof": 6, "icssd": 16, "lass": 27,
    "sept_ve_disable": 28, "migratable": 29, "pks": 30, "key_locker": 31, "tpa": 62, "perfmon": 63,
}  # fmt: skip


@pytest.mark.parametrize("cls", SIZES, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_reports_write_what_they_read(cls: type, data: st.DataObject) -> None:
    """Any bytes of the right size come back: nothing is reserved, nothing is refused."""
    assert size_of(cls) == SIZES[cls]
    raw = data.draw(st.binary(min_size=SIZES[cls], max_size=SIZES[cls]))
    assert pack(unpack(cls, raw)) == raw


@pytest.mark.parametrize("cls", SIZES, ids=lambda cls: cls.__name__)
def test_fields_are_where_the_specification_has_them(cls: type) -> None:
    """Every layout begins with the one before it."""
    names = [name for name, offset in OFFSETS.items() if offset < SIZES[cls]]
    assert [offset_of(cls, name) for name in names] == [OFFSETS[name] for name in names]
    assert list(cls.__dataclass_fields__) == names


@pytest.mark.parametrize("name", BITS)
def test_each_attribute_is_its_own_bit(name: str) -> None:
    """An attribute is set by exactly one bit; the number is kept whole."""
    assert {bit for bit in range(64) if getattr(TdAttributes(1 << bit), name)} == {BITS[name]}


def test_any_bit_of_the_debug_group_is_under_debug() -> None:
    """Bits 7 to 0 make a domain untrusted, those without a name too."""
    assert [TdAttributes(1 << bit).under_debug for bit in range(64)] == [
        bit < 8 for bit in range(64)
    ]


def test_bits_without_a_name_are_shown() -> None:
    """What no table names is kept, and is what ``unknown`` says."""
    for bit in range(64):
        attributes = TdAttributes(1 << bit)
        assert int(attributes) == 1 << bit
        assert attributes.unknown == (0 if bit in BITS.values() else 1 << bit)
