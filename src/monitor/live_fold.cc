#include "monitor/live_fold.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/hash.h"
#include "stats/bins_of_values.h"

namespace gfr {
namespace {

constexpr std::string_view kLiveMagic = "GFRDRLIV";
constexpr std::uint32_t kLiveFormat = 3;  // 1 has no slices, 2 no values.

Key SlateKey(const Event& event) {
  const std::string& who = event.user_id.empty() ? event.session_id : event.user_id;
  return PairKey(KeyOf(who), KeyOf(event.request_id));
}

// Of the bins: a fold of others cannot go on from it.
std::uint64_t BinsFingerprint(const Reference& reference) {
  const std::string bytes = EncodeReferences({reference, {}});
  return Hash64(bytes.data(), bytes.size());
}

void AppendWindows(const std::map<std::int64_t, ReferenceWindow>& windows, ByteWriter& out) {
  out.Varint(windows.size());
  for (const auto& [start, window] : windows) {
    out.Signed(start);
    out.Varint(window.rows);
    for (const std::uint32_t count : window.counts) out.Varint(count);
  }
}

bool ReadWindows(ByteReader& in, std::size_t bins, std::map<std::int64_t, ReferenceWindow>* windows) {
  for (std::size_t n = in.Count(2 + bins); n > 0; --n) {
    const std::int64_t start = in.Signed();
    ReferenceWindow window{.from_ms = start, .to_ms = start + Reference::kPeriodMs, .rows = in.Varint()};
    if (in.left.size() < bins) return false;
    window.counts.resize(bins);
    for (std::uint32_t& count : window.counts) count = static_cast<std::uint32_t>(in.Varint());
    windows->emplace(start, std::move(window));
  }
  return !in.bad;
}

std::vector<ReferenceWindow> InOrder(const std::map<std::int64_t, ReferenceWindow>& windows) {
  std::vector<ReferenceWindow> ordered;
  for (const auto& [start, window] : windows) ordered.push_back(window);
  return ordered;
}

}  // namespace

LiveFold::LiveFold(const Reference& reference, std::string model, Label label)
    : reference_(reference),
      model_(std::move(model)),
      label_(label),
      first_bin_(reference.FirstBins()),
      bins_(first_bin_.back()) {}

const std::vector<int>& LiveFold::PlacesIn(const ServedSlate& slate) {
  if (slate.feature_fingerprint == row_fingerprint_ && !places_.empty()) return places_;
  row_fingerprint_ = slate.feature_fingerprint;
  places_.assign(reference_.columns.size(), -1);
  for (std::size_t c = 0; c < places_.size(); ++c) {
    const auto at = std::ranges::find(slate.columns, reference_.columns[c].fingerprint, &ServedColumn::fingerprint);
    if (at != slate.columns.end()) places_[c] = static_cast<int>(at - slate.columns.begin());
  }
  return places_;
}

void LiveFold::SetSlices(const LogRecord& record, Waiting* waiting) {
  const Event& e = record.event;
  const ServedScores* scores = e.served.Find(reference_.objective);
  if (scores == nullptr) return;
  const std::vector<float>& values = scores->at_shown.empty() ? scores->values : scores->at_shown;
  const std::string* channel = nullptr;  // Of the item before: items of one channel often lie together.
  for (const std::uint32_t item : e.served.kept) {
    if (e.items[item].index < 0) continue;
    const float score = item < values.size() ? values[item] : std::nanf("");
    waiting->score.push_back(score);
    const float value = item < e.served.value.size() ? e.served.value[item] : std::nanf("");
    waiting->worth.push_back(score > 0 ? value / score : std::nanf(""));
    waiting->score_steps.push_back(std::isnan(score) ? 0 : LiveSlices::ScoreStep(std::clamp(score, 0.0f, 1.0f)));
    if (channel == nullptr || *channel != e.items[item].channel)
      waiting->item_channels.push_back(slices_.Id("channel", e.items[item].channel));
    else
      waiting->item_channels.push_back(waiting->item_channels.back());
    channel = &e.items[item].channel;
  }
  waiting->slices = {slices_.Id("variant", e.variant), slices_.Id("surface", e.surface),
                     slices_.Id("source", e.source)};
  for (const Property& property : e.context) {
    if (property.name == "city") waiting->slices.push_back(slices_.Id("city", property.text));
  }
}

template <typename Add>
void LiveFold::AddToSlices(const Waiting& waiting, std::size_t row, std::vector<SliceSums>** hour, const Add& add) {
  if (row >= waiting.score.size() || std::isnan(waiting.score[row])) return;
  if (*hour == nullptr) *hour = &slices_.Hour(waiting.seen_ms[row] / kHourMs * kHourMs);
  const std::uint64_t probability = SliceSums::Fixed(std::clamp(waiting.score[row], 0.0f, 1.0f));
  const auto to = [&](std::uint16_t id) {
    if ((*hour)->size() <= id) (*hour)->resize(id + std::size_t{1});
    add(&(**hour)[id], probability);
  };
  to(LiveSlices::kAll);
  to(slices_.ScoreStepId(waiting.score_steps[row]));
  for (const std::uint16_t id : waiting.slices) {
    if (id != LiveSlices::kAll) to(id);
  }
  if (waiting.item_channels[row] != LiveSlices::kAll) to(waiting.item_channels[row]);
}

// A column at a time: its bins are at hand.
void LiveFold::BinRows(const ServedSlate& slate, const std::vector<std::size_t>& shown, Waiting* waiting) {
  const std::vector<int>& places = PlacesIn(slate);
  waiting->bins.resize(shown.size() * places.size());
  const bool in_order = shown.empty() || shown.back() + 1 == shown.size();  // They ascend: all from the first on.
  std::vector<float> gathered(in_order ? 0 : shown.size());
  for (std::size_t c = 0; c < places.size(); ++c) {
    const ReferenceColumn& column = reference_.columns[c];
    std::uint8_t* out = waiting->bins.data() + c;
    const float* values = places[c] < 0 ? nullptr : slate.columns[static_cast<std::size_t>(places[c])].values.data();
    if (column.is_prediction() && !waiting->score.empty()) {
      values = waiting->score.data();
    } else if (values != nullptr && !in_order) {
      for (std::size_t i = 0; i < shown.size(); ++i) gathered[i] = values[shown[i]];
      values = gathered.data();
    }
    if (values != nullptr) {
      BinsOfValues(column.bins, values, shown.size(), out, places.size());
      continue;
    }
    const auto missing = static_cast<std::uint8_t>(column.bins.missing());
    for (std::size_t i = 0; i < shown.size(); ++i) out[i * places.size()] = missing;
  }
}

void LiveFold::TakeSlate(const LogRecord& record) {
  const ServedSlate& slate = record.event.served;
  if (slate.models.empty() || slate.models[0].name != model_ || slate.columns.empty()) return;
  if (fresh_.size() >= kMostWaiting) {
    left_out_ += record.offset >= counted_until_;  // Those before are read again after a restart.
    return;
  }
  Waiting waiting{.offset = record.offset, .arrival_ms = record.arrival_ms};
  SetSlices(record, &waiting);
  std::vector<std::size_t> shown;  // Rows of the record; others are of a pool that was drawn from.
  for (std::size_t row = 0; row < slate.kept.size(); ++row) {
    const EventItem& item = record.event.items[slate.kept[row]];
    if (item.index < 0) continue;
    shown.push_back(row);
    waiting.items.push_back(KeyOf(item.item_id));
  }
  BinRows(slate, shown, &waiting);
  waiting.seen_ms.resize(waiting.items.size());
  waiting.labelled.resize(waiting.items.size());
  const Key key = SlateKey(record.event);
  if (!waiting_.emplace(key, std::move(waiting)).second) return;
  order_.push_back(key);
  fresh_.push_back(key);
}

ReferenceWindow& LiveFold::WindowAt(std::map<std::int64_t, ReferenceWindow>* windows, std::int64_t arrival_ms,
                                    std::size_t bins) {
  const std::int64_t start = arrival_ms / Reference::kPeriodMs * Reference::kPeriodMs;
  ReferenceWindow& window = (*windows)[start];
  if (window.counts.empty()) {
    window.from_ms = start;
    window.to_ms = start + Reference::kPeriodMs;
    window.counts.resize(bins);
  }
  return window;
}

void LiveFold::TakeImpression(const LogRecord& record) {
  const auto at = waiting_.find(SlateKey(record.event));
  if (at == waiting_.end()) return;
  Waiting& waiting = at->second;
  // Later ones would be settled before the window of their labels is over.
  if (waiting.settled || record.arrival_ms >= waiting.arrival_ms + kWaitMs) return;
  const std::size_t columns = reference_.columns.size();
  ReferenceWindow* window = nullptr;       // Of the hour, once a row counts.
  std::vector<SliceSums>* hour = nullptr;  // Likewise.
  for (const EventItem& shown : record.event.items) {
    const auto item = std::ranges::find(waiting.items, KeyOf(shown.item_id));
    if (item == waiting.items.end()) continue;
    const auto row = static_cast<std::size_t>(item - waiting.items.begin());
    if (waiting.seen_ms[row] != 0) continue;  // Shown twice: one row.
    waiting.seen_ms[row] = record.arrival_ms;
    if (record.offset < counted_until_) continue;
    if (window == nullptr) window = &WindowAt(&windows_, record.arrival_ms, bins_);
    ++window->rows;
    const std::uint8_t* bins = waiting.bins.data() + row * columns;
    for (std::size_t c = 0; c < columns; ++c) ++window->counts[first_bin_[c] + bins[c]];
    AddToSlices(waiting, row, &hour, [](SliceSums* sums, std::uint64_t probability) {
      ++sums->rows;
      sums->predicted += probability;
    });
    if (row < waiting.worth.size())
      values_.At(record.arrival_ms / kHourMs * kHourMs)
          .served.Add(static_cast<double>(waiting.worth[row]), static_cast<double>(waiting.score[row]), false);
  }
}

void LiveFold::TakeLabel(const LogRecord& record) {
  const auto at = waiting_.find(SlateKey(record.event));
  if (at == waiting_.end()) return;
  Waiting& waiting = at->second;
  for (const EventItem& labelled : record.event.items) {
    const auto item = std::ranges::find(waiting.items, KeyOf(labelled.item_id));
    if (item == waiting.items.end()) continue;
    const auto row = static_cast<std::size_t>(item - waiting.items.begin());
    // One that stands before its impression labels it, too.
    if (waiting.seen_ms[row] == 0 || record.arrival_ms < waiting.seen_ms[row] + label_.window_ms)
      waiting.labelled[row] = 1;
  }
}

// When no label can come any more.
void LiveFold::CountLabels(const Waiting& waiting) {
  if (label_.window_ms == 0) return;
  ReferenceWindow* window = nullptr;  // Of the row before.
  std::vector<SliceSums>* hour = nullptr;
  for (std::size_t row = 0; row < waiting.items.size(); ++row) {
    const std::int64_t seen_ms = waiting.seen_ms[row];
    if (seen_ms == 0) continue;
    if (window == nullptr || seen_ms < window->from_ms || seen_ms >= window->to_ms) {
      // MakePrior's bins: 0 | 1 | other | unseen | missing.
      window = &WindowAt(&labels_, seen_ms, 5);
      hour = nullptr;
    }
    ++window->rows;
    ++window->counts[waiting.labelled[row]];
    AddToSlices(waiting, row, &hour, [&](SliceSums* sums, std::uint64_t probability) {
      ++sums->labelled;
      sums->expected += probability;
      sums->positives += waiting.labelled[row];
    });
    if (row < waiting.worth.size())
      values_.At(seen_ms / kHourMs * kHourMs)
          .labelled.Add(static_cast<double>(waiting.worth[row]), static_cast<double>(waiting.score[row]),
                        waiting.labelled[row] != 0);
  }
}

// What waits for labels alone is small.
void LiveFold::SettleBefore(std::int64_t arrival_ms) {
  while (!fresh_.empty()) {
    Waiting& oldest = waiting_.at(fresh_.front());
    if (oldest.arrival_ms >= arrival_ms) return;
    oldest.settled = true;
    oldest.bins = {};
    const bool no_room = order_.size() - fresh_.size() >= kMostLabelled;
    if (no_room) oldest.items.clear();
    fresh_.pop_front();
  }
}

void LiveFold::ForgetBefore(std::int64_t arrival_ms) {
  while (!order_.empty()) {
    const auto oldest = waiting_.find(order_.front());
    if (oldest->second.arrival_ms >= arrival_ms) return;
    CountLabels(oldest->second);
    waiting_.erase(oldest);
    order_.pop_front();
  }
}

void LiveFold::Advance(std::int64_t now_ms) {
  SettleBefore(now_ms - 2 * kWaitMs);
  ForgetBefore(now_ms - settle_ms());
  while (!windows_.empty() && windows_.begin()->first < now_ms - kKeptMs) windows_.erase(windows_.begin());
  while (!labels_.empty() && labels_.begin()->first < now_ms - kKeptMs) labels_.erase(labels_.begin());
  slices_.ForgetBefore(now_ms - kKeptMs);
  values_.ForgetBefore(now_ms - kKeptMs);
}

void LiveFold::Fold(const LogRecord& record) {
  next_ = record.offset + 1;
  switch (record.event.type) {
    case EventType::kFeedRequest:
      SettleBefore(record.arrival_ms - 2 * kWaitMs);
      ForgetBefore(record.arrival_ms - settle_ms());
      TakeSlate(record);
      break;
    case EventType::kFeedImpression:
      TakeImpression(record);
      break;
    default:
      if (record.event.type == label_.event && label_.window_ms > 0) TakeLabel(record);
  }
}

std::vector<ReferenceWindow> LiveFold::windows() const { return InOrder(windows_); }
std::vector<ReferenceWindow> LiveFold::label_windows() const { return InOrder(labels_); }

std::string LiveFold::Encode() const {
  std::string bytes(kLiveMagic);
  ByteWriter out{&bytes};
  out.Number(kLiveFormat);
  out.String(model_);
  out.Number(BinsFingerprint(reference_));
  out.Varint(next_);
  out.Varint(order_.empty() ? next_ : waiting_.at(order_.front()).offset);
  out.Varint(left_out_);
  AppendWindows(windows_, out);
  AppendWindows(labels_, out);
  slices_.Encode(out);
  values_.Encode(out);
  return bytes;
}

Status LiveFold::Restore(std::string_view bytes) {
  const auto damaged = [] {
    return Error{ErrorCode::kCorrupt, "the live windows of drift are damaged; they begin anew"};
  };
  ByteReader in{bytes};
  if (in.Take(kLiveMagic.size()) != kLiveMagic) return damaged();
  const auto format = in.Number<std::uint32_t>();
  if (format > kLiveFormat)
    return Error{ErrorCode::kNeedsNewer, "the live windows of drift were written by a newer gfr; they begin anew"};
  const std::string_view model = in.String();
  const auto bins = in.Number<std::uint64_t>();
  if (in.bad) return damaged();
  if (model != model_ || bins != BinsFingerprint(reference_))
    return Error{ErrorCode::kInvalidArgument, "the live windows of drift are of another model version"};
  std::map<std::int64_t, ReferenceWindow> windows, labels;
  const std::uint64_t counted_until = in.Varint(), from = in.Varint(), left_out = in.Varint();
  LiveSlices slices;
  LiveValues values;
  if (!ReadWindows(in, bins_, &windows) || !ReadWindows(in, 5, &labels)) return damaged();
  if (format > 1 && !LiveSlices::Decode(in, &slices)) return damaged();
  if (format > 2 && !LiveValues::Decode(in, &values)) return damaged();
  if (!in.left.empty() || from > counted_until) return damaged();
  slices_ = std::move(slices);
  values_ = std::move(values);
  windows_ = std::move(windows);
  labels_ = std::move(labels);
  counted_until_ = counted_until;
  next_ = from;
  left_out_ = left_out;
  waiting_.clear();
  order_.clear();
  fresh_.clear();
  return {};
}

std::vector<ReferenceWindow> PartOf(const Reference& reference, const std::vector<std::size_t>& columns,
                                    const std::vector<ReferenceWindow>& windows) {
  const std::vector<std::size_t> first_bin = reference.FirstBins();
  std::vector<ReferenceWindow> parts;
  for (const ReferenceWindow& window : windows) {
    ReferenceWindow part{.from_ms = window.from_ms, .to_ms = window.to_ms, .rows = window.rows};
    for (const std::size_t c : columns)
      part.counts.insert(part.counts.end(), window.counts.begin() + static_cast<std::ptrdiff_t>(first_bin[c]),
                         window.counts.begin() + static_cast<std::ptrdiff_t>(first_bin[c + 1]));
    parts.push_back(std::move(part));
  }
  return parts;
}

Reference PartOf(const Reference& reference, const std::vector<std::size_t>& columns) {
  Reference part{.objective = reference.objective,
                 .from_ms = reference.from_ms,
                 .to_ms = reference.to_ms,
                 .rows = reference.rows,
                 .positives = reference.positives};
  for (const std::size_t c : columns) part.columns.push_back(reference.columns[c]);
  part.windows = PartOf(reference, columns, reference.windows);
  return part;
}

Reference Rebased(const Reference& reference, std::vector<ReferenceWindow> windows) {
  Reference based = reference;
  based.windows = std::move(windows);
  based.rows = 0;
  std::vector<std::uint64_t> counts(based.bins());
  for (const ReferenceWindow& window : based.windows) {
    based.rows += window.rows;
    for (std::size_t b = 0; b < counts.size(); ++b) counts[b] += window.counts[b];
  }
  if (!based.windows.empty()) {
    based.from_ms = based.windows.front().from_ms;
    based.to_ms = based.windows.back().to_ms;
  }
  std::size_t at = 0;
  for (ReferenceColumn& column : based.columns) {
    for (std::size_t b = 0; b < column.bins.size(); ++b, ++at) {
      // What a bin says of the label is still what training said.
      const auto before = static_cast<double>(column.counts.counts[b]);
      const double rate = before > 0 ? static_cast<double>(column.positives[b]) / before : 0;
      column.counts.counts[b] = counts[at];
      column.positives[b] = static_cast<std::uint64_t>(rate * static_cast<double>(counts[at]) + 0.5);
    }
  }
  if (!based.columns.empty())
    based.positives =
        std::accumulate(based.columns[0].positives.begin(), based.columns[0].positives.end(), std::uint64_t{0});
  return based;
}

}  // namespace gfr
