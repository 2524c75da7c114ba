"""Makes pictures/: small image files of every kind, and pictures.json with what they show.

    python tests/data/pictures.py        (numpy 2, Pillow 11 or later)

Expected pixels are those that were put in (lossless files), what Pillow decodes (lossy ones), or what Pillow's bilinear
resize gives. Same seed and same Pillow, same bytes.
"""

import json
import pathlib
import struct
import zlib

import numpy as np
import PIL
from PIL import Image

SEED = 3
FOLDER = pathlib.Path(__file__).parent / "pictures"
RANDOM = np.random.RandomState(SEED)
CASES, RESIZES = [], []


def case(name, data, rgb, mean=0.0, most=0):
    """A file, the [height, width, 3] it shows, and how far a decoder may be off: on average, at most; grey levels."""
    (FOLDER / name).write_bytes(data)
    rgb = np.asarray(rgb, np.uint8)
    height, width, _ = rgb.shape
    entry = {"file": name, "width": width, "height": height, "mean": mean, "most": most}
    CASES.append(entry | {"rgb": rgb.tobytes().hex()})


def encoded(image, kind, **settings):
    path = FOLDER / f".tmp.{kind}"
    image.save(path, **settings)
    data = path.read_bytes()
    path.unlink()
    return data


def decoded(data):
    path = FOLDER / ".tmp"
    path.write_bytes(data)
    rgb = np.asarray(Image.open(path).convert("RGB"))
    path.unlink()
    return rgb


def png(rows, depth, colour, extra=b"", size=None):
    """A PNG by hand, for what Pillow does not write. rows: [height, bytes a row]."""
    rows = np.asarray(rows, np.uint8)
    width, height = size or (rows.shape[1] * 8 // (depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]), rows.shape[0])

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(lines, 9))
        + chunk(b"IEND", b"")
    )


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def over_black(rgba):
    rgba = np.asarray(rgba, np.uint32)
    return (rgba[..., :3] * rgba[..., 3:] + 127) // 255


def grey3(grey):
    return np.repeat(np.asarray(grey)[..., None], 3, axis=-1)


