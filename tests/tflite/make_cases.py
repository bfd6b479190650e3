"""Small TFLite models, one operator each, with the results of LiteRT's reference kernels.

    python3 tests/tflite/make_cases.py FOLDER        needs numpy, flatbuffers and ai-edge-litert

For each case NAME.tflite, NAME.in.npz and NAME.out.npz. What LiteRT refuses is refused/NAME.tflite. drawn/NAME_REACH.tflite draws
random numbers, and drawn/NAME_REACH.out.npz holds the middle of their range. The numbers are random with fixed seeds.
tests/tflite/cases.tar.xz holds what this makes, for machines without these packages.
"""
import os
import sys
import zlib

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

TYPES = {"float32": "FLOAT32", "float16": "FLOAT16", "int8": "INT8", "uint8": "UINT8", "int16": "INT16", "int32": "INT32",
         "int64": "INT64", "bool": "BOOL"}


class Tensor:
    """data None: computed or an input. scale, zero: one or one per index of axis."""

    def __init__(self, dtype, shape, data=None, scale=None, zero=0, axis=0, variable=False):
        self.dtype, self.shape, self.data = np.dtype(dtype), list(shape), data
        self.scale = None if scale is None else np.atleast_1d(np.float32(scale))
        self.zero = None if scale is None else np.broadcast_to(np.int64(zero), self.scale.shape)
        self.axis, self.index, self.variable = axis, None, variable


def add_tensor(m, g, t):
    x = schema.TensorT()
    x.name, x.shape, x.type, x.hasRank = f"t{len(g.tensors)}", t.shape, getattr(schema.TensorType, TYPES[t.dtype.name]), True
    x.buffer, x.isVariable = 0, t.variable
    if t.data is not None:
        b = schema.BufferT()
        b.data = np.frombuffer(np.ascontiguousarray(t.data).tobytes(), np.uint8)
        x.buffer = len(m.buffers)
        m.buffers.append(b)
    if t.scale is not None:
        x.quantization = schema.QuantizationParametersT()
        x.quantization.scale, x.quantization.zeroPoint = t.scale, t.zero
        x.quantization.quantizedDimension = t.axis
    t.index = len(g.tensors)
    g.tensors.append(x)


def make_operator(m, op, version, options, inputs, outputs, between=()):
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, op)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
    o = schema.OperatorT()
    o.opcodeIndex = len(m.operatorCodes)
    m.operatorCodes.append(code)
    o.inputs = [-1 if t is None else t.index for t in inputs]
    o.outputs = [t.index for t in outputs]
    o.intermediates = [t.index for t in between]
    if options is not None:
        o.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        o.builtinOptions = options
    return o


def pack(op, version, options, inputs, outputs, between=(), parts=()):
    """parts: of other subgraphs (operators, inputs, outputs), an operator being (name, options, inputs, outputs)."""
    m = schema.ModelT()
    m.version, m.description = 3, "tests/tflite/make_cases.py"
    m.buffers, m.operatorCodes, m.subgraphs = [schema.BufferT()], [], []
    fed = [t for t in inputs if t is not None and t.data is None and not t.variable]
    for operators, ins, outs in [([(op, options, inputs, outputs)], fed, outputs), *parts]:
        g = schema.SubGraphT()
        g.tensors = []
        more = between if not m.subgraphs else ()
        every = [t for o in operators for t in [*o[2], *o[3]]] + [*more, *ins]
        for t in dict.fromkeys(t for t in every if t is not None):
            add_tensor(m, g, t)
        g.operators = [make_operator(m, o[0], version, o[1], o[2], o[3], more) for o in operators]
        g.inputs, g.outputs = [t.index for t in ins], [t.index for t in outs]
        m.subgraphs.append(g)
    b = flatbuffers.Builder(1024)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


def options_of(name, fields):
    if name is None:
        return None
    o = getattr(schema, name + "OptionsT")()
    for key, value in fields.items():
        assert hasattr(o, key), key
        setattr(o, key, value)
    return o


