"""Cases in which the run finds how large its results are: the shapes of the outputs are left open."""
import numpy as np
import onnx.parser

from cases import IR, OPSET, save


def model_of(text, outputs):
    """The graph's outputs have a type and a rank only."""
    model = onnx.parser.parse_model(f'<ir_version: {IR}, opset_import: ["" : {OPSET}]>\n{text}')
    assert {o.name for o in model.graph.output} == set(outputs)
    return model


def add(folder, name, text, outputs, all_feeds):
    for i, feeds in enumerate(all_feeds):
        save(folder, f"found_{name}_{i}", model_of(text, outputs), feeds)


def marks(random, *shape):
    """Some, all, none, one."""
    some = random.random(shape) < 0.4
    one = np.zeros(shape, bool)
    one.flat[-1] = True
    return [some, np.ones(shape, bool), np.zeros(shape, bool), one]


def count_marks(folder, random):
    x = random.standard_normal((3, 4)).astype(np.float32)
    add(folder, "nonzero", "g (float[3,4] x) => (int64[2,n] y) { y = NonZero(x) }", ["y"], [{"x": x * m} for m in marks(random, 3, 4)])
    add(folder, "masked", """g (float[3,4] x, bool[3,4] m) => (float[n] y, float s, float[3,4] z) {
            p = NonZero(m)
            q = Transpose(p)
            v = GatherND(x, q)
            y = Relu(v)
            s = ReduceSum<keepdims=0>(y)
            zero = Constant<value_float=0.0>()
            size = Shape(x)
            zeros = Expand(zero, size)
            z = ScatterND(zeros, q, y)
        }""", ["y", "s", "z"], [{"x": x, "m": m} for m in marks(random, 3, 4)])
    x, y = (random.standard_normal((6, 4)).astype(np.float32) for _ in range(2))
    w = random.standard_normal((4, 5)).astype(np.float32)
    add(folder, "compress", """g (float[6,4] x, float[6,4] y, bool[6] m, float[4,5] w) => (float[n,5] z, float[k,4] u, float[n,4] t) {
            a = Compress<axis=0>(x, m)
            b = Compress<axis=0>(y, m)
            s = Add(a, b)
            z = MatMul(s, w)
            u = Concat<axis=0>(a, y, b)
            t = Softmax<axis=1>(s)
        }""", ["z", "u", "t"], [{"x": x, "y": y, "m": m, "w": w} for m in marks(random, 6)])
    images = random.standard_normal((3, 3, 9, 9)).astype(np.float32)
    kernel, dense = random.standard_normal((16, 3, 3, 3)).astype(np.float32), random.standard_normal((16, 5)).astype(np.float32)
    add(folder, "images", """g (float[3,3,9,9] x, bool[3] m, float[16,3,3,3] k, float[16,5] w) => (float[n,5] y) {
            a = Compress<axis=0>(x, m)
            c = Conv<pads=[1,1,1,1]>(a, k)
            r = Relu(c)
            p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
            g = GlobalAveragePool(p)
            f = Flatten(g)
            y = MatMul(f, w)
        }""", ["y"], [{"x": images, "m": m, "k": kernel, "w": dense} for m in marks(random, 3)])
    x = random.standard_normal(12).astype(np.float32)
    add(folder, "numbered", """g (float[12] x, bool[12] m) => (int64[n] i, float[n] s, float[n] o, float[k] r) {
            a = Compress(x, m)
            size = Shape(a)
            n = Squeeze(size)
            zero = Constant<value_int=0>()
            one = Constant<value_int=1>()
            i = Range(zero, n, one)
            ones = ConstantOfShape<value = float[1] {1.5}>(size)
            o = Add(a, ones)
            axis = Constant<value_int=0>()
            s = CumSum(a, axis)
            two = Constant<value_ints=[2]>()
            r = Tile(a, two)
        }""", ["i", "s", "o", "r"], [{"x": x, "m": m} for m in marks(random, 12)])
    add(folder, "reshaped", """g (float[12] x, bool[12] m) => (float[k,2] y, float[2,n] z) {
            a = Compress(x, m)
            b = Concat<axis=0>(a, a)
            s = Constant<value_ints=[-1, 2]>()
            y = Reshape(b, s)
            z = Transpose<perm=[1,0]>(y)
        }""", ["y", "z"], [{"x": x, "m": m} for m in marks(random, 12)])
    add(folder, "compress_twice", """g (float[12] x, bool[12] m) => (float[n] y) {
            a = Compress(x, m) zero = Constant<value_float=0.0>() k = Greater(a, zero) y = Compress(a, k) }""",
        ["y"], [{"x": x, "m": m} for m in marks(random, 12)])
    add(folder, "sorted", """g (float[12] x, bool[12] m) => (float[n] v, int64[n] i, float[n] t) {
            a = Compress(x, m)
            k = Shape(a)
            v, i = TopK(a, k)
            t = Softmax<axis=0>(a)
        }""", ["v", "i", "t"], [{"x": x, "m": m} for m in marks(random, 12)])


