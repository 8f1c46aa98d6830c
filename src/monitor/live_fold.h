// LiveFold: the rows that a model version is serving, counted by the hour from the records of the log.
//
// A row is an item of a slate that the version answered and whose impression arrived: its features are those that were
// served (the slate's record), its window that of the impression's arrival. A slate's rows are kept as bins, a byte a
// column, until its impressions have come or kWaitMs is over; of more than kMostWaiting slates the newer ones are left
// out. With a label event and its window, each row also counts with its label, when it is as old as the window. Where
// that is long, slates wait on without their bins; of more than kMostLabelled of them the newer ones' rows have no
// label, whatever it is.
//
// A fold goes on where another stopped: its bytes hold the windows, the offset before which every impression is
// counted, and the offset from which the log is read again for the slates that wait. So a server that starts again has
// the windows that it would have had; with long windows of labels it reads as much of the log again. Memory: a waiting
// slate takes about as many bytes as its shown items times the columns, and one that waits for labels alone 30 bytes a
// shown item. Thread safety: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/event.h"
#include "monitor/live_slices.h"
#include "monitor/live_values.h"
#include "monitor/reference.h"

namespace gfr {

class LiveFold {
 public:
  static constexpr std::int64_t kWaitMs = kHourMs;  // From a slate to its impressions, by arrival.
  static constexpr std::size_t kMostWaiting = 20'000;
  static constexpr std::int64_t kMostLabelMs = kDayMs;
  static constexpr std::size_t kMostLabelled = 100'000;  // Slates that wait for labels alone.
  static constexpr std::int64_t kKeptMs = 60 * kDayMs;   // Of windows.

  struct Label {
    EventType event = EventType::kFeedClick;
    // Labels count for so long after the impression, at most kMostLabelMs; 0: none are counted.
    std::int64_t window_ms = 0;
  };

  // `model`: "name/version", as records name it. REQUIRES: the reference outlives it.
  LiveFold(const Reference& reference, std::string model, Label label);

  // REQUIRES: records come in log order, from next() on; those before were taken.
  void Fold(const LogRecord& record);
  // No row of the hours that ended by `now_ms` comes any more: what waits for labels is counted as far as it can be.
  void Advance(std::int64_t now_ms);
  // How long after an hour's end all its labels are counted: impressions come for kWaitMs, and labels of the last of
  // them for their window.
  std::int64_t settle_ms() const { return kWaitMs + std::max(kWaitMs, label_.window_ms); }

  std::uint64_t next() const { return next_; }  // The first offset that has not been taken.
  // By the hour, in order of time: of the columns, and of labels (a reference's windows of kLabelColumn: MakePrior).
  std::vector<ReferenceWindow> windows() const;
  std::vector<ReferenceWindow> label_windows() const;
  // Of the compared objective's probabilities, by slice; what is labelled is of hours that are settled (Advance).
  const LiveSlices& slices() const { return slices_; }
  // Of the same rows, as far as their slates name the value that they were sorted by.
  const LiveValues& values() const { return values_; }
  std::uint64_t left_out() const { return left_out_; }  // Slates, for lack of room.

  // Where to begin for a fold that starts anew.
  void StartAt(std::uint64_t offset) { next_ = counted_until_ = offset; }
  std::string Encode() const;
  // kCorrupt; kInvalidArgument: of another model or other bins. Read the log from next() on then.
  Status Restore(std::string_view bytes);

 private:
  struct Waiting {
    std::uint64_t offset;
    std::int64_t arrival_ms;
    std::vector<Key> items;             // Shown.
    std::vector<std::uint8_t> bins;     // items x columns.
    std::vector<std::int64_t> seen_ms;  // One an item: arrival of its impression; 0: not yet.
    std::vector<std::uint8_t> labelled;
    std::vector<float> score;  // One an item: of the compared objective, at the position shown; NaN: there is none.
    std::vector<float> worth;  // One a score: LiveValues; NaN: unknown.
    std::vector<std::uint8_t> score_steps;     // One a score: LiveSlices::ScoreStep.
    std::vector<std::uint16_t> slices;         // Of the request.
    std::vector<std::uint16_t> item_channels;  // One an item.
    bool settled = false;                      // No impression comes any more: `bins` are gone.
  };
  void SetSlices(const LogRecord& record, Waiting* waiting);
  // Of a row that has a score, into the slices' sums of its hour; null: they are looked up.
  template <typename Add>
  void AddToSlices(const Waiting& waiting, std::size_t row, std::vector<SliceSums>** hour, const Add& add);
  void TakeSlate(const LogRecord& record);
  void TakeImpression(const LogRecord& record);
  void TakeLabel(const LogRecord& record);
  void CountLabels(const Waiting& waiting);
  void SettleBefore(std::int64_t arrival_ms);
  void ForgetBefore(std::int64_t arrival_ms);
  ReferenceWindow& WindowAt(std::map<std::int64_t, ReferenceWindow>* windows, std::int64_t arrival_ms,
                            std::size_t bins);
  const std::vector<int>& PlacesIn(const ServedSlate& slate);
  void BinRows(const ServedSlate& slate, const std::vector<std::size_t>& shown, Waiting* waiting);

  const Reference& reference_;
  const std::string model_;
  const Label label_;
  const std::vector<std::size_t> first_bin_;  // Reference::FirstBins().
  const std::size_t bins_;
  std::uint64_t row_fingerprint_ = 0;         // That places_ is of.
  std::vector<int> places_;                   // One a column: its index in the slate's columns; -1: it is not there.
  std::unordered_map<Key, Waiting> waiting_;  // By user and request.
  std::deque<Key> order_, fresh_;             // Oldest first: all, and those that are not settled.
  std::map<std::int64_t, ReferenceWindow> windows_, labels_;
  LiveSlices slices_;
  LiveValues values_;
  std::uint64_t next_ = 0, counted_until_ = 0, left_out_ = 0;
};

// The part of a reference that has these of its columns alone, and the same of its windows.
Reference PartOf(const Reference& reference, const std::vector<std::size_t>& columns);
std::vector<ReferenceWindow> PartOf(const Reference& reference, const std::vector<std::size_t>& columns,
                                    const std::vector<ReferenceWindow>& windows);
// `reference` with these windows' rows in place of its own: what a version's own first week is compared with later.
Reference Rebased(const Reference& reference, std::vector<ReferenceWindow> windows);

}  // namespace gfr
