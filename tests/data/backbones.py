"""Makes backbones/*.onnx, small networks with every kind of ending and with every kind of fault, and expected.json, what
ONNX Runtime says of the sound ones.

    python tests/data/backbones.py        (numpy 2, onnx 1.17 or later, onnxruntime 1.20 or later)

The weights come from a seed; same seed and versions, same bytes. Each network is fed reference.pattern; the feature is the named tensor, averaged over space. QDQ
networks are computed without the rounding between the layers, as fieldtune does: see src/backbone/quantised.rs.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "check"))
import reference  # noqa: E402

SEED = 5
SIDE = 16
CLASSES = 10
FOLDER = pathlib.Path(__file__).parent / "backbones"


class Network:
    """Nodes and weights, one after another; `at` is the last tensor."""

    def __init__(self, shape=(1, 3, SIDE, SIDE), opset=13, element=TensorProto.FLOAT):
        self.random = np.random.RandomState(SEED)
        self.nodes, self.weights, self.work = [], [], 0
        self.shape, self.opset, self.element = list(shape), opset, element
        self.at = "image"

    def weight(self, name, values, kind=np.float32):
        self.weights.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def normal(self, *shape, scale=None):
        fan_in = int(np.prod(shape[1:])) if scale is None else 1
        return self.random.standard_normal(shape) * (np.sqrt(2 / fan_in) if scale is None else scale)

    def node(self, op, *inputs, name=None, output=None, **attributes):
        """Behind `at`, unless inputs are named."""
        name = name or f"{op.lower()}{len(self.nodes)}"
        inputs = inputs if inputs and inputs[0] is not None else [self.at, *inputs[1:]]
        self.nodes.append(helper.make_node(op, inputs, [output or name], name, **attributes))
        self.at = output or name
        return self.at

    def conv(self, channels, inputs, side, kernel=3, stride=1, group=1, name=None, bias=True):
        """* `side`: of the output map."""
        name = name or f"conv{len(self.nodes)}"
        names = [None, self.weight(f"{name}.weight", self.normal(channels, inputs // group, kernel, kernel))]
        if bias:
            names.append(self.weight(f"{name}.bias", self.normal(channels, scale=0.1)))
        self.work += channels * inputs // group * kernel**2 * side**2
        pads = [kernel // 2] * 4
        settings = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=group)
        return self.node("Conv", *names, name=name, **settings)

    def gemm(self, outputs, inputs, name="classifier", counted=False):
        names = [self.weight(f"{name}.weight", self.normal(outputs, inputs))]
        names.append(self.weight(f"{name}.bias", self.normal(outputs, scale=0.1)))
        self.work += outputs * inputs if counted else 0
        return self.node("Gemm", None, *names, name=name, transB=1)

    def trunk(self):
        """16x16 to a map [12, 4, 4]."""
        self.conv(8, 3, 8, stride=2)
        self.node("Relu")
        self.conv(8, 8, 8, group=8)
        self.node("Relu")
        self.conv(12, 8, 4, stride=2)
        self.node("Relu", name="map")
        return self

    def pooled(self):
        self.trunk().node("GlobalAveragePool")
        self.node("Flatten", name="feature")
        return self

    def model(self, output_shape=("N", CLASSES), inputs=()):
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info("image", self.element, self.shape), *inputs],
            [helper.make_tensor_value_info(self.at, self.element, output_shape)],
            self.weights,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, producer_name="backbones.py", opset_imports=opsets)
        model.ir_version = 8
        return model


def gemm():
    net = Network().pooled()
    net.gemm(CLASSES, 12)
    return net, net.model(), "feature"


def matmul_add_softmax():
    net = Network().trunk()
    net.node("ReduceMean", axes=[2, 3], keepdims=0, name="feature")
    net.node("MatMul", None, net.weight("classifier.weight", net.normal(12, CLASSES)))
    net.node("Add", None, net.weight("classifier.bias", net.normal(CLASSES, scale=0.1)))
    net.node("Softmax", axis=1)
    return net, net.model(), "feature"


def conv_reshape_any_batch():
    """The batch is a symbol, and the last shape is computed from it, as exporters do."""
    net = Network(("batch", 3, SIDE, SIDE)).trunk()
    pooled = net.node("GlobalAveragePool", name="feature")
    net.work_before = net.work
    scores = net.conv(CLASSES, 12, 1, kernel=1, name="classifier")
    net.work = net.work_before
    net.node("Shape", "image")
    net.node("Gather", None, net.weight("zero", [0], np.int64), axis=0)
    shape = net.node("Concat", None, net.weight("rest", [-1], np.int64), axis=0)
    net.node("Reshape", scores, shape)
    net.node("Softmax", axis=1)
    return net, net.model(("batch", CLASSES)), pooled


def conv_relu_pool():
    """SqueezeNet's ending: the classifier stands before the pooling."""
    net = Network().trunk()
    net.node("Dropout", name="feature")
    work = net.work
    net.conv(CLASSES, 12, 4, kernel=1, name="classifier")
    net.work = work
    net.node("Relu")
    net.node("GlobalAveragePool")
    net.node("Flatten")
    net.node("Softmax", axis=1)
    return net, net.model(), "feature"


