"""A Steward's policy: what evidence must say, and what whoever shows it may be given.

One TOML document: a policy as ``appraisal`` reads it, and beside it what the Steward issues.

    [issue]
    lifetime = "12h"                   of certificates and results; at most 7 days
    dns_names = ["localhost"]          names that every workload may have
    any_workload = false               whether workloads that are not listed get anything
    require_workload = true            whether evidence that names no workload gets nothing

    [[workload]]
    digest = "sha256:…"
    name = "shop"                      its SPIFFE path is /workload/shop
    dns_names = ["shop.example.org"]
    secrets = ["db-password"]

It stands by itself: it is approved, stored and appraised by as it is, so it names no other file.

Source: DESIGN sections 6 and 9; SPIFFE-ID, section 2 (paths); RFC 5890, section 2.3.2.1 (A-labels).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, datetime, time
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from enarx.appraisal.catalogue import POLICY_FILE
from enarx.appraisal.composition import MAX_BYTES
from enarx.appraisal.policy import examine as examine_appraisal
from enarx.errors import Failure
from enarx.pki.names import dns_name_problem
from enarx.wire import document
from enarx.wire.shape import Duration, Many, Table, Text, Truth
from enarx.wire.shape_check import Problems, join, nearest, read, shown
from enarx.wire.toml import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.appraisal.policy import Policy
    from enarx.errors import MisconfiguredError

DEFAULT_LIFETIME_S = 12 * 3600
MIN_LIFETIME_S = 60
MAX_LIFETIME_S = 7 * 86_400
MAX_WORKLOADS = 1000
MAX_NAMES = 100
"""DNS names, and names of secrets, in one list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What is issued to whoever passes.

    Args:
        lifetime_s: of certificates and results, seconds.
        dns_names: that every admitted workload may have; "*.x.y" stands for itself only.
        any_workload: workloads that are not listed are admitted as well.
        require_workload: evidence that names no workload is not admitted.
    """

    lifetime_s: int = DEFAULT_LIFETIME_S
    dns_names: tuple[str, ...] = ()
    any_workload: bool = False
    require_workload: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload that is admitted, by its digest.

    Args:
        digest: "sha256:…" of its manifest.
        name: its SPIFFE path's last part; empty where it has none.
        dns_names: that it may have beside everybody's.
        secrets: names of those that it may be given.
    """

    digest: str
    name: str = ""
    dns_names: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StewardPolicy:
    """A whole policy of a Steward.

    Args:
        appraisal: what evidence must say.
        workloads: by digest.
        digest: "sha256:…" of *text*.
        text: the document, exactly.
    """

    appraisal: Policy
    issue: Issue
    workloads: Mapping[str, Workload]
    digest: str
    text: bytes

    def refusal(self, workload_digest: str) -> Failure | None:
        """Why a workload is given nothing; None where it is admitted.

        Args:
            workload_digest: as the claims have it, empty where they name none.
        """
        if not workload_digest:
            if not self.issue.require_workload:
                return None
            hint = "deploy an application, or state require_workload = false in [issue]"
            return Failure("workload", want="a workload digest", got="none", hint=hint)
        if self.issue.any_workload or workload_digest in self.workloads:
            return None
        hint = "add a [[workload]] with this digest to the policy"
        return Failure("workload", want="a listed workload", got=workload_digest, hint=hint)

    def names(self, workload_digest: str) -> tuple[str, ...]:
        """The DNS names that an admitted workload may have; none where it is not admitted."""
        if self.refusal(workload_digest) is not None:
            return ()
        known = self.workloads.get(workload_digest)
        own = known.dns_names if known else ()
        return tuple(dict.fromkeys((*self.issue.dns_names, *own)))

    def secrets(self, workload_digest: str) -> tuple[str, ...]:
        """The names of the secrets that a listed workload may be given."""
        known = self.workloads.get(workload_digest)
        return known.secrets if known else ()

    def spiffe_path(self, workload_digest: str, platform: str) -> str:
        """The path of its SPIFFE ID, "/workload/…"; "/platform/…" where it has no workload.

        Args:
            platform: the technology's name, which stands in for a workload that there is not.
        """
        if not workload_digest:
            return f"/platform/{platform}"
        known = self.workloads.get(workload_digest)
        if known and known.name:
            return f"/workload/{known.name}"
        return f"/workload/{workload_digest.replace(':', '/')}"


