"""Keys of jax's random numbers, as seeds of ours."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tapeless._complain import complain, describe


def as_words(caller: str, key: Any) -> Any:
    """Return a key as an operand of two words."""
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and 0 <= key < 2**64:
        return jnp.asarray(np.array([int(key) >> 32, int(key) & 0xFFFFFFFF], np.uint32))
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    if isinstance(key, jax.Array) and key.dtype == np.uint32 and key.shape == (2,):
        return key
    wanted = "one key of jax.random.key(...) with two words, or an integer from 0 to 2**64 - 1"
    got = f"shape {key.shape} and dtype {key.dtype}" if hasattr(key, "dtype") else describe(key)
    raise complain(TypeError, caller, "key", wanted, got, "jax.vmap takes many keys.")


def number_of(words: Any) -> int:
    """Return a key as one number."""
    return int(words[0]) << 32 | int(words[1])
