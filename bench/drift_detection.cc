// How soon and how rightly planted faults are found, and how often quiet days alert: rows of an invented shop with a
// rhythm of day and week (monitor/test_rows.h), 28 days of training, judged by the hour as a server judges them.
//
// usage: drift_detection [--tiny] [seeds] [requests an hour]
//        drift_detection --dump FOLDER SEED REQUESTS: for drift_detection_peers.py: FOLDER/training.f32, quiet.f32 and
//        fault-0.f32, ... have a row as floats: the hour, the features, the label; prints what was found as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/cpu_time.h"
#include "base/file_system.h"
#include "base/time.h"
#include "monitor/detector.h"
#include "monitor/drift_options.h"
#include "monitor/test_rows.h"

namespace gfr {
namespace {

constexpr int kTrainedDays = 28;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using Row = TestRows;

struct Fault {
  const char* name;
  const char* column;  // Or the objective.
  TestRows::Fault plant;
  double most_hours;          // That is allowed.
  int days;                   // Judged.
  std::int64_t label_ms = 0;  // How long labels are waited for: a window of them is judged so much later.
};

std::int64_t AtDay(double day) {
  return TestRows::kStartMs + static_cast<std::int64_t>(day * static_cast<double>(kDayMs));
}

std::vector<Fault> Faults(std::int64_t from_ms) {
  const auto of = [](float value, int one_in) { return static_cast<int>(value * 1000) % one_in == 0; };
  return {
      {"price rise of 30 %", "price",
       [=](std::int64_t at, float* r, double*) { r[Row::kPrice] *= at < from_ms ? 1.0f : 1.3f; }, 3, 4},
      {"a feature goes missing", "rating",
       [=](std::int64_t at, float* r, double*) { r[Row::kRating] = at < from_ms ? r[Row::kRating] : kNaN; }, 3, 4},
      {"a new channel, a fifth of the users", "channel",
       [=](std::int64_t at, float* r, double*) {
         if (at >= from_ms && of(r[Row::kLoyalty], 5)) r[Row::kChannel] = 9;
       },
       3, 4},
      {"a category renamed", "device",
       [=](std::int64_t at, float* r, double*) {
         if (at >= from_ms && r[Row::kDevice] == 1) r[Row::kDevice] = 7;
       },
       3, 4},
      {"a quarter of the prices in cents", "price",
       [=](std::int64_t at, float* r, double*) {
         if (at >= from_ms && of(r[Row::kPrice], 4)) r[Row::kPrice] *= 100;
       },
       3, 4},
      {"prices drift by 65 % over two weeks", "price",
       [=](std::int64_t at, float* r, double*) {
         const double days = static_cast<double>(at - from_ms) / static_cast<double>(kDayMs);
         r[Row::kPrice] *= static_cast<float>(std::exp(0.5 * std::clamp(days / 14, 0.0, 1.0)));
       },
       7 * 24, 16},
      {"base rate halved", "pctr", [=](std::int64_t at, float*, double* rate) { *rate *= at < from_ms ? 1 : 0.5; }, 18,
       5},
      // Within the day that labels have, 98 % of them came before, and 63 % do now.
      {"labels come after a day, not six hours", "pctr",
       [=](std::int64_t at, float*, double* rate) {
         const auto within_day = [](double mean_hours) { return 1 - std::exp(-24 / mean_hours); };
         *rate *= within_day(at < from_ms ? 6 : 24);
       },
       48, 6, kDayMs},
  };
}

// Both kinds of windows of the days that follow the training, with the budget shared between them.
std::vector<DriftAlert> Alerts(std::uint64_t seed, int days, double requests, const TestRows::Fault& fault) {
  const DriftOptions options;
  const TestRows before = TestRows::Make(seed, 0, kTrainedDays, requests),
                 after = TestRows::Make(seed, kTrainedDays, kTrainedDays + days, requests, fault);
  std::vector<DriftAlert> alerts;
  const auto judge = [&](const Reference& reference, const std::vector<std::size_t>& at, const ReferenceRows& rows,
                         std::int64_t period_ms, AlertKind kind) {
    const QuietModel quiet(reference, JoinWindows(reference.windows, period_ms, options.min_rows),
                           options.AlertsADay(2));
    Detector detector(reference, quiet, "feed/1", kind);
    for (const ReferenceWindow& w :
         JoinWindows(CountWindows(reference, at, rows, 0, INT64_MAX), period_ms, options.min_rows))
      detector.Judge(w);
    alerts.insert(alerts.end(), detector.alerts().begin(), detector.alerts().end());
  };
  judge(MakeReference("pctr", TestRows::Columns(), before.rows(), 0, INT64_MAX), TestRows::At(), after.rows(),
        options.period_ms, AlertKind::kFeature);
  judge(MakePrior("pctr", before.rows()), {0}, LabelsOf(after.rows()), options.prior_period_ms, AlertKind::kPrior);
  std::ranges::stable_sort(alerts, {}, &DriftAlert::found_ms);
  return alerts;
}

// False: a fault was not found in nine of ten seeds, or at the median later than is allowed.
bool MeasureFaults(int seeds, double requests) {
  bool sound = true;
  const std::int64_t from_ms = AtDay(kTrainedDays + 1.5);
  fmt::print("{:<40}{:>8}{:>10}{:>10}{:>12}{:>14}\n", "fault", "found", "median h", "most h", "allowed h",
             "named first");
  for (const Fault& fault : Faults(from_ms)) {
    std::vector<double> hours;
    int named = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
      const auto alerts = Alerts(static_cast<std::uint64_t>(seed), fault.days, requests, fault.plant);
      const auto first = std::ranges::find_if(alerts, [&](const DriftAlert& a) { return a.found_ms > from_ms; });
      if (first == alerts.end()) continue;
      named += first->name == fault.column;
      hours.push_back(static_cast<double>(first->found_ms + fault.label_ms - from_ms) / static_cast<double>(kHourMs));
    }
    std::ranges::sort(hours);
    fmt::print("{:<40}{:>5}/{:<2}{:>10.1f}{:>10.1f}{:>12.0f}{:>11}/{:<2}\n", fault.name, hours.size(), seeds,
               hours.empty() ? NAN : hours[hours.size() / 2], hours.empty() ? NAN : hours.back(), fault.most_hours,
               named, seeds);
    sound &= 10 * std::ssize(hours) >= 9 * seeds && hours[(hours.size() - 1) / 2] <= fault.most_hours;
  }
  return sound;
}

// False: more than one alert on average, or more than two in more than a tenth of the seeds.
bool MeasureQuietDays(int seeds, double requests) {
  std::size_t all = 0, above_two = 0, none = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    const std::size_t alerts = Alerts(static_cast<std::uint64_t>(seed), 30, requests, {}).size();
    all += alerts;
    above_two += alerts > 2;
    none += alerts == 0;
  }
  fmt::print("30 quiet days, {} seeds: {:.2f} alerts on average, none in {}, more than two in {}\n", seeds,
             static_cast<double>(all) / seeds, none, above_two);
  return all <= static_cast<std::size_t>(seeds) && 10 * above_two <= static_cast<std::size_t>(seeds);
}

