"""Files of fields, parameters and optimisers: the same back, and foreign ones named."""

import json
import os
import pickle

import numpy as np
import pytest

import tapeless
from tapeless import _files as files
from tapeless import optim
from tapeless.fields import (
    LAYERS,
    MLP,
    Activation,
    Bilinear,
    ConcatTime,
    Dense,
    FourierFeatures,
    Frozen,
    GatedCell,
    Kinetic,
    LayerNorm,
    LowRankDense,
    Network,
    Residual,
    Skip,
    Slice,
    SpectralDense,
)


@tapeless.field(dim=2, n_params=1, vjp="symbolic")
def oscillator(t, y, theta, dy):
    dy[0] = y[1]
    dy[1] = -theta[0] * y[0]


network = MLP(2, [4], activation="silu", time=True)
deep = Network(
    2, [ConcatTime(), Dense(2), Residual((Dense(2), Residual((Activation("sin"),)))), Dense(2)]
)
every_layer = Network(
    2,
    [
        LowRankDense(3, 1), Bilinear(4), LayerNorm(1e-3), FourierFeatures(2, 0.5), GatedCell(),
        Skip((SpectralDense(3, 0.5),)), Dense(2),
    ],
)  # fmt: skip
fields = [
    network,
    every_layer,
    deep,
    oscillator,
    oscillator + network,
    Slice(network, 40, 3),
    Kinetic(network, jacobian=False),
    Frozen(network, network.init(rng=1)) + deep + Frozen(deep, deep.init(rng=2)),
]
OPTIMISERS = [
    optim.SGD(optim.WarmUp(optim.Cosine(0.1, 9, 0.01), 3), 0.9, nesterov=True, clip_norm=0.5),
    optim.Adam(optim.Exponential(0.1, 0.5, 2), (0.8, 0.95)),
    optim.AdamW(np.float32(0.1), weight_decay=0.1),
    optim.RMSProp(0.1, momentum=0.5),
    optim.Lion(0.1),
]


@pytest.mark.parametrize("field", fields, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fields_come_back(tmp_path, field, dtype):
    theta = np.random.default_rng(0).standard_normal(field.n_params).astype(dtype)
    tapeless.save(tmp_path / "model", field, theta)
    saved = tapeless.load(tmp_path / "model", functions=[oscillator])
    assert saved.field == field and saved.optimiser is None
    assert saved.theta.dtype == dtype and saved.theta.tobytes() == theta.tobytes()


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("n_steps", [0, 4])
def test_optimisers_come_back_and_step_on_to_the_bit(tmp_path, optimiser, n_steps):
    rng = np.random.default_rng(1)
    optimiser, theta = optimiser.fresh(), network.init(rng)
    for _ in range(n_steps):
        theta = optimiser.step(theta, rng.standard_normal(theta.shape))
    tapeless.save(tmp_path / "model.npz", network, theta, optimiser)
    saved = tapeless.load(tmp_path / "model.npz")
    assert repr(saved.optimiser) == repr(optimiser) and saved.optimiser.n_steps == n_steps
    a, b = theta, saved.theta
    for _ in range(3):
        g = rng.standard_normal(theta.shape)
        a, b = optimiser.step(a, g), saved.optimiser.step(b, g)
    assert a.tobytes() == b.tobytes()


def test_every_optimiser_and_layer_is_here():
    assert {type(o) for o in OPTIMISERS} == set(optim.OPTIMISERS)
    text = repr(fields)
    assert all(f"{layer.__name__}(" in text for layer in LAYERS)


def test_files_are_plain_arrays_and_json(tmp_path):
    tapeless.save(tmp_path / "model.npz", network, network.init(rng=0), optim.Adam())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as content:
        record = json.loads(str(content["description"]))
        assert set(content.files) == {"description", "theta"}
    assert (record["format"], record["version"], record["kind"]) == ("tapeless", 1, "model")
    assert os.listdir(tmp_path) == ["model.npz"]
    assert (tmp_path / "model.npz").stat().st_mode & 0o777 == 0o666 & ~files._umask()


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    tapeless.save(tmp_path / "model.npz", network, network.init(rng=0))
    before = (tmp_path / "model.npz").read_bytes()

    def full(*arguments, **options):
        arguments[0].write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        tapeless.save(tmp_path / "model.npz", network, network.init(rng=1))
    assert os.listdir(tmp_path) == ["model.npz"]
    assert (tmp_path / "model.npz").read_bytes() == before


class Boom:
    """What would be run if a file were unpickled."""

    def __reduce__(self):
        return os.abort, ()


def described(path, **changes):
    """Rewrite the description of a file."""
    with np.load(path) as content:
        arrays = dict(content)
    record = json.loads(str(arrays.pop("description"))) | changes
    np.savez(path, description=np.array(json.dumps(record)), **arrays)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    content = bytearray(path.read_bytes())
    at = content.find(b"NUMPY") + 140  # in the data of the first array, whose CRC is kept
    content[at] ^= 0x55
    path.write_bytes(content)


def compressed_and_flipped(path):
    with np.load(path) as content:
        np.savez_compressed(path, **content)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)  # in the first member's deflated bytes
    path.write_bytes(content)


