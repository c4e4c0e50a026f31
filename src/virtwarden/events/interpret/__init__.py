"""Raw records as people read them: names for numbers, plain text for what is encoded, times of day for seconds.

The text is that of `ausearch --interpret`, record for record, so that whatever was made for it goes on working. Where
it loses or garbles something, this does not: https://man7.org/linux/man-pages/man8/ausearch.8.html says what is meant.

- Text behind the last field is kept, and commas within values; a quote behind a number is.
- What is no number where one is due is shown as it is, and not as user root, signal 0 or mode 000.
- Strings go on behind a NUL, which is shown as `\\000`; an odd or otherwise wrong hexadecimal string stays as it is.
- Newer numbers than `ausearch` 3.0.9 knows have names, and so have the owners that chown(2) and its kin are given;
  signal 30 is SIGPWR, and not IGPWR; a socket without a name is no broken one.
- No line ends with a space.
"""

from __future__ import annotations

from virtwarden.events.interpret.record import Interpreter

__all__ = ["Interpreter"]
