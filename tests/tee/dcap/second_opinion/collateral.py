"""Structured damage of collateral, and of the instant at which it is looked at."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.tee.dcap.second_opinion.quotes import scribbled

if TYPE_CHECKING:
    from tests.tee.dcap.second_opinion.opinions import Case, Collateral

Change = Callable[["Case", Sequence["Case"], random.Random], "Case"]

SIGNED = ("tcb_info", "qe_identity")
EVERYTHING = ("signers", "issuers", "pck_crl", "root_crl", *SIGNED)
DAYS = (-4000, -400, -60, -31, -10, -1, 1, 10, 31, 60, 400, 4000)


def of_the_time(case: Case, _: Sequence[Case], chance: random.Random) -> Case:
    """Another instant: by days, or by a few seconds around a date that the collateral names."""
    if chance.random() < 0.5:
        return replace(case, now=case.now + timedelta(days=chance.choice(DAYS)))
    dates = re.findall(rb'"(?:issueDate|nextUpdate)":"(.{19})Z"', both_bodies(case.collateral))
    found = chance.choice(dates).decode()
    offset = timedelta(seconds=chance.choice((-1, 0, 1)))
    return replace(case, now=case.now.fromisoformat(f"{found}Z") + offset)


def both_bodies(collateral: Collateral) -> bytes:
    """TCB info and QE identity, JSON."""
    return collateral.tcb_info.body + collateral.qe_identity.body


def of_another(case: Case, others: Sequence[Case], chance: random.Random) -> Case:
    """One or two items are those of another quote's set."""
    donor = chance.choice(others).collateral
    picked = chance.sample(EVERYTHING, chance.choice((1, 1, 2)))
    changes = {name: getattr(donor, name) for name in picked}
    return replace(case, collateral=replace(case.collateral, **changes))


def of_all(case: Case, others: Sequence[Case], chance: random.Random) -> Case:
    """The whole set is another's, sometimes with its time."""
    donor = chance.choice(others)
    now = donor.now if chance.random() < 0.7 else case.now
    return replace(case, collateral=donor.collateral, now=now)


def of_a_list(case: Case, _: Sequence[Case], chance: random.Random) -> Case:
    """A revocation list that is damaged, missing, or the other one."""
    found = case.collateral
    changes = chance.choice(
        (
            {"pck_crl": scribbled(found.pck_crl, chance)},
            {"root_crl": scribbled(found.root_crl, chance)},
            {"pck_crl": found.root_crl},
            {"root_crl": found.pck_crl},
            {"pck_crl": b""},
            {"root_crl": b""},
            {"pck_crl": found.pck_crl + b"\0"},
            {"pck_crl": found.root_crl, "root_crl": found.pck_crl},
        )
    )
    return replace(case, collateral=replace(found, **changes))


def of_the_certificates(case: Case, others: Sequence[Case], chance: random.Random) -> Case:
    """Certificates of a chain in another order, fewer, damaged, or with a stranger's."""
    name = chance.choice(("signers", "issuers"))
    chain = list(getattr(case.collateral, name)) or list(case.collateral.issuers)
    how = chance.randrange(5)
    if how == 0:
        chain.reverse()
    elif how == 1:
        chain.pop(chance.randrange(len(chain)))
    elif how == 2:
        place = chance.randrange(len(chain))
        chain[place] = scribbled(chain[place], chance)
    elif how == 3:
        stranger = chance.choice(others).collateral
        chain.insert(chance.randrange(len(chain) + 1), chance.choice(stranger.issuers))
    else:
        chain = []
    return replace(case, collateral=replace(case.collateral, **{name: tuple(chain)}))


def of_the_json(case: Case, _: Sequence[Case], chance: random.Random) -> Case:
    """JSON that is not what was signed: a number, a word, a key, a blank, a byte."""
    name = chance.choice(SIGNED)
    item = getattr(case.collateral, name)
    body = edited(item.body, chance)
    changed = replace(case.collateral, **{name: replace(item, body=body)})
    return replace(case, collateral=changed)


def edited(body: bytes, chance: random.Random) -> bytes:
    """JSON with one thing in it different."""
    numbers = list(re.finditer(rb"(?<=:)[0-9]+", body))
    words = list(re.finditer(rb'"(?:UpToDate|OutOfDate|SWHardeningNeeded)"', body))
    how = chance.randrange(6)
    if how == 0:
        return spliced(
            body, chance.choice(numbers), b"%d" % chance.choice((0, 1, 7, 255, 256, 99999))
        )
    if how == 1 and words:
        return spliced(
            body, chance.choice(words), chance.choice((b'"UpToDate"', b'"Revoked"', b'"x"'))
        )
    if how == 2:
        return body.replace(b":", b": ", 1)
    if how == 3:
        return body.replace(b"{", b'{"extra":1,', 1)
    if how == 4:
        return body + chance.choice((b"x", b"{}", b"\0"))
    return scribbled(body, chance)


def spliced(body: bytes, found: re.Match[bytes], what: bytes) -> bytes:
    """*body* with *what* in place of *found*."""
    return body[: found.start()] + what + body[found.end() :]


def of_a_signature(case: Case, _: Sequence[Case], chance: random.Random) -> Case:
    """Another signature over TCB info or QE identity, or the other item's."""
    name, other = chance.sample(SIGNED, 2)
    item = getattr(case.collateral, name)
    borrowed = getattr(case.collateral, other).signature
    made = chance.choice((scribbled(item.signature, chance), borrowed, bytes(64)))
    changed = replace(case.collateral, **{name: replace(item, signature=made)})
    return replace(case, collateral=changed)


CHANGES: tuple[Change, ...] = (
    of_the_time,
    of_the_time,
    of_another,
    of_another,
    of_all,
    of_a_list,
    of_the_certificates,
    of_the_json,
    of_a_signature,
)
