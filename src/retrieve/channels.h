// The four channels: where candidates come from when a request brings none.
//
//   exploit     items like those the user touched last: shared categories, near in price, weighted by popularity
//   popularity  the most clicked and bought items, decayed with a half-life of a day
//   explore     items drawn at random, the less an item was shown the likelier (weight 1 / (1 + impressions))
//   recent      the newest items: by their `released` property, else by when the log first named them
// All read the current epoch, so equal requests in one epoch get equal candidates (explore: for an equal seed).
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "feed/channel_config.h"
#include "state/online_store.h"

namespace gfr {

Result<std::vector<ChannelConfig>> ReadChannels(Config& project);  // [[channel]]; the default is all four.

struct Candidate {
  Key item;
  std::string channel;
};

// At most `quota` of each channel, an item once (the first channel in the configuration's order that names it).
// `recent`: the items that the user touched last, newest first. Any thread.
std::vector<Candidate> Retrieve(const OnlineStore& store, const Pin& shared, const std::vector<ChannelConfig>& channels,
                                std::span<const Key> recent, const std::unordered_set<Key>& exclude, Rng& rng);

}  // namespace gfr
