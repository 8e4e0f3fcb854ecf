"""Enarx: run unmodified WebAssembly applications in a Keep."""

__version__ = "0.8.0.dev0"
