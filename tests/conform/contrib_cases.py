"""Cases of ONNX Runtime's domain com.microsoft: ONNX Runtime's results, and numpy's for what its CPU provider has not."""
import numpy as np

from cases import contrib
from contrib_attention_cases import all_contrib_attention
from contrib_quant_cases import all_contrib_quantised


def normal(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def all_products(folder):
    x, w, b = normal(1, 2, 4, 9, 7), normal(2, 6, 2, 3, 3), normal(3, 6)
    z = normal(4, 2, 6, 9, 7)
    conv = dict(kernel_shape=[3, 3], group=2, pads=[1, 1, 1, 1])
    for name, params in (("Relu", None), ("Sigmoid", None), ("Tanh", None), ("LeakyRelu", [0.3]), ("Clip", [-0.5, 1.25]),
                         ("HardSigmoid", [0.3, 0.4])):
        more = {"activation_params": params} if params else {}
        contrib(folder, f"fused_conv_{name.lower()}", "FusedConv", {"x": x}, {"w": w, "b": b}, activation=name, **conv, **more)
    contrib(folder, "fused_conv_sum", "FusedConv", {"x": x, "w": w, "b": b, "z": z}, activation="Relu", **conv)
    contrib(folder, "fused_conv_sum_without_bias", "FusedConv", {"x": x, "w": w, "b": None, "z": z[:, :, :5, :4]},
            strides=[2, 2], group=2, pads=[1, 1, 1, 1], activation="Relu")
    last = np.ascontiguousarray(np.maximum(0, conv_last(x, w, b)))
    contrib(folder, "nhwc_fused_conv", "NhwcFusedConv", {"x": x.transpose(0, 2, 3, 1)}, {"w": w, "b": b}, results=[last],
            activation="Relu", **conv)

    a, b, c = normal(5, 5, 7), normal(6, 7, 3), normal(7, 3)
    for name, more in (("Relu", {}), ("Sigmoid", {}), ("Tanh", {}), ("LeakyRelu", {"activation_alpha": 0.2}), ("Softplus", {}),
                       ("Elu", {"activation_alpha": 0.7}), ("HardSigmoid", {"activation_alpha": 0.3, "activation_beta": 0.4}),
                       ("Selu", {"activation_alpha": 1.5, "activation_gamma": 1.1}), ("Softsign", {}),
                       ("ThresholdedRelu", {"activation_alpha": 0.5})):
        contrib(folder, f"fused_gemm_{name.lower()}", "FusedGemm", {"a": a, "b": b, "c": c}, activation=name, **more)
    product = (a @ b + c).astype(np.float64)  # ONNX Runtime wants each parameter; where one is missing it is ONNX's
    alpha, gamma = 1.67326319217681884765625, 0.5
    contrib(folder, "fused_gemm_selu_gamma", "FusedGemm", {"a": a, "b": b, "c": c}, activation="Selu", activation_gamma=gamma,
            results=[(gamma * np.where(product > 0, product, alpha * (np.exp(product) - 1))).astype(np.float32)])
    contrib(folder, "fused_gemm_transposed", "FusedGemm", {"a": a.T.copy(), "b": b.T.copy()}, transA=1, transB=1, alpha=0.5,
            activation="Relu")

    contrib(folder, "fused_matmul", "FusedMatMul", {"a": normal(8, 2, 3, 5, 4), "b": normal(9, 2, 3, 6, 4)}, transB=1, alpha=0.25)
    contrib(folder, "fused_matmul_both", "FusedMatMul", {"a": normal(8, 3, 4, 5), "b": normal(9, 6, 4)}, transA=1, transB=1)
    contrib(folder, "fused_matmul_batches", "FusedMatMul", {"a": normal(8, 5, 2, 3, 4), "b": normal(9, 4, 2, 3, 6)},
            transBatchA=1, transBatchB=1)
    contrib(folder, "fused_matmul_all", "FusedMatMul", {"a": normal(8, 4, 2, 3, 5), "b": normal(9, 6, 2, 3, 4)}, transA=1,
            transB=1, transBatchA=1, transBatchB=1, alpha=-2.0)
    contrib(folder, "fused_matmul_double", "FusedMatMul", {"a": normal(8, 3, 5, dtype=np.float64), "b": normal(9, 3, 5, dtype=np.float64)},
            transB=1)
    contrib(folder, "transpose_matmul", "TransposeMatMul", {"a": normal(8, 5, 4), "b": normal(9, 6, 4)}, transB=1)


def conv_last(x, w, b):
    """3 by 3, a border of one, two groups; the channels of the result are last."""
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))).astype(np.float64)
    height, width = x.shape[2:]
    taps = np.stack([wide[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)], 2)
    parts = [np.einsum("ncthw,fct->nhwf", taps[:, 2 * g : 2 * g + 2], w[3 * g : 3 * g + 3].reshape(3, 2, 9)) for g in (0, 1)]
    return (np.concatenate(parts, -1) + b).astype(np.float32)


