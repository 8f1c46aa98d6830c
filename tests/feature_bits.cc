// A random workload over the whole vocabulary of features, and the hash of all states and values. Built for baseline
// x86-64 and for AVX2 with FMA: CTest compares what the two print, which must be equal.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "base/time.h"
#include "feature/feature_set.h"
#include "feature/feature_types.h"

namespace gfr {
namespace {

constexpr char kProperties[] = R"(
[item]
category = "category"
released = "number"
embedding = "vector:13"
[user]
city = "category"
age = "number"
[request]
budget = "number"
[request_item]
distance = "number"
)";

// Every reading of every type that the vocabulary has, over users and (where the type may) items, with all the keys
// that it may have: a type that is added is here by itself.
class Vocabulary {
 public:
  std::string Toml() {
    for (const FeatureType* const each : FeatureTypes()) {
      const FeatureType& type = *each;
      for (const FeatureRead& read : type.reads) AddReading(type, read);
    }
    for (const std::string_view how : kInSlateNames)
      Add("type = \"property\"\nproperty = \"price\"\nin_slate = \"" + std::string(how) + "\"\n");
    return toml_;
  }

 private:
  void Add(const std::string& table) { toml_ += "[[feature]]\nname = \"f" + std::to_string(added_++) + "\"\n" + table; }

  static std::vector<std::string> Properties(PropertyRule rule) {
    switch (rule) {
      case PropertyRule::kNone:
        return {""};
      case PropertyRule::kContext:
        return {"city", "age", "local_hour", "month", "is_weekend"};
      case PropertyRule::kItem:
        return {"category", "price"};
      case PropertyRule::kItemNumber:
        return {"price", "released"};
      case PropertyRule::kItemCategory:
        return {"category"};
      case PropertyRule::kItemVector:
        return {"embedding"};
      case PropertyRule::kRequest:
        return {"budget", "distance"};
    }
    return {};
  }

  // `keys`: as FeatureRead has them, "scope events [kinds]".
  static bool Has(const FeatureRead& read, std::string_view key) {
    const std::string keys = " " + std::string(read.keys) + " ";
    return keys.find(" " + std::string(key) + " ") != std::string::npos ||
           keys.find(" [" + std::string(key) + "] ") != std::string::npos;
  }

  void AddReading(const FeatureType& type, const FeatureRead& read) {
    std::vector<std::string> scopes{""};
    if (Has(read, "scope")) scopes = {"user", "session"};
    if (read.scopes == ScopeRule::kAny) scopes.insert(scopes.end(), {"item", "user.city x item"});
    // A window or a half-life, and neither.
    std::vector<std::string> fades;
    if (Has(read, "window")) fades = {"", "window = \"1d\"\ntiles = 6\n", "window = \"40m\"\n"};
    if (Has(read, "half_life")) fades.push_back("half_life = \"3h\"\n");
    if (fades.empty()) fades = {""};
    for (const std::string& property : Properties(read.property)) {
      for (const std::string& scope : scopes) {
        for (const std::string& fade : fades) {
          const std::string table = Table(type, read, property, scope) + fade;
          Add(table);
          if (Has(read, "weights") && fade.find("tiles") == std::string::npos)
            Add(table + "weights = { \"feed.click\" = 3, \"item.view\" = 1 }\n");
          if (Has(read, "parent") && scope == "item") Add(table + "parent = \"item.category\"\nprior_weight = 3\n");
        }
      }
    }
  }

  static std::string Table(const FeatureType& type, const FeatureRead& read, const std::string& property,
                           const std::string& scope) {
    std::string table = "type = \"" + std::string(type.name) + "\"\n";
    if (read.name) table += "read = \"" + std::string(read.name) + "\"\n";
    if (!property.empty()) table += "property = \"" + property + "\"\n";
    if (!scope.empty()) table += "scope = \"" + scope + "\"\n";
    if (Has(read, "events")) table += "events = [\"feed.click\", \"item.view\"]\n";
    if (Has(read, "denominator")) table += "denominator = [\"feed.impression\"]\n";
    if (Has(read, "of"))
      table += std::string(type.name) != "distinct" ? "of = \"money\"\n"
               : scope == "user"                    ? "of = \"item\"\n"
                                                    : "of = \"category\"\n";
    if (Has(read, "long_half_life")) table += "long_half_life = \"1d\"\n";
    if (Has(read, "bands") && property == "price") table += "bands = [10, 20, 40]\n";
    return table;
  }

