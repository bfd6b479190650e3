"""Judges a quantised network integer by integer, layer by layer, against exact arithmetic.

    python3 tests/models/exact.py MODEL.onnx INPUTS [--tenon build/release/tenon] [--target native] [-v]

The compiled C is run with --keep-values all, so that every integer between the layers comes out. For each integer the
layer is computed again from the integers that the C itself computed before it: products and sums exactly, scales as the
rational numbers that their floats are, rounding half to even, saturation. No ONNX Runtime, no interpreter of ours, no
float arithmetic decides; float64 only sorts out the elements that are too far from a half to matter.

An integer may differ only if the exact value lies so near to a half that the float arithmetic of the C cannot tell:
|exact - half| <= bound, and then by one step. The bound is the sum of the roundings that the C makes, u = 2^-24 each,
times what they act on (section "slack" below says which). Everything else is a failure, and so is an end of the network
that is not the same to the bit with and without --keep-values, or an integer of the model that was not judged.

Columns: layer, form (integer: fused to an operator on integers; float: computed in float between DequantizeLinear and
QuantizeLinear), elements, near (within the bound of a half), differing among these, of them exactly on the half, bad.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from fractions import Fraction

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import numpy_helper

U = 2.0**-24  # relative error of one rounding in float32
EPS = 2.0**-50  # of a few in float64


class Real:
    """A tensor of real numbers, known exactly.

    value   float64, within EPS * scale of the exact numbers
    exact   flat index -> Fraction; None where the numbers are not rational (Softmax)
    error   bound of |value - exact|
    slack   bound of |what float32 arithmetic makes of it - exact|
    acc, step   where the tensor is acc * step: integers, and the scale as float64 that broadcasts to them
    zero    largest |zero point| * scale of the operands, for operators that subtract zero points in float
    late    the C adds the zero point of the result before rounding
    """

    def __init__(self, value, exact, slack, error=None, acc=None, step=None, zero=0.0, late=0.0):
        self.value = np.asarray(value, np.float64)
        self.exact = exact
        self.slack = np.broadcast_to(np.asarray(slack, np.float64), self.value.shape)
        self.error = np.broadcast_to(EPS * np.abs(self.value) if error is None else error, self.value.shape)
        self.acc, self.step, self.zero, self.late = acc, step, zero, late

    def pick(self, index):
        """The tensor whose element i is this one's element index.flat[i]."""
        flat = index.ravel()
        exact = self.exact and (lambda i: self.exact(flat[i]))
        acc = self.acc.ravel()[index] if self.step is not None and np.size(self.step) == 1 else None
        step = None if acc is None else self.step
        return Real(self.value.ravel()[index], exact, self.slack.ravel()[index], self.error.ravel()[index], acc, step,
                    self.zero, self.late)


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def half_even(x):
    """A Fraction's nearest integer."""
    return round(x)


# --- windows ----------------------------------------------------------------------------------------------------------


