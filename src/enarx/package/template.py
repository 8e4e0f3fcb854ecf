"""The Enarx.toml that ``enarx config init`` writes.

What most applications need is active, the rest a comment that parses when its ``# `` is taken
away.

Source: Enarx 0.7's template (its active and commented entries, names and ports).
"""

from __future__ import annotations

TEMPLATE = """\
## Configuration of an Enarx application. Check it with: enarx config check

## Arguments after argv[0], which is "main.wasm"
# args = ["--example", "value"]

## The attestation service that certifies the keep
# steward = "https://attest.example.com"

## Environment variables
# [env]
# VAR1 = "var1"
# VAR2 = "var2"

## The descriptors the application starts with: the first is descriptor 0
[[files]]
kind = "stdin"

[[files]]
kind = "stdout"

[[files]]
kind = "stderr"

## A TLS socket that listens
# [[files]]
# name = "listen"
# kind = "listen"
# prot = "tls" # or "tcp"
# port = 12345
# addr = "::"

## A TLS connection
# [[files]]
# name = "stream"
# kind = "connect"
# prot = "tls" # or "tcp"
# port = 23456
# host = "localhost"

## Folders: files of the package (read-only), or memory that is gone at the end
# [[mounts]]
# path = "/assets"
# source = "package"
# from = "assets"

# [[mounts]]
# path = "/tmp"
# source = "scratch"
# size = "64MiB"

## What the application is given in confidence: a read-only file, or a variable
# [secrets.db-password]
# file = "/run/secrets/db-password"
# from = "owner" # enarx run --secret db-password=FILE, and enarx deploy

# [secrets.api-token]
# env = "API_TOKEN"
# from = "steward" # which releases it to keeps that its policy names
# optional = true

## What the application may use at most
# [limits]
# memory = "256MiB"
# wall_time = "30s"

## What the application may connect to by itself, beyond the sockets above
# [network]
# connect = ["example.com:443", "*.internal.example:8080", "10.0.0.0/8:*"]

## TLS of all sockets, and of one
# [tls]
# trust_anchors = ["mozilla"]
# handshake_timeout = "10s"

# [tls.socket.listen]
# alpn = ["http/1.1"]
# client_auth = "require"
# client_trust_anchors = ["certificates/clients.pem"]
"""
