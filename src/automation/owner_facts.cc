#include "automation/owner_facts.h"

#include <algorithm>
#include <charconv>

namespace gfr {
namespace {

constexpr std::size_t kMostSamples = 100'000;

std::uint32_t TypesOf(const std::vector<ObjectiveConfig>& objectives) {
  std::uint32_t types = 0;
  for (const ObjectiveConfig& o : objectives) types |= TypeBit(o.row_event());
  return types;
}

}  // namespace

Result<double> SeriesIn(std::string_view text, std::string_view series) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    if (!line.starts_with(series) || line.size() <= series.size() || line[series.size()] != ' ') continue;
    const std::string_view number = line.substr(series.size() + 1);
    double value = 0;
    const auto [at, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc()) return value;
  }
  return Error{ErrorCode::kNotFound, "/metrics has no series " + std::string(series) + " (yet)"};
}

void OwnerFacts::Take(std::vector<ObjectiveConfig> objectives) { options_.objectives = std::move(objectives); }

Status OwnerFacts::ReadLog() {
  EventSource& log = *options_.log;
  const std::uint32_t types = TypesOf(options_.objectives);
  if ((types & ~types_) != 0) {  // Events of these types were passed over: again from the begin.
    next_.clear();
    lines_ = {};
    types_ = types;
  }
  GFR_ASSIGN(const Positions begin, log.Begin());
  GFR_ASSIGN(const Positions end, log.End());
  if (next_.empty()) {
    next_ = begin;
    lines_ = {};
  }
  for (std::size_t p = 0; p < next_.size(); ++p) next_[p] = std::max(next_[p], begin[p]);
  GFR_ASSIGN(const auto reader, log.Open(next_, {.types = types_, .until = end}));
  next_.clear();  // Until all is read: after an error nothing is counted twice.
  for (LogRecord record;;) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    lines_[static_cast<std::size_t>(record.event.type)].Add(record.arrival_ms,
                                                            std::max<std::size_t>(1, record.event.items.size()));
  }
  next_ = end;
  return {};
}

Result<const ObjectiveConfig*> OwnerFacts::Find(const std::string& objective) const {
  const auto of = std::ranges::find(options_.objectives, objective, &ObjectiveConfig::name);
  if (of == options_.objectives.end())
    return Error{ErrorCode::kInvalidArgument, "no [[objective]] is named '" + objective + "'"};
  return &*of;
}

Result<std::vector<DriftAlert>> OwnerFacts::OpenAlerts() {
  if (!options_.alerts) return Error{ErrorCode::kUnavailable, "only a running server watches drift"};
  return options_.alerts();
}

Result<TriggerFacts::MatureSince> OwnerFacts::MatureRowsSince(const std::string& objective, std::int64_t since_ms) {
  GFR_ASSIGN(const ObjectiveConfig* of, Find(objective));
  GFR_TRY(ReadLog());
  const LinesOverTime& lines = lines_[static_cast<std::size_t>(of->row_event())];
  const std::uint64_t mature = lines.Before(options_.clock->now_ms() - of->horizon_ms()),
                      before = lines.Before(since_ms);
  return MatureSince{mature - std::min(mature, before), since_ms + of->horizon_ms()};
}

Result<std::uint64_t> OwnerFacts::NewMatureRows(const std::string& objective) {
  GFR_ASSIGN(const ObjectiveConfig* of, Find(objective));
  GFR_TRY(ReadLog());
  std::int64_t until_ms = INT64_MIN;  // Of the newest version's newest row.
  GFR_ASSIGN(const auto versions, options_.registry.List(options_.model_name));
  for (const Registry::Entry& entry : versions) {
    const auto at = entry.lineage.find("rows_until");
    if (at != entry.lineage.end()) until_ms = std::max<std::int64_t>(until_ms, std::stoll(at->second));
  }
  const LinesOverTime& lines = lines_[static_cast<std::size_t>(of->row_event())];
  const std::int64_t window_ms = of->horizon_ms();
  const std::uint64_t mature = lines.Before(options_.clock->now_ms() - window_ms),
                      seen = until_ms == INT64_MIN ? 0 : lines.Before(until_ms - window_ms);
  return mature - std::min(mature, seen);
}

Result<std::int64_t> OwnerFacts::ChampionCreatedMs() {
  GFR_ASSIGN(const std::string champion, options_.registry.Champion(options_.model_name));
  GFR_ASSIGN(const Registry::Entry entry, options_.registry.Describe(options_.model_name, champion));
  return entry.created_ms;
}

Result<std::optional<TriggerFacts::End>> OwnerFacts::ExperimentEnd(const std::string& experiment) {
  if (!options_.conclusions) return std::optional<End>();
  GFR_ASSIGN(const Conclusions conclusions, options_.conclusions());
  const Conclusion* end = conclusions.Find(experiment);
  if (end == nullptr || end->runs_again()) return std::optional<End>();
  return std::optional(End{end->decision, end->reason, end->at_ms});
}

Result<double> OwnerFacts::Metric(const std::string& series, std::int64_t over_ms) {
  if (!options_.metrics) return Error{ErrorCode::kUnavailable, "only a running server has metrics"};
  GFR_ASSIGN(const double value, SeriesIn(options_.metrics(), series));
  if (over_ms == 0) return value;
  const std::int64_t now_ms = options_.clock->now_ms();
  std::deque<Sample>& samples = samples_[{series, over_ms}];
  // Nobody asked for longer than that: the increase since is of more than `over_ms`.
  if (!samples.empty() && samples.back().at_ms < now_ms - over_ms) samples.clear();
  samples.push_back({now_ms, value});
  // The newest sample that is old enough stays: the increase is counted from it.
  while (samples.size() > 1 && (samples[1].at_ms <= now_ms - over_ms || samples.size() > kMostSamples))
    samples.pop_front();
  if (samples.front().at_ms > now_ms - over_ms)
    return Error{ErrorCode::kUnavailable, series + " has not been watched for that long yet"};
  return value - samples.front().value;
}

}  // namespace gfr