def given_sizes(folder, random):
    x = random.standard_normal((3, 8)).astype(np.float32)
    add(folder, "topk_of_found", """g (float[3,4] x) => (float[k] v, int64[k] i) {
            p = NonZero(x) q = Transpose(p) y = GatherND(x, q) n = Shape(y) five = Constant<value_ints=[5]>() both = Concat<axis=0>(n, five) k = ReduceMin<keepdims=1>(both) v, i = TopK(y, k) }""",
        ["v", "i"], [{"x": x[:3, :4] * m} for m in marks(random, 3, 4)])
    add(folder, "topk", "g (float[3,8] x, int64[1] k) => (float[3,n] v, int64[3,n] i) { v, i = TopK(x, k) }", ["v", "i"],
        [{"x": x, "k": np.array([k])} for k in (0, 1, 5, 8)])
    x = random.standard_normal((6, 8)).astype(np.float32)
    add(folder, "slice", "g (float[6,8] x, int64[2] s, int64[2] e) => (float[n,k] y) { y = Slice(x, s, e) }", ["y"],
        [{"x": x, "s": np.array(s), "e": np.array(e)} for s, e in (([0, -5], [5, 100]), ([2, 1], [2, 7]), ([-4, 0], [-1, -1]))])
    axes = "g (float[6,8] x, int64[1] s, int64[1] e, int64[1] a, int64[1] t) => (float[n,k] y) { y = Slice(x, s, e, a, t) }"
    cases = ((1, 7, 1, 2), (5, -9, 0, -1), (-1, 0, -1, -3))
    add(folder, "slice_axes", axes, ["y"], [{"x": x, **{k: np.array([v]) for k, v in zip("seat", c)}} for c in cases])


    text = """g (bool[5] m, float[1] x, int64[2] s) => (int64[1,n] p, float[3,2] y) {
            p = NonZero(m)
            e = Expand(x, s)
            y = Transpose<perm=[1,0]>(e)
        }"""  # s follows from the declared y, which trials find out: what they count on the way is forgotten
    add(folder, "beside_solved", text, ["p", "y"], [{"m": m, "x": x[0, :1], "s": np.array([2, 3])} for m in marks(random, 5)[:2]])


def distinct(folder, random):
    numbers = [random.integers(0, k, 10).astype(np.float32) for k in (1, 3, 50)]
    for name, more in (("unique", ""), ("unique_unsorted", "<sorted=0>")):
        add(folder, name, f"g (float[10] x) => (float[n] y, int64[n] i, int64[10] v, int64[n] c) {{ y, i, v, c = Unique{more}(x) }}",
            ["y", "i", "v", "c"], [{"x": x} for x in numbers])
    add(folder, "unique_rows", "g (int64[7,2] x) => (int64[n,2] y, int64[n] c) { y, i, v, c = Unique<axis=0>(x) }", ["y", "c"],
        [{"x": random.integers(0, k, (7, 2))} for k in (2, 9)])


