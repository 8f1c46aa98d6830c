#include "dataset/log_survey.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/progress.h"
#include "base/time.h"
#include "dataset/kept_rows.h"
#include "dataset/start_at_base.h"
#include "event/event_codec.h"
#include "log/passed_records.h"

namespace gfr {
namespace {

// How many distinct keys there were: from the 1,024 smallest (Bar-Yossef et al. 2002), to about 3 %.
class DistinctKeys {
 public:
  void Add(Key key) {
    if (key == 0 || (smallest_.size() == kKept && key >= *smallest_.rbegin())) return;
    smallest_.insert(key);
    if (smallest_.size() > kKept) smallest_.erase(std::prev(smallest_.end()));
  }
  double Estimate() const {
    if (smallest_.size() < kKept) return static_cast<double>(smallest_.size());
    return static_cast<double>(kKept - 1) / (static_cast<double>(*smallest_.rbegin()) * 0x1.0p-64);
  }

 private:
  static constexpr std::size_t kKept = 1024;
  std::set<Key> smallest_;
};

constexpr std::size_t kEntityBytes = 64;  // Of a row's header, key and places in indexes.

// What the users, sessions, labels and open requests of a log take, record by record.
class Measure {
 public:
  Measure(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options)
      : features_(features), objectives_(objectives), options_(options) {}

  void Add(const LogRecord& r) {
    if (r.arrival_ms / kDayMs != day_) EndDay();
    day_ = r.arrival_ms / kDayMs;
    const Key user = KeyOf(r.event.user_id);
    users_.Add(user);
    const Key session = SessionKey(user, KeyOf(r.event.session_id));
    sessions_.Add(session);
    all_sessions_.Add(session);
    const auto items = static_cast<double>(r.event.items.size());
    for (const ObjectiveConfig& o : objectives_)
      labels_ += o.label == r.event.type && r.arrival_ms >= options_.from_ms ? items : 0;
    if (r.event.type == EventType::kFeedRequest && r.arrival_ms < options_.to_ms &&
        (options_.from_ms == INT64_MIN || r.arrival_ms >= options_.from_ms - kDayMs))
      requests_ += 512 + items * static_cast<double>(features_.columns() * sizeof(float) + 32);
  }

  double Bytes() {
    EndDay();
    // Sessions and requests live for a day; of sessions that are over an index's place stays.
    return users_.Estimate() * static_cast<double>(features_.user_row_bytes + kEntityBytes) +
           1.3 * most_sessions_ * static_cast<double>(features_.session_row_bytes + 256) +
           all_sessions_.Estimate() * 40 + 1.3 * most_requests_ + labels_ * 96;
  }

 private:
  void EndDay() {
    most_sessions_ = std::max(most_sessions_, std::exchange(sessions_, {}).Estimate());
    most_requests_ = std::max(most_requests_, std::exchange(requests_, 0));
  }

