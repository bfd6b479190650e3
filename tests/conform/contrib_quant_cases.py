"""Cases of ONNX Runtime's quantised operators: ONNX Runtime's results; numpy's for what its CPU provider has not."""
import numpy as np
from ml_dtypes import int4, uint4

from cases import contrib

BYTES = {"uint8": np.uint8, "int8": np.int8}


def numbers(seed):
    """Normal floats of a shape, and integers of a whole type."""
    random = np.random.default_rng(seed)

    def integers(dtype, *shape):
        info = np.iinfo(dtype)
        return random.integers(info.min, info.max + 1, shape).astype(dtype)

    return lambda *shape: random.standard_normal(shape).astype(np.float32), integers


def one(x, dtype=np.float32):
    return np.array(x, dtype)


def products(folder):
    normal, integers = numbers(1)
    for a, b in (("uint8", "uint8"), ("uint8", "int8"), ("int8", "int8")):
        x, w = integers(BYTES[a], 2, 5, 8), integers(BYTES[b], 8, 6) // (2 if b == "int8" else 1)
        zeros, precise = {"za": one(3, BYTES[a]), "zb": one(7, BYTES[b])}, a == "uint8"
        contrib(folder, f"matmul_integer_to_float_{a}_{b}", "MatMulIntegerToFloat", {"x": x},
                {"w": w, "sa": one(0.01), "sb": one(0.03), **zeros, "bias": normal(6)}, precise=precise)
        contrib(folder, f"matmul_integer_to_float_columns_{a}_{b}", "MatMulIntegerToFloat", {"x": x},
                {"w": w, "sa": one(0.01), "sb": np.abs(normal(6)), "za": None, "zb": integers(BYTES[b], 6)}, precise=precise)
    for b in BYTES:
        w = integers(BYTES[b], 8, 6)
        contrib(folder, f"dynamic_quantize_matmul_{b}", "DynamicQuantizeMatMul", {"x": normal(3, 4, 8)},
                {"w": w, "s": one(0.02), "z": one(5, BYTES[b]), "bias": normal(6)})
        contrib(folder, f"dynamic_quantize_matmul_columns_{b}", "DynamicQuantizeMatMul", {"x": normal(3, 4, 8)},
                {"w": w, "s": np.abs(normal(6)), "z": integers(BYTES[b], 6)})
        contrib(folder, f"dynamic_quantize_matmul_plain_{b}", "DynamicQuantizeMatMul", {"x": np.abs(normal(4, 8))}, {"w": w, "s": one([0.02])})


