"""The picture of a curriculum to come: the pool, the classes, both ends of the order."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from tracker import plots


def figure_of(pools: list[int], counts: list[list[int]], examples: int = 60) -> Figure:
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
        subtitle="accessibility of digits-mlp",
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
