"""Trains the student on a GPU, on views made there, new for every step, that teacher and student see alike.

Losses as in train.py; the teacher's maps are compared at the resolution of the student's. The learning rate rises, then
falls to zero along a cosine over `--steps` or `--seconds`. With `--steps` a run is deterministic by seed as far as the
GPU's own arithmetic is.

Writes to OUT: `last.pt` (resumed from if it is there), `ema.pt` (what export.py needs of it), `curve.csv`.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import validation
from model import INPUT, Student, count
from targets import photo_classes
from teacher import Teacher
from train import MAP_OF, WEIGHTS, Losses, features, note
from views import Views


def resized(x, side):
    return x if x.shape[-1] == side else functional.interpolate(x, (side, side), mode="bilinear", antialias=True)


@torch.no_grad()
def told(teacher, views, sides):
    """What the teacher says of the views: pooled, and maps of these sides, all with channels last."""
    pooled, *maps = teacher(views.to(next(teacher.parameters()).dtype, memory_format=torch.channels_last))
    found = {name: resized(map.float(), side).permute(0, 2, 3, 1) for (name, side), map in zip(sides.items(), maps)}
    return found | {"pooled": pooled.flatten(1).float()}


def statistics(teacher, views, sides):
    """Mean and standard deviation over eight batches, a value a channel, of each of the teacher's outputs."""
    batches = [told(teacher, views(-1 - index)[0], sides) for index in range(8)]
    flat = {name: torch.cat([batch[name].flatten(0, -2) for batch in batches]) for name in batches[0]}
    return {name: (x.mean(0), x.std(0) + 1e-3) for name, x in flat.items()}


def learning_rate(done, args):
    """Of the part of the run that is done: rises over the first `--warmup`, then falls along a cosine."""
    return args.rate * min(1, (done + 1e-4) / args.warmup) * 0.5 * (1 + math.cos(math.pi * min(1, done)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True, help="what pool.py wrote")
    parser.add_argument("--photos", required=True, help="folder with a folder of photographs a class, for validation")
    parser.add_argument("--teacher", required=True, help="ONNX file")
    parser.add_argument("--taps", default="t62,t60,t46,t20", help="its tensors for pooled, last, mid, low")
    parser.add_argument("--teacher-size", type=int, default=160, help="pixels a side that the teacher sees")
    parser.add_argument("--out", type=Path, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--seconds", type=float, help="of training, over all resumptions")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--warmup", type=float, default=0.03, help="part of the run in which the rate rises")
    parser.add_argument("--mixed", type=float, default=0.25, help="part of the views that are mixed with another")
    parser.add_argument("--weight", action="append", default=[], metavar="LOSS=WEIGHT", help=f"instead of {WEIGHTS}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=60, help="seconds between checkpoints and validations")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="run operator by operator")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    weights = WEIGHTS | {name: float(value) for name, _, value in (text.partition("=") for text in args.weight)}
    device = torch.device(args.device)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(args.seed)

    views = Views(args.pool, device, args.batch, args.teacher_size, args.mixed, args.seed)
    print(f"{len(views.photos)} photographs, {len(views.textures)} textures", flush=True)
    teacher = Teacher(args.teacher, args.taps.split(",")).to(device, memory_format=torch.channels_last)
    student = Student().to(device, memory_format=torch.channels_last)
    with torch.no_grad():
        maps = student.eval()(torch.zeros(1, 3, INPUT, INPUT, device=device))
    sides = {name: maps[of].shape[-1] for name, of in MAP_OF.items()}
    size, parameters = count(copy.deepcopy(student).cpu())
    if device.type == "cuda":
        teacher.half()
    if args.compile:
        teacher.compile(dynamic=False)
    classes = len(photo_classes(args.photos, held_out=False))
    losses = Losses(student, statistics(teacher, views, sides), classes).to(device)
    average = copy.deepcopy(student).requires_grad_(False)
    trained = [p for m in (student, losses) for p in m.parameters()]
    optimizer = torch.optim.AdamW([
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": 0.02},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0},
    ], lr=args.rate, fused=True)
    step, spent = 0, 0.0
    latest = args.out / "last.pt"
    if latest.exists():
        saved = torch.load(latest, map_location=device, weights_only=True)
        student.load_state_dict(saved["student"])
        losses.load_state_dict(saved["losses"])
        average.load_state_dict(saved["ema"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["seconds"]
    print(f"multiply-accumulates and weights {size, parameters}; from step {step}", flush=True)

    def save(name, **parts):
        temporary = args.out / "saving.pt"
        torch.save(parts | {"ema": average.state_dict(), "step": step}, temporary)
        temporary.replace(args.out / name)

    def objective(images, batch):
        with torch.autocast(device.type, torch.bfloat16):
            maps = student(images)
        return losses(maps, batch)

    if args.compile:
        objective = torch.compile(objective, dynamic=False)
    floats = [(mean, now) for mean, now in zip(average.state_dict().values(), student.state_dict().values())
              if mean.is_floating_point()]
    sets = validation.pictures(args.photos)
    means, seen, began = {}, step, time.time()
    student.train()
    while True:
        now = time.time()
        elapsed = spent + now - began
        done = step / args.steps if args.steps else elapsed / args.seconds
        if done >= 1 or (now - began >= args.every and step > seen):
            if device.type == "cuda":
                torch.cuda.synchronize()
            passed = time.time() - began
            spent += passed
            save("last.pt", student=student.state_dict(), losses=losses.state_dict(), optimizer=optimizer.state_dict(),
                 seconds=spent)
            save("ema.pt")
            row = {"step": step, "views": step * args.batch, "seconds": round(spent),
                   "rate": f"{optimizer.param_groups[0]['lr']:.2e}"}
            row |= {name: round(value.item(), 4) for name, value in means.items()}
            found = validation.accuracies(sets, lambda x: features(average, x))
            note(args.out / "curve.csv", row | {name: round(value, 2) for name, value in found.items()})
            print(f"{(step - seen) * args.batch / passed:.0f} views/s", flush=True)
            seen, began = step, time.time()
            if done >= 1:
                break
        pictures, labels = views(step)
        batch = told(teacher, pictures, sides) | {"label": labels}
        terms = objective(resized(pictures, INPUT).contiguous(memory_format=torch.channels_last), batch)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(done, args)
        optimizer.zero_grad()
        sum(weights[name] * term for name, term in terms.items()).backward()
        nn.utils.clip_grad_norm_(trained, 5.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(0.999, step / (step + 20))
            torch._foreach_lerp_([mean for mean, _ in floats], [now for _, now in floats], 1 - keep)
            for name, term in terms.items():
                means[name] = torch.lerp(means.get(name, term.detach()), term.detach(), 0.02)
        step += 1


if __name__ == "__main__":
    main()
