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


def contrib_model(name, op, inputs, outputs, infos, version=OPSET, domain="com.microsoft", weights=None, names=None, **attributes):
    names = [x if x else "" for x in names]
    while names[-1] == "":
        names.pop()
    node = helper.make_node(op, names, list(outputs), domain=domain, **attributes)
    known = [helper.make_tensor_value_info(x, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for x, a in inputs.items()]
    graph = helper.make_graph([node], name, known, infos, [numpy_helper.from_array(np.asarray(w), x) for x, w in weights.items()])
    opsets = [helper.make_opsetid("", version), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR)


def run(model, feeds, precise=True):
    """precise: products of bytes exactly; on processors without VNNI ONNX Runtime's faster ones saturate. It makes weights
    uint8, which not all operators take."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # each thread of a dynamically quantised LSTM would have a scale of its own
    options.add_session_config_entry("session.x64quantprecision", str(int(precise)))
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds)


def result_of(feeds, op, outputs=("y",), **attributes):
    """ONNX Runtime's results of one node of its own domain."""
    inputs = {x: a for x, a in feeds.items() if a is not None}
    names = [x if feeds[x] is not None else None for x in feeds]
    infos = [onnx.ValueInfoProto(name=x) for x in outputs]
    return run(contrib_model("one", op, inputs, outputs, infos, weights={}, names=names, **attributes), inputs)


def contrib(folder, name, op, feeds, weights=None, outputs=("y",), results=None, inputs=None, types=None, precise=True, **more):
    """One node of ONNX Runtime's own operators, whose operands are feeds and weights in that order; those that are None are
    omitted. With inputs, the others of feeds are weights too. The outputs get the types that ONNX Runtime finds (types: has
    to be told), or those of the results."""
    given = {**feeds, **(weights or {})}
    names = [x if given[x] is not None else None for x in given]
    inputs = {x: a for x, a in (inputs or feeds).items() if a is not None}
    constants = {x: a for x, a in given.items() if a is not None and x not in inputs}
    shown = [x for x in outputs if x]

    def model(infos):
        return contrib_model(name, op, inputs, outputs, infos, weights=constants, names=names, **more)

    if results is None:
        infos = [onnx.ValueInfoProto(name=x) for x in shown]
        for i, x in enumerate(shown):
            if x in (types or {}):
                infos[i] = helper.make_tensor_value_info(x, types[x], None)
        results = run(model(infos), inputs, precise)
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
