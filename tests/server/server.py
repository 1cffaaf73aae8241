"""`icecap serve` as these tests start and end it: on a port that the system gives, and never left behind."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time

START_SECONDS, STOP_SECONDS = 60, 15


@contextlib.contextmanager
def running(binary, model, *options):
    """The address of a server of `model`, as `127.0.0.1:PORT`; an end that is not clean is an error."""
    with tempfile.TemporaryFile() as log:
        words = [binary, "serve", model, "--listen", "127.0.0.1:0", *options]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=plain_environment())
        try:
            yield address(process, log)
            process.terminate()
            code = process.wait(STOP_SECONDS)
            said = text(log)
            if code != 0 or "panicked" in said:
                raise RuntimeError(f"the server ends with {code}: {said[-2000:]}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def plain_environment():
    """This process' own, without the settings that whoever runs the tests may have."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ICECAP_")}


def text(log):
    log.seek(0)
    return log.read().decode(errors="replace")


def address(process, log):
    """Where it listens, by what it says."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = re.search(r"listening on http://(127\.0\.0\.1:\d+)", text(log))
        if found:
            return found.group(1)
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(f"the server does not say where it listens: {text(log)[-2000:]}")


def predicted(binary, model, photos):
    """The rows of `icecap predict --json --all`, one a photo."""
    words = [binary, "predict", model, "--json", "--all", *photos]
    done = subprocess.run(words, capture_output=True, check=True, env=plain_environment(), timeout=300)
    return json.loads(done.stdout)


class Checks:
    """What was held, and what was not."""

    def __init__(self):
        self.held, self.broken = 0, 0

    def run(self, name, check):
        """Runs a check, which is a failed one where it raises anything."""
        try:
            told = check()
        except Exception as error:  # noqa: BLE001, whatever it is, the next check runs
            self.broken += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
        else:
            self.held += 1
            print(f"ok     {name}{f': {told}' if told else ''}", flush=True)

    def end(self):
        """Ends the program: 0 where all was held, and something was."""
        print(f"{self.held} held, {self.broken} failed")
        sys.exit(0 if self.held and not self.broken else 1)
