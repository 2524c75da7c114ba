"""The teacher in PyTorch, read from its ONNX file, for training where the views are made (`train_gpu.py`).

`python teacher.py NETWORK.onnx TENSOR...` compares it with ONNX Runtime.
"""

import sys

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

import targets


def convolution(attributes, weight, bias):
    """ONNX's Conv, with padding that may differ from side to side."""
    top, left, bottom, right = attributes["pads"]
    even = (top, left) == (bottom, right)
    channels, inside, *kernel = weight.shape
    groups = attributes["group"]
    pads = (top, left) if even else 0
    conv = nn.Conv2d(inside * groups, channels, kernel, attributes["strides"], pads, groups=groups)
    conv.load_state_dict({"weight": weight, "bias": bias})
    return conv if even else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), conv)


class Sum(nn.Module):
    def forward(self, a, b):
        return a + b


class Teacher(nn.Module):
    """The part of a convolutional classifier that `taps` need: image `[n, 3, h, w]` to a list of the taps' tensors."""

    def __init__(self, path, taps):
        super().__init__()
        graph = onnx.load(path).graph
        constants = {x.name: torch.from_numpy(numpy_helper.to_array(x).copy()) for x in graph.initializer}
        self.image, self.taps, self.steps, self.layers = graph.input[0].name, list(taps), [], nn.ModuleList()
        needed, kept = set(taps), []
        for node in reversed(graph.node):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        for node in reversed(kept):
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            values = [constants[name] for name in node.input if name in constants]
            if node.op_type == "Conv":
                layer = convolution(attributes, *values)
            elif node.op_type == "Clip":
                layer = nn.Hardtanh(*(value.item() for value in values))
            elif node.op_type == "Add":
                layer = Sum()
            elif node.op_type == "GlobalAveragePool":
                layer = nn.AdaptiveAvgPool2d(1)
            else:
                raise SystemExit(f"{path}: only Conv, Clip, Add, GlobalAveragePool are known, not {node.op_type}")
            self.steps.append(([name for name in node.input if name not in constants], node.output[0]))
            self.layers.append(layer)
        self.eval().requires_grad_(False)

    def forward(self, image):
        tensors = {self.image: image}
        for (inputs, output), layer in zip(self.steps, self.layers):
            tensors[output] = layer(*(tensors[name] for name in inputs))
        return [tensors[name] for name in self.taps]


def main():
    path, *taps = sys.argv[1:]
    image = np.random.default_rng(1).uniform(-1, 1, (2, 3, 160, 160)).astype(np.float32)
    wanted = targets.teacher(path, taps, 1).run(None, {"input": image})
    model = Teacher(path, taps)
    got = model(torch.from_numpy(image))
    half = model.half()(torch.from_numpy(image).half())
    for name, a, b, c in zip(taps, got, wanted, half):
        largest = np.abs(b).max()
        print(f"{name} {b.shape}: largest relative difference {np.abs(a.numpy() - b).max() / largest:.1e}, "
              f"in half precision {np.abs(c.float().numpy() - b).max() / largest:.1e}, largest value {largest:.1f}")


if __name__ == "__main__":
    main()
