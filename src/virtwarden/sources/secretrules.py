"""Secrets that can be told by their looks: one table, each kind in words and as a pattern.

The named group `v` of a pattern is what is blanked. No pattern runs through the same text from many starts, and
what it ran through it does not give back, so that a hostile text costs time in proportion to its size.
"""

from __future__ import annotations

import re

from virtwarden.sources.commandrules import RULES as OF_COMMANDS
from virtwarden.sources.secretrule import Match, Rule, done, empty, pattern

_ENDS_OPTION = re.compile(r"[\s\0\"'<>]")
_SECRET_OBJECT = re.compile(
    r"qom-type\W{1,12}\s{0,8}\W{0,12}(?:quot;)?secret|quot;qom-type&quot;\s?:\s?&quot;secret"
)


def _locked(match: Match) -> bool:
    """Whether a password's field holds none: locked, kept elsewhere, or already blank."""
    return done(match) or re.fullmatch(r"[!*x]{0,4}|\*LK\*|\*NP\*", match["v"]) is not None


def _zeros(match: Match) -> bool:
    return not match["v"].strip("0A=")


def _not_of_secret_object(match: Match) -> bool:
    """Whether `data=` belongs to another option than a secret object of QEMU."""
    if done(match):
        return True
    before = _ENDS_OPTION.split(match.string[max(match.start() - 4096, 0) : match.start()])[-1]
    after = _ENDS_OPTION.split(match.string[match.end() : match.end() + 4096], 1)[0]
    return "secret" not in before and "qom-type=secret" not in after


