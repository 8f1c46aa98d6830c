// Scorer: a forest's margins for a batch of rows, equal to its engine's bit for bit: XGBoost's in float32, added in
// tree order from the base margin; LightGBM's in double.
//
// One forest, several executions, the same bits from each:
//   scalar    follows the forest as the file has it; the reference
//   compact   several trees walked at a time; for a row or a few
//   portable, avx2, avx512   the bit-sliced forest (docs/design/bit-sliced-forest.md); for batches
//   auto      the best bit-sliced forest that the processor has, compact for small batches
//
// A scorer is made by Make, which decides everything; Margins cannot fail. Thread safety: immutable; Margins from any
// thread. Margins keeps its scratch memory for the thread's next call, and allocates only when it has to grow.
#pragma once

#include <memory>
#include <string>

#include "model/forest.h"
#include "score/binning.h"
#include "score/rows.h"

namespace gfr {

enum class ScorerKind { kAuto, kScalar, kCompact, kPortable, kAvx2, kAvx512 };
const char* ScorerKindName(ScorerKind kind);
Result<ScorerKind> ParseScorerKind(const std::string& name);
bool IsSupported(ScorerKind kind);             // By this processor.
ScorerKind BestScorerKind();                   // kPortable, kAvx2 or kAvx512.
const BitKernels& KernelsOf(ScorerKind kind);  // REQUIRES: one of these three.

class Scorer {
 public:
  // `binning`: shared with other scorers; it must be made of forests that include this one. Null: its own.
  // Errors: kInvalidArgument for a kind that the processor lacks; kResourceExhausted for a forest that is too large for
  // the forced kind (auto turns to compact).
  static Result<std::unique_ptr<const Scorer>> Make(const Forest& forest, ScorerKind kind = ScorerKind::kAuto,
                                                    std::shared_ptr<const Binning> binning = nullptr);
  virtual ~Scorer() = default;

  virtual void Margins(const Rows& rows, MarginsOut out) const noexcept = 0;
  void Margins(const float* rows, std::size_t count, std::size_t stride, float* margins) const noexcept {
    Margins(Rows(rows, count, stride), margins);
  }

  // Of rows that were ranked before. REQUIRES: binning() is the matrix's, not null.
  virtual void Margins(const BinnedMatrix& rows, MarginsOut out) const noexcept;
  const std::shared_ptr<const Binning>& binning() const { return binning_; }
  // Whether ranking a batch of so many rows pays, so that scorers should share it.
  virtual bool PrefersBinned(std::size_t count) const { return count > 0 && binning_ != nullptr; }

  virtual ScorerKind kind() const = 0;  // Not kAuto.
  virtual std::size_t memory_bytes() const = 0;

 protected:
  std::shared_ptr<const Binning> binning_;
};

}  // namespace gfr
