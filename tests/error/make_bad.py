#!/usr/bin/env python3
"""Writes the files of the error tests: ONNX models that are wrong in one way each, and tensor files.

    make_bad.py DIGITS.onnx OUTDIR        all of them; what each should lead to stands in errors.sh
    make_bad.py --seeds OUTDIR            small good models and tensor files, for the corpus of the fuzzers

Python's standard library only: the protobuf bytes are put together by hand, so that files can be written which no
library would write. Field numbers are those of compiler/onnx/onnx.proto.
"""
import os
import random
import struct
import sys
import zipfile

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, COMPLEX64 = 1, 2, 3, 6, 7, 8, 9, 10, 11, 14


# --- protobuf ---------------------------------------------------------------------------------------------------------

def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n)


def fixed32(field, x):
    return varint(field << 3 | 5) + struct.pack("<f", x)


def piece(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


# --- ONNX -------------------------------------------------------------------------------------------------------------

def value(name, dims=(2, 3), dtype=FLOAT):
    """A graph input or output; a dim may be a number or a name; dims None: no shape at all."""
    tensor = number(1, dtype)
    if dims is not None:
        shape = b"".join(piece(1, piece(2, d) if isinstance(d, str) else number(1, d)) for d in dims)
        tensor += piece(2, shape)
    return piece(1, name) + piece(2, piece(1, tensor))


def wrapped(name, field, inner):
    """An input that is a sequence (field 4) or an optional (field 9) of a TypeProto."""
    return piece(1, name) + piece(2, piece(field, piece(1, inner)))


def tensor(name, dims, dtype=FLOAT, raw=None, more=b""):
    out = b"".join(number(1, d) for d in dims) + number(2, dtype) + piece(8, name)
    return out + (piece(9, raw) if raw is not None else b"") + more


def floats(name, dims, values):
    return tensor(name, dims, FLOAT, struct.pack("<%df" % len(values), *values))


def ints(name, dims, values):
    return tensor(name, dims, INT64, struct.pack("<%dq" % len(values), *values))


def external(name, dims, location, **entries):
    data = piece(13, piece(1, "location") + piece(2, location))
    for key, text in entries.items():
        data += piece(13, piece(1, key) + piece(2, text))
    return tensor(name, dims, more=data + number(14, 1))


def attribute(name, x):
    out = piece(1, name)
    if isinstance(x, bool) or x is None:
        raise TypeError(x)
    if isinstance(x, float):
        return out + fixed32(2, x) + number(20, 1)
    if isinstance(x, int):
        return out + number(3, x) + number(20, 2)
    if isinstance(x, str):
        return out + piece(4, x) + number(20, 3)
    if isinstance(x, bytes):
        return out + piece(5, x) + number(20, 4)
    if isinstance(x[0], float):
        return out + b"".join(fixed32(7, i) for i in x) + number(20, 6)
    if isinstance(x[0], str):
        return out + b"".join(piece(9, i) for i in x) + number(20, 8)
    return out + b"".join(number(8, i) for i in x) + number(20, 7)


def node(op, inputs, outputs, name="", domain="", more=b"", **attributes):
    out = b"".join(piece(1, i) for i in inputs) + b"".join(piece(2, o) for o in outputs)
    out += piece(3, name) + piece(4, op)
    out += b"".join(piece(5, attribute(k, v)) for k, v in attributes.items())
    return out + (piece(7, domain) if domain else b"") + more


def graph_of(nodes, inputs, outputs, initializers=()):
    graph = b"".join(piece(1, n) for n in nodes) + piece(2, "g")
    graph += b"".join(piece(5, t) for t in initializers)
    return graph + b"".join(piece(11, v) for v in inputs) + b"".join(piece(12, v) for v in outputs)


def model(nodes, inputs, outputs, initializers=(), opset=13, domains=(), graph_more=b""):
    graph = graph_of(nodes, inputs, outputs, initializers) + graph_more
    opsets = piece(8, piece(1, "") + number(2, opset)) if opset is not None else b""
    opsets += b"".join(piece(8, piece(1, d) + number(2, 1)) for d in domains)
    return number(1, 8) + piece(7, graph) + opsets


def one(op, inputs=("x",), initializers=(), dims=(2, 3), name="n1", out_dims=None, opset=13, dtype=FLOAT, **attributes):
    """One node that reads input x and constants."""
    return model([node(op, inputs, ["y"], name, **attributes)], [value("x", dims, dtype)],
                 [value("y", out_dims, dtype)], initializers, opset)


def learned(op, x=None, **attributes):
    """One node of ai.onnx.ml that reads x, float[2,3]."""
    return model([node(op, ["x"], ["y"], "ml1", "ai.onnx.ml", **attributes)], [x or value("x")], [value("y", None)],
                 domains=("ai.onnx.ml",))


MAP_INPUT = piece(1, "x") + piece(2, piece(5, number(1, INT64) + piece(2, piece(1, number(1, FLOAT)))))  # int64 to float


def doubled_while_less():
    """y = x doubled until it is not less than stop."""
    body = graph_of([node("Add", ["u", "u"], ["v"]), node("Less", ["v", "stop"], ["d"])],
                    [value("i", (), INT64), value("c", (), BOOL), value("u", (1,))], [value("d", (1,), BOOL), value("v", (1,))])
    loop = node("Loop", ["", "", "x"], ["y"], "loop1", more=piece(5, piece(1, "body") + piece(6, body) + number(20, 5)))
    return model([loop], [value("x", (1,)), value("stop", (1,))], [value("y", (1,))])


def contrib(op, inputs, **attributes):
    """One node of ONNX Runtime's domain; its inputs are x, w, s ... in the order of the model's."""
    names = {"FusedConv": "xw", "MatMulNBits": "xws", "Attention": "xw", "GroupNorm": "xgb", "GatherBlockQuantized": "xis"}.get(op, "x")
    return model([node(op, list(names), ["y"], "ms1", "com.microsoft", **attributes)], inputs, [value("y", None)],
                 domains=("com.microsoft",))


def function(name, inputs, outputs, nodes, attributes=(), opsets=(("", 13),), more=b""):
    out = piece(1, name) + b"".join(piece(4, i) for i in inputs) + b"".join(piece(5, o) for o in outputs)
    out += b"".join(piece(6, a) for a in attributes) + b"".join(piece(7, n) for n in nodes)
    return out + b"".join(piece(9, piece(1, d) + number(2, v)) for d, v in opsets) + piece(10, "pkg") + more


def reference(attribute, to, kind):
    return piece(5, piece(1, attribute) + piece(21, to) + number(20, kind))


def calling(functions, op="F", inputs=("x",), more=b"", **attributes):
    """A model that calls the function of the domain pkg and the name op."""
    call = model([node(op, inputs, ["y"], "call1", "pkg", more, **attributes)], [value("x")], [value("y")], domains=("pkg",))
    return call + b"".join(piece(25, f) for f in functions)


def relu(name, more=b"", **attributes):
    return function(name, "a", "b", [node("LeakyRelu", "a", "b", "leaky1", more=more)], **attributes)


def chain(n, times):
    """Each function calls the next one so many times."""
    def one(i):
        names = ["v%d" % k for k in range(times)] + ["b"]
        return function("F%d" % i, ["v0"], ["b"],
                        [node("F%d" % (i + 1), [names[k]], [names[k + 1]], domain="pkg") for k in range(times)])
    return [one(i) for i in range(n)] + [relu("F%d" % n)]


FUNCTIONS = {
    "recursive": calling([function("F", "a", "b", [node("G", "a", "b", "g1", "pkg")]),
                          function("G", "a", "b", [node("F", "a", "b", "f1", "pkg")])]),
    "bomb": calling(chain(25, 2), "F0"),
    "deep": calling(chain(40, 1), "F0"),
    "inputs": calling([relu("F")], inputs=("x", "x")),
    "attribute": calling([relu("F")], slope=0.5),
    "attribute-twice": calling([relu("F", attributes=["slope"])], more=piece(5, attribute("slope", 0.5)), slope=0.5),
    "attribute-type": calling([relu("F", reference("alpha", "slope", 1), attributes=["slope"])], slope=1),
    "reference": calling([relu("F", reference("alpha", "slope", 1))]),
    "output": calling([function("F", "a", "c", [node("Relu", "a", "b")])]),
    "output-omitted": calling([function("F", "ac", "c", [])]),
    "input-twice": calling([function("F", "aa", "b", [node("Relu", "a", "b")])], inputs=("x", "x")),
    "undefined": calling([function("F", "a", "b", [node("Add", "ax", "b", "sum1")])]),
    "twice": calling([relu("F"), relu("F")]),
    "opset": calling([relu("F", opsets=(("", 99),))]),
    "no-opset": calling([relu("F", opsets=())]),
    "other-opset": calling([relu("F", opsets=(("pkg", 1),))]),
    "overload": calling([function("F", "a", "b", [node("Relu", "a", "b")], more=piece(13, "half"))], more=piece(8, "full")),
    "inside": calling([function("F", "a", "b", [node("MatMul", "aa", "b")])]),
    "unknown": calling([function("F", "a", "b", [node("Frobnicate", "a", "b", "frob1")])]),
    "subgraph": calling([relu("F", attributes=["body"])], more=piece(5, piece(1, "body") + piece(6, b"") + number(20, 5))),
}


# --- tensor files -----------------------------------------------------------------------------------------------------

def npy(descr, shape, data):
    shape = "(%s)" % "".join("%d, " % d for d in shape)
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def zeros(descr, shape):
    count = 1
    for d in shape:
        count *= d
    return npy(descr, shape, bytes(count * int(descr[-1])))


def tiff(bits, at=8):
    """An image of one grey pixel."""
    tags = (256, 3, 1), (257, 3, 1), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, at), (278, 3, 1)
    table = b"".join(struct.pack("<HHII", tag, kind, 1, x) for tag, kind, x in tags)
    return b"II" + struct.pack("<HI", 42, 10) + b"\x07\x09" + struct.pack("<H", len(tags)) + table


