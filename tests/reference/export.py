"""Compares exported classifiers, run by ONNX Runtime, with the program that exported them.

    python tests/reference/export.py fieldtune DIR [--shots 5] [--images 20] [-- --model NETWORK.onnx --norm tf ...]

DIR holds a folder of images a class. The first images of each class (by name) are taught, the next are judged: by
`fieldtune classify --json`, and by ONNX Runtime from nothing but the exported file. The images that are judged are
brought to the network's size by Pillow first, so that both sides see the same pixels (the program's own resize differs
from Pillow's by at most one grey level). For every head it says by how much the two probabilities that `classify` tells
differ at most, and those of `head.npz` by the lines in `fieldtune export --help`, from the file's own output `feature`.
Ends with 1 where the first is more than 1e-4, unless the file keeps the rounding of a quantised network.

Needs numpy, Pillow, onnx and onnxruntime; made with numpy 2.4, Pillow 12, onnx 1.23, ONNX Runtime 1.32.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from PIL import Image

HEADS = ["lda", "ridge", "slda", "prototype", "softmax", "mlp"]
ENDINGS = {".png", ".jpg", ".jpeg", ".bmp"}
NEAR = 1e-4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shots", type=int, default=5, help="images taught a class")
    parser.add_argument("--images", type=int, default=20, help="images judged in all")
    parser.add_argument("--no-rounding", action="store_true", help="as fieldtune export's")
    parser.add_argument("--heads", default=",".join(HEADS))
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    return parser.parse_args(words[:at]), words[at + 1 :]


class Program:
    """The program with a store of its own."""

    def __init__(self, path, folder, model):
        self.path, self.model = path.resolve(), model
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDTUNE_")}
        self.environment["FIELDTUNE_STORE"] = str(folder / "learned.ftune")

    def __call__(self, *words, model=True):
        words = [str(self.path), *map(str, words), *(self.model if model else [])]
        ran = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(f"{' '.join(words)}: {ran.stderr}")
        return ran.stdout


def split(folder, shots, images):
    """Images to teach, by class, and images to judge."""
    taught, judged = {}, []
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    each = -(-images // len(classes))
    for path in classes:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        taught[path.name] = files[:shots]
        judged += files[shots : shots + each]
    return taught, judged[:images]


def metadata(model):
    return {entry.key.removeprefix("fieldtune."): entry.value for entry in model.metadata_props}


def tensor(file, about):
    """What the file's metadata says of an image that has the right size."""
    pixels = np.asarray(Image.open(file).convert("RGB"), np.float32)
    if about["order"] == "bgr":
        pixels = pixels[..., ::-1]
    values = (pixels - np.float32(about["mean"])) * np.float32(about["scale"])
    return values[None] if about["layout"] == "nhwc" else values.transpose(2, 0, 1)[None]


def from_npz(path, x):
    """The lines of `fieldtune export --help`."""
    h = np.load(path)
    z = x - h["centre"]
    if h["unit_length"]:
        z = z / max(np.linalg.norm(z), 1e-30)
    for i in range(h["layers"]):
        z = h[f"weights{i}"] @ (np.maximum(z, 0) if i else z) + h[f"bias{i}"]
    p = np.exp((z - z.max()) / h["temperature"])
    p /= p.sum()
    return dict(zip(map(str, h["classes"]), p))


def compare(program, folder, judged, onnx_words):
    """One head: the row of the table, and whether it may differ."""
    whole, head = folder / "classifier.onnx", folder / "head.npz"
    program("export", whole, "--force", *onnx_words)
    program("export", head, "--force")
    model = onnx.load(whole)
    onnx.checker.check_model(model, full_check=True)
    rounds = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    told = metadata(model)
    classes, about = json.loads(told["classes"]), json.loads(told["input"])
    files = []
    for at, file in enumerate(judged):
        size = (about["width"], about["height"])
        files.append(folder / f"judged-{at}.png")
        Image.open(file).convert("RGB").resize(size, Image.Resampling.BILINEAR).save(files[-1])
    session = onnxruntime.InferenceSession(str(whole), providers=["CPUExecutionProvider"])
    apart, numpy_apart, same = 0.0, 0.0, 0
    for file, line in zip(files, program("classify", "--json", *files).splitlines(), strict=True):
        verdict = json.loads(line)
        feed = {about["name"]: tensor(file, about)}
        names = ["probabilities", "feature"]
        probabilities, feature = (output[0] for output in session.run(names, feed))
        got = dict(zip(classes, map(float, probabilities), strict=True))
        same += max(got, key=got.get) == verdict["best"]
        for name, confidence in (("best", "confidence"), ("runner_up", "runner_up_confidence")):
            apart = max(apart, abs(got[verdict[name]] - verdict[confidence]))
        again = from_npz(head, feature)
        numpy_apart = max(numpy_apart, *(abs(again[name] - got[name]) for name in classes))
    size = whole.stat().st_size / 2**20
    row = [told["head"], len(files), f"{same}", f"{apart:.1e}", f"{numpy_apart:.1e}", f"{size:.2f}"]
    return row, apart <= NEAR or rounds


def main():
    options, model = arguments()
    onnx_words = ["--no-rounding"] if options.no_rounding else []
    good = True
    print("| head | images | same class | probabilities differ by at most | head.npz in numpy | MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = Program(options.program, folder, model)
        taught, judged = split(options.folder, options.shots, options.images)
        for name, files in taught.items():
            program("teach", name, *files)
        for head in options.heads.split(","):
            program("head", head, model=False)
            row, holds = compare(program, folder, judged, onnx_words)
            good &= holds
            print("|", " | ".join(map(str, row)), "|", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
