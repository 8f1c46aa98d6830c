// FeedOverlay: keys of a [[feed]] that a variant or an arm of an experiment sets; what it does not set stays as it is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "feed/feed_config.h"

namespace gfr {

struct FeedOverlay {
  std::optional<int> size;
  std::optional<ValueFormula> value;
  std::optional<bool> impressions_on_serve;
  std::optional<double> swap_share;
  std::optional<std::vector<ChannelConfig>> channels;
  // [[feed.rule]] to [feed.policy], all tables at once; contracts stay those of the [[feed]].
  std::shared_ptr<const FeedPolicy> policy;

  std::vector<std::string> keys() const;  // As gfr.toml names them.
  bool empty() const { return !size && !value && !impressions_on_serve && !swap_share && !channels && !policy; }
  void ApplyTo(FeedConfig* feed) const;
};

}  // namespace gfr
