#include "serve/log_counts_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_text.h"
#include "serve/service_state.h"
#include "serve/url_query.h"
#include "workspace/log_counts_paths.h"

namespace gfr {
namespace {

CountedPeople::Rules PeopleRules(const ServiceState& s) {
  return {.alias = s.project.features()->schema.alias, .left_out = s.project.configuration().dataset.leave_out.users};
}

}  // namespace

LogCountsWatch::LogCountsWatch(ServiceState& s)
    : similar_(
          CooccurrencePath(s.project.workspace()), CooccurrenceCounts({}, PeopleRules(s)),
          [rules = PeopleRules(s)](std::string_view bytes) { return CooccurrenceCounts::Decode(bytes, {}, rules); }),
      items_(
          *s.counters.telemetry().AddGauge("gfr_similar_items", "Items whose co-occurrence with others is counted.")),
      bytes_(*s.counters.telemetry().AddGauge("gfr_similar_bytes", "What the counts of co-occurrence take in memory.")),
      trends_bytes_(*s.counters.telemetry().AddGauge("gfr_trends_bytes", "What the counts of trends take in memory.")) {
}

std::shared_ptr<LogCountsWatch> LogCountsWatch::Start(ServiceState& s) {
  const auto watch = std::make_shared<LogCountsWatch>(s);
  s.background.Add(
      {"count-from-log", kPeriodMs, kMinuteMs, [&s, watch](const JobRun& run) { return watch->Look(s, run); }});
  return watch;
}

Status LogCountsWatch::Look(ServiceState& s, const JobRun& run) {
  const MutexLock looking(looking_);
  const std::shared_ptr<ListMaker> maker = s.serving()->lists;
  const bool similar = maker->Uses("similar"), trends = maker->Uses("trending");
  if (!similar && !trends) return {};
  GFR_TRY(s.fs().MakeFolders(JoinPath(s.project.workspace().data_folder(), "store")));
  if (similar) {
    GFR_TRY(LookAtSimilar(s, run));
  }
  if (trends) {
    GFR_TRY(LookAtTrends(s, run));
  }
  maker->SetLogLists(lists_);
  return {};
}

Status LogCountsWatch::LookAtSimilar(ServiceState& s, const JobRun& run) {
  GFR_TRY(similar_.Look(s.fs(), s.log->source(), run));
  const CooccurrenceCounts& counts = similar_.counts();
  if (lists_.cooccurrence != nullptr && similar_listed_ == counts.next_offset()) return {};
  lists_.cooccurrence = counts.MakeLists();
  similar_listed_ = counts.next_offset();
  items_.Set(static_cast<double>(counts.items()));
  bytes_.Set(static_cast<double>(counts.memory_bytes()));
  return {};
}

Status LogCountsWatch::LookAtTrends(ServiceState& s, const JobRun& run) {
  const std::shared_ptr<const FeatureSet> features = s.serving()->store->shared_features();
  if (features != trends_of_) {  // Other properties may be declared.
    const TrendCounts none(features->schema, PeopleRules(s));
    trends_.emplace(TrendsPath(s.project.workspace()), none,
                    [none](std::string_view bytes) { return none.Decode(bytes); });
    trends_of_ = features;
    lists_.trends = nullptr;
  }
  GFR_TRY(trends_->Look(s.fs(), s.log->source(), run));
  const TrendCounts& counts = trends_->counts();
  if (lists_.trends != nullptr && trends_listed_ == counts.next_offset()) return {};
  lists_.trends = counts.MakeLists();
  trends_listed_ = counts.next_offset();
  trends_bytes_.Set(static_cast<double>(counts.memory_bytes()));
  return {};
}

HttpResponse LogCountsWatch::GetSimilar(const ServiceState& s, const HttpRequest& request) const {
  const std::shared_ptr<const Serving> serving = s.serving();
  if (!serving->lists->Uses("similar"))
    return ProblemResponse(409, "Conflict",
                           "no feed uses the source similar: declare a [[channel.source]] of this name below the "
                           "[[channel]] exploit");
  const std::string said = QueryValue(request, "kind"), kind_name = said.empty() ? kTogetherNames[0] : said;
  const auto kind = std::ranges::find_if(kTogetherNames, [&](const char* name) { return name == kind_name; });
  if (kind == kTogetherNames.end())
    return ProblemResponse(400, "Bad Request", "kind is '" + kind_name + "'; valid are view, cart and purchase");
  const SharedState& shared = serving->store->shared();
  const Pin pin = shared.timeline().Hold();
  if (shared.FindItem(KeyOf(request.parameter), pin) == nullptr)
    return ProblemResponse(404, "Not Found", "no event names the item '" + request.parameter + "'");
  const std::vector<SimilarItem> similar = similar_.Read([&](const CooccurrenceCounts& counts) {
    return counts.Similar(KeyOf(request.parameter), static_cast<Together>(kind - kTogetherNames.begin()));
  });
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const SimilarItem& item : similar) {
    const std::byte* row = shared.FindItem(item.item, pin);
    if (row == nullptr || !shared.IsOnSale(row)) continue;
    items.push_back({{"item_id", std::string(shared.ItemId(item.item))},
                     {"together", item.together},
                     {"lift", item.lift},
                     {"score", item.score}});
  }
  const nlohmann::ordered_json json{{"item_id", request.parameter}, {"kind", kind_name}, {"items", std::move(items)}};
  return {.status = 200, .body = DumpJson(json) + "\n"};
}

}  // namespace gfr
