"""The pictures, drawn from arrays: what is where, to the pixel, and the same every time."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray
from scipy import stats

from tracker import plots
from tracker.cli import show
from tracker.errors import UsageError
from tracker.plots.agreement import choose
from tracker.plots.canvas import DPI
from tracker.reports import BimodalityRow, LearningScores, TpHistogram

TITLE = "digits-mlp, train split, 10 runs"


# --- synthetic ensembles --------------------------------------------------------------------------


def scores_of(accessibility: list[float], labels: list[int]) -> LearningScores:
    values = np.array(accessibility)
    learned = np.where(values > 0, 10 * (1 - values), np.nan)
    return LearningScores(
        runs=10,
        evaluations=10,
        labels=np.array(labels),
        accessibility=values,
        mean_learned=learned,
        learned_share=values,
        forgetting_events=np.zeros(len(values)),
    )


def flat_images(count: int, size: int = 8, channels: int = 1) -> NDArray[np.uint8]:
    """Image `i` is of one grey, `i`, so that a pixel tells which image is where."""
    grey = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(grey, (count, size, size, channels)).copy()


def histogram_of(evaluation: int, runs: int, accuracy: float, examples: int = 200) -> TpHistogram:
    observed = np.zeros(runs + 1, dtype=np.int64)
    observed[-1] = round(accuracy * examples)
    observed[0] = examples - observed[-1]
    null = stats.binom.pmf(np.arange(runs + 1), runs, accuracy) * examples
    return TpHistogram(evaluation, runs, observed, null)


def history(runs: list[int], first: int = 0) -> list[TpHistogram]:
    ends = range(first, first + len(runs))
    return [histogram_of(e, n, e / (e + 2)) for e, n in zip(ends, runs, strict=True)]


def bimodality_of(histograms: list[TpHistogram]) -> list[BimodalityRow]:
    return [
        BimodalityRow(each.evaluation, each.runs, 0.5, 0.7 if each.evaluation else None, 1.8)
        for each in histograms
    ]


def agreement_figure(histograms: list[TpHistogram], unit: str = "epoch") -> Figure:
    return plots.draw_tp_agreement(histograms, bimodality_of(histograms), title=TITLE, unit=unit)


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """Array [H, W, 3]."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3]


def words(figure: Figure) -> list[str]:
    """Every text on the figure that is not empty."""
    axes = [one for axes in figure.axes for one in (*axes.texts, axes.title, axes._left_title)]
    return [text.get_text() for text in axes if text.get_text()]


def extents(page: Axes) -> list[tuple[int, int, int, int]]:
    """Left, right, top and bottom pixel of each image."""
    places = [image.get_extent() for image in page.images]
    return [(int(left), int(right), int(top), int(bottom)) for left, right, bottom, top in places]


# --- images by learning order ---------------------------------------------------------------------


def test_each_class_has_a_column_from_easiest_to_hardest() -> None:
    # Positions 0, 2, 4, ... are of class 0; of each class the later ones are harder.
    scores = scores_of([1 - place / 20 for place in range(20)], [0, 1] * 10)
    images = flat_images(20)
    figure = plots.draw_learning_order(images, scores, ("even", "odd"), title=TITLE)

    drawn = pixels(figure)
    shown = {}
    for left, right, top, bottom in extents(figure.axes[0]):
        region = drawn[top:bottom, left:right]
        assert (region == region[0, 0]).all(), "an image is not on whole pixels"
        shown[top, left] = int(region[0, 0, 0])
    rows = [[shown[place] for place in sorted(shown) if place[0] == top]
            for top in sorted({top for top, _ in shown})]  # fmt: skip
    assert rows == [[0, 1], [2, 3], [4, 5], [14, 15], [16, 17], [18, 19]]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32])
