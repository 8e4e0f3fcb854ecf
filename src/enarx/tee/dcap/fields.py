"""Fields by dotted names, computed when they are asked for.

A technology declares its names and where each value is found, once; a view of a quote is then two
references, and costs nothing until somebody looks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from enarx.tee.claims import ClaimValue
from enarx.tee.dcap.layout import HeaderV3, HeaderV4
from enarx.tee.dcap.quote import V3

Getters = Mapping[str, Callable[[Any], ClaimValue]]


class Fields(Mapping[str, ClaimValue]):
    """A read-only view of *source* through *getters*."""

    __slots__ = ("_getters", "_source")

    def __init__(self, getters: Getters, source: object) -> None:
        self._getters, self._source = getters, source

    def __getitem__(self, name: str) -> ClaimValue:
        return self._getters[name](self._source)

    def __iter__(self) -> Iterator[str]:
        return iter(self._getters)

    def __len__(self) -> int:
        return len(self._getters)

    def __repr__(self) -> str:
        return f"Fields({dict(self)!r})"


def of_record(cls: type, prefix: str, path: str, names: Mapping[str, str]) -> Getters:
    """A getter for every field of the record *cls* that is not reserved, in its order.

    Args:
        path: of attributes, from the source to the record.
        names: what a field is called, where not as in *cls*.
    """
    return {
        f"{prefix}.{names.get(field.name, field.name)}": attrgetter(f"{path}.{field.name}")
        for field in dataclasses.fields(cls)
        if not field.name.startswith("reserved")
    }


def of_flags(prefix: str, path: str, names: tuple[str, ...]) -> Getters:
    """A getter for each of *names*, attributes of the flags at *path*."""
    return {f"{prefix}.{name}": attrgetter(f"{path}.{name}") for name in names}


def octets(path: str, size: int) -> Callable[[Any], ClaimValue]:
    """A getter of the number at *path* as the *size* bytes of which it was read."""
    get = attrgetter(path)
    return lambda source: int(get(source)).to_bytes(size, "little")


def of_header(prefix: str, version: int) -> Getters:
    """The getters of a quote's header; the quote is at ``quote``."""
    return of_record(HeaderV3 if version == V3 else HeaderV4, prefix, "quote.header", {})


def of_derived(prefix: str, *, supported: bool, multi_package: bool) -> Getters:
    """The getters of what verification derived; ``proof`` and ``verdict`` are beside ``quote``.

    Args:
        supported: the verdict has a date.
        multi_package: the PCK certificate is of the platform CA.
    """
    paths = _DERIVED | (_DATED if supported else {}) | (_MULTI_PACKAGE if multi_package else {})
    return {f"{prefix}.{name}": attrgetter(path) for name, path in paths.items()}


_DERIVED = {
    "tcb_status": "verdict.status",
    "tcb_eval_num": "proof.trusted.evaluation_number",
    "advisory_ids": "verdict.advisories",
    "platform_tcb_status": "verdict.platform",
    "qe_tcb_status": "verdict.qe",
    "qe.isv_svn": "quote.qe.isv_svn",
    "qe.mr_enclave": "quote.qe.mr_enclave",
    "fmspc": "proof.pck.fmspc",
    "pce_id": "proof.pck.pce_id",
    "pce_svn": "proof.pck.pce_svn",
    "cpu_svn": "proof.pck.cpu_svn",
    "ppid": "proof.pck.ppid",
    "sgx_type": "proof.pck.sgx_type",
    "tcb_info.issue_date": "proof.trusted.info.issued",
    "tcb_info.next_update": "proof.trusted.info.next_update",
    "tcb_info.eval_num": "proof.trusted.info.evaluation_number",
    "qe_identity.issue_date": "proof.trusted.identity.issued",
    "qe_identity.next_update": "proof.trusted.identity.next_update",
    "qe_identity.eval_num": "proof.trusted.identity.evaluation_number",
}
_DATED = {"tcb_date": "verdict.date"}
_MULTI_PACKAGE = {
    "platform_instance_id": "proof.pck.instance_id",
    "dynamic_platform": "proof.pck.configuration.dynamic_platform",
    "cached_keys": "proof.pck.configuration.cached_keys",
    "smt": "proof.pck.configuration.smt",
}
