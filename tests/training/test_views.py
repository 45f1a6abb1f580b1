import numpy as np
import pytest

from keras_attention.training.coverage import Objects
from keras_attention.training.looking import Looked
from keras_attention.training.views import view, view_by_chance, widest_share

IMAGE_SHAPE = (11, 11)  # of which a location moves by 5 pixels
# One object of 4x2 pixels, the columns 2-5 and the rows 3-4.
BOX = Objects(np.array([[1.5, 2.5, 5.5, 4.5]]), None, IMAGE_SHAPE)


def looked(kind, attention, geometry):
    return Looked(
        kind, "look", IMAGE_SHAPE, np.zeros((1, 3)), attention, geometry
    )


def glimpses(*pixels, size=4, num_scales=1):
    location = np.array([pixels], "float32") / 5 - 1
    geometry = {
        "glimpse_size": size,
        "num_scales": num_scales,
        "map_shape": IMAGE_SHAPE,
    }
    return looked("glimpses", {"location": location}, geometry)


def test_a_glimpse_holds_a_share_of_the_object():
    """Crops of 4x4 on the object, two pixels and three pixels beside it."""
    seen = view(glimpses((3.5, 3.5), (5.5, 3.5), (6.5, 3.5)), BOX, 0.5)
    np.testing.assert_allclose(seen.shares, [[1, 0.5, 0.25]], atol=1e-6)
    np.testing.assert_allclose(seen.best, [[1]])
    np.testing.assert_array_equal(seen.hits, [[True, True, False]])
    np.testing.assert_allclose(
        seen.overlaps, [[8 / 16, 4 / 20, 2 / 22]], atol=1e-6
    )


def test_a_small_crop_is_compared_with_what_it_could_show():
    seen = view(glimpses((2.5, 3.5), (1.5, 3.5), size=2), BOX, 0.5)
    np.testing.assert_allclose(seen.best, [[0.5]])
    np.testing.assert_allclose(seen.shares, [[0.5, 0.25]])
    np.testing.assert_array_equal(seen.hits, [[True, True]])
    strict = view(glimpses((2.5, 3.5), (1.5, 3.5), size=2), BOX, 0.75)
    np.testing.assert_array_equal(strict.hits, [[True, False]])


def test_the_widest_crop_is_that_of_the_last_scale():
    narrow, wide = (
        widest_share(glimpses((0, 0), size=1, num_scales=k), BOX)[0]
        for k in (1, 3)
    )
    assert (narrow, wide) == (0.125, 1)


def test_nothing_in_view_is_no_hit():
    seen = view(glimpses((9, 9)), BOX, 0.5)
    np.testing.assert_array_equal(seen.hits, [[False]])


def mask(*cells):
    weights = np.zeros((1, len(cells), 11, 11), "float32")
    for step, cell in enumerate(cells):
        weights[0, step][cell] = 1
    weights /= weights.sum(axis=(2, 3), keepdims=True)
    return looked(
        "mask", {"attention_weights": weights}, {"map_shape": IMAGE_SHAPE}
    )


def test_a_mask_has_a_share_of_its_weight_on_the_object():
    here = np.s_[3:5, 2:6]
    seen = view(mask(here, np.s_[3:5, 4:9], np.s_[:, :]), BOX, 0.5)
    np.testing.assert_allclose(seen.shares, [[1, 0.4, 8 / 121]], rtol=1e-5)
    np.testing.assert_array_equal(seen.hits, [[True, False, False]])
    assert seen.overlaps is None
    assert widest_share(mask(here), BOX) is None
    chance = view_by_chance(mask(here), BOX, 0.5, None)
    np.testing.assert_allclose(chance.shares, [[8 / 121]], rtol=1e-5)


def items(*steps, never_twice=False):
    attention = {
        "attention_weights": np.zeros((1, len(steps), 121), "float32"),
        "indices": np.array([steps]),
    }
    geometry = {"item_grid": IMAGE_SHAPE, "never_twice": never_twice}
    return looked("items", attention, geometry)


def test_chosen_items_lie_on_the_object_or_not():
    on, beside = 3 * 11 + 2, 0
    seen = view(items([on, on + 1], [on, beside], [beside, -1]), BOX, 0.6)
    np.testing.assert_allclose(seen.shares, [[1, 0.5, 0]])
    np.testing.assert_array_equal(seen.hits, [[True, False, False]])


def test_chance_draws_items_uniformly():
    many = 20_000
    start = items(*[[0, 1]] * many)
    chance = view_by_chance(start, BOX, 0.5, np.random.default_rng(0))
    assert chance.shares.mean() == pytest.approx(8 / 121, abs=0.004)


def test_chance_draws_no_item_twice_in_a_loop_that_does_not():
    def shares(**options):
        all_of_them = items(*[[0, 1]] * 61, **options)
        return [
            view_by_chance(all_of_them, BOX, 0.5, generator).shares.sum()
            for _ in range(5)
        ]

    generator = np.random.default_rng(0)
    # Each of the 8 on the object once, alone or with another.
    np.testing.assert_allclose(shares(never_twice=True), 8 / 2)
    assert np.std(shares()) > 0.1


def test_chance_puts_glimpses_uniformly():
    many = glimpses(*[(0, 0)] * 50_000)
    chance = view_by_chance(many, BOX, 0.5, np.random.default_rng(0))
    # The share at (dx, dy) from the middle is (4 - |dx|) / 4 for |dy| < 1, and
    # that times (3 - |dy|) / 2 beyond: at least 1/2 on 8 + 4 (4 - 4 log 2) of
    # the 100 square pixels that places are drawn from.
    expected = (8 + 4 * (4 - 4 * np.log(2))) / 100
    assert chance.hits.mean() == pytest.approx(expected, abs=0.006)


def crops(*matrices):
    theta = np.array([matrices], "float32")[:, :, None]
    geometry = {"transform": "affine", "align_corners": True}
    return looked("transformer", {"theta": theta}, geometry)


def test_a_crop_holds_a_share_and_overlaps():
    # x from 2 to 5, y from 3 to 4: the centres of the object's outer pixels.
    exact = [[0.3, 0, -0.3], [0, 0.1, -0.3]]
    whole = [[1, 0, 0], [0, 1, 0]]
    turned = [[0, -1, 0], [1, 0, 0]]
    seen = view(crops(exact, whole, turned), BOX, 0.5)
    # 12 of 16 times 8 of 16 points of the box lie in the inner 3x1.
    np.testing.assert_allclose(seen.shares, [[0.375, 1, 1]])
    np.testing.assert_allclose(seen.best, [[0.375, 1, 1]], rtol=1e-5)
    np.testing.assert_array_equal(seen.hits, [[True] * 3])
    np.testing.assert_allclose(seen.overlaps, [[0.375, 0.08, 0.08]], rtol=1e-5)
    assert widest_share(crops(exact), BOX)[0] == pytest.approx(0.375)


def test_chance_moves_a_crop_to_any_place():
    small = [[[0.2, 0, 1], [0, 0.2, 1]]] * 4_000
    chance = view_by_chance(crops(*small), BOX, 1.0, np.random.default_rng(0))
    # All of the object needs 4 pixels in a crop of 2; half of it, the best.
    assert chance.best.max() == pytest.approx(0.5)
    assert chance.shares.mean() == pytest.approx(4 / 121, abs=0.006)
