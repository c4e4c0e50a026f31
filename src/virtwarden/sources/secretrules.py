"""Secrets that can be told by their looks: one table, each kind in words and as a pattern.

The named group `v` of a pattern is what is blanked. No pattern runs through the same text from many starts, and
what it ran through it does not give back, so that a hostile text costs time in proportion to its size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from virtwarden.sources.secretkeys import BLANKED

Match = re.Match[str]
_ANYWHERE = re.compile("")
_PAM = ("required", "requisite", "sufficient", "optional", "include", "substack", "[", "--")
_SECRET_OBJECT = re.compile(
    r"qom-type\W{1,12}\s{0,8}\W{0,12}(?:quot;)?secret|quot;qom-type&quot;\s?:\s?&quot;secret"
)


def _done(match: Match) -> bool:
    return BLANKED.fullmatch(match["v"]) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of secret: what it is in words, what it looks like, and where it may be.

    A text that holds none of the `hints`, compared in lower case, is not searched, nor is one whose path or
    command does not match `where`; `keeps` says which matches are no secrets after all.
    """

    what: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    keeps: Callable[[Match], bool] = _done
    where: re.Pattern[str] = _ANYWHERE


def _no_boot_password(match: Match) -> bool:
    return _done(match) or match["v"].startswith(_PAM)


def _locked(match: Match) -> bool:
    """Whether a password's field holds none: locked, kept elsewhere, or already blank."""
    return _done(match) or re.fullmatch(r"[!*x]{0,4}|\*LK\*|\*NP\*", match["v"]) is not None


def _empty(match: Match) -> bool:
    return not match["v"].strip() or _done(match)


def _zeros(match: Match) -> bool:
    return not match["v"].strip("0A=")


def _not_of_secret_object(match: Match) -> bool:
    """Whether `data=` belongs to another option than a secret object of QEMU."""
    start = match.string.rfind("secret", max(match.start() - 4096, 0), match.start())
    between = match.string[start : match.start()]
    return start < 0 or re.search(r"[\s\0\"'<>]", between) is not None or _done(match)


def _not_of_secret_json(match: Match) -> bool:
    """Whether `"data"` belongs to another object than one whose `qom-type` is secret."""
    text = match.string
    start = text.rfind("{", max(match.start() - 4096, 0), match.start())
    end = text.find("}", match.end(), match.end() + 4096)
    around = text[max(start, match.start() - 4096, 0) : end if end >= 0 else match.end() + 4096]
    return _SECRET_OBJECT.search(around) is None or _done(match)


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE | re.IGNORECASE)


