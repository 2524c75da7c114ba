"""Slopes and steps of fine-tuning by PyTorch, for math/src/layers/tests.rs: python layers.py > ../../math/src/layers/torch.txt

A small network with one of every layer that can be trained, a softmax layer behind it, cross-entropy in which examples
weigh differently, and Adam. Written with torch 2.15, in double precision. Each line is a name and its numbers.
"""

import torch
from torch.nn import functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)


def drawn(*shape):
    # What f32 holds exactly, so that both sides begin with the same.
    return (torch.randint(-512, 513, shape) / 512.0).requires_grad_()


def show(name, values):
    print(name, *(f"{value:.8g}" for value in values.detach().reshape(-1).tolist()))


maps = drawn(2, 3, 6, 5).detach()
# Of each node its weights, then its bias, in torch's order [out][in / groups][row][column].
weights = [
    (drawn(6, 3, 1, 1), drawn(6)),  # 1: 1x1, ReLU6
    (drawn(6, 1, 3, 3), drawn(6)),  # 2: depthwise 3x3, hard-swish
    # 3 is the mean over space
    (drawn(2, 6, 1, 1), drawn(2)),  # 4: ReLU
    (drawn(6, 2, 1, 1), drawn(6)),  # 5: sigmoid
    # 6 is 2 scaled by 5
    (drawn(6, 6, 1, 1), drawn(6)),  # 7: 1x1 plus 1
    (drawn(4, 6, 3, 3), drawn(4)),  # 8: 3x3 in steps of 2, SiLU
]
head = (drawn(3, 10), drawn(3))
truths, counts = torch.tensor([2, 0]), torch.tensor([1.0, 0.5])


def loss_of(weights, head):
    def convolved(x, at, **more):
        return F.conv2d(x, weights[at][0], weights[at][1], **more)

    one = F.relu6(convolved(maps, 0))
    two = F.hardswish(convolved(one, 1, padding=1, groups=6))
    gate = torch.sigmoid(convolved(F.relu(convolved(two.mean((2, 3), keepdim=True), 2)), 3))
    seven = convolved(two * gate, 4) + one
    eight = F.silu(convolved(seven, 5, stride=2, padding=1))
    blocks = [seven.amax((2, 3)), eight.mean((2, 3))]
    feature = torch.cat([F.normalize(block, dim=1) for block in blocks], 1)
    scores = feature @ head[0].T + head[1]
    return feature, (F.cross_entropy(scores, truths, reduction="none") * counts).sum()


def flat(weights):
    """As the layers have them: [out][place][in], depthwise [place][channel], then the bias."""
    parts = []
    for at, (weight, bias) in enumerate(weights):
        order = weight.permute(2, 3, 0, 1) if at == 1 else weight.permute(0, 2, 3, 1)
        parts += [order.reshape(-1), bias]
    return torch.cat(parts)


def slopes(weights):
    return flat([(weight.grad, bias.grad) for weight, bias in weights])


show("maps", maps.permute(0, 2, 3, 1))
show("weights", flat(weights))
show("head", torch.cat([head[0].reshape(-1), head[1]]))
parameters = [tensor for pair in [*weights, head] for tensor in pair]
adam = torch.optim.Adam(parameters, lr=3e-3)
for step in range(4):
    adam.zero_grad()
    feature, loss = loss_of(weights, head)
    loss.backward()
    if step == 0:
        show("feature", feature)
        show("loss", loss)
        show("slopes", slopes(weights))
        show("head_slopes", torch.cat([head[0].grad.reshape(-1), head[1].grad]))
    adam.step()
show("after", flat(weights))
show("head_after", torch.cat([head[0].reshape(-1), head[1]]))
