"""Convolutions of every rank and grouping: alone, and between two layers whose channels may be in blocks."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from cases import IR, OPSET, save

# groups, channels in and out of a group: all lanes of a vector, some, none; several results per channel
GROUPS = [(1, 5, 7), (2, 16, 16), (3, 8, 8), (4, 4, 4), (2, 5, 24), (3, 3, 6), (2, 4, 5), (8, 1, 1), (6, 1, 2), (5, 1, 3), (4, 1, 8)]


def chain(folder, name, groups, into, outof, size, kernel, between, **attributes):
    random = np.random.default_rng(len(name) + groups * 7 + outof)

    def normal(*shape):
        return (random.standard_normal(shape) / 4).astype(np.float32)

    channels, filters, ones = groups * into, groups * outof, [1] * len(size)
    weights = {"w": normal(filters, into, *kernel), "b": normal(filters)}
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"], group=groups, **attributes)]
    x = normal(1, channels, *size)
    if between:
        weights |= {"before": normal(channels, 3, *ones), "after": normal(4, filters, *ones)}
        nodes = [helper.make_node("Conv", ["x", "before"], ["s"]), helper.make_node("Relu", ["s"], ["t"]),
                 helper.make_node("Conv", ["t", "w", "b"], ["u"], group=groups, **attributes),
                 helper.make_node("Sigmoid", ["u"], ["v"]), helper.make_node("Conv", ["v", "after"], ["y"])]
        x = normal(1, 3, *size)
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(w, n) for n, w in weights.items()])
    save(folder, name, helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR), {"x": x})


def stack(folder, name, channels, size, kernels):
    """Layers whose tiles are repeated in blocks, one after the other: their borders are filled between the repeats."""
    random = np.random.default_rng(len(kernels))
    ones, weights, nodes = [1] * len(size), {}, []
    for i, kernel in enumerate([ones, *kernels]):
        into = channels if i else 16
        weights[f"w{i}"] = (random.standard_normal((channels, into, *kernel)) * into**-0.5 / np.prod(kernel)).astype(np.float32)
        nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"c{i}"], pads=[(k - 1) // 2 for k in kernel] * 2))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"]))
    x = random.standard_normal((1, 16, *size)).astype(np.float32)
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x0", TensorProto.FLOAT, x.shape)],
                              [helper.make_tensor_value_info(f"x{len(kernels) + 1}", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(w, n) for n, w in weights.items()])
    save(folder, name, helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR), {"x0": x})


def all_convolutions(folder):
    stack(folder, "conv_stack_2d", 128, (28, 28), [(1, 3), (3, 1), (1, 5)])
    stack(folder, "conv_stack_1d", 64, (700,), [(3,), (5,), (3,)])
    for groups, into, outof in GROUPS:
        for between in (False, True):
            name = f"conv_{groups}x{into}x{outof}_{'between' if between else 'alone'}"
            chain(folder, name, groups, into, outof, (7, 19), (3, 3), between, pads=[1, 1, 1, 1])
    for groups, into, outof in GROUPS[:4]:
        more = f"{groups}x{into}x{outof}"
        chain(folder, f"conv_1d_{more}", groups, into, outof, (33,), (5,), True, pads=[3, 1])
        chain(folder, f"conv_1d_strided_{more}", groups, into, outof, (33,), (3,), False, pads=[1, 1], strides=[2])
        chain(folder, f"conv_3d_{more}", groups, into, outof, (4, 5, 18), (3, 3, 3), True, pads=[1, 1, 2, 2, 1, 0])
        chain(folder, f"conv_3d_dilated_{more}", groups, into, outof, (5, 6, 9), (3, 1, 2), False, pads=[2, 0, 1, 2, 0, 1],
              dilations=[2, 1, 2])
        chain(folder, f"conv_2d_strided_{more}", groups, into, outof, (9, 20), (3, 5), True, pads=[1, 0, 1, 4], strides=[2, 1])
    # as many channels as fewer products (pass winograd) need to be faster
    chain(folder, "conv_row_of_taps", 1, 48, 64, (13, 30), (1, 3), True, pads=[0, 1, 0, 1])
    chain(folder, "conv_column_of_taps", 1, 64, 48, (30, 13), (3, 1), True, pads=[1, 0, 1, 0])
    chain(folder, "conv_row_of_five", 1, 64, 64, (9, 41), (1, 5), True, pads=[0, 4, 0, 0])
    chain(folder, "conv_1d_of_three", 1, 64, 64, (203,), (3,), True, pads=[2, 0])
