"""ai.onnx.ml: linear models, support vectors, features. ONNX Runtime's results, and numpy's where it departs from ONNX."""
import itertools

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from cases import IR, OPSET, run, save

POSTS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def ml(folder, name, op, feeds, outputs=("y",), results=None, **attributes):
    feeds = feeds if isinstance(feeds, dict) else {"x": feeds}
    node = helper.make_node(op, list(feeds), list(outputs), domain="ai.onnx.ml", **attributes)
    known = [helper.make_tensor_value_info(x, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for x, a in feeds.items()]
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 1)]

    def model(infos):
        return helper.make_model(helper.make_graph([node], name, known, infos), opset_imports=opsets, ir_version=IR)

    if results is None:
        results = run(model([onnx.ValueInfoProto(name=x) for x in outputs]), feeds)
    infos = [helper.make_tensor_value_info(x, helper.np_dtype_to_tensor_dtype(r.dtype), r.shape) for x, r in zip(outputs, results)]
    save(folder, name, model(infos), feeds, results)


def numbers(random, *shape, low=-1.0, high=1.0):
    """Exact in 16 bits, so that sums of products are the same in any order."""
    return (np.round(random.uniform(low, high, shape) * 16) / 16).astype(np.float32)


def probit(p):
    """ONNX Runtime's, in double."""
    t = 2 * p.astype(np.float64) - 1
    log = np.log((1 - t) * (1 + t))
    v = 2 / (np.pi * 0.147) + log / 2
    return (np.sqrt(2) * np.sign(t) * np.sqrt(np.sqrt(v * v - log / 0.147) - v)).astype(np.float32)


def linear(folder):
    random = np.random.default_rng(31)
    x, w, b = numbers(random, 6, 5), numbers(random, 4, 5), numbers(random, 4)
    x[1] = 0
    for post in POSTS:
        half = (x / 16 + 0.25, w / 16, b / 16 + 0.5) if post == "PROBIT" else (x, w, b)  # scores from 0 to 1
        given = {"coefficients": half[1].ravel(), "intercepts": half[2], "post_transform": post}
        ml(folder, f"ml_linear_classifier_{post.lower()}", "LinearClassifier", half[0], ("l", "y"), classlabels_ints=[4, 2, 9, -1], **given)
        ml(folder, f"ml_linear_regressor_{post.lower()}", "LinearRegressor", half[0], targets=4, **given)
        given = {"coefficients": w[0], "intercepts": b[:1], "post_transform": post, "classlabels_ints": [7, 3]}
        if post != "PROBIT":  # ONNX Runtime leaves the second score unwritten
            ml(folder, f"ml_linear_one_{post.lower()}", "LinearClassifier", x, ("l", "y"), **given)
    score = half[0] @ half[1][0] + half[2][0]
    ml(folder, "ml_linear_one_probit", "LinearClassifier", half[0], ("l", "y"), post_transform="PROBIT", coefficients=half[1][0],
       intercepts=half[2][:1], classlabels_ints=[7, 3], results=[np.where(score > 0, 3, 7), np.stack([probit(1 - score), probit(score)], 1)])
    names = ["setosa", "versicolor", "virginica, which is longer", "的"]
    given = {"coefficients": w.ravel(), "intercepts": b, "classlabels_strings": names, "multi_class": 1}
    for dtype in (np.float64, np.int32, np.int64):
        ml(folder, f"ml_linear_classifier_{np.dtype(dtype).name}", "LinearClassifier", (x * 8).astype(dtype), ("l", "y"), **given)
    ml(folder, "ml_linear_classifier_vector", "LinearClassifier", x[0], ("l", "y"), **given)
    ml(folder, "ml_linear_one_names", "LinearClassifier", x, ("l", "y"), coefficients=w[0], intercepts=b[:1], classlabels_strings=names[:2])
    ml(folder, "ml_linear_regressor_plain", "LinearRegressor", x, coefficients=w[0])
    ml(folder, "ml_linear_regressor_one", "LinearRegressor", x, coefficients=w[0], intercepts=b[:1], post_transform="LOGISTIC",
       results=[(1 / (1 + np.exp(-(x.astype(np.float64) @ w[0] + b[0])))).astype(np.float32)[:, None]])
    for dtype in (np.float64, np.int32, np.int64):  # of these ONNX Runtime has none
        y = x.astype(dtype) * 8
        ml(folder, f"ml_linear_regressor_{np.dtype(dtype).name}", "LinearRegressor", y, targets=4, coefficients=w.ravel(), intercepts=b,
           results=[y.astype(np.float32) @ w.T + b])


