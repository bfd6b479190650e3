"""Writes the graph that ONNX Runtime's optimiser makes of a model: what users save and deploy.

    python3 tests/models/optimise.py MODEL.onnx OUT.onnx extended|all

extended fuses nodes (FusedConv, SkipLayerNormalization, QLinearAdd ...); all also lays out channels last where that is
faster. Convolutions in blocks of channels, which fit only the machine that made them, are left out."""
import sys

import onnxruntime

options = onnxruntime.SessionOptions()
levels = onnxruntime.GraphOptimizationLevel
options.graph_optimization_level = {"extended": levels.ORT_ENABLE_EXTENDED, "all": levels.ORT_ENABLE_ALL}[sys.argv[3]]
options.optimized_model_filepath = sys.argv[2]
options.log_severity_level = 3
onnxruntime.InferenceSession(sys.argv[1], options, disabled_optimizers=["NchwcTransformer"])
