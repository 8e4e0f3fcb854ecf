"""Link components and run them: host functions, stores, guests and their calls.

One linker makes any number of guests, each in a store of its own, which is its memory and goes
with it.  Values are not this file's business: a host function gets the addresses of its
arguments and of its results, and ``enarx.keep.component`` reads and writes what is there.

Source: wasmtime 50.0.1, crates/c-api/include/wasmtime/component (linker.h, func.h, instance.h).
"""

from __future__ import annotations

import ctypes

from enarx.keep.engine.library import declare, lib
from enarx.keep.engine.structures import Vector
from enarx.keep.engine.trap import CODES, EngineError, Trap, backtrace_of, raise_error, take_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enarx.keep.engine.component import Component
    from enarx.keep.engine.engine import Engine

    # (index given to define, context, function type, address of the arguments, their number,
    # address of the results, theirs) -> an error or 0; and (0, context, representation)
    HostFunction = Callable[[int, int, int, int, int, int, int], int]
    Destructor = Callable[[int, int, int], int]

PROTOTYPES = {
    "wasmtime_component_export_index_delete": "vp",
    "wasmtime_component_get_export_index": "ppppz",
    "wasmtime_component_func_call": "ppppzpz",
    "wasmtime_component_instance_get_func": "bpppp",
    "wasmtime_component_linker_instance_add_func": "pppzppp",
    "wasmtime_component_linker_instance_add_instance": "pppzp",
    "wasmtime_component_linker_instance_add_resource": "pppzpppp",
    "wasmtime_component_linker_instance_delete": "vp",
    "wasmtime_component_linker_instantiate": "ppppp",
    "wasmtime_component_linker_new": "pp",
    "wasmtime_component_linker_root": "pp",
    "wasmtime_component_resource_type_new_host": "pi",
    "wasmtime_context_get_fuel": "ppp",
    "wasmtime_store_delete": "vp",
    "wasmtime_trap_new_code": "pB",
}

_VALUE_SIZE = 32  # wasmtime_component_val_t
# malloc.h of the GNU C library
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# wasmtime_component_func_callback_t: data, context, function type, arguments, their number,
# results, their number; the result is an error or 0.  Sizes, so that ctypes hands over integers.
FunctionCallback = ctypes.CFUNCTYPE(ctypes.c_size_t, *[ctypes.c_size_t] * 7)
# wasmtime_component_resource_destructor_t: data, context, representation
DestructorCallback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint32
)


class ComponentFunc(ctypes.Structure):
    """``wasmtime_component_func_t``; all of it is the engine's business."""

    _fields_ = (
        ("store_id", ctypes.c_uint64),
        ("private_1", ctypes.c_uint64),
        ("private_2", ctypes.c_uint32),
        ("private_3", ctypes.c_void_p),
    )


class ComponentInstance(ctypes.Structure):
    """``wasmtime_component_instance_t``."""

    _fields_ = (("store_id", ctypes.c_uint64), ("private", ctypes.c_uint32))