KERNELS = {"LINEAR": (0.0, 0.0, 0.0), "POLY": (0.5, 0.25, 3.0), "RBF": (0.75, 0.0, 0.0), "SIGMOID": (0.5, -0.25, 0.0)}


def svm_classifier(folder, name, seed, counts, kernel, labels, proba=False, post="NONE", rows=9, features=4):
    random = np.random.default_rng(seed)
    pairs, vectors = len(counts) * (len(counts) - 1) // 2, sum(counts)
    given = {"vectors_per_class": counts, "support_vectors": numbers(random, vectors * features), "kernel_type": kernel,
             "coefficients": numbers(random, (len(counts) - 1) * vectors), "rho": numbers(random, pairs) / 4, "kernel_params": KERNELS[kernel],
             "post_transform": post, **labels}
    if proba:
        given.update(prob_a=numbers(random, pairs, low=-3, high=-0.5), prob_b=numbers(random, pairs, low=-0.25, high=0.25))
    ml(folder, f"ml_svm_{name}", "SVMClassifier", numbers(random, rows, features), ("l", "y"), **given)


def support_vectors(folder):
    for seed, (kernel, proba) in enumerate(itertools.product(KERNELS, (False, True))):
        tail = f"{kernel.lower()}{'_proba' if proba else ''}"
        svm_classifier(folder, f"two_{tail}", seed, [3, 5], kernel, {"classlabels_ints": [6, 2]}, proba)
        svm_classifier(folder, f"four_{tail}", 50 + seed, [3, 1, 4, 2], kernel, {"classlabels_strings": ["a", "bb", "", "dddd"]}, proba)
    for post in POSTS[1:4]:
        svm_classifier(folder, f"two_{post.lower()}", 70, [2, 3], "RBF", {"classlabels_strings": ["no", "yes"]}, post=post)
        svm_classifier(folder, f"three_{post.lower()}", 71, [2, 3, 4], "RBF", {"classlabels_ints": [0, 1, 2]}, post=post)
    for post in ("SOFTMAX", "LOGISTIC", "PROBIT"):
        svm_classifier(folder, f"three_proba_{post.lower()}", 72, [2, 3, 4], "POLY", {"classlabels_ints": [0, 1, 2]}, True, post)
    svm_classifier(folder, "ten_proba", 73, [2] * 10, "RBF", {"classlabels_ints": list(range(10))}, True, rows=5)
    random = np.random.default_rng(74)
    x, w = numbers(random, 8, 3), numbers(random, 3, 3)
    for name, coefficients, labels, more in (
        ("three", w, [3, 1, 2], {}), ("two", w[:2], [3, 1], {}), ("two_positive", abs(w[:2]), [3, 1], {}),
        ("two_proba", w[:2], [3, 1], {"prob_a": [-1.0], "prob_b": [0.25]}), ("logistic", w, [3, 1, 2], {"post_transform": "LOGISTIC"})):
        ml(folder, f"ml_svm_linear_{name}", "SVMClassifier", x, ("l", "y"), coefficients=coefficients.ravel(), rho=[0.25],
           classlabels_ints=labels, kernel_params=[0.0, 0.0, 0.0], **more)
    for kernel in KERNELS:
        given = {"support_vectors": numbers(random, 5 * 3), "coefficients": numbers(random, 5), "n_supports": 5, "rho": [0.125],
                 "kernel_type": kernel, "kernel_params": KERNELS[kernel]}
        ml(folder, f"ml_svm_regressor_{kernel.lower()}", "SVMRegressor", x, **given)
        ml(folder, f"ml_svm_one_class_{kernel.lower()}", "SVMRegressor", x, one_class=1, **given)
    ml(folder, "ml_svm_regressor_plain", "SVMRegressor", x, coefficients=w[0], rho=[-0.5], n_supports=0, kernel_params=[0.0, 0.0, 0.0])


