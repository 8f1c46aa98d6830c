// A random workload over every feature type, and the hash of all states and values. Built for baseline x86-64 and for
// AVX2 with FMA: CTest compares what the two print, which must be equal.
#include <cstdio>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "base/time.h"
#include "feature/feature_set.h"

namespace gfr {
namespace {

constexpr char kFeatures[] = R"(
[item]
category = "category"
released = "number"
embedding = "vector:13"
[user]
city = "category"
)";

std::string Feature(int n, const std::string& rest) {
  return "[[feature]]\nname = \"f" + std::to_string(n) + "\"\n" + rest;
}

int Run() {
  const std::string events = "events = [\"feed.click\", \"item.view\"]\n", own = "scope = \"user\"\n" + events;
  std::string toml = kFeatures;
  int n = 0;
  for (const std::string& f :
       {"type = \"age\"\nproperty = \"released\"\n" + std::string(),
        std::string("type = \"slate\"\nread = \"price_over_mean\"\n"), "type = \"count\"\nwindow = \"1d\"\n" + own,
        "type = \"decayed_count\"\nhalf_life = \"3h\"\n" + own,
        "type = \"decayed_count\"\nhalf_life = \"3h\"\nscope = \"item\"\n" + events,
        "type = \"rate\"\nscope = \"item\"\ndenominator = [\"feed.impression\"]\n" + events, "type = \"since\"\n" + own,
        "type = \"trend\"\nhalf_life = \"1h\"\nlong_half_life = \"1d\"\n" + own,
        "type = \"trend\"\nhalf_life = \"1h\"\nlong_half_life = \"1d\"\nscope = \"item\"\n" + events,
        "type = \"interaction\"\nread = \"seconds_since\"\n" + own,
        "type = \"sequence\"\nread = \"category_share\"\nproperty = \"category\"\n" + own,
        "type = \"affinity\"\nproperty = \"category\"\nhalf_life = \"5h\"\n" + own,
        "type = \"affinity\"\nproperty = \"price\"\nbands = [10, 20, 40]\nhalf_life = \"5h\"\n" + own,
        "type = \"distance\"\nproperty = \"price\"\n" + own,
        "type = \"similarity\"\nread = \"mean\"\nproperty = \"embedding\"\nhalf_life = \"5h\"\n" + own,
        "type = \"similarity\"\nread = \"max_last\"\nproperty = \"embedding\"\n" + own})
    toml += Feature(n++, f);
  auto config = Config::Parse(toml, "feature_bits");
  if (!config.ok()) return std::puts(config.error().ToString().c_str()), 1;
  const auto set = FeatureSet::Make(config.value());
  if (!set.ok()) return std::puts(set.error().ToString().c_str()), 1;

  Rng rng(17);
  const std::size_t items = 8;
  std::vector<Key> keys;
  std::vector<PropertyValue> properties(items * 3), user(1);
  std::vector<float> vectors(items * 13), out(items);
  std::vector<const float*> vector_of;
  for (std::size_t i = 0; i < items; ++i) {
    keys.push_back(i + 1);
    properties[i * 3].number = 1 + static_cast<double>(rng.Below(10000)) / 97;
    properties[i * 3 + 1].category = 1 + i % 3;
    properties[i * 3 + 2].number = 1.6e9 + static_cast<double>(rng.Below(1'000'000));
    for (std::size_t k = 0; k < 13; ++k) vectors[i * 13 + k] = static_cast<float>(rng.Uniform() - 0.5);
    vector_of.push_back(&vectors[i * 13]);
  }
  std::vector<std::vector<std::uint64_t>> states, other, deltas;
  for (const BoundFeature& f : set.value()->features) {
    states.emplace_back(f.view->spec().state_bytes / 8 + 1);
    other.push_back(states.back());
    deltas.push_back(states.back());
  }
  const auto bytes = [](std::vector<std::uint64_t>& s) { return reinterpret_cast<std::byte*>(s.data()); };
  std::uint64_t hash = 0;
  const auto mix = [&](const void* data, std::size_t size) {
    hash = Hash64(data, size) ^ (hash * 0x9e3779b97f4a7c15ull);
  };
  std::int64_t now = 1'700'000'000'000;
  for (int epoch = 0; epoch < 3000; ++epoch) {
    const std::int64_t end = (now / kMinuteMs + 1) * kMinuteMs;
    for (std::uint64_t line = rng.Below(4); line > 0; --line) {
      const std::size_t i = rng.Below(items);
      EventLine event{rng.Chance(0.5) ? EventType::kFeedClick : EventType::kFeedImpression,
                      0,
                      keys[i],
                      now,
                      -1,
                      true,
                      {&properties[i * 3], 3}};
      event.item_vectors = vector_of[i];
      for (std::size_t k = 0; k < states.size(); ++k) {
        const FeatureView& view = *set.value()->features[k].view;
        view.Fold(event, bytes(view.spec().scope == Scope::kShared ? deltas[k]
                               : rng.Chance(0.9)                   ? states[k]
                                                                   : other[k]));
      }
      now += static_cast<std::int64_t>(rng.Below(10'000));
    }
    now = end;
    for (std::size_t k = 0; k < states.size(); ++k) {
      const FeatureView& view = *set.value()->features[k].view;
      if (view.spec().scope == Scope::kShared) {
        view.Seal(bytes(deltas[k]), end, bytes(states[k]));
        deltas[k].assign(deltas[k].size(), 0);
      } else if (epoch % 100 == 99 && view.spec().scope == Scope::kUser) {
        view.Merge(bytes(other[k]), bytes(states[k]));
        other[k].assign(other[k].size(), 0);
      }
      const std::vector<const std::byte*> rows(items, bytes(states[k]));
      ReadContext context{end, end, keys, properties.data(), 3, user, true};
      context.item_vectors = vector_of.data();
      view.Read(context, {rows, bytes(states[k])}, {out.data(), 1});
      mix(out.data(), out.size() * sizeof(float));
      mix(states[k].data(), states[k].size() * 8);
    }
    now += static_cast<std::int64_t>(rng.Below(30 * kMinuteMs));
  }
  std::printf("%016llx\n", static_cast<unsigned long long>(hash));
  return 0;
}

}  // namespace
}  // namespace gfr

int main() { return gfr::Run(); }
