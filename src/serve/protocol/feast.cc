// Feast's feature server: get-online-features (docs.feast.dev/reference/feature-servers/python-feature-server).
#include <charconv>
#include <cmath>
#include <map>

#include "base/json_text.h"
#include "base/time.h"
#include "event/event_rules.h"
#include "serve/protocol/credentials.h"
#include "serve/protocol/event_protocols.h"

namespace gfr {
namespace {

using Input = nlohmann::json;

constexpr std::size_t kMostFeastValues = 1'000'000;

// The entity columns of a request: one id a row; empty where the request has no such column.
struct FeastEntities {
  std::size_t rows = 0;
  std::vector<std::pair<std::string, std::vector<std::string>>> columns;  // As the request names them.
  const std::vector<std::string>*user = nullptr, *session = nullptr, *item = nullptr;
};

FeastEntities ReadFeastEntities(const Input& body) {
  const Input& sent = MemberOf(body, "entities");
  if (!sent.is_object() || sent.empty() || sent.size() > 3)
    throw BadRequest{"entities is not an object of user_id, session_id and item_id, each a list of ids"};
  FeastEntities entities;
  entities.columns.reserve(sent.size());
  for (const auto& [name, ids] : sent.items()) {
    if (!ids.is_array() || (!entities.columns.empty() && ids.size() != entities.rows))
      throw BadRequest{"entities." + name.substr(0, 100) + " is not a list as long as the others"};
    entities.rows = ids.size();
    std::vector<std::string> texts;
    texts.reserve(ids.size());
    for (const Input& id : ids) {
      texts.push_back(id.is_string() ? id.get<std::string>() : id.is_number() ? DumpJson(id) : "");
      if (texts.back().size() > kMaxIdBytes) throw BadRequest{"an id is longer than 1024 bytes"};
    }
    entities.columns.emplace_back(name, std::move(texts));
    const std::vector<std::string>* column = &entities.columns.back().second;
    if (name == "user_id" || name == "user")
      entities.user = column;
    else if (name == "session_id" || name == "session")
      entities.session = column;
    else if (name == "item_id" || name == "item")
      entities.item = column;
    else
      throw BadRequest{"there is no entity '" + name.substr(0, 100) + "'; valid are user_id, session_id and item_id"};
  }
  return entities;
}

struct FeastColumn {
  std::size_t column = 0;  // Of the feature set.
  std::string name;        // In the answer.
};

// Columns by name, in the request's order; "VIEW:FEATURE" is the feature whatever the view. All without a list.
std::vector<FeastColumn> ReadFeastFeatures(const Input& body, const FeatureSet& features) {
  std::vector<FeastColumn> columns;
  const Input& names = MemberOf(body, "features");
  if (names.is_null()) {
    for (std::size_t k = 0; k < features.columns(); ++k) columns.push_back({k, features.features[k].view->spec().name});
    return columns;
  }
  const Input& full = MemberOf(body, "full_feature_names");
  const bool with_view = full.is_boolean() && full.get<bool>();
  if (!names.is_array() || names.size() > features.columns()) throw BadRequest{"features is not a list of features"};
  for (const Input& entry : names) {
    const std::string name = entry.is_string() ? entry.get<std::string>() : "";
    const std::size_t colon = name.rfind(':');
    const std::string_view wanted = std::string_view(name).substr(colon + 1);
    std::size_t k = 0;
    while (k < features.columns() && features.features[k].view->spec().name != wanted) ++k;
    if (k == features.columns()) throw BadRequest{"there is no feature '" + name.substr(0, 200) + "'"};
    const bool has_view = with_view && colon != std::string::npos;
    columns.push_back({k, has_view ? name.substr(0, colon) + "__" + std::string(wanted) : std::string(wanted)});
  }
  return columns;
}

// Values and what is known of each row's entities, row-major.
struct FeastRows {
  std::vector<float> values;
  std::vector<std::uint8_t> knows_user, knows_item;
};

// Rows of one user are read at once, as a feed's candidates are.
FeastRows ReadFeastRows(const FeatureReader& reader, const FeastEntities& entities, std::size_t columns,
                        std::int64_t now_ms) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<std::size_t>> by_user;
  const auto id = [](const std::vector<std::string>* ids, std::size_t row) {
    return ids == nullptr ? std::string_view() : std::string_view((*ids)[row]);
  };
  for (std::size_t i = 0; i < entities.rows; ++i) by_user[{id(entities.user, i), id(entities.session, i)}].push_back(i);
  FeastRows out{.values = std::vector<float>(entities.rows * columns),
                .knows_user = std::vector<std::uint8_t>(entities.rows),
                .knows_item = std::vector<std::uint8_t>(entities.rows)};
  ReadLease lease;
  std::vector<EventItem> items;
  std::vector<float> values;
  for (const auto& [who, rows] : by_user) {
    items.clear();
    for (const std::size_t row : rows) items.push_back({.item_id = std::string(id(entities.item, row))});
    values.resize(rows.size() * columns);
    const Key user = KeyOf(who.first), session = KeyOf(who.second);
    reader.FindUser(user, session, &lease);
    reader.Read({.now_ms = now_ms, .user = user, .session = session, .items = items, .supplied = false}, &lease,
                values.data());
    for (std::size_t n = 0; n < rows.size(); ++n) {
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(n * columns), columns,
                  out.values.begin() + static_cast<std::ptrdiff_t>(rows[n] * columns));
      out.knows_user[rows[n]] = lease.user_row != nullptr;
      out.knows_item[rows[n]] = lease.items[n] != nullptr;
    }
  }
  return out;
}