def conv_few_classes_pool():
    """The same without Softmax, of three classes: told by the sudden drop in channels."""
    net = Network().trunk()
    work = net.work
    net.conv(3, 12, 4, kernel=1, name="classifier")
    net.work = work
    net.node("Relu")
    net.node("GlobalAveragePool")
    net.node("Flatten")
    return net, net.model(("N", 3)), "map"


def average_pool():
    net = Network().trunk()
    net.node("AveragePool", kernel_shape=[4, 4], strides=[4, 4])
    net.node("Reshape", None, net.weight("flat", [-1, 12], np.int64), name="feature")
    net.gemm(CLASSES, 12)
    return net, net.model(), "feature"


def hidden_layer():
    """MobileNetV3's ending: a layer and HardSwish between the pooling and the classifier."""
    net = Network(opset=14).pooled()
    net.gemm(24, 12, "hidden", counted=True)
    feature = net.node("HardSwish")
    net.gemm(CLASSES, 24)
    return net, net.model(), feature


def two_classifiers():
    """The distilled transformer's ending: the mean of what two classifiers say; the first one's input is taken."""
    net = Network().pooled()
    first = net.gemm(3, 12, "first")
    net.at = "map"
    net.node("GlobalMaxPool")
    net.node("Flatten")
    second = net.gemm(3, 12, "second")
    net.node("Add", first, second)
    net.node("Div", None, net.weight("two", np.float32(2)))
    return net, net.model(("N", 3)), "feature"


def squeeze_excite_sigmoid():
    """EfficientNet's block, and a classifier of labels that do not exclude each other."""
    net = Network()
    net.conv(8, 3, 8, stride=2)
    at = net.at
    net.node("Sigmoid")
    block = net.node("Mul", at, net.at)
    net.node("GlobalAveragePool")
    net.conv(4, 8, 1, kernel=1)
    net.node("Relu")
    net.conv(8, 4, 1, kernel=1)
    net.node("Sigmoid")
    net.node("Mul", block, net.at)
    net.node("GlobalAveragePool")
    net.node("Flatten", name="feature")
    net.gemm(CLASSES, 8)
    net.node("Sigmoid")
    return net, net.model(), "feature"


def channels_last():
    """What comes from TensorFlow: channels last, transposed first, hyphens and slashes in the names."""
    net = Network((1, SIDE, SIDE, 3))
    net.node("Transpose", perm=[0, 3, 1, 2])
    net.trunk()
    net.node("ReduceMean", axes=[2, 3], keepdims=0, name="top/avg_pool/Mean:0")
    net.node("MatMul", None, net.weight("classifier.weight", net.normal(12, CLASSES)))
    return net, net.model(), "top/avg_pool/Mean:0"


def half(element=TensorProto.FLOAT16):
    net, model, feature = gemm()
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if element == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), tensor.name))
        else:
            bits = (values.view(np.uint32) >> 16).astype(np.uint16)
            tensor.data_type = element
            tensor.raw_data = bits.tobytes()
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = element
    return net, model, feature


