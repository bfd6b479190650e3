"""Compares Tenon with ONNX Runtime on models that exporters wrote: FOLDER/NAME/model.onnx and inputs.npz, which
torch_models.py, transformers_models.py and sklearn_models.py beside this make. Open dims get a bound of 16 (`hw` in the name: 80).

    python3 tests/exporters/compare.py TENON FOLDER [NAME...]        needs onnx, onnxruntime
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

RTOL, ATOL_OF_LARGEST = 1e-3, 2e-4


def save(folder, name, model, arrays):
    """arrays: of the model's inputs, in order"""
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    onnx.save(model, os.path.join(folder, name, "model.onnx"))
    inputs = [v.name for v in model.graph.input]
    np.savez(os.path.join(folder, name, "inputs.npz"), **dict(zip(inputs, arrays)))


def bounds(model, name):
    """--input-shapes of inputs that have open dims."""
    most = 80 if "hw" in name else 16
    options = []
    for v in model.graph.input:
        dims = v.type.tensor_type.shape.dim
        if not all(d.HasField("dim_value") for d in dims):
            text = ",".join(str(d.dim_value) if d.HasField("dim_value") else f"{d.dim_param or 'N'}<={most}" for d in dims)
            options += ["--input-shapes", f"{v.name}:[{text}]"]
    return options


def reference(path, feeds):
    """ONNX Runtime's results; those that are no arrays (lists of maps) are None."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    results = session.run(None, feeds)
    return [(o.name, None if isinstance(r, list) else np.asarray(r)) for o, r in zip(session.get_outputs(), results)]


def difference(got, want):
    """What is wrong, or None."""
    if got.shape != want.shape:
        return f"is {got.shape}, wanted {want.shape}"
    if want.dtype.kind != "f":
        return None if (got == want).all() else f"differs in {int((got != want).sum())} of {want.size}"
    finite = want[np.isfinite(want)]
    atol = ATOL_OF_LARGEST * max(float(np.abs(finite).max()) if finite.size else 0, 1e-3)
    if np.allclose(got, want, rtol=RTOL, atol=atol, equal_nan=True):
        return None
    return f"differs by {np.nanmax(np.abs(got.astype(float) - want))}"


def compare(tenon, folder, name):
    path, inputs = os.path.join(folder, name, "model.onnx"), os.path.join(folder, name, "inputs.npz")
    try:
        wanted = reference(path, dict(np.load(inputs)))
    except Exception as e:
        return "skipped", "ONNX Runtime: " + str(e)[:100]
    with tempfile.TemporaryDirectory() as place:
        out = os.path.join(place, "out.npz")
        options = bounds(onnx.load(path, load_external_data=False), name)
        run = subprocess.run([tenon, "run", path, "--inputs", inputs, "--outputs", out, *options], capture_output=True, text=True)
        if run.returncode != 0:
            return "failed", run.stderr.strip()[-300:]
        got = dict(np.load(out))
    for i, (output, want) in enumerate(wanted):
        if want is not None:
            wrong = difference(got[f"output_{i}"] if f"output_{i}" in got else got[output], want)
            if wrong is not None:
                return "failed", f"{output} {wrong}"
    return "passed", ""


def main(tenon, folder, *names):
    onnxruntime.set_default_logger_severity(4)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name in sorted(names or os.listdir(folder)):
        result, why = compare(tenon, folder, name)
        counts[result] += 1
        if result != "passed":
            print(f"{result} {name}: {why}", flush=True)
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    sys.exit(counts["failed"] > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
