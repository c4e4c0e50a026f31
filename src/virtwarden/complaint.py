"""What every command turns into one sentence and exit code 3. Imports nothing: some commands start in milliseconds."""


class Complaint(Exception):
    """What was asked for makes no sense or cannot be had; the message is the one sentence that the user sees: what,
    where, and what to do."""