def _not_of_secret_json(match: Match) -> bool:
    """Whether `"data"` belongs to another object than one whose `qom-type` is secret."""
    text = match.string
    start = text.rfind("{", max(match.start() - 4096, 0), match.start())
    end = text.find("}", match.end(), match.end() + 4096)
    around = text[max(start, match.start() - 4096, 0) : end if end >= 0 else match.end() + 4096]
    return _SECRET_OBJECT.search(around) is None or done(match)


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
        pattern(r"\{(?:S?SHA\d{0,3}|S?MD5|CRYPT|PBKDF2[\w-]{0,16})\}(?P<v>[A-Za-z0-9+/=.$]{8,}+)"),
    ),
    Rule(
        "GRUB 2 password hashes; the algorithm and the iterations stay",
        ("grub.pbkdf2.",),
        pattern(r"grub\.pbkdf2\.\w{1,16}\.\d{1,12}\.(?P<v>[0-9a-f.]++)"),
    ),
    Rule(
        "hashes in shadow files; the marks of a locked account stay",
        (":",),
        pattern(r"^[^:\s]{1,256}:!{0,2}(?P<v>[^:\n]++)(?=:(?:-?\d{0,12}:){5,6}\d{0,12}\r?$)"),
        _locked,
        re.compile("shadow|passwd|getent"),
    ),
    Rule(
        "hashes in passwd files",
        (":",),
        pattern(r"^[^:\s]{1,256}:!{0,2}(?P<v>[^:\n]++)(?=(?::\d{1,12}){2}(?::[^:\n]*+){3}$)"),
        _locked,
        re.compile("passwd|getent"),
    ),
    Rule(
        "hashes in shadow, gshadow and web server password files",
        (":",),
        pattern(r"^[ \t]{0,16}[^:\s]{1,256}:!{0,2}(?P<v>[^:\n]++)(?=:|$)"),
        _locked,
        re.compile(r"/g?shadow-?\Z|htpasswd|htdigest|getent g?shadow"),
    ),
    Rule(
        "what guests are handed at boot: `name=opt/…,string=…`, `<entry name='opt/…'>`, systemd credentials",
        ("string=", "name='opt/", 'name="opt/', "io.systemd.credential"),
        pattern(
            r"(?:\bopt/[^,\s\0'\"<>]{1,256},string=|<entry name=['\"]opt/[^'\"<>]{1,256}['\"]>"
            r"|\bio\.systemd\.credential(?:\.binary)?:[\w.-]{1,256}=)(?P<v>(?:,,|[^'\"<>\0\n,])+)"
        ),
    ),
    Rule(
        "the text of XML elements named password, passwd, passphrase, secret, token, api key or cookie",
        ("passwd>", "password>", "passphrase>", "pass>", "secret>", "token>", "key>", "cookie>"),
        pattern(
            r"<(?P<k>(?:[\w.-]{1,32}:)?(?:[\w-]{0,32}passw(?:or)?d|passphrase|\w{0,32}_pass|adminpass|[\w-]{0,32}secret"
            r"|[\w-]{0,32}token|\w{0,32}(?:api|private)[-_]?key|cookie))(?:\s[^<>]*+)?>"
            r"(?P<v>(?:[^<]++|<!\[CDATA\[(?:(?!\]\]>)[^\0]){0,1024}\]\]>)+)</(?P=k)>"
        ),
        empty,
    ),
    Rule(
        "the accounts and passwords of cloud-init's `chpasswd` list",
        ("chpasswd:",),
        pattern(
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
        pattern(
            r"\b(?:(?:Proxy-)?Authorization|(?:Set-)?Cookie|X-Auth-Token)[ \t]{0,8}[:=][ \t]{0,8}"
            r"(?P<v>[^\s\"'\0][^\"'\n\0]*+)"
        ),
    ),
    Rule(
        "bearer tokens",
        ("bearer ",),
        pattern(r"\bBearer[ \t]{1,8}(?P<v>[\w.~+/=-]{8,}+)"),
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
        pattern(r"\bcrypt [^\s]{1,128} (?P<v>[0-9a-f]{32,}+)(?= )"),
        _zeros,
    ),
    Rule(
        "salts, digests and volume keys in `cryptsetup luksDump`",
        ("salt:", "digest:", "dump:", "volume key:"),
        pattern(
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
        pattern(r"\bsecret[ \t]{1,64}\"(?P<v>[^\"\n]++)"),
    ),
    Rule(
        "passwords in netrc files",
        ("machine ",),
        pattern(
            r"\bmachine[ \t]{1,8}\S{1,256}\s{1,64}login\s{1,64}\S{1,256}\s{1,64}password[ \t]{1,64}"
            r"(?P<v>[^\s\0]++)"
        ),
    ),
    Rule(
        "the numbers of a private key that certtool and openssl print in words before it",
        ("exponent", "prime", "priv:", "private key:"),
        pattern(
            r"^[ \t]{0,16}(?:private ?exponent|prime ?\d|exp(?:onent ?)?\d|coefficient|priv|private key):"
            r"[ \t\r]{0,8}(?P<v>(?:\n[ \t]{1,64}[0-9a-f]{2}(?::[0-9a-f]{2}){0,64}:?[ \t\r]{0,8}(?=\n|\Z))+)"
        ),
    ),
    Rule(
        "static keys of OpenVPN",
        ("static key",),
        pattern(
            r"^-----BEGIN OpenVPN (?:tls-crypt-v2 \w{1,16}|Static) key[^\n]{0,16}-----"
            r"(?P<v>(?:\n[0-9a-z+/=]++(?=\r?(?:\n|\Z))\r?)+)"
        ),
    ),
    Rule(
        "passwords in YAML that stand on the lines below their key",
        ("passw", "passphrase", "secret", "psk", "token"),
        pattern(
            r"^(?P<i>[ \t]{0,64}+)(?:- )?[\w.\"'-]{0,64}?(?:(?<!ch)passw(?:or)?d|passphrase|secret|psk|token)"
            r"[\"']?:[ \t]{0,8}(?P<v>(?:[|>][-+\d]{0,3}[ \t]{0,8})?(?:\n(?P=i)[ \t]++[^\n]++)+)"
        ),
        where=re.compile(r"\.ya?ml\Z|cloud|user-data"),
    ),
    Rule(
        "SNMP communities other than `public` and `private`",
        ("community",),
        pattern(r"^[ \t]{0,64}r[ow]community6?[ \t]{1,64}(?!public\b|private\b)(?P<v>[^\s\"]++)"),
    ),
    Rule(
        "private keys in PuTTY's format",
        ("private-lines:",),
        pattern(r"^Private-Lines: \d{1,6}\n(?P<v>(?:[A-Za-z0-9+/=]++(?:\n|\Z))+)"),
    ),
    *OF_COMMANDS,
)
