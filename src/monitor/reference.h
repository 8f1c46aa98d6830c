// Reference: what the rows of a model's training looked like: what live rows are compared with. It is kept with the
// model version (docs/formats/drift.md).
//
// A reference has columns with their bins (stats/bin_counts.h), the counts of all its rows, and the counts of each
// window of its last kDays days, by which it is known how far a quiet window is from the whole (quiet_model.h).
// Thread safety: plain values; pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "base/time.h"
#include "stats/bin_counts.h"

namespace gfr {

// The column of a model's own probabilities: this fingerprint, and no place in a row.
inline constexpr std::uint64_t kPredictionFingerprint = 0x70726564696374ull;
inline constexpr std::size_t kPredictionPlace = SIZE_MAX;
inline std::string PredictionName(const std::string& objective) { return "prediction of " + objective; }

struct ReferenceColumn {
  std::string name;
  std::uint64_t fingerprint = 0;  // Of the feature (feature/column_fingerprint.h); 0: of none, as a label's.
  // Every row of a request has the same value: it says something of the user or the request, and nothing of the items
  // that a model chooses to show.
  bool of_request = false;
  // Its mean rose or fell on nearly every day of the reference, as a lifetime count does: such a column moves by
  // itself, and raises no alert.
  bool grows = false;
  bool is_prediction() const { return fingerprint == kPredictionFingerprint; }
  Bins bins;
  BinCounts counts;
  std::vector<std::uint64_t> positives;  // Rows with a positive label, by bin.
  std::map<float, std::string> names;    // Of category codes that have a bin of their own.
};

// The rows of [from_ms, to_ms).
struct ReferenceWindow {
  std::int64_t from_ms = 0, to_ms = 0;
  std::uint64_t rows = 0;
  std::vector<std::uint32_t> counts;  // The bins of all columns, one column after another.
  bool operator==(const ReferenceWindow&) const = default;
};

struct Reference {
  static constexpr int kDays = 28;                    // Of windows.
  static constexpr std::int64_t kPeriodMs = kHourMs;  // Of a window; they begin at whole hours (UTC).

  std::string objective;                // Whose rows and labels they are.
  std::int64_t from_ms = 0, to_ms = 0;  // Arrival of the first row, and one behind that of the last.
  std::uint64_t rows = 0, positives = 0;
  std::vector<ReferenceColumn> columns;
  std::vector<ReferenceWindow> windows;  // Those with rows, in order of time.

  // Where each column's bins begin in a window's counts, and behind the last one's their end.
  std::vector<std::size_t> FirstBins() const;
  std::size_t bins() const;  // Of all columns.
  // nullptr: there is no such column.
  const ReferenceColumn* Find(std::string_view name) const;
};

// Rows as a dataset has them.
struct ReferenceRows {
  std::span<const float> features;  // rows x columns, row-major.
  std::size_t columns = 0;
  std::span<const float> label;  // 0 or 1.
  std::span<const std::int64_t> arrival_ms;
  std::span<const Key> request;
  std::span<const float> prediction = {};  // One a row; empty: there is none.
  std::size_t size() const { return label.size(); }
  // `place`: of a column in a row, or kPredictionPlace.
  float Value(std::size_t row, std::size_t place) const {
    if (place == kPredictionPlace)
      return prediction.empty() ? std::numeric_limits<float>::quiet_NaN() : prediction[row];
    return features[row * columns + place];
  }
};
// A column to compare, and where it lies in a row.
struct ComparedColumn {
  std::string name;
  std::size_t at = 0;
  std::uint64_t fingerprint = 0;
  bool categorical = false;
};

// Of the rows that arrived in [from_ms, to_ms). `category_names`: of codes.
Reference MakeReference(const std::string& objective, const std::vector<ComparedColumn>& columns,
                        const ReferenceRows& rows, std::int64_t from_ms, std::int64_t to_ms,
                        const std::map<float, std::string>& category_names = {});

// Of the rows' labels alone: one column, kLabelColumn, a category of 0 and 1.
Reference MakePrior(const std::string& objective, const ReferenceRows& rows, std::int64_t from_ms = INT64_MIN,
                    std::int64_t to_ms = INT64_MAX);
// `rows` with the label as the only feature. REQUIRES: `rows` outlives it.
inline ReferenceRows LabelsOf(const ReferenceRows& rows) {
  return {.features = rows.label,
          .columns = 1,
          .label = rows.label,
          .arrival_ms = rows.arrival_ms,
          .request = rows.request};
}

// The rows of [from_ms, to_ms) as windows of `reference`'s bins; those without rows are left out. `at`: where each
// column of the reference lies in a row. `all` gets each column's counts over all windows, with its extremes and unseen
// codes; null: they are not counted.
std::vector<ReferenceWindow> CountWindows(const Reference& reference, const std::vector<std::size_t>& at,
                                          const ReferenceRows& rows, std::int64_t from_ms, std::int64_t to_ms,
                                          std::vector<BinCounts>* all = nullptr);

inline constexpr const char* kReferenceFile = "drift.bin";  // Among a model version's files.

// All that a model version keeps.
struct References {
  Reference features;             // Of served columns.
  std::vector<Reference> priors;  // Of each objective: its rows' labels, as the one column kLabelColumn (0 and 1).
};
inline constexpr const char* kLabelColumn = "label";

std::string EncodeReferences(const References& references);
// kCorrupt; kNeedsNewer: of a newer format.
Result<References> DecodeReferences(std::string_view bytes);

}  // namespace gfr