def lossless():
    rgb = RANDOM.randint(0, 256, (5, 7, 3))
    image = Image.fromarray(rgb.astype(np.uint8))
    case("rgb.png", encoded(image, "png"), rgb)
    case("rgb.bmp", encoded(image, "bmp"), rgb)
    case("rgb.ppm", encoded(image, "ppm"), rgb)
    case("rgb.webp", encoded(image, "webp", lossless=True), rgb)
    case("rgb.gone-astray.jpg", encoded(image, "png"), rgb)

    grey = RANDOM.randint(0, 256, (6, 4))
    image = Image.fromarray(grey.astype(np.uint8))
    case("grey.png", encoded(image, "png"), grey3(grey))
    case("grey.bmp", encoded(image, "bmp"), grey3(grey))
    case("grey.pgm", encoded(image, "ppm"), grey3(grey))
    bits = RANDOM.randint(0, 2, (5, 9))
    image = Image.fromarray((bits * 255).astype(np.uint8)).convert("1")
    case("bits.png", encoded(image, "png"), grey3(bits * 255))
    case("bits.pbm", encoded(image, "ppm"), grey3(bits * 255))
    case("grey-2-bit.png", png([[0b00_01_10_11], [0b11_10_01_00]], 2, 0), grey3([[0, 85, 170, 255], [255, 170, 85, 0]]))

    palette = RANDOM.randint(0, 256, (16, 3))
    index = RANDOM.randint(0, 16, (5, 6))
    image = Image.fromarray(index.astype(np.uint8), "P")
    image.putpalette(palette.astype(np.uint8).tobytes())
    case("palette.png", encoded(image, "png"), palette[index])
    case("palette.bmp", encoded(image, "bmp"), palette[index])
    alpha = np.array([0, 255, 128, 77] + [255] * 12)
    data = encoded(image, "png", transparency=bytes(alpha.tolist()))
    case("palette-transparent.png", data, over_black(np.concatenate([palette[index], alpha[index][..., None]], -1)))

    rgba = RANDOM.randint(0, 256, (4, 5, 4))
    image = Image.fromarray(rgba.astype(np.uint8))
    case("rgba.png", encoded(image, "png"), over_black(rgba))
    case("rgba.webp", encoded(image, "webp", lossless=True, exact=True), over_black(rgba))
    la = RANDOM.randint(0, 256, (4, 5, 2))
    image = Image.fromarray(la.astype(np.uint8), "LA")
    case("grey-alpha.png", encoded(image, "png"), over_black(la[..., [0, 0, 0, 1]]))

    # 16 bits to 8: the nearest of 256 levels.
    deep = RANDOM.randint(0, 65536, (4, 3))
    big_endian = deep.astype(">u2").tobytes()
    rows = np.frombuffer(big_endian, np.uint8).reshape(4, -1)
    case("grey-16.png", png(rows, 16, 0), grey3(np.round(deep / 257)))
    case("grey-16.pgm", b"P5 3 4 65535\n" + big_endian, grey3(np.round(deep / 257)))
    deep = RANDOM.randint(0, 65536, (4, 3, 3))
    rows = np.frombuffer(deep.astype(">u2").tobytes(), np.uint8).reshape(4, -1)
    case("rgb-16.png", png(rows, 16, 2), np.round(deep / 257))
    deep = RANDOM.randint(0, 65536, (4, 3, 4))
    rows = np.frombuffer(deep.astype(">u2").tobytes(), np.uint8).reshape(4, -1)
    case("rgba-16.png", png(rows, 16, 6), np.round(deep[..., :3] * deep[..., 3:] / 65535 / 257), mean=1.0, most=1)

    one = np.array([[[200, 100, 50]]])
    image = Image.fromarray(one.astype(np.uint8))
    for kind in ("png", "bmp", "ppm"):
        case(f"one.{kind}", encoded(image, kind), one)
    case("one.jpg", encoded(image, "jpeg", quality=95), one, mean=3.0, most=4)
    line = RANDOM.randint(0, 256, (1, 300, 3))
    case("line.png", encoded(Image.fromarray(line.astype(np.uint8)), "png"), line)
    case("plain.ppm", b"P3\n# a remark\n2 1\n255\n255 0 10  20 30 40\n", [[[255, 0, 10], [20, 30, 40]]])


