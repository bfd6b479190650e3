"""Cases that ONNX's own vectors leave out, with ONNX Runtime's results (of transforms: numpy's, in double), in the
folders that `conform` reads.

    python3 tests/conform/make_cases.py FOLDER       needs numpy, onnx and onnxruntime

The numbers are random with fixed seeds; each case is one node and its weights.
"""
import struct
import sys

import numpy as np
import onnx.parser
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from cases import IR, OPSET, save, write
from contrib_cases import all_contrib
from conv_cases import all_convolutions
from found_cases import all_found
from function_cases import all_functions
from ml_cases import all_ml
def recurrent(folder, kind, direction, seed, lens=False, initial=False, peephole=False, bias=True, **attributes):
    random = np.random.default_rng(seed)
    steps, batch, size, hidden = 5 + seed % 3, 1 + seed % 3, 4 + seed % 4, (3, 8, 16, 19)[seed % 4]
    both, gates = 1 + (direction == "bidirectional"), {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]

    def normal(*shape):
        return (random.standard_normal(shape) / 2).astype(np.float32)

    feeds, state = {"x": normal(steps, batch, size)}, (both, batch, hidden)
    weights = {"w": normal(both, gates * hidden, size), "r": normal(both, gates * hidden, hidden)}
    if bias:
        weights["b"] = normal(both, 2 * gates * hidden)
    if lens:
        feeds["lens"] = random.integers(1, steps + 1, batch).astype(np.int32)
    if initial:
        feeds["h0"] = normal(*state)
    if initial and kind == "LSTM":
        feeds["c0"] = normal(*state)
    if peephole:
        weights["p"] = normal(both, 3 * hidden)
    given = {**feeds, **weights}
    names = [x if x in given else "" for x in ("x", "w", "r", "b", "lens", "h0", "c0", "p")]
    names = names if kind == "LSTM" else names[:6]
    outputs = ["y", "yh", "yc"] if kind == "LSTM" else ["y", "yh"]
    node = helper.make_node(kind, names, outputs, hidden_size=hidden, direction=direction, **attributes)
    write(folder, f"{kind.lower()}_{direction}_{seed}", node, feeds, weights, outputs)


def all_recurrent(folder):
    functions = ["Sigmoid", "Relu", "Softplus", "Tanh", "Elu", "HardSigmoid"]
    seed = 0
    for kind, count in (("LSTM", 3), ("GRU", 2), ("RNN", 1)):
        for direction in ("forward", "reverse", "bidirectional"):
            for lens in (False, True):
                seed += 1
                more = {"clip": 0.4} if seed % 4 == 0 else {}
                if kind == "GRU":
                    more["linear_before_reset"] = seed // 2 % 2
                if seed % 3 == 0:
                    more["activations"] = functions[: count * (1 + (direction == "bidirectional"))]
                recurrent(folder, kind, direction, seed, lens, seed % 2 == 0, kind == "LSTM" and seed % 3 != 1,
                          seed % 5 != 1, **more)
    recurrent(folder, "RNN", "forward", 20, activations=["ScaledTanh"], activation_alpha=[0.5], activation_beta=[0.7])
    recurrent(folder, "RNN", "reverse", 21, activations=["Affine"], activation_alpha=[0.5], activation_beta=[0.7])
    recurrent(folder, "RNN", "forward", 22, activations=["ThresholdedRelu"], activation_alpha=[0.3])
    recurrent(folder, "LSTM", "forward", 23, input_forget=1)
    recurrent(folder, "LSTM", "bidirectional", 24, activations=["HardSigmoid", "Softsign", "LeakyRelu"] * 2,
              activation_alpha=[0.3, 0.05, 0.25, 0.02], activation_beta=[0.4, 0.6])


def attention(folder, seed, q_heads, kv_heads, queries, keys, past=0, mask=None, packed=False, **attributes):
    random = np.random.default_rng(seed)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    def heads(count, length, size):
        return normal(2, length, count * size) if packed else normal(2, count, length, size)

    feeds = {"q": heads(q_heads, queries, 8), "k": heads(kv_heads, keys, 8), "v": heads(kv_heads, keys, 6)}
    names, outputs = ["q", "k", "v", "", "", ""], ["y"]
    if mask is not None:
        feeds["m"] = normal(*mask)
        names[3] = "m"
    if past:
        feeds.update(pk=normal(2, kv_heads, past, 8), pv=normal(2, kv_heads, past, 6))
        names[4:6] = ["pk", "pv"]
        outputs += ["present_k", "present_v"]
    while names[-1] == "":
        names.pop()
    if packed:
        attributes.update(q_num_heads=q_heads, kv_num_heads=kv_heads)
    write(folder, f"attention_{seed}", helper.make_node("Attention", names, outputs, **attributes), feeds, {}, outputs)


def all_attention(folder):
    attention(folder, 1, 4, 4, 5, 5, is_causal=1)
    attention(folder, 2, 6, 2, 3, 7, mask=(3, 7), softcap=1.5)
    attention(folder, 3, 6, 3, 1, 1, past=9, is_causal=1)
    attention(folder, 4, 4, 2, 4, 4, past=3, mask=(2, 1, 4, 7), packed=True, scale=0.3)
    attention(folder, 5, 3, 1, 17, 33, packed=True)
    for seed, mask in (6, (6, 3, 7)), (7, (2, 6, 3, 7)), (8, (1, 3, 7)):  # by query head, which share key heads
        attention(folder, seed, 6, 2, 3, 7, mask=mask)


def signal(name, *shape):
    """Small numbers, so that the sums' rounding is below the absolute tolerance."""
    return np.random.default_rng(sum(map(ord, name))).standard_normal(shape).astype(np.float32) / 64


def complex_of(x):
    return x[..., 0] + (1j * x[..., 1] if x.shape[-1] == 2 else 0)


def parts_of(x):
    return np.stack([x.real, x.imag], -1).astype(np.float32)


