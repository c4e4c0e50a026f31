"""Archives of the sos tool for tests, as it makes them and as it never would."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOP = "sosreport-kvm7-2026-03-01-abcdefg"
MADE = 1_772_366_400  # 2026-03-01T12:00:00Z
SIGN = {"sos_commands/date/date": b"Sun Mar  1 12:00:00 UTC 2026\n"}


@dataclass
class Archive:
    """What an archive holds below its top."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    directories: Iterable[str] = ()
    manifest: Mapping[str, object] | None = None

    def write(self, path: Path, mode: str = "w:gz") -> str:
        """The archive as a file; the path for the source."""
        files = {**SIGN, **self.files}
        if self.manifest is not None:
            files["sos_reports/manifest.json"] = json.dumps(self.manifest).encode()
        with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
            for name in self.directories:
                add(tar, f"{TOP}/{name}", kind=tarfile.DIRTYPE, mode=0o711)
            for name, data in files.items():
                add(tar, f"{TOP}/{name}", data)
            for name, target in self.links.items():
                add(tar, f"{TOP}/{name}", kind=tarfile.SYMTYPE, link=target)
        return str(path)

    def unpack(self, directory: Path) -> str:
        """The same as a directory."""
        for name, data in {**SIGN, **self.files}.items():
            (directory / TOP / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / TOP / name).write_bytes(data)
        for name, target in self.links.items():
            (directory / TOP / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / TOP / name).symlink_to(target)
        return str(directory)


def add(
    tar: tarfile.TarFile,
    name: str,
    data: bytes = b"",
    *,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
    mode: int = 0o640,
    label: str | None = None,
) -> None:
    """One member, owned by root and the group qemu."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode, member.mtime = kind, link, mode, MADE
    member.size = len(data)
    member.uid, member.gid, member.uname, member.gname = 0, 107, "root", "qemu"
    if label is not None:
        member.pax_headers = {"RHT.security.selinux": label}
    tar.addfile(member, io.BytesIO(data))


def ran(
    plugin: str, *, commands: Iterable[tuple[str, str | None, int]] = (), copied: Iterable[str] = ()
) -> dict[str, object]:
    """sos's own account of one plugin's run."""
    entries = [{"exec": line, "filepath": path, "return_code": code} for line, path, code in commands]
    files = [{"specification": f"/{name}", "files_copied": [name], "tags": []} for name in copied]
    return {"components": {"report": {"plugins": {plugin: {"commands": entries, "files": files}}}}}
