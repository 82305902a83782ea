"""What users, files and messages say is never code: not SQL, not a pickle, not a path elsewhere."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.datasets.names import parse_name
from tracker.datasets.noise import LabelNoise
from tracker.ensembles import check_name
from tracker.errors import TrackerError, UsageError
from tracker.holdout import parse_holdout
from tracker.messages import LARGEST_ID, LONGEST_NAME, MessageError, read_analysis, read_train_run
from tracker.specs import MAX_EVALUATIONS, MAX_STEPS, EnsembleSpec, Schedule, Span
from workers.transport import EnvelopeError, check_envelope

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
    ("tracker/deletion.py", "', '.join(tables)"),
    ("tracker/outcomes/copying.py", "table"),
    ("tracker/registry.py", "columns"),
    # The server's name for a database of ours.
    ("tracker/embedded/postgres.py", "DATABASE"),
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


# --- messages -------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.integers(1, LARGEST_ID))
def test_a_runs_id_is_read(run: int) -> None:
    assert read_train_run([run], {}).run_id == run
    assert read_train_run([], {"run_id": run}).run_id == run


@given(
    st.lists(JSON, max_size=3),
    st.dictionaries(st.sampled_from(["run_id", "run"]) | st.text(), JSON, max_size=3),
)
def test_anything_else_is_refused_without_repeating_it(
    arguments: list[object], named: dict[str, object]
) -> None:
    alone = [*arguments, *named.values()]
    fits = len(alone) == 1 and type(alone[0]) is int and 1 <= alone[0] <= LARGEST_ID
    if fits and (arguments or "run_id" in named):
        assert read_train_run(arguments, named).run_id == alone[0]
        return
    with pytest.raises(MessageError, match=r"^refused a message: ") as refused:
        read_train_run(arguments, named)
    assert len(str(refused.value)) < 120
    assert "\n" not in str(refused.value)


ENVELOPE = {
    "body": "W10=",
    "content-type": "application/json",
    "content-encoding": "utf-8",
    "headers": {},
    "properties": {"delivery_tag": "t", "delivery_info": {"exchange": "", "routing_key": "q"}},
}


def test_an_envelope_is_known() -> None:
    check_envelope(ENVELOPE)


@given(JSON)
def test_whatever_else_is_refused_as_an_envelope(text: object) -> None:
    with pytest.raises(EnvelopeError):
        check_envelope(text)


@given(st.data())
def test_an_envelope_with_a_wrong_part_is_refused(data: st.DataObject) -> None:
    changed = json.loads(json.dumps(ENVELOPE))
    place, key = data.draw(
        st.sampled_from(
            [(changed, key) for key in changed]
            + [(changed["properties"], key) for key in changed["properties"]]
            + [(changed["properties"]["delivery_info"], key) for key in ("exchange", "routing_key")]
        )
    )
    kind = type(place[key])
    place[key] = data.draw(JSON.filter(lambda value: not isinstance(value, kind)))
    with pytest.raises(EnvelopeError):
        check_envelope(changed)


NAMES = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=9)


@given(NAMES, NAMES)
def test_a_score_to_compute_is_read(ensemble: str, score: str) -> None:
    for asked in (
        read_analysis([ensemble, score], {}),
        read_analysis([ensemble], {"score": score}),
        read_analysis([], {"score": score, "ensemble": ensemble}),
    ):
        assert (asked.ensemble, asked.score) == (ensemble, score)


@given(st.lists(JSON, max_size=3), st.dictionaries(st.sampled_from(["score", "other"]), JSON))
def test_other_requests_for_a_score_are_refused(
    arguments: list[object], named: dict[str, object]
) -> None:
    given = [*arguments, *named.values()]
    if len(given) == 2 and all(isinstance(one, str) for one in given):
        return
    with pytest.raises(MessageError, match=r"^refused a message: ") as refused:
        read_analysis(arguments, named)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("name", ["", "a\x00b", "a\nb", "x" * (LONGEST_NAME + 1), "\ud800"])
def test_names_in_messages_are_names(name: str) -> None:
    with pytest.raises(MessageError, match=r"^refused a message: "):
        read_analysis([name, "ensemble-agreement"], {})
    with pytest.raises(MessageError, match=r"^refused a message: "):
        read_analysis(["one", name], {})


# --- specs, names, spans --------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from([*EnsembleSpec.model_fields, "other"]), JSON))
def test_a_stored_spec_that_is_none_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises((ValueError, TrackerError)):
        EnsembleSpec.model_validate(stored)


WHOLE_SPEC: dict[str, object] = {
    "version": 1, "dataset": "mnist5k", "examples": 50, "label_noise": "noise0.4", "arch": "mlp",
    "split": "90:10", "probe": {"every": 2, "votes": True},
    "recipe": {
        "length": "3epochs", "batch_size": 10, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9,
        "weight_decay": 0.0, "decay": {"divisor": 10.0, "at": ["1epoch", "5steps"], "every": None},
    },
    "curriculum": {"parameters": {}, "source": {}, "snapshot": "00"},
    "recording": {"every": "1epoch", "initial": True, "signals": ["loss"], "outputs": False},
}  # fmt: skip

HOSTILE_LEAVES = JSON | st.sampled_from(
    ["9" * 300 + "epochs", "1steps", "noise1e400", "parts:0", "99:1:2", "\0", "\udcff", 2**70, -1,
     float("inf"), float("nan"), 1e308, "-1epoch", "٣epochs", "../..", "'; DROP TABLE run"]
)  # fmt: skip


def places(part: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every value of a nested object, by the object that has it and its key."""
    for key, value in part.items():
        if key not in ("parameters", "source"):  # made by ourselves, of checked options
            yield part, key
        if isinstance(value, dict):
            yield from places(value)


