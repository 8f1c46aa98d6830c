#include "dataset/dataset.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/progress.h"
#include "log/event_log.h"

namespace gfr {
namespace {

// Where label events lie: by (request, item) and by (user, item), with offsets and times in log order.
struct LabelTimes {
  std::vector<std::pair<std::uint64_t, std::int64_t>> at;  // Offset, event time.
};
using LabelIndex = std::unordered_map<Key, LabelTimes>;

bool NamesRequest(EventType population) {
  return population == EventType::kFeedImpression || population == EventType::kFeedClick;
}

bool Positive(const LabelIndex& index, Key key, std::uint64_t offset, std::int64_t time_ms, std::int64_t window_ms) {
  const auto found = index.find(key);
  if (found == index.end()) return false;
  for (const auto& [at, when] : found->second.at) {
    if (at > offset && when <= time_ms + window_ms) return true;
  }
  return false;
}

bool IsTouch(EventType type) {
  return type == EventType::kFeedClick || type == EventType::kItemView || type == EventType::kCartAdd ||
         type == EventType::kPurchase;
}

// A request's slate with the features read for it, until its impressions and clicks have come.
struct OpenRequest {
  std::vector<Key> items, shown;
  std::vector<float> features;
  std::int64_t arrival_ms;
  std::ptrdiff_t slate = -1;  // Index in Dataset::slates.
};

class Builder {
 public:
  Builder(std::shared_ptr<const FeatureSet> features, const std::vector<ObjectiveConfig>& objectives,
          const DatasetOptions& options)
      : store_(features), objectives_(objectives), options_(options), labels_(objectives.size()) {
    data_.columns = features->columns();
    data_.objectives.resize(objectives.size());
  }

  // First pass: labels, and which requests must be read early.
  void Index(const LogRecord& r) {
    if (data_.records++ == 0) data_.first_arrival_ms = r.arrival_ms;
    data_.last_arrival_ms = r.arrival_ms;
    data_.simulated = data_.simulated || r.event.source == "simulator";
    const Key user = KeyOf(r.event.user_id), request = KeyOf(r.event.request_id);
    NameCategories(r.event.context);
    for (const EventItem& item : r.event.items) {
      NameCategories(item.properties);
      if (r.event.type == EventType::kFeedImpression && request)
        latest_impression_[PairKey(user, KeyOf(item.item_id))] = {request, r.event.time_ms};
    }
    for (std::size_t o = 0; o < objectives_.size(); ++o) {
      if (r.event.type != objectives_[o].label) continue;
      for (const EventItem& item : r.event.items) {
        const Key key = KeyOf(item.item_id);
        labels_[o][PairKey(user, key)].at.push_back({r.offset, r.event.time_ms});
        Key of = request;
        if (const auto shown = latest_impression_.find(PairKey(user, key));
            of == 0 && shown != latest_impression_.end() &&
            r.event.time_ms <= shown->second.second + objectives_[o].window_ms) {
          of = shown->second.first;
        }
        if (of) labels_[o][PairKey(of ^ kRequestSalt, key)].at.push_back({r.offset, r.event.time_ms});
      }
    }
    if (r.event.type == EventType::kFeedRequest && r.event.served.columns > 0)
      early_[r.event.served.as_of].push_back(r);
  }

  // Second pass, in log order.
  void Replay(const LogRecord& r) {
    const Event& e = r.event;
    if (r.offset == 0) OpenServed(-1);
    const bool in_range = r.arrival_ms >= options_.from_ms && r.arrival_ms < options_.to_ms;
    if (e.type == EventType::kFeedRequest && e.served.columns == 0) Open(r, r.arrival_ms, EpochEndAt(r.arrival_ms));
    if (e.type == EventType::kFeedImpression) Shown(r);
    if (e.type == EventType::kFeedClick) Clicked(e);
    for (std::size_t o = 0; o < objectives_.size(); ++o) {
      if (in_range && e.type == objectives_[o].population) AddRows(r, o);
    }
    store_.Fold(r);
    if (IsTouch(e.type)) {
      auto& session = touched_[PairKey(KeyOf(e.user_id), KeyOf(e.session_id))];
      for (const EventItem& item : e.items) {
        session[KeyOf(item.item_id)] = r.offset + 1;
        ++touches_[KeyOf(item.item_id)];
      }
    }
    OpenServed(static_cast<std::int64_t>(r.offset));
  }

