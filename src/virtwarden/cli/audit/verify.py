"""`virt-warden audit verify`: whether a bundle of evidence is sound."""

from __future__ import annotations

import sys

from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.evidence import Held, Manifest, Verdict, verify
from virtwarden.events.logs import find
from virtwarden.report.audit.clock import moment, zone_name
from virtwarden.report.layout import Charset, style_for
from virtwarden.report.phrases import count
from virtwarden.report.visible import visible

_CODES = {Held.TRUE: PASSED, Held.FALSE: FAILED, Held.UNTOLD: UNKNOWN}
_VERDICTS = {Held.TRUE: "sound", Held.FALSE: "not sound", Held.UNTOLD: "cannot be told"}
_SIGNS = {Held.TRUE: "✓", Held.FALSE: "✗", Held.UNTOLD: "?", Held.NOTE: "·"}
_RESULTS = {Held.TRUE: "pass", Held.FALSE: "fail", Held.UNTOLD: "unknown", Held.NOTE: "note"}
_ASCII = {Held.TRUE: "+", Held.FALSE: "x", Held.UNTOLD: "?", Held.NOTE: "-"}


def run(words: list[str]) -> int:
    """Check the bundle and say what came out. Exit code: 0 sound, 1 not sound, 2 cannot be told, 3 wrong usage."""
    chosen = options().parse_args(words)
    checker = None
    if chosen.key is not None:
        from virtwarden.events.evidence.signing import checker as key_of  # noqa: PLC0415

        checker = key_of(chosen.key)
    against = None if chosen.against is None else find(chosen.against)
    try:
        verdict = verify(chosen.bundle, checker, against)
    except OSError as wrong:
        raise UsageError(f"{chosen.bundle} cannot be read: {wrong.strerror}") from None
    if chosen.json:
        print(_json(chosen.bundle, verdict))
    else:
        print(*_lines(chosen.bundle, verdict), sep="\n")
    return _CODES[verdict.held]


def _json(path: str, verdict: Verdict) -> str:
    import msgspec  # noqa: PLC0415  # only where it is asked for

    from virtwarden.report.visible import without_surrogates  # noqa: PLC0415

    told = {
        "format": 1,
        "bundle": without_surrogates(path),
        "verdict": _VERDICTS[verdict.held],
        "checks": [
            {"result": _RESULTS[held], "message": without_surrogates(sentence)} for held, sentence in verdict.said
        ],
        "manifest": verdict.manifest,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _lines(path: str, verdict: Verdict) -> list[str]:
    signs = _SIGNS if style_for(sys.stdout).charset is Charset.UNICODE else _ASCII
    about = [] if verdict.manifest is None else _about(verdict.manifest)
    checks = [f"{signs[held]} {visible(sentence)}" for held, sentence in verdict.said]
    return [*about, *checks, f"{visible(path)}: {_VERDICTS[verdict.held]}"]


def _about(manifest: Manifest) -> list[str]:
    """What the bundle says of itself; whether it may be believed is what the checks say."""
    asked = manifest.criteria
    zone = zone_name(manifest.made, None)
    said = [f"guest {asked.vm}"] if asked.vm else []
    said += [f"uuid {asked.uuid}"] if asked.uuid else []
    said += [f"host {asked.host}"] if asked.host else []
    said += [f"session {each}" for each in asked.sessions] + [f"event {each}" for each in asked.ids]
    said += [f"from {moment(asked.start, None)}"] if asked.start is not None else []
    said += [f"until {moment(asked.end, None)}"] if asked.end is not None else []
    counts = ((manifest.sessions, "session"), (manifest.events, "event"), (manifest.records, "record"))
    what = ", ".join(count(number, thing) for number, thing in counts)
    lines = [
        f"made {moment(manifest.made, None)} {zone} on {visible(manifest.host)} by {visible(manifest.tool)}",
        f"asked for {visible(', '.join(said) or 'everything')}: {what}",
    ]
    if manifest.began is not None and manifest.ended is not None:
        lines.append(f"records from {moment(manifest.began, None)} to {moment(manifest.ended, None)}")
    return [*lines, *(f"from {visible(source.path)}, SHA-256 {source.sha256}" for source in manifest.sources)]


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "audit verify",
        "Whether a bundle of evidence is sound. Exit code: 0 sound, 1 not sound, 2 cannot be told, 3 wrong usage.",
    )
    made.add_argument("bundle", metavar="BUNDLE", help="what virt-warden audit evidence wrote")
    made.add_argument(
        "--key", metavar="PUBLIC.pem", help="who should have signed it: a public key or a certificate"
    )
    made.add_argument(
        "--against", metavar="FILE", nargs="+", help="logs, or folders of logs, in which its records must stand"
    )
    made.add_argument("--json", action="store_true", help="as JSON")
    return made
