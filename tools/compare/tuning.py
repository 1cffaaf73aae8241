#!/usr/bin/env python3
"""Our fine-tuning beside that of Keras and torch: same net, same blocks, same batches, same threads, in turn.

Trained are the kernels, gamma and beta of MobileNetV2 from a block on, BatchNorm in inference mode. Keras runs on pixels
in memory, where its frozen part is computed again in each epoch, and on the activations that enter the block, computed
before; torch and ours on these activations. `tuning_engine.py` has both frameworks' training, and says what is checked.

Every round runs each contender once, in a process of its own, every second round backwards, so that a machine that
slows down slows all of them. The frameworks' time is that of their epochs after the first, which compiles and warms up;
ours is that of `bench tune` (whole steps: forward, backward, optimizer, folding). A row is a contender: photos a second,
the median over rounds of the rounds' medians, how far the rounds lie apart in percent, and how many times as fast as it
ours is. A contender that fails makes the exit code 1, as do losses of the first epoch that are more than 1 % apart: Keras
and torch start from the same values and see the same batches. Several versions of ours may stand in one run.

usage: tuning.py --weights W.safetensors|W.h5 [--ours target/release/icecap] [--ours old=PATH/icecap] [--from 16,13]
                 [--size 160] [--photos 256] [--batch 32] [--threads 2] [--epochs 4] [--rounds 3] [--seconds 2]
                 [--engines keras-pixels,keras-cached,torch-cached,torch-cached-nchw] [--json FILE]
needs: pip install numpy h5py safetensors tensorflow-cpu keras torch
The weights are in Keras' layout, of any width. On a machine that does anything else at the same time the figures mean
little; keep --photos a multiple of --batch, or the last, smaller batch counts in the frameworks and not in ours.
"""

import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 0.01


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--ours", action="append", default=[], metavar="[NAME=]COMMAND")
    parser.add_argument("--from", dest="blocks", default="16,13", help="the first blocks that train")
    for name, default in (("size", 160), ("photos", 256), ("batch", 32), ("threads", 2), ("epochs", 4), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long `bench tune` measures")
    parser.add_argument("--engines", default="keras-pixels,keras-cached,torch-cached,torch-cached-nchw")
    parser.add_argument("--json", metavar="FILE", help="where every round's answers go, too")
    args = parser.parse_args()
    if args.epochs < 2:
        parser.error("--epochs: the first one is not counted, so there must be a second")
    return args


def contenders(args, block):
    """Command by name, ours last."""
    numbers = [args.size, block, args.photos, args.batch, args.threads, args.epochs]
    commands = {}
    for name in filter(None, args.engines.split(",")):
        commands[name] = [sys.executable, HERE / "tuning_engine.py", name, args.weights, *map(str, numbers)]
    for number, given in enumerate(args.ours):
        name, command = given.split("=", 1) if "=" in given else (f"ours{number or ''}", given)
        flags = {"weights": args.weights, "size": args.size, "from": f"block_{block}", "batch": args.batch}
        flags |= {"threads": args.threads, "seconds": args.seconds}
        words = [word for flag, value in flags.items() for word in (f"--{flag}", str(value))]
        commands[name] = shlex.split(command) + ["bench", "tune", "--json", *words]
    return commands


def photos_a_second(answer):
    """Of the epochs' median, or of `bench tune`'s: forward, backward and the optimizer with its folding."""
    if "rows" in answer:
        step = [row for row in answer["rows"] if row["name"] in ("all", "optimizer")]
        return answer["batch"] / sum(row["median_ns"] for row in step) * 1e9
    return answer["photos"] / statistics.median(answer["epoch_seconds"][1:])


def measure(commands, rounds, threads, batch):
    """Each contender's answers, and the last line of what the failed ones complained about."""
    answers, failures = {name: [] for name in commands}, {}
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    for number in range(rounds):
        turn = list(commands) if number % 2 == 0 else list(reversed(commands))
        for name in turn:
            done = subprocess.run(commands[name], env=environment, capture_output=True, text=True)
            if done.returncode:
                failures[name] = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            else:
                answers[name].append({"batch": batch} | json.loads(done.stdout.strip().splitlines()[-1]))
    return {name: found for name, found in answers.items() if found}, failures


def rows(answers, ours):
    """What the table shows of each contender, the quickest first."""
    speeds = {name: [photos_a_second(answer) for answer in found] for name, found in answers.items()}
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    first = next((medians[name] for name in ours if name in medians), None)
    found = []
    for name, median in sorted(medians.items(), key=lambda pair: -pair[1]):
        apart = (max(speeds[name]) - min(speeds[name])) / median
        row = {"name": name, "photos_per_second": median, "ms_per_photo": 1e3 / median, "apart": apart}
        found.append(row | ({"ours_times_as_fast": first / median} if first else {}))
    return found


def table(rows):
    print(f"{'':20}{'photos/s':>10}{'ms/photo':>10}{'apart %':>9}{'ours is':>9}")
    for row in rows:
        times = f"{row['ours_times_as_fast']:8.2f}x" if "ours_times_as_fast" in row else f"{'':9}"
        apart = 100 * row["apart"]
        print(f"{row['name']:20}{row['photos_per_second']:10.1f}{row['ms_per_photo']:10.3f}{apart:9.1f}{times}")


def disagreements(answers):
    """How far the frameworks' first epochs stand apart; those too far, as lines."""
    losses = {name: found[0]["losses"][0] for name, found in answers.items() if found[0].get("losses")}
    wrong = []
    for name, loss in losses.items():
        reference, expected = next(iter(losses.items()))
        # Not `abs(..) > TOLERANCE`: a NaN compares false with everything.
        if not abs(loss - expected) <= TOLERANCE * expected:
            wrong.append(f"{name}: a first epoch's loss of {loss:.4f}, where {reference} has {expected:.4f}")
    return wrong


def main():
    args = arguments()
    wrong, all_rows, all_answers = [], {}, {}
    for block in map(int, args.blocks.split(",")):
        commands = contenders(args, block)
        answers, failures = measure(commands, args.rounds, args.threads, args.batch)
        wrong += [f"block {block}: {name} failed: {line}" for name, line in failures.items()]
        if not answers:
            continue
        wrong += [f"block {block}: {line}" for line in disagreements(answers)]
        all_answers[block] = answers
        all_rows[block] = rows(answers, [name for name in commands if name not in args.engines.split(",")])
        print(f"from block {block}, size {args.size}, batch {args.batch}, {args.threads} threads, {args.rounds} rounds")
        table(all_rows[block])
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"rows": all_rows, "answers": all_answers}, indent=1) + "\n")
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong or not all_answers else 0)


if __name__ == "__main__":
    main()
