// Settling: the sink between a RowBuilder and whoever wants its rows, which keeps what is settled for the next replay
// (settled_rows.h) and finds the offset from which that one begins.
//
// Settled is what was made of records that arrived `SettlesAfterMs` and kLateMs before the log's end. The next replay
// begins a day before that (requests are open for a day), at an offset that no request straddles. Calls come in the
// log's order: BeforeIndex and AfterIndex around each RowBuilder::Index, EndIndex, BeforeReplay before each Replay,
// End. Thread safety: none.
#pragma once

#include "dataset/kept_rows.h"
#include "dataset/row_builder.h"

namespace gfr {

class Settling final : public RowSink {
 public:
  // Label events that come so much later than they happened change nothing that is settled.
  static constexpr std::int64_t kLateMs = 6 * std::int64_t{3'600'000};

  // `last_ms`: arrival of the log's last record. All must outlive it.
  Settling(KeptRows& kept, const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
           const AliasHistory& people, std::int64_t last_ms, RowSink& sink);

  void BeforeIndex(const LogRecord& record, const RowBuilder& builder);
  void AfterIndex(const RowBuilder& builder);
  void EndIndex();
  void BeforeReplay(const LogRecord& record, RowBuilder& builder);
  void End();

  void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) override;
  void Slate(SlateRow slate, std::span<const float> features) override;
  void Choice(const ChoiceRow& choice, std::span<const float> features) override;
  void Dropped(std::size_t objective, DropReason reason, std::uint64_t lines) override;

 private:
  static constexpr int kMostTries = 1000;  // Each copies the requests of a day.

  SettledWriter* writer() const { return gives_ && settles_ ? kept_.settling() : nullptr; }

  KeptRows& kept_;
  const AliasHistory& people_;
  RowSink& sink_;
  const std::int64_t after_ms_, until_ms_;  // SettlesAfterMs; arrival up to which records settle.
  const std::uint64_t gives_from_;          // What is made of records before was given from what was settled.
  std::uint32_t types_ = 0;                 // Of records that rows are made of.
  bool settles_, marks_;                    // Whether more will be settled; whether the next replay can begin with it.
  bool gives_ = false, has_warm_ = false, has_replay_state_ = false;
  int tries_ = 0;
  std::uint64_t warm_ = 0, end_ = 0;
  std::int64_t warm_ms_ = 0, latest_ms_;
  const RowBuilder* builder_ = nullptr;
  std::string index_state_, replay_state_;
};

}  // namespace gfr
