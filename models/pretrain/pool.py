"""Decodes the photographs and draws the textures from which `train_gpu.py` makes its views.

Written to OUT: `photos.u8` [n, side, side, 3] and `label.i16` [n]; `textures.u8` [m, 192, 192, 3], each in its upper
left corner, and `side.i16` [m], the texture's side, 0 where it is not drawn yet. Texture i depends on the seed and i
alone; a run that was cut off draws what is missing. `train_gpu.py` takes the textures that are there when it starts.
"""

import argparse
import time
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

from targets import photo_list, view

LARGEST = 192  # the side of the largest texture
PART = 64  # pictures in a piece of work


def photograph(path, side):
    return np.asarray(Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR))


def array(path, kind, shape):
    """A memory map of the file, made of zeros if it is not there."""
    return np.memmap(path, kind, "r+" if path.exists() else "w+", shape=shape)


def textures(out, count):
    """The memory maps of the textures and of their sides."""
    pictures = array(out / "textures.u8", np.uint8, (count, LARGEST, LARGEST, 3))
    return pictures, array(out / "side.i16", np.int16, (count,))


def draw(job):
    """Draws those of these textures that are missing."""
    out, count, seed, begin = job
    pictures, sides = textures(out, count)
    for row in range(begin, min(begin + PART, count)):
        if sides[row] == 0:
            picture = np.asarray(view("textures", row, seed, [])[0])
            pictures[row, : len(picture), : len(picture)] = picture
            sides[row] = len(picture)  # last: it says that the picture is there


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="folder with a folder of photographs a class")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--textures", type=int, default=60_000)
    parser.add_argument("--side", type=int, default=64, help="pixels a side of the photographs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    began = time.time()
    listed = photo_list(args.photos)
    textures(args.out, args.textures)
    with Pool(args.workers) as workers:
        decoded = workers.starmap(photograph, [(path, args.side) for path, _ in listed], 256)
        np.stack(decoded).tofile(args.out / "photos.u8")
        np.array([label for _, label in listed], np.int16).tofile(args.out / "label.i16")
        print(f"{len(listed)} photographs, {time.time() - began:.0f} s", flush=True)
        jobs = [(args.out, args.textures, args.seed, begin) for begin in range(0, args.textures, PART)]
        for done, _ in enumerate(workers.imap_unordered(draw, jobs), 1):
            if done % 100 == 0 or done == len(jobs):
                drawn = min(done * PART, args.textures)
                print(f"{drawn}/{args.textures} textures, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
