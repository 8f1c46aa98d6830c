// Forests trained by the installed XGBoost and LightGBM: every scorer gives their margins bit for bit, and their
// predictions within one unit in the last place. GFR_DATA names a folder with adult.tar.xz and
// lightgbm_examples.tar.xz; else they are looked for in ../shared/data, beside the source.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "base/file_system.h"
#include "base/test_python.h"
#include "model/link.h"
#include "score/scorer.h"

namespace gfr {
namespace {

// T: float for XGBoost, double for LightGBM.
template <typename T>
std::vector<T> ReadValues(const std::string& path) {
  const std::string bytes = PosixFileSystem().ReadAll(path).value();
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <typename T>
void ExpectEngines(const std::filesystem::path& folder, const std::string& name) {
  SCOPED_TRACE(name);
  const auto forest = ParseForest(PosixFileSystem().ReadAll((folder / (name + ".model")).string()).value());
  ASSERT_TRUE(forest.ok()) << forest.error().message;
  const auto rows = ReadValues<T>((folder / (name + ".rows")).string()),
             margins = ReadValues<T>((folder / (name + ".margins")).string()),
             predictions = ReadValues<T>((folder / (name + ".predictions")).string());
  const std::size_t stride = static_cast<std::size_t>(forest.value().columns), count = rows.size() / stride;
  ASSERT_GT(count, 0u);
  ASSERT_EQ(margins.size(), count * static_cast<std::size_t>(forest.value().classes));
  for (const ScorerKind kind : {ScorerKind::kScalar, ScorerKind::kCompact, ScorerKind::kPortable, ScorerKind::kAvx2,
                                ScorerKind::kAvx512, ScorerKind::kAuto}) {
    if (!IsSupported(kind)) continue;
    std::vector<double> mine(margins.size());
    Scorer::Make(forest.value(), kind).value()->Margins(Rows(rows.data(), count, stride), mine.data());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) wrong += static_cast<T>(mine[i]) != margins[i];
    EXPECT_EQ(wrong, 0u) << ScorerKindName(kind);
    if (kind != ScorerKind::kScalar) continue;
    ApplyLink(forest.value(), mine.data(), count);
    const std::size_t shown = PredictionsPerRow(forest.value());
    ASSERT_EQ(predictions.size(), count * shown);
    wrong = 0;
    for (std::size_t i = 0; i < predictions.size(); ++i) {
      const auto p = static_cast<T>(mine[i / shown * static_cast<std::size_t>(forest.value().classes) + i % shown]);
      wrong += !(p == predictions[i] || std::nextafter(p, predictions[i]) == predictions[i]);
    }
    EXPECT_EQ(wrong, 0u) << "predictions";
  }
}

constexpr const char* kCommon = "SOURCE = r'" GFR_SOURCE_DIR
                                "'"
                                R"(
import numpy as np, os, sys, tarfile, io, csv
rng = np.random.default_rng(1)
n = 1500
X = rng.normal(size=(n, 5))
X[:, 3] = rng.integers(0, 40, n)
X[:, 4] = np.where(rng.random(n) < .4, 0, X[:, 4])
Z = X.copy()
Z[:, :3][rng.random((n, 3)) < .2] = np.nan
z = np.nan_to_num(Z[:, 0]) + (X[:, 3] % 3 == 1)
y, y3 = (z > .5).astype(int), rng.integers(0, 3, n)
T = Z[:800].copy()
T[100:150, 2] = -0.0
T[150:200, 2], T[200:220, 2], T[220:240, 2] = 1e-40, -1e-35, 1e-35
T[250:300, 3], T[300:350, 3] = 39, 2.5
T[400:440, 4] = np.nan
def case(name, save, rows, margins, predictions, t):
    save(name + ".model")
    for what, values in (("rows", rows), ("margins", margins), ("predictions", predictions)):
        np.ascontiguousarray(values, dtype=t).tofile(name + "." + what)
    print(name)
def opened(archive):
    path = os.path.join(os.environ.get("GFR_DATA", SOURCE + "/../shared/data"), archive)
    return tarfile.open(path) if os.path.exists(path) else None
def adult():
    archive = opened("adult.tar.xz")
    if archive is None: return None
    tables = [list(csv.reader(io.TextIOWrapper(archive.extractfile(f"adult/adult_{p}.csv")))) for p in ("train", "test")]
    head, names = tables[0][0], {}
    def number(c, v):
        try: return float(v)
        except ValueError: return np.nan if v in ("", "?", "NA") else names.setdefault(c, {}).setdefault(v, len(names[c]))
    words = {c for c in range(14) if not tables[0][1][c].strip().replace(".", "").isdigit()}
    rows = [np.array([[number(c, v.strip()) for c, v in enumerate(r[:14])] for r in t[1:6001]]) for t in tables]
    labels = [np.array([">" in r[14] for r in t[1:6001]]) for t in tables]
    return rows, labels, sorted(words)
)";

std::vector<std::string> Names(const std::string& out) {
  std::vector<std::string> names;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

TEST(XgboostParity, MarginsAreEqualBitForBitAndPredictionsToOneUlp) {
  const TestFolder folder;
  const auto names = Names(RunPython(folder, std::string(kCommon) + R"(
import json, xgboost as xgb
TYPES = ["q", "q", "q", "c", "q"]
def run(name, params, y, save="ubj", **kw):
    d = xgb.DMatrix(Z, y, feature_types=TYPES, enable_categorical=True, **kw)
    b = xgb.train({"max_depth": 5, "nthread": 2, **params}, d, 8)
    ask = xgb.DMatrix(T, feature_types=TYPES, enable_categorical=True)
    edges = T.astype("f4")
    for tree in b.get_dump():  # Values equal to thresholds.
        for k, part in enumerate(tree.split("<")[1:20]):
            if part[0] in "-0123456789": edges[440 + k, :3] = np.float32(part.split("]")[0])
    ask = xgb.DMatrix(edges, feature_types=TYPES, enable_categorical=True)
    def write(path):
        with open(path, "wb") as f: f.write(b.save_raw(save))
    case(name, write, edges, b.predict(ask, output_margin=True), b.predict(ask), "f4")
run("logistic", {"objective": "binary:logistic"}, y)
run("json", {"objective": "binary:logistic"}, y, save="json")
run("one_hot", {"objective": "binary:logistic", "max_cat_to_onehot": 100}, y)
run("dart", {"objective": "binary:logistic", "booster": "dart", "rate_drop": .3}, y)
run("softprob", {"objective": "multi:softprob", "num_class": 3}, y3)
run("softmax", {"objective": "multi:softmax", "num_class": 3}, y3)
run("parallel", {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2, "subsample": .5}, y3)
for o in ("ndcg", "map", "pairwise"): run("rank_" + o, {"objective": "rank:" + o}, y, qid=np.arange(n) // 10)
for o in ("reg:squarederror", "reg:logistic", "binary:logitraw", "binary:hinge", "reg:absoluteerror", "count:poisson", "reg:tweedie"):
    run(o.replace(":", "_"), {"objective": o}, y)
def repeated():  # Every category of a set twice, which XGBoost reads as once.
    d = xgb.DMatrix(Z, y, feature_types=TYPES, enable_categorical=True)
    model = json.loads(xgb.train({"objective": "binary:logistic", "nthread": 2}, d, 8).save_raw("json"))
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        tree["categories"] = [c for c in tree["categories"] for _ in range(2)]
        for key in ("categories_segments", "categories_sizes"): tree[key] = [2 * k for k in tree[key]]
    assert any(tree["categories"] for tree in model["learner"]["gradient_booster"]["model"]["trees"])
    raw = bytearray(json.dumps(model), "utf-8")
    b = xgb.Booster(model_file=raw)
    ask, t = xgb.DMatrix(T.astype("f4"), feature_types=TYPES, enable_categorical=True), T.astype("f4")
    case("repeated_categories", lambda path: open(path, "wb").write(raw), t, b.predict(ask, output_margin=True), b.predict(ask), "f4")
repeated()
run("deep", {"objective": "binary:logistic", "max_depth": 0, "max_leaves": 500, "grow_policy": "lossguide", "min_child_weight": 0}, y)
found = adult()
if found:
    rows, labels, words = found
    types = ["c" if c in words else "q" for c in range(14)]
    b = xgb.train({"objective": "binary:logistic", "nthread": 2}, xgb.DMatrix(rows[0], labels[0], feature_types=types, enable_categorical=True), 20)
    ask = xgb.DMatrix(rows[1], feature_types=types, enable_categorical=True)
    def write(path):
        with open(path, "wb") as f: f.write(b.save_raw("ubj"))
    case("adult", write, rows[1], b.predict(ask, output_margin=True), b.predict(ask), "f4")
)"));
  ASSERT_GE(names.size(), 19u);
  for (const std::string& name : names) ExpectEngines<float>(folder.path(), name);
  if (names.back() != "adult")
    GTEST_SKIP() << "SKIPPED: the adult data is neither in the folder that GFR_DATA names nor in ../shared/data";
}

// What version 1.7 wrote and gave: testdata/xgboost_1.7/make.py.
TEST(XgboostParity, FilesOfVersion17GiveItsMarginsBitForBit) {
  const std::filesystem::path folder = GFR_SOURCE_DIR "/src/score/testdata/xgboost_1.7";
  std::size_t models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".model") continue;
    ExpectEngines<float>(folder, entry.path().stem().string());
    ++models;
  }
  EXPECT_EQ(models, 11u);
}

TEST(XgboostParity, ABestIterationEndsTheForestUnlessRoundsAreAskedFor) {
  const TestFolder folder;
  RunPython(folder, std::string(kCommon) + R"(
import xgboost as xgb
b = xgb.train({"objective": "multi:softprob", "num_class": 3}, xgb.DMatrix(Z, y3), 7)
b.set_attr(best_iteration="3")
b.save_model("best.ubj")
)");
  const std::string bytes = PosixFileSystem().ReadAll(folder / "best.ubj").value();
  EXPECT_EQ(ParseForest(bytes).value().trees(), 12u);
  EXPECT_EQ(ParseForest(bytes, {.rounds = 6}).value().trees(), 18u);
  EXPECT_EQ(ParseForest(bytes, {.rounds = 99}).value().trees(), 21u);
}

TEST(LightgbmParity, MarginsAreEqualToTheLastBitOfDouble) {
  const TestFolder folder;
  const auto names = Names(RunPython(folder, std::string(kCommon) + R"(
import lightgbm as lgb
T[:50, 0], T[50:100, 1] = np.inf, -np.inf
T[350:380, 3], T[380:400, 3] = -1, 3e9
def run(name, params, y, X=Z, **kw):
    b = lgb.train({"verbose": -1, "num_threads": 2, **params}, lgb.Dataset(X, y, categorical_feature=[3], **kw), 8)
    case(name, b.save_model, T, b.predict(T, raw_score=True), b.predict(T), "f8")
for o in ("binary", "regression", "huber", "quantile", "poisson", "tweedie", "cross_entropy", "cross_entropy_lambda"):
    run(o, {"objective": o}, y)
run("sqrt", {"objective": "regression", "reg_sqrt": True}, z)
run("sigmoid_2", {"objective": "binary", "sigmoid": 2.0}, y)
run("multiclass", {"objective": "multiclass", "num_class": 3}, y3)
run("multiclassova", {"objective": "multiclassova", "num_class": 3}, y3)
run("zero_as_missing", {"objective": "binary", "zero_as_missing": True}, y)
run("no_missing", {"objective": "binary", "use_missing": False}, y)
run("none_missing", {"objective": "binary"}, y, X=X)
run("many_leaves", {"objective": "binary", "num_leaves": 400, "min_data_in_leaf": 2}, y)
run("random_forest", {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": .5}, y)
run("dart", {"objective": "binary", "boosting": "dart"}, y)
run("lambdarank", {"objective": "lambdarank"}, y, group=[10] * (n // 10))
archive = opened("lightgbm_examples.tar.xz")
if archive:
    read = lambda f: np.loadtxt(archive.extractfile("lightgbm_examples/binary_classification/" + f))
    train, test = read("binary.train"), read("binary.test")
    b = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 2}, lgb.Dataset(train[:, 1:], train[:, 0]), 30)
    case("lightgbm_examples", b.save_model, test[:, 1:], b.predict(test[:, 1:], raw_score=True), b.predict(test[:, 1:]), "f8")
)"));
  ASSERT_GE(names.size(), 19u);
  for (const std::string& name : names) ExpectEngines<double>(folder.path(), name);
  if (names.back() != "lightgbm_examples")
    GTEST_SKIP() << "SKIPPED: lightgbm_examples is neither in the folder that GFR_DATA names nor in ../shared/data";
}

TEST(LightgbmParity, ACategoryThatIsNoInt32IsRefused) {
  const auto model = [](const char* words) {
    return "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\n\n"
           "Tree=0\nnum_leaves=2\nnum_cat=1\nsplit_feature=0\nthreshold=0\ndecision_type=1\nleft_child=-1\n"
           "right_child=-2\nleaf_value=1 2\ncat_boundaries=0 " +
           std::string(words) + "\ncat_threshold=1\n\nend of trees\n";
  };
  EXPECT_TRUE(ParseForest(model("1")).ok());
  const auto forest = ParseForest(model("67108865"));
  ASSERT_FALSE(forest.ok());
  EXPECT_THAT(forest.error().message, testing::HasSubstr("a category set of more than 2^26 words"));
}

TEST(LightgbmParity, LinearTreesAreRefusedByName) {
  const TestFolder folder;
  RunPython(folder, std::string(kCommon) + R"(
import lightgbm as lgb
lgb.train({"verbose": -1, "objective": "regression", "linear_tree": True}, lgb.Dataset(X, z), 2).save_model("linear.txt")
)");
  const auto forest = ParseForest(PosixFileSystem().ReadAll(folder / "linear.txt").value());
  ASSERT_FALSE(forest.ok());
  EXPECT_THAT(forest.error().message, testing::HasSubstr("linear trees"));
}

}  // namespace
}  // namespace gfr
