"""Logs as lines of JSON, for programs that collect them; what people read stays beside them.

An event of a run is logged with `log_event`, once its transaction is committed; everything else
(warnings, what libraries say, an exception that nobody caught) becomes a line without an event.
"""

import io
import json
import logging
import sys
import threading
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import Any

from tracker.errors import UsageError
from tracker.masking import masked

STANDARD_ERROR = "-"
HUMAN_FORMAT = "%(asctime)s %(levelname)s %(processName)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """A record as one line: time (UTC), level, event, its fields, message, origin."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; passwords of addresses are masked."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            **getattr(record, "told", {}),
            "message": record.getMessage(),
            "logger": record.name,
            "process": record.process,
        }
        if record.exc_info or record.exc_text:
            line["traceback"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        shown = {k: masked(v) if isinstance(v, str) else v for k, v in line.items()}
        return json.dumps(shown, ensure_ascii=False, default=str)


class HumanFormatter(logging.Formatter):
    """The same for people; passwords of addresses are masked."""

    def __init__(self) -> None:
        super().__init__(HUMAN_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback where there is one."""
        return masked(super().format(record))


class LinesFile(WatchedFileHandler):
    """A file that several processes add lines to, and that may be moved away meanwhile."""

    def _open(self) -> io.TextIOWrapper:
        # Unbuffered: a line is one write at the end of the file, which no other's can cut.
        raw = open(self.baseFilename, "ab", buffering=0)  # noqa: SIM115 (the handler closes it)
        return io.TextIOWrapper(raw, encoding="utf-8", write_through=True)


def log_event(
    logger: logging.Logger,
    event: str,
    run_id: int,
    message: str,
    *arguments: object,
    level: int = logging.INFO,
    **told: Any,
) -> None:
    """Log that `event` (as in `run_event`) has happened to a run.

    People are shown `message`; the line of JSON has what is `told` too. Evaluations and checkpoints
    are of level DEBUG, which people are not shown.
    """
    fields = {"event": event, "run": run_id, **told}
    logger.log(level, message, *arguments, extra={"told": fields}, stacklevel=2)


def configure(lines: str | None) -> None:
    """Send this process's log to standard error for people, and as `lines` of JSON.

    Parameters
    ----------
    lines
        A file, to which lines are added; `-` for standard error, in place of what people read;
        None: no lines of JSON.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    people, handlers = logging.StreamHandler(), list[logging.Handler]()
    people.setFormatter(HumanFormatter())
    people.setLevel(logging.INFO)
    if lines != STANDARD_ERROR:
        handlers.append(people)
    if lines is not None:
        handlers.append(people if lines == STANDARD_ERROR else _file(lines))
        handlers[-1].setFormatter(JsonFormatter())
        handlers[-1].setLevel(logging.DEBUG)
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda caught: _log_uncaught(
            caught.exc_type, caught.exc_value, caught.exc_traceback
        )
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    for name in ("tracker", "workers"):
        logging.getLogger(name).setLevel(logging.INFO if lines is None else logging.DEBUG)


def all_json() -> bool:
    """Is standard error for lines of JSON only?"""
    return any(
        type(handler) is logging.StreamHandler and isinstance(handler.formatter, JsonFormatter)
        for handler in logging.getLogger().handlers
    )


def _file(path: str) -> LinesFile:
    try:
        return LinesFile(path)
    except OSError as error:
        raise UsageError(f"--log-json {path}: {error.strerror or error}") from None


def _log_uncaught(kind: Any, error: Any, trace: Any) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger("tracker").critical(
            "%s: %s", kind.__name__, error, exc_info=(kind, error, trace)
        )