def dft(folder, name, shape, axis=-2, length=None, inverse=0, onesided=0):
    feeds, weights = {"x": signal(name, *shape)}, {"axis": np.array(axis, np.int64)}
    if length:
        weights["length"] = np.array(length, np.int64)
    x = complex_of(feeds["x"].astype(np.float64))
    where = axis if axis >= 0 else axis + 1
    if inverse and onesided:
        result = np.fft.irfft(x, length, where).astype(np.float32)[..., None]
    elif onesided:
        result = parts_of(np.fft.rfft(x.real, length, where))
    else:
        result = parts_of((np.fft.ifft if inverse else np.fft.fft)(x, length, where))
    node = helper.make_node("DFT", ["x", "length" if length else "", "axis"], ["y"], inverse=inverse, onesided=onesided)
    write(folder, f"dft_{name}", node, feeds, weights, ["y"], [result])


def stft(folder, name, length, step, frame, window, onesided=1):
    feeds, weights = {"x": signal(name, 2, length, 1)}, {"step": np.array(step, np.int64)}
    if window:
        weights["window"] = np.hanning(frame).astype(np.float32)
    else:
        weights["frame"] = np.array(frame, np.int64)
    starts = range(0, length - frame + 1, step)
    frames = np.stack([feeds["x"][:, i : i + frame, 0] for i in starts], 1).astype(np.float64)
    result = (np.fft.rfft if onesided else np.fft.fft)(frames * weights.get("window", 1))
    names = ["x", "step", "window" if window else "", "" if window else "frame"]
    node = helper.make_node("STFT", names, ["y"], onesided=onesided)
    write(folder, f"stft_{name}", node, feeds, weights, ["y"], [parts_of(result)])


def all_signals(folder):
    dft(folder, "real", (2, 3, 30, 1))
    dft(folder, "axis", (2, 12, 5, 2), axis=1)
    dft(folder, "long", (2, 1024, 2))
    dft(folder, "long_inverse", (2, 1000, 2), inverse=1)
    dft(folder, "long_one_sided", (1536, 2, 1), axis=0, onesided=1)
    dft(folder, "longer", (2, 900, 1), length=1024)
    dft(folder, "shorter", (2, 30, 2), length=16, inverse=1)
    dft(folder, "prime", (1, 521, 1), onesided=1)
    dft(folder, "half", (2, 9, 2), inverse=1, onesided=1)
    dft(folder, "half_odd", (2, 8, 2), length=15, inverse=1, onesided=1)
    dft(folder, "half_long", (1, 513, 2), inverse=1, onesided=1)
    stft(folder, "window", 400, 37, 64, True)
    stft(folder, "frame", 100, 10, 25, False)
    stft(folder, "both_sides", 128, 16, 32, True, onesided=0)


def roi_align(folder, seed, **attributes):
    random = np.random.default_rng(seed)
    most = (-3, 14) if attributes.get("sampling_ratio") else (-1, 8.5)  # with 0 a box is no larger than the image
    corners = random.uniform(*most, (5, 2, 2)).astype(np.float32)
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
    feeds = {"x": random.standard_normal((2, 3, 11, 9)).astype(np.float32), "boxes": boxes}
    feeds["batch"] = random.integers(0, 2, 5)
    node = helper.make_node("RoiAlign", list(feeds), ["y"], **attributes)
    write(folder, f"roi_align_{seed}", node, feeds, {}, ["y"], opset=20)


def affine_grid(folder, size, align):
    dims = len(size) - 2
    theta = np.random.default_rng(dims).standard_normal((size[0], dims, dims + 1)).astype(np.float32)
    node = helper.make_node("AffineGrid", ["theta", "size"], ["y"], align_corners=align)
    write(folder, f"affine_grid_{dims}_{align}", node, {"theta": theta}, {"size": np.array(size, np.int64)}, ["y"])


def max_roi_pool(folder, shape, scale):
    boxes = [[0, 1, 2, 7, 6], [1, -3, -2, 4, 20], [0, 2.5, 1.5, 2.5, 1.5], [1, 8, 8, 3, 3], [0, 20, 20, 30, 30], [0, 0.5, 3.5, 6.5, 7.5]]
    feeds = {"x": np.random.default_rng(3).standard_normal((2, 3, 9, 11)).astype(np.float32), "boxes": np.array(boxes, np.float32)}
    node = helper.make_node("MaxRoiPool", list(feeds), ["y"], pooled_shape=shape, spatial_scale=scale)
    write(folder, f"max_roi_pool_{shape[0]}", node, feeds, {}, ["y"], opset=20)


def all_grids(folder):
    max_roi_pool(folder, [3, 2], 1.0)
    max_roi_pool(folder, [2, 2], 0.7)
    max_roi_pool(folder, [4, 5], 1.3)
    roi_align(folder, 1, output_height=3, output_width=2, sampling_ratio=2, spatial_scale=0.7)
    roi_align(folder, 2, output_height=2, output_width=4, sampling_ratio=3, coordinate_transformation_mode="output_half_pixel")
    roi_align(folder, 3, output_height=3, output_width=2, spatial_scale=1.1)
    roi_align(folder, 4, output_height=2, output_width=4, coordinate_transformation_mode="output_half_pixel")
    roi_align(folder, 5, output_height=5, output_width=1, mode="max")
    for align in (0, 1):
        affine_grid(folder, (2, 3, 4, 5), align)
        affine_grid(folder, (2, 3, 2, 4, 5), align)


def resize(folder, name, shape, scales, **attributes):
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], **attributes)
    write(folder, name, node, {"x": x}, {"scales": np.array(scales, np.float32)}, ["y"])


def all_resizes(folder):
    """Nothing is left of a dim."""
    resize(folder, "resize_nothing_nearest", (1, 2, 1, 5), [1, 1, 0.5, 1])
    resize(folder, "resize_nothing_linear", (1, 2, 1, 5), [1, 1, 0.5, 2], mode="linear")
    resize(folder, "resize_nothing_cubic", (1, 2, 5, 1), [1, 1, 2, 0.75], mode="cubic")


