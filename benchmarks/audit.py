"""Audit commands against the C tools of Debian's auditd and against `cat` and `grep -c`, on logs made for it.

`python -m benchmarks audit --size 1G` measures all at a gibibyte; work that takes auvirt many minutes there is measured
on a tenth of the log unless `--whole` is given. Processor time is of the process and all that it starts.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.auditlogs import size, write_log
from benchmarks.measure import Cost, median, once

WARDEN = str(Path(sys.executable).with_name("virt-warden"))
_NO_SUCH_COMMAND = 3
_SLOW = 10
"""What auvirt takes minutes for is measured on this part of the log."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a log is made of; equal ones are written once."""

    share: float = 0.01
    guests: int = 500
    rate: int = 40
    enriched: bool = True
    unknown: bool = False
    packed: str = ""  # gz or zst

    def write(self, folder: Path, length: int) -> Path:
        """Write it into this folder, if it is not there."""
        name = f"{length}-{self.share}-{self.guests}-{self.rate}-{self.enriched:d}-{self.unknown:d}.log"
        path = folder / name
        if not path.exists():
            write_log(
                path, length, virt_share=self.share, guests=self.guests, events_per_second=self.rate,
                enriched=self.enriched, unknown_uids=self.unknown,
            )  # fmt: skip
        return _packed(path, self.packed) if self.packed else path


@dataclass(frozen=True, slots=True)
class Row:
    """A piece of work: what the C tools run for it, what we run, and how many times as fast that shall be."""

    work: str
    log: Log
    theirs: Callable[[Path], Sequence[str]]
    ours: Callable[[Path], Sequence[str]]
    goal: float
    slow: bool = False
    runs: int = 3


def _auvirt(*options: str) -> Callable[[Path], Sequence[str]]:
    return lambda log: ("auvirt", *options, "--file", str(log))


def _ausearch(*options: str) -> Callable[[Path], Sequence[str]]:
    return lambda log: ("ausearch", "-if", str(log), *options)


def _piped(unpack: str) -> Callable[[Path], Sequence[str]]:
    return lambda log: ("sh", "-c", f'{unpack} "$0" | auvirt --stdin', str(log))


def _ours(*words: str) -> Callable[[Path], Sequence[str]]:
    return lambda log: (WARDEN, "audit", *words, str(log))


def _show(log: Path) -> Sequence[str]:
    return (WARDEN, "audit", "show", _late_id(log), "--file", str(log))


def _ausearch_late(log: Path) -> Sequence[str]:
    return ("ausearch", "-if", str(log), "-a", _late_id(log).rsplit(":", 1)[1])


def _import(log: Path) -> Sequence[str]:
    target = log.with_suffix(".parquet")
    shutil.rmtree(target, ignore_errors=True)
    return (WARDEN, "audit", "import", str(target), str(log))


BUSY = Log(share=0.3, guests=2000)
STRANGERS = Log(enriched=False, unknown=True)
ROWS = (
    Row("sessions, 1 %, 40 events a second", Log(), _auvirt(), _ours("sessions"), 20),
    Row("sessions, 1 %, 400 a second", Log(rate=400), _auvirt(), _ours("sessions"), 70),
    Row("sessions, 1 %, 2,000 a second", Log(rate=2000), _auvirt(), _ours("sessions"), 300, slow=True),
    Row("sessions, 1 %, 50 guests", Log(guests=50), _auvirt(), _ours("sessions"), 20),
    Row("sessions, 1 %, 5,000 guests", Log(guests=5000), _auvirt(), _ours("sessions"), 20),
    Row("sessions, 1 %, raw", Log(enriched=False), _auvirt(), _ours("sessions"), 20),
    Row("sessions, 30 %, 2,000 guests", BUSY, _auvirt(), _ours("sessions"), 70, slow=True, runs=1),
    Row("events, 1 %", Log(), _auvirt("--all-events"), _ours("events"), 20),
    Row("events, 30 %", BUSY, _auvirt("--all-events"), _ours("events"), 90, slow=True, runs=1),
    Row("show ID", Log(), _ausearch_late, _show, 100),
    Row(
        "search -k virt_, uids unknown", STRANGERS, _ausearch("-k", "virt_", "-i"), _ours("search", "-k", "virt_"), 15,
        slow=True,
    ),
    Row(
        "search -k virt_, uids known", Log(enriched=False), _ausearch("-k", "virt_", "-i"),
        _ours("search", "-k", "virt_"), 1,
    ),
    Row("import", Log(), _ausearch("--format", "csv"), _import, 3, runs=1),
    Row("import, uids unknown", STRANGERS, _ausearch("--format", "csv"), _import, 30, slow=True, runs=1),
    Row("sessions, .gz", Log(packed="gz"), _piped("zcat"), _ours("sessions"), 8),
    Row("sessions, .zst", Log(packed="zst"), _piped("zstd -dc"), _ours("sessions"), 8),
)  # fmt: skip


