"""Passwords stay where they are: what a message may show of an address, and what it never may.

Messages of ours are made of hosts and names. Libraries word their errors themselves, though, and
some repeat an address: what goes to a terminal passes `without_secrets`, what goes to a log or the
database `masked`.
"""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, unquote_plus

from sqlalchemy import URL

HIDDEN = "***"

SECRET_PARAMETERS = (
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
)
"""What libpq takes as a parameter of an address and nobody else may see."""

SHORTEST = 4
"""Characters of a secret that is struck out: a shorter one stands in words by chance."""

PROGRAM = "tracker"
"""As a password it is none, and every message has it."""

ADDRESS = re.compile(r"TRACKER_(READER_)?(DATABASE|BROKER|CHECKPOINT)_URL", re.IGNORECASE)
PASSWORD = re.compile(r"PGPASSWORD|TRACKER_(OWNER|WRITER|READER)_PASSWORD")
"""Variables of the environment."""

CREDENTIALS = re.compile(r"(?<=://)[^?]*@")
QUERY = re.compile(r"[?#].*", re.DOTALL)

_IN_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/]+(?=@)", re.IGNORECASE)
_IN_QUERY = re.compile(r"(?P<before>\bpass(?:word|wd)?=)[^\s&'\"]+", re.IGNORECASE)


def shown(url: str) -> str:
    """An address as fsspec takes it, without user, password and parameters; a path as it is."""
    return QUERY.sub("", CREDENTIALS.sub("", url)) if "://" in url else url


def public(url: URL) -> URL:
    """An address of a database without its password and other secret parameters."""
    kept = {name: value for name, value in url.query.items() if name not in SECRET_PARAMETERS}
    # Made anew: `URL.set(password=None)` leaves the password as it is.
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, kept)


def masked(text: str) -> str:
    """`text` with `***` in place of the settings' passwords, and of any address's in it."""
    text = without_secrets(text)
    return _IN_QUERY.sub(rf"\g<before>{HIDDEN}", _IN_URL.sub(rf"\g<before>{HIDDEN}", text))


def without_secrets(text: str) -> str:
    """`text` with `***` in place of the secrets of this process's settings.

    Of what is ours beside them, which may explain addresses with a word in place of a password.
    """
    for secret in secrets_of(os.environ):
        text = text.replace(secret, HIDDEN)
    return text


def secrets_of(environment: Mapping[str, str]) -> list[str]:
    """All that must not be shown, the longest first, as it is written and as it is meant."""
    found: set[str] = set()
    for name, value in environment.items():
        if PASSWORD.fullmatch(name):
            found.add(value)
        elif ADDRESS.fullmatch(name):
            for secret in _in_address(value):
                found |= {secret, unquote(secret), unquote_plus(secret)}
    return sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True)


def _in_address(url: str) -> Iterator[str]:
    scheme, there, rest = url.partition("://")
    if not there:
        return
    address, _, query = rest.partition("?")
    credentials, _, place = address.rpartition("@")
    user, _, password = credentials.partition(":")
    # A password that is the user's name as well would be missed in every line about the user.
    if password and password not in (user, *re.split(r"[:/]", place), PROGRAM):
        yield password
    of_database, of_broker = scheme.startswith("postgres"), scheme.startswith("redis")
    if user and not password and not of_database and not of_broker:
        yield user  # of an object store: it may be a token
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        # What else an address of those has are words of messages too: ssl_cert_reqs=none.
        plain = (of_database and name not in SECRET_PARAMETERS) or (
            of_broker and "password" not in name
        )
        if not plain:
            yield value


def command_line() -> str:
    """This process's command line, as it can be typed again, but for passwords."""
    program, *arguments = sys.argv
    return shlex.join([Path(program).name, *map(masked, arguments)])
