#include "event/import_map.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <unordered_map>

#include "base/config.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr const char* kFields[] = {"id",      "type",  "time",     "user_id",  "session_id",     "request_id",
                                   "surface", "kind",  "value",    "currency", "transaction_id", "item_id",
                                   "index",   "price", "quantity", "items",    "prices"};

bool ParseDouble(const std::string& text, double* value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return code == std::errc{} && end == text.data() + text.size();
}

std::map<std::string, std::string> ReadTable(Config table, std::optional<Error>* error) {
  std::map<std::string, std::string> out;
  for (const std::string& key : table.Keys()) out[key] = table.String(key, "");
  if (const Status s = table.Finish(); !s.ok() && !*error) *error = s.error();
  return out;
}

class Mapper {
 public:
  Mapper(RowSource& rows, const std::string& file, const ImportMap& map, const ImportSink& sink, ImportReport* report)
      : rows_(rows), file_(file), map_(map), sink_(sink), report_(*report) {}

  Status Run() {
    for (const auto* table : {&map_.columns, &map_.context, &map_.properties, &map_.vectors}) {
      for (const auto& [field, column] : *table) {
        const auto at = std::ranges::find(rows_.columns(), column);
        if (at == rows_.columns().end())
          return Error{
              ErrorCode::kInvalidArgument, "the map names column '" + column + "', which is not there", {file_, 1}};
        used_.insert(column);
        at_[column] = static_cast<std::size_t>(at - rows_.columns().begin());
      }
    }
    for (const std::string& column : rows_.columns())
      (used_.contains(column) ? report_.mapped_columns : report_.unmapped_columns).insert(column);
    for (;;) {
      GFR_ASSIGN(const bool more, rows_.Next(&row_));
      if (!more) break;
      ++report_.rows;
      if (row_.size() != rows_.columns().size()) {
        report_.Reject(file_, rows_.line(),
                       std::to_string(row_.size()) + " cells, not " + std::to_string(rows_.columns().size()));
        continue;
      }
      std::vector<Event> events;
      if (const std::string why = ReadRow(&events); !why.empty()) {
        report_.Reject(file_, rows_.line(), why);
        continue;
      }
      for (Event& e : events) GFR_TRY(Take(std::move(e)));
    }
    return Flush();
  }

