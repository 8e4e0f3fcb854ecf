"""Objects from the other side of a link are read strictly."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.wire.document import Fields, dump, load, load_any, load_list

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is not JSON"),
        (b"[]", "got an array, want an object"),
        (b"null", "got null, want an object"),
        (b'{"a":1,"a":2}', "a key occurs twice"),
        (b'{"a":NaN}', "NaN is not a number"),
        (b'{"a":Infinity}', "Infinity is not a number"),
        (b'{"a":1} {}', "is not JSON"),
        (b'{"a":"\xff"}', "is not UTF-8"),
        (b"[" * 60_000, "is nested too deeply"),
        (b'{"a":' + b"9" * 5000 + b"}", "is not JSON"),
    ],
)
def test_what_is_not_one_plain_object_is_refused(data: bytes, problem: str) -> None:
    """Only one JSON object in UTF-8 without duplicate keys and non-numbers gets through."""
    with pytest.raises(MalformedError) as caught:
        load(data, "it")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it: is not JSON"),
        (b"{}", "it: got an object, want an array"),
        (b'[{}, "a"]', "it[1]: got a string, want an object"),
        (b"[{}, {}, {}]", "it: got 3 elements, want at most 2"),
        (b'[{"a":1,"a":2}]', "a key occurs twice"),
    ],
)
def test_what_is_not_one_list_of_objects_is_refused(data: bytes, problem: str) -> None:
    """A list has only objects in it, and no more than were asked for."""
    with pytest.raises(MalformedError) as caught:
        load_list(data, "it", most=2)
    assert problem in str(caught.value)


def test_a_list_gives_its_objects_in_order() -> None:
    """Each object of a list is read like one of its own."""
    first, second = load_list(b'[{"a":1},{"a":2}]', "it", most=2)
    assert (first.integer("a", 0, 9), second.integer("a", 0, 9)) == (1, 2)
    assert second.where == "it[1]"


@given(st.binary())
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives is an object or MalformedError."""
    with suppress(MalformedError):
        load(data, "it")


@given(st.dictionaries(st.text(), JSON))
def test_every_object_survives_the_round_trip(value: dict[str, object]) -> None:
    """``load`` reads what ``dump`` wrote, with every key to be taken."""
    fields = load(dump(value), "it")
    assert {key: fields.take(key) for key in value} == value
    fields.done()


def test_an_unread_key_is_unknown() -> None:
    """``done`` names a key that nobody asked for."""
    with pytest.raises(MalformedError, match="unknown key 'b'"):
        Fields({"b": 1}, "it").done()


def test_values_of_the_right_kind_are_returned() -> None:
    """Numbers become floats, booleans and digits stay what they are."""
    given = {"number": 3, "boolean": False, "digits": "00ff", "word": "a", "words": ["b", "c"]}
    fields = Fields(given, "it")
    assert "word" in fields
    number = fields.number("number", 0, 9)
    assert (number, type(number)) == (3.0, float)
    assert fields.boolean("boolean") is False
    assert fields.hexadecimal("digits", 4) == "00ff"
    assert fields.one_of("word", ("a", "b")) == "a"
    assert fields.texts("words", most=2) == ("b", "c")
    assert "word" not in fields
    fields.done()


def test_a_long_key_is_not_repeated_whole() -> None:
    """A key of a megabyte that nobody asked for makes one short line."""
    with pytest.raises(MalformedError) as caught:
        Fields({"b" * 1_000_000: 1}, "it").done()
    assert str(caught.value) == f"it: unknown key {'b' * 60!r}"


def test_a_missing_key_is_named() -> None:
    """Asking for a key that is not there says which."""
    with pytest.raises(MalformedError, match="key 'a' is missing"):
        Fields({}, "it").text("a")


@pytest.mark.parametrize(
    ("method", "value", "arguments"),
    [
        ("boolean", 1, ()),
        ("hexadecimal", "AB", (2,)),
        ("hexadecimal", "abc", (2,)),
        ("integer", -1, (0, 9)),
        ("integer", 1.0, (0, 9)),
        ("integer", 10, (0, 9)),
        ("integer", True, (0, 9)),
        ("number", 1e999, (0, 9)),
        ("number", "1", (0, 9)),
        ("number", True, (0, 9)),
        ("one_of", "c", (("a", "b"),)),
        ("array", {}, (9,)),
        ("array", [1, 2], (1,)),
        ("table", {"a": 1}, (9,)),
        ("table", {"a": "b", "c": "d"}, (1,)),
        ("table", [], (1,)),
        ("objects", [1], (9,)),
        ("object", [], ()),
        ("text", 1, ()),
        ("text", "a\0b", ()),
        ("text", "\ud800", ()),
    ],
)
def test_a_value_of_another_shape_is_refused(
    method: str, value: object, arguments: tuple[object, ...]
) -> None:
    """Types are exact (true is no number), sizes and ranges are checked."""
    with pytest.raises(MalformedError, match=r"^it"):
        getattr(Fields({"a": value}, "it"), method)("a", *arguments)


def test_a_length_is_checked_on_both_ends() -> None:
    """A string shorter or longer than it may be is refused."""
    for value in ("a", "aaaa"):
        with pytest.raises(MalformedError, match="want 2 to 3"):
            Fields({"a": value}, "it").text("a", least=2, most=3)


def test_bytes_of_a_command_line_pass_only_where_asked_for() -> None:
    """Surrogate escapes stand for bytes that are not UTF-8, where the caller expects some."""
    assert Fields({"a": "\udcff"}, "it").text("a", escaped=True) == "\udcff"
    with pytest.raises(MalformedError):
        Fields({"a": "\udcff"}, "it").text("a")


@pytest.mark.parametrize(
    ("data", "value"), [(b"[1,[2]]", [1, [2]]), (b"{}", {}), (b'"a"', "a"), (b"null", None)]
)
def test_any_value_can_be_asked_for(data: bytes, value: object) -> None:
    """A format that begins with an array or an object is decoded as what it is."""
    assert load_any(data, "x") == value
