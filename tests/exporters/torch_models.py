"""Networks of torchvision, with random weights, and operators of PyTorch, as its two exporters write them; see compare.py.
NAME.d by torch.export, NAME.t by tracing; dyn_, hw_: with open dims.

    python3 tests/exporters/torch_models.py FOLDER [PART-OF-A-NAME...]        needs torch, torchvision, onnxscript
"""
import os
import sys
import warnings

import onnx
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from compare import save

BATCH, HW, TIME = {0: "b"}, {2: "h", 3: "w"}, {0: "b", 1: "t"}
SIZES = {"maxvit_t": 224, "vit_b_16": 224, "alexnet": 96, "inception_v3": 96}


class Call(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def normal(*shape):
    return torch.randn(*shape)


def below(n, *shape):
    return torch.randint(0, n, shape)


def classifiers():
    for name in ("alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet1_0 mobilenet_v2 "
                 "mobilenet_v3_small regnet_x_400mf regnet_y_400mf resnet18 resnext50_32x4d shufflenet_v2_x1_0 squeezenet1_1 swin_t swin_v2_t "
                 "vgg11_bn vit_b_16 wide_resnet50_2").split():
        make, size = getattr(torchvision.models, name), SIZES.get(name, 64)
        yield name, lambda make=make: make(weights=None), (normal(1, 3, size, size),), None
        yield "dyn_" + name, lambda make=make: make(weights=None), (normal(2, 3, size, size),), (BATCH,)
    for name in "resnet18 mobilenet_v2".split():
        make = getattr(torchvision.models, name)
        yield "hw_" + name, lambda make=make: make(weights=None), (normal(1, 3, 64, 64),), ({**BATCH, **HW},)


def other_networks():
    for name in "deeplabv3_mobilenet_v3_large fcn_resnet50 lraspp_mobilenet_v3_large".split():
        make = getattr(torchvision.models.segmentation, name)
        yield name, lambda make=make: make(weights=None, weights_backbone=None), (normal(1, 3, 64, 64),), None
        yield "hw_" + name, lambda make=make: make(weights=None, weights_backbone=None), (normal(1, 3, 64, 64),), (HW,)
    for name in "ssdlite320_mobilenet_v3_large fasterrcnn_mobilenet_v3_large_320_fpn retinanet_resnet50_fpn".split():
        make = getattr(torchvision.models.detection, name)
        yield name, lambda make=make: make(weights=None, weights_backbone=None), ([torch.rand(3, 96, 96)],), None
    for name in "r3d_18 mc3_18 swin3d_t".split():
        make = getattr(torchvision.models.video, name)
        yield name, lambda make=make: make(weights=None), (normal(1, 3, 16, 64, 64),), None


def layers():
    x = normal
    one = {
        "lstm": (nn.LSTM(8, 16, 2, bidirectional=True, batch_first=True), (x(2, 5, 8),), (TIME,)),
        "gru": (nn.GRU(8, 16, 2), (x(5, 2, 8),), ({0: "t", 1: "b"},)),
        "rnn": (nn.RNN(8, 16), (x(5, 2, 8),), None),
        "attention": (nn.MultiheadAttention(16, 4, batch_first=True), (x(2, 5, 16), x(2, 7, 16), x(2, 7, 16)), (TIME, {0: "b", 1: "s"}, {0: "b", 1: "s"})),
        "encoder": (nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2), (x(2, 5, 16),), (TIME,)),
        "decoder": (nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 4, 32, batch_first=True), 2), (x(2, 5, 16), x(2, 6, 16)), None),
        "group_norm": (nn.GroupNorm(4, 16), (x(2, 16, 5, 5),), ({**BATCH, **HW},)),
        "instance_norm": (nn.InstanceNorm2d(6, affine=True), (x(2, 6, 5, 5),), None),
        "rms_norm": (nn.RMSNorm(8), (x(2, 5, 8),), None),
        "response_norm": (nn.LocalResponseNorm(3), (x(1, 6, 4, 4),), None),
        "fold": (nn.Fold((6, 6), (3, 3), padding=1), (x(1, 18, 36),), None),
        "unfold": (nn.Unfold((3, 3), padding=1), (x(1, 3, 6, 6),), (BATCH,)),
        "shuffle": (nn.PixelShuffle(2), (x(1, 8, 3, 3),), None),
        "unshuffle": (nn.PixelUnshuffle(2), (x(1, 2, 6, 6),), None),
        "bilinear_up": (nn.Upsample(scale_factor=2, mode="bilinear"), (x(1, 2, 5, 5),), ({**BATCH, **HW},)),
        "bicubic_up": (nn.Upsample(size=(7, 9), mode="bicubic", align_corners=True), (x(1, 2, 5, 5),), None),
        "trilinear_up": (nn.Upsample(scale_factor=2, mode="trilinear"), (x(1, 2, 3, 4, 5),), None),
        "average_pool": (nn.AdaptiveAvgPool2d((3, 4)), (x(1, 2, 7, 9),), None),
        "max_pool": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (x(1, 2, 8, 8),), (HW,)),
        "max_pool_places": (nn.MaxPool2d(2, return_indices=True), (x(1, 2, 8, 8),), None),
        "norm_pool": (nn.LPPool2d(2, 3), (x(1, 2, 7, 7),), None),
        "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (x(1, 4, 5, 5),), (HW,)),
        "circular": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (x(1, 2, 5, 5),), None),
        "bilinear": (nn.Bilinear(4, 5, 3), (x(2, 4), x(2, 5)), None),
    }
    for name, (module, inputs, open_dims) in one.items():
        yield name, lambda module=module: module, inputs, None
        if open_dims is not None:
            yield "dyn_" + name, lambda module=module: module, inputs, open_dims


