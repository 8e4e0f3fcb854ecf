"""JavaScript components, by componentize-js of npm: SpiderMonkey with the program inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Pin, Plan, Recipe, Step, Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

MAIN = "app/component.mjs"
_CLI = "node_modules/@bytecodealliance/componentize-js/src/cli.js"

_TOOLCHAIN = Toolchain(
    name="componentize-js",
    release="0.23.0",
    kind="npm",
    pins=(
        Pin(
            name="@bytecodealliance/componentize-js",
            release="0.23.0",
            hashes=(
                "sha512-Qc2+lrwJHU7lq4CBMyVVYE8ASyUFeegMYdRnMVG0wNpNiATzGDF/mWpjDNTeVZeT8L9chhK3vuLaQE9FVANvfw==",
            ),
        ),
        Pin(
            name="@bytecodealliance/jco",
            release="1.35.0",
            hashes=(
                "sha512-O53cWIMm/M1SpwLxKRicvAMDnzWf4zWs6I6qFZIGbn3HUovDMCCe9blkGxxYuyocHjVf/cXgNmlMu/x7Tyi77A==",
            ),
        ),
        Pin(
            name="@bytecodealliance/jco-node-fs",
            release="0.3.2",
            hashes=(
                "sha512-yxvqQreNcOQdMsEKZomkSqThtkxrAz3f1Cmy8BsV0UHi9saa2/D1KDB14IAXPYwDq/maS6lCzS+MuMQx6QkUgA==",
            ),
        ),
        Pin(
            name="@bytecodealliance/jco-node-fs-linux-x64-gnu",
            release="0.3.2",
            hashes=(
                "sha512-6FzmHoLOsa6b4X9AuFLsvlpNF66Dt4sRRftZHaT1I1pYzCWrJkkpgNJhRXxf67ZPmOwBZJT4dan/g752Rx4xRw==",
            ),
        ),
        Pin(
            name="@bytecodealliance/jco-transpile",
            release="0.15.0",
            hashes=(
                "sha512-MFftJ81B9TtHbvgCRZQod3jfgl62YvJszxsNdfx9IVNewxlX9q7U4Wd+w6gJzw+o9IjEGWoyg/BFpb/RnaJvlA==",
            ),
        ),
        Pin(
            name="@bytecodealliance/preview2-shim",
            release="0.25.0",
            hashes=(
                "sha512-6ZSDRJ8hJc/febZepzd68z3KzLcOXyCOKtRm8LB2rgAU88xV7ykq6dMb5I4a+sBh1cuV2Yb1159gDzI1q8UsoQ==",
            ),
        ),
        Pin(
            name="@bytecodealliance/weval",
            release="0.5.0",
            hashes=(
                "sha512-lIR6+enn52gcdMQM8C3YaNoUlzm90TRkJrIgiVky/hED81ezDjhnq+6Z4w0eSFf9C6b2nmdKUFwbp6q1PhiuIQ==",
            ),
        ),
        Pin(
            name="@bytecodealliance/wizer",
            release="10.0.0",
            hashes=(
                "sha512-ziWmovyu1jQl9TsKlfC2bwuUZwxVPFHlX4fOqTzxhgS76jITIo45nzODEwPgU+jjmOr8F3YX2V2wAChC5NKujg==",
            ),
        ),
        Pin(
            name="@bytecodealliance/wizer-linux-x64",
            release="10.0.0",
            hashes=(
                "sha512-fJtM1sy43FBMnp+xpapFX6U1YdTBKA/1T4CYfG/qeE8jn0SXk2EuiYoY/EnC2uyNy9hjTrvfdYO5n4MXW0EIdQ==",
            ),
        ),
        Pin(
            name="@napi-rs/lzma",
            release="1.4.5",
            hashes=(
                "sha512-zS5LuN1OBPAyZpda2ZZgYOEDC+xecUdAGnrvbYzjnLXkrq/OBC3B9qcRvlxbDR3k5H/gVfvef1/jyUqPknqjbg==",
            ),
        ),
        Pin(
            name="@napi-rs/lzma-linux-x64-gnu",
            release="1.4.5",
            hashes=(
                "sha512-6rMtBgnIq2Wcl1rQdZsnM+rtCcVCbws1nF8S2NzaUsVaZv8bjrPiAa0lwg4Eqnn1d9lgwqT+cZgm5m+//K08Kw==",
            ),
        ),
        Pin(
            name="@oxc-minify/binding-linux-x64-gnu",
            release="0.136.0",
            hashes=(
                "sha512-gcyLAad0UblkEhGjVfx5Mwq63OSx8r04IbcfwzpZYpHisO/vioMsrs4GkDsQZ2Ejc8cdUk6YMIrf9FwNBzh+Dw==",
            ),
        ),
        Pin(
            name="@oxc-parser/binding-linux-x64-gnu",
            release="0.76.0",
            hashes=(
                "sha512-7/acaG9htovp3gp/J0kHgbItQTuHctl+rbqPPqZ9DRBYTz8iV8kv3QN8t8Or8i/hOmOjfZp9McDoSU1duoR4/A==",
            ),
        ),
        Pin(
            name="commander",
            release="14.0.3",
            hashes=(
                "sha512-H+y0Jo/T1RZ9qPP4Eh1pkcQcLRglraJaSLoyOtHxu6AapkjWVCy2Sit1QQ4x3Dng8qDlSsZEet7g5Pq06MvTgw==",
            ),
        ),
        Pin(
            name="fflate",
            release="0.8.3",
            hashes=(
                "sha512-tbZNuJrLwGUp3zshBtdy4W+ORxZuIh8a5ilyIEQDC5rY1f3U20JMry0Ll3WBzU58EZKsEuJFXhb5gwv8CsPvgA==",
            ),
        ),
        Pin(
            name="oxc-minify",
            release="0.136.0",
            hashes=(
                "sha512-u9UvPFTYVwQ/i1kpp/c20S/SbvLaLV0Ngzyhgi0YV4B1SlxM7RgnnePl4vY9N3Z9sTRcozL1MRStI3PlUN9RFA==",
            ),
        ),
        Pin(
            name="oxc-parser",
            release="0.76.0",
            hashes=(
                "sha512-l98B2e9evuhES7zN99rb1QGhbzx25829TJFaKi2j0ib3/K/G5z1FdGYz6HZkrU3U8jdH7v2FC8mX1j2l9JrOUg==",
            ),
        ),
        Pin(
            name="tar",
            release="7.5.23",
            hashes=(
                "sha512-lkukzdoGngZHJZXxW4S/E4Fp9ghTDlyZXrQGRNoJ/LXvDKcXUTq2sg5yQe74po7Voea6n/IN09+wE/QvJMiifA==",
            ),
        ),
    ),
    size_mib=26,
)
"""What it loads to make a component; of its other dependencies, 140 packages, it uses nothing."""


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    node, module = found["node"].path, f"{project.build}/app.component.wasm"
    debug = ("--use-debug-build",) if project.profile == "debug" else ()
    argv = (
        node, found["componentize-js"].path, MAIN, "--wit", "wit", *debug, *project.flags,
        "--out", module,
    )  # fmt: skip
    return Plan(
        steps=(
            # componentize-js says how many mistakes there are, and not where
            Step(title=f"check {MAIN}", argv=(node, "--check", MAIN)),
            Step(title=f"compile {MAIN}", argv=argv),
        ),
        module=module,
        strip=False,
    )


RECIPE = Recipe(
    name="componentize-js",
    tools=(
        Tool(name="node", programs=("node",), least=(20,)),
        Tool(
            name="componentize-js",
            programs=(f"{{home}}/{_CLI}", f"{{project}}/{_CLI}"),
            version=(),
        ),
    ),
    plan=_plan,
    toolchain=_TOOLCHAIN,
    advice="in the project: npm install @bytecodealliance/componentize-js",
    marks=(MAIN,),
    target="wasip2",
)
