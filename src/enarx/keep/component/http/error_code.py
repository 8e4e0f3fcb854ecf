"""``OSError`` as ``error-code`` and ``header-error`` of ``wasi:http``.

Source: wasi:http 0.2.12, types.wit.
"""

from __future__ import annotations

import errno

from enarx.keep.component.error_code import SocketStateError
from enarx.keep.component.types import (
    STRING,
    U8,
    U16,
    U32,
    U64,
    ErrorType,
    Option,
    Record,
    Variant,
)
from enarx.keep.http.fields import HttpError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enarx.keep.component.values import Values

    Code = tuple[str, Any]

_FIELD_SIZE = Record(field_name=Option(STRING), field_size=Option(U32))
ERROR_CODE = Variant(
    DNS_timeout=None,
    DNS_error=Record(rcode=Option(STRING), info_code=Option(U16)),
    destination_not_found=None,
    destination_unavailable=None,
    destination_IP_prohibited=None,
    destination_IP_unroutable=None,
    connection_refused=None,
    connection_terminated=None,
    connection_timeout=None,
    connection_read_timeout=None,
    connection_write_timeout=None,
    connection_limit_reached=None,
    TLS_protocol_error=None,
    TLS_certificate_error=None,
    TLS_alert_received=Record(alert_id=Option(U8), alert_message=Option(STRING)),
    HTTP_request_denied=None,
    HTTP_request_length_required=None,
    HTTP_request_body_size=Option(U64),
    HTTP_request_method_invalid=None,
    HTTP_request_URI_invalid=None,
    HTTP_request_URI_too_long=None,
    HTTP_request_header_section_size=Option(U32),
    HTTP_request_header_size=Option(_FIELD_SIZE),
    HTTP_request_trailer_section_size=Option(U32),
    HTTP_request_trailer_size=_FIELD_SIZE,
    HTTP_response_incomplete=None,
    HTTP_response_header_section_size=Option(U32),
    HTTP_response_header_size=_FIELD_SIZE,
    HTTP_response_body_size=Option(U64),
    HTTP_response_trailer_section_size=Option(U32),
    HTTP_response_trailer_size=_FIELD_SIZE,
    HTTP_response_transfer_coding=Option(STRING),
    HTTP_response_content_coding=Option(STRING),
    HTTP_response_timeout=None,
    HTTP_upgrade_failed=None,
    HTTP_protocol_error=None,
    loop_detected=None,
    configuration_error=None,
    internal_error=Option(STRING),
)
_HEADER_ERROR = Variant(invalid_syntax=None, forbidden=None, immutable=None)

_CODES = {
    errno.EACCES: "HTTP-request-denied",
    errno.EPERM: "HTTP-request-denied",
    errno.ECONNREFUSED: "connection-refused",
    errno.ECONNRESET: "connection-terminated",
    errno.EPIPE: "connection-terminated",
    errno.ETIMEDOUT: "connection-timeout",
    errno.EHOSTUNREACH: "destination-unavailable",
    errno.ENETUNREACH: "destination-IP-unroutable",
    errno.EMFILE: "connection-limit-reached",
    errno.EPROTO: "TLS-protocol-error",
}


class CodedError(OSError):
    """A failure that only ``wasi:http`` has a name for."""

    def __init__(self, code: str, payload: object = None) -> None:
        super().__init__(errno.EPROTO, code)
        self.code = code, payload


class FieldsError(OSError):
    """Fields that cannot be: ``header-error``."""

    def __init__(self, code: str) -> None:
        super().__init__(errno.EINVAL, code)
        self.code = code, None


class _ErrorCode(ErrorType):
    """``variant error-code``."""

    def load(self, raw: bytes, at: int, values: Values) -> Code:
        return ERROR_CODE.load(raw, at, values)

    def store(self, value: Code, values: Values) -> bytes:
        return ERROR_CODE.store(value, values)

    def of(self, error: OSError) -> Code:
        """The interface's name for *error*, or its most general one."""
        if isinstance(error, CodedError):
            return error.code
        if isinstance(error, HttpError):
            return "HTTP-protocol-error", None
        if isinstance(error, SocketStateError):
            return "DNS-error", (None, None)
        code = _CODES.get(error.errno or 0)
        return (code, None) if code else ("internal-error", None)


class _HeaderError(ErrorType):
    """``variant header-error``."""

    def store(self, value: Code, values: Values) -> bytes:
        return _HEADER_ERROR.store(value, values)

    def of(self, error: OSError) -> Code:
        """Only ``FieldsError`` is raised where this is declared."""
        if isinstance(error, FieldsError):
            return error.code
        raise error


HTTP_ERROR = _ErrorCode()
HEADER_ERROR = _HeaderError()
