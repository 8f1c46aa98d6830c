#include "index/distill.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "base/rng.h"
#include "index/symmetric_inverse.h"
#include "rank/whole_catalogue.h"

namespace gfr {
namespace {

constexpr std::size_t kAtOnce = 4096;  // Items that are valued together: their features are in memory.
constexpr std::size_t kLeastRequests = 20;
constexpr double kLeastRidge = 1e-6;

// The ranker's values for logged requests.
class Teacher {
 public:
  Teacher(const OnlineStore& store, const FeatureReader& reader, const BoundModel& model, const FeedConfig& feed)
      : store_(store), reader_(reader), model_(model), feed_(feed), settings_{.feed = feed, .model = &model} {}
  std::vector<float> Values(const FeedRequest& request, std::span<const EventItem> items) const {
    const RankInput in{.store = store_,
                       .reader = reader_,
                       .model = &model_,
                       .lists = nullptr,
                       .config = feed_,
                       .request = request,
                       .user = KeyOf(request.user_id),
                       .session = KeyOf(request.session_id),
                       .size = static_cast<std::size_t>(feed_.size),
                       .policy = nullptr,
                       .settings = settings_};
    std::vector<float> values;
    for (std::size_t begin = 0; begin < items.size(); begin += kAtOnce) {
      const auto some = CatalogueValues(in, items.subspan(begin, std::min(kAtOnce, items.size() - begin)));
      values.insert(values.end(), some.begin(), some.end());
    }
    return values;
  }

 private:
  const OnlineStore& store_;
  const FeatureReader& reader_;
  const BoundModel& model_;
  const FeedConfig& feed_;
  const RankSettings settings_;
};

std::vector<EventItem> OnSale(const OnlineStore& store) {
  const SharedState& shared = store.shared();
  const Pin pin = shared.timeline().Hold();
  std::vector<std::pair<Key, std::uint32_t>> keys;
  for (std::uint32_t id = 0; id < shared.item_count(); ++id) {
    const std::byte* row = shared.item_row(id, pin);
    if (row != nullptr && shared.IsOnSale(row)) keys.emplace_back(shared.item_key(id), id);
  }
  std::ranges::sort(keys);
  std::vector<EventItem> items;
  for (const auto& [key, id] : keys) items.push_back({.item_id = std::string(shared.ItemId(key))});
  return items;
}

// The first `most` of a random order of [0, count).
std::vector<std::size_t> RandomPlaces(std::size_t count, std::size_t most, Rng& rng) {
  std::vector<std::size_t> places(count);
  std::iota(places.begin(), places.end(), std::size_t{0});
  most = std::min(most, count);
  for (std::size_t i = 0; i < most; ++i) std::swap(places[i], places[i + rng.Below(count - i)]);
  places.resize(most);
  return places;
}

// Columns of values by request, each less its mean.
struct Columns {
  std::vector<std::vector<double>> at;
  std::vector<double> means;
};

Columns Centred(const std::vector<std::vector<float>>& rows, bool is_log) {
  Columns columns{.at = std::vector<std::vector<double>>(rows[0].size()), .means = {}};
  for (std::size_t c = 0; c < columns.at.size(); ++c) {
    double sum = 0;
    for (const auto& row : rows) {
      columns.at[c].push_back(FirstStage::Told(is_log, row[c]));
      sum += columns.at[c].back();
    }
    columns.means.push_back(sum / static_cast<double>(rows.size()));
    for (double& v : columns.at[c]) v -= columns.means[c];
  }
  return columns;
}

double DotOf(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Which columns tell most of the others: each time the one of which those before tell least.
std::vector<std::size_t> PivotColumns(std::vector<std::vector<double>> columns, std::size_t most) {
  std::vector<std::size_t> pivots;
  double first = 0;
  while (pivots.size() < most) {
    std::size_t best = 0;
    double square = -1;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (const double s = DotOf(columns[c], columns[c]); s > square) {
        square = s;
        best = c;
      }
    }
    first = std::max(first, square);
    if (!(square > 1e-9 * first)) break;  // The others are told whole.
    pivots.push_back(best);
    std::vector<double> unit = columns[best];
    for (double& v : unit) v /= std::sqrt(square);
    for (auto& column : columns) {
      const double along = DotOf(unit, column);
      for (std::size_t r = 0; r < column.size(); ++r) column[r] -= along * unit[r];
    }
  }
  return pivots;
}

// What is summed up of each item over the requests.
struct ItemSums {
  explicit ItemSums(std::size_t items, std::size_t anchors)
      : sum(items), best_rank(items, UINT32_MAX), with_anchors(items * anchors) {}
  std::vector<double> sum;
  std::vector<std::uint32_t> best_rank;
  std::vector<float> with_anchors;
};

std::vector<std::uint32_t> OrderOf(const std::vector<float>& values) {
  std::vector<std::uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const float x = std::isnan(values[a]) ? -HUGE_VALF : values[a], y = std::isnan(values[b]) ? -HUGE_VALF : values[b];
    return x != y ? x > y : a < b;
  });
  return order;
}

