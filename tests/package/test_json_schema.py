"""The JSON Schema and the parser are two readings of one declaration: they agree."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.package.config import examine
from enarx.package.json_schema import json_schema
from enarx.package.template import TEMPLATE

jsonschema = pytest.importorskip("jsonschema")

BEYOND_SCHEMA = re.compile(
    r"is mounted twice|no tls socket in|and client_auth = |the port is a|the range |no name, addr"
    r"|is also set by|is where |from = |IPv6 address goes|want \[address\]| bytes, want | s, want"
)
"""What only the parser can know: rules over several keys, and the arithmetic of sizes."""

KEYS = ["kind", "name", "prot", "addr", "host", "port", "path", "source", "from", "size"]
WORDS = st.sampled_from(
    [
        "",
        "a",
        "a:b",
        "tls",
        "tcp",
        "listen",
        "connect",
        "stdin",
        "null",
        "/",
        "/a",
        "a/b",
        "../a",
        "scratch",
        "package",
        "64MiB",
        "64MB",
        "30s",
        "mozilla",
        "x:443",
        "*:*",
        "[::1]:1",
        "none",
    ]
)
LEAVES = WORDS | st.integers(-1, 70_000) | st.booleans() | st.just(0.5)
ENTRIES = st.dictionaries(st.sampled_from(KEYS), LEAVES, max_size=5)
VALID_FILES = st.sampled_from(
    [
        {"kind": "stdin"},
        {"kind": "listen", "name": "a"},
        {"kind": "listen", "name": "a", "prot": "tcp", "addr": "::1", "port": 1},
        {"kind": "connect", "host": "h", "prot": "tls"},
    ]
)
VALID_MOUNTS = st.sampled_from(
    [{"path": "/a"}, {"path": "/", "from": "a"}, {"path": "/t", "source": "scratch", "size": 5}]
)
TLS = st.dictionaries(
    st.sampled_from(["trust_anchors", "client_auth", "alpn", "server_name", "certificate"]),
    LEAVES | st.lists(WORDS, max_size=2),
    max_size=3,
)
LIMITS = st.dictionaries(
    st.sampled_from(["memory", "wall_time", "fuel", "open_files", "memry"]), LEAVES, max_size=3
)
SECRETS = st.dictionaries(
    st.sampled_from(["a", "a.b", "A", "..", ""]),
    st.dictionaries(
        st.sampled_from(["file", "env", "from", "optional", "fil"]),
        WORDS | st.sampled_from(["owner", "steward", "/run/secrets", "A"]) | st.booleans(),
        max_size=3,
    ),
    max_size=2,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "steward": WORDS | st.just("https://a.example"),
        "args": st.lists(LEAVES, max_size=2),
        "env": st.dictionaries(st.sampled_from(["A", "B=", ""]), LEAVES, max_size=2),
        "files": st.lists(ENTRIES | VALID_FILES, max_size=3) | LEAVES,
        "mounts": st.lists(ENTRIES | VALID_MOUNTS, max_size=3),
        "secrets": SECRETS,
        "limits": LIMITS,
        "network": st.fixed_dictionaries({}, optional={"connect": st.lists(WORDS, max_size=2)}),
        "tls": TLS,
        "more": LEAVES,
    },
)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@given(DOCUMENTS)
def test_schema_and_parser_agree(document: dict[str, object]) -> None:
    """They accept and refuse the same documents, but for the rules a schema cannot state."""
    text = "\n".join(f"{key} = {toml(value)}" for key, value in document.items())
    assert tomllib.loads(text) == document
    found = [str(problem) for problem in examine(text.encode())[1]]
    wrong = [error.message for error in VALIDATOR.iter_errors(document)]
    if wrong:
        assert found, f"only the schema refuses: {wrong}"
    else:
        assert all(BEYOND_SCHEMA.search(problem) for problem in found), found


def test_the_schema_is_a_schema() -> None:
    """It is valid under draft 2020-12 and survives JSON."""
    schema = json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("text", [TEMPLATE, TEMPLATE.replace("\n# ", "\n")])
def test_the_template_is_valid(text: str) -> None:
    """The template, as it is and un-commented, is valid under the schema."""
    VALIDATOR.validate(tomllib.loads(text))


def test_every_key_is_described() -> None:
    """An editor has something to show for every key of every table."""
    assert undescribed(json_schema(), "") == []


def toml(value: object) -> str:
    """*value* in TOML, which differs from JSON in its tables only."""
    if isinstance(value, dict):
        return (
            f"{{{', '.join(f'{json.dumps(key)} = {toml(item)}' for key, item in value.items())}}}"
        )
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


def undescribed(schema: object, path: str) -> list[str]:
    """The paths of properties without a description."""
    found = []
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                found += [
                    f"{path}.{name}" for name, item in value.items() if "description" not in item
                ]
            found += undescribed(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            found += undescribed(value, f"{path}[{index}]")
    return found
