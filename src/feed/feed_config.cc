#include "feed/feed_config.h"

#include <algorithm>

namespace gfr {

Feeds::Choice Feeds::ForSurface(std::string_view surface) const {
  if (surface.empty()) return {&all.front(), true};
  const auto named = std::ranges::find(all, surface, &FeedConfig::name);
  return named == all.end() ? Choice{&all.front(), false} : Choice{&*named, true};
}

}  // namespace gfr
