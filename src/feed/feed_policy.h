// FeedPolicy: what `gfr.toml` says of which items a feed may show and how its slate is put together: [[feed.rule]],
// [[feed.cap]], [[feed.floor]], [[feed.pin]], [[feed.boost]], [[feed.contract]], [feed.policy]. docs/configuration.md
// is the manual.
//
// Thread safety: a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "feed/contract.h"
#include "feed/item_condition.h"

namespace gfr {

// What items that the catalogue takes off sale are counted under, beside the rules.
inline constexpr const char* kOffSaleRule = "off_sale";
// And candidates that the caller named: those that the user hid, and those that the request excludes or that a page
// before showed.
inline constexpr const char *kHiddenRule = "hidden", *kExcludedRule = "excluded";

// Items that are in no slate of the feed.
struct FeedRule {
  std::string name;  // In metrics, records and explanations.
  ItemCondition leave_out;
};

// At most so many items of one value of a category property in any window of consecutive positions, over page borders.
struct FeedCap {
  std::string name, of;
  std::uint32_t property = 0;  // Of the items.
  std::uint32_t at_most = 1;
  std::size_t window = SIZE_MAX;  // Positions; SIZE_MAX: all pages of a feed.
};

// At least so many items within the first positions of each page.
struct FeedFloor {
  std::string name;
  ItemCondition where;
  std::uint32_t at_least = 1;
  std::size_t first = SIZE_MAX;
};

// The best item that fits stands at the position, of the first page.
struct FeedPin {
  std::string name;
  std::string item;  // Its id; empty: `where`.
  ItemCondition where;
  std::size_t position = 0;
};

// The ranking value becomes value x times + plus.
struct FeedBoost {
  std::string name;
  ItemCondition where;
  double times = 1, plus = 0;
};

struct FeedPolicy {
  std::vector<FeedRule> rules;
  std::vector<FeedCap> caps;
  std::vector<FeedFloor> floors;
  std::vector<FeedPin> pins;
  std::vector<FeedBoost> boosts;
  std::vector<FeedContract> contracts;
  double examination = 0.5;  // Position p, from 0, is examined by (1 + p)^-examination.
  // [feed.policy] diversity: what an item loses for being like those above it (rank/diversity.h), in mean values of the
  // best; 0: nothing. By these category properties of the items.
  double diversity = 0;
  std::vector<std::uint32_t> diversity_of;
  // Where not all can be kept, the lowest level is given up first ([feed.policy] relax); windows are caps that have
  // one.
  std::uint32_t floor_level = 0, window_level = 1, cap_level = 2;
  std::size_t explore_every = 6;  // Each so many positions one may be drawn.
  double explore_rate = 1;        // With this probability it is.
  // Whether slates are solved (rank/slate_solver.h), and not sorted by value alone.
  bool solves = false;
};

}  // namespace gfr
