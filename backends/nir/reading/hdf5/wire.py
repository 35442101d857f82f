"""The messages by which the process that reads a file hands over what it found."""

from __future__ import annotations

import json
import struct
from typing import IO, Any, TypeAlias

Header: TypeAlias = list[Any]

_SIZES = struct.Struct("<II")
_LONGEST = 1 << 28


class BrokenMessageError(Exception):
    """What came is no message, or its end is missing."""


def send(stream: IO[bytes], header: Header, payload: bytes | memoryview = b"") -> None:
    """Write one message: both sizes, the header as JSON, the payload as it is."""
    text = json.dumps(header).encode("ascii")
    stream.write(_SIZES.pack(len(text), len(payload)) + text)
    stream.write(payload)


def receive(stream: IO[bytes]) -> tuple[Header, bytes]:
    """Read one message; raises BrokenMessageError at the end of the stream."""
    text_bytes, payload_bytes = _SIZES.unpack(_exactly(stream, _SIZES.size))
    if max(text_bytes, payload_bytes) > _LONGEST:
        raise BrokenMessageError
    try:
        header = json.loads(_exactly(stream, text_bytes))
    except ValueError as error:
        raise BrokenMessageError from error
    if not isinstance(header, list) or not header:
        raise BrokenMessageError
    return header, _exactly(stream, payload_bytes)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BrokenMessageError
    return data
