#!/usr/bin/env python3
"""Train the small digit classifier of this sample and export it to ONNX.

Plain NumPy training of a two-convolution network on the 8x8 handwritten
digits shipped with scikit-learn.  Writes, next to this file:

    digits.onnx        fp32 model
    digits_int8.onnx   the same network, statically quantised, QDQ form
    test_images.bin    held-out images, uint8, N x 64, values 0..16
    test_labels.bin    held-out labels, uint8, N

Needs numpy, onnx and scikit-learn.  If onnxruntime can be imported, both
models are run on the held-out images and their accuracies printed.
"""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 7
TEST_COUNT = 360
EPOCHS = 20
BATCH = 32
OPSET = 13
IR_VERSION = 7


# ---------------------------------------------------------------- network

def im2col(x):
    """3x3 patches, stride 1, pad 1: (N,C,H,W) -> (N,H,W,C*9)."""
    n, c, h, w = x.shape
    p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    cols = np.empty((n, h, w, c, 3, 3), x.dtype)
    for i in range(3):
        for j in range(3):
            cols[..., i, j] = p[:, :, i:i + h, j:j + w].transpose(0, 2, 3, 1)
    return cols.reshape(n, h, w, c * 9)


def col2im(cols, c):
    """Adjoint of im2col, needed to send the gradient through conv2."""
    n, h, w, _ = cols.shape
    cols = cols.reshape(n, h, w, c, 3, 3)
    p = np.zeros((n, c, h + 2, w + 2), cols.dtype)
    for i in range(3):
        for j in range(3):
            p[:, :, i:i + h, j:j + w] += cols[..., i, j].transpose(0, 3, 1, 2)
    return p[:, :, 1:-1, 1:-1]


def conv(cols, w, b):
    out = cols @ w.reshape(w.shape[0], -1).T + b
    return out.transpose(0, 3, 1, 2)


def forward(params, x):
    """Return the logits and every activation; calibration reads the latter."""
    a = {"image": x}
    a["cols1"] = im2col(x)
    a["relu1"] = np.maximum(conv(a["cols1"], params["conv1_w"],
                                 params["conv1_b"]), 0)
    n, c, h, w = a["relu1"].shape
    blocks = a["relu1"].reshape(n, c, h // 2, 2, w // 2, 2)
    a["pool1"] = blocks.max(axis=(3, 5))
    a["cols2"] = im2col(a["pool1"])
    a["relu2"] = np.maximum(conv(a["cols2"], params["conv2_w"],
                                 params["conv2_b"]), 0)
    a["flat"] = a["relu2"].reshape(n, -1)
    a["logits"] = a["flat"] @ params["fc_w"].T + params["fc_b"]
    return a["logits"], a


def backward(params, a, y, drop):
    """Gradients of the mean cross-entropy."""
    n = len(y)
    z = a["logits"] - a["logits"].max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(n), y] -= 1
    p /= n
    g = {"fc_w": p.T @ a["flat"], "fc_b": p.sum(axis=0)}
    d = (p @ params["fc_w"]) * drop
    d = d.reshape(a["relu2"].shape) * (a["relu2"] > 0)
    d2 = d.transpose(0, 2, 3, 1)
    k = d2.shape[-1]
    g["conv2_w"] = (d2.reshape(-1, k).T
                    @ a["cols2"].reshape(-1, a["cols2"].shape[-1])
                    ).reshape(params["conv2_w"].shape)
    g["conv2_b"] = d2.sum(axis=(0, 1, 2))
    dpool = col2im(d2 @ params["conv2_w"].reshape(k, -1),
                   a["pool1"].shape[1])
    # Route the pooled gradient to the maxima; ReLU zeroes are masked after.
    up = dpool.repeat(2, axis=2).repeat(2, axis=3)
    top = a["pool1"].repeat(2, axis=2).repeat(2, axis=3)
    d1 = (up * (a["relu1"] == top) * (a["relu1"] > 0)).transpose(0, 2, 3, 1)
    k = d1.shape[-1]
    g["conv1_w"] = (d1.reshape(-1, k).T
                    @ a["cols1"].reshape(-1, a["cols1"].shape[-1])
                    ).reshape(params["conv1_w"].shape)
    g["conv1_b"] = d1.sum(axis=(0, 1, 2))
    return g


def shifted(x):
    """The images and their four one-pixel shifts.

    Worth 0.8 points on a validation part of the training images.
    """
    p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.concatenate([p[:, :, 1 + dy:9 + dy, 1 + dx:9 + dx] for dy, dx in
                           ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))])


