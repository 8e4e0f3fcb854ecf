"""One image, three measurements; any change changes all of them."""

from __future__ import annotations

import pytest

from enarx.measure.process import NAMES, measure

FILES = {"enarx/keep/boot.py": b"print()\n", "enarx/keep/link.py": b"x" * 9000}
SIZES = {"snp": 48, "tdx": 48, "sgx": 32}


@pytest.mark.parametrize("platform", NAMES)
@pytest.mark.parametrize(
    "change",
    ["byte", "longer", "shorter", "renamed", "added", "removed", "moved"],
)
def test_any_change_is_another_measurement(platform: str, change: str) -> None:
    """Attack: one byte of the keep's code, and whatever else could make it another program."""
    before = measure(platform, FILES)  # type: ignore[arg-type]
    assert len(before) == SIZES[platform]
    files = dict(FILES)
    match change:
        case "byte":
            files["enarx/keep/link.py"] = b"x" * 8999 + b"y"
        case "longer":
            files["enarx/keep/link.py"] += b"\0"
        case "shorter":
            files["enarx/keep/link.py"] = files["enarx/keep/link.py"][:-1]
        case "renamed":
            files["enarx/keep/lint.py"] = files.pop("enarx/keep/link.py")
        case "added":
            files["enarx/keep/__init__.py"] = b""
        case "removed":
            del files["enarx/keep/link.py"]
        case "moved":
            files["enarx/keep/boot.py"], files["enarx/keep/link.py"] = (
                files["enarx/keep/link.py"], files["enarx/keep/boot.py"],
            )  # fmt: skip
    assert measure(platform, files) != before  # type: ignore[arg-type]


@pytest.mark.parametrize("platform", NAMES)
def test_an_image_has_one_measurement(platform: str) -> None:
    """Also in another order, and none of the other platforms'."""
    files = dict(reversed(FILES.items()))
    assert measure(platform, files) == measure(platform, FILES)  # type: ignore[arg-type]
    assert len({measure(name, FILES) for name in NAMES}) == 3
