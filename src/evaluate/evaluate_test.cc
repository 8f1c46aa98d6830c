#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "evaluate/feature_profile.h"
#include "evaluate/report.h"
#include "metric/test_sample.h"

namespace gfr {
namespace {

TEST(Report, IsOnePageWithoutNetworkThatEscapesNames) {
  EvaluationReport report;
  report.model = "<script>";
  const Sample s = RandomSample(1, 1000, 50);
  report.objectives.push_back({.name = "pctr",
                               .metrics = MeasureBinary(s.rows(), 10, 1),
                               .by_user = MeasureByGroup(s.rows(), s.user, kReportedRanks, 10, 1),
                               .roc = RocCurve(s.rows(), 50),
                               .pr = PrCurve(s.rows(), 50),
                               .reliability = Reliability(s.rows(), 15),
                               .lift = Lift(s.rows(), 10),
                               .importance = {{"price", 3.0, 0.5}},
                               .difference = MeasureBinary(s.rows(), 10, 1)});
  report.against = "feed/<b>";
  const std::string html = ReportToHtml(report);
  EXPECT_THAT(html, testing::Not(testing::HasSubstr("<script>")));
  EXPECT_THAT(html, testing::Not(testing::HasSubstr("http")));
  EXPECT_THAT(html, testing::HasSubstr("<svg"));
  EXPECT_THAT(html, testing::HasSubstr("GAUC"));
  const auto json = nlohmann::json::parse(ReportToJson(report))["objectives"]["pctr"];
  EXPECT_EQ(json["by_user"]["groups"], 199) << "of 200 users, one has no row";
  EXPECT_FALSE(json.contains("by_request"));
  EXPECT_GT(json["brier"], 0);
  EXPECT_EQ(json["importance"][0]["shap"], 0.5);
  EXPECT_THAT(html, testing::Not(testing::HasSubstr("<b>")));
  EXPECT_TRUE(nlohmann::json::parse(ReportToJson(report))["against"]["objectives"].contains("pctr"));
}

TEST(Report, WritesAMetricThatDoesNotExistAsNull) {
  EvaluationReport report;
  report.objectives.push_back({.name = "pctr", .metrics = MeasureBinary({}, 10, 1)});
  EXPECT_TRUE(nlohmann::json::parse(ReportToJson(report))["objectives"]["pctr"]["auc_roc"].is_null());
}

TEST(Slices, ComeWorstFirst) {
  const auto slice = [](const std::string& name, double low, double high, double auc) {
    SliceReport s{.feature = "f", .value = name};
    s.metrics.observed_over_expected = {1, {low, high}};
    s.metrics.auc_roc.value = auc;
    return s;
  };
  std::vector<SliceReport> slices{slice("good", 0.9, 1.1, 0.8), slice("weak", 1.0000001, 1.0000002, 0.6),
                                  slice("low", 0.5, 0.9, 0.9), slice("high", 1.3, 1.9, 0.9),
                                  slice("no auc", 0.9, 1.1, std::nan(""))};
  SortWorstFirst(slices);
  std::vector<std::string> names;
  for (const SliceReport& s : slices) names.push_back(s.value);
  EXPECT_THAT(names, testing::ElementsAre("high", "low", "weak", "good", "no auc"));
}

TEST(FeatureProfile, EqualsNumpyAndScikitLearn) {
  Rng rng(11);
  const TestFolder folder;
  std::vector<float> x, y;
  {
    std::ofstream file(folder / "x.txt");
    file.precision(9);
    for (int i = 0; i < 4000; ++i) {  // With ties, a heap at zero, and missing values.
      const double u = rng.Uniform();
      x.push_back(u < 0.1   ? NAN
                  : u < 0.4 ? 0.0f
                  : u < 0.7 ? static_cast<float>(rng.Below(5))
                            : static_cast<float>(rng.Normal()));
      y.push_back(rng.Chance(std::isnan(x.back()) ? 0.02 : 0.1 + 0.05 * (x.back() > 1)));
      file << x.back() << " " << y.back() << "\n";
    }
  }
  std::istringstream reference(RunPython(folder, R"(
import numpy as np
from sklearn.metrics import roc_auc_score
rows = np.loadtxt("x.txt", dtype=np.float32).astype(np.float64)
x, y = rows[:, 0], rows[:, 1]
there = ~np.isnan(x)
edges = np.unique(np.quantile(x[there], np.arange(1, 11) / 10))
bin_of = np.where(there, np.digitize(np.where(there, x, 0), edges, right=True), len(edges))
counts = [((bin_of == b) & (y == 1), (bin_of == b) & (y == 0)) for b in range(len(edges) + 1)]
counts = [(p.sum(), n.sum()) for p, n in counts if p.sum() + n.sum() > 0]
B, P, N = len(counts), y.sum(), (1 - y).sum()
woe = [np.log(((p + .5) / (P + B / 2)) / ((n + .5) / (N + B / 2))) for p, n in counts]
iv = sum(((p + .5) / (P + B / 2) - (n + .5) / (N + B / 2)) * w for (p, n), w in zip(counts, woe))
print(B)
for (p, n), w in zip(counts, woe): print(p + n, p, repr(float(w)))
print(repr(float(iv)), repr(float(roc_auc_score(y[there], x[there]))), repr(float(np.corrcoef(x[there], y[there])[0, 1])), len(np.unique(x[there])))
)"));
  const FeatureProfile f = ProfileFeature("x", false, x, y, {});
  std::size_t bins = 0;
  reference >> bins;
  ASSERT_EQ(f.bins.size(), bins);
  for (const ProfileBin& b : f.bins) {
    std::uint64_t rows, positives;
    double woe;
    reference >> rows >> positives >> woe;
    EXPECT_EQ(b.rows, rows);
    EXPECT_EQ(b.positives, positives);
    EXPECT_NEAR(b.weight_of_evidence, woe, 1e-9);
  }
  double iv, auc, correlation;
  std::uint64_t distinct;
  reference >> iv >> auc >> correlation >> distinct;
  EXPECT_NEAR(f.information_value, iv, 1e-9);
  EXPECT_NEAR(f.auc, auc, 1e-9);
  EXPECT_NEAR(f.correlation, correlation, 1e-9);
  EXPECT_EQ(f.distinct, distinct);
}

TEST(FeatureProfile, NamesTheCommonestCategoriesAndKeepsTheRestTogether) {
  std::vector<float> x, y;
  for (int c = 0; c < 15; ++c) {
    for (int k = 0; k <= c; ++k) {
      x.push_back(static_cast<float>(c));
      y.push_back(k == 0);
    }
  }
  x.push_back(NAN);
  y.push_back(1);
  const FeatureProfile f = ProfileFeature("c", true, x, y, [](float c) { return "c" + std::to_string(int(c)); });
  ASSERT_EQ(f.bins.size(), 12u);
  EXPECT_EQ(f.bins[0].value, "c14");
  EXPECT_EQ(f.bins[0].rows, 15u);
  EXPECT_EQ(f.bins[10].value, "other");
  EXPECT_EQ(f.bins[10].rows, 1u + 2 + 3 + 4 + 5);
  EXPECT_EQ(f.bins[10].positives, 5u);
  EXPECT_EQ(f.bins[11].value, "missing");
  EXPECT_TRUE(std::isnan(f.auc));
}

TEST(FeatureProfile, SaysWhatIsOddAndIsAPageWithoutNetwork) {
  const std::vector<float> y{0, 1, 0, 1}, constant{2, 2, 2, 2}, gone{NAN, NAN, NAN, NAN};
  EXPECT_NE(ProfileFeature("x", false, constant, y, {}).note.find("constant"), std::string::npos);
  EXPECT_NE(ProfileFeature("x", false, gone, y, {}).note.find("always missing"), std::string::npos);
  std::vector<float> labels(400, 0.0f);
  std::fill(labels.begin(), labels.begin() + 100, 1.0f);
  EXPECT_NE(ProfileFeature("x", false, labels, labels, {}).note.find("too good"), std::string::npos);
  ProfileReport report{.project = "<script>"};
  report.objectives.push_back(
      {"pctr", 4, 2, {ProfileFeature("<b>", false, y, y, {}), ProfileFeature("g", false, gone, y, {})}});
  const std::string html = ProfileToHtml(report);
  EXPECT_THAT(html, testing::Not(testing::AnyOf(testing::HasSubstr("<script>"), testing::HasSubstr("http"),
                                                testing::HasSubstr("<b>"))));
  EXPECT_THAT(html, testing::HasSubstr("<svg"));
  const auto json = nlohmann::json::parse(ProfileToJson(report));
  EXPECT_EQ(json["objectives"]["pctr"]["features"][0]["rows"], 4);
  EXPECT_TRUE(json["objectives"]["pctr"]["features"][1]["mean"].is_null());
}

}  // namespace
}  // namespace gfr