RULES: tuple[Rule, ...] = (
    Rule(
        "crypt(3) hashes, whatever file they are in; the scheme stays",
        ("$",),
        re.compile(
            r"\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|md5|apr1|P|H|argon2(?:id|i|d)|scrypt|pbkdf2[\w-]{0,16})\$"
            r"(?P<v>(?:[^\s$:\"'<>]{0,128}\$){0,4}[./A-Za-z0-9+]{16,}+={0,2})"
        ),
    ),
    Rule(
        "LDAP-style hashes such as {SSHA}…; the scheme stays",
        ("{sha", "{ssha", "{md5}", "{smd5}", "{crypt}", "{pbkdf2"),
        _re(r"\{(?:S?SHA\d{0,3}|S?MD5|CRYPT|PBKDF2[\w-]{0,16})\}(?P<v>[A-Za-z0-9+/=.$]{8,}+)"),
    ),
    Rule(
        "GRUB 2 password hashes; the algorithm and the iterations stay",
        ("grub.pbkdf2.",),
        _re(r"grub\.pbkdf2\.\w{1,16}\.\d{1,12}\.(?P<v>[0-9a-f.]++)"),
    ),
    Rule(
        "boot loader passwords after `password --md5` and `password --encrypted`",
        ("--md5", "--encrypted"),
        _re(r"^[ \t]{0,64}password[ \t]{1,64}--(?:md5|encrypted)[ \t]{1,9}(?:\$\w{1,16}\$)?(?P<v>[^\s$]\S*+)"),
    ),
    Rule(
        "boot loader passwords in the clear: `password …`, `password USER …` in the files of GRUB, LILO and zipl",
        ("password",),
        _re(r"^[ \t]{0,64}password[ \t]{1,64}(?!--)(?:\w{1,64}[ \t]{1,64})?(?P<v>[^\s\[]\S*+)[ \t]*+$"),
        _no_boot_password,
        re.compile(r"grub|menu\.lst|/boot/|lilo|zipl"),
    ),
    Rule(
        "hashes in shadow files; the marks of a locked account stay",
        (":",),
        _re(r"^[^:\s]{1,256}:!{0,2}(?P<v>[^:\n]++)(?=:(?:\d{0,12}:){6}\d{0,12}$)"),
        _locked,
        re.compile("shadow|passwd|getent"),
    ),
    Rule(
        "hashes in passwd files",
        (":",),
        _re(r"^[^:\s]{1,256}:!{0,2}(?P<v>[^:\n]++)(?=(?::\d{1,12}){2}(?::[^:\n]*+){3}$)"),
        _locked,
        re.compile("passwd|getent"),
    ),
    Rule(
        "hashes in gshadow and web server password files",
        (":",),
        _re(r"^[^:\s]{1,256}:!{0,2}(?P<v>[^:\n]++)(?=:|$)"),
        _locked,
        re.compile(r"/gshadow-?\Z|htpasswd|htdigest|getent gshadow"),
    ),
    Rule(
        "what guests are handed at boot: `name=opt/…,string=…`, `<entry name='opt/…'>`, systemd credentials",
        ("string=", "name='opt/", 'name="opt/', "io.systemd.credential"),
        _re(
            r"(?:\bname=opt/[^,\s\0'\"<>]{1,256},string=|<entry name=['\"]opt/[^'\"<>]{1,256}['\"]>"
            r"|\bio\.systemd\.credential(?:\.binary)?:[\w.-]{1,256}=)(?P<v>(?:,,|[^'\"<>\0\s,])+)"
        ),
    ),
    Rule(
        "the text of XML elements named password, passwd, passphrase, secret or token",
        ("passwd>", "password>", "passphrase>", "secret>", "token>"),
        _re(
            r"<(?P<k>(?:[\w.-]{1,32}:)?(?:\w{0,32}passw(?:or)?d|passphrase|secret|token))(?:\s[^<>]*+)?>"
            r"(?P<v>[^<]++)</(?P=k)>"
        ),
        _empty,
    ),
    Rule(
        "the accounts and passwords of cloud-init's `chpasswd` list",
        ("chpasswd:",),
        _re(
            r"^[ \t]{0,64}chpasswd:[ \t]{0,64}\n(?:[ \t]{1,64}(?!list:)[^\n]*+\n){0,8}[ \t]{1,64}list:"
            r"(?P<v>[^\n]*+(?:\n[ \t]{1,64}[^\n]*+)*)"
        ),
    ),
    Rule(
        "the data of QEMU's secret objects: `-object secret,id=…,data=…`",
        ("data=",),
        re.compile(r"\bdata=(?P<v>(?:,,|[^\s,\"'<>\0])+)"),
        _not_of_secret_object,
    ),
    Rule(
        'the same in JSON: `{"qom-type": "secret", …, "data": "…"}`',
        ("qom-type",),
        re.compile(r"\bdata(?P<q>\\{0,3}[\"']|&quot;|&#34;)\s{0,64}:\s{0,64}(?P=q)(?P<v>[^\"'\\&{}\n]++)"),
        _not_of_secret_json,
    ),
    Rule(
        "passwords in URLs: `https://user:…@host`",
        ("://",),
        re.compile(r"://[^\s/@:?#\"'<>]{0,256}:(?P<v>[^\s/?#\"'<>]+)@"),
    ),
    Rule(
        "HTTP credentials: `Authorization`, cookies",
        ("authorization", "cookie", "x-auth-token"),
        _re(
            r"\b(?:(?:Proxy-)?Authorization|(?:Set-)?Cookie|X-Auth-Token)[ \t]{0,8}[:=][ \t]{0,8}"
            r"(?P<v>[^\s\"'\0][^\"'\n\0]*+)"
        ),
    ),
    Rule(
        "bearer tokens",
        ("bearer ",),
        _re(r"\bBearer[ \t]{1,8}(?P<v>[\w.~+/=-]{8,}+)"),
    ),
    Rule(
        "JSON web tokens",
        ("eyj",),
        re.compile(r"(?<![\w-])(?P<v>eyJ[\w-]{10,}+\.[\w-]{10,}+\.[\w-]*+)"),
    ),
    Rule(
        "Ceph keys, wherever they stand",
        ("==",),
        re.compile(r"(?<![A-Za-z0-9+/])(?P<v>AQ[A-Za-z0-9+/]{36}==)"),
    ),
    Rule(
        "volume keys in `dmsetup table`",
        ("crypt ",),
        _re(r"\bcrypt [^\s]{1,128} (?P<v>[0-9a-f]{32,}+)(?= )"),
        _zeros,
    ),
    Rule(
        "salts, digests and volume keys in `cryptsetup luksDump`",
        ("salt:", "digest:", "dump:", "volume key:"),
        _re(
            r"^[ \t]{0,64}(?:MK )?(?:salt|digest|dump|volume key):[ \t]{0,64}"
            r"(?P<v>[0-9a-f]{2}(?:[ \t]{1,4}[0-9a-f]{2}){3,}[ \t]{0,8}"
            r"(?:\n[ \t]{1,64}[0-9a-f]{2}(?:[ \t]{1,4}[0-9a-f]{2})*[ \t]{0,8}(?=\n|\Z))*)"
        ),
    ),
    Rule(
        "salts and digests in LUKS 2 metadata",
        ("keyslots",),
        re.compile(r"\"(?:salt|digest)\"\s{0,64}:\s{0,64}\"(?P<v>[A-Za-z0-9+/=\\]++)"),
        _zeros,
    ),
    Rule(
        "WireGuard keys printed by `wg`",
        ("=",),
        re.compile(r"(?<![A-Za-z0-9+/])(?P<v>[A-Za-z0-9+/]{43}=)"),
        where=re.compile(r"^wg\b"),
    ),
    Rule(
        'keys of name servers: `secret "…";`',
        ("secret ",),
        _re(r"\bsecret[ \t]{1,64}\"(?P<v>[^\"\n]++)"),
    ),
    Rule(
        "passwords in netrc files and in the arguments of sshpass and `virsh secret-set-value`",
        ("machine ", "sshpass", "secret-set-value"),
        _re(
            r"(?:\bmachine[ \t]{1,8}\S{1,256}\s{1,64}login\s{1,64}\S{1,256}\s{1,64}password[ \t]{1,64}"
            r"|\bsshpass[ \t\0]{1,4}-p[ \t\0]?"
            r"|\bsecret-set-value[ \t\0]{1,4}\S{1,64}[ \t\0]{1,4}(?:--base64[ \t\0])?)(?P<v>[^\s\0]++)"
        ),
    ),
    Rule(
        "SNMP communities other than `public` and `private`",
        ("community",),
        _re(r"^[ \t]{0,64}r[ow]community6?[ \t]{1,64}(?!public\b|private\b)(?P<v>[^\s\"]++)"),
    ),
    Rule(
        "private keys in PuTTY's format",
        ("private-lines:",),
        _re(r"^Private-Lines: \d{1,6}\n(?P<v>(?:[A-Za-z0-9+/=]++(?:\n|\Z))+)"),
    ),
)
