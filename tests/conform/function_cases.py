"""Models with local functions: what a call hands on, omits and leaves to defaults, functions in functions and in
subgraphs, overloads, opsets of their own. Oracle: ONNX Runtime; it reads no function that hands an input through, and ONNX's
reference evaluator none that calls another, has an attribute without a default or an overload."""
import numpy as np
import onnx.parser
from onnx import helper
from onnx.reference import ReferenceEvaluator

from cases import run, save

HEAD = '<ir_version: 10, opset_import: ["" : 18, "pkg" : 1]>\n'
PKG = '<domain: "pkg", opset_import: ["" : 18, "pkg" : 1]>\n'

TEXTS = {
    # A node's attribute is the call's, the function's default, or is left out; names inside are used twice.
    "attributes": """g (float[3,4] x) => (float[3,4] y, float[3,4] z) {
            a = pkg.Leaky <slope = 0.3> (x)
            y = pkg.Leaky (a)
            z = pkg.Bare (x)
        }""" + PKG + """Leaky <slope: float = 0.5> (v) => (r) {
            s = Constant <value_float: float = @slope> ()
            t = LeakyRelu <alpha: float = @slope> (v)
            r = Add (t, s)
        }""" + PKG + "Bare <alpha> (v) => (r) { r = LeakyRelu <alpha: float = @alpha> (v) }",
    # The attribute of an outer call goes on to the inner one, under another name.
    "nested": """g (float[3,4] x) => (float[3,4] y) <float[1] one = {1.0}> {
            y = pkg.Outer <times = 3.0> (x, one)
        }""" + PKG + """Outer <times: float> (v, w) => (r) {
            a = pkg.Inner <by: float = @times> (v)
            b = pkg.Inner (w)
            r = Sub (a, b)
        }""" + PKG + """Inner <by: float = 2.0> (v) => (r) {
            s = Constant <value_float: float = @by> ()
            r = Mul (v, s)
        }""",
    # Operands and results that the call omits: "none".
    "omitted": """g (float[3,4] x) => (float[3,4] y, float[3,4] z, float[3,4] u)
        <float low = {-0.5}, float high = {0.25}> {
            y = pkg.Limit (x, low)
            z = pkg.Limit (x, none, high)
            none, u = pkg.Both (x)
        }""" + PKG + "Limit (v, lo, hi) => (r) { r = pkg.Hand (v, lo, hi) }"
        + PKG + "Hand (v, lo, hi) => (r) { r = Clip (v, lo, hi) }"
        + PKG + "Both (v) => (p, q) { p = Exp (v)\n q = Neg (v) }",
    # Results that no node of the function makes: an input, a constant, one result twice.
    "handed_through": """g (float[2] x) => (float[2] y, float[2] z, float[2] u, float[2] w) {
            y, z, u, w = pkg.Through (x)
        }""" + PKG + """Through (v) => (v, c, e, e) {
            c = Constant <value_floats = [1.0, 2.0]> ()
            e = Exp (v)
        }""",
    # A function in a branch; a branch in a function that reads the function's values and attribute.
    "branches": """g (float[3] x, bool b) => (float[3] y, float[3] z) {
            y = If (b) <then_branch = t () => (float[3] p) { p = pkg.Twice (x) }, else_branch = e () => (float[3] q) { q = Neg (x) }>
            z = pkg.Choose <slope = 0.25> (b, x)
        }""" + PKG + "Twice (v) => (r) { r = Add (v, v) }" + PKG + """Choose <slope: float = 0.5> (c, v) => (r) {
            w = Exp (v)
            r = If (c) <then_branch = t () => (float[3] p) { k = pkg.Twice (w)\n p = LeakyRelu <alpha: float = @slope> (k) },
                        else_branch = e () => (float[3] q) { q = LeakyRelu <alpha: float = @slope> (v) }>
        }""",
    # A loop in a function, a function in its body.
    "loop": """g (float[3] x) => (float[3] y, float[4,3] ys) <int64 n = {4}, bool on = {1}> {
            y, ys = pkg.Repeat (x, n, on)
        }""" + PKG + """Repeat (v, m, c) => (r, rs) {
            d = Abs (v)
            r, rs = Loop (m, c, v) <body = b (int64 i, bool go, float[3] a) => (bool on, float[3] o, float[3] s) {
                on = Identity (go)
                o = pkg.Step (a, d)
                s = Neg (o)
            }>
        }""" + PKG + "Step (a, d) => (r) { t = Mul (a, d)\n r = Tanh (t) }",
    # A sequence goes in and out.
    "sequence": """g (float[2,3] x, float[1,3] w) => (float[3,3] y) {
            s = pkg.Pair (x, w)
            t = pkg.Same (s)
            y = ConcatFromSequence <axis = 0> (t)
        }""" + PKG + "Pair (a, b) => (r) { r = SequenceConstruct (a, b) }" + PKG + "Same (a) => (a) { b = SequenceLength (a) }",
}
BY_REFERENCE = {"handed_through", "sequence"}


