#include "monitor/live_slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "monitor/score_cells.h"

namespace gfr {
namespace {

constexpr std::string_view kScorePrefix = "score=";
constexpr std::size_t kMostNames = 1024;

}  // namespace

std::uint16_t LiveSlices::Intern(const std::string& name) {
  const auto [at, is_new] = ids_.emplace(name, static_cast<std::uint16_t>(names_.size()));
  if (is_new) names_.push_back(name);
  return at->second;
}

std::uint16_t LiveSlices::Id(std::string_view dimension, std::string_view value) {
  if (value.empty()) return kAll;
  const std::string name = fmt::format("{}={}", dimension, value.substr(0, 64));
  if (const auto at = ids_.find(name); at != ids_.end()) return at->second;
  std::size_t& values = values_[std::string(dimension)];
  if (values >= kMostValues) return Intern(fmt::format("{}=(other)", dimension));
  values += value != "(other)";
  return Intern(name);
}

std::uint8_t LiveSlices::ScoreStep(double probability) {
  static_assert(kScoreSteps == static_cast<std::size_t>(2 * kScoreMost / kScoreStep) + 1);
  const double at = std::clamp(CellCounter::LogOdds(probability), -kScoreMost, kScoreMost);
  return static_cast<std::uint8_t>(std::floor(at / kScoreStep) + kScoreMost / kScoreStep);
}

std::uint16_t LiveSlices::ScoreStepId(std::uint8_t step) {
  std::uint16_t& id = step_ids_[step];
  if (id == kAll) id = Intern(fmt::format("{}{:g}", kScorePrefix, step * kScoreStep - kScoreMost));
  return id;
}

double LiveSlices::ScoreOf(std::string_view name) {
  if (!name.starts_with(kScorePrefix)) return std::numeric_limits<double>::quiet_NaN();
  return std::atof(std::string(name.substr(kScorePrefix.size())).c_str());
}

SliceSums& LiveSlices::At(std::int64_t hour_ms, std::size_t id) {
  std::vector<SliceSums>& sums = hours_[hour_ms];
  if (sums.size() <= id) sums.resize(id + 1);
  return sums[id];
}

void LiveSlices::Merge(const LiveSlices& other) {
  std::vector<std::uint16_t> ids;
  for (const std::string& name : other.names_) {
    const std::size_t at = name.find('=');
    if (at == std::string::npos)
      ids.push_back(kAll);
    else if (name.starts_with(kScorePrefix))
      ids.push_back(Intern(name));
    else
      ids.push_back(Id(name.substr(0, at), name.substr(at + 1)));
  }
  for (const auto& [hour, sums] : other.hours_) {
    for (std::size_t i = 0; i < sums.size(); ++i) At(hour, ids[i]).Add(sums[i]);
  }
}

void LiveSlices::Encode(ByteWriter& out) const {
  out.Varint(names_.size() - 1);
  for (std::size_t i = 1; i < names_.size(); ++i) out.String(names_[i]);
  out.Varint(hours_.size());
  for (const auto& [hour, sums] : hours_) {
    out.Signed(hour);
    out.Varint(sums.size());
    for (const SliceSums& s : sums) {
      for (const std::uint64_t count : {s.rows, s.predicted, s.labelled, s.expected, s.positives}) out.Varint(count);
    }
  }
}

bool LiveSlices::Decode(ByteReader& in, LiveSlices* slices) {
  LiveSlices read;
  for (std::size_t n = in.Count(1); n > 0; --n) {
    const std::string name(in.String());
    const std::size_t at = name.find('=');
    if (in.bad || at == std::string::npos || read.names_.size() >= kMostNames) return false;
    if (read.Intern(name) + 1u != read.names_.size()) return false;  // Twice.
    if (!name.starts_with(kScorePrefix)) read.values_[name.substr(0, at)] += name.substr(at + 1) != "(other)";
  }
  for (std::size_t n = in.Count(2); n > 0; --n) {
    const std::int64_t hour = in.Signed();
    const std::size_t slices_of_hour = in.Count(5);
    if (in.bad || slices_of_hour > read.names_.size()) return false;
    std::vector<SliceSums>& sums = read.hours_[hour];
    sums.resize(slices_of_hour);
    for (SliceSums& s : sums) {
      for (std::uint64_t* count : {&s.rows, &s.predicted, &s.labelled, &s.expected, &s.positives}) *count = in.Varint();
    }
  }
  if (in.bad) return false;
  *slices = std::move(read);
  return true;
}

}  // namespace gfr