def boxes(folder, random):
    b = random.random((1, 20, 4)).astype(np.float32)
    b[..., 2:] += b[..., :2]
    text = """g (float[1,20,4] b, float[1,2,20] s, float[20,4] f) => (int64[n,3] y, float[n,4] z) {
            most = Constant<value_ints=[5]>()
            iou = Constant<value_floats=[0.3]>()
            least = Constant<value_floats=[0.2]>()
            y = NonMaxSuppression(b, s, most, iou, least)
            two = Constant<value_ints=[2]>()
            three = Constant<value_ints=[3]>()
            one = Constant<value_ints=[1]>()
            last = Slice(y, two, three, one)
            which = Squeeze(last, one)
            z = Gather(f, which)
        }"""
    s = random.random((1, 2, 20)).astype(np.float32)
    add(folder, "boxes", text, ["y", "z"], [{"b": b, "s": s * k, "f": b[0]} for k in (np.float32(1), np.float32(0.3), np.float32(0.1))])


def branches(folder, random):
    """If by an input: results of different shapes, checks in a branch, a branch that is not computed unless it is taken."""
    x = random.standard_normal((3, 4)).astype(np.float32)
    both = [np.array(c) for c in (True, False)]
    add(folder, "if_shapes", """g (float[3,4] x, bool c) => (float[n,m] y, float[k] z, int64[2] s) {
            y, z = If (c) <then_branch = t () => (float[3,4] a, float[0] b) {
                a = Relu(x) b = Constant<value = float[0] {}>() },
              else_branch = e () => (float[6,2] a, float[12] b) {
                shape = Constant<value_ints=[6, 2]>() h = Exp(x) a = Reshape(h, shape) one = Constant<value_ints=[-1]>() b = Reshape(x, one) }>
            s = Shape(y)
        }""", ["y", "z", "s"], [{"x": x, "c": c} for c in both])
    add(folder, "if_entered", """g (float[3,4] x, float[4,4] w, int64[1] s, bool c) => (float[3,4] y, float[3,4] v) {
            y = If (c) <then_branch = t () => (float[3,4] a) { p = MatMul(x, w) q = Softmax(p) a = MatMul(q, w) },
              else_branch = e () => (float[3,4] a) { h = Concat<axis = 0>(x, x) p = MatMul(h, w) three = Constant<value_ints=[3]>() e = Add(s, three) a = Slice(p, s, e) }>
            z = MatMul(x, w)
            o = Softmax(z)
            v = MatMul(o, w)
        }""", ["y", "v"],
        [{"x": x, "w": random.standard_normal((4, 4)).astype(np.float32), "s": np.array(s), "c": c}
         for c, s in ((both[0], [5]), (both[1], [2]))])
    add(folder, "if_finds", """g (bool[4] m, bool c, float[4] x) => (int64[n] y, float[n] z) {
            y = If (c) <then_branch = t () => (int64[0] a) { a = Constant<value = int64[0] {}>() },
              else_branch = e () => (int64[k] b) { p = NonZero(m) zero = Constant<value_ints=[0]>() b = Squeeze(p, zero) }>
            z = Gather(x, y)
        }""", ["y", "z"], [{"m": m, "c": c, "x": x[0]} for c in both for m in marks(random, 4)[:3]])
    add(folder, "loop_grows", """g (float[3,4] x, float stop) => (float[n,4] y, int64[1] s) {
            n = Constant<value = int64 {4}>() t = Constant<value = bool {1}>()
            y = Loop(n, t, x) <body = b (int64 i, bool c, float[k,4] u) => (bool d, float[m,4] v)
                { f = Cast<to=1>(i) d = Less(f, stop) h = Add(x, f) v = Concat<axis = 0>(u, h) }>
            s = Shape<end = 1>(y)
        }""", ["y", "s"], [{"x": x, "stop": np.array(s, np.float32)} for s in (-1, 1, 9)])


