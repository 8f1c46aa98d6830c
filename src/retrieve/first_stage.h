// FirstStage: a cheap stand-in for a ranker that can read many thousand items for a request: a dot product, distilled
// from the ranker's own values (index/distill.h).
//
// The ranker values a few dozen *anchors* for the request's user; how far each is from its mean makes the user's
// vector. An item's vector says how its value moves with those of the anchors, by ridge regression over logged
// requests: a low-rank approximation of the matrix of all values from some of its columns (CUR, Mahoney and Drineas
// 2009). So what is known of the user is as fresh as the ranker's features, and a read item costs one dot product of
// 8-bit integers. It is made for one model version and one feed. docs/formats/first-stage.md has the bytes. Thread
// safety: immutable.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "retrieve/embedding_index.h"

namespace gfr {

class FirstStage {
 public:
  static constexpr std::size_t kMostAnchors = EmbeddingIndex::kMostDimensions - 1;
  static constexpr float kLeastValue = 1e-9f;  // What a logarithm is taken of, at least.

  struct Parts {
    std::string model, feed;         // "feed/3"; the feed's name.
    bool is_log = false;             // Values are told by their logarithms: all of them are above 0.
    std::vector<EventItem> anchors;  // Their ids alone.
    std::vector<float> means;        // Of each anchor's told value over the logged requests.
    // The items' vectors: what all requests have in common, and a number an anchor. No inverse.
    std::shared_ptr<const EmbeddingIndex> items;
  };
  // kInvalidArgument: the parts do not belong together.
  static Result<std::shared_ptr<const FirstStage>> Make(Parts parts);
  // kCorrupt: not what was written.
  static Result<std::shared_ptr<const FirstStage>> Decode(std::string_view bytes);
  std::string Encode() const;

  bool IsFor(std::string_view model, std::string_view feed) const {
    return model == parts_.model && feed == parts_.feed;
  }
  const std::string& model() const { return parts_.model; }
  std::span<const EventItem> anchors() const { return parts_.anchors; }
  std::size_t items() const { return parts_.items->items().size(); }
  std::size_t memory_bytes() const { return parts_.items->memory_bytes(); }

  // How a value is told: itself, or its logarithm.
  static float Told(bool is_log, float value);
  // The `most` items that the ranker is likely to value most, best first. `values`: the ranker's of the anchors.
  // REQUIRES: values.size() == anchors().size().
  std::vector<EmbeddingIndex::Found> Search(std::span<const float> values, std::size_t most) const;

 private:
  explicit FirstStage(Parts parts) : parts_(std::move(parts)) {}
  const Parts parts_;
};

}  // namespace gfr
