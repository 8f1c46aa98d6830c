// experiment analyze: effects and decision from an experiment's summary statistics, made elsewhere.
#include <fmt/format.h>

#include "base/file_system.h"
#include "commands.h"
#include "experiment/analyze_summary.h"

namespace gfr {
namespace {

constexpr std::uint64_t kMaxSummaryBytes = 16 << 20;

struct AnalyzeFlags {
  std::string file;
  bool json = false;
};

Result<SummaryStatistics> ReadSummary(const std::string& path) {
  const auto file = PosixFileSystem().OpenForRead(path);
  if (!file.ok()) return Error{ErrorCode::kInvalidArgument, file.error().message, {path}};
  GFR_ASSIGN(const std::uint64_t size, file.value()->size());
  if (size > kMaxSummaryBytes) {
    return Error{ErrorCode::kInvalidArgument, "it is larger than 16 MiB: not a summary of an experiment", {path}};
  }
  GFR_ASSIGN(const std::string text, file.value()->Read(0, size));
  auto summary = SummaryStatistics::FromJson(text);
  if (!summary.ok()) return Error{summary.error().code, summary.error().message, {path}};
  return summary;
}

std::string Signed(double value) { return std::isfinite(value) ? fmt::format("{:+.4g}", value) : "-"; }

std::string Bounds(const Interval& interval) {
  if (!std::isfinite(interval.low)) return "no interval";
  return fmt::format("[{:+.4g}, {:+.4g}]", interval.low, interval.high);
}

void PrintAnalysis(const SummaryStatistics& summary, const SummaryAnalysis& analysis) {
  fmt::print("{}: {}\n", NameOf(analysis.verdict), analysis.reason);
  fmt::print("sample ratio: p = {:.3g}{}\n", analysis.sample_ratio_p, analysis.sample_ratio_flagged ? ", flagged" : "");
  for (const SummaryEffect& e : analysis.effects)
    fmt::print("{} against {}: {} {}, p = {:.3g}; relative {} {}\n", e.arm, summary.arms.front().name,
               Signed(e.absolute.value), Bounds(e.tested_absolute.interval), e.tested_absolute.p,
               Signed(e.relative.value), Bounds(e.tested_relative.interval));
  if (std::isfinite(analysis.variance_removed))
    fmt::print("the covariate removes {:.1f} % of the variance\n", 100 * analysis.variance_removed);
  for (const std::string& note : summary.notes) fmt::print("note: {}\n", note);
}

}  // namespace

void AddExperimentAnalyze(CLI::App& experiment, Command& run) {
  auto flags = std::make_shared<AnalyzeFlags>();
  CLI::App* c = experiment.add_subcommand("analyze", "Effects and decision from summary statistics made elsewhere");
  c->add_option("file", flags->file, "FILE.json: metric, and by arm units, sums and sums of squares")->required();
  c->add_flag("--json", flags->json, "One JSON object on stdout, all else on stderr");
  c->footer("Example: gfr experiment analyze summary.json --json");
  c->callback([flags, &run] {
    run = [flags] {
      const auto summary = ReadSummary(flags->file);
      if (!summary.ok()) return Fail(summary.error());
      const SummaryAnalysis analysis = AnalyzeSummary(summary.value());
      if (flags->json)
        PrintJson(SummaryJson(summary.value(), analysis));
      else
        PrintAnalysis(summary.value(), analysis);
      return 0;
    };
  });
}

}  // namespace gfr