void AddRequest(const std::vector<float>& values, bool is_log, std::span<const double> away, ItemSums* sums) {
  const std::vector<std::uint32_t> order = OrderOf(values);
  for (std::uint32_t rank = 0; rank < order.size(); ++rank)
    sums->best_rank[order[rank]] = std::min(sums->best_rank[order[rank]], rank);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float told = FirstStage::Told(is_log, values[i]);
    sums->sum[i] += told;
    float* with = sums->with_anchors.data() + i * away.size();
    for (std::size_t k = 0; k < away.size(); ++k) with[k] += told * static_cast<float>(away[k]);
  }
}

// The places of the items that are read: those that came highest for any request, by rising place.
std::vector<std::size_t> ReadPlaces(const ItemSums& sums, std::size_t most) {
  std::vector<std::size_t> places(sums.sum.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  most = std::min(most, places.size());
  std::partial_sort(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(most), places.end(),
                    [&](std::size_t a, std::size_t b) {
                      if (sums.best_rank[a] != sums.best_rank[b]) return sums.best_rank[a] < sums.best_rank[b];
                      return sums.sum[a] != sums.sum[b] ? sums.sum[a] > sums.sum[b] : a < b;
                    });
  places.resize(most);
  std::ranges::sort(places);
  return places;
}

// (Z^T Z + ridge)^-1 of the anchors' columns.
std::vector<float> RidgeInverse(const std::vector<std::vector<double>>& z, double ridge) {
  const std::size_t a = z.size();
  std::vector<double> gram(a * a);
  double trace = 0;
  for (std::size_t j = 0; j < a; ++j) {
    for (std::size_t k = 0; k < a; ++k) gram[j * a + k] = DotOf(z[j], z[k]);
    trace += gram[j * a + j];
  }
  // Where all requests are valued alike, nothing moves with the anchors.
  const double added = std::max(ridge * trace / static_cast<double>(a), kLeastRidge);
  for (std::size_t j = 0; j < a; ++j) gram[j * a + j] += added;
  return SymmetricInverse(std::move(gram), a);
}

EmbeddingIndex::Parts VectorsOf(const std::vector<EventItem>& items, const std::vector<std::size_t>& places,
                                const ItemSums& sums, const std::vector<float>& inverse, std::size_t requests) {
  const std::size_t a = sums.with_anchors.size() / items.size();
  EmbeddingIndex::Parts parts{.items = {}, .dimensions = a + 1, .vectors = {}};
  for (const std::size_t i : places) {
    parts.items.push_back(KeyOf(items[i].item_id));
    parts.vectors.push_back(static_cast<float>(sums.sum[i] / static_cast<double>(requests)));
    for (std::size_t k = 0; k < a; ++k)
      parts.vectors.push_back(DotProduct(inverse.data() + k * a, sums.with_anchors.data() + i * a, a));
  }
  return parts;
}

}  // namespace