  const FeatureSet& features_;
  const std::vector<ObjectiveConfig>& objectives_;
  const DatasetOptions& options_;
  DistinctKeys users_, all_sessions_, sessions_;
  double labels_ = 0, requests_ = 0, most_sessions_ = 0, most_requests_ = 0;
  std::int64_t day_ = INT64_MIN;
};

// A third is for the state that all users share, which every worker has, and for the program.
double Budget(const DatasetOptions& options) { return 0.65 * static_cast<double>(options.memory_bytes); }

// Whether the log could need more than the budget: at the most each record makes a user and a session.
Result<bool> MayNotFit(EventSource& log, const FeatureSet& features, const DatasetOptions& options) {
  if (options.partitions > 0) return false;
  GFR_ASSIGN(const Positions begin, log.Begin());
  GFR_ASSIGN(const Positions end, log.End());
  std::uint64_t records = 0;
  for (std::size_t p = 0; p < end.size(); ++p) records += end[p] - begin[p];
  return static_cast<double>(records) *
             static_cast<double>(features.user_row_bytes + features.session_row_bytes + kEntityBytes * 2) >
         Budget(options);
}

// What in a new record may change what was settled before; empty: nothing.
std::string WhyUnsettled(const LogRecord& r, const KeptDigest& known) {
  const std::string at = " (offset " + std::to_string(r.offset) + ")";
  if (r.event.type == EventType::kUserAlias)
    return known.users.contains(KeyOf(r.event.kind)) ? "an id that acted before was joined to a login" + at : "";
  // Of labels, and what takes them back.
  return r.event.time_ms <= known.latest_ms ? "a label event came late" + at : "";
}

}  // namespace

Status LogSurvey::Begin(const KeptDigest& digest) {
  for (const auto& [offset, encoded] : digest.aliases) {
    GFR_ASSIGN(const Event alias, DecodeEvent(encoded));
    people_.Join(alias, offset);
  }
  return {};
}

Result<LogSurvey> LogSurvey::Of(EventSource& log, const std::shared_ptr<const FeatureSet>& features,
                                const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options) {
  LogSurvey survey;
  survey.people_ = AliasHistory(features->schema.alias);
  survey.parents_ = ItemParents(&features->schema);
  if (survey.parents_.are_declared()) {
    GFR_ASSIGN(const auto parents, ParentsOfBase(log, features));
    for (const auto& [item, parent] : parents) survey.parents_.Set(item, parent);
  }
  const std::uint32_t catalogue = survey.parents_.are_declared() ? TypeBit(EventType::kItemUpdate) : 0;
  GFR_ASSIGN(const bool may_not_fit, MayNotFit(log, *features, options));
  const KeptDigest* const known = options.kept != nullptr ? options.kept->digest() : nullptr;
  const std::uint64_t known_end = known != nullptr ? options.kept->end() : 0;
  GFR_ASSIGN(const auto before, AliasesOfBase(log));
  for (const auto& [from, to] : before) survey.people_.Join(from, to);
  GFR_ASSIGN(Positions from, log.Begin());
  if (known != nullptr) {
    GFR_TRY(survey.Begin(*known));
    if (may_not_fit) {
      // The states grow with the log, at most. A little more, as the estimate is one.
      GFR_ASSIGN(const Positions end, log.End());
      survey.needed_bytes_ = 1.05 * known->needed_bytes * static_cast<double>(end[0] - from[0]) /
                             static_cast<double>(std::max<std::uint64_t>(1, known_end - from[0]));
      if (known->needed_bytes == 0 || survey.needed_bytes_ > Budget(options))
        survey.unsettles_ = "the log may be too large for the memory, and is measured";
    }
    from = {known->warm};
  }
  const bool measures = may_not_fit && known == nullptr;
  std::uint32_t labels = 0;
  for (const ObjectiveConfig& o : objectives) labels |= TypeBit(o.label);
  const auto sampled = std::ranges::find_if(objectives, [](const ObjectiveConfig& o) { return o.sampled.on; });
  const std::size_t most_awaited = options.memory_bytes / 16 / sizeof(Awaited);
  const auto await = [&](const LogRecord& r) {
    const Event& e = r.event;
    if (!e.request_id.empty() || r.arrival_ms < options.from_ms || !survey.has_all_awaited_) return;
    const bool is_user = !e.user_id.empty();
    const Key person = is_user ? KeyOf(e.user_id) : SessionKey(0, KeyOf(e.session_id));
    if (person == 0) return;
    for (const EventItem& item : e.items) survey.awaited_.push_back({person, KeyOf(item.item_id), r.offset, is_user});
    if (survey.awaited_.size() <= most_awaited) return;
    std::vector<Awaited>().swap(survey.awaited_);
    survey.has_all_awaited_ = false;
  };
  Measure measure(*features, objectives, options);
  Progress progress("survey the log", 0, "events");
  std::uint64_t done = 0;
  std::uint32_t types = measures ? kEveryType : labels | catalogue | TypeBit(EventType::kUserAlias);
  if (known != nullptr) types |= TypeBit(EventType::kPurchaseCancel) | TypeBit(EventType::kPurchaseReturn);
  GFR_ASSIGN(const auto reader, log.Open(from, {.types = types}));
  // Only the log of a server has slates, and it has one partition.
  const auto starts = std::make_shared<EpochStarts>();
  if (auto* const passing = log.partitions() == 1 ? dynamic_cast<PassedRecords*>(reader.get()) : nullptr) {
    passing->OnPassed(
        [&starts = *starts](std::uint64_t offset, std::int64_t arrival_ms) { starts.Add(offset, arrival_ms); });
    survey.starts_ = starts;
  }
  for (LogRecord r; survey.unsettles_.empty();) {
    GFR_ASSIGN(const bool more, reader->More(&r));
    if (!more) break;
    starts->Add(r.offset, r.arrival_ms);
    const bool is_new = r.offset >= known_end;
    if (known != nullptr && is_new) survey.unsettles_ = WhyUnsettled(r, *known);
    if (r.event.type == EventType::kUserAlias && is_new) survey.people_.Join(r.event, r.offset);
    if (catalogue & TypeBit(r.event.type)) survey.parents_.Add(r.event);
    if (labels & TypeBit(r.event.type)) await(r);
    if (sampled != objectives.end() && sampled->label == r.event.type) survey.sampled_lines_.Add(r);
    if (measures) measure.Add(r);
    progress.Update(++done);
  }
  if (options.partitions > 0) survey.partitions_ = options.partitions;
  if (!measures) return survey;
  const double needed = survey.needed_bytes_ = measure.Bytes();
  if (needed > Budget(options))
    survey.partitions_ = std::clamp(static_cast<int>(needed * options.workers / Budget(options)) + 1, 2, 1024);
  return survey;
}

bool LogSurvey::AwaitAll(RowBuilder& builder) const {
  for (const Awaited& awaited : awaited_)
    builder.Await(awaited.is_user ? people_.Resolve(awaited.person, awaited.offset) : awaited.person, awaited.item);
  return has_all_awaited_;
}

}  // namespace gfr
