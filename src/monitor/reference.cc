#include "monitor/reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gfr {
namespace {

constexpr std::size_t kSampledRows = 200'000;  // Of which a number's deciles are taken.
constexpr std::size_t kGrowDays = 7;           // Fewer say nothing of growing.
constexpr double kGrowRank = 0.9;

// The rows of a range, by index.
std::vector<std::size_t> RowsOf(const ReferenceRows& rows, std::int64_t from_ms, std::int64_t to_ms) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.arrival_ms[i] >= from_ms && rows.arrival_ms[i] < to_ms) chosen.push_back(i);
  }
  return chosen;
}

// Deciles of a sample, evenly spaced; the range is that of all values.
Bins BinsOf(const std::vector<float>& values, bool categorical) {
  if (categorical || values.size() <= kSampledRows) return MakeBins(values, categorical);
  std::vector<float> sample;
  for (std::size_t i = 0; i < kSampledRows; ++i) sample.push_back(values[i * values.size() / kSampledRows]);
  for (const float v : values) {
    if (!std::isfinite(v)) continue;
    if (!std::isfinite(sample[0]) || v < sample[0]) sample[0] = v;
    if (!std::isfinite(sample[1]) || v > sample[1]) sample[1] = v;
  }
  return MakeBins(sample, false);
}

std::vector<float> ColumnOf(const ReferenceRows& rows, const std::vector<std::size_t>& chosen, std::size_t column) {
  std::vector<float> values(chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) values[i] = rows.Value(chosen[i], column);
  return values;
}

bool SameInRequests(const std::vector<float>& values, const ReferenceRows& rows,
                    const std::vector<std::size_t>& chosen) {
  bool together = false;  // Some request has two rows.
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (rows.request[chosen[i]] != rows.request[chosen[i - 1]]) continue;
    together = true;
    const bool missing = values[i] != values[i];
    if (missing != (values[i - 1] != values[i - 1]) || (!missing && values[i] != values[i - 1])) return false;
  }
  return together;
}

// Spearman's rank correlation of what has no ties with its order.
double RankCorrelationWithOrder(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
  double squares = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double off = static_cast<double>(rank) - static_cast<double>(order[rank]);
    squares += off * off;
  }
  const auto n = static_cast<double>(values.size());
  return 1 - 6 * squares / (n * (n * n - 1));
}

// By the daily mean of a number's bin.
bool Grows(const Reference& reference, std::size_t first_bin, const Bins& bins) {
  if (bins.categorical) return false;
  std::vector<double> means;
  std::int64_t day = INT64_MIN;
  double sum = 0, rows = 0;
  const auto end_day = [&] {
    if (rows > 0) means.push_back(sum / rows);
    sum = rows = 0;
  };
  for (const ReferenceWindow& window : reference.windows) {
    if (window.from_ms / kDayMs != day) end_day();
    day = window.from_ms / kDayMs;
    for (std::size_t b = 0; b < bins.missing(); ++b) {
      rows += window.counts[first_bin + b];
      sum += static_cast<double>(b) * window.counts[first_bin + b];
    }
  }
  end_day();
  return means.size() >= kGrowDays && std::fabs(RankCorrelationWithOrder(means)) >= kGrowRank;
}

ReferenceColumn MakeColumn(const ComparedColumn& name, const std::vector<float>& values, const ReferenceRows& rows,
                           const std::vector<std::size_t>& chosen, const std::map<float, std::string>& names) {
  ReferenceColumn column;
  column.name = name.name;
  column.fingerprint = name.fingerprint;
  column.of_request = SameInRequests(values, rows, chosen);
  column.bins = BinsOf(values, name.categorical);
  column.counts = BinCounts(column.bins.size());
  column.counts.Add(column.bins, values.data(), values.size());
  column.positives.resize(column.bins.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (rows.label[chosen[i]] > 0.5f) ++column.positives[column.bins.Of(values[i])];
  }
  for (const float code : column.bins.codes) {
    if (const auto at = names.find(code); at != names.end()) column.names.insert(*at);
  }
  return column;
}

}  // namespace

