"""Checks that fieldtune's features of ONNX files are those of ONNX Runtime.

    python models/check/files.py target/release/fieldtune network.onnx...
    python models/check/files.py target/release/fieldtune --write tests/data/backbones/real.json network.onnx...

Prints a Markdown table; exit status 1 if a file does not load or differs by more than 1e-3 of its largest value. Below
the table, for networks in QDQ form: how far their features, and those of ONNX Runtime with its own optimisations, are
from what ONNX Runtime makes of the file when it rounds between the layers as the file says. With --write, ONNX
Runtime's features of reference.pattern are written for the Rust tests, every 16th value.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from reference import fieldtune_feature, image, inspect, onnxruntime_feature, pattern, relative_difference

TOLERANCE = 1e-3
EVERY = 16


def row(fieldtune, path):
    shape = inspect(fieldtune, path, "--frames", 1)["input"]["shape"]
    values = image(shape)
    report, ours = fieldtune_feature(fieldtune, path, values, "--frames", 1)
    tensor = report["feature"]["tensor"]
    theirs = onnxruntime_feature(path, tensor, values)
    difference = relative_difference(ours, theirs)
    cells = [path.name, shape, f"`{tensor}`", report["feature"]["how"], len(ours)]
    cells += [f"{abs(theirs).max():.3g}", f"{difference:.1e}"]
    notes = []
    if any(node.op_type == "QuantizeLinear" for node in onnx.load(path).graph.node):
        rounded = onnxruntime_feature(path, tensor, values, rounded=True)
        optimised = onnxruntime_feature(path, tensor, values, rounded=True, optimise=True)
        for name, feature in (("fieldtune", ours), ("ONNX Runtime, optimised", optimised)):
            cosine = feature @ rounded / np.linalg.norm(feature) / np.linalg.norm(rounded)
            far = relative_difference(feature, rounded)
            notes.append(f"{path.name}: {name} differs from the rounded values by {far:.2f}, cosine {cosine:.3f}")
    values = pattern(shape)
    feature = onnxruntime_feature(path, tensor, values)
    case = {"file": path.name, "shape": shape, "tensor": tensor, "dim": len(feature)}
    case["largest"] = float(abs(feature).max())
    case["every_16th"] = [float(f"{value:.9g}") for value in feature[::EVERY]]
    return cells, notes, case, difference < TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fieldtune")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path)
    arguments = parser.parse_args()
    print("| file | input | feature | found as | dim | largest value | largest relative difference |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    failed, all_notes, cases = False, [], []
    for path in arguments.files:
        try:
            cells, notes, case, fine = row(arguments.fieldtune, path)
            cases.append(case)
        except RuntimeError as error:
            cells, notes, fine = [path.name, str(error).replace("\n", " ")], [], False
        failed |= not fine
        all_notes += notes
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    print("", *all_notes, sep="\n")
    if arguments.write:
        lines = ",\n".join(map(json.dumps, cases))
        made = f'"made_by": "models/check/files.py", "with": "onnxruntime {onnxruntime.__version__}"'
        arguments.write.write_text(f'{{{made}, "tolerance": 1e-4, "cases": [\n{lines}\n]}}\n')
    sys.exit(failed)


if __name__ == "__main__":
    main()
