// How good the candidates of each source are, by the oracle of the simulated market: the mean share of the catalogue
// that a user likes less than a source's 20 best items, for users with few and with many clicks.
//
// Usage: candidate_quality [--tiny] [--latent-factors N] [--users N] [--items N] [--days N] [--seed N]. A random item
// is at 0.5. Figures are means over users, with the standard error of the mean. The last lines are the goal: affinity
// above popularity from the first click on.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "retrieve/test_market.h"

namespace gfr {
namespace {

struct Mean {
  double value, error;
};

Mean MeanOf(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) {
    sum += v;
    squares += v * v;
  }
  const auto n = static_cast<double>(values.size());
  return {sum / n, std::sqrt(std::max(0.0, squares / n - sum / n * sum / n) / n)};
}

int Main(bool tiny, const MarketConfig& config) {
  const std::vector<ChannelConfig> channels{{"exploit", 20, "affinity"},      {"exploit", 20, "similar"},
                                            {"popularity", 20, "popularity"}, {"popularity", 20, "trending"},
                                            {"explore", 20, "explore"},       {"recent", 20, "recent"}};
  const MarketShop shop(config, channels);
  std::printf("%d users, %d items, %d days, %d latent factors\n%-12s", config.users, config.items, config.days,
              config.latent_factors, "clicks");
  for (const ChannelConfig& channel : channels) std::printf(" %22s", channel.source.c_str());
  std::printf("\n");
  bool met = true;
  for (const auto& [least, most] : {std::pair{1, 2}, {3, 7}, {8, 1 << 20}}) {
    const std::vector<int> users = shop.UsersWith(least, most, 400);
    if (users.empty()) continue;
    std::printf("%-12s", (std::to_string(least) + (most < 100 ? " to " + std::to_string(most) : " and more")).c_str());
    std::vector<double> exploit_over_popularity;
    for (const ChannelConfig& channel : channels) {
      std::vector<double> percentiles;
      for (std::size_t u = 0; u < users.size(); ++u) {
        percentiles.push_back(shop.MeanPercentile(users[u], shop.Find(users[u], {channel})));
        if (channel.source == "affinity") exploit_over_popularity.push_back(percentiles.back());
        if (channel.source == "popularity") exploit_over_popularity[u] -= percentiles.back();
      }
      const Mean mean = MeanOf(percentiles);
      std::printf("        %.3f +- %.3f", mean.value, mean.error);
    }
    const Mean above = MeanOf(exploit_over_popularity);
    std::printf("   affinity - popularity %+.3f +- %.3f (%zu users)\n", above.value, above.error, users.size());
    met = met && above.value > 2 * above.error;
  }
  if (!tiny) std::printf("%s affinity above popularity from the first click on\n", met ? "met:   " : "MISSED:");
  return tiny || met ? 0 : 1;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  bool tiny = false;
  for (int i = 1; i < argc; ++i) tiny = tiny || std::strcmp(argv[i], "--tiny") == 0;
  gfr::MarketConfig config{.users = tiny ? 300 : 5000, .items = tiny ? 200 : 5000, .days = tiny ? 10 : 28, .seed = 7};
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string name = argv[i];
    const int number = std::atoi(argv[i + 1]);
    if (name == "--latent-factors") config.latent_factors = number;
    if (name == "--users") config.users = number;
    if (name == "--items") config.items = number;
    if (name == "--days") config.days = number;
    if (name == "--seed") config.seed = static_cast<std::uint64_t>(number);
  }
  return gfr::Main(tiny, config);
}
