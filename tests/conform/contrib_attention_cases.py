"""Cases of ONNX Runtime's attention: ONNX Runtime's results; numpy's for what its CPU provider has not."""
import numpy as np
from onnx import TensorProto

from cases import contrib, result_of


def numbers(seed):
    random = np.random.default_rng(seed)
    return lambda *shape: random.standard_normal(shape).astype(np.float32)


def ints(*x):
    return np.array(x, np.int32)


def multi_head(folder):
    normal = numbers(1)
    batch, queries, keys, heads, size = 2, 3, 5, 2, 4
    wide = heads * size
    q, k, v = normal(batch, queries, wide), normal(batch, keys, wide), normal(batch, keys, heads * 6)
    names = ("q", "k", "v", "bias", "mask", "added", "pk", "pv")

    def case(name, outputs=("y",), results=None, num_heads=heads, given=None, **attributes):
        values = {**dict.fromkeys(names), "q": q, "k": k, "v": v, **(given or {})}
        contrib(folder, f"mha_{name}", "MultiHeadAttention", values, None, outputs, results, num_heads=num_heads, **attributes)

    case("plain")
    case("bias", given={"bias": normal(2 * wide + heads * 6)})
    case("scale", scale=0.3)
    # of as many keys as queries: of more, ONNX Runtime lets the last query see all
    square = {"q": normal(batch, keys, wide)}
    case("causal", unidirectional=1, given=square)
    case("lengths", given={"mask": ints(3, 5)})
    case("lengths_and_more", given={"mask": ints(3, 5, 0, 3, 6, 0, 5, 10)})
    padding = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 1, 1]], np.int32)
    case("padding", given={"mask": padding})
    case("padding_causal", unidirectional=1, given={**square, "mask": padding[::-1].copy()})
    case("padding_filter", mask_filter_value=-1.5, given={"mask": padding})
    case("scores", ("y", "", "", "qk"), given={"mask": padding}, types={"qk": TensorProto.FLOAT})
    case("all_masked", given={"mask": np.array([[0] * 5, [1] * 5], np.int32)})
    case("mask_of_queries", given={"mask": np.random.default_rng(3).integers(0, 2, (batch, queries, keys)).astype(np.int32)})
    for shape in ((1, 1), (1, heads), (batch, 1), (batch, heads)):
        case(f"added_{shape[0]}_{shape[1]}", given={"added": normal(*shape, queries, keys), "mask": padding})
    past = {"k": normal(batch, queries, wide), "v": normal(batch, queries, wide), "pk": normal(batch, heads, 7, size),
            "pv": normal(batch, heads, 7, size)}
    for causal in (0, 1):
        case(f"past_{causal}", ("y", "present_k", "present_v"), given=past, unidirectional=causal)
    case("past_bias", ("y", "present_k", "present_v"), given={**past, "bias": normal(3 * wide)})
    apart = {"k": normal(batch, heads, keys, size), "v": normal(batch, heads, keys, size)}
    case("keys_apart", given=apart)
    case("keys_apart_bias", given={**apart, "bias": normal(3 * wide)})
    # packed forms: what comes of the same three, one by one
    three = normal(batch, queries, heads, 3, size)
    each = [np.ascontiguousarray(three[:, :, :, i]).reshape(batch, queries, wide) for i in range(3)]
    node = dict(op="MultiHeadAttention", num_heads=heads)
    case("packed", given={"q": three, "k": None, "v": None}, results=result_of({"q": each[0], "k": each[1], "v": each[2]}, **node))
    two = normal(batch, keys, heads, 2, size)
    each = [np.ascontiguousarray(two[:, :, :, i]).reshape(batch, keys, wide) for i in range(2)]
    case("packed_keys", given={"k": two, "v": None}, results=result_of({"q": q, "k": each[0], "v": each[1]}, **node))


