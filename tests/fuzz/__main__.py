"""`python -m tests.fuzz --seconds N [--target NAME]`: feed nonsense to the parsers and say what broke."""

from __future__ import annotations

import argparse
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import SystemRandom

from tests.fuzz.engine import Failure, campaign
from tests.fuzz.targets import TARGETS, Target


def main() -> int:
    """Run every target, or the one that is named; 1 if any of them broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each target (60)")
    parser.add_argument("--target", choices=[target.name for target in TARGETS], help="only this one")
    parser.add_argument("--seed", type=int, help="of the random numbers, to see a run again")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that broke something")
    options = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    broken = 0
    for target in TARGETS:
        if options.target in (None, target.name):
            broken += run_target(target, seed, options.seconds, options.keep)
    return 1 if broken else 0


def run_target(target: Target, seed: int, seconds: float, keep: Path | None) -> int:
    """Feed one target for that long and tell what broke; how many failures there were."""
    ends = time.monotonic() + seconds
    inputs = 0

    def going_on(count: int) -> bool:
        nonlocal inputs
        inputs = count
        return time.monotonic() < ends

    failures = 0
    for failure in campaign(target, seed, going_on):
        failures += 1
        _tell(failure, keep)
    print(f"{target.name}: {inputs} inputs, {failures} failures (--seed {seed})", flush=True)
    return failures


def _tell(failure: Failure, keep: Path | None) -> None:
    shown = repr(failure.data[:400]) + (" …" if len(failure.data) > 400 else "")
    print(f"{failure.target}: {failure.reason}\n  {shown}", file=sys.stderr, flush=True)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        name = f"{failure.target}-{sha256(failure.data).hexdigest()[:12]}"
        (keep / name).write_bytes(failure.data)


if __name__ == "__main__":
    sys.exit(main())
