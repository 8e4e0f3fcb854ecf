"""Policies of several files: order, overriding, and what keeps a walk over them finite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.appraisal.composition import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_FILES,
    Merged,
    Unread,
    beside,
    merge,
    wanted,
)
from enarx.appraisal.policy import examine, load

Make = Callable[..., Any]
Files = Mapping[str, "bytes | Unread"]
HEAD = "version = 1\n"


def of_texts(**texts: str) -> dict[str, bytes | Unread]:
    """Files by the names of arguments; each gets its version."""
    return {f"{name}.toml": (HEAD + text).encode() for name, text in texts.items()}


def merged(root: str, files: Files) -> Merged:
    """What the files state; there must be no problem."""
    found, problems = merge(root, files)
    assert [str(p) for p in problems] == []
    return found


def values(root: str, files: Files) -> dict[str, object]:
    """The properties that remain."""
    return {key: value for key, (value, _) in merged(root, files).properties.items()}


def told(root: str, files: Files) -> list[tuple[str, str, str]]:
    """Source, path and problem of everything that is wrong with the files alone."""
    return [(p.source, p.path, p.problem) for p in merge(root, files)[1]]


def test_included_files_come_first_and_later_ones_override() -> None:
    """Of what several files state, the file's own counts, then the last that it includes."""
    files = of_texts(
        a='debug = "allowed"\nsmt = "allowed"\nmigration = "allowed"',
        b='debug = "forbidden"\nsmt = "forbidden"',
        root='include = ["a.toml", "b.toml"]\ndebug = "allowed"\nname = "x"',
    )
    assert values("root.toml", files) == {
        "debug": "allowed",
        "smt": "forbidden",
        "migration": "allowed",
    }
    found = merged("root.toml", files)
    assert found.properties["smt"].source == "b.toml"
    assert found.properties["debug"].source == "root.toml"
    assert tuple(found.sources) == ("a.toml", "b.toml", "root.toml")


def test_a_property_is_overridden_as_a_whole() -> None:
    """A list or a table of minima is replaced, not mixed."""
    files = of_texts(
        base="[snp]\nvmpl = [0, 1]\nminimum_reported_tcb = { Milan = { bootloader = 1, tee = 0, "
        "snp = 1, microcode = 1 } }",
        root='include = ["base.toml"]\n[snp]\nvmpl = [2]\n'
        'minimum_reported_tcb = { unchecked = "why" }',
    )
    found = values("root.toml", files)
    assert found["snp.vmpl"] == (2,)
    assert found["snp.minimum_reported_tcb"] == ("why",)


def test_name_and_platforms_are_overridden_too() -> None:
    """A policy keeps what it includes unless it says otherwise."""
    files = of_texts(
        base='name = "base"\nplatforms = ["snp"]',
        root='include = ["base.toml"]',
        own='include = ["base.toml"]\nname = "own"\nplatforms = ["tdx"]',
    )
    assert (merged("root.toml", files).name, merged("root.toml", files).platforms) == (
        "base",
        ("snp",),
    )
    assert (merged("own.toml", files).name, merged("own.toml", files).platforms) == (
        "own",
        ("tdx",),
    )


REFERENCE = """[[reference_values]]
name = "app"
version = "{version}"
platform = "snp"
measurements = {{ measurement = ["{value}"] }}
"""


def test_reference_values_are_overridden_by_image_and_platform() -> None:
    """What a file says of an image replaces what others said; of other images it stays."""
    files = of_texts(
        base=REFERENCE.format(version="1", value="01") + REFERENCE.format(version="2", value="02"),
        values=REFERENCE.format(version="1", value="03") * 2,
        root='include = ["base.toml"]\nreference_value_files = ["values.toml"]',
        own='include = ["root.toml"]\n' + REFERENCE.format(version="2", value="05"),
    )
    found = merged("root.toml", files).references
    accepted = {
        image.version: [entry.measurements["measurement"] for entry in entries]
        for (image, _), entries in found.items()
    }
    assert accepted == {"1": [{b"\x03"}] * 2, "2": [{b"\x02"}]}
    own = merged("own.toml", files)
    assert [
        entry.measurements["measurement"]
        for (image, _), entries in own.references.items()
        if image.version == "2"
        for entry in entries
    ] == [{b"\x05"}]
    assert tuple(own.sources) == ("base.toml", "values.toml", "root.toml", "own.toml")


