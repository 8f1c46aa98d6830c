// Users a second of the fast mode.
#include <benchmark/benchmark.h>

#include "simulate/user_metrics.h"

namespace gfr {
namespace {

void BM_FillUsers(benchmark::State& state) {
  const auto metrics = UserMetrics::Make({.conversion = 0.05, .money_log_sd = 2});
  SimulatedUser user;
  std::uint64_t number = 0;
  for (auto _ : state) {
    metrics.value().Fill(number++, {}, &user);
    benchmark::DoNotOptimize(UserMetrics::Sum(user, user.exposure_ms, user.exposure_ms + 7 * kDayMs));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(number));
}
BENCHMARK(BM_FillUsers);

}  // namespace
}  // namespace gfr