  std::string toml_ = kProperties;
  int added_ = 0;
};

int Run() {
  auto config = Config::Parse(Vocabulary().Toml(), "feature_bits");
  if (!config.ok()) return std::puts(config.error().ToString().c_str()), 1;
  const auto set = FeatureSet::Make(config.value());
  if (!set.ok()) return std::puts(set.error().ToString().c_str()), 1;

  Rng rng(17);
  const std::size_t items = 8;
  std::vector<Key> keys;
  std::vector<PropertyValue> properties(items * 3), user(2), request(1), request_items(items);
  std::vector<float> vectors(items * 13), out(items);
  std::vector<const float*> vector_of;
  for (std::size_t i = 0; i < items; ++i) {
    keys.push_back(i + 1);
    properties[i * 3].number = 1 + static_cast<double>(rng.Below(10000)) / 97;
    properties[i * 3 + 1].category = 1 + i % 3;
    request_items[i].number = static_cast<double>(rng.Below(1000)) / 7;
    properties[i * 3 + 2].number = 1.6e9 + static_cast<double>(rng.Below(1'000'000));
    for (std::size_t k = 0; k < 13; ++k) vectors[i * 13 + k] = static_cast<float>(rng.Uniform() - 0.5);
    vector_of.push_back(&vectors[i * 13]);
  }
  user[0] = user[1] = {34.5, 5};
  request[0].number = 120.25;
  std::vector<BoundFeature> all = set.value()->features;  // Then the parents that rates are shrunk to.
  all.insert(all.end(), set.value()->parents.begin(), set.value()->parents.end());
  std::vector<std::vector<std::uint64_t>> states, other, deltas;
  for (const BoundFeature& f : all) {
    states.emplace_back(f.view->spec().state_bytes / 8 + 1);
    other.push_back(states.back());
    deltas.push_back(states.back());
  }
  const auto bytes = [](std::vector<std::uint64_t>& s) { return reinterpret_cast<std::byte*>(s.data()); };
  std::uint64_t hash = 0;
  std::vector<std::ptrdiff_t> known(all.size());
  const auto mix = [&](const void* data, std::size_t size) {
    hash = Hash64(data, size) ^ (hash * 0x9e3779b97f4a7c15ull);
  };
  std::int64_t now = 1'700'000'000'000;
  for (int epoch = 0; epoch < 6000; ++epoch) {
    const std::int64_t end = (now / kMinuteMs + 1) * kMinuteMs;
    for (std::uint64_t line = rng.Below(4); line > 0; --line) {
      const std::size_t i = rng.Below(items);
      constexpr EventType kKinds[] = {EventType::kFeedClick, EventType::kItemView, EventType::kFeedImpression};
      EventLine event{.type = kKinds[rng.Below(3)],
                      .kind = 1 + rng.Below(2),
                      .item = keys[i],
                      .time_ms = now - static_cast<std::int64_t>(rng.Chance(0.1) ? rng.Below(6 * kHourMs) : 0),
                      .index = static_cast<std::int32_t>(rng.Below(25)),
                      .step = true,
                      .item_properties = {&properties[i * 3], 3},
                      .item_vectors = vector_of[i],
                      .quantity = static_cast<std::int32_t>(1 + rng.Below(3)),
                      .money_minor = static_cast<std::int64_t>(rng.Below(100'000))};
      for (std::size_t k = 0; k < states.size(); ++k) {
        const FeatureView& view = *all[k].view;
        view.Fold(event, bytes(view.spec().scope == Scope::kShared ? deltas[k]
                               : rng.Chance(0.9)                   ? states[k]
                                                                   : other[k]));
      }
      now += static_cast<std::int64_t>(rng.Below(10'000));
    }
    now = end;
    for (std::size_t k = 0; k < states.size(); ++k) {
      const FeatureView& view = *all[k].view;
      if (view.spec().scope == Scope::kShared) {
        view.Seal(bytes(deltas[k]), end, bytes(states[k]));
        deltas[k].assign(deltas[k].size(), 0);
      } else if (epoch % 100 == 99 && view.spec().scope == Scope::kUser) {
        view.Merge(bytes(other[k]), bytes(states[k]));
        other[k].assign(other[k].size(), 0);
      }
      const std::vector<const std::byte*> rows(items, bytes(states[k]));
      const ReadContext context{.now_ms = end,
                                .epoch_end_ms = end,
                                .items = keys,
                                .item_properties = properties.data(),
                                .item_property_count = 3,
                                .user_properties = user,
                                .supplied = true,
                                .item_vectors = vector_of.data(),
                                .request_properties = request,
                                .request_item_properties = request_items.data(),
                                .request_item_property_count = 1,
                                .last_item = keys[2]};
      const std::size_t parent = set.value()->features.size() + static_cast<std::size_t>(std::max(all[k].parent, 0));
      const std::vector<const std::byte*> parents(all[k].parent >= 0 ? items : 0,
                                                  bytes(states[std::min(parent, states.size() - 1)]));
      view.Read(context, {rows, bytes(states[k]), parents}, {out.data(), 1});
      known[k] += std::ranges::count_if(out, [](float v) { return v == v; });
      mix(out.data(), out.size() * sizeof(float));
      mix(states[k].data(), states[k].size() * 8);
    }
    now += static_cast<std::int64_t>(rng.Below(30 * kMinuteMs));
  }
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (known[k] == 0) return std::printf("never a value: %s\n", all[k].view->spec().canonical.c_str()), 1;
  }
  std::printf("%016llx of %zu features\n", static_cast<unsigned long long>(hash), all.size());
  return 0;
}

}  // namespace
}  // namespace gfr

int main() { return gfr::Run(); }
