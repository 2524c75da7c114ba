"""Joins the two files of openWakeWord's features to one network that hears, for a card with `kind = "samples"`.

    python models/check/wake.py melspectrogram.onnx embedding_model.onnx speech.onnx

The first makes a mel spectrogram of samples in the range of 16 bits, 32 bands every 10 ms; the second takes 76 such moments, divided
by 10 and 2 added, and gives 96 values. Both come with the package openwakeword 0.4.0 (Apache-2.0); the second is Google's
speech_embedding. Writes the card beside it. Needs onnx; with onnxruntime it compares the joined network with the two.
"""

import hashlib
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# What gives 76 moments.
SAMPLES = 160 * (76 + 3)


def joined(mel, embedding):
    mel, embedding = (onnx.compose.add_prefix(onnx.load(path), prefix) for path, prefix in [(mel, "mel."), (embedding, "net.")])
    (source,), (seen,) = mel.graph.input, mel.graph.output
    (fed,), (result,) = embedding.graph.input, embedding.graph.output
    constants = {
        "loud": np.float32(32768),
        "tenth": np.float32(0.1),
        "two": np.float32(2),
        "shape": np.array([1, 76, 32, 1], np.int64),
        "flat": np.array([1, 96], np.int64),
    }
    first = [helper.make_node("Mul", ["samples", "loud"], [source.name])]
    between = [
        helper.make_node("Mul", [seen.name, "tenth"], ["scaled"]),
        helper.make_node("Add", ["scaled", "two"], ["moved"]),
        helper.make_node("Reshape", ["moved", "shape"], [fed.name]),
    ]
    last = [helper.make_node("Reshape", [result.name, "flat"], ["embedding"])]
    graph = helper.make_graph(
        [*first, *mel.graph.node, *between, *embedding.graph.node, *last],
        "speech",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, SAMPLES])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 96])],
        [*mel.graph.initializer, *embedding.graph.initializer]
        + [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def compare(mel, embedding, path):
    import onnxruntime

    run = lambda file, value: (session := onnxruntime.InferenceSession(str(file))).run(None, {session.get_inputs()[0].name: value})[0]
    random = np.random.RandomState(4)
    samples = np.cumsum(random.standard_normal((1, SAMPLES)), 1)
    samples = (samples / np.abs(samples).max() * 0.5).astype(np.float32)
    features = run(mel, samples * 32768).squeeze() / 10 + 2
    two = run(embedding, features.reshape(1, 76, 32, 1).astype(np.float32)).ravel()
    one = run(path, samples).ravel()
    print(f"from the two files: {np.abs(one - two).max() / np.abs(two).max():.1e}")


def main():
    mel, embedding, path = map(pathlib.Path, sys.argv[1:])
    made = joined(mel, embedding)
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString())
    data = path.read_bytes()
    path.with_suffix(".toml").write_text(
        f'name = "{path.stem}"\nfile = "{path.name}"\nbytes = {len(data)}\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
        f'licence = "Apache-2.0"\n\n[input]\nkind = "samples"\nrate = 16000\nwindow = {SAMPLES / 16000}\npool = "whole"\noutput = "embedding"\n'
    )
    try:
        compare(mel, embedding, path)
    except ImportError:
        pass


if __name__ == "__main__":
    main()
