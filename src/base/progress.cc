#include "base/progress.h"

#include <unistd.h>

#include <cstdio>

#include "base/clock.h"

namespace gfr {

Progress::Progress(std::string what, std::uint64_t total, std::string unit)
    : what_(std::move(what)),
      total_(total),
      unit_(std::move(unit)),
      terminal_(::isatty(2) == 1),
      start_s_(MonotonicSeconds()),
      next_s_(start_s_ + (terminal_ ? 0.5 : 4.0)) {}

Progress::~Progress() {
  if (drawn_ && terminal_) std::fprintf(stderr, "\r\033[K");
}

void Progress::Update(std::uint64_t done) {
  const double now = MonotonicSeconds();
  if (now < next_s_) return;
  next_s_ = now + (terminal_ ? 0.1 : 4.0);
  drawn_ = true;
  const double rate = static_cast<double>(done) / (now - start_s_);
  std::string bar;
  if (total_ > 0) {
    const int percent = static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total_));
    if (terminal_) bar = " [" + std::string(percent / 4, '#') + std::string(25 - percent / 4, ' ') + "]";
    bar += " " + std::to_string(percent) + "%";
  }
  std::fprintf(stderr, "%s%s:%s %llu %s, %.0f/s%s", terminal_ ? "\r\033[K" : "", what_.c_str(), bar.c_str(),
               static_cast<unsigned long long>(done), unit_.c_str(), rate, terminal_ ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace gfr
