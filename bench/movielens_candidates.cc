// What the sources of candidates recommend to the users of MovieLens, for movielens.py.
//
// Usage: movielens_candidates RATINGS ITEMS TRAIN: the files ml-100k.inter and ml-100k.item (tab-separated, a header;
// user, item, rating, seconds; item, title, year, genres), and the share of the ratings, in order of time, that are
// folded. Each is an item.view. Prints a line for each source and user with a rating on both sides: the source, the
// user, and 20 items that the user has not rated before, best first. The sources `als N` are what the factors of ALS
// say, by seed, of a user whose every rating is known; `embedding` makes the user of the last 16.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "index/als.h"
#include "retrieve/cooccurrence.h"
#include "retrieve/embedding_index.h"
#include "retrieve/list_maker.h"
#include "state/online_store.h"

namespace gfr {
namespace {

constexpr const char* kConfig = R"(
[item]
genre = "category"
[[feature]]
name = "genre_affinity"
type = "affinity"
scope = "user"
property = "genre"
events = ["item.view"]
half_life = "60d"
capacity = 20
)";
const std::vector<ChannelConfig> kSources{{"exploit", 20, "affinity"},
                                          {"exploit", 20, "similar"},
                                          {"exploit", 20, "embedding"},
                                          {"popularity", 20, "popularity"}};

constexpr std::uint64_t kAlsSeeds = 5;

struct Rating {
  std::string user, item;
  std::int64_t at_ms;
};

std::vector<std::string> Fields(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) fields.push_back(field);
  return fields;
}

std::vector<Rating> ReadRatings(const char* path) {
  std::vector<Rating> ratings;
  std::ifstream in(path);
  std::string line;
  for (std::getline(in, line); std::getline(in, line);) {
    const std::vector<std::string> f = Fields(line);
    if (f.size() >= 4) ratings.push_back({f[0], f[1], static_cast<std::int64_t>(std::atof(f[3].c_str())) * kSecondMs});
  }
  // Equal times by ids, so that any reader of the file cuts it alike.
  std::ranges::sort(ratings, [](const Rating& a, const Rating& b) {
    return std::tie(a.at_ms, a.user, a.item) < std::tie(b.at_ms, b.user, b.item);
  });
  return ratings;
}

class MovieShop {
 public:
  MovieShop() {
    auto config = Config::Parse(kConfig, "gfr.toml");
    store_ = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
  }
  void Put(const char* path, std::int64_t at_ms) {
    std::ifstream in(path);
    std::string line;
    for (std::getline(in, line); std::getline(in, line);) {
      const std::vector<std::string> f = Fields(line);
      Event e{.type = EventType::kItemUpdate, .time_ms = at_ms, .items = {{.item_id = f[0]}}};
      if (f.size() >= 4) e.items[0].properties = {{.name = "genre", .text = f[3].substr(0, f[3].find(' '))}};
      Fold(e, at_ms);
    }
    store_->AdvanceTo(at_ms / kEpochMs * kEpochMs + 2 * kEpochMs);
  }
  void See(const Rating& rating) {
    Fold({.type = EventType::kItemView,
          .time_ms = rating.at_ms,
          .user_id = rating.user,
          .items = {{.item_id = rating.item}}},
         rating.at_ms);
    seen_[rating.user].insert(KeyOf(rating.item));
    pairs_.emplace(KeyOf(rating.user), KeyOf(rating.item));
    now_ms_ = rating.at_ms;
  }
  void Seal() {
    store_->Share();
    now_ms_ += 2 * kEpochMs;
    store_->AdvanceTo(now_ms_ / kEpochMs * kEpochMs);
    store_->Publish();
    reader_ = std::make_unique<StoreReader>(*store_);
    maker_ = std::make_unique<ListMaker>(store_->shared(), store_->features().schema,
                                         std::vector<std::vector<ChannelConfig>>{kSources});
    maker_->SetLogLists({.cooccurrence = counts_.MakeLists(), .trends = nullptr});
    TrainEmbeddings();
    maker_->SetEmbeddings(indexes_[0], "1");
    maker_->Update();
  }
  bool Knows(const std::string& user) const { return seen_.contains(user); }
  void Print(const std::string& user) const {
    ReadLease lease;
    reader_->features().FindUser(KeyOf(user), 0, &lease);
    const Pin pin = store_->shared().timeline().Hold();
    const TableItemRows items(store_->shared(), pin);
    Rng rng(1);
    const SourceQuery query{.shared = store_->shared(),
                            .schema = store_->features().schema,
                            .items = items,
                            .epoch_end_ms = pin.bound(),
                            .recent = RowLayout::User(lease.user_row).recent,
                            .rng = rng,
                            .features = &store_->features(),
                            .user_row = lease.user_row,
                            .now_ms = now_ms_};
    for (std::size_t n = 0; n < factors_.size(); ++n) PrintAls(n, user);
    for (const ChannelConfig& source : kSources) {
      std::printf("%s\t%s\t", source.source.c_str(), user.c_str());
      for (const Candidate& c : maker_->lists()->Find(query, {source}, seen_.at(user)))
        std::printf("%s ", std::string(store_->shared().ItemId(c.item)).c_str());
      std::printf("\n");
    }
  }