std::vector<std::size_t> Reference::FirstBins() const {
  std::vector<std::size_t> first{0};
  for (const ReferenceColumn& column : columns) first.push_back(first.back() + column.bins.size());
  return first;
}

std::size_t Reference::bins() const { return FirstBins().back(); }

const ReferenceColumn* Reference::Find(std::string_view name) const {
  const auto at = std::ranges::find(columns, name, &ReferenceColumn::name);
  return at == columns.end() ? nullptr : &*at;
}

Reference MakeReference(const std::string& objective, const std::vector<ComparedColumn>& columns,
                        const ReferenceRows& rows, std::int64_t from_ms, std::int64_t to_ms,
                        const std::map<float, std::string>& category_names) {
  const std::vector<std::size_t> chosen = RowsOf(rows, from_ms, to_ms);
  Reference reference{.objective = objective, .rows = chosen.size()};
  if (!chosen.empty()) {
    reference.from_ms = rows.arrival_ms[chosen.front()];
    reference.to_ms = rows.arrival_ms[chosen.front()] + 1;
  }
  for (const std::size_t i : chosen) {
    reference.from_ms = std::min(reference.from_ms, rows.arrival_ms[i]);
    reference.to_ms = std::max(reference.to_ms, rows.arrival_ms[i] + 1);
    reference.positives += rows.label[i] > 0.5f;
  }
  std::vector<std::size_t> at;
  for (const ComparedColumn& column : columns) {
    at.push_back(column.at);
    reference.columns.push_back(MakeColumn(column, ColumnOf(rows, chosen, column.at), rows, chosen, category_names));
  }
  reference.windows = CountWindows(reference, at, rows, std::max(from_ms, reference.to_ms - Reference::kDays * kDayMs),
                                   reference.to_ms);
  const std::vector<std::size_t> first_bin = reference.FirstBins();
  for (std::size_t c = 0; c < reference.columns.size(); ++c) {
    ReferenceColumn& column = reference.columns[c];
    // What a model shows depends on the model, so its probabilities are as those of items.
    if (column.is_prediction()) column.of_request = false;
    column.grows = column.is_prediction() || Grows(reference, first_bin[c], column.bins);
  }
  return reference;
}

Reference MakePrior(const std::string& objective, const ReferenceRows& rows, std::int64_t from_ms, std::int64_t to_ms) {
  return MakeReference(objective, {{.name = kLabelColumn, .at = 0, .categorical = true}}, LabelsOf(rows), from_ms,
                       to_ms);
}

std::vector<ReferenceWindow> CountWindows(const Reference& reference, const std::vector<std::size_t>& at,
                                          const ReferenceRows& rows, std::int64_t from_ms, std::int64_t to_ms,
                                          std::vector<BinCounts>* all) {
  const std::vector<std::size_t> chosen = RowsOf(rows, from_ms, to_ms);
  std::map<std::int64_t, ReferenceWindow> by_start;
  const std::vector<std::size_t> first_bin = reference.FirstBins();
  std::vector<ReferenceWindow*> of_row;
  for (const std::size_t i : chosen) {
    const std::int64_t start = rows.arrival_ms[i] / Reference::kPeriodMs * Reference::kPeriodMs;
    ReferenceWindow& window = by_start[start];
    if (window.rows++ == 0) {
      window.from_ms = start;
      window.to_ms = start + Reference::kPeriodMs;
      window.counts.resize(first_bin.back());
    }
    of_row.push_back(&window);
  }
  if (all != nullptr) all->clear();
  for (std::size_t c = 0; c < reference.columns.size(); ++c) {
    const Bins& b = reference.columns[c].bins;
    const std::vector<float> values = ColumnOf(rows, chosen, at[c]);
    for (std::size_t i = 0; i < values.size(); ++i) ++of_row[i]->counts[first_bin[c] + b.Of(values[i])];
    if (all != nullptr) all->emplace_back(b.size()).Add(b, values.data(), values.size());
  }
  std::vector<ReferenceWindow> windows;
  for (auto& [start, window] : by_start) windows.push_back(std::move(window));
  return windows;
}

}  // namespace gfr
