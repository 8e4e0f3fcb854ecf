"""Edits of a TCB info's or QE identity's JSON that leave it JSON; it can then be signed again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

Edit = Callable[[dict[str, Any], random.Random], None]


def edited(body: bytes, chance: random.Random) -> bytes:
    """JSON with one thing in it that Intel would not write, or would write otherwise."""
    if chance.random() < 0.15:
        first = body.index(b",")
        return body[:first] + b"," + body[1:first] + body[first:]  # a key twice
    value = json.loads(body)
    chance.choice(EDITS)(value, chance)
    indent = chance.choice((None, None, None, 1))
    return json.dumps(value, indent=indent, separators=(",", ":")).encode()


def _levels_reversed(value: dict[str, Any], _: random.Random) -> None:
    value["tcbLevels"].reverse()


def _level_twice(value: dict[str, Any], chance: random.Random) -> None:
    level = chance.choice(value["tcbLevels"])
    value["tcbLevels"].append({**level, "tcbStatus": "UpToDate"})


def _no_levels(value: dict[str, Any], _: random.Random) -> None:
    value["tcbLevels"] = []


def _a_key_less(value: dict[str, Any], chance: random.Random) -> None:
    where = chance.choice((value, chance.choice(value["tcbLevels"])))
    del where[chance.choice(list(where))]


def _a_key_more(value: dict[str, Any], chance: random.Random) -> None:
    level = chance.choice(value["tcbLevels"])
    chance.choice((value, level, level["tcb"]))["more"] = 1


def _another_version(value: dict[str, Any], chance: random.Random) -> None:
    value["version"] = chance.choice((1, 2, 3, 4))


def _another_id(value: dict[str, Any], chance: random.Random) -> None:
    value["id"] = chance.choice(("SGX", "TDX", "QE", "TD_QE", "tdx", ""))


def _another_model(value: dict[str, Any], chance: random.Random) -> None:
    name = chance.choice(("fmspc", "pceId", "mrsigner"))
    if name in value:
        value[name] = chance.choice((value[name].upper(), value[name][:-1] + "9", ""))


def _another_type(value: dict[str, Any], chance: random.Random) -> None:
    if "tcbType" in value:
        value["tcbType"] = chance.choice((1, "0"))


def _another_status(value: dict[str, Any], chance: random.Random) -> None:
    level = chance.choice(value["tcbLevels"])
    level["tcbStatus"] = chance.choice(("Revoked", "uptodate", "Fine", 1))


def _another_number(value: dict[str, Any], chance: random.Random) -> None:
    tcb = chance.choice(value["tcbLevels"])["tcb"]
    name = chance.choice([one for one in tcb if isinstance(tcb[one], int)])
    tcb[name] = chance.choice((0, 65535, 65536, -1, "1", 1.0))


def _other_components(value: dict[str, Any], chance: random.Random) -> None:
    tcb = chance.choice(value["tcbLevels"])["tcb"]
    for components in (one for one in tcb.values() if isinstance(one, list)):
        chance.choice(
            (components.pop, components.clear, lambda it=components: it.append({"svn": 0}))
        )()


def _another_date(value: dict[str, Any], chance: random.Random) -> None:
    place = chance.choice((value, chance.choice(value["tcbLevels"])))
    name = next(one for one in ("issueDate", "tcbDate") if one in place)
    date = place[name].removesuffix("Z")
    forms = (f"{date}.5Z", f"{date}+00:00", f"{date}z", date, date.replace("T", " ") + "Z", "x")
    place[name] = chance.choice(forms)


def _other_modules(value: dict[str, Any], chance: random.Random) -> None:
    for module in value.get("tdxModuleIdentities", ())[:1]:
        name = chance.choice(("id", "mrsigner", "attributes", "attributesMask"))
        forms = (module[name].lower(), module[name][:-1] + "1", module[name][:-2])
        module[name] = chance.choice(forms)


EDITS: tuple[Edit, ...] = (
    _levels_reversed,
    _level_twice,
    _no_levels,
    _a_key_less,
    _a_key_more,
    _another_version,
    _another_id,
    _another_model,
    _another_type,
    _another_status,
    _another_number,
    _other_components,
    _another_date,
    _other_modules,
)