def test_pixels_of_an_image_are_enlarged_to_equal_squares(size: int, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, size, size, channels), dtype=np.uint8)
    figure = plots.draw_learning_order(
        images, scores_of([0.9] + [0.5] * 5, [0] * 6), ("only",), title=TITLE
    )
    drawn = pixels(figure)
    left, right, top, bottom = extents(figure.axes[0])[0]
    scale = (right - left) // size
    assert scale >= 4
    expected = np.kron(images[0], np.ones((scale, scale, 1), dtype=np.uint8))
    np.testing.assert_array_equal(drawn[top:bottom, left:right], expected + np.zeros(3, np.uint8))


def test_large_images_shrink_into_their_cell() -> None:
    images = flat_images(4, size=300)
    figure = plots.draw_learning_order(images, scores_of([0.5] * 4, [0] * 4), ("a",), title=TITLE)
    left, right, top, bottom = extents(figure.axes[0])[0]
    assert right - left == bottom - top < 150


def test_words_under_an_image() -> None:
    scores = scores_of([0.875, 0.0], [0, 0])
    figure = plots.draw_learning_order(flat_images(2), scores, ("zero",), title=TITLE)
    found = words(figure)
    assert {TITLE, "zero", "0.88   1.2", "0.00   never"} <= set(found)
    assert any("the epoch from which on a run is always right" in text for text in found)


def test_that_held_out_images_count_is_said_where_some_are() -> None:
    scores = scores_of([0.875, 0.0], [0, 0])
    for some in (True, False):
        figure = plots.draw_learning_order(
            flat_images(2), scores, ("zero",), title=TITLE, some_held_out=some
        )
        told = "Each class's images learned first and last; runs that held an image out count too"
        assert (told in words(figure)) is some


def test_many_classes_stand_in_one_order_with_their_names() -> None:
    names = tuple(f"class{label}" for label in range(12))
    scores = scores_of([1 - place / 100 for place in range(100)], [i % 12 for i in range(100)])
    figure = plots.draw_learning_order(
        flat_images(100), scores, names, title=TITLE, unit="evaluation"
    )
    drawn = pixels(figure)
    places = sorted((top, left) for left, _, top, _ in extents(figure.axes[0]))
    assert [drawn[place][0] for place in places] == [*range(30), *range(70, 100)]
    assert "class0\n1.00   0.0" in words(figure)
    assert any("the evaluation from which on" in text for text in words(figure))


@pytest.mark.parametrize("classes", [1, 11])
def test_no_image_is_called_both_early_and_late(classes: int) -> None:
    names = tuple(map(str, range(classes)))
    scores = scores_of([0.9, 0.5, 0.1], [0, 0, 0])
    figure = plots.draw_learning_order(flat_images(3), scores, names, title=TITLE)
    assert len(figure.axes[0].images) == 3


def test_a_class_without_examples_leaves_its_column_empty() -> None:
    scores = scores_of([0.9, 0.1], [1, 1])
    figure = plots.draw_learning_order(flat_images(2), scores, ("none", "two"), title=TITLE)
    assert len({left for left, *_ in extents(figure.axes[0])}) == 1


# --- Tp-agreement ---------------------------------------------------------------------------------


def test_panels_of_tp_agreement() -> None:
    histograms = history([10] * 21)
    found = words(agreement_figure(histograms))
    assert TITLE in found
    assert "Tp-agreement: share of the runs that are right, for each of 200 examples" in found
    assert {"observed", "null model: independent runs, same accuracies", "null model"} <= set(found)
    assert [text for text in found if text.startswith("epoch ")] == [
        f"epoch {e}\naccuracy {histograms[e].examples[-1] / 200:.0%}" for e in (1, 2, 4, 9, 20)
    ]


