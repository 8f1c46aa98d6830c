#include "log/lake_columns.h"

#include <algorithm>

#include "base/number_text.h"
#include "event/property_value.h"

namespace gfr {
namespace {

using Numbers = std::vector<std::int64_t>;
using Reals = std::vector<double>;

// In the order of the columns.
enum Column : std::size_t {
  kOffset,
  kArrival,
  kTime,
  kValue,
  kFirstText,  // Eleven texts.
  kItemIds = kFirstText + 11,
  kItemPositions,
  kItemPrices,
  kItemQuantities,
  kItemSources,
  kPropertyItems,
  kPropertyNames,
  kPropertyValues,
  kAsOf,
  kNow,
  kEpochEnd,
  kFeed,
  kModels,
  kExperiments,
  kPropensities,
  kRankingValues,
  kRecord,
};

constexpr const char* kTexts[11] = {"id",      "source",  "type", "user_id",        "session_id", "request_id",
                                    "surface", "variant", "kind", "transaction_id", "currency"};

std::string TextOf(const Property& p) {
  if (p.vector.empty()) return CategoryText(p);
  std::string text;
  for (const float x : p.vector) text += (text.empty() ? "" : " ") + NumberText(static_cast<double>(x));
  return text;
}

}  // namespace

LakeColumns::LakeColumns() {
  columns_.push_back({"log_offset", Numbers()});
  columns_.push_back({"arrival_ms", Numbers()});
  columns_.push_back({"time_ms", Numbers()});
  columns_.push_back({"value", Reals()});
  for (int t = 0; t < 11; ++t) columns_.push_back({kTexts[t], Texts(), /*is_unique=*/t == 0});
  columns_.push_back({"item_ids", TextLists()});
  columns_.push_back({"item_positions", NumberLists<std::int64_t>()});
  columns_.push_back({"item_prices", NumberLists<double>()});
  columns_.push_back({"item_quantities", NumberLists<std::int64_t>()});
  columns_.push_back({"item_sources", TextLists()});
  columns_.push_back({"property_items", NumberLists<std::int64_t>()});
  columns_.push_back({"property_names", TextLists()});
  columns_.push_back({"property_values", TextLists()});
  columns_.push_back({"slate_as_of", Numbers()});
  columns_.push_back({"slate_now_ms", Numbers()});
  columns_.push_back({"slate_epoch_end_ms", Numbers()});
  columns_.push_back({"slate_feed", Texts()});
  columns_.push_back({"slate_models", TextLists()});
  columns_.push_back({"slate_experiments", TextLists()});
  columns_.push_back({"slate_propensities", NumberLists<double>()});
  columns_.push_back({"slate_values", NumberLists<double>()});
  columns_.push_back({"record", Blobs(), /*is_unique=*/true});
}

const std::vector<std::string>& LakeColumns::UniqueColumns() {
  static const std::vector<std::string> names{"id", "record"};
  return names;
}

std::vector<NamedColumn> LakeColumns::Schema() const {
  std::vector<NamedColumn> schema;
  for (const NamedColumn& column : columns_) {
    schema.push_back({column.name, {}, column.is_unique});
    std::visit([&](const auto& values) { schema.back().values = std::decay_t<decltype(values)>(); }, column.values);
  }
  return schema;
}

void LakeColumns::Clear() {
  for (NamedColumn& column : columns_) std::visit([](auto& values) { values.clear(); }, column.values);
  rows_ = bytes_ = 0;
}

void LakeColumns::Add(const LogRecord& r, std::string_view encoded) {
  const Event& e = r.event;
  At<Numbers>(kOffset).push_back(static_cast<std::int64_t>(r.offset));
  At<Numbers>(kArrival).push_back(r.arrival_ms);
  At<Numbers>(kTime).push_back(e.time_ms);
  At<Reals>(kValue).push_back(e.value);
  const std::string_view texts[11] = {
      e.id,      e.source, EventTypeName(e.type), e.user_id, e.session_id, e.request_id, e.surface,
      e.variant, e.kind,   e.transaction_id,      e.currency};
  for (std::size_t t = 0; t < 11; ++t) At<Texts>(kFirstText + t).Add(texts[t]);
  AddItems(e);
  AddProperties(-1, e.context);
  for (std::size_t i = 0; i < e.items.size(); ++i) AddProperties(static_cast<std::int64_t>(i), e.items[i].properties);
  At<NumberLists<std::int64_t>>(kPropertyItems).End();
  At<TextLists>(kPropertyNames).End();
  At<TextLists>(kPropertyValues).End();
  AddSlate(e.served);
  At<Blobs>(kRecord).Add(encoded);
  ++rows_;
  bytes_ += 2 * encoded.size() + 200;
}

void LakeColumns::AddItems(const Event& event) {
  const std::vector<EventItem>& items = event.items;
  for (const EventItem& item : items) At<TextLists>(kItemIds).texts.Add(item.item_id);
  // Lists that would say nothing of any item are empty.
  const auto add = [&](Column column, const auto& says, const auto& value) {
    auto& list = At<NumberLists<std::decay_t<decltype(value(items[0]))>>>(column);
    if (std::ranges::any_of(items, says)) {
      for (const EventItem& item : items) list.numbers.push_back(value(item));
    }
    list.End();
  };
  add(
      kItemPositions, [](const EventItem& i) { return i.index >= 0; },
      [](const EventItem& i) { return std::int64_t{i.index}; });
  add(
      kItemPrices, [](const EventItem& i) { return i.price == i.price; }, [](const EventItem& i) { return i.price; });
  add(
      kItemQuantities, [](const EventItem& i) { return i.quantity != 1; },
      [](const EventItem& i) { return std::int64_t{i.quantity}; });
  auto& sources = At<TextLists>(kItemSources);
  if (std::ranges::any_of(items, [](const EventItem& i) { return !i.channel.empty(); })) {
    for (const EventItem& item : items) sources.texts.Add(item.channel);
  }
  At<TextLists>(kItemIds).End();
  sources.End();
}

void LakeColumns::AddProperties(std::int64_t item, const std::vector<Property>& properties) {
  for (const Property& p : properties) {
    At<NumberLists<std::int64_t>>(kPropertyItems).numbers.push_back(item);
    At<TextLists>(kPropertyNames).texts.Add(p.name);
    At<TextLists>(kPropertyValues).texts.Add(TextOf(p));
  }
}

void LakeColumns::AddSlate(const ServedSlate& slate) {
  At<Numbers>(kAsOf).push_back(slate.as_of());
  At<Numbers>(kNow).push_back(slate.now_ms);
  At<Numbers>(kEpochEnd).push_back(slate.epoch_end_ms);
  At<Texts>(kFeed).Add(slate.feed);
  for (const ServedModel& model : slate.models) At<TextLists>(kModels).texts.Add(model.name);
  for (const ServedExperiment& e : slate.experiments)
    At<TextLists>(kExperiments).texts.Add(e.experiment + "=" + e.variant);
  const auto add = [&](Column column, const std::vector<float>& values) {
    auto& list = At<NumberLists<double>>(column);
    list.numbers.insert(list.numbers.end(), values.begin(), values.end());
    list.End();
  };
  add(kPropensities, slate.propensity);
  add(kRankingValues, slate.value);
  At<TextLists>(kModels).End();
  At<TextLists>(kExperiments).End();
}

}  // namespace gfr
