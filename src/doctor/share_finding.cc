#include "doctor/share_finding.h"

#include <fmt/format.h>

#include <cmath>

#include "stats/descriptive.h"

namespace gfr {

std::string Percent(double share) { return fmt::format("{:.{}f} %", 100 * share, share > 0 && share < 0.01 ? 3 : 1); }

std::string Milliseconds(double ms) {
  const double size = std::fabs(ms);
  if (size < 1000) return fmt::format("{:.0f} ms", ms);
  if (size < 120e3) return fmt::format("{:.1f} s", ms / 1e3);
  if (size < 120 * 60e3) return fmt::format("{:.1f} min", ms / 60e3);
  return fmt::format("{:.1f} h", ms / 3600e3);
}

Severity Grade(std::uint64_t count, std::uint64_t of, double look, double bad) {
  if (count == 0 || of == 0) return Severity::kOk;
  const Estimate share = Share(static_cast<double>(count), static_cast<double>(of));
  if (share.interval.low >= bad) return Severity::kBad;
  return share.value >= look ? Severity::kLook : Severity::kOk;
}

Finding ShareFinding(std::string check, std::uint64_t count, std::uint64_t of, double look, double bad, bool sampled,
                     const std::string& what, std::string meaning, std::string action) {
  const Estimate share = Share(static_cast<double>(count), static_cast<double>(of));
  Finding f{.check = std::move(check), .severity = Grade(count, of, look, bad), .figure = share.value};
  f.count = count;
  f.of = of;
  if (sampled) f.interval = share.interval;
  f.text = fmt::format("{} of {} {} ({})", count, of, what, of > 0 ? Percent(share.value) : "none");
  f.meaning = std::move(meaning);
  f.action = std::move(action);
  return f;
}

}  // namespace gfr
