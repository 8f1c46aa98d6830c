// ReassignPositions: makes a slate of a PlacementProblem (slate_solver.h) better by taking the items from two or three
// positions at once and looking for the best items there, all others staying where they are. It finds what exchanges of
// one item with another miss, where caps are so tight that an item fits only after another has left.
#pragma once

#include <cstdint>
#include <vector>

#include "rank/slate_state.h"

namespace gfr {

// `order`: the items that may stand in the slate, best first. Ends when no two or three positions have anything better,
// or `most_tried` items have been tried at a position. Whether the slate is another one now, which breaks less, or as
// little and is worth more.
bool ReassignPositions(const SlateState& state, const std::vector<std::uint32_t>& order, int most_tried,
                       std::vector<std::uint32_t>* items);

}  // namespace gfr
