#!/usr/bin/env python3
"""A head on features that are at hand: `icecap train --features` beside scikit-learn's lbfgs and torch's Adam, on the same rows.

Features are drawn from a seed: classes with a center each, noise, negative values cut, as pooled features have. `icecap extract` of
one picture says what a file of features states; the drawn ones are written with that. Of what icecap trains on, as its `split.csv`
tells, the others get the same rows as arrays in memory.

- lbfgs: each minimizes the mean loss plus L2/2 times the squared weights. scikit-learn is tried with each of --iterations; of these
  the first one counts whose sum is at most 1 + 1e-4 times that of icecap, or of its own best where that is higher: in 32 bits, in
  which it computes on such features, it may not come as far. The sums are computed here, in 64 bits.
- Adam: --epochs passes in batches of 32 at 0.001 with dropout 0.2; torch's loop takes rows of a matrix, without a DataLoader.

The times: of icecap "head", the training alone, and "total", the whole command with reading, validation and writing, both from its
metrics.json; of the others fitting alone. A row is a solver and a number of rows: medians of rounds in turn.

usage: head.py --icecap target/release/icecap [--rows 20000,200000] [--classes 100] [--l2 0.001] [--solvers lbfgs,adam]
               [--iterations 50,66,83,104,131,206] [--rounds 3] [--cores 2] [--folder DIR]
needs: pip install numpy safetensors scikit-learn torch; 3 GB of memory and of disk for 200,000 rows
On a machine that does anything else at the same time the figures mean little.
"""

import argparse
import csv
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

BATCH, RATE, DROPOUT = 32, 0.001, 0.2
CLOSE = 1e-4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--icecap", default="target/release/icecap", metavar="BINARY")
    parser.add_argument("--rows", default="20000,200000")
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--l2", type=float, default=0.001)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--solvers", default="lbfgs,adam")
    parser.add_argument("--iterations", default="50,66,83,104,131,206")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", help="where features and runs are kept; else nowhere")
    args = parser.parse_args()
    args.rows = [int(count) for count in args.rows.split(",")]
    args.solvers = args.solvers.split(",")
    args.iterations = [int(count) for count in args.iterations.split(",")]
    return args


def stated(icecap, folder):
    """What a file of features of the built-in net states, and how many there are."""
    picture, out = folder / "picture.bmp", folder / "picture.safetensors"
    pixels = bytes(8 * 8 * 3)
    picture.write_bytes(struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + len(pixels), 0, 54, 40, 8, 8, 1, 24, 0, len(pixels), 0, 0, 0, 0) + pixels)
    subprocess.run([icecap, "extract", picture, "-o", out, "--force", "--no-cache", "-q"], check=True)
    with safe_open(out, "np") as file:
        return file.metadata(), file.get_slice("features").get_shape()[1]


def draw(rows, classes, width):
    random = np.random.default_rng(1)
    centers = random.random((classes, width), dtype=np.float32) * 0.25
    labels = random.integers(0, classes, rows)
    features = np.empty((rows, width), np.float32)
    for start in range(0, rows, 10_000):
        part = features[start : start + 10_000]
        noise = random.standard_normal(part.shape, dtype=np.float32)
        np.maximum(centers[labels[start : start + 10_000]] + noise + 0.4, 0, out=part)
    return features, labels


def write(path, metadata, features, labels, classes):
    """The features as `icecap extract` leaves them, and the paths that their photos would have."""
    names = [f"{name:03}" for name in range(classes)]
    paths = [f"photos/{names[label]}/{row:07}.jpg" for row, label in enumerate(labels)]
    metadata = metadata | {"classes": json.dumps(names)}
    tensors = {"features": features, "labels": labels.astype(np.int64), "paths": np.frombuffer("\n".join(paths).encode(), np.uint8)}
    save_file(tensors, path, metadata)
    return {place: row for row, place in enumerate(paths)}


def train(args, path, out, *how):
    """A run of icecap: its seconds, the paths that it has learned from, and its head."""
    words = [args.icecap, "train", "--features", path, "--out", out, "--force", "--no-report", "-q"]
    words += ["--threads", str(args.cores), *how]
    subprocess.run(words, check=True)
    seconds = json.loads((out / "metrics.json").read_text())["seconds"]
    with open(out / "split.csv", newline="") as file:
        learned = [row["path"] for row in csv.DictReader(file) if row["part"] == "train"]
    with safe_open(out / "model.safetensors", "np") as file:
        return seconds, learned, file.get_tensor("head/kernel"), file.get_tensor("head/bias")


