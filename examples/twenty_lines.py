"""Twenty lines: integrate a small network, differentiate the result, and train it."""

import numpy as np

import tapeless

rng = np.random.default_rng(0)
field = tapeless.fields.MLP(2, [32, 32])
theta = field.init(rng)
y0 = rng.normal(size=(20, 2))
target = np.column_stack([-y0[:, 1], y0[:, 0]])  # each point, turned by 90 degrees


def loss(theta):
    sol = tapeless.solve_ode(field, (0.0, 1.0), y0, theta, n_steps=10)
    return np.sum((sol.ys - target) ** 2), sol.vjp(2 * (sol.ys - target))[1]


v = rng.normal(size=theta.shape)
central = (loss(theta + 1e-6 * v)[0] - loss(theta - 1e-6 * v)[0]) / 2e-6
print(f"slope by the adjoint {loss(theta)[1] @ v:.9f}, by central differences {central:.9f}")
adam = tapeless.optim.Adam(lr=0.01)
for _ in range(300):
    theta = adam.step(theta, loss(theta)[1])
print(f"loss after 300 steps {loss(theta)[0]:.6f}")