Result<Distilled> DistillFirstStage(const OnlineStore& store, const FeatureReader& reader, const BoundModel& model,
                                    const FeedConfig& feed, std::span<const FeedRequest> requests, double budget_ms,
                                    const DistillOptions& options) {
  const std::vector<EventItem> items = OnSale(store);
  if (requests.size() < kLeastRequests || items.size() < 2)
    return Error{ErrorCode::kInvalidArgument, "the log has " + std::to_string(requests.size()) + " requests of feed '" +
                                                  feed.name + "' and " + std::to_string(items.size()) +
                                                  " items on sale; a first stage needs " +
                                                  std::to_string(kLeastRequests) + " and 2"};
  Rng rng(options.seed);
  const std::size_t held_out = requests.size() / 5, trained = requests.size() - held_out;
  const Teacher teacher(store, reader, model, feed);
  std::vector<EventItem> pool;
  for (const std::size_t place : RandomPlaces(items.size(), options.anchor_pool, rng)) pool.push_back(items[place]);
  std::vector<std::vector<float>> of_pool;
  float least = HUGE_VALF;
  for (std::size_t r = 0; r < trained; ++r) {
    of_pool.push_back(teacher.Values(requests[r], pool));
    for (const float v : of_pool.back()) least = std::isnan(v) ? -HUGE_VALF : std::min(least, v);
  }
  if (least == -HUGE_VALF)
    return Error{ErrorCode::kInvalidArgument, "the model does not value every item: it lacks an objective"};
  FirstStage::Parts parts{
      .model = model.model().name + "/" + model.model().version, .feed = feed.name, .is_log = least > 0};
  const Columns columns = Centred(of_pool, parts.is_log);
  std::vector<std::vector<double>> away;  // By anchor and request.
  std::vector<std::size_t> pivots = PivotColumns(columns.at, options.anchors);
  if (pivots.empty()) pivots.push_back(0);  // All requests are valued alike.
  for (const std::size_t c : pivots) {
    parts.anchors.push_back(pool[c]);
    parts.means.push_back(static_cast<float>(columns.means[c]));
    away.push_back(columns.at[c]);
  }
  ItemSums sums(items.size(), away.size());
  for (std::size_t r = 0; r < trained; ++r) {
    std::vector<double> of_request;
    for (const auto& column : away) of_request.push_back(column[r]);
    AddRequest(teacher.Values(requests[r], items), parts.is_log, of_request, &sums);
  }
  GFR_ASSIGN(parts.items, EmbeddingIndex::Make(VectorsOf(items, ReadPlaces(sums, options.items), sums,
                                                         RidgeInverse(away, options.ridge), trained)));
  Distilled out{.on_sale = items.size(), .requests = trained, .held_out = held_out};
  GFR_ASSIGN(out.stage, FirstStage::Make(std::move(parts)));
  out.ranked = FirstStageRows(model, budget_ms, *out.stage);
  const std::size_t top = std::min(kDistillTop, items.size());
  std::size_t reached = 0;
  for (std::size_t r = trained; r < requests.size(); ++r) {
    const std::vector<std::uint32_t> order = OrderOf(teacher.Values(requests[r], items));
    std::vector<Key> found;
    for (const auto& one : out.stage->Search(teacher.Values(requests[r], out.stage->anchors()), out.ranked))
      found.push_back(one.item);
    std::ranges::sort(found);
    for (std::size_t k = 0; k < top; ++k) reached += std::ranges::binary_search(found, KeyOf(items[order[k]].item_id));
  }
  out.recall = static_cast<double>(reached) / static_cast<double>(std::max<std::size_t>(held_out * top, 1));
  return out;
}

Result<std::vector<FeedRequest>> SampleRequests(EventSource& log, std::string_view feed, std::size_t most,
                                                std::uint64_t seed) {
  std::vector<std::pair<std::uint64_t, FeedRequest>> sample;  // With what number of the log it is.
  Rng rng(seed);
  std::uint64_t seen = 0;
  GFR_TRY(ForEachRecord(log, TypeBit(EventType::kFeedRequest), [&](const LogRecord& r) {
    if (!r.event.served.feed.empty() && r.event.served.feed != feed) return Status();
    const std::uint64_t place = seen < most ? seen : rng.Below(seen + 1);
    ++seen;
    if (place >= most) return Status();
    if (place == sample.size()) sample.emplace_back();
    sample[place] = {seen, FeedRequest{.request_id = r.event.request_id,
                                       .user_id = r.event.user_id,
                                       .session_id = r.event.session_id,
                                       .surface = r.event.surface,
                                       .context = r.event.context}};
    return Status();
  }));
  std::ranges::sort(sample, {}, [](const auto& one) { return one.first; });
  std::vector<FeedRequest> requests;
  for (auto& [n, request] : sample) requests.push_back(std::move(request));
  return requests;
}

}  // namespace gfr
