#include "feature/point_in_time.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>

namespace gfr {
namespace {

// Memory that is not cleared and, where the system allows, in huge pages.
template <class T>
class Scratch {
 public:
  explicit Scratch(std::size_t size) {
    const std::size_t align = size * sizeof(T) >= kHugePage ? kHugePage : 64;
    const std::size_t bytes = (std::max<std::size_t>(1, size) * sizeof(T) + align - 1) / align * align;
    data_ = static_cast<T*>(std::aligned_alloc(align, bytes));
    if (!data_) throw std::bad_alloc();
    if (align == kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
  }
  ~Scratch() { std::free(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }
  T& operator[](std::size_t i) const { return data_[i]; }

 private:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  T* data_;
};

std::uint64_t Mix(std::uint64_t x) {  // Keys may be small numbers. The finaliser of MurmurHash3.
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
  return x ^ x >> 33;
}

constexpr std::size_t kBucketRows = 32768;  // About: few enough that the line being filled of each is near.

// What nearly every view needs of a row, so that spreading it is one write.
struct Row {
  Key key;
  std::int64_t now_ms, money_minor;
  std::uint32_t place;  // In the input.
  std::uint8_t type, reads;
};

// Which bucket each row is in, and where each bucket begins.
struct Buckets {
  Buckets(const Key* key, std::size_t size) : of(size) {
    const std::size_t count = std::clamp<std::size_t>(std::bit_ceil(size / kBucketRows + 1), 1, 4096);
    shift = 64 - static_cast<unsigned>(std::countr_zero(count));
    starts.assign(count + 1, 0);
    for (std::size_t i = 0; i < size; ++i) {
      of[i] = count == 1 ? std::uint16_t{0} : static_cast<std::uint16_t>(Mix(key[i]) >> shift);
      ++starts[of[i] + 1u];
    }
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
  }
  // at(i) in the order of buckets, within one in the input's.
  template <class T, class At>
  void Spread(std::size_t size, At&& at, T* into) const {
    std::vector<std::uint32_t> next(starts.begin(), starts.end() - 1);
    constexpr std::size_t kAhead = 32;
    for (std::size_t i = 0; i < size; ++i) {
      __builtin_prefetch(into + next[of[std::min(i + kAhead, size - 1)]], 1);
      into[next[of[i]]++] = at(i);
    }
  }
  std::size_t count() const { return starts.size() - 1; }
  Scratch<std::uint16_t> of;
  std::vector<std::uint32_t> starts;
  unsigned shift;
};

// A column of the input, its rows spread over buckets and then, bucket by bucket, gathered entity by entity.
template <class T>
struct Spreading {
  Spreading(const T* from, std::size_t size, const Buckets& buckets, std::size_t largest)
      : there(from != nullptr), spread(there ? size : 0), grouped(there ? largest : 0) {
    if (there)
      buckets.Spread(
          size, [&](std::size_t i) { return from[i]; }, spread.data());
  }
  void Gather(std::size_t start, std::span<const std::uint32_t> order) {
    if (!there) return;
    const T* const from = spread.data() + start;
    T* const into = grouped.data();
    for (std::size_t i = 0; i < order.size(); ++i) into[i] = from[order[i]];
  }
  const T* data() const { return there ? grouped.data() : nullptr; }
  bool there;
  Scratch<T> spread, grouped;
};

// The order of a bucket's rows by entity, in that of its first row, then by time; and each entity's end.
class Grouping {
 public:
  explicit Grouping(std::size_t largest) : entity_(largest), slots_(Slots(largest)) {}

  void Group(std::span<const Row> rows) {
    const std::size_t mask = Slots(rows.size()) - 1;
    std::fill_n(slots_.data(), mask + 1, kFree);
    ends_.clear();  // First the sizes of the entities.
    keys_.clear();
    bool in_time = true;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::size_t s = Mix(rows[i].key) & mask;
      while (slots_[s] != kFree && keys_[slots_[s]] != rows[i].key) s = (s + 1) & mask;
      if (slots_[s] == kFree) {
        slots_[s] = static_cast<std::uint32_t>(keys_.size());
        keys_.push_back(rows[i].key);
        ends_.push_back(0);
      }
      entity_[i] = slots_[s];
      ++ends_[entity_[i]];
      in_time &= i == 0 || rows[i - 1].now_ms <= rows[i].now_ms;
    }
    std::exclusive_scan(ends_.begin(), ends_.end(), ends_.begin(), 0u);
    order_.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) order_[ends_[entity_[i]]++] = static_cast<std::uint32_t>(i);
    if (in_time) return;
    std::uint32_t start = 0;
    for (const std::uint32_t end : ends_) {
      std::stable_sort(order_.begin() + start, order_.begin() + end,
                       [&](std::uint32_t a, std::uint32_t b) { return rows[a].now_ms < rows[b].now_ms; });
      start = end;
    }
  }
  std::span<const std::uint32_t> order() const { return order_; }
  std::span<const std::uint32_t> ends() const { return ends_; }