def penalized(features, labels, kernel, bias, l2):
    """The mean loss plus the penalty, in 64 bits."""
    total = 0.0
    kernel, bias = kernel.astype(np.float64), bias.astype(np.float64)
    for start in range(0, len(labels), 10_000):
        logits = features[start : start + 10_000].astype(np.float64) @ kernel + bias
        logits -= logits.max(axis=1, keepdims=True)
        own = labels[start : start + 10_000]
        total += (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(own)), own]).sum()
    return total / len(labels) + l2 / 2 * (kernel**2).sum()


def by_sklearn(features, labels, l2, iterations):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (len(labels) * l2), solver="lbfgs", tol=1e-12, max_iter=iterations)
    start = time.monotonic()
    with warnings.catch_warnings():
        # That it has not converged is the point of a try.
        warnings.simplefilter("ignore")
        model.fit(features, labels)
    return time.monotonic() - start, model.coef_.T, model.intercept_


def by_torch(features, labels, args):
    import torch

    torch.set_num_threads(args.cores)
    torch.manual_seed(0)
    rows, targets = torch.from_numpy(features), torch.from_numpy(labels)
    net = torch.nn.Sequential(torch.nn.Dropout(DROPOUT), torch.nn.Linear(features.shape[1], args.classes))
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    start = time.monotonic()
    net.train()
    for _ in range(args.epochs):
        for batch in torch.randperm(len(targets)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(rows[batch]), targets[batch]).backward()
            optimizer.step()
    seconds = time.monotonic() - start
    net.eval()
    with torch.no_grad():
        return seconds, float(torch.nn.functional.cross_entropy(net(rows), targets))


def lbfgs(args, path, out, learned_rows):
    """Seconds of icecap's head and of its whole command, and of scikit-learn; sums and iterations."""
    seconds, learned, kernel, bias = train(args, path, out, "--optimizer", "lbfgs", "--l2", str(args.l2))
    features, labels = learned_rows(learned)
    own = penalized(features, labels, kernel, bias, args.l2)
    tries = []
    for iterations in args.iterations:
        other_seconds, *other_head = by_sklearn(features, labels, args.l2, iterations)
        tries.append((iterations, other_seconds, penalized(features, labels, *other_head, args.l2)))
        if tries[-1][2] <= own * (1 + CLOSE):
            break
    enough = max(own, min(other for *_, other in tries)) * (1 + CLOSE)
    iterations, other_seconds, other = next(one for one in tries if one[2] <= enough)
    return seconds, other_seconds, f"{own:.6f} and {other:.6f} in {iterations} iterations"


def adam(args, path, out, learned_rows):
    how = ["--optimizer", "adam", "--epochs", str(args.epochs), "--batch", str(BATCH), "--lr", str(RATE)]
    how += ["--dropout", str(DROPOUT), "--l2", "0"]
    seconds, learned, kernel, bias = train(args, path, out, *how)
    features, labels = learned_rows(learned)
    other_seconds, other = by_torch(features, labels, args)
    return seconds, other_seconds, f"{penalized(features, labels, kernel, bias, 0):.6f} and {other:.6f}"


SOLVERS = {"lbfgs": ("scikit-learn", lbfgs), "adam": ("torch", adam)}


def measure(args, rows, folder):
    metadata, width = stated(args.icecap, folder)
    features, labels = draw(rows, args.classes, width)
    path = folder / f"features-{rows}.safetensors"
    places = write(path, metadata, features, labels, args.classes)

    def learned_rows(learned):
        at = np.array([places[place] for place in learned])
        return features[at], labels[at]

    found = {solver: [] for solver in args.solvers}
    for _ in range(args.rounds):
        for solver in args.solvers:
            found[solver].append(SOLVERS[solver][1](args, path, folder / f"run-{solver}", learned_rows))
    for solver, turns in found.items():
        head, total, other = (
            statistics.median(of) for of in zip(*((s["head"], s["total"], other) for s, other, _ in turns), strict=True)
        )
        print(
            f"{solver:6}{rows:9}{head:10.2f}{total:10.2f}{other:10.2f}{other / head:9.2f}x{other / total:9.2f}x  "
            f"{SOLVERS[solver][0]}; {turns[-1][2]}",
            flush=True,
        )


def main():
    args = arguments()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: args.cores]))
    print(f"{'':6}{'rows':>9}{'head s':>10}{'total s':>10}{'peer s':>10}{'of head':>10}{'of total':>10}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for rows in args.rows:
            measure(args, rows, folder)


if __name__ == "__main__":
    sys.exit(main())
