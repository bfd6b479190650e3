"""A model's outputs by LiteRT's reference kernels, for seeded inputs.

    python3 litert.py MODEL.tflite PLACE      writes PLACE.in.npz, PLACE.out.npz, PLACE.kind (exact or model) and
                                              PLACE.rounding; exit code 2: LiteRT cannot be the judge

LiteRT's reference kernel of FULLY_CONNECTED rounds once, those of all others twice; so a model of nothing else is compared
in single rounding, and one with both is left to golden.txt, whose hashes are TFLite Micro's.
"""
import os
import sys

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

# weights of 8 bits under floats: LiteRT quantises the activations while it runs, Tenon computes in float
HYBRID = {"kws_ref_model_float32"}
# quantised axes that the newest LiteRT refuses
REFUSED = {"person_detect"}
# both kinds of products, but the one rounding makes no difference here
AGREES = {"okay_nabu"}
TYPES = {0: np.float32, 7: np.int16, 9: np.int8}


def states(path):
    """What the model's state holds before the first run, which Tenon leaves to the caller."""
    with open(path, "rb") as f:
        m = schema.ModelT.InitFromPackedBuf(f.read(), 0)
    found = {}
    for t in m.subgraphs[0].tensors:
        if t.isVariable:
            zero = t.quantization.zeroPoint[0] if TYPES[t.type] == np.int8 else 0
            found[t.name.decode()] = np.full(t.shape, zero, TYPES[t.type])
    for g in m.subgraphs[1:]:  # VAR_HANDLE, ASSIGN_VARIABLE of a constant
        names = {}
        for o in g.operators:
            code = m.operatorCodes[o.opcodeIndex].builtinCode
            if code == schema.BuiltinOperator.VAR_HANDLE:
                names[o.outputs[0]] = o.builtinOptions.sharedName.decode()
            elif code == schema.BuiltinOperator.ASSIGN_VARIABLE:
                t = g.tensors[o.inputs[1]]
                found[names[o.inputs[0]]] = m.buffers[t.buffer].data.view(TYPES[t.type]).reshape(t.shape)
    return found


def main():
    path, place = sys.argv[1:]
    name = os.path.splitext(os.path.basename(path))[0]
    if name in HYBRID | REFUSED:
        sys.exit(2)
    runner = Interpreter(path, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    runner.allocate_tensors()
    random, feeds = np.random.default_rng(1), {}
    for d in runner.get_input_details():
        shape, dtype = d["shape"], d["dtype"]
        if np.issubdtype(dtype, np.integer):
            x = random.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)
        else:
            x = random.standard_normal(shape).astype(dtype)
        feeds[d["name"]] = x
        runner.set_tensor(d["index"], x)
    runner.invoke()
    results = {d["name"]: runner.get_tensor(d["index"]) for d in runner.get_output_details()}
    exact = all(np.issubdtype(x.dtype, np.integer) for x in results.values())
    products = {d["op_name"] for d in runner._get_ops_details()} & {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"}
    if exact and len(products) > 1 and "FULLY_CONNECTED" in products and name not in AGREES:
        sys.exit(2)
    np.savez(place + ".in.npz", **feeds, **states(path))
    np.savez(place + ".out.npz", **results)
    rounding = "single" if exact and products == {"FULLY_CONNECTED"} else "double"
    for what, text in (("kind", "exact" if exact else "model"), ("rounding", rounding)):
        with open(f"{place}.{what}", "w") as f:
            f.write(text)


main()