def functions():
    x = normal
    boxes = torch.cat([torch.rand(9, 2), torch.rand(9, 2) + 1], 1)
    activations = (nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softplus, nn.Softsign,
                   nn.Softshrink, nn.Hardshrink, nn.Tanhshrink, nn.LogSigmoid, nn.ReLU6)
    one = {
        "activations": (lambda a: tuple(f()(a) for f in activations), (x(4, 6) * 3,), (BATCH,)),
        "sums": (lambda a: (a.norm(dim=1), a.norm(p=1, dim=0), a.std(1), a.var(0), a.logsumexp(1), a.mean(0)), (x(4, 5),), (BATCH,)),
        "remainders": (lambda a, b: (torch.fmod(a, b), torch.remainder(a, b), torch.floor_divide(a, b)), (x(4, 5) * 5, x(4, 5)), None),
        "nonzero": (lambda a: torch.nonzero(a > 0), (x(3, 4),), (BATCH,)),
        "masked": (lambda a: a[a > 0], (x(3, 4),), (BATCH,)),
        "topk": (lambda a: torch.topk(a, 3, dim=1), (x(3, 7),), (BATCH,)),
        "sort": (lambda a: torch.sort(a, dim=1, descending=True), (x(3, 7),), None),
        "cumsum": (lambda a: torch.cumsum(a, 1), (x(3, 7),), (TIME,)),
        "einsum": (lambda a, b: torch.einsum("bij,bjk->bik", a, b), (x(2, 3, 4), x(2, 4, 5)), ({0: "b", 1: "i"}, BATCH)),
        "scatter": (lambda a, i, s: a.scatter_add(1, i, s), (x(3, 5), below(5, 3, 2), x(3, 2)), None),
        "gather": (lambda a, i: torch.gather(a, 1, i), (x(3, 5), below(5, 3, 2)), (BATCH, BATCH)),
        "unique": (torch.unique, (below(5, 9),), None),
        "grid_sample": (lambda a, g: F.grid_sample(a, g, align_corners=False), (x(1, 2, 5, 5), torch.rand(1, 4, 4, 2) * 2 - 1), None),
        "interpolate": (lambda a: F.interpolate(a, scale_factor=1.5), (x(1, 2, 5, 5),), (HW,)),
        "causal": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), (x(1, 2, 5, 8), x(1, 2, 5, 8), x(1, 2, 5, 8)), ({2: "t"},) * 3),
        "stft": (lambda a: torch.view_as_real(torch.stft(a, 16, 8, window=torch.hann_window(16), return_complex=True)), (x(1, 64),), None),
        "branch": (lambda a: torch.cond(a.sum() > 0, lambda t: t.sin(), lambda t: t.cos(), (a,)), (x(3, 4),), None),
        "boxes": (lambda b, s: torchvision.ops.nms(b, s, 0.5), (boxes, torch.rand(9)), None),
        "roi_align": (lambda f, b: torchvision.ops.roi_align(f, [b], 3, 1.0, 2), (x(1, 3, 8, 8), torch.tensor([[0.0, 0, 4, 4], [1, 1, 7, 6]])), None),
        "deformed": (lambda f, o, w: torchvision.ops.deform_conv2d(f, o, w, padding=1), (x(1, 2, 5, 5), x(1, 18, 5, 5), x(3, 2, 3, 3)), None),
    }
    for name, (function, inputs, open_dims) in one.items():
        yield name, lambda function=function: Call(function), inputs, None
        if open_dims is not None:
            yield "dyn_" + name, lambda function=function: Call(function), inputs, open_dims


def export(folder, name, model, inputs, open_dims, by_export):
    options = {}
    if open_dims is not None and by_export:
        shapes = tuple({axis: torch.export.Dim.DYNAMIC for axis in dims} for dims in open_dims)
        options["dynamic_shapes"] = (shapes,) if isinstance(model, Call) else shapes
    elif open_dims is not None:
        options["input_names"] = [f"in{i}" for i in range(len(inputs))]
        options["dynamic_axes"] = {f"in{i}": dims for i, dims in enumerate(open_dims)}
    path = os.path.join(folder, "model.onnx")
    with torch.no_grad():
        torch.onnx.export(model, inputs, path, dynamo=by_export, external_data=False, **options)
    arrays = [t.numpy() for x in inputs for t in (x if isinstance(x, list) else [x])]
    save(folder, f"{name}.{'d' if by_export else 't'}", onnx.load(path), arrays)
    os.remove(path)


def main(folder, *parts):
    warnings.simplefilter("ignore")
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(0)
    for source in (classifiers, other_networks, layers, functions):
        for name, make, inputs, open_dims in source():
            for by_export in (True, False) if not parts or any(p in name for p in parts) else ():
                try:
                    export(folder, name, make().eval(), inputs, open_dims, by_export)
                except Exception as e:  # whatever the exporter does not take
                    print(f"not exported: {name} {'torch.export' if by_export else 'tracing'}: {str(e).splitlines()[:1]}", flush=True)


main(sys.argv[1], *sys.argv[2:])