def test_reference_values_may_be_json() -> None:
    """A file that begins like an object is JSON, of the same shape, read as strictly."""
    text = (
        '{"version":1,"reference_values":[{"name":"app","version":"1","platform":"snp",'
        '"measurements":{"measurement":["0a"]}}]}'
    )
    files = {**of_texts(root='reference_value_files = ["v.json"]'), "v.json": text.encode()}
    ((found,),) = merged("root.toml", files).references.values()
    assert found.measurements == {"measurement": {b"\x0a"}}
    files["v.json"] = text.replace('"version":1,', '"version":1,"version":1,').encode()
    assert told("root.toml", files) == [("v.json", "", "is not JSON: a key occurs twice")]
    files["v.json"] = text.replace('"0a"', '"0"').encode()
    assert told("root.toml", files) == [
        (
            "v.json",
            "reference_values[0].measurements.measurement[0]",
            'got "0", want some hexadecimal digits',
        )
    ]
    files["v.json"] = text.encode() + b" " * (MAX_BYTES - len(text))
    assert told("root.toml", files) == []
    files["v.json"] = b"{" + b" " * MAX_BYTES
    assert told("root.toml", files) == [
        ("v.json", "", f"too large (got {MAX_BYTES + 1} bytes, want at most {MAX_BYTES})")
    ]


def test_a_policy_file_is_no_file_of_reference_values() -> None:
    """The two kinds have their own keys, also where one file is named as both."""
    files = of_texts(root='include = ["a.toml"]\nreference_value_files = ["a.toml"]', a='smt = "x"')
    assert ("a.toml", "smt", "unknown key") in told("root.toml", files)
    assert ("a.toml", "reference_values", "is missing") in told("root.toml", files)
    assert ("a.toml", "smt", 'got "x", want "forbidden" or "allowed"') in told("root.toml", files)


@pytest.mark.parametrize(
    ("path", "name", "found"),
    [
        ("policy.toml", "base.toml", "base.toml"),
        ("dir/policy.toml", "base.toml", "dir/base.toml"),
        ("dir/policy.toml", "../base.toml", "dir/../base.toml"),
        ("/etc/p/policy.toml", "x/y.toml", "/etc/p/x/y.toml"),
        ("/policy.toml", "y.toml", "/y.toml"),
        ("dir/policy.toml", "/abs.toml", "/abs.toml"),
    ],
)
def test_names_count_from_the_file_that_names_them(path: str, name: str, found: str) -> None:
    """A relative path starts in the folder of the including file."""
    assert beside(path, name) == found


def test_wanted_names_what_is_not_read_yet() -> None:
    """Step by step every file is asked for once, and nothing more when all are there."""
    texts = of_texts(
        root='include = ["a.toml"]\nreference_value_files = ["v.toml"]',
        a='include = ["b.toml", "b.toml"]',
        b="",
        v="reference_values = []",
    )
    files: dict[str, bytes | Unread] = {}
    asked = []
    while missing := wanted("root.toml", files):
        asked.append(missing)
        files |= {name: texts[name] for name in missing}
    assert asked == [("root.toml",), ("a.toml", "v.toml"), ("b.toml",)]


def test_a_file_that_was_not_given_is_a_problem() -> None:
    """A caller who forgets a file gets no policy without it."""
    files = of_texts(root='include = ["a.toml"]')
    assert told("root.toml", files) == [
        ("root.toml", "include", "root.toml > a.toml: was not read")
    ]
    assert told("root.toml", {}) == [("root.toml", "", "was not read")]


def test_a_file_that_cannot_be_read_names_the_chain() -> None:
    """The problem is of the file that includes it, with the way there."""
    files = {
        **of_texts(root='include = ["a.toml"]', a='reference_value_files = ["x.toml", "v.toml"]'),
        "v.toml": Unread("no such file or directory"),
        "x.toml": b"version = 1\nreference_values = []",
    }
    assert told("root.toml", files) == [
        (
            "a.toml",
            "reference_value_files[1]",
            "root.toml > a.toml > v.toml: no such file or directory",
        )
    ]


