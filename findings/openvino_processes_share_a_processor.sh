#!/usr/bin/env bash
# Package: openvino 2026.4.1, with numpy 2.4.6 (Python 3.11, Linux, two processors or more).
# Behavior: a process that asks the CPU plugin for one stream of one thread pins that thread to a processor while it infers
#   (ENABLE_CPU_PINNING is on unless it is turned off), and every such process chooses the same one: it knows nothing of the
#   others. Two workers of a web server, each with a compiled model of one thread as is usual for them, then take turns on
#   one processor while the other idles. With the property off the system spreads them.
# Seen: "default: both on the same single processor; ENABLE_CPU_PINNING off: free"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q openvino==2026.4.1 numpy==2.4.6
cat > "$folder/infer.py" <<'PY'
import glob
import sys
import threading
import time

import numpy as np
import openvino as ov
from openvino import opset13 as ops

image = ops.parameter([1, 32, 64, 64], np.float32)
kernel = ops.constant(np.full((32, 32, 3, 3), 0.01, np.float32))
net = ov.Model([ops.convolution(image, kernel, [1, 1], [1, 1], [1, 1], [1, 1])], [image])
settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "THROUGHPUT"}
if sys.argv[1] == "off":
    settings["ENABLE_CPU_PINNING"] = False
request = ov.Core().compile_model(net, "CPU", settings).create_infer_request()
pixels, until = [np.zeros((1, 32, 64, 64), np.float32)], time.monotonic() + 4


def work():
    while time.monotonic() < until:
        request.infer(pixels)


worker = threading.Thread(target=work)
worker.start()
seen = set()
while worker.is_alive():
    for status in glob.glob("/proc/self/task/*/status"):
        try:
            seen.add(open(status).read().split("Cpus_allowed_list:")[1].split()[0])
        except FileNotFoundError:
            pass
    time.sleep(0.01)
# Of the processors that a thread was held to, those that are one alone.
print(" ".join(sorted(cpus for cpus in seen if cpus.isdigit())) or "free")
PY
both() {
    "$folder/venv/bin/python" "$folder/infer.py" "$1" > "$folder/one" 2> "$folder/log" &
    "$folder/venv/bin/python" "$folder/infer.py" "$1" > "$folder/other" 2>> "$folder/log"
    wait $! || { cat "$folder/log" >&2; exit 1; }
    local one other
    one=$(< "$folder/one") other=$(< "$folder/other")
    case "$one" in
        free) [ "$other" = free ] && echo free || echo mixed ;;
        *' '* | '') echo several ;;
        *) [ "$one" = "$other" ] && echo "both on the same single processor" || echo "each on its own" ;;
    esac
}
seen="default: $(both default); ENABLE_CPU_PINNING off: $(both off)"
expected="default: both on the same single processor; ENABLE_CPU_PINNING off: free"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; expected: $expected" >&2; exit 1; }
