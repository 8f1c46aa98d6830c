// Progress of long work, on stderr: a bar on a terminal, else a line every few seconds. Silent when the work is short.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <string>

namespace gfr {

class Progress {
 public:
  // `total` 0 is unknown. `unit` is what is counted: "rows", "events".
  Progress(std::string what, std::uint64_t total, std::string unit);
  ~Progress();  // Ends the line, if one was drawn.
  void Update(std::uint64_t done);

 private:
  const std::string what_;
  const std::uint64_t total_;
  const std::string unit_;
  const bool terminal_;
  const double start_s_;
  double next_s_;
  bool drawn_ = false;
};

}  // namespace gfr
