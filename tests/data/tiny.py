"""Makes tiny.onnx, the network of the tests, and its card tiny.toml.

    python tests/data/tiny.py        (numpy 2, onnx 1.17 or later; no training, no download)

It is shaped like a small MobileNet: a stem, depthwise and pointwise convolutions with ReLU, global average pooling, a
Gemm classifier onto 10 classes; input [1, 3, 32, 32] in 0 to 1, opset 13, a feature of 48 values. The stem's filters
are drawn up by hand (colours, edges, fine patterns), the rest come from the seed, so that flat colours and simple
textures lie apart in its features although nothing was ever learned. Same seed, same bytes.
"""

import hashlib
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 7
SIDE = 32
STEM, MIDDLE, DIM, CLASSES = 16, 32, 48, 10
FOLDER = pathlib.Path(__file__).parent
# RandomState's stream is frozen by numpy's policy, whatever the version.
RANDOM = np.random.RandomState(SEED)

GREY = np.array([0.3, 0.6, 0.1])
# A colour's weight on red, green, blue: the three, their opposites, and two opponents.
COLOURS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1], [1, -1, 0], [-1, -1, 2]], dtype=float
)
# What a colour's offset has to be for its answer to lie within 0 and about 1.
COLOUR_OFFSETS = np.array([0, 0, 0, 1, 1, 1, 0, 0], dtype=float)
# Three by three patterns that a flat surface answers with 0, each in both signs.
PATTERNS = [
    np.outer([1, 2, 1], [-1, 0, 1]) / 4,  # upright edges
    np.outer([-1, 0, 1], [1, 2, 1]) / 4,  # level edges
    np.outer([1, -2, 1], [1, -2, 1]) / 4,  # a checkerboard
    np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]) / 2,  # spots
]


def stem():
    """[16, 3, 3, 3] and [16]."""
    filters = [np.broadcast_to(colour[:, None, None] / 9, (3, 3, 3)) for colour in COLOURS]
    for pattern in PATTERNS:
        for sign in (1, -1):
            filters.append(GREY[:, None, None] * (sign * pattern)[None])
    return np.stack(filters), np.concatenate([COLOUR_OFFSETS, np.zeros(8)])


def depthwise(channels):
    """Smoothing with a little of an edge: [channels, 1, 3, 3]."""
    smooth = np.outer([1, 2, 1], [1, 2, 1]) / 16
    return smooth[None, None] + RANDOM.standard_normal((channels, 1, 3, 3)) * 0.05


def pointwise(channels, inputs):
    """[channels, inputs, 1, 1], about as loud as its input."""
    return RANDOM.standard_normal((channels, inputs, 1, 1)) * np.sqrt(2 / inputs)


def network():
    nodes, weights = [], []

    def convolution(name, data, weight, bias, **settings):
        for suffix, values in (("weight", weight), ("bias", bias)):
            weights.append(numpy_helper.from_array(np.asarray(values, np.float32), f"{name}.{suffix}"))
        side = weight.shape[-1]
        pads = [side // 2] * 4
        names = [data, f"{name}.weight", f"{name}.bias"]
        nodes.append(helper.make_node("Conv", names, [name], name, kernel_shape=[side, side], pads=pads, **settings))
        nodes.append(helper.make_node("Relu", [name], [f"{name}.relu"], f"{name}.relu"))
        return f"{name}.relu"

    at = convolution("stem", "image", *stem(), strides=[2, 2])
    at = convolution("block1.depthwise", at, depthwise(STEM), np.zeros(STEM), group=STEM)
    at = convolution("block1.pointwise", at, pointwise(MIDDLE, STEM), np.zeros(MIDDLE))
    at = convolution("block2.depthwise", at, depthwise(MIDDLE), np.zeros(MIDDLE), group=MIDDLE, strides=[2, 2])
    at = convolution("block2.pointwise", at, pointwise(DIM, MIDDLE), np.zeros(DIM))
    nodes.append(helper.make_node("GlobalAveragePool", [at], ["pool"], "pool"))
    nodes.append(helper.make_node("Flatten", ["pool"], ["feature"], "flatten", axis=1))
    classifier = RANDOM.standard_normal((CLASSES, DIM)) / np.sqrt(DIM)
    weights.append(numpy_helper.from_array(classifier.astype(np.float32), "classifier.weight"))
    weights.append(numpy_helper.from_array(np.zeros(CLASSES, np.float32), "classifier.bias"))
    names = ["feature", "classifier.weight", "classifier.bias"]
    nodes.append(helper.make_node("Gemm", names, ["logits"], "classifier", transB=1))

    def tensor(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs, outputs = [tensor("image", [1, 3, SIDE, SIDE])], [tensor("logits", [1, CLASSES])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, producer_name="tiny.py", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


CARD = """# Made by tiny.py, as tiny.onnx is.
name = "tiny"
about = "the network of the tests: fixed filters, nothing learned"
file = "tiny.onnx"
bytes = {bytes}
sha256 = "{sha256}"
licence = "MIT OR Apache-2.0"

[input]
size = {side}
norm = "unit"
"""


if __name__ == "__main__":
    onnx_bytes = network()
    (FOLDER / "tiny.onnx").write_bytes(onnx_bytes)
    sha256 = hashlib.sha256(onnx_bytes).hexdigest()
    (FOLDER / "tiny.toml").write_text(CARD.format(bytes=len(onnx_bytes), sha256=sha256, side=SIDE))
    print(f"tiny.onnx {len(onnx_bytes)} bytes, sha256 {sha256}")