def gemms(folder):
    """The operators that are not functions of others, through each attribute."""
    normal, integers = numbers(2)
    x, w, c = integers(np.uint8, 4, 8), integers(np.int8, 6, 8), np.arange(-3, 3, dtype=np.int32) * 50
    scales = {"sx": one(0.02), "zx": one(120, np.uint8)}
    contrib(folder, "qgemm", "QGemm", {"x": x, **scales}, {"w": w.T.copy(), "sw": one(0.01), "zw": one(0, np.int8), "c": c, "sy": one(0.05), "zy": one(100, np.uint8)},
            inputs={"x": x})
    contrib(folder, "qgemm_columns", "QGemm", {"x": x, **scales}, {"w": w, "sw": np.abs(normal(6)) / 50, "zw": np.zeros(6, np.int8), "c": c,
            "sy": one(0.05), "zy": one(100, np.uint8)}, inputs={"x": x}, transB=1, alpha=0.5)
    contrib(folder, "qgemm_float", "QGemm", {"x": x, **scales}, {"w": w, "sw": one(0.01), "zw": one(3, np.int8), "c": c}, inputs={"x": x}, transB=1)
    for name, dtype in BYTES.items():
        a, b = integers(dtype, 2, 3, 6, 5), integers(dtype, 3, 1, 5)
        points = {"sa": one(0.03), "za": one(7, dtype), "b": b, "sb": one(0.05), "zb": one(3, dtype), "sy": one(0.06), "zy": one(11, dtype)}
        for op in ("QLinearAdd", "QLinearMul"):
            contrib(folder, f"{op.lower()}_{name}", op, {"a": a, **points}, inputs={"a": a, "b": b})
        to = {"s": one(0.0213), "z": one(9, dtype), "sy": one(0.0107), "zy": one(3, dtype)}  # so that no mean is between two numbers
        contrib(folder, f"qlinear_leaky_relu_{name}", "QLinearLeakyRelu", {"x": a, **to}, inputs={"x": a}, alpha=0.2)
        contrib(folder, f"qlinear_sigmoid_{name}", "QLinearSigmoid", {"x": a, **to, "sy": one(1 / 256)}, inputs={"x": a})
        contrib(folder, f"qlinear_average_pool_{name}", "QLinearAveragePool", {"x": a, **to}, inputs={"x": a}, kernel_shape=[3, 2],
                strides=[2, 1], pads=[1, 0, 1, 1])
        contrib(folder, f"qlinear_average_pool_padded_{name}", "QLinearAveragePool", {"x": a, **to}, inputs={"x": a}, kernel_shape=[3, 2],
                strides=[2, 1], pads=[1, 0, 1, 1], count_include_pad=1)
        last = a.transpose(0, 2, 3, 1).copy()
        contrib(folder, f"qlinear_average_pool_last_{name}", "QLinearAveragePool", {"x": last, **to}, inputs={"x": last}, kernel_shape=[2, 2],
                channels_last=1)
        contrib(folder, f"qlinear_global_average_pool_{name}", "QLinearGlobalAveragePool", {"x": a, **to}, inputs={"x": a}, channels_last=0)
        contrib(folder, f"qlinear_global_average_pool_last_{name}", "QLinearGlobalAveragePool", {"x": last, **to}, inputs={"x": last},
                channels_last=1)
        half = 0 if dtype == np.uint8 else -128
        contrib(folder, f"qlinear_softmax_{name}", "QLinearSoftmax", {"x": a, **to, "sy": one(1 / 256), "zy": one(half, dtype)}, inputs={"x": a},
                axis=-1, opset=13)
        parts = {"x1": integers(dtype, 2, 3), "s1": one(0.03), "z1": one(2, dtype), "x2": integers(dtype, 2, 4), "s2": one(0.01), "z2": one(5, dtype)}
        contrib(folder, f"qlinear_concat_{name}", "QLinearConcat", {"sy": one(0.02), "zy": one(4, dtype), **parts},
                inputs={x: parts[x] for x in ("x1", "x2")}, axis=1)
        where = np.random.default_rng(3).integers(0, 2, a.shape).astype(bool)
        given = {"c": where, "a": a, "sa": one(0.03), "za": one(2, dtype), "b": b, "sb": one(0.01), "zb": one(5, dtype), "sy": one(0.02), "zy": one(4, dtype)}
        contrib(folder, f"qlinear_where_{name}", "QLinearWhere", given, inputs={"c": where, "a": a, "b": b})
        mean = ((a.astype(np.float64) - 9) * 0.0213).mean((1, 3))
        want = np.clip(np.round(mean / 0.0107) + 3, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)
        contrib(folder, f"qlinear_reduce_mean_{name}", "QLinearReduceMean", {"x": a, **to}, inputs={"x": a}, results=[want], axes=[1, 3], keepdims=0)

    for x_type, w_type in (("uint8", "int8"), ("int8", "int8"), ("uint8", "uint8")):
        x, w = integers(BYTES[x_type], 2, 7, 6, 4), integers(BYTES[w_type], 6, 2, 3, 3)
        given = {"x": x, "sx": one(0.02), "zx": one(5, BYTES[x_type]), "w": w, "sw": np.abs(normal(6)) / 100 if w_type == "int8" else one(0.01),
                 "zw": np.zeros(6, np.int8) if w_type == "int8" else one(7, np.uint8), "sy": one(0.05), "zy": one(9, BYTES[x_type]),
                 "bias": np.arange(6, dtype=np.int32) * 100}
        contrib(folder, f"qlinear_conv_last_{x_type}_{w_type}", "QLinearConv", given, inputs={"x": x}, channels_last=1, group=2, pads=[1, 1, 1, 1])
    for dtype in (np.uint8, np.int8, np.uint16, np.int16):
        name = np.dtype(dtype).name
        x, scales = 30 * normal(3, 4), np.abs(normal(4)) / 100 + 0.01
        contrib(folder, f"contrib_quantize_{name}", "QuantizeLinear", {"x": x}, {"s": one(0.3), "z": one(7, dtype)})
        contrib(folder, f"contrib_quantize_axis_{name}", "QuantizeLinear", {"x": x}, {"s": scales, "z": integers(dtype, 4)}, axis=1)
        contrib(folder, f"contrib_dequantize_{name}", "DequantizeLinear", {"x": integers(dtype, 3, 4)}, {"s": scales[:3].copy(), "z": integers(dtype, 3)}, axis=0)


