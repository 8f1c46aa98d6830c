// models judge: what the gates say of a version.
#include <fmt/format.h>

#include "automation/gate.h"
#include "base/json_text.h"
#include "commands.h"
#include "operations/judge_off_policy.h"

namespace gfr {
namespace {

struct JudgeFlags {
  Common common;
  std::string version, against, rule = "auto", without_evidence = "canary";
  GateRules rules;
};

int RunJudge(JudgeFlags& flags) {
  const auto project = OpenProject(flags.common.project);
  if (!project.ok()) return Fail(project.error());
  const Project& p = *project.value();
  const auto both = JudgeWithOffPolicy(p.workspace(), p.judge_settings(), flags.version, flags.against);
  if (!both.ok()) return Fail(both.error());
  const Judgement& judged = both.value().judgement;
  flags.rules.rule = flags.rule == "not_worse" ? GateRules::Rule::kNotWorse
                     : flags.rule == "better"  ? GateRules::Rule::kBetter
                                               : GateRules::Rule::kAuto;
  flags.rules.needs_off_policy = flags.without_evidence == "canary";
  const GateVerdict verdict = DecideGates(both.value(), flags.rules);
  if (flags.common.json) {
    PrintJson(ParseJson<Json>(VerdictJson(both.value(), verdict)));
    return 0;
  }
  fmt::print("version {} against {}: {}, by the rule \"{}\" ({})\n", judged.candidate, judged.champion,
             DecisionName(verdict.decision), verdict.rule, verdict.rule_why);
  for (const GateCheck& check : verdict.checks)
    fmt::print("  {} {}: {}\n", check.passed ? "passed " : "refused", check.name, check.why);
  return 0;
}

}  // namespace

void AddModelsJudge(CLI::App& models, Command& run) {
  static JudgeFlags flags;
  CLI::App* c = AddCommand(models, "judge", "Whether the gates would let a version take the champion's place, and why",
                           "gfr models judge 2 --project demo", flags.common);
  c->add_option("VERSION", flags.version, "As `gfr models list` has it")->required();
  c->add_option("--against", flags.against, "The version to compare with; the champion when left out");
  c->add_option("--rule", flags.rule, "auto: not_worse for a retrain of equal configuration, better for a changed one")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "not_worse", "better"}));
  c->add_option("--margin", flags.rules.margin, "Of not_worse: a share of the champion's log loss")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  c->add_option("--max-miscalibration", flags.rules.max_miscalibration, "How far observed over expected may be from 1")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 10.0));
  c->add_option("--max-slowdown", flags.rules.max_slowdown, "Time to score, over the champion's")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1000.0));
  c->add_option("--without-evidence", flags.without_evidence,
                "What a version may be whose off-policy value is not known: tried as a canary, or promoted")
      ->capture_default_str()
      ->check(CLI::IsMember({"canary", "promote"}));
  c->callback([&run] { run = [] { return RunJudge(flags); }; });
}

}  // namespace gfr
