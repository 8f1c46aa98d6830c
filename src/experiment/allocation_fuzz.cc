// Any bytes are an allocation of units or an error, and any text overrides or an error; what is read can be used.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "experiment/assignment.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gfr;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Experiments experiments;
  experiments.holdout = Holdout();
  experiments.variants = {{.name = "a"}, {.name = "b", .weight = 3}};
  Experiment price{.name = "price", .salt = "price"};
  price.arms = {{.name = "low"}, {.name = "high"}};
  experiments.all = {price};

  Allocation before;
  if (auto read = Allocation::FromJson(text); read.ok()) {
    before = std::move(read).value();
    const auto again = Allocation::FromJson(before.ToJson());
    if (!again.ok()) std::abort();
  }
  auto allocation = Allocate(experiments, before, 1);
  if (!allocation.ok()) allocation = Allocate(experiments, {}, 1);  // It would move units.
  if (!allocation.ok() || allocation.value().variants.size() != kBuckets) std::abort();
  const Assigner assigner(experiments, std::move(allocation).value());
  const auto overrides = assigner.ReadOverrides(text);
  const Unit unit{UnitKind::kUser, std::string(text.substr(0, 100))};
  const Assignment assigned = assigner.Assign(
      {.unit = unit, .now_ms = 1, .overrides = overrides.ok() ? overrides.value() : Overrides()}, FeedConfig());
  if (!assigned.feed || assigned.experiments.empty()) std::abort();
  return 0;
}