def features(folder):
    random = np.random.default_rng(80)
    x = numbers(random, 4, 5, low=-4, high=4)
    x[2] = 0
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        kind, typed = np.dtype(dtype).name, x.astype(dtype)
        for norm in ("MAX", "L1", "L2"):
            ml(folder, f"ml_normalizer_{norm.lower()}_{kind}", "Normalizer", typed, norm=norm)
        ml(folder, f"ml_scaler_{kind}", "Scaler", typed, offset=numbers(random, 5), scale=numbers(random, 5))
        ml(folder, f"ml_scaler_one_{kind}", "Scaler", typed, offset=[0.5], scale=[-2.0])
    ml(folder, "ml_normalizer_vector", "Normalizer", x[0], norm="L2")
    holes = np.where(x > 2, np.nan, x)
    big = np.array([[1, 2**60 + 1, 3], [2**60, 2**60 + 1, 0]])
    ml(folder, "ml_imputer_nan", "Imputer", holes, imputed_value_floats=numbers(random, 5), replaced_value_float=float("nan"))
    ml(folder, "ml_imputer_zero", "Imputer", x, imputed_value_floats=[9.5], replaced_value_float=0.0)
    ml(folder, "ml_imputer_int64", "Imputer", big, imputed_value_int64s=[5, 2**60 + 3, 7], replaced_value_int64=2**60 + 1)
    ml(folder, "ml_imputer_double", "Imputer", holes.astype(np.float64), imputed_value_floats=[0.25], replaced_value_float=float("nan"),
       results=[np.nan_to_num(holes.astype(np.float64), nan=0.25)])
    ml(folder, "ml_imputer_int32", "Imputer", np.array([3, -1, 3, 4], np.int32), imputed_value_int64s=[8], replaced_value_int64=3,
       results=[np.array([8, -1, 8, 4], np.int32)])
    parts = {"a": x, "b": x[:, :2].astype(np.float32), "c": x[:, :3].copy()}
    ml(folder, "ml_vectorizer", "FeatureVectorizer", parts, inputdimensions=[3, 4, 3])
    ml(folder, "ml_vectorizer_types", "FeatureVectorizer", {k: v.astype(np.int64) for k, v in parts.items()}, inputdimensions=[5, 2, 3])
    ml(folder, "ml_vectorizer_vectors", "FeatureVectorizer", {"a": x[0], "b": x[1, :2].copy()}, inputdimensions=[5, 3])
    columns = np.array([f"{'ab' * (i % 3)}{i}" for i in range(8)], object)
    ml(folder, "ml_extractor_strings", "ArrayFeatureExtractor", {"x": columns.reshape(2, 4), "i": np.array([3, 0, 0])})
    ml(folder, "ml_extractor_words", "ArrayFeatureExtractor", {"x": columns, "i": np.array([5, 2])})
    categories = np.array([[3, 1, 7], [2, 3, -4]])
    for dtype in (np.float32, np.float64, np.int64):
        ml(folder, f"ml_one_hot_{np.dtype(dtype).name}", "OneHotEncoder", categories.astype(dtype), cats_int64s=[1, 3, -4, 9])
    ml(folder, "ml_one_hot_int32", "OneHotEncoder", categories.astype(np.int32), cats_int64s=[1, 3, -4, 9],
       results=[(categories[..., None] == [1, 3, -4, 9]).astype(np.float32)])
    ml(folder, "ml_one_hot_all", "OneHotEncoder", categories, cats_int64s=[1, 3, 7, 2, -4], zeros=0)
    words = np.array(["red", "的", "blue", "", "green"], object)
    ml(folder, "ml_one_hot_strings", "OneHotEncoder", words, cats_strings=["blue", "red", "a long colour", "的"])
    given = {"cats_strings": ["blue", "red", "a long colour", "的"], "cats_int64s": [7, -1, 5, 2]}
    ml(folder, "ml_mapper_of_strings", "CategoryMapper", words, default_int64=-7, **given)
    ml(folder, "ml_mapper_of_ints", "CategoryMapper", np.array([[5, 2, 0], [-1, 7, 8]]), default_string="none of these colours", **given)


