import numpy as np
import pytest

from avjax.inference.chart import Page, Panel, colours, ticks


@pytest.mark.parametrize(
    ("ends", "by_hand"),
    [
        ((0, 2.24), [0, 0.5, 1, 1.5, 2]),
        ((0.4, 0.72), [0.4, 0.5, 0.6, 0.7]),
        ((0, 88), [0, 20, 40, 60, 80]),
        ((3, 4), [3, 3.2, 3.4, 3.6, 3.8, 4]),
    ],
)
def test_ticks_are_round_numbers(ends, by_hand):
    np.testing.assert_allclose(ticks(*ends), by_hand)


@pytest.mark.parametrize("high", [1e-4, 7e3])
def test_ticks_of_odd_extents_are_few(high):
    assert 1 <= len(ticks(0, high)) <= 7


def test_a_panel_has_a_place_for_every_number():
    panel = Panel(Page(10, 10), 100, 50, 200, 80, (2, 4), (0, 1))
    assert (panel.x(2), panel.x(3), panel.x(4)) == (100, 200, 300)
    assert (panel.y(0), panel.y(0.25), panel.y(1)) == (130, 110, 50)


def test_a_map_shows_each_number_as_a_rectangle():
    page = Page(50, 40)
    panel = Panel(page, 5, 5, 40, 30, (0, 4), (0, 3))
    numbers = np.arange(12.0).reshape(3, 4)
    panel.map(numbers, 11)
    by_hand = colours(numbers / 11).repeat(10, axis=0).repeat(10, axis=1)
    np.testing.assert_array_equal(page.pixels[5:35, 5:45], by_hand)


def test_bright_is_more():
    levels = colours(np.linspace(0, 1, 256)[None]).astype(float).sum(axis=-1)[0]
    assert np.corrcoef(levels, np.arange(256))[0, 1] > 0.95


def test_bars_stand_on_zero_and_are_as_high_as_their_numbers():
    page = Page(60, 60)
    Panel(page, 10, 10, 40, 40, (0, 4), (0, 8)).bars(np.array([8, 4, 0, 2]), (0, 0, 0))
    dark = (page.pixels == 0).all(axis=-1).sum(axis=0)
    assert [dark[column] for column in (14, 24, 34, 44)] == [41, 21, 1, 11]