def parse(data: bytes, where: str = "policy") -> StewardPolicy:
    """The policy in *data*.

    Args:
        where: what to call it in errors and advice.

    Raises:
        MisconfiguredError: the first problem; a hint says how many more there are.
    """
    found, problems = examine(data, where)
    if found is not None:
        return found
    first = problems[0]
    if len(problems) > 1:
        more = f"{len(problems) - 1} more: enarx steward policy check {where}"
        first.hints = (*first.hints, more)
    raise first


def examine(
    data: bytes, where: str = "policy"
) -> tuple[StewardPolicy | None, tuple[MisconfiguredError, ...]]:
    """The policy in *data*, or every problem with it."""
    problems = Problems(where)
    own, rest = split(data, problems)
    issue, workloads = _own(own, problems)
    for key in FILES:
        if rest.pop(key, None) is not None:
            problems.add(key, "a stored policy names no files", _FLATTEN)
    if problems.found and not rest:
        return None, tuple(problems.found)
    policy, others = examine_appraisal(where, {where: document.dump(rest)})
    if policy is None or problems.found:
        return None, (*problems.found, *others)
    found = StewardPolicy(
        appraisal=policy,
        issue=issue,
        workloads=MappingProxyType(workloads),
        digest=digest(data),
        text=data,
    )
    return found, ()


def digest(data: bytes) -> str:
    """What a document is approved and known by: "sha256:" and 64 digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def split(data: bytes, problems: Problems) -> tuple[dict[str, object], dict[str, object]]:
    """The Steward's own tables in *data*, and the rest, which is a policy of ``appraisal``.

    Returns:
        Both as TOML has them; the rest without what JSON, in which it is handed on, does not have.
    """
    rest = read_toml(data, problems, most=MAX_BYTES)
    known = (*POLICY_FILE.keys, *_OWN.keys)
    for key in tuple(rest):
        if key not in known:
            problems.add(join("", key), "unknown key", nearest(key, known))
            del rest[key]
    own = {key: rest.pop(key) for key in _OWN.keys if key in rest}
    return own, rest if _is_plain(rest, "", problems) else {}


FILES = ("include", "reference_value_files")
"""The keys that name other files."""

_FLATTEN = "make it one document: enarx steward policy flatten"
_DNS_NAME = Text(wanted="a DNS name", pattern=r"^[\u0021-\u007e]{1,253}$")
_DNS_NAMES = Many("DNS names, in lower case; a wildcard stands for itself.", _DNS_NAME)
_SECRET_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  # noqa: S105 - a pattern
_OWN = Table(
    "What a Steward issues, and to whom.",
    {
        "issue": Table(
            "What is issued to whoever passes.",
            {
                "lifetime": Duration("Of certificates and results.", MAX_LIFETIME_S, "12h"),
                "dns_names": _DNS_NAMES,
                "any_workload": Truth("Whether workloads that are not listed pass.", default=False),
                "require_workload": Truth("Whether there must be a workload.", default=True),
            },
        ),
        "workload": Many(
            "The workloads that are admitted.",
            Table(
                "One workload.",
                {
                    "digest": Text(
                        about="Of its manifest.",
                        wanted="sha256: and 64 digits, lower case",
                        pattern=r"^sha256:[0-9a-f]{64}$",
                    ),
                    "name": Text(
                        about="The last part of its SPIFFE ID.",
                        wanted="a name of letters, digits and ._-",
                        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
                    ),
                    "dns_names": _DNS_NAMES,
                    "secrets": Many(
                        "Names of the secrets that it may have.",
                        Text(
                            wanted="a name of letters, digits and ._-, or three with / between",
                            pattern=rf"^{_SECRET_PART}(/{_SECRET_PART}){{0,2}}$",
                        ),
                    ),
                },
                required=("digest",),
            ),
        ),
    },
)


def _own(own: dict[str, object], problems: Problems) -> tuple[Issue, dict[str, Workload]]:
    """What the Steward's own tables state; anything where a problem was added."""
    before = len(problems.found)
    listed = own.get("workload", ())
    if isinstance(listed, list) and len(listed) > MAX_WORKLOADS:
        problems.wrong("workload", f"at most {MAX_WORKLOADS}", str(len(listed)))
        return Issue(), {}
    values = cast("Mapping[str, object]", read(_OWN, own, "", problems))
    if len(problems.found) > before:
        return Issue(), {}
    issue = _issue(cast("Mapping[str, object]", values.get("issue", {})), problems)
    found: dict[str, Workload] = {}
    entries = cast("tuple[Mapping[str, object], ...]", values.get("workload", ()))
    for number, entry in enumerate(entries):
        one = _workload(entry, f"workload[{number}]", problems)
        if one.digest in found:
            problems.add(f"workload[{number}].digest", "stands there twice")
        found[one.digest] = one
    return issue, found


