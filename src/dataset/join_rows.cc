#include "dataset/join_rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "base/progress.h"
#include "base/time.h"
#include "dataset/start_at_base.h"
#include "table/parquet_writer.h"

namespace gfr {
namespace {

constexpr std::size_t kJoinedAtOnce = 1 << 14;
constexpr std::int64_t kLastTimeMs = 253'402'300'799'999;  // Of the year 9999.

std::optional<double> Number(const std::string& text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string OneOf(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Result<std::int64_t> TimeOf(const std::string& text) {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
    std::int64_t ms = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (code == std::errc{} && ms <= kLastTimeMs) return ms;
  } else if (const auto time = ParseTime(text); time.ok()) {
    return time;
  }
  return Error{ErrorCode::kInvalidArgument,
               "'" + text +
                   "' is not a time; valid are RFC 3339 with a zone (2026-01-31T12:00:00Z) and milliseconds "
                   "since 1970"};
}

// A column of what the request said, and of whom.
struct Given {
  std::size_t column;
  std::string property;
  enum class Of : std::uint8_t { kPrice, kItem, kContext } of = Of::kContext;
  bool categorical = false;
};

class TableReader {
 public:
  TableReader(RowSource& rows, const std::string& path, const FeatureSet& features, const JoinOptions& options)
      : rows_(rows), path_(path), features_(features), options_(options) {}

  Result<JoinTable> Read() {
    GFR_TRY(FindColumns());
    std::vector<Cell> cells;
    for (;;) {
      GFR_ASSIGN(const bool more, rows_.Next(&cells));
      if (!more) return std::move(table_);
      if (!rows_.fault().empty()) return At(rows_.fault());
      if (cells.size() != table_.columns.size())
        return At(std::to_string(cells.size()) + " cells, not " + std::to_string(table_.columns.size()));
      for (std::size_t c = 0; c < cells.size(); ++c) {
        if (cells[c].is_list) return At("column '" + table_.columns[c] + "' is a list; valid are plain columns");
        table_.cells[c].push_back(std::move(cells[c].text));
      }
      GFR_TRY(AddRow());
    }
  }

 private:
  Error At(const std::string& what) const {
    return {ErrorCode::kInvalidArgument, what, {path_, static_cast<int>(rows_.line())}};
  }
  Error InHeader(const std::string& what) const { return {ErrorCode::kInvalidArgument, what, {path_, 1}}; }

  int Find(const std::string& name) const {
    const auto at = std::ranges::find(table_.columns, name);
    return at == table_.columns.end() ? -1 : static_cast<int>(at - table_.columns.begin());
  }

  Status FindColumns() {
    table_.columns = rows_.columns();
    table_.cells.resize(table_.columns.size());
    std::vector<std::string> sorted = table_.columns;
    std::ranges::sort(sorted);
    if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
      return InHeader("there are two columns '" + *twice + "'");
    time_ = Find(options_.time_column);
    if (time_ < 0)
      return InHeader("there is no column '" + options_.time_column + "' of times; there are " + OneOf(table_.columns) +
                      " (--time names it)");
    user_ = Find("user");
    session_ = Find("session");
    item_ = Find("item");
    surface_ = Find("surface");
    request_ = Find("request");
    if (user_ < 0 && session_ < 0 && item_ < 0)
      return InHeader("there is no entity: name a column user, item or session; there are " + OneOf(table_.columns));
    GFR_TRY(FindFeatures());
    for (const std::string& name : options_.given) GFR_TRY(FindGiven(name));
    return {};
  }

  Status FindFeatures() {
    std::vector<std::string> names;
    for (const BoundFeature& f : features_.features) names.push_back(f.view->spec().name);
    if (options_.features.empty()) {
      table_.features.resize(names.size());
      std::iota(table_.features.begin(), table_.features.end(), std::size_t{0});
    }
    for (const std::string& name : options_.features) {
      const auto at = std::ranges::find(names, name);
      if (at == names.end())
        return Error{ErrorCode::kNotFound, "there is no feature '" + name + "'; see `gfr features list`"};
      table_.features.push_back(static_cast<std::size_t>(at - names.begin()));
    }
    for (const std::size_t k : table_.features) {
      if (Find(names[k]) >= 0)
        return InHeader("column '" + names[k] + "' has the name of a feature; rename it, or leave the feature out");
    }
    return {};
  }

  // "COLUMN", or "COLUMN=PROPERTY" of a column that has another name.
  Status FindGiven(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string from = text.substr(0, equals),
                      name = equals == std::string::npos ? from : text.substr(equals + 1);
    const int column = Find(from);
    if (column < 0)
      return InHeader("there is no column '" + from + "', which is said to be given; there are " +
                      OneOf(table_.columns));
    const PropertySchema& schema = features_.schema;
    Given given{.column = static_cast<std::size_t>(column), .property = name};
    const auto declared = [&](int at, const std::vector<bool>& categorical, Given::Of of) {
      if (at < 0) return false;
      given.of = of;
      given.categorical = categorical[static_cast<std::size_t>(at)];
      return true;
    };
    if (name == "price") {
      given.of = Given::Of::kPrice;
    } else if (!declared(schema.FindUser(name), schema.user_categorical, Given::Of::kContext) &&
               !declared(schema.FindRequest(name), schema.request_categorical, Given::Of::kContext) &&
               !declared(schema.FindItem(name), schema.item_categorical, Given::Of::kItem) &&
               !declared(schema.FindRequestItem(name), schema.request_item_categorical, Given::Of::kItem)) {
      std::vector<std::string> valid{"price"};
      for (const auto* names :
           {&schema.user_names, &schema.request_names, &schema.item_names, &schema.request_item_names}) {
        for (const std::string& n : *names) {
          if (std::ranges::find(valid, n) == valid.end()) valid.push_back(n);
        }
      }
      return InHeader("'" + name + "' is no property that gfr.toml declares; valid are " + OneOf(valid));
    }
    given_.push_back(given);
    return {};
  }

  const std::string& Text(int column) const {
    static const std::string none;
    return column < 0 ? none : table_.cells[static_cast<std::size_t>(column)].back();
  }

  Status AddRow() {
    const auto time = TimeOf(Text(time_));
    if (!time.ok()) return At("column '" + options_.time_column + "': " + time.error().message);
    JoinTable::Slate slate{.time_ms = time.value(),
                           .user = KeyOf(Text(user_)),
                           .session = KeyOf(Text(session_)),
                           .surface = KeyOf(Text(surface_)),
                           .items = {EventItem{.item_id = Text(item_)}},
                           .rows = {table_.rows.size()},
                           .supplied = !Text(request_).empty()};
    for (const Given& g : given_) {
      const std::string& text = table_.cells[g.column].back();
      if (text.empty()) continue;
      Property p{.name = g.property};
      if (g.categorical) {
        p.text = text;
      } else if (const auto number = Number(text)) {
        p.number = *number;
      } else {
        return At("column '" + table_.columns[g.column] + "' is '" + text + "', which is not a number");
      }
      if (g.of == Given::Of::kPrice)
        slate.items[0].price = p.number;
      else
        (g.of == Given::Of::kItem ? slate.items[0].properties : slate.context).push_back(std::move(p));
    }
    std::size_t at = table_.slates.size();
    if (slate.supplied) {
      const auto [of, fresh] = requests_.try_emplace(KeyOf(Text(request_)), std::pair(at, rows_.line()));
      if (!fresh) {
        at = of->second.first;
        GFR_TRY(AddToRequest(std::move(slate), of->second.second, table_.slates[at]));
      }
    }
    table_.rows.push_back({time.value(), at});
    if (at == table_.slates.size()) table_.slates.push_back(std::move(slate));
    return {};
  }

  Status AddToRequest(JoinTable::Slate row, std::uint64_t first_line, JoinTable::Slate& slate) const {
    const auto context = [](const std::vector<Property>& a, const std::vector<Property>& b) {
      return std::ranges::equal(a, b, [](const Property& x, const Property& y) {
        return x.name == y.name && x.text == y.text && (x.number == y.number || !x.text.empty());
      });
    };
    const char* differs = row.time_ms != slate.time_ms           ? "time"
                          : row.user != slate.user               ? "user"
                          : row.session != slate.session         ? "session"
                          : row.surface != slate.surface         ? "surface"
                          : !context(row.context, slate.context) ? "context"
                                                                 : nullptr;
    if (differs)
      return At("request '" + Text(request_) + "' has another " + differs + " than at line " +
                std::to_string(first_line) + "; rows of one request are one slate");
    slate.items.push_back(std::move(row.items[0]));
    slate.rows.push_back(row.rows[0]);
    return {};
  }

  RowSource& rows_;
  const std::string& path_;
  const FeatureSet& features_;
  const JoinOptions& options_;
  JoinTable table_;
  int time_ = -1, user_ = -1, session_ = -1, item_ = -1, surface_ = -1, request_ = -1;
  std::vector<Given> given_;
  std::unordered_map<Key, std::pair<std::size_t, std::uint64_t>> requests_;  // Slate and first line.
};

void ReadSlate(OnlineStore& store, const JoinTable& table, const JoinTable::Slate& slate, std::vector<float>& values,
               Joined& joined) {
  const std::size_t columns = store.features().columns();
  values.resize(slate.items.size() * columns);
  store.AdvanceTo(EpochEndAt(slate.time_ms));
  store.Read({.now_ms = slate.time_ms,
              .user = slate.user,
              .session = slate.session,
              .surface = slate.surface,
              .context = slate.context,
              .items = slate.items,
              .supplied = slate.supplied},
             values.data());
  if (slate.user != 0 && !store.KnowsUser(slate.user)) joined.unknown_users += slate.rows.size();
  for (std::size_t i = 0; i < slate.items.size(); ++i) {
    const std::string& item = slate.items[i].item_id;
    joined.unknown_items += !item.empty() && store.shared().FindItem(KeyOf(item)) == nullptr;
    for (std::size_t k = 0; k < table.features.size(); ++k)
      joined.values[k][slate.rows[i]] = values[i * columns + table.features[k]];
  }
}

void AppendCsv(const std::string& text, std::string& out) {
  if (text.find_first_of("\",\r\n") == std::string::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  out += '"';
}

void AppendCsvRow(const JoinTable& table, const Joined& joined, std::size_t row, std::string& out) {
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (c > 0) out += ',';
    AppendCsv(table.cells[c][row], out);
  }
  for (const auto& values : joined.values) {
    out += ',';
    if (std::isnan(values[row])) continue;
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof text, values[row]).ptr);
  }
  out += '\n';
}

}  // namespace

