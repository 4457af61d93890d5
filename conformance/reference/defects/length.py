"""Defects in where a request ends: Content-Length, chunks, and requests that state neither."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.behaviour import Behaviour, Hangup, Silence, crashing, lines, misreading, silent, without
from conformance.reference.defects.wire import dying, leaving
from conformance.reference.message import CHUNKS_MALFORMED, Malformed, chunk_size
from conformance.reference.planting import planted

if TYPE_CHECKING:
    from conformance.reference.message import Request


@planted("wire-length-wins", "WIRE-006")
def length_wins(correct: Behaviour) -> Behaviour:
    """Where Content-Length and Transfer-Encoding stand together, Content-Length counts."""
    return misreading(
        correct, lambda head: without(head, b"transfer-encoding") if lines(head, b"content-length") else head
    )


@planted("wire-first-length-counts", "WIRE-007")
def first_length_counts(correct: Behaviour) -> Behaviour:
    """Of several Content-Length lines that differ the first counts."""

    def change(head: bytes) -> bytes:
        lengths = lines(head, b"content-length")
        if len(set(lengths)) < 2:
            return head
        return without(head, b"content-length") + b"\r\nContent-Length: " + lengths[0]

    return misreading(correct, change)


@planted("wire-length-twice-500", "WIRE-008")
def length_twice_500(correct: Behaviour) -> Behaviour:
    """A Content-Length that is repeated makes the server answer 500."""

    def repeated(head: bytes) -> bool:
        lengths = b",".join(lines(head, b"content-length")).replace(b" ", b"").split(b",")
        return len(lengths) > 1 and len(set(lengths)) == 1

    return dying(correct, repeated)


@planted("wire-length-signed", "WIRE-009")
def length_signed(correct: Behaviour) -> Behaviour:
    """A Content-Length with a plus sign counts as a number."""
    return misreading(correct, lambda head: re.sub(rb"(?im)^(content-length:[ \t]*)\+", rb"\1", head))


@planted("wire-length-invalid-closed", "WIRE-009")
def length_invalid_closed(correct: Behaviour) -> Behaviour:
    """A Content-Length that is no number closes the connection without an answer."""

    def change(head: bytes) -> bytes:
        if any(not re.fullmatch(rb"[0-9, ]+", value) for value in lines(head, b"content-length")):
            raise Hangup
        return head

    return misreading(correct, change)


def chunked_alone(head: bytes) -> bool:
    """Whether chunked is the one thing that frames the body."""
    return lines(head, b"transfer-encoding") == [b"chunked"] and not lines(head, b"content-length")


@planted("wire-chunks-unread", "WIRE-010", "GEN-001")
def chunks_unread(correct: Behaviour) -> Behaviour:
    """A body in chunks is taken for none."""
    return misreading(
        correct,
        lambda head: without(head, b"transfer-encoding") if chunked_alone(head) else head,
    )


@planted("wire-chunk-extension-500", "WIRE-010")
def chunk_extension_500(correct: Behaviour) -> Behaviour:
    """A chunk extension makes the server answer 500."""

    def size(line: bytes) -> int:
        if b";" in line:
            raise Malformed(500, "internal error")
        return chunk_size(line)

    return replace(correct, chunk_size=size)


@planted("wire-last-coding-ignored", "WIRE-011")
def last_coding_ignored(correct: Behaviour) -> Behaviour:
    """Chunks are read wherever Transfer-Encoding names them, whatever coding lies over them."""
    return misreading(correct, lambda head: re.sub(rb"(?im)^(transfer-encoding: *chunked),[^\r\n]*", rb"\1", head))


@planted("wire-unknown-coding-silence", "WIRE-011")
def unknown_coding_silence(correct: Behaviour) -> Behaviour:
    """A request in an unknown transfer coding is never answered."""
    return leaving(correct, lambda head: any(b"chunked" not in value for value in lines(head, b"transfer-encoding")))


@planted("wire-chunk-size-500", "WIRE-020")
def chunk_size_500(correct: Behaviour) -> Behaviour:
    """A chunk whose size is no number makes the server answer 500."""

    def size(line: bytes) -> int:
        try:
            return chunk_size(line)
        except Malformed:
            raise Malformed(500, "internal error") from None

    return replace(correct, chunk_size=size)


@planted("wire-chunk-size-silence", "WIRE-020")
def chunk_size_silence(correct: Behaviour) -> Behaviour:
    """A chunk whose size is no number is never answered."""

    def size(line: bytes) -> int:
        try:
            return chunk_size(line)
        except Malformed:
            raise Silence from None

    return replace(correct, chunk_size=size)


@planted("wire-expect-ignored", "WIRE-014")
def expect_ignored(correct: Behaviour) -> Behaviour:
    """A client that waits for 100 is left waiting until it sends the body all the same."""
    return misreading(correct, lambda head: without(head, b"expect"))


def lengthless(request: Request) -> bool:
    """Whether a request says nothing of a body."""
    return not request.values("Content-Length") and not request.values("Transfer-Encoding")


@planted("wire-no-length-500", "WIRE-015", "DOC-005")
def no_length_500(correct: Behaviour) -> Behaviour:
    """A POST without a length makes the application die, for it makes a number of what is not there."""
    return crashing(correct, lengthless)


@planted("wire-no-length-silence", "WIRE-015", "DOC-005")
def no_length_silence(correct: Behaviour) -> Behaviour:
    """A POST without a length is never answered, since the application waits for a body."""
    return silent(correct, lengthless)


@planted("wire-both-stay-open", "WIRE-006")
def both_stay_open(correct: Behaviour) -> Behaviour:
    """Where Content-Length and Transfer-Encoding stand together the chunks count, and the connection stays open."""
    return misreading(
        correct, lambda head: without(head, b"content-length") if lines(head, b"transfer-encoding") else head
    )


@planted("wire-length-no-number", "WIRE-009")
def length_no_number(correct: Behaviour) -> Behaviour:
    """A Content-Length that is no number counts as zero, and the application misses its parameters."""
    return misreading(
        correct, lambda head: re.sub(rb"(?im)^(content-length:)[ \t]*(?:[a-z]|0x)[^\r\n]*", rb"\1 0", head)
    )


@planted("wire-chunk-upper-case", "WIRE-010", "GEN-001")
def chunk_upper_case(correct: Behaviour) -> Behaviour:
    """The size of a chunk is read in small letters only."""

    def size(line: bytes) -> int:
        if re.match(rb"[0-9A-F]*[A-F]", line):
            raise Malformed(400, CHUNKS_MALFORMED)
        return correct.chunk_size(line)

    return replace(correct, chunk_size=size)