def parse(text):
    model = onnx.parser.parse_model(HEAD + text)
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = ["" if x == "none" else x for x in names]
    return model


def overloads():
    """One name, two functions."""
    node = helper.make_node
    ops = [helper.make_opsetid("", 18), helper.make_opsetid("pkg", 1)]
    half = helper.make_function("pkg", "Act", ["v"], ["r"], [node("Relu", ["v"], ["r"])], ops, overload="relu")
    full = helper.make_function("pkg", "Act", ["v"], ["r"], [node("Tanh", ["v"], ["r"])], ops, overload="tanh")
    nodes = [node("Act", ["x"], ["a"], domain="pkg", overload="tanh", name="first"),
             node("Act", ["a"], ["y"], domain="pkg", overload="relu")]
    info = [helper.make_tensor_value_info(x, 1, [3, 4]) for x in "xy"]
    graph = helper.make_graph(nodes, "overloads", info[:1], info[1:])
    return helper.make_model(graph, functions=[half, full], opset_imports=ops, ir_version=10)


def older_opset():
    """The body is of opset 11, where Softmax flattens and ReduceSum has its axes as an attribute."""
    node = helper.make_node
    body = [node("Softmax", ["v"], ["s"], axis=1), node("ReduceSum", ["s"], ["r"], axes=[2], keepdims=0)]
    old = helper.make_function("pkg", "Old", ["v"], ["r"], body, [helper.make_opsetid("", 11)])
    nodes = [node("Old", ["x"], ["a"], domain="pkg"), node("Softmax", ["a"], ["y"], axis=1)]
    info = [helper.make_tensor_value_info("x", 1, [2, 3, 4]), helper.make_tensor_value_info("y", 1, [2, 3])]
    graph = helper.make_graph(nodes, "older", info[:1], info[1:])
    ops = [helper.make_opsetid("", 18), helper.make_opsetid("pkg", 1)]
    return helper.make_model(graph, functions=[old], opset_imports=ops, ir_version=10)


def older_result(x):
    def softmax(a):
        e = np.exp(a - a.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    return softmax(softmax(x.reshape(2, 12)).reshape(2, 3, 4).sum(2)).astype(np.float32)


def feeds_of(model):
    random = np.random.default_rng(7)
    feeds = {}
    for i in model.graph.input:
        shape = [d.dim_value for d in i.type.tensor_type.shape.dim]
        is_bool = i.type.tensor_type.elem_type == onnx.TensorProto.BOOL
        feeds[i.name] = np.array(True) if is_bool else random.standard_normal(shape).astype(np.float32)
    return feeds


def all_functions(folder):
    models = {name: parse(text) for name, text in TEXTS.items()}
    models["overloads"] = overloads()
    for name, model in models.items():
        feeds = feeds_of(model)
        results = ReferenceEvaluator(model).run(None, feeds) if name in BY_REFERENCE else run(model, feeds)
        save(folder, f"function_{name}", model, feeds, results)
    model = older_opset()
    feeds = feeds_of(model)
    save(folder, "function_older_opset", model, feeds, [older_result(feeds["x"])])
