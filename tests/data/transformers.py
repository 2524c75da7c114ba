"""Makes transformers/*.onnx, small vision transformers in the forms that exporters write them in, and expected.json, what
ONNX Runtime says of them.

    python tests/data/transformers.py        (numpy 2, onnx 1.17 or later, onnxruntime 1.20 or later)

Each has a block of two heads of 16 channels and 17 tokens; the feature is the first token behind the last norm.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "check"))
import reference  # noqa: E402
from backbones import CLASSES, SIDE, Network  # noqa: E402

WIDTH, TOKENS, HEADS = 32, 17, 2
SIZE = WIDTH // HEADS
FOLDER = pathlib.Path(__file__).parent / "transformers"


class Transformer(Network):
    def number(self, name, value):
        return self.weight(f"{name}{len(self.weights)}", np.float32(value))

    def whole(self, name, values):
        return self.weight(f"{name}{len(self.weights)}", values, np.int64)

    def begin(self):
        self.conv(WIDTH, 3, 4, kernel=4, stride=4, name="patches")
        self.nodes[-1].attribute.remove(next(a for a in self.nodes[-1].attribute if a.name == "pads"))
        self.node("Reshape", None, self.whole("flat", [1, WIDTH, 16]))
        self.node("Transpose", perm=[0, 2, 1])
        self.node("Concat", self.weight("class", self.normal(1, 1, WIDTH, scale=1)), self.at, axis=1)
        self.node("Add", None, self.weight("positions", self.normal(1, TOKENS, WIDTH, scale=0.5)))
        return self

    def norm(self, name):
        names = [self.weight(f"{name}.scale", 1 + self.normal(WIDTH, scale=0.2))]
        names.append(self.weight(f"{name}.bias", self.normal(WIDTH, scale=0.2)))
        return self.node("LayerNormalization", None, *names, name=name, axis=-1, epsilon=1e-6)

    def norm_apart(self, name, power=False):
        """As exporters wrote it before there was an operator for it."""
        x = self.at
        mean = self.node("ReduceMean", axes=[-1])
        rest = self.node("Sub", x, mean)
        square = self.node("Pow", rest, self.number("two", 2)) if power else self.node("Mul", rest, rest)
        self.node("ReduceMean", square, axes=[-1])
        self.node("Add", None, self.number("epsilon", 1e-6))
        self.node("Sqrt")
        self.node("Div", rest, self.at)
        self.node("Mul", None, self.weight(f"{name}.scale", 1 + self.normal(WIDTH, scale=0.2)))
        return self.node("Add", None, self.weight(f"{name}.bias", self.normal(WIDTH, scale=0.2)), name=name)

    def linear(self, name, inputs, outputs, data, gemm=False):
        self.work += inputs * outputs * TOKENS
        weight = self.normal(outputs, inputs)
        bias = self.weight(f"{name}.bias", self.normal(outputs, scale=0.1))
        if gemm:
            return self.node("Gemm", data, self.weight(f"{name}.weight", weight), bias, transB=1, name=name)
        self.node("MatMul", data, self.weight(f"{name}.weight", weight.T))
        return self.node("Add", None, bias, name=name)

    def gelu(self, hidden, halved_first=False):
        self.node("Div", hidden, self.number("root", 2**0.5))
        self.node("Erf")
        erf = self.node("Add", None, self.number("one", 1))
        if halved_first:
            half = self.node("Mul", hidden, self.number("half", 0.5))
            return self.node("Mul", half, erf)
        self.node("Mul", hidden, erf)
        return self.node("Mul", None, self.number("half", 0.5))

    def block(self, number, attention, norm=None, halved_first=False):
        norm = norm or self.norm
        tokens = self.at
        mixed = attention(norm(f"block{number}.norm1"), number)
        tokens = self.node("Add", tokens, self.linear(f"block{number}.proj", WIDTH, WIDTH, mixed))
        hidden = self.linear(f"block{number}.hidden", WIDTH, 2 * WIDTH, norm(f"block{number}.norm2"))
        self.gelu(hidden, halved_first)
        self.node("Add", tokens, self.linear(f"block{number}.out", 2 * WIDTH, WIDTH, self.at))

    def end(self, norm=None):
        (norm or self.norm)("norm")
        self.node("Gather", None, self.whole("zero", 0), axis=1, name="feature")
        self.gemm(CLASSES, WIDTH)
        return self

    # Attention.

    def products(self, query, turned_key, value):
        """Of [1, heads, tokens, size] and keys that are turned already."""
        self.node("MatMul", query, turned_key)
        self.node("Softmax", axis=-1)
        self.node("MatMul", self.at, value)
        self.work += 2 * WIDTH * TOKENS**2
        self.node("Transpose", perm=[0, 2, 1, 3])
        return self.node("Reshape", None, self.whole("together", [1, TOKENS, WIDTH]))

    def heads_of(self, tokens, perm):
        self.node("Reshape", tokens, self.whole("apart", [1, TOKENS, HEADS, SIZE]))
        return self.node("Transpose", perm=perm)

    def apart(self, tokens, number):
        """Queries, keys and values by a product each; the scale behind the product of both."""
        query, key, value = (self.linear(f"b{number}.{what}", WIDTH, WIDTH, tokens) for what in "qkv")
        query = self.heads_of(query, [0, 2, 1, 3])
        key = self.heads_of(key, [0, 2, 3, 1])
        value = self.heads_of(value, [0, 2, 1, 3])
        self.node("MatMul", query, key)
        self.node("Mul", None, self.number("scale", SIZE**-0.5))
        self.node("Softmax", axis=-1)
        self.node("MatMul", self.at, value)
        self.work += 2 * WIDTH * TOKENS**2
        self.node("Transpose", perm=[0, 2, 1, 3])
        return self.node("Reshape", None, self.whole("together", [1, TOKENS, WIDTH]))

    def together(self, tokens, number, take):
        """By one product, taken apart by `take`; the root of the scale on each side."""
        self.linear(f"b{number}.qkv", WIDTH, 3 * WIDTH, tokens)
        self.node("Reshape", None, self.whole("three", [1, TOKENS, 3, HEADS, SIZE]))
        query, key, value = take(self.node("Transpose", perm=[2, 0, 3, 1, 4]))
        query = self.node("Mul", query, self.number("root", SIZE**-0.25))
        key = self.node("Transpose", key, perm=[0, 1, 3, 2])
        key = self.node("Mul", key, self.number("root", SIZE**-0.25))
        return self.products(query, key, value)

    def gathered(self, tokens, number):
        def take(three):
            return [self.node("Gather", three, self.whole("which", at), axis=0) for at in range(3)]

        return self.together(tokens, number, take)

    def sliced(self, tokens, number):
        def take(three):
            for at in range(3):
                borders = [self.whole("border", [edge]) for edge in (at, at + 1, 0)]
                self.node("Slice", three, *borders)
                yield self.node("Squeeze", None, self.whole("axis", [0]))

        return self.together(tokens, number, lambda three: list(take(three)))

    def interleaved(self, tokens, number):
        """Query, key and value of a head lie together."""
        self.linear(f"b{number}.qkv", WIDTH, 3 * WIDTH, tokens)
        self.node("Reshape", None, self.whole("three", [1, TOKENS, HEADS, 3, SIZE]))
        three = self.node("Transpose", perm=[3, 0, 2, 1, 4])
        parts = [self.node("Gather", three, self.whole("which", at), axis=0) for at in range(3)]
        query = self.node("Mul", parts[0], self.number("scale", SIZE**-0.5))
        key = self.node("Transpose", parts[1], perm=[0, 1, 3, 2])
        return self.products(query, key, parts[2])

    def batch_second(self, tokens, number):
        """As torch's multi-head attention has it: tokens first, heads as a batch, the projection by Gemm."""
        self.node("Transpose", tokens, perm=[1, 0, 2])
        self.linear(f"b{number}.qkv", WIDTH, 3 * WIDTH, self.at)
        widths = self.whole("widths", [WIDTH] * 3)
        names = [f"b{number}.part{at}" for at in range(3)]
        self.nodes.append(onnx.helper.make_node("Split", [self.at, widths], names, f"split{number}", axis=2))
        parts = []
        for name in names:
            self.node("Reshape", name, self.whole("heads", [TOKENS, HEADS, SIZE]))
            parts.append(self.node("Transpose", perm=[1, 0, 2]))
        query = self.node("Mul", parts[0], self.number("scale", SIZE**-0.5))
        key = self.node("Transpose", parts[1], perm=[0, 2, 1])
        self.node("MatMul", query, key)
        self.node("Softmax", axis=-1)
        self.node("MatMul", self.at, parts[2])
        self.work += 2 * WIDTH * TOKENS**2
        self.node("Transpose", perm=[1, 0, 2])
        self.node("Reshape", None, self.whole("rows", [TOKENS, WIDTH]))
        self.linear(f"b{number}.inner", WIDTH, WIDTH, self.at, gemm=True)
        self.node("Reshape", None, self.whole("batch", [TOKENS, 1, WIDTH]))
        return self.node("Transpose", perm=[1, 0, 2])

    def biased(self, tokens, number):
        """A bias for each pair of tokens: left to the runtime."""
        query, key, value = (self.linear(f"b{number}.{what}", WIDTH, WIDTH, tokens) for what in "qkv")
        query = self.heads_of(query, [0, 2, 1, 3])
        key = self.heads_of(key, [0, 2, 3, 1])
        value = self.heads_of(value, [0, 2, 1, 3])
        self.node("MatMul", query, key)
        self.node("Add", None, self.weight(f"b{number}.pairs", self.normal(1, HEADS, TOKENS, TOKENS, scale=1)))
        self.node("Softmax", axis=-1)
        self.node("MatMul", self.at, value)
        self.work += 2 * WIDTH * TOKENS**2
        self.node("Transpose", perm=[0, 2, 1, 3])
        return self.node("Reshape", None, self.whole("together", [1, TOKENS, WIDTH]))


