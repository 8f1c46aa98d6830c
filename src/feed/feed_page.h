// FeedPage: what a page of a feed goes on from: the pages before it. Thread safety: a plain value.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/hash.h"

namespace gfr {

struct FeedPage {
  std::string first_request;  // Request id of the first page.
  std::vector<Key> shown;     // Items of all pages before, by position: this page begins behind them.
};

}  // namespace gfr