def test_a_cycle_names_the_chain() -> None:
    """A file that includes itself, over others too, is refused."""
    files = of_texts(
        root='include = ["a.toml"]', a='include = ["b.toml"]', b='include = ["a.toml"]'
    )
    assert told("root.toml", files) == [
        ("b.toml", "include", "includes itself: root.toml > a.toml > b.toml > a.toml")
    ]
    assert told("a.toml", of_texts(a='include = ["a.toml"]')) == [
        ("a.toml", "include", "includes itself: a.toml > a.toml")
    ]


def chain(length: int) -> dict[str, bytes | Unread]:
    """Files f0 … of which each includes the next."""
    texts = {f"f{n}": f'include = ["f{n + 1}.toml"]' for n in range(length - 1)}
    return of_texts(**texts, **{f"f{length - 1}": ""})


def test_the_bounds_are_those_of_the_reference() -> None:
    """Who changes one changes what is promised."""
    assert (MAX_BYTES, MAX_DEPTH, MAX_FILES) == (1_000_000, 8, 64)


def test_depth_is_bounded() -> None:
    """Files may include each other so deep and no deeper."""
    assert told("f0.toml", chain(MAX_DEPTH + 1)) == []
    way = " > ".join(f"f{n}.toml" for n in range(MAX_DEPTH + 2))
    assert told("f0.toml", chain(MAX_DEPTH + 2)) == [
        (f"f{MAX_DEPTH}.toml", "include", f"more than {MAX_DEPTH} files deep: {way}")
    ]


def test_the_number_of_inclusions_is_bounded() -> None:
    """Files that include each other twice do not multiply; the bound is told once."""
    texts = {f"f{n}": f'include = ["f{n + 1}.toml", "f{n + 1}.toml"]' for n in range(7)}
    problems = told("f0.toml", of_texts(**texts, f7=""))
    assert len(problems) == 1
    assert problems[0][1:2] == ("include",)
    assert problems[0][2].startswith(f"more than {MAX_FILES} files are included: f0.toml > ")
    few = {f"f{n}": f'include = ["f{n + 1}.toml", "f{n + 1}.toml"]' for n in range(5)}
    assert told("f0.toml", of_texts(**few, f5="")) == []  # 63 inclusions


@pytest.mark.parametrize(("leaves", "refused"), [(12, False), (13, True)])
def test_the_bound_of_inclusions_is_exact(leaves: int, *, refused: bool) -> None:
    """64 inclusions are read; nothing after them is, and that is told once."""
    names = [*(f"big{n}" for n in range(3)), *(f"leaf{n}" for n in range(leaves))]
    listed = ", ".join(f'"{name}.toml"' for name in names)
    small = ", ".join(f'"small{n}.toml"' for n in range(16))
    files = of_texts(
        root=f"include = [{listed}]",
        **{f"big{n}": f"include = [{small}]" for n in range(3)},
        **{f"small{n}": "" for n in range(16)},
        **{f"leaf{n}": "" for n in range(leaves)},
    )
    problems = told("root.toml", files)
    way = "root.toml > leaf12.toml"
    problem = ("root.toml", "include", f"more than {MAX_FILES} files are included: {way}")
    assert problems == ([problem] if refused else [])
    states = dict(files) | of_texts(leaf11='debug = "allowed"')
    assert merge("root.toml", states)[0].properties["debug"].value == "allowed"
    beyond = ", ".join(f'"{name}.toml"' for name in ("nowhere", "away"))
    files |= of_texts(last=f'include = ["root.toml", {beyond}]')
    files |= {"nowhere.toml": Unread("not there"), "away.toml": Unread("not there")}
    assert len(told("last.toml", files)) == 1


def test_the_list_of_one_file_is_bounded() -> None:
    """A file names at most sixteen others."""
    names = ", ".join(f'"f{n}.toml"' for n in range(17))
    files = of_texts(root=f"include = [{names}]", **{f"f{n}": "" for n in range(17)})
    assert told("root.toml", files) == [("root.toml", "include", "got 17 files, want at most 16")]
    names = ", ".join(f'"f{n}.toml"' for n in range(16))
    files = of_texts(root=f"include = [{names}]", **{f"f{n}": "" for n in range(16)})
    assert told("root.toml", files) == []


