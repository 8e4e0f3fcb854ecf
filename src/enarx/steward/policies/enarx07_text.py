"""The document that an imported policy becomes: every property of ours, stated or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.appraisal.catalogue import SECTIONS, neutral
from enarx.appraisal.unstated import UNSTATED
from enarx.steward.policies.document import MAX_LIFETIME_S
from enarx.steward.policies.enarx07_rules import NOT_LOOKED_AT
from enarx.steward.policies.text import appraisal_lines, reference_lines, table_lines
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enarx.steward.policies.enarx07_rules import Found

_EVERYWHERE: Mapping[str, object] = {
    "simulated": "forbidden",
    "report_data": "required",
    "revocation": "required",
    "smt": "allowed",
}
_ISSUE_NOTES = (
    "certificates count for 7 days, not for 28, and have no dummy name",
    "workloads were not known to 0.7: any one, and none, is admitted",
)


def write(
    sections: Mapping[str, Found], *, name: str, source: str, dns_names: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """The document, and the notes at its head.

    Args:
        sections: by platform.
        source: the file that was read.
    """
    missing = tuple(
        f"[{platform}] is not there: 0.7 let any program pass there, it is not accepted now"
        for platform in ("snp", "sgx")
        if platform not in sections
    )
    notes = (*(note for one in sections.values() for note in one.notes), *missing, *_ISSUE_NOTES)
    return "\n".join((*_lines(sections, name, source, notes, dns_names), "")), notes


def _lines(
    sections: Mapping[str, Found],
    name: str,
    source: str,
    notes: tuple[str, ...],
    dns_names: tuple[str, ...],
) -> Iterator[str]:
    yield f"# The policy of Enarx 0.7 in {source.encode('unicode_escape').decode()}."
    yield from (f"# - {note}" for note in notes)
    yield ""
    stated = {key: value for p, one in sections.items() for key, value in _section(p, one)}
    yield from appraisal_lines(name, sections, stated)
    for one in sections.values():
        yield from reference_lines(one.references)
    issue = {
        "lifetime": MAX_LIFETIME_S,
        "dns_names": dns_names,
        "any_workload": True,
        "require_workload": False,
    }
    yield from ("", "[issue]", *table_lines(issue))


def _section(platform: str, found: Found) -> Iterator[tuple[str, object]]:
    """Every property that *platform* has, by its whole key."""
    for one in (*neutral(platform), *SECTIONS[platform]):
        default: object = NOT_LOOKED_AT
        if (platform, one.key) in UNSTATED:
            default = Unchecked(UNSTATED[platform, one.key])
        value = found.stated.get(one.key, _EVERYWHERE.get(one.key, default))
        yield f"{platform}.{one.key}", value