def det(folder, *shape):
    x = np.random.default_rng(shape[-1]).standard_normal(shape).astype(np.float32)
    x[..., 0, 0] = 0  # rows must be exchanged
    result = np.linalg.det(x.astype(np.float64)).astype(np.float32)
    write(folder, f"det_{shape[-1]}", helper.make_node("Det", ["x"], ["y"]), {"x": x}, {}, ["y"], [np.asarray(result)])


def tf_idf(folder, mode):
    x = np.random.default_rng(1).integers(0, 4, (3, 12))
    pool = [0, 1, 3] + [0, 1, 2, 2, 3, 0] + [1, 2, 3, 0, 0, 1]
    weights = [0.5, 2, 3, 0.25, 1, 4, 1.5, 0.75]
    node = helper.make_node("TfIdfVectorizer", ["x"], ["y"], mode=mode, min_gram_length=1, max_gram_length=3,
                            max_skip_count=2, ngram_counts=[0, 3, 9], ngram_indexes=[3, 0, 1, 2, 8, 6, 4, 7],
                            pool_int64s=pool, weights=weights)
    write(folder, f"tfidf_{mode.lower()}", node, {"x": x}, {}, ["y"])


def nested_loops(depth):
    """One turn each, of a state that grows: none is a repeat, and trying that must not take twice the time at each level."""
    text = "v0 = Concat <axis = 0> (u1, x)"
    for d in range(1, depth + 1):
        text = (f"v{d} = Loop (n, t, {'x' if d == depth else f'u{d + 1}'}) <body = b{d} (int64 i{d}, bool c{d}, float[k{d},4] u{d}) => (bool d{d}, float[m{d},4] v{d - 1})"
                f" {{ d{d} = Identity (c{d}) {text} }}>")
    return f"""(float[3,4] x) => (float[n,4] v{depth}) {{
        n = Constant <value = int64 {{1}}> () t = Constant <value = bool {{1}}> () {text} }}"""


