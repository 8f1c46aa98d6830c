// RankedList: the best items of the whole catalogue by a score that a row alone decides, kept up to date from the items
// that change.
//
// Every item that is not in the list comes behind its last one. An item whose score rises moves up or comes in; one
// whose score falls below the last one's leaves, and when too few are left the list is made from the catalogue again.
// Order: greater score first, equal ones by key. Thread safety: immutable.
#pragma once

#include <memory>
#include <vector>

#include "retrieve/candidate_source.h"

namespace gfr {

class RankedList final : public SourceLists {
 public:
  using ScoreOf = double (*)(const CatalogueChanges& changes, const std::byte* row);
  // Items kept beyond those that a feed asks its channels for: what a request may exclude without missing any.
  static constexpr std::size_t kSpare = 1024;

  static std::shared_ptr<const RankedList> Update(std::shared_ptr<const SourceLists> before,
                                                  const CatalogueChanges& changes, ScoreOf score_of);
  std::vector<Key> Find(const SourceQuery& query, const CandidateSet& set, std::size_t quota) const override;
  std::size_t memory_bytes() const override { return entries_.capacity() * sizeof(Entry); }
  void AppendFirst(const SharedState& shared, std::size_t most, std::vector<Key>* items) const override;
  void Encode(ListsWriter* out) const override;
  static std::shared_ptr<const RankedList> Decode(ListsReader* in);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    double score;
    Key key;
    friend bool operator<(const Entry& a, const Entry& b) {
      return a.score != b.score ? a.score > b.score : a.key < b.key;
    }
  };
  void Cut(std::size_t most);
  std::vector<Entry> entries_;
  bool whole_ = true;  // There are no other items.
};

}  // namespace gfr