 private:
  void PrintAls(std::size_t n, const std::string& user) const {
    std::printf("als %zu\t%s\t", n + 1, user.c_str());
    const auto d = indexes_[n]->dimensions();
    const auto row = static_cast<std::size_t>(std::ranges::lower_bound(in_.users, KeyOf(user)) - in_.users.begin());
    int printed = 0;
    for (const EmbeddingIndex::Found& found :
         indexes_[n]->Search(std::span(factors_[n].users).subspan(row * d, d), 20 + seen_.at(user).size())) {
      if (printed == 20 || seen_.at(user).contains(found.item)) continue;
      std::printf("%s ", std::string(store_->shared().ItemId(found.item)).c_str());
      ++printed;
    }
    std::printf("\n");
  }
  void TrainEmbeddings() {
    std::set<Key> items;
    for (const auto& [user, item] : pairs_) items.insert(item);
    in_ = {.items = {items.begin(), items.end()}, .users = {}, .begins = {0}, .entries = {}};
    for (const auto& [user, item] : pairs_) {
      if (in_.users.empty() || in_.users.back() != user) {
        in_.users.push_back(user);
        in_.begins.push_back(in_.entries.size());
      }
      const auto place = std::ranges::lower_bound(in_.items, item) - in_.items.begin();
      in_.entries.push_back({static_cast<std::uint32_t>(place), 1});
      in_.begins.back() = in_.entries.size();
    }
    for (std::uint64_t seed = 1; seed <= kAlsSeeds; ++seed) {
      const AlsOptions als{.seed = seed};
      factors_.push_back(TrainAls(in_, als));
      indexes_.push_back(EmbeddingIndex::Make({.items = in_.items,
                                               .dimensions = static_cast<std::size_t>(als.factors),
                                               .vectors = factors_.back().items,
                                               .inverse = factors_.back().inverse,
                                               .confidence = static_cast<float>(als.alpha)})
                             .value());
    }
  }
  void Fold(const Event& event, std::int64_t at_ms) {
    const LogRecord record{next_++, at_ms, event};
    store_->Fold(record);
    counts_.Fold(record);
  }
  std::unique_ptr<OnlineStore> store_;
  std::unique_ptr<StoreReader> reader_;
  std::unique_ptr<ListMaker> maker_;
  CooccurrenceCounts counts_;
  std::map<std::string, std::unordered_set<Key>> seen_;
  std::set<std::pair<Key, Key>> pairs_;  // User and item.
  Interactions in_;
  std::vector<AlsFactors> factors_;  // By seed.
  std::vector<std::shared_ptr<const EmbeddingIndex>> indexes_;
  std::uint64_t next_ = 0;
  std::int64_t now_ms_ = 0;
};

int Main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: movielens_candidates RATINGS ITEMS TRAIN\n");
    return 2;
  }
  const std::vector<Rating> ratings = ReadRatings(argv[1]);
  const auto train = static_cast<std::size_t>(std::atof(argv[3]) * static_cast<double>(ratings.size()));
  if (train == 0 || train >= ratings.size()) {
    std::fprintf(stderr, "movielens_candidates: %s has no ratings on both sides of %s\n", argv[1], argv[3]);
    return 1;
  }
  MovieShop shop;
  shop.Put(argv[2], ratings[0].at_ms - kDayMs);
  for (std::size_t i = 0; i < train; ++i) shop.See(ratings[i]);
  shop.Seal();
  std::set<std::string> users;
  for (std::size_t i = train; i < ratings.size(); ++i) users.insert(ratings[i].user);
  for (const std::string& user : users) {
    if (shop.Knows(user)) shop.Print(user);
  }
  return 0;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) { return gfr::Main(argc, argv); }
