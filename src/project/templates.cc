#include "project/templates.h"

namespace gfr {
namespace {

constexpr char kTrivago[] =
    R"toml(# A GFR project for the trivago log (RecSys Challenge 2019). docs/configuration.md explains every key.
[serve]
clock = "log"            # A log of 2018 is served as if it were that day.

[catalogue]
price_from_impressions = true  # There is no catalogue: a price shown is the item's price from the next epoch on.

[item]
price = "number"

[user]
platform = "category"
device = "category"
city = "category"
sort = "category"
filters = "number"

[[objective]]
name = "pctr"
population = "feed.impression"
label = "feed.click"
window = "30m"
link = "softmax"    # Each slate of this log got exactly one click: its items compete for it.

[[objective]]
name = "pcvr"
population = "item.view"
label = "feed.click"
window = "30m"

[split]
test = 0.2          # The last fifth of the slates, by time.
validation = 0.2    # Before it: half for early stopping, half for calibration.
warmup = "1h"       # The first stretch only warms state up.
folds = 4           # Rolling-origin folds of the report.

[train]
depth = 6
eta = 0.02
max_rounds = 1500
early_stopping = 60
min_child_weight = 16
colsample = 0.5
subsample = 0.8
refit = true

[feed]
size = 25
value = "pctr"      # Every slate in this log exists because of a clickout, and pcvr ends in one too: their product means nothing.

[[channel]]
name = "exploit"
quota = 10

[[channel]]
name = "popularity"
quota = 9

[[channel]]
name = "explore"
quota = 3

[[channel]]
name = "recent"
quota = 3

[[feature]]
name = "device"
type = "context"
property = "device"

[[feature]]
name = "platform"
type = "context"
property = "platform"

[[feature]]
name = "sort"
type = "context"
property = "sort"

[[feature]]
name = "filters"
type = "context"
property = "filters"

[[feature]]
name = "local_hour"
type = "context"
property = "local_hour"

[[feature]]
name = "price"
type = "property"
property = "price"

[[feature]]
name = "supplied_rank"
type = "slate"
read = "supplied_rank"

[[feature]]
name = "size"
type = "slate"
read = "size"

[[feature]]
name = "price_over_mean"
type = "slate"
read = "price_over_mean"

[[feature]]
name = "price_over_min"
type = "slate"
read = "price_over_min"

[[feature]]
name = "price_rank"
type = "slate"
read = "price_rank"

# Read downward, a price is compared with those above it and beside it.

[[feature]]
name = "price_over_min_above"
type = "slate"
read = "price_over_min_above"

[[feature]]
name = "price_over_neighbours"
type = "slate"
read = "price_over_neighbours"

[[feature]]
name = "rank_from_last"
type = "slate"
read = "rank_from_last"
scope = "session"
events = ["item.view", "feed.click"]

[[feature]]
name = "price_over_last"
type = "slate"
read = "price_over_last"
scope = "session"
events = ["item.view", "feed.click"]

[[feature]]
name = "last_in_slate"
type = "slate"
read = "last_in_slate"
scope = "session"
events = ["item.view", "feed.click"]

[[feature]]
name = "rank_from_last_click"
type = "slate"
read = "rank_from_last"
scope = "session"
events = ["feed.click"]

[[feature]]
name = "last_click_in_slate"
type = "slate"
read = "last_in_slate"
scope = "session"
events = ["feed.click"]

[[feature]]
name = "last_event"
type = "last_event"
scope = "session"
events = ["item.view", "feed.click", "search", "filter"]

[[feature]]
name = "last_touch"
type = "last_event"
scope = "session"
events = ["item.view", "feed.click"]

[[feature]]
name = "touch_count"
type = "interaction"
read = "count"
scope = "session"
events = ["item.view", "feed.click"]

[[feature]]
name = "touch_seconds_since"
type = "interaction"
read = "seconds_since"
scope = "session"
events = ["item.view", "feed.click"]

[[feature]]
name = "touch_steps_since"
type = "interaction"
read = "steps_since"
scope = "session"
events = ["item.view", "feed.click"]

[[feature]]
name = "touch_distinct"
type = "interaction"
read = "distinct"
scope = "session"
events = ["item.view", "feed.click"]

# Among the slate's items: which was touched last, how many were, and which most.

[[feature]]
name = "touch_rank_in_slate"
type = "interaction"
read = "steps_since"
scope = "session"
events = ["item.view", "feed.click"]
in_slate = "rank"

[[feature]]
name = "touched_in_slate"
type = "interaction"
read = "steps_since"
scope = "session"
events = ["item.view", "feed.click"]
in_slate = "known"

[[feature]]
name = "touch_share_in_slate"
type = "interaction"
read = "count"
scope = "session"
events = ["item.view", "feed.click"]
in_slate = "share"

[[feature]]
name = "click_count"
type = "interaction"
read = "count"
scope = "session"
events = ["feed.click"]

[[feature]]
name = "click_steps_since"
type = "interaction"
read = "steps_since"
scope = "session"
events = ["feed.click"]

[[feature]]
name = "click_distinct"
type = "interaction"
read = "distinct"
scope = "session"
events = ["feed.click"]

[[feature]]
name = "view_image_count"
type = "interaction"
read = "count"
scope = "session"
events = ["item.view"]
kinds = ["interaction item image"]

[[feature]]
name = "view_info_count"
type = "interaction"
read = "count"
scope = "session"
events = ["item.view"]
kinds = ["interaction item info"]

[[feature]]
name = "view_deals_count"
type = "interaction"
read = "count"
scope = "session"
events = ["item.view"]
kinds = ["interaction item deals"]

[[feature]]
name = "view_rating_count"
type = "interaction"
read = "count"
scope = "session"
events = ["item.view"]
kinds = ["interaction item rating"]

[[feature]]
name = "view_search_count"
type = "interaction"
read = "count"
scope = "session"
events = ["item.view"]
kinds = ["search for item"]

[[feature]]
name = "view_search_steps_since"
type = "interaction"
read = "steps_since"
scope = "session"
events = ["item.view"]
kinds = ["search for item"]

[[feature]]
name = "seen_count"
type = "interaction"
read = "count"
scope = "session"
events = ["feed.impression"]
capacity = 64

[[feature]]
name = "seen_seconds_since"
type = "interaction"
read = "seconds_since"
scope = "session"
events = ["feed.impression"]
capacity = 64

[[feature]]
name = "seen_in_slate"
type = "interaction"
read = "count"
scope = "session"
events = ["feed.impression"]
capacity = 64
in_slate = "mean"

[[feature]]
name = "seen_without_click"
type = "interaction"
read = "seen_without_click"
scope = "session"
events = ["feed.impression"]
capacity = 64

# Is it the page seen before, and what moved on it; and how far down does this session click.

[[feature]]
name = "rank_moved"
type = "place"
read = "moved"
scope = "session"
events = ["feed.impression"]
capacity = 64

[[feature]]
name = "rank_moved_mean"
type = "place"
read = "moved"
scope = "session"
events = ["feed.impression"]
capacity = 64
in_slate = "mean"

[[feature]]
name = "known_in_slate"
type = "place"
read = "moved"
scope = "session"
events = ["feed.impression"]
capacity = 64
in_slate = "known"

[[feature]]
name = "rank_from_clicks"
type = "place"
read = "from_mean"
scope = "session"
events = ["feed.click"]

[[feature]]
name = "user_touch_count"
type = "interaction"
read = "count"
scope = "user"
events = ["item.view", "feed.click"]
capacity = 32

[[feature]]
name = "user_click_count"
type = "interaction"
read = "count"
scope = "user"
events = ["feed.click"]
capacity = 32

[[feature]]
name = "session_clicks"
type = "count"
scope = "session"
events = ["feed.click"]

[[feature]]
name = "session_views"
type = "count"
scope = "session"
events = ["item.view"]

[[feature]]
name = "session_searches"
type = "count"
scope = "session"
events = ["search"]

[[feature]]
name = "session_filters_set"
type = "count"
scope = "session"
events = ["filter"]

[[feature]]
name = "since_last_event"
type = "since"
scope = "session"
events = ["item.view", "feed.click", "search", "filter"]

[[feature]]
name = "since_last_view"
type = "since"
scope = "session"
events = ["item.view"]

# Of items, rates and decayed counts only: plain counts grow all through a log of one day, and mean something else on the next.

[[feature]]
name = "item_ctr_1d"
type = "rate"
scope = "item"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "1d"
tiles = 24
prior_weight = 20

[[feature]]
name = "item_popularity"
type = "decayed_count"
scope = "item"
events = ["item.view", "feed.click"]
half_life = "3h"

[[feature]]
name = "price_distance"
type = "distance"
scope = "session"
property = "price"
events = ["item.view", "feed.click"]

[[feature]]
name = "price_relative"
type = "relative"
scope = "session"
property = "price"
events = ["feed.click"]
denominator = ["feed.impression"]

[[feature]]
name = "price_affinity"
type = "affinity"
scope = "user"
property = "price"
bands = [25, 50, 75, 100, 150, 200, 300, 500]
events = ["item.view", "feed.click"]
half_life = "1d"
capacity = 9
)toml";

constexpr char kShop[] = R"toml(# A GFR project for a shop. docs/configuration.md explains every key.
[serve]
clock = "log"        # "wall" for a live shop; "log" goes on from the last arrival, for a log that was imported or simulated.

[item]
category = "category"
brand = "category"
price = "number"
rating = "number"
discount = "number"
released = "number"  # Seconds since 1970.
# embedding = "vector:64"  # Made elsewhere, sent with item.update; the similarity at the end reads it.

[user]
geography = "category"
acquisition_channel = "category"
device = "category"

[[objective]]
name = "pctr"
population = "feed.impression"
label = "feed.click"
window = "30m"

[[objective]]
name = "pcvr"
population = "feed.click"
label = "purchase"
window = "7d"

[split]
test = 0.15
validation = 0.2
warmup = "2d"
folds = 4

[train]
depth = 5
eta = 0.08
max_rounds = 400
early_stopping = 30
min_child_weight = 5
colsample = 0.8
refit = true

[feed]
size = 20
value = "pctr * (1 + 5 * pcvr)"

[[channel]]
name = "exploit"
quota = 60

[[channel]]
name = "popularity"
quota = 30

[[channel]]
name = "explore"
quota = 10

[[channel]]
name = "recent"
quota = 10

[[feature]]
name = "geography"
type = "context"
property = "geography"

[[feature]]
name = "acquisition_channel"
type = "context"
property = "acquisition_channel"

[[feature]]
name = "device"
type = "context"
property = "device"

[[feature]]
name = "local_hour"
type = "context"
property = "local_hour"

[[feature]]
name = "day_of_week"
type = "context"
property = "day_of_week"

[[feature]]
name = "category"
type = "property"
property = "category"

[[feature]]
name = "price"
type = "property"
property = "price"

[[feature]]
name = "rating"
type = "property"
property = "rating"

[[feature]]
name = "discount"
type = "property"
property = "discount"

[[feature]]
name = "age_days"
type = "age"
property = "released"

# Where the item was shown: learnt from, and the first place for all when ranking.
[[feature]]
name = "position"
type = "position"

[[feature]]
name = "price_over_mean"
type = "slate"
read = "price_over_mean"

[[feature]]
name = "price_rank"
type = "slate"
read = "price_rank"

[[feature]]
name = "touch_count"
type = "interaction"
read = "count"
scope = "user"
events = ["feed.click", "item.view", "cart.add", "purchase"]
capacity = 12

[[feature]]
name = "touch_seconds_since"
type = "interaction"
read = "seconds_since"
scope = "user"
events = ["feed.click", "item.view", "cart.add", "purchase"]
capacity = 12

[[feature]]
name = "touch_steps_since"
type = "interaction"
read = "steps_since"
scope = "user"
events = ["feed.click", "item.view", "cart.add", "purchase"]
capacity = 12

[[feature]]
name = "session_touch_count"
type = "interaction"
read = "count"
scope = "session"
events = ["feed.click", "item.view", "cart.add", "purchase"]

[[feature]]
name = "seen_count"
type = "interaction"
read = "count"
scope = "user"
events = ["feed.impression"]
capacity = 16

[[feature]]
name = "bought_count"
type = "interaction"
read = "count"
scope = "user"
events = ["purchase"]
capacity = 4

[[feature]]
name = "carted_count"
type = "interaction"
read = "count"
scope = "user"
events = ["cart.add"]
capacity = 4

# What the user took to of what he was shown: by category, brand, price and discount, shrunk to his rate over all.

[[feature]]
name = "user_ctr"
type = "rate"
scope = "user"
events = ["feed.click"]
denominator = ["feed.impression"]
half_life = "60d"
prior_weight = 20

[[feature]]
name = "category_taste"
type = "taste"
scope = "user"
property = "category"
events = ["feed.click"]
denominator = ["feed.impression"]
half_life = "60d"
prior_weight = 20
capacity = 12

[[feature]]
name = "brand_taste"
type = "taste"
scope = "user"
property = "brand"
events = ["feed.click"]
denominator = ["feed.impression"]
half_life = "60d"
prior_weight = 20
capacity = 24

[[feature]]
name = "price_taste"
type = "taste"
scope = "user"
property = "price"
bands = [10, 20, 40, 80, 160]
events = ["feed.click"]
denominator = ["feed.impression"]
half_life = "60d"
prior_weight = 20
capacity = 6

[[feature]]
name = "discount_taste"
type = "taste"
scope = "user"
property = "discount"
bands = [0.01, 0.2, 0.4]
events = ["feed.click"]
denominator = ["feed.impression"]
half_life = "60d"
prior_weight = 20
capacity = 4

[[feature]]
name = "price_distance"
type = "distance"
scope = "user"
property = "price"
events = ["feed.click", "item.view", "cart.add", "purchase"]

[[feature]]
name = "user_clicks_7d"
type = "count"
scope = "user"
events = ["feed.click"]
window = "7d"
tiles = 7

[[feature]]
name = "user_purchases_7d"
type = "count"
scope = "user"
events = ["purchase"]
window = "7d"
tiles = 7

[[feature]]
name = "user_impressions_7d"
type = "count"
scope = "user"
events = ["feed.impression"]
window = "7d"
tiles = 7

[[feature]]
name = "user_since_purchase"
type = "since"
scope = "user"
events = ["purchase"]

[[feature]]
name = "item_impressions_1d"
type = "count"
scope = "item"
events = ["feed.impression"]
window = "1d"
tiles = 6

[[feature]]
name = "item_ctr_7d"
type = "rate"
scope = "item"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "7d"
tiles = 7
prior_weight = 50

[[feature]]
name = "item_ctr"
type = "rate"
scope = "item"
events = ["feed.click"]
denominator = ["feed.impression"]
half_life = "60d"
prior_weight = 50

[[feature]]
name = "item_propensity_to_buy"
type = "rate"
scope = "item"
events = ["purchase"]
denominator = ["feed.click"]
half_life = "60d"
prior_weight = 20

[[feature]]
name = "user_propensity_to_buy"
type = "rate"
scope = "user"
events = ["purchase"]
denominator = ["feed.click"]
half_life = "60d"
prior_weight = 10

[[feature]]
name = "item_popularity"
type = "decayed_count"
scope = "item"
events = ["feed.click", "purchase"]
half_life = "2d"

[[feature]]
name = "category_ctr_7d"
type = "rate"
scope = "item.category"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "7d"
tiles = 7
prior_weight = 50

[[feature]]
name = "brand_ctr_7d"
type = "rate"
scope = "item.brand"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "7d"
tiles = 7
prior_weight = 50

[[feature]]
name = "geography_item_ctr_7d"
type = "rate"
scope = "user.geography x item"
events = ["feed.click"]
denominator = ["feed.impression"]
window = "7d"
tiles = 7
prior_weight = 50

# More that a shop may want; the simulated market has none of these effects.

# [[feature]]
# name = "session_category_run"
# type = "sequence"
# read = "category_run"
# scope = "session"
# property = "category"
# events = ["feed.click", "item.view", "cart.add", "purchase"]
# capacity = 10

# [[feature]]
# name = "item_trend"
# type = "trend"
# scope = "item"
# events = ["feed.click", "purchase"]
# half_life = "1d"
# long_half_life = "7d"

# [[feature]]
# name = "embedding_similarity"
# type = "similarity"
# read = "max_last"  # Or "mean", with a half_life.
# scope = "session"
# property = "embedding"
# events = ["feed.click", "item.view", "cart.add", "purchase"]
# capacity = 4
)toml";

}  // namespace

Result<std::string> TemplateText(std::string_view name) {
  if (name == "trivago") return std::string(kTrivago);
  if (name == "shop") return std::string(kShop);
  return Error{ErrorCode::kInvalidArgument, "template is '" + std::string(name) + "'; valid are shop and trivago"};
}

}  // namespace gfr
