"""Makes exports/: small networks in the forms that exporters write them in (weights in other files, channels last, the
newer operators, defaults left out, computed weights, one channel), files that have to be refused, and expected.json, what
ONNX Runtime says of the sound ones.

    python tests/data/exports.py        (numpy 2, onnx 1.19 or later, onnxruntime 1.24 or later)

The weights come from a seed; same seed and versions, same bytes. Each network is fed reference.pattern; the feature is
the named tensor, averaged over all axes but that of its channels.
"""

import json
import shutil

import numpy as np
import onnx
import onnxruntime
from backbones import CLASSES, SEED, SIDE, Network, reference
from onnx import TensorProto, helper, numpy_helper

import pathlib

FOLDER = pathlib.Path(__file__).parent / "exports"


def net(shape=(1, 3, SIDE, SIDE), opset=20):
    return Network(shape, opset=opset)


def ints(network, name, *values):
    return network.weight(name, values, np.int64)


def headless(network, *output):
    return network, network.model(output), network.at


def classified(network, channels, feature=None):
    """The feature, then a classifier."""
    feature = feature or network.at
    network.at = feature
    network.gemm(CLASSES, channels)
    return network, network.model(), feature


def pooled(network, channels):
    network.node("GlobalAveragePool")
    network.node("Flatten", name="feature")
    return classified(network, channels)


def tokens(network):
    """16x16 to tokens [1, 16, 8]."""
    network.conv(8, 3, 4, kernel=4, stride=4, name="patches")
    network.nodes[-1].attribute.remove(next(a for a in network.nodes[-1].attribute if a.name == "pads"))
    network.node("Reshape", None, ints(network, "flat", 1, 8, 16))
    network.node("Transpose", perm=[0, 2, 1], name="tokens")
    return network


def linear(network, name, inputs, outputs):
    network.node("MatMul", None, network.weight(f"{name}.weight", network.normal(outputs, inputs).T))
    return network.node("Add", None, network.weight(f"{name}.bias", network.normal(outputs, scale=0.1)), name=name)


# Channels last.


def last_from_last():
    n = net((1, SIDE, SIDE, 3))
    n.node("Transpose", perm=[0, 3, 1, 2])
    n.trunk().node("Transpose", perm=[0, 2, 3, 1], name="feature")
    return (*headless(n, 1, 4, 4, 12), 3)


def last_from_first():
    n = net().trunk()
    n.node("Transpose", perm=[0, 2, 3, 1], name="feature")
    return (*headless(n, 1, 4, 4, 12), 3)


def last_normed():
    n = net().trunk()
    n.node("Transpose", perm=[0, 2, 3, 1])
    names = [n.weight("norm.scale", 1 + n.normal(12, scale=0.2)), n.weight("norm.bias", n.normal(12, scale=0.2))]
    n.node("LayerNormalization", None, *names, axis=-1, name="feature")
    return (*headless(n, 1, 4, 4, 12), 3)


def last_pooled_kept():
    n = net().trunk()
    n.node("Transpose", perm=[0, 2, 3, 1])
    n.node("ReduceMean", None, ints(n, "space", 1, 2), keepdims=1, name="feature")
    return (*headless(n, 1, 1, 1, 12), 3)


def last_grid_of_tokens():
    n = tokens(net())
    linear(n, "mixed", 8, 10)
    n.node("Reshape", None, ints(n, "grid", 1, 4, 4, 10), name="feature")
    return (*headless(n, 1, 4, 4, 10), 3)


def tokens_headless():
    n = tokens(net())
    linear(n, "feature", 8, 10)
    return (*headless(n, 1, 16, 10), 2)


def first_flat_map():
    n = net().trunk()
    n.node("Reshape", None, ints(n, "flat", 1, 12, 16), name="feature")
    return (*headless(n, 1, 12, 16), 1)


# Defaults that are left out.


