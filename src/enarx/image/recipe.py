"""Which parts of its inputs a keep image takes, where it puts them, and how its kernel starts.

Tables only; ``contents`` reads them.  What is not named here is not in the image: no shell, no
driver of networks or disks, no package manager, and of the interpreter's library only what a keep
imports.
"""

from __future__ import annotations

LIBRARY_FOLDER = "usr/lib/x86_64-linux-gnu"
STANDARD_LIBRARY = "usr/lib/python3.11"
SITE = "usr/lib/enarx"
"""Where this package and the libraries beside it are."""
MODULES = "usr/lib/modules"
INTERPRETER = "usr/bin/python3.11"
LOADER = "lib64/ld-linux-x86-64.so.2"

SHARED_OBJECTS = {
    "libc6": ("libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"),
    "libexpat1": ("libexpat.so.1",),
    "libffi8": ("libffi.so.8",),
    "libgcc-s1": ("libgcc_s.so.1",),
    "libseccomp2": ("libseccomp.so.2",),
    "zlib1g": ("libz.so.1",),
}
"""Of each package, by the name that programs ask for."""

FOLDERS = ("dev", "proc", "sys")
LINKS = {"lib": "usr/lib"}

KERNEL_MODULES = ("configfs", "tsm", "sev-guest", "tdx-guest")
"""What is loaded before module loading is closed, in this order; the last two find hardware."""

STANDARD_MODULES = frozenset((
    "__future__", "_collections_abc", "_weakrefset", "abc", "ast", "base64", "bisect", "calendar",
    "codecs", "collections", "contextlib", "copy", "copyreg", "ctypes", "dataclasses", "datetime",
    "difflib", "dis", "email", "encodings", "enum", "functools", "genericpath", "hashlib", "heapq",
    "hmac", "importlib", "inspect", "io", "ipaddress", "json", "keyword", "linecache", "locale",
    "opcode",
    "operator", "os", "platform", "posixpath", "quopri", "random", "re", "reprlib", "selectors",
    "signal", "socket", "stat", "string", "stringprep", "struct", "textwrap", "threading", "token",
    "tokenize", "tomllib", "traceback", "types", "typing", "urllib", "warnings", "weakref",
))  # fmt: skip
"""What a keep imports of the interpreter's library, and what that imports."""

NOT_IMPORTED = (
    "ctypes/_aix", "ctypes/macholib", "ctypes/util", "ctypes/wintypes", "importlib/abc",
    "importlib/metadata",
    "importlib/readers", "importlib/resources", "importlib/simple", "json/tool", "urllib/error",
    "urllib/request", "urllib/response", "urllib/robotparser",
)  # fmt: skip
"""What those packages hold beside."""

EXTENSION_MODULES = frozenset(
    ("_contextvars", "_ctypes", "_json", "_typing", "mmap", "resource", "termios")
)
"""Compiled ones; those of hashes are built into the interpreter."""

ENCODINGS = frozenset(("__init__", "aliases", "ascii", "idna", "latin_1", "utf_16_be", "utf_8"))

WHEEL_FILES = {
    "certifi": ("certifi/cacert.pem", "certifi/__init__.py"),
    "cffi": ("_cffi_backend",),
    "cryptography": ("cryptography/",),
    "pyopenssl": ("OpenSSL/",),
    "typing-extensions": ("typing_extensions.py",),
    "wasmtime": ("wasmtime/linux-x86_64/", "wasmtime-"),
    "zstandard": ("zstandard/__init__.py", "zstandard/backend_c"),
}
"""What is taken of each wheel, by how names begin; the engine is called without its package."""

LEFT_OUT = (".pyi", ".h", ".a", ".typed")

OURS = (
    "__init__.py", "errors.py", "frames.py", "keep", "package", "pki", "protocol", "seal", "tunnel",
    "wire",
)  # fmt: skip
"""What of this package is in the image: all that a keep may import."""

FIRMWARE = {
    "vm": ("usr/share/seabios/bios-256k.bin",),
    "snp": ("usr/share/ovmf/OVMF.amdsev.fd",),
    "tdx": ("usr/share/ovmf/OVMF.inteltdx.fd", "usr/share/ovmf/OVMF.inteltdx.ms.fd"),
}
"""By platform; of several names the first that there is."""

COMMAND_LINE = (
    "panic=-1",  # start anew at once, which the launcher makes an end
    "oops=panic",
    "lockdown=confidentiality",
    "random.trust_cpu=on",
    "random.trust_bootloader=off",  # the host's seed is the host's
    "init_on_alloc=1",
    "init_on_free=1",
    "module.sig_enforce=1",
    "ipv6.disable=1",
    "page_alloc.shuffle=1",
    "vsyscall=none",
    "quiet",
)
NO_CONSOLE = ("console=ttynull",)
DEBUG_CONSOLE = ("console=ttyS0", "earlyprintk=ttyS0")

INIT = """\
#!/usr/bin/python3.11 -ISBXutf8
import gc, sys
gc.disable()
sys.path.append("/usr/lib/enarx")
from enarx.keep.vm.init import main
main()
"""
"""The first program; the keep's own code follows."""
