"""The reference of policy files is what the catalogue says, value by value."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_policy_page_is_made_from_the_catalogue() -> None:
    """docs/reference/policy-toml.md is what docs/policy_reference.py writes."""
    path = ROOT / "docs" / "policy_reference.py"
    spec = importlib.util.spec_from_file_location("policy_reference", path)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    page = (ROOT / "docs" / "reference" / "policy-toml.md").read_text()
    assert program.render() == page, (
        "run: python docs/policy_reference.py docs/reference/policy-toml.md"
    )
