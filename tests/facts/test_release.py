"""Which release of which distribution the host runs, and until when it gets security updates."""

from datetime import date

import pytest

from tests.kit import made, refusing
from virtwarden.facts.release import Release
from virtwarden.host import Unknown

ALMA = """NAME="AlmaLinux"
VERSION="9.4 (Seafoam Ocelot)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.4"
PRETTY_NAME="AlmaLinux 9.4 (Seafoam Ocelot)"
"""
STREAM = 'NAME="CentOS Stream"\nVERSION="9"\nID="centos"\nVERSION_ID="9"\nPRETTY_NAME="CentOS Stream 9"\n'
SLES = 'NAME="SLES"\nVERSION_ID="15.5"\nPRETTY_NAME="SUSE Linux Enterprise Server 15 SP5"\nID="sles"\n'


def release(text: str, path: str = "/etc/os-release") -> Release:
    return made(files={path: text}).get(Release)


@pytest.mark.parametrize(
    ("text", "id_", "version", "ends"),
    [
        (ALMA, "almalinux", "9.4", date(2032, 5, 31)),
        (STREAM, "centos-stream", "9", date(2027, 5, 31)),
        (SLES, "sles", "15.5", date(2024, 12, 31)),
        ('ID=ubuntu\nVERSION_ID="22.04"\n', "ubuntu", "22.04", date(2027, 4, 30)),
        ('ID=ubuntu\nVERSION_ID="12.04"\n', "ubuntu", "12.04", date(2019, 4, 25)),
        ('ID="sles"\nVERSION_ID="15.9"\n', "sles", "15.9", None),
        ("ID=fedora\nVERSION_ID=60\n", "fedora", "60", None),
        ("ID=debian\nNAME='Debian'\n", "debian", "", None),
        ('ID=arch\nVERSION_ID="rolling"\n', "arch", "rolling", None),
        ('#x\nID=opensuse-leap\nVERSION_ID="15.6"\n', "opensuse-leap", "15.6", date(2026, 4, 30)),
    ],
)
def test_os_release_tells(text: str, id_: str, version: str, ends: date | None) -> None:
    found = release(text)
    assert (found.id, found.version, found.ends) == (id_, version, ends)


@pytest.mark.parametrize(
    ("path", "text", "id_", "version"),
    [
        ("/etc/redhat-release", "Red Hat Enterprise Linux Server release 6.2 (Santiago)\n", "rhel", "6.2"),
        ("/etc/centos-release", "CentOS release 6.10 (Final)\n", "centos", "6.10"),
        (
            "/etc/SuSE-release",
            "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 1\n",
            "sles",
            "11.1",
        ),
        ("/etc/redhat-release", "Something else\n", "linux", ""),
    ],
)
def test_the_files_that_came_before_it_tell(path: str, text: str, id_: str, version: str) -> None:
    found = release(text, path)
    assert (found.id, found.version, found.evidence.line) == (id_, version, 1)


def test_sles_11_has_ended() -> None:
    old = release("SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n", "/etc/SuSE-release")
    assert old.ends == date(2019, 3, 31)


def test_values_with_open_quotes_or_none_do_no_harm() -> None:
    found = release("ID=\nNAME=\"Odd\nVERSION_ID='7\n")
    assert (found.version, found.name, found.ends) == ("'7", '"Odd', None)


def test_no_file_and_a_refused_one_are_unknown() -> None:
    for host in (made(), refusing()):
        with pytest.raises(Unknown):
            host.get(Release)
