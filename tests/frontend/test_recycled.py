"""Memory that is used again: never while anything lies in it, and not without bound."""

import gc
import pickle
import sys
import threading

import numpy as np
import pytest

from tapeless import _recycled as recycled

DOUBLE = np.dtype(np.float64)
N = recycled.LEAST // 8  # the least array that is kept


@pytest.fixture(autouse=True)
def no_blocks(monkeypatch):
    monkeypatch.setattr(recycled, "_blocks", [])


def address(x):
    return x.__array_interface__["data"][0]


def test_what_is_held_no_more_is_used_again():
    x = recycled.empty((4, N), DOUBLE)
    assert x.shape == (4, N) and x.dtype == DOUBLE and x.flags.c_contiguous and x.flags.writeable
    before = address(x)
    del x
    for shape in ((4, N), (3, N), (2, N, 1)):
        assert address(recycled.empty(shape, DOUBLE)) == before
    assert address(recycled.empty((4, 2 * N), np.dtype(np.float32))) == before
    assert len(recycled._blocks) == 1


HOLDERS = {
    "itself": lambda x: x,
    "a slice": lambda x: x[1:, 5:9],
    "a reshape": lambda x: x.reshape(-1),
    "a transpose": lambda x: x.T,
    "a number": lambda x: x[:1, 0],
    "another dtype": lambda x: x.view(np.uint8),
    "a view of a view": lambda x: x[::2][:, ::3][None],
    "a class of its own": lambda x: x.view(np.recarray),
    "a buffer": memoryview,
    "an array of a buffer": lambda x: np.frombuffer(x.reshape(-1)),
    "dlpack": lambda x: np.from_dlpack(x),
    "an iterator": lambda x: np.nditer(x),
    "a closure": lambda x: lambda: x.sum(),
    "a cycle": lambda x: (lambda cell: cell.append(cell) or cell)([x]),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_what_is_held_is_not_given_away(hold):
    x = recycled.empty((3, N), DOUBLE)
    x[...] = 7
    before = address(x)
    held = hold(x)
    del x
    others = [recycled.empty((3, N), DOUBLE) for _ in range(5)]
    for y in others:
        y[...] = np.nan
    assert before not in map(address, others)
    assert len(set(map(address, others))) == 5
    del others, y, held
    gc.collect()
    assert before in [address(z) for z in [recycled.empty((3, N), DOUBLE) for _ in range(5)]]


def test_it_is_free_once_the_last_view_is_gone():
    x = recycled.empty((3, N), DOUBLE)
    before, view = address(x), x[1, 2:3]
    del x
    assert address(recycled.empty((3, N), DOUBLE)) != before
    del view
    recycled._blocks[1:] = []
    assert address(recycled.empty((3, N), DOUBLE)) == before


def test_small_arrays_are_numpys():
    assert recycled.empty((N - 1,), DOUBLE).base is None and not recycled._blocks
    assert recycled.empty((0, 10 * N), DOUBLE).shape == (0, 10 * N)
    recycled.empty((N,), DOUBLE)
    assert len(recycled._blocks) == 1


def test_a_block_twice_as_large_as_needed_is_left_for_others():
    large = address(recycled.empty((8, N), DOUBLE))
    assert address(recycled.empty((3, N), DOUBLE)) != large
    assert address(recycled.empty((4, N), DOUBLE)) == large


def test_the_smallest_that_fits_is_taken():
    held = [recycled.empty((n, N), DOUBLE) for n in (6, 4, 5)]
    places = [address(x) for x in held]
    del held
    assert address(recycled.empty((4, N), DOUBLE)) == places[1]


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(recycled, "MOST", 20 * recycled.LEAST)
    for n in (*range(1, 19), *range(18, 0, -1), 25):  # 25 is more than may be kept
        assert recycled.empty((n, N), DOUBLE).shape == (n, N)
        assert sum(block.nbytes for block in recycled._blocks) <= recycled.MOST
    assert (
        recycled._blocks and max(block.nbytes for block in recycled._blocks) < 25 * recycled.LEAST
    )


def test_what_is_in_use_is_never_dropped_for_room(monkeypatch):
    monkeypatch.setattr(recycled, "MOST", 4 * recycled.LEAST)
    held = [recycled.empty((1, N), DOUBLE) for _ in range(9)]
    for i, x in enumerate(held):
        x[...] = i
    assert [x[0, -1] for x in held] == list(range(9))
    assert len(set(map(address, held))) == 9
    assert sum(block.nbytes for block in recycled._blocks) <= recycled.MOST


def test_idle_memory_is_given_back_when_asked():
    held = recycled.empty((1, N), DOUBLE)
    recycled.empty((2, N), DOUBLE)
    recycled.release()
    assert [block.nbytes for block in recycled._blocks] == [held.nbytes]


def test_threads_never_share_a_block():
    errors = []

    def work(seed):
        rng = np.random.default_rng(seed)
        held = []
        for i in range(300):
            x = recycled.empty((int(rng.integers(1, 4)), N), DOUBLE)
            x[:, ::4096] = stamp = 1000 * seed + i
            held.append((x[:, ::4096], stamp))
            if len(held) > 4:
                view, wanted = held.pop(int(rng.integers(len(held))))
                if not (view == wanted).all():
                    errors.append((seed, i))
        errors.extend(seed for view, wanted in held if not (view == wanted).all())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []


def test_results_can_be_copied_and_pickled():
    x = recycled.empty((2, N), DOUBLE)
    x[...] = 3
    y = pickle.loads(pickle.dumps(x))
    del x
    recycled.empty((2, N), DOUBLE)[...] = 4
    assert (y == 3).all()
