"""The C interface of the engine: which functions of libwasmtime the keep calls, and their types.

Everything the keep knows of wasmtime's binary interface is in this file and in ``structures``.
Importing the ``wasmtime`` package instead costs 46 ms of every start, most of it for functions
the keep never calls (docs/design/adr/0002).  The interface changes between releases, so exactly
one release is accepted; ``tests/keep/engine`` compares each line with the package's own headers.

Source: wasmtime 50.0.1, crates/c-api/include.
"""

from __future__ import annotations

import ctypes
import os
import sys

from enarx.errors import MisconfiguredError

VERSION = "50.0.1"

_TYPES = {
    "b": ctypes.c_bool,
    "B": ctypes.c_uint8,
    "i": ctypes.c_int32,
    "l": ctypes.c_int64,
    "p": ctypes.c_void_p,
    "s": ctypes.c_char_p,
    "u": ctypes.c_uint64,
    "v": None,
    "z": ctypes.c_size_t,
}

# name: result and arguments, in the letters above; "p" is any pointer.
PROTOTYPES = {
    # configuration and engine
    "wasm_config_new": "p",
    "wasmtime_config_async_stack_size_set": "vpz",
    "wasmtime_config_concurrency_support_set": "vpb",
    "wasmtime_config_consume_fuel_set": "vpb",
    "wasmtime_config_host_memory_creator_set": "vpp",
    "wasmtime_config_max_wasm_stack_set": "vpz",
    "wasmtime_config_memory_init_cow_set": "vpb",
    "wasmtime_config_wasm_component_model_async_set": "vpb",
    "wasmtime_config_wasm_component_model_set": "vpb",
    "wasmtime_config_wasm_exceptions_set": "vpb",
    "wasmtime_config_wasm_function_references_set": "vpb",
    "wasmtime_config_wasm_gc_set": "vpb",
    "wasmtime_config_wasm_memory64_set": "vpb",
    "wasmtime_config_wasm_multi_memory_set": "vpb",
    "wasmtime_config_wasm_relaxed_simd_set": "vpb",
    "wasmtime_config_wasm_tail_call_set": "vpb",
    "wasmtime_config_wasm_wide_arithmetic_set": "vpb",
    "wasm_engine_new_with_config": "pp",
    # modules
    "wasmtime_module_deserialize_file": "pppp",
    "wasmtime_module_exports": "vpp",
    "wasmtime_module_imports": "vpp",
    "wasmtime_module_new": "pppzp",
    "wasmtime_module_serialize": "ppp",
    "wasmtime_module_validate": "pppz",
    # types
    "wasm_byte_vec_delete": "vp",
    "wasm_exporttype_name": "pp",
    "wasm_exporttype_type": "pp",
    "wasm_externtype_as_functype": "pp",
    "wasm_externtype_as_memorytype": "pp",
    "wasm_externtype_kind": "Bp",
    "wasm_functype_new": "ppp",
    "wasm_functype_delete": "vp",
    "wasm_functype_params": "pp",
    "wasm_functype_results": "pp",
    "wasm_importtype_module": "pp",
    "wasm_importtype_name": "pp",
    "wasm_importtype_type": "pp",
    "wasm_valtype_new": "pB",
    "wasm_valtype_vec_new": "vpzp",
    "wasmtime_memorytype_is64": "bp",
    "wasmtime_memorytype_isshared": "bp",
    # stores, linking, running
    "wasmtime_caller_export_get": "bppzp",
    "wasmtime_context_set_fuel": "ppu",
    "wasmtime_func_call": "ppppzpzp",
    "wasmtime_func_type": "ppp",
    "wasmtime_instance_export_get": "bpppzp",
    "wasmtime_linker_allow_shadowing": "vpb",
    "wasmtime_linker_define_func_unchecked": "pppzpzpppp",
    "wasmtime_linker_instantiate": "pppppp",
    "wasmtime_linker_new": "pp",
    "wasmtime_memory_data": "ppp",
    "wasmtime_memory_data_size": "zpp",
    "wasmtime_store_context": "pp",
    "wasmtime_store_limiter": "vplllll",
    "wasmtime_store_new": "pppp",
    # errors and traps
    "wasm_frame_func_index": "ip",
    "wasm_frame_func_offset": "zp",
    "wasm_frame_vec_delete": "vp",
    "wasm_trap_delete": "vp",
    "wasm_trap_message": "vpp",
    "wasm_trap_trace": "vpp",
    "wasmtime_error_delete": "vp",
    "wasmtime_error_message": "vpp",
    "wasmtime_error_new": "ps",
    "wasmtime_error_wasm_trace": "vpp",
    "wasmtime_frame_func_name": "pp",
    "wasmtime_trap_code": "bpp",
    "wasmtime_trap_new": "psz",
}


def declare(library: ctypes.CDLL, prototypes: dict[str, str]) -> None:
    """Give every function of *prototypes* its C types."""
    for name, letters in prototypes.items():
        function = getattr(library, name)
        function.restype = _TYPES[letters[0]]
        function.argtypes = [_TYPES[letter] for letter in letters[1:]]


def locate(search_path: list[str]) -> str:
    """The path of the engine's shared library: the pinned release, found without importing it.

    Raises:
        MisconfiguredError: the package is absent, of another release, or not for this machine.
    """
    machine = os.uname().machine
    inside = f"wasmtime/linux-{machine}/_libwasmtime.so"
    for folder in search_path:
        library = os.path.join(folder, inside)
        if not os.path.exists(library):
            continue
        if os.path.exists(os.path.join(folder, f"wasmtime-{VERSION}.dist-info")):
            return library
        raise MisconfiguredError(
            "wasmtime",
            f"the release in {folder} is not {VERSION}",
            hints=(f"install the pinned one: pip install wasmtime=={VERSION}",),
        )
    raise MisconfiguredError(
        "wasmtime",
        f"release {VERSION} for linux-{machine} is not installed",
        hints=(f"install it into this environment: pip install wasmtime=={VERSION}",),
    )


def load() -> ctypes.CDLL:
    """Load the engine and declare the functions of ``PROTOTYPES``."""
    library = ctypes.CDLL(locate(sys.path))
    declare(library, PROTOTYPES)
    return library


lib = load()
