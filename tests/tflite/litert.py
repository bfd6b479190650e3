"""A model's outputs by LiteRT's reference kernels, for seeded inputs.

    python3 litert.py MODEL.tflite PLACE      writes PLACE.in.npz, PLACE.out.npz, PLACE.kind (exact or model) and
                                              PLACE.rounding; exit code 2: LiteRT cannot be the judge

LiteRT's reference kernel of FULLY_CONNECTED rounds once, those of all others twice; so a model of nothing else is compared
in single rounding, and one with both is left to golden.txt, whose hashes are TFLite Micro's.
"""
import os
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

# weights of 8 bits under floats: LiteRT quantises the activations while it runs, Tenon computes in float
HYBRID = {"kws_ref_model_float32"}
# quantised axes that the newest LiteRT refuses
REFUSED = {"person_detect"}
NOT_YET = {"dtln_noise_suppression", "trained_lstm", "trained_lstm_int8", "okay_nabu"}


def main():
    path, place = sys.argv[1:]
    name = os.path.splitext(os.path.basename(path))[0]
    if name in HYBRID | REFUSED | NOT_YET:
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
    if exact and len(products) > 1 and "FULLY_CONNECTED" in products:
        sys.exit(2)
    np.savez(place + ".in.npz", **feeds)
    np.savez(place + ".out.npz", **results)
    rounding = "single" if exact and products == {"FULLY_CONNECTED"} else "double"
    for what, text in (("kind", "exact" if exact else "model"), ("rounding", rounding)):
        with open(f"{place}.{what}", "w") as f:
            f.write(text)


main()
