// FeedConfig: what `gfr.toml` says of one feed ([[feed]]): its size, its value formula, its channels. Feeds: all of
// them, and which one answers a request.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "feed/channel_config.h"
#include "feed/value_formula.h"

namespace gfr {

struct FeedPolicy;

struct FeedConfig {
  std::string name = "home";            // Requests name it as their surface.
  std::vector<std::string> objectives;  // All of the configuration, as the value formula numbers them.
  int size = 20;
  ValueFormula value;
  bool impressions_on_serve = false;
  std::int64_t reload_ms = 0;  // Who asks again so soon gets the slate of before, under its request id; 0: a new one.
  std::vector<ChannelConfig> channels;
  std::shared_ptr<const FeedPolicy> policy;  // Which items may be shown, and how (feed_policy.h); null: best first.
  // [feed.swap] share: of so many requests, nothing is drawn, and pairs of neighbouring places (0 and 1, 2 and 3, ...
  // or 1 and 2, ...) are put in order by a coin each.
  double swap_share = 0;
  double full_share = 0.001;  // [log] full_share: of the requests' records, how many are kept whole (slate_record.h).
};

struct Feeds {
  std::vector<FeedConfig> all{FeedConfig()};  // In the order declared; at least one.
  bool old_form = false;                      // [feed], as in gfr.toml of 0.1, instead of [[feed]].

  struct Choice {
    const FeedConfig* feed;
    bool declared;  // The surface was named by a [[feed]], or not given.
  };
  // The feed that the surface names; the first one for a surface that is empty or names none.
  Choice ForSurface(std::string_view surface) const;
};

}  // namespace gfr
