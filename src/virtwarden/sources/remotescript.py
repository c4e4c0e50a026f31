r"""Questions to a distant host as a script for its own shell.

The script keeps to POSIX shell and to what old coreutils and BusyBox have in common, and writes nothing on the
host. Each reply stands between two lines that hold a random word, in the output and in the error output alike, so
that answers may hold any bytes:

    WORD b ID        a reply begins
    WORD e ID CODE   it ends; the CODE in the error output is the command's exit code, or a word
    WORD z BATCH     all questions of a trip are answered
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Literal

from virtwarden.host import Want
from virtwarden.sources.files import READ_LIMIT
from virtwarden.sources.pattern import is_pattern
from virtwarden.sources.process import OUTPUT_LIMIT

TIMEOUT = 20
ABSENT, OTHER_KIND = "absent", "kind"
Mode = Literal["g", "s", "r"]
_STAT_FORMAT = "\t".join(("%f", "%u", "%g", "%s", "%h", "%d:%i", "%Y", "%U", "%G", "%C"))
_CLASS = re.compile(r"\[!?[A-Za-z0-9_.:-]+\]")

# vw_run ID COMMAND …        one command
# vw_may NEED DIR …          within a reply: directories that cannot be listed (r) or entered (x)
# vw_list ID MODE PATH …     ends a reply with the paths that exist; then each is looked at, and read in mode r
# vw_stat ID PATH            what stat says, and the path without links
# vw_head ID LENGTH KIND PATH   the first bytes of a regular file, or of a file of that kind
_PRELUDE = r"""
unset CDPATH ENV BASH_ENV LANGUAGE
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C LANG=C
export PATH LC_ALL LANG
W=@WORD@
F='@FORMAT@'
T=; timeout -s KILL 9 true >/dev/null 2>&1 </dev/null && T='timeout -s KILL @TIMEOUT@'
vw_both() { printf "$@"; printf "$@" >&2; }
vw_b() { vw_both '\n%s b %s\n' "$W" "$1"; }
vw_e() { vw_both '\n%s e %s %s\n' "$W" "$1" "$2"; }
vw_z() { cd /; vw_both '\n%s z %s\n' "$W" "$1"; }
vw_run() {
  vw_i=$1; shift; vw_b "$vw_i"
  if command -v "$1" >/dev/null 2>&1; then
    { $T "$@" </dev/null; printf '\n%s e %s %s\n' "$W" "$vw_i" "$?" >&2; } | head -c @FLOOD@
    printf '\n%s e %s 0\n' "$W" "$vw_i"
  elif [ -e "$1" ]; then vw_e "$vw_i" 126; else vw_e "$vw_i" @ABSENT@; fi
}
vw_why() { vw_m=$(stat -L -c %f "$1" 2>&1); printf '%s: %s\000' "$1" "${vw_m##*: }" >&2; }
vw_may() {
  vw_need=$1; shift
  for vw_p; do
    if [ ! -e "$vw_p" ]; then vw_why "$vw_p"
    elif [ ! -d "$vw_p" ]; then :
    elif [ ! -x "$vw_p" ]; then printf '%s: Permission denied\000' "$vw_p" >&2
    elif [ "$vw_need" = r ] && [ ! -r "$vw_p" ]; then printf '%s: Permission denied\000' "$vw_p" >&2; fi
  done
}
vw_list() {
  vw_i=$1 vw_mode=$2; shift 2
  for vw_p; do
    if [ -e "$vw_p" ] || [ -h "$vw_p" ]; then printf '+%s\000' "$vw_p"
    else printf '%s\000' "-$vw_p"; vw_why "$vw_p"; fi
  done
  vw_e "$vw_i" 0
  [ "$vw_mode" = g ] && return
  vw_j=0
  for vw_p; do
    vw_j=$((vw_j + 1))
    if [ -e "$vw_p" ] || [ -h "$vw_p" ]; then
      vw_stat "$vw_i.$vw_j" "$vw_p"
      [ "$vw_mode" = r ] && vw_head "$vw_i.$vw_j.t" @READ@ f "$vw_p"
    fi
  done
}
vw_stat() {
  vw_b "$1"; stat -L -c "$F" "$2"; vw_c=$?; vw_r=$2
  case $2 in
  */. | */.. | */) vw_link=y ;;
  *) vw_link=n; [ -h "$2" ] && vw_link=y ;;
  esac
  if [ $vw_link = y ]; then vw_r=$(readlink -f "$2"; echo .); vw_r=${vw_r%??}
  elif cd -P "${2%/*}/" 2>/dev/null; then vw_r=${PWD%/}/${2##*/}; fi
  printf '%s' "$vw_r"; vw_e "$1" "$vw_c"
}
vw_head() {
  vw_b "$1"
  if [ -f "$4" ] || [ "-$3" "$4" ]; then $T head -c "$2" "$4" </dev/null; vw_c=$?
  elif [ -e "$4" ]; then vw_c=@OTHER_KIND@
  else stat -L -c %f "$4"; vw_c=$?; fi
  vw_e "$1" "$vw_c"
}
vw_z 0
"""


def prelude(word: str) -> str:
    """What the shell is told before the first question; it ends with the end of batch 0."""
    values = {
        "WORD": word,
        "FORMAT": _STAT_FORMAT,
        "TIMEOUT": str(TIMEOUT),
        "FLOOD": str(OUTPUT_LIMIT + 1),
        "READ": str(READ_LIMIT + 1),
        "ABSENT": ABSENT,
        "OTHER_KIND": OTHER_KIND,
    }
    return re.sub("@([A-Z_]+)@", lambda match: values[match[1]], _PRELUDE)


def batch(number: int, questions: Iterable[str]) -> str:
    """The questions of one trip."""
    return "".join((*questions, f"vw_z {number}\n"))


def question(identity: int, want: Want) -> str:
    """One want as commands of the script."""
    if want.verb == "run":
        return f"vw_run {identity} {shlex.join(want.args)}\n"
    if want.verb == "head":
        path = shlex.quote(want.args[0])
        return f"vw_stat {identity}.1 {path}\nvw_head {identity} {want.length} b {path}\n"
    return listing(identity, want.args[0], "r" if want.verb == "read" else "s")


def listing(identity: int, pattern: str, mode: Mode) -> str:
    """The paths that match a pattern, looked at in mode s and read in mode r."""
    checks = "".join(f"vw_may {need} {glob}\n" for need, glob in _directories(pattern))
    return f"vw_b {identity}\n{checks}vw_list {identity} {mode} {shell_pattern(pattern)}\n"


def one(identity: int, path: str, mode: Mode) -> str:
    """One path, whatever characters it holds."""
    return f"vw_b {identity}\nvw_list {identity} {mode} {shlex.quote(path)}\n"


def shell_pattern(pattern: str) -> str:
    """A pattern as a word of the shell: quoted but for what makes it a pattern."""
    return "".join(piece if magic else shlex.quote(piece) for magic, piece in _pieces(pattern))


def _pieces(pattern: str) -> Iterator[tuple[bool, str]]:
    start = at = 0
    while at < len(pattern):
        found = _CLASS.match(pattern, at) if pattern[at] == "[" else None
        magic = found[0] if found else pattern[at] if pattern[at] in "*?" else ""
        if magic:
            if start < at:
                yield False, pattern[start:at]
            yield True, magic
            start = at + len(magic)
        at += len(magic) or 1
    if start < len(pattern):
        yield False, pattern[start:]


def _directories(pattern: str) -> Iterator[tuple[str, str]]:
    """The directories that must be open to us for the matches to be all there are, and for what."""
    parts = pattern.split("/")
    first = next((depth for depth, part in enumerate(parts) if is_pattern(part)), len(parts))
    for depth in range(first, len(parts)):
        directory = shell_pattern("/".join(parts[:depth]) or "/")
        yield ("r" if is_pattern(parts[depth]) else "x"), directory
