"""Revisions of a release that there is not: one after the newest."""

from tracker.db import migrate

RELEASE = migrate.HEAD
"""The newest revision that there is; noted before a test has it otherwise."""
