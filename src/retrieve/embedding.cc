#include "retrieve/embedding.h"

#include <algorithm>
#include <utility>

#include "retrieve/embedding_index.h"
#include "retrieve/lists_codec.h"
#include "retrieve/on_sale.h"

namespace gfr {
namespace {

class EmbeddingLists final : public SourceLists {
 public:
  explicit EmbeddingLists(std::shared_ptr<const EmbeddingIndex> index) : index_(std::move(index)) {}

  std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const override {
    if (index_ == nullptr || quota == 0) return {};
    const std::vector<float> user = index_->UserVector(query.recent);
    if (user.empty()) return {};
    std::vector<Key> keys;
    // What is taken, off sale or among the last items is left out; where that leaves too few, more are asked for.
    for (std::size_t most = 2 * quota + query.recent.size();; most *= 8) {
      const std::vector<EmbeddingIndex::Found> near = index_->Search(user, most);
      keys.clear();
      for (const auto& one : near) {
        if (!set.Has(one.item) && std::ranges::find(query.recent, one.item) == query.recent.end())
          keys.push_back(one.item);
      }
      std::vector<Key> found = FirstOnSale(query, keys, quota);
      if (found.size() == quota || near.size() < most) return found;
    }
  }

  // All versions of the lists share the index, which has a metric of its own.
  std::size_t memory_bytes() const override { return 0; }
  // None: which items are asked for is known when a user is there.
  void AppendFirst(const SharedState&, std::size_t, std::vector<Key>*) const override {}
  void Encode(ListsWriter*) const override {}

 private:
  const std::shared_ptr<const EmbeddingIndex> index_;
};

}  // namespace

std::shared_ptr<const SourceLists> EmbeddingSource::Update(std::shared_ptr<const SourceLists>,
                                                           const CatalogueChanges& changes) const {
  return std::make_shared<EmbeddingLists>(changes.log_lists.embeddings);
}

std::shared_ptr<const SourceLists> EmbeddingSource::Decode(ListsReader*) const {
  return std::make_shared<EmbeddingLists>(nullptr);
}

}  // namespace gfr
