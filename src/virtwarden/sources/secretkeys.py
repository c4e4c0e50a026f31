r"""Secrets that a key announces: `vnc_password = "…"`, `passwd='…'`, `"password": "…"`, `PrivateKey=…`.

Words that a key's name can end in are looked for first and what follows them second. The cost is in proportion
to the text: what a value may run through is never tried twice.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

IN_WORDS = (
    "what a key holds whose name ends in password, passwd, passphrase, secret, psk, private key, pre-shared key, "
    "api key, token and the like, in any notation: `vnc_password = \"…\"`, commented out or not, `passwd='…'` of "
    "a guest's graphics, `node.session.auth.password = …`, `-spice port=1,password=…`, `password: …` in YAML, "
    '`"password": "…"` in JSON; empty ones, switches (`password=on`), references (`password-secret=…`) and the '
    "paths of key files stay"
)

# What to look for in the lower-case text, and what must stand there for it to be one of the words.
TRIGGERS = ("pass", "pw", "psk", "secret", "key", "token", "authtok", "masterauth")
_WORD = re.compile(
    r"(?P<stem>passw(?:or)?d|passphrase|pass|pwd?|psk|secret|key|token|authtok|masterauth)"
    r"(?:[-_]?(?:in|out|hash|value|data|plain|text|raw|b64|base64|\d{1,3}))?"
    r"(?=[ \t]{0,64}=|[ \t]{0,8}:[ \t]|(?:\\{0,3}[\"']|&quot;|&#34;)\s{0,64}:)",
    re.IGNORECASE,
)
# What must stand before a word that is part of many others.
_BEFORE = {
    "pass": re.compile(r"(?:(?<![a-z0-9])|admin|require)\Z", re.IGNORECASE),
    "pw": re.compile(r"(?:(?<![a-z0-9])|bind|root|user|ssh)\Z", re.IGNORECASE),
    "pwd": re.compile(r"[a-z][-_]\Z", re.IGNORECASE),
    "key": re.compile(
        r"(?:preshared|private|api|auth|access|secret|encryption|fastopen|wep|consumer|token)[-_]?\Z",
        re.IGNORECASE,
    ),
    "token": re.compile(r"(?:(?<![a-z0-9])|auth|access|api|bearer|refresh|session|join)\Z", re.IGNORECASE),
}
_NAME = string.ascii_letters + string.digits + "_./-"

# Values by notation. What is not closed before its line ends counts as a value too: a text can be cut off.
_QUOTED = (
    r'(?P<v>"""(?:(?!""")[\s\S])*"""|"""[^\n\0]*+'
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|\"[^\"\n]*+\"|'[^'\n]*+'"
)
_LIST = r"\[\s{0,64}[\"'][^\]]{0,4096}\]"
_REST = r"[^\s\0][^\n\0]*+)"
_SETTING = re.compile(rf"[ \t]{{0,64}}=[ \t]{{0,64}}{_QUOTED}|{_LIST}|{_REST}")
_COMMENT = re.compile(r"[ \t]{1,64}#[ \t]{0,64}(?P<v>[^\s\0][^\n\0]*+)")
_WHOLE_WORD = re.compile(rf"={_QUOTED}|(?:\\.|[^\s\"'\0\\])+)")
_TO_QUOTE = {quote: re.compile(rf"=(?P<v>(?:\\.|[^{quote}\\\n\0])+)") for quote in "\"'"}
_INLINE = re.compile(rf"[ \t]?=[ \t]?{_QUOTED}|(?:,,|[^\s,\"'<>\0])+|[\"'][^\n\0]*+)")
_YAML = re.compile(rf"[ \t]{{0,8}}:[ \t]{{1,64}}{_QUOTED}|{_REST}")
_ATTRIBUTE = re.compile(r"\s{0,64}=\s{0,64}(?P<v>\"[^\"<]*+\"?|'[^'<]*+'?)")
_JSON = re.compile(r"(?P<q>[\"'])\s{0,64}:\s{0,64}(?P=q)(?P<v>(?:\\.|(?!(?P=q))[^\\\n])*)")
_ESCAPED_JSON = re.compile(r"(?P<q>\\{1,3}[\"']|&quot;|&#34;)\s{0,64}:\s{0,64}(?P=q)(?P<v>(?:(?!(?P=q))[^\n])*)")
_ARGUMENT = re.compile(r"=(?P<v>[^\s\0]++)")
_ARGUMENT_PART = re.compile(r"=(?P<v>(?:,,|[^\s,\0])+)")
_ARGUMENT_TO_NUL = re.compile(r"=(?P<v>[^\0]++)")
_ARGUMENT_PART_TO_NUL = re.compile(r"=(?P<v>(?:,,|[^,\0])+)")
_LINE_START = re.compile(r"[ \t#;]{0,256}(?:export[ \t]{1,8})?[\w.-]{0,128}")
_COMMAND_LINE = re.compile(r"^ps\b|^pgrep\b|/\d+/cmdline\Z|/environ\Z")
_WORDS_WITH_COMMAS = re.compile(
    r"/(?:proc|kernel)/cmdline\Z|/boot/|/loader/|grub|\.service(?:\.d/|\Z)|\.socket(?:\.d/|\Z)"
)

# Keys and values that only speak of a secret.
_NO_SECRET = re.compile(r"|on|off|yes|no|true|false|none|null|\(hidden\)|\(none\)", re.IGNORECASE)
_REFERENCE = re.compile(r"(?:(?:password|passwd|key)-secret|nopasswd)\Z", re.IGNORECASE)
_NAME_SERVICES = {"files", "compat", "sss", "systemd", "db", "nis", "nisplus", "ldap", "winbind", "dns"}
BLANKED = re.compile(r"(?:grub\.pbkdf2\.\w{1,16}\.\d{1,12}\.|\{[\w-]{1,32}\}|\$[\w-]{1,16}\$)?\[redacted\]\s*+")


def secret_values(where: str, text: str, lowered: str, triggers: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """The spans of the secret values in a text, in order; `where` is its path or command.

    `triggers` are those that the text holds.
    """
    done = 0
    for start, word in _words(text, lowered, triggers):
        if start < done:
            continue
        name = _name_before(text, start) + text[start : word.end()]
        value = _value(where, text, start, word.end(), name)
        if value is not None and not _mentions(name, value["v"]):
            done = value.end("v")
            yield value.span("v")
            comment = _COMMENT.match(text, done) if value.re is _SETTING else None
            if comment is not None:
                done = comment.end("v")
                yield comment.span("v")


def _words(text: str, lowered: str, triggers: tuple[str, ...]) -> Iterator[tuple[int, re.Match[str]]]:
    for start in sorted({start for trigger in triggers for start in _positions(lowered, trigger)}):
        word = _WORD.match(text, start)
        if word is None:
            continue
        before = _BEFORE.get(word["stem"].lower())
        if before is None or before.search(text, max(start - 16, 0), start) is not None:
            yield start, word


def _positions(lowered: str, trigger: str) -> Iterator[int]:
    start = lowered.find(trigger)
    while start >= 0:
        yield start
        start = lowered.find(trigger, start + len(trigger))


def _name_before(text: str, start: int) -> str:
    before = text[max(start - 80, 0) : start]
    return before[len(before.rstrip(_NAME)) :]


def _value(where: str, text: str, start: int, end: int, name: str) -> re.Match[str] | None:
    """What follows the key, read by the notation it stands in."""
    if _in_tag(text, start):
        attribute = _ATTRIBUTE.match(text, end)
        if attribute is not None:
            return attribute
    follows = text[end : end + 80].lstrip()[:1]
    if follows == "=":
        if _COMMAND_LINE.search(where):
            return _argument(where, name, text, end)
        return _assigned(where, text, start, end, text[max(end - len(name) - 1, 0) : end - len(name)])
    if follows == ":":
        return None if _no_yaml(name, text[end : end + 80]) else _YAML.match(text, end)
    return _JSON.match(text, end) or _ESCAPED_JSON.match(text, end)


def _assigned(where: str, text: str, start: int, end: int, quote: str) -> re.Match[str] | None:
    """The value after `=`: up to the quote that opened before the key; a whole word of a boot line or a unit;
    else the rest of the line, or up to the comma within one."""
    if quote in _TO_QUOTE and not _in_tag(text, start):
        return _TO_QUOTE[quote].match(text, end)
    word = _WHOLE_WORD.match(text, end) if _WORDS_WITH_COMMAS.search(where) else None
    return word or (_SETTING if _starts_line(text, start) else _INLINE).match(text, end)


def _argument(where: str, name: str, text: str, end: int) -> re.Match[str] | None:
    """The value of an option, or of one part of an option; the kernel ends arguments with a null byte."""
    whole = name.startswith("-") or where.endswith("/environ")
    if "\0" in text:
        return (_ARGUMENT_TO_NUL if whole else _ARGUMENT_PART_TO_NUL).match(text, end)
    return (_ARGUMENT if whole else _ARGUMENT_PART).match(text, end)


def _starts_line(text: str, start: int) -> bool:
    first = max(start - 400, 0)
    line = text.rfind("\n", first, start) + 1
    return (line > 0 or first == 0) and _LINE_START.fullmatch(text, line, start) is not None


def _in_tag(text: str, start: int) -> bool:
    first = max(start - 4096, 0)
    return text.rfind("<", first, start) > text.rfind(">", first, start)


def _no_yaml(name: str, follows: str) -> bool:
    """Whether `word:` is no key of YAML: a path before a message, a name service's database, a sudo rule."""
    if "/" in name or name.endswith("PASSWD"):
        return True
    first = follows.lstrip(" \t:").split()[:1]
    return name == "passwd" and bool(first) and first[0] in _NAME_SERVICES


def _mentions(name: str, value: str) -> bool:
    """Whether the key speaks of a secret without holding one."""
    bare = unquoted(value)[1].strip()
    if _NO_SECRET.fullmatch(bare) or BLANKED.fullmatch(bare) or _REFERENCE.search(name):
        return True
    return bare.startswith("/") and name.lower().endswith("key")


def unquoted(value: str) -> tuple[str, str]:
    """The quotes around a value, and what is between them."""
    for quote in ('"""', '"', "'"):
        if len(value) >= 2 * len(quote) and value.startswith(quote) and value.endswith(quote):
            return quote, value[len(quote) : -len(quote)]
    return "", value
