"""Models of scikit-learn, XGBoost and LightGBM as skl2onnx and onnxmltools write them; see compare.py.

    python3 tests/exporters/sklearn_models.py FOLDER        needs skl2onnx, onnxmltools, xgboost, lightgbm
"""
import sys
import warnings

import lightgbm
import numpy as np
import sklearn.utils
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.base import is_classifier, is_regressor

from compare import save

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((120, 6)).astype(np.float32)
THREE_CLASSES = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)
TWO_CLASSES = (X[:, 0] > 0).astype(int)
NUMBERS = (X @ RANDOM.standard_normal(6)).astype(np.float32)


def targets(model):
    if is_classifier(model):
        return [("three", THREE_CLASSES), ("two", TWO_CLASSES)]
    return [("numbers", NUMBERS)]


def rows(model):
    """Some of them with gaps where the model is there to fill them."""
    x = X[:7].copy()
    if type(model).__name__.endswith("Imputer"):
        x[::2, 1] = x[1:3, 4] = np.nan
    return x


def export(folder, name, model, y):
    model.fit(X, y)
    for zipmap in (True, False) if is_classifier(model) else (True,):
        options = None if zipmap else {id(model): {"zipmap": False}}
        save(folder, name + ("" if zipmap else "_arrays"), to_onnx(model, X[:1], options=options), [rows(model)])


def export_boosted(folder):
    for kind, convert in ((xgboost.XGBClassifier, convert_xgboost), (xgboost.XGBRegressor, convert_xgboost),
                          (lightgbm.LGBMClassifier, convert_lightgbm), (lightgbm.LGBMRegressor, convert_lightgbm)):
        for what, y in targets(kind()):
            model = kind(n_estimators=8).fit(X, y)
            onnx_model = convert(model, initial_types=[("x", FloatTensorType([None, 6]))], target_opset=15)
            save(folder, f"{kind.__name__}_{what}", onnx_model, [X[:7]])


def main(folder):
    warnings.simplefilter("ignore")
    for name, kind in sklearn.utils.all_estimators():
        try:
            model = kind()
            known = targets(model) if is_classifier(model) or is_regressor(model) else [("none", None)]
            for what, y in known:
                export(folder, f"{name}_{what}", model, y)
        except Exception as e:  # whatever the exporter does not take
            print(f"not exported: {name}: {str(e).splitlines()[:1]}")
    export_boosted(folder)


main(sys.argv[1])
