// LiveSlices: what a version promised and what came of it, by the hour and by slice: all rows, each step of the score,
// and each value of the dimensions variant, channel, surface, city and source.
//
// A slice's hour is five counts, with sums of probabilities in units of 2^-32: so hours, servers and slices add up
// exactly. A dimension has at most kMostValues values of its own; rows of further ones count for "DIMENSION=(other)",
// so that no row is lost and memory is bounded: 40 bytes a slice and hour. Thread safety: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/byte_reader.h"
#include "base/byte_writer.h"

namespace gfr {

struct SliceSums {
  std::uint64_t rows = 0, predicted = 0;                    // Of rows whose impression arrived; in 2^-32.
  std::uint64_t labelled = 0, expected = 0, positives = 0;  // Of those whose label is known; in 2^-32.
  static constexpr double kOne = 4294967296.0;
  static std::uint64_t Fixed(double probability) { return static_cast<std::uint64_t>(probability * kOne + 0.5); }
  void Add(const SliceSums& other) {
    rows += other.rows;
    predicted += other.predicted;
    labelled += other.labelled;
    expected += other.expected;
    positives += other.positives;
  }
  bool operator==(const SliceSums&) const = default;
};

class LiveSlices {
 public:
  static constexpr std::size_t kMostValues = 16;  // Of a dimension, besides (other).
  static constexpr std::size_t kAll = 0;          // Id of all rows.
  static constexpr const char* kDimensions[] = {"variant", "channel", "surface", "city", "source"};
  // The score is sliced by steps of log-odds from -kScoreMost to kScoreMost, with open ends.
  static constexpr double kScoreStep = 0.25, kScoreMost = 12;
  static constexpr std::size_t kScoreSteps = 97;

  LiveSlices() : names_{"all"}, ids_{{"all", kAll}} {}

  // Id of a slice; "" as a value is none: kAll.
  std::uint16_t Id(std::string_view dimension, std::string_view value);
  std::uint16_t ScoreId(double probability) { return ScoreStepId(ScoreStep(probability)); }
  // A probability's step, and the id of a step.
  static std::uint8_t ScoreStep(double probability);
  std::uint16_t ScoreStepId(std::uint8_t step);

  SliceSums& At(std::int64_t hour_ms, std::size_t id);
  // For many rows of an hour: by id; a new id may need a longer list. Until the hour is forgotten.
  std::vector<SliceSums>& Hour(std::int64_t hour_ms) { return hours_[hour_ms]; }
  void ForgetBefore(std::int64_t hour_ms) { hours_.erase(hours_.begin(), hours_.lower_bound(hour_ms)); }
  // Adds the hours of another server; names that find no room count for (other).
  void Merge(const LiveSlices& other);

  const std::vector<std::string>& names() const { return names_; }  // By id: "all", "city=Berlin", "score=-12.5".
  // By start; sums by id, as many as there were then.
  const std::map<std::int64_t, std::vector<SliceSums>>& hours() const { return hours_; }
  void EraseFrom(std::int64_t hour_ms) { hours_.erase(hours_.lower_bound(hour_ms), hours_.end()); }
  // Lowest score of a slice "score=..."; NaN: it is none.
  static double ScoreOf(std::string_view name);

  void Encode(ByteWriter& out) const;
  static bool Decode(ByteReader& in, LiveSlices* slices);  // False: the bytes are damaged.

 private:
  std::uint16_t Intern(const std::string& name);
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint16_t> ids_;
  std::array<std::uint16_t, kScoreSteps> step_ids_ = {};    // kAll: not known yet.
  std::map<std::string, std::size_t, std::less<>> values_;  // How many a dimension has.
  std::map<std::int64_t, std::vector<SliceSums>> hours_;
};

}  // namespace gfr
