"""What fieldtune finds and computes, and what ONNX Runtime computes at the same place of the same file."""

import json
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper


def inspect(fieldtune, model, *options):
    """The report of `fieldtune inspect MODEL --json`."""
    command = [fieldtune, "inspect", str(model), "--json", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def fieldtune_feature(fieldtune, model, image, *options):
    """(report, feature [dim]) of an image as the network wants it, f32."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder) / "input.npy", pathlib.Path(folder) / "feature.npy"
        np.save(source, image)
        report = inspect(fieldtune, model, "--run", source, "--out", target, *options)
        return report, np.load(target)


def image(shape, seed=11):
    """Large blobs with fine noise on them, about as normalised photographs are: f32, of about unit variance."""
    random = np.random.RandomState(seed)
    blobs = np.kron(random.standard_normal((3, 16, 16)), np.ones((16, 16)))
    channels_last = shape[-1] == 3
    height, width = shape[1:3] if channels_last else shape[2:4]
    rows, columns = np.arange(height) * 256 // height, np.arange(width) * 256 // width
    values = 0.8 * blobs[:, rows][:, :, columns] + 0.4 * random.standard_normal((3, height, width))
    values = values.transpose(1, 2, 0) if channels_last else values
    return values[None].astype(np.float32)


def pattern(shape):
    """What the Rust tests make for themselves: value[i] = (i * 7919 % 256) / 127.5 - 1 in f32, i counting the values."""
    values = (np.arange(int(np.prod(shape))) * 7919 % 256).astype(np.float32) / np.float32(127.5) - np.float32(1)
    return values.reshape(shape)


HALF = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def widened(model):
    """The model with its half-precision weights, constants, casts, inputs and outputs made f32."""

    def widen(tensor):
        if tensor.data_type in HALF:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))

    for tensor in model.graph.initializer:
        widen(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                widen(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in HALF:
                attribute.i = TensorProto.FLOAT
    for value in [*model.graph.input, *model.graph.output]:
        if value.type.tensor_type.elem_type in HALF:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del model.graph.value_info[:]
    return model


def unrounded(model):
    """The model with every QuantizeLinear and the DequantizeLinear behind it replaced by a Clip to the range of the
    quantisation: what fieldtune computes of a QDQ network."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            stored[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    producers = {output: node for node in model.graph.node for output in node.output}
    nodes = []
    for node in model.graph.node:
        before = producers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if before is not None and before.op_type == "QuantizeLinear":
            scale, zero = stored[before.input[1]], stored[before.input[2]]
            limits = np.iinfo(zero.dtype)
            ends = {"min": limits.min, "max": limits.max}
            ends = {what: np.array((level - int(zero)) * np.float32(scale), np.float32) for what, level in ends.items()}
            if model.opset_import[0].version < 11:
                attributes = {what: float(value) for what, value in ends.items()}
                node = onnx.helper.make_node("Clip", [before.input[0]], node.output, **attributes)
            else:
                names = [f"{node.output[0]}.{what}" for what in ends]
                weights = [numpy_helper.from_array(value, name) for name, value in zip(names, ends.values())]
                model.graph.initializer.extend(weights)
                node = onnx.helper.make_node("Clip", [before.input[0], *names], node.output)
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def session(model, optimise=True, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def onnxruntime_feature(path, tensor, image, rounded=False, optimise=False):
    """The tensor, as a further output of the graph, averaged over space or tokens: [dim].

    * `rounded`: a QDQ network's values are rounded between the layers, as the file says, not only limited.
    """
    model = widened(onnx.load(path))
    name = next(i.name for i in model.graph.input if i.name not in {w.name for w in model.graph.initializer})
    if tensor not in {output.name for output in model.graph.output}:
        model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    model = model if rounded else unrounded(model)
    (value,) = session(model, optimise).run([tensor], {name: image})
    value = value.astype(np.float64)
    if value.ndim == 4:
        return value.mean((0, 2, 3))
    return value.mean((0, 1)) if value.ndim == 3 else value.reshape(-1)


def relative_difference(ours, theirs):
    """The largest difference, as a part of the largest value."""
    if ours.shape != theirs.shape:
        raise RuntimeError(f"fieldtune gives {ours.shape}, ONNX Runtime {theirs.shape}")
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