def bfloat():
    return half(TensorProto.BFLOAT16)


def quantised(opset=13):
    """QDQ: weights in int8, a scale a channel (one in all before operator set 13); activations in uint8, the ReLU
    only in the range of the quantisation."""
    net = Network(opset=opset)

    def rounded(name, scale, zero=0):
        names = [net.weight(f"{name}.scale", scale), net.weight(f"{name}.zero", zero, np.uint8)]
        net.node("QuantizeLinear", None, *names, name=f"{name}.quantised")
        net.node("DequantizeLinear", None, *names, name=name)

    def weights(name, *shape):
        values = net.normal(*shape)
        axis = tuple(range(1, len(shape)))
        scale = np.abs(values).max(axis) / 127 if opset >= 13 else np.abs(values).max() / 127
        levels = np.round(values / np.asarray(scale).reshape(-1, *[1] * (len(shape) - 1))) if opset >= 13 else values / scale
        zero = np.zeros(np.shape(scale), np.int8)
        names = [net.weight(f"{name}.levels", np.round(levels), np.int8)]
        names += [net.weight(f"{name}.scale", scale), net.weight(f"{name}.zero", zero, np.int8)]
        at = net.at
        settings = {"axis": 0} if opset >= 13 else {}
        net.node("DequantizeLinear", *names, name=f"{name}.values", **settings)
        net.at = at
        return f"{name}.values"

    rounded("image.rounded", 2 / 255, 128)
    net.node("Conv", None, weights("conv1", 8, 3, 3, 3), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, name="conv1")
    rounded("conv1.rounded", 3 / 255)
    net.node("Conv", None, weights("conv2", 12, 8, 3, 3), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, name="conv2")
    rounded("conv2.rounded", 2.5 / 255)
    net.work = 8 * 3 * 9 * 64 + 12 * 8 * 9 * 16
    net.node("GlobalAveragePool")
    net.node("Flatten", name="feature")
    rounded("feature.rounded", 2 / 255)
    bias = net.weight("classifier.bias", net.normal(CLASSES, scale=0.1))
    net.node("Gemm", None, weights("classifier", CLASSES, 12), bias, name="classifier", transB=1)
    rounded("scores", 8 / 255, 100)
    return net, net.model(), "feature"


def quantised_old():
    return quantised(opset=10)


def class_token():
    """A vision transformer of one block: patches, a class token, positions, attention, the final norm, its token 0."""
    net, width, tokens = Network(opset=17), 8, 17
    net.conv(width, 3, 4, kernel=4, stride=4, name="patches")
    net.nodes[-1].attribute.remove(next(a for a in net.nodes[-1].attribute if a.name == "pads"))
    net.node("Reshape", None, net.weight("flat", [1, width, 16], np.int64))
    net.node("Transpose", perm=[0, 2, 1])
    net.node("Concat", net.weight("class", net.normal(1, 1, width, scale=1)), net.at, axis=1)
    net.node("Add", None, net.weight("positions", net.normal(1, tokens, width, scale=0.5)))

    def norm(name):
        names = [net.weight(f"{name}.scale", 1 + net.normal(width, scale=0.2))]
        names.append(net.weight(f"{name}.bias", net.normal(width, scale=0.2)))
        return net.node("LayerNormalization", None, *names, name=name, axis=-1, epsilon=1e-6)

    def linear(name, inputs, outputs, data):
        net.work += inputs * outputs * tokens
        net.node("MatMul", data, net.weight(f"{name}.weight", net.normal(outputs, inputs).T))
        return net.node("Add", None, net.weight(f"{name}.bias", net.normal(outputs, scale=0.1)), name=name)

    residual = net.at
    normed = norm("norm1")
    query, key, value = (linear(name, width, width, normed) for name in ("query", "key", "value"))
    net.node("Transpose", key, perm=[0, 2, 1])
    net.node("MatMul", query, net.at)
    net.node("Mul", None, net.weight("root", np.float32(width**-0.5)))
    net.node("Softmax", axis=-1)
    net.node("MatMul", net.at, value)
    net.work += 2 * width * tokens**2
    residual = net.node("Add", residual, linear("projection", width, width, net.at), name="tokens1")
    hidden = linear("hidden", width, 4 * width, norm("norm2"))
    net.node("Div", None, net.weight("root2", np.float32(2**0.5)))
    net.node("Erf")
    net.node("Add", None, net.weight("one", np.float32(1)))
    net.node("Mul", hidden, net.at)
    net.node("Mul", None, net.weight("half", np.float32(0.5)))
    net.node("Add", residual, linear("output", 4 * width, width, net.at), name="tokens2")
    norm("norm")
    net.node("Gather", None, net.weight("zero", 0, np.int64), axis=1, name="feature")
    net.gemm(CLASSES, width)
    return net, net.model(), "feature"


