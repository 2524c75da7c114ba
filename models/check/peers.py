"""Times the backbone on one thread: fieldtune and ONNX Runtime on the same file, in turns.

    python models/check/peers.py target/release/fieldtune network.onnx... [--rounds 7] [--frames 30] [--cpu 1]

Both compute the same graph, cut at the feature, from the same kind of input. A round times fieldtune in a process of
its own, then ONNX Runtime in this one; the machine's other work disturbs both alike. Prints a Markdown table: the
median over the rounds of each round's p50, and of each round's ratio. With --cpu both are kept on that one core.
"""

import argparse
import os
import pathlib
import platform
import statistics
import time

import numpy as np
import onnx
import onnxruntime
from reference import inspect, pattern, session


def cut(path, tensor):
    """The model with the tensor as its only output, and nothing that it does not need."""
    model = onnx.load(path)
    needed, nodes = {tensor}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.insert(0, node)
    weights = [weight for weight in model.graph.initializer if weight.name in needed]
    del model.graph.node[:], model.graph.initializer[:], model.graph.output[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights)
    model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return model


def p50(run, frames):
    times = []
    for _ in range(frames):
        begun = time.perf_counter()
        run()
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)


def compare(fieldtune, path, rounds, frames):
    report = inspect(fieldtune, path, "--frames", 1)
    model = cut(path, report["feature"]["tensor"])
    peer = session(model)
    kind = np.float16 if report["input"]["half"] else np.float32
    feeds = {report["input"]["name"]: pattern(report["input"]["shape"]).astype(kind)}
    run = lambda: peer.run(None, feeds)  # noqa: E731
    p50(run, 3)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(inspect(fieldtune, path, "--frames", frames)["frame_ms"])
        theirs.append(p50(run, frames))
    ratios = [our / their for our, their in zip(ours, theirs)]
    return [statistics.median(values) for values in (ours, theirs, ratios)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fieldtune")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--cpu", type=int)
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, [arguments.cpu])
    print(f"{platform.machine()}, {arguments.rounds} rounds of {arguments.frames} frames", end=", ")
    print(f"ONNX Runtime {onnxruntime.__version__}\n")
    print("| file | fieldtune ms | ONNX Runtime ms | ratio |\n| --- | --- | --- | --- |")
    for path in arguments.files:
        ours, theirs, ratio = compare(arguments.fieldtune, path, arguments.rounds, arguments.frames)
        print(f"| {path.name} | {ours:.1f} | {theirs:.1f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