def constant_of_shape():
    n = net(opset=13).trunk()
    at = n.at
    n.node("ConstantOfShape", ints(n, "shape", 1, 12, 4, 4))
    n.node("Add", at, n.at)
    return pooled(n, 12)


def clip_with_one_limit():
    n = net(opset=13).trunk()
    n.node("Clip", None, "", n.weight("most", np.float32(0.8)))
    n.node("Clip", None, n.weight("least", np.float32(0.1)))
    n.node("Clip", None)
    return pooled(n, 12)


def old_softmax():
    """Before operator set 13 it is over all axes from the second on."""
    n = net(opset=11).trunk()
    at = n.at
    n.node("Softmax")
    n.node("Mul", at, n.at)
    return pooled(n, 12)


def old_squeeze():
    n = net(opset=11).trunk()
    n.node("GlobalAveragePool")
    n.node("Squeeze")
    n.node("Unsqueeze", axes=[0], name="feature")
    return classified(n, 12)


def old_resize():
    """With an empty region, as operator set 11 wants it."""
    n = net(opset=11).trunk()
    n.node("Resize", None, n.weight("region", []), n.weight("scales", [1, 1, 3, 3]), mode="linear", coordinate_transformation_mode="align_corners")
    n.node("Relu")
    return pooled(n, 12)


def old_upsample():
    n = net(opset=9).trunk()
    n.node("Upsample", None, n.weight("scales", [1, 1, 3, 3]), mode="nearest")
    n.conv(6, 12, 12)
    n.node("Relu")
    return pooled(n, 6)


def older_upsample():
    n = net(opset=7).trunk()
    n.node("Upsample", mode="linear", scales=[1.0, 1.0, 2.0, 2.0])
    n.conv(6, 12, 8)
    n.node("Relu")
    return pooled(n, 6)


def unread_outputs():
    """What stands behind is not read."""
    n = net(opset=13).trunk()
    n.nodes.append(helper.make_node("MaxPool", [n.at], ["small", "where"], "small", kernel_shape=[2, 2], strides=[2, 2]))
    n.nodes.append(helper.make_node("Dropout", ["small"], ["kept", "mask"], "kept"))
    n.at = "kept"
    return pooled(n, 12)


# The newer operators.


def heads(n, name, at, count, size):
    n.at = at
    linear(n, name, 8, count * size)
    n.node("Reshape", None, ints(n, f"{name}.heads", 1, 16, count, size))
    return n.node("Transpose", perm=[0, 2, 1, 3])


def attended(n, count, size):
    n.node("Transpose", perm=[0, 2, 1, 3])
    n.node("Reshape", None, ints(n, "merged", 1, 16, count * size))
    linear(n, "projection", count * size, 8)
    n.node("ReduceMean", None, ints(n, "space", 1), keepdims=0, name="feature")
    return classified(n, 8)


def attention_of_heads():
    n = tokens(net(opset=23))
    read = [heads(n, name, "tokens", 2, 6) for name in ("q", "k", "v")]
    n.node("Attention", *read)
    return attended(n, 2, 6)


def attention_of_three_axes():
    n = tokens(net(opset=24))
    read = []
    for name in ("q", "k", "v"):
        n.at = "tokens"
        read.append(linear(n, name, 8, 12))
    n.node("Attention", *read, q_num_heads=3, kv_num_heads=3, scale=0.7)
    linear(n, "projection", 12, 8)
    n.node("ReduceMean", None, ints(n, "space", 1), keepdims=0, name="feature")
    return classified(n, 8)


def attention_masked():
    n = tokens(net(opset=23))
    read = [heads(n, name, "tokens", 2, 6) for name in ("q", "k", "v")]
    n.node("Attention", *read, n.weight("mask", n.normal(1, 1, 16, 16, scale=2)), softcap=3.0)
    return attended(n, 2, 6)


def attention_causal_grouped():
    n = tokens(net(opset=24))
    read = [heads(n, "q", "tokens", 4, 6), heads(n, "k", "tokens", 2, 6), heads(n, "v", "tokens", 2, 6)]
    n.node("Attention", *read, n.weight("mask", np.arange(256).reshape(16, 16) % 3 != 1, bool), is_causal=1)
    return attended(n, 4, 6)


