"""Makes hearers/: small networks that hear, each with its card, and expected.json, what ONNX Runtime says of them.

    python tests/data/hearers.py        (torch 2.15, transformers 5, onnxruntime 1.32)

The weights come from a seed. What a network is fed with comes from transformers' feature extractors where there is one for it,
else from numpy, written out here after the definitions; of each window of sound what is taken of the output, at length 1.
The sounds are of 16 bits, as a frame holds them: three tones over noise, of whole numbers and sines, so that a test can make
them again.
"""

import hashlib
import json
import pathlib
import shutil
import warnings

import numpy as np
import onnxruntime
import torch
import transformers

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).parent / "hearers"
SOUNDS = [(440, 0.3), (1800, 0.05), (3100, 0.6)]


def sound(hertz, level, rate, count):
    state, noise = 12345, np.empty(count)
    for at in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        noise[at] = state / 2**31 - 1
    time = np.arange(count) / rate
    samples = level * np.sin(2 * np.pi * hertz * time) + 0.02 * noise
    return np.round(samples * 32768).clip(-32768, 32767) / 32768


def htk(hertz):
    return 2595 * np.log10(1 + hertz / 700)


def slaney(hertz):
    hertz = np.asarray(hertz, np.float64)
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1) / 1000) * 27 / np.log(6.4))


def triangles(scale, bands, fft, rate, low, high, area):
    """[bands, bins], straight over Hz, corners at equal steps on the scale; found by bisection, not by its inverse."""
    corners = []
    for mel in np.linspace(scale(low), scale(high), bands + 2):
        least, most = 0.0, rate / 2.0
        for _ in range(100):
            middle = (least + most) / 2
            least, most = (middle, most) if scale(middle) < mel else (least, middle)
        corners.append((least + most) / 2)
    corners = np.array(corners)
    hertz = np.arange(fft // 2 + 1) * rate / fft
    rising = (hertz - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - hertz) / (corners[2:] - corners[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(rising, falling))
    return weights * (2 / (corners[2:] - corners[:-2]))[:, None] if area else weights


def bands_of(samples, rate, bands, frame, hop, fft, low, high, scale, area, power, edges):
    """[frames, bands]"""
    if edges == "reflect":
        samples = np.pad(samples, frame // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(samples, frame)[::hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    spectrum = np.abs(np.fft.rfft(frames * window, fft)) ** power
    return spectrum @ triangles(scale, bands, fft, rate, low, high, area).T


def yamnet_input(samples, rate):
    """As in the published code of YAMNet: magnitudes, HTK's scale from 125 to 7500 Hz, ln(x + 0.001)."""
    return np.log(bands_of(samples, rate, 64, 400, 160, 512, 125, 7500, htk, False, 1, "within") + 0.001)[None, None]


def panns_input(samples, rate):
    """As PANNs: librosa's scale from 50 to 14000 Hz, decibels."""
    power = bands_of(samples, rate, 64, 1024, 320, 1024, 50, 14000, slaney, True, 2, "reflect")
    return 10 * np.log10(np.maximum(power, 1e-10))[None, None]


def whisper_input(samples, rate):
    extractor = transformers.WhisperFeatureExtractor(feature_size=80, chunk_length=2)
    return extractor(samples, sampling_rate=rate, return_tensors="np").input_features


def ast_input(samples, rate):
    extractor = transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=104)
    return extractor(samples, sampling_rate=rate, return_tensors="np").input_values


def normed(samples, rate):
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    return extractor(samples, sampling_rate=rate, return_tensors="np").input_values


def as_it_is(samples, rate):
    return samples[None]


SPEECH = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 12,
    "conv_dim": (16, 16, 16), "conv_kernel": (10, 8, 4), "conv_stride": (5, 8, 4), "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}


def wav2vec2():
    return transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SPEECH))


def hubert():
    return transformers.HubertModel(transformers.HubertConfig(**SPEECH))


def whisper():
    config = transformers.WhisperConfig(
        d_model=24, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=48, decoder_layers=1,
        decoder_attention_heads=4, decoder_ffn_dim=48, num_mel_bins=80, max_source_positions=100, vocab_size=60,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )
    return transformers.WhisperModel(config).encoder


def ast():
    config = transformers.ASTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_length=104, num_mel_bins=32
    )
    return transformers.ASTModel(config)


def convolutions():
    def block(before, behind, stride):
        return [
            torch.nn.Conv2d(before, before, 3, stride, 1, groups=before), torch.nn.BatchNorm2d(before), torch.nn.ReLU(),
            torch.nn.Conv2d(before, behind, 1), torch.nn.BatchNorm2d(behind), torch.nn.ReLU(),
        ]

    first = [torch.nn.BatchNorm2d(1), torch.nn.Conv2d(1, 8, 3, 2, 1), torch.nn.BatchNorm2d(8), torch.nn.ReLU()]
    layers = [*first, *block(8, 16, 1), *block(16, 24, 2), *block(24, 32, 2)]
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(32, 9))


