#include "feed/feed_overlay.h"

#include <utility>

#include "feed/feed_policy.h"

namespace gfr {

std::vector<std::string> FeedOverlay::keys() const {
  std::vector<std::string> keys;
  if (size) keys.emplace_back("size");
  if (value) keys.emplace_back("value");
  if (impressions_on_serve) keys.emplace_back("impressions");
  if (swap_share) keys.emplace_back("swap");
  if (channels) keys.emplace_back("channel");
  if (policy) keys.emplace_back("policy");
  return keys;
}

void FeedOverlay::ApplyTo(FeedConfig* feed) const {
  if (size) feed->size = *size;
  if (value) feed->value = *value;
  if (impressions_on_serve) feed->impressions_on_serve = *impressions_on_serve;
  if (swap_share) feed->swap_share = *swap_share;
  if (channels) feed->channels = *channels;
  if (!policy) return;
  auto made = std::make_shared<FeedPolicy>(*policy);
  if (feed->policy) made->contracts = feed->policy->contracts;
  made->solves = made->solves || !made->contracts.empty();
  feed->policy = std::move(made);
}

}  // namespace gfr
