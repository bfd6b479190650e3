"""A case: a model, its inputs and the results that it should have, in the folder that `conform` reads."""
import os

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 23, 10


def write(folder, name, node, feeds, weights, outputs, results=None, opset=OPSET):
    def info(x, array):
        return helper.make_tensor_value_info(x, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

    out = [helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in outputs]
    initializers = [numpy_helper.from_array(w, x) for x, w in weights.items()]
    graph = helper.make_graph([node], name, [info(x, a) for x, a in feeds.items()], out, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR)
    save(folder, name, model, feeds, results)


def contrib(folder, name, op, feeds, weights=None, outputs=("y",), results=None, opset=OPSET, domain="com.microsoft", **attributes):
    """One node of ONNX Runtime's own operators; operands are those of feeds and weights that are no None, in that order.
    The outputs get the types that ONNX Runtime finds, or those of the results."""
    weights = weights or {}
    given = {**feeds, **weights}
    names = [x if given[x] is not None else "" for x in given]
    while names[-1] == "":
        names.pop()
    inputs = {x: a for x, a in feeds.items() if a is not None}
    initializers = [numpy_helper.from_array(np.asarray(w), x) for x, w in weights.items() if w is not None]
    node = helper.make_node(op, names, list(outputs), domain=domain, **attributes)

    def model(infos):
        known = [helper.make_tensor_value_info(x, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for x, a in inputs.items()]
        graph = helper.make_graph([node], name, known, infos, initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)],
                                 ir_version=IR)

    shown = [x for x in outputs if x]
    if results is None:
        untyped = model([onnx.ValueInfoProto(name=x) for x in shown])
        results = onnxruntime.InferenceSession(untyped.SerializeToString()).run(None, inputs)
    infos = [helper.make_tensor_value_info(x, helper.np_dtype_to_tensor_dtype(r.dtype), r.shape) for x, r in zip(shown, results)]
    save(folder, name, model(infos), inputs, results)


def save(folder, name, model, feeds, results=None):
    if results is None:
        results = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    place = os.path.join(folder, name)
    os.makedirs(os.path.join(place, "test_data_set_0"), exist_ok=True)
    onnx.save(model, os.path.join(place, "model.onnx"))
    for kind, arrays in (("input", list(feeds.values())), ("output", results)):
        for i, array in enumerate(arrays):
            with open(os.path.join(place, "test_data_set_0", f"{kind}_{i}.pb"), "wb") as f:
                f.write(numpy_helper.from_array(array).SerializeToString())
