"""The models and tables of this folder, with what their makers predict (feature_rows_test.cc has it): LightGBM 4.7, XGBoost 3.2. usage: make.py FOLDER"""
import sys
import json, pathlib, re
import lightgbm as lgb, numpy as np, pandas as pd, xgboost as xgb
out = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(7); n = 120
d = pd.DataFrame({"colour": pd.Categorical(rng.choice(["red", "dark blue", "green"], n), categories=["red", "green", "dark blue"]), "const": pd.Categorical(["a"] * n),
                  "size": pd.Categorical(rng.choice([10, 20, 30], n)), "none": 1.0, "flag": pd.Categorical(rng.random(n) < .5), "rate": pd.Categorical(rng.choice([0.1, 0.7, 1e20], n)), "my x": rng.normal(size=n)})
y = (d["colour"].cat.codes * 1.5 + (d["size"].cat.codes == 1) * 2 + d["flag"].cat.codes + 3 * (d["rate"].cat.codes == 1) + d["my x"] * .3).to_numpy(float)
l = lgb.train({"num_leaves": 9, "min_data_in_leaf": 2, "verbose": -1, "min_data_per_group": 1, "cat_smooth": 1, "max_cat_to_onehot": 1, "cat_l2": 0}, lgb.Dataset(d, y), 3)
text = l.model_to_string()
text = text[:text.index("feature_importances:")] + text[text.index("pandas_categorical:"):]
(out / "lightgbm_categories.txt").write_text(text)
t = d[:8].copy(); t["size"] = pd.Categorical([99, None] + [int(v) for v in t["size"][2:]])
t.to_csv(out / "lightgbm_categories.csv", index=False)
print("lightgbm", l.predict(t, raw_score=True).tolist())
x = d[["colour", "size", "my x"]]
m = xgb.train({"max_depth": 3, "eta": .5, "max_cat_to_onehot": 1}, xgb.DMatrix(x, y, enable_categorical=True), 2); m.save_model(out / "xgboost_categories.json")
t = x[:8].copy(); t.loc[1, "size"] = None
t.to_csv(out / "xgboost_categories.csv", index=False)
print("xgboost", m.predict(xgb.DMatrix(t, enable_categorical=True), output_margin=True).tolist())
