"""A recording of which one answer is refused or spoilt: nothing breaks, and nothing that failed is then met."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

import virtwarden.demo
from virtwarden.controls import every_control
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Head, Host, Output, Text, Unknown
from virtwarden.model import Report, Result
from virtwarden.scan import scan
from virtwarden.sources.answers import Kept, Key
from virtwarden.sources.recording import Recorder, Snapshot
from virtwarden.sources.redact import Redacted

DEMO = Path(virtwarden.demo.__file__).with_name("host.jsonl.gz")
JUNK = bytes(random.Random(7).randbytes(300)) + b"\0"
SAMPLE = 12
BAD = {Result.FAIL, Result.UNKNOWN}


class Answers(Snapshot):
    """The recorded host with some of its answers replaced."""

    def __init__(self, spoilt: Mapping[Key, Kept]) -> None:
        super().__init__(str(DEMO))
        self._kept |= spoilt


def judged(spoilt: Mapping[Key, Kept]) -> Report:
    return scan(Host(Redacted(Answers(spoilt)), Policy()), every_control())


def asked() -> list[Key]:
    recorder = Recorder(Snapshot(str(DEMO)))
    scan(Host(recorder, Policy()), every_control())
    return sorted(recorder._kept)


def spoil(key: Key, data: bytes) -> Kept:
    ask, of, _ = key
    at = Snapshot(str(DEMO)).taken_at
    text = data.decode("utf-8", "surrogateescape")
    if ask == "read":
        return Text(of[0], text, at)
    if ask == "head":
        return Head(of[0], data, at)
    if ask == "run":
        return Output(of, 0, text, "", at)
    return ["relative", text] if ask == "glob" else Absent(f"there is no {of[0]}")


def bad(report: Report) -> set[str]:
    return {o.control for o in report.outcomes if BAD & {finding.result for finding in o.findings}}


KEYS = random.Random(11).sample(asked(), SAMPLE)


@cache
def bad_as_recorded() -> set[str]:
    return bad(judged({}))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key[0]} {' '.join(key[1])}")
def test_a_refused_answer_makes_nothing_better_and_a_spoilt_one_breaks_nothing(key: Key) -> None:
    refused = judged({key: Unknown("permission denied")})
    assert bad(refused) >= bad_as_recorded()
    for data in (b"", JUNK, b"<a>" * 3000, b"[" * 20_000):
        report = judged({key: spoil(key, data)})
        assert not [o.control for o in report.outcomes for f in o.findings if f.result is Result.ERROR]
