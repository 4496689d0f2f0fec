"""What a person may read when an action is refused."""

from __future__ import annotations

from collections.abc import Sequence

from changes.problems import Problem


class ChangeError(Exception):
    """Base of all refusals; the text is for the person who acted."""


class TicketStateError(ChangeError):
    """Somebody else moved the ticket first, or it is not in a state for this."""


class PermissionRefusedError(ChangeError):
    """This person may not do this to this ticket; the text says why."""


class StalePageError(ChangeError):
    """The page that was acted on showed other content than the ticket has now."""


class AlreadySavedError(ChangeError):
    """The same form was sent before; `ticket_id` is what it made."""

    def __init__(self, ticket_id: int) -> None:
        self.ticket_id = ticket_id
        super().__init__("The ticket was saved already; this is it.")


class CheckFailedError(ChangeError):
    """The check found errors; `problems` has all findings."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = [str(problem) for problem in problems if problem.severity == "error"]
        super().__init__(" ".join(errors))


class NotSentError(ChangeError):
    """A statement that was approved may not be sent as things are now; the text is for people."""


class UnheardError(Exception):
    """A server's answer did not reach us. What became of the statement is decided by evidence, not by this."""