def headless():
    """BatchNormalization not folded, as an untouched export has it."""
    net = Network(("N", 3, None, None)).trunk()
    net.conv(20, 12, 4, kernel=1, bias=False)
    names = [("scale", 1 + net.normal(20, scale=0.1)), ("shift", net.normal(20, scale=0.1))]
    names += [("mean", net.normal(20, scale=0.1)), ("variance", 1 + net.random.rand(20))]
    net.node("BatchNormalization", None, *(net.weight(f"norm.{name}", values) for name, values in names))
    net.node("Clip", None, net.weight("least", np.float32(0)), net.weight("most", np.float32(6)))
    net.node("GlobalAveragePool")
    net.node("Flatten", name="feature")
    return net, net.model(("N", 20)), "feature"


def headless_folded():
    net = Network().pooled()
    return net, net.model(("N", 12)), "feature"


def headless_map():
    """A map comes out, and nothing was put behind the last convolution."""
    net = Network().trunk()
    feature = net.conv(16, 12, 4, kernel=1)
    return net, net.model((1, 16, 4, 4)), feature


def headless_token():
    _, model, feature = class_token()
    net, _, _ = class_token()
    del model.graph.node[-1]
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(feature, TensorProto.FLOAT, ("N", 8)))
    return net, model, feature


SOUND = [
    gemm,
    matmul_add_softmax,
    conv_reshape_any_batch,
    conv_relu_pool,
    conv_few_classes_pool,
    average_pool,
    hidden_layer,
    two_classifiers,
    squeeze_excite_sigmoid,
    channels_last,
    half,
    bfloat,
    quantised,
    quantised_old,
    class_token,
    headless,
    headless_folded,
    headless_map,
    headless_token,
]


