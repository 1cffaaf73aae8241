#!/usr/bin/env python3
"""What `/openapi.json` states, held by the server that states it: `schemathesis` draws requests from it, right and wrong ones.

Checked is what it checks by itself: no answer above 499 but those that are described; statuses, content types, headers and
bodies as described; wrong requests refused. That right ones are accepted is left out: no schema says of bytes that they are a
photo, and what is drawn is none.

usage: openapi.py BINARY MODEL [EXAMPLES] [SEED]      EXAMPLES: requests drawn for each call, 30 if not given
needs: pip install schemathesis
Exit code 1 where a check failed.
"""

import pathlib
import subprocess
import sys
import tempfile

from server import running

# The whole of it, however many requests are asked for.
SECONDS = 540


def main(binary, model, examples="30", seed="1"):
    program = pathlib.Path(sys.executable).with_name("st")
    with tempfile.TemporaryDirectory() as place, running(binary, model, "--log", "none") as address:
        words = [program, "run", f"http://{address}/openapi.json", "--checks", "all", "--seed", seed]
        words += ["--exclude-checks", "positive_data_acceptance"]
        words += ["--max-examples", examples, "--request-timeout", "30", "--phases", "examples,coverage,fuzzing"]
        words += ["--continue-on-failure", "--suppress-health-check", "all", "--no-color"]
        done = subprocess.run(words, cwd=place, timeout=SECONDS, check=False)
    sys.exit(1 if done.returncode else 0)


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