def interpreter(blob, reference):
    """Some operators have no reference kernel."""
    kinds = (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    for kind in kinds if reference else kinds[1:]:
        try:
            runner = Interpreter(model_content=blob, experimental_op_resolver_type=kind)
            runner.allocate_tensors()
            return runner
        except ValueError as e:
            if "Didn't find op" not in str(e):
                raise
    raise ValueError("no kernel")


class Cases:
    def __init__(self, folder):
        self.folder, self.names = folder, set()
        for part in ("refused", "drawn"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)

    def refuse(self, name, op, options, inputs, outputs, version=1, **fields):
        """What LiteRT does not compute."""
        assert name not in self.names, name
        self.names.add(name)
        blob = pack(op, version, options_of(options, fields), inputs, outputs)
        try:
            runner = interpreter(blob, True)
            for detail, t in zip(runner.get_input_details(), inputs):
                runner.set_tensor(detail["index"], np.ones(t.shape, t.dtype))
            runner.invoke()
        except (RuntimeError, ValueError):
            with open(os.path.join(self.folder, "refused", name + ".tflite"), "wb") as f:
                f.write(blob)
            return
        raise AssertionError(f"LiteRT computes {name}")

    def draw(self, name, op, inputs, output, middle):
        """The stream is not LiteRT's; type, shape and range are."""
        blob = pack(op, 1, options_of("Random", {"seed": 7}), inputs, [output])
        runner = interpreter(blob, True)
        for detail in runner.get_input_details():
            runner.set_tensor(detail["index"], np.zeros(detail["shape"], np.float32))
        runner.invoke()
        result = runner.get_tensor(runner.get_output_details()[0]["index"])
        place = os.path.join(self.folder, "drawn", name)
        with open(place + ".tflite", "wb") as f:
            f.write(blob)
        np.savez(place + ".out.npz", **{f"t{output.index}": np.full_like(result, middle)})

    def random(self, t, r):
        if t.dtype == np.bool_:
            return r.integers(0, 2, t.shape).astype(bool)
        if t.dtype.kind in "iu":
            small = t.dtype.itemsize > 2
            low, high = (-9, 10) if small else (np.iinfo(t.dtype).min, np.iinfo(t.dtype).max + 1)
            return r.integers(low, high, t.shape).astype(t.dtype)
        return r.standard_normal(t.shape).astype(t.dtype)

    def add(self, name, op, options, inputs, outputs, low=None, high=None, version=1, reference=True, between=(), parts=(), feeds=None,
            **fields):
        """Runs it, gives the outputs their shapes, writes the files. low: the least that float inputs hold;
        high: indices in the inputs are below it; reference: LiteRT's reference kernel is right (that of SUM adds bytes)."""
        assert name not in self.names, name
        self.names.add(name)
        r = np.random.default_rng(zlib.crc32(name.encode()))
        o = options_of(options, fields)
        fed = [t for t in inputs if t is not None and t.data is None and not t.variable]
        state = [t for t in inputs if t is not None and t.variable]
        feeds = feeds or [self.random(t, r) for t in fed]
        if low is not None:
            feeds = [np.abs(x) + low if x.dtype.kind == "f" else x for x in feeds]
        if high is not None:
            feeds = [x % high if x.dtype.kind == "i" else x for x in feeds]
        blob = pack(op, version, o, inputs, outputs, between, parts)
        runner = interpreter(blob, reference)
        states = []
        for run in range(2 if state else 1):  # the second run begins with what the first one left
            states = [runner.get_tensor(t.index) for t in state] if run > 0 else []
            for detail, x in zip(runner.get_input_details(), feeds):
                runner.set_tensor(detail["index"], x)
            runner.invoke()
        results = [runner.get_tensor(d["index"]) for d in runner.get_output_details()]
        for t, x in zip(outputs, results):
            t.shape = list(x.shape)
        place = os.path.join(self.folder, name)
        with open(place + ".tflite", "wb") as f:
            f.write(pack(op, version, o, inputs, outputs, between, parts))
        feeds += states
        np.savez(place + ".in.npz", **{f"t{t.index}": x for t, x in zip(fed + state, feeds)})
        np.savez(place + ".out.npz", **{f"t{t.index}": x for t, x in zip(outputs, results)})


R = np.random.default_rng(7)


def F(*shape):
    return Tensor("float32", shape)


def CF(*shape, by=1.0):
    return Tensor("float32", shape, (R.standard_normal(shape) * by).astype(np.float32))


def I(*values, dtype="int32"):
    x = np.array(values, dtype)
    return Tensor(dtype, x.shape, x)


def Q(*shape, scale=0.05, zero=3, dtype="int8"):
    return Tensor(dtype, shape, None, scale, zero)


def CQ(*shape, scale=0.02, zero=0, axis=0, dtype="int8"):
    return Tensor(dtype, shape, R.integers(-127 if dtype == "int8" else 0, 128 if dtype == "int8" else 256, shape).astype(dtype),
                  scale, zero, axis)


def CB(n, scale=None):
    return Tensor("int32", (n,), R.integers(-400, 400, n).astype(np.int32), scale)


def S(value, dtype="int32"):
    return Tensor(dtype, (), np.array(value, dtype))


def per_channel(n):
    return R.uniform(0.004, 0.03, n).astype(np.float32)


def elementwise(c):
    for op in "ABS CEIL COS EXP FLOOR NEG RELU ROUND SIN TANH RELU6 RELU_N1_TO_1 RELU_0_TO_1 SIGN LOGISTIC ELU".split():
        c.add(op.lower(), op, None, [F(2, 3, 5)], [F(2, 3, 5)])
    c.add("hard_swish", "HARD_SWISH", "HardSwish", [F(3, 7)], [F(3, 7)])
    for op in "LOG SQRT RSQRT".split():
        c.add(op.lower(), op, None, [F(3, 7)], [F(3, 7)], low=0.1)
    c.add("square", "SQUARE", "Square", [F(3, 7)], [F(3, 7)])
    c.add("leaky_relu", "LEAKY_RELU", "LeakyRelu", [F(3, 7)], [F(3, 7)], alpha=0.3)
    c.add("gelu", "GELU", "Gelu", [F(3, 7)], [F(3, 7)])
    c.add("gelu_tanh", "GELU", "Gelu", [F(3, 7)], [F(3, 7)], approximate=True)
    c.add("logical_not", "LOGICAL_NOT", "LogicalNot", [Tensor("bool", (2, 3))], [Tensor("bool", (2, 3))])
    for op, options in (("ADD", "Add"), ("SUB", "Sub"), ("MUL", "Mul"), ("DIV", "Div")):
        c.add(op.lower(), op, options, [F(2, 3, 4, 5), F(2, 3, 4, 5)], [F(2, 3, 4, 5)])
        c.add(op.lower() + "_relu6", op, options, [F(2, 3, 4, 5), F(5)], [F(2, 3, 4, 5)], fusedActivationFunction=3)
    for op in "MAXIMUM MINIMUM".split():
        c.add(op.lower(), op, "MaximumMinimum", [F(2, 3), F(1, 3)], [F(2, 3)])
    for op in "EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL".split():
        c.add(op.lower(), op, None, [Tensor("int32", (3, 9)), Tensor("int32", (3, 9))], [Tensor("bool", (3, 9))])
    for op in "LOGICAL_AND LOGICAL_OR".split():
        c.add(op.lower(), op, None, [Tensor("bool", (9,)), Tensor("bool", (9,))], [Tensor("bool", (9,))])
    c.add("pow", "POW", "Pow", [F(3, 7), F(3, 7)], [F(3, 7)], low=0.1)
    c.add("squared_difference", "SQUARED_DIFFERENCE", "SquaredDifference", [F(3, 7), F(7)], [F(3, 7)])
    c.add("floor_div", "FLOOR_DIV", "FloorDiv", [Tensor("int32", (40,)), I(*[3, -4, 5, -2] * 10)], [Tensor("int32", (40,))])
    c.add("floor_mod", "FLOOR_MOD", "FloorMod", [Tensor("int32", (40,)), I(*[3, -4, 5, -2] * 10)], [Tensor("int32", (40,))])
    c.add("floor_div_float", "FLOOR_DIV", "FloorDiv", [F(40), CF(40)], [F(40)])
    c.add("floor_mod_float", "FLOOR_MOD", "FloorMod", [F(40), CF(40)], [F(40)])
    c.add("add_n", "ADD_N", "AddN", [F(3, 4), F(3, 4), F(3, 4)], [F(3, 4)])
    c.add("prelu", "PRELU", None, [F(1, 4, 5, 3), CF(3)], [F(1, 4, 5, 3)])
    c.add("select", "SELECT", "Select", [Tensor("bool", (3,)), F(3, 4), F(3, 4)], [F(3, 4)])
    c.add("select_v2", "SELECT_V2", "SelectV2", [Tensor("bool", (3, 1)), F(3, 4), F(1, 4)], [F(3, 4)])
    c.add("cast", "CAST", "Cast", [F(3, 4)], [Tensor("int32", (3, 4))])
    c.add("zeros_like", "ZEROS_LIKE", "ZerosLike", [F(3, 4)], [F(3, 4)])


def windows(c):
    conv = dict(strideW=1, strideH=1)
    c.add("conv_same", "CONV_2D", "Conv2D", [F(1, 7, 8, 3), CF(5, 3, 3, 3), CF(5)], [F(1, 4, 4, 5)], padding=0, strideW=2, strideH=2,
          fusedActivationFunction=1)
    c.add("conv_valid_dilated", "CONV_2D", "Conv2D", [F(2, 9, 8, 4), CF(5, 3, 2, 4), CF(5)], [F(2, 5, 6, 5)], padding=1,
          dilationHFactor=2, dilationWFactor=2, **conv)
    c.add("conv_grouped", "CONV_2D", "Conv2D", [F(1, 5, 5, 6), CF(4, 3, 3, 3), CF(4)], [F(1, 5, 5, 4)], padding=0, **conv)
    c.add("depthwise", "DEPTHWISE_CONV_2D", "DepthwiseConv2D", [F(1, 7, 6, 3), CF(1, 3, 3, 6), CF(6)], [F(1, 7, 6, 6)], padding=0,
          depthMultiplier=2, fusedActivationFunction=3, **conv)
    c.add("conv_3d", "CONV_3D", "Conv3D", [F(1, 4, 5, 6, 2), CF(2, 3, 2, 2, 3), CF(3)], [F(1, 3, 3, 5, 3)], padding=1, strideD=1, **conv)
    for padding in (0, 1):
        c.add(f"transpose_conv_{padding}", "TRANSPOSE_CONV", "TransposeConv", [I(1, 9 if padding else 8, 7 if padding else 6, 3),
              CF(3, 3, 3, 2), F(1, 4, 3, 2)], [F(1, 8, 6, 3)], padding=padding, strideW=2, strideH=2)
        pool = dict(padding=padding, strideW=2, strideH=2, filterWidth=3, filterHeight=2)
        for op in "AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D".split():
            c.add(f"{op.lower()}_{padding}", op, "Pool2D", [F(1, 7, 8, 3)], [F(1, 4, 4, 3)], **pool)
    c.add("average_pool_relu", "AVERAGE_POOL_2D", "Pool2D", [F(1, 7, 8, 3)], [F(1, 4, 4, 3)], fusedActivationFunction=1, **pool)
    for name, flags in (("plain", {}), ("align", {"alignCorners": True}), ("half", {"halfPixelCenters": True})):
        c.add(f"bilinear_{name}", "RESIZE_BILINEAR", "ResizeBilinear", [F(1, 4, 5, 2), I(7, 9)], [F(1, 7, 9, 2)], **flags)
        c.add(f"nearest_{name}", "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor", [F(1, 4, 5, 2), I(7, 9)], [F(1, 7, 9, 2)], **flags)
    c.add("depth_to_space", "DEPTH_TO_SPACE", "DepthToSpace", [F(1, 2, 3, 12)], [F(1, 4, 6, 3)], blockSize=2)
    c.add("space_to_depth", "SPACE_TO_DEPTH", "SpaceToDepth", [F(1, 4, 6, 3)], [F(1, 2, 3, 12)], blockSize=2)
    c.add("space_to_batch", "SPACE_TO_BATCH_ND", "SpaceToBatchND", [F(2, 5, 4, 3), I(2, 2), I([1, 0], [0, 2])], [F(8, 3, 3, 3)])
    c.add("batch_to_space", "BATCH_TO_SPACE_ND", "BatchToSpaceND", [F(8, 3, 3, 3), I(2, 2), I([1, 0], [0, 2])], [F(2, 5, 4, 3)])
    c.add("lrn", "LOCAL_RESPONSE_NORMALIZATION", "LocalResponseNormalization", [F(1, 3, 3, 8)], [F(1, 3, 3, 8)], radius=2, bias=1.0,
          alpha=0.3, beta=0.5)


def moves(c):
    c.add("reshape", "RESHAPE", "Reshape", [F(2, 3, 4), I(4, -1)], [F(4, 6)], newShape=[4, -1])
    c.add("transpose", "TRANSPOSE", "Transpose", [F(2, 3, 4, 5), I(3, 1, 0, 2)], [F(5, 3, 2, 4)])
    c.add("squeeze", "SQUEEZE", "Squeeze", [F(1, 3, 1, 4)], [F(3, 1, 4)], squeezeDims=[0])
    c.add("expand_dims", "EXPAND_DIMS", "ExpandDims", [F(3, 4), S(1)], [F(3, 1, 4)])
    c.add("pack", "PACK", "Pack", [F(3, 4), F(3, 4)], [F(3, 2, 4)], axis=1, valuesCount=2)
    c.add("unpack", "UNPACK", "Unpack", [F(3, 2, 4)], [F(3, 4), F(3, 4)], axis=1, num=2)
    c.add("concatenation", "CONCATENATION", "Concatenation", [F(2, 3, 1, 4), F(2, 5, 1, 4)], [F(2, 8, 1, 4)], axis=1)
    c.add("split", "SPLIT", "Split", [S(2), F(2, 3, 6)], [F(2, 3, 3), F(2, 3, 3)], numSplits=2)
    c.add("split_v", "SPLIT_V", "SplitV", [F(2, 6), I(1, -1, 2), S(1)], [F(2, 1), F(2, 3), F(2, 2)], numSplits=3)
    c.add("slice", "SLICE", "Slice", [F(4, 5, 6), I(1, 0, 2), I(2, -1, 3)], [F(2, 5, 3)])
    c.add("strided_slice", "STRIDED_SLICE", "StridedSlice", [F(4, 5, 6), I(1, 4, 0), I(4, 0, 6), I(2, -2, 3)], [F(2, 2, 2)])
    c.add("strided_slice_masks", "STRIDED_SLICE", "StridedSlice", [F(4, 5, 6), I(1, 2, -1), I(3, 0, 0), I(1, 1, 1)], [F(2, 3)],
          beginMask=1, endMask=2, shrinkAxisMask=4)
    c.add("strided_slice_new", "STRIDED_SLICE", "StridedSlice", [F(4, 5), I(0, 0, 1), I(0, 0, 3), I(1, 1, 1)], [F(4, 1, 2)],
          ellipsisMask=1, newAxisMask=2)
    c.add("reverse", "REVERSE_V2", "ReverseV2", [F(3, 4, 2), I(1)], [F(3, 4, 2)])
    c.add("reverse_sequence", "REVERSE_SEQUENCE", "ReverseSequence", [F(3, 5, 2), I(2, 5, 1)], [F(3, 5, 2)], seqDim=1, batchDim=0)
    c.add("pad", "PAD", "Pad", [F(1, 3, 4, 2), I([0, 0], [1, 2], [0, 1], [2, 0])], [F(1, 6, 5, 4)])
    c.add("pad_v2", "PADV2", "PadV2", [F(3, 4), I([0, 2], [1, 0]), S(1.5, "float32")], [F(5, 5)])
    for mode, name in ((0, "reflect"), (1, "symmetric")):
        c.add(f"mirror_pad_{name}", "MIRROR_PAD", "MirrorPad", [F(3, 4), I([2, 1], [0, 3])], [F(6, 7)], mode=mode)
    c.add("gather", "GATHER", "Gather", [F(3, 5, 2), I(4, 0, 1, 1)], [F(3, 4, 2)], axis=1)
    c.add("gather_batch", "GATHER", "Gather", [F(3, 5, 2), I([4, 0], [1, 1], [2, 3])], [F(3, 2, 2)], axis=1, batchDims=1)
    c.add("gather_nd", "GATHER_ND", "GatherNd", [F(3, 5, 2), I([2, 4], [0, 1])], [F(2, 2)])
    c.add("scatter_nd", "SCATTER_ND", "ScatterNd", [I([1], [3], [1]), F(3, 2), I(5, 2)], [F(5, 2)])
    c.add("embedding", "EMBEDDING_LOOKUP", None, [Tensor("int32", (3,)), CF(4, 3)], [F(3, 3)], high=4)
    c.add("embedding_bytes", "EMBEDDING_LOOKUP", None, [Tensor("int32", (3,)), CQ(4, 3, scale=0.03)], [F(3, 3)], high=4, version=3)
    c.add("one_hot", "ONE_HOT", "OneHot", [Tensor("int32", (3,)), S(4), S(2.5, "float32"), S(-1.0, "float32")], [F(3, 4)], axis=-1, high=4)
    c.add("tile", "TILE", "Tile", [F(2, 3), I(2, 3)], [F(4, 9)])
    c.add("broadcast_to", "BROADCAST_TO", "BroadcastTo", [F(3, 1), I(2, 3, 4)], [F(2, 3, 4)], version=2)
    c.add("fill", "FILL", "Fill", [I(2, 3), F()], [F(2, 3)])
    c.add("shape", "SHAPE", "Shape", [F(2, 3)], [Tensor("int32", (2,))], outType=2)
    c.add("rank", "RANK", "Rank", [F(2, 3)], [Tensor("int32", ())])
    c.add("top_k", "TOPK_V2", "TopKV2", [F(3, 7), S(3)], [F(3, 3), Tensor("int32", (3, 3))])


def reduces(c):
    for op in "MEAN SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN".split():
        c.add(op.lower(), op, "Reducer", [F(2, 3, 4, 5), I(1, 2)], [F(2, 5)])
        c.add(op.lower() + "_keep", op, "Reducer", [F(2, 3, 4), I(-1)], [F(2, 3, 1)], keepDims=True)
    c.add("mean_no_axes", "MEAN", "Reducer", [F(2, 3), I()], [F(2, 3)])
    c.add("sum_axis_twice", "SUM", "Reducer", [F(2, 3, 4), I(-1, 1, 2)], [F(2)])
    for op in "REDUCE_ANY REDUCE_ALL".split():
        c.add(op.lower(), op, "Reducer", [Tensor("bool", (5, 2)), I(1)], [Tensor("bool", (5,))])
    for op, options in (("ARG_MAX", "ArgMax"), ("ARG_MIN", "ArgMin")):
        c.add(op.lower(), op, options, [F(3, 7), S(1)], [Tensor("int32", (3,))], outputType=2)
    c.add("cumsum", "CUMSUM", "Cumsum", [F(3, 7), S(1)], [F(3, 7)])
    c.add("cumsum_reverse", "CUMSUM", "Cumsum", [F(3, 7), S(1)], [F(3, 7)], exclusive=True, reverse=True)
    c.add("softmax", "SOFTMAX", "Softmax", [F(3, 7)], [F(3, 7)], beta=0.7)
    c.add("log_softmax", "LOG_SOFTMAX", "LogSoftmax", [F(3, 7)], [F(3, 7)])
    c.add("l2_normalization", "L2_NORMALIZATION", "L2Norm", [F(3, 7)], [F(3, 7)])
    c.add("fully_connected", "FULLY_CONNECTED", "FullyConnected", [F(2, 3, 4), CF(5, 12), CF(5)], [F(2, 5)], fusedActivationFunction=1)
    c.add("fully_connected_keep", "FULLY_CONNECTED", "FullyConnected", [F(2, 3, 4), CF(5, 4), CF(5)], [F(2, 3, 5)], keepNumDims=True)
    c.add("batch_matmul", "BATCH_MATMUL", "BatchMatMul", [F(2, 3, 4), F(2, 4, 5)], [F(2, 3, 5)])
    c.add("batch_matmul_turned", "BATCH_MATMUL", "BatchMatMul", [F(2, 4, 3), F(2, 5, 4)], [F(2, 3, 5)], adjX=True, adjY=True)


def recurrent(c):
    def state(*shape):
        return Tensor("float32", shape, variable=True)

    def lstm(batch, steps, size, cells, time_major, clip):
        x = F(steps, batch, size) if time_major else F(batch, steps, size)
        weights = [CF(cells, size, by=0.5) for _ in range(4)] + [CF(cells, cells, by=0.5) for _ in range(4)]
        bias = [CF(cells) for _ in range(4)]
        inputs = [x] + weights + [None] * 3 + bias + [None] * 2 + [state(batch, cells), state(batch, cells)] + [None] * 4
        c.add(f"lstm_{cells}", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTM", inputs, [F(batch, steps, cells)],
              fusedActivationFunction=4, cellClip=clip, timeMajor=time_major)

    def q_lstm(batch, steps, size, cells, time_major, clip):
        x = Q(steps, batch, size, scale=0.03, zero=-7) if time_major else Q(batch, steps, size, scale=0.03, zero=-7)
        weights = [CQ(cells, size, scale=0.01 + 0.002 * i) for i in range(4)] + [CQ(cells, cells, scale=0.009) for _ in range(4)]
        bias = [CB(cells, 0.0003) for i in range(4)]
        h = Tensor("int8", (batch, cells), None, 1 / 128, 0, variable=True)
        cell = Tensor("int16", (batch, cells), None, 2.0**-11, 0, variable=True)
        inputs = [x] + weights + [None] * 3 + bias + [None] * 2 + [h, cell] + [None] * 4
        between = [Tensor("float32", (0,)) for _ in range(4)] + [Tensor("int8", (0,), None, 1 / 128, 0)]
        c.add(f"q_lstm_{cells}", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTM", inputs,
              [Q(batch, steps, cells, scale=1 / 128, zero=0)], between=between, fusedActivationFunction=4, cellClip=clip,
              timeMajor=time_major)

    def svdf(kind, batch, size, units, rank, steps):
        filters = units * rank
        if kind == "float":
            weights, s, y = [CF(filters, size), CF(filters, steps), CF(units)], state(batch, filters * steps), F(batch, units)
            c.add(f"svdf_{rank}", "SVDF", "SVDF", [F(batch, size)] + weights + [s], [y], rank=rank, fusedActivationFunction=rank - 1)
            return
        times = Tensor("int16", (filters, steps), R.integers(-9000, 9001, (filters, steps)).astype(np.int16), 2.0**-13, 0)
        s = Tensor("int16", (batch, filters * steps), None, 2.0**-11, 0, variable=True)
        c.add(f"q_svdf_{rank}", "SVDF", "SVDF", [Q(batch, size, zero=-20), CQ(filters, size, scale=0.01), times, CB(units, 2.0**-24), s],
              [Q(batch, units, zero=-128, scale=0.07)], version=3, rank=rank, fusedActivationFunction=1)

    svdf("float", 2, 5, 4, 1, 7)
    svdf("float", 1, 6, 3, 2, 1)
    svdf("int8", 2, 9, 4, 1, 7)
    svdf("int8", 1, 6, 3, 2, 4)
    q_lstm(1, 5, 3, 8, False, 1.5)
    q_lstm(2, 4, 5, 7, True, 0.0)
    lstm(1, 5, 3, 8, False, 0.3)
    lstm(2, 4, 5, 6, True, 0.0)


def control(c):
    def flag():
        return Tensor("bool", ())

    for taken in (True, False):
        then = [F(2, 3), F(2, 3), F(2, 3), F(2, 3)]
        other = [F(2, 3), F(2, 3), F(2, 3), F(2, 3)]
        parts = [([("ADD", options_of("Add", {}), then[:2], [then[2]]), ("RELU", None, [then[2]], [then[3]])], then[:2], [then[3], then[0]]),
                 ([("MUL", options_of("Mul", {}), other[:2], [other[2]]), ("NEG", None, [other[2]], [other[3]])], other[:2], [other[3], other[1]])]
        c.add(f"if_{taken}".lower(), "IF", "If", [Tensor("bool", (), np.array(taken)), F(2, 3), F(2, 3)], [F(2, 3), F(2, 3)], parts=parts,
              thenSubgraphIndex=1, elseSubgraphIndex=2)
    then, other = [F(2, 3), F(2, 3)], [F(2, 3), F(2, 3)]
    parts = [([("RELU", None, [then[0]], [then[1]])], then[:1], then[1:]), ([("NEG", None, [other[0]], [other[1]])], other[:1], other[1:])]
    c.add("if_at_run_time", "IF", "If", [flag(), F(2, 3)], [F(2, 3)], parts=parts, thenSubgraphIndex=1, elseSubgraphIndex=2)
    i, x, more = [Tensor("int32", ()) for _ in range(3)], [F(2, 3) for _ in range(4)], flag()
    parts = [([("LESS", None, [i[0], S(5)], [more])], [i[0], x[0]], [more]),
             ([("ADD", options_of("Add", {}), [i[1], S(1)], [i[2]]), ("MUL", options_of("Mul", {}), [x[1], CF(2, 3)], [x[2]]),
               ("ADD", options_of("Add", {}), [x[2], CF(3)], [x[3]])], [i[1], x[1]], [i[2], x[3]])]
    c.add("while", "WHILE", "While", [Tensor("int32", ()), F(2, 3)], [Tensor("int32", ()), F(2, 3)], high=4, parts=parts, condSubgraphIndex=1,
          bodySubgraphIndex=2)
    c.add("while_from_0", "WHILE", "While", [S(0), F(2, 3)], [Tensor("int32", ()), F(2, 3)], parts=parts, condSubgraphIndex=1,
          bodySubgraphIndex=2)
    i, x, more = [Tensor("int32", ()) for _ in range(3)], [F() for _ in range(3)], [flag() for _ in range(3)]
    parts = [([("LESS", None, [i[0], S(50)], [more[0]]), ("LESS", None, [x[0], S(10, "float32")], [more[1]]),
               ("LOGICAL_AND", None, more[:2], [more[2]])], [i[0], x[0]], [more[2]]),
             ([("ADD", options_of("Add", {}), [i[1], S(3)], [i[2]]), ("ADD", options_of("Add", {}), [x[1], S(1.25, "float32")], [x[2]])],
              [i[1], x[1]], [i[2], x[2]])]
    c.add("while_both", "WHILE", "While", [S(2), F()], [Tensor("int32", ()), F()], parts=parts, condSubgraphIndex=1, bodySubgraphIndex=2)


def fixed(c):
    """Quantised: byte-equal. Two numbers of bits and several scales each, so that shifts to both sides occur."""
    conv = dict(strideW=1, strideH=1)
    for seed in range(3):
        y = dict(scale=[0.04, 0.9, 0.11][seed], zero=[-5, 17, -128][seed])
        c.add(f"q_conv_{seed}", "CONV_2D", "Conv2D", [Q(1, 6, 7, 5), CQ(8, 3, 3, 5, scale=per_channel(8)), CB(8)], [Q(1, 6, 7, 8, **y)],
              padding=0, fusedActivationFunction=[0, 1, 3][seed], **conv)
        c.add(f"q_depthwise_{seed}", "DEPTHWISE_CONV_2D", "DepthwiseConv2D",
              [Q(1, 6, 7, 4), CQ(1, 3, 3, 8, scale=per_channel(8), axis=3), CB(8)], [Q(1, 4, 5, 8, **y)], padding=1, depthMultiplier=2, **conv)
        c.add(f"u_conv_{seed}", "CONV_2D", "Conv2D", [Q(1, 6, 7, 5, dtype="uint8", zero=120), CQ(8, 3, 3, 5, dtype="uint8", zero=131),
              CB(8, 0.05 * 0.02)], [Q(1, 6, 7, 8, dtype="uint8", scale=y["scale"], zero=y["zero"] + 128)], padding=0, fusedActivationFunction=seed, **conv)
        for op, options in (("ADD", "Add"), ("SUB", "Sub"), ("MUL", "Mul")):
            c.add(f"q_{op.lower()}_{seed}", op, options, [Q(2, 3, 4, 5), Q(2, 3, 4, 5, scale=0.013 * (1 + 9 * seed), zero=-20)],
                  [Q(2, 3, 4, 5, **y)], fusedActivationFunction=seed)
        c.add(f"q_requantize_{seed}", "QUANTIZE", None, [Q(3, 50)], [Q(3, 50, **y)])
        c.add(f"q_relu_{seed}", "RELU", None, [Q(3, 50)], [Q(3, 50, **y)])
        c.add(f"q_softmax_{seed}", "SOFTMAX", "Softmax", [Q(5, [3, 10, 200][seed], scale=[0.3, 0.06, 0.011][seed])],
              [Q(5, 3, scale=1 / 256, zero=-128)], beta=1.0)
        c.add(f"u_softmax_{seed}", "SOFTMAX", "Softmax", [Q(5, [3, 10, 200][seed], scale=[0.3, 0.06, 0.011][seed], dtype="uint8")],
              [Q(5, 3, scale=1 / 256, zero=0, dtype="uint8")], beta=1.0)
        pool = dict(padding=seed % 2, strideW=2, strideH=2, filterWidth=3, filterHeight=3, fusedActivationFunction=[0, 0, 1][seed])
        for op in "AVERAGE_POOL_2D MAX_POOL_2D".split():
            c.add(f"q_{op.lower()}_{seed}", op, "Pool2D", [Q(1, 7, 8, 3)], [Q(1, 4, 4, 3)], **pool)
        c.add(f"q_leaky_relu_{seed}", "LEAKY_RELU", "LeakyRelu", [Q(3, 90)], [Q(3, 90, **y)], alpha=[0.1, 0.3, -0.2][seed])
        c.add(f"q_hard_swish_{seed}", "HARD_SWISH", "HardSwish", [Q(3, 90)], [Q(3, 90, **y)])
        c.add(f"q_mean_{seed}", "MEAN", "Reducer", [Q(2, 5, 7, 3), I(1, 2)], [Q(2, 1, 1, 3, **y)], keepDims=seed > 0)
        c.add(f"q_sum_{seed}", "SUM", "Reducer", [Q(2, 5, 7, 3), I(1, 2)], [Q(2, 1, 1, 3, **y)], keepDims=seed > 0, reference=False)
    c.add("q_mean_axis_twice", "MEAN", "Reducer", [Q(2, 5, 7, 3), I(1, 2, -3)], [Q(2, 3)])
    c.add("q_relu6", "RELU6", None, [Q(3, 90)], [Q(3, 90)])
    c.add("q_logistic", "LOGISTIC", None, [Q(3, 90)], [Q(3, 90, scale=1 / 256, zero=-128)])
    c.add("q_tanh", "TANH", None, [Q(3, 90)], [Q(3, 90, scale=1 / 128, zero=0)])
    c.add("q_elu", "ELU", None, [Q(3, 90)], [Q(3, 90)])
    c.add("q_quantize", "QUANTIZE", None, [F(9, 99)], [Q(9, 99)])
    c.add("q_quantize_uint8", "QUANTIZE", None, [Q(9, 99)], [Q(9, 99, dtype="uint8", zero=131)])
    c.add("q_dequantize", "DEQUANTIZE", None, [Q(3, 99)], [F(3, 99)])
    c.add("half_dequantize", "DEQUANTIZE", None, [Tensor("float16", (3, 5))], [F(3, 5)])
    c.add("q_pad", "PAD", "Pad", [Q(1, 3, 4, 2), I([0, 0], [1, 2], [0, 1], [2, 0])], [Q(1, 6, 5, 4)])
    c.add("q_concatenation", "CONCATENATION", "Concatenation", [Q(2, 3, 4), Q(2, 3, 2)], [Q(2, 3, 6)], axis=2)
    c.add("q_less", "LESS", None, [Q(3, 60), Q(3, 60, scale=0.02, zero=-9)], [Tensor("bool", (3, 60))])
    for op in "EQUAL NOT_EQUAL".split():  # few numbers, so that some are equal
        c.add(f"q_{op.lower()}", op, None, [Q(3, 60), Q(3, 60, scale=0.1, zero=4)], [Tensor("bool", (3, 60))], high=12)
    c.add("q_maximum", "MAXIMUM", "MaximumMinimum", [Q(2, 3), Q(1, 3)], [Q(2, 3)])
    c.add("q_reduce_max", "REDUCE_MAX", "Reducer", [Q(2, 3, 5), I(1)], [Q(2, 5)])
    c.add("q_prelu", "PRELU", None, [Q(1, 4, 5, 3), CQ(3, scale=0.01)], [Q(1, 4, 5, 3, scale=0.08)])
    c.add("q_squared_difference", "SQUARED_DIFFERENCE", "SquaredDifference", [Q(3, 70), Q(3, 70, scale=0.03)], [Q(3, 70, scale=0.2, zero=-100)])
    for name, flags in (("plain", {}), ("align", {"alignCorners": True}), ("half", {"halfPixelCenters": True})):
        for kind, dtype in (("q", "int8"), ("h", "int16"), ("u", "uint8")):
            zero = 0 if kind == "h" else 3
            for size in ((7, 9), (3, 11)):
                c.add(f"{kind}_bilinear_{name}_{size[0]}", "RESIZE_BILINEAR", "ResizeBilinear", [Q(1, 4, 5, 7, dtype=dtype, zero=zero), I(*size)],
                      [Q(1, *size, 7, dtype=dtype, zero=zero)], **flags)
    c.add("q_nearest", "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor", [Q(1, 4, 5, 2), I(7, 9)], [Q(1, 7, 9, 2)])


def wide(c):
    """16-bit activations, 8-bit weights; a bias in 32 or 64 bits says what sums are."""
    def H(*shape, scale=0.0007):
        return Tensor("int16", shape, None, scale, 0)

    def bias(n, kind):
        return {"int32": CB(n, 1e-5), "int64": Tensor("int64", (n,), R.integers(-9000000, 9000000, n), 1e-5)}[kind]

    conv = dict(strideW=1, strideH=1)
    for kind in ("int32", "int64"):
        c.add(f"h_conv_{kind}", "CONV_2D", "Conv2D", [H(1, 6, 7, 5), CQ(8, 3, 3, 5, scale=per_channel(8)), bias(8, kind)],
              [H(1, 6, 7, 8, scale=0.02)], padding=0, fusedActivationFunction=1, quantizedBiasType={"int32": 2, "int64": 4}[kind], **conv)
        # a power of 2, whose 15 bits are exact: LiteRT multiplies by 31 here, TFLite Micro by 15
        c.add(f"h_fully_connected_{kind}", "FULLY_CONNECTED", "FullyConnected", [H(3, 40, scale=2.0**-11), CQ(9, 40, scale=2.0**-6), bias(9, kind)],
              [H(3, 9, scale=2.0**-8)],
              version=11, quantizedBiasType={"int32": 2, "int64": 4}[kind])
    c.add("h_conv_many", "CONV_2D", "Conv2D", [H(1, 5, 5, 130), CQ(6, 3, 3, 130, scale=per_channel(6)), bias(6, "int64")],
          [H(1, 3, 3, 6, scale=0.04)], padding=1, **conv)
    c.add("h_depthwise", "DEPTHWISE_CONV_2D", "DepthwiseConv2D", [H(1, 6, 7, 4), CQ(1, 3, 3, 8, scale=per_channel(8), axis=3), bias(8, "int64")],
          [H(1, 4, 5, 8, scale=0.01)], padding=1, depthMultiplier=2, **conv)
    c.add("h_transpose_conv", "TRANSPOSE_CONV", "TransposeConv", [I(1, 8, 6, 3), CQ(3, 3, 3, 2, scale=per_channel(3)), H(1, 4, 3, 2), bias(3, "int64")],
          [H(1, 8, 6, 3, scale=0.01)], padding=0, version=4, **dict(strideW=2, strideH=2))
    c.add("h_batch_matmul", "BATCH_MATMUL", "BatchMatMul", [H(2, 3, 40), H(2, 40, 5)], [H(2, 3, 5, scale=0.002)])
    for op, options in (("ADD", "Add"), ("SUB", "Sub"), ("MUL", "Mul")):
        more = {} if op == "MUL" else {"potScaleInt16": False}
        c.add(f"h_{op.lower()}", op, options, [H(2, 3, 4, 50), H(2, 3, 4, 50, scale=0.0004)], [H(2, 3, 4, 50, scale=0.0009)], **more)
    pool = dict(padding=0, strideW=2, strideH=2, filterWidth=3, filterHeight=3)
    for op in "AVERAGE_POOL_2D MAX_POOL_2D".split():
        c.add(f"h_{op.lower()}", op, "Pool2D", [H(1, 7, 8, 3)], [H(1, 4, 4, 3)], **pool)
    for op in "LOGISTIC TANH".split():
        c.add(f"h_{op.lower()}", op, None, [H(4000, scale=0.0003)], [H(4000, scale=2.0**-15)])
        c.add(f"h_{op.lower()}_power", op, None, [H(2000, scale=2.0**-11)], [H(2000, scale=2.0**-15)])
        c.add(f"h_{op.lower()}_wide", op, None, [H(2000, scale=0.1)], [H(2000, scale=2.0**-15)])
    for i, depth in enumerate((3, 10, 200)):
        c.add(f"h_softmax_{i}", "SOFTMAX", "Softmax", [H(9, depth, scale=(0.0003, 0.001, 0.00007)[i])], [H(9, depth, scale=2.0**-15)], beta=(1.0, 0.5, 1.0)[i])
    c.add("h_exp", "EXP", None, [H(2000, scale=0.0001)], [H(2000, scale=0.0009)])
    c.add("h_relu", "RELU", None, [H(3, 50)], [H(3, 50, scale=0.0004)])
    c.add("h_leaky_relu", "LEAKY_RELU", "LeakyRelu", [H(3, 90)], [H(3, 90, scale=0.0004)], alpha=0.3)
    c.add("h_mean", "MEAN", "Reducer", [H(2, 5, 7, 3), I(1, 2)], [H(2, 1, 1, 3, scale=0.0002)], keepDims=True)
    c.add("h_quantize", "QUANTIZE", None, [F(9, 99)], [H(9, 99)])
    c.add("h_quantize_to_bytes", "QUANTIZE", None, [H(9, 99)], [Q(9, 99)])
    c.add("h_pad", "PAD", "Pad", [H(1, 3, 4, 2), I([0, 0], [1, 2], [0, 1], [2, 0])], [H(1, 6, 5, 4)])
    c.add("h_concatenation", "CONCATENATION", "Concatenation", [H(2, 3, 4), H(2, 3, 2)], [H(2, 3, 6)], axis=2)
    c.add("h_maximum", "MAXIMUM", "MaximumMinimum", [H(2, 3), H(1, 3)], [H(2, 3)])
    for seed in range(2):
        c.add(f"q_transpose_conv_{seed}", "TRANSPOSE_CONV", "TransposeConv", [I(1, 9, 7, 3), CQ(3, 3, 3, 2, scale=per_channel(3)),
              Q(1, 4, 3, 2), CB(3) if seed else None], [Q(1, 8, 6, 3, scale=0.02)], padding=1, version=3, **dict(strideW=2, strideH=2))


def fixed_too(c):
    """Quantised forms of operators that are in float above, each in the types that LiteRT has."""
    def kind(dtype):
        low = {"int8": -128, "uint8": 0, "int16": 0}[dtype]

        def make(*shape, scale=0.0007 if dtype == "int16" else 0.05, zero=0 if dtype == "int16" else low + 131):
            return Tensor(dtype, shape, None, scale, zero)
        return make, low

    for dtype in ("int8", "uint8", "int16"):
        T, low = kind(dtype)
        letter = {"int8": "q", "uint8": "u", "int16": "h"}[dtype]
        for op in "ABS LOG RSQRT SQRT".split() if dtype != "uint8" else ():
            for i, (x, y) in enumerate(((0.05, 0.05), (0.0021, 0.017))):  # from the least number that roots and logarithms take
                zero = 0 if dtype == "int16" or op == "ABS" else low
                c.add(f"{letter}_{op.lower()}_{i}", op, None, [T(3, 300, scale=x, zero=zero)], [T(3, 300, scale=y, zero=0 if dtype == "int16" else -5)],
                      high=None if op == "ABS" or dtype == "int8" else 2000)
        if dtype != "uint8":
            c.add(f"{letter}_neg", "NEG", None, [T(3, 90, zero=0)], [T(3, 90, zero=0)])
        for name in ("gelu", "gelu_tanh"):
            c.add(f"{letter}_{name}", "GELU", "Gelu", [T(3, 300)], [T(3, 300)], version=2, approximate=name != "gelu")
        for i, activation in enumerate((0, 1, 3)):
            divisor = Tensor(dtype, (50,), R.integers(5, 120, 50).astype(dtype), 0.03, low)
            quotient = T(3, 50, scale=0.0007 if dtype == "int16" else 0.012)  # of -1 by much LiteRT shifts by 32, which C leaves open
            c.add(f"{letter}_div_{i}", "DIV", "Div", [T(3, 50), divisor], [quotient], version=2, fusedActivationFunction=activation)
        for i, shape in enumerate(((5, 7), (2, 3, 200), (1, 9))) if dtype != "int16" else ():
            c.add(f"{letter}_l2_normalization_{i}", "L2_NORMALIZATION", "L2Norm", [T(*shape)], [T(*shape, scale=1 / 128, zero=low + 128)], version=2)
            c.add(f"{letter}_log_softmax_{i}", "LOG_SOFTMAX", "LogSoftmax", [T(*shape, scale=(0.05, 0.3, 0.007)[i])],
                  [T(*shape, scale=1 / 16, zero=low + 255)], version=2)
        c.add(f"{letter}_less_too" if letter == "q" else f"{letter}_less", "LESS", None, [T(3, 60), T(3, 60)], [Tensor("bool", (3, 60))])
        c.add(f"{letter}_sum_wide", "SUM", "Reducer", [T(2, 5, 57, 3), I(1, 2)], [T(2, 3, scale=T().scale[0] * 40)], reference=False)
        if dtype != "int8":
            c.add(f"{letter}_prelu", "PRELU", None, [T(1, 4, 5, 3), CQ(3, scale=0.01, dtype="uint8" if letter == "u" else "int8")],
                  [T(1, 4, 5, 3)])
        for i, (shape, axes, scale, to) in enumerate((((4, 5, 3), (1,), 0.016, 0.011), ((2, 3, 2, 4), (2, 1), 0.02, 0.9), ((3, 1, 5), (1,), 0.3, 0.2),
                                                      ((2, 2, 3), (0, -1, 2), 0.013, 0.0004), ((9, 70), (1,), 0.0185, 0.05))) if dtype != "uint8" else ():
            x, y = T(*shape, zero=0 if dtype == "int16" else -7), T(1, zero=0 if dtype == "int16" else 11)
            for t, of in ((x, scale), (y, to)):
                t.scale[0] = of / (200 if dtype == "int16" else 1)
            c.add(f"{letter}_prod_{i}", "REDUCE_PROD", "Reducer", [x, I(*axes)], [y], version=2, keepDims=i % 2 == 1)
    H, _ = kind("int16")
    c.add("h_relu6", "RELU6", None, [H(3, 300)], [H(3, 300, scale=0.0003)], version=2)
    c.add("h_transpose_conv_without_bias", "TRANSPOSE_CONV", "TransposeConv", [I(1, 8, 6, 3), CQ(3, 3, 3, 2, scale=per_channel(3)), H(1, 4, 3, 2), None],
          [H(1, 8, 6, 3, scale=0.002)], padding=0, version=4, strideW=2, strideH=2)
    c.add("cumsum_int64", "CUMSUM", "Cumsum", [Tensor("int64", (3, 50)), S(1)], [Tensor("int64", (3, 50))])
    c.add("add_n_int32", "ADD_N", "AddN", [Tensor("int32", (3, 4)), Tensor("int32", (3, 4))], [Tensor("int32", (3, 4))])


def refused(c):
    """Quantised types that LiteRT has no kernel for."""
    def T(dtype, *shape):
        return Tensor(dtype, shape, None, 0.05, 0)

    def each(op, dtypes, options=None, two=None, **fields):
        for dtype in dtypes.split():
            x, y = T(dtype, 1, 4, 4, 3), T(dtype, 1, 4, 4, 3)
            c.refuse(f"{op.lower()}_{dtype}", op, options, [x] + ([] if two is None else [two(dtype)]), [y], **fields)

    def same(dtype):
        return T(dtype, 1, 4, 4, 3)

    every = "int8 uint8 int16"
    for op in "CEIL COS FLOOR ROUND SIN SIGN SQUARE".split():
        each(op, every, "Square" if op == "SQUARE" else None)
    for op in "ABS EXP LOG NEG RSQRT SQRT".split():
        each(op, "uint8")
    each("REDUCE_PROD", "uint8", "Reducer", lambda dtype: I(1))
    each("ELU", "uint8 int16")
    each("HARD_SWISH", "int16", "HardSwish")
    for op in "RELU_0_TO_1 RELU_N1_TO_1".split():
        each(op, "int16")
    each("ADD_N", every, "AddN", same)
    each("POW", every, "Pow", same)
    each("SQUARED_DIFFERENCE", "uint8 int16", "SquaredDifference", same)
    each("BATCH_MATMUL", "uint8", "BatchMatMul", same)
    each("CUMSUM", every, "Cumsum", lambda dtype: S(1))
    each("L2_NORMALIZATION", "int16", "L2Norm")
    each("LOG_SOFTMAX", "int16", "LogSoftmax")
    each("LOCAL_RESPONSE_NORMALIZATION", every, "LocalResponseNormalization", radius=2, bias=1.0, alpha=0.3, beta=0.5)
    gates = [CQ(8, 3) for _ in range(4)] + [CQ(8, 8) for _ in range(4)] + [None] * 3 + [CB(8, 0.0003) for _ in range(4)] + [None] * 2
    states = [Tensor("int16", (1, 8), None, 2.0**-15, 0, variable=True), Tensor("int16", (1, 8), None, 2.0**-11, 0, variable=True)]
    c.refuse("lstm_int16", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTM", [T("int16", 1, 5, 3)] + gates + states + [None] * 4,
             [T("int16", 1, 5, 8)], fusedActivationFunction=4)
    each("L2_POOL_2D", every, "Pool2D", padding=0, strideW=1, strideH=1, filterWidth=3, filterHeight=3)


def places(c):
    """Elements written, found or kept by their places, and other compositions."""
    def ints(*shape):
        return Tensor("int32", shape)

    c.add("dynamic_update_slice", "DYNAMIC_UPDATE_SLICE", None, [F(5, 7), F(2, 3), ints(2)], [F(5, 7)])
    c.add("dynamic_update_slice_moved", "DYNAMIC_UPDATE_SLICE", None, [F(5, 7), F(2, 3), I(4, -2)], [F(5, 7)])
    c.add("dynamic_update_slice_rows", "DYNAMIC_UPDATE_SLICE", None, [F(2, 9, 4), F(2, 1, 4), ints(3)], [F(2, 9, 4)], high=6)
    c.add("q_dynamic_update_slice", "DYNAMIC_UPDATE_SLICE", None, [Q(5, 7), Q(2, 3), ints(2)], [Q(5, 7)], high=5)
    c.add("unique", "UNIQUE", "Unique", [ints(9)], [ints(9), ints(9)], high=5, idxOutType=2)
    c.add("unique_float", "UNIQUE", "Unique", [F(9)], [F(9), Tensor("int64", (9,))], idxOutType=4)
    c.add("segment_sum", "SEGMENT_SUM", None, [F(6, 3), I(0, 0, 1, 1, 2, 3)], [F(4, 3)])
    c.add("segment_sum_at_run_time", "SEGMENT_SUM", None, [F(6, 3), ints(6)], [F(1, 3)], high=1)
    for op in "SUM PROD MIN MAX".split():
        for name, make in (("", F), ("_int", ints)):
            c.add(f"segment_{op.lower()}{name}_unsorted", f"UNSORTED_SEGMENT_{op}", None, [make(6, 3), I(0, 2, 1, -1, 2, 0), S(5)], [make(5, 3)])
    c.add("segment_sum_of_two_axes", "UNSORTED_SEGMENT_SUM", None, [F(3, 2, 4), I([0, 2], [1, 0], [1, 1]), S(4)], [F(4, 4)])
    c.add("matrix_diag", "MATRIX_DIAG", None, [F(2, 3)], [F(2, 3, 3)])
    c.add("matrix_set_diag", "MATRIX_SET_DIAG", None, [F(2, 3, 4), F(2, 3)], [F(2, 3, 4)])
    c.add("matrix_set_diag_tall", "MATRIX_SET_DIAG", None, [F(2, 4, 3), F(2, 3)], [F(2, 4, 3)])
    c.add("bucketize", "BUCKETIZE", "Bucketize", [F(3, 20)], [ints(3, 20)], boundaries=[-1.0, 0.0, 0.5, 1.0])
    c.add("bucketize_int", "BUCKETIZE", "Bucketize", [ints(3, 20)], [ints(3, 20)], boundaries=[-1.0, 0.0, 4.5, 7.0])
    c.add("atan2", "ATAN2", None, [F(5, 40), F(5, 40)], [F(5, 40)])
    specials = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf], np.float32)
    every = Tensor("float32", (6, 6), np.repeat(specials, 6).reshape(6, 6))
    c.add("atan2_specials", "ATAN2", None, [F(6, 6), every], [F(6, 6)], feeds=[np.tile(specials, 6).reshape(6, 6)])
    c.add("broadcast_args", "BROADCAST_ARGS", None, [ints(3), I(4)], [ints(3)], high=2)
    c.add("conv_3d_transpose", "CONV_3D_TRANSPOSE", "Conv3D", [I(1, 4, 5, 6, 3), CF(2, 2, 2, 3, 2), F(1, 2, 3, 3, 2), CF(3)], [F(1, 4, 5, 6, 3)],
          padding=0, strideD=2, strideW=2, strideH=2)
    c.add("bitcast", "BITCAST", "Bitcast", [F(3, 4)], [ints(3, 4)])
    c.add("bitwise_xor", "BITWISE_XOR", "BitwiseXor", [ints(3, 4), ints(3, 4)], [ints(3, 4)])
    c.add("right_shift", "RIGHT_SHIFT", "RightShift", [ints(3, 8), I(-1, -3, 40, 31, 32, 2, 1, 0)], [ints(3, 8)])
    c.add("right_shift_bytes", "RIGHT_SHIFT", "RightShift", [Tensor("uint8", (3, 4)), I(0, 1, 7, 9, dtype="uint8")], [Tensor("uint8", (3, 4))])
    c.add("sparse_to_dense", "SPARSE_TO_DENSE", "SparseToDense", [I([0, 1], [2, 3]), I(4, 5), F(2), S(0.5, "float32")], [F(4, 5)])
    c.add("sparse_to_dense_row", "SPARSE_TO_DENSE", "SparseToDense", [I(1, 3), I(5), F(), S(0.5, "float32")], [F(5)])
    c.add("fake_quant", "FAKE_QUANT", "FakeQuant", [F(5, 40)], [F(5, 40)], min=-1.5, max=2.0, numBits=8)
    for n, most in ((9, 5), (40, 30)):
        c.add(f"nms_v4_{n}", "NON_MAX_SUPPRESSION_V4", None, [F(n, 4), F(n), S(most), S(0.3, "float32"), S(-0.5, "float32")], [ints(most), ints()])
        c.add(f"nms_v5_{n}", "NON_MAX_SUPPRESSION_V5", None, [F(n, 4), F(n), S(most), S(0.3, "float32"), S(0.1, "float32"), S(0.0, "float32")],
              [ints(most), F(most), ints()], low=0.01)
    c.add("hashtable_lookup", "HASHTABLE_LOOKUP", None, [ints(6), I(1, 4, 7), CF(3, 2)], [F(6, 2), Tensor("uint8", (6,))], high=9)
    c.add("dilate", "DILATE", None, [F(3, 4), I(2, 3), S(0.5, "float32")], [F(5, 10)])
    for op in "ADD MULTIPLY MAXIMUM MINIMUM".split():
        c.add(f"stablehlo_{op.lower()}", f"STABLEHLO_{op}", None, [F(3, 4), F(3, 4)], [F(3, 4)])
    c.draw("uniform_0.5", "RANDOM_UNIFORM", [I(20, 30)], F(20, 30), 0.5)
    c.draw("normal_6", "RANDOM_STANDARD_NORMAL", [I(20, 30)], F(20, 30), 0)
    c.draw("multinomial_1", "MULTINOMIAL", [F(2, 3), S(40)], Tensor("int64", (2, 40)), 1)
    c.add("stablehlo_shift_left", "STABLEHLO_SHIFT_LEFT", None, [ints(3, 4), I([1, 2, 3, 0], [4, 5, 6, 7], [8, 30, 31, 2])], [ints(3, 4)])


