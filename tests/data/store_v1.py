"""Makes store-v1.ftune, a store of version 1, byte by byte and without the program: it is read for ever.

    python tests/data/store_v1.py

What stands in it is told by tests/it/store.rs. The format: src/store/snapshot.rs around src/store/snapshot/v1.rs, written by postcard
(https://postcard.jamesmunns.com/wire-format): integers as LEB128, f32 little-endian, a length before what has one, the
number of the variant before an enum.
"""

import pathlib
import struct
import zlib


def integer(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def f32(value):
    return struct.pack("<f", value)


def text(value):
    data = value.encode()
    return integer(len(data)) + data


def several(parts):
    return integer(len(parts)) + b"".join(parts)


def optional(value):
    return b"\0" if value is None else b"\1" + value


def example(number, of_class, micros, origin, feature, thumbnail=None):
    halves = several([integer(struct.unpack("<H", struct.pack("<e", value))[0]) for value in feature])
    picture = optional(None if thumbnail is None else integer(len(thumbnail)) + thumbnail)
    return integer(number) + integer(of_class) + integer(micros) + text(origin) + halves + picture


UNIT_LENGTH, NO_CENTRE = b"\1", optional(None)
LDA = integer(0) + optional(f32(0.5)) + optional(several([f32(0.25)] * 4)) + UNIT_LENGTH
RIDGE = integer(1) + f32(0.5) + b"\1" + NO_CENTRE + UNIT_LENGTH
GOOD, SCRATCH, OLD = 0, 1, 3

EXAMPLES = [
    example(1, GOOD, 1_700_000_000_000_000, "good/1.png", [1.0, 0.5, -0.25, 0.0]),
    example(2, GOOD, 1_700_000_000_000_001, "good/2.png", [0.75, 0.5, -0.5, 0.125]),
    example(4, SCRATCH, 1_700_000_060_000_000, "Kratzer-ü.png", [-1.0, 0.0, 2.0, 65504.0], b"\xff\xd8\xff\xd9"),
    example(5, SCRATCH, 1_700_000_060_000_000, "", [-1.0, 0.25, 1.5, 0.5]),
]

# How each step was taken back: the latest last.
UNDO = [
    several([integer(4) + integer(2), integer(4) + integer(1), integer(1) + integer(GOOD)]),  # teach good
    several([integer(0) + integer(OLD) + text("old"), integer(3) + example(7, OLD, 9, "old.png", [0.0, 0.0, 0.0, 1.0])]),
    several([integer(5) + integer(2) + integer(SCRATCH)]),  # relabel 2, from scratch to good
    several([integer(2) + integer(GOOD) + text("fine")]),  # rename fine to good
    several([integer(6) + RIDGE]),  # from ridge to lda
    several([integer(7) + f32(0.0) + f32(1.0)]),  # thresholds
]

MODEL = text("tiny") + bytes(range(32)) + integer(4)
BODY = (
    several([integer(GOOD) + text("good"), integer(SCRATCH) + text("scratch")])
    + several(EXAMPLES)
    + LDA
    + f32(0.625)
    + f32(float("inf"))
    + integer(4)
    + integer(8)
    + several(UNDO)
)

if __name__ == "__main__":
    data = b"FTLEARN\0" + struct.pack("<H", 1) + MODEL + BODY
    data += struct.pack("<I", zlib.crc32(data))
    (pathlib.Path(__file__).parent / "store-v1.ftune").write_bytes(data)
    print(f"store-v1.ftune {len(data)} bytes")
