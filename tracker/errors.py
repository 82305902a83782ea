"""The errors that a user of `tracker` can meet.

Every message says what is wrong, which value, and what to do next. The command line prints
the message on one line; a `UsageError` ends it with exit code 2, any other with 1.
"""

from collections.abc import Iterable
from difflib import get_close_matches

LISTED_RANGES = 10
"""Ranges of numbers that a message lists: the seeds of an ensemble may have a gap after each."""


class TrackerError(Exception):
    """Base class of everything that `tracker` raises on purpose."""


class UsageError(TrackerError):
    """The request cannot be carried out as given: an unknown name, a value out of range."""


class NotFoundError(UsageError):
    """A named thing (ensemble, dataset, example) does not exist."""


class DatasetUnavailableError(UsageError):
    """The dataset's files are neither on disk nor downloadable from here."""


class DatasetMismatchError(TrackerError):
    """A dataset with a known name has other examples, another order or other labels."""


class DatabaseUnavailableError(UsageError):
    """No connection to the database could be made."""


class BrokerUnavailableError(UsageError):
    """No connection to the message broker could be made."""


class SchemaMismatchError(TrackerError):
    """The database is at another revision than this version of the code."""


class ServerError(TrackerError):
    """An embedded server could not be started or stopped."""


class RunLostError(TrackerError):
    """This attempt no longer owns its run: it was reaped, cancelled or claimed again."""


class ReplayError(TrackerError):
    """A repeated evaluation disagrees with what is already recorded."""


def printable(text: str) -> str:
    """`text` in one line, without anything that would steer a terminal or cannot be encoded."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in few words: `0 to 4, 7`; `none` if there are none."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    words = [f"{a}" if a == b else f"{a} to {b}" for a, b in spans[:LISTED_RANGES]]
    if len(spans) > LISTED_RANGES:
        words.append(f"... {spans[-1][1]}")
    return ", ".join(words) or "none"


def choice_error(what: str, value: object, choices: Iterable[object]) -> UsageError:
    """`UsageError` for a value that is none of `choices`, listing them."""
    return UsageError(f"unknown {what} {value!r}: {_choose(choices)}")


def close_choice_error(what: str, value: str, choices: Iterable[str]) -> UsageError:
    """The same, which first names those of `choices` that `value` is close to."""
    known = list(choices)
    words = filter(None, (suggestion(value, known), _choose(known)))
    return UsageError(f"unknown {what} {value!r}: {' '.join(words)}")


def _choose(choices: Iterable[object]) -> str:
    return f"choose one of {', '.join(map(str, choices))}"


def suggestion(value: str, choices: Iterable[str], most: int = 3) -> str:
    """`did you mean 'a', 'b'?`: at most so many of `choices`, close ones; empty if none is close.

    If nothing is spelled alike, those that `value` is the beginning of.
    """
    word, known = value.lower(), list(choices)
    close = get_close_matches(word, known, most)
    close = close or [choice for choice in known if word and choice.startswith(word)][:most]
    return f"did you mean {', '.join(map(repr, close))}?" if close else ""
