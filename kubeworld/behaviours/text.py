"""The bytes of a described log, found by line without reading them all: a log file may have 100 MB."""

import os
from array import array
from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, overload

from kubeworld.machine.runtime import LogLine

CHUNK_BYTES = 1024 * 1024
BLOCK_LINES = 200


class LogText:
    """Lines as somebody wrote them, in memory or in a file. A line ends at a newline byte and nowhere else."""

    def __init__(self, source: bytes | Path) -> None:
        self.source = source
        self._starts_of_bytes = _starts(BytesIO(source)) if isinstance(source, bytes) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogText) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def starts(self) -> "array[int]":
        """Where each line begins, and where the last ends. A file that is gone has no lines."""
        if self._starts_of_bytes is not None:
            return self._starts_of_bytes
        assert isinstance(self.source, Path)
        try:
            status = self.source.stat()
            return _starts_of_file(self.source, status.st_mtime_ns, status.st_size)
        except OSError:
            return _starts(BytesIO(b""))

    def read(self, start: int, end: int) -> bytes:
        """The bytes from one offset to another."""
        if isinstance(self.source, bytes):
            return self.source[start:end]
        try:
            with self.source.open("rb") as file:
                file.seek(start)
                return file.read(end - start)
        except OSError:
            return b""


@lru_cache(maxsize=16)
def _starts_of_file(path: Path, changed_ns: int, size: int) -> "array[int]":
    with path.open("rb") as file:
        return _starts(file)


def _starts(file: BinaryIO) -> "array[int]":
    starts, offset = array("Q", [0]), 0
    while chunk := file.read(CHUNK_BYTES):
        at = chunk.find(b"\n")
        while at >= 0:
            starts.append(offset + at + 1)
            at = chunk.find(b"\n", at + 1)
        offset += len(chunk)
    if starts[-1] != offset:  # the last line has no newline
        starts.append(offset)
    return starts


class WrittenLog(Sequence[LogLine]):
    """Some lines of a text as one run of a container wrote them, evenly between two instants."""

    def __init__(self, text: LogText, start_ms: int, end_ms: int, until_ms: int | None = None) -> None:
        """`until_ms`: what would be written later is not there yet."""
        self._text, self._starts = text, text.starts()
        self._start_ms, self._life_ms = start_ms, max(0, end_ms - start_ms)
        count = len(self._starts) - 1
        if until_ms is not None and until_ms < end_ms:
            # As many as have at_ms <= until_ms, by the rounding of `_line`.
            count = min(count, max(0, -((start_ms - until_ms - 1) * count // max(1, self._life_ms))))
        self._lines = range(count)
        self._block, self._block_lines = b"", range(0)
        """Lines that were read together: opening a file for each is slow."""

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> LogLine: ...
    @overload
    def __getitem__(self, index: slice) -> "WrittenLog": ...
    def __getitem__(self, index: int | slice) -> "LogLine | WrittenLog":
        if isinstance(index, slice):
            part = copy(self)
            part._lines = self._lines[index]
            return part
        number = self._lines[index]
        if number not in self._block_lines:
            self._read_block(number)
        base = self._starts[self._block_lines.start]
        return self._line(number, self._block[self._starts[number] - base : self._starts[number + 1] - base])

    def data(self, limit_bytes: int | None = None) -> bytes:
        """The lines joined, as they were written, read in one piece."""
        if not self._lines:
            return b""
        start, end = self._starts[self._lines[0]], self._starts[self._lines[-1] + 1]
        return self._text.read(start, end if limit_bytes is None else min(end, start + limit_bytes))

    def _read_block(self, number: int) -> None:
        last = min(number + BLOCK_LINES, len(self._starts) - 1)
        self._block_lines = range(number, last)
        self._block = self._text.read(self._starts[number], self._starts[last])

    def _line(self, number: int, data: bytes) -> LogLine:
        at_ms = self._start_ms + self._life_ms * number // max(1, len(self._starts) - 1)
        whole = data.endswith(b"\n")
        return LogLine.of_bytes(at_ms, data[:-1] if whole else data, is_whole=whole)


def is_readable(path: Path) -> bool:
    """Whether a log can be read from there."""
    return path.is_file() and os.access(path, os.R_OK)
