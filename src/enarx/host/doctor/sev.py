"""Ask AMD's security processor about SEV-SNP, through /dev/sev; it changes nothing.

Source: Linux, include/uapi/linux/psp-sev.h (SEV_ISSUE_CMD, SNP_PLATFORM_STATUS,
``struct sev_user_data_snp_status``); AMD 56860 rev. 1.58, section 8.3.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

from enarx.host.doctor.facts import SevFirmware

_ISSUE_CMD = 0xC010_5300  # _IOWR('S', 0x0, struct sev_issue_cmd)
_SNP_PLATFORM_STATUS = 9
_command = struct.Struct("=IQI")  # command, address of the answer, the firmware's error
_status = struct.Struct("=BBBBIIIQQ")
"""API major and minor, state, RMP initialized, build, flags, guests, current and reported TCB."""


def ask(device: str) -> SevFirmware:
    """What it says, or why it does not."""
    try:
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return SevFirmware(problem=_text(error))
    answer = ctypes.create_string_buffer(_status.size)
    request = bytearray(_command.pack(_SNP_PLATFORM_STATUS, ctypes.addressof(answer), 0))
    try:
        fcntl.ioctl(fd, _ISSUE_CMD, request)
    except OSError as error:
        return SevFirmware(problem=_text(error))
    finally:
        os.close(fd)
    return read_status(answer.raw)


def read_status(answer: bytes) -> SevFirmware:
    """The facts in ``struct sev_user_data_snp_status``, 32 bytes; what names the machine is left.

    Only versions and states are taken.
    """
    major, minor, state, flags, build, *_ = _status.unpack(answer)
    return SevFirmware(
        api=f"{major}.{minor}", build=build, initialized=bool(state), rmp=bool(flags & 1)
    )


def _text(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
