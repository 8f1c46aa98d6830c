// What a feature looks like over the rows of an objective, and what it says of the label by itself.
//
// A number's bins are its deciles (equal edges merged, each bin (low, high], ties in one bin), a category's its ten
// commonest values and the rest; missing values are a bin of their own. Of a bin, with B bins, P positives and N
// negatives: share of positives p = (positives + 1/2) / (P + B/2), share of negatives n likewise, weight of evidence
// ln(p / n), and the information value is the sum of (p - n) ln(p / n) over the bins (Siddiqi 2006; the half counts
// keep an empty cell finite). Intervals of rates are Wilson's, as if rows were independent: a user's rows are not, so
// they are a lower bound of the doubt. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "stats/interval.h"

namespace gfr {

struct ProfileBin {
  double low, high;   // Of numbers; NaN of categories and of missing.
  std::string value;  // Of categories ("other": the rest); "missing".
  std::uint64_t rows = 0, positives = 0;
  Estimate rate;
  double weight_of_evidence = 0;
};

struct FeatureProfile {
  std::string name;
  bool categorical = false;
  std::uint64_t rows = 0, missing = 0, distinct = 0;
  // Of the values that are there; NaN of categories.
  double mean, sd, low, high;
  std::vector<double> deciles;   // 10 %, ..., 90 %.
  std::vector<ProfileBin> bins;  // By value, missing last.
  double information_value = 0;
  double auc;          // Of the value as a score, ties half, missing rows left out; NaN of categories.
  double correlation;  // Pearson's with the label, likewise.
  std::string note;    // What to look at: constant, mostly missing, too good to be true; or empty.
};

// REQUIRES: values and labels of one length. `category_name` of a category's code, for reports.
FeatureProfile ProfileFeature(const std::string& name, bool categorical, std::span<const float> values,
                              std::span<const float> labels, const std::function<std::string(float)>& category_name);

struct ObjectiveProfile {
  std::string name;
  std::uint64_t rows = 0, positives = 0;
  std::vector<FeatureProfile> features;  // Highest information value first.
};

struct ProfileReport {
  std::string project;
  bool simulated = false;
  std::int64_t from_ms = 0, to_ms = 0;
  std::vector<ObjectiveProfile> objectives;
};

std::string ProfileToJson(const ProfileReport& report);  // One object; what does not exist is null.
std::string ProfileToHtml(const ProfileReport& report);

}  // namespace gfr
