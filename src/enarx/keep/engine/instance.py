"""Link a module against host functions and run it.

Host functions are registered unchecked: the engine passes a pointer to 16-byte slots that hold
the arguments and take the result, which costs 0.3 µs a call instead of 8.
"""

from __future__ import annotations

import ctypes

from enarx.errors import MalformedError
from enarx.keep.engine.library import lib
from enarx.keep.engine.missing import ENTRY_NAMES, missing_entry, missing_imports
from enarx.keep.engine.structures import (
    EXTERN_FUNC,
    EXTERN_KIND_NAMES,
    EXTERN_MEMORY,
    KIND_I32,
    KIND_I64,
    Extern,
    Func,
    Instance,
    Memory,
    UncheckedCallback,
    Val,
    Vector,
)
from enarx.keep.engine.trap import raise_error, trap_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.engine.engine import Engine, Module

    # (environment, caller, address of the slots, their number) -> trap or 0
    HostFunction = Callable[[int, int, int, int], int]

_KINDS = {"i": KIND_I32, "I": KIND_I64}
_MEMORY = "memory"


class Linker:
    """Host functions by module and name, and the store their guest will live in."""

    def __init__(self, engine: Engine, *, fuel: int | None = None) -> None:
        self.engine = engine
        self._linker = lib.wasmtime_linker_new(engine.pointer)
        # Go imports one function twice, under two types.
        lib.wasmtime_linker_allow_shadowing(self._linker, True)
        self._store = lib.wasmtime_store_new(engine.pointer, None, None)
        self.context = lib.wasmtime_store_context(self._store)
        self._callbacks: list[object] = []
        self._defined: set[tuple[str, str]] = set()
        limit = engine.settings.memory_limit
        if limit is not None:
            # tables hold 8 bytes an element outside guest memory: the same bound covers them
            lib.wasmtime_store_limiter(self._store, -1, max(limit // 8, 1 << 16), -1, -1, -1)
        if fuel is not None:
            raise_error(lib.wasmtime_context_set_fuel(self.context, fuel))

    def define(
        self, module: str, name: str, params: str, results: str, function: HostFunction
    ) -> None:
        """Provide one function; *params* and *results* are letters, i for i32 and I for i64."""
        callback = UncheckedCallback(function)
        self._callbacks.append(callback)
        self._defined.add((module, name))
        kind = _function_type(params, results)
        raise_error(
            lib.wasmtime_linker_define_func_unchecked(
                self._linker,
                module.encode(),
                len(module),
                name.encode(),
                len(name),
                kind,
                ctypes.cast(callback, ctypes.c_void_p),
                None,
                None,
            )
        )
        lib.wasm_functype_delete(kind)

    def instantiate(self, module: Module, *, where: str) -> Guest:
        """Make the guest; runs the module's start section, if it has one.

        Raises:
            MalformedError: an import that the keep does not provide, or a memory it cannot use.
            Trap: the start section trapped.
        """
        self._check_imports(module, where)
        _check_memory(module, where)
        instance, trap = Instance(), ctypes.c_void_p()
        raise_error(
            lib.wasmtime_linker_instantiate(
                self._linker,
                self.context,
                module.pointer,
                ctypes.byref(instance),
                ctypes.byref(trap),
            )
        )
        if trap.value:
            raise trap_from(trap.value)
        return Guest(self.context, instance, module, where)

    def memory_size(self, memory: Memory) -> int:
        """Bytes of *memory* now."""
        size: int = lib.wasmtime_memory_data_size(self.context, ctypes.byref(memory))
        return size

    def memory_base(self, memory: Memory) -> int:
        """Host address of *memory*; it never moves (the engine reserves the whole range)."""
        base: int = lib.wasmtime_memory_data(self.context, ctypes.byref(memory))
        return base

    def _check_imports(self, module: Module, where: str) -> None:
        missing = [
            f"{source}.{name} ({_kind_name(kind, pointer)})"
            for source, name, kind, pointer in module.imports()
            if (source, name) not in self._defined or kind != EXTERN_FUNC
        ]
        if missing:
            raise missing_imports(missing, where)


class Guest:
    """One instantiated module."""

    def __init__(self, context: int, instance: Instance, module: Module, where: str) -> None:
        self._context = context
        self._instance = instance
        self._exports = module.exports()
        self._where = where

    def memory(self) -> Memory | None:
        """The exported linear memory, or None if the module has none."""
        if self._exports.get(_MEMORY, (None, 0))[0] != EXTERN_MEMORY:
            return None
        memory: Memory = self._export(_MEMORY).of.memory
        return memory

    def entry(self) -> Func:
        """The function to run: ``_start``, or the default function, named "".

        Raises:
            MalformedError: neither is exported, or it takes arguments.
        """
        for name in ENTRY_NAMES:
            kind, pointer = self._exports.get(name, (None, 0))
            if kind != EXTERN_FUNC:
                continue
            function_type = lib.wasm_externtype_as_functype(pointer)
            parameters = Vector.from_address(lib.wasm_functype_params(function_type)).size
            if parameters:
                raise MalformedError(
                    self._where,
                    f"its entry function {name or '(default)'} takes {parameters} parameters",
                    hints=("build an executable, with a main function, for wasm32-wasip1",),
                )
            function: Func = self._export(name).of.func
            return function
        functions = (name for name, (kind, _) in self._exports.items() if kind == EXTERN_FUNC)
        raise missing_entry(functions, self._where)

    def run(self, entry: Func) -> None:
        """Call *entry* and ignore what it returns, as Enarx 0.7 does.

        Raises:
            Trap: the guest was stopped.
            EngineError: the engine failed.
        """
        kind = lib.wasmtime_func_type(self._context, ctypes.byref(entry))
        count = Vector.from_address(lib.wasm_functype_results(kind)).size
        results, trap = (Val * count)(), ctypes.c_void_p()
        raise_error(
            lib.wasmtime_func_call(
                self._context,
                ctypes.byref(entry),
                None,
                0,
                results,
                count,
                ctypes.byref(trap),
            )
        )
        if trap.value:
            raise trap_from(trap.value)

    def _export(self, name: str) -> Extern:
        extern = Extern()
        lib.wasmtime_instance_export_get(
            self._context,
            ctypes.byref(self._instance),
            name.encode(),
            len(name.encode()),
            ctypes.byref(extern),
        )
        return extern


def new_trap(text: bytes) -> int:
    """A trap for a host function to return; the engine frees it."""
    return lib.wasmtime_trap_new(text, len(text))  # type: ignore[no-any-return]


def caller_memory(caller: int) -> Memory | None:
    """The memory that the calling guest exports; also while its start section still runs."""
    extern = Extern()
    found = lib.wasmtime_caller_export_get(
        caller, _MEMORY.encode(), len(_MEMORY), ctypes.byref(extern)
    )
    if not found or extern.kind != EXTERN_MEMORY:
        return None
    memory: Memory = extern.of.memory
    return memory


def _check_memory(module: Module, where: str) -> None:
    kind, pointer = module.exports().get(_MEMORY, (None, 0))
    if kind != EXTERN_MEMORY:
        return
    if lib.wasmtime_memorytype_is64(lib.wasm_externtype_as_memorytype(pointer)):
        raise MalformedError(
            where,
            "its memory has 64-bit addresses, and WASI preview 1 has 32-bit pointers",
            hints=("build for wasm32-wasip1",),
        )


def _kind_name(kind: int, pointer: int) -> str:
    if kind == EXTERN_MEMORY:
        memory_type = lib.wasm_externtype_as_memorytype(pointer)
        return "shared memory" if lib.wasmtime_memorytype_isshared(memory_type) else "memory"
    name: str = EXTERN_KIND_NAMES[kind]
    return name


def _function_type(params: str, results: str) -> int:
    vectors = []
    for letters in (params, results):
        kinds = (ctypes.c_void_p * len(letters))(
            *[lib.wasm_valtype_new(_KINDS[x]) for x in letters]
        )
        vector = Vector()
        lib.wasm_valtype_vec_new(ctypes.byref(vector), len(letters), kinds)
        vectors.append(vector)
    made: int = lib.wasm_functype_new(ctypes.byref(vectors[0]), ctypes.byref(vectors[1]))
    return made
