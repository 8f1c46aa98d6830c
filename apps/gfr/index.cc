// index: versions of the embeddings that the source `embedding` searches, and of the first stages of `catalogue`.
#include <fmt/format.h>

#include "base/time.h"
#include "commands.h"
#include "index/index_registry.h"
#include "operations/distill_index.h"
#include "operations/make_index.h"

namespace gfr {
namespace {

struct IndexFlags {
  Common common;
  std::string version, feed, model, run_id, name = kEmbeddingName;
  IndexFile file;
  bool hold = false, dry_run = false;
  int keep = 5;
};

Json IndexEntryJson(const Registry::Entry& e) {
  Json json{{"name", e.name}, {"version", e.version}, {"champion", e.champion}, {"created", FormatTime(e.created_ms)}};
  for (const auto& [key, value] : e.lineage) json[key] = value;
  return json;
}

int ListIndexes(const Project& project, const Common& common) {
  Registry registry = IndexRegistry(project.shared_objects(), project.workspace().clock());
  Json list = Json::array();
  for (const char* name : {kEmbeddingName, kFirstStageName}) {
    const auto entries = registry.List(name);
    if (!entries.ok()) return Fail(entries.error());
    for (const auto& e : entries.value()) {
      list.push_back(IndexEntryJson(e));
      if (common.json) continue;
      const auto of = [&](const char* key) { return e.lineage.contains(key) ? e.lineage.at(key) : std::string("?"); };
      fmt::print("{}/{} {} {} items x {} ({}){}\n", name, e.version, FormatTime(e.created_ms), of("items"),
                 of("dimensions"), e.lineage.contains("model") ? "model " + of("model") : of("made"),
                 e.champion ? " champion" : "");
    }
  }
  if (common.json) PrintJson({{"indexes", list}});
  return 0;
}

// Of the embeddings and of the first stages, or of the one that --name says.
int CollectIndexes(const Project& project, const IndexFlags& flags) {
  Registry registry = IndexRegistry(project.shared_objects(), project.workspace().clock());
  Json list = Json::array();
  for (const char* name : {kEmbeddingName, kFirstStageName}) {
    if (!flags.name.empty() && flags.name != name) continue;
    const auto removed = registry.CollectGarbage(name, flags.keep, flags.dry_run);
    if (!removed.ok()) return Fail(removed.error());
    for (const std::string& version : removed.value()) {
      list.push_back({{"name", name}, {"version", version}});
      if (!flags.common.json) fmt::print("{} {}/{}\n", flags.dry_run ? "would remove" : "removed", name, version);
    }
  }
  if (flags.common.json)
    PrintJson({{"removed", list}, {"dry_run", flags.dry_run}});
  else
    fmt::print("{} versions\n", list.size());
  return 0;
}

int RunDistill(const Project& project, const IndexFlags& flags) {
  auto settings = project.distill_settings(flags.feed);
  if (!settings.ok()) return Fail(settings.error());
  settings.value().model_version = flags.model;
  settings.value().run = flags.run_id;
  const auto made = DistillIndex(project.workspace(), settings.value(), !flags.hold);
  if (!made.ok()) return Fail(made.error());
  const Distilled& d = made.value().distilled;
  if (flags.common.json) {
    PrintJson({{"version", made.value().version},
               {"champion", !flags.hold},
               {"model", made.value().model},
               {"anchors", d.stage->anchors().size()},
               {"items", d.stage->items()},
               {"on_sale", d.on_sale},
               {"requests", d.requests},
               {"held_out", d.held_out},
               {"ranked", d.ranked},
               {"recall", d.recall}});
    return 0;
  }
  fmt::print(
      "{}/{}: {} anchors, {} of {} items on sale, from {} requests, for model {}\n"
      "{:.1f} % of the model's own best {} are among the {} items that it ranks in the budget ({} requests held out)\n",
      kFirstStageName, made.value().version, d.stage->anchors().size(), d.stage->items(), d.on_sale, d.requests,
      made.value().model, 100 * d.recall, kDistillTop, d.ranked, d.held_out);
  return 0;
}

int PrintMade(const Result<MadeIndex>& made, const IndexFlags& flags) {
  if (!made.ok()) return Fail(made.error());
  const MadeIndex& m = made.value();
  if (!m.nothing.empty() && flags.run_id.empty()) return Fail({ErrorCode::kInvalidArgument, m.nothing});
  if (!m.nothing.empty()) {
    PrintJson({{"nothing_to_train", m.nothing}});
    return 0;
  }
  if (flags.common.json) {
    PrintJson({{"version", m.version},
               {"champion", !flags.hold},
               {"items", m.items},
               {"dimensions", m.dimensions},
               {"users", m.users},
               {"pairs", m.pairs},
               {"events", m.events},
               {"items_left_out", m.items_left_out}});
    return 0;
  }
  fmt::print("{}/{}: {} items x {} dimensions{}\n", kEmbeddingName, m.version, m.items, m.dimensions,
             m.users > 0 ? fmt::format(", from {} users, {} pairs, {} events", m.users, m.pairs, m.events) : "");
  if (m.items_left_out > 0)
    fmt::print("{} items with the fewest users were left out: the search reads at most {}\n", m.items_left_out,
               EmbeddingIndex::kMostItems);
  fmt::print("{}\n", flags.hold ? fmt::format("`gfr index promote {}` makes it the one that servers search", m.version)
                                : "it is the champion: servers with the source `embedding` search it within seconds");
  return 0;
}

// A subcommand that runs `command` on the project.
CLI::App* AddIndexCommand(CLI::App& index, Command& run, IndexFlags& flags, const char* name, const char* what,
                          const char* example, std::function<int(const Project&)> command) {
  CLI::App* c = AddCommand(index, name, what, example, flags.common);
  c->callback([&run, &flags, command] {
    run = [&flags, command] {
      const auto project = OpenProject(flags.common.project);
      return project.ok() ? command(*project.value()) : Fail(project.error());
    };
  });
  return c;
}

void AddHold(CLI::App& command, IndexFlags& flags) {
  command.add_flag("--hold", flags.hold, "Do not make it the champion");
}

void AddRun(CLI::App& command, IndexFlags& flags) {
  command.add_option("--run", flags.run_id, "The run that the version is made by, for its lineage (triggers set it)");
}

void AddName(CLI::App& command, IndexFlags& flags) {
  command.add_option("--name", flags.name, "embedding or first_stage")
      ->capture_default_str()
      ->check(CLI::IsMember({kEmbeddingName, kFirstStageName}));
}

void AddIndexGc(CLI::App& index, Command& run) {
  static IndexFlags flags;  // Of its own: here no name means all.
  flags.name.clear();
  CLI::App* gc = AddIndexCommand(
      index, run, flags, "gc", "Remove old versions; the newest and the last five champions stay",
      "gfr index gc --keep 5 --project demo", [](const Project& p) { return CollectIndexes(p, flags); });
  gc->add_option("--name", flags.name, "embedding or first_stage; without it, both")
      ->check(CLI::IsMember({kEmbeddingName, kFirstStageName}));
  gc->add_option("--keep", flags.keep, "The newest versions of each, which stay whether used or not")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  gc->add_flag("--dry-run", flags.dry_run, "Only name what would go");
}

}  // namespace

void AddIndex(CLI::App& app, Command& run) {
  static IndexFlags flags;
  CLI::App& index = *AddGroup(app, "index", "Embeddings that the source `embedding` searches for candidates",
                              "gfr index train --project demo");
  CLI::App* train = AddIndexCommand(index, run, flags, "train", "Train embeddings on the log, as [index] says",
                                    "gfr index train --project demo", [](const Project& p) {
                                      IndexSettings settings = p.index_settings();
                                      settings.run = flags.run_id;
                                      return PrintMade(TrainIndex(p.workspace(), settings, !flags.hold), flags);
                                    });
  AddHold(*train, flags);
  AddRun(*train, flags);
  CLI::App* imported = AddIndexCommand(
      index, run, flags, "import", "Take embeddings of a Parquet, CSV or NumPy file",
      "gfr index import vectors.parquet --project demo", [](const Project& p) {
        return PrintMade(ImportIndex(p.workspace(), p.index_settings(), flags.file, !flags.hold), flags);
      });
  imported
      ->add_option("FILE", flags.file.path,
                   "item_id and its numbers (.parquet, .csv), or the numbers alone (.npy, with --ids)")
      ->required();
  imported->add_option("--ids", flags.file.ids, "Of a .npy file: a text file with an item's id a line");
  imported->add_flag("--normalize", flags.file.normalized, "Scale vectors to length 1: the search is by cosine");
  AddHold(*imported, flags);
  CLI::App* distill = AddIndexCommand(
      index, run, flags, "distill", "Make the first stage of a model, for catalogues that it cannot score whole",
      "gfr index distill --project demo", [](const Project& p) { return RunDistill(p, flags); });
  distill->add_option("--feed", flags.feed, "The feed whose value counts; without it, the first one");
  distill->add_option("--model", flags.model, "A version of the model; without it, the champion");
  AddHold(*distill, flags);
  AddRun(*distill, flags);
  AddIndexCommand(index, run, flags, "list", "Every version", "gfr index list --project demo",
                  [](const Project& p) { return ListIndexes(p, flags.common); });
  CLI::App* promote = AddIndexCommand(index, run, flags, "promote", "Make a version the one that servers search",
                                      "gfr index promote 2 --project demo", [](const Project& p) {
                                        Registry registry = IndexRegistry(p.shared_objects(), p.workspace().clock());
                                        const Status s = registry.Promote(flags.name, flags.version);
                                        return s.ok() ? ListIndexes(p, flags.common) : Fail(s.error());
                                      });
  promote->add_option("VERSION", flags.version, "As `gfr index list` has it")->required();
  AddName(*promote, flags);
  CLI::App* rollback =
      AddIndexCommand(index, run, flags, "rollback", "Make the champion before the present one the champion again",
                      "gfr index rollback --project demo", [](const Project& p) {
                        Registry registry = IndexRegistry(p.shared_objects(), p.workspace().clock());
                        const auto to = registry.Rollback(flags.name);
                        return to.ok() ? ListIndexes(p, flags.common) : Fail(to.error());
                      });
  AddName(*rollback, flags);
  AddIndexGc(index, run);
}

}  // namespace gfr
