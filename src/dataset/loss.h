// Loss: what the forests of an objective are trained to minimise.
//
// logistic compares rows with their labels; softmax, rank:ndcg and rank:pairwise compare the items of one request.
// Margins of a ranking loss have no level: only a calibrator makes probabilities of them. tweedie compares amounts that
// are often 0 and never below it with their mean, exp(margin) (a compound Poisson distribution of variance power 1.5).
#pragma once

#include <cstddef>
#include <cstdint>

namespace gfr {

enum class Loss : std::uint8_t { kLogistic, kSoftmax, kRankNdcg, kRankPairwise, kTweedie };
inline constexpr const char* kLossNames[] = {"logistic", "softmax", "rank:ndcg", "rank:pairwise", "tweedie"};
inline constexpr std::size_t kLossesOfLabels = 4;  // Of those, which [[objective]] learn can name: they learn 0 and 1.
inline const char* LossName(Loss loss) { return kLossNames[static_cast<int>(loss)]; }
inline Loss LossOfLink(bool softmax) { return softmax ? Loss::kSoftmax : Loss::kLogistic; }
inline bool IsRanking(Loss loss) { return loss == Loss::kRankNdcg || loss == Loss::kRankPairwise; }
inline bool ComparesItems(Loss loss) { return loss == Loss::kSoftmax || IsRanking(loss); }  // Of one request.

}  // namespace gfr
