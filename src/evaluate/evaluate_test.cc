#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/rng.h"
#include "base/test_python.h"
#include "evaluate/binary_metrics.h"
#include "evaluate/feature_profile.h"
#include "evaluate/ranking_metrics.h"
#include "evaluate/report.h"

namespace gfr {
namespace {

struct Sample {
  std::vector<float> probability, label;
  std::vector<std::uint64_t> user;
  BinaryRows rows() const { return {probability, label, user}; }
};

Sample RandomSample(std::uint64_t seed, int count, int grid) {
  Rng rng(seed);
  Sample s;
  for (int i = 0; i < count; ++i) {
    const auto p = static_cast<float>(static_cast<double>(1 + rng.Below(static_cast<std::uint64_t>(grid))) /
                                      (grid + 2));  // With ties.
    s.probability.push_back(p);
    s.label.push_back(rng.Chance(p * 0.8 + 0.05));
    s.user.push_back(rng.Below(200));
  }
  return s;
}

TEST(BinaryMetrics, EqualScikitLearns) {
  for (const int grid : {7, 100000}) {
    const Sample s = RandomSample(static_cast<std::uint64_t>(grid), 5000, grid);
    const TestFolder folder;
    {
      std::ofstream file(folder / "rows.txt");
      file.precision(9);
      for (std::size_t i = 0; i < s.label.size(); ++i) file << s.probability[i] << " " << s.label[i] << "\n";
    }
    std::istringstream reference(RunPython(folder, R"(
import numpy as np
from sklearn.metrics import roc_auc_score, average_precision_score, log_loss
rows = np.loadtxt("rows.txt", dtype=np.float32).astype(np.float64)
p, y = rows[:, 0], rows[:, 1]
print(repr(float(roc_auc_score(y, p))), repr(float(average_precision_score(y, p))), repr(float(log_loss(y, p))), repr(float(y.mean() / p.mean())))
)"));
    double auc_roc, auc_pr, log_loss, oe;
    reference >> auc_roc >> auc_pr >> log_loss >> oe;
    const BinaryMetrics m = MeasureBinary(s.rows(), 20, 1);
    EXPECT_NEAR(m.auc_roc.value, auc_roc, 1e-9);
    EXPECT_NEAR(m.auc_pr.value, auc_pr, 1e-9);
    EXPECT_NEAR(m.log_loss.value, log_loss, 1e-6);
    EXPECT_NEAR(m.observed_over_expected.value, oe, 1e-6);
    EXPECT_LT(m.auc_roc.interval.low, m.auc_roc.value);
    EXPECT_GT(m.auc_roc.interval.high, m.auc_roc.value);
  }
}

TEST(BinaryMetrics, AreMissingWhereTheyDoNotExist) {
  const std::vector<float> p{0.2f, 0.4f}, none{0, 0};
  const std::vector<std::uint64_t> users{1, 2};
  const BinaryMetrics m = MeasureBinary({p, none, users}, 10, 1);
  EXPECT_TRUE(std::isnan(m.auc_roc.value));
  EXPECT_TRUE(std::isnan(MeasureBinary({}, 10, 1).log_loss.value));
  EvaluationReport report;
  report.objectives.push_back({.name = "pctr", .metrics = m});
  EXPECT_TRUE(nlohmann::json::parse(ReportToJson(report))["objectives"]["pctr"]["auc_roc"].is_null());
}

TEST(BinaryMetrics, IntervalsCoverTheTruthNearlyAlways) {
  // The truth by a large sample; 40 small ones must cover it about 38 times.
  const double truth = MeasureBinary(RandomSample(999, 200000, 1000).rows(), 0, 1).auc_roc.value;
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto interval = MeasureBinary(RandomSample(seed, 2000, 1000).rows(), 200, seed).auc_roc.interval;
    covered += interval.low <= truth && truth <= interval.high;
  }
  EXPECT_GE(covered, 34);
}

TEST(RankingMetrics, CountRanksAsTheirDefinitionSays) {
  // Three slates of 3: clicked first by score, clicked last, clicked item not in the slate.
  const std::vector<RankedRequest> requests{
      {1, 1, 3, 1, false, true}, {1, 1, 3, 1, true, false}, {2, 2, 3, -1, true, true}};
  const std::vector<float> a{1, 5, 2}, b{3, 1, 2}, c{1, 2, 3}, ties{0, 0, 0};
  const std::vector<std::span<const float>> scores{a, b, c};
  const RankingMetrics m = MeasureRanking(requests, scores, 0, 1);
  EXPECT_NEAR(m.mrr.value, (1.0 + 1.0 / 3 + 0) / 3, 1e-12);
  EXPECT_NEAR(m.mrr_last_of_session.value, (1.0 / 3 + 0) / 2, 1e-12);
  EXPECT_NEAR(m.mrr_untouched.value, (1.0 + 0) / 2, 1e-12);
  EXPECT_NEAR(m.ndcg_10.value, (1.0 + 1.0 / 2 + 0) / 3, 1e-12) << "1 / log2(3 + 1) at rank 3";
  const std::vector<std::span<const float>> tied{ties, ties, ties};
  EXPECT_NEAR(MeasureRanking(requests, tied, 0, 1).mrr.value, (0.5 + 0.5) / 3, 1e-12) << "ties keep the slate's order";
  EXPECT_NEAR(PairedMrrDifference(requests, scores, tied, 100, 1).value, (1.0 + 1.0 / 3) / 3 - 1.0 / 3, 1e-12);
}

TEST(Report, IsOnePageWithoutNetworkThatEscapesNames) {
  EvaluationReport report;
  report.model = "<script>";
  const Sample s = RandomSample(1, 1000, 50);
  report.objectives.push_back({.name = "pctr",
                               .metrics = MeasureBinary(s.rows(), 10, 1),
                               .roc = RocCurve(s.rows(), 50),
                               .pr = PrCurve(s.rows(), 50),
                               .reliability = Reliability(s.rows(), 15),
                               .importance = {{"price", 3.0}}});
  const std::string html = ReportToHtml(report);
  EXPECT_THAT(html, testing::Not(testing::HasSubstr("<script>")));
  EXPECT_THAT(html, testing::Not(testing::HasSubstr("http")));
  EXPECT_THAT(html, testing::HasSubstr("<svg"));
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
