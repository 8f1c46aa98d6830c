// Distances of columns of a million rows against as many of a reference, for drift_peers.py: one after another, each
// read from its own file of floats, so that memory is that of one column.
//
// usage: drift_distances FOLDER COLUMNS: reads FOLDER/reference-0.f32, FOLDER/current-0.f32, ...; prints one JSON
// object.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/cpu_time.h"
#include "stats/bin_distances.h"

namespace gfr {
namespace {

// A file's floats, into `values`; none where it cannot be read.
void ReadColumn(const std::string& path, std::vector<float>* values) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about = {};
  std::size_t done = 0;
  if (file >= 0 && fstat(file, &about) == 0) {
    values->resize(static_cast<std::size_t>(about.st_size) / sizeof(float));
    const std::size_t size = values->size() * sizeof(float);
    for (ssize_t n = 1; n > 0 && done < size; done += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
      n = read(file, reinterpret_cast<char*>(values->data()) + done, size - done);
  }
  if (file >= 0) close(file);
  if (done != values->size() * sizeof(float)) values->clear();
}

constexpr std::size_t kSample = 200'000;  // Of which the deciles are taken, as a training does (monitor/reference.cc).

int RunDistances(const std::string& folder, int columns) {
  std::string json;
  const std::int64_t begin_ms = MonotonicMs();
  const double begin_s = ProcessCpuSeconds();
  std::vector<float> before, now, sample;
  for (int c = 0; c < columns; ++c) {
    ReadColumn(fmt::format("{}/reference-{}.f32", folder, c), &before);
    ReadColumn(fmt::format("{}/current-{}.f32", folder, c), &now);
    if (before.empty() || now.empty()) {
      fmt::print(stderr, "column {} of {} cannot be read\n", c, folder);
      return 1;
    }
    sample.resize(std::min(kSample, before.size()));
    for (std::size_t i = 0; i < sample.size(); ++i) sample[i] = before[i * before.size() / sample.size()];
    const Bins bins = MakeBins(sample, false);
    BinCounts counted(bins.size()), counted_now(bins.size());
    counted.Add(bins, before.data(), before.size());
    counted_now.Add(bins, now.data(), now.size());
    const Distances d = Compare(bins, counted, counted_now);
    json += fmt::format("{}{{\"psi\":{},\"ks\":{},\"jensen_shannon\":{},\"wasserstein\":{}}}", c == 0 ? "" : ",", d.psi,
                        d.ks, d.jensen_shannon, d.wasserstein);
  }
  rusage used = {};
  getrusage(RUSAGE_SELF, &used);
  fmt::print("{{\"wall_s\":{},\"cpu_s\":{},\"peak_mib\":{},\"columns\":[{}]}}\n",
             static_cast<double>(MonotonicMs() - begin_ms) / 1000, ProcessCpuSeconds() - begin_s,
             static_cast<double>(used.ru_maxrss) / 1024, json);
  return 0;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: drift_distances FOLDER COLUMNS\n");
    return 2;
  }
  return gfr::RunDistances(argv[1], std::atoi(argv[2]));
}
