"""What ``enarx package inspect`` says about a package: the facts, and the facts as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enarx.package import files_layer, wasm
from enarx.package.config import examine
from enarx.package.wasm_interface import component_names, module_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.package.manifest import Package
    from enarx.package.model import Config, Secret

_SHOWN_FILES = 40
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))

Report = dict[str, Any]  # a JSON document


def describe(package: Package, path: str) -> Report:
    """The facts about *package*, as a JSON document."""
    return {
        "path": path,
        "digest": package.digest,
        "program": _program(package.module),
        "layers": [
            {"mediaType": blob.media_type, "digest": blob.digest, "size": len(blob.data)}
            for blob in package.blobs[1:]
        ],
        "config": _config(package.config),
        "files": _files(package.files_layer),
    }


def lines(report: Report) -> Iterator[str]:
    """*report* for people."""
    program = report["program"]
    yield f"package   {report['path']}"
    yield f"digest    {report['digest']}"
    yield f"program   {program['kind']}, {amount(program['size'])}"
    for module, names in program["imports"].items():
        yield f"imports   {module}: {', '.join(names)}" if names else f"imports   {module}"
    yield f"exports   {', '.join(program['exports']) or 'nothing'}"
    for layer in report["layers"]:
        yield f"layer     {amount(layer['size']):>10}  {layer['mediaType']}  {layer['digest']}"
    yield from _config_lines(report["config"])
    yield from _file_lines(report["files"])


def _program(module: bytes) -> Report:
    kind = wasm.kind_of(module)
    imports: dict[str, list[str]] = {}
    if kind == wasm.MODULE:
        pairs, kinds = module_names(module)
        exports = [name for name, _ in kinds]
        for origin, name in pairs:
            imports.setdefault(origin, []).append(name)
    else:
        names, exports = component_names(module)
        imports = {name: [] for name in names}
    return {"kind": kind, "size": len(module), "imports": imports, "exports": exports}


def _config(text: bytes | None) -> Report | None:
    if text is None:
        return None
    config, problems = examine(text)
    if problems:
        return {"problems": [str(problem) for problem in problems]}
    return {
        "steward": config.steward,
        "args": list(config.args),
        "env": sorted({name for name, _ in config.env}),  # names only: values may be private
        "files": [_described(config, index) for index in range(len(config.files))],
        "mounts": [{"path": mount.path, "source": mount.source} for mount in config.mounts],
        "secrets": [_secret(secret) for secret in config.secrets],
        "connect": [rule.text for rule in config.network_connect],
        "limits": {name: getattr(config.limits, name) for name in config.limits.__slots__},
    }


def _secret(secret: Secret) -> Report:
    place = {"file": secret.file} if secret.file else {"env": secret.env}
    return {
        "name": secret.name,
        **place,
        "from": secret.origin,
        "optional": secret.optional,
    }


def _described(config: Config, index: int) -> Report:
    file = config.files[index]
    found: Report = {"fd": index, "kind": file.kind, "name": file.name}
    if file.prot:
        found |= {"prot": file.prot, "host": file.host or file.addr, "port": file.port}
    return found


def _files(layer: bytes | None) -> list[Report]:
    if layer is None:
        return []
    found = []
    for member in files_layer.members(layer):
        item: Report = {"path": member.path, "kind": member.kind, "size": len(member.data)}
        if member.target:
            item["target"] = member.target
        found.append(item)
    return found


def _config_lines(config: Report | None) -> Iterator[str]:
    if config is None:
        yield "config    none: stdin, stdout, stderr"
        return
    if "problems" in config:
        yield from (f"config    {problem}" for problem in config["problems"])
        return
    for file in config["files"]:
        place = f" {file['prot']} {file['host']} port {file['port']}" if "prot" in file else ""
        name = f" ({file['name']})" if file["name"] != file["kind"] else ""
        yield f"fd {file['fd']:<6} {file['kind']}{name}{place}"
    if not config["files"]:
        yield "config    no descriptors: the application runs silently"
    for key in ("args", "env", "connect"):
        if config[key]:
            yield f"{key:<9} {', '.join(config[key])}"
    for mount in config["mounts"]:
        yield f"mount     {mount['path']} from {mount['source']}"
    yield from map(_secret_line, config["secrets"])
    for name, limit in config["limits"].items():
        if limit is not None:
            yield f"limit     {name} {limit}"


def _secret_line(secret: Report) -> str:
    place = secret.get("file") or f"variable {secret['env']}"
    optional = ", optional" if secret["optional"] else ""
    return f"secret    {secret['name']} as {place} from {secret['from']}{optional}"


def _file_lines(files: list[Report]) -> Iterator[str]:
    if not files:
        return
    total = sum(file["size"] for file in files)
    yield f"files     {len(files)} entries, {amount(total)}"
    marks = {"directory": "/", "symlink": " -> ", "file": ""}
    for file in files[:_SHOWN_FILES]:
        size = amount(file["size"]) if file["kind"] == "file" else ""
        yield f"          {size:>10}  {file['path']}{marks[file['kind']]}{file.get('target', '')}"
    if len(files) > _SHOWN_FILES:
        yield f"          … {len(files) - _SHOWN_FILES} more: --json lists all"


def amount(size: int) -> str:
    """*size* in bytes, with the unit that suits it."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"