WHISPER = {
    "kind": "log-mel", "rate": 16000, "bands": 80, "frame": 400, "hop": 160, "fft": 400, "log": "log10", "range": 8.0,
    "mean": -4.0, "std": 4.0, "layout": "bands-by-time", "pool": "mean",
}

# Name: network, what it is fed with, its output, what the card says of the input.
HEARERS = {
    "wav2vec2": (wav2vec2, normed, {
        "kind": "samples", "rate": 16000, "window": 1.0, "norm": "zero-mean-unit-variance", "pool": "mean",
    }),
    "hubert": (hubert, as_it_is, {"kind": "samples", "rate": 16000, "window": 0.5, "pool": "first"}),
    "whisper": (whisper, whisper_input, {**WHISPER, "window": 2.0, "frames": 200}),
    "whisper-short": (whisper, whisper_input, {**WHISPER, "window": 0.5, "frames": 200}),
    "ast": (ast, ast_input, {
        "kind": "log-mel", "rate": 16000, "window": 1.0, "bands": 32, "frame": 400, "hop": 160, "fmin": 20.0,
        "scale": "kaldi", "floor": 1.1920929e-07, "mean": -4.2677393, "std": 9.1379948, "frames": 104,
        "layout": "time-by-bands", "pool": "whole",
    }),
    "yamnet": (convolutions, yamnet_input, {
        "kind": "log-mel", "rate": 16000, "window": 0.975, "bands": 64, "frame": 400, "hop": 160, "fmin": 125.0,
        "fmax": 7500.0, "scale": "htk", "magnitude": True, "edges": "within", "offset": 0.001,
        "layout": "time-by-bands", "pool": "whole",
    }),
    "panns": (convolutions, panns_input, {
        "kind": "log-mel", "rate": 32000, "window": 1.0, "bands": 64, "frame": 1024, "hop": 320, "fmin": 50.0,
        "fmax": 14000.0, "log": "db", "layout": "time-by-bands", "pool": "whole",
    }),
}


class Hearer(torch.nn.Module):
    def __init__(self, model, pool):
        super().__init__()
        self.model, self.pool = model, pool

    def forward(self, given):
        output = self.model(given)
        if isinstance(output, torch.Tensor):
            return output
        return output.pooler_output if self.pool == "whole" else output.last_hidden_state


def card_of(name, path, settings, output):
    file = path.read_bytes()
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**settings, "output": output}.items()]
    head = f'name = "{name}"\nfile = "{path.name}"\nbytes = {len(file)}\nsha256 = "{hashlib.sha256(file).hexdigest()}"'
    return f'{head}\nlicence = "none"\n\n[input]\n' + "\n".join(lines) + "\n"


def make(name):
    network, front, settings = HEARERS[name]
    torch.manual_seed(7)
    model = network().eval()
    rate, pool = settings["rate"], settings["pool"]
    count = round(settings["window"] * rate)
    sounds = [sound(hertz, level, rate, count) for hertz, level in SOUNDS]
    fed = [front(samples, rate).astype(np.float32) for samples in sounds]
    # Weights that start at nothing would hide what is behind them, and so would biases that drown the sound.
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if network is not convolutions:
                weight.add_(0.05 * torch.randn_like(weight))
            elif weight.ndim == 4:
                weight.normal_(0, (2 / weight[0].numel()) ** 0.5)
        if network is convolutions:
            model[0].running_mean.fill_(float(fed[0].mean()))
            model[0].running_var.fill_(float(fed[0].var()))
    # The same network hears whole windows, and short ones in silence.
    path = FOLDER / f"{name.split('-')[0]}.onnx"
    torch.onnx.export(
        Hearer(model, pool), (torch.from_numpy(fed[0]),), str(path), input_names=["sound"], output_names=["out"],
        dynamo=False, opset_version=17,
    )
    output = "out"
    if network is convolutions:
        # What its classifier gets.
        import onnx

        graph = onnx.load(path)
        output = graph.graph.node[-1].input[0]
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(output))
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    else:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    features = []
    for value in fed:
        (given,) = session.run([output], {"sound": value})
        given = given.astype(np.float64)[0]
        if name == "whisper-short":
            # The moments of the window, not those of the silence that it is filled up with.
            given = given[: int(settings["window"] * 50) + 1]
        given = {"whole": lambda: given, "first": lambda: given[0], "mean": lambda: given.mean(0)}[pool]()
        features.append([round(float(v), 8) for v in given / np.linalg.norm(given)])
    (FOLDER / f"{name}.toml").write_text(card_of(name, path, settings, output))
    entry = {"rate": rate, "samples": count, "features": features}
    if settings["kind"] == "log-mel":
        # Every 37th value of the first sound, as [frames, bands].
        mel = fed[0].reshape(fed[0].shape[-2:])
        mel = mel.T if settings["layout"] == "bands-by-time" else mel
        entry["mel"] = [float(f"{v:.7g}") for v in mel.flatten()[::37]]
    return entry


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    expected = {name: make(name) for name in HEARERS}
    expected = {"sounds": SOUNDS, "hearers": expected}
    (FOLDER / "expected.json").write_text(json.dumps(expected) + "\n")
