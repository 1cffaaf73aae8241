#!/usr/bin/env python3
"""Photos a second over HTTP: `icecap serve` beside FastAPI with ONNX Runtime and with OpenVINO, same net, same head, in turn.

Every round runs each contender once for each number of connections, the server started anew, every second round
backwards, so that a machine that slows down slows all of them. A request is one JPEG file, the answer a label and its
probabilities as JSON; connections are kept alive and always have a request under way. The load comes from one thread of
this process (`serving_load.py`), on the machine that serves; its share of one core is told. `serving_peer.py` has the
peers: two uvicorn workers (uvloop, httptools) of one thread each, in two forms; the quicker one counts.

A row is a contender: photos a second, how far the rounds lie apart in percent, median and 99th percentile of the answers'
times in ms, what its processes worked for a photo in ms of one core, their memory at the end of the load in MB (shared
pages by their share), all of it medians over rounds; errors; how many times as fast as it ours is, and how many times as
long as ours it works for a photo, which says more on a machine that others use. A contender that fails, answers with
another status than 200, or names another class than ours for more than one photo of ten makes the exit code 1: decoders
and resizing differ, the net does not.

usage: serving.py --photos DIR --model MODEL.safetensors [--ours target/release/icecap] [--ours old=PATH/icecap]
                  [--connections 4,32] [--rounds 5] [--seconds 5] [--cores 2] [--csv FILE]
                  [--peers onnxruntime-async,onnxruntime-pool,openvino-async,openvino-pool]
needs: pip install numpy onnx safetensors onnxruntime openvino fastapi uvicorn[standard] pillow simplejpeg opencv-python-headless
The model is one that `icecap train` made in f32 with Keras' weights; the peers' ONNX file is made from it. Linux. On a
machine that does anything else at the same time the figures mean little.
"""

import argparse
import csv
import datetime
import os
import pathlib
import re
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import numpy as np
import onnx
import onnx_model
import serving_load
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

HERE = pathlib.Path(__file__).resolve().parent
PEERS = "onnxruntime-async,onnxruntime-pool,openvino-async,openvino-pool"
# Photos whose labels are compared before the load, and the share that may have another one.
COMPARED, MAY_DIFFER = 60, 0.1
START_SECONDS, STOP_SECONDS, WARM_UP_SECONDS = 60, 15, 1.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, metavar="DIR")
    parser.add_argument("--model", required=True, metavar="FILE")
    parser.add_argument("--ours", action="append", default=[], metavar="[NAME=]COMMAND")
    parser.add_argument("--peers", default=PEERS)
    parser.add_argument("--connections", default="4,32")
    for name, default in (("rounds", 5), ("cores", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load, behind a second of warming up")
    parser.add_argument("--csv", metavar="FILE", help="where the rows go, too; added to what is there")
    args = parser.parse_args()
    args.connections = [int(count) for count in args.connections.split(",")]
    args.ours = args.ours or ["target/release/icecap"]
    if not all(0 < count <= 256 for count in args.connections) or not 0 < args.seconds <= 60:
        parser.error("1 to 256 connections, and up to 60 seconds each")
    return args


def peer_net(model, out):
    """The model's net and head as an ONNX file of `logits`, its temperature in the head; gives size and classes."""
    with safe_open(model, "np") as file:
        words = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    scale = np.float32(1 / float(words.get("temperature", "1")))
    net = onnx_model.build(weights, int(words["input_size"]), 1)
    for name, values in (("head.weight", weights["head/kernel"]), ("head.bias", weights["head/bias"])):
        net.graph.initializer.append(numpy_helper.from_array(values * scale, name))
    net.graph.node.append(helper.make_node("Gemm", ["pooled", "head.weight", "head.bias"], ["logits"]))
    net.graph.output.pop()
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, weights["head/bias"].shape[0]])
    net.graph.output.append(logits)
    onnx.checker.check_model(net)
    onnx.save(net, out)
    return int(words["input_size"]), words["classes"]


