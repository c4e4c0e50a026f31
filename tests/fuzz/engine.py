"""A small mutation engine: spoils seeds, keeps what leads somewhere new, and shrinks what breaks a parser."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from types import FrameType

from tests.fuzz.targets import Target

LONGEST = 64 * 1024
SLOW = 2.0
STUCK = 10.0

_INTERESTING: tuple[bytes, ...] = (b"\0", b"\n", b"\r\n", b" ", b"\t", b"\\", b'"', b"'", b"=", b"#", b"\xff")
_INTERESTING += (b"\xc3\xa9", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xd9\xa3", b"\xc2\xb2")
_INTERESTING += (b"0", b"-1", b"9" * 30, b"4294967296", b"\x1b[31m")


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that a parser answered with something it must not: an exception of another kind, or silence."""

    target: str
    data: bytes
    reason: str


class _Stuck(BaseException):
    """Raised by the alarm, past every `except Exception` of the parser."""


def failure_of(target: Target, data: bytes) -> Failure | None:
    """What is wrong with the way the target takes this input, if anything."""
    return _tried(target, data)[0]


def campaign(target: Target, seed: int, going_on: Callable[[int], bool]) -> Iterator[Failure]:
    """Feed mutations to the target for as long as `going_on(count)` says so; equal seeds give equal inputs."""
    random = Random(seed)
    corpus = list(target.seeds)
    seen: set[str] = set()
    count = 0
    while going_on(count):
        data = corpus[count] if count < len(target.seeds) else _mutated(random, corpus, target.words)
        failure, outcome = _tried(target, data)
        if failure is not None and failure.reason not in seen:
            yield Failure(target.name, _shrunk(target, data, failure.reason), failure.reason)
        if outcome not in seen and len(corpus) < 400 and len(data) < 4096:
            corpus.append(data)
        seen.add(outcome)
        count += 1


def _tried(target: Target, data: bytes) -> tuple[Failure | None, str]:
    started = time.process_time()
    try:
        with _alarm(STUCK):
            result = target.run(data)
    except target.refuses as refused:
        outcome = "".join("0" if letter.isdigit() else letter for letter in str(refused))[:60]
    except _Stuck:
        outcome = f"no answer within {STUCK:.0f} s"
        return Failure(target.name, data, outcome), outcome
    except Exception as wrong:
        outcome = f"{type(wrong).__name__} in {_place(wrong)}"
        return Failure(target.name, data, outcome), outcome
    else:
        outcome = str(len(result)) if isinstance(result, tuple | list) else type(result).__name__
    if time.process_time() - started > SLOW:
        slow = f"more than {SLOW:.0f} s"
        return Failure(target.name, data, slow), slow
    return None, outcome


def _place(wrong: BaseException) -> str:
    trace = wrong.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _Stuck

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _mutated(random: Random, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    data = random.choice(corpus)
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        data = random.choice(_MUTATIONS)(random, data, corpus, (*words, *_INTERESTING))
    return data[:LONGEST]


def _span(random: Random, data: bytes) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 64)))


def _flip(random: Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    start, end = _span(random, data)
    return data[:start] + random.randbytes(end - start) + data[end:]


def _insert(random: Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    start, _ = _span(random, data)
    return data[:start] + random.choice(words) + data[start:]


def _overwrite(random: Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    start, _ = _span(random, data)
    word = random.choice(words)
    return data[:start] + word + data[start + len(word) :]


def _delete(random: Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _truncate(random: Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _splice(random: Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    other = random.choice(corpus)
    start, _ = _span(random, data)
    there, end = _span(random, other)
    return data[:start] + other[there:end] + data[start:]


def _repeat(random: Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    """The mutation that finds what takes quadratic time: one piece, very many times."""
    start, end = _span(random, data)
    piece = random.choice((data[start:end], random.choice(words))) or b"a"
    times = random.choice((2, 10, 100, LONGEST // len(piece)))
    return data[:start] + piece * times + data[end:]


_MUTATIONS = (_flip, _insert, _insert, _overwrite, _delete, _truncate, _splice, _repeat)


def _shrunk(target: Target, data: bytes, reason: str) -> bytes:
    """A shorter input with the same failure; slow ones are left as they are."""
    if reason.startswith(("no answer", "more than")):
        return data
    step = len(data) // 2
    while step:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + step :]
            failure = failure_of(target, shorter)
            if failure is not None and failure.reason == reason:
                data = shorter
            else:
                at += step
        step //= 2
    return data
