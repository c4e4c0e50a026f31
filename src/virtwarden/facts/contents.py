"""What the first bytes of images and volumes tell, read in few goes and little at a time."""

from __future__ import annotations

from dataclasses import dataclass

from virtwarden.formats import Malformed, luks, partitions, qcow2
from virtwarden.host import Absent, Source, Stat, Unknown, Want, heading, looking
from virtwarden.model import Evidence

FIRST = 4096
_DEEPEST = 4 << 20
_LUKS1_HEADER = 1024


@dataclass(frozen=True, slots=True)
class Content:
    """The format that the first bytes announce, None where there is no sign of one; the headers that were
    understood; `extent`, the size that a partition table claims for the disk. `trouble` says what could not be
    understood; `deeper` how many bytes would tell more."""

    format: str | None
    qcow2: qcow2.Qcow2 | None = None
    luks: luks.Luks | None = None
    extent: int | None = None
    trouble: str = ""
    deeper: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """A file or device that was looked at; `stat` and `content` are refusals where they could not be had."""

    path: str
    stat: Stat | Absent | Unknown
    content: Content | Absent | Unknown

    @property
    def missing(self) -> bool:
        """Whether there is nothing at its path."""
        return isinstance(self.stat, Absent)

    def entry(self) -> Stat:
        """Its entry in the file system. Raises `Absent` or `Unknown`."""
        if isinstance(self.stat, Stat):
            return self.stat
        raise type(self.stat)(str(self.stat))

    def header(self) -> Content:
        """What it begins with. Raises `Absent` or `Unknown`, also where that makes no sense."""
        if not isinstance(self.content, Content):
            raise type(self.content)(str(self.content))
        if self.content.trouble:
            raise Unknown(f"{self.path}: {self.content.trouble}", self.cite(self.content.trouble))
        return self.content

    @property
    def deeper(self) -> int:
        """How many of its first bytes would tell more than those that were read; 0 where none."""
        return self.content.deeper if isinstance(self.content, Content) else 0

    def cite(self, text: str) -> Evidence:
        """Evidence from it, in words."""
        at = self.stat.at if isinstance(self.stat, Stat) else None
        return Evidence(text, path=self.path, at=at)


def examining(path: str, length: int = FIRST) -> tuple[Want, ...]:
    """What `examined` asks for."""
    return looking(path), heading(path, length)


def examined(source: Source, path: str, length: int = FIRST) -> Image:
    """Look at a path and read its first bytes."""
    stat: Stat | Absent | Unknown
    content: Content | Absent | Unknown
    try:
        stat = source.stat(path)
    except (Absent, Unknown) as refused:
        stat = refused
    try:
        content = content_of(source.head(path, length).data, length)
    except (Absent, Unknown) as refused:
        content = refused
    return Image(path, stat, content)


def noticed(source: Source, path: str) -> Image:
    """Look at a path and do not read it: what an image names may be any file of the host."""
    message = f"{path} is outside the directories of images and was not read"
    try:
        return Image(path, source.stat(path), Unknown(message))
    except (Absent, Unknown) as refused:
        return Image(path, refused, Unknown(message))


def content_of(data: bytes, asked: int) -> Content:
    """What these bytes tell; `asked` is how many there would be if the file had as many."""
    sign = qcow2.magic(data)
    whole = len(data) < asked
    try:
        header = qcow2.parse(data)
        volume = luks.parse(data)
    except Malformed as wrong:
        deeper = 0 if whole or asked >= qcow2.HEAD else qcow2.HEAD
        return Content(sign, trouble=str(wrong), deeper=deeper)
    if header is not None and header.luks is not None:
        return _encrypted(sign, header, data, asked)
    return Content(sign, header, volume, partitions.extent(data))


def _encrypted(sign: str | None, header: qcow2.Qcow2, data: bytes, asked: int) -> Content:
    assert header.luks is not None
    offset = header.luks[0]
    if offset + _LUKS1_HEADER > _DEEPEST:
        return Content(sign, header, trouble=f"its LUKS header is said to be at byte {offset}")
    if offset + _LUKS1_HEADER > asked:
        return Content(sign, header, deeper=offset + _LUKS1_HEADER)
    try:
        return Content(sign, header, luks.parse(data[offset : offset + _LUKS1_HEADER]))
    except Malformed as wrong:
        return Content(sign, header, trouble=str(wrong))
