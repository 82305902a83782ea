"""All that a database's catalog says of its schema, to compare two of them."""

from typing import Any

from sqlalchemy import Engine, text

OURS = "'public'::regnamespace"

QUERIES = {
    "relations": f"""
        SELECT relname, relkind, relpersistence, reloptions, obj_description(oid, 'pg_class')
        FROM pg_class WHERE relnamespace = {OURS}
    """,
    "columns": f"""
        SELECT relname, attname, attnum, format_type(atttypid, atttypmod), attnotnull,
            attidentity, attgenerated, attstorage,
            coalesce(attstattarget, -1), attcollation::regcollation::text,
            pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = {OURS} AND relkind IN ('r', 'v', 'S')
            AND attnum > 0 AND NOT attisdropped
    """,
    "constraints": f"""
        SELECT conrelid::regclass::text, conname, contype, condeferrable, convalidated,
            pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = {OURS}
    """,
    "indexes": f"""
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisunique, indisprimary
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = {OURS}
    """,
    "views": f"""
        SELECT relname, pg_get_viewdef(oid) FROM pg_class
        WHERE relnamespace = {OURS} AND relkind = 'v'
    """,
    "functions": f"""
        SELECT oid::regprocedure::text, pg_get_functiondef(oid), obj_description(oid, 'pg_proc')
        FROM pg_proc WHERE pronamespace = {OURS} AND prokind = 'f'
    """,
    "aggregates": f"""
        SELECT pg_proc.oid::regprocedure::text, prorettype::regtype::text, proparallel,
            aggtransfn::regprocedure::text, aggcombinefn::regprocedure::text,
            aggfinalfn::text, aggtranstype::regtype::text, agginitval,
            obj_description(pg_proc.oid, 'pg_proc')
        FROM pg_aggregate JOIN pg_proc ON pg_proc.oid = aggfnoid WHERE pronamespace = {OURS}
    """,
    "types": f"""
        SELECT typname, typtype FROM pg_type
        WHERE typnamespace = {OURS} AND typrelid = 0 AND typelem = 0
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE NOT tgisinternal
    """,
}

# Alembic's own: `alembic_version` and its key.
FOREIGN = "alembic_version"


def catalog(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every query, in order, without what belongs to Alembic."""
    with engine.connect() as connection:
        return {
            what: sorted(
                (
                    tuple(row)
                    for row in connection.execute(text(query))
                    if not str(row[0]).startswith(FOREIGN)
                ),
                key=str,
            )
            for what, query in QUERIES.items()
        }
