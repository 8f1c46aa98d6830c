// Loss: what the forests of an objective are trained to minimise.
//
// logistic compares rows with their labels; softmax, rank:ndcg and rank:pairwise compare the items of one request.
// Margins of a ranking loss have no level: only a calibrator makes probabilities of them.
#pragma once

#include <cstdint>

namespace gfr {

enum class Loss : std::uint8_t { kLogistic, kSoftmax, kRankNdcg, kRankPairwise };
inline constexpr const char* kLossNames[] = {"logistic", "softmax", "rank:ndcg", "rank:pairwise"};
inline const char* LossName(Loss loss) { return kLossNames[static_cast<int>(loss)]; }
inline Loss LossOfLink(bool softmax) { return softmax ? Loss::kSoftmax : Loss::kLogistic; }
inline bool IsRanking(Loss loss) { return loss >= Loss::kRankNdcg; }

}  // namespace gfr
