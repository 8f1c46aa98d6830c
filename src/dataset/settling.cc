#include "dataset/settling.h"

#include <algorithm>

#include "base/time.h"

namespace gfr {

Settling::Settling(KeptRows& kept, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
                   const AliasHistory& people, std::int64_t last_ms, RowSink& sink)
    : kept_(kept),
      people_(people),
      sink_(sink),
      after_ms_(SettlesAfterMs(objectives)),
      until_ms_(last_ms - after_ms_ - kLateMs),
      gives_from_(kept.digest() != nullptr ? kept.digest()->end : 0),
      settles_(kept.settling() != nullptr),
      // A device that changes hands, and items that become variants, change rows of any age.
      marks_(settles_ && features.schema.alias.is_lasting() && features.schema.parent_property < 0),
      latest_ms_(kept.digest() != nullptr ? kept.digest()->latest_ms : INT64_MIN) {
  settles_ = marks_;
  for (const ObjectiveConfig& o : objectives) types_ |= TypeBit(o.row_event());
}

void Settling::BeforeIndex(const LogRecord& r, const RowBuilder& builder) {
  if (!marks_ || has_warm_ || r.arrival_ms < until_ms_ - kDayMs - kHourMs) return;
  has_warm_ = true;
  warm_ = r.offset;
  warm_ms_ = r.arrival_ms;
  index_state_ = builder.IndexState();
}

void Settling::AfterIndex(const RowBuilder& builder) {
  // A request that was read before, and comes behind: the next record is tried.
  if (!has_warm_ || builder.read_from() >= warm_) return;
  has_warm_ = false;
  marks_ = marks_ && ++tries_ < kMostTries;
}

void Settling::EndIndex() {
  marks_ = marks_ && has_warm_ && warm_ms_ < until_ms_ - kDayMs;
  settles_ = settles_ && marks_;
}

void Settling::BeforeReplay(const LogRecord& r, RowBuilder& builder) {
  builder_ = &builder;
  if (marks_ && !has_replay_state_ && r.offset >= warm_) {
    builder.CatchUp(warm_);
    replay_state_ = builder.ReplayState(warm_ms_);
    has_replay_state_ = true;
  }
  gives_ = r.offset >= gives_from_;
  if (settles_ && r.arrival_ms > until_ms_) {
    settles_ = false;
    end_ = r.offset;
  }
  if (settles_ && TypeBit(r.event.type) & types_) latest_ms_ = std::max(latest_ms_, r.event.time_ms + after_ms_);
  if (SettledWriter* to = writer()) kept_.Fail(to->At(r.offset, people_.PersonOf(r.event, r.offset)));
}

void Settling::End() {
  if (!marks_ || settles_ || !has_replay_state_ || end_ == 0) return;
  KeptDigest& next = kept_.next_digest();
  next.is_settled = true;
  next.warm = warm_;
  next.end = std::max(end_, gives_from_);
  next.latest_ms = latest_ms_;
  next.index_state = std::move(index_state_);
  next.replay_state = std::move(replay_state_);
}

void Settling::Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) {
  if (!gives_) return;
  if (SettledWriter* to = writer()) to->Row(objective, place, label, builder_->values_of());
  sink_.Row(objective, place, label, features);
}

void Settling::Slate(SlateRow slate, std::span<const float> features) {
  if (!gives_) return;
  if (SettledWriter* to = writer()) to->Slate(slate, builder_->values_of());
  sink_.Slate(std::move(slate), features);
}

void Settling::Choice(const ChoiceRow& choice, std::span<const float> features) {
  if (!gives_) return;
  if (SettledWriter* to = writer()) to->Choice(choice, builder_->values_of());
  sink_.Choice(choice, features);
}

void Settling::Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) {
  if (!gives_) return;
  if (SettledWriter* to = writer()) to->Dropped(objective, reason, lines);
  sink_.Dropped(objective, reason, lines);
}

}  // namespace gfr