Result<JoinTable> ReadJoinTable(RowSource& rows, const std::string& path, const FeatureSet& features,
                                const JoinOptions& options) {
  return TableReader(rows, path, features, options).Read();
}

Result<Joined> JoinFeatures(EventSource& log, std::shared_ptr<const FeatureSet> features, const JoinTable& table) {
  Joined joined;
  joined.values.assign(table.features.size(), std::vector<float>(table.rows.size()));
  std::vector<std::size_t> order(table.slates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t s) { return table.slates[s].time_ms; });
  OnlineStore store(std::move(features));
  GFR_TRY(StartAtBase(log, &store));
  std::vector<float> values;
  auto next = order.begin();
  const auto read_until = [&](std::int64_t arrival_ms) {
    for (; next != order.end() && table.slates[*next].time_ms <= arrival_ms; ++next)
      ReadSlate(store, table, table.slates[*next], values, joined);
  };
  GFR_ASSIGN(const auto reader, log.OpenAll());
  Progress progress("join", 0, "events");
  for (LogRecord record; next != order.end();) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    read_until(record.arrival_ms);  // Strictly before: a record of the row's own time is not seen.
    store.Fold(record);
    progress.Update(++joined.events);
  }
  for (auto at = next; at != order.end(); ++at) joined.after_log += table.slates[*at].rows.size();
  read_until(INT64_MAX);
  return joined;
}

