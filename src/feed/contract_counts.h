// ContractCounts: what a server's log says of the contracts of exposure: which slates could have shown what is under
// contract, and which of it was viewed; and the prices that follow (contract_duals.h).
//
// A view is a feed.impression of an item that the request's slate showed, within kOpenMs of it, once a request and
// item. Slates of the holdout are no traffic, nor are those whose assignment was overridden. The same records in the
// same order give the same bytes, whether Encode and Decode came in between or not. Thread safety: none.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "event/event.h"
#include "feed/contract_duals.h"

namespace gfr {

class ContractCounts {
 public:
  static constexpr std::uint32_t kTypes =
      1u << static_cast<unsigned>(EventType::kFeedRequest) | 1u << static_cast<unsigned>(EventType::kFeedImpression);
  static constexpr std::int64_t kOpenMs = kHourMs;
  static constexpr std::size_t kMostOpen = 200'000;  // Requests that are waited for; the oldest leave.

  explicit ContractCounts(std::vector<ContractTarget> targets) : duals_(std::move(targets)) {}
  void Fold(const LogRecord& record);
  void SkipTo(std::uint64_t offset) { next_offset_ = std::max(next_offset_, offset); }
  std::uint64_t next_offset() const { return next_offset_; }
  const ContractDuals& duals() const { return duals_; }

  // docs/formats/contracts.md. kCorrupt: other bytes.
  std::string Encode() const;
  static Result<ContractCounts> Decode(std::string_view bytes, std::vector<ContractTarget> targets);

 private:
  struct Shown {
    Key item;
    std::vector<std::uint32_t> inside;  // Contracts, by index.
  };
  struct Open {
    std::int64_t arrival_ms = 0;
    std::string arm;
    std::vector<Shown> shown;  // That were not viewed yet.
  };
  void FoldRequest(const LogRecord& record);
  void FoldImpression(const LogRecord& record);
  void Forget(std::int64_t before_ms);

  ContractDuals duals_;
  std::uint64_t next_offset_ = 0;
  std::unordered_map<Key, Open> open_;  // By user and request.
  std::deque<Key> order_;               // Of open_, oldest first.
};

}  // namespace gfr
