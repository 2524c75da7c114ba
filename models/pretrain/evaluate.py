"""Few-shot accuracy of ONNX networks on folders of images (a folder a class), one table.

`--network card.toml` is tapped as its card says; `--network file.onnx` gives its first output, pooled if it is a map
(`--network file.onnx@tensor` another tensor). With several networks the last line is each one's mean over all cells
beside the first one's.
"""

import argparse
import tomllib
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from export import pooled, session
from fewshot import balanced_accuracy


class Network:
    """A network and how it is fed."""

    def __init__(self, text):
        name, _, tensor = text.partition("@")
        path = Path(name)
        self.size, self.taps, self.norm = None, None, "tf"
        if path.suffix == ".toml":
            card = tomllib.loads(path.read_text())
            self.size, self.norm = card["input"]["size"], card["input"]["norm"]
            self.taps = [(tap["tensor"], tap["pool"]) for tap in card["tap"]]
            path = path.parent / card["file"]
        if self.norm != "tf":
            raise SystemExit(f"{text}: norm {self.norm}: this script feeds x / 127.5 - 1 only")
        model = onnx.load(path)
        self.name, self.input = Path(name).stem, model.graph.input[0].name
        self.size = self.size or model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
        self.tensors = [tensor for tensor, _ in self.taps] if self.taps else [tensor or model.graph.output[0].name]
        self.session = session(model, self.tensors)

    def feature(self, image):
        x = np.asarray(image.resize((self.size, self.size), Image.BILINEAR), np.float32) / 127.5 - 1
        maps = self.session.run(None, {self.input: x.transpose(2, 0, 1)[None]})
        if self.taps:
            return pooled(dict(zip(self.tensors, maps)), self.taps)[0]
        return maps[0].reshape(maps[0].shape[1], -1).mean(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", required=True, help="the first is the reference")
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("folders", nargs="+", type=Path)
    args = parser.parse_args()

    networks = [Network(text) for text in args.network]
    columns = [f"{network.name} ({network.size} px)" for network in networks]
    print(f"| images, shots | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    cells = []
    for folder in args.folders:
        paths = sorted(path for path in folder.glob("*/*") if path.is_file())
        labels = np.array([path.parent.name for path in paths])
        features = [[] for _ in networks]
        for path in paths:
            image = Image.open(path).convert("RGB")
            for found, network in zip(features, networks):
                found.append(network.feature(image))
        features = [np.stack(found) for found in features]
        for shots in args.shots:
            row = []
            for found in features:
                row.append(balanced_accuracy(found, labels, shots, args.seeds))
            cells.append([mean for mean, _ in row])
            print(f"| {folder.name}, {shots} | {' | '.join(f'{m:.1f} ± {s:.1f}' for m, s in row)} |", flush=True)
    means = np.mean(cells, 0)
    print(f"| mean | {' | '.join(f'{m:.2f} ({100 * m / means[0]:.1f} %)' for m in means)} |")


if __name__ == "__main__":
    main()
