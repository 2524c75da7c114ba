"""Trains the student to say of each cached view what the teacher said of it. Deterministic by seed and number of workers.

Loss: the pooled feature (squared difference and the cosines between the pictures of a batch), the teacher's linear maps
at three depths, place by place, and the photographs' classes. The learning rate stays level until the last
`--decay` epochs, which take it to zero: to train for longer, continue from `level.pt`, saved where the decay begins.

Writes to OUT: `last.pt` (resumed from if it is there), `level.pt`, `curve.csv`.
"""

import argparse
import copy
import csv
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import validation
from export import pooled
from model import INPUT, Student, count
from targets import SHAPES, arrays, photo_classes

WEIGHTS = {"pooled": 1.0, "cosine": 20.0, "last": 0.5, "mid": 0.5, "low": 0.25, "classes": 0.1}
MAP_OF = {"last": "stage4", "mid": "stage3", "low": "stage2"}  # teacher's map: student's


class Views:
    """The cached views of all kinds, one after another."""

    def __init__(self, cache):
        self.kinds = []
        for folder in sorted(folder for folder in cache.iterdir() if (folder / "label.i16").exists()):
            views = (folder / "label.i16").stat().st_size // 2
            self.kinds.append(arrays(folder, views, "r"))
        self.starts = np.cumsum([0] + [len(kind["label"]) for kind in self.kinds])

    def __len__(self):
        return int(self.starts[-1])

    def batch(self, rows):
        """The arrays of these views, as tensors, in the order of their places in the cache."""
        rows = np.sort(rows)
        found = {name: [] for name in self.kinds[0]}
        for kind, start, end in zip(self.kinds, self.starts, self.starts[1:]):
            inside = rows[(rows >= start) & (rows < end)] - start
            for name, array in kind.items():
                found[name].append(array[inside])
        return {name: torch.from_numpy(np.concatenate(parts)) for name, parts in found.items()}

    def statistics(self):
        """Mean and standard deviation over a sample, a value a channel, of each of the teacher's outputs."""
        rows = np.random.default_rng(0).choice(len(self), min(len(self), 4096), replace=False)
        batch = self.batch(rows)
        flat = {name: batch[name].float().flatten(0, -2) for name in SHAPES}
        return {name: (x.mean(0), x.std(0) + 1e-3) for name, x in flat.items()}


class Losses(nn.Module):
    """What is attached to the student while it trains."""

    def __init__(self, student, statistics, classes):
        super().__init__()
        self.project = nn.ModuleDict({
            name: nn.Conv2d(student.channels[MAP_OF[name]], SHAPES[name][-1], 1) for name in MAP_OF
        })
        self.classify = nn.Linear(student.last[0].out_channels, classes)
        for name, (mean, deviation) in statistics.items():
            self.register_buffer(f"{name}_mean", mean)
            self.register_buffer(f"{name}_deviation", deviation)

    def forward(self, maps, batch):
        terms = {}
        for name, project in self.project.items():
            got = project(maps[MAP_OF[name]].float())
            mean, deviation = getattr(self, f"{name}_mean"), getattr(self, f"{name}_deviation")
            wanted = ((batch[name].float() - mean) / deviation).permute(0, 3, 1, 2)
            side = min(got.shape[2], wanted.shape[2])
            got, wanted = (x if x.shape[2] == side else functional.adaptive_avg_pool2d(x, side) for x in (got, wanted))
            terms[name] = functional.mse_loss(got, wanted)
        got, wanted = maps["last"].float().mean((2, 3)), batch["pooled"].float()
        terms["pooled"] = functional.mse_loss(got, wanted) / self.pooled_deviation.square().mean()
        a = functional.normalize(got - self.pooled_mean, dim=1)
        b = functional.normalize(wanted - self.pooled_mean, dim=1)
        terms["cosine"] = (a @ a.T - b @ b.T).square().mean() + 0.02 * (1 - (a * b).sum(1)).mean()
        labels = batch["label"].long()  # -1: none
        terms["classes"] = functional.cross_entropy(self.classify(got), labels, ignore_index=-1, label_smoothing=0.1)
        return terms


def to_input(images, size):
    """u8 `[batch, 128, 128, 3]` to the network's input at `size` pixels a side."""
    x = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    if size != INPUT:
        x = functional.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def flip(batch, generator):
    """Mirrors half of the views, and the teacher's maps with them."""
    mirrored = torch.rand(len(batch["label"]), generator=generator) < 0.5
    for name in ("images", *MAP_OF):
        batch[name][mirrored] = batch[name][mirrored].flip(2)


@torch.no_grad()
def features(student, images):
    """The tapped feature of u8 images, as the runtime computes it."""
    student.eval()
    device = next(student.parameters()).device
    found = []
    for chunk in torch.from_numpy(images).split(50):
        maps = student(to_input(chunk.to(device), INPUT))
        found.append(pooled({name: value.cpu().numpy() for name, value in maps.items()}))
    return np.concatenate(found)


