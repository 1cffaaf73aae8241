#!/usr/bin/env python3
"""Our forward pass beside ONNX Runtime, OpenVINO and LiteRT: same net, same pixels, same threads, in turn, answers checked.

Every round runs each contender once, in a process of its own, every second round backwards, so that a machine that
slows down slows all of them. A row is a contender: the best pass of all rounds, the median over rounds of the rounds'
medians, and how wide those lie apart. A contender that fails, or whose answer differs from the first engine's by more
than 1e-3, is named and makes the exit code 1. Several versions of ours may stand in one run: --ours NAME=COMMAND.

usage: compare.py --weights W.safetensors [--ours target/release/icecap] [--ours old=PATH/icecap]
                  [--tflite NET.tflite] [--size 160] [--batch 1] [--threads 1] [--rounds 5] [--seconds 1]
                  [--engines onnxruntime,openvino]
needs: pip install numpy onnx safetensors onnxruntime openvino, and ai-edge-litert for --tflite
The ONNX file is made here from the weights. LiteRT needs one of its own, which TensorFlow converts from Keras: the same
weights, pixels [1, size, size, 3] in -1..1 in, the last features or their mean out, f32; one file per size.
On a machine that does anything else at the same time the figures mean little.
"""

import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--tflite", metavar="FILE", help="the same net for LiteRT, which then runs, too")
    parser.add_argument("--ours", action="append", default=[], metavar="[NAME=]COMMAND")
    for name, default in (("size", 160), ("batch", 1), ("threads", 1), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--engines", help="default: onnxruntime,openvino; openvino-streams too for a batch")
    args = parser.parse_args()
    if args.engines is None:
        args.engines = "onnxruntime,openvino" + (",openvino-streams" if args.batch > 1 else "")
    if args.tflite and "litert" not in args.engines.split(","):
        args.engines += ",litert"
    if "litert" in args.engines.split(",") and not args.tflite:
        parser.error("litert needs --tflite FILE")
    return args


def contenders(args, folder):
    """Command by name; the engines first."""
    numbers = [str(args.size), str(args.batch), str(args.threads), str(args.seconds)]
    commands = {}
    engines = [name for name in args.engines.split(",") if name]
    if any(name != "litert" for name in engines):
        model = os.path.join(folder, "model.onnx")
        build = [sys.executable, HERE / "onnx_model.py", args.weights, numbers[0], numbers[1], model]
        subprocess.run(build, check=True)
    for name in engines:
        path = args.tflite if name == "litert" else model
        commands[name] = [sys.executable, HERE / "engine.py", name, path, *numbers]
    flags = ["--size", "--batch", "--threads", "--seconds"]
    for number, given in enumerate(args.ours):
        name, command = given.split("=", 1) if "=" in given else (f"ours{number or ''}", given)
        bench = ["bench", "model", "--weights", args.weights, "--json"]
        commands[name] = shlex.split(command) + bench + [word for pair in zip(flags, numbers) for word in pair]
    return commands


def measure(commands, rounds, threads):
    """Each contender's answers, and the last line of what the failed ones complained about."""
    answers, failures = {name: [] for name in commands}, {}
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads))
    for number in range(rounds):
        turn = list(commands) if number % 2 == 0 else list(reversed(commands))
        for name in turn:
            done = subprocess.run(commands[name], env=environment, capture_output=True, text=True)
            if done.returncode:
                failures[name] = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            else:
                answers[name].append(json.loads(done.stdout.strip().splitlines()[-1]))
    return {name: found for name, found in answers.items() if found}, failures


def table(answers, batch):
    """A row a contender, the quickest first."""
    rows = []
    for name, found in answers.items():
        medians = [answer["median_ms"] for answer in found]
        rows.append((statistics.median(medians), min(a["min_ms"] for a in found), max(medians) - min(medians), name))
    fastest = min(rows)[0]
    print(f"{'':18}{'median ms':>10}{'best ms':>10}{'apart ms':>10}{'ms/image':>10}{'of fastest':>12}")
    for median, best, apart, name in sorted(rows):
        print(f"{name:18}{median:10.3f}{best:10.3f}{apart:10.3f}{median / batch:10.3f}{median / fastest:12.3f}")


def disagreements(answers):
    """How far the contenders' features stand from the first one's; those too far, as lines."""
    (reference, found), *others = answers.items()
    expected = found[0]["pooled_first"]
    wrong = []
    for name, found in others:
        got = found[-1]["pooled_first"]
        distances = [abs(a - b) for a, b in zip(got, expected, strict=True)]
        print(f"{name} stands {max(distances):.1e} from {reference}")
        # Not `max(..) > TOLERANCE`: a NaN compares false with everything.
        if not all(distance <= TOLERANCE for distance in distances):
            wrong.append(f"{name}: a wrong answer is no result")
    return wrong


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        answers, failures = measure(contenders(args, folder), args.rounds, args.threads)
    wrong = [f"{name} failed: {line}" for name, line in failures.items()]
    if answers:
        print(f"size {args.size}, batch {args.batch}, {args.threads} threads, {args.rounds} rounds")
        table(answers, args.batch)
        wrong += disagreements(answers)
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong or not answers else 0)


if __name__ == "__main__":
    main()
