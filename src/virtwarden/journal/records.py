"""What a journal says, a record a line: each is on disk before what it announces is done.

Images are sealed, so that no secret of the host stands in a journal.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from virtwarden.edits import Edit
from virtwarden.model import Activation, Document


class Begun(Struct, frozen=True, tag=True):
    """A transaction begins. `confirm` is how many seconds there are to confirm it, None if it needs none; `of` the
    transaction whose forced roll-back this one can take back."""

    id: str
    at: datetime
    version: str
    host: str
    root: str
    who: str
    process: int
    controls: tuple[str, ...] = ()
    confirm: float | None = None
    of: str = ""


class Writing(Struct, frozen=True, tag=True):
    """A document is about to be written; the images are sealed."""

    step: int
    document: Document
    before: str
    after: str
    edits: tuple[Edit, ...] = ()
    controls: tuple[str, ...] = ()


class Written(Struct, frozen=True, tag=True):
    """It was written; `stored` is the sealed image that it had then."""

    step: int
    stored: str


class Touched(Struct, frozen=True):
    """A document that an activation changes, with the sealed image from before."""

    document: Document
    before: str


class Activating(Struct, frozen=True, tag=True):
    """A running system is about to be told of what was written."""

    step: int
    activation: Activation
    touched: tuple[Touched, ...] = ()


class Activated(Struct, frozen=True, tag=True):
    """It was told; `stored` are the sealed images of what was touched."""

    step: int
    stored: tuple[str, ...] = ()


class Applied(Struct, frozen=True, tag=True):
    """Everything is done and was judged. `until` is the time since boot, in seconds, until which a confirmation is
    waited for, in the boot that `boot` names; None where none is needed."""

    at: datetime
    until: float | None = None
    boot: str = ""


class Confirmed(Struct, frozen=True, tag=True):
    """A person has confirmed it."""

    at: datetime


class Undoing(Struct, frozen=True, tag=True):
    """It is about to be taken back."""

    at: datetime
    why: str
    forced: bool = False


class Undone(Struct, frozen=True, tag=True):
    """A step was taken back, or had left no trace."""

    step: int


class RolledBack(Struct, frozen=True, tag=True):
    """All of it was taken back; what could not be made to run again is told in `warnings`."""

    at: datetime
    warnings: tuple[str, ...] = ()


Record = Begun | Writing | Written | Activating | Activated | Applied | Confirmed | Undoing | Undone | RolledBack
