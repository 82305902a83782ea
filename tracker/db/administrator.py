"""Who makes the roles: a superuser, or the administrator of a managed database.

The latter may make roles and owns the database, and may do no more than that to what others made.
"""

from collections.abc import Iterable

from psycopg import sql
from sqlalchemy import Connection, text

from tracker.errors import TrackerError


def check_asker(connection: Connection) -> None:
    """Raise unless whoever is connected may do all that is to be done; revoking fails silently."""
    row = connection.execute(
        text(
            "SELECT rolname, rolsuper, rolcreaterole, datname, pg_get_userbyid(datdba) AS owner, "
            "pg_has_role(datdba, 'USAGE') AS owns, pg_get_userbyid(nspowner) AS schema_owner, "
            "pg_has_role(nspowner, 'USAGE') AS owns_schema "
            "FROM pg_roles, pg_database, pg_namespace WHERE rolname = current_user "
            "AND datname = current_database() AND nspname = 'public'"
        )
    ).one()
    if not (row.rolsuper or row.rolcreaterole):
        raise TrackerError(
            f"role {row.rolname} may not make roles: connect as a superuser, or as a role with "
            "CREATEROLE that the database belongs to"
        )
    if not row.owns:
        raise TrackerError(
            f"database {row.datname} belongs to {row.owner}: connect as that role or as a "
            f"superuser, not as {row.rolname}"
        )
    if not row.owns_schema:  # as before PostgreSQL 15, where it is the first superuser's
        raise TrackerError(
            f"schema public of {row.datname} belongs to {row.schema_owner}: connect as that role "
            f"or as a superuser, or have the schema given to {row.rolname}"
        )


def check_existing(connection: Connection, names: Iterable[str]) -> set[str]:
    """Those of these roles that exist.

    Raises
    ------
    TrackerError
        If one has rights of an administrator, or is another administrator's.
    """
    rows = connection.execute(
        text(
            "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication "
            "OR rolbypassrls AS powerful, NOT :needs_admin "
            "OR pg_has_role(oid, 'MEMBER WITH ADMIN OPTION') AS ours "
            "FROM pg_roles WHERE rolname = ANY(:names)"
        ),
        # Before PostgreSQL 16 whoever may make roles may change all of them.
        {"names": list(names), "needs_admin": _version(connection) >= 16},
    ).all()
    for row in rows:
        if row.powerful:
            raise TrackerError(
                f"role {row.rolname} exists and has rights of an administrator: choose another "
                "--prefix"
            )
        if not row.ours:
            raise TrackerError(
                f"role {row.rolname} exists, made by another administrator: connect as that one, "
                "or choose another --prefix"
            )
    return {row.rolname for row in rows}


def become_member(connection: Connection, role: str) -> None:
    """Let whoever is connected give things to `role`, and what is its to others."""
    modern = _version(connection) >= 16
    # Since PostgreSQL 16 who makes a role is its member, but may neither act as it nor use its
    # rights before he has given himself that.
    query = "SELECT pg_has_role(:role, 'USAGE')"
    if modern:
        query += " AND pg_has_role(:role, 'SET')"
    if not connection.scalar(text(query), {"role": role}):
        options = " WITH INHERIT TRUE, SET TRUE" if modern else ""
        command = sql.SQL("GRANT {} TO CURRENT_USER{}")
        connection.connection.cursor().execute(
            command.format(sql.Identifier(role), sql.SQL(options))
        )


def _version(connection: Connection) -> int:
    """The server's major version."""
    return int(str(connection.scalar(text("SHOW server_version_num")))) // 10_000
