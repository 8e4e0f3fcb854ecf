"""What every test may ask for: tools that may be missing, and the folder of shared programs.

Nothing here patches the product.  A test that cannot run says which tool or folder it misses.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
SHARED = "ENARX_SHARED"
"""Names a folder of recorded vectors and of programs compiled elsewhere; by default a sibling."""

settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("ENARX_HYPOTHESIS", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Architecture first: it takes seconds and says the most."""
    items.sort(key=lambda item: item.path.name != "test_architecture.py")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked ``needs`` where one of its tools is missing."""
    for marker in item.iter_markers("needs"):
        missing = [tool for tool in marker.args if not available(tool)]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")


def available(tool: str) -> bool:
    """A program on the path or beside this Python, or a Python package."""
    beside = Path(sys.executable).parent
    return bool(
        shutil.which(tool)
        or shutil.which(tool, path=str(beside))
        or (tool.isidentifier() and importlib.util.find_spec(tool))
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared vectors and programs; the test is skipped where there is none."""
    folder = Path(os.environ.get(SHARED) or ROOT.parent / "shared")
    if not (folder / "langs").is_dir():
        pytest.skip(f"no shared programs at ../{folder.name} (set {SHARED})")
    return folder