def photograph(width, height):
    """Something with soft gradients, hard edges and fine grain."""
    y, x = np.mgrid[:height, :width]
    soft = np.stack([x / width, y / height, 0.5 + 0.5 * np.sin(x / 9 + y / 13)], -1) * 200
    soft[(x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < (height * 0.2) ** 2] = (250, 240, 20)
    soft[height // 2 :: 7, width // 3 : width // 2] = (5, 10, 90)
    grain = RANDOM.randint(-12, 13, (height, width, 1)) * (y > height * 0.7)[..., None]
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


def lossy():
    # Chroma is upsampled differently by different decoders; without subsampling only rounding differs.
    for name, settings, mean, most in (
        ("photo.jpg", {"quality": 90, "subsampling": 0}, 1.0, 6),
        ("photo-420.jpg", {"quality": 85, "subsampling": 2}, 3.0, 60),
        ("photo-progressive.jpg", {"quality": 85, "subsampling": 0, "progressive": True}, 1.0, 6),
    ):
        data = encoded(Image.fromarray(photograph(26, 19)), "jpeg", **settings)
        case(name, data, decoded(data), mean, most)
    data = encoded(Image.fromarray(photograph(26, 19)).convert("L"), "jpeg", quality=90)
    case("photo-grey.jpg", data, decoded(data), 1.0, 6)
    data = encoded(Image.fromarray(photograph(26, 19)).convert("CMYK"), "jpeg", quality=95, subsampling=0)
    case("photo-cmyk.jpg", data, decoded(data), 2.0, 12)
    data = encoded(Image.fromarray(photograph(26, 19)), "webp", quality=85)
    case("photo.webp", data, decoded(data), 3.0, 60)


# How the upright picture lies in the file for each EXIF orientation.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def orientations():
    # Six flat blocks of a JPEG's own size, so that compression loses next to nothing.
    colours = np.array([[[220, 30, 30], [30, 200, 40], [40, 60, 220]], [[240, 230, 40], [20, 20, 20], [240, 240, 240]]])
    upright = colours.repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    for orientation, stored in STORED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = Image.fromarray(np.ascontiguousarray(stored(upright)))
        data = encoded(image, "jpeg", quality=95, subsampling=0, exif=exif)
        case(f"exif-{orientation}.jpg", data, upright, mean=2.0, most=6)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.ascontiguousarray(STORED[6](upright)))
    case("exif-6.png", encoded(image, "png", exif=exif), upright)
    case("exif-6.webp", encoded(image, "webp", lossless=True, exif=exif), upright)
    exif[0x0112] = 99
    case("exif-99.jpg", encoded(Image.fromarray(upright), "jpeg", quality=95, subsampling=0, exif=exif), upright, 2.0, 6)


def resizes():
    """Pillow's bilinear of one picture to several sizes, as PNG files; crop: what part of it is taken."""
    source = photograph(120, 90)
    image = Image.fromarray(source)
    (FOLDER / "resize-source.png").write_bytes(encoded(image, "png", optimize=True))
    sizes = [("smaller", 32, 32, 0), ("a-little-smaller", 100, 75, 0), ("tiny", 3, 2, 0), ("one", 1, 1, 0)]
    sizes += [("larger", 160, 120, 0), ("wide", 96, 20, 0), ("tall", 13, 77, 0), ("same", 120, 90, 0)]
    sizes += [("crop-square", 48, 48, 1.0), ("crop-part", 40, 40, 0.875), ("crop-wide", 64, 16, 1.0)]
    for name, width, height, crop in sizes:
        box = (0, 0, *image.size)
        if crop:
            aspect = width / height
            w, h = min(120, 90 * aspect) * crop, min(90, 120 / aspect) * crop
            box = ((120 - w) / 2, (90 - h) / 2, (120 + w) / 2, (90 + h) / 2)
        small = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
        file = f"resize-{name}.png"
        (FOLDER / file).write_bytes(encoded(small, "png", optimize=True))
        RESIZES.append({"name": name, "file": file, "width": width, "height": height, "crop": crop})


def bombs():
    """Files of a few bytes that claim thousands of millions of pixels."""
    pixels = np.zeros((4, 4), np.uint8)
    (FOLDER / "bomb.png").write_bytes(png(pixels, 8, 2, size=(60000, 60000)))
    (FOLDER / "bomb.ppm").write_bytes(b"P6 60000 60000 255\n" + bytes(64))
    jpeg = bytearray(encoded(Image.fromarray(photograph(26, 19)), "jpeg"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 60000, 60000)
    (FOLDER / "bomb.jpg").write_bytes(bytes(jpeg))
    bmp = bytearray(encoded(Image.fromarray(photograph(8, 8)), "bmp"))
    bmp[18:26] = struct.pack("<ii", 60000, 60000)
    (FOLDER / "bomb.bmp").write_bytes(bytes(bmp))
    webp = bytearray(encoded(Image.fromarray(photograph(26, 19)), "webp"))
    frame = webp.index(b"\x9d\x01\x2a")
    webp[frame + 3 : frame + 7] = struct.pack("<HH", 16383, 16383)
    (FOLDER / "bomb.webp").write_bytes(bytes(webp))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    lossless()
    lossy()
    orientations()
    resizes()
    bombs()
    about = {"made_by": "tests/data/pictures.py", "pillow": PIL.__version__, "seed": SEED}
    # A case a line, so that a change shows.
    lines = [f'  "{key}": {json.dumps(value)}' for key, value in about.items()]
    for key, entries in (("cases", CASES), ("resizes", RESIZES)):
        lines.append(f'  "{key}": [\n' + ",\n".join("    " + json.dumps(entry) for entry in entries) + "\n  ]")
    (FOLDER / "pictures.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(CASES)} pictures, {len(RESIZES)} sizes, {size} bytes")
