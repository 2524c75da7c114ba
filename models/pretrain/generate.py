"""Pictures of surfaces that nobody photographed: textures at native resolution, defects, light, optics, sensor.

`texture` draws what the student trains on. `held_out` draws classes of defects on surfaces that `texture` never draws
(grain, knurl, granules) for validation only. All randomness comes from the generator that is passed in.

`python generate.py OUT.png` writes a sheet of samples.
"""

import io
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def smooth_noise(rng, size, cells):
    """Noise with about `cells` (across, down) bumps, `[size, size]`, 0 to 1."""
    across, down = (int(np.clip(c, 2, size)) for c in np.broadcast_to(cells, 2))
    small = Image.fromarray(rng.random((down, across), np.float32), "F")
    return np.clip(np.asarray(small.resize((size, size), Image.BICUBIC)), 0, 1)


def fractal(rng, size, cells=None, roughness=None, octaves=6):
    """Octaves of noise, each `roughness` times as strong as the one before. `[size, size]`, 0 to 1."""
    cells = np.asarray(rng.uniform(2, 8) if cells is None else cells, float)
    roughness = rng.uniform(0.4, 0.85) if roughness is None else roughness
    total = sum(roughness**k * smooth_noise(rng, size, cells * 2**k) for k in range(octaves))
    return stretch(total)


def stretch(x):
    low, high = x.min(), x.max()
    return (x - low) / max(high - low, 1e-6)