def train(x, y):
    rng = np.random.RandomState(SEED)

    def he(shape):
        fan_in = int(np.prod(shape[1:]))
        return (rng.randn(*shape) * np.sqrt(2.0 / fan_in)).astype(np.float32)

    params = {
        "conv1_w": he((8, 1, 3, 3)), "conv1_b": np.zeros(8, np.float32),
        "conv2_w": he((16, 8, 3, 3)), "conv2_b": np.zeros(16, np.float32),
        "fc_w": he((10, 256)), "fc_b": np.zeros(10, np.float32),
    }
    m = {k: np.zeros_like(v) for k, v in params.items()}
    v2 = {k: np.zeros_like(v) for k, v in params.items()}
    step = 0
    total = EPOCHS * ((len(x) + BATCH - 1) // BATCH)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(x))
        loss_sum = 0.0
        for at in range(0, len(x), BATCH):
            idx = order[at:at + BATCH]
            _, a = forward(params, x[idx])
            # Dropout before fc: the set is small enough to overfit quickly.
            drop = ((rng.rand(*a["flat"].shape) < 0.75) / 0.75
                    ).astype(np.float32)
            a["flat"] = a["flat"] * drop
            a["logits"] = a["flat"] @ params["fc_w"].T + params["fc_b"]
            z = a["logits"] - a["logits"].max(axis=1, keepdims=True)
            nll = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(idx)), y[idx]]
            loss_sum += float(nll.sum())
            g = backward(params, a, y[idx], drop)
            step += 1
            rate = 3e-3 * 0.5 * (1 + np.cos(np.pi * step / total))
            for k in params:
                m[k] = 0.9 * m[k] + 0.1 * g[k]
                v2[k] = 0.999 * v2[k] + 0.001 * g[k] ** 2
                mh = m[k] / (1 - 0.9 ** step)
                vh = v2[k] / (1 - 0.999 ** step)
                params[k] = (params[k] - rate * (mh / (np.sqrt(vh) + 1e-8)
                             + 1e-2 * params[k])).astype(np.float32)
        if epoch % 5 == 4:
            print("epoch %2d  loss %.4f" % (epoch + 1, loss_sum / len(x)))
    return params


# ----------------------------------------------------------------- export

CONV_ATTRS = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1],
              "strides": [1, 1]}
POOL_ATTRS = {"kernel_shape": [2, 2], "strides": [2, 2]}