class Contender:
    """A server: how it is started, in how many processes, and where it listens."""

    def __init__(self, name, command, environment, workers):
        self.name, self.command, self.environment, self.workers = name, command, environment, workers

    @contextmanager
    def running(self, cores, folder):
        """Its port and the number of its session, while it runs."""
        port, words = free_port(), [str(word) for word in self.command]
        log = pathlib.Path(folder) / "server.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [word.replace("PORT", str(port)) for word in words],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env=os.environ | self.environment | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )  # fmt: skip
        try:
            wait_for(process, port, log)
            yield port, process.pid
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        finally:
            # What is left of the session that was started here.
            for pid in processes_of(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.wait()


def free_port():
    with socket.socket() as taken:
        taken.bind((serving_load.HOST, 0))
        return taken.getsockname()[1]


def wait_for(process, port, log):
    """Until something accepts connections there."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            last = (log.read_text(errors="replace").strip().splitlines() or ["no word"])[-1]
            raise ConnectionError(f"ends with {process.returncode}: {last}")
        try:
            socket.create_connection((serving_load.HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise ConnectionError(f"does not listen after {START_SECONDS} s")


def processes_of(session):
    """The processes of a session."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            # Behind the name in brackets: state, parent, group, session.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if entry.name.isdigit() and int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def processor_seconds(session):
    """That all processes of a session have worked so far."""
    ticks = 0
    for pid in processes_of(session):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(session):
    """Of all processes of a session, pages that they share with others counted by their share."""
    total = 0
    for pid in processes_of(session):
        found = re.search(r"^Pss:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        total += int(found.group(1))
    return total / 1024


def contenders(args, folder):
    """The contenders, ours first."""
    net = os.path.join(folder, "net.onnx")
    args.size, classes = peer_net(args.model, net)
    found = []
    for number, given in enumerate(args.ours):
        name, command = given.split("=", 1) if "=" in given else (f"ours{number or ''}", given)
        words = [args.model, "--listen", f"{serving_load.HOST}:PORT", "--threads", args.cores, "--log", "none"]
        found.append(Contender(name, [*shlex.split(command), "serve", *words], {}, 1))
    uvicorn = [sys.executable, "-m", "uvicorn", "serving_peer:app", "--app-dir", HERE, "--workers", args.cores]
    uvicorn += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    uvicorn += ["--host", serving_load.HOST, "--port", "PORT"]
    for name in filter(None, args.peers.split(",")):
        engine, _, form = name.partition("-")
        words = {"PEER_ENGINE": engine, "PEER_FORM": form or "async", "PEER_NET": net, "PEER_CLASSES": classes}
        found.append(Contender(name, uvicorn, words, args.cores))
    return found


def first(answer):
    """Ours answers a row for each photo, a peer the row alone."""
    return answer[0] if isinstance(answer, list) else answer


def one_turn(contender, args, messages, folder):
    """A server from its start to its end: a load for each number of connections, and the labels of the first photos."""
    cores = set(sorted(os.sched_getaffinity(0))[: args.cores])
    with contender.running(cores, folder) as (port, session):
        connection = serving_load.connect(port, 1, messages[0], contender.workers)[0]
        labels = [first(connection.ask(message))["label"] for message in messages[:COMPARED]]
        connection.socket.close()
        found = {}
        for count in args.connections:
            plan = serving_load.Plan(count, contender.workers, WARM_UP_SECONDS, args.seconds)
            measured = serving_load.measure(port, messages, plan, lambda: processor_seconds(session))
            found[count] = measured, memory_mb(session)
    return found, labels


def measure(found, args, messages, folder):
    """By contender: its turns, its labels, and what the failed ones complained about."""
    turns, labels, failures = {c.name: [] for c in found}, {}, {}
    for number in range(args.rounds):
        for contender in found if number % 2 == 0 else reversed(found):
            try:
                turn, labels[contender.name] = one_turn(contender, args, messages, folder)
                turns[contender.name].append(turn)
            except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
                failures[contender.name] = f"{type(error).__name__}: {error}"
    return {name: turn for name, turn in turns.items() if turn}, labels, failures


def rows(turns, connections, ours):
    """What the table shows of each contender, the quickest first."""
    found = []
    for name, all_turns in turns.items():
        measured = [turn[connections][0] for turn in all_turns if turn[connections][0].latencies]
        if not measured:
            continue
        speeds = [m.rate() for m in measured]
        middle = statistics.median(speeds)
        found.append({
            "contender": name,
            "photos_per_second": middle,
            "apart": (max(speeds) - min(speeds)) / middle,
            "p50_ms": statistics.median(m.percentile(0.5) for m in measured),
            "p99_ms": statistics.median(m.percentile(0.99) for m in measured),
            "cpu_ms": statistics.median(1e3 * m.server_seconds / len(m.latencies) for m in measured),
            "memory_mb": statistics.median(turn[connections][1] for turn in all_turns),
            "errors": sum(m.errors for m in measured),
            "client_share": statistics.median(m.client_seconds / m.seconds for m in measured),
        })  # fmt: skip
    base = next((row for row in found if row["contender"] == ours), None)
    for row in found:
        row["ours_times_as_fast"] = base["photos_per_second"] / row["photos_per_second"] if base else None
        row["times_our_cpu"] = row["cpu_ms"] / base["cpu_ms"] if base else None
    return sorted(found, key=lambda row: -row["photos_per_second"])


def table(rows):
    heads = ("photos/s", "apart %", "p50 ms", "p99 ms", "CPU ms", "MB", "errors", "client %", "ours is", "CPU/ours")
    print(f"{'':20}" + "".join(f"{head:>10}" for head in heads))
    for row in rows:
        times = f"{row['ours_times_as_fast']:9.2f}x{row['times_our_cpu']:9.2f}x" if row["times_our_cpu"] else ""
        print(
            f"{row['contender']:20}{row['photos_per_second']:10.1f}{100 * row['apart']:10.1f}{row['p50_ms']:10.2f}"
            f"{row['p99_ms']:10.2f}{row['cpu_ms']:10.2f}{row['memory_mb']:10.0f}{row['errors']:10}{100 * row['client_share']:10.1f}{times}"
        )


def complaints(turns, labels, failures, ours):
    """What makes the run a failed one, as lines."""
    wrong = [f"{name} failed: {line}" for name, line in failures.items()]
    for name, all_turns in turns.items():
        answers = [measured for turn in all_turns for measured, _ in turn.values()]
        errors = sum(measured.errors for measured in answers)
        if errors:
            text = next(measured.first_error for measured in answers if measured.errors)
            wrong.append(f"{name}: {errors} errors, the first: {text}")
        if any(not measured.latencies for measured in answers):
            wrong.append(f"{name}: a load without an answer")
    if ours not in labels:
        return wrong + [f"{ours}: not measured, nothing to compare with"]
    for name, found in labels.items():
        other = sum(a != b for a, b in zip(found, labels[ours], strict=True))
        print(f"{name} names another class than {ours} for {other} of {len(found)} photos")
        if other > MAY_DIFFER * len(found):
            wrong.append(f"{name}: a wrong answer is no result")
    return wrong


def processor():
    """As the records of the benches call it."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name, family, model = (
        re.search(rf"^{key}\s*: (.*)$", text, re.M).group(1) for key in ("model name", "cpu family", "model")
    )
    return f"{' '.join(name.split()[:2])} f{family} m{model}"


def keep(path, all_rows, args):
    """Adds the rows to a CSV file, which gets a header where it is new."""
    head = {"date": datetime.date.today().isoformat(), "cpu": processor(), "size": args.size, "cores": args.cores}
    head |= {"rounds": args.rounds, "seconds": args.seconds}
    lines = [head | {"connections": count} | row for count, found in all_rows.items() for row in found]
    lines = [{k: f"{v:.3f}" if isinstance(v, float) else v for k, v in line.items()} for line in lines]
    new = not os.path.exists(path)
    with open(path, "a+", newline="") as file:
        file.seek(0)
        if not new and next(csv.reader(file), []) != list(lines[0]):
            sys.exit(f"{path}: its columns are others; name a new file with --csv")
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(lines)


def main():
    args = arguments()
    bodies = [path.read_bytes() for path in sorted(pathlib.Path(args.photos).rglob("*")) if path.is_file()]
    messages = [serving_load.request("/predict", body) for body in bodies if body[:2] == b"\xff\xd8"]
    if not messages:
        sys.exit(f"{args.photos}: no JPEG in it")
    with tempfile.TemporaryDirectory() as folder:
        found = contenders(args, folder)
        turns, labels, failures = measure(found, args, messages, folder)
    ours = found[0].name
    all_rows = {count: rows(turns, count, ours) for count in args.connections}
    for count, shown in all_rows.items():
        print(
            f"{count} connections, {len(messages)} photos, {args.cores} cores, size {args.size}, {args.rounds} rounds"
        )
        table(shown)
    wrong = complaints(turns, labels, failures, ours)
    if args.csv and not wrong:
        keep(args.csv, all_rows, args)
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
