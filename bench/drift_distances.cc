// Distances of columns of a million rows against as many of a reference, for drift_peers.py: one after another, each
// read from its own file of floats, so that memory is that of one column.
//
// usage: drift_distances FOLDER COLUMNS: reads FOLDER/reference-0.f32, FOLDER/current-0.f32, ...; prints one JSON
// object.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/cpu_time.h"
#include "stats/bin_distances.h"

namespace gfr {
namespace {

// A file's floats, mapped: what the page cache has is not copied. None where it cannot be read.
class Column {
 public:
  explicit Column(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about = {};
    if (file >= 0 && fstat(file, &about) == 0 && about.st_size > 0) {
      bytes_ = static_cast<std::size_t>(about.st_size);
      at_ = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    }
    if (file >= 0) close(file);
  }
  ~Column() {
    if (at_ != MAP_FAILED) munmap(at_, bytes_);
  }
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;
  std::span<const float> values() const {
    return at_ == MAP_FAILED ? std::span<const float>()
                             : std::span(static_cast<const float*>(at_), bytes_ / sizeof(float));
  }

 private:
  void* at_ = MAP_FAILED;
  std::size_t bytes_ = 0;
};

constexpr std::size_t kSample = 200'000;  // Of which the deciles are taken, as a training does (monitor/reference.cc).

int RunDistances(const std::string& folder, int columns) {
  std::string json;
  const std::int64_t begin_ms = MonotonicMs();
  const double begin_s = ProcessCpuSeconds();
  std::vector<float> sample;
  for (int c = 0; c < columns; ++c) {
    const Column reference(fmt::format("{}/reference-{}.f32", folder, c));
    const Column current(fmt::format("{}/current-{}.f32", folder, c));
    const std::span<const float> before = reference.values(), now = current.values();
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