def layers(c):
    """Recurrent layers beside UNIDIRECTIONAL_SEQUENCE_LSTM: a second run begins with the state that the first one left."""
    def state(*shape):
        return Tensor("float32", shape, variable=True)

    def rnn(cells, size):
        return [CF(cells, size), CF(cells, cells, by=0.5), CF(cells), state(2, cells)]

    def lstm(cells, size, holes=False):
        weights = [CF(cells, size, by=0.5) for _ in range(4)] + [CF(cells, cells, by=0.5) for _ in range(4)]
        return weights + [CF(cells) if holes else None for _ in range(3)] + [CF(cells) for _ in range(4)] + [None] * 2

    c.add("rnn", "RNN", "RNN", [F(2, 3)] + rnn(4, 3), [F(2, 4)], fusedActivationFunction=4)
    c.add("rnn_sequence", "UNIDIRECTIONAL_SEQUENCE_RNN", "SequenceRNN", [F(2, 5, 3)] + rnn(4, 3), [F(2, 5, 4)], fusedActivationFunction=1)
    c.add("rnn_sequence_time_major", "UNIDIRECTIONAL_SEQUENCE_RNN", "SequenceRNN", [F(5, 2, 3)] + rnn(4, 3), [F(5, 2, 4)], fusedActivationFunction=4,
          timeMajor=True)
    both = rnn(4, 3) + rnn(6, 3) + [None] * 3
    c.add("rnn_both_ways", "BIDIRECTIONAL_SEQUENCE_RNN", "BidirectionalSequenceRNN", [F(2, 5, 3)] + both, [F(2, 5, 4), F(2, 5, 6)],
          fusedActivationFunction=4)
    both = rnn(4, 3) + rnn(6, 3) + [None] * 3
    c.add("rnn_both_ways_merged", "BIDIRECTIONAL_SEQUENCE_RNN", "BidirectionalSequenceRNN", [F(2, 5, 3)] + both, [F(2, 5, 10)],
          fusedActivationFunction=4, mergeOutputs=True)
    for name, merged, holes in (("", False, False), ("_merged", True, False), ("_peepholes", False, True)):
        both = lstm(4, 3, holes) + lstm(4, 3, holes) + [state(2, 4) for _ in range(4)] + [None] * 9
        c.add(f"lstm_both_ways{name}", "BIDIRECTIONAL_SEQUENCE_LSTM", "BidirectionalSequenceLSTM", [F(*((5, 2) if merged else (2, 5)), 3)] + both,
              [F(2, 5, 8)] if merged else [F(2, 5, 4), F(2, 5, 4)], fusedActivationFunction=4, timeMajor=merged, mergeOutputs=merged, cellClip=0.5)
    for holes in (False, True):
        weights = lstm(4, 3, holes)
        c.add(f"lstm_step{'_peepholes' * holes}", "LSTM", "LSTM", [F(2, 3)] + weights + [state(2, 4), state(2, 4)] + [None] * 4, [F(2, 4)],
              fusedActivationFunction=4, kernelType=0)
        weights = lstm(4, 3, holes)
        for coupled in (0, 4, 8, 11):
            weights[coupled] = None
        c.add(f"lstm_coupled{'_peepholes' * holes}", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTM",
              [F(2, 5, 3)] + weights + [state(2, 4), state(2, 4)] + [None] * 4, [F(2, 5, 4)], fusedActivationFunction=4)
    c.add("lstm_of_one_matrix", "LSTM", "LSTM", [F(2, 3), F(2, 4), CF(16, 7, by=0.5), CF(16), F(2, 4)], [F(2, 4), F(2, 4), F(2, 7), F(2, 16)],
          fusedActivationFunction=4, kernelType=1, version=2)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    c = Cases(sys.argv[1])
    for family in (elementwise, windows, moves, reduces, recurrent, control, fixed, wide, fixed_too, refused, places, layers):
        family(c)
    print(f"{len(c.names)} cases")


main()
