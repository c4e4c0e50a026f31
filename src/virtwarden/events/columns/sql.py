"""Records, sessions and events asked in SQL. A question can read these and nothing else, and can write nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtwarden import events
from virtwarden.complaint import Complaint
from virtwarden.events.columns.extra import needed
from virtwarden.events.columns.frames import events_to_parquet, sessions_to_parquet
from virtwarden.events.columns.store import files_in
from virtwarden.events.columns.views import MACROS, quoted, records_view
from virtwarden.events.logs import STDIN, Log, LogError
from virtwarden.events.model import Skipped

if TYPE_CHECKING:
    import duckdb

_AT_ONCE = 2048


class Answer:
    """The rows that answer a question, with the names of their columns."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.columns = [str(column[0]) for column in connection.description or ()]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows, some at a time. Raises `Complaint`."""
        while lot := _asked(lambda: self._connection.fetchmany(_AT_ONCE)):
            yield from lot


class Asked:
    """A place to ask in, about an import folder or log files."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, out: Path | None) -> None:
        self._connection = connection
        self._out = out

    def answer(self, question: str) -> Answer:
        """The answer to one SELECT. Raises `Complaint`."""
        self._require_select(question)
        _asked(lambda: self._connection.execute(question))
        return Answer(self._connection)

    def write(self, question: str) -> None:
        """The answer into the Parquet file that was named at the beginning. Raises `Complaint`."""
        self._require_select(question)
        assert self._out is not None
        bare = question.strip().rstrip(";")
        form = "FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false"
        _asked(lambda: self._connection.execute(f"COPY ({bare}\n) TO {quoted(self._out)} ({form})"))

    def _require_select(self, question: str) -> None:
        duckdb = needed("duckdb")
        statements = _asked(lambda: self._connection.extract_statements(question))
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise Complaint("only one SELECT can be asked: audit sql reads and changes nothing")


@contextmanager
def asking_folder(folder: Path, question: str, skipped: Skipped, out: Path | None = None) -> Iterator[Asked]:
    """Ask about what was imported into a folder. `out` is the one file that may be written. Raises `Complaint`."""
    _require_extra()
    files = files_in(folder)
    with ExitStack() as stack:
        derived = _derived(question, lambda: stack.enter_context(_lines(folder)), skipped, stack)
        yield _place(files, derived, out)


@contextmanager
def asking_logs(paths: Sequence[str], question: str, skipped: Skipped, out: Path | None = None) -> Iterator[Asked]:
    """Ask about log files. Records are imported into a folder that is removed afterwards. Raises `Complaint`."""
    _require_extra()
    with ExitStack() as stack:
        files: list[Path] = []
        paths = [_spooled(stack) if path == STDIN else path for path in paths]
        if _speaks_of("records", question):
            from virtwarden.events.columns.importing import import_logs  # noqa: PLC0415  # needs polars

            folder = _private_folder(stack)
            told = import_logs(folder, paths, skipped)
            skipped.torn += len(told.waiting) + len(told.unended)
            files = files_in(folder)
        derived = _derived(question, lambda: paths, skipped, stack)
        yield _place(files, derived, out)


def _require_extra() -> None:
    for package in ("duckdb", "polars"):
        needed(package)


def _spooled(stack: ExitStack) -> str:
    """Standard input as a file that can be read more than once."""
    path = _private_folder(stack) / "audit.log"
    source = Log(STDIN).open()
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    except OSError as refused:
        raise LogError(f"standard input cannot be read into {path.parent}: {refused.strerror}") from None
    return str(path)


def _private_folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="virt-warden-")))


@contextmanager
def _lines(folder: Path) -> Iterator[Sequence[str]]:
    from virtwarden.events.columns.lines import as_log  # noqa: PLC0415  # needs polars

    with as_log(folder) as path:
        yield [path]


def _derived(
    question: str, paths: Callable[[], Sequence[str]], skipped: Skipped, stack: ExitStack
) -> dict[str, Path]:
    """Sessions and events, so far as the question speaks of them."""
    made: dict[str, Path] = {}
    for name in ("sessions", "events"):
        if not _speaks_of(name, question):
            continue
        made[name] = _private_folder(stack) / f"{name}.parquet"
        if name == "sessions":
            sessions_to_parquet(events.sessions(paths(), skipped), str(made[name]))
        else:
            events_to_parquet(events.events(paths(), skipped), str(made[name]))
    return made


def _speaks_of(name: str, question: str) -> bool:
    return re.search(rf"\b{name}\b", question, re.IGNORECASE) is not None


def _place(files: Sequence[Path], derived: dict[str, Path], out: Path | None) -> Asked:
    duckdb = needed("duckdb")
    connection = duckdb.connect(":memory:")
    run = connection.execute
    run("SET TimeZone = 'UTC'")
    for macro in MACROS:
        run(macro)
    run(records_view(files))
    for name, path in derived.items():
        run(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({quoted(path)})")  # noqa: S608  # our own path
    allowed = [str(path) for path in (*files, *derived.values(), *([out] if out else []))]
    run(f"SET allowed_paths = [{', '.join(map(quoted, allowed))}]")
    for setting in (
        "temp_directory = ''",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        run(f"SET {setting}")
    return Asked(connection, out)


def _asked(ask: Callable[[], Any]) -> Any:
    duckdb = needed("duckdb")
    try:
        return ask()
    except duckdb.Error as wrong:
        said = next((line for line in str(wrong).splitlines() if line.strip()), "it was refused")
        raise Complaint(f"the SQL cannot be answered: {said}") from None
