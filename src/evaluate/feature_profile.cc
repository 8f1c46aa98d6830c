#include "evaluate/feature_profile.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "stats/descriptive.h"

namespace gfr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kTopCategories = 10;

struct Row {
  float value, label;
};

void AddTo(ProfileBin& bin, float label) {
  ++bin.rows;
  bin.positives += label > 0.5f;
}

// The area under the ROC curve of the value as a score: Mann and Whitney's statistic, ties half.
double AucOfSorted(const std::vector<Row>& sorted) {
  double below = 0, area = 0, positives = 0;
  for (std::size_t i = 0; i < sorted.size();) {
    double p = 0, n = 0;
    for (const float v = sorted[i].value; i < sorted.size() && sorted[i].value == v; ++i)
      (sorted[i].label > 0.5f ? p : n) += 1;
    area += p * (below + n / 2);
    below += n;
    positives += p;
  }
  return positives > 0 && below > 0 ? area / (positives * below) : kNaN;
}

void ProfileNumber(FeatureProfile& f, const std::vector<Row>& sorted) {
  std::vector<float> x, y;
  for (const Row& row : sorted) {
    x.push_back(row.value);
    y.push_back(row.label);
  }
  const Moments m = MomentsOf(x);
  f.mean = m.mean;
  f.sd = m.sd;
  f.low = QuantileOfSorted(x, 0);
  f.high = QuantileOfSorted(x, 1);
  f.auc = AucOfSorted(sorted);
  f.correlation = Correlation(x, y);
  std::vector<double> edges;
  for (int d = 1; d <= 10; ++d) {
    const double edge = QuantileOfSorted(x, d / 10.0);
    if (d < 10) f.deciles.push_back(edge);
    if (!x.empty() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
  }
  std::size_t at = 0;
  double low = f.low;
  for (const double edge : edges) {
    ProfileBin bin{.low = low, .high = edge};
    for (; at < sorted.size() && sorted[at].value <= edge; ++at) AddTo(bin, sorted[at].label);
    if (bin.rows > 0) f.bins.push_back(bin);
    low = edge;
  }
  for (std::size_t i = 0; i < x.size(); ++i) f.distinct += i == 0 || x[i] != x[i - 1];
}

void ProfileCategory(FeatureProfile& f, const std::vector<Row>& sorted,
                     const std::function<std::string(float)>& category_name) {
  std::vector<std::pair<float, ProfileBin>> values;
  for (const Row& row : sorted) {
    if (values.empty() || values.back().first != row.value) values.push_back({row.value, {.low = kNaN, .high = kNaN}});
    AddTo(values.back().second, row.label);
  }
  f.distinct = values.size();
  std::ranges::stable_sort(values, std::greater<>(), [](const auto& v) { return v.second.rows; });
  ProfileBin other{.low = kNaN, .high = kNaN, .value = "other"};
  for (auto& [code, bin] : values) {
    if (f.bins.size() < kTopCategories) {
      bin.value = category_name(code);
      f.bins.push_back(std::move(bin));
    } else {
      other.rows += bin.rows;
      other.positives += bin.positives;
    }
  }
  if (other.rows > 0) f.bins.push_back(other);
}

void Weigh(FeatureProfile& f) {
  double positives = 0, negatives = 0;
  for (const ProfileBin& bin : f.bins) {
    positives += static_cast<double>(bin.positives);
    negatives += static_cast<double>(bin.rows - bin.positives);
  }
  const double half = static_cast<double>(f.bins.size()) / 2;
  for (ProfileBin& bin : f.bins) {
    const double p = (static_cast<double>(bin.positives) + 0.5) / (positives + half),
                 n = (static_cast<double>(bin.rows - bin.positives) + 0.5) / (negatives + half);
    bin.rate = Share(static_cast<double>(bin.positives), static_cast<double>(bin.rows));
    bin.weight_of_evidence = std::log(p / n);
    f.information_value += (p - n) * bin.weight_of_evidence;
  }
}

}  // namespace

FeatureProfile ProfileFeature(const std::string& name, bool categorical, std::span<const float> values,
                              std::span<const float> labels, const std::function<std::string(float)>& category_name) {
  FeatureProfile f{.name = name, .categorical = categorical, .rows = values.size()};
  f.mean = f.sd = f.low = f.high = f.auc = f.correlation = kNaN;
  std::vector<Row> sorted;
  ProfileBin missing{.low = kNaN, .high = kNaN, .value = "missing"};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i]))
      AddTo(missing, labels[i]);
    else
      sorted.push_back({values[i], labels[i]});
  }
  f.missing = missing.rows;
  std::ranges::sort(sorted, {}, &Row::value);
  if (categorical)
    ProfileCategory(f, sorted, category_name);
  else
    ProfileNumber(f, sorted);
  if (missing.rows > 0) f.bins.push_back(missing);
  Weigh(f);
  if (f.rows > 0 && f.missing == f.rows)
    f.note = "always missing: nothing in these rows gives it a value";
  else if (f.distinct == 1 && f.missing == 0)
    f.note = "constant: says nothing in these rows";
  else if (f.information_value > 1)
    f.note = "too good to be true? see that it knows nothing of what came after the row";
  else if (static_cast<double>(f.missing) > 0.95 * static_cast<double>(f.rows))
    f.note = "missing in more than 95 % of the rows";
  return f;
}

}  // namespace gfr