def gelu(x):
    from math import erf
    return x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))


def group_norm(x, gamma, beta, groups, silu, epsilon=1e-5):
    """Channels last."""
    parts = x.astype(np.float64).reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    mean, spread = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    y = ((parts - mean) / np.sqrt(spread + epsilon)).reshape(x.shape) * gamma + beta
    return (y / (1 + np.exp(-y)) if silu else y).astype(x.dtype)


def all_activations(folder):
    x, b = normal(1, 2, 5, 8), normal(2, 8)
    contrib(folder, "contrib_gelu", "Gelu", {"x": x})
    contrib(folder, "bias_gelu", "BiasGelu", {"x": x}, {"b": b})
    contrib(folder, "fast_gelu", "FastGelu", {"x": x})
    contrib(folder, "fast_gelu_bias", "FastGelu", {"x": x, "b": b})
    contrib(folder, "quick_gelu", "QuickGelu", {"x": x})
    contrib(folder, "quick_gelu_alpha", "QuickGelu", {"x": x}, alpha=1.0)
    both = x.astype(np.float64) + b
    contrib(folder, "bias_split_gelu", "BiasSplitGelu", {"x": x, "b": b}, results=[(both[..., :4] * gelu(both[..., 4:])).astype(np.float32)])
    contrib(folder, "bias_add", "BiasAdd", {"x": x, "b": b, "s": -2 * x}, results=[b - x])
    y = x.astype(np.float64) @ normal(3, 8, 3) + normal(4, 3)
    tanh = 0.5 * y * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))
    contrib(folder, "gemm_fast_gelu", "GemmFastGelu", {"x": x}, {"w": normal(3, 8, 3), "b": normal(4, 3)}, results=[tanh.astype(np.float32)])


def all_norms(folder):
    x, skip, gamma, beta, bias = normal(1, 2, 5, 8), normal(2, 2, 5, 8), normal(3, 8), normal(4, 8), normal(5, 8)
    for dtype, name in ((np.float32, "float"), (np.float16, "half")):
        a, s, g, b, c = (v.astype(dtype) for v in (x, skip, gamma, beta, bias))
        contrib(folder, f"skip_layer_norm_{name}", "SkipLayerNormalization", {"x": a, "s": s}, {"g": g, "b": b, "c": c},
                ("y", "", "", "sum"), epsilon=1e-5)
        contrib(folder, f"skip_simplified_layer_norm_{name}", "SkipSimplifiedLayerNormalization", {"x": a, "s": s}, {"g": g, "c": c},
                ("y", "", "", "sum"), epsilon=1e-6)
    contrib(folder, "skip_layer_norm_plain", "SkipLayerNormalization", {"x": x, "s": skip}, {"g": gamma})
    contrib(folder, "skip_layer_norm_bias", "SkipLayerNormalization", {"x": x, "s": skip}, {"g": gamma, "b": None, "c": bias})
    contrib(folder, "skip_layer_norm_one_skip", "SkipLayerNormalization", {"x": x, "s": skip[:1]}, {"g": gamma, "b": beta})
    contrib(folder, "skip_layer_norm_flat_skip", "SkipLayerNormalization", {"x": x, "s": skip[0]}, {"g": gamma, "b": beta})
    contrib(folder, "skip_simplified_layer_norm_plain", "SkipSimplifiedLayerNormalization", {"x": x[0], "s": skip[0]}, {"g": gamma})
    contrib(folder, "simplified_layer_norm", "SimplifiedLayerNormalization", {"x": x}, {"g": gamma}, ("y", "inverse"), domain="",
            epsilon=1e-6, axis=-1, version=17)
    contrib(folder, "simplified_layer_norm_axis", "SimplifiedLayerNormalization", {"x": x}, {"g": normal(6, 5, 8)}, domain="",
            axis=1, version=17)

    image, gamma, beta = normal(7, 2, 4, 5, 6), normal(8, 6), normal(9, 6)
    for silu in (0, 1):
        want = group_norm(image, gamma, beta, 3, silu)
        contrib(folder, f"group_norm_last_{silu}", "GroupNorm", {"x": image}, {"g": gamma, "b": beta}, results=[want], groups=3, activation=silu)
        contrib(folder, f"group_norm_first_{silu}", "GroupNorm", {"x": image.transpose(0, 3, 1, 2)}, {"g": gamma, "b": beta},
                results=[np.ascontiguousarray(want.transpose(0, 3, 1, 2))], groups=3, activation=silu, channels_last=0)
    half = image.astype(np.float16)
    contrib(folder, "group_norm_half", "GroupNorm", {"x": half}, {"g": gamma, "b": beta}, results=[group_norm(half, gamma, beta, 2, 1, 1e-3)],
            groups=2, activation=1, epsilon=1e-3)
    skip, bias = normal(10, 2, 6), normal(11, 6)
    total = image + skip[:, None, None] + bias
    contrib(folder, "skip_group_norm", "SkipGroupNorm", {"x": image}, {"g": gamma, "b": beta, "s": skip, "c": bias}, ("y", "sum"),
            results=[group_norm(total, gamma, beta, 2, 1), total], groups=2, activation=1)

    random = np.random.default_rng(12)
    ids, segments = (random.integers(0, k, (2, 6)).astype(np.int32) for k in (10, 2))
    mask, places = np.array([[1] * 4 + [0] * 2, [1] * 6], np.int32), random.integers(0, 9, (2, 6)).astype(np.int32)
    tables = {"words": normal(13, 10, 8), "positions": normal(14, 9, 8), "segments": normal(15, 2, 8), "g": normal(16, 8), "b": normal(17, 8)}

    def embed(name, outputs, ids_of_segments, mask, places, **more):
        given = dict(tables) if ids_of_segments is not None else {**tables, "segments": None}
        contrib(folder, f"embed_layer_norm_{name}", "EmbedLayerNormalization", {"ids": ids, "of": ids_of_segments},
                {**given, "mask": mask, "places": places}, outputs, **more)

    embed("full", ("y", "mask_index", "sum"), segments, mask, None)
    embed("places", ("y", "mask_index", "sum"), segments, None, places, epsilon=1e-3)
    embed("one_place_row", ("y", "mask_index"), None, None, places[:1])
    embed("distil", ("y", "mask_index"), None, None, None)


