#include "experiment/metric_fold.h"

#include <algorithm>
#include <set>

#include "event/erased_login.h"
#include "stats/quantile_estimate.h"

namespace gfr {
namespace {

using MetricMeasure = MetricConfig::Measure;

constexpr std::uint32_t BitOf(EventType type) { return 1u << static_cast<unsigned>(type); }

bool Counts(const std::vector<EventType>& types, EventType type) {
  return std::ranges::find(types, type) != types.end();
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
  names->push_back(name);
  return static_cast<std::uint32_t>(names->size() - 1);
}

}  // namespace

MetricFold::MetricFold(std::vector<MetricConfig> metrics, const AliasRule& rule)
    : metrics_(std::move(metrics)), rule_(rule) {
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
  const std::uint32_t e = IndexOf(&experiments_, experiment);
  if (arms_.size() < experiments_.size()) arms_.emplace_back();
  const std::uint32_t a = IndexOf(&arms_[e], arm);
  std::vector<Exposure>& exposures = people_[user].exposures;
  // Of many of one arm the first says all.
  if (std::ranges::any_of(exposures, [&](const Exposure& x) { return x.experiment == e && x.arm == a; })) return;
  exposures.push_back({e, a, record.event.time_ms, record.arrival_ms, record.event.surface});
}

void MetricFold::Add(const LogRecord& record) {
  const Event& event = record.event;
  if (event.type == EventType::kUserAlias) {
    const auto next = [&](Key key) {
      const auto at = joined_.find(key);
      return at == joined_.end() ? Key{0} : at->second;
    };
    const AliasStep step = StepOfRecord(rule_, event, next, [&](Key key, Key login) { joined_[key] = login; });
    if (step.to != 0)
      joined_[step.from] = step.to;
    else
      joined_.erase(step.from);
    return;
  }
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
       KeyOf(event.transaction_id), event.items.empty() ? Key{0} : KeyOf(event.items.front().item_id), event.type});
}

Key MetricFold::Resolve(Key user) const {
  return ResolveAlias(user, [&](Key key) {
    const auto at = joined_.find(key);
    return at == joined_.end() ? Key{0} : at->second;
  });
}

std::map<Key, MetricFold::Person> MetricFold::MergePeople() const {
  std::map<Key, Person> merged;
  std::map<Key, std::vector<Key>> ids;
  for (const auto& [user, person] : people_) ids[Resolve(user)].push_back(user);
  for (auto& [person, users] : ids) {
    std::ranges::sort(users);  // Equal order whatever the table's.
    Person& all = merged[person];
    for (const Key user : users) {
      const Person& one = people_.at(user);
      all.events.insert(all.events.end(), one.events.begin(), one.events.end());
      all.exposures.insert(all.exposures.end(), one.exposures.begin(), one.exposures.end());
    }
    std::ranges::stable_sort(all.events, {}, &Past::arrival_ms);
    std::ranges::stable_sort(all.exposures, {}, &Exposure::arrival_ms);
  }
  return merged;
}

double MetricFold::ValueIn(const MetricConfig& metric, const Person& person, std::int64_t low_ms, std::int64_t high_ms,
                           std::int64_t arrived_before_ms, std::int64_t returns_ms) const {
  const auto in = [&](const Past& e, std::int64_t until_ms) {
    return e.time_ms >= low_ms && e.time_ms < until_ms && e.arrival_ms < arrived_before_ms;
  };
  double count = 0, money = 0;
  std::set<std::int64_t> days;
  std::vector<std::pair<const Past*, double>> purchases;  // With what is left of each.
  for (const Past& e : person.events) {
    if (!Counts(metric.events, e.type) || !in(e, high_ms)) continue;
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
    case MetricMeasure::kLatency:
      break;
  }
  if (metric.per_day && high_ms <= low_ms) return 0;
  return metric.per_day ? count / (static_cast<double>(high_ms - low_ms) / kDayMs) : count;
}