def save(path, name, nodes, inits):
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT,
                                       [1, 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT,
                                       [1, 10])],
        [numpy_helper.from_array(arr, key) for key, arr in inits.items()])
    model = helper.make_model(
        graph, producer_name="tenon-samples",
        opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def export_float(params, path):
    def node(op, inputs, name, output=None, **attrs):
        return helper.make_node(op, inputs, [output or name + "_out"],
                                name=name, **attrs)

    nodes = [
        node("Conv", ["image", "conv1_w", "conv1_b"], "conv1", **CONV_ATTRS),
        node("Relu", ["conv1_out"], "relu1"),
        node("MaxPool", ["relu1_out"], "pool1", **POOL_ATTRS),
        node("Conv", ["pool1_out", "conv2_w", "conv2_b"], "conv2",
             **CONV_ATTRS),
        node("Relu", ["conv2_out"], "relu2"),
        node("Flatten", ["relu2_out"], "flatten", axis=1),
        node("Gemm", ["flatten_out", "fc_w", "fc_b"], "fc", "logits",
             transB=1),
    ]
    save(path, "digits", nodes, params)


def export_int8(params, calibration, path):
    nodes, inits = [], {}

    def activation_range(key):
        """uint8 scale and zero point; the range always contains 0."""
        lo = min(float(calibration[key].min()), 0.0)
        hi = max(float(calibration[key].max()), 0.0)
        scale = np.float32((hi - lo) / 255.0)
        return scale, np.uint8(np.clip(round(-lo / float(scale)), 0, 255))

    def qdq(tensor, qp, output=None):
        """Put a QuantizeLinear/DequantizeLinear pair behind a tensor."""
        s, z = tensor + "_scale", tensor + "_zero"
        inits[s] = np.array(qp[0], np.float32)
        inits[z] = np.array(qp[1], np.uint8)
        dq = output or tensor + "_dq"
        nodes.append(helper.make_node("QuantizeLinear", [tensor, s, z],
                                      [tensor + "_q"], name=tensor + "_Q"))
        nodes.append(helper.make_node("DequantizeLinear",
                                      [tensor + "_q", s, z], [dq],
                                      name=tensor + "_DQ"))
        return dq

    def weights(layer, in_scale):
        """int8 per output channel, symmetric; bias in int32 at in * w."""
        w, b = params[layer + "_w"], params[layer + "_b"]
        peak = np.abs(w.reshape(w.shape[0], -1)).max(axis=1)
        ws = (np.maximum(peak, 1e-8) / 127.0).astype(np.float32)
        shaped = ws.reshape((-1,) + (1,) * (w.ndim - 1))
        bs = (ws * np.float32(in_scale)).astype(np.float32)
        wn, bn = layer + "_w", layer + "_b"
        inits[wn + "_q"] = np.clip(np.rint(w / shaped), -127, 127
                                   ).astype(np.int8)
        inits[wn + "_scale"] = ws
        inits[wn + "_zero"] = np.zeros(len(ws), np.int8)
        inits[bn + "_q"] = np.rint(b.astype(np.float64) / bs).astype(np.int32)
        inits[bn + "_scale"] = bs
        inits[bn + "_zero"] = np.zeros(len(ws), np.int32)
        for n in (wn, bn):
            nodes.append(helper.make_node(
                "DequantizeLinear", [n + "_q", n + "_scale", n + "_zero"],
                [n + "_dq"], name=n + "_DQ", axis=0))
        return [wn + "_dq", bn + "_dq"]

    def node(op, inputs, name, **attrs):
        nodes.append(helper.make_node(op, inputs, [name + "_out"], name=name,
                                      **attrs))
        return name + "_out"

    q_image = activation_range("image")
    q_relu1 = activation_range("relu1")
    q_relu2 = activation_range("relu2")
    q_logits = activation_range("logits")

    # MaxPool and Flatten only move values, so both sides share one scale.
    x = qdq("image", q_image)
    x = node("Conv", [x] + weights("conv1", q_image[0]), "conv1",
             **CONV_ATTRS)
    x = qdq(node("Relu", [x], "relu1"), q_relu1)
    x = qdq(node("MaxPool", [x], "pool1", **POOL_ATTRS), q_relu1)
    x = node("Conv", [x] + weights("conv2", q_relu1[0]), "conv2",
             **CONV_ATTRS)
    x = qdq(node("Relu", [x], "relu2"), q_relu2)
    x = qdq(node("Flatten", [x], "flatten", axis=1), q_relu2)
    x = node("Gemm", [x] + weights("fc", q_relu2[0]), "fc", transB=1)
    qdq(x, q_logits, "logits")
    save(path, "digits_int8", nodes, inits)


# ------------------------------------------------------------------- main

def report(path, x, y):
    import onnxruntime as ort
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    right = sum(int(session.run(None, {"image": x[i:i + 1]})[0].argmax()
                    == y[i]) for i in range(len(y)))
    print("%-16s accuracy: %.1f %% (%d of %d), %d bytes"
          % (os.path.basename(path), 100.0 * right / len(y), right, len(y),
             os.path.getsize(path)))


def main():
    digits = load_digits()
    pixels = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    # The file lists writers in turn, so shuffle before holding out.
    order = np.random.RandomState(SEED).permutation(len(pixels))
    test, rest = order[:TEST_COUNT], order[TEST_COUNT:]
    x = pixels[:, None].astype(np.float32) / np.float32(16)

    params = train(shifted(x[rest]), np.tile(labels[rest], 5))
    logits, _ = forward(params, x[test])
    right = int((logits.argmax(axis=1) == labels[test]).sum())
    print("%-16s accuracy: %.1f %% (%d of %d)"
          % ("numpy", 100.0 * right / len(test), right, len(test)))

    float_path = os.path.join(HERE, "digits.onnx")
    int8_path = os.path.join(HERE, "digits_int8.onnx")
    export_float(params, float_path)
    # Calibrate on training images only: the held-out ones must stay unseen.
    _, calibration = forward(params, x[rest])
    export_int8(params, calibration, int8_path)
    pixels[test].reshape(-1, 64).tofile(os.path.join(HERE, "test_images.bin"))
    labels[test].tofile(os.path.join(HERE, "test_labels.bin"))

    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        print("onnxruntime not found: exported models not checked")
        return
    report(float_path, x[test], labels[test])
    report(int8_path, x[test], labels[test])


if __name__ == "__main__":
    main()
