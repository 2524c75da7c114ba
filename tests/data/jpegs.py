"""Makes jpegs/: small JPEGs of many kinds, and jpegs.json with what libjpeg makes of them.

    python tests/data/jpegs.py [--all FOLDER]     (numpy 2, Pillow 11 or later, cjpeg and jpegtran of libjpeg-turbo)

The expected picture is what Pillow, which is libjpeg-turbo, decodes; jpegs.json has its sides and the CRC-32 of its RGB
bytes. Same seed and same tools, same bytes. With --all every combination is made, in another folder: some thousand.
"""

import argparse
import io
import itertools
import json
import pathlib
import subprocess
import tempfile
import zlib

import numpy as np
import PIL
from PIL import Image, features

SEED = 11
FOLDER = pathlib.Path(__file__).parent / "jpegs"

# Factors of Y, Cb, Cr. libjpeg decodes those of which each divides the largest.
SAMPLINGS = {
    "444": "1x1,1x1,1x1",
    "422": "2x1,1x1,1x1",
    "440": "1x2,1x1,1x1",
    "420": "2x2,1x1,1x1",
    "411": "4x1,1x1,1x1",
    "410": "4x2,1x1,1x1",
    "441": "1x4,1x1,1x1",
    "311": "3x1,1x1,1x1",
    "133": "1x3,1x1,1x1",
    "331": "3x2,1x1,1x1",
    "422-of-411": "4x1,2x1,2x1",
    "1x4-1x2": "1x4,1x2,1x2",
    "2x4-1x1": "2x4,1x1,1x1",
    "2x2-2x1-1x2": "2x2,2x1,1x2",
    "2x1-1x1-2x1": "2x1,1x1,2x1",
    "2x2-1x2": "2x2,1x2,1x2",
    "finer": "1x1,2x2,2x2",
    "finer-across": "1x1,2x1,2x1",
    "finer-down": "1x1,1x2,1x2",
    "finer-one": "1x1,1x1,2x2",
    "all-2x2": "2x2,2x2,2x2",
    "3x3": "3x3,1x1,1x1",
}
SCANS = {
    "usual": "0,1,2;",
    "separate": "0; 1; 2;",
    "y-then-chroma": "0; 1 2;",
    "chroma-first": "1; 2; 0;",
    "chroma-pair-first": "1 2; 0;",
    "y-cr-then-cb": "0 2; 1;",
    "cr-cb-y": "2; 1; 0;",
    "prog-plain": "0,1,2: 0-0,0,0; 0: 1-63,0,0; 1: 1-63,0,0; 2: 1-63,0,0;",
    "prog-dc-apart": "0: 0-0,0,0; 1: 0-0,0,0; 2: 0-0,0,0; 0: 1-63,0,0; 1: 1-63,0,0; 2: 1-63,0,0;",
    "prog-bands": "0,1,2: 0-0,0,0; 0: 1-5,0,0; 2: 1-63,0,0; 1: 1-63,0,0; 0: 6-20,0,0; 0: 21-63,0,0;",
    "prog-usual": "0,1,2: 0-0,0,1; 0: 1-5,0,2; 2: 1-63,0,1; 1: 1-63,0,1; 0: 6-63,0,2; 0: 1-63,2,1;"
    " 0,1,2: 0-0,1,0; 2: 1-63,1,0; 1: 1-63,1,0; 0: 1-63,1,0;",
    "prog-deep": "2: 0-0,0,3; 0,1: 0-0,0,3; 0,1,2: 0-0,3,2; 0,1,2: 0-0,2,1; 0,1,2: 0-0,1,0;"
    " 0: 1-63,0,4; 1: 1-9,0,2; 1: 10-63,0,1; 2: 1-63,0,0; 0: 1-30,4,3; 0: 31-63,4,3; 0: 1-63,3,2; 0: 1-63,2,1;"
    " 0: 1-63,1,0; 1: 1-9,2,1; 1: 1-63,1,0;",
    "prog-single": " ".join(["0,1,2: 0-0,0,0;"] + [f"{c}: {k}-{k},0,0;" for c in range(3) for k in range(1, 64)]),
}
RESTARTS = {"": [], "restarts": ["-restart", "1B"], "restart-3": ["-restart", "3B"], "restart-rows": ["-restart", "1"]}