def pickled(path):
    with np.load(path) as content:
        arrays = dict(content)
    arrays["theta"] = np.array([Boom()], dtype=object)
    np.savez(path, **arrays)


def other_theta(path, theta):
    with np.load(path) as content:
        arrays = dict(content) | {"theta": theta}
    np.savez(path, **arrays)


ENDLESS = {"optimiser": "Adam", "options": {}, "n_steps": float("inf")}
LAYER = {"layer": "Convolution", "n_out": 2}
BAD = {
    "truncated": (truncated, "it is no .npz file"),
    "text": (lambda path: path.write_text("hello"), "it is no .npz file, or not all of one"),
    "empty": (lambda path: path.write_bytes(b""), "it is no .npz file"),
    "bits flipped": (flipped, "CRC"),
    "compressed and damaged": (compressed_and_flipped, "load: `path` must be"),
    "endless numbers": (lambda path: described(path, optimiser=ENDLESS), "infinity"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps(Boom())), "it is no .npz file"),
    "a pickled array": (pickled, "allow_pickle"),
    "another's arrays": (lambda path: np.savez(path, x=np.ones(3)), "it has no description"),
    "another's description": (lambda path: described(path, format="x"), "not tapeless's"),
    "the future": (lambda path: described(path, version=2), "its version is 2; this tapeless"),
    "another kind": (lambda path: described(path, kind="training"), "it holds a 'training'"),
    "no field": (lambda path: described(path, field=None), "NoneType"),
    "an unknown field": (lambda path: described(path, field={"field": "X"}), "not known, 'X'"),
    "an unknown layer": (
        lambda path: described(path, field={"field": "Network", "dim": 2, "layers": [LAYER]}),
        "a 'Convolution', which this tapeless does not know",
    ),
    "a layer that does not fit": (
        lambda path: described(path, field={"field": "Network", "dim": 3, "layers": []}),
        "not 0 parameters",
    ),
    "no theta": (lambda path: np.savez(path, description=np.load(path)["description"]), "lacks"),
    "a short theta": (lambda path: other_theta(path, np.ones(3)), "not 28 parameters"),
    "an integer theta": (lambda path: other_theta(path, np.ones(28, int)), "dtype int64"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_with_a_file_is_named(tmp_path, what):
    path = tmp_path / "model.npz"
    tapeless.save(path, network, network.init(rng=0), optim.Adam())
    damage, said = BAD[what]
    damage(path)
    with pytest.raises(
        ValueError, match=r"^load: `path` must be a file that tapeless\.save"
    ) as info:
        tapeless.load(path)
    assert said in str(info.value) and "model.npz" in str(info.value)


def test_means_of_another_theta_are_refused(tmp_path):
    adam = optim.Adam()
    adam.step(np.ones(5), np.ones(5))
    tapeless.save(tmp_path / "model", network, network.init(rng=0), adam)
    with pytest.raises(ValueError, match="running means are not of theta's shape"):
        tapeless.load(tmp_path / "model")


def test_functions_are_asked_for(tmp_path):
    field = oscillator + network
    tapeless.save(tmp_path / "model", field, np.ones(field.n_params))
    with pytest.raises(ValueError, match="a function 'oscillator' of dim=2 and n_params=1"):
        tapeless.load(tmp_path / "model")


def test_arguments_are_checked(tmp_path):
    path, theta = tmp_path / "model", network.init(rng=0)
    with pytest.raises(TypeError, match="save: `field` must be a tapeless field"):
        tapeless.save(path, "network", theta)
    with pytest.raises(ValueError, match=r"save: `theta` must be an array of shape \(28,\)"):
        tapeless.save(path, network, theta[:4])
    with pytest.raises(TypeError, match="save: `optimiser` must be an optimiser"):
        tapeless.save(path, network, theta, optim.LBFGS())
    with pytest.raises(FileNotFoundError):
        tapeless.load(path)
    with pytest.raises(FileNotFoundError):
        tapeless.save(tmp_path / "nowhere" / "model", network, theta)
    assert os.listdir(tmp_path) == []
