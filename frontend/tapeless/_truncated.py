"""Truncated Fourier transforms of `tapeless.fft`: to the lowest modes of fields and back, each with its transpose."""

from tapeless._fft_arguments import Norm
from tapeless._fft_core import Array
from tapeless._fft_types import Several
from tapeless._interchange import takes_arrays
from tapeless._truncated_docs import documented
from tapeless._truncated_run import Method, to_fields, to_modes
from tapeless._types import ArrayInput, Integer


@takes_arrays
@documented
def truncated_rfft(
    x: ArrayInput, modes: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_rfft", x, modes, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_rfft_vjp(
    y_bar: ArrayInput, n: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_rfft_vjp", y_bar, n, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_irfft(
    y: ArrayInput, n: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_irfft", y, n, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_irfft_vjp(
    x_bar: ArrayInput, modes: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_irfft_vjp", x_bar, modes, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_fft(
    x: ArrayInput, modes: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_fft", x, modes, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_fft_vjp(
    y_bar: ArrayInput, n: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_fft_vjp", y_bar, n, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_ifft(
    y: ArrayInput, n: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_ifft", y, n, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_ifft_vjp(
    x_bar: ArrayInput, modes: Integer, axis: Integer = -1, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_ifft_vjp", x_bar, modes, axis, norm, method, threads)


@takes_arrays
@documented
def truncated_rfftn(
    x: ArrayInput, modes: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_rfftn", x, modes, axes, norm, method, threads)


@takes_arrays
@documented
def truncated_rfftn_vjp(
    y_bar: ArrayInput, s: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_rfftn_vjp", y_bar, s, axes, norm, method, threads)


@takes_arrays
@documented
def truncated_irfftn(
    y: ArrayInput, s: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_irfftn", y, s, axes, norm, method, threads)


@takes_arrays
@documented
def truncated_irfftn_vjp(
    x_bar: ArrayInput, modes: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_irfftn_vjp", x_bar, modes, axes, norm, method, threads)


@takes_arrays
@documented
def truncated_fftn(
    x: ArrayInput, modes: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_fftn", x, modes, axes, norm, method, threads)


@takes_arrays
@documented
def truncated_fftn_vjp(
    y_bar: ArrayInput, s: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_fftn_vjp", y_bar, s, axes, norm, method, threads)


@takes_arrays
@documented
def truncated_ifftn(
    y: ArrayInput, s: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_fields("truncated_ifftn", y, s, axes, norm, method, threads)


@takes_arrays
@documented
def truncated_ifftn_vjp(
    x_bar: ArrayInput, modes: Several, axes: Several | None = None, norm: Norm = None,
    *, method: Method = None, threads: Integer | None = None,
) -> Array:  # fmt: skip
    return to_modes("truncated_ifftn_vjp", x_bar, modes, axes, norm, method, threads)
