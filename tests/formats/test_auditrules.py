"""The audit rules language, its fields held against libaudit where it is installed."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import AUDIT, AUDIT_LISTING
from virtwarden.formats import Malformed, auditfields, auditrules
from virtwarden.formats.auditfields import Field
from virtwarden.formats.auditrules import Broken, Control, Rule


def one(text: str) -> Rule:
    """The rule of a text that has just one and nothing else."""
    read = auditrules.parse(text)
    assert read.broken == ()
    (rule,) = read.rules
    return rule


def listed(text: str) -> Rule:
    read = auditrules.listing(text)
    assert read.broken == ()
    (rule,) = read.rules
    return rule


def test_a_file_is_sorted_into_rules_and_control_lines() -> None:
    read = auditrules.parse(AUDIT)
    assert read.broken == ()
    assert [(control.option, control.value, control.line) for control in read.controls] == [
        ("-D", "", 2), ("-b", "8192", 3), ("--backlog_wait_time", "60000", 4), ("-e", "2", 9),
    ]  # fmt: skip
    assert [(rule.action, rule.list, rule.line) for rule in read.rules] == [
        ("always", "exit", 5), ("always", "exit", 6), ("never", "exit", 7), ("always", "exit", 8),
    ]  # fmt: skip
    assert read.control("-e") == Control("-e", "2", 9)
    assert read.control("-f") is None


def test_a_watch() -> None:
    rule = one("-w /etc/libvirt/ -p wa -k virt_libvirt_cfg\n")
    assert rule.is_watch
    assert rule.target == "/etc/libvirt"
    assert rule.get("perm") == "wa"
    assert rule.keys == ("virt_libvirt_cfg",)
    assert rule.syscalls == ("all",)
    assert one("-w /x\n").get("perm") == "rwxa"


def test_a_system_call_rule() -> None:
    rule = one(
        "-A exit,always -F arch=b64 -S openat,open -S 2 -F auid>=1000 -F auid!=-1 -C uid!=euid -F key=a -k b\n"
    )
    assert rule.verb == "prepend"
    assert not rule.is_watch
    assert rule.target is None
    assert rule.syscalls == ("2", "open", "openat")
    assert rule.get("arch") == "b64"
    assert rule.all_of("auid") == (Field("auid", "!=", "unset"), Field("auid", ">=", "1000"))
    assert Field("euid", "!=", "uid", compares=True) in rule.fields
    assert rule.keys == ("a", "b")
    assert {str(field) for field in rule.fields} >= {"-F arch=b64", "-C euid!=uid", "-F auid!=unset"}


WRITES = "open,bind,truncate,ftruncate,mkdir,creat,link,unlink,chmod,fchmod,chown,fchown,setxattr,openat,mkdirat"
WRITES += ",fchownat,unlinkat,renameat,fchmodat,renameat2,openat2,fchmodat2,467"


@pytest.mark.parametrize(
    ("file", "loaded"),
    [
        ("-w /etc/libvirt -p aw -k K", "-w /etc/libvirt/ -p wa -k K"),
        ("-w /etc/libvirt/ -p wa -k K", "-w /etc/libvirt -p wa -k K"),
        ("-a always,exit -F dir=/etc/libvirt/ -F perm=aw -F key=K", "-w /etc/libvirt/ -p wa -k K"),
        ("-a always,exit -F path=/etc/x -F perm=r -k K", "-w /etc/x -p r -k K"),
        ("-a always,exit -S all -F path=/etc/x -F perm=r -k K", "-w /etc/x -p r -k K"),
        ("-w /etc/x -k K", "-w /etc/x -p rwxa -k K"),
        ("-a exit,always -F arch=b64 -S b,a -F auid!=4294967295 -k K",
         "-a always,exit -F arch=b64 -S a,b -F auid!=-1 -F key=K"),
        ("-a always,exit -F arch=x86_64 -S open -F loginuid!=unset",
         "-a always,exit -F arch=b64 -S open -F auid!=unset"),
        ("-a always,exit -F arch=b64 -F dir=/run/libvirt/ -F perm=aw -F auid!=-1 -k K",
         "-a always,exit -F arch=b64 -S all -F dir=/run/libvirt -F perm=wa -F auid!=-1 -F key=K"),
        ("-a always,exit -F arch=b64 -S open -F exit=-13", "-a always,exit -F arch=b64 -S open -F exit=-EACCES"),
        ("-a always,exit -F arch=b64 -S open -F exit=EACCES", "-a always,exit -F arch=b64 -S open -F exit=13"),
        ("-a always,exit -F arch=b64 -S open -F a1&=0100", "-a always,exit -F arch=b64 -S open -F a1&=0x40"),
        ("-a always,exit -F arch=b64 -S chmod -F auid=root", "-a always,exit -F arch=b64 -S chmod -F auid=0"),
        ("-a always,exit -F arch=b64 -S open -C obj_uid!=auid",
         "-a always,exit -F arch=b64 -S open -C auid!=obj_uid"),
        ("-a always,exit -F arch=b64 -S open -F sessionid=4294967295",
         "-a always,exit -F arch=b64 -S open -F sessionid=unset"),
        ("-a never,task", "-a never,task"),
        ("-a always,exclude -F msgtype=CWD", "-a always,exclude -F msgtype=CWD"),
        ("-a always,exit -F perm=x -F path=/bin/x -F auid!=unset -k two -k keys",
         "-a always,exit -S all -F path=/bin/x -F perm=x -F auid!=-1 -F key=two -F key=keys"),
        ("-a exit,always -F arch=b64 -S settimeofday -S adjtimex -F auid>=500 -k time",
         "LIST_RULES: exit,always arch=3221225534 (0xc000003e) auid>=500 (0x1f4) key=time"
         " syscall=adjtimex,settimeofday"),
        ("-a always,exit -F arch=b64 -F path=/bin/x -F perm=x -k K",
         "-a always,exit -F arch=b64 -S execve,execveat -F path=/bin/x -F perm=x -F key=K"),
        ("-a always,exit -F arch=b64 -F dir=/etc -F perm=wa -k K",
         f"-a always,exit -F arch=b64 -S {WRITES} -F dir=/etc -F perm=wa -F key=K"),
        ("-w /etc -p wa", f"-a always,exit -S {WRITES} -F dir=/etc -F perm=wa"),
        ("-w /etc/group -p wa -k identity", "LIST_RULES: exit,always watch=/etc/group perm=wa key=identity"),
        ("-w /etc/sudoers.d/ -p wa -k s", "LIST_RULES: exit,always dir=/etc/sudoers.d (0xe) perm=wa key=s"),
    ],
)  # fmt: skip
def test_a_rule_on_disk_is_the_rule_that_auditctl_lists(file: str, loaded: str) -> None:
    assert one(file) == listed(loaded)
    assert len({one(file), listed(loaded)}) == 1


@pytest.mark.parametrize(
    ("one_rule", "other"),
    [
        ("-w /etc/x -p wa -k a", "-w /etc/x -p wa -k b"),
        ("-w /etc/x -p wa -k a", "-w /etc/x -p w -k a"),
        ("-w /etc/x -p wa -k a", "-w /etc/y -p wa -k a"),
        ("-w /etc/x -p wa -k a", "-a always,exit -F arch=b64 -F path=/etc/x -F perm=wa -k a"),
        ("-a always,exit -F arch=b64 -F path=/x -F perm=w", "-a always,exit -F arch=b64 -F dir=/x -F perm=w"),
        ("-a always,exit -F arch=b64 -S open", "-a always,exit -F arch=b32 -S open"),
        ("-w /x -p wa", "-a always,exit -S openat -F path=/x -F perm=wa"),
        ("-w /x -p w", f"-a always,exit -S {WRITES} -F path=/x -F perm=w"),
        ("-a always,exit -F arch=b64 -S open", "-a always,exit -F arch=b64 -S openat"),
        ("-a always,exit -F arch=b64 -S open -F auid=0", "-a always,exit -F arch=b64 -S open -F auid!=0"),
        ("-a always,exit -F arch=b64 -S open", "-a never,exit -F arch=b64 -S open"),
    ],
)
def test_rules_that_ask_for_different_things_differ(one_rule: str, other: str) -> None:
    assert one(one_rule) != one(other)


@pytest.mark.parametrize(
    "line",
    [
        "a exit,always -F arch=b32 -S open",
        "-a always -S open",
        "-a exit,possible -S open",
        "-a entry,always -S open",
        "-a always,exit,never",
        "-a always,exit -S",
        "-a always,exit -S open -F arch=b64",
        "-a always,exit -F arch=b64 -S open extra",
        "-a always,exit -F nonsense=1",
        "-a always,exit -F auid",
        "-a always,exit -F auid>=",
        "-a always,exit -F perm=q -F path=/x",
        "-a always,exit -F perm!=w -F path=/x",
        "-a always,exit -F path=x",
        "-a always,exit -F path=/x/ -F perm=w",
        "-a always,exit -F path>=/x",
        "-a always,exit -F exit=-ENOSUCH",
        "-a always,exit -F success=yes",
        "-a always,exit -F subj_type>=virt_t",
        "-a always,exit -F uid&=1",
        "-a always,exit -F exit&1",
        "-a always,exit -C uid>obj_uid",
        "-a always,exit -C uid=gid",
        "-a always,exit -C uid=uid",
        "-a always,exit -C pid=uid",
        "-a always,exit -F arch=b64 -F auid=1000 -k early",
        "-a always,exit -F path=/x -k",
        "-a always,task -S open",
        "-a always,exclude -F path=/x",
        "-a always,exit -a never,exit",
        "-a always,exit -w /x",
        "-F arch=b64 -a always,exit",
        "-w etc/x -p wa",
        "-w /x -p",
        "-w /x -p rwxaz",
        "-w /x -p rwxar",
        "-w /x -S open",
        "-w /x -D",
        "-k key",
        "-S open",
        "-e 3",
        "-b many",
        "-f",
        "-z",
        "-R other.rules",
        "--backlog_wait_time",
        "--nonsense",
        "--loginuid-immutable=1",
        "-",
        "-w /x -p wa\r",
        "\t-w /x -p wa",
        "-w /x\t-p wa -k k",
        "-a always,exit" + " -F auid=1" * 65,
        "-w /x -k " + "k" * 257,
    ],
)
def test_what_auditctl_or_the_kernel_refuses_is_broken_and_the_rest_is_kept(line: str) -> None:
    read = auditrules.parse(f"-w /before -p wa\n{line}\n-w /after -p wa\n")
    assert [rule.target for rule in read.rules] == ["/before", "/after"]
    (broken,) = read.broken
    assert (broken.line, broken.text) == (2, line)
    assert broken.reason
    assert read.controls == ()


@pytest.mark.parametrize(
    ("line", "controls"),
    [
        ("-D", [("-D", "")]),
        ("-D -k key", [("-D", "key")]),
        ("-Dib 8192", [("-D", ""), ("-i", ""), ("-b", "8192")]),
        ("-b8192", [("-b", "8192")]),
        ("-c", [("-c", "")]),
        ("--loginuid-immutable", [("--loginuid-immutable", "")]),
        ("--backlog_wait_time=60000", [("--backlog_wait_time", "60000")]),
        ("-r 0", [("-r", "0")]),
        ("  -f   1  ", [("-f", "1")]),
        ("# -e 2", []),
        ("", []),
    ],
)
def test_control_lines(line: str, controls: list[tuple[str, str]]) -> None:
    read = auditrules.parse(line)
    assert [(control.option, control.value) for control in read.controls] == controls
    assert read.broken == ()


def test_a_blank_or_a_backslash_in_a_path_is_written_with_a_backslash() -> None:
    assert one(r"-w /a\ b\\c -p wa").target == r"/a b\c"


def test_options_may_stick_to_their_values_and_deletions_say_so() -> None:
    assert one("-w/etc/x -pwa -kK") == one("-w /etc/x -p wa -k K")
    assert one("-W /etc/x -p wa").verb == "delete"
    assert one("-d never,exit -F dir=/x").verb == "delete"


def test_a_listing() -> None:
    read = auditrules.listing(AUDIT_LISTING)
    assert len(read.rules) == 4
    assert read.broken == ()
    assert auditrules.listing("No rules\n") == auditrules.Rules((), (), ())
    assert isinstance(auditrules.listing("Error: no permission\n").broken[0], Broken)


FIELDS = st.lists(
    st.sampled_from(
        [
            "-F auid>=1000",
            "-F auid!=unset",
            "-F perm=wa",
            "-F dir=/etc",
            "-F uid=0",
            "-F exit=-EPERM",
            "-C uid!=euid",
        ]
    ),
    unique=True,
)


@given(fields=FIELDS, data=st.data())
def test_the_order_of_conditions_and_system_calls_is_no_matter(fields: list[str], data: st.DataObject) -> None:
    other = data.draw(st.permutations(fields))
    calls = data.draw(st.permutations(["open", "creat", "truncate"]))
    first = one(f"-a always,exit -F arch=b64 -S open,creat,truncate {' '.join(fields)}")
    assert first == one(f"-a exit,always -F arch=b64 -S {' -S '.join(calls)} {' '.join(other)}")


class _RuleData(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint32),
        ("action", ctypes.c_uint32),
        ("field_count", ctypes.c_uint32),
        ("mask", ctypes.c_uint32 * 64),
        ("fields", ctypes.c_uint32 * 64),
        ("values", ctypes.c_uint32 * 64),
        ("fieldflags", ctypes.c_uint32 * 64),
        ("buflen", ctypes.c_uint32),
    )


EXIT = 4
Told = tuple[int, int, int, bytes]
Libaudit = Callable[[str], Told | None]


@pytest.fixture(scope="module")
def libaudit() -> Libaudit:
    """What libaudit makes of a field: its numbers and its text; None where it refuses. Nothing is loaded."""
    try:
        library = ctypes.CDLL("libaudit.so.1")
        create, free, add = (
            library.audit_rule_create_data, library.audit_rule_free_data, library.audit_rule_fieldpair_data,
        )  # fmt: skip
    except (OSError, AttributeError) as missing:
        pytest.skip(f"libaudit cannot be called: {missing}")
    create.restype = ctypes.POINTER(_RuleData)
    free.argtypes = [ctypes.POINTER(_RuleData)]
    add.argtypes = [ctypes.POINTER(ctypes.POINTER(_RuleData)), ctypes.c_char_p, ctypes.c_int]
    library.set_aumessage_mode(0, 0)

    def ask(text: str) -> Told | None:
        rule = create()
        try:
            if add(ctypes.byref(rule), text.encode(), EXIT):
                return None
            made = rule.contents
            at = ctypes.addressof(made) + ctypes.sizeof(_RuleData)
            return made.fields[0], made.fieldflags[0], made.values[0], ctypes.string_at(at, made.buflen)
        finally:
            free(rule)

    return ask


def _ours(text: str) -> Field | None:
    try:
        return auditfields.field(text, "exit")
    except Malformed:
        return None


NAMES = ["auid", "loginuid", "uid", "euid", "gid", "obj_uid", "obj_gid", "exit", "success", "perm", "subj_type"]
NAMES += ["a0", "a3", "pid", "ppid", "inode", "devmajor", "obj_type", "subj_role", "nonsense"]
VALUES = [
    "0",
    "1",
    "13",
    "-1",
    "-13",
    "010",
    "0x10",
    "0X1F",
    "4294967295",
    "4294967283",
    "unset",
    "root",
    "EACCES",
]
VALUES += [
    "-EACCES",
    "-EAGAIN",
    "-EWOULDBLOCK",
    "wa",
    "aw",
    "WA",
    "rwxa",
    "rwxar",
    "q",
    "",
    "12abc",
    "svirt_t",
    "yes",
]
ACCOUNT_BY_NAME = re.compile(r"[a-z_]*gid[^a-zA-Z]+(?!root)[a-zA-Z]|[a-z_]*uid[^a-zA-Z]+(?!root|unset)[a-zA-Z]")
REFUSED_BY_THE_KERNEL = re.compile(r"(?!a[0-3])\w+&|(subj|obj)_(type|role)[<>]")
TEXTS = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(["=", "!=", ">", "<", ">=", "<=", "&", "&=", ""]),
    st.sampled_from(VALUES),
).map("".join)


@settings(max_examples=400)
@given(first=TEXTS, second=TEXTS)
def test_libaudit_takes_the_same_fields_and_finds_the_same_ones_equal(
    libaudit: Libaudit, first: str, second: str
) -> None:
    for text in (first, second):
        assume(not ACCOUNT_BY_NAME.match(text) and not REFUSED_BY_THE_KERNEL.match(text))
        assert (_ours(text) is None) == (libaudit(text) is None), text
    if _ours(first) is not None and _ours(second) is not None:
        assert (_ours(first) == _ours(second)) == (libaudit(first) == libaudit(second))


@pytest.mark.parametrize("arch", ["b64", "b32", "x86_64", "i386", "i686", "nonsense", "3221225534"])
def test_libaudit_takes_the_same_machines(libaudit: Libaudit, arch: str) -> None:
    if libaudit("arch=x86_64") is None:
        pytest.skip("libaudit knows b64 by the machine it runs on, and this one is another")
    told, ours = libaudit(f"arch={arch}"), _ours(f"arch={arch}")
    assert (told is None) == (ours is None)
    if told is not None and ours is not None:
        assert ours.value == ("b64" if told[2] & 0x80000000 else "b32")
