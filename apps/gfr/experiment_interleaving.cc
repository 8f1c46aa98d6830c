// experiment interleaving: which arm the users of an interleaving prefer, from the log.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_number.h"
#include "commands.h"
#include "operations/experiment_results.h"
#include "operations/interleaving_credits.h"
#include "serve/allocations.h"

namespace gfr {
namespace {

int RunInterleaving(const Common& common, const std::string& name, double units) {
  const auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const Configuration& configuration = project.value()->configuration();
  const Experiment* e = configuration.experiments.Find(name);
  if (e == nullptr || !e->interleaves)
    return Fail({ErrorCode::kInvalidArgument, "'" + name + "' is no [[experiment]] of design interleaving"});
  const auto credits = ReadInterleavingCredits(project.value()->workspace(), *e, configuration.dataset.leave_out,
                                               project.value()->features()->schema.alias);
  if (!credits.ok()) return Fail(credits.error());
  const JudgingConfig& judging = e->judging;
  const double planned = units > 0 ? units : judging.planned_units;
  const InterleavingResult r = credits.value().credits.At(credits.value().last_arrival_ms, planned, judging.alpha);
  using enum InterleavingResult::Preference;
  const std::string preferred = r.preference() == kFirst    ? e->arms[0].name
                                : r.preference() == kSecond ? e->arms[1].name
                                                            : "";
  if (common.json) {
    PrintJson({{"experiment", name},
               {"arms", {e->arms[0].name, e->arms[1].name}},
               {"units", r.units},
               {"units_with_credit", r.moved_units},
               {"units_not_matured", r.young_units},
               {"slates", r.slates},
               {"clicks", r.clicks},
               {"mean_credit", r.mean},
               {"standard_error", r.standard_error},
               {"interval", {JsonNumber(r.low), JsonNumber(r.high)}},
               {"planned_units", planned},
               {"alpha", judging.alpha},
               {"preferred", preferred.empty() ? Json(nullptr) : Json(preferred)}});
    return 0;
  }
  fmt::print("{} units ({} more within their window), {} slates, {} clicks with credit\n", r.units, r.young_units,
             r.slates, r.clicks);
  fmt::print("mean credit a unit {:.5f}, {:g} % sequence {:.5f} to {:.5f}; above 0 users prefer {}, below {}\n", r.mean,
             100 * (1 - judging.alpha), r.low, r.high, e->arms[0].name, e->arms[1].name);
  if (preferred.empty())
    fmt::print("undecided: {}\n", r.moved_units < ConfidenceSequence::kNonzeroUnits
                                      ? "fewer than 150 units with a credit other than zero"
                                      : "the interval holds zero");
  else
    fmt::print("users prefer {}\n", preferred);
  return 0;
}

}  // namespace

void AddExperimentInterleaving(CLI::App& experiment, Command& run) {
  static Common common;
  static std::string name;
  static double units = 0;
  CLI::App* c = AddCommand(experiment, "interleaving", "Which arm the users of an interleaving prefer, from the log",
                           "gfr experiment interleaving formula --project demo", common);
  c->add_option("NAME", name, "The experiment")->required();
  c->add_option("--units", units,
                "The number of units planned, instead of planned_units of gfr.toml; the same at each look")
      ->check(CLI::Range(1.0, 1e12));
  c->callback([&run] { run = [] { return RunInterleaving(common, name, units); }; });
}

}  // namespace gfr
