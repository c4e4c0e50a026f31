"""The packages that only data frames, Parquet and SQL need. Nothing else of the product imports them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from virtwarden.complaint import Complaint


def needed(package: str) -> ModuleType:
    """A package of the extra `columns`. Raises `Complaint` where it is not installed."""
    try:
        return import_module(package)
    except ImportError:
        raise Complaint(
            f"this needs the package {package}, which is not installed: pip install 'virt-warden[columns]'"
        ) from None
