#include "score/scorer.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "score/bit_sliced_scorer.h"
#include "score/compact_scorer.h"
#include "score/scalar_scorer.h"

namespace gfr {
namespace {

constexpr const char* kNames[] = {"auto", "scalar", "compact", "portable", "avx2", "avx512"};

}  // namespace

const char* ScorerKindName(ScorerKind kind) { return kNames[static_cast<int>(kind)]; }

Result<ScorerKind> ParseScorerKind(const std::string& name) {
  const auto at = std::ranges::find(kNames, name);
  if (at == std::end(kNames))
    return Error{ErrorCode::kInvalidArgument,
                 "'" + name + "' is no scorer; valid are auto, scalar, compact, portable, avx2, avx512"};
  return static_cast<ScorerKind>(at - kNames);
}

bool IsSupported(ScorerKind kind) {
  __builtin_cpu_init();
  if (kind == ScorerKind::kAvx2) return __builtin_cpu_supports("avx2");
  if (kind == ScorerKind::kAvx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni");
  return true;
}

ScorerKind BestScorerKind() {
  static const ScorerKind best = IsSupported(ScorerKind::kAvx512) ? ScorerKind::kAvx512
                                 : IsSupported(ScorerKind::kAvx2) ? ScorerKind::kAvx2
                                                                  : ScorerKind::kPortable;
  return best;
}

const BitKernels& KernelsOf(ScorerKind kind) {
  assert(kind == ScorerKind::kPortable || kind == ScorerKind::kAvx2 || kind == ScorerKind::kAvx512);
  return kind == ScorerKind::kAvx512 ? kAvx512Kernels : kind == ScorerKind::kAvx2 ? kAvx2Kernels : kPortableKernels;
}

Result<std::unique_ptr<const Scorer>> Scorer::Make(const Forest& forest, ScorerKind kind,
                                                   std::shared_ptr<const Binning> binning) {
  if (!IsSupported(kind))
    return Error{ErrorCode::kInvalidArgument, std::string("this processor cannot run the scorer ") +
                                                  ScorerKindName(kind) + "; it can run " +
                                                  ScorerKindName(BestScorerKind())};
  if (kind == ScorerKind::kScalar) return std::unique_ptr<const Scorer>(MakeScalarScorer(forest));
  if (kind == ScorerKind::kCompact) return std::unique_ptr<const Scorer>(MakeCompactScorer(forest));
  const bool automatic = kind == ScorerKind::kAuto;
  if (!binning) {
    const Forest* const one[] = {&forest};
    auto made = Binning::Make(one);
    if (!made.ok() && automatic) return std::unique_ptr<const Scorer>(MakeCompactScorer(forest));
    GFR_ASSIGN(binning, std::move(made));
  }
  auto sliced = MakeBitSlicedScorer(forest, automatic ? BestScorerKind() : kind, std::move(binning),
                                    automatic ? MakeCompactScorer(forest) : nullptr);
  if (!sliced.ok() && automatic) return std::unique_ptr<const Scorer>(MakeCompactScorer(forest));
  GFR_ASSIGN(std::unique_ptr<const Scorer> scorer, std::move(sliced));
  return scorer;
}

void Scorer::Margins(const BinnedMatrix&, MarginsOut) const noexcept { assert(false && "binning() is null"); }

}  // namespace gfr
