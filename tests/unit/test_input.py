"""What users, files and messages say is never code: not SQL, not a pickle."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "tracker").rglob("*.py"), *(ROOT / "workers").rglob("*.py")])

KEYWORDS = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|COPY|VACUUM|SET LOCAL|ALTER|CREATE|DROP|GRANT|REVOKE|CAST"
    r"|LIMIT|WHERE|FROM|ORDER BY)\b"
)
CALLS = {"text", "execute", "exec_driver_sql", "SQL", "copy", "DDL", "literal_column"}
"""Functions that take SQL."""

NAMED = re.compile(r"sql\.(SQL|Identifier|Literal)\b|_where\(|_order\(|\*names$")
"""Pieces of psycopg.sql, as they stand in its format."""

BUILT_OF_CONSTANTS = {
    # Names of tables and columns that the code itself lists.
    ("tracker/db/models/base.py", "model.__tablename__"),
    ("tracker/db/models/base.py", "settings"),
    ("tracker/db/models/base.py", "column"),
    ("tracker/db/models/base.py", "setting"),
    ("tracker/deletion.py", "', '.join(tables)"),
    ("tracker/outcomes/copying.py", "table"),
    ("tracker/registry.py", "columns"),
    # The server's name for a database of ours.
    ("tracker/embedded/postgres.py", "DATABASE"),
    # Places in dicts of columns and of operators.
    ("tracker/exports/blocks.py", "OWNERS[column]"),
    ("tracker/exports/blocks.py", "OPERATORS[operator]"),
    # A place in a dict of operators; a setting named by number; a type as the catalog spells it.
    ("tracker/exports/query.py", "OPERATORS[condition.operator]"),
    ("tracker/exports/query.py", "setting"),
    ("tracker/exports/query.py", "kind"),
}
"""What may stand in an f-string of SQL: file and expression."""


JOINED_CONSTANTS: set[tuple[str, str]] = set()
"""SQL that is put together by anything else than an f-string: file and expression."""


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def sql_texts(module: ast.Module) -> Iterator[ast.JoinedStr]:
    """F-strings that are SQL: by their words, or because a function that takes SQL takes them.

    Not those of errors: a message may say which SQL helps.
    """
    messages = {
        text for node in ast.walk(module) if isinstance(node, ast.Raise) for text in ast.walk(node)
    }
    for node in ast.walk(module):
        if node in messages:
            continue
        if isinstance(node, ast.Call) and name_of(node.func) in CALLS:
            # A statement of SQLAlchemy's own is no text, whatever values it has.
            for argument in node.args[:1]:
                if not isinstance(argument, ast.Call):
                    yield from (n for n in ast.walk(argument) if isinstance(n, ast.JoinedStr))
        elif isinstance(node, ast.JoinedStr):
            words = "".join(str(p.value) for p in node.values if isinstance(p, ast.Constant))
            if KEYWORDS.search(words):
                yield node


def placed(text: ast.JoinedStr) -> Iterator[str]:
    """What an f-string puts in its text, but whole numbers (`:d`)."""
    for part in text.values:
        if isinstance(part, ast.FormattedValue):
            form = part.format_spec
            if not (isinstance(form, ast.JoinedStr) and ast.unparse(form).strip("f'\"") == "d"):
                yield ast.unparse(part.value)


def test_sql_is_built_of_constants_alone() -> None:
    found = {
        (str(path.relative_to(ROOT)), expression)
        for path in FILES
        for text in sql_texts(tree(path))
        for expression in placed(text)
    }
    assert found == BUILT_OF_CONSTANTS


def test_sql_is_neither_added_up_nor_formatted() -> None:
    """But by psycopg.sql, which quotes."""
    for path in FILES:
        if path.parent.name == "plots":  # Matplotlib's `text` writes on pages
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and name_of(node.func) in CALLS - {"copy", "DDL"}:
                for argument in node.args[:1]:
                    assert not isinstance(argument, ast.BinOp), (path, ast.unparse(node))
                    if isinstance(argument, ast.Call) and name_of(argument.func) == "format":
                        assert isinstance(argument.func, ast.Attribute)
                        # A string's own format would make no sense of these.
                        inserted = map(ast.unparse, argument.args)
                        assert all(NAMED.match(one) for one in inserted), (path, ast.unparse(node))


def is_sql(node: ast.expr) -> bool:
    """Whether a constant text looks like SQL."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and bool(KEYWORDS.search(node.value))
    )


def test_sql_is_not_put_together_before_it_is_asked_either() -> None:
    """By `+`, `%`, `format`, `replace` or `join`, into whatever variable."""
    found = set()
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
                pieces = [node.left, node.right]
                if any(map(is_sql, pieces)) and not all(
                    isinstance(piece, ast.Constant) for piece in pieces
                ):
                    found.add((str(path.relative_to(ROOT)), ast.unparse(node)))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("format", "replace", "join", "format_map", "substitute")
                and is_sql(node.func.value)
            ):
                found.add((str(path.relative_to(ROOT)), ast.unparse(node)))
    assert found == JOINED_CONSTANTS


def imports(module: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_nothing_reads_pickles_but_the_reader_that_runs_none() -> None:
    unsafe = {"pickle", "pickletools", "cPickle", "dill", "cloudpickle", "joblib", "shelve",
              "marshal"}  # fmt: skip
    users = {str(path.relative_to(ROOT)) for path in FILES if unsafe & imports(tree(path))}
    assert users == {"tracker/imports/pickles.py"}
    for path in FILES:
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            options = {option.arg: ast.unparse(option.value) for option in node.keywords}
            called = ast.unparse(node.func)
            assert options.get("allow_pickle") in (None, "False"), (path, called)
            if called == "torch.load":
                assert options.get("weights_only") == "True", path
            assert called not in ("eval", "exec", "os.system", "yaml.load", "__import__"), path
            assert options.get("shell") in (None, "False"), (path, called)
