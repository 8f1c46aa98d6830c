#include "experiment/summary_statistics.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "stats/confidence_sequence.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;
using Kind = SummaryStatistics::Kind;

Error Refuse(const std::string& message) { return {ErrorCode::kInvalidArgument, message}; }

// The keys of one object: read by name, the first mistake kept.
class SummaryKeys {
 public:
  SummaryKeys(const Json& json, std::string of) : json_(json), of_(std::move(of)) {}

  bool Has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  double Number(const char* key, double otherwise) {
    seen_.insert(key);
    if (!Has(key)) return otherwise;
    if (!json_[key].is_number()) return Fail(key, "must be a number");
    return json_[key].get<double>();
  }
  double Required(const char* key) {
    if (!Has(key)) return Fail(key, "is missing");
    return Number(key, 0);
  }
  bool Boolean(const char* key, bool otherwise) {
    seen_.insert(key);
    if (!Has(key)) return otherwise;
    if (!json_[key].is_boolean()) return Fail(key, "must be true or false") != 0;
    return json_[key].get<bool>();
  }
  std::string Text(const char* key) {
    seen_.insert(key);
    if (!Has(key) || !json_[key].is_string() || json_[key].get<std::string>().empty()) {
      Fail(key, Has(key) ? "must be a text" : "is missing");
      return "";
    }
    return json_[key].get<std::string>();
  }
  double Fail(const char* key, const std::string& what) {
    if (error_.empty()) error_ = of_ + ": '" + key + "' " + what;
    return 0;
  }
  void Expect(bool right, const char* key, const std::string& what) {
    if (!right) Fail(key, what);
  }
  void Seen(const char* key) { seen_.insert(key); }
  void NoteUnknown(std::vector<std::string>* notes) const {
    for (const auto& [key, value] : json_.items()) {
      if (!seen_.contains(key)) notes->push_back(of_ + ": '" + key + "' is not read");
    }
  }
  Status Finish() const {
    if (error_.empty()) return {};
    return Refuse(error_);
  }

 private:
  const Json& json_;
  const std::string of_;
  std::set<std::string> seen_;
  std::string error_;
};

// Whether a sample can have these sums, but for rounding.
bool CanBe(const Sums& s) {
  if (s.n == 0) return s.sum == 0 && s.squares == 0;
  return s.squares >= 0 && s.sum * s.sum <= s.n * s.squares * (1 + 1e-9);
}
bool CanBe(const PairSums& s) {
  if (s.y.n < 2) return true;
  const double limit = s.y.variance() * s.x.variance(), together = s.covariance();
  return together * together <= limit * (1 + 1e-6) + 1e-18 * s.y.squares * s.x.squares;
}

PairSums ReadPair(SummaryKeys& keys, const Sums& value, const char* sum, const char* squares, const char* products) {
  PairSums pair{value, {value.n, keys.Required(sum), keys.Required(squares)}, keys.Required(products)};
  keys.Expect(CanBe(pair.x), squares, std::string("does not fit '") + sum + "': no n values have these sums");
  keys.Expect(CanBe(pair), products, "does not fit the other sums: the correlation would be above 1");
  return pair;
}

constexpr const char* kCupedKeys[] = {"pre_sum", "pre_sum_squares", "pre_post_sum_products"};
constexpr const char* kRatioKeys[] = {"denominator_sum", "denominator_sum_squares", "sum_products"};

