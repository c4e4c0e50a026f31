"""Files and folders that somebody names, for `pki verify`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from glob import escape

from virtwarden.cli import UsageError
from virtwarden.cli.pki.found import Found, limits
from virtwarden.facts.pki import PkiFile, Role, read_file
from virtwarden.host import Absent, Source, Unknown
from virtwarden.pki.places import USES
from virtwarden.pki.verify.keysbeside import KeysBeside
from virtwarden.report.visible import visible

_ENDINGS = (".pem", ".crt", ".cer", ".key", ".crl")
_INNER = ("", "private", "CA", *(f"{use}{deep}" for use in USES for deep in ("", "/private")))
_ONE_HEAP = ("", "/CA", "/libvirt")
"""The folders of one use; others have authorities of their own."""
_MOST = 1000


def named(source: Source, chosen: argparse.Namespace) -> Found:
    """The files that are named, and those in the folders that are. Raises `UsageError`."""
    files = {path: _file(source, path, "authority") for path in chosen.authority or ()}
    for path in chosen.files:
        for each in _in_folder(source, path) if os.path.isdir(path) else (path,):
            files.setdefault(each, _file(source, each, None))
    judged = tuple(told for file in files.values() for told in _as_told(file, chosen))
    if not judged:
        raise UsageError(f"there is no certificate, key or list in {', '.join(map(visible, chosen.files))}")
    folders = [path for path in chosen.files if os.path.isdir(path)]
    keys = KeysBeside.EXPECTED if folders else KeysBeside.OPTIONAL
    return Found(judged, limits(chosen), together=_is_one_heap(judged, folders, chosen), keys=keys)


def _is_one_heap(files: Sequence[PkiFile], folders: Sequence[str], chosen: argparse.Namespace) -> bool:
    """Whether all files belong together, wherever they lie."""
    if chosen.authority or not folders:
        return True
    top = folders[0].rstrip("/")
    return len(chosen.files) == 1 and all(file.directory.removeprefix(top) in _ONE_HEAP for file in files)


def _in_folder(source: Source, path: str) -> list[str]:
    try:
        inner = _within(source, path)
    except (Absent, Unknown) as refused:
        raise UsageError(str(refused)) from None
    if not inner:
        endings = ", ".join(_ENDINGS)
        raise UsageError(f"there is no certificate, key or list in {visible(path)}; their names end in {endings}")
    return inner


def _within(source: Source, folder: str) -> list[str]:
    places = [os.path.join(folder, inner) if inner else folder for inner in _INNER]
    patterns = [f"{_escaped(os.path.abspath(place))}/*" for place in places]
    found = [path for pattern in patterns for path in source.glob(pattern) if path.endswith(_ENDINGS)]
    if len(found) > _MOST:
        raise UsageError(f"there are more than {_MOST} files in {folder}; name those to judge")
    return [path for path in found if os.path.isfile(path)]


def _escaped(path: str) -> str:
    return escape(path.rstrip("/") or "/")


def _file(source: Source, path: str, role: Role | None) -> PkiFile:
    try:
        return read_file(source, os.path.abspath(path), "user", role)
    except (Absent, Unknown) as refused:
        raise UsageError(str(refused)) from None


def _as_told(file: PkiFile, chosen: argparse.Namespace) -> Iterator[PkiFile]:
    """The file as what it is: by its name, else by what is in it, or as what the options say; nothing where nothing of
    a PKI is in it."""
    end = None if chosen.end == "peer" else chosen.end
    if file.role in ("server", "client"):
        yield replace(file, role=end or file.role)
    elif file.role != "other" or file.problem:
        yield file
    elif file.certificates:
        first = file.certificates[0][1]
        if first.authority:
            yield replace(file, role="authority")
        else:
            is_client = (
                first.purposes is not None and "client" in first.purposes and "server" not in first.purposes
            )
            yield replace(file, role=end or ("client" if is_client else "server"))
    elif file.keys or file.revocations:
        yield replace(file, role="key" if file.keys else "revocation")