def test_both_heat_maps_hold_the_shares_on_one_colour_scale() -> None:
    histograms = history([10] * 5)
    figure = agreement_figure(histograms)
    meshes = [one for axes in figure.axes for one in axes.collections if isinstance(one, QuadMesh)]
    observed, null = meshes[:2]
    shares = np.column_stack([each.examples / 200 for each in histograms])
    expected = np.column_stack([each.null_examples / 200 for each in histograms])
    np.testing.assert_allclose(np.asarray(observed.get_array()), shares)
    np.testing.assert_allclose(np.asarray(null.get_array()), expected)
    assert observed.get_clim() == null.get_clim() == (0, pytest.approx(shares.max()))
    # A value stands in the middle of its cell: 0 and 1 are the outermost.
    corners = observed.get_coordinates()
    np.testing.assert_allclose(corners[:, 0, 1], (np.arange(12) - 0.5) / 10)
    np.testing.assert_allclose(corners[0, :, 0], np.arange(6) - 0.5)


def test_evaluations_with_fewer_runs_and_gaps() -> None:
    histograms = history([4, 4, 3, 1])
    histograms.append(histogram_of(7, 1, 0.5))
    figure = agreement_figure(histograms, unit="evaluation")
    pixels(figure)
    assert "evaluation 2 (3 runs)\naccuracy 50%" in words(figure)
    observed = [one for one in figure.axes[1].collections if isinstance(one, QuadMesh)]
    assert [one.get_array().shape for one in observed] == [(5, 2), (4, 1), (2, 1), (2, 1)]


@pytest.mark.parametrize("first", [0, 1])
def test_one_run_and_one_evaluation(first: int) -> None:
    # Evaluation 0 has no bimodality here, as where no example is right.
    pixels(agreement_figure(history([1], first)))


def test_long_histories() -> None:
    assert len(choose(history([2] * 300), 5)) == 5
    pixels(agreement_figure(history([2] * 300)))


@pytest.mark.parametrize(
    ("evaluations", "chosen"), [(1, [0]), (2, [1]), (4, [1, 2, 3]), (31, [1, 2, 5, 13, 30])]
)
def test_evaluations_with_a_histogram(evaluations: int, chosen: list[int]) -> None:
    # Denser at the start, where learning is fast; the untrained network only if alone.
    assert [each.evaluation for each in choose(history([3] * evaluations), 5)] == chosen


# --- files ----------------------------------------------------------------------------------------


def learning_figure() -> Figure:
    scores = scores_of([0.9, 0.5, 0.1], [0, 1, 0])
    return plots.draw_learning_order(flat_images(3), scores, ("a", "b"), title=TITLE)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_equal_figures_make_equal_files(tmp_path: Path, suffix: str) -> None:
    for draw in (learning_figure, lambda: agreement_figure(history([5] * 4))):
        one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
        plots.save(draw(), one)
        plots.save(draw(), other)
        assert one.read_bytes() == other.read_bytes()


def test_pictures_have_the_width(tmp_path: Path) -> None:
    for figure in (learning_figure(), agreement_figure(history([5] * 4))):
        path = tmp_path / "picture.png"
        plots.save(figure, path)
        height, width = imread(path).shape[:2]
        assert width == plots.WIDTH
        assert height == round(figure.get_size_inches()[1] * DPI)


@pytest.mark.parametrize("name", ["picture.gif", "picture"])
def test_other_formats_are_refused_with_the_choices(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=rf"'{name}': choose one of \.png, \.pdf, \.svg"):
        plots.save(learning_figure(), tmp_path / name)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no folder .*new: make it first"):
        plots.save(learning_figure(), tmp_path / "new" / "picture.png")
    assert not (tmp_path / "new").exists()
    (tmp_path / "picture.png").mkdir()
    with pytest.raises(UsageError, match=r"picture\.png is a folder"):
        plots.save(learning_figure(), tmp_path / "picture.png")


def test_names_of_the_command_line_are_those_of_the_plots() -> None:
    assert tuple(plots.PLOTS) == show.PLOTS


def test_pyplot_is_never_loaded_and_matplotlib_only_to_draw() -> None:
    program = (
        "import sys, tracker.cli; assert 'matplotlib' not in sys.modules;"
        "import tracker.plots; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
