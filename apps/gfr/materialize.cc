// features materialize: keeps the values of a range of dates as Parquet.
#include <cstdio>

#include "base/time.h"
#include "commands.h"
#include "dataset/offline_store.h"
#include "feature/describe.h"
#include "log/local_log.h"

namespace gfr {
namespace {

struct MaterializeFlags {
  std::string from, to;
  std::vector<std::string> views;
  bool served = false, dry_run = false;
  ReplayFlags replay;  // Memory and workers.
};

int RunMaterialize(const Project& project, const MaterializeFlags& flags, const Common& common) {
  const auto from_ms = ParseTime(flags.from), to_ms = ParseTime(flags.to);
  if (!from_ms.ok()) return Fail(from_ms.error());
  if (!to_ms.ok()) return Fail(to_ms.error());
  const MaterializeOptions options{.from_ms = from_ms.value(),
                                   .to_ms = to_ms.value(),
                                   .views = flags.views,
                                   .served = flags.served,
                                   .replay = {.workers = flags.replay.workers,
                                              .memory_bytes = flags.replay.memory_bytes,
                                              .scratch_folder = project.log_folder() + ".scratch"}};
  FileSystem& fs = PosixFileSystem();
  LocalLog log(fs, project.log_folder());
  const auto plan =
      PlanMaterialize(fs, log, project.offline_folder(), project.features(), project.objectives(), options);
  if (!plan.ok()) return Fail(plan.error());
  const MaterializePlan& p = plan.value();
  std::fprintf(stderr,
               "%zu dates to make, %zu are there: %s rows at most, %s bytes before compression; replays %s events "
               "(%s bytes), about %.0f s on one thread\n",
               p.dates.size(), p.dates_there, Grouped(p.rows).c_str(), Grouped(p.bytes).c_str(),
               Grouped(p.events).c_str(), Grouped(p.log_bytes).c_str(), p.seconds);
  Materialized made;
  if (!flags.dry_run) {
    const auto done =
        Materialize(fs, log, project.offline_folder(), project.features(), project.objectives(), options, p);
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

}  // namespace

void AddFeaturesMaterialize(CLI::App& features, Command& run) {
  static Common common;
  static MaterializeFlags flags;
  CLI::App* c = AddCommand(features, "materialize", "Keep the values of a range of dates as Parquet",
                           "gfr features materialize --from 2026-01-05 --to 2026-01-08 --project demo", common);
  c->add_option("--from", flags.from, "The first date, as 2026-01-05")->required();
  c->add_option("--to", flags.to, "The date after the last, as 2026-01-08")->required();
  c->add_option("--view", flags.views, "Only these views, as user or item.category");
  c->add_flag("--served", flags.served, "What servers logged, not what a replay gives");
  c->add_flag("--dry-run", flags.dry_run, "Only report what it would cost");
  AddMemoryFlags(*c, flags.replay);
  c->callback([&run] {
    run = [] {
      const auto project = OpenProject(common.project);
      return project.ok() ? RunMaterialize(*project.value(), flags, common) : Fail(project.error());
    };
  });
}

}  // namespace gfr