# Control flow, in ONNX's text form: inputs are x (float[3,4], random) and what the row gives; name: (inputs, graph).
CONTROL = {
    "if_by_input": ({"c": np.array(False)}, """(float[3,4] x, bool c) => (float[3,4] y, float[4] z) {
        y, z = If (c) <then_branch = t () => (float[3,4] a, float[4] b) { a = Relu (x) b = ReduceMax <keepdims = 0> (x, axis) },
                       else_branch = e () => (float[3,4] a, float[4] b) { k = Neg (x) a = Exp (k) b = ReduceMin <keepdims = 0> (k, axis) }> }"""),
    "if_by_shape": ({}, """(float[3,4] x) => (float[n] y) {
        s = Shape (x) four = Constant <value = int64[1] {4}> () last = Gather (s, index1) c = Equal (last, four)
        y = If (c) <then_branch = t () => (float[n] a) { a = ReduceSum <keepdims = 0> (x, axis) },
                    else_branch = e () => (float[n,m] b) { b = Reshape (x, four) }> }"""),
    "if_strings": ({"c": np.array(True)}, """(float[3,4] x, bool c) => (string[2] y, float[3,4] z) {
        y = If (c) <then_branch = t () => (string[2] a) { p = Constant <value_strings = ["a", "bcd"]> () q = Constant <value_strings = ["x", "yz"]> () a = StringConcat (p, q) },
                    else_branch = e () => (string[2] b) { r = Constant <value_strings = ["many more letters", "z"]> () i = Constant <value_ints = [1, 0]> () b = Gather (r, i) }>
        z = Relu (x) }"""),
    "shared_truth": ({"v": np.tile(np.array([0, 1, -1], np.float32), (3, 20))}, """(float[3,4] x, float[3,60] v) => (float[3,60] y, double[3,60] z, bool[3,60] t) {
        zero = Constant <value = float {0}> () far = Constant <value = float {-100}> () e = Equal (v, zero) n = Not (e) a = Where (n, far, v) y = Where (e, zero, a)
        d = Cast <to = 11> (v) g = Cast <to = 11> (zero) h = Cast <to = 11> (far) m = Less (d, g) o = Not (m) b = Where (o, h, d) z = Where (m, g, b)
        l = Less (v, zero) k = Greater (v, zero) t = Xor (l, k) }"""),
    "loop_swaps": ({}, """(float[3,4] x) => (float[3,4] p, float[3,4] q, float[k,3,4] all) {
        n = Constant <value = int64 {5}> () t = Constant <value = bool {1}> () twice = Add (x, x)
        p, q, all = Loop (n, t, x, twice) <body = b (int64 i, bool c, float[3,4] u, float[3,4] v) => (bool d, float[3,4] v, float[3,4] u, float[3,4] e)
            { d = Identity (c) f = Cast <to = 1> (i) g = Mul (f, u) e = Sub (g, v) }> }"""),
    "loop_stops": ({"limit": np.array(9, np.float32)}, """(float[3,4] x, float limit) => (float[3,4] y, float z) {
        n = Constant <value = int64 {20}> () t = Constant <value = bool {1}> () zero = Constant <value = float {0}> ()
        y, z = Loop (n, t, x, zero) <body = b (int64 i, bool c, float[3,4] u, float w) => (bool d, float[3,4] v, float o)
            { f = Cast <to = 1> (i) o = Add (w, f) v = Add (u, o) d = Less (o, limit) }> }"""),
    "loop_stops_declared": ({"limit": np.array(9, np.float32)}, """(float[3,4] x, float limit) => (float[3,4] y, float[5] all) {
        n = Constant <value = int64 {20}> () t = Constant <value = bool {1}> () zero = Constant <value = float {0}> ()
        y, w, all = Loop (n, t, x, zero) <body = b (int64 i, bool c, float[3,4] u, float w) => (bool d, float[3,4] v, float o, float o)
            { f = Cast <to = 1> (i) o = Add (w, f) v = Add (u, o) d = Less (o, limit) }> }"""),
    "loop_grows": ({}, """(float[3,4] x) => (float[n,4] y) {
        n = Constant <value = int64 {3}> () t = Constant <value = bool {1}> ()
        y = Loop (n, t, x) <body = b (int64 i, bool c, float[k,4] u) => (bool d, float[m,4] v)
            { d = Identity (c) h = Neg (x) v = Concat <axis = 0> (u, h) }> }"""),
    "loop_in_loops": ({}, nested_loops(14)),
    "loop_without_turns": ({}, """(float[3,4] x) => (float[3,4] y, float[n,4] all) {
        n = Constant <value = int64 {0}> () t = Constant <value = bool {1}> ()
        y, all = Loop (n, t, x) <body = b (int64 i, bool c, float[3,4] u) => (bool d, float[3,4] v, float[4] e)
            { d = Identity (c) v = Exp (u) e = ReduceSum <keepdims = 0> (u, axis) }> }"""),
    "scan_axes": ({}, """(float[3,4] x) => (float[3] y, float[3,4] z, float[4,3] w) {
        i = ReduceSum <keepdims = 0> (x, axis1)
        y, z, w = Scan <num_scan_inputs = 2, scan_input_axes = [1, 1], scan_input_directions = [0, 1], scan_output_axes = [1, 0],
                        scan_output_directions = [1, 0],
                        body = b (float[3] s, float[3] u, float[3] v) => (float[3] o, float[3] p, float[3] r)
            { p = Sub (u, v) o = Add (s, p) r = Mul (s, p) }> (i, x, x) }"""),
    "sequence_edited": ({"p": np.array(-2, np.int64)}, """(float[3,4] x, int64 p) => (float[n,m] y, float[k,3,2] z, int64 count, float[3,1] at) {
        three = Constant <value = int64 {3}> () two = Constant <value = int64 {2}> () back = Constant <value = int64 {-1}> ()
        s = SplitToSequence <axis = 1> (x, three) h = Neg (x) t = SequenceInsert (s, h, back) u = SequenceErase (t, back)
        v = SequenceInsert (u, x) y = ConcatFromSequence <axis = 1> (v) count = SequenceLength (v)
        w = SplitToSequence <axis = 1> (x, two) z = ConcatFromSequence <axis = 0, new_axis = 1> (w)
        c = SplitToSequence <axis = 1> (x) at = SequenceAt (c, p) }"""),
    "sequence_in_loop": ({}, """(float[3,4] x) => (float[n,4] y, float[4] last) {
        n = Constant <value = int64 {3}> () t = Constant <value = bool {1}> () e = SequenceEmpty () back = Constant <value = int64 {-1}> ()
        s = Loop (n, t, e) <body = b (int64 i, bool c, seq(float[k,4]) u) => (bool d, seq(float[m,4]) v)
            { d = Identity (c) f = Cast <to = 1> (i) g = Add (x, f) v = SequenceInsert (u, g) }>
        y = ConcatFromSequence <axis = 0> (s) z = SplitToSequence <axis = 0, keepdims = 0> (x) last = SequenceAt (z, back) }"""),
    "sequence_map": ({}, """(float[3,4] x) => (float[3,4] y) {
        parts = Constant <value = int64[2] {1, 3}> () s = SplitToSequence <axis = 1> (x, parts) top = ReduceMax <keepdims = 1> (x, axis1)
        r = SequenceMap <body = b (float[3,k] u, float[3,1] v) => (float[3,k] w) { w = Sub (u, v) }> (s, top)
        y = ConcatFromSequence <axis = 1> (r) }"""),
    "sequence_by_input": ({"c": np.array(False)}, """(float[3,4] x, bool c) => (float[3,4] y) {
        s = If (c) <then_branch = t () => (seq(float[3,m]) a) { a = SplitToSequence <axis = 1> (x) },
                    else_branch = e () => (seq(float[3,m]) b) { h = Exp (x) b = SplitToSequence <axis = 1> (h) }>
        y = ConcatFromSequence <axis = 1> (s) }"""),
    "sizes_by_output": ({"s": np.array([7, 2, 5], np.int64)}, """(float[3,4] x, int64[3] s) => (float[5,2] y, int64[1] k) {
        parts = Constant <value_ints = [1, 2]> () first, shape = Split <axis = 0> (s, parts)
        r = ReduceMean <keepdims = 1> (x) e = Expand (r, shape) y = Transpose (e) k = Neg (first) }"""),
    "sizes_and_numbers": ({"s": np.array([0, -3, 5, 2], np.int64), "i": np.array([1, 0], np.int64)},
                          """(float[3,4] x, int64[4] s, int64[2] i) => (float[2,5] y, int64[1] d, bool[1] z, float[2,4] g) {
        parts = Constant <value_ints = [1, 1, 2]> () first, second, shape = Split <axis = 0> (s, parts) zero = Constant <value_ints = [0]> ()
        r = ReduceMean <keepdims = 1> (x) e = Expand (r, shape) y = Transpose (e)
        d = Sub (first, second) z = Equal (first, zero) g = Gather (x, i) }"""),
    "nested": ({"w": np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32)},
               """(float[3,4] x, float[4,4] w) => (float[4] y, float[n,3,4] all) {
        n = Constant <value = int64 {4}> () t = Constant <value = bool {1}> () two = Constant <value = int64 {2}> () zero = Constant <value = int64 {0}> ()
        half = Constant <value = float {0.5}> () begin = ReduceSum <keepdims = 0> (x, axis)
        y, all = Loop (n, t, begin) <body = b (int64 i, bool c, float[4] u) => (bool d, float[4] v, float[3,4] rows)
            { d = Identity (c) h = Mul (w, half) f = Cast <to = 1> (i) m = Mod (i, two) even = Equal (m, zero)
              last, rows = Scan <num_scan_inputs = 1, body = inner (float[4] s, float[4] row) => (float[4] o, float[4] e)
                  { g = Mul (row, f) k = Add (g, u) j = MatMul (k, h) q = Add (s, j) o = Tanh (q) e = Identity (q) }> (u, x)
              v = If (even) <then_branch = yes () => (float[4] a) { a = Sub (last, u) }, else_branch = no () => (float[4] a) { a = Add (last, f) }> }> }"""),
}


