"""Makes the files beside it with XGBoost 1.7.6 (pip install xgboost==1.7.6 "numpy<2" scipy): small forests of each kind, rows, and the margins
and predictions that this version gives; for the test in makers_test.cc, which has the newest XGBoost only to ask."""
import numpy as np
import xgboost as xgb

assert xgb.__version__ == "1.7.6"
rng = np.random.default_rng(7)
n = 400
X = rng.normal(size=(n, 5)).astype("f4")
X[rng.random((n, 5)) < 0.2] = np.nan
X[:, 4] = rng.integers(0, 9, n)
z = np.nan_to_num(X[:, 0]) + np.sin(3 * np.nan_to_num(X[:, 1])) + (X[:, 4] % 3 == 1)
y, grades = (z + rng.normal(size=n) > 0.5).astype(int), rng.integers(0, 4, n)
TYPES = ["q"] * 4 + ["c"]


def make(name, params, label, kind="ubj", types=None, group=None, **kw):
    d = xgb.DMatrix(X, label, feature_types=types, enable_categorical=types is not None)
    if group:
        d.set_group(group)
    b = xgb.train({"max_depth": 3, "nthread": 1, **params}, d, 4, **kw)
    ask = xgb.DMatrix(X[:60], feature_types=types, enable_categorical=types is not None)
    with open(name + ".model", "wb") as f:
        f.write(b.save_raw(kind))
    for what, margin in (("margins", True), ("predictions", False)):
        np.ascontiguousarray(b.predict(ask, output_margin=margin), dtype="f4").tofile(f"{name}.{what}")
    X[:60].tofile(name + ".rows")


make("logistic", {"objective": "binary:logistic"}, y)
make("json", {"objective": "binary:logistic"}, y, kind="json")
make("base_score", {"objective": "binary:logistic", "base_score": 0.2}, y)
make("squared_error", {"objective": "reg:squarederror"}, 3 * z + 100)
make("lossguide", {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 12, "max_depth": 0}, y)
make("one_hot", {"objective": "binary:logistic", "tree_method": "hist", "max_cat_to_onehot": 100}, y, types=TYPES)
make("categories", {"objective": "binary:logistic", "tree_method": "hist", "max_cat_to_onehot": 1}, y, types=TYPES)
make("softprob", {"objective": "multi:softprob", "num_class": 4}, grades)
make("dart", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3}, y)
make("ndcg", {"objective": "rank:ndcg"}, grades, group=[20] * (n // 20))
make("poisson", {"objective": "count:poisson"}, grades)