  Dataset Take() { return std::move(data_); }

 private:
  static constexpr Key kRequestSalt = 0x9e3779b97f4a7c15u;

  void NameCategories(const std::vector<Property>& properties) {
    if (data_.category_names.size() >= 20000) return;
    for (const Property& p : properties) {
      if (!p.text.empty()) data_.category_names.try_emplace(CategoryCode(KeyOf(p.text)), p.text);
    }
  }

  // Reads the requests that the server served when `as_of` was the last record folded.
  void OpenServed(std::int64_t as_of) {
    const auto at = early_.find(as_of);
    if (at == early_.end()) return;
    for (const LogRecord& request : at->second)
      Open(request, request.event.served.now_ms, request.event.served.epoch_end_ms);
  }

  void Open(const LogRecord& r, std::int64_t now_ms, std::int64_t epoch_end_ms) {
    OpenRequest open{.arrival_ms = r.arrival_ms};
    for (const EventItem& item : r.event.items) open.items.push_back(KeyOf(item.item_id));
    open.features.resize(open.items.size() * data_.columns);
    store_.AdvanceTo(epoch_end_ms);
    // Of a slate that the server made itself, the order is not the caller's.
    const bool supplied =
        r.event.served.columns == 0 || (!r.event.items.empty() && r.event.items[0].channel == "supplied");
    store_.Read({now_ms, store_.epoch_end_ms(), KeyOf(r.event.user_id), KeyOf(r.event.session_id), r.event.context,
                 r.event.items, supplied},
                open.features.data());
    open_[KeyOf(r.event.request_id)] = std::move(open);
  }

  // A slate counts for ranking once it was shown: the impression's items in its order, with the features read for the
  // request.
  void Shown(const LogRecord& r) {
    const auto at = open_.find(KeyOf(r.event.request_id));
    if (at == open_.end() || at->second.slate >= 0) return;
    OpenRequest& open = at->second;
    if (open.arrival_ms < options_.from_ms || open.arrival_ms >= options_.to_ms) return;
    SlateRow slate{.user = KeyOf(r.event.user_id),
                   .session = KeyOf(r.event.session_id),
                   .arrival_ms = open.arrival_ms,
                   .first = data_.slate_features.size() / data_.columns,
                   .untouched = true};
    const auto& session = touched_[PairKey(slate.user, slate.session)];
    for (const EventItem& shown : r.event.items) {
      const Key item = KeyOf(shown.item_id);
      const auto row = std::ranges::find(open.items, item);
      if (row == open.items.end()) continue;
      const float* values = open.features.data() + static_cast<std::size_t>(row - open.items.begin()) * data_.columns;
      data_.slate_features.insert(data_.slate_features.end(), values, values + data_.columns);
      open.shown.push_back(item);
      const auto touch = session.find(item);
      slate.untouched = slate.untouched && touch == session.end();
      slate.most_recent.push_back(touch == session.end() ? 0.0f : static_cast<float>(touch->second));
      const auto count = touches_.find(item);
      slate.popularity.push_back(count == touches_.end() ? 0.0f : static_cast<float>(count->second));
    }
    slate.items = static_cast<int>(open.shown.size());
    open.slate = static_cast<std::ptrdiff_t>(data_.slates.size());
    data_.slates.push_back(std::move(slate));
  }

