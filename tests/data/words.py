"""Makes words/: a network that sees and one that reads, of one space, small enough to be worked out by hand.

    python tests/data/words.py        (onnx 1.23, tokenizers 0.23, pillow 13)

The one that sees takes the mean of each channel: an image of colour (r, g, b), 0 to 1, lies at (r, g, b, 1, 0). The one that
reads knows the words red, green, blue, grey and dark: a line lies at the mean of its words, red at (1, 0, 0, 0, 1), grey at
(1, 1, 1, 0, 3) / 2, dark at (0, 0, 0, 0, 1), others at nothing. The last two axes are the gap between the two.
"""

import hashlib
import pathlib

import numpy as np
import onnx
import tokenizers
from PIL import Image
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent / "words"
WORDS = ["a", "red", "green", "blue", "grey", "dark"]
PLACES = [[0, 0, 0, 0, 0], [1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 0, 1], [0.5, 0.5, 0.5, 0, 1.5], [0, 0, 0, 0, 1]]


def save(name, nodes, inputs, outputs, weights):
    weights = [numpy_helper.from_array(np.asarray(values), key) for key, values in weights.items()]
    graph = helper.make_graph(nodes, "words", inputs, outputs, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    (FOLDER / name).write_bytes(made.SerializeToString())


def card(name, file, rest):
    data = (FOLDER / file).read_bytes()
    head = f'name = "{name}"\nfile = "{file}"\nbytes = {len(data)}\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
    (FOLDER / f"{name}.toml").write_text(f'# Made by ../words.py.\n{head}licence = "MIT OR Apache-2.0"\n{rest}')


FOLDER.mkdir(exist_ok=True)
see = np.eye(3, 5, dtype=np.float32)
save(
    "see.onnx",
    [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "see"], ["seen"]),
        helper.make_node("Add", ["seen", "gap"], ["embeds"]),
    ],
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])],
    [helper.make_tensor_value_info("embeds", TensorProto.FLOAT, [1, 5])],
    {"see": see, "gap": np.float32([[0, 0, 0, 1, 0]])},
)
save(
    "read.onnx",
    [helper.make_node("Gather", ["places", "input_ids"], ["embeds"], axis=0)],
    [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
    [helper.make_tensor_value_info("embeds", TensorProto.FLOAT, [1, "tokens", 5])],
    {"places": np.float32(PLACES)},
)
tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="a"))
tokenizer.normalizer = tokenizers.normalizers.Lowercase()
tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
tokenizer.save(str(FOLDER / "tokenizer.json"), pretty=False)
data = (FOLDER / "tokenizer.json").read_bytes()
card(
    "see",
    "see.onnx",
    'words = "read.toml"\n\n[input]\nsize = 16\nnorm = "unit"\n\n[[tap]]\ntensor = "embeds"\npool = ["avg"]\n',
)
card(
    "read",
    "read.onnx",
    f'\n[input]\nkind = "text"\ntokenizer = "tokenizer.json"\ntokenizer-bytes = {len(data)}\n'
    f'tokenizer-sha256 = "{hashlib.sha256(data).hexdigest()}"\ntokens = 32\npool = "mean"\noutput = "embeds"\n',
)
for name, colour in {"red": (200, 20, 20), "green": (20, 200, 20)}.items():
    Image.new("RGB", (24, 24), colour).save(FOLDER / f"{name}.png")
