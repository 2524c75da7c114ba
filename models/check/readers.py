"""Exports well-known networks that read text, with random weights, and checks what fieldtune makes of them.

    python models/check/readers.py target/release/fieldtune [--only NAME...] [--exporter dynamo|torchscript|both]

For each: transformers makes it from a seed, it is exported with the number of tokens left open, fieldtune writes its card and
computes the embeddings of some lines, and ONNX Runtime computes the same of the same file. The tokenizer has a word for each
token, so that a line says which tokens it has. Prints a Markdown table (exit status 1 if something differs by more than 1e-3
of the largest value, or fails). Needs transformers besides what architectures.py needs.
"""

import argparse
import pathlib
import sys
import tempfile
import warnings

import numpy as np
import onnxruntime
import tokenizers
import torch
import transformers
from reference import inspect, relative_difference
from subprocess import run

SEED = 3
WORDS = 1000
TOLERANCE = 1e-3
LENGTHS = [2, 5, 12, 33, 60]
SMALL = {"vocab_size": WORDS, "num_hidden_layers": 3}
NAMES = ["input_ids", "attention_mask", "token_type_ids"]

# Name: model, its configuration, whether it takes the parts of a pair.
READERS = {
    "BERT": ("BertModel", "BertConfig", SMALL, True),
    "MiniLM": (
        "BertModel",
        "BertConfig",
        {**SMALL, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536},
        True,
    ),
    "RoBERTa": ("RobertaModel", "RobertaConfig", SMALL, False),
    "ALBERT": (
        "AlbertModel",
        "AlbertConfig",
        {**SMALL, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
        True,
    ),
    "DistilBERT": ("DistilBertModel", "DistilBertConfig", {"vocab_size": WORDS, "n_layers": 3}, False),
    "MobileBERT": ("MobileBertModel", "MobileBertConfig", SMALL, True),
    "GPT-2": (
        "GPT2Model",
        "GPT2Config",
        {"vocab_size": WORDS, "n_layer": 3, "use_cache": False, "bos_token_id": 1, "eos_token_id": 2},
        False,
    ),
    "T5 encoder": (
        "T5EncoderModel",
        "T5Config",
        {"vocab_size": WORDS, "num_layers": 3, "d_model": 256, "num_heads": 4, "d_ff": 512},
        False,
    ),
    "XLNet": ("XLNetModel", "XLNetConfig", {"vocab_size": WORDS, "n_layer": 3, "d_model": 256, "n_head": 4}, False),
    "CLIP text": ("CLIPTextModelWithProjection", "CLIPTextConfig", {**SMALL, "eos_token_id": 2, "bos_token_id": 1}, False),
    "SigLIP text": ("SiglipTextModel", "SiglipTextConfig", {**SMALL, "eos_token_id": 2, "bos_token_id": 1}, False),
}


class Reader(torch.nn.Module):
    def __init__(self, name):
        super().__init__()
        model, config, settings, self.parts = READERS[name]
        torch.manual_seed(SEED)
        self.model = getattr(transformers, model)(getattr(transformers, config)(**settings)).eval()

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        given = {"token_type_ids": token_type_ids} if self.parts else {}
        output = self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=True, **given)
        return output.text_embeds if hasattr(output, "text_embeds") else output.last_hidden_state


def export(model, path, exporter):
    ids = torch.full((2, 9), 7, dtype=torch.long)
    ids[:, -1] = 2
    example = (ids, torch.ones_like(ids)) + ((torch.zeros_like(ids),) if model.parts else ())
    names = NAMES[: len(example)]
    settings = {"input_names": names, "output_names": ["text_embeds" if hasattr(model.model, "text_projection") else "tokens"]}
    if exporter == "dynamo":
        open_axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
        shapes = tuple(open_axes for _ in example)
        settings |= {"dynamo": True, "external_data": False, "verbose": False, "dynamic_shapes": shapes}
    else:
        settings |= {"dynamo": False, "opset_version": 17, "dynamic_axes": {name: {0: "b", 1: "t"} for name in names}}
    torch.onnx.export(model, example, str(path), **settings)


def row(fieldtune, name, exporter):
    random = np.random.RandomState(5)
    lines = [[*map(int, random.randint(3, WORDS, length - 1)), 2] for length in LENGTHS]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        path, card = folder / "network.onnx", folder / "card.toml"
        model = Reader(name)
        parameters = sum(weight.numel() for weight in model.parameters())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            export(model, path, exporter)
        words = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{at}": at for at in range(WORDS)}, unk_token="w0"))
        words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
        words.save(str(folder / "tokenizer.json"))
        made = run([fieldtune, "inspect", str(path), "--card"], capture_output=True, text=True)
        card.write_text(made.stdout)
        report = inspect(fieldtune, card, "--frames", 5)
        # One class has all of them; the other is there because two are wanted.
        (folder / "lines").mkdir()
        text = "".join(" ".join(f"w{token}" for token in line) + "\n" for line in lines)
        (folder / "lines/all.txt").write_text(text)
        (folder / "lines/other.txt").write_text("w9 w2\nw8 w2\n")
        command = [fieldtune, "eval", str(folder / "lines"), "--text", "--model", str(card), "--shots", "1"]
        done = run([*command, "--features", str(folder / "features.npz")], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(made.stderr + done.stderr)
        kept = np.load(folder / "features.npz")
        ours = dict(zip(map(str, kept["files"]), kept["features"]))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        apart = 0.0
        for number, line in enumerate(lines, 1):
            ids = np.array([line])
            fed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            (value,) = session.run(None, {given.name: fed[given.name] for given in session.get_inputs()})
            value = value[0].astype(np.float64)
            value = value.mean(0) if value.ndim == 2 else value
            apart = max(apart, relative_difference(ours[f"all/{number}"], value / np.linalg.norm(value)))
    lengths = "any" if report["any_length"] else "filled up"
    times = {entry["tokens"]: f"{entry['ms']:.1f}" for entry in report["lines"]}
    cells = [name, exporter, f"{parameters / 1e6:.1f}", report["dim"], lengths, f"{apart:.1e}", f"{report['load_ms']:.0f}"]
    return cells + [times.get(8, "-"), times.get(32, "-")], apart < TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fieldtune")
    parser.add_argument("--only", nargs="+", default=list(READERS), choices=list(READERS), metavar="NAME")
    parser.add_argument("--exporter", default="both", choices=["dynamo", "torchscript", "both"])
    arguments = parser.parse_args()
    heads = "network | exporter | M parameters | values | length | from ONNX Runtime | load ms | ms of 8 tokens | of 32"
    print(f"| {heads} |\n|{' --- |' * len(heads.split(' | '))}")
    exporters = ["dynamo", "torchscript"] if arguments.exporter == "both" else [arguments.exporter]
    failed = False
    for name in arguments.only:
        for exporter in exporters:
            try:
                cells, fine = row(arguments.fieldtune, name, exporter)
            except Exception as error:  # one that fails is a row of the table, whatever the reason
                cells, fine = [name, exporter, " ".join(str(error).split())[:200]], False
            failed |= not fine
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