def learning_rate(step, steps, args):
    """Rises over `--warmup` steps, stays, falls to zero over the last `--decay` epochs."""
    level = args.rate * min(1, (step + 1) / args.warmup)
    left = (steps * args.epochs - step) / (steps * args.decay) if args.decay else 1
    return level * min(1, left)


def note(curve, row):
    """Prints the row and appends it to the file, under a heading if it is the first."""
    new = not curve.exists()
    with curve.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def average_over_workers(tensors, workers):
    """Replaces the tensors by their means over the workers. Once a step, where threads would meet at every operator and
    wait for each other whenever the machine does something else too."""
    if workers == 1:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(flat)
    for tensor, mean in zip(tensors, (flat / workers).split([tensor.numel() for tensor in tensors])):
        tensor.copy_(mean.view_as(tensor))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="what targets.py wrote")
    parser.add_argument("--photos", required=True, help="folder with a folder of photographs a class")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--decay", type=float, default=2, help="epochs of falling learning rate at the end")
    parser.add_argument("--small", type=float, default=3, help="epochs at 96 pixels before those at 128")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread that share a batch")
    parser.add_argument("--every", type=int, default=400, help="steps between checkpoints and validations")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.workers == 1:
        train(0, args)
    else:
        torch.multiprocessing.spawn(train, (args,), args.workers)


def train(worker, args):
    """One worker's part of the run; worker 0 writes."""
    torch.set_num_threads(1)
    if args.workers > 1:
        meeting = args.out.resolve() / f"meeting-{os.getppid()}"
        torch.distributed.init_process_group("gloo", f"file://{meeting}", rank=worker, world_size=args.workers)
        torch.distributed.barrier()
        if worker == 0:
            meeting.unlink(missing_ok=True)
    torch.manual_seed(args.seed)

    views = Views(args.cache)
    steps = len(views) // args.batch
    total = round(steps * args.epochs)
    student = Student().to(memory_format=torch.channels_last)
    losses = Losses(student, views.statistics(), len(photo_classes(args.photos, held_out=False)))
    average = copy.deepcopy(student)
    weights = [p for m in (student, losses) for p in m.parameters()]
    optimizer = torch.optim.AdamW([
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": 0.02},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0},
    ], lr=args.rate)
    step, spent = 0, 0.0
    latest = args.out / "last.pt"
    if latest.exists():
        saved = torch.load(latest, weights_only=True)
        student.load_state_dict(saved["student"])
        losses.load_state_dict(saved["losses"])
        average.load_state_dict(saved["ema"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["seconds"]
    if worker == 0:
        print(f"{len(views)} views, {steps} steps an epoch; multiply-accumulates and weights {count(average)}; from step {step}", flush=True)

    def save(name):
        temporary = args.out / "saving.pt"
        torch.save({"student": student.state_dict(), "losses": losses.state_dict(), "ema": average.state_dict(),
                    "optimizer": optimizer.state_dict(), "step": step, "seconds": spent}, temporary)
        temporary.replace(args.out / name)

    sets = validation.pictures(args.photos)
    curve, means, order, order_epoch = args.out / "curve.csv", {}, None, None
    began, cpu = time.time(), time.process_time()
    seen = 0
    while step < total:
        epoch = step // steps
        if order_epoch != epoch:
            order, order_epoch = np.random.default_rng([args.seed, epoch]).permutation(len(views)), epoch
        at = step % steps
        mine = order[at * args.batch : (at + 1) * args.batch][worker :: args.workers]
        batch = views.batch(mine)
        flip(batch, torch.Generator().manual_seed((args.seed * 1_000_003 + step) * args.workers + worker))
        student.train()
        terms = losses(student(to_input(batch["images"], 96 if step < args.small * steps else INPUT)), batch)
        rate = learning_rate(step, steps, args)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        sum(WEIGHTS[name] * term for name, term in terms.items()).backward()
        average_over_workers([p.grad for p in weights], args.workers)
        nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(0.998, step / (step + 20))
            for mean, now in zip(average.state_dict().values(), student.state_dict().values()):
                mean.lerp_(now, 1 - keep) if mean.is_floating_point() else mean.copy_(now)
        for name, term in terms.items():
            means[name] = 0.98 * means.get(name, float(term.detach())) + 0.02 * float(term.detach())
        step, seen = step + 1, seen + 1
        if step % 50 == 0:
            told = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
            wall = time.time() - began
            speed = seen * args.batch / wall
            print(f"step {step}/{total} rate {rate:.1e}: {told}; {speed:.0f} views/s, {100 * (time.process_time() - cpu) / wall:.0f} % CPU", flush=True)
        if worker > 0:
            continue
        if step == round(total - steps * args.decay):
            save("level.pt")
        if step % args.every == 0 or step == total:
            spent += time.time() - began
            save("last.pt")
            began, cpu, seen = time.time(), time.process_time(), 0
            row = {"step": step, "views": step * args.batch, "seconds": round(spent), "rate": f"{rate:.2e}"}
            row |= {name: round(value, 4) for name, value in means.items()}
            row |= {name: round(value, 2) for name, value in validation.accuracies(sets, lambda x: features(average, x)).items()}
            note(curve, row)


if __name__ == "__main__":
    main()
