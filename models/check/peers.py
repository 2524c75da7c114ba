"""Times the backbone on one thread: fieldtune and ONNX Runtime on the same file, in turns.

    python models/check/peers.py target/release/fieldtune network.onnx... [--rounds 7] [--frames 30] [--cpu 1]

Both compute the same graph, cut at the feature, from the same kind of input. A round times fieldtune in a process of
its own, then ONNX Runtime in this one; the machine's other work disturbs both alike. Prints a Markdown table: the
median over the rounds of each round's p50, and of each round's ratio; then the same of the processor time of a frame,
which the machine's other work disturbs less. With --cpu both are kept on that one core.
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
    # Old files list their weights as inputs too.
    inputs = [value for value in model.graph.input if value.name in needed]
    del model.graph.node[:], model.graph.initializer[:], model.graph.output[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights)
    model.graph.input.extend(inputs)
    model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    return model


def timed(run, frames):
    """(p50 by the clock, mean processor time) of a frame, in ms."""
    times, spent = [], time.process_time()
    for _ in range(frames):
        begun = time.perf_counter()
        run()
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times), (time.process_time() - spent) / frames * 1e3


def compare(fieldtune, path, rounds, frames):
    report = inspect(fieldtune, path, "--frames", 1)
    model = cut(path, report["feature"]["tensor"])
    peer = session(model)
    kind = np.float16 if report["input"]["half"] else np.float32
    feeds = {report["input"]["name"]: pattern(report["input"]["shape"]).astype(kind)}
    run = lambda: peer.run(None, feeds)  # noqa: E731
    timed(run, 3)
    clock, cpu = [], []
    for _ in range(rounds):
        ours, theirs = inspect(fieldtune, path, "--frames", frames), timed(run, frames)
        ours = ours["frame_ms"], ours["frame_processor_ms"]
        clock.append((ours[0], theirs[0], ours[0] / theirs[0]))
        cpu.append((ours[1], theirs[1], ours[1] / theirs[1]))
    return [statistics.median(values) for kind in (clock, cpu) for values in zip(*kind)]


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
    print("| file | fieldtune ms | ONNX Runtime ms | ratio | fieldtune cpu ms | ONNX Runtime cpu ms | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in arguments.files:
        values = compare(arguments.fieldtune, path, arguments.rounds, arguments.frames)
        cells = [f"{value:.2f}" if index % 3 == 2 else f"{value:.1f}" for index, value in enumerate(values)]
        print(f"| {path.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