def newer_activations():
    n = net(opset=24)
    n.conv(8, 3, 8, stride=2)
    n.node("Swish", alpha=1.5)
    n.conv(8, 8, 8)
    n.node("Mish")
    n.conv(8, 8, 8)
    n.node("HardSwish")
    n.conv(8, 8, 8)
    n.node("Gelu", approximate="tanh")
    n.conv(8, 8, 8)
    n.node("Gelu")
    return pooled(n, 8)


def newer_norms():
    n = net(opset=23)
    n.conv(8, 3, 8, stride=2)
    names = [n.weight("group.scale", 1 + n.normal(8, scale=0.2)), n.weight("group.bias", n.normal(8, scale=0.2))]
    n.node("GroupNormalization", None, *names, num_groups=2)
    n.node("Reshape", None, ints(n, "flat", 1, 8, 64))
    n.node("Transpose", perm=[0, 2, 1])
    n.node("RMSNormalization", None, n.weight("rms.scale", 1 + n.normal(8, scale=0.2)))
    angles = np.arange(64)[:, None] * np.array([1.0, 0.1])[None]
    caches = [n.weight("cos", np.cos(angles)[None]), n.weight("sin", np.sin(angles)[None])]
    n.node("RotaryEmbedding", None, *caches, num_heads=2)
    linear(n, "mixed", 8, 8)
    n.node("LayerNormalization", None, n.weight("norm.scale", 1 + n.normal(8, scale=0.2)))
    n.node("ReduceMean", None, ints(n, "space", 1), keepdims=0, name="feature")
    return classified(n, 8)


# Slices with steps.


def sliced(name, start, end, step, side):
    n = tokens(net())
    n.node("Reshape", None, ints(n, "grid", 1, 4, 4, 8))
    for axis in (1, 2):
        limits = [ints(n, f"{what}{axis}", value) for what, value in (("start", start), ("end", end), ("axis", axis), ("step", step))]
        n.node("Slice", None, *limits)
    n.node("Reshape", None, ints(n, "flat2", 1, side * side, 8))
    linear(n, "query", 8, 8)
    n.node("ReduceMean", None, ints(n, "space", 1), keepdims=0, name="feature")
    return classified(n, 8)


def slice_every_second():
    return sliced("every", 0, 1 << 62, 2, 2)


def slice_backwards():
    return sliced("backwards", -1, -(1 << 62), -2, 2)


def slice_from_the_second():
    return sliced("second", 1, -1, 3, 1)


# Weights that are computed.


def standardised_by_batch_norm():
    """As timm's ScaledStdConv2d: BatchNormalization in training form over the weights."""
    n = net(opset=17)
    n.weight("raw", n.normal(1, 8, 27, scale=0.3))
    names = [n.weight("gain", 1 + n.normal(8, scale=0.2)), n.weight("none", np.zeros(8))]
    names += [n.weight("mean", np.zeros(8)), n.weight("variance", np.ones(8))]
    outputs = ["standard", "new_mean", "new_variance"]
    n.nodes.append(helper.make_node("BatchNormalization", ["raw", *names], outputs, "standardise", training_mode=1))
    n.at = "standard"
    kernel = n.node("Reshape", None, ints(n, "shape", 8, 3, 3, 3))
    n.node("Conv", "image", kernel, pads=[1] * 4)
    n.node("Relu")
    return pooled(n, 8)


def standardised_by_hand():
    n = net(opset=17)
    raw = n.weight("raw", n.normal(8, 3, 3, 3))
    n.node("ReduceMean", raw, axes=[1, 2, 3])
    apart = n.node("Sub", raw, n.at)
    n.node("Mul", apart, apart)
    n.node("ReduceMean", axes=[1, 2, 3])
    n.node("Add", None, n.weight("epsilon", np.float32(1e-5)))
    n.node("Sqrt")
    kernel = n.node("Div", apart, n.at)
    n.node("Conv", "image", kernel, pads=[1] * 4)
    n.node("Relu")
    return pooled(n, 8)