def maps_model(name, nodes, inputs, outputs):
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(helper.make_graph(nodes, name, inputs, outputs), opset_imports=opsets, ir_version=IR)


def zip_map(folder, name, key_type, labels):
    """A classifier as sklearn-onnx writes it; the maps that ONNX Runtime gives, as rows in the order of the labels."""
    random = np.random.default_rng(90)
    x, w = numbers(random, 5, 4), numbers(random, len(labels), 4)
    of_classifier, of_map = ("strings", "strings") if key_type == TensorProto.STRING else ("ints", "int64s")
    nodes = [helper.make_node("LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", coefficients=w.ravel(),
                              intercepts=w[:, 0], post_transform="SOFTMAX", **{f"classlabels_{of_classifier}": labels}),
             helper.make_node("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", **{f"classlabels_{of_map}": labels})]
    each = helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs = [helper.make_tensor_value_info("label", key_type, [5]),
               helper.make_value_info("maps", helper.make_sequence_type_proto(each))]
    model = maps_model(name, nodes, [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)], outputs)
    label, maps = run(model, {"x": x})
    save(folder, name, model, {"x": x}, [label, np.array([[m[k] for k in labels] for m in maps], np.float32)])


def map_input(folder, name, op, key_type, value_type, vocabulary, value, missing, result_type=None, **attributes):
    """An input that is a map: its values in the order of the vocabulary, `missing` for keys that it has not."""
    of_map = helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(value_type, []))
    node = helper.make_node(op, ["x"], ["y"], domain="ai.onnx.ml", **attributes)
    output = helper.make_tensor_value_info("y", result_type or value_type, [1, len(vocabulary)])
    model = maps_model(name, [node], [helper.make_value_info("x", of_map)], [output])
    array = np.array([value.get(k, missing) for k in vocabulary], object if value_type == TensorProto.STRING else helper.tensor_dtype_to_np_dtype(value_type))
    results = [array[None]]
    if value_type == TensorProto.FLOAT:  # Python can give ONNX Runtime no other maps
        results = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": value})
    save(folder, name, model, {"x": array}, results)


def maps(folder):
    integer, string, real = TensorProto.INT64, TensorProto.STRING, TensorProto.FLOAT
    zip_map(folder, "ml_zip_map_ints", integer, [3, 1, 7])
    zip_map(folder, "ml_zip_map_strings", string, ["setosa", "", "virginica", "*/ a comment"])
    words, numbered = ["b", "a", "的"], [5, 2, 9, -1]
    map_input(folder, "ml_dict_strings", "DictVectorizer", string, real, words, {"a": 1.5, "的": 2.0, "other": 3.0}, 0, string_vocabulary=words)
    map_input(folder, "ml_dict_keys", "DictVectorizer", integer, real, numbered, {9: 1.5, 5: -2.0}, 0, int64_vocabulary=numbered)
    map_input(folder, "ml_dict_ints", "DictVectorizer", string, integer, words, {"b": 4}, 0, string_vocabulary=words)
    map_input(folder, "ml_dict_texts", "DictVectorizer", integer, string, numbered, {2: "x", 9: "longer"}, "", int64_vocabulary=numbered)
    map_input(folder, "ml_cast_map", "CastMap", integer, real, range(6), {4: 1.5, 1: -2.5}, 0, cast_to="TO_FLOAT", map_form="SPARSE", max_map=6)
    map_input(folder, "ml_cast_map_ints", "CastMap", integer, real, range(4), {0: 1.5, 3: -2.5}, 0, integer, cast_to="TO_INT64", map_form="SPARSE", max_map=4)


def all_ml(folder):
    maps(folder)
    linear(folder)
    support_vectors(folder)
    features(folder)
