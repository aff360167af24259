"""A call of each public function, by its name, with `of` making an array of NumPy's one of a library."""

from array_samples import fields, operators, solves, training, waves

SAMPLES = {
    **fields.SAMPLES,
    **solves.SAMPLES,
    **training.SAMPLES,
    **operators.SAMPLES,
    **waves.SAMPLES,
}


# Public functions with no argument that could be an array: what they return is NumPy's.
WITHOUT_ARRAYS = {
    "Annealed.__call__", "Constant.__call__", "Cosine.__call__", "DiffusionNetwork.init",
    "Exponential.__call__", "FNO.init", "Global.penalty", "Global.prepare", "LBFGS.options", "Local.penalty",
    "Local.prepare", "Network.init", "Optimiser.copy", "Optimiser.fresh", "Optimiser.options", "RNODE.penalty",
    "RNODE.prepare", "Regulariser.penalty", "Regulariser.prepare", "STEER.penalty", "STEER.prepare",
    "Schedule.__call__", "SpectralConv.init", "WarmUp.__call__", "WeightDecay.penalty",
    "WeightDecay.prepare", "address", "adjoint_memory", "c_declarations", "c_field",
    "check_tableau", "diffusion", "fft.engine", "fft.engines",
    "fft.fftfreq", "fft.rfftfreq", "fft.set_engine", "field", "fields.MLP", "info.report", "load",
    "methods.alf", "methods.table", "plot.history", "reversible", "spectral.chebyshev_nodes",
    "spectral.chebyshev_weights", "spectral.differentiation_matrix", "spectral.legendre_nodes",
    "spectral.legendre_weights", "spectral.wavenumbers",
}  # fmt: skip