void AppendText(const std::string& text, std::string* out) { *out += DumpJson(Input(text)); }

// {"values", "statuses", "event_timestamps"} of one feature. A value is null where the entity is not known.
void AppendFeastColumn(const FeastRows& rows, std::size_t count, std::size_t columns, std::size_t k, Scope scope,
                       const std::string& time, std::string* out) {
  std::string statuses, times;
  *out += "{\"values\":[";
  for (std::size_t i = 0; i < count; ++i) {
    const float value = rows.values[i * columns + k];
    const bool is_known = scope == Scope::kUser     ? rows.knows_user[i] != 0
                          : scope == Scope::kShared ? rows.knows_item[i] != 0
                                                    : true;
    const char* comma = i > 0 ? "," : "";
    *out += comma;
    if (is_known && std::isfinite(value)) {
      char text[32];
      out->append(text, std::to_chars(text, text + sizeof text, value).ptr);
    } else {
      *out += "null";
    }
    statuses += comma;
    statuses += !is_known ? "\"NOT_FOUND\"" : std::isnan(value) ? "\"NULL_VALUE\"" : "\"PRESENT\"";
    times += comma + ("\"" + time + "\"");
  }
  *out += "],\"statuses\":[" + statuses + "],\"event_timestamps\":[" + times + "]}";
}

std::string FeastAnswer(const FeastEntities& entities, const FeatureSet& features,
                        const std::vector<FeastColumn>& wanted, const FeastRows& rows, const std::string& time) {
  std::string names, results, present, never;
  for (std::size_t i = 0; i < entities.rows; ++i) {
    present += i > 0 ? ",\"PRESENT\"" : "\"PRESENT\"";
    never += i > 0 ? ",\"1970-01-01T00:00:00Z\"" : "\"1970-01-01T00:00:00Z\"";
  }
  for (const auto& [name, ids] : entities.columns) {
    if (!names.empty()) names += ',', results += ',';
    AppendText(name, &names);
    results += "{\"values\":[";
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) results += ',';
      AppendText(ids[i], &results);
    }
    results += "],\"statuses\":[" + present + "],\"event_timestamps\":[" + never + "]}";
  }
  for (const FeastColumn& feature : wanted) {
    const Scope scope = features.features[feature.column].view->spec().scope;
    names += ',';
    results += ',';
    AppendText(feature.name, &names);
    AppendFeastColumn(rows, entities.rows, features.columns(), feature.column, scope, time, &results);
  }
  return "{\"metadata\":{\"feature_names\":[" + names + "]},\"results\":[" + results + "]}\n";
}

HttpResponse GetOnlineFeatures(ServiceState& s, const HttpRequest& request) {
  const Input body = ParseBody(request.body);
  // As Feast's server answers for a service that its registry does not have; here are none.
  if (const Input& service = MemberOf(body, "feature_service"); !service.is_null())
    return ProblemResponse(404, "Not Found",
                           "there is no feature service " + DumpJson(service).substr(0, 200) +
                               "; this server has none: name the features in `features`, or leave both out for all");
  const std::shared_ptr<const Serving> serving = s.serving();
  const FeatureSet& features = serving->features();
  const FeastEntities entities = ReadFeastEntities(body);
  if (entities.rows * features.columns() > kMostFeastValues)
    throw BadRequest{"more than " + std::to_string(kMostFeastValues / features.columns()) + " rows"};
  const std::vector<FeastColumn> wanted = ReadFeastFeatures(body, features);
  const std::int64_t now_ms = s.now_ms();
  const FeastRows rows = ReadFeastRows(s.rows(*serving), entities, features.columns(), now_ms);
  return {.body = FeastAnswer(entities, features, wanted, rows, FormatTime(now_ms))};
}

}  // namespace

std::vector<Route> FeastRoutes(ServiceState& s) {
  return {{.method = "POST",
           .path = "/get-online-features",
           .scope = AccessScope::kFeed,
           .lane = s.feed_lane(),
           .call = Sync([&s](const auto& r) { return GetOnlineFeatures(s, r); }),
           .content_types = {"application/json"},
           .operation =
               ProtocolOperation("postGetOnlineFeatures", "Features of users and items as a feed would read them now.",
                                 "feast", "https://docs.feast.dev/reference/feature-servers/python-feature-server", 200,
                                 /*has_body=*/true, {}, {404}),
           .token = ApiKeyToken}};
}

}  // namespace gfr