def normed_by_computed_parameters():
    n = net(opset=17)
    n.conv(8, 3, 8, stride=2)
    at = n.at
    n.at = n.weight("twice", 0.5 + 0.1 * n.normal(8, scale=1))
    scale = n.node("Mul", None, n.weight("two", np.float32(2)))
    names = [n.weight("shift", n.normal(8, scale=0.1)), n.weight("mean", n.normal(8, scale=0.1)), n.weight("variance", 1 + n.random.rand(8))]
    n.node("BatchNormalization", at, scale, *names)
    n.node("Relu")
    return pooled(n, 8)


def col2im(kernel, stride, dilation, pad, channels):
    n = net(opset=18)
    n.conv(channels * kernel * kernel, 3, 8, stride=2)
    image = (8 - 1) * stride + dilation * (kernel - 1) + 1 - 2 * pad
    n.node("Reshape", None, ints(n, "patches", 1, channels * kernel * kernel, 64))
    n.node("Col2Im", None, ints(n, "image_shape", image, image), ints(n, "block", kernel, kernel), strides=[stride] * 2, dilations=[dilation] * 2, pads=[pad] * 4)
    n.node("Relu")
    return pooled(n, channels)


def col2im_apart():
    return col2im(2, 2, 1, 0, 6)


def col2im_overlapping():
    return col2im(3, 2, 1, 1, 5)


def col2im_dilated():
    return col2im(2, 1, 2, 1, 5)


# One channel.


def grey(shape, first_channels=1):
    n = net(shape)
    if shape[-1] == 1 and shape[1] != 1:
        n.node("Transpose", perm=[0, 3, 1, 2])
    n.conv(8, first_channels, 8, stride=2)
    n.node("Relu")
    return pooled(n, 8)


def grey_first():
    return grey((1, 1, SIDE, SIDE))


def grey_last():
    return grey((1, SIDE, SIDE, 1))


def grey_open():
    """Only the first layer tells how many channels there are."""
    return grey(("N", "C", SIDE, SIDE))


# Control flow, functions, what ONNX Runtime fuses.


def branch(condition):
    n = net(opset=13).pooled()
    n.gemm(CLASSES, 12)

    def body(name, op):
        inner = [helper.make_node(op, [n.at], ["inner"], "inner"), helper.make_node("Identity", ["inner"], [f"{name}.out"], name)]
        return helper.make_graph(inner, name, [], [helper.make_tensor_value_info(f"{name}.out", TensorProto.FLOAT, (1, CLASSES))])

    condition = n.weight("condition", condition, bool)
    n.node("If", condition, then_branch=body("then", "Identity"), else_branch=body("else", "Softmax"), name="final")
    return n, n.model(), "feature"


def branch_taken():
    return branch(True)


def branch_not_taken():
    return branch(False)