 private:
  const Cell* Find(const std::map<std::string, std::string>& table, const char* field) const {
    const auto at = table.find(field);
    return at == table.end() ? nullptr : &row_[at_.at(at->second)];
  }
  std::string Text(const char* field) const {
    const Cell* cell = Find(map_.columns, field);
    return cell ? cell->text : "";
  }
  // Empty text is missing; false when it is not a number.
  bool Number(const char* field, double* value) const {
    const std::string text = Text(field);
    return text.empty() || ParseDouble(text, value);
  }
  std::vector<std::string> List(const char* field) const {
    const Cell* cell = Find(map_.columns, field);
    return cell ? List(cell) : std::vector<std::string>();
  }
  std::vector<std::string> List(const Cell* cell) const {
    if (cell->is_list) return cell->list;
    std::vector<std::string> parts;
    std::string_view text = cell->text;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(map_.list_separator), text.size());
      parts.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + map_.list_separator.size(), text.size()));
    }
    return parts;
  }
  std::vector<Property> Properties(const std::map<std::string, std::string>& table) const {
    std::vector<Property> list;
    for (const auto& [name, column] : table) {
      const std::string& text = row_[at_.at(column)].text;
      if (text.empty()) continue;
      Property p{.name = name};
      if (!ParseDouble(text, &p.number))
        p.text = text;
      else
        p.text.clear();
      list.push_back(std::move(p));
    }
    return list;
  }
  // Adds the vectors that the row has; returns the name of one that is none.
  std::string Vectors(std::vector<Property>* properties) const {
    for (const auto& [name, column] : map_.vectors) {
      const std::vector<std::string> numbers = List(&row_[at_.at(column)]);
      if (numbers.empty()) continue;
      Property p{.name = name};
      for (const std::string& text : numbers) {
        double number = 0;
        if (!ParseDouble(text, &number) || !(std::fabs(number) <= std::numeric_limits<float>::max()) ||
            p.vector.size() == kMaxVectorSize)
          return name;
        p.vector.push_back(static_cast<float>(number));
      }
      properties->push_back(std::move(p));
    }
    return "";
  }
  bool Time(const std::string& text, std::int64_t* time_ms) const {
    if (map_.time_unit_us > 0) {
      double number = 0;
      if (!ParseDouble(text, &number) || !(number >= 0) || number * static_cast<double>(map_.time_unit_us) > 2.6e17)
        return false;
      *time_ms = static_cast<std::int64_t>(number * static_cast<double>(map_.time_unit_us) / 1000.0);
      return true;
    }
    if (const auto with_zone = ParseTime(text); with_zone.ok() && text.size() > 10) {
      *time_ms = with_zone.value();
      return true;
    }
    const auto local = ParseTime(text.size() > 10 ? text + "Z" : text);  // It names no zone: the map's.
    if (!local.ok()) return false;
    *time_ms = local.value() - map_.utc_offset_ms;
    return true;
  }

  std::string ReadRow(std::vector<Event>* events) {
    const std::string type = Text("type");
    auto types = map_.types.find(type);
    if (types == map_.types.end()) types = map_.types.find("*");
    if (types == map_.types.end()) {
      ++report_.unmapped[type.substr(0, 60)];
      return "";
    }
    Event e{.source = map_.source,
            .user_id = Text("user_id"),
            .session_id = Text("session_id"),
            .request_id = Text("request_id"),
            .surface = Text("surface"),
            .kind = Text("kind"),
            .currency = Text("currency"),
            .transaction_id = Text("transaction_id"),
            .context = Properties(map_.context)};
    if (!Time(Text("time"), &e.time_ms)) return "time '" + Text("time").substr(0, 60) + "' is not what the map says";
    if (!Number("value", &e.value)) return "value '" + Text("value").substr(0, 60) + "' is not a number";
    const std::string id =
        Text("id").empty() ? file_.substr(file_.rfind('/') + 1) + ":" + std::to_string(rows_.line()) : Text("id");
    EventItem one{.item_id = Text("item_id"), .properties = Properties(map_.properties)};
    if (const std::string name = Vectors(&one.properties); !name.empty())
      return "vector '" + name + "' is not a list of at most " + std::to_string(kMaxVectorSize) + " numbers";
    double index = -1, quantity = 1;
    if (!Number("price", &one.price) || !Number("index", &index) || !Number("quantity", &quantity))
      return "price, index or quantity is not a number";
    if (!(std::fabs(index) < 1e9) || !(std::fabs(quantity) < 1e9)) return "index or quantity is out of range";
    one.index = static_cast<std::int32_t>(index);
    one.quantity = static_cast<std::int32_t>(quantity);
    const std::vector<std::string> items = List("items"), prices = List("prices");
    if (!prices.empty() && prices.size() != items.size())
      return std::to_string(items.size()) + " items but " + std::to_string(prices.size()) + " prices";
    for (const EventType t : types->second) {
      Event event = e;
      event.type = t;
      event.id = types->second.size() > 1 ? id + "/" + std::string(EventTypeName(t)) : id;
      const bool slate = t == EventType::kFeedRequest || t == EventType::kFeedImpression;
      if (slate && !items.empty()) {
        for (std::size_t i = 0; i < items.size(); ++i) {
          EventItem item{.item_id = items[i], .index = static_cast<std::int32_t>(i)};
          if (!prices.empty() && !ParseDouble(prices[i], &item.price))
            return "price '" + prices[i].substr(0, 60) + "' is not a number";
          event.items.push_back(std::move(item));
        }
      } else if (!one.item_id.empty()) {
        event.items.push_back(one);
      }
      if (event.user_id.empty() && event.session_id.empty() && !IsCatalogue(t))
        return "user_id and session_id are missing";
      if (NeedsItems(t) && event.items.empty()) return "item_id is missing";
      events->push_back(std::move(event));
    }
    return "";
  }

  // Rows of one event are next to each other; one open event a type.
  Status Take(Event event) {
    if (!map_.rows_of_slate) return Send(std::move(event));
    const auto open = std::ranges::find(open_, event.type, &Event::type);
    if (open == open_.end()) {
      open_.push_back(std::move(event));
      return {};
    }
    const bool named = map_.columns.contains("id");
    const bool same = named ? open->id == event.id
                            : !event.request_id.empty() && open->request_id == event.request_id &&
                                  open->user_id == event.user_id && open->time_ms == event.time_ms;
    if (same) {
      open->items.insert(open->items.end(), event.items.begin(), event.items.end());
      return {};
    }
    Event whole = std::exchange(*open, std::move(event));
    return Send(std::move(whole));
  }
  Status Flush() {
    for (Event& e : open_) GFR_TRY(Send(std::move(e)));
    open_.clear();
    return {};
  }
  Status Send(Event event) {
    ++report_.events;
    const Key request = KeyOf(event.request_id);
    if (event.type == EventType::kFeedImpression || event.type == EventType::kFeedRequest) {
      for (std::size_t i = 0; i < event.items.size(); ++i) {
        if (map_.rows_of_slate && event.items[i].index < 0) event.items[i].index = static_cast<std::int32_t>(i);
        shown_.insert(PairKey(request, KeyOf(event.items[i].item_id)));
      }
    }
    if (event.type == EventType::kFeedClick) {
      ++report_.clicks;
      report_.clicks_in_slate += shown_.contains(PairKey(request, KeyOf(event.items[0].item_id)));
    }
    return sink_(std::move(event));
  }

  RowSource& rows_;
  const std::string file_;
  const ImportMap& map_;
  const ImportSink& sink_;
  ImportReport& report_;
  std::set<std::string> used_;
  std::unordered_map<std::string, std::size_t> at_;
  std::vector<Cell> row_;
  std::vector<Event> open_;
  std::set<Key> shown_;
};

}  // namespace