def control(folder, name):
    more, graph = CONTROL[name]
    model = onnx.parser.parse_model(f'<ir_version: {IR}, opset_import: ["" : {OPSET}]> {name} {graph}')
    for x, value in (("axis", [0]), ("axis1", [1]), ("index1", [1])):
        if x in graph:
            model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), x))
    save(folder, name, model, {"x": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32), **more})


def random_trees(seed, trees, depth, features, modes, targets, low=-1.0):
    """Attributes of the older forms: trees that end at random; a weight or two for each leaf."""
    random = np.random.default_rng(seed)
    nodes = {x: [] for x in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
                             "missing_value_tracks_true")}
    weights = {x: [] for x in ("treeids", "nodeids", "ids", "weights")}

    def grow(tree, at, free, left):
        leaf = left == 0 or random.random() < 0.2 and at > 0
        row = (tree, at, int(random.integers(features)), float(np.float32(random.integers(-2, 3) / 2)),
               "LEAF" if leaf else str(random.choice(modes)), 0 if leaf else free, 0 if leaf else free + 1,
               int(random.integers(2)))
        for name, x in zip(nodes, row):
            nodes[name].append(x)
        for k in random.permutation(targets)[:2 if targets > 2 else 1] if leaf else ():
            for name, x in zip(weights, (tree, at, int(k), float(np.float32(random.uniform(low, 1))))):
                weights[name].append(x)
        if not leaf:
            end = grow(tree, free, free + 2, left - 1)
            return grow(tree, free + 1, end, left - 1)
        return free

    for tree in range(trees):
        grow(tree, 0, 1, depth)
    return {f"nodes_{k}": v for k, v in nodes.items()}, weights


def tree_case(folder, name, kind, seed, targets, modes, post="NONE", low=-1.0, base=None, labels=None, **more):
    nodes, weights = random_trees(seed, 7, 4, 5, modes, targets, low)
    part = "class" if labels else "target"
    attributes = {**nodes, **{f"{part}_{k}": v for k, v in weights.items()}, "post_transform": post, **more}
    names = labels is not None and isinstance(labels[0], str)
    attributes.update({f"classlabels_{'strings' if names else 'int64s'}": labels} if labels else {"n_targets": targets})
    if base:
        attributes["base_values"] = base
    x = (np.random.default_rng(seed).integers(-5, 6, (9, 5)) / 4).astype(np.float32)
    x[2, :] = np.nan
    outputs = [("label", TensorProto.STRING if names else TensorProto.INT64), ("y", TensorProto.FLOAT)][0 if labels else 1:]
    node = helper.make_node(kind, ["x"], [o for o, _ in outputs], domain="ai.onnx.ml", **attributes)
    graph = helper.make_graph([node], name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
                              [helper.make_tensor_value_info(o, t, None) for o, t in outputs])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    save(folder, name, helper.make_model(graph, opset_imports=opsets, ir_version=IR), {"x": x})


