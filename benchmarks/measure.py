"""Whole processes, measured by the kernel's own accounting."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over several runs: wall and processor time in seconds; the largest peak memory in MiB."""

    wall: float
    cpu: float
    peak_mib: float


def cost(argv: Sequence[str], runs: int = 5) -> Cost:
    """Run a command this often, after one run to warm up, and take the medians."""
    return median([_sample(argv) for _ in range(runs + 1)][1:])


def median(samples: Sequence[Cost]) -> Cost:
    """The medians of several runs, and the largest peak."""
    return Cost(
        wall=statistics.median(sample.wall for sample in samples),
        cpu=statistics.median(sample.cpu for sample in samples),
        peak_mib=max(sample.peak_mib for sample in samples),
    )


def once(argv: Sequence[str]) -> tuple[Cost, int]:
    """Run a command once, without input and with its output thrown away; gives what it took and its exit code."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), child.returncode


def _sample(argv: Sequence[str]) -> Cost:
    taken, code = once(argv)
    if code not in (0, 1, 2):
        sys.exit(f"{' '.join(argv)} ended with {code}")
    return taken
