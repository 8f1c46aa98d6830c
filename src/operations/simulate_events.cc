#include "operations/simulate_events.h"

#include "table/parquet_writer.h"

namespace gfr {
namespace {

std::vector<NamedColumn> TruthColumns(const std::vector<TrueRow>& rows) {
  std::vector<std::uint64_t> user;
  for (const TrueRow& r : rows) user.push_back(KeyOf(r.user_id));
  const auto column = [&](const char* name, auto member) -> NamedColumn {
    std::vector<
        std::conditional_t<std::is_same_v<std::decay_t<decltype(rows[0].*member)>, double>, double, std::int64_t>>
        values;
    for (const TrueRow& r : rows) values.push_back(r.*member);
    return {name, std::move(values)};
  };
  return {{"user", std::move(user)},
          column("time_ms", &TrueRow::time_ms),
          column("position", &TrueRow::position),
          column("pctr", &TrueRow::pctr),
          column("pcvr", &TrueRow::pcvr),
          column("click_time_ms", &TrueRow::click_time_ms),
          column("utility", &TrueRow::utility),
          column("quality", &TrueRow::quality),
          column("sensitivity", &TrueRow::sensitivity),
          column("discount", &TrueRow::discount),
          column("visits", &TrueRow::visits)};
}

}  // namespace

Result<Imported> SimulateEvents(const Workspace& workspace, const MarketConfig& config, const std::string& truth) {
  Imported imported;
  std::vector<Event> events;
  Market market(config);
  std::vector<TrueRow> truths;  // Their user_id lives in the market.
  if (!truth.empty()) market.Tell([&](const TrueRow& row) { truths.push_back(row); });
  GFR_TRY(market.Run([&](Event&& e) -> Status {
    imported.clicks += e.type == EventType::kFeedClick;
    events.push_back(std::move(e));
    return {};
  }));
  if (!truth.empty()) GFR_TRY(WriteParquet(truth, TruthColumns(truths)));
  imported.report.rows = imported.report.events = events.size();
  imported.clicks_in_slate = imported.clicks;
  GFR_TRY(AppendHistory(workspace, std::move(events), &imported));
  return imported;
}

}  // namespace gfr
