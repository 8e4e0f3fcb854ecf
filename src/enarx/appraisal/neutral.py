"""The properties that mean the same on every platform.

A platform's section may state any of them too, and then counts for that platform: what one
platform cannot say is left out there, with a reason, and stays demanded everywhere else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from enarx.appraisal.comparison import AtLeast, AtMostAge, Dated, Either, NotBefore, Off, Within
from enarx.appraisal.demand import Binding, Compared, RealUnlessTold, RevocationLooked
from enarx.appraisal.image import Image
from enarx.appraisal.property import PRINTABLE, Property, compared, hexadecimal, left_out, one_of
from enarx.appraisal.property import one_of_bytes as bytes_of
from enarx.wire.shape import Duration, Many, Table, Text, Whole

if TYPE_CHECKING:
    from enarx.appraisal.comparison import Comparison, Got
    from enarx.appraisal.demand import Case, Demand

IMAGE = "image"
SIMULATED = "simulated"
"""The one property that cannot be left out."""

INTEL_STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
)
"""Intel's words, the best first.  "Revoked" and "TcbNotSupported" can never be accepted."""

MAX_AGE_S = 36_500 * 86_400

_IMAGE_NAME = Text(wanted="a name of letters, digits and ._-", pattern=r"^[A-Za-z0-9._-]{1,100}$")
IMAGE_KEYS = {"name": _IMAGE_NAME, "version": _IMAGE_NAME}


def _debug(case: Case) -> Got:
    return case.authentic.claims.debug


def _migratable(case: Case) -> Got:
    return case.authentic.claims.migratable


def _smt(case: Case) -> Got:
    return case.authentic.claims.smt


def _simulated(case: Case) -> Got:
    return case.authentic.claims.simulated


def _report_data(case: Case) -> Got:
    return case.authentic.claims.report_data


def _instance(case: Case) -> Got:
    return case.authentic.claims.instance or None


def _measurements(case: Case) -> Got:
    found = case.authentic.claims.measurements
    return tuple(f"{name} {value.hex()}" for name, value in found.items())


def _revocation(case: Case) -> Got:
    return case.authentic.claims.revocation.unchecked or "looked up"


def _collateral(case: Case) -> Got:
    issued = case.authentic.collateral_issued
    return None if issued is None else Dated(issued, case.now)


def _status(case: Case) -> Got:
    return case.authentic.claims.tcb.status or None


def _advisories(case: Case) -> Got:
    tcb = case.authentic.claims.tcb
    return tcb.advisories if tcb.status else None


def _tcb_date(case: Case) -> Got:
    date = case.authentic.claims.tcb.date
    return None if date is None else Dated(date, case.now)


def _evaluation_number(case: Case) -> Got:
    return case.authentic.claims.tcb.evaluation_number


def _forbidden(value: str) -> Comparison:
    return Off() if value == "forbidden" else Either()


def _real(value: str) -> Demand:
    if value == "allowed":
        return RealUnlessTold()
    return Compared("simulated", _simulated, Off())


def _binding(_value: str) -> Demand:
    return Binding()


def _revocation_looked(value: str) -> Demand:
    return RevocationLooked(required=value == "required")


def _at_most_age(seconds: float) -> Comparison:
    return AtMostAge(timedelta(seconds=seconds))


def _within(words: tuple[str, ...]) -> Comparison:
    return Within(frozenset(words))


def _not_older_than(value: str) -> Comparison:
    """A number of days, or a date.

    Raises:
        ValueError: there is no such date.
    """
    if value.endswith("d"):
        return AtMostAge(timedelta(days=int(value.removesuffix("d"))))
    found = datetime.fromisoformat(value)
    return NotBefore(found.replace(tzinfo=UTC))


_FORBIDDEN = ("forbidden", "allowed")