class ComponentStore:
    """Where one guest lives.

    Attributes:
        context: ``wasmtime_context_t``, for calls and values.
    """

    def __init__(self, engine: Engine, *, fuel: int | None = None) -> None:
        self._store = lib.wasmtime_store_new(engine.pointer, None, None)
        self.context = lib.wasmtime_store_context(self._store)
        limit = engine.settings.memory_limit
        if limit is not None:
            # as for a core module: tables hold 8 bytes an element outside guest memory
            lib.wasmtime_store_limiter(self._store, -1, max(limit // 8, 1 << 16), -1, -1, -1)
        if fuel is not None:
            raise_error(lib.wasmtime_context_set_fuel(self.context, fuel))

    def fuel(self) -> int:
        """What is left of it."""
        left = ctypes.c_uint64()
        raise_error(lib.wasmtime_context_get_fuel(self.context, ctypes.byref(left)))
        return left.value

    def close(self) -> None:
        """Give back the guest's memory; nothing of it can be used any more."""
        lib.wasmtime_store_delete(self._store)


class ComponentLinker:
    """Host functions by interface and name."""

    def __init__(self, engine: Engine) -> None:
        self._linker = lib.wasmtime_component_linker_new(engine.pointer)
        self._callbacks: list[object] = []

    def define(
        self,
        interface: str,
        *,
        resources: Sequence[tuple[str, int]],
        functions: Sequence[tuple[str, int]],
        function: HostFunction,
        destructor: Destructor,
    ) -> None:
        """Provide *interface*: (name, type number) of resources, (name, index) of functions.

        All functions are *function*, told apart by their index; it must not raise.
        """
        call, drop = FunctionCallback(function), DestructorCallback(destructor)
        self._callbacks += (call, drop)
        with_root = lib.wasmtime_component_linker_root(self._linker)
        instance = ctypes.c_void_p()
        try:
            raise_error(
                lib.wasmtime_component_linker_instance_add_instance(
                    with_root, *_text(interface), ctypes.byref(instance)
                )
            )
            _define_items(instance.value, resources, functions, call, drop)
        finally:
            if instance.value:
                lib.wasmtime_component_linker_instance_delete(instance.value)
            lib.wasmtime_component_linker_instance_delete(with_root)

    def instantiate(self, component: Component, store: ComponentStore) -> ComponentGuest:
        """Make a guest in *store*; runs what the component runs at its start.

        Raises:
            EngineError: an import is not satisfied, or the memory limit is too small.
            Trap: the guest trapped.
        """
        instance = ComponentInstance()
        error = lib.wasmtime_component_linker_instantiate(
            self._linker, store.context, component.pointer, ctypes.byref(instance)
        )
        if error:
            raise trap_from_error(error)
        return ComponentGuest(store.context, instance, component)


class ComponentGuest:
    """One instantiated component."""

    __slots__ = ("_component", "_context", "_instance")

    def __init__(self, context: int, instance: ComponentInstance, component: Component) -> None:
        self._context = context
        self._instance = instance
        self._component = component

    def function(self, interface: str, name: str) -> ComponentFunc | None:
        """The exported function *name* of *interface*, or None."""
        outer = lib.wasmtime_component_get_export_index(
            self._component.pointer, None, *_text(interface)
        )
        if not outer:
            return None
        inner = lib.wasmtime_component_get_export_index(
            self._component.pointer, outer, *_text(name)
        )
        found = ComponentFunc()
        exists = inner and lib.wasmtime_component_instance_get_func(
            ctypes.byref(self._instance), self._context, inner, ctypes.byref(found)
        )
        lib.wasmtime_component_export_index_delete(outer)
        if inner:
            lib.wasmtime_component_export_index_delete(inner)
        return found if exists else None

    def call(
        self,
        function: ComponentFunc,
        arguments: bytes,
        results: ctypes.Array[ctypes.c_char] | None,
    ) -> None:
        """Call *function* with values of 32 bytes each; *results* has room for one, or is None.

        Raises:
            Trap: the guest was stopped.
            EngineError: the engine failed, or a host function said so.
        """
        error = lib.wasmtime_component_func_call(
            ctypes.byref(function),
            self._context,
            arguments,
            len(arguments) // _VALUE_SIZE,
            results,
            0 if results is None else 1,
        )
        if error:
            raise trap_from_error(error)


def keep_freed_memory() -> None:
    """Make the allocator keep what it frees instead of returning it to the kernel each time.

    A list is 32 bytes an element here, allocated and freed twice a call: without this, half of a
    transfer's time is page faults.  Only the GNU C library has the setting.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def new_error(text: bytes) -> int:
    """An error for a host function to return; the engine frees it."""
    return lib.wasmtime_error_new(text)  # type: ignore[no-any-return]


def trap_from_error(error: int) -> Trap | EngineError:
    """Turn a ``wasmtime_error_t`` into an exception and free it.

    The component calls give traps as errors, without their code: the code is found by the text
    that the engine itself has for each code.
    """
    vector = Vector()
    lib.wasmtime_error_message(error, ctypes.byref(vector))
    text = take_bytes(vector).decode("utf-8", "replace")
    frames = Vector()
    lib.wasmtime_error_wasm_trace(error, ctypes.byref(frames))
    backtrace = backtrace_of(frames)
    lib.wasmtime_error_delete(error)
    for code, name in enumerate(CODES):
        cause = _code_text(code)
        if cause in text:
            return Trap(cause, code=name, backtrace=backtrace)
    cause = _last_cause(text)
    return Trap(cause, backtrace=backtrace) if backtrace else EngineError(cause)


def _code_text(code: int) -> str:
    trap = lib.wasmtime_trap_new_code(code)
    vector = Vector()
    lib.wasm_trap_message(trap, ctypes.byref(vector))
    lib.wasm_trap_delete(trap)
    text = take_bytes(vector).rstrip(b"\0").decode()
    return text.removeprefix("wasm trap: ")


def _last_cause(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "unknown error"
    number, separator, rest = last.partition(": ")
    return rest if separator and number.isdigit() else last


def _text(name: str) -> tuple[bytes, int]:
    data = name.encode()
    return data, len(data)


def _define_items(
    instance: int | None,
    resources: Sequence[tuple[str, int]],
    functions: Sequence[tuple[str, int]],
    call: object,
    drop: object,
) -> None:
    for name, number in resources:
        raise_error(
            lib.wasmtime_component_linker_instance_add_resource(
                instance,
                *_text(name),
                lib.wasmtime_component_resource_type_new_host(number),
                ctypes.cast(drop, ctypes.c_void_p),  # type: ignore[arg-type]
                None,
                None,
            )
        )
    for name, index in functions:
        raise_error(
            lib.wasmtime_component_linker_instance_add_func(
                instance,
                *_text(name),
                ctypes.cast(call, ctypes.c_void_p),  # type: ignore[arg-type]
                index,
                None,
            )
        )


declare(lib, PROTOTYPES)
