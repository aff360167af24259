"""The least time a solve can take on this core, from the rates that the rows of L measured."""

import problems as P


class Rates:
    """The best rate that anyone reached, per case of L and dtype."""

    def __init__(self, results):
        self._best = {}
        for result in results:
            if result["workload"] == "L" and "error" not in result:
                key = result["case"], result["dtype"]
                rate = result["extra"]["work"] / result["min_s"]
                self._best[key] = max(rate, self._best.get(key, 0.0))

    def best(self, dtype, *cases):
        """Return the best rate of several cases, or None where none was measured."""
        return max(self._best.get((case, dtype), 0.0) for case in cases) or None

    def peak_floor(self, result):
        """Seconds with every matrix product at the peak of the core; None where unknown."""
        rate = self.best(result["dtype"], "gemm 2048x2048x2048", "fma peak")
        return self._floor(result, lambda shape: rate)

    def shape_floor(self, result):
        """Seconds with every matrix product at the best rate measured for its own shape."""
        dtype = result["dtype"]
        return self._floor(result, lambda shape: self.best(dtype, "gemm {}x{}x{}".format(*shape)))

    def _floor(self, result, product_rate):
        dim, hidden, batch, _ = P.MLP_SIZES[result["case"].split("@")[0]]
        # A gradient has two further products per layer, and no further tanh.
        passes = 3 if is_gradient(result) else 1
        work = [(2.0 * batch * hidden, self.best(result["dtype"], "tanh 65536", "tanh 4096"))]
        for fan_in, fan_out in ((dim, hidden), (hidden, hidden), (hidden, dim)):
            flops = passes * 2.0 * batch * fan_in * fan_out
            work.append((flops, product_rate((batch, fan_in, fan_out))))
        nfe = forward_nfe(result)
        if not nfe or not all(rate for _, rate in work):
            return None
        return nfe * sum(amount / rate for amount, rate in work)


def is_gradient(result):
    """Say whether a result is of a gradient."""
    return result["workload"] == "W2" or result["case"].endswith("@grad")


def forward_nfe(result):
    """Return the batched evaluations of the forward solve: the mean where samples differ.

    None for torchdiffeq's odeint_adjoint, whose count includes its backward solve.
    """
    if "odeint_adjoint" in result["method"]:
        return None
    return result.get("extra", {}).get("nfe_mean", result.get("nfe"))
