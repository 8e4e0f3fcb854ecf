"""What a host and the process of one machine say to each other, on a SEQPACKET socket.

    host -> machine   {"qemu", "vm", "boot_timeout_s", "files", "console"} + descriptors, first
            machine   {"event": "booted"}
            machine   {"event": "ended", "kind", "reason"}, last

The descriptors are the agent's link, the broker's link, and the files to be loaded, in this order:
firmware, kernel, initrd, of which the last one or two may be missing.  The host ends a machine by
SIGTERM, or by closing the socket.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from enarx.errors import MalformedError
from enarx.host.vm.ends import MAX_REASON, STATUSES, End
from enarx.host.vm.shape import (
    ACCELERATORS,
    MAX_COMMAND_LINE,
    MAX_MEMORY_MIB,
    MAX_PROCESSORS,
    TECHNOLOGIES,
    SnpLaunch,
    TdxLaunch,
    Vm,
)
from enarx.wire.document import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.wire.document import Fields

LINKS = 2
MAX_FILES = 3
MAX_BOOT_S = 3600.0

_MAX_PATH = 4096
_MAX_BLOB = 4096
_HERE = "order for a machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the process of a machine is to do.

    Args:
        qemu: path of the program.
        boot_timeout_s: until the guest must have opened its port.
        files: how many of firmware, kernel, initrd there are.
        console: keep the last lines of the guest's first serial port, for the reason of its end.
    """

    qemu: str
    vm: Vm
    boot_timeout_s: float
    files: int
    console: bool = False


def encode_order(order: Order) -> bytes:
    """The frame of *order*; its descriptors go beside it."""
    return dump(_plain(asdict(order)))


def decode_order(data: bytes, descriptors: int) -> Order:
    """What a host sent with *descriptors* descriptors.

    Raises:
        MalformedError: it is of a wrong shape.
        MisconfiguredError: there is no such machine.
    """
    fields = load(data, _HERE)
    order = Order(
        qemu=fields.text("qemu", least=1, most=_MAX_PATH),
        vm=_vm(fields.object("vm")),
        boot_timeout_s=fields.number("boot_timeout_s", 0.001, MAX_BOOT_S),
        files=fields.integer("files", 1, MAX_FILES),
        console=fields.boolean("console"),
    )
    fields.done()
    if descriptors != LINKS + order.files:
        raise MalformedError(_HERE, f"got {descriptors} descriptors, want {LINKS + order.files}")
    return order


def encode_booted() -> bytes:
    """The frame that says that the guest has opened its port."""
    return dump({"event": "booted"})


def encode_end(end: End) -> bytes:
    """The frame that says how it ended."""
    return dump({"event": "ended", "kind": end.kind, "reason": end.reason[:MAX_REASON]})


def decode_event(data: bytes) -> End | None:
    """What a machine's process says: how it ended, or nothing but that it has booted.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    fields = load(data, "message of a machine")
    end = None
    if fields.one_of("event", ("booted", "ended")) == "ended":
        end = End(
            kind=fields.one_of("kind", STATUSES), reason=fields.text("reason", most=MAX_REASON)
        )
    fields.done()
    return end


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.hex() if isinstance(value, bytes) else value


def _vm(fields: Fields) -> Vm:
    vm = Vm(
        technology=fields.one_of("technology", TECHNOLOGIES),  # type: ignore[arg-type] # one of them
        accelerator=fields.one_of("accelerator", ACCELERATORS),  # type: ignore[arg-type]
        memory_mib=fields.integer("memory_mib", 1, MAX_MEMORY_MIB),
        processors=fields.integer("processors", 1, MAX_PROCESSORS),
        cpu_model=fields.text("cpu_model", least=1, most=200),
        command_line=fields.text("command_line", most=MAX_COMMAND_LINE),
        snp=_snp(fields),
        tdx=_tdx(fields),
    )
    fields.done()
    return vm


def _snp(outer: Fields) -> SnpLaunch | None:
    fields = _inner(outer, "snp")
    if fields is None:
        return None
    launch = SnpLaunch(
        policy=fields.integer("policy", 0, (1 << 64) - 1),
        cbitpos=fields.integer("cbitpos", 0, 63),
        reduced_phys_bits=fields.integer("reduced_phys_bits", 0, 63),
        host_data=_bytes(fields, "host_data"),
        id_block=_bytes(fields, "id_block"),
        id_auth=_bytes(fields, "id_auth"),
        author_key_enabled=fields.boolean("author_key_enabled"),
    )
    fields.done()
    return launch


def _tdx(outer: Fields) -> TdxLaunch | None:
    fields = _inner(outer, "tdx")
    if fields is None:
        return None
    launch = TdxLaunch(
        mrconfigid=_bytes(fields, "mrconfigid"),
        mrowner=_bytes(fields, "mrowner"),
        mrownerconfig=_bytes(fields, "mrownerconfig"),
        quote_generation_socket=fields.text("quote_generation_socket", least=1, most=_MAX_PATH),
    )
    fields.done()
    return launch


def _inner(fields: Fields, key: str) -> Fields | None:
    """An inner object, or None for null."""
    value = fields.take(key)
    return None if value is None else type(fields)(value, f"{fields.where}: {key}")


def _bytes(fields: Fields, key: str) -> bytes:
    digits = fields.text(key, most=2 * _MAX_BLOB)
    if len(digits) % 2 or set(digits) - set("0123456789abcdef"):
        fields.refuse(key, "want lower-case hexadecimal digits, two a byte")
    return bytes.fromhex(digits)
