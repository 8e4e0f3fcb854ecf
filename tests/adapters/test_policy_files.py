"""Policies are read from a disk with what they include, and what cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from enarx.adapters.policy_files import read_files, read_policy
from enarx.appraisal.composition import MAX_BYTES, Unread
from enarx.appraisal.starter import starter
from enarx.errors import MisconfiguredError


def test_a_policy_is_read_with_what_it_includes(tmp_path: Path) -> None:
    """Paths of included files count from the file that names them."""
    (tmp_path / "team").mkdir()
    (tmp_path / "base.toml").write_text(starter(("snp",), "base"))
    own = tmp_path / "team" / "policy.toml"
    own.write_text('version = 1\nname = "team"\ninclude = ["../base.toml"]\n')
    policy = read_policy(str(own))
    assert policy.name == "team"
    assert policy.sources == (f"{tmp_path}/team/../base.toml", str(own))


def test_what_cannot_be_read_is_kept_for_the_policy_to_tell(tmp_path: Path) -> None:
    """No file, a directory, and a file that is too large, each in its own words."""
    root = tmp_path / "p.toml"
    root.write_text('version = 1\ninclude = ["a.toml", "b.toml", "c.toml"]\n')
    (tmp_path / "b.toml").mkdir()
    (tmp_path / "c.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    files = read_files(str(root))
    assert files.pop(str(root)) == root.read_bytes()
    assert {Path(name).name: found for name, found in files.items()} == {
        "a.toml": Unread("no such file or directory"),
        "b.toml": Unread("is a directory"),
        "c.toml": Unread(f"too large (want at most {MAX_BYTES} bytes)"),
    }


@pytest.mark.parametrize("size", [None, MAX_BYTES + 1])
def test_a_policy_that_cannot_be_read_is_refused(size: int | None, tmp_path: Path) -> None:
    """The file itself must be there, and of a size that a policy has."""
    path = tmp_path / "p.toml"
    if size:
        path.write_bytes(b"#" * size)
    with pytest.raises(MisconfiguredError) as caught:
        read_policy(str(path))
    assert caught.value.source == str(path)
    assert caught.value.problem in (
        "no such file or directory",
        f"too large (want at most {MAX_BYTES} bytes)",
    )


def test_the_largest_policy_is_read(tmp_path: Path) -> None:
    """The bound is included."""
    text = starter(("snp",), "x").encode()
    path = tmp_path / "p.toml"
    path.write_bytes(text + b"#" * (MAX_BYTES - len(text)))
    assert read_policy(str(path)).name == "x"
