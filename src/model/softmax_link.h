// Softmax link: of one request's items, the margin of each one's share of a click, so that exactly one of them is
// expected to get it (conditional logit; McFadden 1974).
//
// With m the forest's margins, an item's share is p_i = exp(m_i) / sum_j exp(m_j), and its margin logit(p_i) = m_i -
// ln(sum over the others of exp(m_j)): a probability by sigmoid, and what a calibrator is fitted on. An item alone in
// its request has the whole click, which no finite margin says: it gets kLoneMargin, and no margin is beyond it. Order
// is kept. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace gfr {

inline constexpr float kLoneMargin = 15;

// In place, the margins of one request's items. A slate shows `size` of them, at least 2: the others of an item are the
// best of the rest that a slate has room for beside it.
void ApplySoftmaxLink(std::span<float> margins, std::size_t size = std::numeric_limits<std::size_t>::max());

// Which rows are of one request.
class RequestGroups {
 public:
  // One request id a row; rows of a request need not lie together.
  explicit RequestGroups(std::span<const std::uint64_t> request);
  std::size_t size() const { return begin_.size() - 1; }
  std::span<const std::uint32_t> rows(std::size_t group) const {
    return {rows_.data() + begin_[group], rows_.data() + begin_[group + 1]};
  }
  std::vector<std::uint32_t> GroupOfRows() const;  // One a row.

 private:
  std::vector<std::uint32_t> rows_;       // By request, those in order of their first row.
  std::vector<std::size_t> begin_ = {0};  // Of each group in rows_.
};

// The same of many requests' rows, each request shown whole.
void ApplySoftmaxLink(const RequestGroups& groups, std::span<float> margins);

}  // namespace gfr
