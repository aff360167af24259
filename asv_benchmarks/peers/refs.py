"""Which reference a result is compared with."""

import problems as P


def reference(case):
    """Return the reference arrays of a case, or None where there is nothing to compare."""
    if case.workload in ("W1", "W2"):
        return P.mlp_reference(case.case)
    if case.workload == "W3":
        return P.mlp_reference_rk4(case.case.split("@")[0])
    if case.workload == "W4":
        return P.ensemble_reference()
    if case.workload == "W7":
        return spectral_reference(case.case)
    if case.workload == "W10":
        return P.nonstiff_reference(case.case.split("@")[0])
    if case.workload == "W11":
        return P.training_reference(case.case)
    if case.workload == "W12":
        return P.mlp_reference(case.case.split("@")[0])
    return None


def spectral_reference(case):
    """Return the reference arrays of a case of W7."""
    if case in P.FFT_CASES:
        return P.fft_reference(case)
    if case in P.FNO_CASES:
        return P.fno_reference(case)
    if case == P.NS:
        return P.navier_stokes_reference()
    return P.convolution_reference(case)