def main(words: Sequence[str]) -> None:
    """Measure and print, a line as soon as it is known."""
    chosen = _options().parse_args(words)
    os.environ |= {"LC_ALL": "C", "TZ": "UTC", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    for program in ("auvirt", "ausearch"):
        if shutil.which(program) is None:
            sys.exit(f"there is no {program} on this machine to measure against; Debian 12's auditd has it")
    console = Console(width=140)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as made:
        folder = Path(chosen.keep or made)
        table = _table(f"Audit logs of {chosen.size >> 20} MiB: processor seconds, and how many times as fast")
        for row in ROWS:
            if chosen.only and not any(word in row.work for word in chosen.only):
                continue
            length = (
                chosen.size // _SLOW if row.slow and chosen.size > 200 << 20 and not chosen.whole else chosen.size
            )
            cells = _measured(row, row.log.write(folder, length), length)
            table.add_row(*cells)
            print("  ".join(cells), file=sys.stderr, flush=True)
        console.print(table)


def _measured(row: Row, log: Path, length: int) -> list[str]:
    once(("cat", str(log)))  # so that all find the file in memory
    plain = log.with_suffix("") if row.log.packed else log
    theirs, _ = _several(row.theirs, log, row.runs)
    ours, code = _several(row.ours, log, row.runs)
    cells = [row.work, f"{length >> 20}", f"{theirs.cpu:.2f}"]
    if code != 0:
        return [*cells, "none yet" if code == _NO_SUCH_COMMAND else f"ended with {code}", *[""] * 6]
    cat, _ = _several(lambda each: ("cat", str(each)), plain, row.runs)
    grep, _ = _several(_grep, plain, row.runs)
    return [
        *cells, f"{ours.cpu:.2f}", f"{ours.peak_mib:.0f}", f"{theirs.cpu / ours.cpu:.1f}",
        f"{theirs.wall / ours.wall:.1f}", f"{row.goal:.0f}", f"{ours.cpu / max(cat.cpu, 0.001):.1f}",
        f"{ours.cpu / max(grep.cpu, 0.001):.1f}",
    ]  # fmt: skip


def _several(argv: Callable[[Path], Sequence[str]], log: Path, runs: int) -> tuple[Cost, int]:
    samples = [once(argv(log)) for _ in range(runs)]
    return median([taken for taken, _ in samples]), samples[0][1]


def _grep(log: Path) -> Sequence[str]:
    """Through a pipe, since GNU grep stops at the first match when its output goes to /dev/null."""
    return ("sh", "-c", 'grep -c VIRT_ "$0" | cat', str(log))


def _late_id(log: Path) -> str:
    """The id of an event at nine tenths of the log."""
    with log.open("rb") as text:
        text.seek(log.stat().st_size * 9 // 10)
        text.readline()
        return text.readline().split(b"audit(", 1)[1].split(b")", 1)[0].decode()


def _packed(path: Path, how: str) -> Path:
    packed = path.with_name(f"{path.name}.{how}")
    if packed.exists():
        return packed
    if how == "gz":
        with path.open("rb") as plain, gzip.open(packed, "wb", 6) as out:
            shutil.copyfileobj(plain, out, 1 << 20)
    else:
        subprocess.run(("zstd", "-q", str(path), "-o", str(packed)), check=True)
    return packed


def _table(title: str) -> Table:
    table = Table(title=title)
    table.add_column("work", no_wrap=True)
    for name in ("MiB", "C tool", "ours", "peak MiB", "faster, cpu", "wall", "goal", "of cat", "of grep -c"):
        table.add_column(name, justify="right")
    return table


def _options() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks audit", description=__doc__)
    made.add_argument("--size", type=size, default=size("100M"), help="of each log (100M)")
    made.add_argument("--only", action="append", metavar="WORDS", help="only work that is called so")
    made.add_argument("--whole", action="store_true", help="also what takes auvirt many minutes")
    made.add_argument("--folder", type=Path, help="where the logs are made and removed")
    made.add_argument("--keep", type=Path, help="a folder in which logs stay for the next time")
    return made