def npz(path, arrays, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as z:
        for name, content in arrays.items():
            info = zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            z.writestr(info, content)


# --- wrong models -----------------------------------------------------------------------------------------------------

BIG = 1 << 20

MODELS = {
    # the file as a whole
    "empty": b"",
    "text": b"This is no model at all, but a line of text.\n",
    "zeros": bytes(4096),
    "no-graph": number(1, 8) + piece(8, piece(1, "") + number(2, 13)),
    "no-outputs": model([node("Relu", ["x"], ["y"], "n1")], [value("x")], []),
    "no-opset": one("Relu", opset=None),
    "opset-new": one("Relu", opset=99),
    "opset-zero": one("Relu", opset=0),
    "deep": model([node("Relu", ["x"], ["y"], "n1", more=piece(5, piece(1, "body") + piece(6, b"\x0a\x80") +
                                                              number(20, 5)))], [value("x")], [value("y")]),
    # structure
    "cycle": model([node("Relu", ["b"], ["a"], "first"), node("Add", ["a", "x"], ["b"], "second")], [value("x")],
                   [value("b")]),
    "self-cycle": model([node("Add", ["a", "x"], ["a"], "ouroboros")], [value("x")], [value("a")]),
    "missing-initializer": model([node("Conv", ["x", "weights"], ["y"], "conv1")], [value("x", (1, 3, 8, 8))],
                                 [value("y", (1, 4, 6, 6))]),
    "undefined-input": model([node("Add", ["x", "nowhere"], ["y"], "sum1")], [value("x")], [value("y")]),
    "undefined-output": model([node("Relu", ["x"], ["y"], "n1")], [value("x")], [value("nobody")]),
    "made-twice": model([node("Relu", ["x"], ["y"], "n1"), node("Abs", ["x"], ["y"], "n2")], [value("x")],
                        [value("y")]),
    "few-inputs": one("Add", name="sum1"),
    "many-inputs": one("Relu", ("x", "x", "x"), name="relu1"),
    "omitted-input": one("Add", ("x", ""), name="sum1"),
    "attribute-twice": model([node("Softmax", ["x"], ["y"], "soft1", axis=1, more=piece(5, attribute("axis", 0)))],
                             [value("x")], [value("y")]),
    "attribute-type": one("Softmax", name="soft1", axis="last"),
    # com.microsoft
    "fused-conv": contrib("FusedConv", [value("x", (1, 1, 4, 4)), value("w", (1, 1, 1, 1))], activation="Sine"),
    "nbits": contrib("MatMulNBits", [value("x", (2, 32)), value("w", (4, 2, 10), UINT8), value("s", (4, 2))], K=32, N=4, block_size=16, bits=5),
    "block-huge": contrib("GatherBlockQuantized", [value("x", (3, 16), UINT8), value("i", (2,), INT64), value("s", (3, 1))],
                          block_size=(1 << 63) - 1),
    "cache-of-bytes": contrib("GroupQueryAttention", [value("x", (1, 1, 8))], num_heads=1, kv_num_heads=1, k_quant_type="PER_TENSOR"),
    "many-heads": contrib("GroupQueryAttention", [value("x", (1, 1, 8))], num_heads=1 << 62, kv_num_heads=1 << 62),
    "wide-heads": contrib("Attention", [value("x", (1, 2, 4)), value("w", (4, 12))], num_heads=1, qkv_hidden_sizes=(1 << 62, 1 << 62, 12)),
    "roi-large": model([node("RoiAlign", ["x", "boxes", "batch"], ["y"], "roi1", output_height=1, output_width=1)],
                       [value("x", (1, 1, 4, 4)), value("boxes", (1, 4))], [value("y", None)], [ints("batch", (1,), [0])], 16),
    "crop-without-roi": model([node("Resize", ["x", "", "scales"], ["y"], "resize1", coordinate_transformation_mode="tf_crop_and_resize")],
                              [value("x", (1, 1, 4, 4)), value("scales", (4,))], [value("y", (1, 1, 8, 8))]),
    "roi-no-bins": model([node("RoiAlign", ["x", "boxes", "batch"], ["y"], "roi1", output_height=1, output_width=0)],
                         [value("x", (1, 1, 4, 4)), value("boxes", (1, 4))], [value("y", None)], [ints("batch", (1,), [0])], 16),
    "shared-buffer": contrib("Attention", [value("x", (1, 2, 4)), value("w", (4, 12))], num_heads=1, past_present_share_buffer=1),
    "skipped-word": contrib("EmbedLayerNormalization", [value("x", (1, 2), INT32)]),
    "group-norm": contrib("GroupNorm", [value("x", (1, 2, 2, 4)), value("g", (4,)), value("b", (4,))], groups=2, activation="SiLU"),
    # types and ranks
    "wrong-rank": model([node("Conv", ["x", "w"], ["y"], "conv1")], [value("x", (2, 3))], [value("y", None)],
                        [floats("w", (1, 3, 1, 1), [1, 2, 3])]),
    "wrong-type": model([node("Conv", ["x", "w"], ["y"], "conv1")], [value("x", (1, 1, 4, 4))], [value("y", None)],
                        [ints("w", (1, 1, 1, 1), [3])]),
    "bool-relu": one("Relu", dtype=BOOL, name="relu1"),
    "no-broadcast": model([node("Add", ["x", "z"], ["y"], "sum1")], [value("x", (2, 3)), value("z", (4, 5))],
                          [value("y", None)]),
    "matmul-inner": model([node("MatMul", ["x", "z"], ["y"], "mm1")], [value("x", (2, 3)), value("z", (4, 5))],
                          [value("y", None)]),
    "conv-channels": model([node("Conv", ["x", "w"], ["y"], "conv1")], [value("x", (1, 4, 4, 4))], [value("y", None)],
                           [floats("w", (1, 3, 1, 1), [1, 2, 3])]),
    "string-slice": one("Slice", ("x", "a", "b"), [ints("a", (3,), [0, 0, 1]), ints("b", (3,), [1, 1, 2])], dtype=STRING),
    "string-squeeze": one("Squeeze", ("x", "a"), [ints("a", (9,), [0] * 9)], dtype=STRING),
    "string-input": one("Relu", dtype=STRING, name="relu1"),
    "string-numbers": model([node("StringConcat", ["x", "s"], ["y"], "c1")], [value("x", (2, 3), STRING), value("s")],
                            [value("y", (2, 3), STRING)], opset=20),
    "string-count": one("Concat", ("x", "s"), [tensor("s", (1,), STRING)], axis=0, dtype=STRING),
    "regex-pattern": one("RegexFullMatch", dtype=STRING, name="r1", opset=20, pattern="(a"),
    "split-open": model([node("StringSplit", ["x"], ["y", "n"], "p1")], [value("x", (2,), STRING)],
                        [value("y", ("a", "b"), STRING)], opset=20),
    "complex-input": one("Identity", dtype=COMPLEX64, name="id1"),
    "type-99": one("Identity", dtype=99, name="id1"),
    "no-shape": model([node("Relu", ["x"], ["y"], "n1")], [value("x", None)], [value("y", None)]),
    "no-bound": model([node("Add", ["x", "z"], ["y"], "n1")], [value("x", ("N", 3, "H", -1)), value("z", ("N", 1, "H", 1))],
                      [value("y", ("N", 3, "H", -1))]),
    # sequences, optionals
    "sequence-input": model([node("SequenceLength", ["x"], ["y"], "n1")], [wrapped("x", 4, piece(1, number(1, FLOAT)))],
                            [value("y", (), INT64)]),
    "sequence-of-maps": model([node("SequenceLength", ["x"], ["y"], "n1")], [wrapped("x", 4, piece(5, number(1, INT64)))],
                              [value("y", (), INT64)]),
    "sequence-broken": model([node("SequenceLength", ["x"], ["y"], "n1")], [wrapped("x", 4, b"\xff\xff")],
                             [value("y", (), INT64)]),
    "sequence-of-nothing": model([node("Optional", [], ["y"], "n1")], [value("x")], [value("y")]),
    # ai.onnx.ml
    "map-input": learned("CastMap", MAP_INPUT),
    "map-text": learned("CastMap", MAP_INPUT, cast_to="TO_STRING", map_form="SPARSE", max_map=3),
    "ml-coefficients": learned("LinearRegressor", coefficients=[1.0, 2.0]),
    "ml-post": learned("LinearRegressor", coefficients=[1.0, 2.0, 3.0], post_transform="CUBE"),
    "ml-labels": learned("LinearClassifier", coefficients=[1.0, 2.0, 3.0]),
    "ml-features": learned("Scaler", offset=[1.0, 2.0]),
    "ml-kernel": learned("SVMRegressor", coefficients=[1.0], support_vectors=[1.0, 2.0, 3.0], n_supports=1, rho=[0.5],
                         kernel_type="WAVE"),
    "ml-vectors": learned("SVMClassifier", coefficients=[1.0], rho=[0.5], classlabels_ints=[0, 1], vectors_per_class=[1, -1]),
    "ml-circle": learned("TreeEnsembleRegressor", nodes_treeids=[0, 1, 2, 3], nodes_nodeids=[0] * 4, nodes_featureids=[0] * 4,
                         nodes_modes=["BRANCH_LEQ"] * 4, nodes_truenodeids=[0] * 4, nodes_falsenodeids=[5] * 4,
                         nodes_values=[0.5] * 4, target_ids=[0], target_treeids=[0], target_nodeids=[0], target_weights=[1.0]),
    "ml-zip": learned("ZipMap", classlabels_int64s=[0, 1]),
    "rank-20": one("Relu", dims=(1,) * 20),
    # a shape that only the run knows: y's is declared, or not
    "late-open": model([node("Reshape", ["x", "s"], ["y"], "r1")], [value("x"), value("s", (2,), INT64)],
                       [value("y", ("a", "b"))]),
    # sizes that only the declared output tells: s is [2,3]
    "late-sizes": model([node("Expand", ["x", "s"], ["z"], "e1"), node("Transpose", ["z"], ["y"], "t1")],
                        [value("x", (1, 1)), value("s", (2,), INT64)], [value("y", (3, 2))]),
    "late-count": model([node("Reshape", ["x", "s"], ["y"], "r1")], [value("x"), value("s", (2,), INT64)],
                        [value("y", (3, 3))]),
    # sizes
    "huge-input": one("Relu", dims=(1 << 31, 1 << 31, 1 << 31, 1 << 31)),
    "huge-dim": one("Relu", dims=(1 << 62, 4)),
    "huge-initializer": one("Add", ("x", "w"), [tensor("w", (1 << 40, 1 << 40), raw=bytes(16))], name="sum1"),
    "huge-no-data": one("Add", ("x", "w"), [tensor("w", (1 << 38,), raw=b"")], name="sum1"),
    "huge-result": model([node("Mul", ["x", "z"], ["y"], "outer1")], [value("x", (BIG << 9, 1)), value("z", (1, BIG << 9))],
                         [value("y", None)]),
    "huge-expand": one("Expand", ("x", "s"), [ints("s", (3,), [1 << 31, 1 << 31, 1])], dims=(1, 1), name="expand1"),
    "huge-constant": one("ConstantOfShape", ("s",), [ints("s", (2,), [1 << 33, 1 << 33])], name="fill1"),
    "huge-tile": one("Tile", ("x", "s"), [ints("s", (2,), [1 << 40, 1 << 40])], name="tile1"),
    "huge-range": one("Range", ("a", "b", "c"), [ints("a", (), [0]), ints("b", (), [1 << 62]), ints("c", (), [1])],
                      dtype=INT64, name="range1"),
    "huge-pad": one("Pad", ("x", "s"), [ints("s", (4,), [1 << 62, 1 << 62, 1 << 62, 1 << 62])], name="pad1"),
    "negative-input": one("Relu", dims=(-5, 3)),
    "negative-initializer": one("Add", ("x", "w"), [tensor("w", (-2,), raw=bytes(8))], name="sum1"),
    "negative-pad": one("Pad", ("x", "s"), [ints("s", (4,), [-9, 0, 0, 0])], name="pad1"),
    "negative-fill": one("ConstantOfShape", ("s",), [ints("s", (1,), [-4])], name="fill1"),
    "short-data": one("Add", ("x", "w"), [tensor("w", (2, 3), raw=bytes(20))], name="sum1"),
    "long-data": one("Add", ("x", "w"), [tensor("w", (2, 3), raw=bytes(28))], name="sum1"),
    # external data
    "external-parent": one("Add", ("x", "w"), [external("w", (2, 3), "../secret.bin")], name="sum1"),
    "external-hidden-parent": one("Add", ("x", "w"), [external("w", (2, 3), "a/../../secret.bin")], name="sum1"),
    "external-absolute": one("Add", ("x", "w"), [external("w", (2, 3), "/etc/passwd")], name="sum1"),
    "external-backslash": one("Add", ("x", "w"), [external("w", (2, 3), "..\\secret.bin")], name="sum1"),
    "external-link": one("Add", ("x", "w"), [external("w", (2, 3), "link.bin")], name="sum1"),
    "external-folder": one("Add", ("x", "w"), [external("w", (2, 3), ".")], name="sum1"),
    "external-missing": one("Add", ("x", "w"), [external("w", (2, 3), "absent.bin")], name="sum1"),
    "external-none": one("Add", ("x", "w"), [external("w", (2, 3), "")], name="sum1"),
    "external-short": one("Add", ("x", "w"), [external("w", (2, 3), "short.bin")], name="sum1"),
    "external-offset": one("Add", ("x", "w"), [external("w", (2, 3), "enough.bin", offset="-8")], name="sum1"),
    "external-past-end": one("Add", ("x", "w"), [external("w", (2, 3), "enough.bin", offset="18446744073709551608")],
                             name="sum1"),
    "external-length": one("Add", ("x", "w"), [external("w", (2, 3), "enough.bin", length="12")], name="sum1"),
    # operators
    "nearest": model([node("Sofmax", ["x"], ["a"], "s1"), node("QGemm", ["a"], ["b"], "q1"),
                      node("Conv", ["b"], ["y"], "c1", "com.microsoft.nchwc")], [value("x")], [value("y")]),
    "unknown-operators": model(
        [node("Frobnicate", ["x"], ["a"], "frob1", "com.acme"), node("Quux", ["a"], ["b"], "quux1"),
         node("Relu", ["b"], ["c"], "relu1"), node("Blorp", ["c"], ["d"], "blorp1"),
         node("Quux", ["d"], ["y"], "quux2")],
        [value("x")], [value("y")], domains=("com.acme",)),
    **{"function-" + name: content for name, content in FUNCTIONS.items()},
    "subgraph": model([node("If", ["x"], ["y"], "if1", more=piece(5, piece(1, "then_branch") + piece(6, b"") + number(20, 5)))],
                      [value("x", (), BOOL)], [value("y", None)]),
    # attributes that would divide by zero, or leave the tensor
    "stride-zero": one("MaxPool", dims=(1, 1, 4, 4), name="pool1", kernel_shape=(2, 2), strides=(0, 1)),
    "kernel-zero": one("MaxPool", dims=(1, 1, 4, 4), name="pool1", kernel_shape=(0, 2)),
    "kernel-large": one("AveragePool", dims=(1, 1, 4, 4), name="pool1", kernel_shape=(9, 9)),
    "kernel-rank": one("MaxPool", dims=(1, 1, 4, 4), name="pool1", kernel_shape=(2,)),
    "dilation-negative": one("MaxPool", dims=(1, 1, 4, 4), name="pool1", kernel_shape=(2, 2), dilations=(-1, 1)),
    "pads-negative": one("MaxPool", dims=(1, 1, 4, 4), name="pool1", kernel_shape=(2, 2), pads=(-9, 0, 0, 0)),
    "group-zero": one("Conv", ("x", "w"), [floats("w", (1, 1, 1, 1), [1])], (1, 1, 4, 4), "conv1", group=0),
    "group-odd": one("Conv", ("x", "w"), [floats("w", (3, 1, 1, 1), [1, 2, 3])], (1, 2, 4, 4), "conv1", group=2),
    "transpose-outside": one("Transpose", name="turn1", perm=(0, 7)),
    "transpose-twice": one("Transpose", name="turn1", perm=(0, 0)),
    "axis-outside": one("Softmax", name="soft1", axis=5),
    "concat-axis": one("Concat", ("x", "x"), name="cat1", axis=-9),
    "reshape-count": one("Reshape", ("x", "s"), [ints("s", (2,), [4, 4])], name="shape1"),
    "reshape-two-open": one("Reshape", ("x", "s"), [ints("s", (2,), [-1, -1])], name="shape1"),
    "reshape-negative": one("Reshape", ("x", "s"), [ints("s", (2,), [-7, 3])], name="shape1"),
    "gather-outside": one("Gather", ("x", "i"), [ints("i", (1,), [9])], name="gather1", axis=0),
    "gather-constant": one("Gather", ("t", "i"), [floats("t", (2,), [1, 2]), ints("i", (1,), [-9])], name="gather1"),
    "slice-step-zero": one("Slice", ("x", "a", "b", "c", "d"), [ints("a", (1,), [0]), ints("b", (1,), [2]),
                           ints("c", (1,), [0]), ints("d", (1,), [0])], name="slice1"),
    "split-sum": model([node("Split", ["x", "s"], ["y", "z"], "split1", axis=0)], [value("x", (4, 3))],
                       [value("y", None), value("z", None)], [ints("s", (2,), [3, 3])]),
    "squeeze-two": one("Squeeze", ("x", "a"), [ints("a", (1,), [0])], name="squeeze1"),
    "cast-to-nothing": one("Cast", name="cast1", to=77),
    "range-step-zero": one("Range", ("a", "b", "c"), [ints("a", (), [0]), ints("b", (), [5]), ints("c", (), [0])],
                           dtype=INT64, name="range1"),
    "einsum-nonsense": one("Einsum", ("x", "x"), name="einsum1", equation="i->,j->"),
    "resize-zero": one("Resize", ("x", "", "s"), [floats("s", (2,), [0, -1])], name="resize1"),
}

# Odd, but not necessarily wrong: compiled or refused, never a crash.
ODD = {
    "divide-zero": one("Div", ("a", "b"), [ints("a", (2,), [7, -7]), ints("b", (2,), [0, 0])], dtype=INT64),
    "divide-least": one("Div", ("a", "b"), [ints("a", (1,), [-1 << 63]), ints("b", (1,), [-1])], dtype=INT64),
    "mod-zero": one("Mod", ("a", "b"), [ints("a", (1,), [7]), ints("b", (1,), [0])], dtype=INT64),
    "negate-least": one("Neg", ("a",), [ints("a", (1,), [-1 << 63])], dtype=INT64),
    "add-overflow": one("Add", ("a", "b"), [ints("a", (1,), [(1 << 63) - 1]), ints("b", (1,), [1])], dtype=INT64),
    "shift-64": one("BitShift", ("a", "b"), [tensor("a", (1,), 13, struct.pack("<Q", 1)),
                                             tensor("b", (1,), 13, struct.pack("<Q", 64))], dtype=13, direction="LEFT"),
    "cast-nan": model([node("Cast", ["a"], ["y"], "cast1", to=INT32)], [], [value("y", None, INT32)],
                      [floats("a", (3,), [float("nan"), float("inf"), -1e30])]),
    "zero-extent": one("Relu", dims=(0, 3)),
    "zero-extent-pool": one("MaxPool", dims=(0, 1, 4, 4), kernel_shape=(2, 2)),
    "zero-extent-mean": one("ReduceMean", dims=(0, 3), axes=(0,)),
    "scalar": one("Relu", dims=()),
    "no-inputs": model([node("Relu", ["a"], ["y"], "n1")], [], [value("y")], [floats("a", (2, 3), [0] * 6)]),
    "input-is-output": model([], [value("x")], [value("x")]),
    "constant-is-output": model([], [], [value("a")], [floats("a", (2, 3), [0] * 6)]),
    "unused-input": model([node("Relu", ["x"], ["y"], "n1")], [value("x"), value("z")], [value("y")]),
    "names": model([node("Relu", ["a b/c*/"], ["\"\\\n??/"], "*/ int x; /*")], [value("a b/c*/")],
                   [value("\"\\\n??/")]),
    "no-names": model([node("Relu", ["x"], ["y"])], [value("x")], [value("y")]),
    "keyword": model([node("Relu", ["int"], ["return"], "while")], [value("int")], [value("return")]),
    "not-utf8": model([node("Relu", ["x"], ["y"], b"\xff\xfe\x80")], [value("x")], [value("y")]),
    "wrong-output-shape": one("Relu", dims=(2, 3), out_dims=(7, 7)),
    "topk-large": model([node("TopK", ["x", "k"], ["y", "i"], "topk1")], [value("x", (2, 3))],
                        [value("y", None), value("i", None, INT64)], [ints("k", (1,), [9])]),
    "onehot-negative": one("OneHot", ("i", "d", "v"), [ints("i", (1,), [1]), ints("d", (), [-3]),
                                                       floats("v", (2,), [0, 1])]),
    "gather-far": one("Gather", ("t", "i"), [floats("t", (2,), [1, 2]), ints("i", (1,), [1 << 62])], name="gather1"),
    "scatter-far": one("ScatterElements", ("x", "i", "u"), [ints("i", (1, 1), [1 << 40]), floats("u", (1, 1), [1])]),
    "slice-far": one("Slice", ("x", "a", "b"), [ints("a", (1,), [-1 << 63]), ints("b", (1,), [(1 << 63) - 1])]),
    "clip-crossed": one("Clip", ("x", "a", "b"), [floats("a", (), [5]), floats("b", (), [-5])]),
    "depth-zero": one("DepthToSpace", dims=(1, 4, 2, 2), blocksize=0),
    "lrn-zero": one("LRN", dims=(1, 4, 2, 2), size=0),
    "gemm-vector": one("Gemm", ("x", "w"), [floats("w", (3,), [1, 2, 3])]),
    "scale-zero": one("QuantizeLinear", ("x", "s"), [floats("s", (), [0])]),
    "long-chain": model([node("Relu", ["x" if i == 0 else "v%d" % i], ["y" if i == 799 else "v%d" % (i + 1)])
                         for i in range(800)], [value("x")], [value("y")]),
    "doubling": model([node("Add", ["x" if i == 0 else "v%d" % i] * 2, ["y" if i == 39 else "v%d" % (i + 1)])
                       for i in range(40)], [value("x")], [value("y")]),
    "doubling-constant": model([node("Add", ["x" if i == 0 else "v%d" % i] * 2, ["y" if i == 39 else "v%d" % (i + 1)])
                                for i in range(40)], [], [value("y")], [floats("x", (2, 3), [1] * 6)]),
}


def add_damaged(digits, out):
    """The sample model cut off, and with bytes changed; the seed is fixed."""
    rng = random.Random(1)
    for i in range(24):
        n = len(digits) * (i + 1) // 25 if i < 20 else len(digits) - (24 - i)
        out["cut-%02d" % i] = digits[:n]
    for i in range(48):
        b = bytearray(digits)
        # most of the file is weights: half of the flips fall on the structure at its two ends
        at = rng.randrange(len(b)) if i % 2 == 0 else rng.choice((rng.randrange(600), len(b) - 1 - rng.randrange(400)))
        b[at] ^= 1 << rng.randrange(8)
        out["flip-%02d" % i] = bytes(b)


def add_tensors(folder):
    image, flat = zeros("<f4", (1, 1, 8, 8)), bytes(range(256))
    npz(folder + "/good.npz", {"image": image})
    npz(folder + "/deflated.npz", {"image": image}, zipfile.ZIP_DEFLATED)
    npz(folder + "/shape.npz", {"image": zeros("<f4", (1, 1, 8, 9))})
    npz(folder + "/rank.npz", {"image": zeros("<f4", (64,))})
    npz(folder + "/type.npz", {"image": zeros("<i4", (1, 1, 8, 8))})
    npz(folder + "/unknown.npz", {"picture": image})
    npz(folder + "/extra.npz", {"image": image, "picture": image})
    npz(folder + "/none.npz", {})
    npz(folder + "/only-a.npz", {"a": zeros("<f4", (2, 3))})
    for name, shape in ("late", (3, 2)), ("late-open", (-1, 2)), ("late-wrong", (2, 3)):
        npz(folder + "/%s.npz" % name, {"x": zeros("<f4", (2, 3)), "s": npy("<i8", (2,), struct.pack("<2q", *shape))})
    npz(folder + "/while.npz", {"x": npy("<f4", (1,), struct.pack("<f", 1)), "stop": npy("<f4", (1,), struct.pack("<f", 20))})
    for end in 4, 40:
        box = npy("<f4", (1, 4), struct.pack("<4f", 0, 0, end, end))
        npz(folder + "/box-%d.npz" % end, {"x": zeros("<f4", (1, 1, 4, 4)), "boxes": box})
    npz(folder + "/no-npy.npz", {"image": flat})
    npz(folder + "/short.npz", {"image": image[:-4]})
    npz(folder + "/long.npz", {"image": image + b"1234"})
    npz(folder + "/object.npz", {"image": npy("|O8", (1,), bytes(8))})
    npz(folder + "/huge.npz", {"image": npy("<f4", (1 << 40, 1 << 40), bytes(16))})
    npz(folder + "/negative.npz", {"image": npy("<f4", (-1, 8), bytes(16))})
    with open(folder + "/good.npz", "rb") as f:
        whole = f.read()
    for name, content in {"text.npz": b"no zip file\n", "void.npz": b"", "cut.npz": whole[:len(whole) // 2],
                          "flipped.npz": whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
                          "text.npy": b"no array\n", "cut.npy": image[:100]}.items():
        with open(folder + "/" + name, "wb") as f:
            f.write(content)
    os.makedirs(folder + "/no-tensors", exist_ok=True)
    os.makedirs(folder + "/bad-tensors", exist_ok=True)
    with open(folder + "/bad-tensors/input_0.pb", "wb") as f:
        f.write(b"\xff\xff\xff\xff")


def write_models(models, folder):
    for name, content in models.items():
        with open("%s/%s.onnx" % (folder, name), "wb") as f:
            f.write(content)


def main_bad(digits, folder):
    os.makedirs(folder + "/odd", exist_ok=True)
    with open(digits, "rb") as f:
        digits = f.read()
    add_damaged(digits, ODD)
    write_models(MODELS, folder)
    write_models(ODD, folder + "/odd")
    write_models({"sum": model([node("Add", ["a", "b"], ["y"], "sum1")], [value("a"), value("b")], [value("y")]),
                  "while": doubled_while_less(),
                  "late": model([node("Reshape", ["x", "s"], ["y"], "r1")], [value("x"), value("s", (2,), INT64)],
                                [value("y", (3, 2))]),
                  "image": model([node("ImageDecoder", ["x"], ["y"], pixel_format="Grayscale")], [value("x", (96,), UINT8)],
                                 [value("y", (1, 1, 1), UINT8)], opset=20)}, folder)
    add_tensors(folder)
    for bits in 8, 16:
        with open("%s/tiff-%d.npy" % (folder, bits), "wb") as f:
            f.write(npy("|u1", (96,), tiff(bits)))
    with open(folder + "/tiff-short.npy", "wb") as f:
        f.write(npy("|u1", (96,), tiff(8, 96)))
    with open(os.path.dirname(os.path.abspath(folder)) + "/secret.bin", "wb") as f:
        f.write(bytes(4096))
    with open(folder + "/short.bin", "wb") as f:
        f.write(bytes(20))
    with open(folder + "/enough.bin", "wb") as f:
        f.write(bytes(24))
    if not os.path.islink(folder + "/link.bin"):
        os.symlink("../secret.bin", folder + "/link.bin")


def main_seeds(folder):
    os.makedirs(folder + "/onnx", exist_ok=True)
    os.makedirs(folder + "/npz", exist_ok=True)
    good = {
        "relu": one("Relu"),
        "conv": one("Conv", ("x", "w"), [floats("w", (2, 1, 3, 3), [i / 8 for i in range(18)])], (1, 1, 6, 6), "conv1",
                    pads=(1, 1, 1, 1), strides=(2, 2)),
        "gemm": one("Gemm", ("x", "w"), [floats("w", (3, 2), [1, 2, 3, 4, 5, 6])], alpha=0.5),
        "shape-arithmetic": model(
            [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Unsqueeze", ["n", "axes"], ["n1"]),
             node("Concat", ["n1", "minus"], ["t"], axis=0), node("Reshape", ["x", "t"], ["y"])],
            [value("x", ("N", 3, 2))], [value("y", None)],
            [ints("zero", (), [0]), ints("axes", (1,), [0]), ints("minus", (1,), [-1])]),
        "qdq": model([node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])],
                     [value("x")], [value("y")], [floats("s", (), [0.1]), tensor("z", (), UINT8, b"\x80")]),
        "old": one("Add", ("x", "w"), [floats("w", (2,), [1, 2])], opset=6, broadcast=1, axis=0),
        "external": one("Add", ("x", "w"), [external("w", (2, 3), "../secret.bin")]),
        "function": calling(chain(2, 2) + [relu("G", reference("alpha", "slope", 1), attributes=["slope"])], "F0"),
        "function-default": calling([function("F", "ac", "bc", [node("LeakyRelu", "a", "b", more=reference("alpha", "slope", 1))],
                                              more=piece(11, attribute("slope", 0.5)))], inputs=("x", "x")),
    }
    for name in ("cycle", "unknown-operators", "huge-initializer", "slice-step-zero", "resize-zero", "subgraph",
                 "function-recursive", "function-bomb", "huge-range", "einsum-nonsense"):
        good[name] = MODELS[name]
    write_models(good, folder + "/onnx")
    npz(folder + "/npz/stored.npz", {"a": zeros("<f4", (2, 3)), "b": zeros("|u1", (4,))})
    npz(folder + "/npz/deflated.npz", {"a": zeros("<i8", (2, 3))}, zipfile.ZIP_DEFLATED)
    for name, content in {"f2": zeros("<f2", (3,)), "big-endian": zeros(">f8", (2,)),
                          "scalar": zeros("|b1", ())}.items():
        with open("%s/npz/%s.npy" % (folder, name), "wb") as f:
            f.write(content)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if sys.argv[1] == "--seeds":
        main_seeds(sys.argv[2])
    else:
        main_bad(sys.argv[1], sys.argv[2])
