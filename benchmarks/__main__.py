"""`make bench`: start-up, scans, plans and audit logs of growing size, each figure with what it is measured against.

`python -m benchmarks hosts` measures all but the audit commands, `python -m benchmarks audit OPTIONS` them alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import audit
from benchmarks.hosts import write_tree
from benchmarks.measure import cost

SIZES = (1, 20, 100, 2000)
PYTHON = (sys.executable, "-c", "pass")
WARDEN = (str(Path(sys.executable).with_name("virt-warden")),)


def main() -> None:
    """Measure and print the part that is asked for, or all."""
    part, *words = sys.argv[1:] or ("all",)
    if part not in ("all", "hosts", "audit"):
        sys.exit(f"there is no part {part}; there are hosts, audit and all")
    if part != "audit":
        _hosts()
    if part != "hosts":
        audit.main(words)


def _hosts() -> None:
    console = Console()
    console.print(_start_up())
    with tempfile.TemporaryDirectory() as folder:
        console.print(_scans(Path(folder)))
        console.print(_plans(Path(folder)))


def _start_up() -> Table:
    nothing = cost(PYTHON, runs=15)
    table = Table("command", "wall ms", "times `python -c pass`", title="Start-up")
    table.add_row("python -c pass", f"{nothing.wall * 1000:.0f}", "1.0")
    for option in ("--version", "--help"):
        taken = cost((*WARDEN, option), runs=15)
        table.add_row(f"virt-warden {option}", f"{taken.wall * 1000:.0f}", f"{taken.wall / nothing.wall:.1f}")
    return table


def _scans(folder: Path) -> Table:
    table = Table("guests", "format", "wall s", "ms a guest", "a guest against 100", "peak MiB", title="Scans")
    per_guest: dict[str, float] = {}
    for size in SIZES:
        tree = write_tree(folder / str(size), size)
        for form in ("text", "json"):
            taken = cost((*WARDEN, "scan", "--root", str(tree), "--format", form), runs=3)
            each = taken.wall / size
            if size == 100:
                per_guest[form] = each
            ratio = f"{each / per_guest[form]:.2f}" if form in per_guest else ""
            table.add_row(
                str(size), form, f"{taken.wall:.2f}", f"{each * 1000:.2f}", ratio, f"{taken.peak_mib:.0f}"
            )
    return table


_POLICY = """profile = "strict"
[limits.classes.all]
guests = ["*"]
cpu_shares = 100
cpu_percent = 50
disk_iops = 50
"""


def _plans(folder: Path) -> Table:
    """Plans that change every guest, against the scan that each begins with."""
    table = Table("guests", "wall s", "ms a guest", "times its scan", "peak MiB", title="Plans")
    policy = folder / "policy.toml"
    policy.write_text(_POLICY)
    for size in (100, 2000):
        root = ("--root", str(folder / str(size)), "--policy", str(policy))
        scan = cost((*WARDEN, "scan", *root), runs=3)
        plan = cost((*WARDEN, "plan", *root, "--out", str(folder / "plan.json")), runs=3)
        each, times = f"{plan.wall / size * 1000:.2f}", f"{plan.wall / scan.wall:.1f}"
        table.add_row(str(size), f"{plan.wall:.2f}", each, times, f"{plan.peak_mib:.0f}")
    return table


if __name__ == "__main__":
    main()
