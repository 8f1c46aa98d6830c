#include "model/softmax_link.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace gfr {

void ApplySoftmaxLink(std::span<float> margins, std::size_t size) {
  const std::size_t n = margins.size();
  if (n < 2) {
    std::ranges::fill(margins, kLoneMargin);
    return;
  }
  const std::size_t shown = std::min(n, std::max<std::size_t>(size, 2));
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(shown),
                            [&](auto a, auto b) { return margins[a] != margins[b] ? margins[a] > margins[b] : a < b; });
  // Sums are taken over exp(m - m of the best), which is 1 for the best: without another item they are at least 1. The
  // others of the best itself are summed relative to the second, so that no difference of near equals is taken.
  const double best = margins[order[0]], second = margins[order[1]];
  double all = 0, behind = 0;
  for (std::size_t k = 0; k < shown; ++k) {
    all += std::exp(margins[order[k]] - best);
    if (k > 0) behind += std::exp(margins[order[k]] - second);
  }
  const double last = std::exp(margins[order[shown - 1]] - best);
  for (std::size_t k = 0; k < n; ++k) {
    const double margin = margins[order[k]];
    const double others = k == 0 ? second + std::log(behind)
                                 : best + std::log(std::fmax(all - (k < shown ? std::exp(margin - best) : last), 1.0));
    margins[order[k]] = static_cast<float>(std::fmin(margin - others, kLoneMargin));
  }
}

RequestGroups::RequestGroups(std::span<const std::uint64_t> request) : rows_(request.size()) {
  std::unordered_map<std::uint64_t, std::size_t> of;
  std::vector<std::size_t> group(request.size());
  std::vector<std::size_t> count;
  for (std::size_t i = 0; i < request.size(); ++i) {
    group[i] =
        i > 0 && request[i] == request[i - 1] ? group[i - 1] : of.try_emplace(request[i], of.size()).first->second;
    if (group[i] == count.size()) count.push_back(0);
    ++count[group[i]];
  }
  begin_.resize(count.size() + 1);
  std::partial_sum(count.begin(), count.end(), begin_.begin() + 1);
  std::vector<std::size_t> next(begin_.begin(), begin_.end() - 1);
  for (std::size_t i = 0; i < request.size(); ++i) rows_[next[group[i]]++] = static_cast<std::uint32_t>(i);
}

std::vector<std::uint32_t> RequestGroups::GroupOfRows() const {
  std::vector<std::uint32_t> group_of(rows_.size());
  for (std::size_t g = 0; g < size(); ++g) {
    for (const std::uint32_t row : rows(g)) group_of[row] = static_cast<std::uint32_t>(g);
  }
  return group_of;
}

void ApplySoftmaxLink(const RequestGroups& groups, std::span<float> margins) {
  std::vector<float> own;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto rows = groups.rows(g);
    own.clear();
    for (const std::uint32_t row : rows) own.push_back(margins[row]);
    ApplySoftmaxLink(own);
    for (std::size_t k = 0; k < rows.size(); ++k) margins[rows[k]] = own[k];
  }
}

}  // namespace gfr
