// features profile: what each feature looks like, and what it says of each label.
#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "commands.h"
#include "evaluate/feature_profile.h"

namespace gfr {
namespace {

ProfileReport ProfileOf(const Project& project, const Dataset& data) {
  ProfileReport report{.project = project.folder(), .simulated = data.simulated};
  report.from_ms = data.last_arrival_ms;
  const auto category_name = [&](float code) {
    const auto name = data.category_names.find(code);
    return name == data.category_names.end() ? fmt::format("{:g}", code) : name->second;
  };
  for (std::size_t o = 0; o < data.objectives.size(); ++o) {
    const ObjectiveRows& rows = data.objectives[o];
    ObjectiveProfile profile{.name = project.objectives()[o].name, .rows = rows.size()};
    profile.positives = static_cast<std::uint64_t>(std::ranges::count(rows.label, 1.0f));
    for (const std::int64_t arrival_ms : rows.arrival_ms) {
      report.from_ms = std::min(report.from_ms, arrival_ms);
      report.to_ms = std::max(report.to_ms, arrival_ms);
    }
    std::vector<float> column(rows.size());
    for (std::size_t k = 0; k < data.columns; ++k) {
      for (std::size_t i = 0; i < rows.size(); ++i) column[i] = rows.features[i * data.columns + k];
      const FeatureSpec& spec = project.features()->features[k].view->spec();
      profile.features.push_back(ProfileFeature(spec.name, spec.categorical, column, rows.label, category_name));
    }
    std::ranges::stable_sort(profile.features, std::greater<>(), &FeatureProfile::information_value);
    report.objectives.push_back(std::move(profile));
  }
  return report;
}

std::string Text(double x) { return std::isfinite(x) ? fmt::format("{:.4g}", x) : "-"; }

void Print(const ProfileReport& r) {
  for (const ObjectiveProfile& o : r.objectives) {
    fmt::print("\n{}{}: {} rows, {} positive, {} to {}\n", o.name, r.simulated ? " (simulated)" : "", o.rows,
               o.positives, FormatTime(r.from_ms), FormatTime(r.to_ms));
    fmt::print("  {:<34}{:>9}{:>11}{:>11}{:>11}{:>11}{:>11}{:>10}{:>8}{:>8}  {}\n", "feature", "missing", "mean", "sd",
               "min", "median", "max", "inf.value", "AUC", "corr.", "label's rate by bin, then missing");
    for (const FeatureProfile& f : o.features) {
      std::string rates;
      for (const ProfileBin& b : f.bins)
        rates += fmt::format(" {}{:.3f}", b.value.empty() ? "" : b.value + ":", b.rate.value);
      fmt::print("  {:<34}{:>8.1f}%{:>11}{:>11}{:>11}{:>11}{:>11}{:>10.4f}{:>8}{:>8} {}{}\n", f.name,
                 100.0 * static_cast<double>(f.missing) / static_cast<double>(std::max<std::uint64_t>(1, f.rows)),
                 Text(f.mean), Text(f.sd), Text(f.low), f.categorical ? "-" : Text(f.deciles[4]), Text(f.high),
                 f.information_value, std::isnan(f.auc) ? "-" : fmt::format("{:.3f}", f.auc),
                 std::isnan(f.correlation) ? "-" : fmt::format("{:.3f}", f.correlation), rates,
                 f.note.empty() ? "" : "  [" + f.note + "]");
    }
  }
}

struct ProfileFlags {
  std::string html, from, to;
};

int RunProfile(const ProfileFlags& options, const Common& common) {
  DatasetOptions range;
  const auto from_ms = TimeOption(options.from, range.from_ms), to_ms = TimeOption(options.to, range.to_ms);
  if (!from_ms.ok()) return Fail(from_ms.error());
  if (!to_ms.ok()) return Fail(to_ms.error());
  range.from_ms = from_ms.value();
  range.to_ms = to_ms.value();
  auto project = OpenProject(common.project);
  if (!project.ok()) return Fail(project.error());
  const auto data = MakeDataset(project.value()->workspace(), project.value()->dataset_settings(), range);
  if (!data.ok()) return Fail(data.error());
  const ProfileReport report = ProfileOf(*project.value(), data.value());
  if (!options.html.empty()) {
    if (const Status s = PublishFile(PosixFileSystem(), options.html, ProfileToHtml(report)); !s.ok())
      return Fail(s.error());
  }
  if (common.json)
    fmt::print("{}\n", ProfileToJson(report));
  else
    Print(report);
  return 0;
}

}  // namespace

void AddFeaturesProfile(CLI::App& features, Command& run) {
  static Common common;
  static ProfileFlags flags;
  CLI::App* c =
      AddCommand(features, "profile", "How each feature's values are distributed, and how they relate to each label",
                 "gfr features profile --html profile.html --project demo", common);
  c->add_option("--html", flags.html, "Also draw it as this HTML file");
  c->add_option("--from", flags.from, "Rows that arrived from here on (RFC 3339)");
  c->add_option("--to", flags.to, "Rows that arrived before this (RFC 3339)");
  c->callback([&run] { run = [] { return RunProfile(flags, common); }; });
}

}  // namespace gfr