def forks(folder, random):
    """If between results of two ranks, of which the rest of the model takes one: a run that takes it; one that takes the
    other is an error, also in ONNX Runtime, unless it does not come to it."""
    x, w = random.standard_normal((4, 3)).astype(np.float32), random.standard_normal((3, 3)).astype(np.float32)
    fork = """s, k = If (c) <then_branch = t () => (float[a,b] u, int64[d] h) { u = MatMul(x, w) h = Shape(u) },
              else_branch = e () => (float[1,a,b] v, int64[f] i) { zero = Constant<value_ints=[0]>() v = Unsqueeze(x, zero) i = Shape(v) }>
            p = Gemm(s, w)"""
    add(folder, "if_fork", f"g (float[4,3] x, float[3,3] w, bool c) => (float[4,3] p, int64[n] k) {{ {fork} }}", ["p", "k"],
        [{"x": x, "w": w, "c": np.array(True)}])
    add(folder, "if_fork_inside", f"""g (float[4,3] x, float[3,3] w, bool c, bool d) => (float[n,3] y) {{
            y = If (d) <then_branch = inner () => (float[l,3] z) {{
                {fork}
                one = Constant<value_ints=[1]>() none = Constant<value_float=0.0>()
                q = ReduceSum<keepdims=0>(p, one) m = Greater(q, none) z = Compress<axis=0>(p, m) }},
              else_branch = outer () => (float[4,3] z) {{ z = Relu(x) }}>
        }}""", ["y"],
        [{"x": x, "w": w, "c": np.array(c), "d": np.array(d)} for c, d in ((True, True), (True, False), (False, False))])
    # two forks whose results have one name, decided by what each leads to
    inner = "s = If (c) <then_branch = t () => (float[a,b] u) { u = MatMul(x, w) }, else_branch = e () => (float v) { v = ReduceSum<keepdims=0>(x) }>"
    add(folder, "if_fork_names", f"""g (float[4,3] x, float[3,3] w, bool c, bool d) => (float[4,3] y) {{
            y = If (d) <then_branch = rows () => (float[4,3] p) {{ {inner} p = Gemm(s, w) }},
              else_branch = one () => (float[4,3] q) {{ {inner} r = Constant<value_ints=[1,1]>() h = Reshape(s, r) q = Add(h, x) }}>
        }}""", ["y"], [{"x": x, "w": w, "c": np.array(c), "d": np.array(c)} for c in (True, False)])


def nested(depth, level=0):
    """An If in a branch of an If ...; each level finds a size. Expanding a branch twice at each level would take hours."""
    if level == depth:
        return f"y{level} = NonZero(x)"
    return f"""n{level} = Constant<value_float={level}.0>()
        c{level} = Less(k, n{level})
        y{level} = If (c{level}) <then_branch = t{level} () => (int64[1,a] z{level}) {{ p{level} = Greater(x, n{level}) z{level} = NonZero(p{level}) }},
            else_branch = e{level} () => (int64[1,b] y{level + 1}) {{ {nested(depth, level + 1)} }}>"""


def nested_branches(folder, random):
    x = (20 * random.random(9)).astype(np.float32)
    add(folder, "if_nested", f"g (float[9] x, float k) => (int64[1,n] y0) {{ {nested(20)} }}", ["y0"],
        [{"x": x, "k": np.array(k, np.float32)} for k in (-0.5, 4.5, 12.5, 30)])


