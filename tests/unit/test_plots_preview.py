"""The picture of a curriculum to come: the pool, the classes, both ends of the order."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from tracker import plots
from tracker.curriculum.training import CurriculumOptions
from tracker.plots.canvas import DPI
from tracker.plots.preview import SUBTITLE_LINE, preview_subtitle


def figure_of(
    pools: list[int],
    counts: list[list[int]],
    examples: int = 60,
    subtitle: str = "accessibility of digits-mlp",
) -> Figure:
    # Image i is of one grey, i, so that a pixel tells which image is where.
    grey = np.arange(examples, dtype=np.uint8)[:, None, None, None]
    return plots.draw_preview(
        np.array(pools),
        np.array(counts),
        np.broadcast_to(grey, (examples, 8, 8, 1)).copy(),
        np.arange(examples)[::-1].copy(),
        np.arange(examples) % 2,
        ("even", "odd"),
        title="easy-first on digits",
        subtitle=subtitle,
    )


def test_it_shows_pool_sizes_and_shares_of_classes() -> None:
    figure = figure_of([10, 30, 60], [[10, 0], [20, 10], [30, 30]])
    pool, _, balance, *_ = figure.axes[1:]
    [stairs] = pool.patches
    assert stairs.get_data().values.tolist() == [10, 30, 60]
    [mesh] = [each for each in balance.collections if isinstance(each, QuadMesh)]
    # As multiples of a half, which both classes have of the dataset.
    expected = [[2, 4 / 3, 1], [0, 2 / 3, 1]]
    np.testing.assert_allclose(np.asarray(mesh.get_array()), expected)
    assert [label.get_text() for label in balance.get_yticklabels()] == ["even", "odd"]


def test_the_first_and_the_last_images_are_in_their_order() -> None:
    figure = figure_of([60], [[30, 30]])
    page = figure.axes[0]
    shown = [int(np.asarray(image.get_array())[0, 0, 0]) for image in page.images]
    assert shown == [*range(59, 39, -1), *range(19, -1, -1)]


@pytest.mark.parametrize("examples", [1, 25, 60])
def test_few_examples_and_one_epoch_can_be_drawn(examples: int) -> None:
    counts = np.bincount(np.arange(examples) % 2, minlength=2).tolist()
    figure = figure_of([examples], [counts], examples)
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    assert np.asarray(canvas.buffer_rgba()).shape[1] == plots.WIDTH
    # None is shown on both sides.
    assert len(figure.axes[0].images) == min(examples, 40)


def test_the_subtitle_names_what_is_in_effect() -> None:
    plain = CurriculumOptions("easy-first", ("a", "b"), score="aum")
    first = "aum of a + b; pacing linear, start 0.2, grow 0.8, seed 3"
    assert preview_subtitle(plain, plain.curriculum(5, 3), None) == first
    blind = replace(plain, order="shuffled", easy="low")
    assert preview_subtitle(blind, blind.curriculum(), None) == "aum of a + b; seed 0"
    full = replace(plain, easy="low", balance=True, drop_suspected=True)
    assert preview_subtitle(full, full.curriculum(5, 3), "1 of 9").splitlines() == [
        first.replace("; ", "; low is easy, "),
        "classes balanced, without suspected label errors",
        "1 of 9",
    ]


def test_a_longer_subtitle_moves_the_rest_down() -> None:
    one, three = (figure_of([60], [[30, 30]], subtitle=s) for s in ("a", "a\nb\nc"))
    assert {"a", "b", "c"} <= {words.get_text() for words in three.axes[0].texts}
    longer = (three.get_figheight() - one.get_figheight()) * DPI
    assert round(longer) == 2 * SUBTITLE_LINE
    for before, after in zip(one.axes[1:], three.axes[1:], strict=True):
        tops = [
            (1 - axes.get_position().y1) * figure.get_figheight() * DPI
            for axes, figure in ((before, one), (after, three))
        ]
        assert tops[1] - tops[0] == pytest.approx(longer)
