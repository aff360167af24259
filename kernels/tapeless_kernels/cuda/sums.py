"""Sums over trajectories, in an order that no grid, block or chunk changes.

Trajectory i belongs to the group i % n_groups, so that neighbours read neighbours. A group is added up in the order of
its trajectories, one thread for each row and group; the sums of the groups are summed in the same way until one is
left. A chunk goes on where the chunk before has left the sums of the groups.
"""

from ..tile import Real

GROUP = 256  # trajectories in a group, at most
cuda = None  # bound


def sum_kernel(x, first, sums):
    """Add trajectories `first` onward of x (rows, n) to their groups' sums (rows, n_groups)."""
    i = cuda.grid(1)
    n_groups = sums.shape[1]
    if i < sums.shape[0] * n_groups:
        row, group = i // n_groups, i % n_groups
        total = Real(sums[row, group])
        for j in range((group - first) % n_groups, x.shape[1], n_groups):
            total += x[row, j]
        sums[row, group] = total


def n_groups(n):
    """Return the number of groups of n trajectories."""
    return max(1, -(-n // GROUP))


def collapse(device, kernel, sums):
    """Return the sums (rows,) of the sums of groups (rows, n_groups)."""
    while sums.shape[1] > 1 and len(sums) > 0:
        next_ = device.zeros((len(sums), n_groups(sums.shape[1])), sums.dtype)
        device.launch(kernel, next_.size, (sums, 0, next_))
        sums = next_
    return sums[:, 0]
