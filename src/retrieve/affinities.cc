#include "retrieve/affinities.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "feature/affinity_state.h"
#include "feature/feature_types.h"
#include "state/state_rows.h"

namespace gfr {
namespace {

double LogPriceOf(std::span<const PropertyValue> properties) {
  const double price = properties[0].number;
  return price > 0 && std::isfinite(price) ? Log2(price) : std::nan("");
}

// Of the last item, the one before it, ...
double WeightOf(std::size_t place) { return 1.0 / static_cast<double>(1 + place); }

}  // namespace

std::vector<LastItem> FindLastItems(const SourceQuery& query) {
  const auto recent = query.recent.first(std::min(query.recent.size(), kMostLastItems));
  const std::byte* rows[kMostLastItems];
  query.items.Find(recent, {rows, recent.size()});
  std::vector<LastItem> last;
  for (std::size_t i = 0; i < recent.size(); ++i) {
    if (recent[i] != 0 && rows[i] != nullptr) last.push_back({recent[i], rows[i], query.shared.Properties(rows[i])});
  }
  return last;
}

Affinities::Affinities(const SourceQuery& query, std::span<const LastItem> last) {
  if (query.features != nullptr && query.user_row != nullptr) ReadFeatures(query);
  ReadLastItems(query, last);
}

bool Affinities::Has(std::size_t property) const {
  return std::ranges::find(of_, property, &OfProperty::property) != of_.end();
}

void Affinities::ReadFeatures(const SourceQuery& query) {
  const std::size_t views_at = RowLayout(*query.features).user_views_at;
  for (const std::string_view type : {"taste", "affinity"}) {
    for (const BoundFeature& feature : query.features->features) {
      const FeatureConfig* config = feature.config.get();
      if (config == nullptr || config->type != type || config->scope != Scope::kUser) continue;
      const auto property = static_cast<std::size_t>(config->item_property);
      if (Has(property)) continue;
      OfProperty of{.property = property, .bands = config->bands, .values = {}};
      for (const CategoryLift& lift : ReadLifts(*config, query.user_row + views_at + feature.offset, query.now_ms))
        of.values.push_back({lift.category, kTemper * Log2(lift.lift)});
      if (of.values.empty()) continue;  // Of a user who was shown nothing yet: the last items say more.
      std::ranges::sort(of.values, {}, &Value::key);
      of_.push_back(std::move(of));
    }
  }
}

void Affinities::ReadLastItems(const SourceQuery& query, std::span<const LastItem> last) {
  if (last.empty()) return;
  double total = 0;
  for (std::size_t i = 0; i < last.size(); ++i) total += WeightOf(i);
  for (std::size_t p = 0; p < query.schema.item_names.size(); ++p) {
    if (!query.schema.item_categorical[p] || Has(p)) continue;
    OfProperty of{.property = p, .bands = {}, .values = {}};
    for (std::size_t i = 0; i < last.size(); ++i) {
      const Key key = last[i].properties[p].category;
      if (key == 0) continue;
      auto value = std::ranges::find(of.values, key, &Value::key);
      if (value == of.values.end()) value = of.values.insert(value, {key, 0});
      value->log_lift += WeightOf(i);
    }
    for (Value& value : of.values)
      value.log_lift = kTemper * Log2(1 + kShareWeight * value.log_lift / (total + kShareShrunk));
    std::ranges::sort(of.values, {}, &Value::key);
    if (!of.values.empty()) of_.push_back(std::move(of));
  }
  if (Has(0)) return;
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (const double log_price = LogPriceOf(last[i].properties); !std::isnan(log_price))
      near_.push_back({log_price, WeightOf(i) / total});
  }
}

double Affinities::LogLift(std::span<const PropertyValue> properties) const {
  double sum = 0;
  for (const OfProperty& of : of_) {
    const Key key = CategoryOrBand(properties[of.property], of.bands);
    const auto value = std::ranges::lower_bound(of.values, key, {}, &Value::key);
    if (value != of.values.end() && value->key == key) sum += value->log_lift;
  }
  if (near_.empty()) return sum;
  const double log_price = LogPriceOf(properties);
  double near = 0;
  for (const Near& one : near_) {
    const double apart = std::fabs(log_price - one.log_price);
    if (apart < 1) near += one.weight * (1 - apart);  // NaN: no.
  }
  return sum + kTemper * Log2(1 + near);
}

std::vector<Affinities::Liked> Affinities::Best(std::size_t most) const {
  std::vector<Liked> best;
  for (const OfProperty& of : of_) {
    if (!of.bands.empty()) continue;
    const std::size_t begin = best.size();
    for (const Value& value : of.values) {
      if (value.log_lift > 0) best.push_back({of.property, value.key, value.log_lift});
    }
    const auto first = best.begin() + static_cast<std::ptrdiff_t>(begin);
    std::sort(first, best.end(), [](const Liked& a, const Liked& b) {
      return a.log_lift != b.log_lift ? a.log_lift > b.log_lift : a.value < b.value;
    });
    best.resize(std::min(best.size(), begin + most));
  }
  return best;
}

}  // namespace gfr
