"""The C structures that cross between the keep and the engine.

Source: wasmtime 50.0.1, crates/c-api/include (val.h, extern.h, instance.h, memory.h, config.h).
"""

from __future__ import annotations

import ctypes

# wasm_externkind_t; wasmtime_extern_kind_t uses the first four in the same order
EXTERN_FUNC, EXTERN_GLOBAL, EXTERN_TABLE, EXTERN_MEMORY = 0, 1, 2, 3
EXTERN_KIND_NAMES = ("function", "global", "table", "memory", "tag")

# wasm_valkind_t
KIND_I32, KIND_I64, KIND_F32, KIND_F64 = 0, 1, 2, 3


class Vector(ctypes.Structure):
    """Any ``wasm_*_vec_t``: a count and a pointer, owned by the engine."""

    _fields_ = (("size", ctypes.c_size_t), ("data", ctypes.c_void_p))


class Func(ctypes.Structure):
    """``wasmtime_func_t``."""

    _fields_ = (("store_id", ctypes.c_uint64), ("private", ctypes.c_void_p))


class Memory(ctypes.Structure):
    """``wasmtime_memory_t``: an inner structure of 16 bytes, then a private word."""

    _fields_ = (
        ("store_id", ctypes.c_uint64),
        ("private_1", ctypes.c_uint64),
        ("private_2", ctypes.c_uint32),
    )


class ExternUnion(ctypes.Union):
    """``wasmtime_extern_union_t``, its largest members."""

    _fields_ = (("func", Func), ("memory", Memory), ("words", ctypes.c_uint64 * 3))


class Extern(ctypes.Structure):
    """``wasmtime_extern_t``."""

    _fields_ = (("kind", ctypes.c_uint8), ("of", ExternUnion))


class Instance(ctypes.Structure):
    """``wasmtime_instance_t``."""

    _fields_ = (("store_id", ctypes.c_uint64), ("private", ctypes.c_size_t))


class ValUnion(ctypes.Union):
    """``wasmtime_valunion_t``: 24 bytes, of which the keep reads the numbers only."""

    _fields_ = (
        ("i32", ctypes.c_int32),
        ("i64", ctypes.c_int64),
        ("words", ctypes.c_uint64 * 3),
    )


class Val(ctypes.Structure):
    """``wasmtime_val_t``."""

    _fields_ = (("kind", ctypes.c_uint8), ("of", ValUnion))


# wasmtime_func_unchecked_callback_t: environment, caller, slots of 16 bytes, their number;
# the result is a trap or 0.  Sizes instead of pointers: ctypes then hands over plain integers.
UncheckedCallback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t
)

MemoryGet = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_size_t),
)
MemoryGrow = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t)
Finalizer = ctypes.CFUNCTYPE(None, ctypes.c_size_t)


class LinearMemory(ctypes.Structure):
    """``wasmtime_linear_memory_t``: the callbacks that own one guest memory."""

    _fields_ = (
        ("env", ctypes.c_void_p),
        ("get_memory", MemoryGet),
        ("grow_memory", MemoryGrow),
        ("finalizer", Finalizer),
    )


NewMemory = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.POINTER(LinearMemory),
)


class MemoryCreator(ctypes.Structure):
    """``wasmtime_memory_creator_t``."""

    _fields_ = (("env", ctypes.c_void_p), ("new_memory", NewMemory), ("finalizer", Finalizer))
