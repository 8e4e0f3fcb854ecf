"""Carries a keep's links over the one port of its machine: the tunnel's end in the host."""
