"""Compares exported classifiers, run by ONNX Runtime, with the program that exported them.

    python tests/reference/export.py fieldtune DIR [--shots 5] [--images 20] [-- --model NETWORK.onnx --norm tf ...]

DIR holds a folder of images a class. The first images of each class (by name) are taught, the next are classified: by
`fieldtune classify --json`, and by ONNX Runtime from nothing but the exported file. The images that are classified are
brought to the network's size by Pillow first, so that both sides see the same pixels (the program's own resize differs
from Pillow's by at most one grey level). A row a head, largest differences over all images:

* file: the two probabilities that `classify` tells against those of the exported file in ONNX Runtime;
* feature: the program's against the exported file's, as a part of the largest value (the same for every head);
* head: `classify` against `head.npz`, by the lines in `fieldtune export --help`, from the program's own feature;
* numpy: the exported file's probabilities against `head.npz` from the exported file's own feature.

Ends with 1 where feature, head or numpy is more than 1e-4, unless the file keeps the rounding of a quantised network;
file can be more only by what a head makes of two features that differ by less.

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
    parser.add_argument("--images", type=int, default=20, help="images classified in all")
    parser.add_argument("--rounding", action="store_true", help="as fieldtune export's")
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

    def inspect(self, *words):
        """`inspect` takes the model as its first word, and no normalisation but for a card."""
        model = dict(zip(self.model[::2], self.model[1::2]))
        taps = ["--taps", model["--taps"]] if "--taps" in model else []
        self("inspect", model.get("--model", "built-in"), *taps, *words, model=False)


def split(folder, shots, images):
    """Images to teach, by class, and images to classify."""
    taught, classified = {}, []
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    each = -(-images // len(classes))
    for path in classes:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        taught[path.name] = files[:shots]
        classified += files[shots : shots + each]
    return taught, classified[:images]


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


def prepare(program, folder, classified):
    """The images in the network's size, and what the program's network makes of them."""
    whole = folder / "first.onnx"
    program("export", whole)
    about = json.loads(metadata(onnx.load(whole))["input"])
    prepared = []
    for at, file in enumerate(classified):
        image, values, feature = (folder / f"{at}.{ending}" for ending in ("png", "npy", "feature.npy"))
        size = (about["width"], about["height"])
        Image.open(file).convert("RGB").resize(size, Image.Resampling.BILINEAR).save(image)
        np.save(values, tensor(image, about))
        program.inspect("--frames", 1, "--run", values, "--out", feature)
        prepared.append((image, np.load(feature)))
    return prepared


def apart(got, verdict):
    """From the two probabilities that a verdict tells."""
    told = (("best", "confidence"), ("runner_up", "runner_up_confidence"))
    return max(abs(got[verdict[name]] - verdict[confidence]) for name, confidence in told)


def compare(program, folder, prepared, onnx_words):
    """One head: the row of the table, and whether it holds."""
    whole, head = folder / "classifier.onnx", folder / "head.npz"
    program("export", whole, "--force", *onnx_words)
    program("export", head, "--force")
    model = onnx.load(whole)
    onnx.checker.check_model(model, full_check=True)
    rounds = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    told = metadata(model)
    classes, about = json.loads(told["classes"]), json.loads(told["input"])
    session = onnxruntime.InferenceSession(str(whole), providers=["CPUExecutionProvider"])
    verdicts = program("classify", "--json", *(image for image, _ in prepared)).splitlines()
    same, most = 0, np.zeros(4)
    for (image, own_feature), line in zip(prepared, verdicts, strict=True):
        verdict = json.loads(line)
        feed = {about["name"]: tensor(image, about)}
        probabilities, feature = (out[0] for out in session.run(["probabilities", "feature"], feed))
        got = dict(zip(classes, map(float, probabilities), strict=True))
        same += max(got, key=got.get) == verdict["best"]
        again = from_npz(head, feature)
        differences = (
            apart(got, verdict),
            np.abs(feature - own_feature).max() / np.abs(own_feature).max(),
            apart(from_npz(head, own_feature), verdict),
            max(abs(again[name] - got[name]) for name in classes),
        )
        most = np.maximum(most, differences)
    size = whole.stat().st_size / 2**20
    row = [told["head"], f"{same} of {len(prepared)}", *(f"{value:.1e}" for value in most), f"{size:.2f}"]
    return row, rounds or most[1:].max() <= NEAR


def main():
    options, model = arguments()
    onnx_words = ["--rounding"] if options.rounding else []
    good = True
    print("| head | same class | file | feature | head | numpy | MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = Program(options.program, folder, model)
        taught, classified = split(options.folder, options.shots, options.images)
        for name, files in taught.items():
            program("teach", name, *files)
        prepared = prepare(program, folder, classified)
        for head in options.heads.split(","):
            program("head", head, model=False)
            row, holds = compare(program, folder, prepared, onnx_words)
            good &= holds
            print("|", " | ".join(map(str, row)), "|", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
