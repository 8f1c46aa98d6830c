#include "experiment/metric_fold.h"

#include <algorithm>
#include <set>

#include "event/allocation_version.h"
#include "stats/quantile_estimate.h"

namespace gfr {
namespace {

using MetricMeasure = MetricConfig::Measure;

constexpr std::uint32_t BitOf(EventType type) { return 1u << static_cast<unsigned>(type); }

bool Counts(const std::vector<EventType>& types, EventType type) {
  return std::ranges::find(types, type) != types.end();
}

// As the record shows it: ranked by popularity without being held out, or from no rows although others were folded.
bool WasDegraded(const Event& event) {
  const ServedSlate& served = event.served;
  if (event.type != EventType::kFeedRequest || !served.exists()) return false;
  const bool held_out = std::ranges::any_of(served.experiments, [](const ServedExperiment& e) {
    return e.experiment == kHoldoutName && e.variant == kHeldOutName;
  });
  return (served.models.empty() && !held_out) || served.epoch_end_ms == ServedSlate::kNever;
}

double MoneyOf(const Event& event) {
  if (std::isfinite(event.value)) return event.value;
  double sum = 0;
  for (const EventItem& item : event.items) {
    if (std::isfinite(item.price)) sum += item.price * item.quantity;
  }
  return sum;
}

std::uint32_t IndexOf(std::vector<std::string>* names, const std::string& name) {
  const auto at = std::ranges::find(*names, name);
  if (at != names->end()) return static_cast<std::uint32_t>(at - names->begin());
  if (names->size() >= MetricFold::kMostArms && !name.empty()) return IndexOf(names, "");
  names->push_back(name);
  return static_cast<std::uint32_t>(names->size() - 1);
}

}  // namespace

MetricFold::MetricFold(std::vector<MetricConfig> metrics, const Measured& experiments, const AliasRule& rule)
    : metrics_(std::move(metrics)), history_(rule), arms_(experiments.size()) {
  for (const auto& [name, how] : experiments) experiments_.push_back(name), how_.push_back(how);
  for (const MetricConfig& m : metrics_) {
    for (const EventType type : m.events) counted_ |= BitOf(type);
    for (const EventType type : m.per) counted_ |= BitOf(type);
    if (m.measure == MetricMeasure::kRevenue)
      counted_ |= BitOf(EventType::kPurchaseCancel) | BitOf(EventType::kPurchaseReturn);
  }
  types_ =
      counted_ | BitOf(EventType::kFeedRequest) | BitOf(EventType::kExperimentExposure) | BitOf(EventType::kUserAlias);
}

void MetricFold::AddExposure(const LogRecord& record, Key user, const std::string& experiment, const std::string& arm) {
  const auto at = std::ranges::lower_bound(experiments_, experiment);
  if (at == experiments_.end() || *at != experiment) return;
  const auto e = static_cast<std::uint32_t>(at - experiments_.begin());
  const std::uint32_t a = IndexOf(&arms_[e], arm);
  std::string cluster;
  if (const auto& clusters = how_[e].clusters) {
    cluster = clusters->Of(record.event.context, record.event.surface, record.event.time_ms);
    if (cluster.empty()) return;
  }
  std::uint32_t version = 0;
  ForEachAllocationVersion(record.event, [&](std::string_view name, std::uint32_t its) {
    if (name == experiment) version = its;
  });
  std::vector<Exposure>& exposures = people_[user].exposures;
  // Of many of one arm the first says all; of a device that changed hands meanwhile, the first of each hand.
  const auto says_all = [&](const Exposure& x) {
    return x.experiment == e && x.arm == a && x.cluster == cluster &&
           history_.Resolve(user, x.offset) == history_.Resolve(user, record.offset);
  };
  if (std::ranges::any_of(exposures, says_all)) return;
  exposures.push_back({e, a, record.event.time_ms, record.arrival_ms, record.offset, record.event.surface, version,
                       std::move(cluster)});
}

void MetricFold::Add(const LogRecord& record) {
  const Event& event = record.event;
  if (event.type == EventType::kUserAlias) return history_.Join(event, record.offset);
  // As LeftOut names them: a session of nobody is no user.
  const Key user = event.user_id.empty() ? SessionKey(0, KeyOf(event.session_id)) : KeyOf(event.user_id);
  if (user == 0) return;
  if (event.type == EventType::kFeedRequest) {
    for (const ServedExperiment& s : event.served.experiments) {
      if (!s.overridden) AddExposure(record, user, s.experiment, s.variant);
    }
  } else if (event.type == EventType::kExperimentExposure && !event.variant.empty()) {
    for (const Property& p : event.context) {
      if (p.name == "experiment" && !p.text.empty()) AddExposure(record, user, p.text, event.variant);
    }
  }
  if ((counted_ & BitOf(event.type)) == 0) return;
  people_[user].events.push_back(
      {event.time_ms, record.arrival_ms,
       event.type == EventType::kFeedRequest ? static_cast<double>(event.served.took_ms) : MoneyOf(event),
       KeyOf(event.transaction_id), event.items.empty() ? Key{0} : KeyOf(event.items.front().item_id), record.offset,
       event.type, WasDegraded(event)});
}

std::map<Key, MetricFold::Person> MetricFold::MergePeople() const {
  std::map<Key, Person> merged;
  for (const auto& [user, person] : people_) {
    for (const Past& e : person.events) merged[history_.Resolve(user, e.offset)].events.push_back(e);
    for (const Exposure& x : person.exposures) merged[history_.Resolve(user, x.offset)].exposures.push_back(x);
  }
  for (auto& [key, person] : merged) {  // Equal order whatever the table's.
    std::ranges::stable_sort(person.events, {}, &Past::offset);
    std::ranges::stable_sort(person.exposures, {}, &Exposure::offset);
  }
  return merged;
}

double MetricFold::ValueIn(const MetricConfig& metric, const Person& person, const Span& span,
                           std::int64_t returns_ms) const {
  const auto [low_ms, high_ms, arrived] = span;
  const auto in = [&span](const Past& e, std::int64_t until_ms) {
    return e.time_ms >= span.low_ms && e.time_ms < until_ms && e.arrival_ms < span.arrived_before_ms;
  };
  double count = 0, money = 0;
  std::set<std::int64_t> days;
  std::vector<std::pair<const Past*, double>> purchases;  // With what is left of each.
  for (const Past& e : person.events) {
    if (!Counts(metric.events, e.type) || !in(e, high_ms)) continue;
    if (metric.measure == MetricMeasure::kDegraded && !e.degraded) continue;
    ++count;
    if (metric.measure == MetricMeasure::kDays) days.insert(e.time_ms / kDayMs);
    if (metric.measure == MetricMeasure::kRevenue) money += e.amount, purchases.emplace_back(&e, e.amount);
  }
  if (metric.measure == MetricMeasure::kRevenue) {
    for (const Past& e : person.events) {
      if ((e.type != EventType::kPurchaseCancel && e.type != EventType::kPurchaseReturn) ||
          !in(e, high_ms + returns_ms))
        continue;
      for (auto& [purchase, left] : purchases) {
        const bool its =
            e.order != 0 ? purchase->order == e.order : purchase->item == e.item && purchase->time_ms <= e.time_ms;
        if (!its || left <= 0) continue;
        // What names no amount takes all of it back.
        const double back = e.amount > 0 ? std::min(e.amount, left) : left;
        left -= back, money -= back;
        break;
      }
    }
  }
  switch (metric.measure) {
    case MetricMeasure::kAny:
      return count > 0;
    case MetricMeasure::kRevenue:
      return money;
    case MetricMeasure::kDays:
      return static_cast<double>(days.size());
    case MetricMeasure::kCount:
    case MetricMeasure::kDegraded:
    case MetricMeasure::kLatency:
      break;
  }
  if (metric.per_day && high_ms <= low_ms) return 0;
  return metric.per_day ? count / (static_cast<double>(high_ms - low_ms) / kDayMs) : count;
}

UnitMetric MetricFold::Measure(const MetricConfig& metric, const Person& person, const ExposedUnit& unit,
                               std::int64_t start_ms, const Ends& ends, std::int64_t now_ms) const {
  const std::int64_t high = ends.whole ? ends.cut_ms : std::min(unit.exposure_ms + metric.window_ms, ends.cut_ms);
  const std::int64_t complete = high + metric.returns_ms + metric.lateness_ms;
  const Span span{std::min(unit.exposure_ms + metric.from_ms, high), high, complete};
  UnitMetric got;
  got.mature = complete <= now_ms;
  got.value = ValueIn(metric, person, span, metric.returns_ms);
  if (metric.is_ratio()) {
    MetricConfig below = metric;
    below.events = metric.per;
    below.measure = MetricMeasure::kCount;
    got.denominator = ValueIn(below, person, span, 0);
  }
  if (metric.before_ms > 0) {
    const std::int64_t until = std::min(unit.exposure_ms, start_ms);
    got.before = ValueIn(metric, person, {unit.exposure_ms - metric.before_ms, until, unit.arrival_ms}, 0);
  }
  if (metric.measure == MetricMeasure::kLatency) {
    for (const Past& e : person.events) {
      if (e.type == EventType::kFeedRequest && e.time_ms >= span.low_ms && e.time_ms < high &&
          e.arrival_ms < complete && std::isfinite(e.amount))
        got.latencies.push_back(static_cast<float>(e.amount));
    }
  }
  return got;
}

ExposedUnit MetricFold::UnitOf(Key key, const Person& person, const Exposure& first, const ExperimentUnits& of,
                               const Question& question) const {
  ExposedUnit unit{.person = key, .arm = first.arm, .exposure_ms = first.time_ms, .arrival_ms = first.arrival_ms};
  unit.surface = first.surface, unit.version = first.version, unit.cluster = first.cluster;
  for (const Exposure& other : person.exposures)
    unit.other_arm |= other.experiment == first.experiment && other.arm != first.arm && other.cluster == first.cluster;
  for (const Past& e : person.events) unit.has_history |= e.time_ms < of.start_ms && e.arrival_ms < first.arrival_ms;
  Ends ends{.cut_ms = INT64_MAX, .whole = how_[first.experiment].whole_periods};
  if (const auto cuts = question.cuts.find(of.experiment); cuts != question.cuts.end()) {
    for (const std::int64_t at : cuts->second) {
      if (at > first.arrival_ms) ends.cut_ms = std::min(ends.cut_ms, std::max(at, first.time_ms));
    }
  }
  const How& how = how_[first.experiment];
  if (how.clusters) ends.cut_ms = std::min(ends.cut_ms, how.clusters->EndMs(first.time_ms));
  for (const MetricConfig& metric : metrics_)
    unit.metrics.push_back(Measure(metric, person, unit, of.start_ms, ends, question.now_ms));
  return unit;
}

// Fixed before the start: the quantile of what everyone who was known then did in the window's length before it.
MetricCap MetricFold::CapOf(const MetricConfig& metric, const std::map<Key, Person>& people, std::int64_t start_ms,
                            const std::function<bool(Key)>& left_out) const {
  MetricCap cap;
  if (metric.winsorise <= 0) return cap;
  std::vector<float> values;
  for (const auto& [key, person] : people) {
    const auto is_before = [&](const Past& e) { return e.time_ms < start_ms && e.arrival_ms < start_ms; };
    if (left_out(key) || std::ranges::none_of(person.events, is_before)) continue;
    const Span span{start_ms - (metric.window_ms - metric.from_ms), start_ms, start_ms};
    values.push_back(static_cast<float>(ValueIn(metric, person, span, 0)));
  }
  cap.people = static_cast<double>(values.size());
  if (cap.people * (1 - metric.winsorise) < ExperimentUnits::kLeastAboveCap - 1e-6) return cap;  // 0.9 has no end.
  if (const double at = WinsorCap(values, metric.winsorise); at > 0) cap.value = at;
  return cap;
}

std::vector<ExperimentUnits> MetricFold::Finish(const Question& question) const {
  const std::map<Key, Person> people = MergePeople();
  std::vector<ExperimentUnits> all(experiments_.size());
  for (std::size_t e = 0; e < all.size(); ++e) {
    all[e].experiment = experiments_[e];
    all[e].arms = arms_[e];
    const auto start = question.starts.find(experiments_[e]);
    all[e].start_ms = start == question.starts.end() ? INT64_MAX : start->second;
  }
  const auto each_unit = [&](const auto& visit) {
    for (const auto& [key, person] : people) {
      if (question.left_out(key)) continue;
      std::set<std::pair<std::uint32_t, std::string_view>> met;
      for (const Exposure& x : person.exposures) {
        if (met.emplace(x.experiment, x.cluster).second) visit(key, person, x);
      }
    }
  };
  each_unit([&](Key, const Person&, const Exposure& x) {
    // Arrival: no client's clock moves the start.
    all[x.experiment].start_ms = std::min(all[x.experiment].start_ms, x.arrival_ms);
  });
  each_unit([&](Key key, const Person& person, const Exposure& x) {
    ExperimentUnits& of = all[x.experiment];
    of.units.push_back(UnitOf(key, person, x, of, question));
  });
  std::erase_if(all, [](const ExperimentUnits& of) { return of.units.empty(); });
  for (ExperimentUnits& of : all) {
    for (const MetricConfig& metric : metrics_)
      of.caps.push_back(CapOf(metric, people, of.start_ms, question.left_out));
  }
  return all;
}

}  // namespace gfr
