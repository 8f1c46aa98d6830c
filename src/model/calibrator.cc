#include "model/calibrator.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace gfr {
namespace {

double Sigmoid(double z) { return z >= 0 ? 1.0 / (1.0 + std::exp(-z)) : std::exp(z) / (1.0 + std::exp(z)); }

double SoftPlus(double z) { return std::log1p(std::exp(-std::fabs(z))) + std::fmax(z, 0.0); }  // -ln sigmoid(-z)

constexpr const char* kNames[] = {"none", "platt", "isotonic", "beta", "log_linear"};

}  // namespace

const char* CalibratorName(Calibrator::Kind kind) { return kNames[static_cast<int>(kind)]; }

double Calibrator::Apply(double margin) const noexcept {
  switch (kind) {
    case Kind::kNone:
      return Sigmoid(margin);
    case Kind::kPlatt:
      return Sigmoid(a * margin + b);
    case Kind::kBeta:
      return Sigmoid(a * -SoftPlus(-margin) - b * -SoftPlus(margin) + c);
    case Kind::kLogLinear:
      return std::exp(std::fmin(a * margin + b, 700.0));
    case Kind::kIsotonic: {
      const auto upper = std::ranges::upper_bound(x, margin);
      if (upper == x.begin()) return y.front();
      if (upper == x.end()) return y.back();
      const auto i = static_cast<std::size_t>(upper - x.begin());
      return y[i - 1] + (y[i] - y[i - 1]) * (margin - x[i - 1]) / (x[i] - x[i - 1]);
    }
  }
  return Sigmoid(margin);
}

std::string Calibrator::ToJson() const {
  nlohmann::json json{{"kind", CalibratorName(kind)}, {"a", a}, {"b", b}, {"c", c}, {"x", x}, {"y", y}};
  return DumpJson(json, 1);
}

Result<Calibrator> Calibrator::FromJson(const std::string& text) try {
  const auto json = ParseJson<nlohmann::json>(text);
  Calibrator calibrator;
  const auto kind = std::ranges::find(kNames, json.at("kind").get<std::string>());
  if (kind == std::end(kNames))
    return Error{ErrorCode::kCorrupt,
                 "a calibrator of an unknown kind; known are none, platt, isotonic, beta, log_linear"};
  calibrator.kind = static_cast<Kind>(kind - kNames);
  calibrator.a = json.at("a");
  calibrator.b = json.at("b");
  calibrator.c = json.at("c");
  calibrator.x = json.at("x").get<std::vector<double>>();
  calibrator.y = json.at("y").get<std::vector<double>>();
  if (calibrator.x.size() != calibrator.y.size() || !std::ranges::is_sorted(calibrator.x) ||
      (calibrator.kind == Kind::kIsotonic && calibrator.x.empty())) {
    return Error{ErrorCode::kCorrupt, "a calibrator's points are not two rising lists of one length"};
  }
  return calibrator;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt, std::string("not a calibrator: ") + e.what()};
}

}  // namespace gfr