def paddings(size, kernel, at):
    """(begin, end) per spatial dim, and strides, dilations."""
    n = len(kernel)
    strides, dilations = at.get("strides") or [1] * n, at.get("dilations") or [1] * n
    auto = at.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    pads = at.get("pads") or [0] * (2 * n)
    pairs = [(pads[i], pads[n + i]) for i in range(n)]
    if auto.startswith("SAME"):
        for i in range(n):
            extent = (kernel[i] - 1) * dilations[i] + 1
            total = max(0, (-(-size[i] // strides[i]) - 1) * strides[i] + extent - size[i])
            small = total // 2
            pairs[i] = (small, total - small) if auto == "SAME_UPPER" else (total - small, small)
    elif auto == "VALID":
        pairs = [(0, 0)] * n
    return pairs, strides, dilations


def convolve(x, w, at):
    """Of float64 arrays that hold integers below 2^53: exact. x [N,C,...], w [M,C/groups,...]."""
    groups, kernel = at.get("group", 1), w.shape[2:]
    pairs, strides, dilations = paddings(x.shape[2:], kernel, at)
    x = np.pad(x, [(0, 0), (0, 0)] + pairs)
    out = [(x.shape[2 + i] - (k - 1) * dilations[i] - 1) // strides[i] + 1 for i, k in enumerate(kernel)]
    n, c, m = x.shape[0], x.shape[1], w.shape[0]
    y = np.zeros((n, groups, m // groups, int(np.prod(out))))
    for tap in np.ndindex(*kernel):
        cut = tuple(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, o, s in zip(tap, dilations, out, strides))
        part = x[(slice(None), slice(None)) + cut].reshape(n, groups, c // groups, -1)
        k = w[(slice(None), slice(None)) + tap].reshape(groups, m // groups, c // groups)
        y += part * k[None] if c == groups else np.matmul(k[None], part)
    return y.reshape([n, m] + out)


def windows(x, at, fill):
    """[N,C,out...,taps] of a tensor padded with fill."""
    kernel = at["kernel_shape"]
    pairs, strides, dilations = paddings(x.shape[2:], kernel, at)
    if at.get("ceil_mode", 0):
        for i, k in enumerate(kernel):
            rest = (x.shape[2 + i] + sum(pairs[i]) - (k - 1) * dilations[i] - 1) % strides[i]
            pairs[i] = (pairs[i][0], pairs[i][1] + (strides[i] - rest if rest else 0))
    x = np.pad(x, [(0, 0), (0, 0)] + pairs, constant_values=fill)
    v = sliding_window_view(x, [(k - 1) * d + 1 for k, d in zip(kernel, dilations)], axis=tuple(range(2, x.ndim)))
    steps = tuple(slice(None, None, s) for s in strides)
    v = v[(slice(None), slice(None)) + steps]
    v = v[(Ellipsis,) + tuple(slice(None, None, d) for d in dilations)]
    return v.reshape(v.shape[: x.ndim] + (-1,))


# --- the network ------------------------------------------------------------------------------------------------------


class NotJudged(Exception):
    pass


MOVES = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Identity", "MaxPool", "Resize",
         "Gather", "Expand", "Dropout"}


class Network:
    def __init__(self, model, inputs, computed):
        self.graph = model.graph
        self.maker = {o: n for n in self.graph.node for o in n.output if o}
        self.known = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.known.update(inputs)
        self.computed = computed  # by name: what the C computed
        self.opset = {o.domain: o.version for o in model.opset_import}.get("", 1)

    def constant(self, name):
        """Initializers, through Identity, Cast, Constant and the Q of a constant."""
        if name in self.known:
            return self.known[name]
        n = self.maker.get(name)
        if n is None:
            raise NotJudged(f"{name} is no constant")
        if n.op_type == "Constant":
            a = attributes(n)
            value = numpy_helper.to_array(a["value"]) if "value" in a else np.asarray(next(iter(a.values())))
        elif n.op_type == "Identity":
            value = self.constant(n.input[0])
        elif n.op_type == "Cast":
            kind = onnx.helper.tensor_dtype_to_np_dtype(attributes(n)["to"])
            value = self.constant(n.input[0]).astype(kind)
        elif n.op_type == "QuantizeLinear":
            self.constant(n.input[0])
            value = self.judge(name, n)[0]
        else:
            raise NotJudged(f"{name} is made by {n.op_type}, no constant")
        self.known[name] = value
        return value

    def scalar(self, node, i, otherwise=0):
        if len(node.input) <= i or not node.input[i]:
            return otherwise
        return float(self.constant(node.input[i]).reshape(-1)[0])

    def integers(self, name):
        """An integer tensor: what the C computed, or else a constant, or what movement makes of these."""
        if name in self.computed and self.computed[name].dtype.kind in "iu":
            return self.computed[name]
        if name in self.known:
            return self.known[name]
        n = self.maker[name]
        if n.op_type == "Constant":
            return self.constant(name)
        if n.op_type == "Cast":
            return self.integers(n.input[0]).astype(onnx.helper.tensor_dtype_to_np_dtype(attributes(n)["to"]))
        if n.op_type in MOVES:
            return self.integers(n.input[0]).ravel()[self.move(n, self.integers(n.input[0]), name)]
        return self.judge(name, n)[0]

    def is_float(self, node):
        """Whether the C computes this operator's result in float: then it is among the values kept."""
        got = self.computed.get(node.output[0])
        return got is not None and got.dtype.kind == "f"

    # --- movement -----------------------------------------------------------------------------------------------------

    def move(self, node, x, name):
        """Where the elements of the result come from: flat indices into x."""
        at, index, op = attributes(node), np.arange(x.size).reshape(x.shape), node.op_type
        if op in ("Identity", "Dropout"):
            return index
        if op == "Flatten":
            k = at.get("axis", 1) % (x.ndim + 1)
            return index.reshape(int(np.prod(x.shape[:k])), -1)
        if op == "Transpose":
            return index.transpose(at.get("perm"))
        if op == "Reshape":
            want = list(at["shape"] if "shape" in at else self.constant(node.input[1]))
            want = [x.shape[i] if d == 0 and not at.get("allowzero") else int(d) for i, d in enumerate(want)]
            return index.reshape(want)
        if op in ("Squeeze", "Unsqueeze"):
            axes = at.get("axes")
            if axes is None and len(node.input) > 1:
                axes = self.constant(node.input[1])
            if op == "Squeeze":
                return np.squeeze(index, None if axes is None else tuple(int(a) for a in axes))
            return np.expand_dims(index, tuple(int(a) for a in axes))
        if op == "Gather":
            return np.take(index, self.constant(node.input[1]), at.get("axis", 0))
        if op == "Split":
            axis = at.get("axis", 0)
            sizes = at.get("split")
            if sizes is None and len(node.input) > 1:
                sizes = self.constant(node.input[1])
            if sizes is None:
                sizes = [x.shape[axis] // len(node.output)] * len(node.output)
            return np.split(index, np.cumsum(sizes)[:-1], axis)[list(node.output).index(name)]
        if op == "Slice" and len(node.input) >= 3:
            starts, ends = self.constant(node.input[1]), self.constant(node.input[2])
            axes = self.constant(node.input[3]) if len(node.input) > 3 and node.input[3] else range(len(starts))
            steps = self.constant(node.input[4]) if len(node.input) > 4 else [1] * len(starts)
            cut = [slice(None)] * x.ndim
            for s, e, a, k in zip(starts, ends, axes, steps):
                cut[int(a)] = slice(int(s), int(e) if abs(int(e)) < 2**31 - 1 else None, int(k))
            return index[tuple(cut)]
        if op == "MaxPool":
            v = windows(np.asarray(x, np.float64), at, -np.inf)
            best = v.argmax(-1)
            return np.take_along_axis(windows(index, at, 0), best[..., None], -1)[..., 0]
        raise NotJudged(f"{op} is not known here")

    # --- real numbers -------------------------------------------------------------------------------------------------

    def dequantised(self, q, scale, zero, axis=1, kept=False):
        """(q - zero) * scale; one rounding when the C computes it in float, none inside an integer operator."""
        s, z = np.asarray(scale, np.float64), np.asarray(zero, np.int64)
        if s.size > 1:
            shape = [1] * q.ndim
            shape[axis] = s.size
            s, z = s.reshape(shape), (z.reshape(shape) if z.size > 1 else z.reshape(-1)[0])
        else:
            s, z = s.reshape(-1)[0], z.reshape(-1)[0]
        acc = np.asarray(q, np.int64) - z
        full = np.broadcast_to(s, acc.shape)
        value, flat = acc * s, acc.ravel()
        exact = lambda i: int(flat[i]) * Fraction(float(full.flat[i]))
        return Real(value, exact, U * np.abs(value) if kept else 0.0, None, acc, s, float(np.max(np.abs(z * s))))

    def real(self, name):
        """A float value, from the integers before it."""
        n = self.maker.get(name)
        if n is None:
            x = np.asarray(self.known[name], np.float64)
            return Real(x, lambda i: Fraction(float(x.flat[i])), 0.0, 0.0)
        at, op = attributes(n), n.op_type
        if op == "DequantizeLinear":
            zero = self.constant(n.input[2]) if len(n.input) > 2 and n.input[2] else 0
            return self.dequantised(self.integers(n.input[0]), self.constant(n.input[1]), zero, at.get("axis", 1),
                                    self.is_float(n))
        if is_constant(self, name):
            x = np.asarray(self.constant(name), np.float64)
            return Real(x, lambda i: Fraction(float(x.flat[i])), 0.0, 0.0)
        inputs = [self.real(i) if i and k < self.data_inputs(op, n) else None for k, i in enumerate(n.input)]
        return self.operator(n, op, at, inputs, self.is_float(n), name)

    @staticmethod
    def data_inputs(op, n):
        one = MOVES | {"Clip", "Relu", "Softmax", "Sigmoid", "ReduceMean", "LeakyRelu", "GlobalAveragePool"}
        return 1 if op in one else len(n.input)

    def operator(self, n, op, at, x, in_float, name):
        """The real result of an operator. slack: what its float32 roundings may add, see below."""
        if op in MOVES:
            return x[0].pick(self.move(n, x[0].value, name))
        if op in ("Relu", "Clip"):
            lo, hi = (0.0, np.inf) if op == "Relu" else (self.scalar(n, 1, -np.inf), self.scalar(n, 2, np.inf))
            if op == "Clip" and "max" in at:
                lo, hi = at.get("min", -np.inf), at["max"]
            return self.clipped(x[0], lo, hi)
        if op in ("Conv", "Gemm", "MatMul"):
            return self.product(op, at, x, in_float)
        if op in ("Add", "Mul"):
            return self.binary(op, x, in_float)
        if op in ("AveragePool", "GlobalAveragePool", "ReduceMean"):
            return self.average(n, op, at, x[0], in_float)
        if op == "Concat":
            return self.joined(x, at["axis"])
        if op in ("Softmax", "Sigmoid"):
            return self.curve(op, at, x[0])
        if op == "LeakyRelu":
            return self.leaky(x[0], np.float32(at.get("alpha", 0.01)))
        raise NotJudged(f"{op} is not known here")

    @staticmethod
    def clipped(x, lo, hi):
        exact = x.exact and (lambda i: min(max(x.exact(i), Fraction(lo) if lo > -np.inf else x.exact(i)),
                                           Fraction(hi) if hi < np.inf else x.exact(i)))
        return Real(np.clip(x.value, lo, hi), exact, x.slack, x.error, zero=x.zero, late=x.late)

    def product(self, op, at, x, in_float):
        """slack of the integer operator: float(acc) u, factor = x_scale * w_scale / y_scale 2 u, product u: 4 u of the
        result; the bias is added in units of x_scale * w_scale, of which its scale is the nearest float: u of it.
        In float: each of the terms is rounded twice when dequantised, once as product, K times in the sum."""
        a, w = x[0], x[1]
        if a.acc is None or w.acc is None:
            raise NotJudged(f"{op} of a float")
        left, right, channel = a.acc.astype(np.float64), w.acc.astype(np.float64), 1
        if op == "Gemm":
            left = left.T if at.get("transA") else left
            right = right.T if at.get("transB") else right
            if at.get("alpha", 1.0) != 1.0 or at.get("beta", 1.0) != 1.0:
                raise NotJudged("Gemm with alpha or beta")
        if op == "Conv":
            multiply, terms = (lambda p, q: convolve(p, q, at)), int(np.prod(right.shape[1:]))
        else:
            multiply, terms, channel = np.matmul, right.shape[-2], -1
        acc = multiply(left, right)
        assert np.abs(acc).max(initial=0) < 2.0**53
        w_step = np.asarray(w.step, np.float64)
        if w_step.size > 1:
            shape = [1] * acc.ndim
            shape[channel] = w_step.size
            w_step = w_step.reshape(shape)
        if np.size(a.step) != 1:
            raise NotJudged("a scale per row")
        a_step, full = float(a.step), np.broadcast_to(w_step, acc.shape)
        flat = acc.ravel()
        scale = lambda i: Fraction(a_step) * Fraction(float(full.flat[i]))
        value = acc * (a_step * w_step)
        slack = 4 * U * np.abs(value)
        exact = lambda i: int(flat[i]) * scale(i)
        error = EPS * np.abs(value)
        if in_float:
            slack = (terms + 4) * U * multiply(np.abs(left), np.abs(right)) * (a_step * w_step)
        if len(x) > 2 and x[2] is not None:
            bias = x[2]
            shape = [1] * acc.ndim
            shape[channel] = bias.value.size
            place = np.broadcast_to(np.arange(bias.value.size).reshape(shape if bias.value.size > 1 else [1] * acc.ndim),
                                    acc.shape)
            b = bias.value.ravel()[place]
            value = value + b
            error = error + EPS * np.abs(b)
            slack = slack + (terms + 4 if in_float else 5) * U * np.abs(b)
            plain = exact
            exact = lambda i: plain(i) + bias.exact(int(place.flat[i]))
        return Real(value, exact, slack, error)

    @staticmethod
    def binary(op, x, in_float):
        """slack of QLinearAdd: each of the five terms (zero points moved into one) passes through at most six roundings;
        of QLinearMul: ratio 2 u, product u, the zero point u. Both add the zero point before they round."""
        a, b = x
        shape = np.broadcast_shapes(a.value.shape, b.value.shape)
        pa = np.broadcast_to(np.arange(a.value.size).reshape(a.value.shape), shape)
        pb = np.broadcast_to(np.arange(b.value.size).reshape(b.value.shape), shape)
        if op == "Mul":
            value = a.value * b.value
            exact = lambda i: a.exact(pa.flat[i]) * b.exact(pb.flat[i])
            return Real(value, exact, 4 * U * np.abs(value), late=0.0 if in_float else 4.0)
        value = a.value + b.value
        exact = lambda i: a.exact(pa.flat[i]) + b.exact(pb.flat[i])
        size = np.abs(a.value) + np.abs(b.value)
        if in_float:
            return Real(value, exact, 2 * U * size, EPS * size)
        return Real(value, exact, 6 * U * (size + 2 * a.zero + 2 * b.zero), EPS * size, late=6.0)

    def average(self, n, op, at, x, in_float):
        """slack of the integer operators: float(sum) u, factor 3 u, product u; the zero point is added before rounding."""
        if x.acc is None or np.size(x.step) != 1:
            raise NotJudged(f"{op} of a float")
        acc = x.acc.astype(np.float64)
        if op == "AveragePool":
            inside = windows(np.ones(acc.shape), at, 0.0)
            count = np.full(inside.shape[:-1], float(inside.shape[-1])) if at.get("count_include_pad") else inside.sum(-1)
            total, terms = windows(acc, at, 0.0).sum(-1), inside.shape[-1]
            size = windows(np.abs(acc), at, 0.0).sum(-1) / count * float(x.step)
        else:
            axes = tuple(range(2, acc.ndim))
            if op == "ReduceMean":
                given = at.get("axes") if "axes" in at else self.constant(n.input[1])
                axes = tuple(int(a) for a in given)
            keep = op != "ReduceMean" or bool(at.get("keepdims", 1))
            total = acc.sum(axes, keepdims=keep)
            terms = int(np.prod([acc.shape[a] for a in axes]))
            count = np.full(total.shape, float(terms))
            size = np.abs(acc).sum(axes, keepdims=keep) / terms * float(x.step)
        value = total / count * float(x.step)
        exact = lambda i: Fraction(int(total.flat[i]), int(count.flat[i])) * Fraction(float(x.step))
        slack = (terms + 3) * U * size if in_float else 5 * U * np.abs(value)
        return Real(value, exact, slack, 4 * EPS * size, late=0.0 if in_float else 5.0)

    @staticmethod
    def joined(x, axis):
        start, parts, at = 0, [], []
        for part in x:
            at.append(start)
            parts.append(np.arange(part.value.size).reshape(part.value.shape) + start)
            start += part.value.size
        index = np.concatenate(parts, axis)
        bounds = np.asarray(at)

        def exact(i):
            place = int(index.flat[i])
            k = int(np.searchsorted(bounds, place, "right")) - 1
            return x[k].exact(place - at[k])

        pick = lambda name: np.concatenate([getattr(p, name).ravel() for p in x])[index]
        return Real(pick("value"), exact, np.maximum(pick("slack"), U * np.abs(pick("value"))), pick("error"))

    def curve(self, op, at, x):
        """Not rational: float64 and its error. slack: exp of an argument off by 2 u of it, exp itself 4 u, the sum of K, a
        quotient; exp may be off by two units in its last place."""
        if op == "Sigmoid":
            value = 1 / (1 + np.exp(-x.value))
            return Real(value, None, (3 * np.abs(x.value) + 8) * U * value, 2e-15 * (1 + np.abs(x.value)) * value)
        axis = at.get("axis", -1 if self.opset >= 13 else 1)
        axes = (axis,) if self.opset >= 13 else tuple(range(axis % x.value.ndim, x.value.ndim))
        down = x.value - x.value.max(axes, keepdims=True)
        e = np.exp(down)
        value = e / e.sum(axes, keepdims=True)
        terms = int(np.prod([x.value.shape[a] for a in axes]))
        span = np.abs(down).max(initial=0) + (np.abs(x.value).max(initial=0) if np.any(x.slack) else 0)
        return Real(value, None, (terms + 4 * span + 12) * U * value, 1e-14 * (1 + span) * value)

    @staticmethod
    def leaky(x, alpha):
        a = Fraction(float(alpha))
        exact = lambda i: x.exact(i) * (a if x.exact(i) < 0 else 1)
        value = np.where(x.value < 0, x.value * float(alpha), x.value)
        return Real(value, exact, 2 * U * np.abs(value) + x.slack)

    # --- integers -----------------------------------------------------------------------------------------------------

    def quantise(self, x, scale, zero, dtype, in_float):
        """-> integers, exact quotient by flat index (Fraction or None), distance to the nearest half, bound."""
        info = np.iinfo(dtype)
        v = x.value / scale
        bound = x.slack / scale + (2 if in_float else 1) * U * np.abs(v) + x.late * U * abs(zero)
        unsure = x.error / scale + EPS * np.abs(v)
        down = np.floor(v)
        distance = np.abs(v - down - 0.5)
        k = np.rint(v)
        out = np.clip(k + zero, info.min, info.max)
        quotient = None
        if x.exact is not None:
            s = Fraction(float(scale))
            quotient = lambda i: x.exact(i) / s
            inside = (k + zero >= info.min - 1) & (k + zero <= info.max + 1)
            for i in np.flatnonzero((distance <= unsure) & inside):
                out.flat[i] = min(max(half_even(quotient(i)) + zero, info.min), info.max)
        return out.astype(dtype), quotient, distance, bound

    def per_tensor(self, n, i):
        value = self.constant(n.input[i]).reshape(-1)
        if value.size != 1:
            raise NotJudged("a scale per channel")
        return value[0]

    def judge(self, name, n):
        """The integers that a node must give: array, quotient, distance, bound (None: no rounding), form."""
        at, op = attributes(n), n.op_type
        if op in MOVES:
            x = self.integers(n.input[0])
            return x.ravel()[self.move(n, x, name)], None, None, None, "moved"
        if op == "QuantizeLinear":
            source = self.maker.get(n.input[0])
            zero = self.per_tensor(n, 2) if len(n.input) > 2 else np.uint8(0)
            in_float = source is None or self.computed.get(n.input[0]) is not None
            x = self.real(n.input[0])
            return self.quantise(x, float(self.per_tensor(n, 1)), int(zero), zero.dtype, in_float) + (
                "float" if in_float else "integer",)
        if op == "Concat":
            return (np.concatenate([self.integers(i) for i in n.input], at["axis"]), None, None, None, "moved")
        if not op.startswith("QLinear") and op != "QGemm":
            raise NotJudged(f"{op} is not known here")
        return self.judge_operator(n, op, at)

    def operand(self, n, i, axis=1):
        zero = self.constant(n.input[i + 2]) if len(n.input) > i + 2 and n.input[i + 2] else 0
        return self.dequantised(self.integers(n.input[i]), self.constant(n.input[i + 1]), zero, axis)

    def judge_operator(self, n, op, at):
        plain = {"QGemm": "Gemm"}.get(op, op.replace("QLinear", "", 1))
        if plain in ("Conv", "MatMul", "Gemm"):
            y, axis = (7 if plain == "Gemm" else 6), (0 if plain == "Conv" or at.get("transB") else -1)
            x = [self.operand(n, 0), self.operand(n, 3, axis)]
            bias = 6 if plain == "Gemm" else 8
            if len(n.input) > bias and n.input[bias]:
                step = float(x[0].step) * np.asarray(x[1].step, np.float64).ravel()
                b = np.asarray(self.constant(n.input[bias]), np.int64).ravel()
                r = Real(b * step, lambda i: int(b[i]) * Fraction(float(x[0].step))
                         * Fraction(float(np.ravel(x[1].step)[i if np.size(x[1].step) > 1 else 0])), 0.0)
                x.append(r)
        elif plain in ("Add", "Mul"):
            y, x = 6, [self.operand(n, 0), self.operand(n, 3)]
        elif plain == "Concat":
            y, x = 0, [self.operand(n, i) for i in range(2, len(n.input), 3)]
        else:
            y, x = 3, [self.operand(n, 0)]
        zero = self.per_tensor(n, y + 1) if len(n.input) > y + 1 and n.input[y + 1] else x[0].acc.dtype.type(0)
        dtype = zero.dtype if zero.dtype.itemsize == 1 else self.integers(n.input[0]).dtype
        if plain == "Softmax" and "opset" in at:
            self.opset = at["opset"]
        r = self.operator(n, plain, at, x, False, n.output[0])
        return self.quantise(r, float(self.per_tensor(n, y)), int(zero), dtype, False) + ("integer",)


# --- running the C ----------------------------------------------------------------------------------------------------


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"exact.py: {' '.join(command)}: exit code {done.returncode}\n{done.stdout}")


def output_names(package):
    """In order, from the macros of the generated header."""
    for file in sorted(os.listdir(package)):
        text = open(os.path.join(package, file)).read() if file.endswith(".h") else ""
        found = re.findall(r"^#define \w+_OUTPUT_\d+_NAME (\".*\")$", text, re.M)
        if found:
            return [json.loads(s) for s in found]
    sys.exit(f"exact.py: no names of outputs in {package}")


def run_compiled(tenon, model, inputs, target, folder):
    """-> what the network gives plainly, and all its values by name."""
    package, plain, kept = (os.path.join(folder, s) for s in ("package", "plain.npz", "kept.npz"))
    run([tenon, "run", model, "--target", target, "--inputs", inputs, "--outputs", plain])
    run([tenon, "compile", model, "--target", target, "--keep-values", "all", "-o", package])
    run([tenon, "run", package, "--inputs", inputs, "--outputs", kept])
    names = output_names(package)
    with np.load(kept) as f, np.load(plain) as p:
        values = {names[i]: f[f"output_{i}"] for i in range(len(f.files))}
        ends = [p[f"output_{i}"] for i in range(len(p.files))]
    return ends, values, names[: len(ends)]


def make_inputs(model, folder):
    """Numbers in 0..1 from a fixed seed, where the model has no vectors."""
    rng = np.random.default_rng(1)
    weights = {t.name for t in model.graph.initializer}
    for k, i in enumerate(i for i in model.graph.input if i.name not in weights):
        x = rng.random([d.dim_value or 1 for d in i.type.tensor_type.shape.dim], np.float32)
        with open(os.path.join(folder, f"input_{k}.pb"), "wb") as f:
            f.write(numpy_helper.from_array(x, i.name).SerializeToString())
    return folder


def read_inputs(model, folder):
    weights = {t.name for t in model.graph.initializer}
    wanted = [i.name for i in model.graph.input if i.name not in weights]
    out = {}
    for k, name in enumerate(wanted):
        t = onnx.TensorProto()
        with open(os.path.join(folder, f"input_{k}.pb"), "rb") as f:
            t.ParseFromString(f.read())
        out[name] = numpy_helper.to_array(t)
    return out


# --- verdicts ---------------------------------------------------------------------------------------------------------


def compare(got, want, quotient, distance, bound):
    """-> near, differing, on the half, bad"""
    if got.shape != want.shape or got.dtype != want.dtype:
        return 0, 0, 0, got.size
    differ = np.flatnonzero(got.ravel() != want.ravel())
    if bound is None:
        return 0, 0, 0, len(differ)
    near = int(np.count_nonzero(distance <= bound))
    bad = on_half = 0
    for i in differ:
        off = distance.flat[i]
        if quotient is not None:
            q = quotient(int(i))
            off = abs(q - (q.numerator // q.denominator) - Fraction(1, 2))
        step = abs(int(got.flat[i]) - int(want.flat[i]))
        bad += not (step == 1 and off <= bound.flat[i])
        on_half += off == 0
    return near, len(differ), on_half, bad


def is_constant(net, name):
    try:
        net.constant(name)
        return True
    except NotJudged:
        return False


def judge_all(net, verbose):
    totals, failures, layers = np.zeros(5, np.int64), [], 0
    for node in net.graph.node:
        for name in node.output:
            quantises = node.op_type == "QuantizeLinear" or node.op_type.startswith("QLinear") or node.op_type == "QGemm"
            got = net.computed.get(name)
            if got is None and quantises and not is_constant(net, name):
                failures.append(f"{name}: the C has no such value")
            if got is None or got.dtype.itemsize != 1 or got.dtype.kind not in "iu":
                continue
            try:
                want, quotient, distance, bound, form = net.judge(name, node)
            except NotJudged as e:
                failures.append(f"{name}: not judged: {e}")
                continue
            counts = (got.size,) + compare(got, want, quotient, distance, bound)
            totals += counts
            layers += 1
            if counts[4]:
                failures.append(f"{name}: {counts[4]} of {got.size} integers are wrong")
            if verbose or counts[4]:
                source = net.maker.get(node.input[0])
                what = node.op_type + (f" of {source.op_type}" if node.op_type == "QuantizeLinear" and source else "")
                print(f"  {what[:34]:34} {form:8}" + "".join(f"{c:9}" for c in counts) + f"  {name[:60]}")
    return layers, totals, failures


def judge_ends(net, names, ends):
    """The floats that leave the network, and that they are the same without --keep-values."""
    failures = []
    for name, end in zip(names, ends):
        got = net.computed[name]
        if got.tobytes() != end.tobytes():
            failures.append(f"output {name}: not the same to the bit with --keep-values")
        if got.dtype.kind != "f":
            continue
        try:
            x = net.real(name)
        except NotJudged as e:
            print(f"  output {name} is judged only where integers are: {e}")
            continue
        bad = np.count_nonzero(np.abs(got - x.value) > x.slack + x.error + 1e-45)
        if bad:
            failures.append(f"output {name}: {bad} of {got.size} floats are wrong")
    return failures


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("model")
    p.add_argument("inputs", help="folder with input_0.pb ..., or \"random\"")
    p.add_argument("--tenon", default=os.environ.get("TENON", "build/release/tenon"))
    p.add_argument("--target", default="native")
    p.add_argument("-v", "--verbose", action="store_true", help="a line for each layer, not only for wrong ones")
    o = p.parse_args()
    model = onnx.load(o.model)
    with tempfile.TemporaryDirectory() as folder:
        given = make_inputs(model, folder) if o.inputs == "random" else o.inputs
        ends, values, names = run_compiled(o.tenon, o.model, given, o.target, folder)
        net = Network(model, read_inputs(model, given), values)
    if o.verbose:
        print(f"  {'layer':34} {'form':8}" + "".join(f"{c:>9}" for c in ("elements", "near", "differ", "on half", "bad")))
    layers, totals, failures = judge_all(net, o.verbose)
    failures += judge_ends(net, names, ends)
    for f in failures:
        print(f"  FAILED: {f}")
    if layers == 0:
        sys.exit("exact.py: no integers in this network")
    print(f"{layers} layers, {totals[0]} integers, {totals[1]} near a half, {totals[2]} differ there "
          f"({totals[3]} exactly on it), {totals[4]} wrong")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