std::string JoinedCsv(const FeatureSet& features, const JoinTable& table, const Joined& joined) {
  std::string out;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (c > 0) out += ',';
    AppendCsv(table.columns[c], out);
  }
  for (const std::size_t k : table.features) AppendCsv(features.features[k].view->spec().name, out += ',');
  out += '\n';
  for (std::size_t row = 0; row < table.rows.size(); ++row) AppendCsvRow(table, joined, row, out);
  return out;
}

Status WriteJoined(FileSystem& fs, const std::string& path, const FeatureSet& features, const JoinTable& table,
                   const Joined& joined) {
  if (!path.ends_with(".parquet")) return PublishFile(fs, path, JoinedCsv(features, table, joined));
  std::vector<NamedColumn> batch;
  ParquetMetadata metadata;
  for (const std::string& column : table.columns) batch.push_back({column, std::vector<std::string>()});
  for (const std::size_t k : table.features) {
    const FeatureSpec& spec = features.features[k].view->spec();
    batch.push_back({spec.name, std::vector<float>()});
    metadata.emplace_back("gfr.definition." + spec.name, std::to_string(spec.fingerprint));
  }
  GFR_ASSIGN(const auto writer, ParquetWriter::Open(fs, path, batch, metadata));
  const auto part = [](const auto& from, std::size_t first, std::size_t last, auto& to) {
    to.assign(from.begin() + static_cast<std::ptrdiff_t>(first), from.begin() + static_cast<std::ptrdiff_t>(last));
  };
  for (std::size_t first = 0; first < table.rows.size(); first += kJoinedAtOnce) {
    const std::size_t last = std::min(first + kJoinedAtOnce, table.rows.size());
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      part(table.cells[c], first, last, std::get<std::vector<std::string>>(batch[c].values));
    for (std::size_t k = 0; k < joined.values.size(); ++k)
      part(joined.values[k], first, last, std::get<std::vector<float>>(batch[table.columns.size() + k].values));
    GFR_TRY(writer->Append(batch));
  }
  return writer->Close();
}

}  // namespace gfr