void DumpRows(const TestRows& made, const std::string& path) {
  std::string bytes;
  const auto add = [&](float x) { bytes.append(reinterpret_cast<const char*>(&x), sizeof x); };
  for (std::size_t i = 0; i < made.label.size(); ++i) {
    add(static_cast<float>((made.arrival_ms[i] - TestRows::kStartMs) / kHourMs));
    for (std::size_t c = 0; c < TestRows::kColumns; ++c) add(made.features[i * TestRows::kColumns + c]);
    add(made.label[i]);
  }
  if (!PublishFile(PosixFileSystem(), path, bytes).ok()) fmt::print(stderr, "{} cannot be written\n", path);
}

int Dump(const std::string& folder, std::uint64_t seed, double requests) {
  const std::int64_t from_ms = AtDay(kTrainedDays + 1.5);
  DumpRows(TestRows::Make(seed, 0, kTrainedDays, requests), folder + "/training.f32");
  DumpRows(TestRows::Make(seed, kTrainedDays, kTrainedDays + 30, requests), folder + "/quiet.f32");
  const double begin_s = ThreadCpuSeconds();
  const std::size_t quiet = Alerts(seed, 30, requests, {}).size();
  fmt::print("{{\"from_hour\":{},\"quiet_alerts\":{},\"quiet_cpu_s\":{},\"faults\":[",
             (from_ms - TestRows::kStartMs) / kHourMs, quiet, ThreadCpuSeconds() - begin_s);
  const std::vector<Fault> faults = Faults(from_ms);
  for (std::size_t f = 0; f < faults.size(); ++f) {
    DumpRows(TestRows::Make(seed, kTrainedDays, kTrainedDays + faults[f].days, requests, faults[f].plant),
             fmt::format("{}/fault-{}.f32", folder, f));
    const auto alerts = Alerts(seed, faults[f].days, requests, faults[f].plant);
    const auto first = std::ranges::find_if(alerts, [&](const DriftAlert& a) { return a.found_ms > from_ms; });
    fmt::print("{}\n{{\"name\":\"{}\",\"column\":\"{}\",\"label_h\":{},\"found_h\":{}}}", f == 0 ? "" : ",",
               faults[f].name, faults[f].column, faults[f].label_ms / kHourMs,
               first == alerts.end()
                   ? std::string("null")
                   : fmt::format("{}", static_cast<double>(first->found_ms + faults[f].label_ms - from_ms) / kHourMs));
  }
  fmt::print("]}}\n");
  return 0;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--dump")
    return gfr::Dump(argv[2], static_cast<std::uint64_t>(std::atoll(argv[3])), std::atof(argv[4]));
  const bool tiny = argc > 1 && std::string(argv[1]) == "--tiny";
  const int seeds = tiny ? 2 : argc > 1 ? std::atoi(argv[1]) : 20;
  const double requests = argc > 2 ? std::atof(argv[2]) : 150;
  const double begin_s = gfr::ThreadCpuSeconds();
  const bool found = gfr::MeasureFaults(seeds, requests), quiet = gfr::MeasureQuietDays(seeds, requests);
  fmt::print("{:.1f} s of processor time\n", gfr::ThreadCpuSeconds() - begin_s);
  if (!found || !quiet) fmt::print("MISSED: {}\n", found ? "quiet days" : "faults");
  return found && quiet ? 0 : 1;
}
