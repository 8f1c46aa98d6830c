// features get, join: the values of named entities, and of a table of entities and times.
#include <algorithm>
#include <cstdio>

#include "base/time.h"
#include "commands.h"
#include "dataset/join_rows.h"
#include "event/import_map.h"
#include "feature/describe.h"
#include "log/local_log.h"
#include "operations/check_log.h"
#include "table/parquet_rows.h"

namespace gfr {
namespace {

// Whose values are wanted: user=ID, session=ID and item=ID, several items as several.
struct Entities {
  std::string user, session;
  std::vector<EventItem> items;
};

Result<Entities> ParseEntities(const std::vector<std::string>& arguments) {
  Entities entities;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string kind = argument.substr(0, equals),
                      id = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (kind == "user" && !id.empty())
      entities.user = id;
    else if (kind == "session" && !id.empty())
      entities.session = id;
    else if (kind == "item" && !id.empty())
      entities.items.push_back({.item_id = id});
    else
      return Error{ErrorCode::kInvalidArgument, "'" + argument + "' is not user=ID, session=ID or item=ID"};
  }
  return entities;
}

// The values that a feed of these entities would read now, or would have read at `as_of` from what had arrived.
int GetFeatures(const Project& project, const std::vector<std::string>& arguments, const std::string& as_of) {
  const auto parsed = ParseEntities(arguments);
  if (!parsed.ok()) return Fail(parsed.error());
  const std::string &user = parsed.value().user, &session = parsed.value().session;
  std::vector<EventItem> items = parsed.value().items;
  const auto until_ms = as_of.empty() ? Result<std::int64_t>(INT64_MAX) : ParseTime(as_of);
  if (!until_ms.ok()) return Fail(until_ms.error());
  const auto store = FoldLog(project.workspace(), project.features(), until_ms.value());
  if (!store.ok()) return Fail(store.error());
  OnlineStore& s = *store.value();
  const bool known_user = user.empty() || s.KnowsUser(KeyOf(user)),
             known_item = std::ranges::all_of(
                 items, [&](const EventItem& i) { return s.shared().FindItem(KeyOf(i.item_id)) != nullptr; });
  if (!known_user || !known_item)
    std::fprintf(stderr, "note: %s is not in the log%s; these are the values of an unknown user or item\n",
                 known_user ? "an item" : "the user", as_of.empty() ? "" : " before that time");
  if (items.empty()) items.push_back({});
  const std::int64_t now_ms = as_of.empty() ? std::max<std::int64_t>(s.last_arrival_ms(), 0) : until_ms.value();
  s.AdvanceTo(EpochEndAt(now_ms));
  const std::size_t columns = s.features().columns();
  std::vector<float> values(items.size() * columns);
  s.Read({.now_ms = now_ms, .user = KeyOf(user), .session = KeyOf(session), .items = items, .supplied = false},
         values.data());
  Json json{{"user", user}, {"session", session}, {"now", FormatTime(now_ms)}, {"rows", Json::array()}};
  for (std::size_t i = 0; i < items.size(); ++i) {
    Json row{{"item", items[i].item_id}, {"features", Json::object()}};
    for (std::size_t k = 0; k < columns; ++k) {
      const float v = values[i * columns + k];
      row["features"][s.features().features[k].view->spec().name] = v == v ? Json(v) : Json(nullptr);
    }
    json["rows"].push_back(std::move(row));
  }
  PrintJson(json);
  return 0;
}

struct JoinFlags {
  JoinOptions options;
  std::string file, out;
};

// A table of entities and times with the features' values as of each time.
int RunJoin(const Project& project, const JoinFlags& flags, const Common& common) {
  if (flags.out.empty() && common.json)
    return Fail({ErrorCode::kInvalidArgument, "--json needs --out: the rows go to standard output without it"});
  const std::string& path = flags.file;
  auto rows = path.ends_with(".parquet") ? OpenParquet(path) : OpenCsv(path);
  if (!rows.ok()) return Fail(rows.error());
  const FeatureSet& features = *project.features();
  const auto table = ReadJoinTable(*rows.value(), path, features, flags.options);
  if (!table.ok()) return Fail(table.error());
  FileSystem& fs = PosixFileSystem();
  LocalLog log(fs, project.log_folder());
  const auto joined = JoinFeatures(log, project.features(), table.value());
  if (!joined.ok()) return Fail(joined.error());
  const Joined& j = joined.value();
  if (flags.out.empty()) {
    std::fputs(JoinedCsv(features, table.value(), j).c_str(), stdout);
  } else if (const Status written = WriteJoined(fs, flags.out, features, table.value(), j); !written.ok()) {
    return Fail(written.error());
  }
  const std::size_t n = table.value().rows.size();
  if (common.json)
    PrintJson({{"rows", n},
               {"features", table.value().features.size()},
               {"events", j.events},
               {"unknown_users", j.unknown_users},
               {"unknown_items", j.unknown_items},
               {"after_log", j.after_log}});
  else if (!flags.out.empty())
    std::printf("%s rows with %zu features in %s\n", Grouped(n).c_str(), table.value().features.size(),
                flags.out.c_str());
  const auto note = [](std::uint64_t rows_of, const char* what) {
    if (rows_of > 0) std::fprintf(stderr, "note: %s rows %s\n", Grouped(rows_of).c_str(), what);
  };
  note(j.unknown_users, "name a user that was not in the log by then; they have the values of an unknown user");
  note(j.unknown_items, "name an item that was not in the log by then");
  note(j.after_log, "are of a time behind the log's last event; what arrives later will change their values");
  return 0;
}

}  // namespace

void AddFeaturesGet(CLI::App& features, Command& run) {
  static Common common;
  static std::vector<std::string> entities;
  static std::string as_of;
  CLI::App* c = AddCommand(features, "get", "The values that a feed of these entities would read now",
                           "gfr features get user=u100001 item=i100007 --project demo", common);
  c->add_option("ENTITIES", entities, "user=ID, session=ID, item=ID; several items as several")->required();
  c->add_option("--as-of", as_of, "The values of a feed at that time (RFC 3339)");
  c->callback([&run] {
    run = [] {
      const auto project = OpenProject(common.project);
      return project.ok() ? GetFeatures(*project.value(), entities, as_of) : Fail(project.error());
    };
  });
}

void AddFeaturesJoin(CLI::App& features, Command& run) {
  static Common common;
  static JoinFlags flags;
  CLI::App* c = AddCommand(features, "join", "Give a table of entities and times the values as of each time",
                           "gfr features join rows.csv --features ctr,user_clicks --out joined.csv", common);
  c->add_option("FILE", flags.file, "The rows: .csv or .parquet")->required();
  c->add_option("--features", flags.options.features, "Only these features, as ctr,user_clicks")->delimiter(',');
  c->add_option("--time", flags.options.time_column, "The column of times, RFC 3339 or milliseconds")
      ->capture_default_str();
  c->add_option("--given", flags.options.given,
                "Columns that the request gave, as city,shown_price=price: they override what the log knows")
      ->delimiter(',');
  c->add_option("--out", flags.out, "A .csv or .parquet; CSV on standard output if left out");
  c->callback([&run] {
    run = [] {
      const auto project = OpenProject(common.project);
      return project.ok() ? RunJoin(*project.value(), flags, common) : Fail(project.error());
    };
  });
}

}  // namespace gfr
