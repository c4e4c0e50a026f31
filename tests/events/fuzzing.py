"""What the fuzzer does with audit logs: reads them whole, packed or not, and puts everything into words."""

from __future__ import annotations

import gzip
import lzma
import os

import zstandard

from tests.events.made import Guest, Made
from virtwarden.events import Event, Skipped, sessions, told
from virtwarden.report.audit.lines import EventLines, SessionLines, event_proof, session_proof
from virtwarden.report.audit.skipped import sentences
from virtwarden.report.audit.told import EVENT_COLUMNS, SESSION_COLUMNS, as_csv, as_json, event_row, session_row


def read(data: bytes) -> object:
    """Every event and session of a log, in every form; the cheap way and the thorough way agree on what ended how."""
    file = os.memfd_create("log")
    try:
        os.write(file, data)
        path = f"/proc/self/fd/{file}"
        skipped = Skipped()
        everything = list(told([path], skipped))
        few = list(sessions([path], Skipped()))
        assert few == list(sessions([path], Skipped(), 4096))
    finally:
        os.close(file)
    events = [each for each in everything if isinstance(each, Event)]
    lived = [each for each in everything if not isinstance(each, Event)]
    for forms in (
        map(SessionLines(str, session_proof), lived), map(EventLines(event_proof), events), sentences(skipped),
        as_json(events, event_row), as_json(lived, session_row),
        as_csv(events, event_row, EVENT_COLUMNS), as_csv(lived, session_row, SESSION_COLUMNS),
    ):  # fmt: skip
        for piece in forms:
            piece.encode("utf-8", "surrogateescape")
    return len(events), len(lived), skipped.malformed, bool(skipped.damaged)


def _life(lsm: str, *, enriched: bool, rhel6: bool = False) -> bytes:
    made = Made(host="kvm1" if enriched else None, enriched=enriched, rhel6=rhel6, lsm=lsm)
    web, other = Guest("web"), Guest("db é")
    made.boot()
    made.ran("virsh", "start", "web")
    made.start(web)
    made.denied(web, "/etc/shadow")
    made.fail_to_start(other)
    made.abended(web)
    made.shut_down()
    made.boot()
    made.stop(web, "destroyed")
    return made.data


LOGS = (
    _life("selinux", enriched=True), _life("apparmor", enriched=False), _life("selinux", enriched=False, rhel6=True),
)  # fmt: skip
PACKED = tuple(
    pack(LOGS[1][:900])
    for pack in (gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress)
)  # fmt: skip
SEEDS = (*LOGS, *(line + b"\n" for log in LOGS for line in dict.fromkeys(log.split(b"\n")[::7]) if line), *PACKED)
WORDS = (
    b"type=VIRT_CONTROL msg=audit(1795464886.800:105): ", b" op=start", b" op=stop", b"vm=", b"uuid=", b"vm-pid=-1",
    b"\x1d", b'UID="', b"msg='", b" res=success'", b" res=failed'",
    b"type=AVC msg=audit(1.000:1): avc:  denied  { read } for ",
    b"scontext=", b"type=SYSTEM_BOOT msg=audit(2.000:1): ", b"type=DAEMON_START msg=audit(0.000:9): ", b"node=x ",
    b"99999999999.999:9999999999999999999", b"apparmor=\"DENIED\"", b"old-disk=", b" exe=",
)  # fmt: skip