def turns(folder, random):
    """const.txt bounds what nothing else does."""
    x = random.standard_normal(4).astype(np.float32)
    body = """<body = b (int64 i, bool c, float[4] u) => (bool d, float[4] v, float[4] e, int64 j)
            { f = Cast<to=1>(i) v = Add(u, f) e = Mul(u, u) m = ReduceMax<keepdims=0>(v) d = Less(m, stop) j = Identity(i) }>"""
    add(folder, "loop_stops", f"""g (float[4] x, float stop) => (float[4] y, float[n,4] e, int64[n] j) {{
            n = Constant<value = int64 {{7}}>() t = Constant<value = bool {{1}}>()
            y, e, j = Loop(n, t, x) {body} }}""", ["y", "e", "j"], [{"x": x, "stop": np.array(s, np.float32)} for s in (3, -9, 99)])
    add(folder, "loop_starts", f"""g (float[4] x, bool t, float stop) => (float[4] y, float[n,4] e, int64[n] j) {{
            n = Constant<value = int64 {{7}}>()
            y, e, j = Loop(n, t, x) {body} }}""", ["y", "e", "j"],
        [{"x": x, "t": np.array(t), "stop": np.array(5, np.float32)} for t in (False, True)])
    add(folder, "loop_limit", f"""g (float[4] x, int64 limit, float stop) => (float[4] y, float[n,4] e, int64[n] j) {{
            t = Constant<value = bool {{1}}>()
            y, e, j = Loop(limit, t, x) {body} }}""", ["y", "e", "j"],
        [{"x": x, "limit": np.array(n), "stop": np.array(s, np.float32)} for n, s in ((0, 5), (1, 5), (3, 99), (9, 99))])
    add(folder, "loop_limit_alone", """g (float[4] x, int64 limit) => (float[4] y) {
            t = Constant<value = bool {1}>()
            y = Loop(limit, t, x) <body = b (int64 i, bool c, float[4] u) => (bool d, float[4] v) { v = Add(u, u) d = Identity(c) }> }""",
        ["y"], [{"x": x, "limit": np.array(n)} for n in (0, 4)])
    add(folder, "loop_while", f"""g (float[4] x, float stop) => (float[4] y, float[n,4] e, int64[n] j) {{
            n = Constant<value = int64 {{9223372036854775807}}>() t = Constant<value = bool {{1}}>()
            y, e, j = Loop(n, t, x) {body} }}""", ["y", "e", "j"], [{"x": x, "stop": np.array(s, np.float32)} for s in (3, 20)])
    add(folder, "loop_not_begun", """g (float[4] x, bool t, int64[1] s) => (float[4] y) {
            n = Constant<value = int64 {3}>()
            y = Loop(n, t, x) <body = b (int64 i, bool c, float[4] u) => (bool d, float[4] v)
                { d = Identity(c) e = Slice(x, s, s) r = Relu(x) h = ReduceSum<keepdims=0>(e) a = Add(r, h) v = Add(u, a) }> }""",
        ["y"], [{"x": x, "t": np.array(t), "s": np.array(s)} for t, s in ((True, [0]), (False, [2]))])
    add(folder, "loop_while_alone", """g (float[4] x, float stop) => (float[4] y) {
            y = Loop("", "", x) <body = b (int64 i, bool c, float[4] u) => (bool d, float[4] v)
                { v = Add(u, u) m = ReduceMax<keepdims=0>(v) d = Less(m, stop) }> }""",
        ["y"], [{"x": np.abs(x), "stop": np.array(s, np.float32)} for s in (0, 20)])

    add(folder, "loop_finds", """g (float[4] x, bool[4] m) => (float s, float[3] t) {
            n = Constant<value = int64 {3}>() yes = Constant<value = bool {1}>() zero = Constant<value = float {0}>()
            s, t = Loop(n, yes, zero) <body = b (int64 i, bool c, float u) => (bool d, float v, float e) {
                d = Identity(c) f = Cast<to=1>(i) y = Sub(x, f) h = Greater(y, zero) k = Compress(y, h) e = ReduceSum<keepdims=0>(k)
                same = Compress(x, m) r = ReduceSum<keepdims=0>(same) w = Add(e, r) v = Add(u, w) }>
        }""", ["s", "t"], [{"x": 2 * x, "m": m} for m in marks(random, 4)[:2]])


