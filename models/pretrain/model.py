"""The student: a small network of the EfficientNet family, random at first, and what is attached to it while it trains.

Full 3x3 convolutions stand where maps are large and channels few, because the runtime computes them as matrix products,
while a depthwise convolution is a slow loop there; depthwise ones stand where full ones would cost too much.
"""

import torch
from torch import nn

INPUT = 128  # pixels a side
STEM = 16  # channels at stride 2
FEATURE = 1280  # channels of the last map, as many as the teacher's, which it reproduces


class ConvBn(nn.Sequential):
    """Convolution, BatchNorm, and ReLU unless `linear`."""

    def __init__(self, cin, cout, kernel=1, stride=1, groups=1, linear=False):
        super().__init__(
            nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout),
        )
        if not linear:
            self.append(nn.ReLU(inplace=True))


class Block(nn.Module):
    """Inverted bottleneck: expand, filter in space, project linearly; `fused` does the first two in one convolution."""

    def __init__(self, cin, expanded, cout, stride, fused):
        super().__init__()
        self.skip = stride == 1 and cin == cout
        if fused:
            layers = [ConvBn(cin, expanded, 3, stride)]
        else:
            layers = [ConvBn(cin, expanded), ConvBn(expanded, expanded, 3, stride, groups=expanded)]
        self.layers = nn.Sequential(*layers, ConvBn(expanded, cout, linear=True))

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.skip else y


# A stage a stride: (channels in the middle of each block, channels out, fused).
STAGES = {
    "stage1": ((48,), 24, True),  # stride 4
    "stage2": ((64, 48), 40, True),  # stride 8
    "stage3": ((144, 288, 288), 96, False),  # stride 16
    "stage4": ((288, 480, 480), 160, False),  # stride 32
}


class Student(nn.Module):
    """`[batch, 3, 128, 128]` (pixel / 127.5 - 1) to a dictionary of maps: `stage2` and so on, in them
    `stage2.0` and so on, and `last`."""

    def __init__(self, stages=None, stem=STEM, feature=FEATURE):
        super().__init__()
        self.stem = ConvBn(3, stem, 3, 2)
        channels = stem
        self.stages = nn.ModuleDict()
        for name, (middles, out, fused) in (stages or STAGES).items():
            blocks = []
            for index, middle in enumerate(middles):
                blocks.append(Block(channels, middle, out, 2 if index == 0 else 1, fused))
                channels = out
            self.stages[name] = nn.Sequential(*blocks)
        self.last = ConvBn(channels, feature)
        self.channels = {name: out for name, (_, out, _) in (stages or STAGES).items()}

    def forward(self, x):
        maps = {}
        x = self.stem(x)
        for name, stage in self.stages.items():
            for index, block in enumerate(stage):
                x = maps[f"{name}.{index}"] = block(x)
            maps[name] = x
        maps["last"] = self.last(x)
        return maps


def count(model, size=INPUT):
    """Multiply-accumulates of one frame, and parameters of the convolutions."""
    total = 0

    def hook(module, _, output):
        nonlocal total
        total += module.weight.numel() * output.shape[2] * output.shape[3]

    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_hook(hook) for module in convolutions]
    training = model.training
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, size, size))
    model.train(training)
    for handle in hooks:
        handle.remove()
    return total, sum(module.weight.numel() for module in convolutions)
