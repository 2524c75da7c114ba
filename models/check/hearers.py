"""Exports well-known networks that hear, with random weights, and checks what fieldtune makes of them.

    python models/check/hearers.py target/release/fieldtune [--only NAME...] [--exporter dynamo|torchscript|both]

For each: transformers or timm makes it from a seed, it is exported for one window, its card is written here, fieldtune computes
the embeddings of some sounds, and ONNX Runtime computes the same of the same file, fed by transformers' feature extractors or, for
the MobileNet over mels, by numpy. Prints a Markdown table (exit status 1 if something differs by more than 1e-3 of the largest
value, or fails). Needs transformers besides what architectures.py needs.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import tempfile
import warnings
import wave
from subprocess import run

import numpy as np
import onnxruntime
import timm
import torch
import transformers
from reference import inspect, relative_difference

SEED = 3
RATE = 16000
TOLERANCE = 1e-3
# Hz, level.
SOUNDS = [(440, 0.3), (1800, 0.05), (3100, 0.6), (150, 0.9)]


def normed(samples):
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    return extractor(samples, sampling_rate=RATE, return_tensors="np").input_values


def as_it_is(samples):
    return samples[None]


def whisper_input(samples):
    extractor = transformers.WhisperFeatureExtractor(feature_size=80)
    return extractor(samples, sampling_rate=RATE, return_tensors="np").input_features


def ast_input(samples):
    return transformers.ASTFeatureExtractor()(samples, sampling_rate=RATE, return_tensors="np").input_values


def mel_picture(samples):
    """[1, 3, 128, frames]: librosa's power in 128 bands, decibels, as transformers' audio_utils computes it."""
    audio = transformers.audio_utils
    filters = audio.mel_filter_bank(513, 128, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
    window = audio.window_function(1024, "hann")
    power = audio.spectrogram(
        samples, window, 1024, 160, power=2.0, center=True, pad_mode="reflect", mel_filters=filters, mel_floor=1e-10,
        log_mel="log10",
    )
    return np.repeat(((10 * power + 40) / 20)[None, None], 3, axis=1)


SAMPLES = {"kind": "samples", "rate": RATE, "window": 1.0, "pool": "mean"}
NORMED = {**SAMPLES, "norm": "zero-mean-unit-variance"}
WHISPER = {
    "kind": "log-mel", "rate": RATE, "window": 30.0, "bands": 80, "frame": 400, "hop": 160, "fft": 400, "log": "log10",
    "range": 8.0, "mean": -4.0, "std": 4.0, "frames": 3000, "layout": "bands-by-time", "pool": "mean",
}
AST = {
    "kind": "log-mel", "rate": RATE, "window": 10.24, "bands": 128, "frame": 400, "hop": 160, "fmin": 20.0, "scale": "kaldi",
    "floor": 1.1920929e-07, "mean": -4.2677393, "std": 9.1379948, "frames": 1024, "layout": "time-by-bands", "pool": "whole",
}
PICTURE = {
    "kind": "log-mel", "rate": RATE, "window": 1.0, "bands": 128, "frame": 1024, "hop": 160, "log": "db", "mean": -40.0,
    "std": 20.0, "layout": "bands-by-time", "pool": "whole",
}


def of(model, config, **settings):
    return lambda: getattr(transformers, model)(getattr(transformers, config)(**settings))


# Name: network, what it is fed with, the card's input.
HEARERS = {
    "wav2vec 2.0 base": (of("Wav2Vec2Model", "Wav2Vec2Config"), normed, NORMED),
    "wav2vec 2.0 large, 6 layers": (
        of(
            "Wav2Vec2Model", "Wav2Vec2Config", hidden_size=1024, num_hidden_layers=6, num_attention_heads=16,
            intermediate_size=4096, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True,
        ),
        normed,
        NORMED,
    ),
    "HuBERT base": (of("HubertModel", "HubertConfig"), as_it_is, SAMPLES),
    "WavLM base": (of("WavLMModel", "WavLMConfig"), normed, NORMED),
    "data2vec audio base": (of("Data2VecAudioModel", "Data2VecAudioConfig"), normed, NORMED),
    "Whisper tiny, encoder": (
        of(
            "WhisperModel", "WhisperConfig", d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536,
            decoder_layers=1, decoder_attention_heads=6, decoder_ffn_dim=64,
        ),
        whisper_input,
        WHISPER,
    ),
    "Whisper tiny, encoder, of 5 s": (
        of(
            "WhisperModel", "WhisperConfig", d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536,
            decoder_layers=1, decoder_attention_heads=6, decoder_ffn_dim=64,
        ),
        whisper_input,
        {**WHISPER, "window": 5.0},
    ),
    "AST base": (of("ASTModel", "ASTConfig"), ast_input, AST),
    "MobileNetV3 small over mels": (
        lambda: timm.create_model("mobilenetv3_small_100", num_classes=0), mel_picture, PICTURE,
    ),
    "EfficientNet-B0 over mels": (lambda: timm.create_model("efficientnet_b0", num_classes=0), mel_picture, PICTURE),
}


class Hearer(torch.nn.Module):
    def __init__(self, name):
        super().__init__()
        network, _, settings = HEARERS[name]
        torch.manual_seed(SEED)
        model = network()
        self.model = (model.encoder if name.startswith("Whisper") else model).eval()
        self.whole = settings["pool"] == "whole"

    def forward(self, given):
        output = self.model(given)
        if isinstance(output, torch.Tensor):
            return output
        return output.pooler_output if self.whole else output.last_hidden_state


def sound(hertz, level, count):
    time = np.arange(count) / RATE
    noise = np.random.RandomState(hertz).uniform(-0.02, 0.02, count)
    rising = np.sin(2 * np.pi * (hertz + 40 * time) * time)
    return np.round((level * rising + noise).clip(-1, 0.999) * 32768).astype(np.int16)


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def row(fieldtune, name, exporter):
    _, front, settings = HEARERS[name]
    count = round(settings["window"] * RATE)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        path, card = folder / "network.onnx", folder / "card.toml"
        model = Hearer(name)
        parameters = sum(weight.numel() for weight in model.parameters())
        sounds = [sound(hertz, level, count) for hertz, level in SOUNDS]
        fed = [front(samples / 32768).astype(np.float32) for samples in sounds]
        form = {"dynamo": True, "external_data": False, "verbose": False}
        if exporter == "torchscript":
            form = {"dynamo": False, "opset_version": 17}
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            names = {"input_names": ["sound"], "output_names": ["out"]}
            torch.onnx.export(model, (torch.from_numpy(fed[0]),), str(path), **names, **form)
        del model
        file = path.read_bytes()
        head = {"name": "network", "file": path.name, "bytes": len(file), "sha256": hashlib.sha256(file).hexdigest()}
        head["licence"] = "none"
        lines = [f"{key} = {json.dumps(value)}" for key, value in head.items()] + ["", "[input]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in {**settings, "output": "out"}.items()]
        card.write_text("\n".join(lines) + "\n")
        # One class has all of them; the other is there because two are wanted.
        for place in ("all", "other"):
            (folder / "sounds" / place).mkdir(parents=True)
        for number, samples in enumerate(sounds):
            write(folder / f"sounds/all/{number}.wav", samples)
        write(folder / "sounds/other/0.wav", sounds[0][::-1].copy())
        write(folder / "sounds/other/1.wav", sounds[1][::-1].copy())
        command = [fieldtune, "eval", str(folder / "sounds"), "--model", str(card), "--shots", "1", "--seeds", "1"]
        done = run([*command, "--features", str(folder / "features.npz")], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        report = inspect(fieldtune, card, "--frames", 3)
        kept = np.load(folder / "features.npz")
        ours = dict(zip(map(str, kept["files"]), kept["features"]))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        apart, alike = 0.0, []
        for number, value in enumerate(fed):
            (given,) = session.run(["out"], {"sound": value})
            given = given.astype(np.float64)[0]
            if settings.get("frames") == 3000:
                given = given[: -(-(count // 160 + 1) // 2)][:1500]
            given = given if settings["pool"] == "whole" else given.mean(0)
            given = given / np.linalg.norm(given)
            alike.append(given)
            apart = max(apart, relative_difference(ours[f"all/{number}.wav"], given))
    # What hardly differs from sound to sound would agree whatever it was fed with.
    differ = max(1 - float(alike[0] @ other) for other in alike[1:])
    cells = [name, exporter, f"{parameters / 1e6:.1f}", f"{settings['window']:g} s", report["dim"], f"{apart:.1e}"]
    return cells + [f"{differ:.1e}", f"{report['load_ms']:.0f}", f"{report['ms']:.0f}"], apart < TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fieldtune")
    parser.add_argument("--only", nargs="+", default=list(HEARERS), choices=list(HEARERS), metavar="NAME")
    parser.add_argument("--exporter", default="both", choices=["dynamo", "torchscript", "both"])
    arguments = parser.parse_args()
    heads = "network | exporter | M parameters | window | values | from ONNX Runtime | sounds differ by | load ms | ms a window"
    print(f"| {heads} |\n|{' --- |' * len(heads.split(' | '))}")
    exporters = ["dynamo", "torchscript"] if arguments.exporter == "both" else [arguments.exporter]
    failed = False
    for name in arguments.only:
        for exporter in exporters:
            try:
                cells, fine = row(arguments.fieldtune, name, exporter)
            except Exception as error:  # one that fails is a row of the table, whatever the reason
                cells, fine = [name, exporter, " ".join(str(error).split())[:300]], False
            failed |= not fine
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