def photograph(width, height, random):
    """Soft gradients, hard edges, fine grain, strong colours."""
    y, x = np.mgrid[:height, :width]
    soft = np.stack([x / width, y / height, 0.5 + 0.5 * np.sin(x / 9 + y / 13)], -1) * 230
    soft[(x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (height * 0.25) ** 2] = (250, 240, 20)
    soft[height // 2 :: 7, width // 3 : width // 2] = (5, 10, 90)
    soft[: height // 5, width // 2 :] = (0, 0, 0)
    grain = random.randint(-10, 11, (height, width, 1)) * (y > height * 0.6)[..., None]
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


def ppm(pixels):
    height, width, _ = pixels.shape
    return b"P6 %d %d 255\n" % (width, height) + pixels.tobytes()


def run(*command, data):
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def cjpeg(pixels, *settings, scans=None):
    with tempfile.NamedTemporaryFile("w", suffix=".scans") as script:
        if scans:
            script.write(scans.replace("; ", ";\n"))
            script.flush()
            settings += ("-scans", script.name)
        return run("cjpeg", *settings, data=ppm(pixels))


def pillow(image, **settings):
    out = io.BytesIO()
    image.save(out, "jpeg", **settings)
    return out.getvalue()


def shown(data):
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    except OSError:
        # Pillow reads the header itself first, and wants an end marker: it is stricter there than libjpeg.
        # It warns of the bytes between segments, by its exit status.
        out = subprocess.run(["djpeg", "-ppm"], input=data, capture_output=True).stdout
        return np.asarray(Image.open(io.BytesIO(out)).convert("RGB"))


def segments(data):
    """Where the segments before the first scan begin, and where its data does."""
    at, found = 2, []
    while True:
        found.append(at)
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        at += length
        if data[found[-1] + 1] == 0xDA:
            return found, at


def without(data, marker):
    starts, end = segments(data)
    kept = b"".join(data[a:b] for a, b in zip(starts, starts[1:] + [end]) if data[a + 1] != marker)
    return data[:2] + kept + data[end:]


def segment(marker, body):
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def grid(random, everything):
    """The combinations: all of them, or a few of each."""
    sides = itertools.cycle([(45, 37), (48, 32), (17, 50), (33, 9), (64, 24)])
    combinations = list(itertools.product(SAMPLINGS, SCANS, RESTARTS))
    if not everything:
        # Each sampling, each order of scans, each kind of restarts, in some company.
        chosen = [(sampling, "usual", "") for sampling in SAMPLINGS]
        chosen += [(sampling, scans, "") for sampling in ("444", "420") for scans in SCANS if scans != "usual"]
        rest = [c for c in combinations if c not in chosen and c[1] != "prog-single"]
        chosen += [rest[i] for i in random.permutation(len(rest))[:40]]
        combinations = chosen
    for sampling, scans, restarts in combinations:
        width, height = next(sides)
        quality = str(random.choice([35, 75, 92]))
        name = "-".join(filter(None, [sampling, scans, restarts]))
        settings = ["-quality", quality, "-sample", SAMPLINGS[sampling], *RESTARTS[restarts]]
        pixels = photograph(width, height, random)
        try:
            yield name, cjpeg(pixels, *settings, scans=SCANS[scans])
        except subprocess.CalledProcessError:
            # More than ten blocks a unit cannot be in one scan.
            yield name, cjpeg(pixels, *settings, scans=SCANS["separate"])


def colours(random):
    pixels = photograph(37, 29, random)
    image = Image.fromarray(pixels)
    yield "grey", pillow(image.convert("L"), quality=80)
    yield "grey-progressive", pillow(image.convert("L"), quality=80, progressive=True)
    yield "grey-2x2", cjpeg(pixels, "-grayscale", "-sample", "2x2")
    yield "grey-restarts", cjpeg(pixels, "-grayscale", "-restart", "2B")
    yield "rgb", cjpeg(pixels, "-rgb", "-sample", "1x1")
    yield "rgb-progressive", cjpeg(pixels, "-rgb", "-sample", "1x1", "-progressive")
    yield "rgb-separate", cjpeg(pixels, "-rgb", "-sample", "1x1", scans="2; 0; 1;")
    # The same by its components' ids alone.
    yield "rgb-by-ids", without(cjpeg(pixels, "-rgb", "-sample", "1x1"), 0xEE)
    yield "no-jfif", without(pillow(image, quality=80), 0xE0)
    yield "adobe-says-rgb", without(pillow(image, quality=80)[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\0") +
                                    pillow(image, quality=80)[2:], 0xE0)
    yield "jfif-and-adobe", pillow(image, quality=80)[:2] + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(
        0xEE, b"Adobe\0\x64\0\0\0\0\0") + pillow(image, quality=80)[20:]
    cmyk = Image.fromarray(np.concatenate([255 - pixels, photograph(37, 29, random)[..., :1] // 2], -1), "CMYK")
    for name, settings in (("", {}), ("-progressive", {"progressive": True}), ("-420", {"subsampling": 2})):
        data = pillow(cmyk, quality=90, **settings)
        yield f"cmyk{name}", data
        adobe = data.index(b"Adobe")
        yield f"ycck{name}", data[: adobe + 11] + b"\2" + data[adobe + 12 :]
        yield f"cmyk-no-adobe{name}", without(data, 0xEE)


def oddities(random):
    pixels = photograph(45, 37, random)
    data = pillow(Image.fromarray(pixels), quality=75, subsampling=2)
    starts, end = segments(data)
    restarts = cjpeg(pixels, "-restart", "1B")
    for quality in (1, 25, 50, 100):
        yield f"quality-{quality}", pillow(Image.fromarray(pixels), quality=quality)
    yield "optimised", pillow(Image.fromarray(pixels), quality=80, optimize=True)
    for width, height in ((1, 1), (2, 3), (3, 2), (5, 4), (8, 8), (9, 17), (16, 16)):
        small = Image.fromarray(photograph(width, height, random))
        for subsampling in (0, 1, 2):
            yield f"{width}x{height}-{subsampling}", pillow(small, quality=90, subsampling=subsampling)
    yield "no-tables", without(data, 0xC4)
    yield "no-tables-restarts", without(restarts, 0xC4)
    for number, start in enumerate(starts):
        yield f"zeros-before-segment-{number}", data[:start] + bytes(5) + data[start:]
        yield f"bytes-before-segment-{number}", data[:start] + b"\x12\x34\xff\x00\x56" + data[start:]
        yield f"fill-before-segment-{number}", data[:start] + b"\xff\xff\xff" + data[start:]
    yield "no-end", data[:-2]
    yield "no-end-zeros", data[:-2] + bytes(64)
    yield "no-end-ones", data[:-2] + b"\xff" * 64
    yield "zeros-before-end", data[:-2] + bytes(9) + data[-2:]
    yield "fill-before-end", data[:-2] + b"\xff\xff" + data[-2:]
    count = sum(restarts.count(bytes([0xFF, 0xD0 + n])) for n in range(8))
    yield "restart-before-end", restarts[:-2] + bytes([0xFF, 0xD0 + count % 8]) + restarts[-2:]
    yield "padded", data + bytes(4096)
    yield "another-behind-mpf", data[:20] + segment(0xE2, b"MPF\0II*\0\x08\0\0\0") + data[20:] + restarts
    thumbnail = pillow(Image.fromarray(photograph(16, 12, random)), quality=60)
    yield "metadata", data[:20] + segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0" + thumbnail) + segment(
        0xE2, b"ICC_PROFILE\0\1\1" + bytes(range(256)) * 2) + segment(0xFE, b"\xff\xd9\xff\xd8" * 9) + segment(
        0xED, b"Photoshop 3.0\0") + segment(0xEC, b"Ducky") + data[20:]
    sof = data.index(b"\xff\xc0")
    yield "extended", data[: sof + 1] + b"\xc1" + data[sof + 2 :]
    yield "transcoded", run("jpegtran", "-progressive", "-restart", "4B", data=data)
    # Refused, with the reason.
    yield "refused-stream", data + restarts
    yield "refused-arithmetic", cjpeg(pixels, "-arithmetic")
    yield "refused-fraction", data[: sof + 11] + b"\x31" + data[sof + 12 : sof + 14] + b"\x21" + data[sof + 15 :]
    yield "refused-12-bit", data[: sof + 4] + b"\x0c" + data[sof + 5 :]
    yield "refused-height-0", data[: sof + 5] + b"\0\0" + data[sof + 7 :]
    yield "refused-lossless", data[: sof + 1] + b"\xc3" + data[sof + 2 :]
    yield "refused-middle-lost", data[: end + 300] + data[end + 420 :]
    yield "refused-end-lost", data[: end + 400] + data[-2:]
    yield "refused-restart-lost", restarts.replace(b"\xff\xd3", b"", 1)
    yield "refused-interval-lost", restarts[: restarts.index(b"\xff\xd1")] + restarts[restarts.index(b"\xff\xd2") :]
    progressive = cjpeg(pixels, "-progressive")
    last = progressive.rindex(b"\xff\xda")
    yield "refused-scan-lost", progressive[:last] + b"\xff\xd9"
    separate = cjpeg(pixels, scans=SCANS["separate"])
    last = separate.rindex(b"\xff\xda")
    yield "refused-colour-lost", separate[:last] + b"\xff\xd9"
    yield "refused-scan-twice", separate[:-2] + separate[last:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", metavar="FOLDER", type=pathlib.Path)
    everything = parser.parse_args().all
    folder = everything or FOLDER
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    random = np.random.RandomState(SEED)
    entries, size = [], 0
    for name, data in itertools.chain(grid(random, everything), colours(random), oddities(random)):
        (folder / f"{name}.jpg").write_bytes(data)
        size += len(data)
        entry = {"file": f"{name}.jpg"}
        if not name.startswith("refused-"):
            rgb = shown(data)
            entry |= {"width": rgb.shape[1], "height": rgb.shape[0], "crc32": zlib.crc32(rgb.tobytes())}
        entries.append(entry)
    about = {"made_by": "tests/data/jpegs.py", "pillow": PIL.__version__, "seed": SEED}
    about["libjpeg_turbo"] = features.version("libjpeg_turbo")
    lines = [f'  "{key}": {json.dumps(value)}' for key, value in about.items()]
    lines.append('  "cases": [\n' + ",\n".join("    " + json.dumps(entry) for entry in entries) + "\n  ]")
    (folder / "jpegs.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(entries)} files, {size} bytes")


if __name__ == "__main__":
    main()
