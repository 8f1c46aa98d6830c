// features: list, show, get, join, verify, profile, materialize.
#include <algorithm>
#include <cstdio>

#include "base/time.h"
#include "commands.h"
#include "dataset/join_rows.h"
#include "dataset/offline_store.h"
#include "event/import_map.h"
#include "feature/describe.h"
#include "operations/check_log.h"
#include "table/parquet_rows.h"

namespace gfr {
namespace {

Json FactsJson(const FeatureFacts& f) {
  return {{"name", f.name},
          {"type", f.type},
          {"read", f.read},
          {"scope", f.scope},
          {"value", f.value},
          {"inputs", f.inputs},
          {"fresh_to", f.freshness},
          {"kept", f.kept},
          {"missing", f.missing},
          {"category", f.categorical},
          {"state_bytes", f.state_bytes},
          {"shares_state_with", f.shares_state_with},
          {"fingerprint", f.fingerprint},
          {"definition", f.definition}};
}

int ShowFeature(const FeatureSet& set, const std::vector<std::string>& names, const Common& common) {
  if (names.size() != 1) return Fail({ErrorCode::kInvalidArgument, "name one feature; see `gfr features list`"});
  const auto at = std::ranges::find_if(set.features, [&](const auto& f) { return f.view->spec().name == names[0]; });
  if (at == set.features.end())
    return Fail({ErrorCode::kNotFound, "there is no feature '" + names[0] + "'; see `gfr features list`"});
  const FeatureFacts f = Describe(set, static_cast<std::size_t>(at - set.features.begin()));
  if (common.json) {
    PrintJson(FactsJson(f));
    return 0;
  }
  const auto line = [](const char* what, const std::string& text) {
    if (!text.empty()) std::printf("  %-12s %s\n", what, text.c_str());
  };
  std::printf("%s (%s%s%s): %s\n", f.name.c_str(), f.type.c_str(), f.read.empty() ? "" : ", ", f.read.c_str(),
              f.value.c_str());
  line("scope", f.scope);
  line("inputs", f.inputs);
  line("fresh to", f.freshness);
  line("kept", f.kept);
  line("missing", f.missing);
  line("value", f.categorical ? "a category" : "a number");
  line("state", f.state_bytes == 0 ? "none"
                : f.shares_state_with.empty()
                    ? Grouped(f.state_bytes) + " bytes a " + f.scope
                    : "that of " + f.shares_state_with + " (" + Grouped(f.state_bytes) + " bytes a " + f.scope + ")");
  line("fingerprint", f.fingerprint);
  line("definition", f.definition);
  return 0;
}

// "2026-01-05 to 2026-01-09 (5 dates)"; gaps are said.
std::string DatesText(const std::vector<std::string>& dates) {
  if (dates.size() == 1) return dates[0];
  const auto first = ParseTime(dates.front()), last = ParseTime(dates.back());
  const bool gaps =
      first.ok() && last.ok() && (last.value() - first.value()) / kDayMs + 1 != static_cast<std::int64_t>(dates.size());
  return dates.front() + " to " + dates.back() + " (" + Grouped(dates.size()) + " dates" +
         (gaps ? ", with gaps)" : ")");
}

int ListFeatures(const Project& project, const Common& common) {
  const FeatureSet& set = *project.features();
  const auto offline = ListOffline(PosixFileSystem(), project.offline_folder(), set);
  if (!offline.ok()) return Fail(offline.error());
  std::uint32_t item_bytes = 0;
  for (const SharedEntity& e : set.entities) item_bytes += e.name == "item" ? e.row_bytes : 0;
  Json list = Json::array(), entities = Json::object();
  std::vector<FeatureFacts> facts;
  for (std::size_t k = 0; k < set.features.size(); ++k) facts.push_back(Describe(set, k));
  for (const FeatureFacts& f : facts) list.push_back(FactsJson(f));
  for (const SharedEntity& e : set.entities) entities[e.name] = e.row_bytes;
  if (common.json) {
    Json kept = Json::array();
    for (const OfflineDates& o : offline.value())
      kept.push_back({{"source", o.source},
                      {"view", o.view},
                      {"definition", o.definition},
                      {"current", o.current},
                      {"dates", o.dates}});
    PrintJson({{"features", list},
               {"user_bytes", set.user_row_bytes},
               {"user_budget_bytes", kUserBudgetBytes},
               {"session_bytes", set.session_row_bytes},
               {"item_bytes", item_bytes},
               {"item_budget_bytes", kItemBudgetBytes},
               {"entity_bytes", entities},
               {"materialised", kept}});
    return 0;
  }
  std::size_t wide[3] = {4, 4, 5};
  for (const FeatureFacts& f : facts) {
    wide[0] = std::max(wide[0], f.name.size());
    wide[1] = std::max(wide[1], f.type.size() + (f.read.empty() ? 0 : 1 + f.read.size()));
    wide[2] = std::max(wide[2], f.scope.size());
  }
  const auto row = [&](const std::string& name, const std::string& type, const std::string& scope,
                       const std::string& bytes, const std::string& fingerprint, const std::string& value) {
    std::printf("%-*s  %-*s  %-*s  %6s  %20s  %s\n", static_cast<int>(wide[0]), name.c_str(), static_cast<int>(wide[1]),
                type.c_str(), static_cast<int>(wide[2]), scope.c_str(), bytes.c_str(), fingerprint.c_str(),
                value.c_str());
  };
  row("name", "type", "scope", "bytes", "fingerprint", "value");
  for (const FeatureFacts& f : facts)
    row(f.name, f.read.empty() ? f.type : f.type + " " + f.read, f.scope,
        f.shares_state_with.empty() ? Grouped(f.state_bytes) : "shared", f.fingerprint,
        f.scope == "request" && f.type != "slate" ? f.value + ": " + f.inputs : f.value);
  std::printf("%zu features; bytes of state: %s a user, %s a session", facts.size(),
              Grouped(set.user_row_bytes).c_str(), Grouped(set.session_row_bytes).c_str());
  for (const SharedEntity& e : set.entities) std::printf(", %s a %s", Grouped(e.row_bytes).c_str(), e.name.c_str());
  const auto within = [](std::uint32_t bytes, std::uint32_t budget) {
    return Grouped(bytes) + " of " + Grouped(budget) + (bytes > budget ? " (over)" : "");
  };
  std::printf("\nbudget: %s bytes a user, %s an item\n", within(set.user_row_bytes, kUserBudgetBytes).c_str(),
              within(item_bytes, kItemBudgetBytes).c_str());
  for (const OfflineDates& o : offline.value())
    std::printf("%s values of view %s, definition %s: %s%s\n", o.source.c_str(), o.view.c_str(), o.definition.c_str(),
                DatesText(o.dates).c_str(), o.current ? "" : "; of another definition than gfr.toml has now");
  return 0;
}

// The values that a feed of this user, session and items would read now: `gfr features get user=u1 item=i5`.
// With --as-of, of a feed at that time, which sees what arrived before it.
int GetFeatures(const Project& project, const std::vector<std::string>& entities, const std::string& as_of) {
  std::string user, session;
  std::vector<EventItem> items;
  for (const std::string& entity : entities) {
    const std::size_t equals = entity.find('=');
    const std::string kind = entity.substr(0, equals),
                      id = equals == std::string::npos ? "" : entity.substr(equals + 1);
    if (kind == "user" && !id.empty())
      user = id;
    else if (kind == "session" && !id.empty())
      session = id;
    else if (kind == "item" && !id.empty())
      items.push_back({.item_id = id});
    else
      return Fail({ErrorCode::kInvalidArgument, "'" + entity + "' is not user=ID, session=ID or item=ID"});
  }
  if (entities.empty())
    return Fail({ErrorCode::kInvalidArgument, "name an entity: user=ID, session=ID, item=ID, or several"});
  const auto until_ms = as_of.empty() ? Result<std::int64_t>(INT64_MAX) : ParseTime(as_of);
  if (!until_ms.ok()) return Fail(until_ms.error());
  const auto store = FoldLog(project.workspace(), project.features(), until_ms.value());
  if (!store.ok()) return Fail(store.error());
  OnlineStore& s = *store.value();
  const bool known_user = user.empty() || s.KnowsUser(KeyOf(user)),
             known_item = std::ranges::all_of(
                 items, [&](const EventItem& i) { return s.shared().FindItem(KeyOf(i.item_id)) != nullptr; });
  if (!known_user || !known_item)
    std::fprintf(stderr, "note: %s is not in the log%s; these are the values of a stranger\n",
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

int VerifyFeatures(const Project& project, const Common& common) {
  const auto checked = VerifyServedValues(project.workspace(), project.features());
  if (!checked.ok()) return Fail(checked.error());
  const ServedCheck& c = checked.value();
  if (common.json) {
    PrintJson({{"requests", c.requests},
               {"values", c.values},
               {"different", c.different},
               {"other_definitions", c.other_definitions},
               {"first_difference", c.first_difference}});
  } else {
    std::printf("%llu served requests, %llu values: %llu differ from the replay%s%s\n",
                static_cast<unsigned long long>(c.requests), static_cast<unsigned long long>(c.values),
                static_cast<unsigned long long>(c.different),
                c.first_difference.empty() ? "" : "; first: ", c.first_difference.c_str());
    if (c.other_definitions > 0)
      std::printf("%llu requests were served with other feature definitions and are not compared\n",
                  static_cast<unsigned long long>(c.other_definitions));
  }
  return c.different == 0 ? 0 : 1;
}

struct OfflineFlags {
  std::string as_of;
  std::vector<std::string> views;
  bool served = false, dry_run = false;
  ReplayFlags replay;  // Memory and workers.
};

int RunMaterialize(const Project& project, const OfflineFlags& flags, const ProfileOptions& range,
                   const Common& common) {
  if (range.from.empty() || range.to.empty())
    return Fail(
        {ErrorCode::kInvalidArgument, "materialize needs --from and --to, as 2026-01-01 (inclusive, exclusive)"});
  const auto from_ms = ParseTime(range.from), to_ms = ParseTime(range.to);
  if (!from_ms.ok()) return Fail(from_ms.error());
  if (!to_ms.ok()) return Fail(to_ms.error());
  const MaterializeOptions options{
      .from_ms = from_ms.value(),
      .to_ms = to_ms.value(),
      .views = flags.views,
      .served = flags.served,
      .replay = {.workers = flags.replay.workers, .memory_bytes = flags.replay.memory_bytes}};
  FileSystem& fs = PosixFileSystem();
  const auto plan = PlanMaterialize(fs, project.log_folder(), project.offline_folder(), project.features(),
                                    project.objectives(), options);
  if (!plan.ok()) return Fail(plan.error());
  const MaterializePlan& p = plan.value();
  std::fprintf(stderr,
               "%zu dates to make, %zu are there: %s rows at most, %s bytes before compression; replays %s events "
               "(%s bytes), about %.0f s on one thread\n",
               p.dates.size(), p.dates_there, Grouped(p.rows).c_str(), Grouped(p.bytes).c_str(),
               Grouped(p.events).c_str(), Grouped(p.log_bytes).c_str(), p.seconds);
  Materialized made;
  if (!flags.dry_run) {
    const auto done = Materialize(fs, project.log_folder(), project.offline_folder(), project.features(),
                                  project.objectives(), options, p);
    if (!done.ok()) return Fail(done.error());
    made = done.value();
  }
  if (common.json)
    PrintJson({{"dates", p.dates.size()},
               {"dates_there", p.dates_there},
               {"events", p.events},
               {"planned_rows", p.rows},
               {"estimated_seconds", p.seconds},
               {"dry_run", flags.dry_run},
               {"rows", made.rows},
               {"files", made.files},
               {"other_definitions", made.other_definitions}});
  else if (!flags.dry_run)
    std::printf("%s rows in %s files under %s\n", Grouped(made.rows).c_str(), Grouped(made.files).c_str(),
                project.offline_folder().c_str());
  if (made.other_definitions > 0)
    std::fprintf(stderr, "note: %s requests were served with other feature definitions and are left out\n",
                 Grouped(made.other_definitions).c_str());
  return 0;
}

struct JoinFlags {
  JoinOptions options;
  std::string out;
};

// A table of entities and times with the features' values as of each time.
int RunJoin(const Project& project, const std::vector<std::string>& files, const JoinFlags& flags,
            const Common& common) {
  if (files.size() != 1)
    return Fail({ErrorCode::kInvalidArgument, "name one file of rows: `gfr features join rows.csv --out joined.csv`"});
  if (flags.out.empty() && common.json)
    return Fail({ErrorCode::kInvalidArgument, "--json needs --out: the rows go to standard output without it"});
  const std::string& path = files[0];
  auto rows = path.ends_with(".parquet") ? OpenParquet(path) : OpenCsv(path);
  if (!rows.ok()) return Fail(rows.error());
  const FeatureSet& features = *project.features();
  const auto table = ReadJoinTable(*rows.value(), path, features, flags.options);
  if (!table.ok()) return Fail(table.error());
  FileSystem& fs = PosixFileSystem();
  const auto joined = JoinFeatures(fs, project.log_folder(), project.features(), table.value());
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
  note(j.unknown_users, "name a user that was not in the log by then; they have the values of a stranger");
  note(j.unknown_items, "name an item that was not in the log by then");
  note(j.after_log, "are of a time behind the log's last event; what arrives later will change their values");
  return 0;
}

int RunFeatures(const std::string& action, const std::vector<std::string>& arguments, const OfflineFlags& offline,
                const JoinFlags& join, const ProfileOptions& range, const Common& common) {
  auto project = Project::Open(common.project);
  if (!project.ok()) return Fail(project.error());
  if (action == "verify") return VerifyFeatures(*project.value(), common);
  if (action == "get") return GetFeatures(*project.value(), arguments, offline.as_of);
  if (action == "join") return RunJoin(*project.value(), arguments, join, common);
  if (action == "materialize") return RunMaterialize(*project.value(), offline, range, common);
  if (action == "show") return ShowFeature(*project.value()->features(), arguments, common);
  return ListFeatures(*project.value(), common);
}

}  // namespace

void AddFeatures(CLI::App& app, Command& run) {
  static Common common;
  static std::string action;
  static std::vector<std::string> arguments;
  static ProfileOptions profile;
  static OfflineFlags offline;
  static JoinFlags join;
  CLI::App* c = AddCommand(app, "features", "The features that gfr.toml declares, and their values",
                           "gfr features get user=u100001 item=i100007 --project demo\n"
                           "         gfr features join rows.csv --features ctr,user_clicks --out joined.csv",
                           common);
  c->add_option(
       "ACTION", action,
       "list, show NAME, get ENTITY=ID..., join FILE: rows of entities and times get the values as of each time, "
       "verify: are the values that were served those of a replay?, profile: "
       "what each looks like and says of each label, or materialize: keep the values of a range of dates as Parquet")
      ->required()
      ->check(CLI::IsMember({"list", "show", "get", "join", "verify", "profile", "materialize"}));
  c->add_option("ARGUMENTS", arguments,
                "The feature to show; user=ID, session=ID, item=ID to get; the .csv or .parquet to join");
  AddProfileOptions(*c, profile);
  c->add_option("--as-of", offline.as_of, "get: the values of a feed at that time (RFC 3339)");
  c->add_option("--features", join.options.features, "join: only these features, as ctr,user_clicks")->delimiter(',');
  c->add_option("--time", join.options.time_column, "join: the column of times, RFC 3339 or milliseconds")
      ->capture_default_str();
  c->add_option("--given", join.options.given,
                "join: columns that the request said, as city,shown_price=price: they override what the log knows")
      ->delimiter(',');
  c->add_option("--out", join.out, "join: a .csv or .parquet; else CSV on standard output");
  c->add_option("--view", offline.views, "materialize: only these views, as user or item.category");
  c->add_flag("--served", offline.served, "materialize: what servers logged, not what a replay gives");
  c->add_flag("--dry-run", offline.dry_run, "materialize: only say what it costs");
  AddMemoryFlags(*c, offline.replay);
  c->callback([&run] {
    run = [] {
      return action == "profile" ? RunProfile(profile, common)
                                 : RunFeatures(action, arguments, offline, join, profile, common);
    };
  });
}

}  // namespace gfr
