#include "log/distinct_events.h"

#include "log/passed_records.h"

namespace gfr {
namespace {

class DistinctReader final : public EventReader, public PassedRecords {
 public:
  DistinctReader(std::unique_ptr<EventReader> all, Positions from, std::uint32_t types, std::int64_t horizon_ms)
      : all_(std::move(all)), from_(std::move(from)), types_(types) {
    for (std::size_t p = 0; p < from_.size(); ++p) keys_.emplace_back(horizon_ms);
  }

  Result<ReadState> Next(LogRecord* record) override {
    for (;;) {
      GFR_ASSIGN(const ReadState state, all_->Next(record));
      if (state != ReadState::kRecord) return state;
      const auto p = static_cast<std::size_t>(all_->partition());
      // A record of any type is the first of its id, also one that is not wanted.
      if (!keys_[p].Insert(DuplicateKeys::Of(record->event), record->arrival_ms)) continue;
      if (record->offset < from_[p]) continue;
      if ((types_ & TypeBit(record->event.type)) != 0) return state;
      if (passed_) passed_(record->offset, record->arrival_ms);
    }
  }
  bool WaitFor(std::int64_t deadline_ms) override { return all_->WaitFor(deadline_ms); }
  void OnPassed(PassedRecord passed) override { passed_ = std::move(passed); }
  int partition() const override { return all_->partition(); }
  std::string_view encoded() const override { return all_->encoded(); }

 private:
  const std::unique_ptr<EventReader> all_;
  const Positions from_;
  const std::uint32_t types_;
  PassedRecord passed_;
  std::vector<DuplicateKeys> keys_;  // By partition: its order is the only one that every read has.
};

}  // namespace

Result<std::unique_ptr<EventReader>> DistinctEvents::Open(const Positions& from, ReadOptions options) {
  GFR_ASSIGN(const Positions begin, source_.Begin());
  GFR_ASSIGN(auto all, source_.Open(begin, {.types = kEveryType, .until = options.until}));
  return std::unique_ptr<EventReader>(
      std::make_unique<DistinctReader>(std::move(all), from, options.types, horizon_ms_));
}

}  // namespace gfr
