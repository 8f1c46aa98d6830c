// Diversity: what each item is worth beside those that would stand above it: maximal marginal relevance (Carbonell and
// Goldstein 1998), before the slate is solved.
//
// Items are taken one by one, each time the one whose value less diversity x scale x (greatest likeness to one taken
// before) is greatest. An item's worth is its value less what it lost when it was taken; of those beyond the first
// 2 x size, less what they would lose beside all taken. Scale is the mean size of the `size` best values, so that
// `diversity` means the same whatever the value's unit is. Likeness is the share of the properties in which two items
// have the same category. Deterministic; ties go to the item named first. Thread safety: a pure function.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/hash.h"

namespace gfr {

// `categories`: by property, by item; 0: the item has none, and is like no other in it. `first`: taken before all
// others (pins), by index. REQUIRES: values are finite; each list of categories is as long.
std::vector<double> MarginalValues(std::span<const double> value, const std::vector<std::span<const Key>>& categories,
                                   double diversity, std::size_t size, std::span<const std::uint32_t> first = {});

}  // namespace gfr
