"""Order conditions of Runge-Kutta methods: one for each rooted tree.

A tree is the tuple of the subtrees left when its root is cut off: `()` is a single node, and
`((), ((),))` a root that bears a leaf and a branch of two nodes. A method has order p if and only
if, for every tree of at most p nodes::

    sum_i b_i w_i(tree) = 1 / density(tree)
    w_i(tree)     = product over the subtrees of sum_j a_ij w_j(subtree)
    density(tree) = nodes(tree) * product over the subtrees of density(subtree)

Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I (2nd ed., 1993), section II.2.
"""

from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement
from math import prod


@cache
def rooted_trees(n):
    """Return all rooted trees of n nodes: 1, 1, 2, 4, 9, 20, 48, 115, 286 for n = 1 .. 9."""
    return _forests(n - 1, n - 1)


def _forests(n, largest):
    """All multisets of trees with n nodes together and at most `largest` nodes each."""
    if n == 0:
        return ((),)
    return tuple(
        (*trees, *smaller)
        for size in range(1, min(n, largest) + 1)
        for count in range(1, n // size + 1)
        for trees in combinations_with_replacement(rooted_trees(size), count)
        for smaller in _forests(n - size * count, size - 1)
    )


@cache
def nodes(tree):
    """Return the number of nodes of a tree."""
    return 1 + sum(nodes(subtree) for subtree in tree)


@cache
def density(tree):
    """Return the density of a tree, the gamma of the literature."""
    return nodes(tree) * prod(density(subtree) for subtree in tree)


def order_condition_residuals(a, b, c, order):
    """Return by how much a method misses each condition, exactly if its coefficients are exact.

    Parameters
    ----------
    a : sequence of rows
        Row i holds a_ij for j < i, and may hold zeros beyond.
    b, c : sequence
        Weights and nodes. A node replaces its row's sum wherever a tree bears a leaf, so that
        wrong nodes show.
    order : int
        Largest number of nodes of a tree.

    Returns
    -------
    dict
        Tree to sum_i b_i w_i(tree) - 1 / density(tree): all 0 for a method of this order.
    """

    @cache
    def branch(tree):
        if not tree:
            return c
        w = weights(tree)
        return [sum(x * w[j] for j, x in enumerate(row)) for row in a]

    def weights(tree):
        return [prod(branch(subtree)[i] for subtree in tree) for i in range(len(b))]

    return {
        tree: sum(x * w for x, w in zip(b, weights(tree), strict=True)) - Fraction(1, density(tree))
        for n in range(1, order + 1)
        for tree in rooted_trees(n)
    }


def condition_sum(tree):
    """Return the left side of a tree's condition as text: "sum b_i c_i a_ij c_j^2"."""
    letters = iter("jklmnopqrstuvwxyz")

    def factors(tree, i):
        leaves = sum(not subtree for subtree in tree)
        own = [f"c_{i}" if leaves == 1 else f"c_{i}^{leaves}"] if leaves else []
        for subtree in filter(None, tree):
            j = next(letters)
            own += [f"a_{i}{j}", *factors(subtree, j)]
        return own

    return " ".join(["sum b_i", *factors(tree, "i")])


def first_missed(a, b, c, order, tolerance):
    """Return the smallest tree whose condition is missed, its sum and what it should be; None if all hold.

    A sum may be off by as much as it can change when each coefficient changes by `tolerance` of itself,
    and each node by that of the terms of its row's sum.
    """

    def largest(by):
        a_by, b_by = [[abs(x) * (1 + by) for x in row] for row in a], [abs(x) * (1 + by) for x in b]
        c_by = [abs(x) + by * sum(map(abs, row)) for x, row in zip(c, a, strict=True)]
        return order_condition_residuals(a_by, b_by, c_by, order)

    residuals = order_condition_residuals(a, b, c, order)
    before, after = (largest(by) if tolerance else residuals for by in (0, tolerance))
    for tree, residual in residuals.items():
        if abs(residual) > after[tree] - before[tree]:
            wanted = Fraction(1, density(tree))
            return tree, wanted + residual, wanted
    return None