def function():
    """An operator that the file defines, with an attribute, twice."""
    n = net(opset=18)
    n.conv(8, 3, 8, stride=2)
    n.node("Leaky", domain="own", slope=0.3)
    n.conv(8, 8, 8)
    n.node("Leaky", domain="own", slope=0.1)
    network, model, feature = pooled(n, 8)
    reference_to = onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    node = helper.make_node("LeakyRelu", ["x"], ["leaky"])
    node.attribute.append(reference_to)
    nodes = [node, helper.make_node("Identity", ["leaky"], ["y"])]
    opsets = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("own", "Leaky", ["x"], ["y"], nodes, opsets, ["slope"]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    return network, model, feature


def fused():
    n = net(opset=13)
    n.conv(8, 3, 8, stride=2)
    n.node("Relu")
    first = n.at
    settings = dict(kernel_shape=[3, 3], pads=[1] * 4, domain="com.microsoft")
    names = [n.weight("w", n.normal(8, 8, 3, 3)), n.weight("b", n.normal(8, scale=0.1))]
    n.node("FusedConv", None, *names, activation="LeakyRelu", activation_params=[0.2], **settings)
    n.node("FusedConv", None, *names, first, activation="Relu", **settings)
    network, model, feature = pooled(n, 8)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return network, model, feature


# Weights in other files: name, and which file each tensor goes to.


def external(make, place):
    """(network, the model as it was, its feature, the model with its weights elsewhere, {file name: bytes})"""
    network, model, feature = make()
    whole, files = onnx.ModelProto(), {}
    whole.CopyFrom(model)
    for index, tensor in enumerate(onnx.external_data_helper._get_all_tensors(model)):
        where = place(index, tensor)
        if where is None:
            continue
        name, align, say_length = where
        if not tensor.raw_data:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
        data = files.setdefault(name, bytearray())
        data.extend(b"\xee" * (-len(data) % align))
        offset, raw = len(data), tensor.raw_data
        data.extend(raw)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entries = {"location": name}
        entries.update({"offset": offset} if offset else {})
        entries.update({"length": len(raw)} if say_length else {})
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
    return network, whole, feature, model, files


def in_one_file(make):
    return lambda: external(make, lambda index, tensor: (f"{make.__name__}.onnx.data", 64, True))


def in_many_files(make):
    names = ["a b.bin", "Gewichte-\u00e4.bin", "weights/part.0", "weights/part.1", "net"]
    return lambda: external(make, lambda index, tensor: (names[index % len(names)], 4096 if index % 2 else 1, index % 3 != 0))


def constants_inside():
    """Constants of nodes, also within a branch."""
    n = net(opset=13).trunk()
    at = n.at
    value = numpy_helper.from_array(n.normal(1, 12, 1, 1, scale=0.5).astype(np.float32), "value")
    n.node("Constant", value=value, name="offset")
    n.nodes[-1].ClearField("input")
    n.node("Add", at, "offset", name="moved")
    scale = numpy_helper.from_array((1 + n.normal(1, 12, 1, 1, scale=0.5)).astype(np.float32), "inner.scale")
    inner = helper.make_graph(
        [helper.make_node("Mul", ["moved", "inner.scale"], ["inner.out"])],
        "then", [], [helper.make_tensor_value_info("inner.out", TensorProto.FLOAT, (1, 12, 4, 4))], [scale],
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["moved"], ["other.out"])],
        "else", [], [helper.make_tensor_value_info("other.out", TensorProto.FLOAT, (1, 12, 4, 4))],
    )
    n.node("If", n.weight("condition", True, bool), then_branch=inner, else_branch=other)
    return pooled(n, 12)


def gemm():
    return pooled(net().trunk(), 12)


EXTERNAL = {
    "external_one": in_one_file(gemm),
    "external_many": in_many_files(gemm),
    "external_inside": in_one_file(constants_inside),
}

SOUND = [
    *(last_from_last, last_from_first, last_normed, last_pooled_kept, last_grid_of_tokens, tokens_headless, first_flat_map),
    *(constant_of_shape, clip_with_one_limit, old_softmax, old_squeeze, old_resize, old_upsample, older_upsample, unread_outputs),
    *(attention_of_heads, attention_of_three_axes, attention_masked, attention_causal_grouped, newer_activations, newer_norms),
    *(slice_every_second, slice_backwards, slice_from_the_second),
    *(standardised_by_batch_norm, standardised_by_hand, normed_by_computed_parameters, col2im_apart, col2im_overlapping, col2im_dilated),
    *(grey_first, grey_last, grey_open, branch_taken, branch_not_taken, function, fused),
]


