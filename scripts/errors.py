"""The one exception that a person's mistake or a missing precondition ends in."""


class UserError(Exception):
    """Something a person can mend.

    The message is one line: what is wrong, and what to do next. Tasks print it without a
    traceback and exit with 1; SCONES_DEBUG=1 shows it.
    """
