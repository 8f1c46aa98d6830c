#include <charconv>

#include "base/text_reader.h"
#include "event/csv.h"
#include "event/importer.h"

namespace gfr {
namespace {

constexpr std::string_view kHeader =
    "user_id,session_id,timestamp,step,action_type,reference,platform,city,device,current_filters,impressions,prices";
enum Columns {
  kUser,
  kSession,
  kTime,
  kStep,
  kAction,
  kReference,
  kPlatform,
  kCity,
  kDevice,
  kFilters,
  kImpressions,
  kPrices,
  kCount
};

std::vector<std::string_view> SplitBars(std::string_view text) {
  std::vector<std::string_view> parts;
  if (text.empty()) return parts;
  for (;;) {
    const std::size_t bar = text.find('|');
    parts.push_back(text.substr(0, bar));
    if (bar == std::string_view::npos) return parts;
    text.remove_prefix(bar + 1);
  }
}

bool ParseInteger(std::string_view text, std::int64_t* value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return code == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Event Base(const std::vector<std::string>& cells, EventType type, std::int64_t time_ms, std::uint64_t row) {
  Event e;
  e.type = type;
  e.id = cells[kSession] + "/" + cells[kStep] + "/" + std::to_string(row) + "/" + std::string(EventTypeName(type));
  e.source = "trivago";
  e.time_ms = time_ms;
  e.user_id = cells[kUser];
  e.session_id = cells[kSession];
  e.surface = "search";
  e.context = {{.name = "platform", .text = cells[kPlatform]},
               {.name = "city", .text = cells[kCity]},
               {.name = "device", .text = cells[kDevice]}};
  return e;
}

// The slate of a clickout row; an empty string, or why there is none.
std::string ReadSlate(const std::vector<std::string>& cells, std::vector<EventItem>* slate) {
  const auto items = SplitBars(cells[kImpressions]), prices = SplitBars(cells[kPrices]);
  if (items.empty()) return "a clickout without impressions";
  if (items.size() != prices.size())
    return std::to_string(items.size()) + " impressions but " + std::to_string(prices.size()) + " prices";
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::int64_t price = 0;
    if (items[i].empty() || !ParseInteger(prices[i], &price))
      return "impression " + std::to_string(i + 1) + " has no id or no whole price";
    slate->push_back(
        {.item_id = std::string(items[i]), .index = static_cast<std::int32_t>(i), .price = static_cast<double>(price)});
  }
  return "";
}

// The events of one row; an empty string, or why it is rejected.
std::string ReadRow(const std::vector<std::string>& cells, std::uint64_t row, std::vector<Event>* events) {
  std::int64_t seconds = 0;
  if (cells[kUser].empty() || cells[kSession].empty()) return "user_id or session_id is missing";
  if (!ParseInteger(cells[kTime], &seconds) || seconds < 0 || seconds > 253402300799)
    return "timestamp '" + cells[kTime] + "' is not whole seconds since 1970";
  const std::string& action = cells[kAction];
  const std::int64_t time_ms = seconds * 1000;
  if (action == "clickout item") {
    std::vector<EventItem> slate;
    if (std::string why = ReadSlate(cells, &slate); !why.empty()) return why;
    if (!IsNumber(cells[kReference])) return "reference '" + cells[kReference] + "' of a clickout is not an item";
    EventItem clicked{.item_id = cells[kReference]};
    for (const EventItem& item : slate) {
      if (item.item_id == clicked.item_id && clicked.index < 0) clicked = item;
    }
    for (const EventType type : {EventType::kFeedRequest, EventType::kFeedImpression, EventType::kFeedClick}) {
      Event e = Base(cells, type, time_ms, row);
      e.request_id = cells[kSession] + "/" + cells[kStep] + "/" + std::to_string(row);
      const auto filters = SplitBars(cells[kFilters]);
      e.context.push_back({.name = "filters", .number = static_cast<double>(filters.size())});
      std::string sort = "none";
      for (const std::string_view f : filters) {
        if (f.starts_with("Sort by") || f.starts_with("Sort By") || f.starts_with("Focus on")) sort = f;
      }
      e.context.push_back({.name = "sort", .text = sort});
      if (type == EventType::kFeedClick)
        e.items = {clicked};
      else
        e.items = slate;
      events->push_back(std::move(e));
    }
    return "";
  }
  EventType type;
  if (action.starts_with("interaction item ") || action == "search for item") {
    if (!IsNumber(cells[kReference])) return "reference '" + cells[kReference] + "' of '" + action + "' is not an item";
    type = EventType::kItemView;
  } else if (action == "search for destination" || action == "search for poi") {
    type = EventType::kSearch;
  } else if (action == "filter selection" || action == "change of sort order") {
    type = EventType::kFilter;
  } else {
    return "action_type '" + action.substr(0, 40) + "' is not known";
  }
  Event e = Base(cells, type, time_ms, row);
  e.kind = action;
  if (type == EventType::kItemView)
    e.items = {{.item_id = cells[kReference]}};
  else
    e.context.push_back({.name = "reference", .text = cells[kReference]});
  events->push_back(std::move(e));
  return "";
}

}  // namespace

Status ImportTrivago(const std::string& file, const ImportSettings& settings, const ImportSink& sink,
                     ImportReport* report) {
  GFR_ASSIGN(const auto reader, TextReader::Open(file));
  std::string line;
  std::vector<std::string> cells;
  for (std::uint64_t number = 1;; ++number) {
    GFR_ASSIGN(const bool more, reader->NextLine(&line));
    if (!more) return {};
    if (number == 1) {
      if (line != kHeader)
        return Error{
            ErrorCode::kInvalidArgument, "the header is not trivago's, which is " + std::string(kHeader), {file, 1}};
      continue;
    }
    ++report->rows;
    if (!SplitCsv(line, &cells) || cells.size() != kCount) {
      report->Reject(file, number, "not " + std::to_string(kCount) + " columns of CSV");
      continue;
    }
    std::vector<Event> events;
    if (const std::string why = ReadRow(cells, number, &events); !why.empty()) {
      report->Reject(file, number, why);
      continue;
    }
    for (Event& e : events) GFR_TRY(TakeEvent(settings, file, number, std::move(e), sink, report));
  }
}

}  // namespace gfr