def self_attention(folder):
    normal = numbers(2)
    batch, length, heads = 2, 3, 2
    x, w, b = normal(batch, length, 8), normal(8, 24), normal(24)

    def case(name, outputs=("y",), results=None, weights=None, given=None, **attributes):
        weights = weights or (w, b)
        values = {"mask": None, "past": None, "added": None, **(given or {})}
        contrib(folder, f"attention_of_{name}", "Attention", {"x": x, "w": weights[0], "b": weights[1], **values}, None, outputs,
                results, num_heads=heads, **attributes)

    case("plain")
    case("scale", scale=0.4)
    case("present", ("y", "present"))
    case("causal", unidirectional=1)
    case("lengths", given={"mask": ints(2, 3)})
    case("ends_and_starts", given={"mask": ints(2, 3, 1, 0)})
    masks = np.array([[1, 1, 0], [0, 1, 1]], np.int32)
    case("padding", given={"mask": masks})
    case("padding_causal", given={"mask": masks}, unidirectional=1)
    case("padding_filter", given={"mask": masks}, mask_filter_value=-2.0)
    case("mask_of_queries", given={"mask": np.array([[[1, 1, 0], [0, 1, 1], [1, 0, 1]]] * 2, np.int32)})
    case("added", given={"added": normal(batch, heads, length, length)})
    past = normal(2, batch, heads, 5, 4)
    case("past", ("y", "present"), given={"past": past})
    case("past_causal", ("y", "present"), given={"past": past}, unidirectional=1)
    seen = np.random.default_rng(4).integers(0, 2, (batch, 8)).astype(np.int32)
    case("past_padding", ("y", "present"), given={"past": past, "mask": seen}, unidirectional=1)
    case("sizes", weights=(normal(8, 8 + 8 + 12), normal(28)), qkv_hidden_sizes=[8, 8, 12])
    # a square mask: the rows of the queries of the one for each query
    square = np.random.default_rng(5).integers(0, 2, (batch, 1, 10, 10)).astype(np.int32)
    cut = {"x": x, "w": w, "b": b, "mask": np.ascontiguousarray(square[:, 0, 5:8, :8]), "past": past}
    case("square_mask", given={"past": past, "mask": square}, outputs=("y", "present"),
         results=result_of(cut, "Attention", ("y", "present"), num_heads=heads))