 private:
  static constexpr std::uint32_t kFree = ~0u;
  static std::size_t Slots(std::size_t rows) { return std::bit_ceil(rows + rows / 4 + 2); }
  Scratch<std::uint32_t> entity_, slots_;  // A slot is an entity, or free.
  std::vector<Key> keys_;                  // Of each entity.
  std::vector<std::uint32_t> order_, ends_;
};

// Reads the buckets' values, row-major, side by side in the input's order, and writes each column in turn: every bucket
// is read from its start to its end, every column written so.
void Collect(std::size_t size, const Buckets& buckets, const float* values, std::span<const Column> out) {
  constexpr std::size_t kBlock = 64;
  const std::size_t columns = out.size();
  std::vector<std::uint32_t> next(buckets.starts.begin(), buckets.starts.end() - 1);
  std::array<const float*, kBlock> rows;
  for (std::size_t i = 0; i < size; i += kBlock) {
    const std::size_t n = std::min(kBlock, size - i);
    for (std::size_t r = 0; r < n; ++r) {
      rows[r] = values + std::size_t{next[buckets.of[i + r]]++} * columns;
      __builtin_prefetch(rows[r] + columns);
    }
    for (std::size_t c = 0; c < columns; ++c) {
      float* const data = out[c].data + i * out[c].stride;
      const std::size_t stride = out[c].stride;
      for (std::size_t r = 0; r < n; ++r) data[r * stride] = rows[r][c];
    }
  }
}

}  // namespace

void ReadPointInTime(const PointInTimeInput& input, std::span<const FeatureView* const> views,
                     std::span<const Column> out, std::uint32_t* row) {
  const std::size_t size = input.size, columns = views.size();
  if (size == 0) return;
  const Buckets buckets(input.key, size);
  std::size_t largest = 0;
  for (std::size_t b = 0; b < buckets.count(); ++b)
    largest = std::max<std::size_t>(largest, buckets.starts[b + 1] - buckets.starts[b]);

  Scratch<Row> spread(size);
  buckets.Spread(
      size,
      [&](std::size_t i) {
        return Row{.key = input.key[i],
                   .now_ms = input.now_ms[i],
                   .money_minor = input.money_minor ? input.money_minor[i] : kNoMoney,
                   .place = static_cast<std::uint32_t>(i),
                   .type = input.type ? input.type[i] : std::uint8_t{0},
                   .reads = input.reads ? input.reads[i] : std::uint8_t{1}};
      },
      spread.data());
  Spreading<std::int64_t> time(input.time_ms, size, buckets, largest);
  Spreading<Key> kind(input.kind, size, buckets, largest), item(input.item, size, buckets, largest);
  Spreading<std::int32_t> quantity(input.quantity, size, buckets, largest);
  Scratch<std::int64_t> now(largest), money(largest);
  Scratch<std::uint8_t> type(largest), reads(largest);
  std::vector<PropertyValue> properties(input.item_properties ? largest * input.item_property_count : 0);

  std::size_t state_bytes = 8;
  for (const FeatureView* view : views) state_bytes = std::max<std::size_t>(state_bytes, view->spec().state_bytes);
  std::vector<std::uint64_t> state(state_bytes / 8);
  Grouping grouping(largest);
  ReplayMemo memo;
  Scratch<float> grouped(row ? 0 : largest * columns), values(row ? 0 : size * columns);

  for (std::size_t b = 0; b < buckets.count(); ++b) {
    const std::size_t start = buckets.starts[b], n = buckets.starts[b + 1] - start;
    const Row* const bucket = spread.data() + start;
    grouping.Group({bucket, n});
    const auto order = grouping.order();
    for (std::size_t i = 0; i < n; ++i) {
      const Row& r = bucket[order[i]];
      now[i] = r.now_ms, money[i] = r.money_minor, type[i] = r.type, reads[i] = r.reads;
      if (row) row[start + i] = r.place;
    }
    time.Gather(start, order), kind.Gather(start, order), item.Gather(start, order), quantity.Gather(start, order);
    for (std::size_t i = 0; i < n && input.item_properties; ++i) {
      std::copy_n(input.item_properties + bucket[order[i]].place * input.item_property_count, input.item_property_count,
                  properties.data() + i * input.item_property_count);
    }
    memo.Clear();
    const ReplayRows rows{.ends = grouping.ends(),
                          .now_ms = now.data(),
                          .time_ms = time.there ? time.data() : now.data(),
                          .type = type.data(),
                          .reads = input.reads ? reads.data() : nullptr,
                          .kind = kind.data(),
                          .item = item.data(),
                          .money_minor = input.money_minor ? money.data() : nullptr,
                          .quantity = quantity.data(),
                          .item_properties = input.item_properties ? properties.data() : nullptr,
                          .item_property_count = input.item_property_count,
                          .memo = &memo};
    for (std::size_t v = 0; v < columns; ++v) {
      const Column into =
          row ? Column{out[v].data + start * out[v].stride, out[v].stride} : Column{grouped.data() + v * largest, 1};
      views[v]->Replay(rows, reinterpret_cast<std::byte*>(state.data()), into);
      for (std::size_t i = 0; i < n && input.reads; ++i) {
        if (!rows.reads[i]) into[i] = kMissing;
      }
    }
    for (std::size_t i = 0; i < n && !row; ++i) {
      float* const to = values.data() + (start + order[i]) * columns;
      for (std::size_t v = 0; v < columns; ++v) to[v] = grouped[v * largest + i];
    }
  }
  if (!row) Collect(size, buckets, values.data(), out);
}

}  // namespace gfr
