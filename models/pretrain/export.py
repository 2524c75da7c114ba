"""Writes a checkpoint as ONNX (BatchNorm folded, f16 weights) with its model card, and checks it.

The graph is written node by node, so that its tensors have names that a person can tap: `stage2`, `stage3`, `stage4`
(the last block's output at strides 8, 16, 32), `stage2.0` and so on (the outputs of the blocks before it), `last` (the map
before pooling) and `feature` (the output, `[1, 1280]`). Weights are stored as f16 and cast to f32 in the graph; every
runtime folds the casts when it loads.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

import generate
from fewshot import blocks_to_unit_length
from model import INPUT, Student

TAPS = (("stage2.0", ("max",)), ("stage3", ("max",)), ("stage4.0", ("max",)), ("stage4", ("avg",)))


class Writer:
    """Collects nodes and initialisers."""

    def __init__(self):
        self.nodes, self.initialisers = [], []

    def add(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def half(self, name, values):
        """A constant stored as f16, cast to f32."""
        values = values.numpy().astype(np.float16)
        assert np.isfinite(values).all(), f"{name} does not fit into f16"
        self.initialisers.append(numpy_helper.from_array(values, f"{name}.f16"))
        return self.add("Cast", [f"{name}.f16"], name, to=TensorProto.FLOAT)

    def conv_bn(self, module, x, name):
        """Convolution with the BatchNorm after it folded in, and ReLU if there is one."""
        conv, norm = module[0], module[1]
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = self.half(f"{name}.weight", conv.weight * scale[:, None, None, None])
        bias = self.half(f"{name}.bias", norm.bias - norm.running_mean * scale)
        relu = len(module) == 3
        kernel, pad = conv.kernel_size, conv.padding
        y = self.add("Conv", [x, weight, bias], f"{name}.conv" if relu else name, kernel_shape=list(kernel),
                     strides=list(conv.stride), pads=[*pad, *pad], group=conv.groups)
        return self.add("Relu", [y], name) if relu else y


@torch.no_grad()
def to_onnx(student, size=INPUT):
    """The student as an ONNX model, opset 13."""
    writer = Writer()
    x = writer.conv_bn(student.stem, "image", "stem")
    for name, stage in student.stages.items():
        for index, block in enumerate(stage):
            inside = f"{name}.{index}"
            out = name if index == len(stage) - 1 else inside
            y = x
            for step, layer in enumerate(block.layers[:-1]):
                y = writer.conv_bn(layer, y, f"{inside}.{step}")
            y = writer.conv_bn(block.layers[-1], y, f"{inside}.project" if block.skip else out)
            x = writer.add("Add", [x, y], out) if block.skip else y
    x = writer.conv_bn(student.last, x, "last")
    x = writer.add("GlobalAveragePool", [x], "pooled")
    writer.add("Flatten", [x], "feature", axis=1)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, size, size])
    feature = helper.make_tensor_value_info("feature", TensorProto.FLOAT, [1, student.last[0].out_channels])
    graph = helper.make_graph(writer.nodes, "fieldtune", [image], [feature], writer.initialisers)
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="fieldtune models/pretrain")
    onnx.checker.check_model(model, full_check=True)
    return model


def session(model, outputs):
    """ONNX Runtime on the model, giving these tensors."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def pooled(maps, taps=TAPS):
    """Maps by name, `[batch, channels, h, w]` arrays, to the feature the runtime makes of them, `[batch, dim]`."""
    pools = {"avg": lambda m: m.mean((2, 3)), "max": lambda m: m.max((2, 3))}
    return blocks_to_unit_length([pools[pool](np.asarray(maps[name])) for name, kinds in taps for pool in kinds])


def check(name, got, wanted, tolerance):
    """Largest difference relative to the largest value; stops the export if it is too large."""
    worst = float(np.abs(got - wanted).max() / np.abs(wanted).max())
    print(f"{name}: largest relative difference {worst:.1e} (at most {tolerance:.0e})")
    if not worst <= tolerance:
        raise SystemExit(f"{name}: differs")


def compare(model, student, path, images):
    """ONNX Runtime against PyTorch (f16 rounding apart), and tract against ONNX Runtime where its package is installed."""
    names = [name for name, _ in TAPS] + ["feature"]
    run = session(model, names)
    batch = (images.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)
    with torch.no_grad():
        maps = {name: value.numpy() for name, value in student(torch.from_numpy(batch)).items()}
    maps["feature"] = maps["last"].mean((2, 3))
    outputs = [run.run(None, {"image": batch[i : i + 1]}) for i in range(len(batch))]
    for index, name in enumerate(names):
        check(f"{name}, ONNX Runtime against PyTorch", np.concatenate([o[index] for o in outputs]), maps[name], 1e-2)
    try:
        import tract
    except ImportError:
        print("tract's Python package is not installed: not compared")
        return
    network = tract.onnx().load(str(path)).into_model().into_runnable()
    got = [network.run([batch[i : i + 1]])[0].to_numpy() for i in range(len(batch))]
    check("feature, tract against ONNX Runtime", np.concatenate(got), np.concatenate([o[-1] for o in outputs]), 1e-4)


CARD = """name = "{name}"
about = "{about}"
file = "{name}.onnx"
bytes = {bytes}
sha256 = "{sha256}"
licence = "{licence}"

[input]
size = {size}
norm = "tf"
"""


def card(name, data, about, licence):
    """The text of the model card."""
    text = CARD.format(name=name, about=about, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), size=INPUT, licence=licence)
    for tensor, pools in TAPS:
        text += f'\n[[tap]]\ntensor = "{tensor}"\npool = [{", ".join(f"{chr(34)}{p}{chr(34)}" for p in pools)}]\n'
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the .onnx and the .toml")
    parser.add_argument("--name", default="fieldtune-128")
    parser.add_argument("--licence", default="MIT OR Apache-2.0")
    args = parser.parse_args()
    torch.set_num_threads(1)

    saved = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
    student = Student()
    student.load_state_dict(saved["ema"])
    student.eval()
    model = to_onnx(student)
    data = model.SerializeToString()
    path = args.out / f"{args.name}.onnx"
    path.write_bytes(data)
    print(f"{path}: {len(data)} bytes, from step {saved['step']}")

    drawn = [generate.texture(np.random.default_rng([98, index])).resize((INPUT, INPUT)) for index in range(16)]
    compare(model, student, path, np.stack([np.asarray(image) for image in drawn]))
    about = "The project's own network, distilled from MobileNetV2 1.0: 40 million multiply-accumulates, taps at three depths"
    (args.out / f"{args.name}.toml").write_text(card(args.name, data, about, args.licence))


if __name__ == "__main__":
    main()
