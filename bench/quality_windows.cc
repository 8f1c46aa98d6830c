// Quality before labels of given rows, for quality_before_labels.py: what JudgeQuality expects of each window, and what
// was measured.
//
// usage: quality_windows FILE COLUMNS LABEL_MS PERIOD_MS MIN_ROWS: reads doubles, a row being arrival_ms (rising),
// score, label, the ranking value of a label, and COLUMNS category codes; prints one JSON object with a window a line.
#include "monitor/quality_windows.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/cpu_time.h"
#include "base/file_system.h"

namespace gfr {
namespace {

std::string Number(double x) { return std::isfinite(x) ? fmt::format("{}", x) : "null"; }

int RunQuality(char** argv) {
  const auto bytes = PosixFileSystem().ReadAll(argv[1]);
  if (!bytes.ok()) {
    fmt::print(stderr, "{}\n", bytes.error().message);
    return 1;
  }
  const auto columns = static_cast<std::size_t>(std::atoi(argv[2]));
  std::vector<double> values(bytes.value().size() / sizeof(double));
  std::memcpy(values.data(), bytes.value().data(), values.size() * sizeof(double));
  std::vector<float> features, label, score, worth;
  std::vector<std::int64_t> arrival_ms;
  std::vector<Key> request;
  for (std::size_t at = 0; at + 4 + columns <= values.size(); at += 4 + columns) {
    arrival_ms.push_back(static_cast<std::int64_t>(values[at]));
    score.push_back(static_cast<float>(values[at + 1]));
    label.push_back(static_cast<float>(values[at + 2]));
    worth.push_back(static_cast<float>(values[at + 3]));
    for (std::size_t c = 0; c < columns; ++c) features.push_back(static_cast<float>(values[at + 4 + c]));
    request.push_back(arrival_ms.size());
  }
  std::vector<ComparedColumn> compared;
  std::vector<std::size_t> places;
  for (std::size_t c = 0; c < columns; ++c) {
    compared.push_back({.name = "c" + std::to_string(c), .at = c, .categorical = true});
    places.push_back(c);
  }
  const ReferenceRows rows{
      .features = features, .columns = columns, .label = label, .arrival_ms = arrival_ms, .request = request};
  const Reference reference = MakeReference("label", compared, rows, INT64_MIN, INT64_MAX);
  const std::int64_t label_ms = std::atoll(argv[3]);
  const double begin_s = ThreadCpuSeconds();
  const ReportedQuality judged = JudgeQuality({.rows = rows,
                                               .score = score,
                                               .worth = worth,
                                               .early_ms = label_ms,
                                               .whole_ms = label_ms,
                                               .known_until_ms = arrival_ms.empty() ? 0 : arrival_ms.back() + label_ms},
                                              &reference, places, INT64_MIN, INT64_MAX, std::atoll(argv[4]),
                                              static_cast<std::uint64_t>(std::atoll(argv[5])));
  fmt::print("{{\"cpu_s\":{},\"corrected_by\":{},\"windows\":[", ThreadCpuSeconds() - begin_s,
             judged.corrected_by.size());
  for (std::size_t w = 0; w < judged.windows.size(); ++w) {
    const QualityWindow& window = judged.windows[w];
    fmt::print("{}\n{{\"from_ms\":{},\"rows\":{}", w == 0 ? "" : ",", window.from_ms, window.rows);
    for (std::size_t m = 0; m < kQualityMetrics; ++m)
      fmt::print(",\"{}\":[{},{},{},{}]", kQualityNames[m], Number(window.expected[m].value),
                 Number(window.expected[m].interval.low), Number(window.expected[m].interval.high),
                 Number(window.measured[m]));
    fmt::print(",\"ranking_value\":[{},{},{},{}]", Number(window.expected_value.value),
               Number(window.expected_value.interval.low), Number(window.expected_value.interval.high),
               Number(window.measured_value));
    fmt::print("}}");
  }
  fmt::print("]}}\n");
  return 0;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: quality_windows FILE COLUMNS LABEL_MS PERIOD_MS MIN_ROWS\n");
    return 2;
  }
  return gfr::RunQuality(argv);
}