def _issue(values: Mapping[str, object], problems: Problems) -> Issue:
    lifetime = float(cast("float", values.get("lifetime", DEFAULT_LIFETIME_S)))
    if lifetime < MIN_LIFETIME_S or lifetime % 1:
        want = f"whole seconds, from {MIN_LIFETIME_S} to {MAX_LIFETIME_S}"
        problems.wrong("issue.lifetime", want, f"{lifetime} s")
    return Issue(
        lifetime_s=int(lifetime),
        dns_names=_names(values, "issue", problems),
        any_workload=bool(values.get("any_workload", False)),
        require_workload=bool(values.get("require_workload", True)),
    )


def _workload(entry: Mapping[str, object], path: str, problems: Problems) -> Workload:
    secrets = cast("tuple[str, ...]", entry.get("secrets", ()))
    if len(secrets) > MAX_NAMES:
        problems.wrong(f"{path}.secrets", f"at most {MAX_NAMES}", str(len(secrets)))
    return Workload(
        digest=cast("str", entry["digest"]),
        name=cast("str", entry.get("name", "")),
        dns_names=_names(entry, path, problems),
        secrets=tuple(dict.fromkeys(secrets)),
    )


def _names(values: Mapping[str, object], path: str, problems: Problems) -> tuple[str, ...]:
    found = cast("tuple[str, ...]", values.get("dns_names", ()))
    if len(found) > MAX_NAMES:
        problems.wrong(f"{path}.dns_names", f"at most {MAX_NAMES}", str(len(found)))
        return ()
    for number, name in enumerate(found):
        problem = dns_name_problem(name)
        if problem:
            problems.add(f"{path}.dns_names[{number}]", f"{problem} (got {shown(name)})")
    return tuple(dict.fromkeys(found))


def _is_plain(value: object, path: str, problems: Problems, depth: int = 0) -> bool:
    """Whether *value* has only what JSON has too: that is how the rest is handed on."""
    if depth > _MAX_DEPTH:
        problems.add(path[:_MAX_PATH], "nested too deeply")
        return False
    match value:
        case dict():
            inner = [(join(path, key), item) for key, item in value.items()]
        case list():
            inner = [(f"{path}[{number}]", item) for number, item in enumerate(value)]
        case _:
            return _is_plain_value(value, path, problems)
    found = [_is_plain(item, place, problems, depth + 1) for place, item in inner]
    return all(found)


def _is_plain_value(value: object, path: str, problems: Problems) -> bool:
    match value:
        case date() | datetime() | time():
            problems.add(path, "got a date or time, want another kind of value", "put it in quotes")
            return False
        case int() if abs(value) >= 1 << 64:
            problems.add(path, "got a huge integer")
            return False
        case float() if not math.isfinite(value):
            problems.add(path, f"got the number {value}")
            return False
        case _:
            return True


_MAX_DEPTH = 12
_MAX_PATH = 80
