"""Values cross to the engine and back unchanged; another type is never read."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.keep.component import types
from enarx.keep.component.error_code import FILESYSTEM, NETWORK
from enarx.keep.component.pollable import Pollable
from enarx.keep.component.types import (
    BOOL,
    BYTES,
    FLAGS,
    STRING,
    U8,
    U16,
    U32,
    U64,
    Borrow,
    Enum,
    List,
    Option,
    Own,
    Record,
    Tuple,
    Type,
    Variant,
)
from enarx.keep.component.values import MAX_RESOURCES, Values
from enarx.keep.engine.component_guest import ComponentLinker, ComponentStore
from enarx.keep.engine.engine import Engine, Settings
from enarx.keep.engine.library import declare, lib
from enarx.keep.engine.trap import Trap

declare(lib, {"wasmtime_component_val_delete": "vp"})
ENGINE = Engine(Settings())
LINKER = ComponentLinker(ENGINE)
STORE = ComponentStore(ENGINE)
TEXT = st.text(st.characters(codec="utf-8"))
RECORD = Record(seconds=U64, type=STRING)
VARIANT = Variant(no_change=None, timestamp=RECORD)
CASES: list[tuple[Type, st.SearchStrategy[object]]] = [
    (BOOL, st.integers(0, 1)),
    (U8, st.integers(0, 2**8 - 1)),
    (U16, st.integers(0, 2**16 - 1)),
    (U32, st.integers(0, 2**32 - 1)),
    (U64, st.integers(0, 2**64 - 1)),
    (STRING, TEXT),
    (BYTES, st.binary()),
    (List(STRING), st.lists(TEXT).map(tuple)),
    (Tuple(U8, STRING), st.tuples(st.integers(0, 255), TEXT)),
    (RECORD, st.tuples(st.integers(0, 2**64 - 1), TEXT)),
    (
        VARIANT,
        st.one_of(st.just(("no-change", None)), st.tuples(st.just("timestamp"), st.just((7, "x")))),
    ),
    (Enum("ipv4 ipv6"), st.sampled_from(["ipv4", "ipv6"])),
    (FLAGS, st.frozensets(st.sampled_from(["read", "write", "mutate-directory"]))),
    (Option(U32), st.one_of(st.none(), st.integers(0, 2**32 - 1))),
]


def values() -> Values:
    """Allocations in an engine of the test."""
    return Values(STORE.context)


def free(packed: bytes) -> None:
    """Give a value back to the engine."""
    lib.wasmtime_component_val_delete(ctypes.create_string_buffer(packed, types.SIZE))


@given(st.data())
def test_values_come_back(data: st.DataObject) -> None:
    """What is stored is loaded, for every kind of type."""
    kind, strategy = data.draw(st.sampled_from(CASES))
    value = data.draw(strategy)
    packed = kind.store(value, values())
    assert len(packed) == types.SIZE
    assert kind.load(packed, 0, values()) == value
    free(packed)


@pytest.mark.parametrize("wanted", [kind for kind, _ in CASES])
def test_another_kind_is_a_trap(wanted: Type) -> None:
    """A value of another kind is refused before anything of it is used."""
    for number in range(22):
        if number == wanted.kind:
            continue
        foreign = bytes([number]) + bytes(7) + b"\x41" * 24  # would be a wild pointer
        with pytest.raises(Trap):
            wanted.load(foreign, 0, values())


def test_records_have_their_own_fields() -> None:
    """Fields of other names, and another number of fields, are another type."""
    for other in (Record(seconds=U64, name=STRING), Record(seconds=U64)):
        packed = other.store((1, "x")[: len(other._fields)], values())
        with pytest.raises(Trap):
            RECORD.load(packed, 0, values())
        free(packed)


def test_unknown_cases_are_refused() -> None:
    """A case that the type has not is another type."""
    packed = Variant(later=None).store(("later", None), values())
    with pytest.raises(Trap):
        VARIANT.load(packed, 0, values())
    free(packed)
    packed = Enum("ipv5").store("ipv5", values())
    with pytest.raises(Trap):
        Enum("ipv4 ipv6").load(packed, 0, values())
    free(packed)


def test_a_list_of_others_is_not_bytes() -> None:
    """`list<string>` is not read as `list<u8>`."""
    packed = List(STRING).store(["ab", "c"], values())
    with pytest.raises(Trap):
        BYTES.load(packed, 0, values())
    free(packed)


def test_bytes_of_every_size_share_one_buffer() -> None:
    """A short list after a long one has nothing of it."""
    ours = values()
    for data in (b"\xff" * 1000, b"ab", b"", bytes(range(256)) * 16):
        packed = BYTES.store(memoryview(data), ours)
        assert BYTES.load(packed, 0, ours) == data
        free(packed)


def test_handles_are_the_objects_behind_them() -> None:
    """A handle leads to its object, and to nothing once it is dropped."""
    ours, pollable = values(), Pollable()
    packed = Own(Pollable).store(pollable, ours)
    handle = int.from_bytes(packed[8:16], "little")
    assert handle
    assert list(ours._resources.values()) == [pollable]
    ours.drop(1)
    assert not ours._resources
    free(packed)


def test_a_handle_of_another_resource_is_a_trap() -> None:
    """A pollable is not taken for a stream."""

    class Fake(Values):
        def resource(self, handle: int) -> object:
            return Pollable()

    packed = bytes([types.KIND_RESOURCE]) + bytes(31)
    with pytest.raises(Trap):
        Borrow(str).load(packed, 0, Fake(STORE.context))


def test_resources_are_bounded() -> None:
    """A guest cannot fill the keep's memory with handles."""
    ours = values()
    ours._resources.update(dict.fromkeys(range(MAX_RESOURCES), Pollable()))
    with pytest.raises(Trap, match="resources open"):
        Own(Pollable).store(Pollable(), ours)


def test_errors_have_the_interfaces_names() -> None:
    """Every error number gives a case that the interface has."""
    import errno

    for number in errno.errorcode:
        assert FILESYSTEM.of(OSError(number, "")) in FILESYSTEM.cases
        assert NETWORK.of(OSError(number, "")) in NETWORK.cases
    assert len(FILESYSTEM.cases) == 37
    assert len(NETWORK.cases) == 21
