#include "event/import_map.h"

#include <algorithm>

#include "base/config.h"
#include "base/text_encoding.h"

namespace gfr {
namespace {

constexpr const char* kFields[] = {"id",         "type",    "time",  "user_id",  "anonymous_id", "session_id",
                                   "request_id", "surface", "kind",  "value",    "currency",     "transaction_id",
                                   "item_id",    "index",   "price", "quantity", "items",        "prices"};
// What may be the same for all rows.
constexpr const char* kConstants[] = {"time", "surface", "kind", "currency", "user_id", "session_id"};

std::map<std::string, std::string> ReadTable(Config table, std::optional<Error>* error) {
  std::map<std::string, std::string> out;
  for (const std::string& key : table.Keys()) out[key] = table.String(key, "");
  if (const Status s = table.Finish(); !s.ok() && !*error) *error = s.error();
  return out;
}

void ReadCsvFormat(Config& config, CsvFormat* format) {
  format->encoding = config.String("encoding", "");
  format->header = config.Strings("header", {});
  if (!format->encoding.empty()) {
    if (const auto known = TextEncoding::Open(format->encoding); !known.ok())
      config.Fail("encoding", known.error().message);
  }
  const auto one = [&](const char* key, const std::string& otherwise) {
    const std::string text = config.String(key, otherwise);
    if (text.size() > 1 || (!text.empty() && (static_cast<unsigned char>(text[0]) >= 0x80 || text[0] == '\n')))
      config.Fail(key, "is '" + text + "'; valid is one character of ASCII");
    return text.empty() ? '\0' : text[0];
  };
  format->delimiter = one("delimiter", "");
  format->quote = one("quote", "\"");
  const std::string escape = config.String("escape", "");
  if (!escape.empty() && escape != "\\") config.Fail("escape", "is '" + escape + "'; valid is \"\\\\\", a backslash");
  format->backslash = escape == "\\";
}

std::vector<EventType> ReadTypes(Config& config, const std::string& key) {
  std::vector<EventType> types;
  for (const std::string& name : config.Strings(key, {})) {
    const auto type = ParseEventType(name);
    if (type.ok())
      types.push_back(type.value());
    else
      config.Fail(key, type.error().message);
  }
  return types;
}

Result<TypeRule> ReadRule(Config rule) {
  TypeRule r{.column = rule.String("column", "")};
  if (r.column.empty()) rule.Fail("column", "is missing");
  int conditions = 0;
  const auto has = [&](const char* key) {
    conditions += rule.Has(key);
    return rule.Has(key);
  };
  if (has("equals")) {
    r.when = TypeRule::When::kEquals;
    r.text = rule.String("equals", "");
  }
  if (has("prefix")) {
    r.when = TypeRule::When::kPrefix;
    r.text = rule.String("prefix", "");
  }
  if (has("below")) {
    r.when = TypeRule::When::kBelow;
    r.number = rule.Number("below", 0, -1e18, 1e18);
  }
  if (has("above")) {
    r.when = TypeRule::When::kAbove;
    r.number = rule.Number("above", 0, -1e18, 1e18);
  }
  if (has("missing")) r.when = rule.Boolean("missing", true) ? TypeRule::When::kEmpty : TypeRule::When::kFilled;
  if (conditions != 1) rule.Fail("column", "needs one condition; valid are equals, prefix, below, above and missing");
  if (!rule.Has("is")) rule.Fail("is", "is missing: an event type, a list of them, or [] for rows to leave out");
  r.types = ReadTypes(rule, "is");
  GFR_TRY(rule.Finish());
  return r;
}

Result<LongTable> ReadLong(Config table) {
  LongTable l{.property = table.String("property", ""),
              .value = table.String("value", ""),
              .number_prefix = table.String("number_prefix", "")};
  if (l.property.empty() || l.value.empty()) table.Fail("property", "and value name the columns of a long table");
  std::optional<Error> error;
  l.names = ReadTable(table.Table("names"), &error);
  if (error) return *error;
  GFR_TRY(table.Finish());
  return l;
}

Status ReadTime(Config& config, ImportMap* map) {
  const std::string format = config.String("time_format", "rfc3339");
  map->time_prefix = config.String("time_prefix", "");
  const auto zone = TimeZone::Open(config.String("time_zone", "Z"));
  if (!zone.ok()) config.Fail("time_zone", zone.error().message);
  auto time = TimeFormat::Make(format, zone.ok() ? zone.value() : TimeZone());
  if (time.ok())
    map->time = std::move(time.value());
  else
    config.Fail("time_format", time.error().message);
  return {};
}

void ReadLayout(Config& config, ImportMap* map) {
  map->source = config.String("source", map->source);
  map->list_separator = config.String("list_separator", "|");
  if (map->list_separator.empty()) config.Fail("list_separator", "is empty");
  const std::string slate = config.String("slate", "list"), decimal = config.String("decimal", ".");
  if (slate != "list" && slate != "rows") config.Fail("slate", "is '" + slate + "'; valid are list and rows");
  map->rows_of_slate = slate == "rows";
  if (decimal != "." && decimal != ",") config.Fail("decimal", "is '" + decimal + "'; valid are . and ,");
  map->decimal = decimal == "," ? ',' : '.';
  map->index_from = static_cast<std::int32_t>(config.Integer("index_from", 0, 0, 1));
  if (config.Has("null")) {
    const std::vector<std::string> texts = config.Strings("null", {});
    map->null.emplace(texts.begin(), texts.end());
  }
}

}  // namespace

Result<ImportMap> ImportMap::Parse(std::string_view toml, const std::string& file) {
  GFR_ASSIGN(Config config, Config::Parse(toml, file));
  ImportMap map;
  std::optional<Error> error;
  ReadLayout(config, &map);
  GFR_TRY(ReadTime(config, &map));
  ReadCsvFormat(config, &map.csv);
  Config columns = config.Table("columns");
  for (const char* field : kFields) {
    if (columns.Has(field)) map.columns[field] = columns.Strings(field, {});
    if (columns.Has(field) && map.columns[field].empty()) columns.Fail(field, "names no column");
  }
  GFR_TRY(columns.Finish());
  Config constants = config.Table("constants");
  for (const char* field : kConstants) {
    if (constants.Has(field)) map.constants[field] = constants.String(field, "");
  }
  GFR_TRY(constants.Finish());
  map.context = ReadTable(config.Table("context"), &error);
  map.properties = ReadTable(config.Table("properties"), &error);
  map.vectors = ReadTable(config.Table("vectors"), &error);
  if (error) return *error;
  if (config.HasTable("long")) {
    GFR_ASSIGN(map.long_table, ReadLong(config.Table("long")));
  }
  for (Config& rule : config.Tables("type")) {
    GFR_ASSIGN(TypeRule read, ReadRule(rule));
    map.rules.push_back(std::move(read));
  }
  Config types = config.Table("types");
  for (const std::string& value : types.Keys()) map.types[value] = ReadTypes(types, value);
  GFR_TRY(types.Finish());
  if (!map.columns.contains("time") && !map.constants.contains("time"))
    config.Fail("columns", "names no column for time, and [constants] none for all rows");
  if (map.types.empty() && map.rules.empty())
    config.Fail("types", "is missing: it says which event each value of the type column is");
  GFR_TRY(config.Finish());
  map.csv.wanted = map.Columns();
  return map;
}

std::vector<std::string> ImportMap::Columns() const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const auto& [field, list] : columns) std::ranges::for_each(list, add);
  for (const auto* table : {&context, &properties, &vectors}) {
    for (const auto& [field, column] : *table) add(column);
  }
  for (const TypeRule& rule : rules) add(rule.column);
  if (long_table) {
    add(long_table->property);
    add(long_table->value);
  }
  return names;
}

}  // namespace gfr