def pack(q, bits):
    """The lowest bits first, along the last axis, which fills whole bytes."""
    count = 8 // bits
    q = np.pad(q, [(0, 0)] * (q.ndim - 1) + [(0, -q.shape[-1] % count)]).astype(np.uint8)
    parts = q.reshape(*q.shape[:-1], -1, count)
    return np.bitwise_or.reduce(parts << (np.arange(count, dtype=np.uint8) * bits), -1).astype(np.uint8)


def nbits(folder):
    normal, _ = numbers(3)
    random = np.random.default_rng(4)

    def case(name, k, n, size, bits=4, zeros="packed", dtype=np.float32, groups=False, bias=False, want=False, **attributes):
        count = -(-k // size)
        q = random.integers(0, 1 << bits, (n, count, size)).astype(np.uint8)
        x, scales = normal(2, 3, k).astype(dtype), (np.abs(normal(n, count)) / 20 + 0.01).astype(dtype)
        points = random.integers(0, 1 << bits, (n, count)).astype(np.uint8)
        given = {"w": pack(q, bits), "s": scales, "z": pack(points, bits) if zeros == "packed" else points.astype(dtype) if zeros else None}
        if groups or bias:
            given["g"] = (np.arange(k) // size).astype(np.int32)[random.permutation(k)] if groups else None
        if bias:
            given["b"] = normal(n).astype(dtype)
        results = None
        if want:
            zero = points.astype(np.float64) if zeros else np.full(points.shape, 1 << (bits - 1), np.float64)
            w = ((q - zero[..., None]) * scales[..., None].astype(np.float64)).reshape(n, -1)[:, :k]
            results = [(x.astype(np.float64) @ w.T).astype(dtype)]
        contrib(folder, f"matmul_nbits_{name}", "MatMulNBits", {"x": x}, given, results=results, K=k, N=n, block_size=size, bits=bits, **attributes)

    case("4", 32, 5, 16)
    case("4_middle", 64, 6, 32, zeros=None)
    case("4_float_zeros", 32, 4, 16, zeros="float")
    case("4_ragged", 50, 7, 16)
    case("4_odd_blocks", 48, 3, 16)
    case("4_bias", 32, 5, 16, bias=True)
    case("4_accuracy", 64, 4, 32, want=True, accuracy_level=4)
    case("8", 32, 5, 16, bits=8)
    case("8_middle", 64, 5, 32, bits=8, zeros=None)
    case("2", 64, 5, 32, bits=2)
    case("4_half", 32, 5, 16, dtype=np.float16)
    case("4_groups", 32, 5, 16, groups=True, zeros=None)  # with zero points ONNX Runtime takes 8 all the same


def gather_blocks(folder):
    normal, _ = numbers(5)
    random = np.random.default_rng(6)

    def case(name, dtype, shape, size, indices, gather=0, along=1, bits=4, zeros=True, of=np.float32, want=None):
        q = random.integers(-8 if dtype is int4 else 0, 8 if dtype is int4 else 1 << bits, shape)
        blocks = list(shape)
        blocks[along] = -(-shape[along] // size)
        scales = (np.abs(normal(*blocks)) / 20 + 0.01).astype(of)
        points = random.integers(-8 if dtype is int4 else 0, 8 if dtype is int4 else 1 << bits, blocks) if zeros else None
        put = (lambda v: pack(v, bits)) if dtype is np.uint8 else (lambda v: v.astype(dtype))
        at = np.array(indices)
        contrib(folder, f"gather_block_quantized_{name}", "GatherBlockQuantized", {"data": put(q), "at": at},
                {"s": scales, "z": put(points) if zeros else None}, inputs={"at": at}, gather_axis=gather, quantize_axis=along,
                block_size=size, bits=bits)

    case("uint4", uint4, (5, 32), 16, [[1, 4], [0, -2]])
    case("uint4_plain", uint4, (5, 32), 16, [3, 3, 0], zeros=False)
    case("int4", int4, (5, 32), 16, [1, 4, -1])
    case("int4_same_axis", int4, (40, 6), 16, [1, 39, -1, 16], gather=0, along=0)
    case("int4_first_blocks", int4, (32, 5, 3), 16, [[0, 4]], gather=1, along=0)
    case("int4_ragged", int4, (3, 5, 40), 16, 2, gather=1, along=2)
    case("uint8_4", np.uint8, (5, 32), 16, [1, 4, -1])
    case("uint8_4_plain", np.uint8, (5, 48), 16, [[1, 4], [0, 2]], zeros=False)
    case("uint8_8", np.uint8, (5, 3, 32), 16, [1, 4, -1], along=2, bits=8)
    case("uint8_2", np.uint8, (6, 64), 32, [5, 0], bits=2)
    case("uint4_half", uint4, (5, 32), 16, [1, 4], of=np.float16)


def lstm(folder):
    normal, integers = numbers(7)
    random = np.random.default_rng(8)

    def case(name, dtype=np.int8, direction="forward", columns=False, bias=True, lens=False, initial=False, peephole=False, **attributes):
        steps, batch, size, hidden = 5, 2, 6, 8
        both = 1 + (direction == "bidirectional")
        shape = (both, 4 * hidden) if columns else (both,)

        def scale():
            return (np.abs(random.standard_normal(shape)) / 200 + 0.002).astype(np.float32)

        def zero():
            return np.zeros(shape, np.int8) if dtype == np.int8 else random.integers(50, 70, shape).astype(np.uint8)

        feeds = {"x": normal(steps, batch, size)}
        weights = {"w": integers(dtype, both, size, 4 * hidden) // 2, "r": integers(dtype, both, hidden, 4 * hidden) // 2,
                   "b": normal(both, 8 * hidden) / 4 if bias else None,
                   "lens": np.array([5, 3], np.int32) if lens else None,
                   "h0": normal(both, batch, hidden) / 2 if initial else None, "c0": normal(both, batch, hidden) / 2 if initial else None,
                   "p": normal(both, 3 * hidden) / 2 if peephole else None, "ws": scale(), "wz": zero(), "rs": scale(), "rz": zero()}
        contrib(folder, f"dynamic_quantize_lstm_{name}", "DynamicQuantizeLSTM", feeds, weights, ("y", "h", "c"), hidden_size=hidden,
                direction=direction, precise=False, **attributes)

    case("int8")
    case("uint8", np.uint8)
    case("columns", columns=True)
    case("reverse", direction="reverse", bias=False)
    case("bidirectional", direction="bidirectional", initial=True)
    case("bidirectional_columns", direction="bidirectional", columns=True)
    case("initial", initial=True)
    case("peephole", peephole=True, clip=0.8)
    case("forget", input_forget=1)


def qattention(folder):
    normal, integers = numbers(9)
    batch, length, heads = 2, 3, 2
    x = integers(np.uint8, batch, length, 8)

    def case(name, weights=np.int8, columns=False, outputs=("y",), mask=None, past=None, zeros=True, **attributes):
        shape = (24,) if columns else ()
        zero = np.array(np.zeros(shape), weights) if weights == np.int8 else np.full(shape, 125, np.uint8)
        given = {"x": x, "w": integers(weights, 8, 24), "b": normal(24) / 4, "sx": one(0.02),
                 "sw": (np.abs(normal(*shape)) / 100 + 0.005).astype(np.float32), "mask": mask, "zx": one(128, np.uint8) if zeros else None,
                 "zw": zero if zeros else None, "past": past}
        contrib(folder, f"qattention_{name}", "QAttention", given, None, outputs, num_heads=heads, **attributes,
                inputs={k: given[k] for k in ("x", "mask", "past")})

    case("int8")
    case("uint8", np.uint8)
    case("columns", columns=True)
    case("plain", zeros=False)
    case("causal", unidirectional=1)
    case("lengths", mask=np.array([2, 3], np.int32))
    case("padding", mask=np.array([[1, 1, 0], [0, 1, 1]], np.int32), mask_filter_value=-50.0)
    case("scale", scale=0.2)
    case("past", outputs=("y", "present"), past=normal(2, batch, heads, 4, 4), unidirectional=1)


def all_contrib_quantised(folder):
    products(folder)
    gemms(folder)
    nbits(folder)
    gather_blocks(folder)
    lstm(folder)
    qattention(folder)
