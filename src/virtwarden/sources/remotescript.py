r"""Questions to a distant host as a script for its own shell.

The script keeps to POSIX shell and to what old coreutils and BusyBox have in common, and writes nothing on the
host. It starts few processes: one `stat` looks at many paths. Each reply stands between two lines that hold a
random word, in the output and in the error output alike, so that answers may hold any bytes:

    WORD b ID        a reply begins
    WORD e ID CODE   it ends; the CODE in the error output is the command's exit code, or a word
    WORD z BATCH     all questions of a trip are answered
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from virtwarden.host import Want
from virtwarden.sources.files import READ_LIMIT
from virtwarden.sources.pattern import is_pattern
from virtwarden.sources.process import OUTPUT_LIMIT

TIMEOUT = 20
ABSENT, OTHER_KIND = "absent", "kind"
AT_ONCE = 100
_STAT_FORMAT = "\t".join(("%f", "%u", "%g", "%s", "%h", "%d:%i", "%Y", "%U", "%G", "%C", "%n", ""))
_CLASS = re.compile(r"\[!?[A-Za-z0-9_.:-]+\]")

# vw_run ID COMMAND …         one command
# vw_may NEED DIR …           within a reply: directories that cannot be listed (r) or entered (x)
# vw_list ID LENGTH PATH …    ends a reply with the paths, marked + where they exist; then looks at them, as
#                             ID.1, ID.2 … a hundred at a time
# vw_look ID LENGTH PATH …    ID.s what stat says of them; ID.r where their links end; and with a length,
#                             ID.1.t, ID.2.t … the first bytes of each that is a file
# vw_first ID LENGTH KIND PATH   the first bytes of a regular file, or of a file of that kind
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
vw_why() {
  vw_d=$1; vw_m=
  while vw_d=${vw_d%/*} && [ "$vw_d" ] && [ ! -e "$vw_d" ] && [ ! -h "$vw_d" ]; do :; done
  [ ! -h "$1" ] && [ -d "${vw_d:-/}" ] && [ -x "${vw_d:-/}" ] && vw_m='No such file or directory'
  [ "$vw_m" ] || vw_m=$(stat -L -c %f "$1" 2>&1); printf '%s: %s\000' "$1" "${vw_m##*: }" >&2
}
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
  vw_i=$1 vw_n=$2; shift 2; vw_some=
  for vw_p; do
    if [ -e "$vw_p" ] || [ -h "$vw_p" ]; then printf '+%s\000' "$vw_p"; vw_some=y
    else printf '%s\000' "-$vw_p"; vw_why "$vw_p"; fi
  done
  vw_e "$vw_i" 0
  [ -z "$vw_some" ] || [ "$vw_n" = - ] && return
  vw_k=1 vw_all=$vw_i
  while [ $# -gt @AT_ONCE@ ]; do
    eval "vw_look $vw_all.$vw_k $vw_n @ARGUMENTS@"
    shift @AT_ONCE@; vw_k=$((vw_k + 1))
  done
  vw_look "$vw_all.$vw_k" "$vw_n" "$@"
}
vw_look() {
  vw_i=$1 vw_n=$2; shift 2
  vw_b "$vw_i.s"; stat -L -c "$F$W" "$@"; vw_e "$vw_i.s" 0
  vw_b "$vw_i.r"; for vw_p; do vw_real "$vw_p"; printf '%s\000' "$vw_r"; done; vw_e "$vw_i.r" 0
  [ "$vw_n" = 0 ] && return
  vw_j=0 vw_kind=f
  [ "${vw_n#b}" = "$vw_n" ] || vw_kind=b
  for vw_p; do
    vw_j=$((vw_j + 1))
    [ -e "$vw_p" ] && vw_first "$vw_i.$vw_j.t" "${vw_n#b}" $vw_kind "$vw_p"
  done
}
vw_real() {
  vw_r=$1
  [ -e "$1" ] || { vw_r=; [ -h "$1" ] && vw_r=-; return; }
  case $1 in
  */. | */.. | */) vw_link=y ;;
  *) vw_link=n; [ -h "$1" ] && vw_link=y ;;
  esac
  if [ $vw_link = y ]; then vw_r=$(readlink -f "$1"; echo .); vw_r=${vw_r%??}
  elif cd -P "${1%/*}/" 2>/dev/null; then vw_r=${PWD%/}/${1##*/}; fi
}
vw_first() {
  vw_b "$1"
  if [ -f "$4" ] || [ "-$3" "$4" ]; then $T head -c "$2" "$4" </dev/null; vw_c=$?; else vw_c=@OTHER_KIND@; fi
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
        "ABSENT": ABSENT,
        "AT_ONCE": str(AT_ONCE),
        "ARGUMENTS": " ".join(f'\\"${{{number}}}\\"' for number in range(1, AT_ONCE + 1)),
        "OTHER_KIND": OTHER_KIND,
    }
    return re.sub("@([A-Z_]+)@", lambda match: values[match[1]], _PRELUDE)


def batch(number: int, questions: Iterable[str]) -> str:
    """The questions of one trip."""
    return "".join((*questions, f"vw_z {number}\n"))


@dataclass(frozen=True, slots=True)
class Run:
    """What does this command print?"""

    argv: tuple[str, ...]

    def script(self, identity: int) -> str:
        """The question as commands."""
        return f"vw_run {identity} {shlex.join(self.argv)}\n"


@dataclass(frozen=True, slots=True)
class Look:
    """What are these paths, and what is in them? `length` counts bytes, as in `first_bytes`."""

    paths: tuple[str, ...]
    length: str

    def script(self, identity: int) -> str:
        """The question as commands."""
        return f"vw_look {identity} {self.length} {shlex.join(self.paths)}\n"


@dataclass(frozen=True, slots=True)
class List:
    """Which paths match this pattern, what are they, and what is in them? Only the first if `length` is `-`."""

    pattern: str
    length: str

    def script(self, identity: int) -> str:
        """The question as commands."""
        checks = "".join(f"vw_may {need} {directory}\n" for need, directory in _directories(self.pattern))
        return f"vw_b {identity}\n{checks}vw_list {identity} {self.length} {shell_pattern(self.pattern)}\n"


Question = Run | Look | List


def first_bytes(want: Want) -> str:
    """How many bytes a want is after: of files, or with a `b` before the number, of block devices too."""
    return {"read": str(READ_LIMIT + 1), "head": f"b{want.length}"}.get(want.verb, "0")


def questions(wants: Iterable[Want]) -> list[Question]:
    """The wants as few questions: commands and patterns one by one, paths many at a time."""
    asked: list[Question] = []
    paths: dict[str, list[str]] = {}
    for want in wants:
        if want.verb == "run":
            asked.append(Run(want.args))
        elif want.verb != "head" and is_pattern(want.args[0]):
            asked.append(List(want.args[0], first_bytes(want)))
        else:
            paths.setdefault(first_bytes(want), []).append(want.args[0])
    for length, named in paths.items():
        asked += in_turns(named, length)
    return asked


def in_turns(paths: Iterable[str], length: str) -> list[Look]:
    """The paths as few questions."""
    named = tuple(paths)
    return [Look(named[at : at + AT_ONCE], length) for at in range(0, len(named), AT_ONCE)]


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