def all_moves(folder):
    x = normal(1, 3, 4, 5)
    contrib(folder, "contrib_pad_constant", "Pad", {"x": x}, {"pads": np.array([0, 1, -1, 2, 0, 3], np.int64), "v": np.array([0.5], np.float32)})
    contrib(folder, "contrib_pad_reflect", "Pad", {"x": x}, {"pads": np.array([[0, 1, 2, 0, 0, 3]], np.int64)}, mode="reflect")
    contrib(folder, "contrib_pad_edge", "Pad", {"x": x}, {"pads": np.array([1, 0, 2, 0, 1, 3], np.int64)}, mode="edge")
    for axis in (0, 2, -1):
        contrib(folder, f"expand_dims_{axis}", "ExpandDims", {"x": x}, {"axis": np.array(axis, np.int32)})
    contrib(folder, "expand_dims_ints", "ExpandDims", {"x": np.arange(6, dtype=np.int64).reshape(2, 3)}, {"axis": np.array(1, np.int32)})
    contrib(folder, "contrib_trilu_upper", "Trilu", {"x": x})
    contrib(folder, "contrib_trilu_lower", "Trilu", {"x": x}, {"k": np.array(-1, np.int64)}, upper=0)
    contrib(folder, "contrib_trilu_ints", "Trilu", {"x": np.arange(12, dtype=np.int64).reshape(3, 4)}, {"k": np.array(1, np.int64)})
    contrib(folder, "contrib_unique", "Unique", {"x": np.random.default_rng(2).integers(0, 6, 20).astype(np.float32)}, None,
            ("y", "which", "counts"))
    for metric in ("euclidean", "sqeuclidean"):
        contrib(folder, f"cdist_{metric}", "CDist", {"a": normal(3, 5, 6), "b": normal(4, 7, 6)}, metric=metric)
        contrib(folder, f"cdist_{metric}_double", "CDist", {"a": normal(3, 4, 3, dtype=np.float64), "b": normal(4, 2, 3, dtype=np.float64)},
                metric=metric)
    bytes_of = np.random.default_rng(5)
    for dtype in (np.uint8, np.int8):
        info = np.iinfo(dtype)
        image = bytes_of.integers(info.min, info.max + 1, (2, 9, 8, 3)).astype(dtype)
        name = np.dtype(dtype).name
        contrib(folder, f"nhwc_max_pool_{name}", "NhwcMaxPool", {"x": image}, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
        contrib(folder, f"nhwc_max_pool_ceil_{name}", "NhwcMaxPool", {"x": image}, kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1, dilations=[2, 1])
    contrib(folder, "nhwc_max_pool_same", "NhwcMaxPool", {"x": image}, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    square = normal(6, 3, 2, 6, 6)
    square[..., 0, 0] = 0  # rows must be exchanged
    contrib(folder, "inverse", "Inverse", {"x": square})
    contrib(folder, "inverse_double", "Inverse", {"x": normal(7, 17, 17, dtype=np.float64)})
    contrib(folder, "inverse_one", "Inverse", {"x": np.array([[4]], np.float32)})


def all_contrib(folder):
    all_products(folder)
    all_activations(folder)
    all_norms(folder)
    all_moves(folder)
    all_contrib_attention(folder)
    all_contrib_quantised(folder)
