// Contracts of exposure in a simulated feed with bursts and outages: how many the prices keep, and what they cost
// beside the Lagrangian dual of the program that knows all requests beforehand; a PID controller and no prices beside
// them. usage: contracts_bench [--tiny]
#include <cstdio>
#include <cstring>

#include "feed/test_contract_controllers.h"

int main(int argc, char** argv) {
  using namespace gfr;
  const bool tiny = argc > 1 && std::strcmp(argv[1], "--tiny") == 0;
  const std::uint64_t seeds = tiny ? 1 : 5;
  int contracts = 0, kept = 0, by_pid = 0, by_nobody = 0;
  double cost = 0, pid_cost = 0, least = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SimulatedContracts of{.seed = seed};
    if (!tiny) {
      of.days = 7;
      of.items = 200;
      of.new_items = 60;
      of.candidates = 40;
      of.positions = 10;
      of.requests_a_minute = 8;
      of.owed = 150;
      of.within_ms = 2 * kDayMs;
    }
    const ContractMarket market(of);
    const auto free = RunUnpriced(market), ours = RunDuals(market, of), pid = RunPid(market, of);
    const double bound = market.ClairvoyantBound(tiny ? 10 : 40);
    contracts += ours.contracts;
    kept += ours.kept;
    by_pid += pid.kept;
    by_nobody += free.kept;
    cost += free.value - ours.value;
    pid_cost += free.value - pid.value;
    least += free.value - bound;
    std::printf(
        "seed %llu: %zu requests, kept of %d: duals %d, PID %d, nobody %d; cost / clairvoyant: duals %.3f, PID %.3f\n",
        static_cast<unsigned long long>(seed), market.requests().size(), ours.contracts, ours.kept, pid.kept, free.kept,
        (free.value - ours.value) / (free.value - bound), (free.value - pid.value) / (free.value - bound));
  }
  std::printf("kept: duals %.4f, PID %.4f, nobody %.4f; cost / clairvoyant: duals %.4f, PID %.4f\n",
              static_cast<double>(kept) / contracts, static_cast<double>(by_pid) / contracts,
              static_cast<double>(by_nobody) / contracts, cost / least, pid_cost / least);
  return 0;
}
