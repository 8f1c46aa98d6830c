#include "state/slate_check.h"

#include <algorithm>
#include <charconv>

#include "base/time.h"
#include "state/shared_state.h"

namespace gfr {
namespace {

// A reader may have another clock than the owner of the log; what is farther off is no time, and ages would overflow.
constexpr std::int64_t kMaxClockSkewMs = 3650 * kDayMs;

template <class T>
bool HasOneAnItem(const std::vector<T>& list, std::size_t items) {
  return list.empty() || list.size() == items;
}

bool ListsFit(const Event& e) {
  const ServedSlate& s = e.served;
  const std::size_t n = e.items.size();
  const auto sound = [n](const std::vector<std::uint32_t>& list) {
    return std::ranges::is_sorted(list) && (list.empty() || list.back() < n) &&
           std::ranges::adjacent_find(list) == list.end();
  };
  if (!sound(s.kept) || !sound(s.scored) || !HasOneAnItem(s.value, n) || !HasOneAnItem(s.propensity, n)) return false;
  for (const ServedColumn& c : s.columns) {
    if (c.values.size() != s.kept.size()) return false;
  }
  for (const ServedScores& of : s.scores) {
    if (of.model >= s.models.size() || of.values.size() != n || !HasOneAnItem(of.at_shown, n)) return false;
  }
  if (s.interleaving.credit.size() > n) return false;
  for (const ServedDraw& d : s.draws) {
    if (d.position < 0 || !sound(d.pool) || !(d.probability.empty() || d.probability.size() == d.pool.size()))
      return false;
  }
  std::int64_t begin = 0;  // Of a page: positions count on from those before.
  std::from_chars(s.cursor.data(), s.cursor.data() + s.cursor.size(), begin);
  return std::ranges::all_of(s.swaps,
                             [&](std::int32_t k) { return k >= begin && static_cast<std::size_t>(k - begin) + 1 < n; });
}

}  // namespace

std::string SlateProblem(const Event& request, std::uint64_t offset, std::int64_t arrival_ms) {
  const ServedSlate& s = request.served;
  if (!s.exists()) return "";
  for (const LogPosition& p : s.positions) {
    if (p.offset < -1) return "it was read as of offset " + std::to_string(p.offset);
    if (p.partition == 0 && p.offset >= static_cast<std::int64_t>(offset))
      return "it was read as of record " + std::to_string(p.offset) + ", which is not before its own, " +
             std::to_string(offset);
  }
  if (s.epoch_end_ms > EpochEndAt(arrival_ms))
    return "it was read in an epoch that ends at " + FormatTime(s.epoch_end_ms) + ", and it arrived at " +
           FormatTime(arrival_ms) + ", when no epoch after " + FormatTime(EpochEndAt(arrival_ms)) + " was there";
  if (s.now_ms < arrival_ms - kMaxClockSkewMs || s.now_ms > arrival_ms + kMaxClockSkewMs)
    return "it was read at " + std::to_string(s.now_ms) + " ms, more than ten years from its arrival at " +
           FormatTime(arrival_ms);
  if (!ListsFit(request)) return "a list of it does not fit its " + std::to_string(request.items.size()) + " items";
  return "";
}

std::string EpochProblem(const ServedSlate& served, std::int64_t next_arrival_ms) {
  if (next_arrival_ms == INT64_MAX || served.epoch_end_ms < EpochOf(next_arrival_ms)) return {};
  return "it was read in an epoch that ends at " + FormatTime(served.epoch_end_ms) +
         ", before a record of that epoch, which arrived at " + FormatTime(next_arrival_ms);
}

}  // namespace gfr