  void Clicked(const Event& e) {
    const auto at = open_.find(KeyOf(e.request_id));
    if (at == open_.end() || at->second.slate < 0 || e.items.empty()) return;
    SlateRow& slate = data_.slates[static_cast<std::size_t>(at->second.slate)];
    if (slate.has_click) return;
    slate.has_click = true;
    const auto item = std::ranges::find(at->second.shown, KeyOf(e.items[0].item_id));
    if (item != at->second.shown.end()) slate.clicked = static_cast<int>(item - at->second.shown.begin());
  }

  void AddRows(const LogRecord& r, std::size_t o) {
    const ObjectiveConfig& objective = objectives_[o];
    if (options_.drop_immature && r.arrival_ms + objective.window_ms > data_.last_arrival_ms) return;
    const Key user = KeyOf(r.event.user_id), request = KeyOf(r.event.request_id);
    const auto open = NamesRequest(objective.population) && request ? open_.find(request) : open_.end();
    std::vector<float> own;
    if (open == open_.end()) {
      if (objective.population == EventType::kFeedImpression) return;  // Its request was not in the log.
      own.resize(r.event.items.size() * data_.columns);
      store_.AdvanceTo(EpochEndAt(r.arrival_ms));
      store_.Read(
          {r.arrival_ms, store_.epoch_end_ms(), user, KeyOf(r.event.session_id), r.event.context, r.event.items, false},
          own.data());
    }
    ObjectiveRows& rows = data_.objectives[o];
    for (std::size_t i = 0; i < r.event.items.size(); ++i) {
      const Key item = KeyOf(r.event.items[i].item_id);
      const float* values = own.data() + i * data_.columns;
      if (open != open_.end()) {
        const auto at = std::ranges::find(open->second.items, item);
        if (at == open->second.items.end()) continue;
        values =
            open->second.features.data() + static_cast<std::size_t>(at - open->second.items.begin()) * data_.columns;
      }
      const bool by_request =
          objective.population == EventType::kFeedImpression && objective.label == EventType::kFeedClick && request;
      const Key key = PairKey(by_request ? request ^ kRequestSalt : user, item);
      rows.features.insert(rows.features.end(), values, values + data_.columns);
      rows.label.push_back(Positive(labels_[o], key, r.offset, r.event.time_ms, objective.window_ms));
      rows.user.push_back(user);
      rows.arrival_ms.push_back(r.arrival_ms);
      rows.offset.push_back(r.offset);
    }
  }

  OnlineStore store_;
  const std::vector<ObjectiveConfig>& objectives_;
  const DatasetOptions options_;
  std::vector<LabelIndex> labels_;
  std::unordered_map<std::int64_t, std::vector<LogRecord>> early_;
  std::unordered_map<Key, std::pair<Key, std::int64_t>> latest_impression_;  // Of user and item: its request and time.
  std::unordered_map<Key, OpenRequest> open_;
  std::unordered_map<Key, std::unordered_map<Key, std::uint64_t>> touched_;
  std::unordered_map<Key, std::uint32_t> touches_;
  Dataset data_;
};

}  // namespace

Result<Dataset> BuildDataset(FileSystem& fs, const std::string& log_folder, std::shared_ptr<const FeatureSet> features,
                             const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options) {
  Builder builder(std::move(features), objectives, options);
  std::uint64_t total = 0;
  for (const bool replay : {false, true}) {
    GFR_ASSIGN(const auto reader, LogReader::Open(fs, log_folder));
    Progress progress(replay ? "replay" : "index", total, "events");
    LogRecord record;
    for (std::uint64_t done = 0;;) {
      GFR_ASSIGN(const bool more, reader->Next(&record));
      if (!more || (replay && done == total)) break;
      if (replay)
        builder.Replay(record);
      else
        builder.Index(record);
      progress.Update(++done);
      if (!replay) total = done;
    }
  }
  Dataset data = builder.Take();
  // Only slates with a click can be ranked right or wrong.
  std::erase_if(data.slates, [](const SlateRow& s) { return !s.has_click; });
  return data;
}

}  // namespace gfr
