"""The engine with the keep's settings: compile, load and save modules.

Which WebAssembly features are on is decided here and nowhere else.  Compiling starts threads,
and a process with such threads must not fork: the zygote makes an engine and never compiles.
"""

from __future__ import annotations

import ctypes
import os

from enarx.keep.engine.library import VERSION, lib
from enarx.keep.engine.refusal import refusal
from enarx.keep.engine.structures import Vector
from enarx.keep.engine.trap import EngineError, raise_error, take_bytes

# Languages of today need these beyond the engine's defaults: exceptions (exnref) for C's
# setjmp and C++; GC and typed function references for Kotlin, Dart, Java, OCaml, Scheme.
_FEATURES = (
    "exceptions",
    "function_references",
    "gc",
    "memory64",
    "multi_memory",
    "relaxed_simd",
    "tail_call",
    "wide_arithmetic",
)

STACK = 4 << 20
"""Bytes of stack that a guest may use.  The engine's own, 512 KiB, is what an interpreter of a
functional language needs for some thousand calls, where others allow a hundred thousand."""


class Settings:
    """What changes the code the engine makes, and therefore the cache key.

    Attributes:
        fuel: count instructions (up to 2x slower); only when the configuration asks.
        memory_limit: bytes of guest memory, or None; counted by our own allocator.
    """

    __slots__ = ("fuel", "memory_limit")

    def __init__(self, *, fuel: bool = False, memory_limit: int | None = None) -> None:
        self.fuel = fuel
        self.memory_limit = memory_limit

    @property
    def plain(self) -> bool:
        """Whether the zygote's ready-made engine will do."""
        return not self.fuel and self.memory_limit is None


class Engine:
    """One ``wasm_engine_t``; lives as long as the process."""

    __slots__ = ("keepalive", "pointer", "settings")

    def __init__(
        self, settings: Settings, *, memory_creator: ctypes.Structure | None = None
    ) -> None:
        config = lib.wasm_config_new()
        for feature in _FEATURES:
            getattr(lib, f"wasmtime_config_wasm_{feature}_set")(config, True)
        lib.wasmtime_config_wasm_component_model_set(config, True)
        # Nothing here is asynchronous.  With it on, wasmtime 50.0.1 stops any call of a host
        # function with two borrowed handles ("deferred host scope has no call context"), and
        # rename-at, start-connect and poll have them.
        lib.wasmtime_config_wasm_component_model_async_set(config, False)
        lib.wasmtime_config_concurrency_support_set(config, False)
        lib.wasmtime_config_max_wasm_stack_set(config, STACK)
        lib.wasmtime_config_async_stack_size_set(config, 2 * STACK)  # unused; must be more
        if settings.fuel:
            lib.wasmtime_config_consume_fuel_set(config, True)
        if memory_creator is not None:
            lib.wasmtime_config_host_memory_creator_set(config, ctypes.byref(memory_creator))
            # The engine maps a module's data copy-on-write into memories of its own only, and
            # aborts the process over one of ours.
            lib.wasmtime_config_memory_init_cow_set(config, False)
        self.keepalive = memory_creator
        self.pointer = lib.wasm_engine_new_with_config(config)
        self.settings = settings

    def fingerprint(self) -> str:
        """All that compiled code depends on besides the module: engine, settings, processor."""
        fuel = "fuel" if self.settings.fuel else "plain"
        memory = "copied" if self.settings.memory_limit is not None else "mapped"
        machine = os.uname().machine
        return f"wasmtime {VERSION} {machine} {fuel} {memory} {processor_features()}"

    def validate(self, wasm: bytes, *, where: str) -> None:
        """Check that a core module can be compiled here.

        Raises:
            MalformedError: not a valid module, or one that needs a feature the keep has not.
        """
        try:
            raise_error(lib.wasmtime_module_validate(self.pointer, wasm, len(wasm)))
        except EngineError as error:
            raise refusal(str(error), where=where) from error

    def compile(self, wasm: bytes, *, where: str) -> Module:
        """Compile a core module.

        Raises:
            MalformedError: not a valid module, or one that needs a feature the keep has not.
        """
        # The compiler checks each function as it comes to it: it may spend minutes on a large
        # module before it finds what this finds in half a second.
        self.validate(wasm, where=where)
        result = ctypes.c_void_p()
        try:
            raise_error(
                lib.wasmtime_module_new(self.pointer, wasm, len(wasm), ctypes.byref(result))
            )
        except EngineError as error:
            raise refusal(str(error), where=where) from error
        return Module(result.value)

    def load_file(self, path: str) -> Module:
        """Map compiled code from *path* and trust it completely: it is native code.

        The caller has checked that the file is what this keep, or its owner's cache, wrote.

        Raises:
            EngineError: made by another engine, for another processor or with other settings.
        """
        result = ctypes.c_void_p()
        raise_error(
            lib.wasmtime_module_deserialize_file(
                self.pointer, path.encode() + b"\0", ctypes.byref(result)
            )
        )
        return Module(result.value)


def preload() -> Engine:
    """The engine with plain settings, made in the zygote; nothing is compiled in it."""
    return Engine(Settings())


class Module:
    """One compiled ``wasmtime_module_t``."""

    __slots__ = ("pointer",)

    def __init__(self, pointer: int | None) -> None:
        self.pointer = pointer

    def serialize(self) -> bytes:
        """The compiled code, for the ahead-of-time cache."""
        vector = Vector()
        raise_error(lib.wasmtime_module_serialize(self.pointer, ctypes.byref(vector)))
        return take_bytes(vector)

    def imports(self) -> list[tuple[str, str, int, int]]:
        """(module, name, kind, externtype pointer) of each import, in order.

        The pointers stay valid as long as the process: the vector is not freed.
        """
        vector = Vector()
        lib.wasmtime_module_imports(self.pointer, ctypes.byref(vector))
        found = []
        for item in _pointers(vector):
            kind = lib.wasm_importtype_type(item)
            found.append(
                (
                    _name(lib.wasm_importtype_module(item)),
                    _name(lib.wasm_importtype_name(item)),
                    lib.wasm_externtype_kind(kind),
                    kind,
                )
            )
        return found

    def exports(self) -> dict[str, tuple[int, int]]:
        """Name to (kind, externtype pointer) of each export."""
        vector = Vector()
        lib.wasmtime_module_exports(self.pointer, ctypes.byref(vector))
        found = {}
        for item in _pointers(vector):
            kind = lib.wasm_exporttype_type(item)
            found[_name(lib.wasm_exporttype_name(item))] = (lib.wasm_externtype_kind(kind), kind)
        return found


def processor_features() -> str:
    """A digest of what the processor can do, as the kernel lists it."""
    import hashlib

    try:
        with open("/proc/cpuinfo", "rb") as cpuinfo:
            text = cpuinfo.read(1 << 16)
    except OSError:
        text = b""
    for line in text.splitlines():
        if line.startswith((b"flags", b"Features")):
            return hashlib.sha256(line).hexdigest()[:16]
    return "unknown"


def _pointers(vector: Vector) -> list[int]:
    array = ctypes.cast(vector.data, ctypes.POINTER(ctypes.c_void_p))
    return [array[index] for index in range(vector.size)]


def _name(vector_pointer: int) -> str:
    vector = Vector.from_address(vector_pointer)
    return ctypes.string_at(vector.data, vector.size).decode("utf-8", "replace")