def all_trees(folder):
    leq, every = ["BRANCH_LEQ"], ["BRANCH_" + x for x in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ")]
    regressor, classifier = "TreeEnsembleRegressor", "TreeEnsembleClassifier"
    tree_case(folder, "trees_sum", regressor, 1, 1, leq, base=[0.25])
    tree_case(folder, "trees_modes", regressor, 2, 3, every, base=[1.0, 2.0, 3.0])
    tree_case(folder, "trees_average", regressor, 3, 2, ["BRANCH_LT"], aggregate_function="AVERAGE")
    tree_case(folder, "trees_max", regressor, 4, 1, ["BRANCH_GT"], aggregate_function="MAX")
    tree_case(folder, "trees_max_three", regressor, 11, 3, leq, aggregate_function="MAX", base=[1.0, 2.0, 3.0])
    tree_case(folder, "trees_min_three", regressor, 12, 9, every, aggregate_function="MIN")
    tree_case(folder, "trees_classes", classifier, 5, 4, leq, labels=[3, 5, 7, 9])
    tree_case(folder, "trees_softmax", classifier, 6, 3, every, "SOFTMAX", labels=[0, 1, 2], base=[0.5, 0.0, -0.5])
    tree_case(folder, "trees_names", classifier, 7, 3, leq, "SOFTMAX_ZERO", labels=["no", "perhaps", "certainly"])
    tree_case(folder, "trees_one_name", classifier, 8, 1, leq, labels=["no", "yes"])
    tree_case(folder, "trees_one", classifier, 8, 1, leq, "LOGISTIC", labels=[4, 2])
    tree_case(folder, "trees_one_plain", classifier, 9, 1, leq, labels=[0, 1])
    tree_case(folder, "trees_one_positive", classifier, 10, 1, leq, low=0.0, labels=[0, 1])


def unique(folder, name, x, axis, ordered):
    """Unique of integers, with the shapes that its results have."""
    results = list(np.unique(x, True, True, True, axis))
    given = {} if axis is None else {"axis": axis}
    names = ["y", "indices", "inverse", "counts"]
    node = helper.make_node("Unique", ["x"], names, sorted=int(ordered), **given)

    def info(name, array):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

    graph = helper.make_graph([node], name, [info("x", x)], [info(*both) for both in zip(names, results)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    save(folder, name, model, {"x": x}, results if x.dtype == bool else None)  # of bools ONNX Runtime has none


def all_unique(folder):
    random = np.random.default_rng(5)
    unique(folder, "unique_flat", random.integers(0, 40, (6, 9)), None, True)
    unique(folder, "unique_flat_unsorted", random.integers(0, 40, (6, 9)), None, False)
    unique(folder, "unique_rows", random.integers(0, 2, (17, 3)), 0, True)
    unique(folder, "unique_rows_unsorted", random.integers(0, 2, (2, 19, 2)), 1, False)
    unique(folder, "unique_bools", random.integers(0, 2, (7, 2)).astype(bool), 0, True)
    words = np.array([["b", "a", "ab"], ["", "a", "abc"], ["b", "a", "ab"], ["zz", "", "的"]], object)
    unique(folder, "unique_strings", words, None, True)
    unique(folder, "unique_strings_unsorted", words, None, False)
    unique(folder, "unique_columns", (random.integers(0, 2, (3, 21)) - 0.5).astype(np.float32), -1, True)


def text_case(folder, name, graph, feeds, opset=20, ml=4, results=None):
    """ONNX Runtime's result (or that given), whose shapes the model then declares: how many strings are left, and parts, is theirs."""
    head = f'<ir_version: {IR}, opset_import: ["" : {opset}, "ai.onnx.ml" : {ml}]>'
    model = onnx.parser.parse_model(f"{head} {name} {graph}")
    if results is None:
        results = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    for output, array in zip(model.graph.output, results):
        shape = output.type.tensor_type.shape
        del shape.dim[:]
        shape.dim.extend(onnx.TensorShapeProto.Dimension(dim_value=d) for d in array.shape)
    save(folder, name, model, feeds, results)


def all_strings(folder):
    def strings(*items):
        return np.array(items, object)

    words = strings("Monday", "zürich 的", "", "aaa", "MONDAY", " a  bc d ", "1_b-c")
    text_case(folder, "string_moves", """(string[7] x) => (string[a] y, string[b,c] z, bool[a] e, int64[1] n, string[a] w) {
        shape = Constant <value_ints = [1, 7]> () r = Reshape (x, shape) t = Transpose (r) k = StringConcat (t, t) u = Concat <axis = -2> (t, k)
        one = Constant <value_ints = [-1, 2, 8]> () z = Gather <axis = 0> (u, one) axis = Constant <value_ints = [0]> () begin = Constant <value_ints = [1]> ()
        end = Constant <value_ints = [6]> () y = Slice (x, begin, end) s = Constant <value_string = "aaa"> () e = Equal (y, s)
        w = Where (e, s, y) n = Shape (y) }""", {"x": words})
    text_case(folder, "string_concat", "(string[7] x, string[2,1] y) => (string[a,b] z) { z = StringConcat (x, y) }",
              {"x": words, "y": strings("", "-的").reshape(2, 1)})
    for i, (delimiter, limit) in enumerate((("", -1), ("a", -1), ("aa", -1), ("aa", 1), ("b", 0), ("的", 3))):
        row = f'delimiter = "{delimiter}"' + (f", maxsplit = {limit}" if limit >= 0 else "")
        text_case(folder, f"string_split_{i}", f"(string[6] x) => (string[a,b] y, int64[a] n) {{ y, n = StringSplit <{row}> (x) }}",
                  {"x": strings(*(w for w in words if w))})  # of an empty string: one part, in ONNX's reference; here none
    for i, row in enumerate(('case_change_action = "UPPER"', 'stopwords = ["monday", "AAA"]', 'is_case_sensitive = 1, stopwords = ["MONDAY"]',
                             'case_change_action = "LOWER", stopwords = ["", "aaa"]')):
        ascii_words = strings(*(w for w in words if w.isascii()))
        text_case(folder, f"string_normalizer_{i}",
                  f'(string[6] x) => (string[a] y) {{ y = StringNormalizer <locale = "C", {row}> (x) }}', {"x": ascii_words})
    for i, pattern in enumerate(("[a-zA-Z]*", "(a|aa)+", "M.*[yY]", ".{8}", "\\\\W*\\\\w\\\\b.*", "(\\\\d|_|\\\\w-?)+")):
        text_case(folder, f"regex_{i}", f'(string[7] x) => (bool[a] y) {{ y = RegexFullMatch <pattern = "{pattern}"> (x) }}', {"x": words})
    labels = ("keys_strings = [\"aaa\", \"\"], values_floats = [1.5, -2.0], default_float = 0.25",
              "keys_strings = [\"aaa\", \"\"], values_strings = [\"x\", \"longer\"]")
    for i, row in enumerate(labels):
        kind = "float" if i == 0 else "string"
        text_case(folder, f"label_of_strings_{i}", f"(string[7] x) => ({kind}[a] y) {{ y = ai.onnx.ml.LabelEncoder <{row}> (x) }}", {"x": words})
    numbers = np.array([[1, 2, np.nan], [-1, 7, 2]], np.float32)
    text_case(folder, "label_of_floats", """(float[2,3] x) => (string[a,b] y) {
        y = ai.onnx.ml.LabelEncoder <keys_floats = [2.0, 7.0], values_strings = ["two", "seven"], default_string = "?"> (x) }""", {"x": numbers})
    text_case(folder, "label_of_ints", """(int64[5] x) => (float[a] y) {
        y = ai.onnx.ml.LabelEncoder <keys_int64s = [4, -3, 9], values_floats = [0.5, 1.5, 2.5]> (x) }""", {"x": np.array([9, 4, 0, -3, 4])})


def all_string_moves(folder):
    x = np.array([f"{'abc' * (i % 3)}{i}" for i in range(24)], object)
    square, more = x.reshape(4, 6), np.array(["new", "", "of another length", "n"], object)

    def case(name, call, results, x=square, opset=20, **inputs):
        """call of x, constants a, b ... and strings u; what it should give."""
        head = [f"string{list(v.shape)} {k}" for k, v in {"x": x, **inputs}.items()]
        outputs = ", ".join(f"string[{','.join('abcdef'[: r.ndim])}] y{i}" for i, r in enumerate(results))
        names = ", ".join(f"y{i}" for i in range(len(results)))
        *constants, call = call.split(";")
        text_case(folder, f"string_move_{name}", f"({', '.join(head)}) => ({outputs}) {{ {' '.join(constants)} {names} = {call} }}",
                  {"x": x, **inputs}, opset, results=results)

    def ints(name, *values):
        return f"{name} = Constant <value_ints = {list(values)}> ();"

    case("flatten", "Flatten <axis = 1> (x)", [x.reshape(2, 12)], x.reshape(2, 3, 4))
    case("compress", "c = Constant <value = bool[4] {1, 0, 0, 1}> (); Compress <axis = 0> (x, c)", [square[[0, 3]]])
    case("gather_elements", "i = Constant <value = int64[2,2] {3, 0, -1, 2}> (); GatherElements <axis = 0> (x, i)",
         [np.array([[square[3, 0], square[0, 1]], [square[3, 0], square[2, 1]]])])
    case("gather_nd", "i = Constant <value = int64[2,2] {3, 5, 1, 0}> (); GatherND (x, i)", [np.array([square[3, 5], square[1, 0]])])
    case("tile", ints("r", 2, 1) + "Tile (x, r)", [np.tile(square, (2, 1))])
    case("split", ints("p", 2, 4) + "Split <axis = 1> (x, p)", [square[:, :2], square[:, 2:]])
    reverse = square.copy()
    reverse[0, :3], reverse[2, :2] = square[0, 2::-1], square[2, 1::-1]
    case("reverse", ints("n", 3, 1, 2, 0) + "ReverseSequence <batch_axis = 0, time_axis = 1> (x, n)", [reverse])
    scattered = square.copy()
    scattered[[1, 3]] = [[*more[:2]] * 3, [*more[2:]] * 3]
    case("scatter_nd", "i = Constant <value = int64[2,1] {1, 3}> (); ScatterND (x, i, u)", [scattered], u=scattered[[1, 3]])
    scattered = square.copy()
    scattered[0, 1], scattered[0, 5], scattered[1, 0], scattered[1, 2] = more
    case("scatter_elements", "i = Constant <value = int64[2,2] {1, -1, 0, 2}> (); ScatterElements <axis = 1> (x, i, u)", [scattered], u=more.reshape(2, 2))
    wide = np.full((5, 7), "", object)
    wide[1:, :4] = square[:, 2:]
    case("pad", ints("p", 1, -2, 0, 3) + "Pad (x, p)", [wide])
    case("pad_value", ints("p", 1, -2, 0, 3) + 'v = Constant <value_string = "the value, which is long"> (); Pad (x, p, v)',
         [np.where(wide == "", "the value, which is long", wide)])
    case("pad_edge", ints("p", 0, 1, 0, 2) + 'Pad <mode = "edge"> (x, p)', [np.pad(square, ((0, 0), (1, 2)), "edge")])
    case("crop_pad", ints("s", 2, 8) + "CenterCropPad (x, s)", [np.pad(square[1:3], ((0, 0), (1, 1)), constant_values="")])
    case("trilu", "Trilu <upper = 0> (x)", [np.where(np.tri(4, 6, dtype=bool), square, "")])
    blocks = x.reshape(1, 1, 4, 6)
    deep = blocks.reshape(1, 1, 2, 2, 3, 2).transpose(0, 3, 5, 1, 2, 4).reshape(1, 4, 2, 3)
    case("space_to_depth", "SpaceToDepth <blocksize = 2> (x)", [deep], blocks)
    case("depth_to_space", "DepthToSpace <blocksize = 2> (x)", [blocks], deep)
    case("sequence", "s = SequenceConstruct (x, x); ConcatFromSequence <axis = 0> (s)", [np.concatenate([square, square])])


def all_types(folder):
    """Types that ONNX Runtime has no kernels for; numpy's results, which storing as integers truncates."""
    x = np.array([[3, 90, 1], [500, 7, 20]], np.int32)
    for dtype in (np.int32, np.int64, np.uint32, np.uint64):
        name = np.dtype(dtype).name
        feeds, axes = {"x": x.astype(dtype)}, {"axes": np.array([1], np.int64)}
        for op, result in (("ReduceLogSum", np.log(x.sum(1))), ("ReduceLogSumExp", np.logaddexp.reduce(x.astype(float), 1))):
            node = helper.make_node(op, ["x", "axes"], ["y"], keepdims=0)
            typed(folder, f"{op.lower()}_{name}", node, feeds, axes, [result.astype(dtype)])
        typed(folder, f"erf_{name}", helper.make_node("Erf", ["x"], ["y"]), {"x": (x % 5).astype(dtype)}, {},
              [np.where(x % 5 > 5, 1, 0).astype(dtype)])


def long_rows(folder):
    """TopK of rows that are long enough for the way of selection; the order is Python's, of equal elements by index."""
    random = np.random.default_rng(24)
    ties = random.integers(-40, 40, (2, 3, 700))
    odd = ties / 4
    odd[0, 0, ::50] = np.nan
    odd[0, 1, ::90], odd[1, 1, ::70], odd[1, 2] = np.inf, -np.inf, random.choice([0.0, -0.0], 700)
    cases = {"float32": odd, "float16": odd, "float64": odd, "int8": ties, "int32": ties * 40_000_000, "uint32": ties + 2**31, "int64": ties << 56,
             "uint64": (ties + 64).astype(np.uint64) << np.uint64(56)}
    for dtype, x in cases.items():
        for axis, k, largest in ((2, 5, 1), (2, 300, 0), (0, 600, 1)):
            x_moved = np.moveaxis(x.astype(dtype), 2, axis)
            rows = np.moveaxis(x_moved, axis, -1).reshape(-1, 700)
            order = np.array([sorted(range(700), key=lambda i: key_of(row[i], largest))[:k] for row in rows])
            order = np.moveaxis(order.reshape(*np.moveaxis(x_moved, axis, -1).shape[:-1], k), -1, axis)
            node = helper.make_node("TopK", ["x", "k"], ["v", "i"], axis=axis, largest=largest)
            typed(folder, f"top_k_{dtype}_{axis}_{k}", node, {"x": x_moved}, {"k": np.array([k])}, [np.take_along_axis(x_moved, order, axis), order])


def rows_at_the_border(folder):
    """The same about the lengths from which on TopK selects."""
    random = np.random.default_rng(25)
    for dtype in ("float32", "float64", "uint32"):
        for length in (32, 33, 48, 49):
            x = random.integers(0, 9, (4, length)).astype(dtype)
            if dtype != "uint32":
                x = x / 4 - 1
                x[1, ::5], x[2, ::7], x[3] = np.nan, -np.nan, random.choice([0.0, -0.0, np.inf, -np.inf], length)
                x = x.astype(dtype)
            for k, largest in ((3, 0), (length - 2, 1)):
                order = np.array([sorted(range(length), key=lambda i: key_of(row[i], largest))[:k] for row in x])
                node = helper.make_node("TopK", ["x", "k"], ["v", "i"], largest=largest)
                typed(folder, f"top_k_border_{dtype}_{length}_{k}", node, {"x": x}, {"k": np.array([k])}, [np.take_along_axis(x, order, 1), order])


def key_of(x, largest):
    """NaN counts as the largest number."""
    nan, number = bool(x != x), 0 if x != x else x.item()
    return (-nan, -number) if largest else (nan, number)


def typed(folder, name, node, feeds, weights, results):
    infos = [helper.make_tensor_value_info(o, helper.np_dtype_to_tensor_dtype(r.dtype), r.shape) for o, r in zip(node.output, results)]
    known = [helper.make_tensor_value_info(x, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for x, a in feeds.items()]
    graph = helper.make_graph([node], name, known, infos, [numpy_helper.from_array(w, x) for x, w in weights.items()])
    save(folder, name, helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR), feeds, results)


def bmp(pixels, bits, down=False, palette=b""):
    """Rows of blue, green, red (and one more), each filled up to four bytes; pixels of 8 bits are places in the palette."""
    height, width = pixels.shape[:2]
    rows = [np.ascontiguousarray(row[:, ::-1] if bits > 8 else row).tobytes() for row in pixels]
    if bits == 32:
        rows = [b"".join(row[i : i + 3] + b"\x7f" for i in range(0, len(row), 3)) for row in rows]
    rows = [row + b"\xee" * (-len(row) % 4) for row in rows]
    body = b"".join(rows if down else rows[::-1])
    start = 54 + len(palette)
    return (b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start)
            + struct.pack("<IiiHHIIiiII", 40, width, -height if down else height, 1, bits, 0, len(body), 0, 0, 0, 0) + palette + body)


def tiff(pixels, order, strip_rows):
    height, width = pixels.shape[:2]
    strips = [pixels[i : i + strip_rows].tobytes() for i in range(0, height, strip_rows)]
    places, data = [], b""
    for strip in strips:
        places.append(8 + len(data))
        data += strip
    listed = 8 + len(data)
    data += struct.pack(f"{order}{len(places)}I", *places)
    data += struct.pack(f"{order}3H", 8, 8, 8)
    bits = (258, 3, 1, 8) if pixels.ndim == 2 else (258, 3, 3, len(data) + 2)
    tags = [(256, 3, 1, width), (257, 3, 1, height), (259, 3, 1, 1), (262, 3, 1, 1 if pixels.ndim == 2 else 2), bits,
            (273, 4, len(places), listed if len(places) > 1 else places[0]), (277, 3, 1, 1 if pixels.ndim == 2 else 3), (278, 3, 1, strip_rows)]
    table = struct.pack(f"{order}H", len(tags))
    for tag, kind, count, x in tags:
        table += struct.pack(f"{order}HHI", tag, kind, count) + struct.pack(f"{order}HH" if kind == 3 and count < 3 else f"{order}I", *([x, 0] if kind == 3 and count < 3 else [x]))
    return (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(data)) + data + table


def image(folder, name, data, want, pixel_format="RGB"):
    """The pixels are those that were written into the file by hand."""
    x = np.frombuffer(data, np.uint8)
    node = helper.make_node("ImageDecoder", ["x"], ["y"], pixel_format=pixel_format)
    graph = helper.make_graph([node], name, [helper.make_tensor_value_info("x", TensorProto.UINT8, x.shape)],
                              [helper.make_tensor_value_info("y", TensorProto.UINT8, want.shape)])
    save(folder, name, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=IR), {"x": x}, [want])


def all_images(folder):
    random = np.random.default_rng(9)
    pixels, grey = (random.integers(0, 256, shape, dtype=np.uint8) for shape in ((5, 7, 3), (5, 7)))
    palette = random.integers(0, 256, (256, 4), dtype=np.uint8)
    thrice = np.repeat(grey[..., None], 3, -1)
    r, g, b = (pixels[..., k].astype(np.int64) for k in range(3))
    luma = ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16).astype(np.uint8)[..., None]
    image(folder, "image_bmp_24", bmp(pixels, 24), pixels)
    image(folder, "image_bmp_32_down", bmp(pixels, 32, True), pixels[..., ::-1], "BGR")
    image(folder, "image_bmp_8", bmp(grey, 8, palette=palette.tobytes()), palette[grey][..., 2::-1])
    image(folder, "image_bmp_grey", bmp(pixels, 24), luma, "Grayscale")
    image(folder, "image_ppm", b"P6 # 12 a comment\n#another 3\n7\t5\n255\n" + pixels.tobytes(), pixels)
    image(folder, "image_pgm", b"P5\n7 5\n255 " + grey.tobytes(), thrice)
    few = grey % 101
    image(folder, "image_pgm_100", b"P5 7 5 100\n" + few.tobytes(), ((few.astype(int) * 255 + 50) // 100).astype(np.uint8)[..., None], "Grayscale")
    image(folder, "image_tiff_strips", tiff(pixels, ">", 2), pixels)
    image(folder, "image_tiff_grey", tiff(grey, "<", 5), thrice)


if __name__ == "__main__":
    all_convolutions(sys.argv[1])
    all_found(sys.argv[1])
    all_contrib(sys.argv[1])
    all_images(sys.argv[1])
    all_strings(sys.argv[1])
    all_string_moves(sys.argv[1])
    all_types(sys.argv[1])
    long_rows(sys.argv[1])
    rows_at_the_border(sys.argv[1])
    all_unique(sys.argv[1])
    all_trees(sys.argv[1])
    all_ml(sys.argv[1])
    all_functions(sys.argv[1])
    for name in CONTROL:
        control(sys.argv[1], name)
    all_recurrent(sys.argv[1])
    all_attention(sys.argv[1])
    all_signals(sys.argv[1])
    all_resizes(sys.argv[1])
    all_grids(sys.argv[1])
    for mode in ("TF", "IDF", "TFIDF"):
        tf_idf(sys.argv[1], mode)
    det(sys.argv[1], 4, 3, 3)
    det(sys.argv[1], 2, 3, 7, 7)
    det(sys.argv[1], 20, 20)