def faults():
    """(name, bytes) of files that have to be refused."""

    def changed(make, change):
        model = make()[1]
        change(model.graph)
        return model.SerializeToString(deterministic=True)

    def operator(op, domain=""):
        def change(graph):
            graph.node[0].op_type, graph.node[0].domain = op, domain

        return change

    def dynamic(graph):
        graph.node.insert(0, helper.make_node("DynamicQuantizeLinear", ["image"], ["q", "s", "z"], "quantise"))

    def not_finite(value):
        def change(graph):
            weight = numpy_helper.to_array(graph.initializer[0]).copy()
            weight.flat[3] = value
            graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, graph.initializer[0].name))

        return change

    def external(graph):
        tensor = graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../../etc/passwd")

    def short(graph):
        graph.initializer[0].raw_data = graph.initializer[0].raw_data[:-4]

    def enormous(graph):
        graph.initializer[0].dims[0] = 1 << 62
        graph.initializer[0].dims[1] = 1 << 62

    def second_input(graph):
        graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 3, SIDE, SIDE)))
        graph.node.insert(0, helper.make_node("Add", ["image", "mask"], ["masked"], "masked"))
        graph.node[1].input[0] = "masked"

    def far_axis(graph):
        graph.node[-2].attribute.append(helper.make_attribute("axis", -(1 << 62)))

    def circle(graph):
        graph.node[0].input[0] = "map"

    def twice(graph):
        graph.node[1].output[0] = graph.node[0].output[0]

    def flat_input(graph):
        graph.input[0].CopyFrom(helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 768)))

    def enormous_layer(graph):
        attribute = next(a for a in graph.node[0].attribute if a.name == "pads")
        attribute.ints[:] = [40_000] * 4

    sound = gemm()[1].SerializeToString(deterministic=True)
    return {
        "fault_operator_form": changed(gemm, operator("QLinearConv")),
        "fault_operator_form_of_a_vendor": changed(gemm, operator("QLinearAdd", "com.microsoft")),
        "fault_dynamic": changed(gemm, dynamic),
        "fault_not_a_number": changed(gemm, not_finite(np.nan)),
        "fault_infinity": changed(gemm, not_finite(np.inf)),
        "fault_cut_off": sound[: len(sound) // 2],
        "fault_short_weight": changed(gemm, short),
        "fault_enormous_weight": changed(gemm, enormous),
        "fault_enormous_layer": changed(gemm, enormous_layer),
        "fault_data_elsewhere": changed(gemm, external),
        "fault_two_inputs": changed(gemm, second_input),
        "fault_far_axis": changed(gemm, far_axis),
        "fault_flat_input": changed(gemm, flat_input),
        "fault_unknown_operator": changed(gemm, operator("Frobnicate")),
        "fault_circle": changed(gemm, circle),
        "fault_given_twice": changed(gemm, twice),
        "fault_no_graph": onnx.ModelProto(ir_version=8).SerializeToString(),
    }


def tapped(path, taps, values):
    """The pooled maps one after another, each of length one."""
    blocks = []
    for tensor, pools in taps:
        model = reference.unrounded(reference.widened(onnx.load(path)))
        model.graph.output.append(onnx.ValueInfoProto(name=tensor))
        (value,) = reference.session(model, False).run([tensor], {"image": values})
        value = value.astype(np.float64)
        axes = {4: (0, 2, 3), 3: (0, 1), 2: (0,)}[value.ndim]
        for pool in pools:
            block = value.mean(axes) if pool == "avg" else value.max(axes)
            blocks.append(block / np.linalg.norm(block))
    return np.concatenate(blocks)


def main():
    FOLDER.mkdir(exist_ok=True)
    cases = []
    for make in SOUND:
        net, model, tensor = make()
        if make not in (bfloat, quantised_old):
            onnx.checker.check_model(model)
        path = FOLDER / f"{make.__name__}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        shape = [1, 3, SIDE, SIDE] if net.shape[1] == 3 else [1, SIDE, SIDE, 3]
        feature = reference.onnxruntime_feature(path, tensor, reference.pattern(shape))
        cases.append(
            {
                "name": make.__name__,
                "shape": shape,
                "tensor": tensor,
                "multiply_accumulates": net.work,
                "feature": [float(f"{value:.9g}") for value in feature],
            }
        )
    both = ["avg", "max"]
    for name, taps in [
        ("gemm", [("map", both), ("feature", ["avg"])]),
        ("quantised", [("conv1.rounded", both), ("conv2.rounded", ["max"])]),
        ("class_token", [("tokens1", both), ("patches", ["avg"])]),
    ]:
        values = tapped(FOLDER / f"{name}.onnx", taps, reference.pattern([1, 3, SIDE, SIDE]))
        cases.append(
            {
                "name": name,
                "shape": [1, 3, SIDE, SIDE],
                "taps": [{"tensor": tensor, "pool": pools} for tensor, pools in taps],
                "feature": [float(f"{value:.9g}") for value in values],
            }
        )
    for name, content in faults().items():
        (FOLDER / f"{name}.onnx").write_bytes(content)
    tools = f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, numpy {np.__version__}"
    lines = ",\n".join(json.dumps(case) for case in cases)
    text = f'{{"made_by": "backbones.py", "with": "{tools}", "seed": {SEED}, "tolerance": 1e-4, "cases": [\n{lines}\n]}}\n'
    (FOLDER / "expected.json").write_text(text)


if __name__ == "__main__":
    main()