def grouped(folder):
    normal = numbers(3)
    batch, length, heads, kv_heads, size = 2, 3, 4, 2, 32
    names = ("pk", "pv", "lengths", "total", "cos", "sin", "ids", "added", "sink", "k_scale", "v_scale", "q_norm", "k_norm")
    feeds = ("q", "k", "v", "pk", "pv", "lengths", "added", "ids")
    shown = ("y", "present_k", "present_v")

    def qkv(length, batch=batch):
        return {"q": normal(batch, length, heads * size), "k": normal(batch, length, kv_heads * size), "v": normal(batch, length, kv_heads * size)}

    def case(name, given, outputs=shown, results=None, late=False, **attributes):
        values = {**{x: given[x] for x in ("q", "k", "v")}, **dict.fromkeys(names), **given}
        inputs = {x: a for x, a in values.items() if x in feeds or (late and x == "total")}
        contrib(folder, f"gqa_{name}", "GroupQueryAttention", values, None, outputs, results, inputs=inputs, num_heads=heads,
                kv_num_heads=kv_heads, **attributes)

    prompt = {**qkv(length), "lengths": ints(2, 2), "total": ints(3)}
    case("prompt", prompt)
    case("scale", prompt, scale=0.2)
    case("softcap", prompt, softcap=1.5)
    case("smooth", prompt, smooth_softmax=1)
    case("sink", {**prompt, "sink": normal(heads)})
    case("all_keys", prompt, causal=0)
    case("window", prompt, local_window_size=2)
    # also of the queries behind the end of a shorter row; their scores are whatever ONNX Runtime had in memory
    shorter = {**prompt, "lengths": ints(1, 2)}
    case("shorter", shorter)
    case("shorter_softcap", shorter, softcap=1.5)
    case("shorter_sink", {**shorter, "sink": normal(heads)})
    case("shorter_all_keys", shorter, causal=0)
    case("shorter_window", shorter, local_window_size=2)
    case("shorter_added", {**shorter, "added": normal(1, heads, length, length)})
    case("shortest_window", {**prompt, "lengths": ints(0, 2)}, local_window_size=1)
    case("added", {**prompt, "added": normal(1, heads, length, length)})
    case("scores", prompt, (*shown, "qk"), qk_output=1)
    case("scores_softcap", {**prompt, "added": normal(1, heads, length, length)}, (*shown, "qk"), qk_output=1, softcap=0.5, local_window_size=2)
    case("probabilities", prompt, (*shown, "qk"), qk_output=2)
    angles = normal(20, size // 2)
    turned = {**prompt, "cos": np.cos(angles), "sin": np.sin(angles)}
    case("rotary", turned, do_rotary=1)
    case("rotary_neighbours", turned, do_rotary=1, rotary_interleaved=1)
    case("rotary_part", {**turned, "cos": turned["cos"][:, :8].copy(), "sin": turned["sin"][:, :8].copy()}, do_rotary=1)
    case("rotary_ids", {**turned, "ids": np.array([[3, 4, 5], [1, 2, 3]])}, do_rotary=1)
    packed = np.concatenate([prompt["q"], prompt["k"], prompt["v"]], -1)
    case("packed", {**turned, "q": packed, "k": None, "v": None}, do_rotary=1)

    def cache(room, batch=batch):
        return {"pk": normal(batch, kv_heads, room, size), "pv": normal(batch, kv_heads, room, size)}

    def rotation(given):
        return {**given, "cos": turned["cos"], "sin": turned["sin"]}

    case("prompt_in_cache", {**prompt, **cache(17)})
    case("shorter_in_cache", {**shorter, **cache(17)})
    case("shorter_in_cache_rotary", rotation({**shorter, **cache(17)}), do_rotary=1)
    case("prompt_in_cache_rotary", rotation({**prompt, **cache(17)}), do_rotary=1)
    step = {**qkv(1), **cache(17), "lengths": ints(9, 4), "total": ints(10)}
    case("step", step)
    case("step_rotary", rotation(step), do_rotary=1)
    case("step_late", rotation(step), do_rotary=1, late=True)
    case("step_window", step, local_window_size=4)
    case("step_added", {**step, "added": normal(batch, 1, 1, 10)})
    case("step_sink", {**step, "sink": normal(heads)}, local_window_size=5)
    case("step_grows", {**qkv(1), **cache(9), "lengths": ints(9, 9), "total": ints(10)})
    more = {**qkv(length, 1), **cache(7, 1), "lengths": ints(9), "total": ints(10)}
    case("more_grows", more)
    case("more_rotary", rotation({**more, **cache(12, 1)}), do_rotary=1)
    case("more_late", rotation({**more, **cache(12, 1)}), do_rotary=1, late=True, softcap=3.0)
    half = {x: a.astype(np.float16) if a.dtype == np.float32 else a for x, a in rotation(step).items()}
    case("half", half, do_rotary=1)
    # each head's root mean square 1 before: the same of what is normalised beforehand
    weights = {"q_norm": normal(size), "k_norm": normal(size)}

    def normed(x, w):
        parts = x.reshape(batch, length, -1, size).astype(np.float64)
        return (parts / np.sqrt((parts**2).mean(-1, keepdims=True) + 1e-6) * w).astype(np.float32).reshape(x.shape)

    before = {**prompt, "q": normed(prompt["q"], weights["q_norm"]), "k": normed(prompt["k"], weights["k_norm"])}
    before = {**{x: before[x] for x in ("q", "k", "v")}, "pk": None, "pv": None, "lengths": before["lengths"], "total": before["total"]}
    case("norms", {**prompt, **weights}, results=result_of(before, "GroupQueryAttention", shown, num_heads=heads, kv_num_heads=kv_heads))


def rotary(folder):
    normal = numbers(4)
    angles, ids = normal(20, 4), np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])

    def case(name, x, ids, cos=np.cos(angles), sin=np.sin(angles), **attributes):
        contrib(folder, f"contrib_rotary_{name}", "RotaryEmbedding", {"x": x, "ids": ids}, {"cos": cos, "sin": sin}, **attributes)

    case("heads_aside", normal(2, 5, 24), ids)
    case("neighbours", normal(2, 5, 24), ids, interleaved=1)
    case("heads_apart", normal(2, 3, 5, 8), ids)
    case("first_position", normal(2, 3, 5, 8), np.array([7]))
    case("first_position_aside", normal(2, 5, 24), np.array([0]), interleaved=1)
    case("part", normal(2, 5, 36), ids, num_heads=3, rotary_embedding_dim=8)
    case("part_apart", normal(2, 3, 5, 12), ids, num_heads=3, rotary_embedding_dim=8, interleaved=1)
    case("half", normal(2, 3, 5, 8).astype(np.float16), ids, np.cos(angles).astype(np.float16), np.sin(angles).astype(np.float16))


def all_contrib_attention(folder):
    multi_head(folder)
    self_attention(folder)
    grouped(folder)
    rotary(folder)