def faults():
    """{name: bytes} of files that have to be refused."""

    def batch():
        n = net((4, 3, SIDE, SIDE)).trunk()
        n.node("Reshape", None, ints(n, "flat", 4, 192), name="feature")
        return classified(n, 192)[1]

    def channels():
        n = net((1, 4, SIDE, SIDE))
        n.conv(8, 4, 8, stride=2)
        return pooled(n, 8)[1]

    def operator(op, domain="", **attributes):
        n = net(opset=13).trunk()
        n.node(op, domain=domain, name="odd", **attributes)
        return pooled(n, 12)[1]

    def training():
        n = net(opset=13).trunk()
        n.node("Dropout", None, n.weight("ratio", np.float32(0.5)), n.weight("training", True, bool), name="odd")
        return pooled(n, 12)[1]

    def old_broadcasting():
        n = net(opset=6).trunk()
        n.node("Add", None, n.weight("offset", n.normal(12, scale=1)), broadcast=1, axis=1, name="odd")
        return pooled(n, 12)[1]

    def elsewhere(**entries):
        model = gemm()[1]
        tensor = model.graph.initializer[0]
        size = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"length": size, **entries}.items():
            tensor.external_data.add(key=key, value=str(value))
        return model

    made = {
        "fault_batch": batch(),
        "fault_four_channels": channels(),
        "fault_fused_layout": operator("Conv", "com.microsoft.nchwc"),
        "fault_vendor": operator("TransposeMatMul", "com.microsoft"),
        "fault_other_domain": operator("Relu", "my.own"),
        "fault_loop": operator("Loop"),
        "fault_sequence": operator("SequenceConstruct"),
        "fault_random": operator("RandomNormalLike"),
        "fault_training": training(),
        "fault_old_broadcasting": old_broadcasting(),
        "fault_deformed": operator("DeformConv"),
        "fault_elsewhere_absolute": elsewhere(location="/etc/passwd"),
        "fault_elsewhere_above": elsewhere(location="a/../../b.data"),
        "fault_elsewhere_gone": elsewhere(location="gone.data"),
        "fault_elsewhere_short": elsewhere(location="short.data"),
        "fault_elsewhere_offset": elsewhere(location="short.data", offset=1 << 40),
        "fault_elsewhere_length": elsewhere(location="short.data", length=12),
        "fault_elsewhere_number": elsewhere(location="short.data", offset="-1"),
    }
    return {name: model.SerializeToString(deterministic=True) for name, model in made.items()}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    cases = []

    def case(name, network, model, feature, axis):
        shape = [{"N": 1, "C": 1}.get(side, side) for side in network.shape]
        if feature not in {output.name for output in model.graph.output}:
            model.graph.output.append(onnx.ValueInfoProto(name=feature))
        (value,) = reference.session(model, False).run([feature], {"image": reference.pattern(shape)})
        axis = value.ndim - 1 if axis is None and value.ndim < 4 else 1 if axis is None else axis
        value = value.astype(np.float64).mean(tuple(other for other in range(value.ndim) if other != axis))
        cases.append({"name": name, "shape": shape, "tensor": feature, "feature": [float(f"{v:.9g}") for v in value]})

    for make in SOUND:
        network, model, feature, *axis = make()
        (FOLDER / f"{make.__name__}.onnx").write_bytes(model.SerializeToString(deterministic=True))
        case(make.__name__, network, model, feature, axis[0] if axis else None)
    for name, make in EXTERNAL.items():
        network, whole, feature, model, files = make()
        (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
        for file, data in files.items():
            (FOLDER / file).parent.mkdir(exist_ok=True)
            (FOLDER / file).write_bytes(data)
        case(name, network, whole, feature, None)
    for name, content in faults().items():
        (FOLDER / f"{name}.onnx").write_bytes(content)
    (FOLDER / "short.data").write_bytes(bytes(100))
    tools = f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, numpy {np.__version__}"
    lines = ",\n".join(json.dumps(case) for case in cases)
    text = f'{{"made_by": "exports.py", "with": "{tools}", "seed": {SEED}, "tolerance": 1e-4, "cases": [\n{lines}\n]}}\n'
    (FOLDER / "expected.json").write_text(text)


if __name__ == "__main__":
    main()
