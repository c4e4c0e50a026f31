"""Images: all that has to be known of a document to bring it back as it was.

They are tagged structs, since a journal on disk must tell them apart. Images hold secrets; whoever keeps them seals
them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs


class Nothing(Struct, frozen=True, tag=True):
    """There is no such document."""


class FileImage(Struct, frozen=True, tag=True):
    """A file, directory or device, as far as a change touches it: of what is None nothing is known, and nothing is
    brought back. `mtime`, in nanoseconds, is brought back with the bytes, but never compared."""

    kind: str
    mode: int | None
    uid: int | None
    gid: int | None
    xattrs: dict[str, bytes]
    mtime: int
    data: bytes | None = None


class TextImage(Struct, frozen=True, tag=True):
    """A document that a program keeps and tells as text, such as a domain of libvirt's. `kept` is the file that
    the program keeps it in, None where that is not known."""

    text: str
    kept: FileImage | None = None


class StateImage(Struct, frozen=True, tag=True):
    """A document of a few words by name: whether a unit is enabled and active, the value of a sysctl. `links` are
    symbolic links that make up the state, by path; None is one that is not there."""

    words: dict[str, str]
    links: dict[str, str | None] = {}


NEW_DIRECTORY = 0o700
"""The mode of a directory that is just being made."""

Image = Nothing | FileImage | TextImage | StateImage


class StoreError(Exception):
    """A document could not be read or written; the message is one sentence that says which, and why."""


def same(one: Image, other: Image) -> bool:
    """Whether two images are of one state, as far as both tell; the time of a file's last change does not count."""
    if isinstance(one, FileImage) and isinstance(other, FileImage):
        pairs = zip(_parts(one), _parts(other), strict=True)
        return one.xattrs == other.xattrs and all(a is None or b is None or a == b for a, b in pairs)
    if isinstance(one, TextImage) and isinstance(other, TextImage):
        known = one.kept is not None and other.kept is not None
        return one.text == other.text and (not known or same(one.kept or Nothing(), other.kept or Nothing()))
    return one == other


def between(now: Image, before: Image, after: Image) -> bool:
    """Whether a state can be what a change from `before` to `after` left when it was cut short: every part of it is
    that of the one or of the other."""
    if same(now, before) or same(now, after):
        return True
    if isinstance(now, StateImage) and isinstance(before, StateImage) and isinstance(after, StateImage):
        return _each_between(_told(now), _told(before), _told(after)) and _each_between(
            now.links, before.links, after.links
        )
    if not (isinstance(now, FileImage) and isinstance(after, FileImage)):
        return False
    if isinstance(before, Nothing):
        return now.kind == after.kind == "dir" and now.mode in (NEW_DIRECTORY, after.mode)
    if not isinstance(before, FileImage):
        return False
    names = {*now.xattrs, *before.xattrs, *after.xattrs} - {_ACCESS}  # which the kernel adapts to the mode
    labels = all(now.xattrs.get(n) in (before.xattrs.get(n), after.xattrs.get(n)) for n in names)
    triples = zip(
        _parts(now), _parts(_without_setid(now, before)), _parts(_without_setid(now, after)), strict=True
    )
    return labels and all(n is None or n in (b, a) for n, b, a in triples)


def _parts(image: FileImage) -> tuple[object, ...]:
    return image.kind, image.mode, image.uid, image.gid, image.data


def _without_setid(now: FileImage, image: FileImage) -> FileImage:
    """The image without setuid and setgid where the file has lost them, as it does when its owner changes."""
    if image.mode is None or now.mode is None or image.mode & 0o1777 != now.mode:
        return image
    return structs.replace(image, mode=now.mode)


def _told(image: StateImage) -> dict[str, str]:
    """Its words without the one that follows from its links, which may be a third one on the way."""
    return {name: word for name, word in image.words.items() if name != "enabled" or not image.links}


def _each_between(now: Mapping[str, object], before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    names = {*now, *before, *after}
    return all(now.get(name) in (before.get(name), after.get(name)) for name in names)


_ACCESS = "system.posix_acl_access"
