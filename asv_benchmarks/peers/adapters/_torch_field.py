"""The MLP field as a torch module, for the adapters of torchdiffeq and torchode."""

import problems as P
import torch

torch.set_num_threads(1)


class Field(torch.nn.Module):
    """tanh(tanh(y W1 + b1) W2 + b2) W3 + b3"""

    def __init__(self, p, dtype):
        super().__init__()
        self.first = linear(p["W1"], p["b1"], dtype)
        self.second = linear(p["W2"], p["b2"], dtype)
        self.third = linear(p["W3"], p["b3"], dtype)

    def forward(self, t, y):
        return self.third(torch.tanh(self.second(torch.tanh(self.first(y)))))

    def clear(self, y0):
        """Forget the gradients of the parameters and of the initial state."""
        self.zero_grad(set_to_none=True)
        y0.grad = None

    def gradients(self, y0):
        """Return the gradients by their names in problems.PARAMS, and y0's."""
        bar = {"y0": y0.grad.numpy()}
        for i, layer in enumerate((self.first, self.second, self.third), 1):
            bar[f"W{i}"] = layer.weight.grad.numpy().T
            bar[f"b{i}"] = layer.bias.grad.numpy()
        return bar


def linear(weight, bias, dtype):
    """Return a torch.nn.Linear that holds a weight of shape (fan_in, fan_out)."""
    layer = torch.nn.Linear(*weight.shape, dtype=dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight.T.copy()))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def field_and_state(case, dtype, needs_gradient):
    """Return the field and the initial state of one case."""
    p = P.mlp(case.split("@")[0])
    dtype = getattr(torch, dtype)
    return Field(p, dtype), torch.tensor(p["y0"], dtype=dtype, requires_grad=needs_gradient)
