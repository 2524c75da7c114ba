#!/usr/bin/env python3
"""Makes the FLAC files beside it, with flac 1.4.2: tests/data/sounds/flac.py

tests/it/flac.rs computes the same samples: a triangle whose pitch rises, and noise, in whole numbers.
"""

import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).parent


def samples(count, channels, bits):
    """Of a file, by turns of its channels; from -100 to 100 times what a 9-bit number has, and less noise."""
    state = 12345
    for at in range(count):
        for channel in range(channels):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            place = at * (8 + at * 40 // count + 3 * channel) % 400
            triangle = min(place, 400 - place) - 100
            yield (triangle << (bits - 8)) // 2 + ((state >> 24) - 128 << (bits - 8)) // 128


def wav(count, channels, rate, bits):
    data = b""
    for sample in samples(count, channels, bits):
        # Samples of 8 bits have no sign.
        data += (sample + 128).to_bytes(1, "little") if bits == 8 else sample.to_bytes(bits // 8, "little", signed=True)
    size = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * size, size, bits)
    return b"".join([b"RIFF", struct.pack("<I", 36 + len(data)), b"WAVEfmt ", struct.pack("<I", 16), form,
                     b"data", struct.pack("<I", len(data)), data])


def encode(name, source, *options):
    made = ["flac", "--silent", "--best", "--no-padding", *options, "-"]
    subprocess.run(made, input=source, cwd=HERE, check=True)
    assert (HERE / name).stat().st_size < 20_000


if __name__ == "__main__":
    encode("mono-16.flac", wav(14000, 1, 16000, 16), "--blocksize=1024", "--force", "--output-name=mono-16.flac")
    encode("stereo-24.flac", wav(2500, 2, 44100, 24), "--tag=TITLE=stereo", "--force", "--output-name=stereo-24.flac")
    # Without a checksum of its samples, as into a pipe.
    with (HERE / "mono-8.flac").open("wb") as piped:
        made = subprocess.run(["flac", "--silent", "--best", "--no-padding", "--stdout", "-"], input=wav(4000, 1, 8000, 8),
                              stdout=subprocess.PIPE, check=True)
        piped.write(made.stdout)
