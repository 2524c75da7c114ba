"""Makes readers/: small networks that read text, each with its tokenizer, and expected.json, what ONNX Runtime says of them.

    python tests/data/readers.py        (torch 2.15, transformers 5, tokenizers 0.23, onnxruntime 1.32)

The weights come from a seed. Of each line: the tokens' numbers as Hugging Face's tokenizers makes them, and what is taken of
the network's output for them, at length 1.
"""

import json
import pathlib
import shutil
import warnings

import numpy as np
import onnxruntime
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).parent / "readers"
TEXT = [
    "The pump hums, the belt slips, and the bearing sings.",
    "Failed password for root from 10.0.0.7 port 2211 ssh2",
    "blk_update_request: I/O error, dev sda, sector 28461",
    "Grüße aus der Werkstatt: alles läuft, nichts klemmt.",
    "great service, wonderful evening, will come again",
    "the waiter was rude and the soup was cold",
]
LINES = [*TEXT[:2], "Hum!", "pump pump pump pump pump pump pump pump pump pump pump pump pump pump pump pump pump pump pump", "läuft 火"]
VOCABULARY = 160
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


def wordpiece():
    made = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As it is saved with padding, which has to be taken off again.
    made.enable_padding(length=24)
    return made


def byte_pairs():
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted({c for word, _ in made.pre_tokenizer.pre_tokenize_str(" ".join(TEXT + LINES)) for c in word})
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet)
    made.train_from_iterator(TEXT, trainer)
    return made


def clip_pairs():
    made = byte_pairs()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return made


def unigram():
    made = tokenizers.Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, unk_token="<unk>")
    made.train_from_iterator(TEXT, trainer)
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return made


def bert():
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=64,
    )
    return transformers.BertModel(config)


def gpt2():
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=24, n_layer=2, n_head=4, n_positions=64, use_cache=False, bos_token_id=1, eos_token_id=2
    )
    return transformers.GPT2Model(config)


def t5():
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=24, d_kv=6, d_ff=48, num_layers=2, num_heads=4, pad_token_id=0, eos_token_id=2
    )
    return transformers.T5EncoderModel(config)


def clip():
    config = transformers.CLIPTextConfig(
        vocab_size=VOCABULARY, hidden_size=24, intermediate_size=48, projection_dim=16, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=32, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )
    return transformers.CLIPTextModelWithProjection(config)


# Name: network, tokenizer, pooling, inputs, and the number of tokens where the file sets it.
READERS = {
    "bert": (bert, wordpiece, "mean", ["input_ids", "attention_mask", "token_type_ids"], None),
    "gpt2": (gpt2, byte_pairs, "last", ["input_ids", "attention_mask"], None),
    "t5": (t5, unigram, "mean", ["input_ids", "attention_mask"], None),
    "clip": (clip, clip_pairs, "whole", ["input_ids", "attention_mask"], 32),
}


class Reader(torch.nn.Module):
    def __init__(self, model, inputs):
        super().__init__()
        self.model, self.inputs = model, inputs

    def forward(self, *given):
        output = self.model(**dict(zip(self.inputs, given)), return_dict=True)
        return output.text_embeds if hasattr(output, "text_embeds") else output.last_hidden_state


def make(name):
    network, tokenizer, pool, inputs, tokens = READERS[name]
    torch.manual_seed(7)
    model = Reader(network().eval(), inputs)
    # Weights that start at nothing would hide what is behind them.
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    ids = torch.full((1, tokens or 9), 5, dtype=torch.long)
    ids[0, -1] = 2
    example = tuple(torch.zeros_like(ids) if name == "token_type_ids" else torch.ones_like(ids) for name in inputs)
    example = (ids, *example[1:])
    output = "text_embeds" if pool == "whole" else "last_hidden_state"
    axes = {} if tokens else {name: {0: "batch", 1: "tokens"} for name in inputs}
    path = FOLDER / name / "network.onnx"
    path.parent.mkdir(parents=True)
    torch.onnx.export(
        model, example, str(path), input_names=inputs, output_names=[output], dynamo=False, opset_version=17, dynamic_axes=axes
    )
    made = tokenizer()
    made.save(str(path.with_name("tokenizer.json")), pretty=False)
    made.no_padding()
    made.enable_truncation(tokens or 64)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    lines = []
    for line in LINES:
        encoded = made.encode(line)
        real = len(encoded.ids)
        ids = np.zeros((1, tokens or real), np.int64)
        ids[0, :real] = encoded.ids
        mask = (np.arange(ids.shape[1]) < real).astype(np.int64)[None]
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        # What the export left out as unused is no input.
        (value,) = session.run(None, {i.name: fed[i.name] for i in session.get_inputs()})
        value = value[0].astype(np.float64)
        value = {"whole": lambda: value, "last": lambda: value[real - 1], "mean": lambda: value[:real].mean(0)}[pool]()
        value /= np.linalg.norm(value)
        lines.append({"line": line, "ids": encoded.ids, "feature": [round(float(v), 8) for v in value]})
    return {"pool": pool, "output": output, "tokens": tokens or 64, "lines": lines}


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    expected = {name: make(name) for name in READERS}
    (FOLDER / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")