NEAREST = [f'mode="nearest", nearest_mode="{r}"' for r in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")]
WEIGHTED = ['mode="linear"', 'mode="cubic"', 'mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1']
BY_SCALE = ["half_pixel", "pytorch_half_pixel", "asymmetric"]
COORDINATES = BY_SCALE + ["half_pixel_symmetric", "align_corners"]


def resize_each(folder, name, inputs, head, operands, all_feeds, modes=NEAREST + WEIGHTED, coordinates=COORDINATES):
    """Of dims that const.txt bounds: an output for each mode and kind of coordinates."""
    kinds = [f'{m}, coordinate_transformation_mode="{c}"' for m in modes for c in coordinates]
    nodes = " ".join(f"y{i} = Resize<{k}>({operands})" for i, k in enumerate(kinds))
    shown = ", ".join(f"float[b{i},c{i},h{i},w{i}] y{i}" for i in range(len(kinds)))
    add(folder, f"resize_{name}", f"g ({inputs}) => ({shown}) {{ {head} {nodes} }}", [f"y{i}" for i in range(len(kinds))], all_feeds)


def symbolic_resizes(folder, random):
    """By a fraction the length before it is rounded counts for align_corners and half_pixel_symmetric in ONNX's reference, not in
    ONNX Runtime: not among these."""
    def image(*dims):
        return 1 + random.random((1, 2, *dims), np.float32)  # near 0 a float of ONNX Runtime's weights counts

    any_size = [{"x": image(*d)} for d in ((1, 1), (5, 7), (2, 13), (16, 16))]
    fractions = "s = Constant<value_floats=[1.0, 1.0, {}, 0.7]>()"
    resize_each(folder, "whole", "float[1,2,h,w] x", "s = Constant<value_floats=[1.0, 1.0, 2.0, 3.0]>()", 'x, "", s', any_size)
    resize_each(folder, "fraction", "float[1,2,h,w] x", fractions.format(1.5), 'x, "", s', any_size, coordinates=BY_SCALE)
    resize_each(folder, "antialias", "float[1,2,h,w] x", fractions.format(0.5), 'x, "", s', any_size,
                [m + ", antialias=1" for m in WEIGHTED[:2]], BY_SCALE)
    resize_each(folder, "to_size", "float[1,2,h,w] x", "s = Constant<value_ints=[1, 2, 7, 16]>()", 'x, "", "", s', any_size)
    pairs = (((1, 1), (15, 3)), ((5, 7), (16, 16)), ((9, 1), (2, 13)), ((16, 16), (5, 7)))
    resize_each(folder, "like", "float[1,2,h,w] x, float[1,2,p,q] z", "s = Shape(z)", 'x, "", "", s',
                [{"x": image(*a), "z": image(*b)} for a, b in pairs])
    resize_each(folder, "of_size", "float[1,2,5,6] x, float[1,2,p,q] z", "s = Shape(z)", 'x, "", "", s',
                [{"x": image(5, 6), "z": image(*b)} for _, b in pairs])
    x = random.standard_normal((6, 4)).astype(np.float32)
    add(folder, "resize_compressed", """g (float[6,4] x, bool[6] m) => (float[n,k] y, float[n,k] z) {
            a = Compress<axis=0>(x, m)
            s = Constant<value_floats=[1.5, 2.0]>()
            y = Resize<mode="linear">(a, "", s)
            t = Shape(y)
            z = Resize<mode="linear">(x, "", "", t)
        }""", ["y", "z"], [{"x": x, "m": m} for m in marks(random, 6) if m.any()])


def all_found(folder):
    random = np.random.default_rng(20)
    for make in (count_marks, given_sizes, distinct, boxes, branches, turns, symbolic_resizes, nested_branches, forks):
        make(folder, random)
