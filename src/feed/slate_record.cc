#include "feed/slate_record.h"

#include <algorithm>

#include "base/hash.h"

namespace gfr {
namespace {

constexpr std::uint64_t kLogSampleSalt = 0x736c6174655f7265u;  // Of this purpose alone; a change moves the sample.

// What stays of `values`, one an item: those of `items`.
void KeepOf(const std::vector<std::uint32_t>& items, std::vector<float>* values) {
  std::vector<float> kept(values->size(), std::numeric_limits<float>::quiet_NaN());
  for (const std::uint32_t i : items) {
    if (i < kept.size()) kept[i] = (*values)[i];
  }
  *values = std::move(kept);
}

std::vector<std::uint32_t> Both(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return both;
}

}  // namespace

bool KeepsFullRecord(std::string_view request_id, double full_share) {
  const std::uint64_t hash = Hash64(request_id.data(), request_id.size(), kLogSampleSalt);
  return static_cast<double>(hash >> 11) * 0x1.0p-53 < full_share;
}

std::vector<std::uint32_t> ShownItems(const std::vector<EventItem>& items) {
  std::vector<std::uint32_t> shown;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].index >= 0) shown.push_back(static_cast<std::uint32_t>(i));
  }
  return shown;
}

std::vector<std::uint32_t> ScoredItems(const std::vector<EventItem>& items, const std::vector<ServedDraw>& draws) {
  std::vector<std::uint32_t> scored = ShownItems(items);
  for (const ServedDraw& draw : draws) scored.insert(scored.end(), draw.pool.begin(), draw.pool.end());
  std::ranges::sort(scored);
  scored.erase(std::ranges::unique(scored).begin(), scored.end());
  return scored;
}

void Prune(Event* request) {
  ServedSlate& slate = request->served;
  const std::vector<std::uint32_t> kept = Both(slate.kept, ShownItems(request->items));
  for (ServedColumn& column : slate.columns) {
    std::vector<float> values;
    for (const std::uint32_t i : kept) values.push_back(column.values[static_cast<std::size_t>(slate.RowOf(i))]);
    column.values = std::move(values);
  }
  slate.kept = kept;
  slate.scored = Both(slate.scored, ScoredItems(request->items, slate.draws));
  for (ServedScores& of : slate.scores) KeepOf(slate.scored, &of.values);
  KeepOf(slate.scored, &slate.value);
}

}  // namespace gfr
