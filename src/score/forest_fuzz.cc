// Any model that an importer reads is scored by every scorer as by the reference.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "score/rows_of_forest.h"
#include "score/scorer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = gfr::ParseForest({reinterpret_cast<const char*>(data), size});
  if (!parsed.ok()) return 0;
  const gfr::Forest& forest = parsed.value();
  if (forest.feature.size() > 5000 || forest.columns > 100 || forest.classes > 16) return 0;
  constexpr std::size_t kRows = 70;
  const auto rows = gfr::RowsOfForest(forest, kRows, 0.2, 1);
  const gfr::Rows view(rows.data(), kRows, static_cast<std::size_t>(forest.columns));
  std::vector<double> want(kRows * static_cast<std::size_t>(forest.classes)), got(want.size());
  gfr::Scorer::Make(forest, gfr::ScorerKind::kScalar).value()->Margins(view, want.data());
  for (const auto kind :
       {gfr::ScorerKind::kCompact, gfr::ScorerKind::kPortable, gfr::ScorerKind::kAvx2, gfr::ScorerKind::kAvx512}) {
    if (!gfr::IsSupported(kind)) continue;
    const auto scorer = gfr::Scorer::Make(forest, kind);
    if (!scorer.ok()) continue;
    scorer.value()->Margins(view, got.data());
    for (std::size_t i = 0; i < want.size(); ++i) {
      // Overflow of hostile leaves may make NaN of any sign.
      if (std::memcmp(&want[i], &got[i], sizeof(double)) != 0 && !(std::isnan(want[i]) && std::isnan(got[i])))
        std::abort();
    }
  }
  return 0;
}
