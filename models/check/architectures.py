"""Exports well-known architectures with random weights and checks what fieldtune makes of them.

    python models/check/architectures.py target/release/fieldtune [--only NAME...] [--exporter dynamo|torchscript|both]

For each: torch makes it from a seed; its normalisation layers get the statistics of a few random images, so that the
values stay in a sensible range from the first layer to the last; it is exported; fieldtune finds the feature and
computes it; ONNX Runtime computes the same tensor of the same file, and torch itself says what goes into its classifier,
so that the place is checked too. Prints a Markdown table (exit status 1 if something differs by more than 1e-3 of its
largest value, or fails). Each export is deleted when it has been used. Needs about 4 GB of memory and of disk.
"""

import argparse
import pathlib
import sys
import tempfile
import warnings

import numpy as np
import timm
import torch
import torchvision
from reference import fieldtune_feature, image, onnxruntime_feature, relative_difference

SEED = 3
TOLERANCE = 1e-3

TORCHVISION = {
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "ResNet-50": "resnet50",
    "ResNet-101": "resnet101",
    "ResNet-152": "resnet152",
    "Inception-v3": "inception_v3",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3 small": "mobilenet_v3_small",
    "MobileNetV3 large": "mobilenet_v3_large",
    "EfficientNet-B0": "efficientnet_b0",
}
TIMM = {
    "Inception-ResNet-v2": "inception_resnet_v2",
    "MobileNetV1": "mobilenetv1_100",
    "EfficientNet-Lite0": "efficientnet_lite0",
    "ViT-tiny": "vit_tiny_patch16_224",
    "DeiT-tiny": "deit_tiny_patch16_224",
    "DeiT-tiny distilled": "deit_tiny_distilled_patch16_224",
}
ORDER = [
    *("VGG16", "VGG19", "ResNet-50", "ResNet-101", "ResNet-152", "Inception-v3", "Inception-ResNet-v2"),
    *("MobileNetV1", "MobileNetV2", "MobileNetV3 small", "MobileNetV3 large", "EfficientNet-B0"),
    *("EfficientNet-Lite0", "ViT-tiny", "DeiT-tiny", "DeiT-tiny distilled"),
]


def make(name):
    """(model in evaluation mode, side of its input)."""
    torch.manual_seed(SEED)
    side = 299 if name.startswith("Inception") else 224
    if name in TORCHVISION:
        settings = {"aux_logits": False, "init_weights": False} if name == "Inception-v3" else {}
        model = torchvision.models.get_model(TORCHVISION[name], weights=None, **settings)
    else:
        model = timm.create_model(TIMM[name], pretrained=False)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)) and module.bias is not None:
            # Exporters store equal weights once; biases of 0 would all be one.
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
            # The mean over all batches, not a moving one.
            module.momentum = None
            module.train()
        else:
            module.training = False
    with torch.no_grad():
        for seed in range(2):
            batch = [image((1, 3, side, side), 100 + 4 * seed + i)[0] for i in range(4)]
            model(torch.from_numpy(np.stack(batch)))
    return model.eval(), side


def classifier_input(model, values):
    """[dim]: what goes into the last layer with a weight a class, averaged over space, as torch computes it."""
    linear = [m for m in model.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))]
    classes = [m for m in linear if m.weight.shape[0] == 1000]
    seen = []
    hook = classes[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(torch.from_numpy(values))
    hook.remove()
    value = seen[0].numpy().astype(np.float64)
    return value.mean((0, 2, 3)) if value.ndim == 4 else value.reshape(-1)


def export(model, side, path, exporter):
    example = torch.zeros(1, 3, side, side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"input_names": ["image"], "output_names": ["scores"]}
        if exporter == "dynamo":
            settings = {"dynamo": True, "external_data": False, "verbose": False}
        else:
            settings = {"dynamo": False, "opset_version": 17}
        torch.onnx.export(model, (example,), str(path), **names, **settings)


def row(fieldtune, name, exporter, frames):
    model, side = make(name)
    values = image((1, 3, side, side))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "network.onnx"
        export(model, side, path, exporter)
        report, ours = fieldtune_feature(fieldtune, path, values, "--frames", frames)
        tensor = report["feature"]["tensor"]
        theirs = onnxruntime_feature(path, tensor, values)
    there = classifier_input(model, values)
    runtime, torchs = relative_difference(ours, theirs), relative_difference(ours, there)
    cells = [name, exporter, f"{report['parameters'] / 1e6:.2f}", f"{report['multiply_accumulates'] / 1e6:.0f}"]
    cells += [f"`{tensor}`", len(ours), f"{abs(theirs).max():.3g}", f"{runtime:.1e}", f"{torchs:.1e}"]
    cells += [f"{report['load_ms']:.0f}", f"{report['frame_ms']:.0f}", f"{report['frame_processor_ms']:.0f}"]
    return cells, max(runtime, torchs) < TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fieldtune")
    parser.add_argument("--only", nargs="+", default=ORDER, choices=ORDER, metavar="NAME")
    parser.add_argument("--exporter", default="both", choices=["dynamo", "torchscript", "both"])
    parser.add_argument("--frames", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    heads = "architecture | exporter | M parameters | M multiply-accumulates | feature | dim | largest value"
    heads += " | from ONNX Runtime | from torch | load ms | ms a frame | processor ms a frame"
    print(f"| {heads} |\n|{' --- |' * len(heads.split(' | '))}")
    exporters = ["dynamo", "torchscript"] if arguments.exporter == "both" else [arguments.exporter]
    failed = False
    for name in arguments.only:
        for exporter in exporters:
            try:
                cells, fine = row(arguments.fieldtune, name, exporter, arguments.frames)
            except Exception as error:  # one that fails is a row of the table, whatever the reason
                cells, fine = [name, exporter, " ".join(str(error).split())[:300]], False
            failed |= not fine
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
