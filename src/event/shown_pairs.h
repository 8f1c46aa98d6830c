// ShownPairs: how many clicks find their slate: name a request and an item that was shown before with it.
//
// Exact as long as the requests fit into `limit_bytes`; of more, those of a share are followed (base/key_sample.h), and
// the figures are projected. Feed events in log order. Thread safety: none.
#pragma once

#include <vector>

#include "base/key_sample.h"
#include "event/event.h"

namespace gfr {

class ShownPairs {
 public:
  explicit ShownPairs(std::size_t limit_bytes = 64u << 20) : requests_(limit_bytes) {}

  void Add(const Event& event);

  std::uint64_t clicks() const { return clicks_; }
  std::uint64_t in_slate() const;  // Of them; projected when is_sample.
  bool is_sample() const { return requests_.level() > 0; }

 private:
  struct Request {
    std::vector<Key> shown;
    std::uint64_t clicks = 0, found = 0;
    std::size_t heap_bytes() const { return shown.capacity() * sizeof(Key); }
  };
  KeySample<Request> requests_;
  std::uint64_t clicks_ = 0, of_no_request_ = 0;
};

}  // namespace gfr
