"""Whether evidence belongs to the key of the certificate or request that carried it.

Without this check anybody may take a genuine report from someone's certificate and put it beside a
key of their own.  Everything compared is public; nothing here needs constant time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import Failure, UnauthenticError

if TYPE_CHECKING:
    from enarx.evidence.opened import KeyBinding, Opened
    from enarx.tee.claims import Claims

STEP = "key binding"


def check_binding(opened: Opened, claims: Claims) -> None:
    """Insist that the evidence is bound to the key that its container names.

    Containers that name no key have nothing to check; what else ``report_data`` must be is the
    caller's question.

    Args:
        claims: of the same evidence, authenticated: bound by a forged report means nothing.

    Raises:
        UnauthenticError: the evidence is bound to another key, or to something else.
    """
    binding = opened.binding
    if binding is None:
        return
    failures = list(binding.failures)
    if not _is_bound(binding, claims):
        failures.append(_unbound(binding, claims))
    if failures:
        raise UnauthenticError(STEP, *failures)


def _is_bound(binding: KeyBinding, claims: Claims) -> bool:
    found = claims.report_data
    if any(found == want.ljust(len(found), b"\0") for want in binding.accepted):
        return True
    return any(claims.fields.get(name) == binding.spki for name in binding.fields)


def _unbound(binding: KeyBinding, claims: Claims) -> Failure:
    wanted = [want.hex() for want in binding.accepted]
    wanted += [f"the key in {name}" for name in binding.fields]
    return Failure(
        "report_data",
        want=f"{' or '.join(wanted)} ({binding.rule})",
        got=claims.report_data.hex() or "nothing",
        hint="the evidence was made for another key; do not use this one",
    )
