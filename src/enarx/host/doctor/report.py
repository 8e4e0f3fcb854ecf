"""A report of the facts, which somebody else can diagnose; written and read strictly.

A JSON object of version 1.  What is read is a stranger's: unknown keys, names and versions are
errors, everything has a bound, and what a terminal would obey is escaped.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.host.doctor import facts as watched
from enarx.host.doctor.facts import (
    Device,
    Facts,
    Kernel,
    KernelLog,
    Limits,
    Processor,
    Program,
    Sandbox,
    SevFirmware,
)
from enarx.protocol.outcome import legible
from enarx.wire.document import Fields, check_text, load

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

KIND = "enarx-platform-facts"
VERSION = 1
MAX_BYTES = 64 * 1024

_MOST = 200  # characters of one text
_MAX_NUMBER = 1 << 32
_MAX_LIMIT = 1 << 63
_WHERE = "platform report"


def encode(facts: Facts) -> bytes:
    """The report of *facts*, for people to read, too."""
    return json.dumps(_document(facts), indent=2, sort_keys=False).encode("ascii") + b"\n"


def _document(facts: Facts) -> dict[str, object]:
    kernel, processor, log = facts.kernel, facts.processor, facts.log
    return {
        "report": KIND,
        "version": VERSION,
        "kernel": {
            "release": kernel.release,
            "architecture": kernel.architecture,
            "parameters": dict(sorted(kernel.parameters.items())),
            "config": None if kernel.config is None else dict(sorted(kernel.config.items())),
            "command_line": sorted(kernel.command_line),
        },
        "processor": asdict(processor) | {"features": sorted(processor.features)},
        "guest": facts.guest,
        "packages": facts.packages,
        "devices": {path: asdict(device) for path, device in sorted(facts.devices.items())},
        "programs": {name: p.version for name, p in sorted(facts.programs.items())},
        "files": sorted(facts.files),
        "log": {
            "problem": log.problem,
            "complete": log.complete,
            "found": dict(sorted(log.found.items())),
        },
        "sev": asdict(facts.sev),
        "kvm_problem": facts.kvm_problem,
        "limits": asdict(facts.limits),
        "sandbox": asdict(facts.sandbox),
    }


def decode(data: bytes) -> Facts:
    """The facts in a report.

    Raises:
        MalformedError: it is none, of another version, or says what version 1 does not know.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(_WHERE, f"got more than {MAX_BYTES} bytes")
    fields = load(data, _WHERE)
    _check_kind(fields)
    facts = Facts(
        kernel=_kernel(fields.object("kernel")),
        processor=_processor(fields.object("processor")),
        guest=fields.one_of("guest", watched.GUESTS),
        packages=fields.one_of("packages", watched.PACKAGES),
        devices=_devices(fields.object("devices")),
        programs={
            name: Program(path=name, version=version)
            for name, version in _texts(fields.object("programs"), watched.PROGRAMS).items()
        },
        files=_subset(fields, "files", watched.FILES),
        log=_log(fields.object("log")),
        sev=_sev(fields.object("sev")),
        kvm_problem=_text(fields, "kvm_problem"),
        limits=_limits(fields.object("limits")),
        sandbox=_sandbox(fields.object("sandbox")),
    )
    fields.done()
    return facts


def _check_kind(fields: Fields) -> None:
    hint = "a report is what this prints on the other machine: enarx platform doctor --report"
    if "report" not in fields:
        raise MalformedError(_WHERE, "key 'report' is missing", hints=(hint,))
    if fields.text("report", most=_MOST) != KIND:
        raise MalformedError(f"{_WHERE}: report", f"want {KIND!r}", hints=(hint,))
    version = fields.integer("version", 0, _MAX_NUMBER)
    if version != VERSION:
        hint = "update enarx, here or where the report was made"
        raise MalformedError(f"{_WHERE}: version", f"got {version}, want {VERSION}", hints=(hint,))


def _kernel(fields: Fields) -> Kernel:
    release, architecture = _text(fields, "release"), _text(fields, "architecture")
    parameters = _texts(fields.object("parameters"), watched.PARAMETERS)
    config = fields.take("config")
    where = f"{fields.where}: config"
    chosen = None if config is None else _texts(Fields(config, where), watched.CONFIG)
    words = _subset(fields, "command_line", watched.COMMAND_LINE)
    fields.done()
    return Kernel(
        release=release,
        architecture=architecture,
        parameters=parameters,
        config=chosen,
        command_line=words,
    )


def _processor(fields: Fields) -> Processor:
    found = Processor(
        vendor=_text(fields, "vendor"),
        name=_text(fields, "name"),
        family=fields.integer("family", 0, _MAX_NUMBER),
        model=fields.integer("model", 0, _MAX_NUMBER),
        features=_subset(fields, "features", watched.FEATURES),
    )
    fields.done()
    return found


def _devices(fields: Fields) -> dict[str, Device]:
    found = {}
    for path in watched.DEVICES:
        if path in fields:
            inner = fields.object(path)
            found[path] = Device(usable=inner.boolean("usable"), group=_text(inner, "group"))
            inner.done()
    fields.done()
    return found


def _log(fields: Fields) -> KernelLog:
    found = KernelLog(
        problem=_text(fields, "problem"),
        complete=fields.boolean("complete"),
        found=_texts(fields.object("found"), watched.MARKERS),
    )
    fields.done()
    size = found.found.get("sgx_epc_mib", "0")
    if not (size.isascii() and size.isdigit()):
        raise MalformedError(f"{fields.where}: found: sgx_epc_mib", "want digits")
    return found


def _sev(fields: Fields) -> SevFirmware:
    found = SevFirmware(
        problem=_text(fields, "problem"),
        api=_text(fields, "api"),
        build=fields.integer("build", 0, _MAX_NUMBER),
        initialized=fields.boolean("initialized"),
        rmp=fields.boolean("rmp"),
    )
    fields.done()
    return found


def _limits(fields: Fields) -> Limits:
    found = Limits(
        address_space=fields.integer("address_space", -1, _MAX_LIMIT),
        locked_memory=fields.integer("locked_memory", -1, _MAX_LIMIT),
        open_files=fields.integer("open_files", -1, _MAX_LIMIT),
    )
    fields.done()
    return found


def _sandbox(fields: Fields) -> Sandbox:
    found = Sandbox(
        engine=_text(fields, "engine"),
        seccomp=fields.boolean("seccomp"),
        landlock=fields.integer("landlock", 0, _MAX_NUMBER),
    )
    fields.done()
    return found


def _text(fields: Fields, key: str) -> str:
    return legible(fields.text(key, most=_MOST)).replace("\n", " ")


def _texts(fields: Fields, known: Collection[str]) -> Mapping[str, str]:
    """Texts by names that are known."""
    found = {name: _text(fields, name) for name in sorted(known) if name in fields}
    fields.done()
    return found


def _subset(fields: Fields, key: str, known: Collection[str]) -> frozenset[str]:
    """An array of names that are known."""
    where = f"{fields.where}: {key}"
    found = [check_text(v, where, most=_MOST) for v in fields.array(key, len(known))]
    for name in found:
        if name not in known:
            raise MalformedError(where, f"unknown name {legible(name)!r}")
    return frozenset(found)