Result<ImportMap> ImportMap::Parse(std::string_view toml, const std::string& file) {
  GFR_ASSIGN(Config config, Config::Parse(toml, file));
  ImportMap map;
  std::optional<Error> error;
  map.source = config.String("source", map.source);
  map.list_separator = config.String("list_separator", "|");
  if (map.list_separator.empty()) config.Fail("list_separator", "is empty");
  const std::string zone = config.String("time_zone", "Z"), format = config.String("time_format", "rfc3339"),
                    slate = config.String("slate", "list");
  const auto epoch = ParseTime("1970-01-02T00:00:00" + zone);
  if (!epoch.ok())
    config.Fail("time_zone", "is '" + zone + "'; valid are Z and offsets such as +01:00");
  else
    map.utc_offset_ms = kDayMs - epoch.value();
  if (format == "s")
    map.time_unit_us = 1'000'000;
  else if (format == "ms")
    map.time_unit_us = 1'000;
  else if (format == "us")
    map.time_unit_us = 1;
  else if (format != "rfc3339")
    config.Fail("time_format", "is '" + format + "'; valid are rfc3339, s, ms and us");
  if (slate != "list" && slate != "rows") config.Fail("slate", "is '" + slate + "'; valid are list and rows");
  map.rows_of_slate = slate == "rows";
  Config columns = config.Table("columns");
  for (const char* field : kFields) {
    if (columns.Has(field)) map.columns[field] = columns.String(field, "");
  }
  GFR_TRY(columns.Finish());
  map.context = ReadTable(config.Table("context"), &error);
  map.properties = ReadTable(config.Table("properties"), &error);
  map.vectors = ReadTable(config.Table("vectors"), &error);
  if (error) return *error;
  Config types = config.Table("types");
  for (const std::string& value : types.Keys()) {
    for (const std::string& name : types.Strings(value, {})) {
      const auto type = ParseEventType(name);
      if (!type.ok())
        types.Fail(value, type.error().message);
      else
        map.types[value].push_back(type.value());
    }
  }
  GFR_TRY(types.Finish());
  if (!map.columns.contains("time")) config.Fail("columns", "names no column for time");
  if (map.types.empty()) config.Fail("types", "is missing: it says which event each value of the type column is");
  GFR_TRY(config.Finish());
  return map;
}

Status ImportRows(RowSource& rows, const std::string& file, const ImportMap& map, const ImportSink& sink,
                  ImportReport* report) {
  return Mapper(rows, file, map, sink, report).Run();
}

}  // namespace gfr
