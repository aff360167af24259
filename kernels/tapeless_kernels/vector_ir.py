"""Explicit vector instructions for intrinsics: loads, stores, masks and fma on addresses, at the host's width."""

import functools

import llvmlite.binding as llvm
from llvmlite import ir

I64 = ir.IntType(64)
I32 = ir.IntType(32)
I1 = ir.IntType(1)


@functools.cache
def vector_bytes():
    """Return the width of the host's widest float vectors in bytes."""
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx") else 16


def int64(value):
    """Return a constant index."""
    return ir.Constant(I64, value)


class Vectors:
    """Emits vector code of one float type into one IR builder; addresses are integers in bytes."""

    def __init__(self, builder, itemsize, width=None):
        self.builder, self.itemsize = builder, itemsize
        self.width = width or vector_bytes() // itemsize
        self.bytes = self.width * itemsize
        self.real = ir.FloatType() if itemsize == 4 else ir.DoubleType()
        self.type = ir.VectorType(self.real, self.width)
        self.mask_type = ir.VectorType(I1, self.width)
        self._suffix = f"v{self.width}f{8 * itemsize}"
        self._first = ir.Constant(ir.VectorType(I32, self.width), [0] * self.width)

    def call(self, name, result, *arguments):
        """Call an LLVM intrinsic such as llvm.fma on this vector type."""
        name = f"llvm.{name}.{self._suffix}"
        module = self.builder.module
        kind = ir.FunctionType(result, [x.type for x in arguments])
        return self.builder.call(
            module.globals.get(name) or ir.Function(module, kind, name), arguments
        )

    def fma(self, a, b, c):
        """a * b + c, rounded once."""
        return self.call("fma", self.type, a, b, c)

    def constant(self, value):
        """Return a vector of one repeated constant."""
        return ir.Constant(self.type, [float(value)] * self.width)

    def splat(self, x):
        """Return a vector of one repeated scalar."""
        kind = ir.VectorType(x.type, self.width)
        nothing = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(nothing, x, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(one, nothing, self._first)

    def scalar(self, address):
        """Load one number."""
        return self.builder.load(self.builder.inttoptr(address, self.real.as_pointer()))

    def broadcast(self, address):
        """Load one number into every place of a vector."""
        return self.splat(self.scalar(address))

    def _pointer(self, address):
        return self.builder.inttoptr(address, self.type.as_pointer())

    def load(self, address, mask=None):
        """Load a vector; places that `mask` leaves out are zero and are not touched."""
        if mask is None:
            loaded = self.builder.load(self._pointer(address))
            loaded.align = self.itemsize
            return loaded
        align = ir.Constant(I32, self.itemsize)
        return self._masked(
            "load", self.type, self._pointer(address), align, mask, self.constant(0)
        )

    def store(self, x, address, mask=None):
        """Store a vector; places that `mask` leaves out are not touched."""
        if mask is None:
            self.builder.store(x, self._pointer(address)).align = self.itemsize
        else:
            align = ir.Constant(I32, self.itemsize)
            self._masked("store", ir.VoidType(), x, self._pointer(address), align, mask)

    def _masked(self, name, result, *arguments):
        name = f"llvm.masked.{name}.{self._suffix}.p0"
        module = self.builder.module
        kind = ir.FunctionType(result, [x.type for x in arguments])
        return self.builder.call(
            module.globals.get(name) or ir.Function(module, kind, name), arguments
        )

    def turn(self, rows):
        """Transpose `width` vectors, in log2(width) rounds that swap ever larger squares."""
        step = 1
        while step < self.width:
            low, high = [], []
            for i in range(self.width):
                from_other = bool(i & step)
                low.append(self.width + i - step if from_other else i)
                high.append(self.width + i if from_other else i + step)
            turned = list(rows)
            for i in range(self.width):
                if not i & step:
                    turned[i] = self._shuffle(rows[i], rows[i + step], low)
                    turned[i + step] = self._shuffle(rows[i], rows[i + step], high)
            rows, step = turned, 2 * step
        return rows

    def reverse(self, x):
        """Return a vector with its places the other way round."""
        return self._shuffle(x, x, list(range(self.width))[::-1])

    def _shuffle(self, a, b, places):
        return self.builder.shuffle_vector(
            a, b, ir.Constant(ir.VectorType(I32, self.width), places)
        )

    def first_columns(self, n, start):
        """Return the mask of the places whose column, counted from `start`, lies below n."""
        kind = ir.VectorType(I64, self.width)
        columns = ir.Constant(kind, [start + i for i in range(self.width)])
        return self.builder.icmp_signed("<", columns, self.splat(n))


class Loop:
    """A counted loop in IR, `with Loop(builder, n, carried) as (i, values)`; it runs at least once.

    Set `.carry` to the next values before leaving; `.results` holds the last ones afterwards.
    """

    def __init__(self, builder, n, carried=()):
        self.builder, self.n, self.carried = builder, n, list(carried)

    def __enter__(self):
        before = self.builder.block
        self._body = self.builder.append_basic_block("loop")
        self.builder.branch(self._body)
        self.builder.position_at_end(self._body)
        self._index = self.builder.phi(I64)
        self._index.add_incoming(int64(0), before)
        self._phis = [self.builder.phi(x.type) for x in self.carried]
        for phi, start in zip(self._phis, self.carried, strict=True):
            phi.add_incoming(start, before)
        self.carry = self._phis
        return self

    @property
    def index(self):
        """The loop's counter."""
        return self._index

    @property
    def values(self):
        """What the last iteration carried over."""
        return self._phis

    def __exit__(self, *error):
        if error[0]:
            return
        builder = self.builder
        step = builder.add(self._index, int64(1))
        self._index.add_incoming(step, builder.block)
        for phi, value in zip(self._phis, self.carry, strict=True):
            phi.add_incoming(value, builder.block)
        self.results = self.carry
        after = builder.append_basic_block("after")
        builder.cbranch(builder.icmp_signed("<", step, self.n), self._body, after)
        builder.position_at_end(after)
