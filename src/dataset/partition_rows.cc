#include "dataset/partition_rows.h"

#include <cstring>
#include <functional>
#include <map>

#include "dataset/dataset_config.h"
#include "dataset/left_out.h"
#include "event/event_codec.h"

namespace gfr {
namespace {

constexpr std::uint32_t kNoTypes = 0;
constexpr std::size_t kStoredHeader = 20;  // u64 offset, i64 arrival, u32 length, before an event's bytes.

std::uint32_t BitOf(EventType type) { return 1u << static_cast<unsigned>(type); }

void TakeEpochs(std::string* bytes, std::vector<EpochDelta>* out) {
  std::string_view left = *bytes;
  while (!left.empty()) {
    std::int64_t end_ms = 0;
    std::uint64_t size = 0;
    std::memcpy(&end_ms, left.data(), 8);
    std::memcpy(&size, left.data() + 8, 8);
    out->emplace_back(end_ms, left.substr(16, size));
    left.remove_prefix(16 + size);
  }
  bytes->clear();
}

}  // namespace

Result<std::shared_ptr<ReplayPlan>> ReplayPlan::Make(const std::string& toml, std::int64_t from_ms, std::int64_t to_ms,
                                                     bool drop_immature) {
  GFR_ASSIGN(Config project, Config::Parse(toml, "gfr.toml"));
  auto plan = std::make_shared<ReplayPlan>();
  GFR_ASSIGN(plan->features_, FeatureSet::Make(project));
  GFR_ASSIGN(plan->objectives_, ObjectiveConfig::ReadAll(project, *plan->features_));
  GFR_ASSIGN(const DatasetConfig dataset, DatasetConfig::Read(project, &plan->objectives_));
  plan->options_ = {.from_ms = from_ms, .to_ms = to_ms, .drop_immature = drop_immature, .leave_out = dataset.leave_out};
  // Slates to rank are not given; what a session interacted with, sampled negatives need too.
  plan->options_.slates = std::ranges::any_of(plan->objectives_, [](const ObjectiveConfig& o) { return o.sampled.on; });
  plan->people_ = AliasHistory(plan->features_->schema.alias);
  plan->parents_ = ItemParents(&plan->features_->schema);
  return plan;
}

std::uint32_t ReplayPlan::needed_types() const {
  return BitOf(EventType::kUserAlias) | (parents_.are_declared() ? BitOf(EventType::kItemUpdate) : kNoTypes);
}

void ReplayPlan::Add(const LogRecord& record) {
  if (record.event.type == EventType::kUserAlias) people_.Join(record.event, record.offset);
  if (record.event.type == EventType::kItemUpdate && parents_.are_declared()) parents_.Add(record.event);
}

void ReplayPlan::SetEpochStarts(std::span<const std::int64_t> offsets, std::span<const std::int64_t> arrivals_ms) {
  auto starts = std::make_shared<EpochStarts>();
  for (std::size_t i = 0; i < std::min(offsets.size(), arrivals_ms.size()); ++i)
    starts->Add(static_cast<std::uint64_t>(offsets[i]), arrivals_ms[i]);
  epoch_starts_ = std::move(starts);
}

std::uint32_t ReplayPlan::catalogue_types() const {
  return BitOf(EventType::kItemUpdate) | BitOf(EventType::kItemDelete) |
         (features_->schema.price_from_impressions ? BitOf(EventType::kFeedImpression) : kNoTypes);
}

Key ReplayPlan::GroupOf(const Event& event) const {
  if (const Key group = people_.GroupOf(event); group != 0) return group;
  return IsCatalogue(event.type) ? 0 : 1;  // The lines of nobody count.
}

CatalogueFold::CatalogueFold(std::shared_ptr<const ReplayPlan> plan)
    : store_(plan->features(), {.user_views = false, .shared_lines = false, .catalogue = true}) {}

std::vector<EpochDelta> CatalogueFold::Take() {
  std::vector<EpochDelta> out;
  for (const std::int64_t end_ms : store_.shared().OpenEpochs())
    out.emplace_back(end_ms, store_.shared().TakeDelta(end_ms));
  return out;
}

Status EpochMerge::Add(std::int64_t end_ms, std::string_view delta, std::vector<EpochDelta>* whole) {
  if (end_ms < end_ms_) return Error{ErrorCode::kCorrupt, "epochs to merge are not in order of their ends"};
  if (end_ms > end_ms_) Finish(whole);
  end_ms_ = end_ms;
  return sum_.AddDelta(end_ms, delta);
}

void EpochMerge::Finish(std::vector<EpochDelta>* whole) {
  for (const std::int64_t end_ms : sum_.OpenEpochs()) whole->emplace_back(end_ms, sum_.TakeDelta(end_ms));
}

LinesFold::LinesFold(std::shared_ptr<const ReplayPlan> plan, const std::string& catalogue)
    : epochs_(EpochReader(PosixFileSystem(), catalogue), &taken_),
      store_(plan->features(), {.user_views = false, .shared_lines = true, .catalogue = false}, &epochs_) {}

Status LinesFold::Add(const LogRecord& record, std::vector<EpochDelta>* out) {
  store_.Fold(record);
  TakeEpochs(&taken_, out);
  return store_.status();
}

Status LinesFold::Finish(std::vector<EpochDelta>* out) {
  GFR_TRY(epochs_.Before(INT64_MAX, store_.shared()));
  TakeEpochs(&taken_, out);
  return {};
}

struct PartitionRows::State {
  class Sink final : public RowSink {
   public:
    explicit Sink(const std::vector<ObjectiveConfig>& objectives) : objectives_(objectives) {}
    void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) override {
      rows->objective.push_back(static_cast<std::int32_t>(objective));
      rows->place.push_back(place);
      rows->label.push_back(LabelOf(place, label));
      rows->features.insert(rows->features.end(), features.begin(), features.end());
    }
    void Slate(SlateRow, std::span<const float>) override {}
    void Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) override {
      dropped[objectives_[objective].name + "." + kDropReasons[static_cast<std::size_t>(reason)]] += lines;
    }
    PartitionRows::Rows* rows = nullptr;
    std::map<std::string, std::uint64_t> dropped;