NEUTRAL: tuple[Property, ...] = (
    Property(
        key=SIMULATED,
        about="the simulation of a TEE",
        value=Text(about="Whether a development root may vouch.", choices=_FORBIDDEN),
        demand=_real,
        claim="simulated",
        fact=_simulated,
        concern="hardware",
        risk="anybody can make such evidence; nothing is protected",
        hint="run it on hardware; only for a trial: --insecure-accept-simulated",
        baseline="forbidden",
        starter='"forbidden"',
    ),
    Property(
        key=IMAGE,
        about="the image",
        value=Many(
            "The images that may run, by the name and version of their reference values.",
            Table("One image.", IMAGE_KEYS, required=("name", "version")),
            least=1,
        ),
        demand=Image,
        claim="image",
        fact=_measurements,
        concern="executables",
        risk="any program may run, also one that hands out whatever it is given",
        hint="run an image that the policy names, or add its measurements to the reference values",
        starter=left_out("EDIT THIS: until reference values are stated, any program passes"),
    ),
    Property(
        key="report_data",
        about="what the evidence is bound to",
        value=Text(about="Whether the caller must say what it is bound to.", choices=("required",)),
        demand=_binding,
        claim="report_data",
        fact=_report_data,
        concern="instance-identity",
        risk="evidence may be old, or belong to somebody else's connection",
        hint="ask the peer for fresh evidence and give what it must be bound to (--report-data)",
        starter='"required"',
    ),
    Property(
        key="debug",
        about="debug mode",
        value=Text(about="Whether the host may debug the TEE.", choices=_FORBIDDEN),
        demand=compared("debug", _debug, _forbidden),
        claim="debug",
        fact=_debug,
        risk="the host can read and change everything",
        hint="launch without debugging",
        baseline="forbidden",
        starter='"forbidden"',
    ),
    Property(
        key="migration",
        about="migration to another machine",
        value=Text(about="Whether a migration agent may move the TEE.", choices=_FORBIDDEN),
        demand=compared("migration", _migratable, _forbidden),
        claim="migration",
        fact=_migratable,
        risk="a migration agent that nobody looked at can copy the memory",
        hint="launch without a migration agent",
        baseline="forbidden",
        starter='"forbidden"',
    ),
    Property(
        key="smt",
        about="simultaneous multithreading",
        value=Text(about="Whether sibling threads may run beside it.", choices=_FORBIDDEN),
        demand=compared("smt", _smt, _forbidden),
        claim="smt",
        fact=_smt,
        risk="a sibling thread can observe timing and caches",
        hint="launch on a host with multithreading off, and forbid it at launch",
        starter='"allowed"',
    ),
    Property(
        key="instances",
        about="the machine",
        value=Many("The identities of the machines that may be used.", hexadecimal(0), least=1),
        demand=compared("instance", _instance, bytes_of),
        claim="instance",
        fact=_instance,
        concern="instance-identity",
        risk="any machine of the vendor may run it, also one whose key was stolen by hand",
        hint="run it on a machine that the policy lists",
        starter=left_out("any genuine machine will do"),
    ),
    Property(
        key="revocation",
        about="what certificates are looked up in",
        value=Text(
            about="Whether every issuer's current list must have been looked at.",
            choices=("required", "if_available"),
        ),
        demand=_revocation_looked,
        claim="revocation",
        fact=_revocation,
        concern="hardware",
        risk="whoever has a stolen key simply leaves the list out",
        hint="fetch current lists: enarx endorsements fetch",
        baseline="if_available",
        starter='"required"',
    ),
    Property(
        key="collateral_age",
        about="the age of the vendor's dated endorsements",
        value=Duration("The most that the oldest of them may be old.", MAX_AGE_S),
        demand=compared("collateral_age", _collateral, _at_most_age),
        claim="collateral_age",
        fact=_collateral,
        concern="hardware",
        risk="a recent revocation or advisory may not be known yet",
        hint="fetch fresh endorsements: enarx endorsements fetch",
        starter=left_out("each endorsement's own validity is enough"),
    ),
)

TCB: tuple[Property, ...] = (
    Property(
        key="tcb.statuses",
        about="the status of the TCB in the vendor's words",
        value=Many("The accepted words.", Text(choices=INTEL_STATUSES), least=1),
        demand=compared("tcb.status", _status, one_of),
        claim="tcb.status",
        fact=_status,
        concern="hardware",
        risk="firmware with published holes may run it",
        hint="update the host's firmware and the quoting enclave, or use another host",
        baseline=("UpToDate", "SWHardeningNeeded"),
        starter='["UpToDate", "SWHardeningNeeded"]',
    ),
    Property(
        key="tcb.advisories",
        about="the vendor's advisories that are not fixed",
        value=Many("Those that may be open.", Text(pattern=PRINTABLE)),
        demand=compared("tcb.advisories", _advisories, _within),
        claim="tcb.advisories",
        fact=_advisories,
        concern="hardware",
        risk="a hole that the vendor tells of may be open",
        hint="read the advisory; fix it, or accept it by its name",
        starter=left_out("the accepted statuses say enough"),
    ),
    Property(
        key="tcb.not_older_than",
        about="the date of the TCB",
        value=Text(
            about="The earliest date of the parts' levels: a date, or an age in days.",
            wanted='a date like "2026-01-31", a time like "2026-01-31T00:00:00Z", '
            'or an age like "365d"',
            pattern=r"^([0-9]{1,5}d|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?)$",
        ),
        demand=compared("tcb.date", _tcb_date, _not_older_than),
        claim="tcb.date",
        fact=_tcb_date,
        concern="hardware",
        risk="what was up to date long ago may pass with old collateral",
        hint="update the host's firmware, or use another host",
        starter=left_out("the accepted statuses say enough"),
    ),
    Property(
        key="tcb.minimum_evaluation_number",
        about="the number of the vendor's evaluation that was used (tcbEvaluationDataNumber)",
        value=Whole("The smallest that counts.", 0, 1_000_000),
        demand=compared("tcb.evaluation_number", _evaluation_number, AtLeast),
        claim="tcb.evaluation_number",
        fact=_evaluation_number,
        concern="hardware",
        risk="an older evaluation, still valid, may call outdated firmware up to date",
        hint="fetch newer collateral: enarx endorsements fetch",
        starter=left_out("current collateral is recent enough"),
    ),
)
"""Only where a vendor evaluates TCBs: Intel."""