@given(st.data())
def test_a_spec_with_anything_in_it_is_read_or_refused(data: st.DataObject) -> None:
    """And what is read can be stored, named, told from another, and laid out in steps."""
    changed = json.loads(json.dumps(WHOLE_SPEC))
    for _ in range(data.draw(st.integers(0, 3))):
        part, key = data.draw(st.sampled_from(list(places(changed))))
        part[key] = data.draw(HOSTILE_LEAVES)
    try:
        spec = EnsembleSpec.model_validate(changed)
    except ValueError:
        return
    stored = json.dumps(spec.model_dump(mode="json"), allow_nan=False)
    assert EnsembleSpec.model_validate_json(stored) == spec
    assert len(spec.digest) == 64
    assert isinstance(spec.dataset_name, str)
    try:
        schedule = Schedule.of(spec, 4000)
    except UsageError:
        return
    assert schedule.evaluations <= MAX_EVALUATIONS + 1
    assert schedule.total_steps <= MAX_STEPS


@given(st.text())
def test_a_name_is_letters_or_refused(name: str) -> None:
    """Names become those of files: none leads out of a folder."""
    try:
        accepted = check_name(name)
    except UsageError:
        return
    assert re.fullmatch(r"[\w.+:=@-]+", accepted)
    assert "/" not in accepted
    assert accepted not in (".", "..")


MANY = "9" * 5000
"""Digits of which Python makes no number."""


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (Span.parse, f"{MANY}epochs"),
        (parse_holdout, f"{MANY}:1"),
        (parse_holdout, f"parts:{MANY}"),
        (parse_holdout, f"part:1/{MANY}"),
        (LabelNoise.parse, f"noise0.4-seed{MANY}"),
    ],
)
def test_numbers_without_end_are_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(UsageError):
        read(text)


def test_a_datasets_name_with_a_number_without_end_is_no_known_ones() -> None:
    assert parse_name(f"digits-{MANY}") is None


@given(st.text())
def test_a_span_is_read_or_refused(text: str) -> None:
    try:
        span = Span.parse(text)
    except UsageError:
        return
    assert span.count > 0