Result<SummaryArm> ReadArm(const Json& json, std::size_t index, Kind kind, std::vector<std::string>* notes) {
  const std::string of = "arms[" + std::to_string(index) + "]";
  if (!json.is_object()) return Refuse(of + " must be an object");
  SummaryKeys keys(json, of);
  SummaryArm arm;
  arm.name = keys.Text("name");
  arm.weight = keys.Number("weight", 1);
  keys.Expect(arm.weight > 0, "weight", "must be above 0");
  Sums& value = arm.value;
  value.n = keys.Required("n");
  keys.Expect(value.n >= 0 && value.n == std::floor(value.n) && value.n <= 1e15, "n",
              "must be a count of units, 0 or more");
  value.sum = keys.Required("sum");
  if (kind == Kind::kProportion) {
    value.squares = keys.Number("sum_squares", value.sum);
    keys.Expect(value.sum >= 0 && value.sum <= value.n, "sum", "of a proportion must be between 0 and n");
    keys.Expect(std::fabs(value.squares - value.sum) <= 1e-6 * value.sum, "sum_squares",
                "of a proportion must equal 'sum': its values are 0 or 1");
    value.squares = value.sum;
  } else {
    value.squares = keys.Required("sum_squares");
    keys.Expect(CanBe(value), "sum_squares", "does not fit 'sum' and 'n': no n values have these sums");
  }
  const bool cuped = std::ranges::any_of(kCupedKeys, [&](const char* key) { return keys.Has(key); });
  if (kind == Kind::kRatio) {
    keys.Expect(!cuped, kCupedKeys[0],
                "cannot be used with a ratio: its sum of products with the denominator is not in the format");
    const PairSums pair = ReadPair(keys, value, kRatioKeys[0], kRatioKeys[1], kRatioKeys[2]);
    arm.denominator = pair.x;
    arm.products = pair.products;
  } else if (cuped) {
    arm.before = ReadPair(keys, value, kCupedKeys[0], kCupedKeys[1], kCupedKeys[2]);
  }
  if (keys.Has("nonzero")) {
    arm.nonzero = keys.Number("nonzero", 0);
    keys.Expect(*arm.nonzero >= 0 && *arm.nonzero <= value.n, "nonzero", "must be between 0 and n");
  }
  keys.Seen("nonzero");
  GFR_TRY(keys.Finish());
  keys.NoteUnknown(notes);
  return arm;
}

Result<Kind> ReadKind(SummaryKeys& keys) {
  const std::string kind = keys.Text("metric");
  GFR_TRY(keys.Finish());
  if (kind == "mean") return Kind::kMean;
  if (kind == "proportion") return Kind::kProportion;
  if (kind == "ratio") return Kind::kRatio;
  return Refuse("'metric' is \"" + kind + "\"; valid are mean, proportion, ratio");
}

Status CheckArms(const std::vector<SummaryArm>& arms) {
  std::set<std::string> names;
  for (const SummaryArm& arm : arms) {
    if (!names.insert(arm.name).second) return Refuse("two arms are named '" + arm.name + "'");
    if (arm.before.has_value() != arms.front().before.has_value())
      return Refuse(
          "the covariate (pre_sum, pre_sum_squares, pre_post_sum_products) must be given for all arms or none; '" +
          (arm.before ? arms.front().name : arm.name) + "' has none");
  }
  return {};
}

}  // namespace

Result<SummaryStatistics> SummaryStatistics::FromJson(std::string_view text) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const std::exception& e) {
    return Refuse(std::string("not JSON: ") + e.what());
  }
  if (!json.is_object()) return Refuse("the file must hold one object with \"metric\" and \"arms\"");
  SummaryKeys keys(json, "summary");
  SummaryStatistics summary;
  GFR_ASSIGN(summary.kind, ReadKind(keys));
  keys.Seen("arms");
  if (!keys.Has("arms") || !json["arms"].is_array()) return Refuse("'arms' must be a list of at least two arms");
  if (json["arms"].size() < 2)
    return Refuse("'arms' has " + std::to_string(json["arms"].size()) +
                  " of them; a comparison needs the control (the first) and at least one more");
  for (std::size_t a = 0; a < json["arms"].size(); ++a) {
    GFR_ASSIGN(SummaryArm arm, ReadArm(json["arms"][a], a, summary.kind, &summary.notes));
    summary.arms.push_back(std::move(arm));
  }
  GFR_TRY(CheckArms(summary.arms));
  summary.sequential = keys.Boolean("sequential", true);
  summary.planned_n = keys.Number("n_star", ConfidenceSequence::kDefaultPlan);
  keys.Expect(summary.planned_n > 0, "n_star", "must be above 0: the planned units of the arms compared");
  summary.alpha = keys.Number("alpha", 0.05);
  keys.Expect(summary.alpha > 0 && summary.alpha < 1, "alpha", "must be between 0 and 1");
  GFR_TRY(keys.Finish());
  keys.NoteUnknown(&summary.notes);
  return summary;
}

}  // namespace gfr
