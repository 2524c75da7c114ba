"""Renders the training views once and caches what the teacher says of each.

A view is either a crop of one photograph, a mosaic of four (which keeps the photographs' own sharpness), or a generated
texture. View i of a kind depends on the seed and i alone, so a run that was cut off continues where it was, and several
processes may share the work (`--part 0/2`).

Cached for each view, in OUT/KIND/: `images.u8` [n, 128, 128, 3]; `label.i16` [n] (photograph's class, -1 for none);
the teacher's `pooled.f16` [n, 1280], and maps `last.f16` [n, 4, 4, 320], `mid.f16` [n, 8, 8, 96],
`low.f16` [n, 8, 8, 32]: linear block outputs at strides 32, 16 and 8.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from torch.nn import functional

import generate

SIZE = 128  # the student's input
SHAPES = {"pooled": (1280,), "last": (4, 4, 320), "mid": (8, 8, 96), "low": (8, 8, 32)}
BATCH = 32


def photo_classes(photos, held_out):
    """Class folders in order; every tenth is held out for validation."""
    names = sorted(folder.name for folder in Path(photos).iterdir() if folder.is_dir())
    return [name for index, name in enumerate(names) if (index % 10 == 0) == held_out]


def photo_list(photos):
    """(path, label) of every photograph to train on."""
    listed = []
    for label, name in enumerate(photo_classes(photos, held_out=False)):
        listed += [(path, label) for path in sorted((Path(photos) / name).iterdir())]
    return listed


def crop(image, rng, least):
    """A random rectangle of at least `least` of the area, aspect ratio 3:4 to 4:3, flipped half the time."""
    width, height = image.size
    area, ratio = rng.uniform(least, 1), np.exp(rng.uniform(-0.28, 0.28))
    w, h = min(1, np.sqrt(area * ratio)) * width, min(1, np.sqrt(area / ratio)) * height
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    image = image.resize((width, height), Image.BILINEAR, (left, top, left + w, top + h))
    return image.transpose(Image.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def view(kind, index, seed, photos):
    """RGB image of view `index`, and its label."""
    rng = np.random.default_rng([seed, sum(map(ord, kind)), index])
    if kind == "textures":
        return generate.texture(rng), -1
    if kind == "photos":
        path, label = photos[index % len(photos)]
        return crop(Image.open(path).convert("RGB"), rng, 0.55), label
    tiles = Image.new("RGB", (128, 128))
    for corner in range(4):
        path, _ = photos[rng.integers(len(photos))]
        tile = crop(Image.open(path).convert("RGB"), rng, 0.8)
        tiles.paste(tile.resize((64, 64)), (corner % 2 * 64, corner // 2 * 64))
    return tiles, -1


def teacher(path, taps, threads):
    """The teacher, cut at these tensors, its input's size and batch left open."""
    model = onnx.load(path)
    shape = model.graph.input[0].type.tensor_type.shape
    for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
        shape.dim[axis].ClearField("dim_value")
        shape.dim[axis].dim_param = name
    del model.graph.value_info[:], model.graph.output[:]
    for tap in taps:
        model.graph.output.append(onnx.helper.make_tensor_value_info(tap, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def arrays(folder, count, mode):
    """The cache's memory maps."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {"images.u8": (np.uint8, (SIZE, SIZE, 3)), "label.i16": (np.int16, ())}
    shapes |= {f"{name}.f16": (np.float16, shape) for name, shape in SHAPES.items()}
    opened = {}
    for name, (kind, shape) in shapes.items():
        path = folder / name
        new = mode == "r+" and not path.exists()
        opened[name.split(".")[0]] = np.memmap(path, kind, "w+" if new else mode, shape=(count, *shape))
    return opened


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True, help="ONNX file")
    parser.add_argument("--taps", default="t62,t60,t46,t20", help="its tensors for pooled, last, mid, low")
    parser.add_argument("--teacher-size", type=int, default=160, help="pixels a side that the teacher sees")
    parser.add_argument("--photos", help="folder with a folder of photographs a class")
    parser.add_argument("--kind", required=True, choices=["photos", "mosaics", "textures"])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="0/1", help="which part of how many")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)

    folder = args.out / args.kind
    part, parts = map(int, args.part.split("/"))
    begin, end = args.count * part // parts, args.count * (part + 1) // parts
    cache = arrays(folder, args.count, "r+")
    progress = folder / f"progress-{part}-{parts}.json"
    at = json.loads(progress.read_text())["at"] if progress.exists() else begin
    photos = photo_list(args.photos) if args.photos else []
    session = teacher(args.teacher, args.taps.split(","), args.threads)
    started, first = time.time(), at
    while at < end:
        rows = range(at, min(at + BATCH, end))
        pictures = [view(args.kind, row, args.seed, photos) for row in rows]
        large = [np.asarray(p.resize((args.teacher_size,) * 2, Image.BILINEAR), np.float32) for p, _ in pictures]
        outputs = session.run(None, {"input": np.stack(large).transpose(0, 3, 1, 2) / 127.5 - 1})
        span = slice(rows.start, rows.stop)
        cache["images"][span] = [np.asarray(p.resize((SIZE, SIZE), Image.BILINEAR)) for p, _ in pictures]
        cache["label"][span] = [label for _, label in pictures]
        for (name, shape), output in zip(SHAPES.items(), outputs):
            output = torch.from_numpy(output.reshape(len(rows), output.shape[1], *output.shape[2:]))
            if len(shape) == 3:
                output = functional.interpolate(output, shape[:2], mode="bilinear", antialias=True).permute(0, 2, 3, 1)
            cache[name][span] = output.reshape(len(rows), *shape).half().numpy()
        at = rows.stop
        if at // BATCH % 32 == 0 or at == end:
            for array in cache.values():
                array.flush()
            progress.write_text(json.dumps({"at": at, "end": end}))
            rate = (at - first) / (time.time() - started)
            print(f"{args.kind}: {at}/{end}, {rate:.0f} views/s", flush=True)


if __name__ == "__main__":
    main()