def test_problems_of_a_file_are_told_once() -> None:
    """Also where it is included twice."""
    files = of_texts(
        root='include = ["a.toml", "a.toml"]',
        a='smt = "x"\n[[reference_values]]\nname = "a"\nversion = "1"\nplatform = "snp"\n'
        "measurements = {}",
    )
    assert told("root.toml", files) == [
        ("a.toml", "smt", 'got "x", want "forbidden" or "allowed"'),
        ("a.toml", "reference_values[0].measurements.measurement", "is missing"),
        (
            "a.toml",
            "reference_values[0].measurements",
            "nothing is measured: every measurement is left out",
        ),
    ]


def test_problems_name_the_file_that_states_the_value(policy_file: Make) -> None:
    """A value of an included file is that file's, what is missing is the policy's."""
    base = policy_file("tdx", **{"tcb.not_older_than": '"2025-02-30"', "debug": ""})
    files = {
        "base.toml": base.encode(),
        **of_texts(root='include = ["base.toml"]'),
    }
    policy, problems = examine("root.toml", files)
    assert policy is None
    assert [(p.source, p.path) for p in problems] == [
        ("root.toml", "debug"),
        ("base.toml", "tcb.not_older_than"),
    ]


def test_what_is_missing_is_not_told_where_a_file_is() -> None:
    """Where a file is not there, nobody can say what it would have stated."""
    files = {
        **of_texts(root='include = ["a.toml"]\nname = "x"'),
        "a.toml": Unread("is a directory"),
    }
    _, problems = examine("root.toml", files)
    assert [p.problem for p in problems] == ["root.toml > a.toml: is a directory"]


SETTINGS = st.dictionaries(
    st.sampled_from(["debug", "migration", "smt", "simulated"]),
    st.sampled_from(["forbidden", "allowed"]),
)


def text_of(settings: Mapping[str, str]) -> str:
    """TOML of some settings."""
    return "\n".join(f'{key} = "{value}"' for key, value in settings.items())


@given(SETTINGS, SETTINGS, SETTINGS)
def test_composition_is_overriding(
    one: dict[str, str], other: dict[str, str], own: dict[str, str]
) -> None:
    """Including is merging from left to right, and including a file twice is as good as once."""
    base = of_texts(a=text_of(one), b=text_of(other))
    files = {**base, **of_texts(root='include = ["a.toml", "b.toml"]\n' + text_of(own))}
    assert values("root.toml", files) == {**one, **other, **own}
    twice = of_texts(root='include = ["a.toml", "b.toml", "a.toml", "b.toml"]\n' + text_of(own))
    assert values("root.toml", {**base, **twice}) == {**one, **other, **own}


@given(SETTINGS, SETTINGS, SETTINGS)
def test_composition_is_associative(
    one: dict[str, str], other: dict[str, str], third: dict[str, str]
) -> None:
    """It does not matter whether files are included one beside or one inside the other."""
    base = of_texts(a=text_of(one), b=text_of(other), c=text_of(third))
    flat = of_texts(root='include = ["a.toml", "b.toml", "c.toml"]')
    deep = of_texts(root='include = ["ab.toml", "c.toml"]', ab='include = ["a.toml", "b.toml"]')
    assert values("root.toml", {**base, **flat}) == values("root.toml", {**base, **deep})


def test_division_into_files_does_not_change_the_digest(policy_file: Make) -> None:
    """The same policy in two files is the same policy."""
    whole = load("p.toml", {"p.toml": policy_file().encode()})
    base = policy_file(debug='"allowed"').replace('name = "test"', 'name = "base"')
    own = 'include = ["base.toml"]\nname = "test"\ndebug = { unchecked = "no debug" }'
    parts = {"base.toml": base.encode(), **of_texts(p=own)}
    assert load("p.toml", parts).sha256 == whole.sha256


@given(st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_problems(data: bytes) -> None:
    """Bytes that are no policy are told as problems, nothing else."""
    policy, problems = examine("p.toml", {"p.toml": data})
    assert policy is None
    assert problems
