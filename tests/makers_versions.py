"""Trains small forests of each kind with the XGBoost or LightGBM that is installed beside it, for makers_versions_test.py: FOLDER gets rows.csv,
and of each kind NAME.model, NAME.margins and NAME.predictions (the maker's own numbers: float32 of XGBoost, float64 of LightGBM).

    makers_versions.py xgboost|lightgbm FOLDER
"""
import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[2])
rng = np.random.default_rng(7)
n, asked = 400, 100
X = rng.normal(size=(n, 5)).astype("f4")
X[rng.random((n, 5)) < 0.2] = np.nan
X[:, 4] = rng.integers(0, 9, n)
z = np.nan_to_num(X[:, 0]) + np.sin(3 * np.nan_to_num(X[:, 1])) + (X[:, 4] % 3 == 1)
y, grades = (z + rng.normal(size=n) > 0.5).astype(int), rng.integers(0, 4, n)
# The shortest text that reads back to the same float32.
text = lambda v: "" if np.isnan(v) else np.format_float_scientific(v, unique=True, trim="0")  # noqa: E731
(folder / "rows.csv").write_text("a,b,c,d,e\n" + "".join(",".join(map(text, row)) + "\n" for row in X[:asked]))


def keep(name, suffix, margins, predictions, kind):
    np.ascontiguousarray(margins, dtype=kind).tofile(folder / (name + suffix + ".margins"))
    np.ascontiguousarray(predictions, dtype=kind).tofile(folder / (name + suffix + ".predictions"))


def xgboost_forests():
    import xgboost as xgb
    version = tuple(int(v) for v in xgb.__version__.split(".")[:2])
    coded = version >= (1, 6)
    kinds = {
        "logistic": ({"objective": "binary:logistic"}, y), "base_score": ({"objective": "binary:logistic", "base_score": 0.2}, y),
        "logitraw": ({"objective": "binary:logitraw"}, y), "squared_error": ({"objective": "reg:squarederror"}, 3 * z + 100),
        "lossguide": ({"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 12, "max_depth": 0}, y),
        "softprob": ({"objective": "multi:softprob", "num_class": 4}, grades), "softmax": ({"objective": "multi:softmax", "num_class": 4}, grades),
        "dart": ({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3}, y), "poisson": ({"objective": "count:poisson"}, grades),
        "parallel": ({"objective": "binary:logistic", "num_parallel_tree": 3, "subsample": 0.7}, y), "ndcg": ({"objective": "rank:ndcg"}, grades),
        "gamma": ({"objective": "reg:gamma"}, grades + 1), "tweedie": ({"objective": "reg:tweedie"}, grades), "absent": ({"objective": "binary:logistic"}, 0 * y),
    }
    if coded:
        kinds["one_hot"] = ({"objective": "binary:logistic", "tree_method": "hist", "max_cat_to_onehot": 100}, y)
    if version >= (1, 7):
        kinds["partition"] = ({"objective": "binary:logistic", "tree_method": "hist", "max_cat_to_onehot": 1}, y)
    if version >= (2, 0):
        kinds["quantiles"] = ({"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}, z)
        kinds["absolute"] = ({"objective": "reg:absoluteerror"}, z)
    for name, (params, label) in kinds.items():
        by_code = {"feature_types": ["q"] * 4 + ["c"], "enable_categorical": True} if name in ("one_hot", "partition") else {}
        d = xgb.DMatrix(X, label, **by_code)
        if name == "ndcg":
            d.set_group([20] * (n // 20))
        try:
            booster = xgb.train({"max_depth": 3, "nthread": 1, "verbosity": 0, **params}, d, 6)
        except xgb.core.XGBoostError as error:  # Some versions train no forest on labels of one class.
            if name != "absent":
                raise
            print("not trained:", name, str(error).splitlines()[0])
            continue
        ask = xgb.DMatrix(X[:asked], **by_code)
        margins, predictions = booster.predict(ask, output_margin=True), booster.predict(ask)
        for ending in (".json", ".ubj") if version >= (1, 6) else (".json",):
            booster.save_model(str(folder / (name + ending)))
            keep(name, ending, margins, predictions, "f4")


def lightgbm_forests():
    import lightgbm as lgb
    version = tuple(int(v) for v in lgb.__version__.split(".")[:2])
    rows = X.astype("f8")
    kinds = {
        "binary": ({"objective": "binary"}, y), "regression": ({"objective": "regression"}, 3 * z + 100), "l1": ({"objective": "regression_l1"}, z),
        "multiclass": ({"objective": "multiclass", "num_class": 4}, grades), "ova": ({"objective": "multiclassova", "num_class": 4}, grades),
        "dart": ({"objective": "binary", "boosting": "dart"}, y), "poisson": ({"objective": "poisson"}, grades),
        "forest": ({"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, y),
        "rank": ({"objective": "lambdarank"}, grades), "cross_entropy": ({"objective": "cross_entropy"}, y),
        "tweedie": ({"objective": "tweedie"}, grades), "zero_missing": ({"objective": "binary", "zero_as_missing": True}, y),
        "categories": ({"objective": "binary", "max_cat_to_onehot": 1, "cat_smooth": 1, "min_data_per_group": 5}, y), "absent": ({"objective": "binary"}, 0 * y),
    }
    for name, (params, label) in kinds.items():
        d = lgb.Dataset(rows, label, categorical_feature=[4] if name == "categories" else [], group=[20] * (n // 20) if name == "rank" else None)
        booster = lgb.train({"verbosity": -1, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 5, **params}, d, 6)
        booster.save_model(str(folder / (name + ".txt")))
        keep(name, ".txt", booster.predict(rows[:asked], raw_score=True), booster.predict(rows[:asked]), "f8")
    del version


{"xgboost": xgboost_forests, "lightgbm": lightgbm_forests}[sys.argv[1]]()
