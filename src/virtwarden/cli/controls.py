"""`virt-warden controls`: lists the controls, the profiles and the standards."""

from __future__ import annotations

from itertools import groupby

from virtwarden import profiles
from virtwarden.cli import PASSED
from virtwarden.cli.parsing import Parser, parser
from virtwarden.control import CHAPTERS
from virtwarden.controls import every_control
from virtwarden.standards import standards


def run(words: list[str]) -> int:
    """List the controls of a profile, or all."""
    name: str | None = options().parse_args(words).profile
    chosen = profiles.load(name).select(every_control()) if name else every_control()
    for chapter, members in groupby(chosen, key=lambda control: control.chapter):
        print(f"{CHAPTERS[chapter]}")
        for control in members:
            print(f"  {control.id:<38} {control.severity:<7} {control.title}")
        print()
    if name is None:
        print("Profiles")
        for profile in map(profiles.load, profiles.shipped()):
            print(f"  {profile.name:<38} {len(profile.select(every_control())):<7} {profile.title}")
        print("\nStandards")
        for standard in standards():
            print(f"  {standard.id:<38} {len(standard.requirements):<7} {standard.title}")
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("controls", "List the controls by chapter, then the profiles and the standards.")
    made.add_argument("--profile", metavar="NAME", help="only the controls that this profile selects")
    return made
