"""Messages between this process and a worker: a JSON header and binary parts, over a pipe.

Nothing is unpickled: a worker that a hostile document took over can send nonsense, not code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

LENGTH = struct.Struct("<I")
LARGEST = 1 << 31  # bytes of one header or part; the largest picture is a third of it


class Message(NamedTuple):
    header: dict[str, Any]
    parts: tuple[bytes | bytearray | memoryview, ...] = ()


def send(stream: BinaryIO, message: Message) -> None:
    lengths = [len(memoryview(part).cast("B")) for part in message.parts]
    header = json.dumps({**message.header, "parts": lengths}, separators=(",", ":")).encode()
    stream.write(LENGTH.pack(len(header)) + header)
    for part in message.parts:
        stream.write(memoryview(part).cast("B"))
    stream.flush()


def receive(stream: BinaryIO) -> Message:
    """The next message. Raises EOFError where the other end is gone and ValueError for what is no message."""
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    header = json.loads(bytes(_exactly(stream, length)))
    return Message(header, tuple(_exactly(stream, part) for part in _lengths(header)))


def _lengths(header: Any) -> Sequence[int]:
    if not isinstance(header, dict) or not isinstance(lengths := header.pop("parts", None), list):
        raise ValueError("not a message")
    return lengths


def _exactly(stream: BinaryIO, length: int) -> bytearray:
    if not isinstance(length, int) or not 0 <= length <= LARGEST:
        raise ValueError(f"a part of {length} bytes")
    content = bytearray(length)
    view, done = memoryview(content), 0
    while done < length:
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the other end of the pipe is closed")
        done += count
    return content