def grid(size, angle=0.0):
    """Coordinates -0.5 to 0.5, turned by `angle`."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x, y = np.meshgrid(axis, axis)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def colour(rng):
    return tuple(int(c) for c in rng.integers(0, 256, 3))


def leaves(rng, size):
    """Dead leaves: discs, boxes and triangles that cover each other, few large and many small."""
    image = Image.new("RGB", (size, size), colour(rng))
    draw = ImageDraw.Draw(image)
    kinds = rng.choice(3, rng.integers(1, 4), replace=False)
    palette = [colour(rng) for _ in range(rng.integers(2, 9))]
    least = rng.uniform(0.01, 0.06)
    for _ in range(int(rng.integers(40, 400))):
        radius = size * min(least * rng.random() ** -0.6, 0.4)
        x, y = rng.uniform(0, size, 2)
        shape, fill = rng.choice(kinds), palette[rng.integers(len(palette))]
        if shape == 0:
            flat = radius * rng.uniform(0.5, 1)
            draw.ellipse((x - radius, y - flat, x + radius, y + flat), fill)
        else:
            corners = 4 if shape == 1 else 3
            turn = rng.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
            draw.polygon([(x + radius * np.cos(t), y + radius * np.sin(t)) for t in turn], fill)
    return np.asarray(image, np.float32) / 255


def grating(rng, size):
    """One or two waves, sine to square, bent a little."""
    total = 0
    for _ in range(rng.integers(1, 3)):
        x, _ = grid(size, rng.uniform(0, np.pi))
        bend = rng.uniform(0, 0.05) * fractal(rng, size, 3, 0.4, 2)
        wave = np.sin(2 * np.pi * (x + bend) * np.exp(rng.uniform(np.log(3), np.log(size / 3))) + rng.uniform(0, 6))
        total = total + np.tanh(wave * np.exp(rng.uniform(-1, 2.5)))
    return stretch(total)


def brushed(rng, size):
    """Metal brushed or ground in one direction."""
    long = rng.uniform(1, 6)
    lines = fractal(rng, size, (long, rng.uniform(30, 90)), rng.uniform(0.5, 0.9), 3)
    lines = 0.5 + (lines - 0.5) * rng.uniform(0.2, 1)
    return lines.T if rng.random() < 0.5 else lines


def weave(rng, size):
    """Threads over and under each other, twill or plain."""
    x, y = grid(size, rng.choice([0, rng.uniform(0, np.pi)]))
    count, step = rng.uniform(5, 32), rng.integers(1, 4)
    u, v = x * count, y * count * rng.uniform(0.7, 1.4)
    over = ((np.floor(u) + step * np.floor(v)) % (step + 1)) < 1
    thread = np.where(over, np.abs(np.sin(np.pi * u)), rng.uniform(0.4, 0.9) * np.abs(np.sin(np.pi * v)))
    return thread ** rng.uniform(0.4, 1.2)


def cells(rng, size):
    """Distance to the nearest of random points, or the walls between their cells."""
    points = rng.uniform(-0.55, 0.55, (rng.integers(8, 90), 2)).astype(np.float32)
    x, y = grid(size)
    distance = np.sort(np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1]), -1)[..., :2]
    wall = distance[..., 1] - distance[..., 0]
    return stretch(distance[..., 0]) if rng.random() < 0.5 else np.clip(wall / rng.uniform(0.01, 0.1), 0, 1)


def strokes(rng, size):
    """Ink: bars, arcs, dots and letters, flat and sharp."""
    paper, ink = rng.uniform(0, 1, 2)
    image = Image.new("F", (size, size), paper)
    draw = ImageDraw.Draw(image)
    width = int(rng.integers(1, 8))
    square = rng.random() < 0.5  # everything along the axes or at 45 degrees
    for _ in range(rng.integers(4, 50)):
        x, y = rng.uniform(0, size, 2)
        kind = rng.integers(5)
        if kind <= 1:
            for _ in range(rng.integers(1, 5)):
                turn = rng.integers(8) * np.pi / 4 if square else rng.uniform(0, 2 * np.pi)
                length = rng.uniform(0.05, 0.5) * size
                to = x + length * np.cos(turn), y + length * np.sin(turn)
                draw.line((x, y, *to), ink, width)
                x, y = to
        elif kind == 2:
            radius = rng.uniform(1, 4) * width
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), ink if rng.random() < 0.7 else paper, ink, width)
        elif kind == 3:
            radius, begin = rng.uniform(0.03, 0.3) * size, rng.uniform(0, 360)
            draw.arc((x - radius, y - radius, x + radius, y + radius), begin, begin + rng.uniform(30, 300), ink, width)
        else:
            draw.text((x, y), chr(rng.integers(33, 127)), ink, font_size=float(rng.uniform(8, 48)))
    return np.asarray(image)


def tiles(rng, size):
    """Bricks or tiles with joints, each of its own brightness."""
    x, y = grid(size, rng.choice([0, rng.uniform(0, np.pi)]))
    down, across = rng.uniform(2, 14, 2)
    row = np.floor(y * down)
    u = x * across + row * rng.choice([0, 0.5])
    shade = np.sin(np.floor(u) * 12.9898 + row * 78.233) * 43758.5453
    joint = rng.uniform(0.02, 0.12)
    inside = (np.abs(u % 1 - 0.5) < 0.5 - joint) & (np.abs(y * down % 1 - 0.5) < 0.5 - joint)
    return np.where(inside, 0.5 + rng.uniform(0, 0.5) * (shade % 1 - 0.5), rng.uniform(0, 1))


def plain(rng, size):
    return 0.5 + rng.uniform(0.05, 0.4) * (fractal(rng, size) - 0.5)


SURFACES = [fractal, leaves, grating, brushed, weave, cells, strokes, tiles, plain, plain, brushed]


def path_mask(rng, size, jitter, steps, width, length):
    """A line that wanders: a scratch where `jitter` (radians a step) is small, a crack where it is large."""
    image = Image.new("L", (size * 2, size * 2))
    draw = ImageDraw.Draw(image)
    at, turn = rng.uniform(0.2, 1.8, 2) * size, rng.uniform(0, 2 * np.pi)
    for _ in range(steps):
        turn += rng.normal() * jitter
        to = at + length * size * 2 / steps * np.array([np.cos(turn), np.sin(turn)])
        draw.line((*at, *to), 255, max(1, round(2 * width * rng.uniform(0.6, 1.4))))
        at = to
    return np.asarray(image.resize((size, size), Image.BOX), np.float32) / 255


def scratch(rng, size):
    masks = [path_mask(rng, size, 0.02, 12, rng.uniform(0.4, 1.5), rng.uniform(0.1, 1)) for _ in range(rng.integers(1, 5))]
    return np.max(masks, 0)


def crack(rng, size):
    return path_mask(rng, size, rng.uniform(0.4, 0.9), int(rng.integers(15, 50)), rng.uniform(0.5, 1.5), rng.uniform(0.3, 1.5))


def spots(rng, size):
    x, y = grid(size)
    mask = np.zeros((size, size), np.float32)
    for _ in range(rng.integers(1, 12)):
        cx, cy = rng.uniform(-0.5, 0.5, 2)
        radius = np.exp(rng.uniform(np.log(0.01), np.log(0.15)))
        edge = radius * rng.uniform(0.05, 0.8)
        mask = np.maximum(mask, np.clip((radius - np.hypot(x - cx, (y - cy) * rng.uniform(0.6, 1.6))) / edge, 0, 1))
    return mask


def patch(rng, size):
    """A cloud-shaped area."""
    x, y = grid(size)
    cx, cy = rng.uniform(-0.4, 0.4, 2)
    near = np.hypot(x - cx, y - cy) / rng.uniform(0.08, 0.4)
    return np.clip((fractal(rng, size, 4) * 1.3 - near) * np.exp(rng.uniform(0, 2.5)), 0, 1)


DEFECTS = [scratch, crack, spots, patch]


def coloured(rng, x):
    """A map of two colours, near grey half of the time; pictures in colour keep theirs or turn grey."""
    if x.ndim == 3:
        return np.repeat(x.mean(2, keepdims=True), 3, 2) if rng.random() < 0.4 else x
    ends = rng.uniform(0, 1, (2, 1)) + (0 if rng.random() < 0.5 else rng.uniform(-0.3, 0.3, (2, 3)))
    return np.clip(ends[0] + (ends[1] - ends[0]) * x[..., None], 0, 1) * np.ones(3)


def relief(rng, height):
    """Shades a height map by light from one side."""
    dy, dx = np.gradient(height * rng.uniform(5, 40))
    turn = rng.uniform(0, 2 * np.pi)
    return np.clip(0.5 + 0.4 * (np.cos(turn) * dx + np.sin(turn) * dy), 0, 1)


def mark(rng, picture, mask):
    """Lays a defect on a surface: another brightness, another surface, or an edge in relief."""
    size, kind = len(picture), rng.integers(3)
    if kind == 0:
        return picture + (mask * rng.choice([-1, 1]) * rng.uniform(0.15, 0.7))[..., None]
    if kind == 1:
        other = coloured(rng, rng.choice(SURFACES)(rng, size))
        return picture + (other - picture) * mask[..., None] * rng.uniform(0.4, 1)
    return picture + (relief(rng, mask) - 0.5)[..., None] * rng.uniform(0.5, 1)


def photographed(rng, picture):
    """Light, optics, sensor and file: `[size, size, 3]` floats, about 0 to 1, to an image."""
    size = len(picture)
    if rng.random() < 0.6:  # a gradient or a spot of light
        x, y = grid(size, rng.uniform(0, 2 * np.pi))
        light = x if rng.random() < 0.5 else 0.5 - 2 * np.hypot(x - rng.uniform(-0.5, 0.5), y) ** 2
        picture = picture * (1 + rng.uniform(0, 1) * light)[..., None]
    picture = np.clip(picture, 0, 1) ** np.exp(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.4:  # poor contrast
        contrast = rng.uniform(0.25, 0.9)
        picture = rng.uniform(0, 1 - contrast) + contrast * picture
    image = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.8)))
    if rng.random() < 0.6:
        noise = rng.normal(0, np.exp(rng.uniform(0, 2.7)), (size, size, rng.choice([1, 3])))
        image = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(25, 95)))
        image = Image.open(file).convert("RGB")
    return image


def texture(rng):
    """A training picture, 80 to 192 pixels a side."""
    size = int(rng.integers(80, 193))
    picture = rng.choice(SURFACES)(rng, size)
    if picture.ndim == 2 and rng.random() < 0.15:
        picture = relief(rng, picture)
    picture = coloured(rng, picture)
    if rng.random() < 0.3:  # two surfaces in one picture
        mask = np.clip((fractal(rng, size, 2, 0.3) - rng.uniform(0.3, 0.7)) * np.exp(rng.uniform(1, 4)), 0, 1)
        picture = picture + (coloured(rng, rng.choice(SURFACES)(rng, size)) - picture) * mask[..., None]
    for _ in range(rng.choice([0, 1, 2], p=[0.3, 0.5, 0.2])):
        picture = mark(rng, picture, rng.choice(DEFECTS)(rng, size))
    return photographed(rng, picture)


def held_out_surface(rng, size, kind):
    if kind == 0:  # grain: rings cut lengthwise
        x, y = grid(size, rng.uniform(0, 0.3))
        rings = (x + 0.15 * fractal(rng, size, (2, 1), 0.4, 3)) * rng.uniform(8, 20)
        return (rings % 1) ** 0.7 * 0.4 + 0.3
    if kind == 1:  # knurl: crossed ridges
        x, y = grid(size, rng.uniform(-0.1, 0.1))
        count = rng.uniform(10, 20)
        return 0.5 + 0.2 * np.maximum(np.sin((x + y) * 2 * np.pi * count), np.sin((x - y) * 2 * np.pi * count))
    grains = rng.random((size, size)) < 0.1  # granules: light specks of one size
    specks = Image.fromarray((grains * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(3))
    return 0.4 + 0.25 * np.asarray(specks.filter(ImageFilter.GaussianBlur(0.8)), np.float32) / 255


def held_out_defect(rng, size, kind):
    """Change of brightness that is the defect of class `kind`."""
    x, y = grid(size)
    cx, cy = rng.uniform(-0.3, 0.3, 2)
    r, angle = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx)
    if kind == 1:  # a dent: light on one side, dark on the other
        radius = rng.uniform(0.06, 0.15)
        return 0.6 * ((x - cx) + (y - cy)) / radius * np.exp(-((r / radius) ** 2))
    if kind == 2:  # a ring left by a glass
        return -0.3 * np.exp(-(((r - rng.uniform(0.1, 0.25)) / 0.02) ** 2))
    if kind == 3:  # a curl of thread
        turns = r * rng.uniform(14, 22) + angle
        return 0.4 * (np.abs(np.sin(turns / 2)) < 0.15) * (r < rng.uniform(0.15, 0.3))
    if kind == 4:  # a corner broken off
        turn = rng.uniform(0, 2 * np.pi)
        far = x * np.cos(turn) + y * np.sin(turn) + 0.05 * fractal(rng, size, 4)
        return -0.5 * (far > rng.uniform(0.35, 0.5))
    if kind == 5:  # a burn: dark inside, pale around
        radius = rng.uniform(0.06, 0.15) * (1 + 0.3 * np.sin(3 * angle + rng.uniform(0, 6)))
        return -0.5 * (r < radius) + 0.2 * ((r >= radius) & (r < radius * 1.5))
    if kind == 6:  # a run of pin holes
        along = rng.integers(3, 8)
        turn = rng.uniform(0, np.pi)
        total = 0
        for k in range(along):
            hx, hy = cx + 0.06 * k * np.cos(turn), cy + 0.06 * k * np.sin(turn)
            total = total - 0.5 * np.exp(-(np.hypot(x - hx, y - hy) / 0.012) ** 2)
        return total
    if kind == 7:  # a band that is out of focus or dull
        bx, _ = grid(size, rng.uniform(0, np.pi))
        return 0.15 * np.exp(-(((bx - cx) / rng.uniform(0.03, 0.08)) ** 2))
    return np.zeros((size, size))  # 0: good


HELD_OUT_CLASSES = 8


def held_out(rng, kind):
    """A validation picture of class `kind`, 0 (good) to 7, on any of the surfaces kept for validation."""
    size = int(rng.integers(96, 161))
    surface = held_out_surface(rng, size, rng.integers(3))
    picture = surface + held_out_defect(rng, size, kind) * rng.uniform(0.6, 1.2)
    tint = 0.5 + 0.5 * rng.uniform(0.6, 1, 3)
    return photographed(rng, picture[..., None] * tint)


def main():
    sheet = Image.new("RGB", (12 * 132, 12 * 132))
    for index in range(144):
        rng = np.random.default_rng([7, index])
        row, column = divmod(index, 12)
        image = texture(rng) if row < 8 else held_out(rng, index % HELD_OUT_CLASSES)
        sheet.paste(image.resize((128, 128), Image.BILINEAR), (column * 132, row * 132))
    sheet.save(sys.argv[1])


if __name__ == "__main__":
    main()