UnitMetric MetricFold::Measure(const MetricConfig& metric, const Person& person, const ExposedUnit& unit,
                               std::int64_t start_ms, std::int64_t now_ms) const {
  const std::int64_t low = unit.exposure_ms + metric.from_ms, high = unit.exposure_ms + metric.window_ms;
  const std::int64_t complete = metric.MatureMs(unit.exposure_ms);
  UnitMetric got;
  got.mature = complete <= now_ms;
  got.value = ValueIn(metric, person, low, high, complete, metric.returns_ms);
  if (metric.is_ratio()) {
    MetricConfig below = metric;
    below.events = metric.per;
    got.denominator = ValueIn(below, person, low, high, complete, 0);
  }
  if (metric.before_ms > 0) {
    const std::int64_t until = std::min(unit.exposure_ms, start_ms);
    got.before = ValueIn(metric, person, unit.exposure_ms - metric.before_ms, until, unit.arrival_ms, 0);
  }
  if (metric.measure == MetricMeasure::kLatency) {
    for (const Past& e : person.events) {
      if (e.type == EventType::kFeedRequest && e.time_ms >= low && e.time_ms < high && e.arrival_ms < complete &&
          std::isfinite(e.amount))
        got.latencies.push_back(static_cast<float>(e.amount));
    }
  }
  return got;
}

std::vector<ExperimentUnits> MetricFold::Finish(const std::function<bool(Key)>& left_out, std::int64_t now_ms) const {
  const std::map<Key, Person> people = MergePeople();
  std::vector<ExperimentUnits> all(experiments_.size());
  for (std::size_t e = 0; e < all.size(); ++e) {
    all[e].experiment = experiments_[e];
    all[e].arms = arms_[e];
    all[e].start_ms = INT64_MAX;
  }
  const auto each_unit = [&](const auto& visit) {
    for (const auto& [key, person] : people) {
      if (left_out(key)) continue;
      std::set<std::uint32_t> met;
      for (const Exposure& x : person.exposures) {
        if (met.insert(x.experiment).second) visit(key, person, x);
      }
    }
  };
  each_unit([&](Key, const Person&, const Exposure& x) {
    // Arrival: no client's clock moves the start.
    all[x.experiment].start_ms = std::min(all[x.experiment].start_ms, x.arrival_ms);
  });
  each_unit([&](Key key, const Person& person, const Exposure& x) {
    ExperimentUnits& of = all[x.experiment];
    ExposedUnit unit{.person = key, .arm = x.arm, .exposure_ms = x.time_ms, .arrival_ms = x.arrival_ms};
    unit.surface = x.surface;
    for (const Exposure& other : person.exposures)
      unit.other_arm |= other.experiment == x.experiment && other.arm != x.arm;
    for (const Past& e : person.events) unit.has_history |= e.time_ms < of.start_ms && e.arrival_ms < x.arrival_ms;
    for (const MetricConfig& metric : metrics_)
      unit.metrics.push_back(Measure(metric, person, unit, of.start_ms, now_ms));
    of.units.push_back(std::move(unit));
  });
  for (ExperimentUnits& of : all) of.start_ms = of.units.empty() ? 0 : of.start_ms;
  // Caps: fixed before the start, so of the values before it.
  for (ExperimentUnits& of : all) {
    for (std::size_t m = 0; m < metrics_.size(); ++m) {
      of.caps.push_back(std::numeric_limits<double>::infinity());
      if (metrics_[m].winsorise <= 0) continue;
      std::vector<float> before;
      for (const ExposedUnit& unit : of.units) {
        if (unit.has_history) before.push_back(static_cast<float>(unit.metrics[m].before));
      }
      // Ten values above it, or the quantile is chance.
      if (static_cast<double>(before.size()) * (1 - metrics_[m].winsorise) < 10) continue;
      if (const double cap = WinsorCap(before, metrics_[m].winsorise); cap > 0) of.caps.back() = cap;
    }
  }
  return all;
}

}  // namespace gfr
