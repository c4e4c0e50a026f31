"""Whether each certificate should have its key beside it; by itself, so that a command's help imports nothing heavy."""

from enum import Enum, auto


class KeysBeside(Enum):
    """A key beside each certificate is expected, or it is no fault where none can be seen."""

    EXPECTED = auto()
    OPTIONAL = auto()