def make(attention, opset=17, norm=None, halved_first=False):
    net = Transformer(opset=opset).begin()
    norm = norm and (lambda name, own=norm: own(net, name))
    net.block(0, lambda tokens, at: attention(net, tokens, at), norm, halved_first)
    return net.end(norm)


CASES = {
    "apart": lambda: make(Transformer.apart),
    "gathered": lambda: make(Transformer.gathered, halved_first=True),
    "sliced": lambda: make(Transformer.sliced),
    "interleaved": lambda: make(Transformer.interleaved),
    "batch_second": lambda: make(Transformer.batch_second),
    "norms_apart": lambda: make(Transformer.apart, 13, Transformer.norm_apart),
    "norms_of_powers": lambda: make(Transformer.apart, 13, lambda net, name: net.norm_apart(name, True)),
    "biased": lambda: make(Transformer.biased),
}


def main():
    FOLDER.mkdir(exist_ok=True)
    cases = []
    for name, net in CASES.items():
        net = net()
        model = net.model()
        onnx.checker.check_model(model)
        path = FOLDER / f"{name}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        feature = reference.onnxruntime_feature(path, "feature", reference.pattern([1, 3, SIDE, SIDE]))
        cases.append({"name": name, "feature": [float(f"{value:.9g}") for value in feature]})
    tools = f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, numpy {np.__version__}"
    lines = ",\n".join(json.dumps(case) for case in cases)
    (FOLDER / "expected.json").write_text(f'{{"made_by": "transformers.py", "with": "{tools}", "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