   private:
    const std::vector<ObjectiveConfig>& objectives_;
  };

  State(std::shared_ptr<const ReplayPlan> of, const std::string& epochs_path, const std::string& scratch)
      : plan(std::move(of)),
        options(plan->options_),
        records(PosixFileSystem(), scratch),
        epochs(EpochReader(PosixFileSystem(), epochs_path)),
        store(plan->features_, {.user_views = true, .shared_lines = false, .catalogue = false}, &epochs),
        sink(plan->objectives_) {}

  // Gives the records of these types, which are the partition's, from the first on; `each` says whether to go on.
  Status ForEach(std::uint32_t types, Piecewise& in, const std::function<Result<bool>(const LogRecord&)>& each) {
    for (;;) {
      GFR_ASSIGN(const bool more, in.Have(kStoredHeader));
      if (!more) {
        ended = true;
        return {};
      }
      std::uint32_t length = 0;
      std::memcpy(&record.offset, in.data().data(), 8);
      std::memcpy(&record.arrival_ms, in.data().data() + 8, 8);
      std::memcpy(&length, in.data().data() + 16, 4);
      GFR_ASSIGN(const bool whole, in.Have(kStoredHeader + length));
      if (!whole) return in.EndsTooEarly();
      const std::string_view event = in.data().substr(kStoredHeader, length);
      const bool wanted = (types & BitOf(PeekEventType(event))) != 0;
      if (wanted) GFR_TRY(DecodeEventInto(event, &record.event));
      in.Skip(kStoredHeader + length);
      if (!wanted) continue;
      GFR_ASSIGN(const bool go_on, each(record));
      if (!go_on) return {};
    }
  }

  // What the rows need to know of all records: whom to leave out, and what labels what.
  Status Begin() {
    GFR_TRY(records.Close());
    const LeaveOutConfig& leave_out = options.leave_out;
    ActivityHistory activity;
    if (leave_out.robots) {
      Piecewise in(records);
      GFR_TRY(ForEach(~kNoTypes, in, [&](const LogRecord& r) -> Result<bool> { return activity.Add(r), true; }));
    }
    options.left_out = LeftOut::Of(activity, plan->people_, leave_out);
    builder.emplace(plan->objectives_, options, plan->people_, plan->parents_, store, sink);
    builder->JudgeSlatesBy(plan->epoch_starts_);
    Piecewise labels(records), indexed(records);
    GFR_TRY(ForEach(builder->awaited_types(), labels,
                    [&](const LogRecord& r) -> Result<bool> { return builder->Await(r), true; }));
    GFR_TRY(ForEach(builder->indexed_types(), indexed,
                    [&](const LogRecord& r) -> Result<bool> { return builder->Index(r), true; }));
    replayed.emplace(records);
    ended = false;
    return {};
  }

  const std::shared_ptr<const ReplayPlan> plan;
  DatasetOptions options;
  Spill records;
  MergedEpochs epochs;
  OnlineStore store;
  Sink sink;
  std::optional<RowBuilder> builder;
  std::optional<Piecewise> replayed;
  LogRecord record;
  std::uint64_t next_offset = 0;
  bool ended = false, finished = false;
  std::vector<std::pair<std::string, std::uint64_t>> dropped;
};

PartitionRows::PartitionRows(std::shared_ptr<const ReplayPlan> plan, const std::string& epochs,
                             const std::string& scratch)
    : state_(std::make_unique<State>(std::move(plan), epochs, scratch)) {}
PartitionRows::~PartitionRows() = default;

Status PartitionRows::Add(std::uint64_t offset, std::int64_t arrival_ms, std::string_view encoded) {
  State& s = *state_;
  if (offset < s.next_offset)
    return Error{ErrorCode::kInvalidArgument,
                 "offset " + std::to_string(offset) + " comes behind " + std::to_string(s.next_offset - 1) +
                     "; the records of a partition must be sorted by log_offset, each once"};
  s.next_offset = offset + 1;
  const auto length = static_cast<std::uint32_t>(encoded.size());
  s.records.buffer.append(reinterpret_cast<const char*>(&offset), 8);
  s.records.buffer.append(reinterpret_cast<const char*>(&arrival_ms), 8);
  s.records.buffer.append(reinterpret_cast<const char*>(&length), 4);
  s.records.buffer.append(encoded);
  return s.records.Flush();
}

Result<bool> PartitionRows::Read(std::size_t enough, Rows* rows) {
  State& s = *state_;
  if (s.finished) return false;
  if (!s.builder) GFR_TRY(s.Begin());
  s.sink.rows = rows;
  GFR_TRY(s.ForEach(~kNoTypes, *s.replayed, [&](const LogRecord& r) -> Result<bool> {
    s.builder->Replay(r, s.plan->end_ms_);
    GFR_TRY(s.store.status());
    return rows->place.size() < enough;
  }));
  if (!s.ended) return true;
  s.builder->Finish();
  GFR_TRY(s.store.status());
  s.finished = true;
  s.dropped.assign(s.sink.dropped.begin(), s.sink.dropped.end());
  return !rows->place.empty();
}

const std::vector<std::pair<std::string, std::uint64_t>>& PartitionRows::dropped() const { return state_->dropped; }

}  // namespace gfr
